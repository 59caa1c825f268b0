//! Lives by their seeds.

use std::fmt;
use std::ops::Range;
use std::time::Instant;

use crate::life::Life;
use crate::seam::Bug;
use crate::violation::Violation;
use crate::world::World;

/// What some lives had in them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Lives.
    pub lives: u64,
    /// PUBLISH requests.
    pub requests: u64,
    /// Retransmissions.
    pub retransmissions: u64,
    /// Answers to commands.
    pub replies: u64,
    /// Call-IDs.
    pub calls: u64,
    /// Simulated seconds.
    pub seconds: u64,
}

/// A life in which something went wrong.
#[derive(Debug)]
pub struct Failed {
    /// Its seed: [`relive`] shows it again.
    pub seed: u64,
    /// What went wrong.
    pub violation: Violation,
    /// What happened, if it was written down.
    pub trace: Vec<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "{line}")?;
        }
        write!(f, "seed {}: {}", self.seed, self.violation)
    }
}

fn one(seed: u64, bug: Option<Bug>, traced: bool) -> Result<Tally, Box<Failed>> {
    // Any instant will do as the beginning: time is what is added to it.
    let mut world = World::new(Instant::now(), Life::draw(seed), bug, traced);
    match world.live() {
        Ok(()) => Ok(Tally {
            lives: 1,
            requests: world.wire.requests,
            retransmissions: world.wire.retransmissions,
            replies: world.wishes.replies,
            calls: world.wire.calls() as u64,
            seconds: (world.now - world.begun).as_secs(),
        }),
        Err(violation) => Err(Box::new(Failed {
            seed,
            violation,
            trace: world.take_trace(),
        })),
    }
}

/// Lives one life.
///
/// # Errors
/// What an oracle saw.
pub fn live(seed: u64, bug: Option<Bug>) -> Result<Tally, Box<Failed>> {
    one(seed, bug, false)
}

/// Lives one life and writes down what happens.
///
/// # Errors
/// What an oracle saw, and all that happened before.
pub fn relive(seed: u64, bug: Option<Bug>) -> Result<Tally, Box<Failed>> {
    one(seed, bug, true)
}

/// Lives the lives of these seeds.
///
/// # Errors
/// The first that goes wrong, with its trace.
pub fn lives(seeds: Range<u64>, bug: Option<Bug>) -> Result<Tally, Box<Failed>> {
    let mut all = Tally::default();
    for seed in seeds {
        let tally = match live(seed, bug) {
            Ok(tally) => tally,
            Err(failed) => return Err(relive(seed, bug).err().unwrap_or(failed)),
        };
        all.lives += tally.lives;
        all.requests += tally.requests;
        all.retransmissions += tally.retransmissions;
        all.replies += tally.replies;
        all.calls += tally.calls;
        all.seconds += tally.seconds;
    }
    Ok(all)
}

/// How many lives to live: the environment variable `PUA_SIM_LIVES`, else `usual`.
#[must_use]
pub fn lives_from_environment(usual: u64) -> u64 {
    std::env::var("PUA_SIM_LIVES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}
