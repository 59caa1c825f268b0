//! How a NOTIFY is answered, and whether its document is taken (RFC 6665 §4.1.3; RFC 3261 §8.2.3).

use sip_wire::{HeaderName, Message, reason_phrase};

use super::request::Accepted;
use crate::core::Core;
use crate::failure::clean;

/// R3261-043: a dialog whose requests would go in clear is none.
pub(super) const NEEDS_TLS: &str = "Contact or Record-Route needs TLS, which is not supported";

/// How a NOTIFY is answered.
pub(crate) struct NotifyAnswer {
    pub(crate) code: u16,
    /// In place of the registered reason phrase.
    pub(crate) reason: Option<&'static str>,
    /// The types that are taken (415).
    pub(crate) accept: Option<String>,
    /// An extension that this subscription has not offered (420).
    pub(crate) unsupported: Option<&'static str>,
    /// The encoding is what cannot be taken (415).
    pub(crate) identity_only: bool,
    /// What else is to be told of a refusal.
    pub(super) detail: Option<String>,
    /// It has made a dialog: Record-Route and Contact belong into the answer (RFC 3261 §12.1.1).
    pub(crate) makes_dialog: bool,
}

impl NotifyAnswer {
    pub(super) fn code(code: u16) -> Self {
        NotifyAnswer {
            code,
            reason: None,
            accept: None,
            unsupported: None,
            identity_only: false,
            detail: None,
            makes_dialog: false,
        }
    }

    /// What stands after the code.
    pub(crate) fn phrase(&self) -> &'static str {
        self.reason.unwrap_or(reason_phrase(self.code))
    }

    pub(super) fn because(code: u16, reason: &'static str) -> Self {
        NotifyAnswer {
            reason: Some(reason),
            ..NotifyAnswer::code(code)
        }
    }
}

/// The body, if there is one and it can be taken; `ends`: the NOTIFY ends the subscription, and
/// is taken whatever it brings.
pub(super) fn readable<'m>(
    core: &Core,
    accepted: &Accepted,
    message: &'m Message<'_>,
    ends: bool,
) -> Result<Option<(&'m str, &'m [u8])>, NotifyAnswer> {
    if message.body.is_empty() {
        return Ok(None);
    }
    let refused = |answer: NotifyAnswer| if ends { Ok(None) } else { Err(answer) };
    let Some(content_type) = message
        .headers
        .get(HeaderName::ContentType)
        .and_then(|value| std::str::from_utf8(value).ok())
    else {
        return refused(NotifyAnswer::because(400, "Missing Content-Type"));
    };
    let encoded = message
        .headers
        .list(HeaderName::ContentEncoding)
        .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"));
    if encoded {
        // R6665-96: none was offered.
        return refused(NotifyAnswer {
            identity_only: true,
            detail: Some("the document is encoded, and no encoding is taken".to_owned()),
            ..NotifyAnswer::code(415)
        });
    }
    if !accepted.takes(content_type) {
        return refused(NotifyAnswer {
            accept: accepted.header(),
            detail: Some(format!("the document is {}", clean(content_type))),
            ..NotifyAnswer::code(415)
        });
    }
    let (octets, most) = (message.body.len(), core.config.limits.told);
    if octets > most {
        return refused(NotifyAnswer {
            detail: Some(format!("the document has {octets} bytes, and {most} are taken")),
            ..NotifyAnswer::code(413)
        });
    }
    Ok(Some((content_type, message.body)))
}
