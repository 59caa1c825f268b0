//! An engine for the tests of front-ends: answers each request with what a function says.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::handle::{Bell, EngineHandle};

/// A thread that answers submissions in order until its last handle is gone or `answer` panics.
pub(crate) struct Fake {
    handle: EngineHandle,
    _thread: JoinHandle<()>,
}

impl Fake {
    /// Starts it.
    pub(crate) fn start(mut answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> Fake {
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        let (handle, mut inbox) = EngineHandle::new(Arc::new(Bell::new(waker)));
        let thread = std::thread::spawn(move || {
            // The waker belongs to the poller.
            let _poll = poll;
            while let Some(submission) = inbox.submissions.blocking_recv() {
                let bytes = answer(&submission.payload);
                let _ = submission.reply.send(bytes);
            }
        });
        Fake {
            handle,
            _thread: thread,
        }
    }

    /// A handle to it.
    pub(crate) fn handle(&self) -> EngineHandle {
        self.handle.clone()
    }
}
