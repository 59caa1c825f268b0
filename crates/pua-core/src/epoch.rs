//! Points in time in half the memory of an `Instant`: for what is held by the hundred thousand.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// What moments are counted from: when the user agent was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch(Instant);

/// A point in time, to the nanosecond. There may be none at no cost of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(NonZeroU64);

impl Epoch {
    pub(crate) fn new(now: Instant) -> Self {
        Epoch(now)
    }

    /// The first instant.
    pub(crate) fn begun(self) -> Instant {
        self.0
    }

    /// The moment of an instant. Those before the epoch, and those more than 584 years after it,
    /// are taken for the first and the last there is.
    pub(crate) fn moment(self, at: Instant) -> Moment {
        let since = at.saturating_duration_since(self.0);
        let nanos = since
            .as_secs()
            .saturating_mul(1_000_000_000)
            .saturating_add(u64::from(since.subsec_nanos()));
        Moment(NonZeroU64::MIN.saturating_add(nanos))
    }

    /// The instant of a moment.
    pub(crate) fn instant(self, moment: Moment) -> Instant {
        self.0 + Duration::from_nanos(moment.0.get() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let begun = Instant::now();
        let epoch = Epoch::new(begun);
        let mut before = None;
        for after in [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::new(1, 999_999_999),
            Duration::from_secs(u64::from(u32::MAX)),
        ] {
            let moment = epoch.moment(begun + after);
            assert_eq!(epoch.instant(moment), begun + after);
            assert!(before < Some(moment));
            before = Some(moment);
        }
        let early = begun.checked_sub(Duration::from_secs(1)).unwrap_or(begun);
        assert_eq!(epoch.instant(epoch.moment(early)), begun);
        assert_eq!(size_of::<Option<Moment>>(), 8);
    }
}
