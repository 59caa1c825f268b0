//! What a publication costs and how long it takes, by every way.

use std::time::{Duration, Instant};

use clap::Args;

use crate::call::Command;
use crate::client::{Client, Shape, Tally, Until, Way};
use crate::figures::{Latency, median};
use crate::options::Options;
use crate::process;
use crate::publisher::{Publisher, System};
use crate::results::PublishRow;
use crate::sink::{Settings, SinkProcess};
use crate::table::{Table, number, ratio};

/// Presentities that the calls go round.
const PRESENTITIES: usize = 10_000;
/// For so long nothing more arrives at the sink: then nothing will.
const STILL: Duration = Duration::from_millis(600);

/// One way of calling, again and again.
#[derive(Clone, Debug, Args)]
pub(crate) struct Calls {
    /// What is called.
    #[arg(long, value_enum, default_value_t = System::Memory)]
    system: System,
    /// By which way calls come.
    #[arg(long, value_enum, default_value_t = Way::Unix)]
    way: Way,
    /// The command.
    #[arg(long, value_enum, default_value_t = Command::Publish)]
    command: Command,
    /// Messages outstanding.
    #[arg(long, default_value_t = 64)]
    outstanding: usize,
    /// HTTP connections; as many as messages if it is not given.
    #[arg(long)]
    connections: Option<usize>,
    /// Calls in a batch.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// How often it is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Presentities that the calls go round.
    #[arg(long, default_value_t = PRESENTITIES)]
    presentities: usize,
}

/// Measures one way of one system and prints its row.
///
/// # Errors
/// The program does not start or answers no more.
pub(crate) fn calls(options: &Options, load: &Calls) -> anyhow::Result<()> {
    let shape = Shape {
        way: load.way,
        command: load.command,
        outstanding: load.outstanding,
        connections: load.connections.unwrap_or(load.outstanding),
        batch: if load.way == Way::Batch { load.batch } else { 1 },
    };
    let mut sink = SinkProcess::start(&Settings::granting(3600))?;
    let publisher = options.start(load.system, &sink)?;
    warm(&publisher, &mut sink, load.presentities)?;
    let mut taken = Vec::new();
    for _ in 0..load.rounds {
        taken.push(measure(
            &publisher,
            &mut sink,
            shape,
            load.presentities,
            load.seconds,
        )?);
    }
    println!("{}", table(&[row(load.system, shape, &taken)]).plain());
    Ok(())
}

/// The ways of calling that are measured.
fn shapes(system: System, quick: bool) -> Vec<Shape> {
    let mut shapes = Vec::new();
    let outstanding: &[usize] = if quick { &[1, 64] } else { &[1, 8, 64] };
    let mut datagrams = |way: Way, command: Command| {
        shapes.extend(
            outstanding
                .iter()
                .map(|&count| Shape::single(way, command, count)),
        );
    };
    match system {
        System::Kamailio => {
            // Over these its publisher answers before it has sent anything: it cannot wait there.
            datagrams(Way::Unix, Command::Send);
            datagrams(Way::Fifo, Command::Send);
        }
        _ => {
            datagrams(Way::Unix, Command::Publish);
            datagrams(Way::Udp, Command::Publish);
            datagrams(Way::Fifo, Command::Publish);
            if !quick && system != System::Memory {
                // The very same bytes that Kamailio gets.
                datagrams(Way::Unix, Command::Send);
                datagrams(Way::Fifo, Command::Send);
            }
        }
    }
    let command = match system {
        System::Kamailio => Command::Wait,
        _ => Command::Publish,
    };
    shapes.push(Shape::single(Way::Http, command, 1));
    shapes.push(Shape::single(Way::Http, command, 8));
    if system != System::Kamailio {
        shapes.push(Shape {
            way: Way::Pipelined,
            command,
            outstanding: 64,
            connections: 8,
            batch: 1,
        });
        shapes.push(Shape {
            way: Way::Batch,
            command,
            outstanding: 8,
            connections: 8,
            batch: 16,
        });
        shapes.push(Shape::single(Way::Http, Command::Wait, 8));
    }
    shapes
}

/// One measurement.
#[derive(Clone, Debug)]
struct Taken {
    calls: usize,
    failed: usize,
    taken: u64,
    retransmissions: u64,
    per_second: f64,
    cpu: f64,
    cpu_all: f64,
    latency: Latency,
}

/// Measures all ways of all systems; the rounds go round everything, so that a noisy minute hits
/// all alike.
pub(super) fn run(
    options: &Options,
    systems: &[System],
    rounds: usize,
    seconds: f64,
    quick: bool,
) -> anyhow::Result<Vec<PublishRow>> {
    let mut all: Vec<(System, Shape, Vec<Taken>)> = Vec::new();
    for &system in systems {
        all.extend(
            shapes(system, quick)
                .into_iter()
                .map(|shape| (system, shape, Vec::new())),
        );
    }
    for round in 0..rounds {
        for &system in systems {
            println!("round {} of {rounds}: {}", round + 1, system.name());
            let mut sink = SinkProcess::start(&Settings::granting(3600))?;
            let publisher = options.start(system, &sink)?;
            let presentities = if quick { 1000 } else { PRESENTITIES };
            warm(&publisher, &mut sink, presentities)?;
            for (_, shape, taken) in all.iter_mut().filter(|(of, ..)| *of == system) {
                taken.push(measure(&publisher, &mut sink, *shape, presentities, seconds)?);
            }
        }
    }
    Ok(all
        .into_iter()
        .map(|(system, shape, taken)| row(system, shape, &taken))
        .collect())
}

/// Makes the publications that are then changed.
fn warm(publisher: &Publisher, sink: &mut SinkProcess, presentities: usize) -> anyhow::Result<()> {
    let command = match publisher.system {
        System::Kamailio => Command::Send,
        _ => Command::Publish,
    };
    let shape = Shape::single(Way::Unix, command, 16);
    Client::connect(&publisher.doors, shape, presentities)?.run(Until::Calls(presentities))?;
    settle(sink, presentities as u64)?;
    Ok(())
}

/// Waits until the sink has so many, or nothing more comes: how long ago the last came.
fn settle(sink: &mut SinkProcess, wanted: u64) -> anyhow::Result<Duration> {
    let (mut before, mut since) = (0, Instant::now());
    loop {
        let taken = sink.counts()?.taken();
        if taken >= wanted {
            return Ok(Duration::ZERO);
        }
        if taken > before {
            (before, since) = (taken, Instant::now());
        } else if since.elapsed() > STILL {
            return Ok(since.elapsed());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn measure(
    publisher: &Publisher,
    sink: &mut SinkProcess,
    shape: Shape,
    presentities: usize,
    seconds: f64,
) -> anyhow::Result<Taken> {
    let others = [sink.pid(), std::process::id()];
    let mut client = Client::connect(&publisher.doors, shape, presentities)?;
    sink.reset()?;
    let (own, rest, start) = (publisher.cpu()?, process::cpu(&others)?, Instant::now());
    let mut tally: Tally = client.run(Until::Time(Duration::from_secs_f64(seconds)))?;
    let still = settle(sink, tally.calls as u64)?;
    let took = start
        .elapsed()
        .saturating_sub(still)
        .max(Duration::from_millis(1));
    let (own, rest) = (publisher.cpu()? - own, process::cpu(&others)? - rest);
    let counts = sink.counts()?;
    let thousands = counts.taken().max(1) as f64 / 1000.0;
    Ok(Taken {
        calls: tally.calls,
        failed: tally.failed,
        taken: counts.taken(),
        retransmissions: counts.retransmissions,
        per_second: counts.taken() as f64 / took.as_secs_f64(),
        cpu: own.total() / thousands,
        cpu_all: (own.total() + rest.total()) / thousands,
        latency: Latency::of(&mut tally.latencies),
    })
}

fn row(system: System, shape: Shape, taken: &[Taken]) -> PublishRow {
    let numbers = |of: fn(&Taken) -> f64| taken.iter().map(of).collect::<Vec<f64>>();
    let middle = |of: fn(&Taken) -> f64| median(&numbers(of));
    let cpu = numbers(|one| one.cpu);
    PublishRow {
        system,
        shape,
        rounds: taken.len(),
        calls: taken.iter().map(|one| one.calls).sum(),
        failed: taken.iter().map(|one| one.failed).sum(),
        taken: taken.iter().map(|one| one.taken).sum(),
        retransmissions: taken.iter().map(|one| one.retransmissions).sum(),
        per_second: middle(|one| one.per_second),
        best_per_second: numbers(|one| one.per_second).into_iter().fold(0.0, f64::max),
        cpu: median(&cpu),
        cpu_range: (
            cpu.iter().copied().fold(f64::INFINITY, f64::min),
            cpu.iter().copied().fold(0.0, f64::max),
        ),
        cpu_all: middle(|one| one.cpu_all),
        latency: Latency {
            p50: middle(|one| one.latency.p50),
            p90: middle(|one| one.latency.p90),
            p99: middle(|one| one.latency.p99),
            max: numbers(|one| one.latency.max).into_iter().fold(0.0, f64::max),
        },
    }
}

/// The row of Kamailio that is to be compared with one of ours: the same way, as many outstanding.
/// Pipelined and batched calls are compared with single ones on as many connections, since Kamailio
/// has no other.
fn peer<'a>(row: &PublishRow, rows: &'a [PublishRow]) -> Option<&'a PublishRow> {
    let (way, outstanding) = match row.shape.way {
        Way::Pipelined | Way::Batch => (Way::Http, row.shape.connections),
        // It takes no UDP datagrams.
        Way::Udp => (Way::Unix, row.shape.outstanding),
        way => (way, row.shape.outstanding),
    };
    let found = rows.iter().find(|peer| {
        peer.system == System::Kamailio && peer.shape.way == way && peer.shape.outstanding == outstanding
    });
    found.filter(|_| row.system != System::Kamailio)
}

/// All rows; the ratios are Kamailio's figure by ours (CPU) and ours by Kamailio's (calls a second).
pub(crate) fn table(rows: &[PublishRow]) -> Table {
    let head = [
        "system",
        "way",
        "call",
        "out",
        "calls/s",
        "best",
        "CPU-s/1000",
        "from",
        "to",
        "all/1000",
        "p50 ms",
        "p90",
        "p99",
        "max",
        "failed",
        "again",
        "CPU saved",
        "faster",
    ];
    let mut table = Table::new(3, &head);
    for row in rows {
        let peer = peer(row, rows);
        let outstanding = match row.shape.way {
            Way::Pipelined => format!(
                "{}x{}",
                row.shape.connections,
                row.shape.outstanding / row.shape.connections.max(1)
            ),
            Way::Batch => format!("{}x{}", row.shape.connections, row.shape.batch),
            _ => row.shape.outstanding.to_string(),
        };
        table.row(vec![
            row.system.name().to_owned(),
            row.shape.way.name().to_owned(),
            row.shape.command.name().to_owned(),
            outstanding,
            number(row.per_second),
            number(row.best_per_second),
            number(row.cpu),
            number(row.cpu_range.0),
            number(row.cpu_range.1),
            number(row.cpu_all),
            number(row.latency.p50),
            number(row.latency.p90),
            number(row.latency.p99),
            number(row.latency.max),
            (row.failed as u64 + (row.calls as u64).saturating_sub(row.taken)).to_string(),
            row.retransmissions.to_string(),
            ratio(peer.map(|peer| peer.cpu / row.cpu)),
            ratio(peer.map(|peer| row.per_second / peer.per_second)),
        ]);
    }
    table
}
