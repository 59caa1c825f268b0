//! NOTIFY: telling watchers (RFC 6665 §4.2.2). One request at a time for each subscription; what
//! changes meanwhile goes out with the next.

use std::time::{Duration, Instant};

use sip_transaction::{Hop, Transmit, Transport};
use sip_wire::{HeaderName, Method, Printer};

use crate::event::{Ended, Event, Output};
use crate::server::Server;
use crate::store::ResourceId;
use crate::subscribe::is_loose;
use crate::subscription::{Notifying, Phase, SubscriptionId, ends_subscription};

/// The largest datagram that IP can carry, less its own headers.
const DATAGRAM: usize = 65_507;
/// How long large messages are not tried by TCP after it was refused.
const TCP_REFUSED_FOR: Duration = Duration::from_secs(600);

impl Server {
    /// Tells all watchers of a resource that its state has changed.
    pub(crate) fn changed(&mut self, now: Instant, resource: ResourceId) {
        let watchers = match self.store.resource(resource) {
            Some(resource) if !resource.watchers.is_empty() => resource.watchers.clone(),
            _ => {
                self.store.release(resource);
                return;
            }
        };
        for id in watchers {
            self.notify(now, id);
        }
    }

    /// Sends the newest state to one watcher, as soon as it may be sent.
    pub(crate) fn notify(&mut self, now: Instant, id: SubscriptionId) {
        let Some(held) = self.subscriptions.get_mut(id as usize) else {
            return;
        };
        if let Notifying::InFlight { again, .. } = &mut held.notifying {
            *again = true;
            return;
        }
        let ending = matches!(held.phase, Phase::Ending(_));
        match held.not_before {
            Some(until) if until > now && !ending => held.notifying = Notifying::Held { until },
            _ => self.send_notify(now, id),
        }
        self.rearm(id);
    }

    fn send_notify(&mut self, now: Instant, id: SubscriptionId) {
        let Some(held) = self.subscriptions.get_mut(id as usize) else {
            return;
        };
        let limits = self.config.limits;
        let composed = self
            .store
            .composed(held.resource, self.config.dummy_dialog, limits.composed_bytes);
        let body = composed.body(held.version);
        held.version = held.version.wrapping_add(1);
        held.local_cseq += 1;
        let last = matches!(held.phase, Phase::Ending(_));
        held.notifying = Notifying::InFlight { again: false, last };
        held.not_before = Some(now + self.config.notify_interval);
        let (path, owner) = (held.path.clone(), held.tag.owner());
        let takes_tcp = held.no_tcp_until.is_none_or(|until| until <= now);

        let (key, branch) = self.clients.reserve("NOTIFY");
        let document = (composed.content_type.as_deref(), &*body);
        let mut hop = path.hop;
        let mut bytes = self.notify_bytes(now, id, hop, branch.as_str(), document);
        // RFC 3261 §18.1.1: the size of the whole message decides, and then its Via changes.
        if hop.transport == Transport::Udp && bytes.len() > self.config.udp_limit && takes_tcp {
            hop.transport = Transport::Tcp;
            bytes = self.notify_bytes(now, id, hop, branch.as_str(), document);
        }
        if hop.transport == Transport::Udp && bytes.len() > DATAGRAM {
            // The subscription stands all the same, and a NOTIFY is owed.
            self.tell(Event::DocumentLeftOut { bytes: bytes.len() });
            bytes = self.notify_bytes(now, id, hop, branch.as_str(), (None, b""));
        }
        let transmit = self.clients.start(
            now,
            key,
            owner,
            Transmit {
                hop,
                local: Some(path.local),
                connection: path.connection,
                bytes: bytes.into(),
            },
        );
        self.counters.notified += 1;
        self.transmit(transmit);
    }

    /// The bytes of the present NOTIFY of a subscription.
    fn notify_bytes(
        &self,
        now: Instant,
        id: SubscriptionId,
        hop: Hop,
        branch: &str,
        (content_type, body): (Option<&str>, &[u8]),
    ) -> Vec<u8> {
        let Some(held) = self.subscriptions.get(id as usize) else {
            return Vec::new();
        };
        let own = self.own_address(held.path.local, hop.addr);
        let (target, routes) = held.routing(is_loose);
        let mut bytes = Vec::with_capacity(768 + body.len());
        let mut out = Printer::request(&mut bytes, Method::Notify, target);
        let transport = hop.transport.via_token();
        out.header_fmt(
            HeaderName::Via,
            format_args!("SIP/2.0/{transport} {own};branch={branch};rport"),
        );
        out.header(HeaderName::MaxForwards, "70");
        for route in routes {
            if route.contains('<') {
                out.header(HeaderName::Route, route);
            } else {
                out.parts(HeaderName::Route, &["<", route, ">"]);
            }
        }
        out.verbatim(&held.rows);
        out.header_fmt(HeaderName::CSeq, format_args!("{} NOTIFY", held.local_cseq));
        match held.phase {
            Phase::Active { expires_at } => {
                let left = expires_at
                    .saturating_duration_since(now)
                    .as_millis()
                    .div_ceil(1000);
                out.header_fmt(
                    HeaderName::SubscriptionState,
                    format_args!("active;expires={left}"),
                )
            }
            // What is watched may be here again soon, but nothing of this subscription will.
            Phase::Ending(Ended::Stopped) => out.header(
                HeaderName::SubscriptionState,
                "terminated;reason=probation;retry-after=5",
            ),
            Phase::Ending(_) => out.header(HeaderName::SubscriptionState, "terminated;reason=timeout"),
        };
        out.body(content_type, body);
        bytes
    }

    /// A NOTIFY could not be delivered to `hop`.
    pub(crate) fn notify_undelivered(&mut self, now: Instant, owner: u64, hop: Hop) {
        let id = owner as SubscriptionId;
        if let Some(held) = self
            .subscriptions
            .get_mut(id as usize)
            .filter(|held| held.tag.owner() == owner && held.path.hop.transport == Transport::Udp)
            && hop.transport == Transport::Tcp
            && matches!(held.notifying, Notifying::InFlight { .. })
        {
            // It went by TCP for its size only: as it is now by UDP (RFC 3261 §18.1.1).
            held.no_tcp_until = Some(now + TCP_REFUSED_FOR);
            held.notifying = Notifying::Settled;
            held.not_before = None;
            return self.notify(now, id);
        }
        self.notify_answered(now, owner, None);
    }

    /// Ends all subscriptions: each watcher is told so, and asked to come back later.
    pub(crate) fn end_subscriptions(&mut self, now: Instant) {
        let all: Vec<SubscriptionId> = self
            .subscriptions
            .iter()
            .map(|(id, _)| id as SubscriptionId)
            .collect();
        for id in all {
            if let Some(held) = self.subscriptions.get_mut(id as usize)
                && matches!(held.phase, Phase::Active { .. })
            {
                held.phase = Phase::Ending(Ended::Stopped);
                self.notify(now, id);
            }
        }
    }

    /// Takes in the final response to a NOTIFY; `None`: there is none and there will be none.
    pub(crate) fn notify_answered(&mut self, now: Instant, owner: u64, code: Option<u16>) {
        let id = owner as SubscriptionId;
        let Some(held) = self
            .subscriptions
            .get_mut(id as usize)
            .filter(|held| held.tag.owner() == owner)
        else {
            return;
        };
        let Notifying::InFlight { again, last } = held.notifying else {
            return;
        };
        held.notifying = Notifying::Settled;
        if !matches!(code, Some(200..=299)) {
            self.counters.notify_failed += 1;
        }
        let why = match (code, held.phase) {
            (_, Phase::Ending(why)) if last => Some(why),
            (None, _) => Some(Ended::Unanswered),
            (Some(code), _) if ends_subscription(code) => Some(Ended::Refused(code)),
            _ => None,
        };
        match why {
            Some(why) => self.end(id, why),
            None if again => self.notify(now, id),
            None => self.rearm(id),
        }
    }

    /// Something is due for a subscription: its end, or a NOTIFY held back.
    pub(crate) fn subscription_due(&mut self, now: Instant, id: SubscriptionId) {
        let Some(held) = self.subscriptions.get_mut(id as usize) else {
            return;
        };
        match held.phase {
            Phase::Active { expires_at } if expires_at <= now => {
                held.phase = Phase::Ending(Ended::Expired);
                self.notify(now, id);
            }
            _ => match held.notifying {
                Notifying::Held { until } if until <= now => self.notify(now, id),
                _ => self.rearm(id),
            },
        }
    }

    fn rearm(&mut self, id: SubscriptionId) {
        match self.subscriptions.get(id as usize).and_then(|held| held.due()) {
            Some(at) => self.subscription_due.set(id, at),
            None => self.subscription_due.clear(id),
        }
    }

    /// Forgets a subscription.
    fn end(&mut self, id: SubscriptionId, why: Ended) {
        let Some(held) = self.subscriptions.try_remove(id as usize) else {
            return;
        };
        self.subscription_due.clear(id);
        if let Some(resource) = self.store.resource_mut(held.resource) {
            resource.watchers.retain(|watcher| *watcher != id);
            let event = Event::WatchEnded {
                presentity: resource.presentity.clone(),
                package: resource.package.clone(),
                why,
            };
            self.tell(event);
        }
        self.store.release(held.resource);
    }

    pub(crate) fn transmit(&mut self, transmit: Transmit) {
        self.outputs.push_back(Output::Transmit(transmit));
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}
