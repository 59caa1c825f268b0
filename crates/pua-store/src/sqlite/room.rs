//! Room for the index of the WAL (`-shm`), which SQLite writes through a memory map: where a page of
//! it gets no blocks because the disk is full, that is no error to be told but a SIGBUS, which ends
//! the process.
//!
//! SQLite writes one byte of each page beforehand, so that it has its block. Where blocks are smaller
//! than pages (1 KiB, as on small disks with ext4) the rest of the page has none.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::fcntl::{FallocateFlags, fallocate};

use super::beside;

/// What a database that is being opened needs: its index is made anew.
const FIRST: usize = 64 * 1024;
/// What the index of a WAL of 128 MiB needs, in bytes: a piece of 32 KiB for 4096 pages of 4 KiB.
const ALL: i64 = 256 * 1024;

/// Whether there is room to open a database: takes it and gives it back.
///
/// # Errors
/// There is none.
pub(super) fn to_open(database: &Path) -> std::io::Result<()> {
    let path = beside(database, ".room");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    let written = file.write_all(&[0; FIRST]);
    drop(file);
    std::fs::remove_file(&path)?;
    written
}

/// Gives the index of an open database the blocks of all that it can become, if there is room for
/// them and the file system knows how.
pub(super) fn of_index(database: &Path) {
    // Its content is not touched.
    let given = OpenOptions::new()
        .write(true)
        .open(beside(database, "-shm"))
        .and_then(|file: File| Ok(fallocate(&file, FallocateFlags::empty(), 0, ALL)?));
    if let Err(error) = given {
        tracing::debug!("no room was kept for the index of the write-ahead log: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::Sqlite;

    #[test]
    fn an_open_database_has_the_blocks_of_its_index() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pua.db");
        let _open = Sqlite::open(&path).unwrap();
        let index = std::fs::metadata(beside(&path, "-shm")).unwrap();
        assert!(index.len() >= ALL.cast_unsigned(), "{}", index.len());
        assert!(index.blocks() * 512 >= index.len(), "{}", index.blocks());
        assert!(!beside(&path, ".room").exists());
    }
}
