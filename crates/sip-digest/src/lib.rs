//! HTTP digest for SIP (RFC 7616 as profiled by RFC 3261 §22 and RFC 8760), both sides, computing only.
//!
//! * The client reads [`Challenge`]s, picks with [`choose`], and writes credentials with [`Answer`]:
//!
//! ```
//! use sip_digest::{Answer, Challenge, choose};
//! let offered = [Challenge::parse(br#"Digest realm="example.com", nonce="n1", qop="auth", algorithm=SHA-256"#).unwrap()];
//! let challenge = choose(&offered, true)[0];
//! let ha1 = challenge.ha1("alice", "secret").unwrap(); // worth keeping
//! let mut value = Vec::new();
//! Answer { challenge, username: "alice", method: "PUBLISH", uri: "sip:alice@example.com", body: b"", nc: 1, cnonce: "0a4f113b" }
//!     .write(&ha1, &mut value);
//! assert!(value.starts_with(b"Digest username=\"alice\", realm=\"example.com\", nonce=\"n1\", uri="));
//! ```
//!
//! * The server side is [`Challenger`]: it issues nonces that it can check without having kept them,
//!   and bounds what it keeps against replays.
//!
//! No header grammar beyond that of the parameters is known here, no clock, no random source.
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

mod algorithm;
mod answer;
mod challenge;
mod challenger;
mod info;
mod nonce;
mod params;

pub use algorithm::{Algorithm, Digest, Hash};
pub use answer::{Answer, Ha1};
pub use challenge::{Challenge, Qop, choose};
pub use challenger::{Challenger, ChallengerConfig, SignedRequest, Verdict};
pub use info::AuthenticationInfo;
