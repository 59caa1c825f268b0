//! Non-INVITE client transactions (RFC 3261 §17.1.2).
//!
//! ```text
//!            |send request
//!            V
//!        +--------+ E: retransmit        F or transport error
//!        | Trying |------------------------------------+
//!        +--------+                                    |
//!   1xx |        | 2xx-6xx                             |
//!       V        +-----------+                         |
//!   +------------+           |                         |
//!   | Proceeding |--2xx-6xx--+   E: retransmit each T2 |
//!   +------------+           |                         |
//!                            V                         V
//!                      +-----------+    K      +--------------+
//!                      | Completed |---------->|  Terminated  |
//!                      +-----------+           +--------------+
//! ```
//!
//! Each state holds its own deadlines. `Completed` exists on datagrams only, to absorb repeated
//! final responses; by then the request's bytes are gone.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use slab::Slab;

use crate::due::DueTimes;
use crate::flow::{Hop, Timers, Transmit};

/// A transaction's place, and its branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientKey(u32);

/// The branch parameter of a request's Via: unique in space and time, and it says which engine
/// and which transaction it belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Branch {
    text: [u8; Branch::LEN],
}

impl Branch {
    /// Cookie, two hex digits of the slot, eight of the index, sixteen random ones.
    pub const LEN: usize = 7 + 2 + 8 + 16;
    /// The magic cookie with which each branch begins (RFC 3261 §8.1.1.7).
    pub const COOKIE: &'static str = "z9hG4bK";

    fn new(slot: u8, index: u32, random: u64) -> Self {
        let mut text = [b'0'; Branch::LEN];
        let (cookie, rest) = text.split_at_mut(Branch::COOKIE.len());
        cookie.copy_from_slice(Branch::COOKIE.as_bytes());
        let digits = [(u64::from(slot), 2usize), (u64::from(index), 8), (random, 16)];
        let mut out = rest.iter_mut();
        for (value, width) in digits {
            for place in (0..width).rev() {
                let digit = (value >> (4 * place)) & 0xf;
                if let (Some(byte), Some(hex)) = (out.next(), b"0123456789abcdef".get(digit as usize)) {
                    *byte = *hex;
                }
            }
        }
        Branch { text }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or(Branch::COOKIE)
    }

    /// Reads slot, index and random part back, if `text` is a branch of this form.
    fn parse(text: &str) -> Option<(u8, u32, u64)> {
        let rest = text.strip_prefix(Branch::COOKIE)?.as_bytes();
        if rest.len() != Branch::LEN - Branch::COOKIE.len() {
            return None;
        }
        let (slot, rest) = rest.split_at_checked(2)?;
        let (index, random) = rest.split_at_checked(8)?;
        Some((
            u8::try_from(hex(slot)?).ok()?,
            u32::try_from(hex(index)?).ok()?,
            hex(random)?,
        ))
    }

    /// The engine that a response with this branch belongs to.
    #[must_use]
    pub fn slot_of(text: &str) -> Option<u8> {
        Branch::parse(text).map(|(slot, _, _)| slot)
    }
}

impl std::fmt::Debug for Branch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A number in lower-case hexadecimal digits, of which there are one to sixteen: what the numbers in
/// branches, tags and Call-IDs of our own are read with.
#[must_use]
pub fn hex(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(value))
    })
}

/// A request without a final response: `Trying`, and after a 1xx `Proceeding`.
struct Call {
    hop: Hop,
    /// What the owner knows it by.
    owner: u64,
    request: Bytes,
    local: Option<SocketAddr>,
    connection: Option<u64>,
    /// When timer E fires; `None` on a stream.
    resend_at: Option<Instant>,
    /// The interval it fires after next.
    interval: Duration,
    proceeding: bool,
    /// When timer F fires.
    fails_at: Instant,
}

#[derive(Clone, Copy)]
enum State {
    /// The branch is given out, the request not yet.
    Reserved,
    /// Sent, no final response yet; the index of its [`Call`].
    Calling(u32),
    /// The final response is here; more of them are absorbed until timer K.
    Completed,
}

/// Small, since most of those that are remembered are `Completed`: five seconds' worth.
struct Entry {
    random: u64,
    method: &'static str,
    state: State,
}

/// What a response means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// A 1xx; the final response is still to come.
    Provisional {
        /// The owner's name of the transaction.
        owner: u64,
    },
    /// The first final response: the transaction is over.
    Final {
        /// The owner's name of the transaction.
        owner: u64,
        /// Where the request went.
        hop: Hop,
    },
    /// A repeated final response, absorbed.
    Absorbed,
    /// It belongs to no transaction of ours (RFC 3261 §17.1.3): to be dropped.
    Stray,
}

/// What time brings.
#[derive(Debug)]
pub enum Elapsed {
    /// Timer E: send the same bytes again.
    Retransmit {
        /// The owner's name of the transaction.
        owner: u64,
        /// The request.
        transmit: Transmit,
    },
    /// Timer F: no final response within 64·T1. The transaction is over.
    TimedOut {
        /// The owner's name of the transaction.
        owner: u64,
        /// Where the request went.
        hop: Hop,
        /// Whether there was a provisional response.
        proceeding: bool,
    },
}

/// The client transactions of one engine.
pub struct ClientTransactions {
    timers: Timers,
    slot: u8,
    random: StdRng,
    entries: Slab<Entry>,
    calls: Slab<Call>,
    due: DueTimes,
}

impl ClientTransactions {
    /// No transactions yet. `slot` is the engine's number, part of each branch.
    #[must_use]
    pub fn new(now: Instant, timers: Timers, slot: u8, seed: [u8; 32]) -> Self {
        ClientTransactions {
            timers,
            slot,
            random: StdRng::from_seed(seed),
            entries: Slab::new(),
            calls: Slab::new(),
            due: DueTimes::new(now),
        }
    }

    /// The number of requests without a final response.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.calls.len()
    }

    /// Uses other base timers for transactions begun from now on.
    pub fn set_timers(&mut self, timers: Timers) {
        self.timers = timers;
    }

    /// Gives out the branch for a request that is about to be written. Follow with
    /// [`ClientTransactions::start`], or [`ClientTransactions::abandon`].
    pub fn reserve(&mut self, method: &'static str) -> (ClientKey, Branch) {
        let random = self.random.next_u64();
        let index = self.entries.insert(Entry {
            random,
            method,
            state: State::Reserved,
        });
        // 2^32 transactions at once would need more memory than any machine has.
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        (ClientKey(index), Branch::new(self.slot, index, random))
    }

    /// Gives a reserved branch back unused.
    pub fn abandon(&mut self, key: ClientKey) {
        self.remove(key.0);
    }

    /// Begins the transaction with a request that is to be sent now; what comes back is it.
    /// `owner` is what the events of this transaction will be told with.
    pub fn start(&mut self, now: Instant, key: ClientKey, owner: u64, request: Transmit) -> Transmit {
        let fails_at = now + self.timers.transaction_timeout();
        let resend_at = (!request.hop.transport.is_reliable()).then(|| now + self.timers.t1);
        if let Some(entry) = self.entries.get_mut(key.0 as usize) {
            let call = self.calls.insert(Call {
                hop: request.hop,
                owner,
                request: request.bytes.clone(),
                local: request.local,
                connection: request.connection,
                resend_at,
                interval: self.timers.t1,
                proceeding: false,
                fails_at,
            });
            // Never more calls than entries, whose index fits.
            entry.state = State::Calling(call as u32);
            self.due
                .set(key.0, resend_at.map_or(fails_at, |at| at.min(fails_at)));
        }
        request
    }

    /// Takes in a response by the branch of its top Via and the method of its CSeq, which alone
    /// decide what it belongs to (RFC 3261 §17.1.3), not where it came from.
    pub fn receive(&mut self, now: Instant, branch: &str, method: &str, code: u16) -> Arrived {
        let Some((slot, index, random)) = Branch::parse(branch) else {
            return Arrived::Stray;
        };
        if slot != self.slot {
            return Arrived::Stray;
        }
        let Some(entry) = self.entries.get_mut(index as usize) else {
            return Arrived::Stray;
        };
        if entry.random != random || entry.method != method {
            return Arrived::Stray;
        }
        let call = match entry.state {
            State::Calling(call) => call,
            State::Completed => return Arrived::Absorbed,
            State::Reserved => return Arrived::Stray,
        };
        if code >= 200 {
            let Some(Call { owner, hop, .. }) = self.calls.try_remove(call as usize) else {
                return Arrived::Stray;
            };
            if hop.transport.is_reliable() {
                self.remove(index);
            } else {
                entry.state = State::Completed;
                self.due.set(index, now + self.timers.t4);
            }
            return Arrived::Final { owner, hop };
        }
        let Some(call) = self.calls.get_mut(call as usize) else {
            return Arrived::Stray;
        };
        // §17.1.2.2: in Proceeding the request is resent each T2; F goes on.
        if !call.proceeding {
            call.proceeding = true;
            call.interval = self.timers.t2;
            if let Some(at) = &mut call.resend_at {
                *at = now + self.timers.t2;
                self.due.set(index, (*at).min(call.fails_at));
            }
        }
        Arrived::Provisional { owner: call.owner }
    }

    /// Ends the transactions that wait for `hop`, which cannot be reached (§17.1.4), and returns
    /// the owners' names of them. With `connection`, only those sent on it, or on any.
    pub fn fail(&mut self, hop: Hop, connection: Option<u64>) -> Vec<u64> {
        if self.calls.is_empty() {
            return Vec::new();
        }
        let mut failed = Vec::new();
        for (index, entry) in &self.entries {
            if let State::Calling(call) = entry.state
                && let Some(call) = self.calls.get(call as usize)
                && call.hop == hop
                && (connection.is_none() || call.connection.is_none() || call.connection == connection)
            {
                failed.push((index as u32, call.owner));
            }
        }
        failed
            .into_iter()
            .map(|(index, owner)| {
                self.remove(index);
                owner
            })
            .collect()
    }

    /// Forgets the transaction of `key`: whatever comes for it is stray from now on.
    pub fn forget(&mut self, key: ClientKey) {
        self.remove(key.0);
    }

    /// What the time brings; call until `None`.
    pub fn poll(&mut self, now: Instant) -> Option<Elapsed> {
        while let Some(index) = self.due.pop(now) {
            let Some(Entry {
                state: State::Calling(call),
                ..
            }) = self.entries.get(index as usize)
            else {
                self.remove(index);
                continue;
            };
            let Some(call) = self.calls.get_mut(*call as usize) else {
                self.remove(index);
                continue;
            };
            if call.fails_at <= now {
                let (owner, hop, proceeding) = (call.owner, call.hop, call.proceeding);
                self.remove(index);
                return Some(Elapsed::TimedOut {
                    owner,
                    hop,
                    proceeding,
                });
            }
            match &mut call.resend_at {
                Some(at) if *at <= now => {
                    // Counted from when it was due, so that a late turn does not stretch the
                    // series; but a turn that is very late does not make it a burst.
                    call.interval = if call.proceeding {
                        self.timers.t2
                    } else {
                        (call.interval * 2).min(self.timers.t2)
                    };
                    *at = (*at + call.interval).max(now + self.timers.t1 / 2);
                    self.due.set(index, (*at).min(call.fails_at));
                    let transmit = Transmit {
                        hop: call.hop,
                        local: call.local,
                        connection: call.connection,
                        bytes: call.request.clone(),
                    };
                    let owner = call.owner;
                    return Some(Elapsed::Retransmit { owner, transmit });
                }
                Some(at) => self.due.set(index, (*at).min(call.fails_at)),
                None => self.due.set(index, call.fails_at),
            }
        }
        None
    }

    /// When to call [`ClientTransactions::poll`] next.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.due.next()
    }

    fn remove(&mut self, index: u32) {
        self.due.clear(index);
        if let Some(Entry {
            state: State::Calling(call),
            ..
        }) = self.entries.try_remove(index as usize)
        {
            self.calls.try_remove(call as usize);
        }
    }
}

#[cfg(test)]
mod tests;
