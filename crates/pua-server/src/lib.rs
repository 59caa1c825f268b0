//! An event state compositor (RFC 3903 §6) and notifier (RFC 6665 §4.2) without IO: the embedded
//! presence server.
//!
//! The owner feeds [`Input`]s with the time, drains [`Output`]s, and comes back at
//! [`Server::poll_timeout`]. One message in may mean several out: the response to a PUBLISH, then
//! a NOTIFY to each watcher.
//!
//! | part | module |
//! |---|---|
//! | what every request goes through (RFC 3261 §8.2, §22), how responses are written | `uas` |
//! | PUBLISH, step by step | `publish` |
//! | publications, their entity-tags and ends | `store` |
//! | one document of many | `compose` |
//! | SUBSCRIBE: making, refreshing, ending | `subscribe` |
//! | NOTIFY: one at a time, the newest state next | `notify` |
//!
//! # Choices
//!
//! * A presentity is its address-of-record: URI parameters do not count, and `pres:` is `sip:`.
//! * Nothing is merged and no document is made while nobody watches.
//! * A document of `presence` or `dialog` must be well-formed XML; more is not asked, since what
//!   the field publishes is often valid by no schema. What is not recognised goes out as it is.
//! * Every modification is told to watchers, also one that brings the same document again.
//! * Where nothing is published, watchers get a neutral document: no tuple (unknown, which is not closed), a
//!   terminated dialog, `Messages-Waiting: no`.
//! * Host names are not looked up: a watcher whose Contact or first route has a name is notified
//!   where its SUBSCRIBE came from. NOTIFY stays on the watcher's transport whatever its size.
//! * Authorisation is all or nothing: who may subscribe may see everybody.
//!
//! ```
//! use std::time::Instant;
//! use pua_server::{Config, Input, Output, Server};
//! use sip_transaction::{Flow, Transport};
//!
//! let now = Instant::now();
//! let mut server = Server::new(now, Config::default(), [1; 32]);
//! let flow = Flow {
//!     transport: Transport::Udp,
//!     local: "127.0.0.1:5060".parse().unwrap(),
//!     remote: "127.0.0.1:5070".parse().unwrap(),
//!     connection: 0,
//! };
//! let bytes = b"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n";
//! server.handle_input(now, Input::Received { flow: &flow, bytes });
//! let Some(Output::Transmit(answer)) = server.poll_output() else { unreachable!() };
//! assert!(answer.bytes.starts_with(b"SIP/2.0 200 OK\r\n"));
//! ```
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

mod compose;
mod config;
mod event;
mod notify;
mod publish;
mod resource_key;
mod server;
mod store;
mod subscribe;
mod subscription;
mod uas;

pub use compose::Document;
pub use config::{Auth, Config, Lifetimes, Limits, Packages};
pub use event::{Counters, Ended, Event, Input, Operation, Output};
pub use server::{PublicationView, Server};
