//! Calls through the FIFO, with a reply FIFO for each outstanding one.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::Line;
use crate::publisher::Doors;

/// The FIFO.
pub(super) struct Fifo {
    poll: Poll,
    events: Events,
    requests: File,
    replies: Vec<(File, PathBuf)>,
    buffer: Vec<u8>,
}

/// The name of a slot's reply FIFO.
pub(super) fn reply_name(slot: usize) -> String {
    format!("reply{slot}")
}

impl Fifo {
    pub(super) fn connect(doors: &Doors, outstanding: usize) -> anyhow::Result<Fifo> {
        let poll = Poll::new()?;
        let requests = OpenOptions::new()
            .write(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(&doors.fifo)
            .context("nobody reads the FIFO")?;
        let mut replies = Vec::new();
        for slot in 0..outstanding {
            let path = doors.replies.join(reply_name(slot));
            let _ = std::fs::remove_file(&path);
            nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
            let file = OpenOptions::new()
                .read(true)
                .custom_flags(OFlag::O_NONBLOCK.bits())
                .open(&path)?;
            let fd = file.as_raw_fd();
            poll.registry()
                .register(&mut SourceFd(&fd), Token(slot), Interest::READABLE)?;
            replies.push((file, path));
        }
        Ok(Fifo {
            poll,
            events: Events::with_capacity(256),
            requests,
            replies,
            buffer: vec![0; 65536],
        })
    }
}

impl Line for Fifo {
    fn send(&mut self, _: usize, message: &[u8]) -> anyhow::Result<bool> {
        match self.requests.write(message) {
            Ok(count) if count == message.len() => Ok(true),
            Ok(_) => anyhow::bail!("the FIFO took a part of a call: it is longer than PIPE_BUF"),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error).context("the daemon does not take the call"),
        }
    }

    fn receive(&mut self, wait: Duration, each: &mut dyn FnMut(usize, &[u8])) -> anyhow::Result<()> {
        self.poll.poll(&mut self.events, Some(wait))?;
        for event in &self.events {
            let slot = event.token().0;
            let Some((file, _)) = self.replies.get_mut(slot) else {
                continue;
            };
            match file.read(&mut self.buffer) {
                // The writer has closed it; it is opened again for the next answer.
                Ok(0) => {}
                Ok(count) => each(slot, self.buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        for (_, path) in &self.replies {
            let _ = std::fs::remove_file(path);
        }
    }
}
