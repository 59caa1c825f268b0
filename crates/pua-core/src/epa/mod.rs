//! The event publication agent (RFC 3903 §3): all publications, the presentities whose turn they
//! share, and the commands that wait for an outcome.
//!
//! One PUBLISH is under way per Request-URI (§4): the turn belongs to the presentity. While it
//! is taken, newer states of a publication replace each other; each command gets the outcome of
//! the revision that covered its own.

mod answer;
mod command;
mod exchange;
mod restore;
mod settle;
mod stop;
mod view;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use sip_transaction::DueTimes;
use slab::Slab;
use smallvec::SmallVec;

use crate::bucket::Gate;
use crate::command::CommandId;
use crate::core::Core;
use crate::output::{Event, Output};
use crate::owner::{Owner, Role, Ticket};
use crate::publication::{Cause, Ending, Publication, State, Wanted};
use crate::record::Change;
use crate::schedule::{Patience, back_off};

/// A grant may outlast the lifetime that was asked for by this much before it is withdrawn:
/// Expires counts whole seconds.
const OVERSHOOT: Duration = Duration::from_secs(1);

/// A Request-URI and its turn.
struct Presentity {
    /// The URI in canonical form.
    key: Box<str>,
    publications: SmallVec<[u32; 1]>,
    /// Whose exchange is under way.
    busy: Option<u32>,
    /// Who is next.
    queue: VecDeque<u32>,
}

/// A command that waits for the outcome of a revision.
struct Waiter {
    command: CommandId,
    publication: u32,
    revision: u64,
    deadline: Instant,
}

/// All publications.
pub(crate) struct Epa {
    publications: Slab<Publication>,
    due: DueTimes,
    presentities: Slab<Presentity>,
    by_uri: HashMap<Box<str>, u32, foldhash::fast::RandomState>,
    waiters: Slab<Waiter>,
    waiters_due: DueTimes,
    next_key: u64,
    next_serial: u32,
    /// How far the graceful stop has come in withdrawing what shall not stay.
    stopping: Option<stop::Withdrawal>,
}

/// What a transaction, or who waits for addresses, is told to belong to: the publication's index
/// and the exchange's serial number.
fn owner(index: u32, serial: u32) -> u64 {
    Owner {
        role: Role::Publisher,
        index,
        serial,
    }
    .into()
}

fn ticket(index: u32, key: u64) -> Ticket {
    Ticket {
        role: Role::Publisher,
        index,
        key: key as u32,
    }
}

impl Epa {
    pub(crate) fn new(now: Instant) -> Self {
        Epa {
            publications: Slab::new(),
            due: DueTimes::new(now),
            presentities: Slab::new(),
            by_uri: HashMap::default(),
            waiters: Slab::new(),
            waiters_due: DueTimes::new(now),
            next_key: 1,
            next_serial: 1,
            stopping: None,
        }
    }

    /// How many commands wait for an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.waiters.len()
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        let stopping = self.stopping.as_ref().map(|stopping| stopping.goes_on_at());
        [self.due.next(), self.waiters_due.next(), stopping]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what has become due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, core: &mut Core) {
        while let Some(index) = self.due.pop(now) {
            self.publication_due(now, core, index);
        }
        while let Some(waiter) = self.waiters_due.pop(now) {
            self.waiter_due(now, core, waiter);
        }
        self.withdraw_more(now, core);
    }

    fn publication_due(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        if publication.until().is_some_and(|until| until <= now) {
            // A server that granted longer than was asked for is told that it is over.
            let lingers = publication
                .granted
                .as_ref()
                .is_some_and(|granted| granted.etag.is_some() && granted.server_until > now + OVERSHOOT);
            if publication.intent.wanted.stands() && lingers {
                self.withdraw_expired(now, core, index);
            } else {
                let ending = publication.ending();
                self.end(now, core, index, ending);
            }
            return;
        }
        match &publication.state {
            State::Published { refresh_at: Some(at) } if *at <= now => {
                self.enqueue(now, core, index, Cause::Ourselves);
            }
            State::Waiting { retry_at, .. } if *retry_at <= now => {
                self.enqueue(now, core, index, Cause::Ourselves);
            }
            _ => self.arm(index),
        }
    }

    /// Sets the due time anew from the state.
    fn arm(&mut self, index: u32) {
        let Some(publication) = self.publications.get(index as usize) else {
            return;
        };
        match publication.due() {
            Some(at) => self.due.set(index, at),
            None => self.due.clear(index),
        }
    }

    /// Lets a publication wait for its turn; what we do by ourselves also for the paced rate.
    fn enqueue(&mut self, now: Instant, core: &mut Core, index: u32, cause: Cause) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        match &publication.state {
            State::Requesting(_)
            | State::Queued {
                cause: Cause::Application,
            } => return,
            State::Queued {
                cause: Cause::Ourselves,
            } if cause == Cause::Ourselves => return,
            // Nothing that has to be sent shortens what the server asked for (R3903-55).
            State::Waiting {
                retry_at,
                held_off: true,
            } if *retry_at > now && publication.operation(now).is_some() => {
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
                let (hop, ticket) = (publication.next_hop, ticket(index, publication.key));
                let by = publication.lost_at(now);
                self.arm(index);
                if let Some(next_hop) = core.hops.get(hop) {
                    next_hop.paced.push(by, ticket);
                }
                self.pump(now, core, hop);
            }
        }
    }

    /// Lets those who wait for the paced rate of a next hop go on, as far as it allows.
    fn pump(&mut self, now: Instant, core: &mut Core, hop: u32) {
        if self.pump_own(now, core, hop) {
            core.hops.wake_at(hop, now);
        }
    }

    /// The same as far as the queue holds publications: `true` when a subscription is next.
    pub(crate) fn pump_own(&mut self, now: Instant, core: &mut Core, hop: u32) -> bool {
        loop {
            let Some(next_hop) = core.hops.get(hop) else {
                return false;
            };
            let Some(ticket) = next_hop.paced.front() else {
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
            if waits {
                match next_hop.gate(now) {
                    Gate::Open => {}
                    Gate::ClosedUntil(at) => {
                        core.hops.wake_at(hop, at);
                        return false;
                    }
                }
            }
            next_hop.paced.pop_front();
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
        let urgent = matches!(
            publication.state,
            State::Queued {
                cause: Cause::Application
            }
        );
        let publications = &self.publications;
        let Some(presentity) = self.presentities.get_mut(slot as usize) else {
            return;
        };
        match presentity.queue.iter().position(|queued| *queued == index) {
            Some(at) if urgent => {
                presentity.queue.remove(at);
            }
            Some(_) => return,
            None => {}
        }
        if urgent {
            let place = presentity
                .queue
                .iter()
                .position(|queued| {
                    publications.get(*queued as usize).is_none_or(|other| {
                        !matches!(
                            other.state,
                            State::Queued {
                                cause: Cause::Application
                            }
                        )
                    })
                })
                .unwrap_or(presentity.queue.len());
            presentity.queue.insert(place, index);
        } else {
            presentity.queue.push_back(index);
        }
        self.take_turns(now, core, slot);
    }

    /// Begins the next exchange of a presentity if none is under way.
    fn take_turns(&mut self, now: Instant, core: &mut Core, slot: u32) {
        loop {
            let Some(presentity) = self.presentities.get_mut(slot as usize) else {
                return;
            };
            if presentity.busy.is_some() {
                return;
            }
            let Some(index) = presentity.queue.pop_front() else {
                return;
            };
            let waits = self
                .publications
                .get(index as usize)
                .is_some_and(|publication| matches!(publication.state, State::Queued { .. }));
            if waits {
                self.begin(now, core, index);
            }
        }
    }

    /// Takes a publication out: nothing is left of it.
    fn end(&mut self, now: Instant, core: &mut Core, index: u32, ending: Ending) {
        let Some(publication) = self.publications.try_remove(index as usize) else {
            return;
        };
        self.due.clear(index);
        core.outputs
            .push_back(Output::Persist(Change::Delete { key: publication.key }));
        let name = publication.name.clone();
        core.outputs.push_back(Output::Event(match ending {
            Ending::Removed => Event::Removed { name },
            Ending::Expired => Event::Expired { name },
        }));
        self.answer_ended(now, core, &publication, ending);
        core.hops.leave(publication.next_hop);
        let slot = publication.presentity;
        if let Some(presentity) = self.presentities.get_mut(slot as usize) {
            presentity.publications.retain(|other| *other != index);
            presentity.queue.retain(|other| *other != index);
            if presentity.busy == Some(index) {
                presentity.busy = None;
            }
            if presentity.publications.is_empty() {
                let key = std::mem::take(&mut presentity.key);
                self.by_uri.remove(&key);
                self.presentities.remove(slot as usize);
            } else {
                self.take_turns(now, core, slot);
            }
        }
    }

    /// The lifetime is over, but the server holds the state for longer: it is withdrawn.
    fn withdraw_expired(&mut self, now: Instant, core: &mut Core, index: u32) {
        if let Some(publication) = self.publications.get_mut(index as usize) {
            publication.intent.wanted = Wanted::Over { until: now };
            publication.intent.revision += 1;
            if let Some(granted) = &mut publication.granted {
                granted.expires_at = granted.server_until;
            }
            if let State::Queued { .. } = publication.state {
                // It may have been taken out of the queue already.
                publication.state = State::Published { refresh_at: None };
            }
            self.enqueue(now, core, index, Cause::Application);
        }
    }

    /// A back-off that grows with the failures of this publication.
    fn retry_at(now: Instant, core: &mut Core, publication: &mut Publication, patience: Patience) -> Instant {
        if publication.patience != patience {
            publication.failures = 0;
            publication.patience = patience;
        }
        publication.failures = publication.failures.saturating_add(1);
        now + back_off(patience, publication.failures, core.random.fraction())
    }
}
