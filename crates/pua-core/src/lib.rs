//! The presence user agent without IO.
//!
//! An application says *what is*; [`UserAgent`] owns everything that makes it so at the presence
//! server and keeps it so: entity-tags, refreshes, challenges, retries. It reads no clock, opens
//! no socket and starts no thread: the time is an argument, random numbers come from a seed.
//!
//! # The run loop
//!
//! 1. [`UserAgent::handle_input`] with what has happened: a received message, an answer of the
//!    resolver, a command of an application, or nothing but the time ([`Input::Timeout`]).
//! 2. Drain [`UserAgent::poll_output`] until `None`.
//! 3. Send every [`Output::Transmit`] at once; start every [`Output::Resolve`].
//! 4. Commit the [`Output::Persist`]s of the turn in one store transaction.
//! 5. Only then release its [`Output::Reply`]s and [`Output::Event`]s: what is acknowledged is
//!    durable.
//! 6. Sleep until [`UserAgent::poll_timeout`] or the next input.
//!
//! A spurious [`Input::Timeout`] is harmless. A panic would be a bug of this crate, never a
//! peer's or an application's doing: whatever they send is bounded and validated.
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

mod agent;
mod auth;
mod bucket;
mod command;
mod config;
mod core;
mod counters;
mod division;
mod epa;
mod epoch;
mod failure;
mod interned;
mod next_hop;
mod next_hops;
mod output;
mod owner;
mod paced;
mod passage;
mod publication;
mod random;
mod record;
mod request;
mod schedule;
mod subscriber;
mod uas;
mod view;
mod window;

pub use agent::UserAgent;
pub use command::{
    Command, CommandId, Document, Lifetime, OnStop, Proxy, PublicationName, Publish, Subscribe,
    SubscriptionName, SubscriptionTarget, Target, Wait,
};
pub use config::{Config, Credential, Limits, Pacing, Subscribing};
pub use division::{Addressee, Held, Share, addressee, engine_of_slot, slot_of, slot_of_tag};
pub use output::{
    Event, FailureOrigin, Input, Member, Next, Outcome, Output, Query, Refusal, Reply, ResolveError,
    ResourceState, SubscriptionChange, SubscriptionOutcome, Unreachable,
};
pub use record::{Change, DialogRecord, PublicationRecord, Setback, SubscriptionRecord};
pub use sip_transaction::{Flow, Hop, Timers, Transmit, Transport};
pub use view::{
    DialogView, Filter, Page, PublicationState, PublicationView, StateView, Statistic, SubscriptionFilter,
    SubscriptionPage, SubscriptionState, SubscriptionView,
};
