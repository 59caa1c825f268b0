//! Where publications and subscriptions outlive the daemon: the store that the configuration
//! names, as the loop sees it.

use std::time::{Duration, Instant};

use pua_core::{Change, Input};
use pua_mi::MiError;
use pua_store::{Backend, Boot, Lease, Loaded, Opened, Reading, Restored, Sqlite, Trouble, Writer};

use super::ConfigFault;
use crate::config::{self, Durability, StoreUrl};
use crate::events::{Epoch, Life};

/// Numbers of events that are reserved at a time, so that telling one costs no write.
const EVENTS: u64 = 65_536;

/// How often the loop looks whether a disk that does not answer is to be told of.
const LOOK: Duration = Duration::from_millis(100);

/// What the engine wants of a store. It hands over the changes of a turn, and releases the turn's
/// replies and events once [`Store::committed`] has reached its number: what is acknowledged is
/// durable.
pub(crate) trait Store {
    /// Takes the changes of turn `number`, in order, and leaves the vector empty. May return
    /// before they are durable. `waiters`: so many wait for that.
    fn commit(&mut self, number: u64, changes: &mut Vec<Change>, waiters: usize);

    /// So many more wait until what was handed over is durable.
    fn hurry(&mut self, waiters: usize);

    /// The last turn all of whose changes are durable.
    fn committed(&self) -> u64;
}

/// A store that is ours and has not been read yet.
pub(super) enum Closed {
    Memory,
    Database {
        backend: Box<dyn Backend>,
        name: String,
        lease: Lease,
        boot: Boot,
        durability: Durability,
    },
}

/// The store that the configuration names.
#[derive(Debug)]
pub(super) enum Kept {
    /// Keeps nothing: the user agent's memory is all there is.
    Memory {
        /// The last turn.
        last: u64,
    },
    /// In a database.
    Database(Writer),
}

/// Becomes the owner of the store.
///
/// # Errors
/// [`ConfigFault`] if it is not there, cannot be used, or was written by a later version; another
/// daemon uses it.
pub(super) fn open(settings: &config::Store) -> anyhow::Result<Closed> {
    let path = match &settings.url {
        StoreUrl::Memory => return Ok(Closed::Memory),
        StoreUrl::Sqlite(path) => path,
    };
    let told = |error: pua_store::Error| -> anyhow::Error {
        match error.trouble {
            // It may have passed when the supervisor tries again.
            Trouble::Owned | Trouble::Full | Trouble::Io | Trouble::Locked => {
                anyhow::anyhow!("store.url: {error}\n  hint: {}", error.hint())
            }
            _ => ConfigFault {
                what: format!("store.url: {error}"),
                hint: error.hint().to_owned(),
            }
            .into(),
        }
    };
    let boot = Boot::present();
    let sqlite = Sqlite::open(path).map_err(told)?;
    let name = sqlite.path().display().to_string();
    let mut backend: Box<dyn Backend> = Box::new(sqlite);
    let lease = backend
        .acquire(&Reading::take(&boot, crate::clock::now), EVENTS)
        .map_err(told)?;
    Ok(Closed::Database {
        backend,
        name,
        lease,
        boot,
        durability: settings.durability,
    })
}

impl Closed {
    /// Whether anything outlives the daemon.
    pub(super) fn is_durable(&self) -> bool {
        matches!(self, Closed::Database { .. })
    }

    /// Where the stream of events begins.
    pub(super) fn life(&self) -> Life {
        match self {
            Closed::Memory => Life::only(),
            Closed::Database { lease, .. } => Life {
                epoch: Epoch::stored(lease.life),
                last: lease.events,
            },
        }
    }

    /// Gives what earlier lives left to `take`, and begins to write. `bell` is rung when something
    /// has become durable.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn begin(
        self,
        bell: impl Fn() + Send + Sync + 'static,
        mut take: impl FnMut(Instant, Input<'_>),
    ) -> anyhow::Result<Kept> {
        let Closed::Database {
            mut backend,
            name,
            lease,
            boot,
            durability,
        } = self
        else {
            return Ok(Kept::Memory { last: 0 });
        };
        let begun = crate::clock::now();
        let loaded = backend.load(
            &Reading::take(&boot, crate::clock::now),
            &mut |record| match record {
                Restored::Publication(record) => take(begun, Input::Restore(*record)),
                Restored::Subscription(record) => take(begun, Input::RestoreSubscription(*record)),
            },
        );
        let loaded: Loaded = loaded.map_err(|error| ConfigFault {
            what: format!("store.url: {error}"),
            hint: error.hint().to_owned(),
        })?;
        tracing::info!(
            file = name,
            publications = loaded.publications,
            subscriptions = loaded.subscriptions,
            ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            "read from the store"
        );
        let durability = match durability {
            Durability::Commit => pua_store::Durability::Commit,
            Durability::Relaxed => pua_store::Durability::Relaxed,
        };
        let opened = Opened {
            backend,
            lease,
            loaded,
            boot,
            time: crate::clock::now,
            durability,
        };
        Ok(Kept::Database(Writer::start(opened, bell)?))
    }
}

impl Kept {
    /// Whether anything outlives the daemon.
    pub(super) fn is_durable(&self) -> bool {
        matches!(self, Kept::Database(_))
    }
}

impl Store for Kept {
    fn commit(&mut self, number: u64, changes: &mut Vec<Change>, waiters: usize) {
        match self {
            Kept::Memory { last } => {
                changes.clear();
                *last = number;
            }
            Kept::Database(writer) => writer.commit(number, changes, waiters),
        }
    }

    fn hurry(&mut self, waiters: usize) {
        if let Kept::Database(writer) = self {
            writer.hurry(waiters);
        }
    }

    fn committed(&self) -> u64 {
        match self {
            Kept::Memory { last } => *last,
            Kept::Database(writer) => writer.committed(),
        }
    }
}

impl Kept {
    /// Why nothing new can be taken on: nothing can be written, or too much waits to be.
    pub(super) fn refusal(&self) -> Option<MiError> {
        let Kept::Database(writer) = self else {
            return None;
        };
        if writer.is_failed()
            && let Some(failure) = writer.failure()
        {
            let told = format!("nothing was changed: {failure}; {}", failure.hint());
            return Some(MiError::new(503, "Store cannot be written").with_data(told));
        }
        writer.is_full().then(MiError::busy)
    }

    /// What is told to who has waited for a change to become durable, if nothing can be written at
    /// present.
    pub(super) fn not_durable(&self) -> Option<MiError> {
        let Kept::Database(writer) = self else {
            return None;
        };
        // Asked in each turn: the reason is behind a lock, whether there is one is not.
        if !writer.is_failed() {
            return None;
        }
        let failure = writer.failure()?;
        let told = match failure.trouble {
            Trouble::Fenced => format!("it was done, but is not stored: {failure}"),
            _ => format!(
                "it was done, but is not on disk: {failure}. It is kept in memory and written as soon as that can be"
            ),
        };
        Some(MiError::new(503, "Done but not stored").with_data(told))
    }

    /// What is told to who has no more time to wait for the disk, if that takes long.
    pub(super) fn slow(&self) -> Option<MiError> {
        match self {
            Kept::Database(writer) if writer.busy_for() >= LOOK => {
                let told = "it was done, but is not on disk yet: the disk is slow. It is written as soon as that can be";
                Some(MiError::new(503, "Done but not stored").with_data(told))
            }
            _ => None,
        }
    }

    /// Another daemon has become the owner, and with it of all that is held.
    pub(super) fn taken_over(&self) -> Option<pua_store::Error> {
        match self {
            Kept::Memory { .. } => None,
            Kept::Database(writer) => writer.taken_over(),
        }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// It is lost.
    pub(super) fn close(self) -> Result<(), pua_store::Error> {
        match self {
            Kept::Memory { .. } => Ok(()),
            Kept::Database(writer) => writer.stop(),
        }
    }

    /// Sees to it that events up to and beyond `number` may be told.
    pub(super) fn reserve_events(&mut self, number: u64) {
        if let Kept::Database(writer) = self
            && number + EVENTS / 2 > writer.reserved()
        {
            writer.reserve_events(number + EVENTS);
        }
    }

    /// When the loop must look again although nothing has happened: a disk that does not answer
    /// rings no bell.
    pub(super) fn next_look(&self, now: Instant, waiting: bool) -> Option<Instant> {
        (waiting && matches!(self, Kept::Database(_))).then(|| now + LOOK)
    }

    /// Its figures by name, and whether each is a counter.
    pub(super) fn figures(&self) -> Vec<(&'static str, u64, bool)> {
        let Kept::Database(writer) = self else {
            return vec![("failed", 0, false)];
        };
        let figures = writer.figures();
        vec![
            ("failed", u64::from(writer.is_failed()), false),
            ("changes", figures.changes, true),
            ("rows", figures.rows, true),
            ("commits", figures.commits, true),
            ("commit_failures", figures.failures, true),
            ("waiting", figures.waiting, false),
            ("last_commit_us", figures.last_commit_us, false),
            ("longest_commit_us", figures.longest_commit_us, false),
            ("checkpoints", figures.checkpoints, true),
            ("checkpoint_failures", figures.checkpoint_failures, true),
            ("bytes", figures.bytes, false),
            ("log_bytes", figures.log_bytes, false),
        ]
    }
}
