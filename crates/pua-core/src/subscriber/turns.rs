//! When a SUBSCRIBE may leave: in the order in which applications asked, as far as the window of
//! its next hop has room; what we send by ourselves at the paced rate besides.
//!
//! The windows and their queues are those of the publications (`epa/turns.rs`): each request under
//! way counts, whatever its method.

use std::time::Instant;

use super::Subscriber;
use super::subscription::{Exchange, Operation, State, Subscription};
use super::usage::Doing;
use crate::core::Core;
use crate::owner::{Owner, Ready, Role, Ticket, next_serial};
use crate::paced::Lane;
use crate::passage::Passage;
use crate::publication::Cause;

impl Subscriber {
    /// Has the first SUBSCRIBE of a new set of dialogs sent: for an application as soon as the
    /// window has room, else at the paced rate.
    pub(super) fn enqueue(&mut self, now: Instant, core: &mut Core, index: u32, cause: Cause) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        if matches!(
            subscription.state,
            State::Queued {
                cause: Cause::Application
            }
        ) {
            // It has its place.
            self.arm(index);
            return;
        }
        subscription.state = State::Queued { cause };
        let (hop, key) = (subscription.next_hop, subscription.key);
        match cause {
            Cause::Application if takes_place(core, hop, index) => {}
            Cause::Application => self.begin(now, core, index),
            Cause::Ourselves => take_ticket(now, core, hop, now, Ticket::new(Role::Subscriber, index, key)),
        }
        self.arm(index);
    }

    /// Has a SUBSCRIBE sent in a dialog.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        id: u64,
        operation: Operation,
        cause: Cause,
    ) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        let key = subscription.key;
        let Some(dialog) = subscription.dialog(id) else {
            return;
        };
        match dialog.doing {
            // One at a time in a dialog; what is wanted is looked at again when it is over.
            Doing::Requesting { .. } => return,
            Doing::NotifyWait {
                operation: Operation::Unsubscribe,
                ..
            } => return,
            _ if operation == Operation::Refresh && dialog.hold().is_some_and(|hold| hold > now) => {
                // The notifier's own time (R6665-52).
                dialog.refresh_at = dialog.hold().map(|hold| self.epoch.moment(hold));
                dialog.doing = Doing::Resting;
                self.arm(index);
                return;
            }
            // It has its place.
            Doing::Queued { cause: queued, .. } if queued == cause || queued == Cause::Application => {
                dialog.doing = Doing::Queued {
                    operation,
                    cause: queued,
                };
                return;
            }
            _ => {}
        }
        dialog.doing = Doing::Queued { operation, cause };
        let (hop, end) = (dialog.next_hop, self.epoch.instant(dialog.expires_at));
        match cause {
            Cause::Application if takes_place(core, hop, index) => {}
            Cause::Application => self.begin_in_dialog(now, core, index, id),
            Cause::Ourselves => take_ticket(now, core, hop, end, Ticket::new(Role::Subscriber, index, key)),
        }
        self.arm(index);
    }

    /// The next hop of a dialog has changed: what waits for the old one waits for the new one.
    pub(super) fn moves(&mut self, now: Instant, core: &mut Core, index: u32, id: u64) {
        if let Some(dialog) = self
            .subscriptions
            .get_mut(index as usize)
            .and_then(|subscription| subscription.dialog(id))
            && let Doing::Queued { operation, cause } = dialog.doing
        {
            dialog.doing = Doing::Resting;
            self.ask(now, core, index, id, operation, cause);
        }
    }

    /// Begins what waits for a next hop, as far as its window and the paced rate allow: what
    /// applications want first. `true`: a publication is next.
    pub(crate) fn pump_own(&mut self, now: Instant, core: &mut Core, hop: u32) -> bool {
        loop {
            let Some(next_hop) = core.hops.get(hop) else {
                return false;
            };
            if next_hop.window.has_room()
                && let Some(ready) = next_hop.ready.front().copied()
            {
                let Ready::Subscription(index) = ready else {
                    return true;
                };
                next_hop.ready.pop_front();
                let waits = self
                    .subscriptions
                    .get(index as usize)
                    .and_then(|subscription| waits_for(subscription, hop, Cause::Application));
                self.go(now, core, index, waits);
                continue;
            }
            let Some((lane, ticket)) = next_hop.next_paced(now) else {
                return false;
            };
            if ticket.role != Role::Subscriber {
                return true;
            }
            let waits = self
                .subscriptions
                .get(ticket.index as usize)
                .filter(|subscription| subscription.key as u32 == ticket.key)
                .and_then(|subscription| waits_for(subscription, hop, Cause::Ourselves));
            if waits.is_some() && !core.hops.lets_go(now, hop, lane) {
                return false;
            }
            if let Some(next_hop) = core.hops.get(hop) {
                next_hop.paced.pop_front(lane);
            }
            self.go(now, core, ticket.index, waits);
        }
    }

    fn go(&mut self, now: Instant, core: &mut Core, index: u32, waits: Option<Waits>) {
        match waits {
            Some(Waits::First) => self.begin(now, core, index),
            Some(Waits::Dialog(id)) => self.begin_in_dialog(now, core, index, id),
            None => return,
        }
        self.arm(index);
    }

    /// An exchange begins: it counts in the window of its next hop.
    pub(super) fn open(
        &mut self,
        now: Instant,
        core: &mut Core,
        subscription: u32,
        dialog: Option<u64>,
        operation: Operation,
    ) -> u32 {
        let serial = self.next_serial;
        self.next_serial = next_serial(serial);
        let mut exchange = Box::new(Exchange {
            serial,
            subscription,
            dialog,
            operation,
            counts_at: None,
            expires: 0,
            sent_at: now,
            sent: false,
            told_until: None,
            numbered: false,
            passage: Passage::default(),
        });
        exchange.counts_at = self.own_hop(&exchange);
        if let Some(next_hop) = exchange.counts_at.and_then(|hop| core.hops.get(hop)) {
            next_hop.window.enter();
        }
        self.exchanges.insert(exchange) as u32
    }

    /// Ends an exchange; nothing that still comes for it is listened to.
    pub(super) fn drop_exchange(&mut self, core: &mut Core, exchange: u32) -> Option<Box<Exchange>> {
        let mut exchange = self.exchanges.try_remove(exchange as usize)?;
        if let Some(hop) = exchange.counts_at.take() {
            if let Some(next_hop) = core.hops.get(hop) {
                next_hop.window.leave();
            }
            core.hops.wake(hop);
        }
        exchange.passage.end(core);
        Some(exchange)
    }

    /// Timer E has sent a request again: the server, or the way to it, has fallen behind.
    pub(crate) fn retransmitted(&mut self, now: Instant, core: &mut Core, owner: Owner) {
        let Some(exchange) = self.exchange(owner) else {
            return;
        };
        let Some(hop) = exchange.counts_at else { return };
        if let Some(next_hop) = core.hops.get(hop)
            && next_hop.window.sent_again(now, exchange.sent_at)
        {
            exchange.counts_at = None;
            core.hops.wake(hop);
        }
    }
}

/// Whether a subscription has to wait for room in the window of a next hop, where it then has its
/// place.
fn takes_place(core: &mut Core, hop: u32, index: u32) -> bool {
    let Some(next_hop) = core.hops.get(hop) else {
        return false;
    };
    let full = !next_hop.window.has_room();
    if full {
        next_hop.ready.push_back(Ready::Subscription(index));
    }
    full
}

/// Puts a subscription into the paced queue of a next hop. `end`: when the notifier ends what there
/// is.
fn take_ticket(now: Instant, core: &mut Core, hop: u32, end: Instant, ticket: Ticket) {
    if let Some(next_hop) = core.hops.get(hop) {
        next_hop.paced.push(now, Lane::Ending, end, ticket);
    }
    core.hops.wake(hop);
}

/// What of a subscription waits for its turn.
enum Waits {
    First,
    Dialog(u64),
}

fn waits_for(subscription: &Subscription, hop: u32, cause: Cause) -> Option<Waits> {
    if subscription.next_hop == hop && subscription.state == (State::Queued { cause }) {
        return Some(Waits::First);
    }
    subscription
        .dialogs
        .iter()
        .find(|dialog| {
            dialog.next_hop == hop
                && matches!(dialog.doing, Doing::Queued { cause: queued, .. } if queued == cause)
        })
        .map(|dialog| Waits::Dialog(dialog.id))
}
