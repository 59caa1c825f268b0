//! Whose turn it is: the presentity's (one PUBLISH under way per Request-URI, RFC 3903 §4), then
//! the next hop's (its window; the paced rate for what we send by ourselves).
//!
//! An application's request is begun where it is asked for, if presentity and window are free;
//! else its presentity waits in the order in which it came. What has waited is begun by
//! [`Epa::pump_own`] alone, so that no queue is worked off on the stack.

use std::time::Instant;

use smallvec::SmallVec;

use super::Epa;
use super::presentity::UnderWay;
use crate::core::Core;
use crate::owner::{Owner, Ready, Role, Ticket};
use crate::paced::Lane;
use crate::publication::{Cause, State};

impl Epa {
    /// Lets a publication wait for its turn; what we do by ourselves also for the paced rate.
    pub(super) fn enqueue(&mut self, now: Instant, core: &mut Core, index: u32, cause: Cause) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let asks = publication.operation(now).is_some();
        match &mut publication.state {
            State::Requesting(_)
            | State::Queued {
                cause: Cause::Application,
            } => return,
            State::Queued {
                cause: Cause::Ourselves,
            } if cause == Cause::Ourselves => return,
            // Nothing that has to be sent shortens what the server asked for (R3903-55).
            State::Waiting(pause) if pause.is_quiet(now) && asks => {
                if cause == Cause::Application {
                    pause.cut_short();
                }
                self.arm(index);
                return;
            }
            _ => {}
        }
        publication.state = State::Queued { cause };
        match cause {
            Cause::Application => {
                self.arm(index);
                self.admit(now, core, index);
            }
            Cause::Ourselves => {
                let hop = self.take_ticket(now, core, index, Lane::Ending);
                core.hops.wake(hop);
            }
        }
    }

    /// Puts a queued publication into the paced queue of its next hop, which is returned.
    pub(super) fn take_ticket(&mut self, now: Instant, core: &mut Core, index: u32, lane: Lane) -> u32 {
        let Some(publication) = self.publications.get(index as usize) else {
            return u32::MAX;
        };
        let (hop, end) = (publication.next_hop, publication.lost_at(now));
        if let Some(next_hop) = core.hops.get(hop) {
            next_hop.paced.push(
                now,
                lane,
                end,
                Ticket::new(Role::Publisher, index, publication.key),
            );
        }
        self.arm(index);
        hop
    }

    /// Begins what waits for a next hop, as far as its window and the paced rate allow: what
    /// applications want first. `true`: a subscription is next.
    pub(crate) fn pump_own(&mut self, now: Instant, core: &mut Core, hop: u32) -> bool {
        loop {
            let Some(next_hop) = core.hops.get(hop) else {
                return false;
            };
            if next_hop.window.has_room()
                && let Some(ready) = next_hop.ready.front().copied()
            {
                let Ready::Presentity(slot) = ready else {
                    return true;
                };
                next_hop.ready.pop_front();
                if let Some(turn) = self.presentities.turn(slot) {
                    turn.waits = false;
                }
                self.take_turns(now, core, slot);
                continue;
            }
            let Some((lane, ticket)) = next_hop.next_paced(now) else {
                return false;
            };
            if ticket.role != Role::Publisher {
                return true;
            }
            let index = ticket.index;
            let waits = self.publications.get(index as usize).is_some_and(|publication| {
                publication.key as u32 == ticket.key
                    && matches!(
                        publication.state,
                        State::Queued {
                            cause: Cause::Ourselves
                        }
                    )
            });
            if waits && !core.hops.lets_go(now, hop, lane) {
                return false;
            }
            if let Some(next_hop) = core.hops.get(hop) {
                next_hop.paced.pop_front(lane);
            }
            if waits {
                self.admit(now, core, index);
            }
        }
    }

    /// Puts a publication into its presentity's queue: the application's wishes before our own.
    fn admit(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(publication) = self.publications.get(index as usize) else {
            return;
        };
        let slot = publication.presentity;
        let publications = &self.publications;
        let is_urgent = |index: u32| {
            publications.get(index as usize).is_some_and(|publication| {
                matches!(
                    publication.state,
                    State::Queued {
                        cause: Cause::Application
                    }
                )
            })
        };
        let Some(turn) = self.presentities.begin_turn(slot) else {
            return;
        };
        match turn.queue.iter().position(|queued| *queued == index) {
            Some(at) if is_urgent(index) => {
                turn.queue.remove(at);
            }
            Some(_) => return,
            None => {}
        }
        let end = turn.queue.len();
        let place = if is_urgent(index) {
            turn.queue
                .iter()
                .position(|queued| !is_urgent(*queued))
                .unwrap_or(end)
        } else {
            end
        };
        turn.queue.insert(place, index);
        self.take_turns(now, core, slot);
    }

    /// Begins the next exchange of a presentity if none is under way and the window has room.
    fn take_turns(&mut self, now: Instant, core: &mut Core, slot: u32) {
        while let Some(turn) = self.presentities.turn(slot) {
            if turn.under_way.is_some() || turn.waits {
                return;
            }
            let Some(index) = turn.queue.first().copied() else {
                self.presentities.rest(slot);
                return;
            };
            let queued = self
                .publications
                .get(index as usize)
                .filter(|publication| matches!(publication.state, State::Queued { .. }));
            if let Some(publication) = queued
                && let Some(next_hop) = core.hops.get(publication.next_hop)
                && !next_hop.window.has_room()
            {
                turn.waits = true;
                next_hop.ready.push_back(Ready::Presentity(slot));
                return;
            }
            let waits = queued.is_some();
            turn.queue.remove(0);
            if waits {
                self.begin(now, core, index);
            }
        }
    }

    /// An exchange begins: it has the presentity's turn, and counts in the window.
    pub(super) fn take_turn(&mut self, core: &mut Core, index: u32) {
        let Some(publication) = self.publications.get(index as usize) else {
            return;
        };
        let hop = publication.next_hop;
        if let Some(turn) = self.presentities.begin_turn(publication.presentity) {
            turn.under_way = Some(UnderWay {
                publication: index,
                counts_at: Some(hop),
            });
            if let Some(next_hop) = core.hops.get(hop) {
                next_hop.window.enter();
            }
        }
    }

    /// Gives the presentity's turn to the next.
    pub(super) fn release(&mut self, core: &mut Core, index: u32) {
        let Some(slot) = self.publications.get(index as usize).map(|p| p.presentity) else {
            return;
        };
        self.end_turn(core, slot, index);
        self.hand_over(core, slot);
    }

    /// The exchange of a publication is over, if one was under way.
    pub(super) fn end_turn(&mut self, core: &mut Core, slot: u32, index: u32) {
        let Some(turn) = self.presentities.turn(slot) else {
            return;
        };
        if let Some(over) = turn.under_way.take_if(|under_way| under_way.publication == index)
            && let Some(hop) = over.counts_at
        {
            if let Some(next_hop) = core.hops.get(hop) {
                next_hop.window.leave();
            }
            core.hops.wake(hop);
        }
    }

    /// Has the next of a presentity begun when its next hop is looked at.
    pub(super) fn hand_over(&mut self, core: &mut Core, slot: u32) {
        let Some(turn) = self.presentities.turn(slot) else {
            return;
        };
        if turn.under_way.is_some() || turn.waits {
            return;
        }
        let next = turn
            .queue
            .iter()
            .find_map(|index| self.publications.get(*index as usize));
        match next.map(|publication| publication.next_hop) {
            Some(hop) => {
                if let Some(next_hop) = core.hops.get(hop) {
                    turn.waits = true;
                    next_hop.ready.push_back(Ready::Presentity(slot));
                }
                core.hops.wake(hop);
            }
            None => {
                turn.queue = SmallVec::new();
                self.presentities.rest(slot);
            }
        }
    }

    /// A publication is taken out of its presentity, which is forgotten with the last of them.
    pub(super) fn leave_presentity(&mut self, core: &mut Core, slot: u32, index: u32) {
        if let Some(turn) = self.presentities.turn(slot) {
            turn.queue.retain(|other| *other != index);
        }
        self.end_turn(core, slot, index);
        let Some(presentity) = self.presentities.get_mut(slot) else {
            return;
        };
        presentity.publications.retain(|other| *other != index);
        if presentity.publications.is_empty() {
            self.presentities.remove(slot);
        } else {
            self.hand_over(core, slot);
        }
    }

    /// Timer E has sent a request again: the server, or the way to it, has fallen behind.
    pub(crate) fn retransmitted(&mut self, now: Instant, core: &mut Core, owner: Owner) {
        let Some(publication) = self.publications.get_mut(owner.index as usize) else {
            return;
        };
        let slot = publication.presentity;
        let Some(sent_at) = publication
            .exchange(owner.serial)
            .map(|exchange| exchange.sent_at)
        else {
            return;
        };
        let Some(under_way) = self
            .presentities
            .turn(slot)
            .and_then(|turn| turn.under_way.as_mut())
        else {
            return;
        };
        let Some(hop) = under_way.counts_at else { return };
        if let Some(next_hop) = core.hops.get(hop)
            && next_hop.window.sent_again(now, sent_at)
        {
            under_way.counts_at = None;
            core.hops.wake(hop);
        }
    }
}
