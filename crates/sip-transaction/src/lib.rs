//! SIP transactions without IO: what RFC 3261 §17 asks of a user agent that sends and receives
//! non-INVITE requests, and what it owes to an INVITE that it refuses.
//!
//! The owner feeds received messages and the time, and drains what is to be sent. Nothing here
//! reads a clock, opens a socket or calls back.
//!
//! * [`ClientTransactions`]: requests sent, with timers E, F and K (§17.1.2).
//! * [`ServerTransactions`]: requests received, with timers J (§17.2.2) and, for a refused INVITE,
//!   G, H and I (§17.2.1).
//! * [`DueTimes`]: one index of due times; a due time is replaced, never cancelled, so no timer
//!   can be stale.
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

mod client;
mod due;
mod flow;
mod response;
mod server;

pub use client::{Arrived, Branch, ClientKey, ClientTransactions, Elapsed, hex};
pub use due::DueTimes;
pub use flow::{Beyond, Flow, Hop, Timers, Transmit, Transport};
pub use response::{response, response_hop};
pub use server::{Received, ServerKey, ServerTransactions};
