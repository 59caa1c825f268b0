//! What is committed is durable, what cannot be written is told and written later, and nobody
//! waits for the disk.

use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::backend::Restored;
use crate::{Faulty, Memory, Plan, Reading};

/// How long anything may take before a test gives it up.
const PATIENCE: Duration = Duration::from_secs(30);

struct Bed {
    writer: Writer,
    bell: Receiver<()>,
    memory: Memory,
    plan: Plan,
    number: u64,
}

impl Bed {
    fn new(durability: Durability) -> Bed {
        let (memory, plan) = (Memory::default(), Plan::default());
        let mut backend: Box<dyn Backend> = Box::new(Faulty::new(Box::new(memory.clone()), plan.clone()));
        let boot = Boot::present();
        let reading = Reading::take(&boot, Instant::now);
        let lease = backend.acquire(&reading, 100).unwrap();
        let loaded = backend.load(&reading, &mut |_| ()).unwrap();
        let (ring, bell) = channel();
        let opened = Opened {
            backend,
            lease,
            loaded,
            boot,
            time: Instant::now,
            durability,
        };
        let writer = Writer::start(opened, move || {
            // The test may have ended.
            let _ = ring.send(());
        });
        Bed {
            writer: writer.unwrap(),
            bell,
            memory,
            plan,
            number: 0,
        }
    }

    /// A turn with a publication of this key, for which somebody waits.
    fn put(&mut self, key: u64) -> u64 {
        self.turn(key, 1)
    }

    fn turn(&mut self, key: u64, waiters: usize) -> u64 {
        self.number += 1;
        let mut changes = vec![Change::Put(Box::new(record(key)))];
        self.writer.commit(self.number, &mut changes, waiters);
        assert!(changes.is_empty());
        self.number
    }

    fn until(&self, what: &str, is_so: impl Fn(&Writer) -> bool) {
        let start = Instant::now();
        while !is_so(&self.writer) {
            assert!(start.elapsed() < PATIENCE, "never: {what}");
            let _ = self.bell.recv_timeout(Duration::from_millis(100));
        }
    }

    fn keys(&self) -> Vec<u64> {
        let mut keys = Vec::new();
        let reading = Reading::take(&Boot::present(), Instant::now);
        let mut take = |restored| {
            if let Restored::Publication(record) = restored {
                keys.push(record.key);
            }
        };
        self.memory.clone().load(&reading, &mut take).unwrap();
        keys
    }
}

fn record(key: u64) -> pua_core::PublicationRecord {
    pua_core::PublicationRecord {
        key,
        name: pua_core::PublicationName {
            presentity: "sip:a@example.com".into(),
            package: "presence".into(),
            id: None,
        },
        document: None,
        headers: "".into(),
        proxy: None,
        until: None,
        removing: false,
        revision: 1,
        document_revision: 1,
        on_stop: None,
        published_revision: 0,
        etag: None,
        expires_at: None,
        call_id: "c".into(),
        cseq: 0,
        surplus: 0,
        setback: None,
    }
}

#[test]
fn what_is_committed_is_in_the_store_and_the_bell_rings() {
    let mut bed = Bed::new(Durability::Commit);
    let number = bed.put(1);
    bed.until("committed", |writer| writer.committed() >= number);
    assert_eq!(bed.keys(), [1]);
    let figures = bed.writer.figures();
    assert_eq!((figures.changes, figures.rows, figures.failures), (1, 1, 0));
}

#[test]
fn while_the_disk_is_busy_turns_gather_and_share_one_commit() {
    let mut bed = Bed::new(Durability::Commit);
    bed.plan.hold();
    bed.put(1);
    bed.plan.wait_for(1);
    for key in 2..=50 {
        bed.put(key);
    }
    assert_eq!(bed.writer.committed(), 0, "nothing is on the disk yet");
    bed.plan.release();
    bed.until("committed", |writer| writer.committed() == 50);
    assert_eq!(bed.plan.commits(), 2);
    assert_eq!(bed.keys(), (1..=50).collect::<Vec<_>>());
}

#[test]
fn who_comes_alone_after_a_crowd_is_written_as_well() {
    let mut bed = Bed::new(Durability::Commit);
    for _ in 0..20 {
        let commits = bed.plan.commits();
        bed.plan.hold();
        bed.put(1);
        bed.plan.wait_for(commits + 1);
        for key in 2..=9 {
            bed.put(key);
        }
        bed.plan.release();
        let number = bed.number;
        bed.until("the crowd", |writer| writer.committed() == number);
        let number = bed.put(10);
        bed.until("who is alone", |writer| writer.committed() == number);
    }
    assert_eq!(bed.keys(), (1..=10).collect::<Vec<_>>());
}

#[test]
fn what_nobody_waits_for_is_written_with_what_somebody_does_or_soon() {
    let mut bed = Bed::new(Durability::Commit);
    bed.turn(1, 0);
    bed.turn(2, 0);
    let number = bed.put(3);
    bed.until("committed", |writer| writer.committed() >= number);
    assert_eq!(bed.keys(), [1, 2, 3]);
    let number = bed.turn(4, 0);
    bed.until("written by itself", |writer| writer.committed() >= number);
    let number = bed.turn(5, 0);
    bed.writer.hurry(1);
    bed.until("written in haste", |writer| writer.committed() >= number);
    assert_eq!(bed.keys(), [1, 2, 3, 4, 5]);
}

#[test]
fn relaxed_answers_at_once_and_writes_soon() {
    let mut bed = Bed::new(Durability::Relaxed);
    bed.plan.hold();
    let number = bed.put(1);
    assert_eq!(bed.writer.committed(), number);
    bed.put(2);
    bed.plan.release();
    bed.until("written", |writer| writer.figures().rows == 2);
    assert_eq!(bed.keys(), [1, 2]);
}

#[test]
fn relaxed_writes_what_is_left_when_it_stops() {
    let mut bed = Bed::new(Durability::Relaxed);
    bed.put(1);
    let memory = bed.memory.clone();
    bed.writer.stop().unwrap();
    let mut count = 0;
    memory
        .clone()
        .load(&Reading::take(&Boot::present(), Instant::now), &mut |_| {
            count += 1
        })
        .unwrap();
    assert_eq!(count, 1);
}

#[test]
fn what_cannot_be_written_is_told_kept_and_written_later() {
    for trouble in [
        Trouble::Full,
        Trouble::ReadOnly,
        Trouble::Io,
        Trouble::Corrupt,
        Trouble::Locked,
    ] {
        let mut bed = Bed::new(Durability::Commit);
        bed.plan.break_down(trouble);
        bed.put(1);
        bed.until("failed", Writer::is_failed);
        assert_eq!(bed.writer.failure().unwrap().trouble, trouble);
        assert_eq!(bed.writer.committed(), 0);
        // What is held goes on being refreshed.
        for _ in 0..3 {
            bed.put(2);
        }
        assert!(bed.keys().is_empty());
        bed.plan.repair();
        bed.until("written", |writer| writer.committed() == 4);
        assert!(!bed.writer.is_failed() && bed.writer.failure().is_none());
        assert_eq!(bed.keys(), [1, 2]);
        assert_eq!(bed.writer.figures().rows, 2, "one row of each record");
    }
}

#[test]
fn what_cannot_be_written_at_the_end_is_told() {
    for (changes, trouble) in [(1, Trouble::Full), (1, Trouble::Fenced), (0, Trouble::Full)] {
        let mut bed = Bed::new(Durability::Commit);
        bed.plan.break_down(trouble);
        for key in 0..changes {
            bed.put(key);
        }
        bed.writer.reserve_events(300);
        let told = bed.writer.stop().map_err(|error| error.trouble);
        assert_eq!(told, if changes == 0 { Ok(()) } else { Err(trouble) });
    }
}

#[test]
fn a_failure_of_any_one_commit_loses_nothing() {
    for failing in 0..8 {
        let mut bed = Bed::new(Durability::Commit);
        bed.plan.fail(failing, 1, Trouble::Io);
        for key in 1..=8 {
            let number = bed.put(key);
            bed.until("committed", |writer| writer.committed() >= number);
        }
        assert_eq!(bed.keys(), (1..=8).collect::<Vec<_>>());
        assert_eq!(bed.writer.figures().failures, 1);
    }
}

#[test]
fn a_queue_that_is_full_is_told_and_what_comes_then_is_bounded_by_the_records() {
    let mut bed = Bed::new(Durability::Commit);
    bed.plan.hold();
    bed.put(1);
    bed.plan.wait_for(1);
    assert!(!bed.writer.is_full());
    for turn in 0..4 * QUEUE as u64 {
        bed.put(turn % 1000);
    }
    assert!(bed.writer.figures().waiting < 3 * QUEUE as u64);
    for turn in 0..QUEUE as u64 {
        bed.put(1000 + turn);
    }
    assert!(bed.writer.is_full());
    bed.plan.release();
    let last = bed.number;
    bed.until("committed", |writer| writer.committed() == last);
    assert!(!bed.writer.is_full());
    assert_eq!(bed.keys().len(), 1000 + QUEUE);
}

#[test]
fn numbers_of_events_are_reserved_with_the_next_commit_or_alone() {
    let mut bed = Bed::new(Durability::Commit);
    assert_eq!(bed.writer.reserved(), 100);
    bed.writer.reserve_events(300);
    bed.until("reserved", |writer| writer.reserved() == 300);
    let lease = bed
        .memory
        .acquire(&Reading::take(&Boot::present(), Instant::now), 50)
        .unwrap();
    assert_eq!((lease.events, lease.reserved), (300, 350));
}

#[test]
fn who_was_replaced_is_told_and_stays_so() {
    let mut bed = Bed::new(Durability::Commit);
    bed.memory
        .acquire(&Reading::take(&Boot::present(), Instant::now), 50)
        .unwrap();
    bed.put(1);
    bed.until("failed", Writer::is_failed);
    assert_eq!(bed.writer.failure().unwrap().trouble, Trouble::Fenced);
    assert_eq!(bed.writer.taken_over(), bed.writer.failure());
    assert!(bed.keys().is_empty());
}
