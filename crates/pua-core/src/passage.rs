//! What one request goes through on its way to a final response: servers that do not answer,
//! challenges, redirections, a longer Expires (RFC 3261 §8.1.3, §22; RFC 3263 §4.3). Publishing
//! and subscribing differ in what a final response means, not in this.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use sip_digest::Challenge;
use sip_transaction::{Hop, Transport};
use sip_wire::{DeltaSeconds, HeaderName, Message, NameAddr, Uri};

use crate::auth::{Asker, Rounds, Unanswered};
use crate::core::Core;
use crate::next_hop::Tried;
use crate::next_hops::destination;
use crate::output::Unreachable;

/// How often a request is repeated with a longer Expires.
const TOO_BRIEF: u8 = 2;
/// The largest Min-Expires that is followed, in seconds: a month.
const MIN_EXPIRES: u32 = 31 * 24 * 3600;
/// URIs of redirections that are tried.
const REDIRECTIONS: usize = 5;

/// The way of one request.
#[derive(Default)]
pub(crate) struct Passage {
    pub(crate) rounds: Rounds,
    /// How often it was told 423.
    too_brief: u8,
    /// Where the latest request went.
    pub(crate) server: Option<IpAddr>,
    /// The addresses tried for the latest request.
    pub(crate) tried: Tried,
    /// A lost connection was replaced once.
    reconnected: bool,
    /// No datagram can carry the latest request.
    stream_only: bool,
    /// Where a redirection leads, instead of the URI it began with.
    redirect: Option<Box<Redirect>>,
}

/// A redirection being followed (RFC 3261 §8.1.3.4).
struct Redirect {
    /// The Request-URI now.
    uri: Arc<str>,
    /// The next hop now, by its index.
    next_hop: u32,
    /// All URIs that were used or are still to be tried: none is used twice.
    seen: Vec<Arc<str>>,
    /// Those still to be tried, the best last.
    rest: Vec<Arc<str>>,
    /// Who redirected first, by its address.
    home: Option<IpAddr>,
    /// The request still goes to the server that it was meant for.
    at_home: bool,
}

/// How to go on when a request could not be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GoOn {
    /// Once more to the same server, in another way.
    Again,
    /// To the next address.
    Elsewhere,
}

impl Passage {
    /// The next hop: `own`, or where a redirection leads.
    pub(crate) fn next_hop(&self, own: u32) -> u32 {
        self.redirect.as_ref().map_or(own, |redirect| redirect.next_hop)
    }

    /// The Request-URI: `own`, or where a redirection leads.
    pub(crate) fn request_uri<'a>(&'a self, own: &'a Arc<str>) -> &'a Arc<str> {
        self.redirect.as_ref().map_or(own, |redirect| &redirect.uri)
    }

    /// The request is to be sent once more, changed: every address may be tried again.
    pub(crate) fn again(&mut self) {
        self.tried.clear();
        self.reconnected = false;
    }

    /// The request leaves for `hop`.
    pub(crate) fn sent(&mut self, hop: Hop) {
        if self.server.replace(hop.addr.ip()) != Some(hop.addr.ip()) {
            self.rounds.moved();
        }
    }

    /// Whether the request that leaves is larger than any datagram.
    pub(crate) fn needs_stream(&mut self, stream_only: bool) {
        self.stream_only = stream_only;
    }

    /// It has ended: nothing of a redirection is kept.
    pub(crate) fn end(&mut self, core: &mut Core) {
        if let Some(redirect) = self.redirect.take() {
            core.hops.leave(redirect.next_hop);
        }
    }

    /// Whether the server of the request may be shown that we know the password: not one that
    /// another has led us to (SEC-07).
    pub(crate) fn takes_credentials(&self) -> bool {
        self.redirect.as_ref().is_none_or(|redirect| redirect.at_home)
    }

    /// 401 and 407 (RFC 3261 §22). `Ok`: send it again.
    pub(crate) fn challenged(
        &mut self,
        core: &mut Core,
        next_hop: u32,
        message: &Message<'_>,
    ) -> Result<(), Unanswered> {
        core.counters.challenges += 1;
        if !self.takes_credentials() {
            let host = core
                .hops
                .peek(next_hop)
                .map(|hop| hop.destination.host.to_string());
            return Err(Unanswered::Elsewhere(host.unwrap_or_default()));
        }
        let rows = |name, asker| {
            message
                .headers
                .all(name)
                .filter_map(Challenge::parse)
                .map(move |challenge| (asker, challenge))
        };
        let offered: Vec<(Asker, Challenge)> = rows(HeaderName::WwwAuthenticate, Asker::Server)
            .chain(rows(HeaderName::ProxyAuthenticate, Asker::Proxy))
            .collect();
        match core.hops.get(next_hop) {
            Some(hop) => hop
                .sessions
                .challenged(&offered, &core.config.credentials, &mut self.rounds),
            None => Err(Unanswered::Unsupported),
        }
    }

    /// 2xx: the credentials that went along were good.
    pub(crate) fn accepted(&self, core: &mut Core, next_hop: u32, message: &Message<'_>) {
        let info = message.headers.get(HeaderName::AuthenticationInfo);
        if let Some(hop) = core.hops.get(next_hop) {
            hop.sessions.accepted(info, &self.rounds);
        }
    }

    /// 423 (RFC 3903 §5, RFC 6665 §4.2.1.1): the Expires to ask for instead of `asked`, or why
    /// that is not done.
    pub(crate) fn too_brief(
        &mut self,
        core: &mut Core,
        next_hop: u32,
        package: &Arc<str>,
        asked: u32,
        message: &Message<'_>,
    ) -> Result<u32, &'static str> {
        core.counters.responses_423 += 1;
        let least = message
            .headers
            .get(HeaderName::MinExpires)
            .and_then(DeltaSeconds::parse)
            .map(|least| least.0);
        match least {
            _ if asked == 0 => Err("the server finds an end too brief"),
            None => Err("the server does not say which Expires it wants"),
            Some(least) if least <= asked => Err("the server wants no more than was asked for"),
            Some(least) if least > MIN_EXPIRES => Err("the Expires that the server wants is out of reason"),
            Some(_) if self.too_brief >= TOO_BRIEF => Err("the server wants ever more"),
            Some(least) => {
                self.too_brief += 1;
                if let Some(hop) = core.hops.get(next_hop) {
                    hop.set_minimum(package, least);
                }
                Ok(least)
            }
        }
    }

    /// It could not be delivered to `hop`.
    pub(crate) fn undelivered(
        &mut self,
        now: Instant,
        core: &mut Core,
        next_hop: u32,
        hop: Hop,
        why: Unreachable,
    ) -> GoOn {
        let first_choice = core.hops.peek(next_hop).map(|hop| hop.destination.transport);
        if hop.transport == Transport::Tcp
            && first_choice == Some(Transport::Udp)
            && why != Unreachable::Closed
        {
            // It went by TCP for its size only: once more as it is, if a datagram can carry it
            // (RFC 3261 §18.1.1).
            if let Some(next_hop) = core.hops.get(next_hop) {
                next_hop.tcp_refused(now);
            }
            if !self.stream_only {
                return GoOn::Again;
            }
        }
        if why == Unreachable::Closed && !self.reconnected {
            // The connection broke, not necessarily the server: once more on a new one.
            self.reconnected = true;
            return GoOn::Again;
        }
        GoOn::Elsewhere
    }

    /// Nobody answered at `hop`.
    pub(crate) fn unanswered(&mut self, now: Instant, core: &mut Core, next_hop: u32, hop: Hop) {
        self.tried.push(hop.addr.ip());
        let fraction = core.random.fraction();
        if let Some(next_hop) = core.hops.get(next_hop) {
            if self.stream_only && next_hop.destination.transport != hop.transport {
                // That says nothing of what datagrams can carry.
                return;
            }
            next_hop.dead(now, hop.addr.ip());
            next_hop.failed(now, fraction, None);
        }
    }

    /// 503 (RFC 3261 §21.5.4); `retry_after`: for how long the server wants quiet.
    pub(crate) fn unavailable(
        &mut self,
        now: Instant,
        core: &mut Core,
        next_hop: u32,
        hop: Hop,
        retry_after: Option<std::time::Duration>,
    ) {
        let fraction = core.random.fraction();
        if let Some(wait) = retry_after {
            core.hops.block(now, hop.addr, wait);
        }
        if let Some(state) = core.hops.get(next_hop) {
            if retry_after.is_none() {
                state.dead(now, hop.addr.ip());
            }
            state.failed(now, fraction, retry_after);
        }
        self.tried.push(hop.addr.ip());
    }

    /// 3xx (RFC 3261 §8.1.3.4): the Contacts by their q, none twice. `own`: the URI and the next
    /// hop that it began with. `Err`: why there is nowhere to go.
    pub(crate) fn redirected(
        &mut self,
        now: Instant,
        core: &mut Core,
        own: (&Arc<str>, u32),
        message: &Message<'_>,
    ) -> Result<(), &'static str> {
        let (own, own_hop) = own;
        let mut redirect = self.redirect.take().unwrap_or_else(|| {
            Box::new(Redirect {
                uri: own.clone(),
                next_hop: u32::MAX,
                seen: vec![own.clone()],
                rest: Vec::new(),
                home: self.server,
                at_home: false,
            })
        });
        let mut insecure = false;
        let secured = Uri::parse(own).is_ok_and(|uri| uri.is_sips());
        let mut offered: Vec<(u32, Arc<str>)> = Vec::new();
        for value in message.headers.list(HeaderName::Contact).take(REDIRECTIONS * 4) {
            let Ok(contact) = NameAddr::parse(value) else {
                continue;
            };
            let Ok(uri) = contact.uri() else { continue };
            insecure |= uri.is_sips() || secured;
            // R3903-60, R5630-01: what was asked for by TLS is not asked for in clear instead.
            if !uri.is_sip() || secured && !uri.is_sips() || destination(&uri).is_err() {
                continue;
            }
            // A method or header fields of a stranger's URI are not followed (R3261-015).
            let Some(text) = bare(contact.uri) else { continue };
            let known = |seen: &Arc<str>| match (Uri::parse(seen), Uri::parse(&text)) {
                (Ok(one), Ok(other)) => one.same_as(&other),
                _ => false,
            };
            if !redirect.seen.iter().any(known) && redirect.seen.len() <= REDIRECTIONS {
                let text: Arc<str> = Arc::from(text);
                redirect.seen.push(text.clone());
                offered.push((quality(contact.params.get("q")), text));
            }
        }
        // The best last, since they are popped; stable, so that equal ones keep their order.
        offered.reverse();
        offered.sort_by_key(|(q, _)| *q);
        redirect.rest.extend(offered.into_iter().map(|(_, uri)| uri));
        self.redirect = Some(redirect);
        match self.next_contact(now, core, own_hop) {
            true => Ok(()),
            false if insecure => {
                Err("the server redirects to sips, which needs TLS and is not supported yet")
            }
            false => Err("the server redirects to nowhere that can be tried"),
        }
    }

    /// Turns to the best Contact that is left of a redirection, if there is one. `own_hop`: the next
    /// hop that it began with.
    pub(crate) fn next_contact(&mut self, now: Instant, core: &mut Core, own_hop: u32) -> bool {
        let Some(redirect) = &mut self.redirect else {
            return false;
        };
        let Some(uri) = redirect.rest.pop() else {
            return false;
        };
        core.hops.leave(redirect.next_hop);
        let route = core.hops.peek(own_hop).and_then(|hop| hop.route.clone());
        let pacing = core.config.pacing.clone();
        let target = Uri::parse(&uri).ok().and_then(|uri| destination(&uri).ok());
        let home = core.hops.peek(own_hop).map(|hop| hop.destination.host.clone());
        redirect.at_home = match &target {
            // The configured server passes it on.
            _ if route.is_some() => true,
            // By its name, or by the address by which we know it.
            Some(target) => {
                home.as_ref() == Some(&target.host)
                    || (redirect.home.is_some() && target.host.parse().ok() == redirect.home)
            }
            None => false,
        };
        redirect.next_hop = match (route, target) {
            // Through a loose router to whatever Request-URI.
            (Some(route), _) => match core.hops.peek(own_hop).map(|hop| hop.destination.clone()) {
                Some(destination) => core.hops.join(now, destination, Some(route), &pacing),
                None => u32::MAX,
            },
            (None, Some(target)) => core.hops.join(now, target, None, &pacing),
            (None, None) => u32::MAX,
        };
        redirect.uri = uri;
        self.too_brief = 0;
        true
    }
}

/// Whether `code`, from where a redirection has led, is no reason to try its next Contact: 6xx is
/// everybody's word, and some are questions to us.
pub(crate) fn is_a_last_word(code: u16) -> bool {
    !(400..600).contains(&code) || matches!(code, 401 | 407 | 412 | 423)
}

/// A contact's q in thousandths; absent: 1.
fn quality(q: Option<&str>) -> u32 {
    let Some(q) = q else { return 1000 };
    match q.trim().parse::<f64>() {
        Ok(q) if (0.0..=1.0).contains(&q) => (q * 1000.0) as u32,
        _ => 0,
    }
}

/// A URI without header fields and `method`.
pub(crate) fn bare(uri: &str) -> Option<String> {
    let text = uri.split('?').next()?;
    let mut parts = text.split(';');
    let mut kept = parts.next()?.to_owned();
    for part in parts {
        let name = part.split('=').next().unwrap_or("");
        if !name.eq_ignore_ascii_case("method") {
            kept.push(';');
            kept.push_str(part);
        }
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use sip_wire::Limits;

    /// R3903-60, R5630-01: from sips nothing leads to sip.
    #[test]
    fn r3903_60_sips_is_not_redirected_to_sip() {
        let now = Instant::now();
        let mut core = Core::new(now, Config::default(), [1; 32]);
        let text = "SIP/2.0 302 Moved\r\nContact: <sip:b@192.0.2.2>\r\nContent-Length: 0\r\n\r\n";
        let message = Message::parse_datagram(text.as_bytes(), &Limits::default()).unwrap();
        for (own, followed) in [("sips:a@example.com", false), ("sip:a@example.com", true)] {
            let own: Arc<str> = Arc::from(own);
            let mut passage = Passage::default();
            let led = passage.redirected(now, &mut core, (&own, u32::MAX), &message);
            assert_eq!(led.is_ok(), followed, "{own}");
        }
    }
}
