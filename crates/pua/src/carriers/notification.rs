//! Events in the form of OpenSIPS' event interface: JSON-RPC notifications.
//!
//! The parameters are the members of the event as everywhere, with the body as it came, and three
//! more that OpenSIPS' own events have: `user`, `domain` and `event` (the event package).

use pua_core::Event;
use serde_json::Value;
use sip_wire::Uri;

use crate::events::{Item, Kind};

/// Bytes of a datagram at most.
pub(super) const DATAGRAM: usize = 65_457;

/// The events that can be subscribed to, in the order of `events_list`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A notifier told a state.
    Notify,
    /// A subscription has changed, or its notifier sent what cannot be read.
    Subscription,
    /// A publication has changed.
    Publication,
}

impl Name {
    pub(crate) const ALL: [Name; 3] = [Name::Notify, Name::Subscription, Name::Publication];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Name::Notify => "E_PUA_NOTIFY",
            Name::Subscription => "E_PUA_SUBSCRIPTION",
            Name::Publication => "E_PUA_PUBLICATION",
        }
    }

    /// The place in [`Name::ALL`].
    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// Under which name an event goes; `None`: it is about the stream itself.
    pub(super) fn of(kind: Kind) -> Option<Name> {
        match kind {
            Kind::State => Some(Name::Notify),
            Kind::Subscription | Kind::Unreadable => Some(Name::Subscription),
            Kind::Publication => Some(Name::Publication),
            Kind::Gap | Kind::SnapshotBegin | Kind::SnapshotEnd | Kind::Attached => None,
        }
    }
}

/// The notification, of at most `most` bytes: what is too long goes without the body, then
/// without the document, then without the summary, and says so by `truncated`.
pub(super) fn notification(name: Name, item: &Item, most: usize) -> Vec<u8> {
    let more = item.event().map(more).unwrap_or_default();
    let whole = wrap(name, &item.json(true), &more);
    if whole.len() <= most {
        return whole;
    }
    let short = item.json(false);
    let more = format!("{more},\"truncated\":true");
    let shorter = wrap(name, &short, &more);
    if shorter.len() <= most {
        return shorter;
    }
    let mut value: Value = serde_json::from_slice(&short).unwrap_or_default();
    for member in ["document", "summary"] {
        if let Some(object) = value.as_object_mut() {
            object.remove(member);
        }
        let shortest = wrap(name, value.to_string().as_bytes(), &more);
        if shortest.len() <= most {
            return shortest;
        }
    }
    // Names alone cannot be that long.
    wrap(name, b"{}", "\"truncated\":true")
}

fn wrap(name: Name, object: &[u8], more: &str) -> Vec<u8> {
    let open = object.strip_suffix(b"}").unwrap_or(object);
    let mut text = Vec::with_capacity(open.len() + more.len() + 80);
    text.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"");
    text.extend_from_slice(name.as_str().as_bytes());
    text.extend_from_slice(b"\",\"params\":");
    text.extend_from_slice(open);
    text.extend_from_slice(more.as_bytes());
    text.extend_from_slice(b"}}");
    text
}

/// What OpenSIPS' events have besides.
fn more(event: &Event) -> String {
    let (presentity, package): (&str, &str) = match event {
        Event::Granted { name, .. }
        | Event::Refused { name, .. }
        | Event::Lost { name, .. }
        | Event::Recovered { name, .. }
        | Event::Removed { name }
        | Event::Expired { name } => (&name.presentity, &name.package),
        Event::Subscription { name, .. } | Event::Unreadable { name, .. } => {
            (&name.presentity, &name.package)
        }
        Event::State { name, state, .. } => (&state.resource, &name.package),
    };
    let (user, domain) = match Uri::parse(presentity) {
        Ok(uri) if uri.is_sip() || uri.is_sips() => {
            (uri.user.unwrap_or_default().to_owned(), uri.host.to_string())
        }
        Ok(uri) => {
            let (user, domain) = uri.opaque().split_once('@').unwrap_or((uri.opaque(), ""));
            (user.to_owned(), domain.to_owned())
        }
        Err(_) => (String::new(), String::new()),
    };
    let text = |text: &str| Value::from(text).to_string();
    format!(
        ",\"user\":{},\"domain\":{},\"event\":{}",
        text(&user),
        text(&domain),
        text(package)
    )
}
