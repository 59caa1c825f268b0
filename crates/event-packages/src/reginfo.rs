//! `application/reginfo+xml`: which contacts are registered (RFC 3680), with GRUUs (RFC 5628).

use serde::{Deserialize, Serialize};

use crate::token::tokens;
use crate::{Extent, Note};

mod check;
mod merge;
mod read;
mod write;

pub(crate) use check::check;
pub(crate) use read::read;

/// The media type.
pub const CONTENT_TYPE: &str = "application/reginfo+xml";

/// The namespace.
const NAMESPACE: &str = "urn:ietf:params:xml:ns:reginfo";

/// The namespace of GRUUs (RFC 5628 §11).
const GRUU: &str = "urn:ietf:params:xml:ns:gruuinfo";

/// The root element: its namespace, its name, and both for people to read.
pub(crate) const ROOT: (&str, &str, &str) =
    (NAMESPACE, "reginfo", "reginfo in urn:ietf:params:xml:ns:reginfo");

/// Registrations of one or more addresses-of-record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registrations {
    /// Counted by the notifier within one subscription. `None`: the document had none; written as 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Whether all registrations are told.
    #[serde(default)]
    pub state: Extent,
    /// In the order of the document.
    #[serde(default)]
    pub registrations: Vec<Registration>,
}

/// The registration of one address-of-record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The address-of-record: a URI.
    pub aor: Box<str>,
    /// Tells it from the others of the subscription.
    pub id: Box<str>,
    /// Whether anything is registered.
    pub state: RegistrationState,
    /// The contacts.
    #[serde(default)]
    pub contacts: Vec<Contact>,
}

tokens! {
    /// The state of a registration (RFC 3680 §4.1).
    RegistrationState {
        Init = "init",
        Active = "active",
        Terminated = "terminated",
    }
}

/// One contact of a registration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Tells it from the others of the subscription.
    pub id: Box<str>,
    /// Whether it is bound.
    pub state: ContactState,
    /// What brought it into this state.
    pub event: ContactEvent,
    /// The contact's URI.
    pub uri: Box<str>,
    /// Seconds it has been bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_registered: Option<u64>,
    /// Seconds until the binding ends; has to be there when it was shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Seconds after which to register again; has to be there with probation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Priority among the contacts, as it stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<Box<str>>,
    /// The Call-ID of the REGISTER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callid: Option<Box<str>>,
    /// The CSeq number of the REGISTER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cseq: Option<u64>,
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Note>,
    /// Parameters of the Contact that RFC 3261 does not know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_params: Vec<UnknownParam>,
    /// The public GRUU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pub_gruu: Option<Box<str>>,
    /// The temporary GRUU assigned last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temp_gruu: Option<TempGruu>,
}

tokens! {
    /// The state of a contact (RFC 3680 §5.1).
    ContactState {
        Active = "active",
        Terminated = "terminated",
    }
}

tokens! {
    /// What brought a contact into its state (RFC 3680 §4.2).
    ContactEvent {
        Registered = "registered",
        Created = "created",
        Refreshed = "refreshed",
        Shortened = "shortened",
        Expired = "expired",
        Deactivated = "deactivated",
        Probation = "probation",
        Unregistered = "unregistered",
        Rejected = "rejected",
    }
}

/// A parameter of a Contact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnknownParam {
    /// Its name.
    pub name: Box<str>,
    /// Its value, empty for one without.
    #[serde(default)]
    pub value: Box<str>,
}

/// A temporary GRUU (RFC 5628 §5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TempGruu {
    /// The URI.
    pub uri: Box<str>,
    /// The CSeq number of the REGISTER that the oldest valid one was given for.
    pub first_cseq: u64,
}
