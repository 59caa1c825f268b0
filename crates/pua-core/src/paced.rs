//! Who waits to be sent at the paced rate of a next hop, in two lanes: what the server has and
//! will lose, in the order in which it must go, and what it has not, in the order of its loss.
//!
//! The first lane knows the rate at which it must flow so that none of it comes too late
//! ([`PacedQueue::need`]): that much of the paced rate is its own, and more where the paced rate is
//! not enough. So what ends together is not sent in one burst shortly before.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

use crate::owner::Ticket;

/// Places that are kept ready when a lane has become empty.
const KEPT: usize = 1024;
/// So long before its end a grant should be refreshed at the latest, if it lasts twice as long:
/// time for a repetition or two, and for another server.
const MARGIN: Duration = Duration::from_secs(10);
/// Places are counted by the time at which they must go, in steps of so many milliseconds.
const STEP: u64 = 500;
/// What should have gone already goes within so long, not at once.
const CATCH_UP: Duration = Duration::from_millis(500);
/// How long a reckoning of the rate holds.
const RECKONED_FOR: Duration = Duration::from_millis(20);

/// Where something waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// The server has it, and loses it if it is not refreshed in time.
    Ending,
    /// The server has it no longer, or never had it.
    Missing,
}

struct Place {
    /// By when it should go.
    by: Instant,
    /// When the server loses it, or has lost it.
    end: Instant,
    arrival: u64,
    ticket: Ticket,
}

impl Ord for Place {
    /// The greatest is next.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.by, other.arrival).cmp(&(self.by, self.arrival))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Place {}

/// The two lanes of a next hop.
pub(crate) struct PacedQueue {
    ending: BinaryHeap<Place>,
    missing: BinaryHeap<Place>,
    arrivals: u64,
    /// The time from which the steps are counted.
    origin: Instant,
    /// How many in the lane of what ends must go by the beginning of each step.
    steps: BTreeMap<u64, u32>,
    /// The time that one of them may take, and until when that holds.
    need: Option<(Duration, Instant)>,
}

impl PacedQueue {
    pub(crate) fn new(now: Instant) -> Self {
        PacedQueue {
            ending: BinaryHeap::new(),
            missing: BinaryHeap::new(),
            arrivals: 0,
            origin: now,
            steps: BTreeMap::new(),
            need: None,
        }
    }

    fn step(&self, by: Instant) -> u64 {
        let since = by.saturating_duration_since(self.origin).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX) / STEP
    }

    /// One more. `end`: when the server loses it, or has lost it.
    pub(crate) fn push(&mut self, now: Instant, lane: Lane, end: Instant, ticket: Ticket) {
        self.arrivals += 1;
        let left = end.saturating_duration_since(now);
        let mut place = Place {
            by: end,
            end,
            arrival: self.arrivals,
            ticket,
        };
        if lane == Lane::Missing || left.is_zero() {
            self.missing.push(place);
            return;
        }
        place.by = now + left - MARGIN.min(left / 2);
        *self.steps.entry(self.step(place.by)).or_default() += 1;
        self.ending.push(place);
    }

    /// Who is next in a lane.
    pub(crate) fn front(&self, lane: Lane) -> Option<Ticket> {
        let lane = match lane {
            Lane::Ending => &self.ending,
            Lane::Missing => &self.missing,
        };
        lane.peek().map(|place| place.ticket)
    }

    /// Takes the next one of a lane out.
    pub(crate) fn pop_front(&mut self, lane: Lane) {
        match lane {
            Lane::Ending => {
                let Some(place) = self.ending.pop() else {
                    return;
                };
                let step = self.step(place.by);
                if let Some(count) = self.steps.get_mut(&step) {
                    *count -= 1;
                    if *count == 0 {
                        self.steps.remove(&step);
                    }
                }
                shrink(&mut self.ending);
            }
            Lane::Missing => {
                self.missing.pop();
                shrink(&mut self.missing);
            }
        }
    }

    /// What has ended while it waited is missing from now on.
    pub(crate) fn sort_out(&mut self, now: Instant) {
        while let Some(place) = self.ending.peek().filter(|place| place.end <= now) {
            let (end, ticket) = (place.end, place.ticket);
            self.pop_front(Lane::Ending);
            self.push(now, Lane::Missing, end, ticket);
        }
    }

    /// The time that each of what ends may take, so that none comes too late; `None`: none waits.
    pub(crate) fn need(&mut self, now: Instant) -> Option<Duration> {
        if self.ending.is_empty() {
            self.need = None;
            return None;
        }
        if let Some((interval, until)) = self.need
            && now < until
        {
            return Some(interval);
        }
        let mut waiting = 0_u32;
        let mut least = Duration::MAX;
        for (step, count) in &self.steps {
            waiting = waiting.saturating_add(*count);
            let by = self.origin + Duration::from_millis(step * STEP);
            let left = by.saturating_duration_since(now).max(CATCH_UP);
            least = least.min(left / waiting.max(1));
        }
        self.need = Some((least, now + RECKONED_FOR));
        Some(least)
    }

    pub(crate) fn len(&self) -> usize {
        self.ending.len() + self.missing.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A server that lost all its state leaves a queue of a million behind.
fn shrink(lane: &mut BinaryHeap<Place>) {
    if lane.is_empty() {
        lane.shrink_to(KEPT);
    }
}

#[cfg(test)]
mod tests;
