//! One next hop: its addresses and which of them answers, how fast it may be sent to, and whether
//! it is up (RFC 3263 §4.3, RFC 3261 §21.5.4).

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_transaction::{Hop, Transport};
use smallvec::SmallVec;

use crate::auth::Sessions;
use crate::bucket::Bucket;
use crate::config::Pacing;
use crate::output::ResolveError;
use crate::owner::Ready;
use crate::paced::PacedQueue;
use crate::window::Window;

/// How long an address that did not answer is passed over while there are others.
const DEAD_FOR: Duration = Duration::from_secs(60);
/// How long a refused TCP connection makes large requests go by UDP (RFC 3261 §18.1.1).
const TCP_REFUSED_FOR: Duration = Duration::from_secs(600);
/// How long a name that could not be resolved is not asked for again.
const UNRESOLVED_FOR: Duration = Duration::from_secs(5);
/// How soon a name is asked for again whose known addresses are too old.
const STALE_FOR: Duration = Duration::from_secs(30);
/// Bounds on how long an answer of the resolver is kept.
const TTL_FLOOR: Duration = Duration::from_secs(5);
const TTL_CEILING: Duration = Duration::from_secs(3600);
/// Addresses kept of one name.
const ADDRESSES: usize = 16;
/// Packages of which the server's least Expires is remembered.
const MINIMA: usize = 32;

/// Where a next hop leads, before any look-up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Destination {
    /// A name, or a literal address.
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    pub(crate) transport: Transport,
}

/// One address of a next hop.
struct Candidate {
    ip: IpAddr,
    /// The address we send from.
    source: Option<IpAddr>,
    dead_until: Option<Instant>,
    /// Until when it asked not to be sent anything (503 with Retry-After).
    blocked_until: Option<Instant>,
}

enum Addresses {
    Unknown,
    /// The resolver, or the routing table, has been asked; so many answers are missing.
    Asked {
        answers: usize,
        found: Vec<Candidate>,
        until: Option<Instant>,
    },
    Known {
        list: Vec<Candidate>,
        current: usize,
        until: Option<Instant>,
    },
    Failed {
        why: ResolveError,
        until: Instant,
    },
}

/// Where the address that was in use stands among the candidates; else the first.
fn place(list: &[Candidate], used: Option<IpAddr>) -> usize {
    list.iter()
        .position(|candidate| Some(candidate.ip) == used)
        .unwrap_or(0)
}

/// Which address to send to.
pub(crate) enum Selection {
    /// This one, from this address of ours.
    Send { hop: Hop, source: IpAddr },
    /// Ask the resolver first.
    Ask,
    /// The resolver has been asked; wait.
    Wait,
    /// The server asked to be left alone until then.
    Blocked { until: Instant },
    /// There is none.
    None { why: &'static str },
}

/// What all the addresses of a next hop together have asked for (R3263-07).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quiet {
    /// One may be tried, if only one that did not answer last time.
    Open,
    /// None may be tried before then.
    Until(Instant),
}

/// One next hop and all that is known of it.
pub(crate) struct NextHop {
    pub(crate) destination: Destination,
    /// The URI for a Route header, if the hop is a loose router we were told to go through.
    pub(crate) route: Option<Arc<str>>,
    /// How many publications go through it; at none it is forgotten.
    pub(crate) users: u32,
    addresses: Addresses,
    /// The address that was in use before the addresses had to be asked for again.
    used: Option<IpAddr>,
    tcp_refused_until: Option<Instant>,
    pub(crate) sessions: Sessions,
    /// Who waits for its addresses.
    pub(crate) waiting: Vec<u64>,
    /// Who waits to be sent at the paced rate.
    pub(crate) paced: PacedQueue,
    /// When the last of what ends was sent, reckoned evenly.
    flowed_at: Instant,
    bucket: Bucket,
    /// How many requests may be on their way to it.
    pub(crate) window: Window,
    /// Who has something to send, and no room for it in the window so far.
    pub(crate) ready: VecDeque<Ready>,
    /// It is to be looked at in this turn.
    pub(crate) awake: bool,
    failures: u32,
    probe_at: Option<Instant>,
    forgotten: u32,
    swept: bool,
    /// The least Expires that the server accepts, by package.
    minima: Vec<(Arc<str>, u32)>,
}

impl NextHop {
    pub(crate) fn new(
        now: Instant,
        destination: Destination,
        route: Option<Arc<str>>,
        pacing: &Pacing,
    ) -> Self {
        NextHop {
            destination,
            route,
            users: 0,
            addresses: Addresses::Unknown,
            used: None,
            tcp_refused_until: None,
            sessions: Sessions::default(),
            waiting: Vec::new(),
            paced: PacedQueue::new(now),
            flowed_at: now,
            bucket: Bucket::new(now, pacing),
            window: Window::new(pacing),
            ready: VecDeque::new(),
            awake: false,
            failures: 0,
            probe_at: None,
            forgotten: 0,
            swept: false,
            minima: Vec::new(),
        }
    }

    /// Chooses an address, not one in `tried`. The one that answered last is kept to
    /// (RFC 3263 §4.3: a tag is known to the server that gave it); when all are dead, the one that
    /// has been so for the longest is tried.
    pub(crate) fn select(&mut self, now: Instant, tried: &[IpAddr]) -> Selection {
        match &mut self.addresses {
            Addresses::Unknown => return Selection::Ask,
            Addresses::Asked { .. } => return Selection::Wait,
            Addresses::Failed { why, until } => {
                if *until <= now {
                    return Selection::Ask;
                }
                return Selection::None {
                    why: match why {
                        ResolveError::NotFound => "the server's name has no address",
                        ResolveError::Unavailable => "the server's name could not be resolved",
                    },
                };
            }
            Addresses::Known {
                until: Some(until), ..
            } if *until <= now && tried.is_empty() => {
                return Selection::Ask;
            }
            Addresses::Known { .. } => {}
        }
        let Addresses::Known { list, current, .. } = &mut self.addresses else {
            return Selection::Wait;
        };
        let count = list.len();
        let mut best: Option<(Instant, usize)> = None;
        let mut blocked: Option<Instant> = None;
        let mut sourceless = false;
        for index in (0..count).map(|step| (*current + step) % count.max(1)) {
            let Some(candidate) = list.get(index) else {
                continue;
            };
            if tried.contains(&candidate.ip) {
                continue;
            }
            if let Some(until) = candidate.blocked_until.filter(|until| *until > now) {
                blocked = Some(blocked.map_or(until, |least| least.min(until)));
                continue;
            }
            if candidate.source.is_none() {
                sourceless = true;
                continue;
            }
            let dead_until = candidate.dead_until.filter(|until| *until > now).unwrap_or(now);
            if best.is_none_or(|(earliest, _)| dead_until < earliest) {
                best = Some((dead_until, index));
            }
        }
        if let Some((_, index)) = best {
            *current = index;
            if let Some(Candidate {
                ip,
                source: Some(source),
                ..
            }) = list.get(index)
            {
                let addr = SocketAddr::new(*ip, self.destination.port);
                return Selection::Send {
                    hop: Hop {
                        transport: self.destination.transport,
                        addr,
                    },
                    source: *source,
                };
            }
        }
        match blocked {
            Some(until) if tried.is_empty() => Selection::Blocked { until },
            _ if sourceless => Selection::None {
                why: "there is no route to the server, or no listener for its address family",
            },
            _ => Selection::None {
                why: "no other address of the server is left to try",
            },
        }
    }

    /// The address a request would go to now, if it is known.
    pub(crate) fn peek(&self) -> Option<Hop> {
        let Addresses::Known { list, current, .. } = &self.addresses else {
            return None;
        };
        let candidate = list.get(*current)?;
        let addr = SocketAddr::new(candidate.ip, self.destination.port);
        Some(Hop {
            transport: self.destination.transport,
            addr,
        })
    }

    /// The resolver has been asked.
    pub(crate) fn asked(&mut self, now: Instant) {
        match &mut self.addresses {
            Addresses::Known { until, .. } => *until = Some(now + STALE_FOR),
            _ => {
                self.addresses = Addresses::Asked {
                    answers: 1,
                    found: Vec::new(),
                    until: None,
                }
            }
        }
    }

    /// The addresses are known; the answer holds for so long. Returns those of which the routing
    /// table is to say from where they are reached.
    pub(crate) fn resolved(
        &mut self,
        now: Instant,
        answer: Result<(Vec<IpAddr>, Option<Duration>), ResolveError>,
        source: impl Fn(IpAddr) -> Option<Option<IpAddr>>,
    ) -> Vec<IpAddr> {
        let answer = answer.and_then(|(ips, ttl)| {
            if ips.is_empty() {
                Err(ResolveError::NotFound)
            } else {
                Ok((ips, ttl))
            }
        });
        let (ips, ttl) = match (answer, &self.addresses) {
            (Ok(answer), _) => answer,
            // What was known goes on being used while there is nothing better.
            (Err(_), Addresses::Known { .. }) => return Vec::new(),
            (Err(why), _) => {
                self.addresses = Addresses::Failed {
                    why,
                    until: now + UNRESOLVED_FOR,
                };
                return Vec::new();
            }
        };
        let until = ttl.map(|ttl| now + ttl.clamp(TTL_FLOOR, TTL_CEILING));
        let mut unknown = Vec::new();
        let mut fresh = |ip| {
            let known = source(ip);
            if known.is_none() {
                unknown.push(ip);
            }
            Candidate {
                ip,
                source: known.flatten(),
                dead_until: None,
                blocked_until: None,
            }
        };
        match &mut self.addresses {
            Addresses::Known {
                list,
                current,
                until: old,
            } => {
                // The one in use stays in use if it is still among them, with what is known of each.
                let used = list.get(*current).map(|candidate| candidate.ip);
                let mut before = std::mem::take(list);
                for ip in ips.into_iter().take(ADDRESSES) {
                    let place = before.iter().position(|candidate| candidate.ip == ip);
                    list.push(place.map_or_else(|| fresh(ip), |place| before.swap_remove(place)));
                }
                *current = place(list, used);
                *old = until;
            }
            addresses => {
                let found: Vec<Candidate> = ips.into_iter().take(ADDRESSES).map(fresh).collect();
                *addresses = if unknown.is_empty() {
                    Addresses::Known {
                        current: place(&found, self.used),
                        list: found,
                        until,
                    }
                } else {
                    Addresses::Asked {
                        answers: unknown.len(),
                        found,
                        until,
                    }
                };
            }
        }
        unknown
    }

    /// The routing table's answer: we reach `towards` from `source`.
    pub(crate) fn sourced(&mut self, towards: IpAddr, source: Option<IpAddr>) {
        if let Some(candidate) = self.candidate(towards) {
            candidate.source = source;
        }
        let Addresses::Asked {
            answers,
            found,
            until,
        } = &mut self.addresses
        else {
            return;
        };
        let Some(candidate) = found.iter_mut().find(|c| c.ip == towards && c.source.is_none()) else {
            return;
        };
        candidate.source = source;
        *answers = answers.saturating_sub(1);
        if *answers == 0 {
            self.addresses = Addresses::Known {
                current: place(found, self.used),
                list: std::mem::take(found),
                until: *until,
            };
        }
    }

    /// Whether who waits for addresses can go on.
    pub(crate) fn is_resolved(&self) -> bool {
        matches!(self.addresses, Addresses::Known { .. } | Addresses::Failed { .. })
    }

    fn candidate(&mut self, ip: IpAddr) -> Option<&mut Candidate> {
        match &mut self.addresses {
            Addresses::Known { list, .. } => list.iter_mut().find(|candidate| candidate.ip == ip),
            _ => None,
        }
    }

    /// The address did not answer, or said 503: others first for a while.
    pub(crate) fn dead(&mut self, now: Instant, ip: IpAddr) {
        if let Some(candidate) = self.candidate(ip) {
            candidate.dead_until = Some(now + DEAD_FOR);
        }
    }

    /// The address asked for quiet (503 with Retry-After).
    pub(crate) fn block(&mut self, ip: IpAddr, until: Instant) {
        if let Some(candidate) = self.candidate(ip) {
            candidate.blocked_until = Some(until);
        }
    }

    /// What its addresses have asked for, if there are several.
    pub(crate) fn quiet(&self, now: Instant) -> Option<Quiet> {
        let list = match &self.addresses {
            Addresses::Known { list, .. } if list.len() > 1 => list,
            _ => return None,
        };
        let reachable = || list.iter().filter(|candidate| candidate.source.is_some());
        let blocked = |candidate: &Candidate| candidate.blocked_until.filter(|until| *until > now);
        match reachable().any(|candidate| blocked(candidate).is_none()) {
            true => Some(Quiet::Open),
            false => reachable().filter_map(blocked).min().map(Quiet::Until),
        }
    }

    /// Takes over what addresses have asked for in other hops, or before this one was resolved.
    pub(crate) fn keep_quiet(&mut self, quiet: &[(SocketAddr, Instant)]) {
        let port = self.destination.port;
        for (addr, until) in quiet.iter().filter(|(addr, _)| addr.port() == port) {
            self.block(addr.ip(), *until);
        }
    }

    /// Whether requests too large for UDP can go by TCP.
    pub(crate) fn takes_tcp(&self, now: Instant) -> bool {
        self.tcp_refused_until.is_none_or(|until| until <= now)
    }

    /// TCP was refused.
    pub(crate) fn tcp_refused(&mut self, now: Instant) {
        self.tcp_refused_until = Some(now + TCP_REFUSED_FOR);
    }

    /// Applies a changed configuration.
    pub(crate) fn configure(&mut self, now: Instant, pacing: &Pacing) {
        self.sessions.clear();
        self.bucket = Bucket::new(now, pacing);
        self.window.configure(pacing);
        // Listening addresses may differ: ask for sources anew.
        if self.is_resolved() {
            self.used = self.peek().map(|hop| hop.addr.ip()).or(self.used);
            self.addresses = Addresses::Unknown;
        }
    }

    /// The least Expires that the server is known to accept for `package`.
    pub(crate) fn minimum(&self, package: &str) -> u32 {
        self.minima
            .iter()
            .find(|(name, _)| **name == *package)
            .map_or(0, |(_, least)| *least)
    }

    /// The server said 423 with this Min-Expires.
    pub(crate) fn set_minimum(&mut self, package: &Arc<str>, least: u32) {
        match self.minima.iter_mut().find(|(name, _)| name == package) {
            Some((_, known)) => *known = least,
            None => {
                if self.minima.len() >= MINIMA {
                    self.minima.remove(0);
                }
                self.minima.push((package.clone(), least));
            }
        }
    }
}

mod health;

/// The addresses that one exchange has tried.
pub(crate) type Tried = SmallVec<[IpAddr; 2]>;

#[cfg(test)]
mod tests;
