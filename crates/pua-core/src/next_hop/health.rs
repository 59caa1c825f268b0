//! Whether a next hop is up, whether it has lost its state, and what may be sent to it now.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::NextHop;
use crate::bucket::Gate;
use crate::schedule::{Patience, back_off};

/// After so many failures in a row only one request at a time looks whether it is up again.
pub(super) const DOWN_AFTER: u32 = 5;
/// So many 412s in a row mean that the server has lost its state.
const FORGOTTEN_AFTER: u32 = 3;
/// What the server would lose so soon is sent whatever the paced rate.
const PRESSING: Duration = Duration::from_secs(10);

impl NextHop {
    /// The server answered, whatever it said. True: it had been failing, so what waits for it may
    /// be tried now.
    pub(crate) fn answered(&mut self, ip: IpAddr) -> bool {
        if let Some(candidate) = self.candidate(ip)
            && candidate.dead_until.is_some()
        {
            candidate.dead_until = None;
        }
        self.probe_at = None;
        std::mem::take(&mut self.failures) > 0
    }

    /// Nobody answered.
    pub(crate) fn failed(&mut self, now: Instant, fraction: f64) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= DOWN_AFTER {
            // At most half a minute apart, so that recovery is seen soon.
            let wait = back_off(Patience::Outage, self.failures - DOWN_AFTER + 1, fraction)
                .min(Duration::from_secs(30));
            self.probe_at = Some(now + wait);
        }
    }

    /// The server did not know an entity-tag it had given. True: it has lost its state, and all
    /// that is published there must be looked after now.
    pub(crate) fn forgot(&mut self) -> bool {
        self.forgotten = self.forgotten.saturating_add(1);
        let sweep = self.forgotten >= FORGOTTEN_AFTER && !self.swept;
        self.swept |= sweep;
        sweep
    }

    /// The server knew an entity-tag.
    pub(crate) fn remembered(&mut self) {
        self.forgotten = 0;
        self.swept = false;
    }

    /// Whether one that waits in `paced` may go now; takes its share of the rate if so. `by`: when
    /// the server loses what is to be refreshed; what would not live to see its turn is held back
    /// by the window alone.
    pub(crate) fn gate(&mut self, now: Instant, by: Instant) -> Gate {
        if let Some(at) = self.probe_at {
            if at > now {
                return Gate::ClosedUntil(at);
            }
            // One look; the next not before this one is answered, or timer F has ended it.
            self.probe_at = Some(now + Duration::from_secs(32));
            return Gate::Open;
        }
        if !self.window.has_room() || !self.ready.is_empty() {
            return Gate::Full;
        }
        if by > now && by < now + PRESSING {
            self.bucket.overdraw(now);
            return Gate::Open;
        }
        self.bucket.take(now)
    }

    /// Whether nobody needs it any more.
    pub(crate) fn is_unused(&self) -> bool {
        self.users == 0
            && self.waiting.is_empty()
            && self.paced.is_empty()
            && self.ready.is_empty()
            && self.window.under_way() == 0
            && !self.awake
    }
}
