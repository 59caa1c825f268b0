//! What is answered to a call.

use std::borrow::Cow;

use serde_json::Value;

use crate::MiError;
use crate::check::one_line;

/// The answer to one call.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The presence server's final response, or 408 when none came in time.
    Published(Outcome),
    /// Accepted without waiting for the server.
    Accepted,
    /// The result of a command that asks the daemon itself.
    Json(Value),
    /// The call failed.
    Error(MiError),
}

/// How a PUBLISH ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// The SIP status code.
    pub code: u16,
    /// The SIP reason phrase as received; cleaned when printed.
    pub reason: String,
    /// The entity-tag, of a success.
    pub etag: Option<String>,
    /// Seconds granted, of a success.
    pub expires: Option<u32>,
    /// What happened in our own words, of a failure.
    pub detail: Option<String>,
    /// The Warning header received.
    pub warning: Option<String>,
    /// Seconds of the Retry-After header received.
    pub retry_after: Option<u32>,
    /// What the daemon will do next, after a failure.
    pub next: Option<Next>,
    /// The server that answered.
    pub server: Option<String>,
    /// Call-ID of the PUBLISH.
    pub call_id: Option<String>,
    /// CSeq number of the PUBLISH.
    pub cseq: Option<u32>,
}

impl Outcome {
    /// Whether the server took the publication (a 2xx).
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// The reason phrase as one clean line: the server's own, or where it has none that of the code.
    pub(crate) fn clean_reason(&self) -> Cow<'_, str> {
        match one_line(&self.reason) {
            empty if empty.is_empty() => Cow::Borrowed(sip_wire::reason_phrase(self.code)),
            reason => reason,
        }
    }
}

/// What the daemon does after a failed publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The server said no for good: nothing until told otherwise.
    Refused,
    /// It will try again.
    Retry {
        /// When: RFC 3339, in UTC.
        retry_at: String,
    },
    /// The publication is over.
    Ended,
}
