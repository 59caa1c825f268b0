//! The error of a management call: what went wrong, in the words every dialect prints.

use std::borrow::Cow;

use serde_json::Value;

/// A management call that failed before, or instead of, a SIP answer.
///
/// `code` is the JSON-RPC error code and, in classic text, the status code; a code that JSON-RPC reserves (below zero)
/// is printed as a classic status by [`MiError::classic_code`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code} {message}")]
pub struct MiError {
    /// Status code: 400, 404, 418, 500 ... or one of JSON-RPC's (-32700 ... -32000).
    pub code: i32,
    /// One line for people. Line ends and control characters are cleaned when it is printed.
    pub message: Cow<'static, str>,
    /// What else helps, the member `data` of a JSON-RPC error.
    pub data: Option<Value>,
}

impl MiError {
    /// An error with a code and a message.
    pub fn new(code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }

    /// The same error with a `data` member.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Value>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// JSON-RPC 2.0 §5.1: the document is no JSON.
    pub fn parse_error() -> Self {
        Self::new(-32700, "Parse error")
    }

    /// JSON-RPC 2.0 §5.1: the JSON is no request object.
    pub fn invalid_request() -> Self {
        Self::new(-32600, "Invalid Request")
    }

    /// JSON-RPC 2.0 §5.1: no such command.
    pub fn method_not_found() -> Self {
        Self::new(-32601, "Method not found")
    }

    /// JSON-RPC 2.0 §5.1: the parameters do not fit; `why` goes into `data`.
    pub fn invalid_params(why: impl Into<String>) -> Self {
        Self::new(-32602, "Invalid params").with_data(Value::String(why.into()))
    }

    /// The daemon failed by itself; `why` goes into `data`.
    pub fn server_error(why: impl Into<String>) -> Self {
        Self::new(-32000, "Server error").with_data(Value::String(why.into()))
    }

    /// No publication of that name is held.
    pub fn no_such_publication() -> Self {
        Self::new(404, "No such publication")
    }

    /// No subscription of that name is held.
    pub fn no_such_subscription() -> Self {
        Self::new(404, "No such subscription")
    }

    /// The entity-tag given is not the one that is held.
    pub fn wrong_etag() -> Self {
        Self::new(418, "Wrong ETag")
    }

    /// The command queue is full: try again.
    pub fn busy() -> Self {
        Self::new(503, "Busy, try again")
    }

    /// The code as a classic status code: what JSON-RPC reserves becomes 400 or 500.
    pub fn classic_code(&self) -> u16 {
        match self.code {
            100..=999 => u16::try_from(self.code).unwrap_or(500),
            -32700 | -32600 | -32602 => 400,
            _ => 500,
        }
    }
}
