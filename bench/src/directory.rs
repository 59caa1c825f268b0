//! The directories of a run: one for sockets, whose names must be short, and one on a real disk for
//! stores.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A directory that is removed with its contents when this is dropped.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    /// A fresh one in the system's place for such.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn fresh() -> anyhow::Result<Directory> {
        Directory::below(&std::env::temp_dir())
    }

    /// A fresh one in this one, which is made if it is missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn below(parent: &Path) -> anyhow::Result<Directory> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("pua-load-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path)?;
        // Daemons are told absolute names.
        Ok(Directory(path.canonicalize()?))
    }

    /// A name in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Itself.
    pub(crate) fn root(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
