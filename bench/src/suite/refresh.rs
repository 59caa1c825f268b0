//! How evenly refreshes come, and how timely.

use std::time::{Duration, Instant};

use clap::Args;

use crate::call::Command;
use crate::client::{Client, Shape, Until, Way};
use crate::figures::Evenness;
use crate::kamailio;
use crate::machine;
use crate::options::Options;
use crate::publisher::{System, until};
use crate::results::{All, RefreshRow, keep};
use crate::sink::{Settings, SinkProcess};
use crate::table::{Table, number};

/// Many publications with a short grant.
#[derive(Clone, Debug, Args)]
pub(crate) struct Load {
    /// Publications.
    #[arg(long, default_value_t = 20_000)]
    publications: usize,
    /// Seconds that the sink grants.
    #[arg(long, default_value_t = 60)]
    grant: u32,
    /// Seconds that it is looked at, from when all are published.
    #[arg(long, default_value_t = 300)]
    seconds: u32,
    /// Only our daemon.
    #[arg(long)]
    alone: bool,
}

/// Looks at ours, in memory and with the disk, and at Kamailio; writes `refresh.json`.
///
/// # Errors
/// A program does not start or answers no more.
pub(crate) fn run(options: &Options, load: &Load) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut systems = vec![System::Memory, System::Commit];
    if !load.alone && kamailio::program().is_some() {
        systems.push(System::Kamailio);
    }
    println!("takes about {} s", (load.seconds as usize + 15) * systems.len());
    let mut all = All {
        machine: machine::now(&options.pua),
        quick: false,
        took_seconds: 0.0,
        publish: Vec::new(),
        weight: Vec::new(),
        refresh: Vec::new(),
        left_out: Vec::new(),
    };
    for system in systems {
        let seconds = f64::from(load.seconds);
        match refreshes(options, system, load.publications, load.grant, seconds) {
            Ok(row) => all.refresh.push(row),
            Err(error) if system == System::Commit => all.left_out.push(format!("{error:#}")),
            Err(error) => return Err(error),
        }
    }
    println!("{}", table(&all.refresh).plain());
    for reason in &all.left_out {
        println!("left out: {reason}");
    }
    all.took_seconds = start.elapsed().as_secs_f64();
    keep(&options.result("refresh.json"), &all)
}

/// Has so many published with an hour asked for and `grant` seconds given, and looks on.
pub(super) fn refreshes(
    options: &Options,
    system: System,
    count: usize,
    grant: u32,
    seconds: f64,
) -> anyhow::Result<RefreshRow> {
    println!(
        "refreshing {count} publications granted {grant} s: {}",
        system.name()
    );
    let mut sink = SinkProcess::start(&Settings::granting(grant))?;
    let publisher = match system {
        // As often as makes sense for such grants; its default of 100 s would lose them all.
        System::Kamailio => kamailio::start(&options.stores, sink.address(), 10.min(grant / 3).max(1))?,
        _ => options.start(system, &sink)?,
    };
    let command = match system {
        System::Kamailio => Command::Send,
        _ => Command::Publish,
    };
    let shape = Shape::single(Way::Unix, command, 16);
    Client::connect(&publisher.doors, shape, count)?.run(Until::Calls(count))?;
    until("all are at the sink", Duration::from_secs(60), || {
        Ok(sink.counts()?.touched >= count)
    })?;
    sink.reset()?;
    let (before, start) = (publisher.cpu()?, Instant::now());
    std::thread::sleep(Duration::from_secs_f64(seconds));
    let used = publisher.cpu()? - before;
    let report = sink.report()?;
    let bins = report.bins.all();
    let half = bins.get(bins.len() / 2..).unwrap_or_default();
    Ok(RefreshRow {
        system,
        publications: count,
        grant,
        seconds: start.elapsed().as_secs_f64(),
        evenness: Evenness::of(&bins),
        settled: Evenness::of(half),
        cpu: (report.counts.taken() > 0).then(|| used.total() * 1000.0 / report.counts.taken() as f64),
        counts: report.counts,
        repeated: report.bins.retransmission,
        bins,
    })
}

/// All rows.
pub(crate) fn table(rows: &[RefreshRow]) -> Table {
    let head = [
        "system",
        "held",
        "granted s",
        "watched s",
        "refreshes",
        "mean/100 ms",
        "peak",
        "peak/mean",
        "2nd half",
        "again",
        "late",
        "latest ms",
        "margin s",
        "412",
        "expired",
        "initial",
        "CPU-s/1000",
    ];
    let mut table = Table::new(1, &head);
    for row in rows {
        table.row(vec![
            row.system.name().to_owned(),
            row.publications.to_string(),
            row.grant.to_string(),
            number(row.seconds),
            row.counts.refresh.to_string(),
            number(row.evenness.mean),
            number(row.evenness.peak),
            number(row.evenness.ratio),
            number(row.settled.ratio),
            row.counts.retransmissions.to_string(),
            row.counts.late.to_string(),
            number(row.counts.late_max_ms),
            row.counts
                .margin_min_ms
                .map_or_else(String::new, |ms| number(ms / 1000.0)),
            row.counts.stale.to_string(),
            row.counts.expired.to_string(),
            row.counts.initial.to_string(),
            row.cpu.map_or_else(|| "-".to_owned(), number),
        ]);
    }
    table
}
