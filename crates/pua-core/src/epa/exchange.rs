//! One exchange: from what is wanted to a request, and from server to server until there is an
//! answer (RFC 3261 §8.1.2, §18.1.1; RFC 3263 §4.3).

use std::time::Instant;

use std::net::IpAddr;

use super::{Epa, owner};
use crate::core::Core;
use crate::failure::Failure;
use crate::next_hop::{Quiet, Selection};
use crate::output::{FailureOrigin, Output, Unreachable};
use crate::owner::{Owner, next_serial};
use crate::passage::{GoOn, Passage};
use crate::publication::{Carried, Cause, Exchange, Operation, Pause, Standing, State};
use crate::request::{DATAGRAM, PublishRequest, next_cseq};
use crate::schedule::whole_seconds;
use bytes::Bytes;
use sip_transaction::{Hop, Transmit, Transport};

impl Epa {
    /// Begins an exchange with the request that follows from what is wanted and what is granted.
    pub(super) fn begin(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let State::Queued { cause } = publication.state else {
            return;
        };
        if publication.until().is_some_and(|until| until <= now) {
            // The clock has caught up with it in the queue.
            self.publication_due(now, core, index);
            return;
        }
        let Some(operation) = publication.operation(now) else {
            let ending = publication.ending();
            self.answer_unremovable(now, core, index);
            self.end(core, index, ending);
            return;
        };
        let operation = match publication.spaced(now, operation, core.config.pacing.min_interval) {
            Ok(operation) => operation,
            Err(at) => {
                publication.state = State::Waiting(Pause::ours(now, at, cause));
                self.arm(index);
                return;
            }
        };
        let serial = self.next_serial;
        self.next_serial = next_serial(self.next_serial);
        publication.cseq = next_cseq(publication.cseq);
        publication.state = State::Requesting(Box::new(Exchange {
            serial,
            cause,
            expires: 0,
            revision: publication.intent.revision,
            document: Carried::Present,
            operation,
            sent: None,
            sent_at: now,
            passage: Passage::default(),
            forgotten: false,
            moved: false,
        }));
        self.due.clear(index);
        self.take_turn(core, index);
        self.load(now, core, index);
        self.attempt(now, core, index, None);
    }

    /// Fills the exchange with the present document and the Expires to ask for.
    pub(super) fn load(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let next_hop = match &publication.state {
            State::Requesting(exchange) => exchange.passage.next_hop(publication.next_hop),
            _ => publication.next_hop,
        };
        let least = core
            .hops
            .peek(next_hop)
            .map_or(0, |hop| hop.minimum(&publication.name.package));
        let until = publication.until();
        let had = publication.granted.as_ref().map(|granted| granted.revision);
        let State::Requesting(exchange) = &mut publication.state else {
            return;
        };
        exchange.revision = match (&exchange.operation, had) {
            // The newer document is not in it.
            (Operation::Refresh(_), Some(had)) if had < publication.intent.document_revision => had,
            _ => publication.intent.revision,
        };
        exchange.document = Carried::Present;
        exchange.expires = match exchange.operation {
            Operation::Remove(_) => 0,
            _ => lifetime(now, until, core.config.default_expires)
                .max(core.config.min_expires)
                .max(least),
        };
    }

    /// Sends the request of the exchange to the next address of its next hop. `failure`: why the
    /// last one did not do, which is the outcome when there is no other.
    pub(super) fn attempt(&mut self, now: Instant, core: &mut Core, index: u32, failure: Option<Failure>) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let State::Requesting(exchange) = &publication.state else {
            return;
        };
        let hop = exchange.passage.next_hop(publication.next_hop);
        let owner = owner(index, exchange.serial);
        match core.select(now, hop, &exchange.passage.tried, owner) {
            Selection::Send { hop: address, source } => {
                self.send(now, core, index, hop, address, source);
            }
            // `Core::select` leaves word to be woken.
            Selection::Ask | Selection::Wait => {}
            Selection::Blocked { until } => {
                if !self.next_contact(now, core, index, 503) {
                    self.hold_off(now, core, index, until);
                }
            }
            Selection::None { why } => {
                let mut failure = failure.unwrap_or_else(|| Failure::unreachable(None, why.to_owned()));
                // What the last of several said is not what holds for all of them.
                match core.hops.peek(hop).and_then(|hop| hop.quiet(now)) {
                    Some(Quiet::Open) => failure.retry_after = None,
                    Some(Quiet::Until(at)) => {
                        failure.retry_after = Some(whole_seconds(at.saturating_duration_since(now)));
                    }
                    None => {}
                }
                self.fail(now, core, index, failure);
            }
        }
    }

    /// Goes on after the addresses of a next hop have become known.
    pub(crate) fn resume(&mut self, now: Instant, core: &mut Core, owner: Owner) {
        let Owner { index, serial, .. } = owner;
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let (slot, cseq) = (publication.presentity, publication.cseq);
        let Some(exchange) = publication.exchange(serial) else {
            return;
        };
        let forgotten = exchange.forgotten && exchange.sent != Some(cseq);
        if exchange.sent.is_some() && !forgotten {
            self.attempt(now, core, index, None);
            return;
        }
        // Nothing has left yet, or nothing since the server forgot what it had: what goes out
        // follows from what is wanted now (R3903-21).
        if forgotten {
            publication.standing = Standing::Lost;
        }
        publication.cseq = publication.cseq.saturating_sub(1);
        publication.state = State::Queued {
            cause: Cause::Application,
        };
        self.end_turn(core, slot, index);
        if let Some(turn) = self.presentities.begin_turn(slot) {
            turn.queue.insert(0, index);
        }
        self.hand_over(core, slot);
    }

    fn send(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        next_hop: u32,
        mut hop: Hop,
        source: IpAddr,
    ) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let headers = publication.headers();
        let State::Requesting(exchange) = &mut publication.state else {
            return;
        };
        let uri = exchange.passage.request_uri(&publication.name.presentity);
        let document = exchange.carries(publication.intent.document.as_ref());
        let body = document.map_or(&[][..], |document| &document.body);

        let Some(state) = core.hops.get(next_hop) else {
            return;
        };
        let mut rows = std::mem::take(&mut core.rows);
        rows.clear();
        if exchange.passage.takes_credentials() {
            let sessions = &mut state.sessions;
            sessions.write(&mut core.random, "PUBLISH", uri, body, &mut rows);
        }
        let identity = core.random.identity(publication.key);
        let route = state.route.clone();
        let takes_tcp = state.takes_tcp(now);
        let (key, branch) = core.clients.reserve("PUBLISH");
        let mut message = Vec::with_capacity(640 + rows.len() + headers.len() + body.len());
        loop {
            let sent_by = core.sent_by(hop.transport, source);
            PublishRequest {
                request_uri: uri,
                presentity: &publication.name.presentity,
                transport: hop.transport.via_token(),
                sent_by: &sent_by,
                branch: branch.as_str(),
                route: route.as_deref(),
                from_tag: identity.tag(),
                call_id: identity.call_id(),
                cseq: publication.cseq,
                event: &publication.name.package,
                expires: exchange.expires,
                if_match: exchange.operation.entity_tag(),
                credentials: &rows,
                user_agent: &core.config.user_agent,
                headers: &headers,
                document,
            }
            .print(&mut message);
            // RFC 3261 §18.1.1: the size of the whole message decides, and then its Via changes.
            // What no datagram can carry goes so whatever became of the last connection.
            let takes_tcp = takes_tcp || message.len() > DATAGRAM;
            if message.len() > core.config.udp_limit && hop.transport == Transport::Udp && takes_tcp {
                hop.transport = Transport::Tcp;
                message.clear();
                continue;
            }
            break;
        }
        core.rows = rows;
        exchange.passage.needs_stream(message.len() > DATAGRAM);
        match exchange.operation {
            Operation::Initial => core.counters.publish_initial += 1,
            Operation::Refresh(_) => core.counters.publish_refresh += 1,
            Operation::Modify(_) => core.counters.publish_modify += 1,
            Operation::Remove(_) => core.counters.publish_remove += 1,
        }
        exchange.sent = Some(publication.cseq);
        exchange.passage.sent(hop);
        exchange.sent_at = now;
        exchange.moved = false;
        let owner = owner(index, exchange.serial);
        if exchange.operation.has_body() && !core.config.pacing.min_interval.is_zero() {
            publication.unusual().changed_at = Some(now);
        }
        let transmit = core.clients.start(
            now,
            key,
            owner,
            Transmit {
                hop,
                local: None,
                connection: None,
                bytes: Bytes::from(message),
            },
        );
        core.outputs.push_back(Output::Transmit(transmit));
    }

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
        let Owner { index, serial, .. } = owner;
        if !proceeding {
            self.unanswered(now, core, index, serial, hop, Failure::timeout(hop));
            return;
        }
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let own = publication.next_hop;
        let Some(exchange) = publication.exchange(serial) else {
            return;
        };
        if let Some(next_hop) = core.hops.get(exchange.passage.next_hop(own)) {
            next_hop.window.fell_behind(now, exchange.sent_at);
        }
        self.fail(now, core, index, Failure::fell_silent(hop));
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
        let Owner { index, serial, .. } = owner;
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let own = publication.next_hop;
        let Some(exchange) = publication.exchange(serial) else {
            return;
        };
        let next_hop = exchange.passage.next_hop(own);
        if exchange.passage.undelivered(now, core, next_hop, hop, why) == GoOn::Again {
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
        let next_hop = exchange.passage.next_hop(own);
        exchange.passage.unanswered(now, core, next_hop, hop);
        if failure.origin == FailureOrigin::Timeout
            && let Some(next_hop) = core.hops.get(next_hop)
        {
            next_hop.window.fell_behind(now, exchange.sent_at);
        }
        self.attempt(now, core, index, Some(failure));
    }
}

/// The Expires to ask for: what is left of the lifetime in whole seconds, at least one.
fn lifetime(now: Instant, until: Option<Instant>, default: u32) -> u32 {
    match until {
        None => default.max(1),
        Some(until) => whole_seconds(until.saturating_duration_since(now)).max(1),
    }
}
