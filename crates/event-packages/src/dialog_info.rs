//! `application/dialog-info+xml`: the calls of a user agent (RFC 4235).

use serde::{Deserialize, Serialize};

use crate::token::tokens;
use crate::{Call, Extent, Summary};

mod check;
mod merge;
mod read;
mod write;

pub(crate) use check::check;
pub(crate) use read::read;

/// The media type.
pub const CONTENT_TYPE: &str = "application/dialog-info+xml";

/// The namespace.
const NAMESPACE: &str = "urn:ietf:params:xml:ns:dialog-info";

/// The root element: its namespace, its name, and both for people to read.
pub(crate) const ROOT: (&str, &str, &str) = (
    NAMESPACE,
    "dialog-info",
    "dialog-info in urn:ietf:params:xml:ns:dialog-info",
);

/// The dialogs of one user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialogInfo {
    /// Counted by the notifier within one subscription. `None`: the document had none; written as 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Whether all dialogs are told.
    #[serde(default)]
    pub state: Extent,
    /// The observed user: a URI.
    pub entity: Box<str>,
    /// The dialogs in the order of the document.
    #[serde(default)]
    pub dialogs: Vec<Dialog>,
}

/// One dialog or half-dialog (RFC 4235 §4.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialog {
    /// Tells it from the others of the user agent; not the dialog ID of RFC 3261.
    pub id: Box<str>,
    /// Call-ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<Box<str>>,
    /// The tag of the observed user's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_tag: Option<Box<str>>,
    /// The tag of the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_tag: Option<Box<str>>,
    /// Which role the observed user has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Where the dialog is in its life.
    pub state: DialogState,
    /// What ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<DialogEvent>,
    /// The status code that ended it, 100 to 699.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// Seconds since it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// The dialog that it replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Replaces>,
    /// Who caused it by a REFER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referred_by: Option<NameAddr>,
    /// The route set, hop by hop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub route_set: Vec<Box<str>>,
    /// The observed user's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<Box<Participant>>,
    /// The other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Box<Participant>>,
}

tokens! {
    /// Where a dialog is in its life (RFC 4235 §3.7.1).
    DialogState {
        Trying = "trying",
        Proceeding = "proceeding",
        Early = "early",
        Confirmed = "confirmed",
        Terminated = "terminated",
    }
}

tokens! {
    /// What ended a dialog (RFC 4235 §3.7.1).
    DialogEvent {
        Cancelled = "cancelled",
        Rejected = "rejected",
        Replaced = "replaced",
        LocalBye = "local-bye",
        RemoteBye = "remote-bye",
        Error = "error",
        Timeout = "timeout",
    }
}

tokens! {
    /// Whether the observed user made the call.
    Direction {
        Initiator = "initiator",
        Recipient = "recipient",
    }
}

/// The identifier of another dialog (RFC 4235 §4.1.4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replaces {
    /// Call-ID.
    pub call_id: Box<str>,
    /// The tag of the observed user's side.
    pub local_tag: Box<str>,
    /// The tag of the other side.
    pub remote_tag: Box<str>,
}

/// A URI with the name to show for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameAddr {
    /// The URI.
    pub uri: Box<str>,
    /// The name. Written as `display-name`, as the schema says; read as `display` too, which the prose has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<Box<str>>,
}

/// One side of a dialog (RFC 4235 §4.1.6).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    /// Who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<NameAddr>,
    /// More identities, which the prose allows and the schema does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_identities: Vec<NameAddr>,
    /// The target URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The session description, as it stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_description: Option<SessionDescription>,
    /// The last CSeq number of this side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cseq: Option<u64>,
}

/// A target URI with the parameters of its Contact (RFC 4235 §4.1.6.2).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The URI.
    pub uri: Box<str>,
    /// Parameters in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Param>,
}

/// A parameter of a Contact, with all quoting undone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// Its name.
    pub name: Box<str>,
    /// Its value; `true` for one without.
    pub value: Box<str>,
}

/// A session description that is not looked into.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionDescription {
    /// Its media type.
    #[serde(rename = "type")]
    pub media_type: Box<str>,
    /// The text.
    pub content: Box<str>,
}

impl Dialog {
    /// A dialog of which only this is known.
    pub fn new(id: &str, state: DialogState) -> Self {
        Self {
            id: id.into(),
            call_id: None,
            local_tag: None,
            remote_tag: None,
            direction: None,
            state,
            event: None,
            code: None,
            duration: None,
            replaces: None,
            referred_by: None,
            route_set: Vec::new(),
            local: None,
            remote: None,
        }
    }

    /// Whether it has ended.
    pub fn is_terminated(&self) -> bool {
        self.state == DialogState::Terminated
    }
}

impl DialogInfo {
    /// Adds the dialogs that have not ended.
    pub(crate) fn summarise(&self, summary: &mut Summary) {
        for dialog in self.dialogs.iter().filter(|dialog| !dialog.is_terminated()) {
            let remote = dialog.remote.as_deref();
            let identity = remote.and_then(|remote| remote.identity.as_ref());
            let target = remote.and_then(|remote| remote.target.as_ref());
            summary.calls.push(Call {
                id: dialog.id.to_string(),
                state: dialog.state.as_str().to_owned(),
                direction: dialog
                    .direction
                    .as_ref()
                    .map(|direction| direction.as_str().to_owned()),
                remote: identity
                    .map(|identity| &identity.uri)
                    .or(target.map(|target| &target.uri))
                    .map(ToString::to_string),
                remote_display: identity
                    .and_then(|identity| identity.display.as_deref())
                    .map(str::to_owned),
            });
        }
    }
}
