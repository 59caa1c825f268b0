//! A daemon that is stopped or killed with a great many publications in its store, and comes back:
//! how soon it goes on, and whether anything is lost.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use nix::sys::signal::Signal;

use super::{Durability, make};
use crate::machine;
use crate::options::Options;
use crate::results::{Restart, keep};
use crate::sink::{Settings, SinkProcess};
use crate::table::{Table, number};

/// A daemon that comes back.
#[derive(Clone, Debug, Args)]
pub(crate) struct Load {
    /// Publications.
    #[arg(long, default_value_t = 500_000)]
    publications: usize,
    /// Seconds that the sink grants; applications want their publications until they say otherwise.
    #[arg(long, default_value_t = 3600)]
    grant: u32,
    /// Kill it (SIGKILL) rather than stop it (SIGTERM).
    #[arg(long)]
    kill: bool,
    /// The daemon's store.
    #[arg(long, value_enum, default_value_t = Durability::Commit)]
    store: Durability,
    /// Seconds that it is waited for something to come of each publication. What is granted an hour
    /// is refreshed within 50 minutes of its grant.
    #[arg(long, default_value_t = 3300)]
    patience: u64,
    /// What the result is called, to keep several: NAME.json.
    #[arg(long, default_value = "restart")]
    name: String,
}

/// Runs it; writes `restart.json`.
///
/// # Errors
/// A program does not start or answers no more; publications are lost.
pub(crate) fn run(options: &Options, load: &Load) -> anyhow::Result<()> {
    let count = load.publications;
    println!(
        "takes at most {} min",
        (count / 10_000) as u64 / 60 + load.patience / 60 + 2
    );
    anyhow::ensure!(
        load.store != Durability::Memory,
        "without a store nothing comes back"
    );
    let machine = machine::now(&options.pua);
    let mut sink = SinkProcess::start(&Settings::granting(load.grant))?;
    let system = load.store.system();
    let setup = options.setup(system, &sink);
    let mut publisher = setup.start()?;
    make(&publisher, &mut sink, count, -1)?;
    // What is written within 100 ms is written now.
    std::thread::sleep(Duration::from_secs(1));
    let signal = if load.kill {
        Signal::SIGKILL
    } else {
        Signal::SIGTERM
    };
    let stopping = publisher.stop(signal)?;
    println!("its end took {:.2} s", stopping.as_secs_f64());
    let disk = publisher.disk.take().expect("a store has a directory");
    drop(publisher);
    let store_bytes = size(disk.root())?;
    sink.reset()?;
    let start = Instant::now();
    let (publisher, ready) = setup.start_with(disk)?;
    println!("serves after {:.2} s", ready.as_secs_f64());
    let (mut told, mut all) = (0, None);
    while start.elapsed() < Duration::from_secs(load.patience) {
        let counts = sink.counts()?;
        if counts.touched >= count {
            all = counts.last_ms;
            break;
        }
        if start.elapsed().as_secs() / 10 > told {
            told = start.elapsed().as_secs() / 10;
            println!(
                "{:>5} s  heard of {}  first after {:?} ms  412: {}  run out: {}",
                told * 10,
                counts.touched,
                counts.first_ms,
                counts.stale,
                counts.expired
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let report = sink.report()?;
    drop(publisher);
    let result = Restart {
        machine,
        system,
        publications: count,
        grant: load.grant,
        killed: load.kill,
        stopping_seconds: stopping.as_secs_f64(),
        ready_seconds: ready.as_secs_f64(),
        first_seconds: report.counts.first_ms.map(|ms| ms / 1000.0),
        all_seconds: all.map(|ms| ms / 1000.0),
        store_bytes,
        bins: report.bins.all(),
        counts: report.counts,
    };
    println!("\n{}", table(&result).plain());
    keep(&options.result(&format!("{}.json", load.name)), &result)?;
    anyhow::ensure!(
        result.counts.touched == count,
        "of {} publications nothing was heard again",
        count - result.counts.touched.min(count)
    );
    Ok(())
}

fn size(directory: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(directory)? {
        sum += entry?.metadata()?.len();
    }
    Ok(sum)
}

/// The figures, one a row.
pub(crate) fn table(result: &Restart) -> Table {
    let mut table = Table::new(1, &["what", "figure"]);
    let mut put = |what: &str, figure: String| table.row(vec![what.to_owned(), figure]);
    let counts = &result.counts;
    let seconds = |value: Option<f64>| value.map_or("never".to_owned(), number);
    put("store", result.system.name().to_owned());
    put(
        "ended by",
        if result.killed { "SIGKILL" } else { "SIGTERM" }.to_owned(),
    );
    put("publications", result.publications.to_string());
    put("granted (s)", result.grant.to_string());
    put("its end took (s)", number(result.stopping_seconds));
    put("served after (s)", number(result.ready_seconds));
    put("first request after (s)", seconds(result.first_seconds));
    put("all accounted for after (s)", seconds(result.all_seconds));
    put("accounted for", counts.touched.to_string());
    put(
        "refreshed, published anew",
        format!("{}, {}", counts.refresh + counts.modify, counts.initial),
    );
    put(
        "412, run out, retransmissions",
        format!("{}, {}, {}", counts.stale, counts.expired, counts.retransmissions),
    );
    put("late", counts.late.to_string());
    put("at the sink in the end", counts.publications.to_string());
    put(
        "store (bytes each)",
        number(result.store_bytes as f64 / result.publications as f64),
    );
    table
}
