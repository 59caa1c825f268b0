//! The embedded database: one SQLite file in WAL mode, which `sqlite3` can read while the daemon
//! runs.
//!
//! One connection writes, on the writer's thread, each batch in one transaction that is synced to
//! the disk when it commits. Another one moves what the WAL holds into the file, on a thread of
//! its own (`checkpoint.rs`), so that commits do not pay for it. All reads but the one at the start
//! come from the user agent's memory, so there are no indices.

mod care;
mod checkpoint;
mod lock;
mod publications;
mod room;
mod schema;
mod setback;
mod subscriptions;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pua_core::Change;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

pub use care::{CheckReport, Statistics, backup, check, statistics, vacuum};

use crate::backend::{Backend, Batch, Lease, Loaded, Restored, SlotLease, Upkeep};
use crate::clock::{Boot, ClockLine, Past, Reading};
use crate::error::{Error, Trouble};

/// How long another program may hold the file locked before a commit counts as failed.
const PATIENCE: Duration = Duration::from_secs(2);
/// Memory for pages of the file, in KiB.
const CACHE: i64 = 16 * 1024;
/// How often the time is noted, in milliseconds.
const NOTE: u64 = 1000;

/// Beyond so many clocks those that are not needed are forgotten.
const CLOCKS: i64 = 64;

/// A SQLite file as a store.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
    path: PathBuf,
    name: String,
    /// The line of the clock that the file has, and the time noted with it.
    clock: Option<(i64, i64)>,
    /// Asks for the end of a checkpoint before the next commit.
    finish: Arc<AtomicBool>,
    /// Held as long as the file is used.
    _lock: lock::Lock,
}

impl Sqlite {
    /// Opens a file, or makes it, readable for its owner only.
    ///
    /// # Errors
    /// Another daemon uses it; it is not ours or of a later version; it cannot be read and
    /// written.
    pub fn open(path: &Path) -> Result<Sqlite, Error> {
        let path = resolve(path)?;
        let name = path.display().to_string();
        let lock = lock::Lock::take(&path)?;
        make(&path, &name)?;
        room::to_open(&path).map_err(|error| of_system(&name, &error))?;
        let connection = connect(&path, &name)?;
        let sql = |error: rusqlite::Error| failure(&name, &error);
        // Before anything is changed: a file that is not ours stays as it is.
        schema::version(&connection, &name)?;
        let mode: String = connection
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .map_err(sql)?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(Error::new(
                Trouble::Unopenable,
                format!("{name}: the file system does not allow SQLite's WAL mode"),
            ));
        }
        connection
            .execute_batch(&format!(
                "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY;
                 PRAGMA cache_size = -{CACHE}; PRAGMA journal_size_limit = {};",
                checkpoint::LIMIT
            ))
            .map_err(sql)?;
        connection.set_prepared_statement_cache_capacity(32);
        let from = schema::migrate(&connection, &name)?;
        if from != 0 && from < schema::VERSION {
            tracing::info!(
                file = name,
                from,
                to = schema::VERSION,
                "the store's tables were brought up to date"
            );
        }
        room::of_index(&path);
        Ok(Sqlite {
            connection,
            path,
            name,
            clock: None,
            finish: Arc::default(),
            _lock: lock,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets the file have so many pages at most, while it is open.
    ///
    /// # Errors
    /// SQLite does not take it.
    pub fn limit_pages(&self, pages: u32) -> Result<(), Error> {
        let sql = format!("PRAGMA max_page_count = {pages}");
        self.connection
            .query_row(&sql, [], |_| Ok(()))
            .map_err(|error| self.failure(&error))
    }

    /// How long another program may hold the file locked before a commit counts as failed.
    ///
    /// # Errors
    /// SQLite does not take it.
    pub fn be_patient_for(&self, patience: Duration) -> Result<(), Error> {
        self.connection
            .busy_timeout(patience)
            .map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &rusqlite::Error) -> Error {
        failure(&self.name, error)
    }

    /// Runs `body` in a transaction.
    fn transaction<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let run = |sqlite: &Self, sql: &str| -> Result<(), Error> {
            let mut statement = sqlite
                .connection
                .prepare_cached(sql)
                .map_err(|error| sqlite.failure(&error))?;
            statement
                .execute([])
                .map(drop)
                .map_err(|error| sqlite.failure(&error))
        };
        run(self, "BEGIN IMMEDIATE")?;
        let done = body(self).and_then(|done| run(self, "COMMIT").map(|()| done));
        if done.is_err() && !self.connection.is_autocommit() {
            // The error that led here is the one to tell.
            let _ = run(self, "ROLLBACK");
        }
        done
    }

    fn write(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let sql = |error: rusqlite::Error| failure(&self.name, &error);
        let connection = &self.connection;
        still_owned(connection, &self.name, batch.lease)?;
        if let Some(events) = batch.events {
            connection
                .prepare_cached("UPDATE owner SET events = max(events, ?1) WHERE one = 1")
                .and_then(|mut statement| statement.execute([signed(events)]))
                .map_err(sql)?;
        }
        let line = batch.clock;
        let seen = batch.reading.wall;
        if self
            .clock
            .is_none_or(|(id, noted)| id != line.id || seen.abs_diff(noted) >= NOTE)
        {
            connection
                .prepare_cached("REPLACE INTO clock (id, boot, offset_ms, seen_ms) VALUES (?1, ?2, ?3, ?4)")
                .and_then(|mut statement| statement.execute(params![line.id, line.boot.0, line.offset, seen]))
                .map_err(sql)?;
        }
        let mut statements = publications::Statements::new(connection);
        let publications = &mut statements;
        for change in batch.changes {
            let at = |instant| line.store(batch.reading, instant);
            let written = match change {
                Change::Put(record) => publications::put(publications, line.id, at, record),
                Change::Granted { .. } => publications::granted(publications, line.id, at, change),
                Change::Delete { key } => publications::delete(publications, *key),
                Change::PutSubscription(record) => subscriptions::put(connection, line.id, at, record),
                Change::Dialogs { .. } => subscriptions::dialogs(connection, line.id, at, change),
                Change::DeleteSubscription { key } => subscriptions::delete(connection, *key),
            };
            written.map_err(sql)?;
        }
        Ok(())
    }
}

/// Whether the file is still its owner's.
///
/// # Errors
/// [`Trouble::Fenced`] if it is not; it cannot be read.
fn still_owned(connection: &Connection, name: &str, lease: &Lease) -> Result<(), Error> {
    let epoch: Option<i64> = connection
        .prepare_cached("SELECT epoch FROM owner WHERE one = 1")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional())
        .map_err(|error| failure(name, &error))?;
    if lease.slots.first().map(|slot| signed(slot.epoch)) == epoch {
        return Ok(());
    }
    Err(Error::new(
        Trouble::Fenced,
        format!("another daemon has taken {name} over"),
    ))
}

impl Backend for Sqlite {
    fn acquire(&mut self, reading: &Reading, events: u64) -> Result<Lease, Error> {
        let wall = u64::try_from(reading.wall).unwrap_or_default();
        self.transaction(|sqlite| {
            forget_clocks(&sqlite.connection).map_err(|error| sqlite.failure(&error))?;
            // A file that was put back from a backup must not give an epoch again: it grows with
            // the time as well.
            sqlite
                .connection
                .query_row(
                    "INSERT INTO owner (one, epoch, events, pid) VALUES (1, ?1, ?3, ?2)
                     ON CONFLICT (one) DO UPDATE SET epoch = max(epoch + 1, ?1), pid = ?2, events = events + ?3
                     RETURNING epoch, events",
                    params![signed(wall), std::process::id(), signed(events)],
                    |row| {
                        let (epoch, reserved): (i64, i64) = (row.get(0)?, row.get(1)?);
                        let (epoch, reserved) = (epoch.cast_unsigned(), reserved.cast_unsigned());
                        Ok(Lease {
                            slots: vec![SlotLease { slot: 0, epoch }],
                            events: reserved.saturating_sub(events),
                            reserved,
                            life: epoch,
                        })
                    },
                )
                .map_err(|error| sqlite.failure(&error))
        })
    }

    fn load(&mut self, reading: &Reading, take: &mut dyn FnMut(Restored)) -> Result<Loaded, Error> {
        load(&self.connection, &self.name, reading, take)
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        if self.finish.swap(false, Ordering::Relaxed) {
            checkpoint::finish(&self.connection);
        }
        self.transaction(|sqlite| sqlite.write(batch))?;
        if self
            .clock
            .is_none_or(|(id, noted)| id != batch.clock.id || batch.reading.wall.abs_diff(noted) >= NOTE)
        {
            self.clock = Some((batch.clock.id, batch.reading.wall));
        }
        Ok(())
    }

    fn upkeep(&mut self, lease: &Lease) -> Option<Box<dyn Upkeep>> {
        Some(Box::new(checkpoint::Checkpointer::new(
            self.path.clone(),
            lease.clone(),
            self.finish.clone(),
        )))
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        // The last connection of a file moves what is left of the WAL into it.
        let name = self.name;
        self.connection
            .close()
            .map_err(|(_, error)| failure(&name, &error))
    }
}

/// Forgets the clocks that no row names, if there are many: each boot and each jump of the wall
/// clock adds one. The last one of a boot corrects the others.
fn forget_clocks(connection: &Connection) -> rusqlite::Result<()> {
    let count: i64 = connection.query_row("SELECT count(*) FROM clock", [], |row| row.get(0))?;
    if count <= CLOCKS {
        return Ok(());
    }
    connection
        .execute(
            "WITH named AS (SELECT clock AS id FROM intent UNION SELECT clock FROM granted
                 UNION SELECT clock FROM wanted UNION SELECT clock FROM dialog
                 UNION SELECT told_clock FROM wanted WHERE told_clock IS NOT NULL),
             boots AS (SELECT max(id) AS last FROM clock
                 WHERE boot IN (SELECT boot FROM clock WHERE id IN named) GROUP BY boot)
             DELETE FROM clock WHERE id NOT IN named AND id NOT IN boots AND id < (SELECT max(id) FROM clock)",
            [],
        )
        .map(drop)
}

/// Reads all records.
fn load(
    connection: &Connection,
    name: &str,
    reading: &Reading,
    take: &mut dyn FnMut(Restored),
) -> Result<Loaded, Error> {
    let clocks = clocks(connection).map_err(|error| failure(name, &error))?;
    let past = Past::new(&clocks, reading);
    let publications = publications::load(connection, name, &past, take)?;
    let subscriptions = subscriptions::load(connection, name, &past, take)?;
    Ok(Loaded {
        publications,
        subscriptions,
        clocks,
    })
}

fn clocks(connection: &Connection) -> rusqlite::Result<Vec<ClockLine>> {
    let mut statement = connection.prepare("SELECT id, boot, offset_ms, seen_ms FROM clock ORDER BY id")?;
    let lines = statement.query_map([], |row| {
        Ok(ClockLine {
            id: row.get(0)?,
            boot: Boot(row.get(1)?),
            offset: row.get(2)?,
            seen: row.get(3)?,
        })
    })?;
    lines.collect()
}

/// A file that belongs to a database and stands beside it.
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The file that a path means, however it is written: its directory must be there.
fn resolve(path: &Path) -> Result<PathBuf, Error> {
    let unopenable =
        |why: &dyn std::fmt::Display| Error::new(Trouble::Unopenable, format!("{}: {why}", path.display()));
    if let Ok(real) = fs::canonicalize(path) {
        return match real.is_dir() {
            true => Err(unopenable(&"is a directory")),
            false => Ok(real),
        };
    }
    let file = path.file_name().ok_or_else(|| unopenable(&"is no file name"))?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = fs::canonicalize(directory).map_err(|error| unopenable(&error))?;
    Ok(directory.join(file))
}

/// Makes the file if it is not there: documents are personal, so nobody else may read it.
fn make(path: &Path, name: &str) -> Result<(), Error> {
    match fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(of_system(name, &error)),
    }
}

fn connect(path: &Path, name: &str) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| failure(name, &error))?;
    connection
        .busy_timeout(PATIENCE)
        .map_err(|error| failure(name, &error))?;
    Ok(connection)
}

/// SQLite's integers are signed; the bits stay the same.
const fn signed(number: u64) -> i64 {
    number.cast_signed()
}

/// A failure of the file system.
fn of_system(name: &str, error: &std::io::Error) -> Error {
    let trouble = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Trouble::Full,
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Trouble::ReadOnly,
        ErrorKind::NotFound => Trouble::Unopenable,
        _ => Trouble::Io,
    };
    Error::new(trouble, format!("{name}: {error}"))
}

/// A failure of SQLite.
fn failure(name: &str, error: &rusqlite::Error) -> Error {
    let trouble = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Trouble::Full,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Trouble::ReadOnly,
        Some(ErrorCode::SystemIoFailure) => Trouble::Io,
        Some(ErrorCode::CannotOpen) => Trouble::Unopenable,
        Some(ErrorCode::DatabaseCorrupt) => Trouble::Corrupt,
        Some(ErrorCode::NotADatabase) => Trouble::Foreign,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Trouble::Locked,
        _ => Trouble::Other,
    };
    Error::new(trouble, format!("{name}: {error}"))
}
