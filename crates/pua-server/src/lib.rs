//! An event state compositor (RFC 3903 §6) and notifier (RFC 6665 §4.2) without IO: the embedded
//! presence server.
//!
//! The owner feeds [`Input`]s with the time, drains [`Output`]s, and comes back at
//! [`Server::poll_timeout`]. One message in may mean several out: the response to a PUBLISH and a
//! NOTIFY to each watcher.
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
