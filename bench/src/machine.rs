//! On what machine, when and of which code something was measured.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::kamailio;
use crate::process::kilobytes;

/// The circumstances of a measurement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) processor: String,
    /// Processors.
    pub(crate) processors: usize,
    /// GiB of memory.
    pub(crate) memory_gib: f64,
    /// The kernel.
    pub(crate) kernel: String,
    /// Processes that wanted a processor when it began, beside the measurement: the load average.
    pub(crate) load: f64,
    /// When it began, RFC 3339.
    pub(crate) date: String,
    /// The commit that was measured; ends with `+` where files were changed since.
    pub(crate) commit: String,
    /// Whether `pua` was built without optimisation: then its figures say nothing.
    pub(crate) debug_build: bool,
    /// Kamailio's version, if it took part.
    pub(crate) kamailio: Option<String>,
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

/// The circumstances now.
pub(crate) fn now(program: &std::path::Path) -> Machine {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map(|(_, name)| name.trim().to_owned());
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let changed =
        said("git", &["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| !text.is_empty());
    let commit = said("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    Machine {
        processor: name.unwrap_or_else(|| "unknown".to_owned()),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        memory_gib: kilobytes(&meminfo, "MemTotal:").unwrap_or(0) as f64 / f64::from(1 << 20),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .unwrap_or_default()
            .trim()
            .to_owned(),
        load: load
            .split(' ')
            .next()
            .and_then(|load| load.parse().ok())
            .unwrap_or(0.0),
        date: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        commit: format!("{commit}{}", if changed { "+" } else { "" }),
        debug_build: program.components().any(|part| part.as_os_str() == "debug"),
        kamailio: kamailio::version(),
    }
}
