//! A program under test: our daemon or Kamailio, and what both have in common for those who load it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::directory::Directory;
use crate::process::{self, Cpu, Memory};

/// Who publishes, and where it keeps what it must not lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum System {
    /// `pua`, in memory only.
    Memory,
    /// `pua` with SQLite, written within 100 ms.
    Relaxed,
    /// `pua` with SQLite, on disk before the answer.
    Commit,
    /// Kamailio's `pua` and `pua_rpc` with SQLite, as Debian's packages are.
    Kamailio,
}

impl System {
    /// Ours, those without a disk first.
    pub(crate) const OURS: [System; 3] = [System::Memory, System::Relaxed, System::Commit];

    /// As it is called in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            System::Memory => "pua, memory",
            System::Relaxed => "pua, relaxed",
            System::Commit => "pua, commit",
            System::Kamailio => "Kamailio",
        }
    }
}

/// Where calls are taken.
#[derive(Clone, Debug)]
pub(crate) struct Doors {
    /// UNIX datagrams.
    pub(crate) unix: PathBuf,
    /// UDP datagrams; Kamailio has none.
    pub(crate) udp: Option<SocketAddr>,
    /// The FIFO.
    pub(crate) fifo: PathBuf,
    /// Where reply FIFOs are.
    pub(crate) replies: PathBuf,
    /// HTTP.
    pub(crate) http: SocketAddr,
    /// Reply FIFOs are named in the call, as Kamailio wants it, and the call ends its line.
    pub(crate) reply_in_call: bool,
}

/// A running program under test; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) child: Child,
    pub(crate) doors: Doors,
    pub(crate) system: System,
    /// Sockets and the like.
    pub(crate) directory: Directory,
    /// Where its store is, if that is another place.
    pub(crate) disk: Option<Directory>,
}

impl Publisher {
    /// All its processes; Kamailio makes some of them after it has begun to serve.
    fn pids(&self) -> Vec<u32> {
        match self.system {
            System::Kamailio => process::family(self.child.id()),
            _ => vec![self.child.id()],
        }
    }

    /// CPU time that all its processes have used.
    ///
    /// # Errors
    /// One is gone.
    pub(crate) fn cpu(&self) -> anyhow::Result<Cpu> {
        process::cpu(&self.pids())
    }

    /// What all its processes hold.
    ///
    /// # Errors
    /// One is gone.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        process::memory(&self.pids())
    }

    /// Ends it, gracefully or not, and waits for its end: how long that took. Its store stays.
    ///
    /// # Errors
    /// It does not end within five minutes.
    pub(crate) fn stop(&mut self, signal: Signal) -> anyhow::Result<Duration> {
        let start = Instant::now();
        kill(Pid::from_raw(self.child.id().try_into()?), signal)?;
        while self.child.try_wait()?.is_none() {
            anyhow::ensure!(start.elapsed() < Duration::from_secs(300), "it does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(start.elapsed())
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Kamailio's children end with their parent only if it is asked, not killed.
            let signal = match self.system {
                System::Kamailio => Signal::SIGTERM,
                _ => Signal::SIGKILL,
            };
            if self.stop(signal).is_err() {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
    }
}

/// Waits until something is so.
///
/// # Errors
/// It is not after `limit`, or asking failed.
pub(crate) fn until(
    what: &str,
    limit: Duration,
    mut so: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let start = Instant::now();
    while !so()? {
        anyhow::ensure!(start.elapsed() < limit, "{what}: not after {limit:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
