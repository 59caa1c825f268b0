//! All next hops: found by where they lead, resolved once for all who wait.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_transaction::{DueTimes, Transport};
use sip_wire::{Host, Scheme, Uri};
use slab::Slab;
use smallvec::SmallVec;

use crate::bucket::Gate;
use crate::command::Proxy;
use crate::config::{Config, Pacing};
use crate::core::Core;
use crate::next_hop::{Destination, NextHop};
use crate::output::{Output, Query, Refusal, ResolveError};
use crate::paced::Lane;

/// Servers that asked for quiet, as far as they are remembered.
const QUIET: usize = 64;

/// Where a URI leads (RFC 3263 §4, without NAPTR and SRV yet), or why it cannot be followed.
pub(crate) fn destination(uri: &Uri<'_>) -> Result<Destination, &'static str> {
    match uri.scheme {
        Scheme::Sip => {}
        Scheme::Sips => return Err("sips needs TLS, which is not supported yet"),
        _ => return Err("only sip URIs can be routed: set presence_server, or give a proxy"),
    }
    let transport = match uri.transport() {
        None => Transport::Udp,
        Some(token) => {
            Transport::from_uri_token(token).ok_or("the transport parameter is neither udp nor tcp")?
        }
    };
    let host: Arc<str> = match uri.param("maddr").flatten() {
        Some(maddr) => Arc::from(maddr.to_ascii_lowercase()),
        None => match &uri.host {
            Host::Name(name) => Arc::from(name.to_ascii_lowercase()),
            Host::V4(ip) => Arc::from(ip.to_string()),
            Host::V6(ip) => Arc::from(ip.to_string()),
        },
    };
    Ok(Destination {
        host,
        port: uri.port.unwrap_or(5060),
        transport,
    })
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = self.transport.via_token();
        write!(f, "{} {} {}", self.host, self.port, token)
    }
}

/// Where a URI has led.
struct Led {
    uri: Arc<str>,
    /// If it is a loose router's, it goes into a Route header.
    routes: bool,
    hop: u32,
}

/// URIs whose hops are remembered.
const LED: usize = 8;

/// The next hops of one user agent.
pub(crate) struct NextHops {
    hops: Slab<NextHop>,
    index: HashMap<(Destination, Option<Arc<str>>), u32>,
    /// Where the last of them have led: very many publications and dialogs have the same.
    led: VecDeque<Led>,
    /// Who waits for the answer to a query.
    asked: HashMap<Query, SmallVec<[u32; 2]>>,
    /// Which servers asked for quiet until when (503 with Retry-After), by whatever hop: it holds
    /// when the name is resolved anew, and when the last publication of the hop has gone.
    quiet: Vec<(SocketAddr, Instant)>,
    /// When paced requests of a hop may go on.
    due: DueTimes,
    /// Those that are to be looked at in this turn.
    awake: Vec<u32>,
    /// At so many the unused ones are forgotten.
    most: usize,
}

/// So many next hops are kept at the least before the unused ones are forgotten.
const HOPS: usize = 1024;

impl NextHops {
    pub(crate) fn new(now: Instant) -> Self {
        NextHops {
            hops: Slab::new(),
            index: HashMap::new(),
            led: VecDeque::new(),
            asked: HashMap::new(),
            quiet: Vec::new(),
            due: DueTimes::new(now),
            awake: Vec::new(),
            most: HOPS,
        }
    }

    /// The next hop that leads there, made if need be, with one user more.
    pub(crate) fn join(
        &mut self,
        now: Instant,
        destination: Destination,
        route: Option<Arc<str>>,
        pacing: &Pacing,
    ) -> u32 {
        let key = (destination, route);
        let index = match self.index.get(&key) {
            Some(index) => *index,
            None => {
                if self.hops.len() >= self.most {
                    self.forget_unused();
                    // Those in use stay, however many: next time when they have doubled.
                    self.most = (2 * self.hops.len()).max(HOPS);
                }
                let hop = NextHop::new(now, key.0.clone(), key.1.clone(), pacing);
                let index = u32::try_from(self.hops.insert(hop)).unwrap_or(u32::MAX);
                self.index.insert(key, index);
                index
            }
        };
        if let Some(hop) = self.get(index) {
            hop.users += 1;
        }
        index
    }

    /// The next hop that a URI has led to lately, with one user more.
    pub(crate) fn join_led(&mut self, uri: &str, routes: bool) -> Option<u32> {
        let led = self
            .led
            .iter()
            .find(|led| led.routes == routes && *led.uri == *uri)?;
        Some(self.join_again(led.hop))
    }

    /// Remembers that it leads there.
    pub(crate) fn leads(&mut self, uri: &Arc<str>, routes: bool, hop: u32) {
        if self.led.len() >= LED {
            self.led.pop_back();
        }
        let uri = uri.clone();
        self.led.push_front(Led { uri, routes, hop });
    }

    /// Whether it is known to lead somewhere.
    pub(crate) fn is_known_to_lead(&self, uri: &str) -> bool {
        self.led.iter().any(|led| *led.uri == *uri)
    }

    /// One user more of a next hop that is in use.
    pub(crate) fn join_again(&mut self, index: u32) -> u32 {
        if let Some(hop) = self.get(index) {
            hop.users += 1;
        }
        index
    }

    /// One user less. What is known of the hop is kept: a Retry-After, a nonce, a least Expires
    /// hold for whoever comes next.
    pub(crate) fn leave(&mut self, index: u32) {
        if let Some(hop) = self.hops.get_mut(index as usize) {
            hop.users = hop.users.saturating_sub(1);
        }
    }

    /// Forgets the hops that nobody uses.
    fn forget_unused(&mut self) {
        self.led.clear();
        let unused: Vec<usize> = self
            .hops
            .iter()
            .filter(|(_, hop)| hop.is_unused())
            .map(|(index, _)| index)
            .collect();
        for index in unused {
            let hop = self.hops.remove(index);
            self.index.remove(&(hop.destination, hop.route));
            self.due.clear(index as u32);
        }
    }

    pub(crate) fn get(&mut self, index: u32) -> Option<&mut NextHop> {
        self.hops.get_mut(index as usize)
    }

    /// What a hop is called where it is written down.
    pub(crate) fn name(&self, index: u32) -> Arc<str> {
        let hop = self.peek(index);
        hop.map(|hop| Arc::from(hop.destination.to_string()))
            .unwrap_or_default()
    }

    pub(crate) fn peek(&self, index: u32) -> Option<&NextHop> {
        self.hops.get(index as usize)
    }

    /// Begins to find the addresses of a hop. A literal address needs no resolver, and its hop
    /// may be ready when this returns.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        index: u32,
        config: &Config,
        outputs: &mut impl FnMut(Output),
    ) {
        let Some(hop) = self.hops.get_mut(index as usize) else {
            return;
        };
        hop.asked(now);
        match hop.destination.host.parse::<IpAddr>() {
            Ok(ip) => self.addresses(now, index, Ok((vec![ip], None)), config, outputs),
            Err(_) => {
                let query = Query::Addresses {
                    host: hop.destination.host.clone(),
                };
                self.query(query, index, outputs);
            }
        }
    }

    fn query(&mut self, query: Query, index: u32, outputs: &mut impl FnMut(Output)) {
        let waiting = self.asked.entry(query.clone()).or_default();
        if waiting.is_empty() {
            outputs(Output::Resolve(query));
        }
        if !waiting.contains(&index) {
            waiting.push(index);
        }
    }

    fn addresses(
        &mut self,
        now: Instant,
        index: u32,
        answer: Result<(Vec<IpAddr>, Option<Duration>), ResolveError>,
        config: &Config,
        outputs: &mut impl FnMut(Output),
    ) {
        let Some(hop) = self.hops.get_mut(index as usize) else {
            return;
        };
        let transport = hop.destination.transport;
        let unknown = hop.resolved(now, answer, |towards| source(config, transport, towards));
        hop.keep_quiet(&self.quiet);
        for towards in unknown {
            self.query(Query::Source { towards }, index, outputs);
        }
    }

    /// The resolver's answer. Returns who can go on.
    pub(crate) fn resolved(
        &mut self,
        now: Instant,
        host: Arc<str>,
        answer: &Result<(Vec<IpAddr>, Duration), ResolveError>,
        config: &Config,
        outputs: &mut impl FnMut(Output),
    ) -> Vec<u64> {
        let waiting = self.asked.remove(&Query::Addresses { host }).unwrap_or_default();
        for index in &waiting {
            let answer = answer
                .as_ref()
                .map(|(ips, ttl)| (ips.clone(), Some(*ttl)))
                .map_err(|why| *why);
            self.addresses(now, *index, answer, config, outputs);
        }
        self.ready(&waiting)
    }

    /// The routing table's answer. Returns who can go on.
    pub(crate) fn sourced(&mut self, towards: IpAddr, source: Option<IpAddr>) -> Vec<u64> {
        let waiting = self.asked.remove(&Query::Source { towards }).unwrap_or_default();
        for index in &waiting {
            if let Some(hop) = self.get(*index) {
                hop.sourced(towards, source);
            }
            if let Some(hop) = self.hops.get_mut(*index as usize) {
                hop.keep_quiet(&self.quiet);
            }
        }
        self.ready(&waiting)
    }

    fn ready(&mut self, indices: &[u32]) -> Vec<u64> {
        let mut owners = Vec::new();
        for index in indices {
            if let Some(hop) = self.get(*index)
                && hop.is_resolved()
            {
                owners.append(&mut hop.waiting);
            }
        }
        owners
    }

    /// The server at `addr` asked for quiet (503 with Retry-After).
    pub(crate) fn block(&mut self, now: Instant, addr: SocketAddr, for_: Duration) {
        self.quiet.retain(|(other, until)| *other != addr && *until > now);
        if self.quiet.len() >= QUIET {
            self.quiet.remove(0);
        }
        self.quiet.push((addr, now + for_));
        for (_, hop) in &mut self.hops {
            hop.keep_quiet(&self.quiet);
        }
    }

    /// Has the paced queue of a hop looked at again then.
    pub(crate) fn wake_at(&mut self, index: u32, at: Instant) {
        self.due.set(index, at);
    }

    /// Whether the next of a lane of a hop may go now; else the hop is looked at again when it may,
    /// or when something that is under way is over.
    pub(crate) fn lets_go(&mut self, now: Instant, index: u32, lane: Lane) -> bool {
        match self.get(index).map(|hop| hop.gate(now, lane)) {
            Some(Gate::Open) => true,
            Some(Gate::ClosedUntil(at)) => {
                self.wake_at(index, at);
                false
            }
            Some(Gate::Full) | None => false,
        }
    }

    /// Has it looked at in this turn, when what goes on now is done.
    pub(crate) fn wake(&mut self, index: u32) {
        if let Some(hop) = self.hops.get_mut(index as usize)
            && !std::mem::replace(&mut hop.awake, true)
        {
            self.awake.push(index);
        }
    }

    /// A hop that may have something to send.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<u32> {
        if let Some(index) = self.awake.pop() {
            if let Some(hop) = self.hops.get_mut(index as usize) {
                hop.awake = false;
            }
            return Some(index);
        }
        self.due.pop(now)
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.next()
    }

    /// Applies a changed configuration.
    pub(crate) fn configure(&mut self, now: Instant, pacing: &Pacing) {
        for (_, hop) in &mut self.hops {
            hop.configure(now, pacing);
        }
    }

    /// How many requests wait for the paced rate.
    pub(crate) fn paced(&self) -> usize {
        self.hops.iter().map(|(_, hop)| hop.paced.len()).sum()
    }

    /// How many presentities and subscriptions wait for room in a window.
    pub(crate) fn held_back(&self) -> usize {
        self.hops.iter().map(|(_, hop)| hop.ready.len()).sum()
    }

    /// The smallest window of a hop that is in use; 0: none is.
    pub(crate) fn smallest_window(&self) -> usize {
        let used = self.hops.iter().filter(|(_, hop)| hop.users > 0);
        used.map(|(_, hop)| hop.window.size() as usize).min().unwrap_or(0)
    }

    /// How many requests count in the windows.
    pub(crate) fn under_way(&self) -> usize {
        let under_way = self.hops.iter().map(|(_, hop)| hop.window.under_way() as usize);
        under_way.sum()
    }
}

/// The next hop of a presentity: the proxy that the application gave, else the one that is
/// `configured` for the role, else the presence server, else where its own URI leads.
pub(crate) fn next_hop_for(
    now: Instant,
    core: &mut Core,
    presentity: &str,
    proxy: Option<&Proxy>,
    configured: Option<&Proxy>,
) -> Result<u32, Refusal> {
    let given = proxy.is_some();
    let router = proxy.or(configured).or(core.config.presence_server.as_ref());
    let router = router.map(|proxy| proxy.uri.clone());
    if let Some(known) = router.as_ref().and_then(|uri| core.hops.join_led(uri, true)) {
        return Ok(known);
    }
    let text = router.as_deref().unwrap_or(presentity);
    let bad = |why| {
        if given {
            Refusal::BadProxy(why)
        } else {
            Refusal::BadPresentity(why)
        }
    };
    let uri = Uri::parse(text).map_err(|fault| bad(fault.reason()))?;
    let to = destination(&uri).map_err(bad)?;
    let route = router.clone().filter(|_| uri.is_loose_route());
    let pacing = core.config.pacing.clone();
    let hop = core.hops.join(now, to, route, &pacing);
    if let Some(router) = &router {
        core.hops.leads(router, true, hop);
    }
    Ok(hop)
}

/// Our address towards `towards`: `None`: ask the routing table; `Some(None)`: there is none.
fn source(config: &Config, transport: Transport, towards: IpAddr) -> Option<Option<IpAddr>> {
    let same_family = |ip: &IpAddr| ip.is_ipv4() == towards.is_ipv4();
    let mut of_family = config
        .listen
        .iter()
        .filter(|(_, addr)| same_family(&addr.ip()))
        .map(|(listener, addr)| (*listener, addr.ip()));
    let best = of_family
        .clone()
        .find(|(listener, _)| *listener == transport)
        .or_else(|| of_family.next());
    match best {
        None => Some(None),
        Some((_, ip)) if ip.is_unspecified() => None,
        // A listener on loopback cannot be seen from elsewhere, but it is what we were told.
        Some((_, ip)) => Some(Some(ip)),
    }
}
