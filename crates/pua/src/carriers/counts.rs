//! What carriers count: one set for webhooks, one for sinks, one for the sockets of
//! `event_subscribe`.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one kind of carrier.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    sent: AtomicU64,
    failed: AtomicU64,
    retried: AtomicU64,
    dead_lettered: AtomicU64,
    gaps: AtomicU64,
}

impl Counts {
    /// Events that have arrived, as far as the carrier can tell.
    pub(super) fn sent(&self, events: u64) {
        self.sent.fetch_add(events, Ordering::Relaxed);
    }

    /// An attempt to deliver has failed.
    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// What failed is tried again.
    pub(super) fn retried(&self) {
        self.retried.fetch_add(1, Ordering::Relaxed);
    }

    /// Events that were given up.
    pub(super) fn dead_lettered(&self, events: u64) {
        self.dead_lettered.fetch_add(events, Ordering::Relaxed);
    }

    /// Events had fallen out of the ring before they were read.
    pub(super) fn gap(&self) {
        self.gaps.fetch_add(1, Ordering::Relaxed);
    }

    /// Names and values.
    pub(crate) fn read(&self) -> [(&'static str, u64); 5] {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("sent", read(&self.sent)),
            ("failed", read(&self.failed)),
            ("retried", read(&self.retried)),
            ("dead_lettered", read(&self.dead_lettered)),
            ("gaps", read(&self.gaps)),
        ]
    }
}
