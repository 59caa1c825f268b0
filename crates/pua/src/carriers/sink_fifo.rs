//! `fifo:/path`: writes a line for each event. While nobody reads, the FIFO fills up (64 KiB), then
//! events wait in the ring: whoever reads next finds what has happened meanwhile.
//!
//! The FIFO is open for reading here too, so that what a reader has left in it stays when that
//! reader goes.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use tokio::net::unix::pipe::Sender;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::counts::Counts;
use super::gather::{Lines, lines, plain};
use crate::events::Consumer;
use crate::mi::Name;

/// How long a reader may take for the last events when the daemon stops.
const LAST: Duration = Duration::from_millis(500);

/// An open FIFO and which it is.
struct Open {
    sender: Sender,
    inode: (u64, u64),
}

/// Writes until the stream ends. The FIFO is there from the beginning, for readers that come before
/// the first event. After `hangup` has changed, another FIFO of the same name is taken.
pub(super) async fn run(
    path: PathBuf,
    raw: bool,
    mut consumer: Consumer,
    counts: &Counts,
    mut hangup: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    let shape = plain(raw);
    let mut backoff = Backoff::near();
    // Nobody needs a FIFO of ours when we are gone; one that was there already is somebody else's.
    let mut made: Option<Name> = None;
    let mut fifo = match open(&path, &mut made) {
        Ok(open) => Some(open),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "events cannot be written to a FIFO");
            None
        }
    };
    while let Some(batch) = lines(&mut consumer, counts, &shape).await {
        let mut written = 0;
        loop {
            let result = tokio::select! {
                result = write(&path, &mut made, &mut fifo, &batch, &mut written) => result,
                Ok(()) = hangup.changed() => {
                    let present = inode_of(&path);
                    if fifo.as_ref().is_some_and(|open: &Open| Some(open.inode) != present) {
                        fifo = None;
                    }
                    continue;
                }
                () = last(&stop) => return,
            };
            match result {
                Ok(()) => break,
                Err(error) => {
                    counts.failed();
                    tracing::warn!(path = %path.display(), %error, "events cannot be written to a FIFO");
                    fifo = None;
                }
            }
            counts.retried();
            backoff.wait(&stop).await;
        }
        backoff.reset();
        counts.sent(batch.events);
    }
}

/// The daemon stops, and a reader has had time.
async fn last(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(LAST).await;
}

/// Writes the rest of a batch. May be dropped at any time: `written` tells how far it came.
async fn write(
    path: &Path,
    made: &mut Option<Name>,
    fifo: &mut Option<Open>,
    batch: &Lines,
    written: &mut usize,
) -> io::Result<()> {
    let open = match fifo {
        Some(open) => open,
        None => {
            // Into another FIFO no half a line.
            let whole = batch.bytes.get(..*written).unwrap_or_default();
            *written = whole
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            fifo.insert(self::open(path, made)?)
        }
    };
    while let Some(rest) = batch.bytes.get(*written..).filter(|rest| !rest.is_empty()) {
        open.sender.writable().await?;
        match open.sender.try_write(rest) {
            Ok(more) => *written += more,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Opens the FIFO, made if it is not there.
fn open(path: &Path, made: &mut Option<Name>) -> io::Result<Open> {
    let file = match file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            nix::unistd::mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR | Mode::S_IRGRP)?;
            *made = Some(Name::of(path));
            file(path)?
        }
        opened => opened?,
    };
    let metadata = file.metadata()?;
    if !metadata.file_type().is_fifo() {
        return Err(io::Error::other("is no FIFO"));
    }
    Ok(Open {
        inode: (metadata.dev(), metadata.ino()),
        sender: Sender::from_file(file)?,
    })
}

fn inode_of(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).map(|m| (m.dev(), m.ino())).ok()
}

fn file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options.custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
}
