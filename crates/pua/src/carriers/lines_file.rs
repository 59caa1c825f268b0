//! A file of JSON lines that is appended to and cannot grow without end: when it is full it is
//! renamed to `NAME.1`, over the one before, and begun anew.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// The file; it is opened when the first line comes.
#[derive(Debug)]
pub(super) struct LinesFile {
    path: PathBuf,
    most: u64,
    open: Option<(File, u64)>,
}

impl LinesFile {
    /// A file of at most `most` bytes; what is one line alone may be longer.
    pub(super) fn new(path: PathBuf, most: u64) -> LinesFile {
        LinesFile {
            path,
            most,
            open: None,
        }
    }

    /// Opens the name again with the next line: somebody may have moved the file away.
    pub(super) fn reopen(&mut self) {
        self.open = None;
    }

    /// Appends whole lines.
    ///
    /// # Errors
    /// The system's. Nothing of the lines is in the file then.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let added = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let (mut file, mut length) = match self.open.take() {
            Some(open) => open,
            None => self.open()?,
        };
        if length > 0 && length.saturating_add(added) > self.most {
            let mut before = self.path.clone().into_os_string();
            before.push(".1");
            std::fs::rename(&self.path, before)?;
            (file, length) = self.open()?;
        }
        if let Err(error) = file.write_all(lines) {
            // Half a line would spoil the next one. Should this fail too, opening mends it.
            let _ = file.set_len(length);
            return Err(error);
        }
        self.open = Some((file, length + added));
        Ok(())
    }

    fn open(&self) -> io::Result<(File, u64)> {
        // Documents of people stand in it: nobody else's business.
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let mut file = options.open(&self.path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("is no ordinary file"));
        }
        let mut length = file.seek(SeekFrom::End(0))?;
        if length > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            // A line that a crash has cut off.
            if last != *b"\n" {
                file.write_all(b"\n")?;
                length += 1;
            }
        }
        Ok((file, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mi::test_dir::TestDir;

    #[test]
    fn a_full_file_is_renamed_once_and_a_cut_line_is_ended() {
        let dir = TestDir::new();
        let path = dir.path().join("events.jsonl");
        std::fs::write(&path, "{\"half\":").unwrap();
        let mut file = LinesFile::new(path.clone(), 24);
        file.append(b"{\"a\":1}\n").unwrap();
        let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
        assert_eq!(read(&path), "{\"half\":\n{\"a\":1}\n");
        file.append(b"{\"a\":2}\n").unwrap();
        assert_eq!(read(&path), "{\"a\":2}\n");
        assert_eq!(
            read(&dir.path().join("events.jsonl.1")),
            "{\"half\":\n{\"a\":1}\n"
        );
        file.append(b"{\"long\":\"0123456789012345678901234567890\"}\n")
            .unwrap();
        assert_eq!(read(&dir.path().join("events.jsonl.1")), "{\"a\":2}\n");

        std::fs::rename(&path, dir.path().join("moved")).unwrap();
        file.reopen();
        file.append(b"{\"a\":3}\n").unwrap();
        assert_eq!(read(&path), "{\"a\":3}\n");
    }

    #[test]
    fn what_is_no_file_is_not_written_to() {
        let dir = TestDir::new();
        let mut file = LinesFile::new(dir.path().join("missing/file"), 100);
        assert!(file.append(b"{}\n").is_err());
        let mut file = LinesFile::new("/dev/null".into(), 100);
        assert!(file.append(b"{}\n").is_err());
    }
}
