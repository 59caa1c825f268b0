//! An event state compositor in a few lines, independent of `pua-server`: the reference model of
//! RFC 3903 §6, and on demand a server as bad as those in the field.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sip_digest::{Algorithm, Challenger, ChallengerConfig, Ha1, SignedRequest, Verdict};
use sip_transaction::{Flow, Hop, Transmit, response};
use sip_wire::{DeltaSeconds, HeaderName, Limits, Message, Uri};

use crate::document::mark;
use crate::server::Held;

/// How long a repeated request is recognised.
const REMEMBERED: Duration = Duration::from_secs(40);

/// What a server always does.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Less than this is answered 423.
    pub min: u32,
    /// More than this is cut.
    pub max: u32,
    /// A refresh gets a new entity-tag, as it should.
    pub rotates: bool,
    /// Entity-tags are short numbers, the same for every presentity; else they have every
    /// character that a token may have.
    pub short_tags: bool,
    /// Asks for credentials: user, password, and how long a nonce is good.
    pub digest: Option<(String, String, Duration)>,
}

/// What a server does now and then. Each is a chance per request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Behaviour {
    /// Does not answer; half the time it has done what was asked.
    pub silent: f64,
    /// 503, half the time with Retry-After.
    pub unavailable: f64,
    /// 500, 480, 408 and the like, sometimes with Retry-After.
    pub later: f64,
    /// 403 or 489.
    pub refuses: f64,
    /// 404, sometimes with Retry-After.
    pub not_found: f64,
    /// Forgets one publication.
    pub forgets: f64,
    /// 2xx without SIP-ETag, with two, or with one that is no token.
    pub bad_tag: f64,
    /// 2xx without Expires, with a useless one, with 0, or with more than was asked.
    pub bad_expires: f64,
    /// Grants only a part of what was asked.
    pub shortens: f64,
    /// Answers late, after a provisional response.
    pub slow: f64,
}

struct Publication {
    publication: usize,
    revision: u64,
    expires_at: Instant,
}

/// The scripted server.
pub struct Compositor {
    name: char,
    rng: StdRng,
    policy: Policy,
    behaviour: Behaviour,
    challenger: Option<Challenger>,
    /// By presentity and package, and by entity-tag.
    held: BTreeMap<(String, String), BTreeMap<String, Publication>>,
    /// Answers by branch; `None`: stays silent.
    answered: BTreeMap<String, (Instant, Option<(Hop, Bytes)>)>,
    incarnation: u32,
    serial: u64,
}

impl Compositor {
    /// A server that holds nothing. `name` is part of its entity-tags.
    #[must_use]
    pub fn new(now: Instant, name: char, policy: Policy, behaviour: Behaviour, seed: u64) -> Compositor {
        let mut rng = StdRng::seed_from_u64(seed);
        let challenger = policy.digest.as_ref().map(|(_, _, lifetime)| {
            let config = ChallengerConfig {
                realm: "example.com".to_owned(),
                algorithms: vec![if rng.random() {
                    Algorithm::Sha256
                } else {
                    Algorithm::Md5
                }],
                nonce_lifetime: *lifetime,
                auth_int: rng.random(),
                ..ChallengerConfig::default()
            };
            Challenger::new(now, config, rng.random())
        });
        Compositor {
            name,
            rng,
            policy,
            behaviour,
            challenger,
            held: BTreeMap::new(),
            answered: BTreeMap::new(),
            incarnation: 0,
            serial: 0,
        }
    }

    /// Starts again with an empty database.
    pub fn restart(&mut self) {
        self.held.clear();
        self.answered.clear();
        self.incarnation += 1;
        self.serial = 0;
    }

    /// From now on it behaves.
    pub fn calm(&mut self) {
        self.behaviour = Behaviour::default();
    }

    /// When a publication ends next.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.held
            .values()
            .flat_map(BTreeMap::values)
            .map(|held| held.expires_at)
            .min()
    }

    /// Drops what is over.
    pub fn expire(&mut self, now: Instant) {
        for held in self.held.values_mut() {
            held.retain(|_, publication| publication.expires_at > now);
        }
        self.answered.retain(|_, (at, _)| *at + REMEMBERED > now);
    }

    /// What it holds of a presentity and package.
    #[must_use]
    pub fn held(&self, now: Instant, presentity: &str, package: &str) -> Vec<Held> {
        let Ok(key) = Uri::parse(presentity).map(|uri| uri.key()) else {
            return Vec::new();
        };
        let Some(held) = self.held.get(&(key, package.to_owned())) else {
            return Vec::new();
        };
        held.iter()
            .filter(|(_, publication)| publication.expires_at > now)
            .map(|(etag, publication)| Held {
                publication: publication.publication,
                revision: publication.revision,
                etag: etag.clone(),
                expires_at: publication.expires_at,
            })
            .collect()
    }

    fn chance(&mut self, of: f64) -> bool {
        of > 0.0 && self.rng.random_bool(of)
    }

    fn tag(&mut self) -> String {
        self.serial += 1;
        let serial = self.serial;
        let (name, incarnation) = (self.name, self.incarnation);
        if self.policy.short_tags {
            format!("{name}{incarnation}.{serial}")
        } else {
            format!("{name}{incarnation}-{serial}-._!%*+`'~dX")
        }
    }

    /// Takes a message in.
    pub fn receive(&mut self, now: Instant, flow: &Flow, bytes: &[u8]) -> Vec<(Duration, Transmit)> {
        let parsed = if flow.transport.is_reliable() {
            Message::parse_framed(bytes, &Limits::stream())
        } else {
            Message::parse_datagram(bytes, &Limits::default())
        };
        let Ok(message) = parsed else { return Vec::new() };
        let Ok(essentials) = message.essentials() else {
            return Vec::new();
        };
        let branch = essentials.top_via.branch.unwrap_or_default().to_owned();
        let send = |(hop, bytes): (Hop, Bytes)| Transmit {
            hop,
            local: Some(flow.local),
            connection: flow.transport.is_reliable().then_some(flow.connection),
            bytes,
        };
        if let Some((_, answer)) = self.answered.get(&branch) {
            return answer
                .clone()
                .map(|answer| (Duration::ZERO, send(answer)))
                .into_iter()
                .collect();
        }
        let hop = Hop {
            transport: flow.transport,
            addr: SocketAddr::new(flow.remote.ip(), flow.remote.port()),
        };
        let mut sent = Vec::new();
        let late = self.chance(self.behaviour.slow);
        let delay = if late {
            Duration::from_millis(self.rng.random_range(200..6000))
        } else {
            Duration::ZERO
        };
        if late && self.rng.random() {
            let code = if self.rng.random() { 100 } else { 183 };
            sent.push((Duration::ZERO, send((hop, plain(code, &message, flow, &[])))));
        }
        let silent = self.chance(self.behaviour.silent);
        let answer = if silent && self.rng.random() {
            None
        } else {
            let answer = self.publish(now, flow, &message);
            (!silent).then_some((hop, answer))
        };
        self.answered.insert(branch, (now, answer.clone()));
        sent.extend(answer.map(|answer| (delay, send(answer))));
        sent
    }

    fn publish(&mut self, now: Instant, flow: &Flow, message: &Message<'_>) -> Bytes {
        let refuse = |code: u16, rows: &[(HeaderName, String)]| plain(code, message, flow, rows);
        let Some(line) = message.request() else {
            return refuse(400, &[]);
        };
        let retry_after = |rng: &mut StdRng| (HeaderName::RetryAfter, rng.random_range(1..60u32).to_string());
        if self.chance(self.behaviour.unavailable) {
            return if self.rng.random() {
                let row = retry_after(&mut self.rng);
                refuse(503, &[row])
            } else {
                refuse(503, &[])
            };
        }
        if let Some(refusal) = self.authenticate(now, flow, message) {
            return refusal;
        }
        for (chance, codes) in [
            (self.behaviour.later, &[500, 480, 486, 408, 504, 599][..]),
            (self.behaviour.not_found, &[404, 410, 604]),
            (self.behaviour.refuses, &[403, 489, 499, 606]),
        ] {
            if self.chance(chance) {
                let code = codes[self.rng.random_range(0..codes.len())];
                return if code != 403 && code != 489 && self.rng.random_bool(0.3) {
                    let row = retry_after(&mut self.rng);
                    refuse(code, &[row])
                } else {
                    refuse(code, &[])
                };
            }
        }
        let (Ok(uri), Some(event)) = (Uri::parse(line.uri), message.headers.text(HeaderName::Event)) else {
            return refuse(400, &[]);
        };
        let resource = (uri.key(), event.into_owned());
        if self.chance(self.behaviour.forgets)
            && let Some(held) = self.held.get_mut(&resource)
        {
            held.pop_first();
        }
        let held = self.held.entry(resource.clone()).or_default();
        held.retain(|_, publication| publication.expires_at > now);
        let if_match = message
            .headers
            .text(HeaderName::SipIfMatch)
            .map(|tag| tag.into_owned());
        if if_match.as_ref().is_some_and(|tag| !held.contains_key(tag)) {
            return refuse(412, &[]);
        }
        let asked = message
            .headers
            .get(HeaderName::Expires)
            .and_then(DeltaSeconds::parse)
            .map_or(3600, DeltaSeconds::seconds);
        if asked > 0 && asked < self.policy.min {
            return refuse(423, &[(HeaderName::MinExpires, self.policy.min.to_string())]);
        }
        let marked = mark(message.body);
        match (&if_match, asked, marked) {
            (None, _, None) => return refuse(400, &[]),
            (Some(tag), 0, _) => {
                held.remove(tag);
                return refuse(
                    200,
                    &[
                        (HeaderName::Expires, "0".to_owned()),
                        (HeaderName::SipETag, self.tag()),
                    ],
                );
            }
            (None, 0, Some(_)) => return refuse(200, &[(HeaderName::Expires, "0".to_owned())]),
            _ => {}
        }
        let (mut rows, granted) = self.grant(asked);
        let keeps = if_match
            .as_ref()
            .filter(|_| !self.policy.rotates && marked.is_none())
            .cloned();
        let tag = match keeps {
            Some(tag) => tag,
            None => self.tag(),
        };
        let held = self.held.entry(resource).or_default();
        let before = if_match.and_then(|tag| held.remove(&tag));
        let (publication, revision) = match (marked, before) {
            (Some(marked), _) => marked,
            (None, Some(before)) => (before.publication, before.revision),
            (None, None) => return refuse(400, &[]),
        };
        if granted > 0 {
            let publication = Publication {
                publication,
                revision,
                expires_at: now + Duration::from_secs(granted.into()),
            };
            held.insert(tag.clone(), publication);
        }
        if self.chance(self.behaviour.bad_tag) {
            match self.rng.random_range(0..3) {
                0 => {}
                1 => rows.extend([(HeaderName::SipETag, tag.clone()), (HeaderName::SipETag, tag)]),
                _ => rows.push((HeaderName::SipETag, format!("\"{tag}\""))),
            }
        } else {
            rows.push((HeaderName::SipETag, tag));
        }
        let code = if self.chance(self.behaviour.bad_expires) {
            299
        } else {
            200
        };
        refuse(code, &rows)
    }

    /// The Expires row, and what is really granted.
    fn grant(&mut self, asked: u32) -> (Vec<(HeaderName, String)>, u32) {
        let granted = asked.min(self.policy.max).max(1);
        let expires = |seconds: u32| vec![(HeaderName::Expires, seconds.to_string())];
        // So much that no life sees the end of it is not granted by mistake.
        if self.chance(self.behaviour.bad_expires) && asked <= 2 * self.policy.max {
            return match self.rng.random_range(0..4) {
                // Not said: as much as was asked for.
                0 => (Vec::new(), asked),
                1 => (vec![(HeaderName::Expires, "soon".to_owned())], asked),
                2 => (expires(0), 0),
                _ => (expires(granted * 2), granted * 2),
            };
        }
        if self.chance(self.behaviour.shortens) {
            let granted = self.rng.random_range(1..=granted);
            return (expires(granted), granted);
        }
        (expires(granted), granted)
    }

    /// The 401, unless the credentials are right.
    fn authenticate(&mut self, now: Instant, flow: &Flow, message: &Message<'_>) -> Option<Bytes> {
        let challenger = self.challenger.as_mut()?;
        let (user, password, _) = self.policy.digest.as_ref()?;
        let line = message.request()?;
        let signed = SignedRequest {
            method: line.method.as_str(),
            uri: line.uri,
            body: message.body,
        };
        let verdict = challenger.verify(
            now,
            message.headers.all(HeaderName::Authorization),
            &signed,
            |name, algorithm| {
                (name == user).then(|| Ha1::new(algorithm.hash(), name, "example.com", password))
            },
        );
        if matches!(verdict, Verdict::Accepted(_)) {
            return None;
        }
        let rows: Vec<_> = challenger
            .challenges(now, verdict == Verdict::Stale)
            .into_iter()
            .map(|row| {
                (
                    HeaderName::WwwAuthenticate,
                    String::from_utf8_lossy(&row).into_owned(),
                )
            })
            .collect();
        Some(plain(401, message, flow, &rows))
    }
}

fn plain(code: u16, message: &Message<'_>, flow: &Flow, rows: &[(HeaderName, String)]) -> Bytes {
    let mut out = Vec::with_capacity(512);
    let mut printer = response(
        &mut out,
        code,
        sip_wire::reason_phrase(code),
        message,
        flow,
        Some("srv"),
    );
    for (name, value) in rows {
        printer.header(*name, value);
    }
    printer.body(None, b"");
    out.into()
}
