//! A great many publications, held: memory, CPU, and whether each refresh comes in time.

use std::time::{Duration, Instant};

use clap::Args;

use super::{Durability, make};
use crate::figures::Evenness;
use crate::machine;
use crate::options::Options;
use crate::process::{self, Cpu};
use crate::results::{Hold, Sample, keep};
use crate::sink::{Settings, SinkProcess};
use crate::table::{Table, number};

/// A great many publications, held.
#[derive(Clone, Debug, Args)]
pub(crate) struct Load {
    /// Publications.
    #[arg(long, default_value_t = 1_000_000)]
    publications: usize,
    /// Seconds that applications ask for; -1: until they say otherwise, so that the daemon
    /// refreshes again and again.
    #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
    expires: i64,
    /// Seconds that the sink grants. An hour is refreshed after 30 to 50 minutes, so a
    /// shorter run sees no refresh of it: grant 1200 to see some.
    #[arg(long, default_value_t = 3600)]
    grant: u32,
    /// Minutes that they are held.
    #[arg(long, default_value_t = 15.0)]
    minutes: f64,
    /// The daemon's store.
    #[arg(long, value_enum, default_value_t = Durability::Relaxed)]
    store: Durability,
    /// What the result is called, to keep several: NAME.json.
    #[arg(long, default_value = "hold")]
    name: String,
}

/// Runs it; writes `hold.json`.
///
/// # Errors
/// A program does not start or answers no more; a publication is lost, or a refresh late.
pub(crate) fn run(options: &Options, load: &Load) -> anyhow::Result<()> {
    let count = load.publications;
    let making = count as f64 / 10_000.0;
    println!("takes about {:.0} min", load.minutes + making / 60.0 + 1.0);
    let machine = machine::now(&options.pua);
    let mut sink = SinkProcess::start(&Settings::granting(load.grant))?;
    let system = load.store.system();
    let publisher = options.setup(system, &sink).start()?;
    let empty = (publisher.memory()?, process::memory(&[sink.pid()])?);
    let made = make(&publisher, &mut sink, count, load.expires)?;
    sink.reset()?;
    let start = Instant::now();
    let mut samples: Vec<Sample> = Vec::new();
    let cpus = |sink: &SinkProcess| -> anyhow::Result<(Cpu, Cpu)> {
        Ok((publisher.cpu()?, process::cpu(&[sink.pid()])?))
    };
    let begin = cpus(&sink)?;
    let (mut before, mut last) = (begin, start);
    let end = start + Duration::from_secs_f64(load.minutes * 60.0);
    while Instant::now() < end {
        let rest = end.saturating_duration_since(Instant::now());
        std::thread::sleep(rest.min(Duration::from_secs(10)));
        let (used, now) = (cpus(&sink)?, Instant::now());
        let seconds = (now - last).as_secs_f64().max(0.001);
        let counts = sink.counts()?;
        let sample = Sample {
            at: (now - start).as_secs_f64(),
            daemon: publisher.memory()?.resident,
            sink: process::memory(&[sink.pid()])?.resident,
            daemon_cpu: (used.0 - before.0).total() / seconds,
            sink_cpu: (used.1 - before.1).total() / seconds,
            held: counts.publications,
        };
        println!(
            "{:>5.0} s  held {}  refreshes {}  late {}  again {}  daemon {:.0} MB, CPU {:.1} %",
            sample.at,
            sample.held,
            counts.refresh,
            counts.late,
            counts.retransmissions,
            sample.daemon as f64 / 1e6,
            sample.daemon_cpu * 100.0
        );
        samples.push(sample);
        (before, last) = (used, now);
    }
    let held_seconds = start.elapsed().as_secs_f64();
    let report = sink.report()?;
    let used = cpus(&sink)?;
    let bins = report.bins.all();
    // The last sample: what was needed only to make them has been given back by then, or never will.
    let weigh = |now: u64, before: u64| now.saturating_sub(before) as f64 / count as f64;
    let thousands = count as f64 / 1000.0;
    let result = Hold {
        machine,
        system,
        publications: count,
        expires: load.expires,
        grant: load.grant,
        making_seconds: made.tally.took.as_secs_f64(),
        making_cpu: [made.daemon, made.sink, made.own].map(|cpu| cpu.total() / thousands),
        failed: made.tally.failed,
        held_seconds,
        daemon_bytes: weigh(publisher.memory()?.resident, empty.0.resident),
        sink_bytes: weigh(process::memory(&[sink.pid()])?.resident, empty.1.resident),
        daemon_cpu: (used.0 - begin.0).total() / held_seconds,
        sink_cpu: (used.1 - begin.1).total() / held_seconds,
        samples,
        counts: report.counts,
        evenness: Evenness::of(&bins),
        bins,
    };
    println!("\n{}", table(&result).plain());
    keep(&options.result(&format!("{}.json", load.name)), &result)?;
    anyhow::ensure!(
        result.counts.presentities == count,
        "{} of {count} publications are at the sink",
        result.counts.presentities
    );
    anyhow::ensure!(
        result.counts.late + result.counts.expired == 0,
        "{} refreshes were late, {} publications ran out",
        result.counts.late,
        result.counts.expired
    );
    Ok(())
}

/// The figures, one a row.
pub(crate) fn table(result: &Hold) -> Table {
    let mut table = Table::new(1, &["what", "figure"]);
    let mut put = |what: &str, figure: String| table.row(vec![what.to_owned(), figure]);
    let counts = &result.counts;
    put("store", result.system.name().to_owned());
    put("publications", result.publications.to_string());
    put(
        "Expires asked, granted (s)",
        format!("{}, {}", result.expires, result.grant),
    );
    put(
        "made a second",
        number(result.publications as f64 / result.making_seconds),
    );
    put("CPU-s/1000 made: daemon", number(result.making_cpu[0]));
    put(
        "CPU-s/1000 made: sink, generator",
        format!(
            "{}, {}",
            number(result.making_cpu[1]),
            number(result.making_cpu[2])
        ),
    );
    put("held (s)", number(result.held_seconds));
    put("bytes resident each: daemon", number(result.daemon_bytes));
    put("bytes resident each: sink", number(result.sink_bytes));
    put("CPU while held (%): daemon", number(result.daemon_cpu * 100.0));
    put("CPU while held (%): sink", number(result.sink_cpu * 100.0));
    put("refreshes", counts.refresh.to_string());
    put(
        "per 100 ms: mean, peak",
        format!(
            "{}, {}",
            number(result.evenness.mean),
            number(result.evenness.peak)
        ),
    );
    put("peak/mean", number(result.evenness.ratio));
    put("late", counts.late.to_string());
    put("latest (ms)", number(counts.late_max_ms));
    put(
        "least time left of a grant (s)",
        counts
            .margin_min_ms
            .map_or("no refresh".to_owned(), |ms| number(ms / 1000.0)),
    );
    put(
        "retransmissions, 412, run out",
        format!("{}, {}, {}", counts.retransmissions, counts.stale, counts.expired),
    );
    put("at the sink in the end", counts.publications.to_string());
    table
}
