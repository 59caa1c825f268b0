//! One SUBSCRIBE: from what is wanted to a request, and from server to server until there is an
//! answer (RFC 3261 §8.1.2, §12.2.1.1, §18.1.1; RFC 3263 §4.3).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use event_packages::Package;
use sip_transaction::{Hop, Transmit, Transport};

use super::request::{SubscribeRequest, in_dialog, resource_lists};
use super::settle::Ended;
use super::subscription::{Exchange, Operation, State, Subscription};
use super::usage::Doing;
use super::{Subscriber, owner, timer_n};
use crate::core::Core;
use crate::division::slot_of;
use crate::epoch::Epoch;
use crate::failure::Failure;
use crate::next_hop::{Quiet, Selection};
use crate::output::Output;
use crate::owner::Owner;
use crate::publication::{Cause, Desire};
use crate::request::{DATAGRAM, next_cseq};
use crate::schedule::whole_seconds;
use crate::uas::CONTACT_USER;

impl Subscriber {
    /// Sends the first SUBSCRIBE of a new set of dialogs, with a Call-ID and a tag that were
    /// never used (R6665-07).
    pub(super) fn begin(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(subscription) = self.subscriptions.get(index as usize) else {
            return;
        };
        let slot = slot_of(&subscription.name.presentity).unwrap_or_default();
        let identity = core.random.set_identity(slot, index);
        if !subscription.stands() {
            self.end(now, core, index);
            return;
        }
        self.forget_tag(index);
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        if let Some(past) = subscription.past_mut() {
            past.forks = None;
            past.refused = None;
            past.over.clear();
        }
        subscription.identity = identity;
        subscription.cseq = 0;
        subscription.without_lists = false;
        let exchange = self.open(now, core, index, None, Operation::Subscribe);
        let expires = self.expires_to_ask(now, core, index, exchange);
        if let Some(exchange) = self.exchanges.get_mut(exchange as usize) {
            exchange.expires = expires;
        }
        if let Some(subscription) = self.subscriptions.get_mut(index as usize) {
            subscription.state = State::Trying {
                exchange: Some(exchange),
                timer_n: self.epoch.moment(now + timer_n(core)),
                until: self.epoch.moment(now + Duration::from_secs(u64::from(expires))),
            };
        }
        self.attempt(now, core, exchange, None);
    }

    /// Sends the SUBSCRIBE in a dialog that waits in it.
    pub(super) fn begin_in_dialog(&mut self, now: Instant, core: &mut Core, index: u32, id: u64) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        let revision = subscription.intent.revision;
        let Some(dialog) = subscription.dialog(id) else {
            return;
        };
        let Doing::Queued { operation, .. } = dialog.doing else {
            return;
        };
        let exchange = self.open(now, core, index, Some(id), operation);
        let expires = self.expires_to_ask(now, core, index, exchange);
        if let Some(exchange) = self.exchanges.get_mut(exchange as usize) {
            exchange.expires = expires;
        }
        if let Some(dialog) = self
            .subscriptions
            .get_mut(index as usize)
            .and_then(|subscription| subscription.dialog(id))
        {
            dialog.revision = revision;
            dialog.doing = Doing::Requesting {
                exchange,
                operation,
                timer_n: Some(self.epoch.moment(now + timer_n(core))),
            };
        }
        self.attempt(now, core, exchange, None);
    }

    /// The next request of an exchange leaves: the next CSeq number, unless it is the same once
    /// more.
    fn number(&mut self, exchange: u32) {
        let Some(exchange) = self.exchanges.get_mut(exchange as usize) else {
            return;
        };
        if std::mem::replace(&mut exchange.numbered, true) {
            return;
        }
        let Some(subscription) = self.subscriptions.get_mut(exchange.subscription as usize) else {
            return;
        };
        match exchange.dialog {
            None => subscription.cseq = next_cseq(subscription.cseq),
            Some(id) => {
                if let Some(dialog) = subscription.dialog(id) {
                    dialog.cseq = next_cseq(dialog.cseq);
                }
            }
        }
    }

    /// The Expires to ask for in an exchange, in seconds.
    fn expires_to_ask(&self, now: Instant, core: &Core, index: u32, exchange: u32) -> u32 {
        let Some(subscription) = self.subscriptions.get(index as usize) else {
            return 0;
        };
        let Some(exchange) = self.exchanges.get(exchange as usize) else {
            return 0;
        };
        if exchange.operation == Operation::Unsubscribe || subscription.intent.fetch {
            return 0;
        }
        let package = &subscription.name.package;
        let least = self
            .own_hop(exchange)
            .and_then(|hop| core.hops.peek(hop))
            .map_or(0, |hop| hop.minimum(package));
        let wanted = match subscription.intent.desire {
            Desire::Stand { until: Some(until) } => {
                let left = until.saturating_duration_since(now);
                u32::try_from(left.as_secs() + u64::from(left.subsec_nanos() > 0)).unwrap_or(u32::MAX)
            }
            _ => default_expires(core, package),
        };
        wanted.max(1).max(least)
    }

    /// Sends the request of an exchange to the next address of its next hop. `failure`: why the
    /// last one did not do, which is the outcome when there is no other.
    pub(super) fn attempt(&mut self, now: Instant, core: &mut Core, index: u32, failure: Option<Failure>) {
        let Some(exchange) = self.exchanges.get(index as usize) else {
            return;
        };
        let Some(own) = self.own_hop(exchange) else {
            return;
        };
        let hop = exchange.passage.next_hop(own);
        let owner = owner(index, exchange.serial);
        match core.select(now, hop, &exchange.passage.tried, owner) {
            Selection::Send { hop: address, source } => {
                self.send(now, core, index, hop, address, source);
            }
            // `Core::select` leaves word to be woken. Timer N runs from when it is sent.
            Selection::Ask | Selection::Wait => {}
            Selection::Blocked { until } => self.held_off(now, core, index, until, failure),
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

    /// The next hop of an exchange when it is not redirected.
    pub(super) fn own_hop(&self, exchange: &Exchange) -> Option<u32> {
        let subscription = self.subscriptions.get(exchange.subscription as usize)?;
        match exchange.dialog {
            None => Some(subscription.next_hop),
            Some(id) => subscription
                .dialogs
                .iter()
                .find(|dialog| dialog.id == id)
                .map(|dialog| dialog.next_hop),
        }
    }

    /// The next hop that an exchange is with.
    pub(super) fn hop_of(&self, index: u32) -> Option<u32> {
        let exchange = self.exchanges.get(index as usize)?;
        Some(exchange.passage.next_hop(self.own_hop(exchange)?))
    }

    /// Goes on after the addresses of a next hop have become known.
    pub(crate) fn resume(&mut self, now: Instant, core: &mut Core, owner: Owner) {
        let Some(exchange) = self.exchange(owner) else {
            return;
        };
        let (index, sent) = (exchange.subscription, exchange.sent);
        // Nothing has left yet, and it is not wanted any more.
        let gone = self
            .subscriptions
            .get(index as usize)
            .is_some_and(|subscription| !subscription.stands() && subscription.dialogs.is_empty());
        if gone && !sent {
            self.end(now, core, index);
            return;
        }
        self.attempt(now, core, owner.index, None);
        self.arm(index);
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
        self.number(index);
        let Some(exchange) = self.exchanges.get_mut(index as usize) else {
            return;
        };
        let Some(subscription) = self.subscriptions.get_mut(exchange.subscription as usize) else {
            return;
        };
        let Some(state) = core.hops.get(next_hop) else {
            return;
        };
        let takes_tcp = state.takes_tcp(now);
        let preloaded = state.route.as_ref().map(|route| format!("<{route}>"));
        let dialog = exchange
            .dialog
            .and_then(|id| subscription.dialogs.iter().find(|dialog| dialog.id == id));
        let (uri, rows) = match dialog {
            // R6665-67: the route set alone, even an empty one; where the hop is the proxy's all the
            // same, a loose router wants its Route (R3261-038).
            Some(dialog) => {
                let (uri, mut rows) = in_dialog(&dialog.target, dialog.routes());
                if dialog.routes().is_empty() {
                    rows.extend(preloaded.map(std::borrow::Cow::Owned));
                }
                (uri, rows)
            }
            None => (
                exchange
                    .passage
                    .request_uri(&subscription.name.presentity)
                    .to_string(),
                preloaded.into_iter().map(std::borrow::Cow::Owned).collect(),
            ),
        };
        let routes: Vec<&str> = rows.iter().map(|row| &**row).collect();
        let accepted = subscription.accepted(core.config.subscribe.eventlist);
        let accept = accepted.header();
        let (call_id, from_tag) = (subscription.identity.call_id(), subscription.identity.own_tag());
        let members = &subscription.intent.extras.members;
        let list = (exchange.dialog.is_none() && !members.is_empty()).then(|| resource_lists(members));
        let suppress = match (exchange.operation, dialog) {
            (Operation::Refresh, Some(dialog)) if dialog.told.at.is_some() => dialog.etag(),
            _ => None,
        };
        let mut credentials = std::mem::take(&mut core.rows);
        credentials.clear();
        let body = list.as_deref().unwrap_or("").as_bytes();
        if let Some(state) = core.hops.get(next_hop)
            && exchange.passage.takes_credentials()
        {
            state
                .sessions
                .write(&mut core.random, "SUBSCRIBE", &uri, body, &mut credentials);
        }
        let (key, branch) = core.clients.reserve("SUBSCRIBE");
        let mut message = Vec::with_capacity(768 + credentials.len() + body.len());
        loop {
            let sent_by = core.sent_by(hop.transport, source);
            let contact = contact(hop.transport, &sent_by);
            SubscribeRequest {
                request_uri: &uri,
                presentity: &subscription.name.presentity,
                watcher: &subscription.name.watcher,
                transport: hop.transport.via_token(),
                sent_by: &sent_by,
                branch: branch.as_str(),
                routes: &routes,
                from_tag: &from_tag,
                to_tag: dialog.map(|dialog| &*dialog.remote_tag),
                call_id: &call_id,
                cseq: dialog.map_or(subscription.cseq, |dialog| dialog.cseq),
                event: &subscription.name.package,
                expires: exchange.expires,
                accept: accept.as_deref(),
                eventlist: accepted.lists,
                suppress_if_match: suppress,
                contact: &contact,
                credentials: &credentials,
                user_agent: &core.config.user_agent,
                headers: &subscription.intent.extras.headers,
                list: list.as_deref(),
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
        core.rows = credentials;
        exchange.passage.needs_stream(message.len() > DATAGRAM);
        match (exchange.operation, subscription.intent.fetch) {
            (Operation::Subscribe, true) => core.counters.subscribe_fetch += 1,
            (Operation::Subscribe, false) => core.counters.subscribe_initial += 1,
            (Operation::Refresh, _) => core.counters.subscribe_refresh += 1,
            (Operation::Unsubscribe, _) => core.counters.subscribe_end += 1,
        }
        exchange.passage.sent(hop);
        exchange.sent_at = now;
        exchange.sent = true;
        let (id, serial, expires) = (exchange.dialog, exchange.serial, exchange.expires);
        // R6665-24, R6665-39, R6665-53: timer N from each sending.
        let epoch = self.epoch;
        restart_timer_n(epoch, subscription, id, now, now + timer_n(core), expires);
        let transmit = core.clients.start(
            now,
            key,
            owner(index, serial),
            Transmit {
                hop,
                local: None,
                connection: None,
                bytes: Bytes::from(message),
            },
        );
        core.outputs.push_back(Output::Transmit(transmit));
    }

    /// Sends the request of an exchange once more, changed: a new request.
    pub(super) fn again(&mut self, now: Instant, core: &mut Core, index: u32) {
        if let Some(exchange) = self.exchanges.get_mut(index as usize) {
            exchange.passage.again();
            exchange.numbered = false;
            // What a NOTIFY told meanwhile was not for this one.
            exchange.told_until = None;
        }
        self.attempt(now, core, index, None);
    }

    /// A dialog that is not wanted any more, and has nothing to wait for.
    pub(super) fn forget_dialog(&mut self, now: Instant, core: &mut Core, index: u32, id: u64) {
        self.dialog_over(now, core, index, id, Ended::silently());
    }

    /// What goes on after an exchange in a dialog has ended and the application has changed its
    /// mind meanwhile.
    pub(super) fn reconsider(&mut self, now: Instant, core: &mut Core, index: u32, id: u64) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        let revision = subscription.intent.revision;
        let wanted = subscription.stands();
        let Some(dialog) = subscription.dialog(id) else {
            return;
        };
        if !wanted {
            self.ask(now, core, index, id, Operation::Unsubscribe, Cause::Application);
        } else if dialog.revision != revision {
            // R6665-13: one at a time; this command came meanwhile.
            self.ask(now, core, index, id, Operation::Refresh, Cause::Application);
        }
    }
}

/// The Expires to ask for when nobody has said.
fn default_expires(core: &Core, package: &str) -> u32 {
    core.config
        .subscribe
        .default_expires
        .unwrap_or_else(|| Package::parse(package).map_or(3600, |package| package.default_expires()))
}

pub(super) fn restart_timer_n(
    epoch: Epoch,
    subscription: &mut Subscription,
    dialog: Option<u64>,
    now: Instant,
    timer: Instant,
    expires: u32,
) {
    match dialog {
        None => {
            if let State::Trying { timer_n, until, .. } = &mut subscription.state {
                *timer_n = epoch.moment(timer);
                *until = epoch.moment(now + Duration::from_secs(u64::from(expires)));
            }
        }
        Some(id) => {
            if let Some(dialog) = subscription.dialog(id) {
                dialog.asked_at = Some(epoch.moment(now));
                if let Doing::Requesting { timer_n, .. } = &mut dialog.doing {
                    *timer_n = Some(epoch.moment(timer));
                }
            }
        }
    }
}

/// Our Contact: where NOTIFYs shall go (R6665-03).
pub(crate) fn contact(transport: Transport, sent_by: &Arc<str>) -> String {
    match transport.uri_token() {
        "udp" => format!("sip:{CONTACT_USER}@{sent_by}"),
        token => format!("sip:{CONTACT_USER}@{sent_by};transport={token}"),
    }
}
