//! One daemon at a time: a lock file beside the database, held by the kernel for as long as the
//! process lives, however it ends.
//!
//! Not a lock on the database itself: `sqlite3` must be able to read it, and SQLite's own locks
//! are lost when any descriptor of the file is closed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{beside, of_system};
use crate::error::{Error, Trouble};

/// Held until it is dropped. The file stays: removing it would let two daemons lock two files of
/// one name.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// The lock file of a database.
pub(super) fn lock_path(database: &Path) -> PathBuf {
    beside(database, ".lock")
}

impl Lock {
    /// Becomes the only one.
    pub(super) fn take(database: &Path) -> Result<Lock, Error> {
        let path = lock_path(database);
        let name = path.display().to_string();
        let system = |error: &std::io::Error| of_system(&name, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| system(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Only for the message.
                let _ = (&file).take(20).read_to_string(&mut pid);
                let pid = pid.trim();
                let who = match pid.parse::<u32>() {
                    Ok(pid) => format!("another daemon (process {pid})"),
                    Err(_) => "another daemon".to_owned(),
                };
                let what = format!("{} is used by {who}", database.display());
                return Err(Error::new(Trouble::Owned, what));
            }
            Err(TryLockError::Error(error)) => return Err(system(&error)),
        }
        // Only for the message of another daemon: a full disk must not keep this one from starting.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Lock { _file: file })
    }
}
