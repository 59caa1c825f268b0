//! What processes have used and hold, as `/proc` tells: CPU time and memory of a process with all
//! its descendants, since Kamailio is a dozen of them.

use std::collections::HashMap;
use std::fs;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// Ticks a second of the CPU times in `/proc`; Linux shows all programs this one.
const TICKS: f64 = 100.0;

/// Seconds of CPU, to a hundredth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cpu {
    /// In the programs.
    pub(crate) user: f64,
    /// In the system, on their behalf.
    pub(crate) system: f64,
}

impl Cpu {
    /// Both together.
    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }
}

impl std::ops::Sub for Cpu {
    type Output = Cpu;

    fn sub(self, before: Cpu) -> Cpu {
        Cpu {
            user: self.user - before.user,
            system: self.system - before.system,
        }
    }
}

/// Bytes of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Resident; pages that several processes share count in each.
    pub(crate) resident: u64,
    /// Resident, a shared page divided among those who share it.
    pub(crate) proportional: u64,
}

/// A process and all its descendants.
pub(crate) fn family(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat"))
            && let Some(parent) = field(&stat, 1).and_then(|parent| parent.parse().ok())
        {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut family = vec![root];
    let mut at = 0;
    while let Some(&pid) = family.get(at) {
        family.extend(children.remove(&pid).unwrap_or_default());
        at += 1;
    }
    family
}

/// A field of a `stat` line, counted from the state, which is the first after the name.
fn field(stat: &str, at: usize) -> Option<&str> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(at)
}

/// CPU time that the processes have used since they began.
///
/// # Errors
/// One of them is gone.
pub(crate) fn cpu(pids: &[u32]) -> anyhow::Result<Cpu> {
    let mut sum = Cpu::default();
    for pid in pids {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("a process has ended")?;
        let seconds = |at: usize| -> anyhow::Result<f64> {
            let ticks: f64 = field(&stat, at).context("stat is short")?.parse()?;
            Ok(ticks / TICKS)
        };
        // utime and stime: fields 14 and 15 of proc(5), where the state is field 3.
        sum.user += seconds(11)?;
        sum.system += seconds(12)?;
    }
    Ok(sum)
}

/// What the processes hold now.
///
/// # Errors
/// One of them is gone.
pub(crate) fn memory(pids: &[u32]) -> anyhow::Result<Memory> {
    let mut sum = Memory::default();
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).context("a process has ended")?;
        sum.resident += kilobytes(&text, "Rss:").context("no Rss in smaps_rollup")? * 1024;
        sum.proportional += kilobytes(&text, "Pss:").context("no Pss in smaps_rollup")? * 1024;
    }
    Ok(sum)
}

/// The number of a line `NAME  NUMBER kB`.
pub(crate) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_moves_no_field() {
        let stat = "42 (a (b) c) S 7 42 42 0 -1 0 0 0 0 0 150 50 0 0";
        assert_eq!(field(stat, 0), Some("S"));
        assert_eq!(field(stat, 1), Some("7"));
        assert_eq!((field(stat, 11), field(stat, 12)), (Some("150"), Some("50")));
    }

    #[test]
    fn lines_of_kilobytes_are_read() {
        let text = "00400000-7fff rollup\nRss:      1234 kB\nPss:       567 kB\nPss_Dirty: 9 kB\n";
        assert_eq!(kilobytes(text, "Rss:"), Some(1234));
        assert_eq!(kilobytes(text, "Pss:"), Some(567));
        assert_eq!(kilobytes(text, "Swap:"), None);
    }

    #[test]
    fn this_process_is_of_its_own_family_and_uses_memory() {
        let own = std::process::id();
        assert!(family(own).contains(&own));
        assert!(memory(&[own]).unwrap().resident > 100_000);
        assert!(cpu(&[own]).unwrap().total() >= 0.0);
    }
}
