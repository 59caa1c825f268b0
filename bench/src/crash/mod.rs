//! `pua-load crash`: kills the real daemon with SIGKILL at random moments under load, starts it
//! again, and compares what it holds, and what the presence server holds, with what it had
//! acknowledged.
//!
//! ```text
//! round: start ─► what is held == what was acknowledged ─► load ─► SIGKILL (or during the start, or
//!        during a graceful stop) ─► read the answers that had left ─► next round
//! ```
//!
//! What was under way at the kill may stand or not, one of the two; what was answered has no choice.

mod life;
mod line;
mod load;
mod model;
mod verdict;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::bail;

use self::life::{Life, World};
use self::load::Load;
use self::model::Model;
use self::verdict::Verdict;

/// Rounds of load, SIGKILL and restart.
#[derive(Debug, clap::Args)]
pub(crate) struct Crash {
    /// Rounds.
    #[arg(long, default_value_t = 100)]
    rounds: u32,
    /// Publications that the load goes round.
    #[arg(long, default_value_t = 600)]
    publications: usize,
    /// Subscriptions that the load goes round.
    #[arg(long, default_value_t = 60)]
    subscriptions: usize,
    /// Calls outstanding.
    #[arg(long, default_value_t = 64)]
    outstanding: usize,
    /// The longest time under load before the kill, in milliseconds.
    #[arg(long, default_value_t = 800)]
    longest_ms: u64,
    /// `store.durability`: commit or relaxed.
    #[arg(long, default_value = "commit")]
    durability: String,
    /// Makes the same choices again, as far as the machine does.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What the last moments before a kill may lose with `store.durability = "relaxed"`: twice what
/// the manual says, since acknowledgements are dated when they are read.
const RELAXED: Duration = Duration::from_millis(200);

/// Runs the rounds.
///
/// # Errors
/// Something acknowledged was lost, or something removed came back; what and when is printed.
pub(crate) fn run(pua: &Path, crash: &Crash) -> anyhow::Result<()> {
    let directory = std::env::temp_dir().join(format!("pua-crash-{}", std::process::id()));
    let world = World::start(pua, directory, &crash.durability)?;
    let mut random = Random(crash.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let doubt = match crash.durability.as_str() {
        "relaxed" => RELAXED,
        _ => Duration::ZERO,
    };
    let mut model = Model::new(crash.publications, crash.subscriptions);
    let mut verdict = Verdict::default();
    let mut totals = Totals::default();
    for round in 1..=crash.rounds {
        if random.one_in(8) {
            // The start itself is cut short: reading the store must leave it as it was.
            let life = Life::start(&world)?;
            std::thread::sleep(Duration::from_micros(random.below(60_000)));
            life.kill()?;
            totals.cut_starts += 1;
        }
        let life = Life::start_and_wait(&world)?;
        totals.slowest_start = totals.slowest_start.max(life.start_took);
        verdict.after_start(round, &world, &mut model)?;
        let mut load = Load::new(&world, crash.outstanding)?;
        let until = Instant::now() + Duration::from_millis(20 + random.below(crash.longest_ms.max(1)));
        load.run(&mut model, &mut random, until)?;
        if random.one_in(10) {
            life.terminate()?;
            std::thread::sleep(Duration::from_micros(random.below(30_000)));
            totals.cut_stops += 1;
        }
        life.kill()?;
        // What had left the daemon was acknowledged, read or not.
        load.drain(&mut model)?;
        totals.operations += load.answered;
        totals.under_way += load.under_way();
        model.killed(doubt);
        if round % 10 == 0 {
            println!("round {round}: {} operations acknowledged", totals.operations);
        }
    }
    let life = Life::start_and_wait(&world)?;
    verdict.after_start(crash.rounds + 1, &world, &mut model)?;
    verdict.at_the_server(&world, &model)?;
    let held = model.held();
    life.kill()?;
    println!(
        "{} rounds ({} starts and {} stops cut short): {} operations acknowledged, {} under way at a kill; {} publications and {} subscriptions held in the end; slowest start {:.0} ms",
        crash.rounds,
        totals.cut_starts,
        totals.cut_stops,
        totals.operations,
        totals.under_way,
        held.0,
        held.1,
        totals.slowest_start.as_secs_f64() * 1000.0
    );
    println!(
        "lost or wrong: {}, back after their removal: {}, wrong at the presence server: {} of {}",
        verdict.lost, verdict.back, verdict.wrong_at_server, verdict.looked_at
    );
    if verdict.is_good() {
        world.remove();
        return Ok(());
    }
    bail!(
        "the daemon did not keep its word; its files are in {}",
        world.directory().display()
    )
}

#[derive(Default)]
struct Totals {
    operations: u64,
    under_way: u64,
    cut_starts: u32,
    cut_stops: u32,
    slowest_start: Duration,
}

/// A small generator (xorshift64*): the same choices for the same seed.
pub(crate) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound.max(1)
    }

    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// Where a file of a run lies.
pub(crate) fn within(directory: &Path, name: &str) -> PathBuf {
    directory.join(name)
}
