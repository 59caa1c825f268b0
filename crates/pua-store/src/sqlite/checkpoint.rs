//! Moves what the WAL holds into the file, on a thread of its own, and keeps the WAL's room.
//!
//! A passive checkpoint never makes a commit wait. Under a load that never pauses it never gets to
//! the end, and the WAL grows; when it has become large, the writer is asked to move the little
//! that is left between two commits, and the WAL is written from its beginning again.
//!
//! To overwrite blocks of a file and sync them costs a fraction of what it costs to append them: no
//! room has to be found, no size changes. So under load the WAL is made longer than it needs to be,
//! by zeros, which SQLite takes for the end of what was written.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::{beside, connect, failure, of_system, still_owned};
use crate::backend::{Lease, Upkeep, UpkeepFigures};
use crate::error::Error;

/// Beyond so many bytes the file of the WAL is cut off when it is next written from its beginning.
pub(super) const LIMIT: u64 = 128 * 1024 * 1024;
/// A WAL in use of so many bytes is large.
const LARGE: u64 = 8 * 1024 * 1024;
/// What is not worth a checkpoint while more comes, and no second one after it, in bytes.
const SMALL: u64 = 256 * 1024;
/// Passes of a checkpoint, each over what was written during the one before.
const PASSES: usize = 3;
/// The room that is made for a WAL: so many times what is in use.
const ROOM: u64 = 4;
/// The room at most.
const MOST_ROOM: u64 = 4 * LARGE;
/// The room that is made in one run of the upkeep.
const ROOM_A_RUN: u64 = LARGE;
/// So many bytes of it at a time, for which commits wait.
const STEP: u64 = 1024 * 1024;

/// The connection for checkpoints, opened when it is first needed.
pub(super) struct Checkpointer {
    path: PathBuf,
    name: String,
    /// What is owned.
    lease: Lease,
    connection: Option<Connection>,
    /// Asks the writer to move what is left.
    finish: Arc<AtomicBool>,
    /// The WAL when it was last looked at: its size and when it was changed.
    last: Option<(u64, std::time::SystemTime)>,
    /// The WAL as it was after the last checkpoint that left nothing to do.
    done: Option<(u64, std::time::SystemTime)>,
    /// Room could not be made: there is none.
    cramped: bool,
}

/// What a checkpoint has found, in bytes of the WAL.
#[derive(Clone, Copy, Debug)]
struct Found {
    used: u64,
    left: u64,
}

/// Moves into the file what can be moved without waiting for anybody.
///
/// # Errors
/// The file cannot be written.
fn checkpoint(connection: &Connection) -> rusqlite::Result<Found> {
    let mut statement = connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?;
    let (busy, frames, moved) = statement.query_row([], |row| {
        Ok((
            row.get::<_, bool>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, i64>(2)?,
        ))
    })?;
    let page: u64 = connection
        .prepare_cached("PRAGMA page_size")?
        .query_row([], |row| row.get::<_, i64>(0))?
        .cast_unsigned();
    // A frame has a head of 24 bytes. Numbers that are not known are -1.
    let bytes = |frames: i64| u64::try_from(frames).unwrap_or_default() * (page + 24);
    let used = bytes(frames);
    Ok(Found {
        used,
        left: if busy { used.max(1) } else { bytes(frames - moved) },
    })
}

/// What the writer does when it was asked to.
pub(super) fn finish(connection: &Connection) {
    // It has failed before on the other connection, or will, and is told there.
    if let Err(error) = checkpoint(connection) {
        tracing::debug!("the end of a checkpoint: {error}");
    }
}

impl Checkpointer {
    pub(super) fn new(path: PathBuf, lease: Lease, finish: Arc<AtomicBool>) -> Checkpointer {
        Checkpointer {
            name: path.display().to_string(),
            path,
            lease,
            connection: None,
            finish,
            last: None,
            done: None,
            cramped: false,
        }
    }

    fn log(&self) -> PathBuf {
        beside(&self.path, "-wal")
    }

    fn wal(&self) -> Option<(u64, std::time::SystemTime)> {
        let data = fs::metadata(self.log()).ok()?;
        Some((data.len(), data.modified().ok()?))
    }

    fn connection(&mut self) -> Result<&Connection, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let connection = connect(&self.path, &self.name)?;
                connection
                    .execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -64;")
                    .map_err(|error| failure(&self.name, &error))?;
                connection
            }
        };
        Ok(self.connection.insert(connection))
    }

    /// Checkpoints until there is little left, or no more can be moved.
    fn checkpoint(&mut self) -> Result<Found, Error> {
        let name = self.name.clone();
        let connection = self.connection()?;
        let mut found = checkpoint(connection).map_err(|error| failure(&name, &error))?;
        for _ in 1..PASSES {
            if found.left < SMALL {
                break;
            }
            found = checkpoint(connection).map_err(|error| failure(&name, &error))?;
        }
        Ok(found)
    }

    /// Makes the WAL's file so long.
    fn make_room(&mut self, wanted: u64) -> Result<(), Error> {
        let (log, name) = (self.log(), self.name.clone());
        let connection = self.connection()?;
        loop {
            // Who might append to it waits, and nobody cuts it off.
            connection
                .execute_batch("BEGIN IMMEDIATE")
                .map_err(|error| failure(&name, &error))?;
            let lengthened = lengthen(&log, wanted);
            connection
                .execute_batch("ROLLBACK")
                .map_err(|error| failure(&name, &error))?;
            let (file, length) = lengthened.map_err(|error| of_system(&name, &error))?;
            // It is only now that the zeros are given blocks.
            file.sync_all().map_err(|error| of_system(&name, &error))?;
            if length >= wanted {
                return Ok(());
            }
        }
    }
}

/// Appends some zeros to a file that shall have so many bytes; how many it has then.
fn lengthen(path: &Path, wanted: u64) -> std::io::Result<(fs::File, u64)> {
    let file = fs::OpenOptions::new().write(true).open(path)?;
    let length = file.metadata()?.len();
    let more = wanted.saturating_sub(length).min(STEP);
    let zeros = vec![0; usize::try_from(more).unwrap_or_default()];
    if let Err(error) = file.write_all_at(&zeros, length) {
        // What there is of room is better left to others.
        let _ = file.set_len(length);
        return Err(error);
    }
    Ok((file, length + more))
}

impl Upkeep for Checkpointer {
    fn run(&mut self) -> Result<UpkeepFigures, Error> {
        let wal = self.wal();
        if wal != self.last {
            // Somebody has written, perhaps not we.
            let (name, lease) = (self.name.clone(), self.lease.clone());
            still_owned(self.connection()?, &name, &lease)?;
        }
        let mut worked = false;
        if let Some((bytes, _)) = wal
            && wal != self.done
            && (bytes >= SMALL || wal == self.last)
        {
            let found = self.checkpoint()?;
            worked = true;
            if found.left > 0 && found.used >= LARGE {
                self.finish.store(true, Ordering::Relaxed);
            }
            self.done = (found.left == 0).then_some(wal).flatten();
            let wanted = (ROOM * found.used).min(MOST_ROOM).min(bytes + ROOM_A_RUN);
            if found.used >= SMALL
                && bytes < wanted
                && !self.cramped
                && let Err(error) = self.make_room(wanted)
            {
                tracing::debug!("no more room for the write-ahead log: {error}");
                self.cramped = true;
            }
        }
        self.last = wal;
        let bytes = fs::metadata(&self.path).map_or(0, |data| data.len());
        Ok(UpkeepFigures {
            bytes,
            log_bytes: wal.map_or(0, |(bytes, _)| bytes),
            worked,
        })
    }
}
