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
//! A line of a message head ends with CRLF and with nothing else. A CR or an LF that is not part
//! of a CRLF refuses the whole message, in a datagram and on a stream alike: two readers that
//! disagree on where a line ends could otherwise be made to see two different messages.
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
pub use message::{Essentials, Limits, Message};
pub use params::{Param, Params};
pub use print::{Printer, reason_phrase};
pub use start_line::{Method, RequestLine, StartLine, StatusLine};
pub use typed::{
    BRANCH_COOKIE, CSeq, DeltaSeconds, EntityTag, EventHeader, MediaType, NameAddr, RetryAfter,
    SubscriptionState, SubscriptionStateReason, SubscriptionStateValue, TokenList, Via,
};
pub use uri::{Scheme, Uri, UriBuf};
