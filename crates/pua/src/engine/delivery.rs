//! Answers and events on their way out: when what belongs to them is durable.

use std::time::Instant;

use super::daemon::Daemon;
use super::statistics;
use super::turn::Held;
use crate::mi::{Clock, Datagrams, Outgoing, ReplyFifos, ReplyTo};

impl Daemon {
    /// Hands the changes of the turn to the store, and releases what has become durable.
    pub(super) fn release(&mut self, now: Instant) {
        let mut turn = std::mem::take(&mut self.turn);
        let (mut clock, mut told) = (None, false);
        let not_durable = self.store.not_durable();
        turn.commit(
            &mut self.store,
            not_durable.is_some(),
            |held: &mut Held, durable| {
                // Before the replies: who is told that something is done finds it in the stream.
                for event in held.events.drain(..) {
                    tracing::debug!(?event, "event");
                    self.events
                        .inlet
                        .push(*clock.get_or_insert_with(Clock::read), event);
                    told = true;
                }
                for (id, reply) in held.replies.drain(..) {
                    let clock = clock.get_or_insert_with(Clock::read);
                    let doubt = not_durable.as_ref().filter(|_| !durable);
                    if let Some(answer) = self.desk.settle(clock, id, reply, doubt) {
                        deliver(
                            now,
                            answer,
                            &mut self.replies,
                            &mut self.datagrams,
                            &mut self.counts,
                        );
                    }
                }
            },
        );
        if told {
            self.events.inlet.announce();
            self.store.reserve_events(self.events.inlet.last());
        }
        if !turn.is_settled()
            && let Some(slow) = self.store.slow()
        {
            // Who has no more time is told how far it has come.
            let clock = Clock::read();
            for (id, reply) in turn.overdue(|id| self.desk.is_overdue(now, id)) {
                if let Some(answer) = self.desk.settle(&clock, id, reply, Some(&slow)) {
                    self.deliver(now, answer);
                }
            }
        }
        self.turn = turn;
    }

    pub(super) fn deliver(&mut self, now: Instant, answer: Outgoing) {
        deliver(
            now,
            answer,
            &mut self.replies,
            &mut self.datagrams,
            &mut self.counts,
        );
    }
}

/// Hands an answer to the transport its request came by.
fn deliver(
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
