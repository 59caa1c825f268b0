//! The event publication agent (RFC 3903 §3): all publications, the presentities whose turn they
//! share, and the commands that wait for an outcome.
//!
//! One PUBLISH is under way per Request-URI (§4): the turn belongs to the presentity. While it
//! is taken, newer states of a publication replace each other; each command gets the outcome of
//! the revision that covered its own.

mod answer;
mod command;
mod exchange;
mod presentity;
mod redirect;
mod restore;
mod setback;
mod settle;
mod stop;
mod turns;
mod view;

use std::time::{Duration, Instant};

use sip_transaction::DueTimes;
use slab::Slab;

use crate::command::CommandId;
use crate::core::Core;
use crate::division::{Numbers, Share};
use crate::interned::Interned;
use crate::output::{Event, Output};
use crate::owner::{Owner, Role};
use crate::publication::{Cause, Ending, Publication, State, Wanted};
use crate::record::Change;
use crate::schedule::{Patience, back_off};

use presentity::Presentities;

/// A grant may outlast the lifetime that was asked for by this much before it is withdrawn:
/// Expires counts whole seconds.
const OVERSHOOT: Duration = Duration::from_secs(1);

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
    presentities: Presentities,
    /// Event packages and content types.
    interned: Interned,
    /// A buffer for the canonical form of a URI.
    key: String,
    waiters: Slab<Waiter>,
    waiters_due: DueTimes,
    pub(crate) keys: Numbers,
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

impl Epa {
    pub(crate) fn new(now: Instant, share: Share) -> Self {
        Epa {
            publications: Slab::new(),
            due: DueTimes::new(now),
            presentities: Presentities::default(),
            interned: Interned::default(),
            key: String::new(),
            waiters: Slab::new(),
            waiters_due: DueTimes::new(now),
            keys: Numbers::new(share),
            next_serial: 1,
            stopping: None,
        }
    }

    /// How many publications are held.
    pub(crate) fn len(&self) -> usize {
        self.publications.len()
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
                .is_some_and(|granted| granted.etag.is_some() && granted.server_until() > now + OVERSHOOT);
            if publication.intent.wanted.stands() && lingers {
                self.withdraw_expired(now, core, index);
            } else {
                let ending = publication.ending();
                self.end(core, index, ending);
            }
            return;
        }
        match &publication.state {
            State::Published { refresh_at: Some(at) } if *at <= now => {
                self.enqueue(now, core, index, Cause::Ourselves);
            }
            State::Waiting(pause) if pause.retry_at <= now => {
                let cause = pause.cause;
                self.enqueue(now, core, index, cause);
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

    /// Takes a publication out: nothing is left of it.
    fn end(&mut self, core: &mut Core, index: u32, ending: Ending) {
        let Some(mut publication) = self.publications.try_remove(index as usize) else {
            return;
        };
        self.due.clear(index);
        core.persist(Change::Delete { key: publication.key });
        let name = publication.name.clone();
        core.outputs.push_back(Output::Event(match ending {
            Ending::Removed => Event::Removed { name },
            Ending::Expired => Event::Expired { name },
        }));
        self.answer_ended(core, &mut publication, ending);
        core.hops.leave(publication.next_hop);
        self.leave_presentity(core, publication.presentity, index);
    }

    /// The lifetime is over, but the server holds the state for longer: it is withdrawn.
    fn withdraw_expired(&mut self, now: Instant, core: &mut Core, index: u32) {
        if let Some(publication) = self.publications.get_mut(index as usize) {
            publication.intent.wanted = Wanted::Over { until: now };
            publication.intent.revision += 1;
            if let Some(granted) = &mut publication.granted {
                granted.expires_at = granted.server_until();
                granted.surplus = 0;
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
        let is_slow = |patience| patience == Patience::Slow;
        if is_slow(publication.patience) != is_slow(patience) {
            publication.failures = 0;
        }
        publication.patience = patience;
        publication.failures = publication.failures.saturating_add(1);
        now + back_off(patience, publication.failures, core.random.fraction())
    }
}
