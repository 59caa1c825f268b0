//! The ready file: written when the daemon serves, removed when it ends.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Ready;

/// A ready file that is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct ReadyFile {
    path: PathBuf,
}

impl ReadyFile {
    /// Writes the addresses; whoever waits for the file sees it whole.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(path: &Path, ready: &Ready) -> anyhow::Result<ReadyFile> {
        let told = || format!("cannot write the ready file {}", path.display());
        let mut name = path.file_name().with_context(told)?.to_owned();
        name.push(format!(".{}", std::process::id()));
        let temporary = path.with_file_name(name);
        let mut bytes = serde_json::to_vec(ready)?;
        bytes.push(b'\n');
        let written = fs::File::create(&temporary)
            .and_then(|mut file| file.write_all(&bytes))
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written.with_context(told)?;
        Ok(ReadyFile {
            path: path.to_owned(),
        })
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
