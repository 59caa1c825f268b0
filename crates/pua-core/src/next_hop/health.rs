//! Whether a next hop is up, whether it has lost its state, and what may be sent to it now.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::NextHop;
use crate::bucket::Gate;
use crate::owner::Ticket;
use crate::paced::Lane;
use crate::schedule::{Patience, back_off};

/// After so many failures in a row only one request at a time looks whether it is up again.
pub(super) const DOWN_AFTER: u32 = 5;
/// So many 412s in a row mean that the server has lost its state.
const FORGOTTEN_AFTER: u32 = 3;
/// So far apart are the looks at a server that says 503 and asks for next to no quiet.
const LOOK: Duration = Duration::from_secs(1);
/// So far the flow of what ends may make up for a time in which it stood still.
const MADE_UP: Duration = Duration::from_millis(5);

impl NextHop {
    /// Whether it has failed so often in a row that only one request at a time looks.
    pub(crate) fn is_down(&self) -> bool {
        self.failures >= DOWN_AFTER
    }

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

    /// Nobody answered, or only to say 503. `quiet`: for how long the server wants quiet, by its own
    /// word: then somebody looks, and who has waited for it goes before who was told.
    pub(crate) fn failed(&mut self, now: Instant, fraction: f64, quiet: Option<Duration>) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= DOWN_AFTER {
            // At most half a minute apart, so that recovery is seen soon.
            let wait = back_off(Patience::Outage, self.failures - DOWN_AFTER + 1, fraction)
                .min(Duration::from_secs(30));
            let quiet = quiet.map_or(wait, |quiet| quiet.max(LOOK));
            self.probe_at = Some(now + wait.min(quiet));
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

    /// Who is next of those that wait for the paced rate, and in which lane.
    pub(crate) fn next_paced(&mut self, now: Instant) -> Option<(Lane, Ticket)> {
        let lane = self.lane(now)?;
        Some((lane, self.paced.front(lane)?))
    }

    fn lane(&mut self, now: Instant) -> Option<Lane> {
        self.paced.sort_out(now);
        let waits = |lane| self.paced.front(lane).is_some();
        match (waits(Lane::Ending), waits(Lane::Missing)) {
            (false, false) => None,
            (true, false) => Some(Lane::Ending),
            (false, true) => Some(Lane::Missing),
            (true, true) => {
                let need = self.paced.need(now);
                match need.is_some_and(|need| self.flowed_at + need <= now) {
                    true => Some(Lane::Ending),
                    false => Some(Lane::Missing),
                }
            }
        }
    }

    /// Whether the next of a lane may go now; takes its share of the rate if so.
    pub(crate) fn gate(&mut self, now: Instant, lane: Lane) -> Gate {
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
        let Some(need) = self.paced.need(now) else {
            return self.bucket.take(now);
        };
        // When the next of what ends must go at the latest, so that all of them go in time.
        let on = self.flowed_at + need;
        let gate = match lane {
            Lane::Ending if on <= now => {
                // What is missing keeps a quarter of the rate, however much there is to be kept.
                let cost = match self.paced.front(Lane::Missing) {
                    Some(_) => need * 3 / 4,
                    None => Duration::MAX,
                };
                self.bucket.overdraw(now, cost);
                Gate::Open
            }
            _ => self.bucket.take(now),
        };
        match gate {
            Gate::ClosedUntil(at) => Gate::ClosedUntil(at.min(on)),
            Gate::Open if lane == Lane::Ending => {
                self.flowed_at = on.min(now).max(now - MADE_UP);
                Gate::Open
            }
            gate => gate,
        }
    }

    /// What was let through sends a second request (412, a challenge, 423): it takes its share of the
    /// rate as well.
    pub(crate) fn once_more(&mut self, now: Instant) {
        self.bucket.overdraw(now, Duration::MAX);
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
