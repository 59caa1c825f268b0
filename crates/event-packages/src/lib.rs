//! The registry of SIP event packages, and their documents as typed values and JSON.
//!
//! [`Package`] is the name of an event package as RFC 6665 §8.2.1 allows it, known or not; [`Registration`] is what is
//! known of those that are registered or common in the field.
//!
//! [`Document`] is a body of such a package: read leniently, written strictly, to and from JSON, and summed up
//! ([`Summary`]). [`check`] says what a peer may refuse or misread.

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
#[allow(dead_code, reason = "the formats to come use it")]
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
