//! Every store holds what was committed to it: one suite over all of them.

mod common;

use std::time::Instant;

use common::{Model, change, held, reading, write};
use proptest::prelude::*;
use pua_core::Change;
use pua_store::{Backend, Boot, Error, Faulty, Memory, Plan, Reading, Sqlite, Trouble};

/// What happens to a store.
#[derive(Clone, Debug)]
enum Step {
    /// Changes of some turns, in one batch.
    Batch(Vec<Change>),
    /// The same, but it cannot be written; it is kept for the next.
    Failing(Vec<Change>),
    /// The daemon ends and another begins.
    NewLife,
}

fn steps(base: Instant) -> impl Strategy<Value = Vec<Step>> {
    let changes = || proptest::collection::vec(change(base), 0..12);
    let step = prop_oneof![
        5 => changes().prop_map(Step::Batch),
        1 => changes().prop_map(Step::Failing),
        1 => Just(Step::NewLife),
    ];
    proptest::collection::vec(step, 1..16)
}

/// Opens the store again and again.
type Open<'a> = dyn Fn() -> Box<dyn Backend> + 'a;

fn lives(open: &Open<'_>, plan: &Plan, base: Instant, steps: Vec<Step>) {
    let reading = reading(base);
    let mut model = Model::default();
    let mut backend = open();
    let mut lease = backend.acquire(&reading, 10).unwrap();
    let mut kept: Vec<Change> = Vec::new();
    for step in steps {
        match step {
            Step::Batch(changes) => {
                kept.extend(changes.iter().cloned());
                write(&mut *backend, &lease, &reading, &mut kept).unwrap();
                kept.clear();
                changes.iter().for_each(|change| model.apply(change));
            }
            Step::Failing(changes) => {
                plan.break_down(Trouble::Io);
                let before = held(&mut *backend, &reading);
                kept.extend(changes.iter().cloned());
                let error = write(&mut *backend, &lease, &reading, &mut kept).unwrap_err();
                assert_eq!(error.trouble, Trouble::Io);
                plan.repair();
                assert_eq!(held(&mut *backend, &reading), before, "all or nothing");
                changes.iter().for_each(|change| model.apply(change));
            }
            Step::NewLife => {
                write(&mut *backend, &lease, &reading, &mut kept).unwrap();
                kept.clear();
                backend.close().unwrap();
                backend = open();
                let next = backend.acquire(&reading, 10).unwrap();
                assert!(next.life > lease.life && next.slots[0].epoch > lease.slots[0].epoch);
                assert_eq!(
                    next.events, lease.reserved,
                    "no number of an event is given twice"
                );
                lease = next;
            }
        }
        if kept.is_empty() {
            assert_eq!(held(&mut *backend, &reading), model.told());
        }
    }
}

fn fenced(first: &mut dyn Backend, second: &mut dyn Backend, reading: &Reading) -> Error {
    let old = first.acquire(reading, 10).unwrap();
    write(first, &old, reading, &mut vec![Change::Delete { key: 1 }]).unwrap();
    let new = second.acquire(reading, 10).unwrap();
    write(second, &new, reading, &mut vec![Change::Delete { key: 1 }]).unwrap();
    write(first, &old, reading, &mut vec![Change::Delete { key: 1 }]).unwrap_err()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_holds_what_was_committed((base, steps) in Just(Instant::now()).prop_flat_map(|base| (Just(base), steps(base)))) {
        let (memory, plan) = (Memory::default(), Plan::default());
        lives(&|| Box::new(Faulty::new(Box::new(memory.clone()), plan.clone())), &plan, base, steps);
    }

    #[test]
    fn sqlite_holds_what_was_committed((base, steps) in Just(Instant::now()).prop_flat_map(|base| (Just(base), steps(base)))) {
        let (directory, plan) = (tempfile::tempdir().unwrap(), Plan::default());
        let path = directory.path().join("pua.db");
        let open = || -> Box<dyn Backend> {
            Box::new(Faulty::new(Box::new(Sqlite::open(&path).unwrap()), plan.clone()))
        };
        lives(&open, &plan, base, steps);
    }
}

#[test]
fn an_owner_that_was_replaced_writes_nothing() {
    let reading = Reading::take(&Boot::present(), Instant::now);
    let memory = Memory::default();
    let error = fenced(&mut memory.clone(), &mut memory.clone(), &reading);
    assert_eq!(error.trouble, Trouble::Fenced);

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pua.db");
    let mut first = Sqlite::open(&path).unwrap();
    // Somebody removes the lock of a running daemon.
    std::fs::remove_file(directory.path().join("pua.db.lock")).unwrap();
    let mut second = Sqlite::open(&path).unwrap();
    let error = fenced(&mut first, &mut second, &reading);
    assert_eq!(error.trouble, Trouble::Fenced);
    assert!(error.what.contains("another daemon has taken"), "{error}");
}
