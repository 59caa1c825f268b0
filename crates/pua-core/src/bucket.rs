//! The paced rate of one next hop: a token bucket.

use std::time::{Duration, Instant};

use crate::config::Pacing;

/// What happens to what waits to be sent at the paced rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    /// Not before something that is under way is over.
    Full,
    /// Not before then.
    ClosedUntil(Instant),
}

/// A token bucket.
pub(crate) struct Bucket {
    per_request: Duration,
    burst: Duration,
    /// The time at which the bucket would be full minus what was taken: the generic cell rate
    /// algorithm's theoretical arrival time.
    theoretical: Instant,
}

impl Bucket {
    pub(crate) fn new(now: Instant, pacing: &Pacing) -> Self {
        let per_request = Duration::from_secs(1) / pacing.rate.max(1);
        Bucket {
            per_request,
            burst: per_request * pacing.burst.max(1),
            theoretical: now,
        }
    }

    pub(crate) fn take(&mut self, now: Instant) -> Gate {
        let theoretical = self.theoretical.max(now) + self.per_request;
        // Theoretical time runs ahead of now by what has been taken of the burst.
        if theoretical > now + self.burst {
            return Gate::ClosedUntil(theoretical - self.burst);
        }
        self.theoretical = theoretical;
        Gate::Open
    }

    /// One goes whatever the rate, at a `cost` of no more than its share: those after it make up
    /// for it, up to a second of them.
    pub(crate) fn overdraw(&mut self, now: Instant, cost: Duration) {
        let most = now + self.burst + Duration::from_secs(1);
        self.theoretical = (self.theoretical.max(now) + cost.min(self.per_request)).min(most);
    }
}
