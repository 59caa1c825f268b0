//! Replies by FIFO: opened without waiting, tried again for about a second while nobody reads,
//! written, closed.
//!
//! The reply FIFO is a file that somebody else made in a directory that others may write to, so
//! the file is checked after it was opened: a FIFO with one link, and the one the name leads to.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::fcntl::OFlag;
use slab::Slab;

use super::TOKEN_REPLY;

/// How long nobody may be there to read.
const PATIENCE: Duration = Duration::from_millis(1200);
/// The longest pause between two attempts; the first is 1 ms, then it doubles.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a reader may take to read the whole reply.
const READING: Duration = Duration::from_secs(5);
/// Replies that may wait; beyond it the one that has waited longest is dropped.
const WAITING: usize = 4096;

/// A reply on its way.
struct Pending {
    path: PathBuf,
    bytes: Vec<u8>,
    written: usize,
    file: Option<File>,
    /// When it is given up.
    until: Instant,
    pause: Duration,
    /// Told apart from an earlier reply in the same place.
    serial: u64,
}

/// How an attempt ended.
enum Attempt {
    Done,
    Failed,
    /// Nobody reads yet, or the reader is slow.
    Later,
}

/// Writes replies into FIFOs, any number at a time, none waiting for another.
pub(crate) struct ReplyFifos {
    directory: PathBuf,
    registry: Registry,
    pending: Slab<Pending>,
    due: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    next_serial: u64,
    pub(crate) written: u64,
    pub(crate) dropped: u64,
}

impl ReplyFifos {
    pub(crate) fn new(directory: PathBuf, registry: Registry) -> ReplyFifos {
        ReplyFifos {
            directory,
            registry,
            pending: Slab::new(),
            due: BinaryHeap::new(),
            next_serial: 0,
            written: 0,
            dropped: 0,
        }
    }

    /// Takes a changed reply directory over.
    pub(crate) fn set_directory(&mut self, directory: PathBuf) {
        self.directory = directory;
    }

    /// Replies that have not been delivered or dropped.
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Writes a reply, now if somebody reads, else when somebody does.
    pub(crate) fn send(&mut self, now: Instant, name: &pua_mi::ReplyName, bytes: Vec<u8>) {
        if self.pending.len() >= WAITING {
            self.drop_oldest();
        }
        self.next_serial += 1;
        let index = self.pending.insert(Pending {
            path: self.directory.join(name.as_str()),
            bytes,
            written: 0,
            file: None,
            until: now + PATIENCE,
            pause: Duration::from_millis(1),
            serial: self.next_serial,
        });
        self.attempt(now, index);
    }

    /// A reply FIFO has room again.
    pub(crate) fn on_event(&mut self, now: Instant, index: usize) {
        if self.pending.contains(index) {
            self.attempt(now, index);
        }
    }

    /// When [`ReplyFifos::turn`] is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, ..))| *at)
    }

    /// Tries what is due again.
    pub(crate) fn turn(&mut self, now: Instant) {
        while let Some(&Reverse((at, serial, index))) = self.due.peek() {
            if at > now {
                return;
            }
            self.due.pop();
            if self.pending.get(index).is_some_and(|p| p.serial == serial) {
                self.attempt(now, index);
            }
        }
    }

    fn attempt(&mut self, now: Instant, index: usize) {
        let Some(reply) = self.pending.get_mut(index) else {
            return;
        };
        match reply.attempt(now, &self.registry, index) {
            Attempt::Done => {
                self.written += 1;
                self.forget(index);
            }
            Attempt::Failed => self.abandon(index),
            Attempt::Later if now >= reply.until => self.abandon(index),
            Attempt::Later => {
                let at = if reply.file.is_some() {
                    reply.until
                } else {
                    let at = (now + reply.pause).min(reply.until);
                    reply.pause = (reply.pause * 2).min(PAUSE);
                    at
                };
                self.due.push(Reverse((at, reply.serial, index)));
            }
        }
    }

    fn abandon(&mut self, index: usize) {
        self.dropped += 1;
        if let Some(reply) = self.pending.get(index) {
            tracing::debug!(path = %reply.path.display(), "nobody takes the reply, dropped");
        }
        self.forget(index);
    }

    fn forget(&mut self, index: usize) {
        if let Some(reply) = self.pending.try_remove(index)
            && let Some(file) = &reply.file
        {
            // It may not be registered; closing it would do as well.
            let _ = self.registry.deregister(&mut SourceFd(&file.as_raw_fd()));
        }
    }

    fn drop_oldest(&mut self) {
        let oldest = self.pending.iter().min_by_key(|(_, p)| p.serial).map(|(i, _)| i);
        if let Some(index) = oldest {
            self.abandon(index);
        }
    }
}

impl Pending {
    fn attempt(&mut self, now: Instant, registry: &Registry, index: usize) -> Attempt {
        let fresh = self.file.is_none();
        let mut file = match self.file.take() {
            Some(file) => file,
            None => match open(&self.path) {
                Ok(file) => file,
                Err(error) if is_absent(&error) => return Attempt::Later,
                Err(error) => {
                    tracing::info!(%error, "reply FIFO not usable");
                    return Attempt::Failed;
                }
            },
        };
        loop {
            let rest = self.bytes.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                self.file = (!fresh).then_some(file);
                return Attempt::Done;
            }
            match file.write(rest) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.file = Some(file);
                    return Attempt::Failed;
                }
            }
        }
        if fresh {
            let registered = registry.register(
                &mut SourceFd(&file.as_raw_fd()),
                Token(TOKEN_REPLY + index),
                Interest::WRITABLE,
            );
            if registered.is_err() {
                return Attempt::Failed;
            }
            self.until = now + READING;
        }
        self.file = Some(file);
        Attempt::Later
    }
}

/// Whether the reader may still come: it opens its FIFO after it has written the request.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        crate::sip::errno(error),
        nix::errno::Errno::ENXIO | nix::errno::Errno::ENOENT
    )
}

/// Opens a reply FIFO for writing and makes sure that it is one, and the one with that name.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits())
        .open(path)?;
    let opened = file.metadata()?;
    let named = std::fs::symlink_metadata(path)?;
    if !opened.file_type().is_fifo() || opened.nlink() != 1 {
        return Err(io::Error::other("not a FIFO with a single link"));
    }
    if (opened.dev(), opened.ino()) != (named.dev(), named.ino()) {
        return Err(io::Error::other("replaced while it was opened"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests;
