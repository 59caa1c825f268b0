//! What is measured, as it is kept in JSON: from it plots and the page are made.

use std::path::Path;

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::client::Shape;
use crate::figures::{Evenness, Latency};
use crate::machine::Machine;
use crate::publisher::System;
use crate::sink::Counts;

/// One way of calling one system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PublishRow {
    pub(crate) system: System,
    pub(crate) shape: Shape,
    /// How often it was measured; the figures are medians, but where another thing is said.
    pub(crate) rounds: usize,
    /// Calls of all rounds.
    pub(crate) calls: usize,
    /// Calls whose answer was no success.
    pub(crate) failed: usize,
    /// PUBLISH requests that the sink accepted.
    pub(crate) taken: u64,
    /// PUBLISH requests that came again.
    pub(crate) retransmissions: u64,
    /// Calls a second, until the sink has what they publish.
    pub(crate) per_second: f64,
    /// The same in the best round.
    pub(crate) best_per_second: f64,
    /// CPU seconds of the system's own processes for 1000 publications that arrived.
    pub(crate) cpu: f64,
    /// The least and the most of any round.
    pub(crate) cpu_range: (f64, f64),
    /// CPU seconds of all processes for 1000: with the sink and the load generator.
    pub(crate) cpu_all: f64,
    /// Of a message; milliseconds.
    pub(crate) latency: Latency,
}

/// What a held publication weighs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WeightRow {
    pub(crate) system: System,
    pub(crate) publications: usize,
    /// Bytes resident for each, of the system's processes.
    pub(crate) resident: f64,
    /// The same with shared pages divided.
    pub(crate) proportional: f64,
}

/// How evenly refreshes come, and how timely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RefreshRow {
    pub(crate) system: System,
    pub(crate) publications: usize,
    /// Seconds that the sink grants.
    pub(crate) grant: u32,
    /// Seconds that were looked at, from when all were published.
    pub(crate) seconds: f64,
    /// Over that time.
    pub(crate) evenness: Evenness,
    /// Over the second half of it, when the first burst has worn off.
    pub(crate) settled: Evenness,
    /// What the sink has counted.
    pub(crate) counts: Counts,
    /// CPU seconds of the system's processes for 1000 refreshes; `None` if none was accepted.
    pub(crate) cpu: Option<f64>,
    /// Requests for each 100 ms.
    pub(crate) bins: Vec<u32>,
    /// Those of them that came again.
    pub(crate) repeated: Vec<u32>,
}

/// Everything side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct All {
    pub(crate) machine: Machine,
    pub(crate) quick: bool,
    pub(crate) took_seconds: f64,
    pub(crate) publish: Vec<PublishRow>,
    pub(crate) weight: Vec<WeightRow>,
    pub(crate) refresh: Vec<RefreshRow>,
    /// What could not be measured, and why.
    pub(crate) left_out: Vec<String>,
}

/// A moment of a long run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Seconds since the run began to be looked at.
    pub(crate) at: f64,
    /// Bytes resident: of the daemon, of the sink.
    pub(crate) daemon: u64,
    pub(crate) sink: u64,
    /// CPU seconds since the sample before, for each second: of the daemon, of the sink.
    pub(crate) daemon_cpu: f64,
    pub(crate) sink_cpu: f64,
    /// Publications at the sink.
    pub(crate) held: usize,
}

/// A great many publications, held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hold {
    pub(crate) machine: Machine,
    pub(crate) system: System,
    pub(crate) publications: usize,
    /// Seconds asked for, -1: until told otherwise; seconds granted.
    pub(crate) expires: i64,
    pub(crate) grant: u32,
    /// How long it took to make them, and CPU seconds of daemon, sink and generator for 1000.
    pub(crate) making_seconds: f64,
    pub(crate) making_cpu: [f64; 3],
    pub(crate) failed: usize,
    pub(crate) held_seconds: f64,
    /// Bytes resident for each: daemon and sink.
    pub(crate) daemon_bytes: f64,
    pub(crate) sink_bytes: f64,
    /// CPU seconds for each second while they were held: daemon and sink.
    pub(crate) daemon_cpu: f64,
    pub(crate) sink_cpu: f64,
    pub(crate) samples: Vec<Sample>,
    pub(crate) counts: Counts,
    pub(crate) evenness: Evenness,
    /// Requests for each 100 ms, from the end of the making on.
    pub(crate) bins: Vec<u32>,
}

/// A daemon that comes back with a great many publications in its store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Restart {
    pub(crate) machine: Machine,
    pub(crate) system: System,
    pub(crate) publications: usize,
    /// Seconds granted; all are held until told otherwise.
    pub(crate) grant: u32,
    /// Whether it was killed, not stopped.
    pub(crate) killed: bool,
    /// Seconds to its end.
    pub(crate) stopping_seconds: f64,
    /// Seconds from its new start until it served.
    pub(crate) ready_seconds: f64,
    /// Seconds from its new start until the first request arrived at the sink.
    pub(crate) first_seconds: Option<f64>,
    /// Seconds from its new start until something had come of each.
    pub(crate) all_seconds: Option<f64>,
    /// Bytes of the store's files.
    pub(crate) store_bytes: u64,
    pub(crate) counts: Counts,
    /// Requests for each 100 ms from its new start on.
    pub(crate) bins: Vec<u32>,
}

/// A server that comes back knowing nobody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Refill {
    pub(crate) machine: Machine,
    pub(crate) system: System,
    pub(crate) publications: usize,
    pub(crate) grant: u32,
    /// Milliseconds that the server takes to answer.
    pub(crate) delay_ms: u64,
    /// Seconds that it was away.
    pub(crate) away_seconds: f64,
    /// Seconds from its new start until it had all.
    pub(crate) all_seconds: Option<f64>,
    /// Calls of applications meanwhile: how many a second, and what became of them.
    pub(crate) calls_per_second: f64,
    pub(crate) calls: usize,
    pub(crate) failed: usize,
    pub(crate) latency: Latency,
    /// Of as many before the server went.
    pub(crate) latency_before: Latency,
    pub(crate) counts: Counts,
    /// Requests for each 100 ms from its new start on.
    pub(crate) bins: Vec<u32>,
    /// Publications at the server, each second.
    pub(crate) held: Vec<usize>,
}

/// Writes a result; whoever reads the file finds it whole.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let temporary = path.with_extension("part");
    std::fs::write(&temporary, text)?;
    std::fs::rename(&temporary, path).with_context(|| format!("cannot write {}", path.display()))
}

/// Keeps a result as JSON.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn keep(path: &Path, result: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string(result)?;
    text.push('\n');
    write(path, &text)?;
    println!("written: {}", path.display());
    Ok(())
}

/// A result that was kept; `None` if there is none.
///
/// # Errors
/// The file is no such result.
pub(crate) fn kept<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    match std::fs::read(path) {
        Ok(text) => {
            let result = serde_json::from_slice(&text);
            result
                .map(Some)
                .with_context(|| format!("{} is no result", path.display()))
        }
        Err(_) => Ok(None),
    }
}
