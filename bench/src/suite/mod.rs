//! Everything side by side in one run: ours and Kamailio, by all ways, what they weigh, how they
//! refresh.

mod publish;
mod refresh;
mod weight;

use std::time::Instant;

use clap::Args;

use crate::kamailio;
use crate::machine;
use crate::options::Options;
use crate::publisher::System;
use crate::results::{All, keep};

pub(crate) use self::publish::{Calls, calls, table as publish_table};
pub(crate) use self::refresh::{Load as RefreshLoad, run as run_refresh, table as refresh_table};
pub(crate) use self::weight::{Load as WeightLoad, run as run_weight, table as weight_table};

/// Everything side by side.
#[derive(Clone, Debug, Args)]
pub(crate) struct Load {
    /// In less than a minute, to see that it all works: the figures say little.
    #[arg(long)]
    quick: bool,
    /// How often each way is measured; the rounds go round all ways. Default: 5, quick: 1.
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds of each measurement. Default: 0.8, quick: 0.25.
    #[arg(long)]
    seconds: Option<f64>,
    /// Without Kamailio, even if it is there.
    #[arg(long)]
    alone: bool,
}

/// Runs it: prints tables, writes `all.json`, or `quick.json`.
///
/// # Errors
/// A program does not start or answers no more; in a quick run also: a call failed.
pub(crate) fn run(options: &Options, load: &Load) -> anyhow::Result<()> {
    let start = Instant::now();
    let machine = machine::now(&options.pua);
    println!(
        "{}, {} processors, load {} before it began",
        machine.processor, machine.processors, machine.load
    );
    if machine.debug_build {
        println!("pua is a debug build: its figures say nothing");
    }
    println!(
        "takes about {}",
        if load.quick { "a minute" } else { "ten minutes" }
    );
    let mut all = All {
        machine,
        quick: load.quick,
        took_seconds: 0.0,
        publish: Vec::new(),
        weight: Vec::new(),
        refresh: Vec::new(),
        left_out: Vec::new(),
    };
    let mut systems = Vec::new();
    for system in System::OURS {
        match probe(options, system) {
            Ok(()) => systems.push(system),
            Err(error) => all.left_out.push(format!("{error:#}")),
        }
    }
    anyhow::ensure!(!systems.is_empty(), "nothing of ours starts: {:?}", all.left_out);
    if load.alone {
        all.left_out.push("Kamailio: not wanted".to_owned());
    } else if kamailio::program().is_none() {
        all.left_out.push("Kamailio: not installed".to_owned());
    } else {
        systems.push(System::Kamailio);
    }
    let rounds = load.rounds.unwrap_or(if load.quick { 1 } else { 5 });
    let seconds = load.seconds.unwrap_or(if load.quick { 0.25 } else { 0.8 });
    all.publish = publish::run(options, &systems, rounds, seconds, load.quick)?;
    println!("\n{}", publish::table(&all.publish).plain());
    let held = if load.quick { 2000 } else { 50_000 };
    for &system in &systems {
        all.weight.push(weight::weigh(options, system, held)?);
    }
    println!("{}", weight::table(&all.weight).plain());
    // Kamailio looks for what to refresh every ten seconds; shorter grants would not be fair.
    let (held, grant, seconds) = if load.quick {
        (500, 4, 4.0)
    } else {
        (10_000, 30, 75.0)
    };
    for &system in systems
        .iter()
        .filter(|system| !load.quick || **system != System::Kamailio)
    {
        // Where the disk is waited for shows in the slowest; memory shows what is there without.
        if system != System::Relaxed {
            all.refresh
                .push(refresh::refreshes(options, system, held, grant, seconds)?);
        }
    }
    println!("{}", refresh::table(&all.refresh).plain());
    all.took_seconds = start.elapsed().as_secs_f64();
    for reason in &all.left_out {
        println!("left out: {reason}");
    }
    println!("took {:.0} s", all.took_seconds);
    // The figures of a quick run take nobody's place.
    let name = if load.quick { "quick.json" } else { "all.json" };
    keep(&options.result(name), &all)?;
    let bad: Vec<&str> = all
        .publish
        .iter()
        .filter(|row| row.failed > 0 && row.system != System::Kamailio)
        .map(|row| row.shape.way.name())
        .collect();
    anyhow::ensure!(bad.is_empty(), "calls failed: {bad:?}");
    Ok(())
}

/// Whether it starts at all, with the store that it is to have.
fn probe(options: &Options, system: System) -> anyhow::Result<()> {
    let settings = crate::sink::Settings::granting(3600);
    let sink = crate::sink::SinkProcess::start(&settings)?;
    options.start(system, &sink).map(drop)
}
