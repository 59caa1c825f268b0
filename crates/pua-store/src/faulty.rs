//! A store that fails when a test says so.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::backend::{Backend, Batch, Lease, Loaded, Restored, Upkeep};
use crate::clock::Reading;
use crate::error::{Error, Trouble};

#[derive(Debug, Default)]
struct Orders {
    commits: u64,
    /// From this commit on (counted from 0), so many fail.
    failing: Option<(u64, u64, Trouble)>,
    held: bool,
    /// Commits that have come as far as the disk.
    arrived: u64,
}

/// What a [`Faulty`] store shall do; clones are the same plan.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    shared: Arc<(Mutex<Orders>, Condvar)>,
}

impl Plan {
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The `from`th commit from the beginning (the first is 0) and the `count - 1` after it fail.
    pub fn fail(&self, from: u64, count: u64, trouble: Trouble) {
        self.orders().failing = Some((from, count, trouble));
    }

    /// Every commit from now on fails.
    pub fn break_down(&self, trouble: Trouble) {
        let mut orders = self.orders();
        orders.failing = Some((orders.commits, u64::MAX, trouble));
    }

    /// Commits succeed again.
    pub fn repair(&self) {
        self.orders().failing = None;
    }

    /// Commits wait, as on a slow disk, until [`Plan::release`].
    pub fn hold(&self) {
        self.orders().held = true;
    }

    /// Commits go on.
    pub fn release(&self) {
        self.orders().held = false;
        self.shared.1.notify_all();
    }

    /// How many commits were tried.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.orders().commits
    }

    /// Waits until so many commits have been begun.
    pub fn wait_for(&self, commits: u64) {
        let mut orders = self.orders();
        while orders.arrived < commits {
            orders = self.shared.1.wait(orders).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What the next commit shall do.
    fn next(&self) -> Option<Trouble> {
        let mut orders = self.orders();
        orders.arrived += 1;
        self.shared.1.notify_all();
        while orders.held {
            orders = self.shared.1.wait(orders).unwrap_or_else(PoisonError::into_inner);
        }
        let number = orders.commits;
        orders.commits += 1;
        let (from, count, trouble) = orders.failing?;
        (number >= from && number - from < count).then_some(trouble)
    }
}

/// A store that fails as its [`Plan`] says, and else does what another one does.
pub struct Faulty {
    inner: Box<dyn Backend>,
    plan: Plan,
}

impl Faulty {
    /// A store over another one.
    #[must_use]
    pub fn new(inner: Box<dyn Backend>, plan: Plan) -> Faulty {
        Faulty { inner, plan }
    }
}

impl Backend for Faulty {
    fn acquire(&mut self, reading: &Reading, events: u64) -> Result<Lease, Error> {
        self.inner.acquire(reading, events)
    }

    fn load(&mut self, reading: &Reading, take: &mut dyn FnMut(Restored)) -> Result<Loaded, Error> {
        self.inner.load(reading, take)
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        match self.plan.next() {
            None => self.inner.commit(batch),
            Some(trouble) => Err(Error::new(trouble, format!("planned: {}", trouble.as_str()))),
        }
    }

    fn upkeep(&mut self, lease: &Lease) -> Option<Box<dyn Upkeep>> {
        self.inner.upkeep(lease)
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        self.inner.close()
    }
}
