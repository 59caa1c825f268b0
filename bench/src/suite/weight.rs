//! What a held publication weighs.

use std::time::Duration;

use clap::Args;

use crate::call::Command;
use crate::client::{Client, Shape, Until, Way};
use crate::kamailio;
use crate::options::Options;
use crate::publisher::{Publisher, System, until};
use crate::results::WeightRow;
use crate::sink::{Settings, SinkProcess};
use crate::table::{Table, number};

/// What a held publication weighs.
#[derive(Clone, Debug, Args)]
pub(crate) struct Load {
    /// How many are held, one after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    sizes: Vec<usize>,
    /// Kamailio too.
    #[arg(long)]
    kamailio: bool,
}

/// Weighs ours in several sizes, with and without a store.
///
/// # Errors
/// A program does not start or answers no more.
pub(crate) fn run(options: &Options, load: &Load) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    let mut systems = vec![System::Memory, System::Relaxed];
    if load.kamailio {
        systems.push(System::Kamailio);
    }
    for system in systems {
        for &size in &load.sizes {
            match weigh(options, system, size) {
                Ok(row) => rows.push(row),
                Err(error) => println!("left out: {error:#}"),
            }
        }
    }
    println!("{}", table(&rows).plain());
    Ok(())
}

/// Holds so many and weighs them. As many as a tenth are made before anything is counted, so that
/// what the first ones need is there already; what passes is forgotten soon.
pub(super) fn weigh(options: &Options, system: System, count: usize) -> anyhow::Result<WeightRow> {
    println!("weighing {count} publications: {}", system.name());
    let mut sink = SinkProcess::start(&Settings::granting(3600))?;
    let publisher = match system {
        System::Kamailio => kamailio::start(&options.stores, sink.address(), 36_000)?,
        _ => {
            let mut setup = options.setup(system, &sink);
            setup.brief = true;
            setup.start()?
        }
    };
    let first = count / 10;
    make(&publisher, &mut sink, 0, first)?;
    let before = rested(&publisher)?;
    make(&publisher, &mut sink, first, count)?;
    let after = rested(&publisher)?;
    let each = |after: u64, before: u64| after.saturating_sub(before) as f64 / count as f64;
    Ok(WeightRow {
        system,
        publications: count,
        resident: each(after.resident, before.resident),
        proportional: each(after.proportional, before.proportional),
    })
}

/// Has `count` more published, of users from `first` on.
fn make(publisher: &Publisher, sink: &mut SinkProcess, first: usize, count: usize) -> anyhow::Result<()> {
    let command = match publisher.system {
        System::Kamailio => Command::Send,
        _ => Command::Publish,
    };
    let shape = Shape::single(Way::Unix, command, 16);
    let mut client = Client::connect(&publisher.doors, shape, usize::MAX)?.beginning_at(first);
    let tally = client.run(Until::Calls(count))?;
    anyhow::ensure!(tally.failed == 0, "{} of {count} calls failed", tally.failed);
    until("all are at the sink", Duration::from_secs(120), || {
        Ok(sink.counts()?.presentities >= first + count)
    })
}

/// What it holds when its memory grows and shrinks no more.
fn rested(publisher: &Publisher) -> anyhow::Result<crate::process::Memory> {
    let mut before = publisher.memory()?;
    for _ in 0..10 {
        std::thread::sleep(Duration::from_secs(2));
        let now = publisher.memory()?;
        if now.proportional.abs_diff(before.proportional) < 64 * 1024 {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}

/// All rows.
pub(crate) fn table(rows: &[WeightRow]) -> Table {
    let mut table = Table::new(
        1,
        &["system", "publications", "bytes each (RSS)", "bytes each (PSS)"],
    );
    for row in rows {
        table.row(vec![
            row.system.name().to_owned(),
            row.publications.to_string(),
            number(row.resident),
            number(row.proportional),
        ]);
    }
    table
}
