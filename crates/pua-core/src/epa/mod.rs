//! The event publication agent (RFC 3903 §3): all publications, the presentities whose turn they
//! share, and the commands that wait for an outcome.
//!
//! One PUBLISH is under way per Request-URI (§4): the turn belongs to the presentity. While it
//! is taken, newer states of a publication replace each other; each command gets the outcome of
//! the revision that covered its own.

mod answer;
mod command;
mod settle;
mod view;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_transaction::{DueTimes, Elapsed, Hop, Transport};
use slab::Slab;
use smallvec::SmallVec;

use crate::command::CommandId;
use crate::core::Core;
use crate::next_hop::{Gate, Selection};
use crate::output::{Change, Event, Output, Unreachable};
use crate::publication::{Cause, Desire, Exchange, Operation, Publication, State};
use crate::request::PublishRequest;
use crate::schedule::{Patience, back_off};
use settle::Failure;

/// The largest datagram that IP can carry, less its own headers.
const DATAGRAM: usize = 65_507;

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
    stopping: bool,
}

/// What a transaction, or who waits for addresses, is told to belong to: the publication's index
/// and the exchange's serial number.
fn owner(index: u32, serial: u32) -> u64 {
    (u64::from(serial) << 32) | u64::from(index)
}

fn index_of(owner: u64) -> (u32, u32) {
    (owner as u32, (owner >> 32) as u32)
}

/// What stands in a paced queue: an index, and a part of the key so that it cannot be another's.
fn ticket(index: u32, key: u64) -> u64 {
    (key << 32) | u64::from(index)
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
            stopping: false,
        }
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        match (self.due.next(), self.waiters_due.next()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Does what has become due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, core: &mut Core) {
        while let Some(index) = self.due.pop(now) {
            self.publication_due(now, core, index);
        }
        while let Some(hop) = core.hops.pop_due(now) {
            self.pump(now, core, hop);
        }
        while let Some(waiter) = self.waiters_due.pop(now) {
            self.waiter_due(now, core, waiter);
        }
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
            match publication.intent.desire {
                Desire::Stand { .. } if lingers => self.withdraw_expired(now, core, index),
                Desire::Stand { .. } => self.end(now, core, index, Ending::Expired),
                Desire::Gone => self.end(now, core, index, Ending::Removed),
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
                self.arm(index);
                if let Some(next_hop) = core.hops.get(hop) {
                    next_hop.paced.push_back(ticket);
                }
                self.pump(now, core, hop);
            }
        }
    }

    /// Lets those who wait for the paced rate of a next hop go on, as far as it allows.
    fn pump(&mut self, now: Instant, core: &mut Core, hop: u32) {
        loop {
            let Some(next_hop) = core.hops.get(hop) else {
                return;
            };
            let Some(ticket) = next_hop.paced.front().copied() else {
                return;
            };
            let index = ticket as u32;
            let waits = self.publications.get(index as usize).is_some_and(|publication| {
                publication.key as u32 == (ticket >> 32) as u32
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
                        return;
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

    /// Begins an exchange with the request that follows from what is wanted and what is granted.
    fn begin(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let State::Queued { .. } = publication.state else {
            return;
        };
        if publication.until().is_some_and(|until| until <= now) {
            // The clock has caught up with it in the queue.
            self.publication_due(now, core, index);
            return;
        }
        let Some(operation) = publication.operation(now) else {
            self.end(now, core, index, Ending::Removed);
            return;
        };
        if operation.has_body()
            && let Some(changed_at) = publication.changed_at
            && changed_at + core.config.pacing.min_interval > now
        {
            let retry_at = changed_at + core.config.pacing.min_interval;
            publication.state = State::Waiting {
                retry_at,
                held_off: true,
            };
            self.arm(index);
            return;
        }
        let serial = self.next_serial;
        self.next_serial = self.next_serial.wrapping_add(1);
        publication.cseq = next_cseq(publication.cseq);
        publication.state = State::Requesting(Box::new(Exchange {
            serial,
            expires: 0,
            revision: publication.intent.revision,
            document: None,
            operation,
            sent_at: now,
            rounds: Default::default(),
            too_brief: 0,
            forgotten: false,
            tried: SmallVec::new(),
            reconnected: false,
            redirect: None,
        }));
        self.due.clear(index);
        if let Some(presentity) = self
            .publications
            .get(index as usize)
            .and_then(|p| self.presentities.get_mut(p.presentity as usize))
        {
            presentity.busy = Some(index);
        }
        self.load(now, core, index);
        self.attempt(now, core, index, None);
    }

    /// Fills the exchange with the present document and the Expires to ask for.
    fn load(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let least = core
            .hops
            .peek(publication.next_hop)
            .map_or(0, |hop| hop.minimum(&publication.name.package));
        let until = publication.until();
        let State::Requesting(exchange) = &mut publication.state else {
            return;
        };
        exchange.revision = publication.intent.revision;
        exchange.document = if exchange.operation.has_body() {
            publication.intent.document.clone()
        } else {
            None
        };
        exchange.expires = match exchange.operation {
            Operation::Remove(_) => 0,
            _ => lifetime(now, until, core.config.default_expires)
                .max(core.config.min_expires)
                .max(least),
        };
        if exchange.operation.has_body() {
            publication.changed_at = Some(now);
        }
    }

    /// Sends the request of the exchange to the next address of its next hop. `failure`: why the
    /// last one did not do, which is the outcome when there is no other.
    fn attempt(&mut self, now: Instant, core: &mut Core, index: u32, failure: Option<Failure>) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let State::Requesting(exchange) = &publication.state else {
            return;
        };
        let hop = exchange
            .redirect
            .as_ref()
            .map_or(publication.next_hop, |redirect| redirect.next_hop);
        let owner = owner(index, exchange.serial);
        match core.select(now, hop, &exchange.tried, owner) {
            Selection::Send { hop: address, source } => {
                self.send(now, core, index, hop, address, source);
            }
            // `Core::select` leaves word to be woken.
            Selection::Ask | Selection::Wait => {}
            Selection::Blocked { until } => self.hold_off(now, core, index, until),
            Selection::None { why } => {
                let failure = failure.unwrap_or_else(|| Failure::unreachable(None, why.to_owned()));
                self.fail(now, core, index, failure);
            }
        }
    }

    /// Goes on after the addresses of a next hop have become known.
    pub(crate) fn resume(&mut self, now: Instant, core: &mut Core, owner: u64) {
        let (index, serial) = index_of(owner);
        if self
            .publications
            .get_mut(index as usize)
            .is_some_and(|p| p.exchange(serial).is_some())
        {
            self.attempt(now, core, index, None);
        }
    }

    fn send(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        next_hop: u32,
        mut hop: Hop,
        source: std::net::IpAddr,
    ) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let State::Requesting(exchange) = &mut publication.state else {
            return;
        };
        let uri = exchange
            .redirect
            .as_ref()
            .map_or(&publication.name.presentity, |redirect| &redirect.uri);
        let body = exchange
            .document
            .as_ref()
            .map_or(&[][..], |document| &document.body);
        let Some(state) = core.hops.get(next_hop) else {
            return;
        };
        let mut rows = std::mem::take(&mut core.rows);
        rows.clear();
        state
            .sessions
            .write(&mut core.random, "PUBLISH", uri, body, &mut rows);
        let route = state.route.clone();
        let takes_tcp = state.takes_tcp(now);
        let (key, branch) = core.clients.reserve("PUBLISH");
        let mut message =
            Vec::with_capacity(640 + rows.len() + publication.intent.headers.len() + body.len());
        loop {
            let sent_by = core.sent_by(hop.transport, source);
            PublishRequest {
                request_uri: uri,
                presentity: &publication.name.presentity,
                transport: hop.transport.via_token(),
                sent_by: &sent_by,
                branch: branch.as_str(),
                route: route.as_deref(),
                from_tag: &publication.from_tag,
                call_id: &publication.call_id,
                cseq: publication.cseq,
                event: &publication.name.package,
                expires: exchange.expires,
                if_match: exchange.operation.entity_tag().map(|etag| &**etag),
                credentials: &rows,
                user_agent: &core.config.user_agent,
                headers: &publication.intent.headers,
                document: exchange.document.as_ref(),
            }
            .print(&mut message);
            // RFC 3261 §18.1.1: the size of the whole message decides, and then its Via changes.
            if message.len() > core.config.udp_limit && hop.transport == Transport::Udp && takes_tcp {
                hop.transport = Transport::Tcp;
                message.clear();
                continue;
            }
            break;
        }
        core.rows = rows;
        if hop.transport == Transport::Udp && message.len() > DATAGRAM {
            core.clients.abandon(key);
            let why = "the request is too large for a datagram, and TCP was refused".to_owned();
            self.fail(now, core, index, Failure::local(513, Some(hop), why));
            return;
        }
        match exchange.operation {
            Operation::Initial => core.counters.publish_initial += 1,
            Operation::Refresh(_) => core.counters.publish_refresh += 1,
            Operation::Modify(_) => core.counters.publish_modify += 1,
            Operation::Remove(_) => core.counters.publish_remove += 1,
        }
        exchange.sent_at = now;
        let owner = owner(index, exchange.serial);
        let transmit = core
            .clients
            .start(now, key, owner, hop, None, None, Bytes::from(message));
        core.outputs.push_back(Output::Transmit(transmit));
    }

    /// Timers of the transactions.
    pub(crate) fn elapsed(&mut self, now: Instant, core: &mut Core, elapsed: Elapsed) {
        match elapsed {
            Elapsed::Retransmit(transmit) => {
                core.counters.retransmissions += 1;
                core.outputs.push_back(Output::Transmit(transmit));
            }
            // RFC 3261 §8.1.3.1: a time-out is treated as 408.
            Elapsed::TimedOut { owner, hop } => {
                let (index, serial) = index_of(owner);
                core.counters.timeouts += 1;
                self.unanswered(now, core, index, serial, hop, Failure::timeout(hop));
            }
        }
    }

    /// A request could not be delivered (RFC 3261 §17.1.4).
    pub(crate) fn undelivered(
        &mut self,
        now: Instant,
        core: &mut Core,
        owner: u64,
        hop: Hop,
        why: Unreachable,
    ) {
        let (index, serial) = index_of(owner);
        core.counters.unreachable += 1;
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let next_hop = publication.next_hop;
        let Some(exchange) = publication.exchange(serial) else {
            return;
        };
        let next_hop = exchange
            .redirect
            .as_ref()
            .map_or(next_hop, |redirect| redirect.next_hop);
        let first_choice = core.hops.peek(next_hop).map(|hop| hop.destination.transport);
        if hop.transport == Transport::Tcp
            && first_choice == Some(Transport::Udp)
            && why != Unreachable::Closed
        {
            // It went by TCP for its size only: once more as it is (RFC 3261 §18.1.1).
            if let Some(next_hop) = core.hops.get(next_hop) {
                next_hop.tcp_refused(now);
            }
            self.attempt(now, core, index, None);
            return;
        }
        if why == Unreachable::Closed && !exchange.reconnected {
            // The connection broke, not necessarily the server: once more on a new one.
            exchange.reconnected = true;
            self.attempt(now, core, index, None);
            return;
        }
        self.unanswered(now, core, index, serial, hop, Failure::undelivered(hop, why));
    }

    /// Nobody answered at `hop`: the next address, with the same CSeq and a new branch
    /// (RFC 3263 §4.3).
    fn unanswered(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        serial: u32,
        hop: Hop,
        failure: Failure,
    ) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let own = publication.next_hop;
        let Some(exchange) = publication.exchange(serial) else {
            return;
        };
        exchange.tried.push(hop.addr.ip());
        let next_hop = exchange
            .redirect
            .as_ref()
            .map_or(own, |redirect| redirect.next_hop);
        let fraction = core.random.fraction();
        if let Some(next_hop) = core.hops.get(next_hop) {
            next_hop.dead(now, hop.addr.ip());
            next_hop.failed(now, fraction);
        }
        self.attempt(now, core, index, Some(failure));
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
            publication.intent.desire = Desire::Gone;
            publication.intent.revision += 1;
            if let Some(granted) = &mut publication.granted {
                granted.expires_at = granted.server_until;
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

/// How a publication's life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The application withdrew it.
    Removed,
    /// The lifetime that was asked for is over.
    Expired,
}

/// CSeq numbers stay below 2^31 (RFC 3261 §8.1.1.5).
fn next_cseq(cseq: u32) -> u32 {
    if cseq >= 0x7fff_fffe { 1 } else { cseq + 1 }
}

/// The Expires to ask for: what is left of the lifetime in whole seconds, at least one.
fn lifetime(now: Instant, until: Option<Instant>, default: u32) -> u32 {
    match until {
        None => default.max(1),
        Some(until) => {
            let left = until.saturating_duration_since(now);
            let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
            u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
        }
    }
}
