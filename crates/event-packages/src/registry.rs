//! What is known of the event packages that are registered or common in the field.

use crate::Package;

/// The facts of one event package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registration {
    /// The event type, or the template with its leading dot (`.winfo`).
    pub name: &'static str,
    /// Where it is defined.
    pub defined_in: &'static str,
    /// The media type every implementation of the package understands; `None` where there is no body.
    pub content_type: Option<&'static str>,
    /// Seconds a subscription or publication stands by default.
    pub expires: u32,
    /// Whether a forked SUBSCRIBE may leave several dialogs (RFC 6665 §5.4.9).
    pub several_dialogs: bool,
    /// Whether a first publication may come without a body.
    pub empty_body: bool,
}

const fn known(name: &'static str, defined_in: &'static str, content_type: &'static str) -> Registration {
    Registration {
        name,
        defined_in,
        content_type: Some(content_type),
        expires: 3600,
        several_dialogs: false,
        empty_body: false,
    }
}

/// Entries whose name has a parameter stand before the one without.
static REGISTRATIONS: &[Registration] = &[
    known("presence", "RFC 3856", "application/pidf+xml"),
    Registration {
        several_dialogs: true,
        ..known(
            "dialog;sla",
            "draft-anil-sipping-bla",
            "application/dialog-info+xml",
        )
    },
    Registration {
        several_dialogs: true,
        ..known("dialog", "RFC 4235", "application/dialog-info+xml")
    },
    Registration {
        several_dialogs: true,
        ..known(
            "message-summary",
            "RFC 3842",
            "application/simple-message-summary",
        )
    },
    Registration {
        expires: 3761,
        ..known("reg", "RFC 3680", "application/reginfo+xml")
    },
    known("conference", "RFC 4575", "application/conference-info+xml"),
    known("xcap-diff", "RFC 5875", "application/xcap-diff+xml"),
    Registration {
        expires: 7200,
        ..known("kpml", "RFC 4730", "application/kpml-response+xml")
    },
    known("vq-rtcpxr", "RFC 6035", "application/vq-rtcpxr"),
    known(
        "as-feature-event",
        "BroadSoft",
        "application/x-as-feature-event+xml",
    ),
    Registration {
        content_type: None,
        empty_body: true,
        ..known("call-info", "BroadSoft", "")
    },
    Registration {
        content_type: None,
        empty_body: true,
        expires: 15,
        ..known("line-seize", "BroadSoft", "")
    },
    known("asterisk-devicestate", "Asterisk", "application/json"),
    known("asterisk-mwi", "Asterisk", "application/json"),
    Registration {
        several_dialogs: true,
        ..known(".winfo", "RFC 3857", "application/watcherinfo+xml")
    },
];

/// Every entry of the registry.
pub fn registrations() -> &'static [Registration] {
    REGISTRATIONS
}

/// The entry of a package: with its parameters, without, or the one of its last template.
pub(crate) fn find(package: &Package) -> Option<&'static Registration> {
    let event_type = package.event_type();
    let by_name = |name: &str| REGISTRATIONS.iter().find(|entry| entry.name == name);
    by_name(package.as_str())
        .or_else(|| by_name(event_type))
        .or_else(|| {
            event_type
                .ends_with(".winfo")
                .then(|| by_name(".winfo"))
                .flatten()
        })
}
