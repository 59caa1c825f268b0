//! `application/watcherinfo+xml`: who watches (RFC 3858).

use serde::{Deserialize, Serialize};

use crate::Extent;
use crate::token::tokens;

mod check;
mod merge;
mod read;
mod write;

pub(crate) use check::check;
pub(crate) use read::read;

/// The media type.
pub const CONTENT_TYPE: &str = "application/watcherinfo+xml";

/// The namespace.
const NAMESPACE: &str = "urn:ietf:params:xml:ns:watcherinfo";

/// The root element: its namespace, its name, and both for people to read.
pub(crate) const ROOT: (&str, &str, &str) = (
    NAMESPACE,
    "watcherinfo",
    "watcherinfo in urn:ietf:params:xml:ns:watcherinfo",
);

/// The watchers of one or more resources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatcherInfo {
    /// Counted by the notifier within one subscription. `None`: the document had none; written as 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Whether all watchers are told.
    #[serde(default)]
    pub state: Extent,
    /// A list for each resource.
    #[serde(default)]
    pub watcher_lists: Vec<WatcherList>,
}

/// The watchers of one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatcherList {
    /// What is watched: a URI.
    pub resource: Box<str>,
    /// The event package it is watched by.
    pub package: Box<str>,
    /// The watchers.
    #[serde(default)]
    pub watchers: Vec<Watcher>,
}

/// One subscription.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watcher {
    /// Tells it from the others: a token.
    pub id: Box<str>,
    /// The watcher: a URI.
    pub uri: Box<str>,
    /// The state of the subscription.
    pub status: WatcherStatus,
    /// What brought it into this state.
    pub event: WatcherEvent,
    /// The watcher's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Box<str>>,
    /// The language of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<Box<str>>,
    /// Seconds until the subscription ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration: Option<u64>,
    /// Seconds since it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_subscribed: Option<u64>,
}

tokens! {
    /// The state of a subscription (RFC 3857 §4.7.1).
    WatcherStatus {
        Pending = "pending",
        Active = "active",
        Waiting = "waiting",
        Terminated = "terminated",
    }
}

tokens! {
    /// What brought a subscription into its state (RFC 3857 §4.7.1).
    WatcherEvent {
        Subscribe = "subscribe",
        Approved = "approved",
        Deactivated = "deactivated",
        Probation = "probation",
        Rejected = "rejected",
        Timeout = "timeout",
        Giveup = "giveup",
        Noresource = "noresource",
    }
}
