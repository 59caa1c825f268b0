//! `pua-load`: publishes through a running daemon with so many calls outstanding, and tells
//! operations a second and the daemon's CPU time per thousand.
//!
//! It starts two processes of the `pua` binary: the daemon under test, and one whose embedded
//! presence server takes the publications. Only the first one's time is counted. `pua-load notify`
//! is about the other direction: NOTIFYs in, events out.

mod client;
mod crash;
mod daemon;
mod notify;

use std::path::PathBuf;
use std::time::Instant;

use clap::{Parser, Subcommand, ValueEnum};

use crate::client::Client;
use crate::daemon::Daemons;

/// By which way calls come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    /// UNIX datagrams.
    Unix,
    /// UDP datagrams.
    Udp,
    /// The FIFO, with a reply FIFO for each outstanding call.
    Fifo,
}

/// What else can be measured.
#[derive(Debug, Subcommand)]
enum Kind {
    /// NOTIFYs in, events out: latency, CPU time, bytes per subscription.
    Notify(notify::Load),
    /// SIGKILL under load, again and again: nothing acknowledged is lost, nothing removed comes back.
    Crash(crash::Crash),
}

/// What a publication costs.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    kind: Option<Kind>,
    /// The `pua` binary.
    #[arg(long, global = true, default_value = "target/release/pua")]
    pua: PathBuf,
    /// By which way calls come; all if none is given.
    #[arg(long)]
    way: Vec<Way>,
    /// Calls outstanding.
    #[arg(long, default_values_t = [8, 64])]
    outstanding: Vec<usize>,
    /// Calls of one run.
    #[arg(long, default_value_t = 100_000)]
    calls: usize,
    /// Presentities that the calls go round.
    #[arg(long, default_value_t = 10_000)]
    presentities: usize,
    /// By which transport the publications go: udp or tcp.
    #[arg(long, default_value = "udp")]
    transport: String,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match &arguments.kind {
        Some(Kind::Notify(load)) => return notify::run(&arguments.pua, load),
        Some(Kind::Crash(crash)) => return crash::run(&arguments.pua, crash),
        None => {}
    }
    let ways = match arguments.way.is_empty() {
        true => vec![Way::Unix, Way::Udp, Way::Fifo],
        false => arguments.way.clone(),
    };
    println!("way   outstanding    calls  calls/s  CPU-s/1000  user  system  failed");
    for way in ways {
        for &outstanding in &arguments.outstanding {
            run(&arguments, way, outstanding)?;
        }
    }
    Ok(())
}

fn run(arguments: &Arguments, way: Way, outstanding: usize) -> anyhow::Result<()> {
    let daemons = Daemons::start(&arguments.pua, &arguments.transport)?;
    let mut client = Client::new(way, &daemons, outstanding, arguments.presentities)?;
    // The first round makes the publications, what is counted changes them.
    client.run(arguments.presentities.min(arguments.calls))?;
    let (before, start) = (daemons.cpu()?, Instant::now());
    let failed = client.run(arguments.calls)?;
    let (after, took) = (daemons.cpu()?, start.elapsed());
    let thousands = arguments.calls as f64 / 1000.0;
    let (user, system) = (after.0 - before.0, after.1 - before.1);
    println!(
        "{:<6}{:>11}{:>9}{:>9.0}{:>12.4}{:>6.2}{:>8.2}{:>8}",
        format!("{way:?}").to_lowercase(),
        outstanding,
        arguments.calls,
        arguments.calls as f64 / took.as_secs_f64(),
        (user + system) / thousands,
        user,
        system,
        failed
    );
    Ok(())
}
