//! The listening socket: made, and made again when somebody has removed its name.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::mi::{Name, Taken, make_room};

/// The socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    /// Something else has the name.
    #[error("{0} exists and is not a socket: remove it, or change mi.stream.listen")]
    NotASocket(PathBuf),
    /// Somebody listens there.
    #[error("another process listens on unix:{0}: stop it, or change mi.stream.listen")]
    InUse(PathBuf),
    /// The system's reason.
    #[error("cannot listen on unix:{path}: {error}")]
    System {
        /// The socket's path.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
}

/// A listening socket and its name.
#[derive(Debug)]
pub(crate) struct Socket {
    // Removed before the socket is closed: whoever finds the name is answered.
    name: Name,
    pub(super) listener: UnixListener,
    mode: u32,
}

impl Socket {
    /// Binds the socket; its permissions are `mode`.
    ///
    /// # Errors
    /// See [`SocketError`].
    pub(crate) fn open(path: &Path, mode: u32) -> Result<Socket, SocketError> {
        let system = |error| SocketError::System {
            path: path.to_owned(),
            error,
        };
        make_room(path, || UnixStream::connect(path)).map_err(|taken| match taken {
            Taken::NotASocket => SocketError::NotASocket(path.to_owned()),
            Taken::InUse => SocketError::InUse(path.to_owned()),
            Taken::System(error) => system(error),
        })?;
        let listener = UnixListener::bind(path).map_err(system)?;
        let name = Name::of(path);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(system)?;
        listener.set_nonblocking(true).map_err(system)?;
        Ok(Socket { name, listener, mode })
    }

    /// Makes the socket again if its name is gone or leads elsewhere; whether it has.
    pub(super) fn check(&mut self) -> bool {
        if self.name.is_good() {
            return false;
        }
        let path = self.name.path().to_owned();
        match Socket::open(&path, self.mode) {
            Ok(socket) => {
                tracing::warn!(path = %path.display(), "the stream socket was removed; made it again");
                *self = socket;
                true
            }
            Err(error) => {
                tracing::error!(%error, "the stream socket was removed and cannot be made again");
                false
            }
        }
    }
}
