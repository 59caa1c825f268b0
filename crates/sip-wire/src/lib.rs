//! SIP messages as values: parse, print, frame, URIs, typed headers (RFC 3261 and its relatives).
//! Grammar only: nothing here knows what a message is for.
//!
//! * [`Message`] borrows from the octets received; parsing allocates nothing up to 32 header rows.
//!   What cannot be split into a start line and header rows is a [`ParseError`] and is dropped;
//!   what is wrong inside a message that splits is a [`Fault`], and a request can be answered
//!   with 400 and [`Fault::reason`].
//! * [`Framer`] cuts messages out of a stream by the same code that parses them.
//! * [`Printer`] writes messages into a buffer of the caller's.
//!
//! # Line ends
//!
//! The lines of a message head end with CRLF. A request whose first line ends with a bare LF is
//! read too, if all its lines do: people and test tools send such. Any other CR or LF in a head
//! refuses the whole message, in a datagram and on a stream alike, by the same code: two readers
//! that disagree on where a line ends could otherwise be made to see two different messages, and
//! what a CRLF-minded proxy passes on cannot have a first line that ends with LF.
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

mod extra_headers;
mod fault;
mod frame;
pub mod grammar;
mod header_name;
mod headers;
mod host;
mod message;
mod params;
mod print;
mod start_line;
pub mod typed;
mod uri;
mod uri_compare;

pub use extra_headers::{ExtraHeaderError, ExtraHeaders};
pub use fault::{Fault, FaultKind, ParseError, ParseErrorKind};
pub use frame::{Frame, FrameError, FrameErrorKind, Framer};
pub use header_name::HeaderName;
pub use headers::Headers;
pub use host::Host;
pub use message::{Essentials, Limits, Message, ResponseKey};
pub use params::{Param, Params};
pub use print::{Printer, reason_phrase};
pub use start_line::{Method, RequestLine, StartLine, StatusLine};
pub use typed::{
    BRANCH_COOKIE, CSeq, DeltaSeconds, EntityTag, EventHeader, MediaType, NameAddr, RetryAfter,
    SubscriptionState, SubscriptionStateReason, SubscriptionStateValue, TokenList, Via,
};
pub use uri::{Scheme, Uri, UriBuf};
