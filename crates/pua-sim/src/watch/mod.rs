//! Lives of subscriptions: the real core watches a scripted notifier that is lawful in random
//! ways ([`notifier`]), or the real `pua-server` to which it also publishes; strangers forge and
//! flood ([`hostile`]). The oracles are the same three: [`account`] judges each message,
//! [`check`] what must be so after the last fault and in the end.

mod account;
mod apply;
mod carry;
mod check;
mod hostile;
mod life;
mod notifier;
mod resource;
mod run;
mod seam;
mod site;
mod wishes;
mod world;

pub use run::{WatchTally, rewatch, watch, watches};
pub use seam::WatchBug;
