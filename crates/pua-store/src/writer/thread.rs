//! The thread that writes.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pua_core::Change;

use super::company::Company;
use super::{GATHERING, Opened, RETRY, Shared, Sleep, line};
use crate::backend::{Backend, Batch, Lease};
use crate::clock::{Boot, ClockLine, Reading, Time};
use crate::error::{Error, Trouble};

pub(super) struct Thread {
    shared: Arc<Shared>,
    backend: Box<dyn Backend>,
    lease: Lease,
    boot: Boot,
    time: Time,
    clock: ClockLine,
    clocks: Vec<ClockLine>,
    /// What is being written, or could not be.
    changes: Vec<Change>,
    last: u64,
    events: Option<u64>,
    /// So many wait for it.
    waiters: usize,
    company: Company,
    /// How long to wait before the next attempt.
    patience: Duration,
}

/// What the queue told.
enum Next {
    Write,
    Stop,
}

impl Thread {
    pub(super) fn new(shared: Arc<Shared>, opened: Opened) -> Thread {
        Thread {
            clock: line(&opened.loaded, &opened.boot, opened.time),
            clocks: opened.loaded.clocks,
            shared,
            backend: opened.backend,
            lease: opened.lease,
            boot: opened.boot,
            time: opened.time,
            changes: Vec::new(),
            last: 0,
            events: None,
            waiters: 0,
            company: Company::default(),
            patience: RETRY.0,
        }
    }

    pub(super) fn run(mut self) {
        loop {
            let next = self.take();
            if self.has_work() {
                self.write(matches!(next, Next::Stop));
            }
            if matches!(next, Next::Stop) {
                break;
            }
        }
        if let Err(error) = self.backend.close() {
            tracing::warn!(
                reason = error.trouble.as_str(),
                "the store was not closed cleanly: {error}"
            );
        }
    }

    fn has_work(&self) -> bool {
        !self.changes.is_empty() || self.events.is_some()
    }

    /// Waits for something to do and takes it.
    fn take(&mut self) -> Next {
        let shared = self.shared.clone();
        let mut queue = shared.queue();
        let mut now = Instant::now();
        // After a failure it rests, whatever comes.
        let rests = self.has_work().then(|| now + self.patience);
        // A loaded writer looks by itself before anything that comes meanwhile can be due.
        let quiet = now + GATHERING;
        let mut company = None;
        loop {
            let (due, sleep) = if let Some(rests) = rests {
                (Some(rests), Sleep::No)
            } else if queue.waiters > 0 {
                let (enough, until) = *company.get_or_insert_with(|| self.company.expected(now));
                let due = if queue.waiters >= enough { now } else { until };
                (Some(due), Sleep::Waiters(enough))
            } else if let Some(since) = queue.since {
                (Some(since + GATHERING), Sleep::Waiters(1))
            } else if now < quiet {
                (Some(quiet), Sleep::Waiters(1))
            } else {
                (None, Sleep::Anything)
            };
            let left = due.map(|due| due.saturating_duration_since(now));
            if queue.stop || (left == Some(Duration::ZERO) && (rests.is_some() || !queue.is_empty())) {
                break;
            }
            queue.sleep = sleep;
            queue = match left {
                None => shared.work.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    let waited = shared.work.wait_timeout(queue, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            queue.sleep = Sleep::No;
            now = Instant::now();
        }
        queue.since = None;
        self.waiters += std::mem::take(&mut queue.waiters);
        if self.changes.is_empty() {
            // The two vectors change places, so that both keep their room.
            std::mem::swap(&mut self.changes, &mut queue.changes);
        } else {
            self.changes.append(&mut queue.changes);
        }
        self.last = self.last.max(queue.last);
        self.events = self.events.max(queue.events.take());
        match queue.stop {
            true => Next::Stop,
            false => Next::Write,
        }
    }

    fn write(&mut self, last_chance: bool) {
        let handed_over = self.changes.len();
        crate::coalesce(&mut self.changes);
        self.shared
            .counts
            .waiting
            .store(self.changes.len() as u64, Ordering::Relaxed);
        let begun = Instant::now();
        self.shared.busy_since.store(
            u64::try_from((begun - self.shared.start).as_micros())
                .unwrap_or(u64::MAX)
                .max(1),
            Ordering::Release,
        );
        let done = self.attempt();
        self.shared.busy_since.store(0, Ordering::Release);
        match done {
            Ok(()) => self.written(begun.elapsed()),
            Err(error) => self.failed(error, handed_over, last_chance),
        }
        (self.shared.bell)();
    }

    fn attempt(&mut self) -> Result<(), Error> {
        let reading = Reading::take(&self.boot, self.time);
        if !self.clock.fits(&reading) {
            self.clocks.push(self.clock.clone());
            self.clock = ClockLine::present(&self.clocks, &reading);
        }
        self.backend.commit(&Batch {
            lease: &self.lease,
            clock: &self.clock,
            reading: &reading,
            changes: &self.changes,
            events: self.events,
        })
    }

    fn written(&mut self, took: Duration) {
        let shared = &self.shared;
        let counts = &shared.counts;
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        counts
            .rows
            .fetch_add(self.changes.len() as u64, Ordering::Relaxed);
        counts.commits.fetch_add(1, Ordering::Relaxed);
        counts.last_commit_us.store(us, Ordering::Relaxed);
        counts.longest_commit_us.fetch_max(us, Ordering::Relaxed);
        self.changes.clear();
        if self.changes.capacity() > 4 * super::QUEUE {
            self.changes.shrink_to(super::QUEUE);
        }
        self.patience = RETRY.0;
        if let Some(events) = self.events.take() {
            shared.reserved.fetch_max(events, Ordering::AcqRel);
        }
        let together = {
            let queue = shared.queue();
            counts
                .waiting
                .store(queue.changes.len() as u64, Ordering::Relaxed);
            std::mem::take(&mut self.waiters) + queue.waiters
        };
        self.company.committed(Instant::now(), together, took);
        shared.committed.store(self.last, Ordering::Release);
        if shared.failed.load(Ordering::Acquire) {
            let mut told = shared.failure();
            // That this was written before somebody else became the owner changes nothing.
            if told.as_ref().map(|told| told.trouble) != Some(Trouble::Fenced) {
                *told = None;
                shared.failed.store(false, Ordering::Release);
                tracing::info!("the store is written again: nothing is missing");
            }
        }
    }

    fn failed(&mut self, error: Error, handed_over: usize, last_chance: bool) {
        let shared = &self.shared;
        // They are told so, and wait no more.
        self.waiters = 0;
        shared.counts.failures.fetch_add(1, Ordering::Relaxed);
        if last_chance && error.trouble == Trouble::Fenced {
            tracing::warn!(
                changes = handed_over,
                "the last changes are not in the store, which is another daemon's"
            );
        } else if last_chance {
            tracing::error!(
                reason = error.trouble.as_str(),
                changes = handed_over,
                "the store could not be written at the end, the changes are lost: {error}"
            );
        }
        if last_chance {
            // Numbers of events that were reserved alone are no loss.
            if handed_over > 0 {
                *shared.lost() = Some(error);
            }
            return;
        }
        self.patience = match shared.failed.load(Ordering::Acquire) {
            true => (self.patience * 2).min(RETRY.1),
            false => RETRY.0,
        };
        let mut told = shared.failure();
        if told.as_ref().map(|told| told.trouble) != Some(error.trouble) {
            let reason = error.trouble.as_str();
            if error.trouble == Trouble::Fenced {
                tracing::error!(reason, "the store is another daemon's: {error}. {}", error.hint());
            } else {
                tracing::error!(
                    reason,
                    "the store cannot be written: {error}. {}. Until then commands that change something are refused; what is held goes on being refreshed",
                    error.hint()
                );
            }
        }
        if error.trouble == Trouble::Fenced {
            // It never becomes ours again.
            self.patience = RETRY.1;
        }
        *told = Some(error);
        drop(told);
        shared.failed.store(true, Ordering::Release);
    }
}
