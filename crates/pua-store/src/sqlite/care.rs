//! What an operator does with a file: look it over, copy it, make it small.

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::{Sqlite, failure, lock, make, resolve, schema};
use crate::backend::{Backend as _, Restored};
use crate::clock::{Boot, Reading};
use crate::error::{Error, Trouble};

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Publications that can be taken up again.
    pub publications: u64,
    /// Subscriptions that can be taken up again.
    pub subscriptions: u64,
    /// What is wrong; empty: nothing.
    pub faults: Vec<String>,
}

/// Figures of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// The version of the tables.
    pub version: i32,
    /// Publications.
    pub publications: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Dialog usages.
    pub dialogs: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of it that are free.
    pub free_bytes: u64,
    /// How often a daemon has been started on it, and the time of the start.
    pub epoch: u64,
}

/// Opens a file to look at it, also while a daemon uses it.
fn look(path: &Path) -> Result<(Connection, String), Error> {
    let path = resolve(path)?;
    let name = path.display().to_string();
    if !path.exists() {
        return Err(Error::new(Trouble::Unopenable, format!("{name}: no such file")));
    }
    // Not read-only: a WAL that a killed daemon has left must be recovered to be read.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(|error| failure(&name, &error))?;
    let sql = |error: rusqlite::Error| failure(&name, &error);
    connection.busy_timeout(Duration::from_secs(10)).map_err(sql)?;
    // The daemon's checkpoints are its own.
    connection
        .execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA query_only = ON;")
        .map_err(sql)?;
    match schema::version(&connection, &name)? {
        0 => Err(Error::new(
            Trouble::Foreign,
            format!("{name} is no store of pua: it is empty"),
        )),
        _ => Ok((connection, name)),
    }
}

/// Looks a file over: its structure, and every record.
///
/// # Errors
/// It cannot be opened at all.
pub fn check(path: &Path) -> Result<CheckReport, Error> {
    let (connection, name) = look(path)?;
    let mut report = CheckReport::default();
    let mut statement = connection
        .prepare("PRAGMA integrity_check(100)")
        .map_err(|error| failure(&name, &error))?;
    let lines = statement
        .query_map([], |row| row.get::<_, String>(0))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<String>>>);
    match lines {
        Ok(lines) => report
            .faults
            .extend(lines.into_iter().filter(|line| line != "ok")),
        Err(error) => report.faults.push(failure(&name, &error).what),
    }
    let reading = Reading::take(&Boot::present(), std::time::Instant::now);
    let read = super::load(&connection, &name, &reading, &mut |restored| match restored {
        Restored::Publication(_) => report.publications += 1,
        Restored::Subscription(_) => report.subscriptions += 1,
    });
    if let Err(error) = read {
        report.faults.push(error.what);
    }
    Ok(report)
}

/// Figures of a file.
///
/// # Errors
/// It cannot be read.
pub fn statistics(path: &Path) -> Result<Statistics, Error> {
    let (connection, name) = look(path)?;
    let number = |sql: &str| -> Result<u64, Error> {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map(i64::cast_unsigned)
            .map_err(|error| failure(&name, &error))
    };
    let page = number("PRAGMA page_size")?;
    Ok(Statistics {
        version: schema::version(&connection, &name)?,
        publications: number("SELECT count(*) FROM intent")?,
        subscriptions: number("SELECT count(*) FROM wanted")?,
        dialogs: number("SELECT count(*) FROM dialog")?,
        bytes: page * number("PRAGMA page_count")?,
        free_bytes: page * number("PRAGMA freelist_count")?,
        epoch: number("SELECT coalesce(max(epoch), 0) FROM owner")?,
    })
}

/// Gives the file's free room back to the system. No daemon may use it meanwhile.
///
/// # Errors
/// A daemon uses it, or it cannot be written.
pub fn vacuum(path: &Path) -> Result<(), Error> {
    // It must be there already: this makes no file.
    drop(look(path)?);
    let sqlite = Sqlite::open(path)?;
    sqlite
        .connection
        .execute_batch("VACUUM")
        .map_err(|error| sqlite.failure(&error))?;
    Box::new(sqlite).close()
}

/// Copies the file as it is at one moment, also while a daemon uses it.
///
/// # Errors
/// It cannot be read, or the copy not be written; a file that is there already is not touched.
pub fn backup(path: &Path, copy: &Path) -> Result<(), Error> {
    let (from, name) = look(path)?;
    let told = copy.display().to_string();
    let copy = resolve(copy)?;
    if copy.exists() || lock::lock_path(&copy).exists() {
        return Err(Error::new(
            Trouble::Unopenable,
            format!("{told} is there already: a backup overwrites nothing"),
        ));
    }
    make(&copy, &told)?;
    let done = copy_into(&from, &name, &copy, &told);
    if done.is_err() {
        // Half a copy is none.
        let _ = std::fs::remove_file(&copy);
    }
    done
}

fn copy_into(from: &Connection, name: &str, copy: &Path, told: &str) -> Result<(), Error> {
    let mut to = super::connect(copy, told)?;
    let backup = Backup::new(from, &mut to).map_err(|error| failure(name, &error))?;
    // In one step: a writer meanwhile would make it begin again, and WAL mode lets both go on.
    match backup.step(-1).map_err(|error| failure(told, &error))? {
        StepResult::Done => Ok(()),
        _ => Err(Error::new(Trouble::Locked, format!("{name} is locked"))),
    }
}
