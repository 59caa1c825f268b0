//! Answers on their way out.

use std::time::Instant;

use super::statistics;
use crate::mi::{Datagrams, Outgoing, ReplyFifos, ReplyTo};

/// Hands an answer to the transport its request came by.
pub(super) fn deliver(
    now: Instant,
    answer: Outgoing,
    replies: &mut Option<ReplyFifos>,
    datagrams: &mut Option<Datagrams>,
    counts: &mut statistics::Counts,
) {
    let Outgoing { to, bytes } = answer;
    if bytes.is_some() {
        counts.answered += 1;
    }
    match (to, bytes) {
        (ReplyTo::Fifo(name), Some(bytes)) => {
            if let Some(replies) = replies {
                replies.send(now, &name, bytes);
            }
        }
        (ReplyTo::Datagram(origin), Some(bytes)) => {
            if let Some(datagrams) = datagrams {
                datagrams.send(origin, bytes);
            }
        }
        // A front-end that does not wait any more has lost its client.
        (ReplyTo::Channel(reply), bytes) => drop(reply.send(bytes)),
        (_, None) | (ReplyTo::Nobody, _) => {}
    }
}
