//! A final response that is no success, or what stands for one (RFC 3261 §8.1.3.1): the same for
//! every request we send.

use std::borrow::Cow;
use std::sync::Arc;

use sip_transaction::Hop;
use sip_wire::{HeaderName, Message, RetryAfter, reason_phrase};

use crate::output::{FailureOrigin, Unreachable};

/// Characters kept of a peer's text.
const TEXT: usize = 200;

/// A final response that is no success, or what stands for one.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) code: u16,
    pub(crate) reason: Arc<str>,
    pub(crate) origin: FailureOrigin,
    pub(crate) detail: Option<String>,
    pub(crate) warning: Option<String>,
    pub(crate) retry_after: Option<u32>,
    pub(crate) allow_events: Option<String>,
    pub(crate) server: Option<Hop>,
    /// Nonces that are stale on arrival, as on a slow or lossy way: not a no for good.
    pub(crate) stale: bool,
}

impl Failure {
    /// A server's response.
    pub(crate) fn response(code: u16, reason: &[u8], message: &Message<'_>, hop: Hop) -> Self {
        let text = |name| message.headers.text(name).map(|text| clean(&text));
        Failure {
            code,
            reason: cleaned_reason(code, reason),
            origin: FailureOrigin::Server,
            detail: None,
            warning: text(HeaderName::Warning),
            retry_after: message
                .headers
                .get(HeaderName::RetryAfter)
                .and_then(RetryAfter::parse)
                .map(|retry_after| retry_after.seconds),
            allow_events: if code == 489 {
                text(HeaderName::AllowEvents)
            } else {
                None
            },
            server: Some(hop),
            stale: false,
        }
    }

    /// A failure that no server has told us.
    pub(crate) fn local(code: u16, server: Option<Hop>, detail: String) -> Self {
        Failure {
            code,
            reason: Arc::from(reason_phrase(code)),
            origin: FailureOrigin::Local,
            detail: Some(detail),
            warning: None,
            retry_after: None,
            allow_events: None,
            server,
            stale: false,
        }
    }

    /// Timer F.
    pub(crate) fn timeout(hop: Hop) -> Self {
        let detail = format!("no final response from {hop} within the transaction time-out");
        Failure {
            origin: FailureOrigin::Timeout,
            ..Failure::local(408, Some(hop), detail)
        }
    }

    /// Timer F as well, after a provisional response: the server has the request, so no other is
    /// asked (RFC 3263 §4.3).
    pub(crate) fn fell_silent(hop: Hop) -> Self {
        let why = format!("{hop} said that it was working on it, and then nothing more");
        Failure::timeout(hop).because(why)
    }

    /// Nothing can be sent to the server: treated as 503 (RFC 3261 §8.1.3.1).
    pub(crate) fn unreachable(hop: Option<Hop>, detail: String) -> Self {
        Failure {
            origin: FailureOrigin::Transport,
            ..Failure::local(503, hop, detail)
        }
    }

    /// A hop that could not be reached.
    pub(crate) fn undelivered(hop: Hop, why: Unreachable) -> Self {
        let what = match why {
            Unreachable::Refused => "refused the connection: is the server running there?",
            Unreachable::NoRoute => "cannot be reached: there is no route",
            Unreachable::ConnectTimeout => "did not answer the attempt to connect",
            Unreachable::Closed => "closed the connection before it answered",
            Unreachable::TooLarge => "cannot be sent a message of this size",
        };
        Failure::unreachable(Some(hop), format!("{hop} {what}"))
    }

    /// The same with what the server's own words leave to be guessed.
    pub(crate) fn explained(self, method: &str, message: &Message<'_>) -> Self {
        let detail = match (self.code, &self.allow_events) {
            (405 | 501, _) => format!("the server does not take {method}"),
            (489, Some(packages)) => {
                format!("the server does not take this event package; it takes: {packages}")
            }
            (489, None) => "the server does not take this event package".to_owned(),
            (415, _) => match message.headers.text(HeaderName::Accept) {
                Some(accept) => format!("the server takes only: {}", clean(&accept)),
                None => return self,
            },
            _ => return self,
        };
        self.because(detail)
    }

    /// The same with an explanation.
    pub(crate) fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// A peer's text as it may be shown: UTF-8, no control characters, not too long.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .take(TEXT)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The reason phrase as it may be shown; an empty one is replaced by the registered one.
pub(crate) fn cleaned_reason(code: u16, reason: &[u8]) -> Arc<str> {
    let usual = reason_phrase(code);
    if reason == usual.as_bytes() {
        return Arc::from(usual);
    }
    let text: Cow<'_, str> = String::from_utf8_lossy(reason);
    let text = clean(text.trim());
    if text.is_empty() {
        Arc::from(usual)
    } else {
        Arc::from(text)
    }
}
