//! What `/proc` tells of this machine.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the first measurement of the processors takes: their use is a difference.
const FIRST: Duration = Duration::from_millis(250);

/// One measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Processors busy, in percent.
    pub(crate) cpu: u8,
    /// Memory in use, in MB.
    pub(crate) memory: u64,
    /// The load of the last minute, as the kernel writes it.
    pub(crate) load: String,
    /// The file system's use in percent, as df(1) counts.
    pub(crate) disk: Option<u8>,
}

impl Sample {
    /// In the shape of the admin guide, `CPU:16 MEM:476`, and what is new behind it.
    pub(crate) fn note(&self) -> String {
        let mut note = format!("CPU:{} MEM:{} LOAD:{}", self.cpu, self.memory, self.load);
        if let Some(disk) = self.disk {
            note.push_str(&format!(" DISK:{disk}"));
        }
        note
    }
}

/// Measures this machine.
#[derive(Debug)]
pub(crate) struct Machine {
    disk: PathBuf,
    before: Option<Ticks>,
}

impl Machine {
    /// Fails if the file system is not there.
    pub(crate) fn new(disk: &Path) -> io::Result<Machine> {
        match disk_percent(disk) {
            Ok(_) => Ok(Machine {
                disk: disk.to_owned(),
                before: None,
            }),
            Err(error) => Err(io::Error::new(
                error.kind(),
                format!("{}: {error}", disk.display()),
            )),
        }
    }

    /// Measures; the processors since the last time.
    pub(crate) async fn sample(&mut self) -> io::Result<Sample> {
        let before = match self.before {
            Some(before) => before,
            None => {
                let first = Ticks::read()?;
                tokio::time::sleep(FIRST).await;
                first
            }
        };
        let now = Ticks::read()?;
        self.before = Some(now);
        let memory = std::fs::read_to_string("/proc/meminfo")?;
        let load = std::fs::read_to_string("/proc/loadavg")?;
        Ok(Sample {
            cpu: now.busy_since(before),
            memory: memory_used(&memory).ok_or_else(|| strange("/proc/meminfo"))?,
            load: load_of(&load).ok_or_else(|| strange("/proc/loadavg"))?,
            disk: disk_percent(&self.disk)?,
        })
    }
}

fn strange(file: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{file} is not as expected"))
}

/// Ticks of all processors since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticks {
    total: u64,
    idle: u64,
}

impl Ticks {
    fn read() -> io::Result<Ticks> {
        let text = std::fs::read_to_string("/proc/stat")?;
        Ticks::parse(&text).ok_or_else(|| strange("/proc/stat"))
    }

    /// The line `cpu`: user nice system idle iowait irq softirq steal (guest is in user).
    pub(super) fn parse(stat: &str) -> Option<Ticks> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let numbers: Vec<u64> = line
            .split_ascii_whitespace()
            .take(8)
            .map_while(|number| number.parse().ok())
            .collect();
        let idle = numbers.get(3)? + numbers.get(4).unwrap_or(&0);
        Some(Ticks {
            total: numbers.iter().sum(),
            idle,
        })
    }

    /// The busy share of the time between, in percent.
    pub(super) fn busy_since(self, before: Ticks) -> u8 {
        let total = self.total.saturating_sub(before.total);
        let idle = self.idle.saturating_sub(before.idle).min(total);
        let percent = ((total - idle) * 100 + total / 2).checked_div(total);
        u8::try_from(percent.unwrap_or(0)).unwrap_or(100)
    }
}

/// Memory that is not available to programs, in MB.
pub(super) fn memory_used(meminfo: &str) -> Option<u64> {
    let kilobytes = |name: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':')
            .split_ascii_whitespace()
            .next()?
            .parse()
            .ok()
    };
    let free = kilobytes("MemAvailable").or_else(|| kilobytes("MemFree"))?;
    Some(kilobytes("MemTotal")?.saturating_sub(free) / 1024)
}

/// The first of the three averages.
pub(super) fn load_of(loadavg: &str) -> Option<String> {
    let first = loadavg.split_ascii_whitespace().next()?;
    first.parse::<f64>().ok().map(|_| first.to_owned())
}

/// Blocks in use out of those that users may have, rounded up; `None` for file systems without
/// blocks.
fn disk_percent(path: &Path) -> io::Result<Option<u8>> {
    let stat = nix::sys::statvfs::statvfs(path)?;
    let used = stat.blocks().saturating_sub(stat.blocks_free());
    Ok(percent(used, used + stat.blocks_available()))
}

pub(super) fn percent(used: u64, total: u64) -> Option<u8> {
    let percent = used
        .checked_mul(100)?
        .checked_add(total.checked_sub(1)?)?
        .checked_div(total)?;
    u8::try_from(percent).ok()
}
