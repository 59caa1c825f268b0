//! Server transactions (RFC 3261 §17.2): each request is handed on once, and its repetitions get
//! the same answer. Of INVITE only what is refused is needed, so there is no `Proceeding`.
//!
//! | state | non-INVITE | INVITE |
//! |---|---|---|
//! | `Trying` | until the owner responds | the same |
//! | `Completed` | datagrams: until timer J; streams: not at all | until the ACK or timer H; datagrams: timer G repeats the response |
//! | `Confirmed` | | datagrams: until timer I |

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use sip_wire::{Essentials, Message, Method};
use slab::Slab;

use crate::due::DueTimes;
use crate::flow::{Flow, Hop, Timers, Transmit};
use crate::response::{response_hop, write_sent_by};

/// A server transaction's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerKey(u32);

/// What a request is.
#[derive(Debug)]
pub enum Received {
    /// A new one: answer it with [`ServerTransactions::respond`].
    Fresh(ServerKey),
    /// The same request has come by another way already: answer it with 482 (§8.2.2.2).
    Merged(ServerKey),
    /// A repetition: send this, if it was answered already.
    Repeated(Option<Transmit>),
    /// An ACK, which is never answered.
    Acknowledgement,
}

enum State {
    Trying,
    Completed {
        response: Bytes,
        /// Timer G; `None` for non-INVITE and on streams.
        resend_at: Option<Instant>,
        interval: Duration,
        /// Timer J, or H.
        ends_at: Instant,
    },
    Confirmed,
}

struct Entry {
    /// By which it is found; empty if it need not be.
    id: Arc<[u8]>,
    /// By which the same request is recognised that comes by another way.
    origin: Option<u64>,
    invite: bool,
    /// Tells it from earlier ones at the same place.
    serial: u32,
    flow: Flow,
    hop: Hop,
    state: State,
}

/// The server transactions of one engine.
pub struct ServerTransactions {
    timers: Timers,
    entries: Slab<Entry>,
    by_id: HashMap<Arc<[u8]>, u32>,
    /// Requests outside a dialog by a seeded hash of From tag, Call-ID and CSeq.
    origins: HashSet<u64>,
    due: DueTimes,
    /// Those answered, the oldest first, with their serial numbers; some are gone already.
    answered: VecDeque<(u32, u32)>,
    next_serial: u32,
    /// A buffer for identifiers.
    id: Vec<u8>,
}

impl ServerTransactions {
    /// No transactions yet.
    #[must_use]
    pub fn new(now: Instant, timers: Timers) -> Self {
        ServerTransactions {
            timers,
            entries: Slab::new(),
            by_id: HashMap::new(),
            origins: HashSet::new(),
            due: DueTimes::new(now),
            answered: VecDeque::new(),
            next_serial: 0,
            id: Vec::with_capacity(128),
        }
    }

    /// The number of transactions, the answered ones that wait for repetitions included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Uses other base timers for what is answered from now on.
    pub fn set_timers(&mut self, timers: Timers) {
        self.timers = timers;
    }

    /// Takes in a request (§17.2.3).
    pub fn receive(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        essentials: &Essentials<'_>,
        flow: &Flow,
    ) -> Received {
        let method = essentials.cseq.method;
        let acknowledges = method == Method::Ack;
        let invite = acknowledges || method == Method::Invite;
        // Requests other than INVITE are not repeated on a stream (§17.1.2.2), so nothing need be
        // found again.
        let findable = invite || !flow.transport.is_reliable();
        if findable {
            self.write_id(message, essentials, if invite { Method::Invite } else { method });
            if let Some(&index) = self.by_id.get(self.id.as_slice()) {
                return self.repeated(now, index, acknowledges, essentials, flow);
            }
        }
        if acknowledges {
            return Received::Acknowledgement;
        }
        let id: Arc<[u8]> = if findable {
            self.id.as_slice().into()
        } else {
            Arc::default()
        };
        let origin = match (essentials.from_tag, essentials.to_tag) {
            (Some(tag), None) if findable => {
                let cseq = &essentials.cseq;
                let parts = (tag, essentials.call_id, cseq.number, cseq.method.as_str());
                Some(self.by_id.hasher().hash_one(parts))
            }
            _ => None,
        };
        let merged = origin.is_some_and(|origin| !self.origins.insert(origin));
        self.next_serial = self.next_serial.wrapping_add(1);
        let index = self.entries.insert(Entry {
            id: id.clone(),
            origin: origin.filter(|_| !merged),
            invite,
            serial: self.next_serial,
            flow: *flow,
            hop: response_hop(&essentials.top_via, flow),
            state: State::Trying,
        }) as u32;
        if findable {
            self.by_id.insert(id, index);
        }
        if merged {
            Received::Merged(ServerKey(index))
        } else {
            Received::Fresh(ServerKey(index))
        }
    }

    fn repeated(
        &mut self,
        now: Instant,
        index: u32,
        acknowledges: bool,
        essentials: &Essentials<'_>,
        flow: &Flow,
    ) -> Received {
        let Some(entry) = self.entries.get_mut(index as usize) else {
            return Received::Repeated(None);
        };
        if !acknowledges {
            return Received::Repeated(match &entry.state {
                // To where the repetition came from: the client may have another port, or another
                // transport, by now.
                State::Completed { response, .. } => {
                    let hop = response_hop(&essentials.top_via, flow);
                    Some(transmit_by(flow, hop, response.clone()))
                }
                State::Trying | State::Confirmed => None,
            });
        }
        if matches!(entry.state, State::Completed { .. }) {
            if entry.flow.transport.is_reliable() {
                self.remove(index);
            } else {
                // Timer I absorbs further ACKs.
                entry.state = State::Confirmed;
                self.due.set(index, now + self.timers.t4);
            }
        }
        Received::Acknowledgement
    }

    /// Whether a CANCEL is for a request that is known here (§9.2).
    #[must_use]
    pub fn knows_target_of(&mut self, message: &Message<'_>, essentials: &Essentials<'_>) -> bool {
        const TARGETS: [Method<'_>; 10] = [
            Method::Invite,
            Method::Notify,
            Method::Publish,
            Method::Subscribe,
            Method::Options,
            Method::Message,
            Method::Register,
            Method::Info,
            Method::Refer,
            Method::Update,
        ];
        TARGETS.into_iter().any(|method| {
            self.write_id(message, essentials, method);
            self.by_id.contains_key(self.id.as_slice())
        })
    }

    /// Answers a request with a final response: what comes back must be sent now. A second answer
    /// to the same request is not kept.
    pub fn respond(&mut self, now: Instant, key: ServerKey, response: Bytes) -> Option<Transmit> {
        let entry = self.entries.get_mut(key.0 as usize)?;
        let reliable = entry.flow.transport.is_reliable();
        let answer = transmit(entry, response.clone());
        if reliable && !entry.invite {
            self.remove(key.0);
            return Some(answer);
        }
        let resend_at = (entry.invite && !reliable).then(|| now + self.timers.t1);
        let ends_at = now + self.timers.transaction_timeout();
        entry.state = State::Completed {
            response,
            resend_at,
            interval: self.timers.t1,
            ends_at,
        };
        let serial = entry.serial;
        self.due
            .set(key.0, resend_at.map_or(ends_at, |at| at.min(ends_at)));
        while self.oldest_is_gone() {
            self.answered.pop_front();
        }
        self.answered.push_back((key.0, serial));
        Some(answer)
    }

    fn is_there(&self, index: u32, serial: u32) -> bool {
        self.entries
            .get(index as usize)
            .is_some_and(|entry| entry.serial == serial)
    }

    fn oldest_is_gone(&self) -> bool {
        self.answered
            .front()
            .is_some_and(|(index, serial)| !self.is_there(*index, *serial))
    }

    /// Forgets the one that was answered first, to make room for another: its repetitions, which
    /// are the least likely to come, are taken for new requests. `false`: none has been answered.
    pub fn forget_oldest(&mut self) -> bool {
        while let Some((index, serial)) = self.answered.pop_front() {
            if self.is_there(index, serial) {
                self.remove(index);
                return true;
            }
        }
        false
    }

    /// Gives up a request that will not be answered.
    pub fn abandon(&mut self, key: ServerKey) {
        self.remove(key.0);
    }

    /// What the time brings: a response to be repeated. Call until `None`.
    pub fn poll(&mut self, now: Instant) -> Option<Transmit> {
        while let Some(index) = self.due.pop(now) {
            let timers = self.timers;
            let Some(entry) = self.entries.get_mut(index as usize) else {
                continue;
            };
            if let State::Completed {
                response,
                resend_at: Some(resend_at),
                interval,
                ends_at,
            } = &mut entry.state
                && *ends_at > now
            {
                *interval = (*interval * 2).min(timers.t2);
                *resend_at = now + *interval;
                self.due.set(index, (*resend_at).min(*ends_at));
                let response = response.clone();
                return Some(transmit(entry, response));
            }
            self.remove(index);
        }
        None
    }

    /// When to call [`ServerTransactions::poll`] next.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.due.next()
    }

    /// Writes what identifies a transaction into the buffer: branch, sent-by, method, and what all
    /// requests of a transaction share anyway; for a client of RFC 2543, which has no such branch,
    /// what §17.2.3 names in its place.
    fn write_id(&mut self, message: &Message<'_>, essentials: &Essentials<'_>, method: Method<'_>) {
        let id = &mut self.id;
        id.clear();
        let via = &essentials.top_via;
        let branch = via.branch.filter(|_| via.has_cookie());
        let mut part = |bytes: &[u8]| {
            // The length keeps neighbours apart.
            id.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            id.extend_from_slice(bytes);
        };
        part(method.as_str().as_bytes());
        // With a good branch these would not be needed, and an ACK or a CANCEL has them of its
        // request; but there are clients whose branches are not unique.
        part(essentials.from_tag.unwrap_or_default().as_bytes());
        part(essentials.call_id.as_bytes());
        part(&essentials.cseq.number.to_be_bytes());
        match branch {
            Some(branch) => part(branch.as_bytes()),
            None => {
                let uri = message.request().map(|line| line.uri);
                part(uri.unwrap_or_default().as_bytes());
                // The ACK to an INVITE has the tag of our response.
                if method != Method::Invite {
                    part(essentials.to_tag.unwrap_or_default().as_bytes());
                }
                part(via.raw);
            }
        }
        write_sent_by(id, via);
    }

    fn remove(&mut self, index: u32) {
        self.due.clear(index);
        let Some(entry) = self.entries.try_remove(index as usize) else {
            return;
        };
        if !entry.id.is_empty() {
            self.by_id.remove(&entry.id);
        }
        if let Some(origin) = entry.origin {
            self.origins.remove(&origin);
        }
    }
}

fn transmit(entry: &Entry, bytes: Bytes) -> Transmit {
    transmit_by(&entry.flow, entry.hop, bytes)
}

fn transmit_by(flow: &Flow, hop: Hop, bytes: Bytes) -> Transmit {
    Transmit {
        hop,
        local: Some(flow.local),
        connection: flow.transport.is_reliable().then_some(flow.connection),
        bytes,
    }
}

#[cfg(test)]
mod tests;
