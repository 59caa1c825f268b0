//! Group commit: the engine hands over the changes of its turns and goes on; a thread writes all
//! that has come meanwhile in one transaction.
//!
//! ```text
//!  engine:  commit(1) commit(2)    commit(3) ...            committed() = 2      committed() = 3
//!              │         │            │                          ▲  bell            ▲  bell
//!  writer:     └─► [1] ──┼── fsync ───┼───► [2 3] ── fsync ──────┴──────────────────┘
//! ```
//!
//! What somebody waits for is written at once: while the disk is busy with one batch the next one
//! gathers. What nobody waits for (a document whose publisher waits for the server's answer, a
//! refresh; with [`Durability::Relaxed`] everything) gathers for [`GATHERING`] at most, in which an
//! entity-tag often finds the document that it belongs to still in memory: one row, one commit.
//! It wakes nobody either while the thread will look by itself in time.
//!
//! Where several wait at a time (`company.rs`), the first of them waits for the others a part of the
//! time that a commit takes: callers who call again when they are answered would else fall apart into
//! two groups, each of which waits for the other one's commit.
//!
//! When a batch cannot be written it is kept, merged with what comes after it (one change of each
//! record at most), and tried again until it can.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pua_core::Change;

use crate::backend::{Backend, Lease, Loaded, Upkeep};
use crate::clock::{Boot, ClockLine, Time};
use crate::error::{Error, Trouble};

mod company;
mod thread;

use thread::Thread;

/// How long changes that nobody waits for gather before they are written.
pub const GATHERING: Duration = Duration::from_millis(50);
/// Changes that may wait before [`Writer::is_full`].
const QUEUE: usize = 65_536;
/// How long a commit may take before the store counts as stalled.
pub const STALL: Duration = Duration::from_secs(5);
/// The waits between attempts to write: doubled from the first to the last.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// How often upkeep is due.
const UPKEEP: Duration = Duration::from_secs(1);

/// When what is handed over counts as safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it is on the disk.
    Commit,
    /// At once; it is on the disk within 100 ms.
    Relaxed,
}

/// What the writer has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Changes handed over.
    pub changes: u64,
    /// Changes written, those of one record in one batch counted once.
    pub rows: u64,
    /// Transactions.
    pub commits: u64,
    /// Transactions that failed.
    pub failures: u64,
    /// Changes that wait to be written.
    pub waiting: u64,
    /// How long the last commit took, in microseconds.
    pub last_commit_us: u64,
    /// How long the longest commit took, in microseconds.
    pub longest_commit_us: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Checkpoints that failed.
    pub checkpoint_failures: u64,
    /// Bytes of the database.
    pub bytes: u64,
    /// Bytes of its log.
    pub log_bytes: u64,
}

#[derive(Debug, Default)]
struct Counts {
    changes: AtomicU64,
    rows: AtomicU64,
    commits: AtomicU64,
    failures: AtomicU64,
    waiting: AtomicU64,
    last_commit_us: AtomicU64,
    longest_commit_us: AtomicU64,
    checkpoints: AtomicU64,
    checkpoint_failures: AtomicU64,
    bytes: AtomicU64,
    log_bytes: AtomicU64,
}

/// What has been handed over and not been taken yet.
#[derive(Debug, Default)]
struct Queue {
    changes: Vec<Change>,
    /// The number of the last turn in it.
    last: u64,
    /// Events up to this number may be told.
    events: Option<u64>,
    /// At this length it is coalesced.
    coalesce_at: usize,
    /// When the first of what is in it came.
    since: Option<Instant>,
    /// So many wait for what is in it.
    waiters: usize,
    /// What the writer's thread sleeps for.
    sleep: Sleep,
    stop: bool,
}

/// What the writer's thread sleeps for, beside the end of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sleep {
    /// It does not, has been woken, or looks again by itself in time for whatever comes.
    #[default]
    No,
    /// Anything.
    Anything,
    /// So many who wait.
    Waiters(usize),
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.events.is_none()
    }
}

/// What the ends share.
struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
    /// For the upkeep's thread, which commits must not wake.
    ended: Condvar,
    committed: AtomicU64,
    reserved: AtomicU64,
    /// Microseconds since `start` when the commit under way began; 0: none is.
    busy_since: AtomicU64,
    start: Instant,
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
    /// Why the last changes of all could not be written.
    lost: Mutex<Option<Error>>,
    counts: Counts,
    bell: Box<dyn Fn() + Send + Sync>,
    durability: Durability,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Every state of a queue is a good one, whoever held it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self) -> MutexGuard<'_, Option<Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self) -> MutexGuard<'_, Option<Error>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The engine's end of a store.
pub struct Writer {
    shared: Arc<Shared>,
    taken: u64,
    thread: Option<JoinHandle<()>>,
    upkeep: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

/// What is needed to write.
pub struct Opened {
    /// The database, after [`Backend::acquire`] and [`Backend::load`].
    pub backend: Box<dyn Backend>,
    /// What is owned.
    pub lease: Lease,
    /// What was loaded: the clocks go on.
    pub loaded: Loaded,
    /// This boot.
    pub boot: Boot,
    /// The clock that the records' times are instants of.
    pub time: Time,
    /// When what is handed over counts as safe.
    pub durability: Durability,
}

impl Writer {
    /// Starts the threads. `bell` is rung from them whenever [`Writer::committed`] or
    /// [`Writer::failure`] has changed.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(mut opened: Opened, bell: impl Fn() + Send + Sync + 'static) -> std::io::Result<Writer> {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue {
                coalesce_at: 2 * QUEUE,
                ..Queue::default()
            }),
            work: Condvar::new(),
            ended: Condvar::new(),
            committed: AtomicU64::new(0),
            reserved: AtomicU64::new(opened.lease.reserved),
            busy_since: AtomicU64::new(0),
            start: Instant::now(),
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
            lost: Mutex::new(None),
            counts: Counts::default(),
            bell: Box::new(bell),
            durability: opened.durability,
        });
        let upkeep = opened.backend.upkeep(&opened.lease);
        let thread = Thread::new(shared.clone(), opened);
        let mut writer = Writer {
            shared: shared.clone(),
            taken: 0,
            thread: None,
            upkeep: None,
        };
        let builder = std::thread::Builder::new().name("pua-store".to_owned());
        writer.thread = Some(builder.spawn(move || thread.run())?);
        if let Some(upkeep) = upkeep {
            let builder = std::thread::Builder::new().name("pua-checkpoint".to_owned());
            writer.upkeep = Some(builder.spawn(move || keep_up(&shared, upkeep))?);
        }
        Ok(writer)
    }

    /// Takes the changes of turn `number`, in order, and leaves the vector empty. Never waits for
    /// the disk. `waiters`: so many wait until they are durable.
    pub fn commit(&mut self, number: u64, changes: &mut Vec<Change>, waiters: usize) {
        self.taken = number;
        let counts = &self.shared.counts;
        counts.changes.fetch_add(changes.len() as u64, Ordering::Relaxed);
        let mut queue = self.shared.queue();
        queue.changes.append(changes);
        queue.last = number;
        if queue.changes.len() >= queue.coalesce_at {
            crate::coalesce(&mut queue.changes);
            queue.coalesce_at = (2 * queue.changes.len()).max(2 * QUEUE);
        }
        counts
            .waiting
            .store(queue.changes.len() as u64, Ordering::Relaxed);
        self.wake(queue, waiters);
    }

    /// So many more wait until what was handed over is durable.
    pub fn hurry(&mut self, waiters: usize) {
        self.wake(self.shared.queue(), waiters);
    }

    fn wake(&self, mut queue: MutexGuard<'_, Queue>, waiters: usize) {
        if queue.is_empty() {
            // What they wait for is being written.
            return;
        }
        queue.since.get_or_insert_with(Instant::now);
        if self.shared.durability == Durability::Commit {
            queue.waiters += waiters;
        }
        let wakes = match queue.sleep {
            Sleep::No => false,
            Sleep::Anything => true,
            Sleep::Waiters(enough) => queue.waiters >= enough,
        };
        if wakes {
            // Once: each notification is a system call, whether somebody sleeps or not.
            queue.sleep = Sleep::No;
            drop(queue);
            self.shared.work.notify_all();
        }
    }

    /// The last turn whose changes, and those of all turns before it, are safe.
    #[must_use]
    pub fn committed(&self) -> u64 {
        match self.shared.durability {
            Durability::Commit => self.shared.committed.load(Ordering::Acquire),
            Durability::Relaxed => self.taken,
        }
    }

    /// Asks that events up to this number may be told; see [`Writer::reserved`].
    pub fn reserve_events(&mut self, number: u64) {
        let mut queue = self.shared.queue();
        queue.events = queue.events.max(Some(number));
        self.wake(queue, 1);
    }

    /// Events up to this number may be told: no later life will give the numbers again.
    #[must_use]
    pub fn reserved(&self) -> u64 {
        self.shared.reserved.load(Ordering::Acquire)
    }

    /// Whether so much waits to be written that nothing more should be taken on.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.shared.counts.waiting.load(Ordering::Relaxed) >= QUEUE as u64
    }

    /// Whether nothing can be written at present.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Acquire) || self.is_stalled()
    }

    /// Why nothing can be written at present.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        if let Some(error) = &*self.shared.failure() {
            return Some(error.clone());
        }
        self.is_stalled().then(|| {
            let seconds = STALL.as_secs();
            Error::new(
                Trouble::Stalled,
                format!("the disk has not answered for {seconds} s"),
            )
        })
    }

    /// Why it will never be written again: another daemon has become its owner.
    #[must_use]
    pub fn taken_over(&self) -> Option<Error> {
        // Asked in each turn: the reason is behind a lock, whether there is one is not.
        if !self.is_failed() {
            return None;
        }
        self.failure().filter(|error| error.trouble == Trouble::Fenced)
    }

    /// How long the commit under way has taken; zero if none is.
    #[must_use]
    pub fn busy_for(&self) -> Duration {
        match self.shared.busy_since.load(Ordering::Acquire) {
            0 => Duration::ZERO,
            since => self
                .shared
                .start
                .elapsed()
                .saturating_sub(Duration::from_micros(since)),
        }
    }

    fn is_stalled(&self) -> bool {
        self.busy_for() >= STALL
    }

    /// What it has done.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let counts = &self.shared.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Figures {
            changes: read(&counts.changes),
            rows: read(&counts.rows),
            commits: read(&counts.commits),
            failures: read(&counts.failures),
            waiting: read(&counts.waiting),
            last_commit_us: read(&counts.last_commit_us),
            longest_commit_us: read(&counts.longest_commit_us),
            checkpoints: read(&counts.checkpoints),
            checkpoint_failures: read(&counts.checkpoint_failures),
            bytes: read(&counts.bytes),
            log_bytes: read(&counts.log_bytes),
        }
    }

    /// Writes what is left and ends.
    ///
    /// # Errors
    /// What could not be written then is lost, as the log tells.
    pub fn stop(mut self) -> Result<(), Error> {
        self.end();
        match self.shared.lost().take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn end(&mut self) {
        self.shared.queue().stop = true;
        self.shared.work.notify_all();
        self.shared.ended.notify_all();
        // The upkeep's connection must be gone first: the last one tidies the file up.
        for thread in [self.upkeep.take(), self.thread.take()].into_iter().flatten() {
            if thread.join().is_err() {
                tracing::error!("a thread of the store has ended by a fault of its own");
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

/// Does what is due now and then until the store is closed.
fn keep_up(shared: &Shared, mut upkeep: Box<dyn Upkeep>) {
    let counts = &shared.counts;
    loop {
        match upkeep.run() {
            Ok(figures) => {
                counts.bytes.store(figures.bytes, Ordering::Relaxed);
                counts.log_bytes.store(figures.log_bytes, Ordering::Relaxed);
                counts
                    .checkpoints
                    .fetch_add(u64::from(figures.worked), Ordering::Relaxed);
            }
            Err(error) if error.trouble == Trouble::Fenced => {
                // A commit will say so too, but perhaps not for hours.
                *shared.failure() = Some(error);
                shared.failed.store(true, Ordering::Release);
                (shared.bell)();
                return;
            }
            Err(error) => {
                let before = counts.checkpoint_failures.fetch_add(1, Ordering::Relaxed);
                if before == 0 {
                    tracing::warn!(
                        reason = error.trouble.as_str(),
                        "the store's upkeep failed: {error}"
                    );
                }
            }
        }
        let until = Instant::now() + UPKEEP;
        let mut queue = shared.queue();
        loop {
            if queue.stop {
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = shared.ended.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The clock to begin with.
fn line(loaded: &Loaded, boot: &Boot, time: Time) -> ClockLine {
    ClockLine::present(&loaded.clocks, &crate::clock::Reading::take(boot, time))
}

#[cfg(test)]
mod tests;
