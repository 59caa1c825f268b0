//! The registry of SIP event packages and, in time, their documents.
//!
//! [`Package`] is the name of an event package as RFC 6665 §8.2.1 allows it, known or not; [`Registration`] is what is
//! known of those that are registered or common in the field.

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

mod package;
mod registry;

pub use package::{BadPackage, Package};
pub use registry::{Registration, registrations};
