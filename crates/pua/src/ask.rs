//! One request of a front-end to the engine, and its answer.

use bytes::Bytes;
use pua_mi::{MiError, Reply, Request, Via};
use tokio::sync::oneshot;

use crate::engine::{ClientKey, EngineHandle, Submission};

/// An answer that is on its way.
#[derive(Debug)]
pub(crate) struct Asked {
    payload: Bytes,
    via: Via,
    answer: Option<oneshot::Receiver<Option<Vec<u8>>>>,
}

/// Hands a request to the engine at once, so that requests keep their order.
pub(crate) fn ask(engine: &EngineHandle, payload: Bytes, via: Via, client: ClientKey) -> Asked {
    let (reply, answer) = oneshot::channel();
    let submission = Submission {
        payload: payload.clone(),
        via,
        client,
        reply,
    };
    Asked {
        payload,
        via,
        answer: engine.try_submit(submission).ok().map(|()| answer),
    }
}

impl Asked {
    /// The answer's bytes; `None`: nothing is to be answered. The engine answers each request
    /// within a bounded time.
    pub(crate) async fn answer(self) -> Option<Vec<u8>> {
        match self.answer {
            None => refused(&self.payload, self.via, &MiError::busy()),
            Some(answer) => match answer.await {
                Ok(answer) => answer,
                Err(_) => {
                    let error = MiError::server_error("the daemon is stopping");
                    refused(&self.payload, self.via, &error)
                }
            },
        }
    }
}

/// An error for every call of a request, in the request's own dialect.
fn refused(payload: &[u8], via: Via, error: &MiError) -> Option<Vec<u8>> {
    let request = Request::parse(payload, via);
    let replies: Vec<Reply> = request
        .calls
        .iter()
        .map(|_| Reply::Error(error.clone()))
        .collect();
    request.encode(&replies)
}
