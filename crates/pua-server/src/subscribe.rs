//! SUBSCRIBE: making, refreshing and ending subscriptions (RFC 6665 §4.2.1).

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rand::RngCore;
use sip_transaction::{Flow, Hop, Transport};
use sip_wire::typed::EventHeader;
use sip_wire::{HeaderName, Host, NameAddr, Uri};

use crate::config::{Granted, Lifetimes};
use crate::event::{Ended, Event};
use crate::server::Server;
use crate::store::ResourceId;
use crate::subscription::{LocalTag, Notifying, Path, Phase, Subscription, SubscriptionId};
use crate::uas::{Refusal, Reply, Request, With, refuse, refuse_with};

impl Server {
    /// Answers a SUBSCRIBE. The NOTIFY that must follow (§4.2.1.2) is the caller's.
    pub(crate) fn subscribe(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        uri: &Uri<'_>,
    ) -> Result<Reply, Refusal> {
        if request.essentials.to_tag.is_some() {
            return self.resubscribe(now, request);
        }
        self.check_domain(uri)?;
        let event = self.event(request)?;
        let wanted = self.config.auth.as_ref().is_some_and(|auth| auth.subscribe);
        self.authenticate(now, request, wanted)?;
        check_accept(request, event.package)?;
        let expires = self.grant(request)?;
        let contact = contact(request)?.ok_or_else(|| refuse(400, "Missing Contact"))?;
        if self.subscriptions.len() >= self.config.limits.subscriptions {
            return Err(refuse_with(503, "Too Many Subscriptions", With::RetryAfter(60)));
        }
        self.key.set(event.package, uri);
        let resource = self.store.find_or_create(&self.key, event.package);
        let subscription = self.create(now, request, &event, contact, resource, expires);
        self.counters.subscribed += 1;
        if let Some(watched) = self.store.resource_mut(resource) {
            watched.watchers.push(subscription);
            let told = Event::Watching {
                presentity: watched.presentity.clone(),
                package: watched.package.clone(),
                expires,
            };
            self.tell(told);
        }
        Ok(Reply::Subscribed {
            subscription,
            expires,
            initial: true,
        })
    }

    /// A SUBSCRIBE inside a dialog: §4.2.1.4.
    fn resubscribe(&mut self, now: Instant, request: &Request<'_>) -> Result<Reply, Refusal> {
        let gone = || refuse(481, "Subscription Does Not Exist");
        let id = self.dialog(request).ok_or_else(gone)?;
        let event = self.event(request)?;
        let wanted = self.config.auth.as_ref().is_some_and(|auth| auth.subscribe);
        self.authenticate(now, request, wanted)?;
        let expires = self.grant(request)?;
        let target = contact(request)?.map(|contact| contact.uri);
        let held = self.subscriptions.get_mut(id as usize).ok_or_else(gone)?;
        let same_package = self
            .store
            .resource(held.resource)
            .is_some_and(|resource| &*resource.package == event.package);
        if !same_package || held.event_id.as_deref() != event.id || matches!(held.phase, Phase::Ending(_)) {
            return Err(gone());
        }
        // RFC 3261 §12.2.2.
        let cseq = request.essentials.cseq.number;
        if cseq <= held.remote_cseq {
            return Err(refuse(500, "CSeq Out of Order"));
        }
        held.remote_cseq = cseq;
        if let Some(target) = target {
            held.target = target.into();
        }
        held.path = path(held, request.flow, wanted);
        held.phase = phase(now, expires);
        self.counters.subscribed += 1;
        Ok(Reply::Subscribed {
            subscription: id,
            expires,
            initial: false,
        })
    }

    fn create(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        event: &EventHeader<'_>,
        contact: NameAddr<'_>,
        resource: ResourceId,
        expires: u32,
    ) -> SubscriptionId {
        let random = self.random.next_u64();
        let route_set: Box<[Box<str>]> = request
            .message
            .headers
            .list(HeaderName::RecordRoute)
            .map(|route| String::from_utf8_lossy(route).into())
            .collect();
        let own_contact = self.contact(request.flow);
        let entry = self.subscriptions.vacant_entry();
        let id = entry.key() as SubscriptionId;
        let tag = LocalTag { id, random };
        let mut rows = Vec::with_capacity(256);
        let (us, watcher) = (request.text(HeaderName::To), request.text(HeaderName::From));
        let (us, watcher) = (us.unwrap_or_default(), watcher.unwrap_or_default());
        let mut row = |name: HeaderName, parts: [&str; 3]| {
            rows.extend_from_slice(name.as_str().as_bytes());
            rows.extend_from_slice(b": ");
            rows.extend_from_slice(parts.concat().as_bytes());
            rows.extend_from_slice(b"\r\n");
        };
        row(HeaderName::From, [&us, ";tag=", tag.digits().as_str()]);
        row(HeaderName::To, [&watcher, "", ""]);
        row(HeaderName::CallId, [request.essentials.call_id, "", ""]);
        row(HeaderName::Contact, [&own_contact, "", ""]);
        match event.id {
            Some(id) => row(HeaderName::Event, [event.package, ";id=", id]),
            None => row(HeaderName::Event, [event.package, "", ""]),
        }
        let mut subscription = Subscription {
            tag,
            resource,
            phase: phase(now, expires),
            notifying: Notifying::Settled,
            not_before: None,
            call_id: request.essentials.call_id.into(),
            remote_tag: request.essentials.from_tag.unwrap_or_default().into(),
            rows: rows.into(),
            event_id: event.id.map(Into::into),
            target: contact.uri.into(),
            route_set,
            path: Path {
                hop: request.flow.hop(),
                local: request.flow.local,
                connection: None,
            },
            no_tcp_until: None,
            local_cseq: 0,
            remote_cseq: request.essentials.cseq.number,
            version: 0,
        };
        let authenticated = self.config.auth.as_ref().is_some_and(|auth| auth.subscribe);
        subscription.path = path(&subscription, request.flow, authenticated);
        entry.insert(subscription);
        id
    }

    /// The subscription whose dialog the request is in (RFC 3261 §12.2.2).
    pub(crate) fn dialog(&self, request: &Request<'_>) -> Option<SubscriptionId> {
        let tag = LocalTag::parse(request.essentials.to_tag?)?;
        let held = self.subscriptions.get(tag.id as usize)?;
        let same = held.tag == tag
            && *held.call_id == *request.essentials.call_id
            && *held.remote_tag == *request.essentials.from_tag.unwrap_or_default();
        same.then_some(tag.id)
    }

    fn grant(&self, request: &Request<'_>) -> Result<u32, Refusal> {
        let configured = self.config.subscribe;
        let lifetimes = Lifetimes {
            min: configured.min.min(3600),
            ..configured
        };
        match lifetimes.grant(Server::asked_expires(request)) {
            Granted::Seconds(seconds) => Ok(seconds),
            Granted::TooBrief { min } => Err(refuse_with(423, "Interval Too Brief", With::MinExpires(min))),
        }
    }

    /// The value of our Contact towards the peer of `flow`.
    pub(crate) fn contact(&self, flow: &Flow) -> String {
        let addr = self.own_address(flow.local, flow.remote);
        match flow.transport {
            Transport::Udp => format!("<sip:{addr}>"),
            transport => format!("<sip:{addr};transport={transport}>"),
        }
    }

    /// The address that peers know us by. A socket bound to all addresses does not know the one
    /// it was reached by, except on this machine.
    pub(crate) fn own_address(&self, local: SocketAddr, remote: SocketAddr) -> SocketAddr {
        match self.config.advertise {
            Some(advertised) => advertised,
            None if local.ip().is_unspecified() && remote.ip().is_loopback() => {
                SocketAddr::new(remote.ip(), local.port())
            }
            None => local,
        }
    }
}

fn phase(now: Instant, expires: u32) -> Phase {
    match expires {
        // An unsubscription, or a fetch (§4.4.3).
        0 => Phase::Ending(Ended::Unsubscribed),
        seconds => Phase::Active {
            expires_at: now + Duration::from_secs(seconds.into()),
        },
    }
}

/// The one Contact, if there is one.
fn contact<'a>(request: &Request<'a>) -> Result<Option<NameAddr<'a>>, Refusal> {
    let mut contacts = request.message.headers.list(HeaderName::Contact);
    let Some(value) = contacts.next() else {
        return Ok(None);
    };
    if contacts.next().is_some() {
        return Err(refuse(400, "More Than One Contact"));
    }
    let malformed = || refuse(400, "Malformed Contact");
    let contact = NameAddr::parse(value).map_err(|_| malformed())?;
    Uri::parse(contact.uri).map_err(|_| malformed())?;
    Ok(Some(contact))
}

/// Whether the watcher takes what it would get (RFC 6665 §4.4.1 with RFC 3261 §21.4.7).
fn check_accept(request: &Request<'_>, package: &str) -> Result<(), Refusal> {
    let expected = match package {
        "presence" => "application/pidf+xml",
        "dialog" => "application/dialog-info+xml",
        "message-summary" => "application/simple-message-summary",
        _ => return Ok(()),
    };
    let mut ranges = request.message.headers.list(HeaderName::Accept).peekable();
    let fits = |range: &[u8]| {
        let range = String::from_utf8_lossy(range).to_ascii_lowercase();
        let range = range.split(';').next().unwrap_or_default().trim();
        range == expected || range == "*/*" || range == "application/*"
    };
    if ranges.peek().is_none() || ranges.any(fits) {
        Ok(())
    } else {
        Err(refuse_with(406, "Not Acceptable", With::Accept(expected)))
    }
}

/// Whether a Route value has the `lr` parameter (RFC 3261 §19.1.1).
pub(crate) fn is_loose(route: &str) -> bool {
    NameAddr::parse(route.as_bytes())
        .ok()
        .and_then(|route| Uri::parse(route.uri).ok())
        .is_some_and(|uri| uri.is_loose_route())
}

/// Where the NOTIFY requests of a subscription go: to the first hop of its route set, else to its
/// remote target. Names are not looked up here: what has a name in place of an address is sent to
/// where the SUBSCRIBE came from, and so is what came by the very connection it points back to.
///
/// Whoever need not tell a password could name any address as Contact or Record-Route, and have
/// documents sent there again and again. So another host than the one the SUBSCRIBE came from is
/// believed of `authenticated` watchers only; a proxy that is named by another of its addresses
/// still gets the request, with the Route that leads on.
fn path(subscription: &Subscription, flow: &Flow, authenticated: bool) -> Path {
    let route = subscription.route_set.first();
    let next = match route {
        Some(route) => NameAddr::parse(route.as_bytes())
            .map(|route| route.uri)
            .unwrap_or_default(),
        None => &subscription.target,
    };
    let addr_and_transport = Uri::parse(next).ok().and_then(|uri| {
        let ip: IpAddr = match uri.host {
            Host::V4(ip) => ip.into(),
            Host::V6(ip) => ip.into(),
            Host::Name(_) => return None,
        };
        let transport = uri
            .transport()
            .map_or(Some(Transport::Udp), Transport::from_uri_token)?;
        Some((SocketAddr::new(ip, uri.port.unwrap_or(5060)), transport))
    });
    let hop = match addr_and_transport {
        // The far end of its own connection, whatever the transport says.
        Some((addr, _)) if addr == flow.remote && flow.transport.is_reliable() => flow.hop(),
        Some((addr, transport)) if authenticated || is_same_host(addr, flow.remote) => {
            Hop { transport, addr }
        }
        _ => flow.hop(),
    };
    Path {
        hop,
        local: flow.local,
        connection: (hop.transport == flow.transport && flow.transport.is_reliable())
            .then_some(flow.connection),
    }
}

fn is_same_host(one: SocketAddr, other: SocketAddr) -> bool {
    one.ip().to_canonical() == other.ip().to_canonical()
}
