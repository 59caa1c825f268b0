//! A notifier as RFC 6665 §4.2 allows it, with its own lawful moods, and on demand with those of
//! the field. It stands for a whole site: a front that takes first SUBSCRIBEs and may fork them,
//! nodes that keep subscriptions, and proxies that put themselves between.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sip_digest::{Algorithm, Challenger, ChallengerConfig};
use sip_wire::Uri;

use super::resource::{Kind, Resource, Truth};

mod subscribe;
mod tell;

/// Where first SUBSCRIBEs go.
pub(crate) const FRONT: SocketAddr = address(1);

pub(crate) const fn address(last: u8) -> SocketAddr {
    SocketAddr::new(
        std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, last)),
        5060,
    )
}

/// Whether an address is of the site.
pub(crate) fn is_site(addr: SocketAddr) -> bool {
    (1..=29).any(|last| addr == address(last))
}

/// What a notifier always does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    /// Less than this is answered 423.
    pub(crate) min: u32,
    /// More than this is cut.
    pub(crate) max: u32,
    /// Asks for credentials; how long a nonce is good.
    pub(crate) digest: Option<Duration>,
    /// Proxies that record their routes.
    pub(crate) proxies: u8,
    /// To how many nodes a first SUBSCRIBE is forked at most.
    pub(crate) forks: u8,
    /// Tells only what has changed, where the package allows it.
    pub(crate) partial: bool,
    /// Gives entity-tags, and answers 204 (RFC 5839).
    pub(crate) conditional: bool,
    /// Sends a NOTIFY before the one before it is answered.
    pub(crate) pipelines: bool,
}

/// What a notifier does now and then. Each is a chance.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moods {
    /// NOTIFY first, and the answer to SUBSCRIBE later.
    pub(crate) early: f64,
    /// NOTIFY seconds after the answer.
    pub(crate) late: f64,
    /// No answer to SUBSCRIBE; half the time it has done what was asked.
    pub(crate) silent: f64,
    /// No NOTIFY after SUBSCRIBE.
    pub(crate) mute: f64,
    /// 503, half the time with Retry-After.
    pub(crate) unavailable: f64,
    /// 500, 480, 408 and the like, sometimes with Retry-After.
    pub(crate) later: f64,
    /// 403, 489, 603.
    pub(crate) refuses: f64,
    /// 404.
    pub(crate) not_found: f64,
    /// Forgets a subscription without a word.
    pub(crate) forgets: f64,
    /// Does not decide at first.
    pub(crate) pending: f64,
    /// 2xx without Expires, or with more than was asked.
    pub(crate) bad_expires: f64,
    /// Grants only a part of what was asked.
    pub(crate) shortens: f64,
    /// Moves to another node.
    pub(crate) moves: f64,
    /// A document that cannot be read.
    pub(crate) broken: f64,
    /// Partial state that is never told.
    pub(crate) gaps: f64,
}

/// Where a subscription stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Pending,
    Active,
    /// The last NOTIFY is to be sent, or on its way.
    Ending(String),
}

/// A subscription as the notifier keeps it.
pub(crate) struct Usage {
    pub(crate) resource: (String, String),
    pub(crate) call_id: String,
    pub(crate) watcher_tag: String,
    pub(crate) tag: String,
    /// Values of From and To.
    from: String,
    to: String,
    event: String,
    target: String,
    node: u8,
    routes: Vec<u8>,
    cseq: u32,
    remote_cseq: u32,
    pub(crate) expires_at: Instant,
    pub(crate) phase: Phase,
    version: u32,
    /// What it was told last.
    told: Option<Resource>,
    /// A NOTIFY is due then; `true`: with all of the state.
    due: Option<(Instant, bool)>,
    in_flight: Option<String>,
    /// The watcher has answered a NOTIFY with 2xx.
    pub(crate) confirmed: bool,
    /// What was told could not be read.
    lied: bool,
    tells_expires: bool,
}

struct Flight {
    usage: u64,
    from: SocketAddr,
    bytes: Bytes,
    sent_at: Instant,
    next_at: Instant,
    interval: Duration,
    last: bool,
}

/// A message that leaves the site.
pub(crate) struct Sent {
    pub(crate) after: Duration,
    pub(crate) from: SocketAddr,
    pub(crate) bytes: Bytes,
}

/// The site.
pub(crate) struct Notifier {
    pub(crate) rng: StdRng,
    policy: Policy,
    moods: Moods,
    challenger: Option<Challenger>,
    resources: BTreeMap<(String, String), Resource>,
    pub(crate) usages: BTreeMap<u64, Usage>,
    flights: BTreeMap<String, Flight>,
    answered: BTreeMap<String, (Instant, Option<(SocketAddr, Bytes)>)>,
    serial: u64,
    revision: u64,
}

/// RFC 3261 §17.1.2.2
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

impl Notifier {
    pub(crate) fn new(now: Instant, policy: Policy, moods: Moods, seed: u64) -> Notifier {
        let mut rng = StdRng::seed_from_u64(seed);
        let challenger = policy.digest.map(|nonce_lifetime| {
            let config = ChallengerConfig {
                realm: "example.com".to_owned(),
                algorithms: vec![if rng.random() {
                    Algorithm::Sha256
                } else {
                    Algorithm::Md5
                }],
                nonce_lifetime,
                ..ChallengerConfig::default()
            };
            Challenger::new(now, config, rng.random())
        });
        Notifier {
            rng,
            policy,
            moods,
            challenger,
            resources: BTreeMap::new(),
            usages: BTreeMap::new(),
            flights: BTreeMap::new(),
            answered: BTreeMap::new(),
            serial: 0,
            revision: 0,
        }
    }

    fn chance(&mut self, of: f64) -> bool {
        of > 0.0 && self.rng.random_bool(of)
    }

    fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// All subscriptions are forgotten.
    pub(crate) fn restart(&mut self) {
        self.usages.clear();
        self.flights.clear();
        self.answered.clear();
    }

    /// From now on it behaves, and decides what was left open.
    pub(crate) fn calm(&mut self, now: Instant) {
        self.moods = Moods::default();
        for usage in self.usages.values_mut() {
            if usage.phase == Phase::Pending {
                usage.phase = Phase::Active;
                usage.due = Some((now, true));
            }
            if usage.lied {
                usage.due = Some((now, true));
            }
        }
    }

    fn resource(&mut self, key: &(String, String)) -> &mut Resource {
        self.revision += 1;
        let revision = self.revision;
        self.resources
            .entry(key.clone())
            .or_insert_with(|| Resource::new(Kind::of(&key.0, &key.1), revision))
    }

    /// What the watchers of something should know.
    pub(crate) fn truth(&mut self, presentity: &str, package: &str) -> Truth {
        let key = key_of(presentity, package);
        self.resource(&key).truth()
    }

    /// Something happens to the presentity.
    pub(crate) fn change(&mut self, now: Instant, presentity: &str, package: &str) {
        let key = key_of(presentity, package);
        self.resource(&key);
        let revision = self.revision;
        let mut rng = StdRng::seed_from_u64(self.rng.random());
        let whole = self.resource(&key).change(&mut rng, revision);
        let gaps = self.moods.gaps;
        for usage in self.usages.values_mut().filter(|usage| usage.resource == key) {
            if usage.phase == Phase::Active {
                if usage.told.is_some() && !whole && gaps > 0.0 && rng.random_bool(gaps) {
                    let state = self.resources[&key].clone();
                    if state.kind.is_partial() && self.policy.partial && usage.due.is_none() {
                        usage.version += 1;
                        usage.told = Some(state);
                        continue;
                    }
                }
                let (at, full) = usage.due.unwrap_or((now, false));
                usage.due = Some((at, full || whole));
            }
        }
    }

    /// Ends all subscriptions to something, for a reason.
    pub(crate) fn end(&mut self, now: Instant, presentity: &str, package: &str, state: &str) {
        let key = key_of(presentity, package);
        for usage in self.usages.values_mut().filter(|usage| usage.resource == key) {
            if !matches!(usage.phase, Phase::Ending(_)) {
                usage.phase = Phase::Ending(state.to_owned());
                usage.due = Some((now, true));
            }
        }
    }

    /// When it has something to do next.
    pub(crate) fn next(&self) -> Option<Instant> {
        let flights = self.flights.values().map(|flight| flight.next_at);
        let usages = self.usages.values().flat_map(|usage| {
            let waits = usage.in_flight.is_some() && !self.policy.pipelines;
            let due = usage.due.filter(|_| !waits).map(|(at, _)| at);
            let ends = (!matches!(usage.phase, Phase::Ending(_))).then_some(usage.expires_at);
            due.into_iter().chain(ends)
        });
        flights.chain(usages).min()
    }

    /// Does what is due.
    pub(crate) fn elapse(&mut self, now: Instant) -> Vec<Sent> {
        let mut sent = Vec::new();
        self.answered
            .retain(|_, (at, _)| *at + Duration::from_secs(40) > now);
        let mut over = Vec::new();
        for (branch, flight) in &mut self.flights {
            if flight.next_at > now {
                continue;
            }
            if flight.sent_at + T1 * 64 <= now {
                over.push(branch.clone());
                continue;
            }
            flight.interval = (flight.interval * 2).min(T2);
            flight.next_at = (now + flight.interval).min(flight.sent_at + T1 * 64);
            sent.push(Sent {
                after: Duration::ZERO,
                from: flight.from,
                bytes: flight.bytes.clone(),
            });
        }
        for branch in over {
            // RFC 6665 §4.2.2: who does not answer is not there.
            if let Some(flight) = self.flights.remove(&branch) {
                self.usages.remove(&flight.usage);
            }
        }
        let due: Vec<u64> = self.usages.keys().copied().collect();
        for id in due {
            let Some(usage) = self.usages.get_mut(&id) else {
                continue;
            };
            if usage.expires_at <= now && !matches!(usage.phase, Phase::Ending(_)) {
                usage.phase = Phase::Ending("terminated;reason=timeout".to_owned());
                usage.due = Some((now, true));
            }
            let waits = usage.in_flight.is_some() && !self.policy.pipelines;
            if !waits && usage.due.is_some_and(|(at, _)| at <= now) {
                sent.extend(self.tell(now, id));
            }
        }
        sent
    }

    /// A subscription by its dialog.
    fn find(&self, call_id: &str, watcher_tag: &str, tag: &str) -> Option<u64> {
        self.usages
            .iter()
            .find(|(_, usage)| {
                usage.call_id == call_id && usage.watcher_tag == watcher_tag && usage.tag == tag
            })
            .map(|(id, _)| *id)
    }
}

pub(crate) fn key_of(presentity: &str, package: &str) -> (String, String) {
    let key = Uri::parse(presentity).map_or_else(|_| presentity.to_owned(), |uri| uri.key());
    let package = package.split(';').next().unwrap_or_default();
    (key, package.to_owned())
}
