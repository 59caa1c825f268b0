//! Simulated lives of the presence user agent, for tests only.
//!
//! A [`World`] holds the real [`pua_core::UserAgent`], one or two presence servers (the real
//! `pua-server`, or a [`Compositor`] that misbehaves on purpose), a network that loses, delays,
//! reorders and doubles, a resolver, a store, and applications that change their minds. The
//! earliest of all clocks moves the world; one seed decides everything, so a failing life can be
//! lived again with a trace ([`live`], [`relive`]).
//!
//! Soft state heals itself, so "it ends up right" proves little. Three oracles watch
//! ([`Oracle`]): every message as it leaves the core, every bound on time, and equality of all
//! views in the end. How good they are is measured by bugs planted at the seam between core and
//! network ([`Bug`]).

mod apply;
mod carry;
mod check;
mod compositor;
mod document;
mod life;
mod network;
mod run;
mod seam;
mod server;
mod store;
mod violation;
mod watch;
mod wire;
mod wishes;
mod world;

pub use compositor::{Behaviour, Compositor, Policy};
pub use document::{document, mark};
pub use life::{Life, Step, What};
pub use network::Weather;
pub use run::{Failed, Tally, live, lives, lives_from_environment, relive};
pub use seam::Bug;
pub use server::{Held, Server};
pub use store::Store;
pub use violation::{Oracle, Violation};
pub use watch::{WatchBug, WatchTally, rewatch, watch, watches};
pub use wire::Wire;
pub use wishes::Wishes;
pub use world::World;
