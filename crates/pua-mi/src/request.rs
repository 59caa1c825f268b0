//! A request: its calls, and how to answer it.

use crate::{Command, MiError, Reply, ReplyName};

/// The transport a request came in by; some answers depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// The listening FIFO.
    Fifo,
    /// A UNIX or UDP datagram socket.
    Datagram,
    /// The UNIX stream socket: a JSON document a line. Answers end with a line end.
    Stream,
    /// An HTTP POST.
    Http,
}

/// Whose manners a call has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Text lines.
    Classic,
    /// JSON-RPC 2.0 as OpenSIPS 3.x and 4.x speak it, and our own methods.
    OpenSips,
    /// JSON-RPC 2.0 as Kamailio speaks it.
    Kamailio,
}

/// One call of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What is asked, or why it cannot be.
    pub command: Result<Command, MiError>,
    /// Whether the caller can be given an answer (no notification, a reply FIFO named).
    pub wants_reply: bool,
    /// Its manners.
    pub dialect: Dialect,
}

/// One request: one call, or those of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The calls in the order they stand in. At least one.
    pub calls: Vec<Call>,
    /// The reply FIFO, of requests from the FIFO that name one.
    pub reply_name: Option<ReplyName>,
}

impl Request {
    /// Reads one request. Never fails: what cannot be understood becomes a call with an error.
    pub fn parse(_bytes: &[u8], _via: Via) -> Self {
        Self {
            calls: vec![Call {
                command: Err(MiError::parse_error()),
                wants_reply: true,
                dialect: Dialect::OpenSips,
            }],
            reply_name: None,
        }
    }

    /// Prints the replies, one for each call in order. `None`: nothing is to be answered.
    pub fn encode(&self, _replies: &[Reply]) -> Option<Vec<u8>> {
        None
    }
}
