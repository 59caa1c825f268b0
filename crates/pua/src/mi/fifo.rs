//! The listening FIFO: made, read without blocking, and made again when somebody removed it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Group, Uid, User};
use pua_mi::{FifoFramer, FifoRequest};

use super::name::{CHECK, Name};
use crate::config;

/// How long after the last writer has gone an incomplete request is waited for: a script may write
/// its lines one by one, opening the FIFO for each.
const GRACE: Duration = Duration::from_secs(1);
/// Bytes of one request at most.
const REQUEST: usize = 1024 * 1024;
/// Bytes read in one turn at most.
const BUDGET: usize = 256 * 1024;

/// The FIFO cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FifoError {
    /// Something else has its name.
    #[error("{0} exists and is not a FIFO: remove it, or set mi.fifo.path to another name")]
    NotAFifo(PathBuf),
    /// Another daemon reads it.
    #[error("{0} is read by another process: stop it, or set mi.fifo.path to another name")]
    InUse(PathBuf),
    /// No such user or group.
    #[error("there is no {0} on this system")]
    NoSuchOwner(String),
    /// The system's reason.
    #[error("cannot make the FIFO {path}: {error}")]
    System {
        /// The FIFO's path.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
}

/// The FIFO that requests are written into.
pub(crate) struct Fifo {
    settings: config::Fifo,
    token: Token,
    // Removed before the file is closed: whoever finds the name has a reader.
    name: Name,
    file: File,
    framer: FifoFramer,
    buffer: Box<[u8]>,
    readable: bool,
    /// When the name is to be checked.
    check_at: Instant,
    /// Bytes of an incomplete request may be in the framer.
    fed: bool,
    /// When what is incomplete is given up, since nobody has the FIFO open for writing.
    give_up_at: Option<Instant>,
}

impl Fifo {
    /// Makes the FIFO if it is not there, sets its permissions and opens it.
    ///
    /// # Errors
    /// See [`FifoError`].
    pub(crate) fn open(
        settings: config::Fifo,
        registry: &Registry,
        token: Token,
        now: Instant,
    ) -> Result<Fifo, FifoError> {
        if has_reader(&settings) {
            return Err(FifoError::InUse(settings.path));
        }
        let (file, name) = make(&settings)?;
        let fifo = Fifo {
            token,
            name,
            file,
            framer: FifoFramer::new(REQUEST),
            buffer: vec![0; 64 * 1024].into_boxed_slice(),
            readable: true,
            check_at: now + CHECK,
            fed: false,
            give_up_at: None,
            settings,
        };
        fifo.register(registry).map_err(|error| FifoError::System {
            path: fifo.settings.path.clone(),
            error,
        })?;
        Ok(fifo)
    }

    fn register(&self, registry: &Registry) -> io::Result<()> {
        registry.register(
            &mut SourceFd(&self.file.as_raw_fd()),
            self.token,
            Interest::READABLE,
        )
    }

    /// Something was written, or a writer has come or gone.
    pub(crate) fn on_event(&mut self) {
        self.readable = true;
    }

    /// Whether there may be more to read without a new event.
    pub(crate) fn pending(&self) -> bool {
        self.readable
    }

    /// Reads a budget of bytes; `sink` gets each complete request.
    pub(crate) fn receive(&mut self, now: Instant, mut sink: impl FnMut(FifoRequest)) {
        let mut taken = 0;
        while self.readable && taken < BUDGET {
            match self.file.read(&mut self.buffer) {
                // Nobody has it open for writing.
                Ok(0) => {
                    self.readable = false;
                    if std::mem::take(&mut self.fed) {
                        let grace = if self.framer.is_between_lines() {
                            GRACE
                        } else {
                            Duration::ZERO
                        };
                        self.give_up_at = Some(now + grace);
                    }
                }
                Ok(count) => {
                    taken += count;
                    self.fed = true;
                    self.give_up_at = None;
                    self.framer.push(self.buffer.get(..count).unwrap_or_default());
                    while let Some(request) = self.framer.next() {
                        sink(request);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.readable = false,
            }
        }
        if self.give_up_at.is_some_and(|at| at <= now) {
            self.give_up_at = None;
            self.framer.writers_gone();
            while let Some(request) = self.framer.next() {
                sink(request);
            }
        }
    }

    /// When [`Fifo::receive`] and [`Fifo::check`] are to be called if nothing is written.
    pub(crate) fn next_timeout(&self) -> Instant {
        self.give_up_at.map_or(self.check_at, |at| at.min(self.check_at))
    }

    /// Makes the FIFO again if its name is gone or leads elsewhere; at once with `force` (SIGHUP).
    pub(crate) fn check(&mut self, now: Instant, registry: &Registry, force: bool) {
        if now < self.check_at && !force {
            return;
        }
        self.check_at = now + CHECK;
        if self.name.is_good() {
            return;
        }
        let path = &self.settings.path;
        match make(&self.settings) {
            Ok((file, name)) => {
                tracing::warn!(path = %path.display(), "the FIFO was removed; made it again");
                let _ = registry.deregister(&mut SourceFd(&self.file.as_raw_fd()));
                self.name = name;
                self.file = file;
                self.framer = FifoFramer::new(REQUEST);
                self.readable = true;
                if let Err(error) = self.register(registry) {
                    tracing::error!(%error, "the new FIFO cannot be polled");
                }
            }
            Err(error) => tracing::error!(%error, "the FIFO was removed and cannot be made again"),
        }
    }

    /// Who shall own it.
    ///
    /// # Errors
    /// [`FifoError::NoSuchOwner`].
    pub(crate) fn owner(settings: &config::Fifo) -> Result<(Option<Uid>, Option<Gid>), FifoError> {
        let user = settings.user.as_deref().map(user_id).transpose()?;
        let group = settings.group.as_deref().map(group_id).transpose()?;
        Ok((user, group))
    }
}

/// Whether some process has the FIFO open for reading: only then can it be opened for writing
/// without waiting.
fn has_reader(settings: &config::Fifo) -> bool {
    let is_fifo = std::fs::symlink_metadata(&settings.path).is_ok_and(|m| m.file_type().is_fifo());
    is_fifo
        && OpenOptions::new()
            .write(true)
            .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits())
            .open(&settings.path)
            .is_ok()
}

fn make(settings: &config::Fifo) -> Result<(File, Name), FifoError> {
    let path = &settings.path;
    let mut made = None;
    let system = |error: io::Error| FifoError::System {
        path: path.clone(),
        error,
    };
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_fifo() => {
            return Err(FifoError::NotAFifo(path.clone()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            super::make_directory_of(path);
            // Nobody but us until owner, group and mode are set.
            nix::unistd::mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).map_err(|e| system(e.into()))?;
            made = Some(Name::of(path));
        }
        Err(error) => return Err(system(error)),
    }
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits())
        .open(path)
        .map_err(system)?;
    let metadata = file.metadata().map_err(system)?;
    if !metadata.file_type().is_fifo() {
        return Err(FifoError::NotAFifo(path.clone()));
    }
    let (user, group) = Fifo::owner(settings)?;
    if user.is_some() || group.is_some() {
        nix::unistd::fchown(&file, user, group).map_err(|e| system(e.into()))?;
    }
    nix::sys::stat::fchmod(&file, Mode::from_bits_truncate(settings.mode)).map_err(|e| system(e.into()))?;
    Ok((file, made.unwrap_or_else(|| Name::of(path))))
}

fn user_id(name: &str) -> Result<Uid, FifoError> {
    if let Ok(number) = name.parse() {
        return Ok(Uid::from_raw(number));
    }
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid),
        _ => Err(FifoError::NoSuchOwner(format!("user {name}"))),
    }
}

fn group_id(name: &str) -> Result<Gid, FifoError> {
    if let Ok(number) = name.parse() {
        return Ok(Gid::from_raw(number));
    }
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid),
        _ => Err(FifoError::NoSuchOwner(format!("group {name}"))),
    }
}

#[cfg(test)]
mod tests;
