//! Printing from a command that runs until it is stopped: a reader that is slow does not keep it
//! from hearing signals, and one that goes away ends it at once.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use super::output::unwritten;
use super::{Failure, exit_codes};

/// Texts that may wait to be printed.
const WAITING: usize = 16;
/// How long the last of them may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Standard output, written by a thread of its own.
pub(crate) struct Screen {
    texts: mpsc::Sender<String>,
}

/// The end of standard output.
pub(crate) struct Gone {
    ended: oneshot::Receiver<Option<io::Error>>,
    /// `ended` has been heard.
    over: bool,
    /// The reader has gone, whether or not there is something to print.
    unread: oneshot::Receiver<()>,
}

/// Standard output, and its end.
pub(crate) fn screen() -> (Screen, Gone) {
    let (texts, mut waiting) = mpsc::channel::<String>(WAITING);
    let (end, ended) = oneshot::channel();
    std::thread::spawn(move || {
        let mut failed = None;
        while let Some(text) = waiting.blocking_recv() {
            let mut out = io::stdout().lock();
            if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                failed = Some(error);
                break;
            }
        }
        // Nobody waits for it if the command has ended.
        let _ = end.send(failed);
    });
    let (gone, unread) = oneshot::channel();
    std::thread::spawn(move || {
        if is_left() {
            let _ = gone.send(());
        }
    });
    (
        Screen { texts },
        Gone {
            ended,
            over: false,
            unread,
        },
    )
}

/// Waits until the other end of standard output is closed; for a file that is never.
fn is_left() -> bool {
    let stdout = io::stdout();
    let mut watched = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    loop {
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) => return true,
            Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

impl Screen {
    /// Prints a text as it is. When that cannot be, [`Gone`] tells.
    pub(crate) async fn print(&self, text: String) {
        if self.texts.send(text).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Prints a line.
    pub(crate) async fn line(&self, text: &str) {
        self.print(format!("{text}\n")).await;
    }
}

impl Gone {
    /// Waits until nothing can be printed any more; once.
    pub(crate) async fn wait(&mut self) -> Failure {
        tokio::select! {
            ended = &mut self.ended => {
                self.over = true;
                match ended {
                    Ok(Some(error)) => unwritten(&error),
                    _ => Failure::silent(exit_codes::DONE),
                }
            }
            Ok(()) = &mut self.unread => Failure::silent(exit_codes::DONE),
        }
    }

    /// Waits until the last text is printed, or for so long as one may wait for a reader.
    pub(crate) async fn finish(mut self, screen: Screen) {
        drop(screen);
        if self.over {
            return;
        }
        let _ = tokio::time::timeout(PATIENCE, &mut self.ended).await;
    }
}

/// SIGINT, SIGTERM, or the terminal's end.
pub(crate) struct Stop([Signal; 3]);

impl Stop {
    pub(crate) fn new() -> Result<Stop, Failure> {
        let on = |kind| signal(kind).map_err(|e| Failure::new(exit_codes::INTERNAL, e.to_string()));
        Ok(Stop([
            on(SignalKind::interrupt())?,
            on(SignalKind::terminate())?,
            on(SignalKind::hangup())?,
        ]))
    }

    pub(crate) async fn asked(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// Runs a command that waits for many things at once, on this thread.
pub(crate) fn run<F: Future<Output = Result<(), Failure>>>(command: F) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(exit_codes::INTERNAL, e.to_string()))?;
    let ended = runtime.block_on(command);
    // A call that is under way is not waited for.
    runtime.shutdown_background();
    ended
}
