//! The management interface (MI) of a presence user agent as pure values.
//!
//! Bytes of a request become typed [`Call`]s, typed [`Reply`]s become bytes again, in the dialect and the shape the
//! request came in. There is no socket, file or clock here: the program reads and writes, this crate decides what the
//! bytes mean.
//!
//! * [`FifoFramer`] cuts what is read from the listening FIFO into requests;
//! * [`Request::parse`] turns one request into its calls (several for a JSON-RPC batch) and remembers how to answer;
//! * [`Request::encode`] prints the replies.
//!
//! The dialects are classic text (OpenSIPS 1.x and 2.x), JSON-RPC 2.0 as OpenSIPS 3.x and 4.x speak it, JSON-RPC 2.0 as
//! Kamailio speaks it, and XML-RPC.

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

mod check;
mod classic;
pub mod command;
mod error;
mod events;
mod fifo;
mod framer;
mod json;
mod json_print;
mod method_table;
mod methods;
mod own;
mod params;
mod publish;
mod reply;
mod request;
mod resource_state;
mod subscribe;
mod xml_rpc;

pub use command::Command;
pub use error::MiError;
pub use events::{EventSubscriber, events_list, subscribers_list};
pub use fifo::ReplyName;
pub use framer::{FifoFramer, FifoRequest};
pub use methods::{help, spellings, which};
pub use reply::{Member, Next, Outcome, Reply, ResourceState, SubscriptionOutcome};
pub use request::{Answer, Call, Dialect, Request, Via};
