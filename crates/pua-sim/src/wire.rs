//! The first oracle: every message as it leaves the core, judged by what has reached the core.
//!
//! It reads the messages with `sip-wire` and knows nothing of the core's state: it keeps its own
//! account of requests in flight, Call-IDs, branches, entity-tags and times of quiet.

mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_transaction::{Hop, Transport};
use sip_wire::{DeltaSeconds, EntityTag, HeaderName, Limits, Message, Method, RetryAfter, Uri};

use crate::document::mark;
use crate::violation::Violation;

/// 64·T1.
const TIMER_F: Duration = Duration::from_secs(32);

/// All publications move to another server when one of their requests fails. Answers that were
/// on their way then may still come from the first.
const MOVED: Duration = Duration::from_secs(120);

/// The operations of RFC 3903 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// §4.2.
    Initial,
    /// §4.3.
    Refresh,
    /// §4.4.
    Modify,
    /// §4.5.
    Remove,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Final(u16),
    Unreachable,
    /// The daemon was killed.
    Killed,
}

struct Flight {
    slot: String,
    call_id: String,
    cseq: u32,
    bytes: Bytes,
    sent_at: Instant,
    last_at: Instant,
    hop: Hop,
    connection: Option<u64>,
    publication: usize,
    revision: Option<u64>,
    operation: Operation,
    if_match: Option<String>,
    asked: u32,
    end: Option<End>,
}

impl Flight {
    fn end(&self, now: Instant) -> Option<End> {
        // A time-out counts as not reached.
        self.end
            .or((self.sent_at + TIMER_F <= now).then_some(End::Unreachable))
    }
}

/// The account of one publication.
#[derive(Default)]
pub(crate) struct Chain {
    /// The last entity-tag that reached the core, until it got 412 or was removed.
    pub(crate) tag: Option<String>,
    /// When its grant ends.
    expires_at: Option<Instant>,
    granted_at: Option<Instant>,
    server: Option<IpAddr>,
    /// The latest revision that a server has acknowledged.
    pub(crate) acknowledged: u64,
    /// The core knows of that: it was not killed since.
    known: bool,
    /// The code of the last final response.
    pub(crate) last: Option<u16>,
    /// The branch of the last request.
    branch: Option<String>,
    quiet_until: Option<Instant>,
}

/// A request that has left.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) publication: usize,
    pub(crate) operation: Operation,
    pub(crate) revision: Option<u64>,
    pub(crate) expires: u32,
    /// It begins a new exchange, so it must bring what is wanted now.
    pub(crate) begins: bool,
}

/// A final response that has reached the core.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    pub(crate) publication: usize,
    pub(crate) operation: Operation,
    pub(crate) code: u16,
}

/// The account of all that was sent and received.
#[derive(Default)]
pub struct Wire {
    flights: BTreeMap<String, Flight>,
    /// By Request-URI: the branch of the last request.
    slots: BTreeMap<String, String>,
    /// By Call-ID: the highest CSeq number, and the branch that had it.
    call_ids: BTreeMap<String, (u32, String)>,
    pub(crate) chains: BTreeMap<usize, Chain>,
    owners: BTreeMap<(String, String), usize>,
    dead: BTreeSet<(String, String)>,
    quiet: BTreeMap<IpAddr, Instant>,
    failed: BTreeMap<IpAddr, Instant>,
    /// The largest Min-Expires that was told.
    pub(crate) least: u32,
    /// Requests and retransmissions seen.
    pub(crate) requests: u64,
    pub(crate) retransmissions: u64,
    begun_at: Option<Instant>,
}

/// Codes after which Retry-After speaks for the publication (R3903-55).
fn is_hold(code: u16) -> bool {
    matches!(code, 404 | 408 | 410 | 480 | 486 | 500 | 504 | 599 | 604)
}

impl Wire {
    /// Judges a message of the core to `hop`; `connection`: the stream that it goes by. A
    /// retransmission gives `None`.
    pub(crate) fn sent(
        &mut self,
        now: Instant,
        hop: Hop,
        connection: Option<u64>,
        bytes: &Bytes,
    ) -> Result<Option<Sent>, Violation> {
        let bad = |what: String| Violation::message(format!("{what} in\n{}", String::from_utf8_lossy(bytes)));
        self.begun_at.get_or_insert(now);
        let message = Message::parse_framed(bytes, &Limits::stream())
            .map_err(|error| bad(format!("sent what does not parse ({error:?})")))?;
        let essentials = message
            .essentials()
            .map_err(|fault| bad(format!("sent what is faulty ({})", fault.reason())))?;
        let Some(line) = message.request() else {
            return Ok(None);
        };
        let via = &essentials.top_via;
        let branch = via.branch.unwrap_or_default().to_owned();
        if let Some(flight) = self.flights.get_mut(&branch) {
            // R3903-24.
            return if flight.bytes != *bytes {
                Err(bad(
                    "a branch used again for another request, or a retransmission that differs,".to_owned(),
                ))
            } else if flight.hop != hop {
                Err(bad(format!(
                    "a retransmission to {hop} instead of {}",
                    flight.hop
                )))
            } else if flight.end(now).is_some() {
                Err(bad("a retransmission after the end".to_owned()))
            } else if hop.transport == Transport::Tcp {
                Err(bad("a retransmission on a stream".to_owned()))
            } else if now < flight.last_at + Duration::from_millis(250) {
                Err(bad("a retransmission too soon".to_owned()))
            } else {
                flight.last_at = now;
                self.retransmissions += 1;
                Ok(None)
            };
        }
        let headers = &message.headers;
        let slot = Uri::parse(line.uri)
            .map_err(|_| bad("bad Request-URI".to_owned()))?
            .key();
        let if_match = headers.text(HeaderName::SipIfMatch).map(|tag| tag.into_owned());
        let expires = headers.get(HeaderName::Expires).and_then(DeltaSeconds::parse);
        let Some(asked) = expires.map(DeltaSeconds::seconds) else {
            return Err(bad("no Expires".to_owned()));
        };
        let rules = [
            (line.method == Method::Publish, "another method than PUBLISH"),
            (via.has_cookie(), "no magic cookie"),
            (headers.vias().count() == 1, "several Vias"),
            (
                via.transport.eq_ignore_ascii_case(hop.transport.via_token()),
                "another transport in Via",
            ),
            (headers.all(HeaderName::Event).count() == 1, "not one Event"),
            (headers.all(HeaderName::Expires).count() == 1, "not one Expires"),
            (
                headers.all(HeaderName::SipIfMatch).count() <= 1,
                "several SIP-If-Match",
            ),
            (essentials.to_tag.is_none(), "a To tag"),
            (essentials.from_tag.is_some(), "no From tag"),
            (essentials.max_forwards == Some(70), "Max-Forwards"),
            (!headers.has(HeaderName::Contact), "Contact"),
            (!headers.has(HeaderName::RecordRoute), "Record-Route"),
            (!headers.has(HeaderName::SubscriptionState), "Subscription-State"),
            (headers.has(HeaderName::ContentLength), "no Content-Length"),
            (
                headers.has(HeaderName::ContentType) != message.body.is_empty(),
                "Content-Type and body",
            ),
        ];
        if let Some((_, what)) = rules.iter().find(|(holds, _)| !holds) {
            return Err(bad((*what).to_owned()));
        }
        let operation = match (&if_match, message.body.is_empty(), asked) {
            (None, false, 1..) => Operation::Initial,
            (Some(_), true, 1..) => Operation::Refresh,
            (Some(_), false, 1..) => Operation::Modify,
            (Some(_), true, 0) => Operation::Remove,
            _ => return Err(bad("no operation of RFC 3903 §4".to_owned())),
        };
        let marked = mark(message.body);
        let owner = if_match.as_ref().map(|tag| {
            self.owners
                .get(&(slot.clone(), tag.clone()))
                .copied()
                .ok_or_else(|| bad("an entity-tag that was never given".to_owned()))
        });
        let publication = match (owner.transpose()?, marked) {
            (Some(owner), Some((marked, _))) if owner != marked => {
                return Err(bad("the entity-tag of another publication".to_owned()));
            }
            (Some(owner), _) => owner,
            (None, Some((marked, _))) => marked,
            (None, None) => return Err(bad("a body from nowhere".to_owned())),
        };
        let before = self.slots.get(&slot).and_then(|branch| self.flights.get(branch));
        if before.is_some_and(|before| before.end(now).is_none()) {
            return Err(bad("a second PUBLISH in flight".to_owned()));
        }
        self.check_cseq(
            now,
            essentials.call_id,
            essentials.cseq.number,
            &if_match,
            &message,
        )
        .map_err(&bad)?;
        self.check_quiet(now, hop.addr.ip(), publication).map_err(&bad)?;
        self.check_tag(now, hop.addr.ip(), publication, &slot, operation, &if_match)
            .map_err(&bad)?;
        let chain = self.chains.entry(publication).or_default();
        // R3903-04.
        if operation == Operation::Modify
            && chain.known
            && marked.is_some_and(|(_, revision)| revision == chain.acknowledged)
        {
            return Err(bad("a refresh with a body".to_owned()));
        }
        let before = chain.branch.as_ref().and_then(|branch| self.flights.get(branch));
        let begins = before.is_none_or(|before| {
            !matches!(
                before.end(now),
                Some(End::Unreachable | End::Final(401 | 407 | 423 | 503)) | None
            )
        });
        chain.branch = Some(branch.clone());
        self.slots.insert(slot.clone(), branch.clone());
        self.call_ids.insert(
            essentials.call_id.to_owned(),
            (essentials.cseq.number, branch.clone()),
        );
        let flight = Flight {
            slot,
            call_id: essentials.call_id.to_owned(),
            cseq: essentials.cseq.number,
            bytes: bytes.clone(),
            sent_at: now,
            last_at: now,
            hop,
            connection,
            publication,
            revision: marked.map(|(_, revision)| revision),
            operation,
            if_match,
            asked,
            end: None,
        };
        self.flights.insert(branch, flight);
        self.requests += 1;
        Ok(Some(Sent {
            publication,
            operation,
            revision: marked.map(|(_, revision)| revision),
            expires: asked,
            begins,
        }))
    }

    /// When the transaction of a branch times out, if it is still open.
    pub(crate) fn deadline(&self, bytes: &[u8]) -> Option<Instant> {
        let message = Message::parse_datagram(bytes, &Limits::default()).ok()?;
        let branch = message.essentials().ok()?.top_via.branch?;
        let flight = self.flights.get(branch).filter(|flight| flight.end.is_none())?;
        Some(flight.sent_at + TIMER_F)
    }

    /// Takes note of a response that reaches the core now. Final ones are told.
    pub(crate) fn arrived(&mut self, now: Instant, bytes: &[u8]) -> Option<Arrived> {
        let message = Message::parse_datagram(bytes, &Limits::stream()).ok()?;
        let code = message.status()?.code;
        let branch = message.essentials().ok()?.top_via.branch?.to_owned();
        let flight = self.flights.get_mut(&branch)?;
        if code < 200 || flight.end(now).is_some() {
            return None;
        }
        flight.end = Some(End::Final(code));
        let headers = &message.headers;
        let number = |name| {
            headers
                .get(name)
                .and_then(DeltaSeconds::parse)
                .map(DeltaSeconds::seconds)
        };
        let retry_after = headers
            .get(HeaderName::RetryAfter)
            .and_then(RetryAfter::parse)
            .map(|after| now + Duration::from_secs(after.seconds.into()));
        let chain = self.chains.entry(flight.publication).or_default();
        chain.last = Some(code);
        let ip = flight.hop.addr.ip();
        match code {
            200..=299 => {
                let mut tags = headers.all(HeaderName::SipETag);
                let tag = match (tags.next().and_then(EntityTag::parse), tags.next()) {
                    (Some(tag), None) => Some(tag.as_str().to_owned()),
                    _ => None,
                };
                let granted = number(HeaderName::Expires)
                    .unwrap_or(flight.asked)
                    .min(flight.asked);
                chain.tag = match (flight.operation, tag) {
                    (Operation::Remove, _) => None,
                    _ if granted == 0 => None,
                    (Operation::Refresh | Operation::Modify, None) => flight.if_match.clone(),
                    (_, tag) => tag,
                };
                if let Some(tag) = &chain.tag {
                    self.owners
                        .insert((flight.slot.clone(), tag.clone()), flight.publication);
                }
                chain.expires_at = Some(flight.sent_at + Duration::from_secs(granted.into()));
                chain.granted_at = Some(now);
                chain.server = Some(ip);
                if let Some(revision) = flight.revision {
                    chain.acknowledged = revision;
                    chain.known = true;
                }
            }
            412 => {
                if let Some(tag) = &flight.if_match {
                    self.dead.insert((flight.slot.clone(), tag.clone()));
                    chain.tag = None;
                }
            }
            423 => self.least = self.least.max(number(HeaderName::MinExpires).unwrap_or(0)),
            503 => {
                self.failed.insert(ip, now);
                if let Some(until) = retry_after {
                    self.quiet.insert(ip, until);
                }
            }
            _ => {
                if is_hold(code) {
                    chain.quiet_until = retry_after;
                }
            }
        }
        Some(Arrived {
            publication: flight.publication,
            operation: flight.operation,
            code,
        })
    }

    /// The core is told that `hop` cannot be reached.
    pub(crate) fn unreachable(&mut self, now: Instant, hop: Hop, connection: Option<u64>) {
        self.failed.insert(hop.addr.ip(), now);
        for flight in self.flights.values_mut() {
            let hit = flight.hop == hop && (connection.is_none() || flight.connection == connection);
            if hit && flight.end(now).is_none() {
                flight.end = Some(End::Unreachable);
            }
        }
    }

    /// Requests that have timed out make their servers suspect.
    pub(crate) fn elapse(&mut self, now: Instant) {
        for branch in self.slots.values() {
            if let Some(flight) = self.flights.get_mut(branch)
                && flight.end.is_none()
                && flight.sent_at + TIMER_F <= now
            {
                flight.end = Some(End::Unreachable);
                self.failed.insert(flight.hop.addr.ip(), flight.sent_at + TIMER_F);
            }
        }
    }

    /// The daemon is killed: what was in flight is forgotten, and so are times of quiet.
    pub(crate) fn killed(&mut self, now: Instant) {
        for flight in self.flights.values_mut() {
            if flight.end(now).is_none() {
                flight.end = Some(End::Killed);
            }
        }
        self.quiet.clear();
        for chain in self.chains.values_mut() {
            chain.quiet_until = None;
            chain.known = false;
            chain.branch = None;
            chain.tag = None;
            // Who gave the tag is not stored.
            chain.server = None;
        }
    }

    /// A killed daemon takes a publication up again with what its store says.
    pub(crate) fn restored(
        &mut self,
        publication: usize,
        slot: &str,
        tag: Option<String>,
        expires_at: Option<Instant>,
    ) {
        if let Some(tag) = &tag {
            let tag = (slot.to_owned(), tag.clone());
            // If it was told of its death in the turn in which it was killed, it does not know.
            self.dead.remove(&tag);
            self.owners.insert(tag, publication);
        }
        let chain = self.chains.entry(publication).or_default();
        chain.tag = tag;
        chain.expires_at = expires_at;
    }

    /// The core has dropped a publication.
    pub(crate) fn ended(&mut self, publication: usize) {
        if let Some(chain) = self.chains.get_mut(&publication) {
            chain.tag = None;
            chain.quiet_until = None;
            chain.branch = None;
        }
    }

    /// Whether a request of this publication's presentity is under way.
    pub(crate) fn is_busy(&self, now: Instant, presentity: &str) -> bool {
        let Ok(slot) = Uri::parse(presentity).map(|uri| uri.key()) else {
            return false;
        };
        self.slots
            .get(&slot)
            .and_then(|branch| self.flights.get(branch))
            .is_some_and(|flight| flight.end(now).is_none())
    }

    /// The Call-IDs used, for reports.
    pub(crate) fn calls(&self) -> usize {
        self.flights
            .values()
            .map(|flight| &flight.call_id)
            .collect::<BTreeSet<_>>()
            .len()
    }
}
