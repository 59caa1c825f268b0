//! `application/conference-info+xml`: who is in a conference (RFC 4575).

use serde::{Deserialize, Serialize};

use crate::{Timestamp, json};

mod check;
mod entries;
mod merge;
mod read;
mod write;

pub(crate) use check::check;
pub use entries::{ElementState, Entries};
pub(crate) use read::read;

/// The media type.
pub const CONTENT_TYPE: &str = "application/conference-info+xml";

/// The namespace.
const NAMESPACE: &str = "urn:ietf:params:xml:ns:conference-info";

/// The root element: its namespace, its name, and both for people to read.
pub(crate) const ROOT: (&str, &str, &str) = (
    NAMESPACE,
    "conference-info",
    "conference-info in urn:ietf:params:xml:ns:conference-info",
);

/// A conference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conference {
    /// The conference's URI.
    pub entity: Box<str>,
    /// Counted by the notifier within one subscription. `None`: the document had none; written as 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Whether everything is told, or the conference is over.
    #[serde(default)]
    pub state: ElementState,
    /// What the conference is about, and how it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Box<Description>>,
    /// Who hosts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_info: Option<Box<HostInfo>>,
    /// How it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conference_state: Option<ConferenceState>,
    /// Who is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Entries<User>>,
    /// URIs of its sidebars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidebars_by_ref: Option<Entries<UriEntry>>,
    /// Its sidebars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidebars_by_val: Option<Entries<Conference>>,
}

/// What a conference is about (RFC 4575 §5.3).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Description {
    /// A text for people to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_text: Option<Box<str>>,
    /// The subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Box<str>>,
    /// A longer text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_text: Option<Box<str>>,
    /// Words to find it by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<Box<str>>,
    /// URIs it is reached by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conf_uris: Option<Entries<UriEntry>>,
    /// URIs of services round it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_uris: Option<Entries<UriEntry>>,
    /// How many may come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_user_count: Option<u32>,
    /// The streams it offers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub available_media: Vec<Medium>,
}

/// Who hosts a conference (RFC 4575 §5.4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostInfo {
    /// A text for people to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_text: Option<Box<str>>,
    /// A page about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_page: Option<Box<str>>,
    /// Its URIs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uris: Option<Entries<UriEntry>>,
}

/// How a conference stands (RFC 4575 §5.5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConferenceState {
    /// How many are in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_count: Option<u32>,
    /// Whether it can be joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Whether nobody can come any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<bool>,
}

/// A stream that a conference offers (RFC 4575 §5.3.4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Medium {
    /// Tells it from the others.
    pub label: Box<str>,
    /// A text for people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_text: Option<Box<str>>,
    /// `audio`, `video`, ...
    #[serde(rename = "type")]
    pub kind: Box<str>,
    /// `sendrecv`, `sendonly`, `recvonly`, `inactive`: from the participants' side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Box<str>>,
}

/// A URI and what it is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UriEntry {
    /// The URI.
    pub uri: Box<str>,
    /// A text for people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_text: Option<Box<str>>,
    /// What becomes of who uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Box<str>>,
    /// Who changed it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Execution>,
}

/// Who did something, when and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Execution {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Timestamp>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
    /// Who: a URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Box<str>>,
}

/// A participant (RFC 4575 §5.6).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The participant's URI.
    pub entity: Box<str>,
    /// Whether everything of it is told, or it has gone.
    #[serde(default, skip_serializing_if = "ElementState::is_full")]
    pub state: ElementState,
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_text: Option<Box<str>>,
    /// Other URIs of the same person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub associated_aors: Option<Entries<UriEntry>>,
    /// Its roles, for people to read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Box<str>>,
    /// The languages it understands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<Box<str>>,
    /// The conference it stands for, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cascaded_focus: Option<Box<str>>,
    /// Its devices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
}

/// A device of a participant (RFC 4575 §5.7).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Tells it from the others of the participant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<Box<str>>,
    /// Whether everything of it is told, or it has gone.
    #[serde(default, skip_serializing_if = "ElementState::is_full")]
    pub state: ElementState,
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_text: Option<Box<str>>,
    /// Who sent it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referred: Option<Execution>,
    /// `connected`, `on-hold`, `disconnected`, ... (RFC 4575 §5.7.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Box<str>>,
    /// `dialed-in`, `dialed-out`, `focus-owner`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joining_method: Option<Box<str>>,
    /// How it joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joining_info: Option<Execution>,
    /// `departed`, `booted`, `failed`, `busy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disconnection_method: Option<Box<str>>,
    /// How it left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disconnection_info: Option<Execution>,
    /// Its streams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
    /// Its dialog with the focus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_info: Option<DialogId>,
}

/// A stream of a device (RFC 4575 §5.8).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// Tells it from the others of the device.
    pub id: Box<str>,
    /// A text for people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_text: Option<Box<str>>,
    /// `audio`, `video`, ...
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Box<str>>,
    /// Which stream of the conference it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Box<str>>,
    /// The identifier of its source, as in RTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src_id: Option<Box<str>>,
    /// `sendrecv`, `sendonly`, `recvonly`, `inactive`: from the device's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Box<str>>,
}

/// A SIP dialog (RFC 4575 §5.9).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialogId {
    /// A text for people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_text: Option<Box<str>>,
    /// Call-ID.
    pub call_id: Box<str>,
    /// The tag in From.
    pub from_tag: Box<str>,
    /// The tag in To.
    pub to_tag: Box<str>,
}

impl Conference {
    /// Participants and devices, and octets of the whole, about.
    pub(crate) fn weight(&self) -> (usize, usize) {
        let users = self.users.iter().flat_map(|users| &users.entries);
        let rows = users.map(|user| 1 + user.endpoints.len()).sum();
        (rows, json::length(self))
    }
}
