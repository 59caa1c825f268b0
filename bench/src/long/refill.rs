//! A presence server that comes back knowing nobody: how soon it has all again, and what
//! applications notice meanwhile.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Args;

use super::{Durability, make};
use crate::call::Command;
use crate::client::{Client, Shape, Until, Way};
use crate::figures::Latency;
use crate::machine;
use crate::options::Options;
use crate::results::{Refill, keep};
use crate::sink::{Settings, SinkProcess};
use crate::table::{Table, number};

/// A presence server that comes back.
#[derive(Clone, Debug, Args)]
pub(crate) struct Load {
    /// Publications.
    #[arg(long, default_value_t = 100_000)]
    publications: usize,
    /// Seconds that are granted.
    #[arg(long, default_value_t = 600)]
    grant: u32,
    /// Seconds that the server is away.
    #[arg(long, default_value_t = 5.0)]
    away: f64,
    /// Milliseconds that the server takes to answer when it is back.
    #[arg(long, default_value_t = 0)]
    delay: u64,
    /// Calls of applications a second, all the time.
    #[arg(long, default_value_t = 50.0)]
    rate: f64,
    /// Seconds that it is waited for until the server has all again.
    #[arg(long, default_value_t = 400)]
    patience: u64,
    /// The daemon's store.
    #[arg(long, value_enum, default_value_t = Durability::Relaxed)]
    store: Durability,
    /// What the result is called, to keep several: NAME.json.
    #[arg(long, default_value = "refill")]
    name: String,
}

/// Runs it; writes `refill.json`.
///
/// # Errors
/// A program does not start or answers no more; the server does not get all again, or a call fails.
pub(crate) fn run(options: &Options, load: &Load) -> anyhow::Result<()> {
    let count = load.publications;
    println!(
        "takes at most {} min",
        (count / 10_000) as u64 / 60 + load.patience / 60 + 2
    );
    let machine = machine::now(&options.pua);
    let mut sink = SinkProcess::start(&Settings::granting(load.grant))?;
    let listen: SocketAddr = sink.address();
    let system = load.store.system();
    let publisher = options.setup(system, &sink).start()?;
    make(&publisher, &mut sink, count, 7200)?;
    // Applications change a few hundred of the publications, round and round.
    let changed = 500.min(count);
    let shape = Shape::single(Way::Unix, Command::Publish, 256);
    let mut client = Client::connect(&publisher.doors, shape, changed)?
        .asking_for(7200)
        .beginning_at(changed);
    let mut before = client.run_at(load.rate, Until::Time(Duration::from_secs(5)))?;
    let latency_before = Latency::of(&mut before.latencies);
    drop(sink);
    println!("the server is gone");
    std::thread::sleep(Duration::from_secs_f64(load.away));
    let mut sink = SinkProcess::start(&Settings {
        listen,
        grant: load.grant,
        delay: load.delay,
    })?;
    println!("the server is back");
    let start = Instant::now();
    let (mut calls, mut failed, mut latencies) = (0, 0, Vec::new());
    let (mut held, mut all) = (Vec::new(), None);
    while all.is_none() && start.elapsed() < Duration::from_secs(load.patience) {
        // A second of calls, then a look: calls of which the answer is late are waited for.
        let tally = client.run_at(load.rate, Until::Time(Duration::from_secs(1)))?;
        calls += tally.calls;
        failed += tally.failed;
        latencies.extend(tally.latencies);
        let counts = sink.counts()?;
        held.push(counts.publications);
        if counts.presentities >= count {
            // When the last one came; what comes after are changes.
            all = Some(start.elapsed().as_secs_f64());
        }
        if held.len() % 10 == 0 {
            println!(
                "{:>5.0} s  held {}",
                start.elapsed().as_secs_f64(),
                counts.publications
            );
        }
    }
    let report = sink.report()?;
    let result = Refill {
        machine,
        system,
        publications: count,
        grant: load.grant,
        delay_ms: load.delay,
        away_seconds: load.away,
        all_seconds: all,
        calls_per_second: load.rate,
        calls,
        failed,
        latency: Latency::of(&mut latencies),
        latency_before,
        bins: report.bins.all(),
        counts: report.counts,
        held,
    };
    println!("\n{}", table(&result).plain());
    keep(&options.result(&format!("{}.json", load.name)), &result)?;
    anyhow::ensure!(
        result.all_seconds.is_some(),
        "the server has {} of {count}",
        result.counts.presentities
    );
    anyhow::ensure!(result.failed == 0, "{} calls failed meanwhile", result.failed);
    Ok(())
}

/// The figures, one a row.
pub(crate) fn table(result: &Refill) -> Table {
    let mut table = Table::new(1, &["what", "figure"]);
    let mut put = |what: &str, figure: String| table.row(vec![what.to_owned(), figure]);
    let counts = &result.counts;
    let latency = |of: Latency| format!("{}, {}, {}", number(of.p50), number(of.p99), number(of.max));
    put("store", result.system.name().to_owned());
    put("publications", result.publications.to_string());
    put("granted (s)", result.grant.to_string());
    put("the server was away (s)", number(result.away_seconds));
    put("it takes to answer (ms)", result.delay_ms.to_string());
    put(
        "all there again after (s)",
        result.all_seconds.map_or("never".to_owned(), number),
    );
    put("at the server in the end", counts.publications.to_string());
    put(
        "412, retransmissions, lost datagrams",
        format!(
            "{}, {}, {}",
            counts.stale, counts.retransmissions, counts.lost_datagrams
        ),
    );
    put(
        "calls of applications meanwhile, failed",
        format!("{}, {}", result.calls, result.failed),
    );
    put("their latency, p50, p99, max (ms)", latency(result.latency));
    put("the same before", latency(result.latency_before));
    table
}
