//! The registry of SIP event packages, and their documents as typed values and JSON.
//!
//! [`Package`] is the name of an event package as RFC 6665 §8.2.1 allows it, known or not; [`Registration`] is what is
//! known of those that are registered or common in the field.
//!
//! [`Document`] is a body of such a package: read leniently, written strictly, to and from JSON, and summed up
//! ([`Summary`]). [`check`] says what a peer may refuse or misread. [`EventState`] holds what the NOTIFYs of one dialog
//! usage have said.
//!
//! ```
//! use event_packages::{Availability, Document};
//!
//! let body = br#"<?xml version="1.0"?>
//! <presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
//!           xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" entity="sip:anna@example.com">
//!   <tuple id="t1"><status><basic>open</basic></status></tuple>
//!   <dm:person id="p1"><r:activities><r:meeting/></r:activities></dm:person>
//! </presence>"#;
//! let document = Document::read("application/pidf+xml", body)?;
//! assert_eq!(document.summary().availability, Availability::Open);
//! assert_eq!(document.summary().activities, ["meeting"]);
//!
//! // what is written is valid, and has the prefixes that FreeSWITCH looks for
//! let json = serde_json::json!({"entity": "sip:anna@example.com", "persons": [{"id": "p1", "activities": ["away"]}]});
//! let written = Document::from_json("application/pidf+xml", &json)?.write()?;
//! assert!(String::from_utf8_lossy(&written).contains("<rpid:activities><rpid:away/></rpid:activities>"));
//! # Ok::<(), event_packages::DocumentError>(())
//! ```
//!
//! # Bounds
//!
//! A document has at most 1 MiB, 64 levels of elements, 100,000 nodes, 64 attributes at an element and 1,024 namespace
//! declarations of 256 octets each; document types, and so entities, are refused. Within these bounds the time to read
//! one grows with its length only.
//!
//! # Lenient and strict
//!
//! Readers use what can be recognised (RFC 4479 §5): any prefix, no namespace at all, elements at the places of older
//! drafts, any order. What is not known is left out, or kept as an [`Extension`] and passed on. Writers give what the
//! schemas of the RFCs allow and refuse the rest with its path, with two exceptions where a schema falls behind its RFC's
//! text: `xml:lang` of CIPID's display names, and IPv6 addresses in SIP URIs.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod conference;
pub mod dialog_info;
mod document;
mod error;
mod event_state;
mod extension;
mod finding;
#[allow(dead_code, reason = "the formats to come use it")]
mod json;
mod lint;
pub mod message_summary;
pub mod multipart;
mod note;
mod package;
pub mod pidf;
pub mod reginfo;
mod registry;
pub mod rlmi;
mod stamp;
mod summary;
mod time;
mod token;
mod versioned;
pub mod watcherinfo;
pub mod xcap_diff;
mod xml;

pub use document::{Document, Raw, check};
pub use error::{DocumentError, ErrorKind};
pub use event_state::{Applied, Changes, EventState, Member, MemberState, Members};
pub use extension::Extension;
pub use finding::{Finding, Severity};
pub use note::Note;
pub use package::{BadPackage, Package};
pub use registry::{Registration, registrations};
pub use stamp::{split_at_version, stamped};
pub use summary::{Availability, Call, MessagesWaiting, Summary};
pub use time::{BadTimestamp, Timestamp};
pub use versioned::Extent;
