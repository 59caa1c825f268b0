//! Names of FIFOs and sockets in the file system. A name is removed with what it leads to, also
//! when the start of the daemon fails, and made again when somebody has removed it.

use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often it is checked whether a name still leads to what is read.
pub(crate) const CHECK: Duration = Duration::from_secs(30);

/// A name that we have made. Dropped, it is removed, unless it leads elsewhere by now.
#[derive(Debug)]
pub(crate) struct Name {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl Name {
    /// The name of what is at this path now.
    pub(crate) fn of(path: &Path) -> Name {
        Name {
            path: path.to_owned(),
            identity: identity(path),
        }
    }

    /// Where.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it still leads to what it was made for.
    pub(crate) fn is_good(&self) -> bool {
        self.identity.is_some() && identity(&self.path) == self.identity
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if self.is_good() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|m| (m.dev(), m.ino()))
}

/// Makes room for a socket: removes what a process that is gone has left, and makes the directory.
/// `connect` tries whether somebody listens there.
///
/// # Errors
/// [`Taken`].
pub(crate) fn make_room<T>(path: &Path, connect: impl FnOnce() -> io::Result<T>) -> Result<(), Taken> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_socket() => Err(Taken::NotASocket),
        Ok(_) => match connect() {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path).map_err(Taken::System)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            _ => Err(Taken::InUse),
        },
        Err(_) => {
            super::make_directory_of(path);
            Ok(())
        }
    }
}

/// Why there is no room for a socket.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Something else has the name.
    NotASocket,
    /// Somebody listens there.
    InUse,
    /// The system's reason.
    System(io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mi::test_dir::TestDir;

    #[test]
    fn a_name_goes_with_its_owner_unless_it_leads_elsewhere() {
        let dir = TestDir::new();
        let path = dir.path().join("name");
        std::fs::write(&path, "").unwrap();
        let name = Name::of(&path);
        assert!(name.is_good());
        drop(name);
        assert!(!path.exists());

        std::fs::write(&path, "").unwrap();
        let name = Name::of(&path);
        std::fs::rename(&path, dir.path().join("moved")).unwrap();
        assert!(!name.is_good());
        std::fs::write(&path, "another").unwrap();
        assert!(!name.is_good());
        drop(name);
        assert_eq!(std::fs::read(&path).unwrap(), b"another");
    }
}
