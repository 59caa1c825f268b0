//! SUBSCRIBEs that no server has answered, or that cannot be sent now: the next server, or none
//! (RFC 3261 §8.1.3.1, §17.1.4, §21.5.4; RFC 3263 §4.3).

use std::time::Instant;

use sip_transaction::Hop;

use super::Subscriber;
use crate::core::Core;
use crate::failure::Failure;
use crate::output::{FailureOrigin, Unreachable};
use crate::owner::Owner;
use crate::passage::GoOn;

impl Subscriber {
    /// Timer F (RFC 3261 §8.1.3.1): a time-out is treated as 408. `proceeding`: there was a
    /// provisional response.
    pub(crate) fn timed_out(
        &mut self,
        now: Instant,
        core: &mut Core,
        owner: Owner,
        hop: Hop,
        proceeding: bool,
    ) {
        if !proceeding {
            self.unanswered(now, core, owner, hop, Failure::timeout(hop));
            return;
        }
        let Some(next_hop) = self.hop_of(owner.index) else {
            return;
        };
        let Some(exchange) = self.exchange(owner) else {
            return;
        };
        let index = exchange.subscription;
        if let Some(next_hop) = core.hops.get(next_hop) {
            next_hop.window.fell_behind(now, exchange.sent_at);
        }
        self.fail(now, core, owner.index, Failure::fell_silent(hop));
        self.arm(index);
    }

    /// A request could not be delivered (RFC 3261 §17.1.4).
    pub(crate) fn undelivered(
        &mut self,
        now: Instant,
        core: &mut Core,
        owner: Owner,
        hop: Hop,
        why: Unreachable,
    ) {
        let Some(next_hop) = self.hop_of(owner.index) else {
            return;
        };
        let Some(exchange) = self.exchange(owner) else {
            return;
        };
        let index = exchange.subscription;
        if exchange.passage.undelivered(now, core, next_hop, hop, why) == GoOn::Again {
            self.attempt(now, core, owner.index, None);
        } else {
            self.unanswered(now, core, owner, hop, Failure::undelivered(hop, why));
        }
        self.arm(index);
    }

    /// Nobody answered at `hop`: the next address, with the same CSeq and a new branch
    /// (RFC 3263 §4.3).
    fn unanswered(&mut self, now: Instant, core: &mut Core, owner: Owner, hop: Hop, failure: Failure) {
        let Some(next_hop) = self.hop_of(owner.index) else {
            return;
        };
        let Some(exchange) = self.exchange(owner) else {
            return;
        };
        let index = exchange.subscription;
        exchange.passage.unanswered(now, core, next_hop, hop);
        if failure.origin == FailureOrigin::Timeout
            && let Some(next_hop) = core.hops.get(next_hop)
        {
            next_hop.window.fell_behind(now, exchange.sent_at);
        }
        self.attempt(now, core, owner.index, Some(failure));
        self.arm(index);
    }

    /// The server asked for quiet: just now, or before this could be sent.
    pub(super) fn held_off(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        until: Instant,
        failure: Option<Failure>,
    ) {
        if self.next_contact(now, core, index, 503) {
            return;
        }
        let failure = failure.unwrap_or_else(|| {
            Failure::local(
                503,
                self.hop_of(index).and_then(|hop| core.hops.peek(hop)?.peek()),
                "the server asked not to be sent anything until then".to_owned(),
            )
        });
        let Some(exchange) = self.exchanges.get(index as usize) else {
            return;
        };
        let (subscription, dialog) = (exchange.subscription, exchange.dialog);
        match dialog {
            Some(id) => self.dialog_failed(now, core, index, id, &failure, Some(until)),
            None => {
                self.drop_exchange(core, index);
                self.wait(now, core, subscription, &failure, until, true);
            }
        }
    }
}
