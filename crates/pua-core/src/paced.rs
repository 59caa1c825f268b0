//! Who waits to be sent at the paced rate of a next hop: what the server would lose first goes
//! first, and of what it would lose together the one that came first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::owner::Ticket;

/// Places that are kept ready when the queue has become empty.
const KEPT: usize = 1024;

struct Place {
    by: Instant,
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

/// A queue in the order of what ends soonest.
#[derive(Default)]
pub(crate) struct PacedQueue {
    places: BinaryHeap<Place>,
    arrivals: u64,
}

impl PacedQueue {
    /// One more, which should go by then; what is missing at the server already: by now.
    pub(crate) fn push(&mut self, by: Instant, ticket: Ticket) {
        self.arrivals += 1;
        self.places.push(Place {
            by,
            arrival: self.arrivals,
            ticket,
        });
    }

    /// Who is next.
    pub(crate) fn front(&self) -> Option<Ticket> {
        self.places.peek().map(|place| place.ticket)
    }

    /// By when it should go.
    pub(crate) fn front_by(&self) -> Option<Instant> {
        self.places.peek().map(|place| place.by)
    }

    /// Takes the next one out.
    pub(crate) fn pop_front(&mut self) {
        self.places.pop();
        if self.places.is_empty() {
            // A server that lost all its state leaves a queue of a million behind.
            self.places.shrink_to(KEPT);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::owner::Role;

    fn ticket(index: u32) -> Ticket {
        Ticket {
            role: Role::Publisher,
            index,
            key: index,
        }
    }

    #[test]
    fn what_ends_soonest_goes_first_and_equals_keep_their_order() {
        let now = Instant::now();
        let mut queue = PacedQueue::default();
        for (index, seconds) in [(0, 9), (1, 3), (2, 3), (3, 0), (4, 9)] {
            queue.push(now + Duration::from_secs(seconds), ticket(index));
        }
        let mut order = Vec::new();
        while let Some(ticket) = queue.front() {
            order.push(ticket.index);
            queue.pop_front();
        }
        assert_eq!(order, [3, 1, 2, 0, 4]);
        assert!(queue.is_empty());
    }
}
