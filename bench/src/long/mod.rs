//! Long runs with a great many publications.

mod hold;
mod refill;
mod restart;

use std::time::Duration;

use clap::ValueEnum;

use crate::call::Command;
use crate::client::{Client, Shape, Tally, Until, Way};
use crate::process::{self, Cpu};
use crate::publisher::{Publisher, System, until};
use crate::sink::SinkProcess;

pub(crate) use self::hold::{Load as HoldLoad, run as hold, table as hold_table};
pub(crate) use self::refill::{Load as RefillLoad, run as refill, table as refill_table};
pub(crate) use self::restart::{Load as RestartLoad, run as restart, table as restart_table};

/// Where ours keeps what it must not lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    /// In memory only.
    Memory,
    /// SQLite, written within 100 ms.
    Relaxed,
    /// SQLite, on disk before the answer.
    Commit,
}

impl Durability {
    fn system(self) -> System {
        match self {
            Durability::Memory => System::Memory,
            Durability::Relaxed => System::Relaxed,
            Durability::Commit => System::Commit,
        }
    }
}

/// Calls outstanding while the publications are made.
const WINDOW: usize = 64;

/// What making the publications cost.
struct Made {
    tally: Tally,
    daemon: Cpu,
    sink: Cpu,
    own: Cpu,
}

/// Has so many published, over UNIX datagrams, and waits until the sink has them all.
fn make(publisher: &Publisher, sink: &mut SinkProcess, count: usize, expires: i64) -> anyhow::Result<Made> {
    let shape = Shape::single(Way::Unix, Command::Publish, WINDOW);
    let mut client = Client::connect(&publisher.doors, shape, count)?.asking_for(expires);
    let used = |publisher: &Publisher, sink: u32| -> anyhow::Result<[Cpu; 3]> {
        Ok([
            publisher.cpu()?,
            process::cpu(&[sink])?,
            process::cpu(&[std::process::id()])?,
        ])
    };
    let [daemon, other, own] = used(publisher, sink.pid())?;
    let mut tally = Tally::default();
    let mut done = 0;
    while done < count {
        let part = (count / 10).max(1).min(count - done);
        let next = client.run(Until::Calls(part))?;
        done += part;
        tally.calls += next.calls;
        tally.failed += next.failed;
        tally.took += next.took;
        println!(
            "{done} published, {:.0} a second",
            part as f64 / next.took.as_secs_f64()
        );
    }
    let after = used(publisher, sink.pid())?;
    anyhow::ensure!(tally.failed == 0, "{} of {count} calls failed", tally.failed);
    until("all are at the sink", Duration::from_secs(60), || {
        Ok(sink.counts()?.presentities >= count)
    })?;
    Ok(Made {
        tally,
        daemon: after[0] - daemon,
        sink: after[1] - other,
        own: after[2] - own,
    })
}
