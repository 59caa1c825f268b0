//! What the sink writes down: for each presentity until when its publication was granted, and for
//! every tenth of a second how many requests of which kind arrived.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pua_server::Operation;
use serde::{Deserialize, Serialize};

/// The width of a bin.
pub(crate) const BIN: Duration = Duration::from_millis(100);

/// What has happened since the last reset, and what is held now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Since the reset.
    pub(crate) elapsed_ms: f64,
    /// Publications held now. More than `presentities` means that some were published twice.
    pub(crate) publications: usize,
    /// Presentities for whom something is published now.
    pub(crate) presentities: usize,
    /// Presentities of whom anything was heard since the reset.
    pub(crate) touched: usize,
    pub(crate) initial: u64,
    pub(crate) refresh: u64,
    pub(crate) modify: u64,
    pub(crate) remove: u64,
    /// Publications that ran out because nothing came.
    pub(crate) expired: u64,
    /// Requests with an entity-tag that stands for nothing (412).
    pub(crate) stale: u64,
    /// Requests refused with another code.
    pub(crate) refused: u64,
    /// Requests that came again although they had been answered.
    pub(crate) retransmissions: u64,
    /// When the first request came, counted from the reset.
    pub(crate) first_ms: Option<f64>,
    /// When the last one came.
    pub(crate) last_ms: Option<f64>,
    /// Requests that came when the grant was over.
    pub(crate) late: u64,
    /// By how much the latest one.
    pub(crate) late_max_ms: f64,
    /// The least time that was left of a grant when its refresh came; `None` if none came.
    pub(crate) margin_min_ms: Option<f64>,
    /// Datagrams that the system threw away before the sink could read them, since its start.
    pub(crate) lost_datagrams: u64,
}

impl Counts {
    /// PUBLISH requests that were accepted.
    pub(crate) fn taken(&self) -> u64 {
        self.initial + self.refresh + self.modify + self.remove
    }
}

/// Requests for each [`BIN`] since the reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bins {
    pub(crate) initial: Vec<u32>,
    pub(crate) refresh: Vec<u32>,
    pub(crate) modify: Vec<u32>,
    pub(crate) retransmission: Vec<u32>,
    pub(crate) stale: Vec<u32>,
}

impl Bins {
    /// Initial publications, refreshes and modifications together.
    pub(crate) fn all(&self) -> Vec<u32> {
        let length = self.initial.len().max(self.refresh.len()).max(self.modify.len());
        let at = |bins: &Vec<u32>, index: usize| bins.get(index).copied().unwrap_or(0);
        (0..length)
            .map(|index| at(&self.initial, index) + at(&self.refresh, index) + at(&self.modify, index))
            .collect()
    }
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) counts: Counts,
    pub(crate) bins: Bins,
}

/// A publication that is held, or was until nothing came.
struct Held {
    until: Instant,
    /// The number of resets when anything was last heard of it.
    heard: u32,
    ended: bool,
}

/// The book.
pub(super) struct Book {
    held: HashMap<Arc<str>, Held>,
    resets: u32,
    since: Instant,
    ended: usize,
    report: Report,
}

fn count(bins: &mut Vec<u32>, since: Instant, at: Instant) {
    let index = (at.saturating_duration_since(since).as_millis() / BIN.as_millis()) as usize;
    if bins.len() <= index {
        bins.resize(index + 1, 0);
    }
    if let Some(bin) = bins.get_mut(index) {
        *bin += 1;
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

impl Book {
    pub(super) fn new(now: Instant) -> Book {
        Book {
            held: HashMap::new(),
            resets: 1,
            since: now,
            ended: 0,
            report: Report::default(),
        }
    }

    /// Begins counting anew; what is held stays.
    pub(super) fn reset(&mut self, now: Instant) {
        self.resets += 1;
        self.since = now;
        self.report = Report::default();
    }

    fn hear(&mut self, at: Instant) {
        let counts = &mut self.report.counts;
        let ms = millis(at.saturating_duration_since(self.since));
        counts.first_ms.get_or_insert(ms);
        counts.last_ms = Some(ms);
    }

    /// A PUBLISH that arrived `at` was accepted `now`.
    pub(super) fn published(
        &mut self,
        at: Instant,
        now: Instant,
        presentity: Arc<str>,
        operation: Operation,
        expires: u32,
    ) {
        self.hear(at);
        let (counts, bins) = (&mut self.report.counts, &mut self.report.bins);
        let (number, bins) = match operation {
            Operation::Initial => (&mut counts.initial, Some(&mut bins.initial)),
            Operation::Refresh => (&mut counts.refresh, Some(&mut bins.refresh)),
            Operation::Modify => (&mut counts.modify, Some(&mut bins.modify)),
            Operation::Remove => (&mut counts.remove, None),
        };
        *number += 1;
        if let Some(bins) = bins {
            count(bins, self.since, at);
        }
        let held = Held {
            until: now + Duration::from_secs(expires.into()),
            heard: self.resets,
            ended: operation == Operation::Remove,
        };
        if held.ended {
            if let Some(before) = self.held.remove(&presentity) {
                self.ended -= usize::from(before.ended);
                counts.touched -= usize::from(before.heard == self.resets);
            }
            return;
        }
        let before = self.held.insert(presentity, held);
        if before.as_ref().is_none_or(|before| before.heard != self.resets) {
            counts.touched += 1;
        }
        if let Some(before) = before {
            self.ended -= usize::from(before.ended);
            if at > before.until || before.ended {
                counts.late += 1;
                let by = millis(at.saturating_duration_since(before.until));
                counts.late_max_ms = counts.late_max_ms.max(by);
            }
            // What a changed document brings says nothing about when it would have been refreshed.
            if operation != Operation::Modify {
                let left = millis(before.until.saturating_duration_since(at));
                counts.margin_min_ms = Some(counts.margin_min_ms.map_or(left, |least| least.min(left)));
            }
        }
    }

    /// A publication has run out.
    pub(super) fn expired(&mut self, presentity: &str) {
        self.report.counts.expired += 1;
        if let Some(held) = self.held.get_mut(presentity)
            && !held.ended
        {
            held.ended = true;
            self.ended += 1;
        }
    }

    /// A request came again.
    pub(super) fn repeated(&mut self, at: Instant) {
        self.report.counts.retransmissions += 1;
        count(&mut self.report.bins.retransmission, self.since, at);
    }

    /// A request was refused.
    pub(super) fn refused(&mut self, at: Instant, code: u16) {
        self.hear(at);
        if code == 412 {
            self.report.counts.stale += 1;
            count(&mut self.report.bins.stale, self.since, at);
        } else {
            self.report.counts.refused += 1;
        }
    }

    /// The numbers, but for what only server and socket know.
    pub(super) fn counts(&self, now: Instant) -> Counts {
        Counts {
            elapsed_ms: millis(now.saturating_duration_since(self.since)),
            presentities: self.held.len() - self.ended,
            ..self.report.counts.clone()
        }
    }

    /// Numbers and bins, the bins as long as the time since the reset.
    pub(super) fn report(&self, counts: Counts) -> Report {
        let length = (counts.elapsed_ms / millis(BIN)) as usize;
        let mut bins = self.report.bins.clone();
        for bins in [
            &mut bins.initial,
            &mut bins.refresh,
            &mut bins.modify,
            &mut bins.retransmission,
            &mut bins.stale,
        ] {
            bins.resize(length, 0);
        }
        Report { counts, bins }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_refresh_in_time_leaves_a_margin_and_a_late_one_is_counted() {
        let start = Instant::now();
        let mut book = Book::new(start);
        let alice: Arc<str> = "sip:alice@example.com".into();
        book.published(start, start, alice.clone(), Operation::Initial, 60);
        let at = start + 40 * SECOND;
        book.published(at, at, alice.clone(), Operation::Refresh, 60);
        let counts = book.counts(at);
        assert_eq!((counts.late, counts.margin_min_ms), (0, Some(20_000.0)));
        book.expired(&alice);
        assert_eq!(book.counts(at).presentities, 0);
        let at = at + 61 * SECOND;
        book.refused(at, 412);
        book.published(at, at, alice, Operation::Initial, 60);
        let counts = book.counts(at);
        assert_eq!((counts.late, counts.late_max_ms), (1, 1000.0));
        assert_eq!((counts.stale, counts.expired, counts.presentities), (1, 1, 1));
        assert_eq!(counts.margin_min_ms, Some(0.0));
    }

    #[test]
    fn after_a_reset_it_is_told_of_how_many_anything_was_heard() {
        let start = Instant::now();
        let mut book = Book::new(start);
        for user in 0..3 {
            book.published(start, start, format!("sip:{user}").into(), Operation::Initial, 60);
        }
        book.reset(start + SECOND);
        assert_eq!(book.counts(start + SECOND).touched, 0);
        let at = start + 2 * SECOND;
        book.published(at, at, "sip:1".into(), Operation::Refresh, 60);
        book.published(at, at, "sip:1".into(), Operation::Refresh, 60);
        let counts = book.counts(at);
        assert_eq!((counts.touched, counts.presentities, counts.refresh), (1, 3, 2));
        assert_eq!(counts.first_ms, Some(1000.0));
        book.published(at, at, "sip:1".into(), Operation::Remove, 0);
        assert_eq!((book.counts(at).touched, book.counts(at).presentities), (0, 2));
    }

    #[test]
    fn arrivals_go_into_their_tenth_of_a_second() {
        let start = Instant::now();
        let mut book = Book::new(start);
        for ms in [0, 99, 100, 350] {
            let at = start + Duration::from_millis(ms);
            book.published(at, at, "sip:a".into(), Operation::Refresh, 60);
            book.repeated(at);
        }
        let report = book.report(book.counts(start + Duration::from_millis(500)));
        assert_eq!(report.bins.refresh, [2, 1, 0, 1, 0]);
        assert_eq!(report.bins.all(), [2, 1, 0, 1, 0]);
        assert_eq!(report.counts.retransmissions, 4);
    }
}
