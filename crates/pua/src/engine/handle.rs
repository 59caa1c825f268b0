//! What the front-ends hold of the engine: requests go in over a bounded channel.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::events::Ask;

/// Requests that may wait in the channel; beyond it front-ends answer "busy" at once.
pub(crate) const QUEUE: usize = 4096;

/// Who sent a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ClientKey {
    /// A client of the stream socket by its process id; 0 if not known.
    Stream(u32),
    /// An HTTP client.
    Http(SocketAddr),
}

/// One request of a front-end that runs outside the engine's thread.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The request's bytes.
    pub(crate) payload: Bytes,
    /// How it came.
    pub(crate) via: pua_mi::Via,
    /// Who sent it.
    pub(crate) client: ClientKey,
    /// Takes the bytes of the answer; `None`: nothing is to be answered.
    pub(crate) reply: oneshot::Sender<Option<Vec<u8>>>,
}

/// The engine has more requests than it can take, or is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("busy, try again")]
pub(crate) struct Busy;

/// What the engine is told besides requests.
#[derive(Debug)]
pub(crate) enum Control {
    /// Take this configuration over.
    Reload(Box<Config>),
    /// Load the configuration again (SIGHUP), and look after the FIFO.
    Hangup,
    /// Stop gracefully; the second time at once.
    Stop,
    /// A consumer of events wants to know what stands.
    Snapshot(Ask),
    /// The resolver's answer.
    Resolved(Arc<str>, crate::sip::Resolved),
}

/// Wakes the engine's poll; many wakes before it looks cost one system call.
#[derive(Debug)]
pub(crate) struct Bell {
    waker: mio::Waker,
    rung: AtomicBool,
}

impl Bell {
    /// A bell that ends the poll of `waker`'s poller.
    pub(crate) fn new(waker: mio::Waker) -> Bell {
        Bell {
            waker,
            rung: AtomicBool::new(false),
        }
    }

    /// Something was put into a channel.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // A failure means that the counter of the eventfd is full: then it is awake anyway.
            let _ = self.waker.wake();
        }
    }

    /// To be called before the channels are read.
    pub(crate) fn hush(&self) -> bool {
        self.rung.swap(false, Ordering::AcqRel)
    }
}

/// Gives requests and orders to a running engine.
#[derive(Clone, Debug)]
pub(crate) struct EngineHandle {
    submissions: mpsc::Sender<Submission>,
    control: Sender<Control>,
    bell: Arc<Bell>,
    stopping: CancellationToken,
}

/// The engine's end of the handles' channels.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) submissions: mpsc::Receiver<Submission>,
    pub(crate) control: Receiver<Control>,
    pub(crate) bell: Arc<Bell>,
}

impl EngineHandle {
    /// A handle and the engine's end of it.
    pub(crate) fn new(bell: Arc<Bell>) -> (EngineHandle, Inbox) {
        let (submissions, inbox) = mpsc::channel(QUEUE);
        let (control, orders) = channel();
        (
            EngineHandle {
                submissions,
                control,
                bell: bell.clone(),
                stopping: CancellationToken::new(),
            },
            Inbox {
                submissions: inbox,
                control: orders,
                bell,
            },
        )
    }

    /// Hands a request over; a full queue is told at once, never waited for.
    ///
    /// # Errors
    /// [`Busy`] if [`QUEUE`] requests wait already or the engine has stopped.
    pub(crate) fn try_submit(&self, submission: Submission) -> Result<(), Busy> {
        self.submissions.try_send(submission).map_err(|_| Busy)?;
        self.bell.ring();
        Ok(())
    }

    /// Gives the engine a new configuration. What cannot change while it runs (listeners) is
    /// logged and left.
    pub(crate) fn reload(&self, config: Config) {
        self.order(Control::Reload(Box::new(config)));
    }

    /// Stops the engine gracefully; called again: at once.
    pub(crate) fn stop(&self) {
        self.order(Control::Stop);
    }

    /// Cancelled when the engine begins to stop, before it closes anything.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    pub(crate) fn order(&self, order: Control) {
        if self.control.send(order).is_ok() {
            self.bell.ring();
        }
    }
}
