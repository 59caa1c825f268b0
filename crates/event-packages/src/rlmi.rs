//! `application/rlmi+xml`: what a notifier of a resource list says of the list (RFC 4662 §5).

use serde::{Deserialize, Serialize};

use crate::Note;
use crate::token::tokens;

mod check;
mod read;
mod write;

pub(crate) use check::check;
pub(crate) use read::read;

/// The media type.
pub const CONTENT_TYPE: &str = "application/rlmi+xml";

/// The namespace.
const NAMESPACE: &str = "urn:ietf:params:xml:ns:rlmi";

/// The root element: its namespace, its name, and both for people to read.
pub(crate) const ROOT: (&str, &str, &str) = (NAMESPACE, "list", "list in urn:ietf:params:xml:ns:rlmi");

/// A list and its resources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The list's URI.
    pub uri: Box<str>,
    /// Counted by the notifier within one subscription, from 0.
    pub version: u32,
    /// Whether all resources are told.
    pub full_state: bool,
    /// The part that tells of the list as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cid: Option<Box<str>>,
    /// Names of the list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Note>,
    /// The resources in the order of the document.
    #[serde(default)]
    pub resources: Vec<Resource>,
}

/// One resource of a list (RFC 4662 §5.3).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Its URI.
    pub uri: Box<str>,
    /// Its names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Note>,
    /// Its notifiers: none if the list server knows nothing yet, several if the package allows forks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<Instance>,
}

/// One notifier of a resource (RFC 4662 §5.5).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Tells it from the others of the resource.
    pub id: Box<str>,
    /// The state of the list server's own subscription.
    pub state: InstanceState,
    /// Why it ended, as in Subscription-State.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
    /// The part with the resource's document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cid: Option<Box<str>>,
}

tokens! {
    /// The state of an instance.
    InstanceState {
        Active = "active",
        Pending = "pending",
        Terminated = "terminated",
    }
}
