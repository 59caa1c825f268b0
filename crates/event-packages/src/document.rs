//! A body of an event package as a value: which format it has follows from its content type.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::conference::{self, Conference};
use crate::dialog_info::{self, DialogInfo};
use crate::message_summary::{self, MessageSummary};
use crate::reginfo::{self, Registrations};
use crate::watcherinfo::{self, WatcherInfo};
use crate::xcap_diff::{self, XcapDiff};
use crate::{DocumentError, ErrorKind, Finding, Summary, json, multipart, pidf, rlmi};

/// A document of an event package.
#[derive(Debug, Clone, PartialEq, Hash)]
#[non_exhaustive]
pub enum Document {
    /// `application/pidf+xml` (RFC 3863).
    Presence(pidf::Presence),
    /// `application/simple-message-summary` (RFC 3842).
    MessageSummary(MessageSummary),
    /// `application/dialog-info+xml` (RFC 4235).
    DialogInfo(DialogInfo),
    /// `application/rlmi+xml` (RFC 4662).
    ResourceList(rlmi::List),
    /// `application/reginfo+xml` (RFC 3680).
    Registrations(Registrations),
    /// `application/watcherinfo+xml` (RFC 3858).
    WatcherInfo(WatcherInfo),
    /// `application/conference-info+xml` (RFC 4575).
    Conference(Conference),
    /// `application/xcap-diff+xml` (RFC 5874).
    XcapDiff(XcapDiff),
    /// Any other type, as it is.
    Raw(Raw),
}

/// A body that is passed on as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Raw {
    /// The whole media type, parameters included.
    pub content_type: Box<str>,
    /// The octets.
    pub body: Bytes,
}

/// The JSON form of [`Raw`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawJson {
    content_type: Box<str>,
    body: String,
}

/// The formats that have a typed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Format {
    Presence,
    MessageSummary,
    DialogInfo,
    ResourceList,
    Registrations,
    WatcherInfo,
    Conference,
    XcapDiff,
    Other,
}

/// Whether a part is of the one type that is `accepted`, if that is known.
///
/// # Errors
/// [`ErrorKind::UnacceptedType`].
pub(crate) fn check_accepted(accepted: Option<&str>, content_type: &str) -> Result<(), DocumentError> {
    let found = media_type(content_type);
    match accepted.is_none_or(|accepted| accepted.eq_ignore_ascii_case(found)) {
        true => Ok(()),
        false => Err(DocumentError::new(ErrorKind::UnacceptedType(
            found.chars().take(80).collect(),
        ))),
    }
}

/// The type and subtype without parameters and blanks; compared without regard to case.
pub(crate) fn media_type(content_type: &str) -> &str {
    let end = content_type.find(';').unwrap_or(content_type.len());
    content_type
        .get(..end)
        .unwrap_or_default()
        .trim_matches([' ', '\t', '\r', '\n'])
}

fn format(content_type: &str) -> Format {
    let is = |name: &str| media_type(content_type).eq_ignore_ascii_case(name);
    if is(pidf::CONTENT_TYPE) || is(pidf::OLD_CONTENT_TYPE) {
        Format::Presence
    } else if is(message_summary::CONTENT_TYPE) {
        Format::MessageSummary
    } else if is(dialog_info::CONTENT_TYPE) {
        Format::DialogInfo
    } else if is(rlmi::CONTENT_TYPE) {
        Format::ResourceList
    } else if is(reginfo::CONTENT_TYPE) {
        Format::Registrations
    } else if is(watcherinfo::CONTENT_TYPE) {
        Format::WatcherInfo
    } else if is(conference::CONTENT_TYPE) {
        Format::Conference
    } else if is(xcap_diff::CONTENT_TYPE) {
        Format::XcapDiff
    } else {
        Format::Other
    }
}

impl Document {
    /// Reads a body. Lenient: what can be understood is used, even where the schema says otherwise; a type that is not
    /// known gives [`Document::Raw`]. Parameters and case of the content type do not matter.
    ///
    /// # Errors
    /// [`DocumentError`] when the body is not text, not well-formed, too large, or another document than the type says.
    pub fn read(content_type: &str, body: &[u8]) -> Result<Self, DocumentError> {
        Ok(match format(content_type) {
            Format::Presence => Self::Presence(pidf::read(body)?),
            Format::MessageSummary => Self::MessageSummary(message_summary::read(body)?),
            Format::DialogInfo => Self::DialogInfo(dialog_info::read(body)?),
            Format::ResourceList => Self::ResourceList(rlmi::read(body)?),
            Format::Registrations => Self::Registrations(reginfo::read(body)?),
            Format::WatcherInfo => Self::WatcherInfo(watcherinfo::read(body)?),
            Format::Conference => Self::Conference(conference::read(body)?),
            Format::XcapDiff => Self::XcapDiff(xcap_diff::read(body)?),
            Format::Other => Self::Raw(Raw {
                content_type: content_type.into(),
                body: Bytes::copy_from_slice(body),
            }),
        })
    }

    /// Writes the body. Strict: what is written is valid against the schema of the RFC.
    ///
    /// # Errors
    /// [`DocumentError`] with the path of a value that the format cannot carry.
    pub fn write(&self) -> Result<Vec<u8>, DocumentError> {
        match self {
            Self::Presence(presence) => presence.write(),
            Self::MessageSummary(summary) => summary.write(),
            Self::DialogInfo(info) => info.write(),
            Self::ResourceList(list) => list.write(),
            Self::Registrations(info) => info.write(),
            Self::WatcherInfo(info) => info.write(),
            Self::Conference(conference) => conference.write(),
            Self::XcapDiff(_) => Err(DocumentError::invalid(
                "xcap-diff documents are read only; give the document itself",
            )),
            Self::Raw(raw) => Ok(raw.body.to_vec()),
        }
    }

    /// The media type of what [`Document::write`] gives.
    pub fn content_type(&self) -> &str {
        match self {
            Self::Presence(_) => pidf::CONTENT_TYPE,
            Self::MessageSummary(_) => message_summary::CONTENT_TYPE,
            Self::DialogInfo(_) => dialog_info::CONTENT_TYPE,
            Self::ResourceList(_) => rlmi::CONTENT_TYPE,
            Self::Registrations(_) => reginfo::CONTENT_TYPE,
            Self::WatcherInfo(_) => watcherinfo::CONTENT_TYPE,
            Self::Conference(_) => conference::CONTENT_TYPE,
            Self::XcapDiff(_) => xcap_diff::CONTENT_TYPE,
            Self::Raw(raw) => &raw.content_type,
        }
    }

    /// The JSON form, with members in snake_case. The octets of a raw document that are not UTF-8 are replaced.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Presence(presence) => presence.to_json(),
            Self::MessageSummary(summary) => summary.to_json(),
            Self::DialogInfo(info) => json::to_json(info),
            Self::ResourceList(list) => json::to_json(list),
            Self::Registrations(info) => json::to_json(info),
            Self::WatcherInfo(info) => json::to_json(info),
            Self::Conference(value) => json::to_json(value),
            Self::XcapDiff(value) => json::to_json(value),
            Self::Raw(raw) => json::to_json(&RawJson {
                content_type: raw.content_type.clone(),
                body: String::from_utf8_lossy(&raw.body).into_owned(),
            }),
        }
    }

    /// Reads the JSON form that [`Document::to_json`] gives for this content type. Strict: a member that is not known
    /// is refused by its name.
    ///
    /// # Errors
    /// [`DocumentError`] with the path of the member.
    pub fn from_json(content_type: &str, value: &Value) -> Result<Self, DocumentError> {
        Ok(match format(content_type) {
            Format::Presence => Self::Presence(pidf::Presence::from_json(value)?),
            Format::MessageSummary => Self::MessageSummary(MessageSummary::from_json(value)?),
            Format::DialogInfo => Self::DialogInfo(json::from_json(value)?),
            Format::ResourceList => Self::ResourceList(json::from_json(value)?),
            Format::Registrations => Self::Registrations(json::from_json(value)?),
            Format::WatcherInfo => Self::WatcherInfo(json::from_json(value)?),
            Format::Conference => Self::Conference(json::from_json(value)?),
            Format::XcapDiff => Self::XcapDiff(json::from_json(value)?),
            Format::Other => {
                let raw: RawJson = json::from_json(value)?;
                Self::Raw(Raw {
                    content_type: raw.content_type,
                    body: Bytes::from(raw.body),
                })
            }
        })
    }

    /// What the document says of its presentity.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        match self {
            Self::Presence(presence) => presence.summarise(&mut summary),
            Self::MessageSummary(messages) => messages.summarise(&mut summary),
            Self::DialogInfo(info) => info.summarise(&mut summary),
            Self::ResourceList(_)
            | Self::Registrations(_)
            | Self::WatcherInfo(_)
            | Self::Conference(_)
            | Self::XcapDiff(_)
            | Self::Raw(_) => {}
        }
        summary
    }
}

/// Looks a document over: what a peer may refuse or misread. Nothing to say: an empty list. Of a type that is not known
/// nothing is said.
pub fn check(content_type: &str, body: &[u8]) -> Vec<Finding> {
    match format(content_type) {
        Format::Presence => pidf::check(body),
        Format::MessageSummary => message_summary::check(body),
        Format::DialogInfo => dialog_info::check(body),
        Format::ResourceList => rlmi::check(body),
        Format::Registrations => reginfo::check(body),
        Format::WatcherInfo => watcherinfo::check(body),
        Format::Conference => conference::check(body),
        Format::XcapDiff => xcap_diff::check(body),
        Format::Other if multipart::is_multipart(content_type) => multipart::check(content_type, body),
        Format::Other => Vec::new(),
    }
}
