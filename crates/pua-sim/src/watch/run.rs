//! Lives of watching by their seeds.

use std::ops::Range;
use std::time::Instant;

use super::life::Life;
use super::seam::WatchBug;
use super::world::World;
use crate::run::Failed;

/// What some lives had in them.
#[derive(Clone, Copy, Debug, Default)]
pub struct WatchTally {
    /// Lives.
    pub lives: u64,
    /// SUBSCRIBE requests.
    pub requests: u64,
    /// NOTIFY requests that were answered.
    pub notifies: u64,
    /// States told to applications.
    pub states: u64,
    /// Answers to commands.
    pub replies: u64,
    /// Simulated seconds.
    pub seconds: u64,
}

fn one(seed: u64, bug: Option<WatchBug>, traced: bool) -> Result<WatchTally, Box<Failed>> {
    // Any instant will do as the beginning: time is what is added to it.
    let mut world = World::new(Instant::now(), Life::draw(seed), bug, traced);
    match world.live() {
        Ok(()) => Ok(WatchTally {
            lives: 1,
            requests: world.account.requests,
            notifies: world.account.notifies,
            states: world.wishes.states,
            replies: world.wishes.replies,
            seconds: (world.now - world.begun).as_secs(),
        }),
        Err(violation) => Err(Box::new(Failed {
            seed,
            violation,
            trace: world.take_trace(),
        })),
    }
}

/// Lives one life of watching.
///
/// # Errors
/// What an oracle saw.
pub fn watch(seed: u64, bug: Option<WatchBug>) -> Result<WatchTally, Box<Failed>> {
    one(seed, bug, false)
}

/// Lives one life of watching and writes down what happens.
///
/// # Errors
/// What an oracle saw, and all that happened before.
pub fn rewatch(seed: u64, bug: Option<WatchBug>) -> Result<WatchTally, Box<Failed>> {
    one(seed, bug, true)
}

/// Lives the lives of these seeds.
///
/// # Errors
/// The first that goes wrong, with its trace.
pub fn watches(seeds: Range<u64>, bug: Option<WatchBug>) -> Result<WatchTally, Box<Failed>> {
    let mut all = WatchTally::default();
    for seed in seeds {
        let tally = match watch(seed, bug) {
            Ok(tally) => tally,
            Err(failed) => return Err(rewatch(seed, bug).err().unwrap_or(failed)),
        };
        all.lives += tally.lives;
        all.requests += tally.requests;
        all.notifies += tally.notifies;
        all.states += tally.states;
        all.replies += tally.replies;
        all.seconds += tally.seconds;
    }
    Ok(all)
}
