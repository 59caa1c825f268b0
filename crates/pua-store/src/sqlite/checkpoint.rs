//! Moves what the WAL holds into the file, on a thread of its own.
//!
//! A passive checkpoint never makes a commit wait. Under a load that never pauses it never gets to
//! the end, and the WAL grows; when it has become large, a checkpoint that holds up commits for a
//! moment finishes it, and the WAL is written from its beginning again.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;

use super::{connect, failure};
use crate::backend::{Upkeep, UpkeepFigures};
use crate::error::Error;

/// A WAL of so many bytes is large.
pub(super) const LARGE: u64 = 128 * 1024 * 1024;
/// What is not worth a checkpoint while more comes, in bytes.
const SMALL: u64 = 256 * 1024;

/// The connection for checkpoints, opened when it is first needed.
pub(super) struct Checkpointer {
    path: PathBuf,
    name: String,
    connection: Option<Connection>,
    /// The WAL when it was last looked at: its size and when it was changed.
    last: Option<(u64, std::time::SystemTime)>,
    /// The WAL as it was after the last checkpoint that left nothing to do.
    done: Option<(u64, std::time::SystemTime)>,
}

impl Checkpointer {
    pub(super) fn new(path: PathBuf) -> Checkpointer {
        Checkpointer {
            name: path.display().to_string(),
            path,
            connection: None,
            last: None,
            done: None,
        }
    }

    fn wal(&self) -> Option<(u64, std::time::SystemTime)> {
        let mut name = self.path.clone().into_os_string();
        name.push("-wal");
        let data = fs::metadata(name).ok()?;
        Some((data.len(), data.modified().ok()?))
    }

    /// Runs a checkpoint; whether it has moved everything.
    fn checkpoint(&mut self, how: &str) -> Result<bool, Error> {
        let connection = match &self.connection {
            Some(connection) => connection,
            None => {
                let connection = connect(&self.path, &self.name)?;
                connection
                    .execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -64;")
                    .map_err(|error| failure(&self.name, &error))?;
                self.connection.insert(connection)
            }
        };
        connection
            .query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| {
                let (busy, frames, moved): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(!busy && frames == moved)
            })
            .map_err(|error| failure(&self.name, &error))
    }
}

impl Upkeep for Checkpointer {
    fn run(&mut self) -> Result<UpkeepFigures, Error> {
        let wal = self.wal();
        let mut worked = false;
        if let Some((bytes, _)) = wal
            && wal != self.done
            && (bytes >= SMALL || wal == self.last)
        {
            let complete = self.checkpoint("PASSIVE")?;
            worked = true;
            if !complete && bytes >= LARGE {
                self.checkpoint("RESTART")?;
            }
            self.done = complete.then_some(wal).flatten();
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
