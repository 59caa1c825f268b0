//! What is answered to a call.

use std::borrow::Cow;
use std::sync::Arc;

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
    /// How a subscription, its end, or a fetch went.
    Subscribed(Box<SubscriptionOutcome>),
    /// A subscription was accepted without waiting for the notifier.
    SubscriptionAccepted,
    /// Done; there is no more to say.
    Done,
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
    pub reason: Arc<str>,
    /// The entity-tag, of a success.
    pub etag: Option<Arc<str>>,
    /// Seconds granted, of a success.
    pub expires: Option<u32>,
    /// What happened in our own words, of a failure.
    pub detail: Option<String>,
    /// The Warning header received.
    pub warning: Option<String>,
    /// Seconds of the Retry-After header received.
    pub retry_after: Option<u32>,
    /// What the daemon will do next, after a failure, or a success after which the server holds
    /// nothing since it granted no time.
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

/// How a SUBSCRIBE ended, or the first NOTIFY that followed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SubscriptionOutcome {
    /// The final response to SUBSCRIBE; 408 when no NOTIFY came in time. `etag` is of no account.
    pub response: Outcome,
    /// Where the subscription stands: `notify_wait`, `pending`, `active` or `terminated`.
    pub state: &'static str,
    /// Why the notifier has ended it (RFC 6665 §4.1.3).
    pub termination: Option<String>,
    /// What the notifier told.
    pub states: Vec<ResourceState>,
    /// Whether the bodies shall be told as they were received, where the dialect has the documents as JSON.
    pub raw: bool,
}

/// What is known of one resource.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResourceState {
    /// The URI of the presentity, or of the member of a resource list.
    pub resource: String,
    /// Of a member of a resource list: how the list server knows it.
    pub member: Option<Member>,
    /// The type of the body; empty when none has come.
    pub content_type: String,
    /// The body as it was received last.
    pub body: Vec<u8>,
    /// The document as JSON.
    pub document: Option<Value>,
    /// The document summed up, as JSON.
    pub summary: Option<Value>,
    /// When it came: RFC 3339, in UTC.
    pub at: Option<String>,
}

/// One member of a resource list (RFC 4662 §5.5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Member {
    /// Its name in the list.
    pub name: Option<String>,
    /// `active`, `pending` or `terminated`.
    pub state: Option<String>,
    /// Why it is terminated.
    pub reason: Option<String>,
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
