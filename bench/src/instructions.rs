//! Instructions of the daemon for one publication, counted by `valgrind --tool=callgrind`: a figure
//! that a noisy machine does not change. What starting costs is left out by running twice.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use nix::sys::signal::Signal;

use crate::call::Command;
use crate::client::{Client, Shape, Until, Way};
use crate::options::Options;
use crate::publisher::{System, until};
use crate::sink::{Settings, SinkProcess};
use crate::table::{Table, number};

/// Instructions of the daemon for one publication.
#[derive(Clone, Debug, Args)]
pub(crate) struct Load {
    /// Calls of the shorter run; the longer one makes three times as many.
    #[arg(long, default_value_t = 2000)]
    calls: usize,
    /// Calls outstanding.
    #[arg(long, default_value_t = 8)]
    outstanding: usize,
    /// By which way calls come; UNIX datagrams, FIFO and HTTP if none is given.
    #[arg(long)]
    way: Vec<Way>,
}

/// Runs it and prints a table. The profile of each longer run stays beside the results, for
/// `callgrind_annotate`.
///
/// # Errors
/// There is no valgrind, or the daemon does not run under it.
pub(crate) fn run(options: &Options, load: &Load) -> anyhow::Result<()> {
    let ways = match load.way.is_empty() {
        true => vec![Way::Unix, Way::Fifo, Way::Http],
        false => load.way.clone(),
    };
    std::fs::create_dir_all(options.out())?;
    let mut table = Table::new(2, &["system", "way", "out", "instructions each"]);
    for system in [System::Memory, System::Relaxed, System::Commit] {
        for &way in &ways {
            let name = format!("callgrind.{system:?}.{way:?}").to_lowercase();
            let profile = options.result(&name);
            let shape = Shape::single(way, Command::Publish, load.outstanding);
            let counted = count(options, system, shape, load.calls, &profile)
                .and_then(|short| Ok((short, count(options, system, shape, 3 * load.calls, &profile)?)));
            match counted {
                Ok((short, long)) => {
                    let each = long.saturating_sub(short) as f64 / (2 * load.calls) as f64;
                    table.row(vec![
                        system.name().to_owned(),
                        way.name().to_owned(),
                        load.outstanding.to_string(),
                        number(each),
                    ]);
                }
                Err(error) => println!("left out: {error:#}"),
            }
        }
    }
    println!("{}", table.plain());
    Ok(())
}

/// Instructions of a whole life with so many calls.
fn count(
    options: &Options,
    system: System,
    shape: Shape,
    calls: usize,
    profile: &Path,
) -> anyhow::Result<u64> {
    let mut sink = SinkProcess::start(&Settings::granting(3600))?;
    let mut setup = options.setup(system, &sink);
    setup.under = vec![
        "valgrind".to_owned(),
        "--quiet".to_owned(),
        "--tool=callgrind".to_owned(),
        format!("--callgrind-out-file={}", profile.display()),
    ];
    let mut publisher = setup.start()?;
    let presentities = calls.min(1000);
    let tally = Client::connect(&publisher.doors, shape, presentities)?.run(Until::Calls(calls))?;
    anyhow::ensure!(tally.failed == 0, "{} of {calls} calls failed", tally.failed);
    until("all are at the sink", Duration::from_secs(30), || {
        Ok(sink.counts()?.presentities >= presentities)
    })?;
    publisher.stop(Signal::SIGTERM)?;
    let text = std::fs::read_to_string(profile).context("valgrind has left no profile")?;
    total(&text).context("a profile without its total")
}

/// The total of a profile.
fn total(profile: &str) -> Option<u64> {
    let line = profile.lines().find_map(|line| {
        line.strip_prefix("totals: ")
            .or_else(|| line.strip_prefix("summary: "))
    })?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_profile() {
        assert_eq!(
            total("events: Ir\nfn=(1) main\n4 5\n\ntotals: 123456\n"),
            Some(123_456)
        );
        assert_eq!(total("version: 1\nsummary: 77 1\n"), Some(77));
        assert_eq!(total("fn=(1)\n"), None);
    }
}
