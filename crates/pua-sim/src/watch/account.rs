//! The first oracle of watching: every SUBSCRIBE as it leaves, and the answer to every NOTIFY,
//! judged by what has passed between the core and the world. It keeps its own account of dialogs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_transaction::Hop;

use crate::violation::Violation;

mod answers;
mod notify;
mod requests;
mod restart;

pub(crate) use notify::Incoming;

/// 64·T1: timers F and N.
pub(crate) const TIMER: Duration = Duration::from_secs(32);
/// More first SUBSCRIBEs of one subscription within a minute, that nobody asked for, are a loop.
const LOOP: usize = 12;
/// A gap in versions is followed by a refresh so soon, unless one is under way.
const GAP: Duration = Duration::from_secs(12);

/// How a SUBSCRIBE ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Final(u16),
    Unreachable,
}

struct Flight {
    call_id: String,
    /// The remote tag of the dialog it is in.
    dialog: Option<String>,
    cseq: u32,
    bytes: Bytes,
    sent_at: Instant,
    last_at: Instant,
    hop: Hop,
    asked: u32,
    end: Option<End>,
}

impl Flight {
    fn end(&self, now: Instant) -> Option<End> {
        self.end
            .or((self.sent_at + TIMER <= now).then_some(End::Unreachable))
    }
}

/// A dialog that a NOTIFY has made.
pub(crate) struct Dialog {
    pub(crate) over: bool,
    /// The CSeq number of the NOTIFY that made it.
    made_by: u32,
    remote_cseq: u32,
    cseq: u32,
    target: String,
    routes: Vec<String>,
    etag: Option<String>,
    /// The last SUBSCRIBE in it.
    flight: Option<String>,
    asked_at: Option<Instant>,
    /// A NOTIFY came after the last SUBSCRIBE.
    notified: bool,
    /// Until then it stands for certain.
    until: Instant,
    /// By the word of a NOTIFY that came before the response to a SUBSCRIBE.
    told_until: Option<Instant>,
    /// It is being ended.
    ending: bool,
    /// The server's own time for the next SUBSCRIBE, unless an application asks.
    quiet_until: Option<Instant>,
    /// Of the last document that had one.
    version: Option<u32>,
    /// Since when something partial is missing.
    gap_at: Option<Instant>,
    /// Of an earlier life, and nothing was sent in it since: CSeq may have a gap.
    leaps: bool,
}

/// The dialogs of one first SUBSCRIBE.
pub(crate) struct Set {
    pub(crate) watch: usize,
    pub(crate) fetch: bool,
    /// It may have forked, and what all say counts (R6665-31).
    pub(crate) gathers: bool,
    several: bool,
    from_tag: String,
    cseq: u32,
    sent_at: Instant,
    /// The branch of its last request outside a dialog.
    branch: String,
    /// No dialog can be made any more.
    closed: bool,
    /// The daemon was killed.
    dead: bool,
    granted_until: Instant,
    pub(crate) dialogs: BTreeMap<String, Dialog>,
}

/// The account.
#[derive(Default)]
pub(crate) struct Account {
    flights: BTreeMap<String, Flight>,
    pub(crate) sets: BTreeMap<String, Set>,
    /// The latest set of each subscription.
    latest: BTreeMap<usize, String>,
    from_tags: BTreeSet<String>,
    /// Answers to NOTIFYs by branch.
    answers: BTreeMap<String, (Instant, Bytes)>,
    /// Subscriptions that a notifier or a server has ended for good, and why.
    pub(crate) stopped: BTreeMap<usize, String>,
    quiet: BTreeMap<usize, Instant>,
    quiet_at: BTreeMap<SocketAddr, Instant>,
    /// When first SUBSCRIBEs left that nobody had asked for.
    firsts: BTreeMap<usize, Vec<Instant>>,
    commanded_at: BTreeMap<usize, Instant>,
    /// The largest Min-Expires that was told.
    least: u32,
    pub(crate) requests: u64,
    pub(crate) notifies: u64,
}

impl Account {
    /// An application has asked for something.
    pub(crate) fn commanded(&mut self, now: Instant, watch: usize) {
        self.stopped.remove(&watch);
        self.commanded_at.insert(watch, now);
        self.firsts.remove(&watch);
    }

    /// An application wants it no more: its dialogs are ended, or dropped while their servers
    /// want quiet.
    pub(crate) fn unwanted(&mut self, watch: usize) {
        for set in self
            .sets
            .values_mut()
            .filter(|set| set.watch == watch && !set.fetch)
        {
            for dialog in set.dialogs.values_mut() {
                dialog.ending = true;
            }
        }
    }

    /// The core holds a subscription no more: nothing of it is remembered.
    pub(crate) fn ended(&mut self, watch: usize) {
        self.quiet.remove(&watch);
        self.stopped.remove(&watch);
        self.latest.remove(&watch);
    }

    /// The configuration was read again: what was refused is tried once more.
    pub(crate) fn configured(&mut self) {
        self.stopped.retain(|_, why| !why.starts_with(char::is_numeric));
    }

    /// The daemon is killed.
    pub(crate) fn killed(&mut self, now: Instant) {
        for flight in self.flights.values_mut() {
            if flight.end(now).is_none() {
                flight.end = Some(End::Unreachable);
            }
        }
        for set in self.sets.values_mut() {
            set.dead = true;
        }
        self.answers.clear();
        self.stopped.clear();
        self.quiet.clear();
        self.quiet_at.clear();
        self.latest.clear();
        self.firsts.clear();
    }

    /// The core is told that `hop` cannot be reached.
    pub(crate) fn unreachable(&mut self, now: Instant, hop: Hop) {
        for flight in self.flights.values_mut() {
            if flight.hop == hop && flight.end(now).is_none() {
                flight.end = Some(End::Unreachable);
            }
        }
    }

    /// When the transaction of a response times out, if it is still open.
    pub(crate) fn deadline(&self, branch: &str) -> Option<Instant> {
        let flight = self.flights.get(branch).filter(|flight| flight.end.is_none())?;
        Some(flight.sent_at + TIMER)
    }

    fn flight_ended(&self, branch: Option<&String>, now: Instant) -> bool {
        branch
            .and_then(|branch| self.flights.get(branch))
            .is_none_or(|flight| flight.end(now).is_some())
    }

    /// Whether any SUBSCRIBE is under way.
    pub(crate) fn is_busy(&self, now: Instant) -> bool {
        self.flights.values().any(|flight| flight.end(now).is_none())
            || self.sets.values().filter(|set| !set.dead).any(|set| {
                set.dialogs.values().any(|dialog| {
                    !dialog.over && !dialog.notified && dialog.asked_at.is_some_and(|at| at + TIMER > now)
                })
            })
    }

    /// Whether a dialog stands, by all that can be seen from outside.
    fn stands(&self, now: Instant, set: &Set, dialog: &Dialog) -> bool {
        let waited = dialog.asked_at.is_none_or(|at| now < at + TIMER);
        let answered = match dialog.flight.as_ref().and_then(|branch| self.flights.get(branch)) {
            Some(flight) => matches!(flight.end(now), None | Some(End::Final(_))),
            None => true,
        };
        let first = self
            .flights
            .get(&set.branch)
            .is_none_or(|flight| !matches!(flight.end, Some(End::Final(300..))));
        !dialog.over
            && !dialog.ending
            && !set.dead
            && answered
            && (dialog.notified || waited)
            && first
            && now < dialog.until
    }

    /// R6665-102: what is missing of partial state is asked for.
    pub(crate) fn overdue(&self, now: Instant) -> Result<(), Violation> {
        let latest = self.latest.values().filter_map(|call_id| self.sets.get(call_id));
        for set in latest.filter(|set| !set.dead) {
            for (tag, dialog) in &set.dialogs {
                let held = dialog.quiet_until.is_some() || self.quiet_at.values().any(|at| *at + GAP > now);
                let flight = dialog.flight.as_ref().and_then(|branch| self.flights.get(branch));
                // A server that said no is left in peace.
                let refused = flight.is_some_and(|flight| !matches!(flight.end, Some(End::Final(200..=299))));
                let waits = held || refused || !dialog.notified;
                if dialog.gap_at.is_some_and(|at| at + GAP < now) && !waits && self.stands(now, set, dialog) {
                    return Err(Violation::bound(format!(
                        "subscription {}: dialog {tag} has missed something, and is not refreshed",
                        set.watch
                    )));
                }
            }
        }
        Ok(())
    }

    /// The dialogs that stand for certain: Call-ID, the notifier's tag.
    pub(crate) fn standing(&self, now: Instant, watch: usize) -> Vec<(String, String)> {
        let mut standing = Vec::new();
        for (call_id, set) in self
            .sets
            .iter()
            .filter(|(_, set)| set.watch == watch && !set.fetch)
        {
            for (tag, dialog) in &set.dialogs {
                if self.stands(now, set, dialog) {
                    standing.push((call_id.clone(), tag.clone()));
                }
            }
        }
        standing
    }
}
