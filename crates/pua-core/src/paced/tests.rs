//! Orders of the lanes, and the rate that one of them needs.

use super::*;
use crate::owner::Role;

fn ticket(index: u32) -> Ticket {
    Ticket {
        role: Role::Publisher,
        index,
        key: index,
    }
}

fn drain(queue: &mut PacedQueue, lane: Lane) -> Vec<u32> {
    let mut order = Vec::new();
    while let Some(ticket) = queue.front(lane) {
        order.push(ticket.index);
        queue.pop_front(lane);
    }
    order
}

#[test]
fn what_ends_soonest_goes_first_and_equals_keep_their_order() {
    let now = Instant::now();
    let mut queue = PacedQueue::new(now);
    for (index, seconds) in [(0, 90), (1, 30), (2, 30), (3, 40), (4, 90)] {
        queue.push(
            now,
            Lane::Ending,
            now + Duration::from_secs(seconds),
            ticket(index),
        );
        queue.push(
            now,
            Lane::Missing,
            now + Duration::from_secs(seconds),
            ticket(10 + index),
        );
    }
    assert_eq!(queue.len(), 10);
    assert_eq!(drain(&mut queue, Lane::Ending), [1, 2, 3, 0, 4]);
    assert_eq!(drain(&mut queue, Lane::Missing), [11, 12, 13, 10, 14]);
    assert!(queue.is_empty());
    assert!(queue.steps.is_empty());
}

#[test]
fn what_has_ended_is_missing() {
    let now = Instant::now();
    let mut queue = PacedQueue::new(now);
    queue.push(now, Lane::Ending, now, ticket(0));
    assert_eq!(queue.need(now), None, "nothing of it can be kept");
    for (index, seconds) in [(1, 30), (2, 20), (3, 60)] {
        queue.push(
            now,
            Lane::Ending,
            now + Duration::from_secs(seconds),
            ticket(index),
        );
    }
    queue.sort_out(now + Duration::from_secs(30));
    assert_eq!(drain(&mut queue, Lane::Missing), [0, 2, 1]);
    assert_eq!(drain(&mut queue, Lane::Ending), [3]);
    assert!(queue.steps.is_empty());
}

/// The steepest part of what waits decides, not the sum.
#[test]
fn the_need_is_what_the_tightest_of_them_need() {
    let now = Instant::now();
    let mut queue = PacedQueue::new(now);
    assert_eq!(queue.need(now), None);
    // Ten seconds before it ends it should have gone.
    for index in 0..100 {
        queue.push(now, Lane::Ending, now + Duration::from_secs(110), ticket(index));
    }
    assert_eq!(queue.need(now), Some(Duration::from_secs(1)));
    // Half of what is left, where that is less.
    for index in 0..50 {
        queue.push(now, Lane::Ending, now + Duration::from_secs(10), ticket(index));
    }
    let later = now + RECKONED_FOR;
    let need = queue.need(later).unwrap();
    assert_eq!(need, (Duration::from_secs(5) - RECKONED_FOR) / 50);
    // What is late goes soon, but not at once.
    let late = now + Duration::from_secs(6);
    assert_eq!(queue.need(late), Some(CATCH_UP / 50));
}
