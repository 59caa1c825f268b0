//! What each engine holds, for the limits that bound all of them together.

use std::sync::atomic::{AtomicUsize, Ordering};

use pua_core::Held;

/// What each engine held at the end of its last turn. A limit may be exceeded by what several
/// engines take in at the same moment, and by no more.
#[derive(Debug, Default)]
pub(super) struct Tally {
    held: Vec<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    publications: AtomicUsize,
    subscriptions: AtomicUsize,
    commands: AtomicUsize,
}

impl Tally {
    pub(super) fn new(engines: u8) -> Tally {
        Tally {
            held: (0..engines).map(|_| Counts::default()).collect(),
        }
    }

    /// An engine holds so much now.
    pub(super) fn set(&self, engine: u8, held: Held) {
        if let Some(counts) = self.held.get(usize::from(engine)) {
            counts.publications.store(held.publications, Ordering::Relaxed);
            counts.subscriptions.store(held.subscriptions, Ordering::Relaxed);
            counts.commands.store(held.commands, Ordering::Relaxed);
        }
    }

    /// What all but this one hold.
    pub(super) fn elsewhere(&self, engine: u8) -> Held {
        let others = self.held.iter().enumerate();
        let others = others.filter(|(at, _)| *at != usize::from(engine));
        others.fold(Held::default(), |sum, (_, counts)| Held {
            publications: sum.publications + counts.publications.load(Ordering::Relaxed),
            subscriptions: sum.subscriptions + counts.subscriptions.load(Ordering::Relaxed),
            commands: sum.commands + counts.commands.load(Ordering::Relaxed),
        })
    }
}
