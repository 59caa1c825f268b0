//! Times that survive the process.
//!
//! The user agent counts in [`Instant`]s, which mean nothing in another process. A store holds the
//! milliseconds of a wall clock that never jumps: the time since boot, which counts suspension
//! (CLOCK_BOOTTIME), plus an offset that was right when the clock was first looked at. Each row
//! names the [`ClockLine`] by whose offset its times were written; when the wall clock jumps by
//! more than a second, a new line begins.
//!
//! Reading them back:
//!
//! - in the same boot, only the time since boot counts: a jump of the wall clock in between
//!   changes nothing;
//! - after a reboot, the wall clock is all there is. Times of the earlier boot are corrected by
//!   the last offset known in it, so that a clock that was set right after they were written does
//!   no harm; and a wall clock that stands before the last time seen by the store is wrong and
//!   counts as standing still.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// How far the wall clock may drift away from the line before a new one begins, in milliseconds.
const JUMP: u64 = 1000;

/// Reads the user agent's clock.
pub type Time = fn() -> Instant;

/// The clocks at one moment.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The user agent's clock.
    pub now: Instant,
    /// Milliseconds since boot, suspension counted.
    pub since_boot: i64,
    /// Milliseconds since 1970-01-01 by the wall clock.
    pub wall: i64,
    /// What names this boot.
    pub boot: Boot,
}

/// A boot of the machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Boot(pub String);

impl Boot {
    /// The present one. A system that does not tell has one that is like no other, so that the
    /// wall clock counts.
    #[must_use]
    pub fn present() -> Boot {
        let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        let known = read
            .ok()
            .map(|id| id.trim().to_owned())
            .filter(|id| !id.is_empty());
        Boot(known.unwrap_or_else(|| format!("unknown-{}-{}", std::process::id(), wall())))
    }
}

impl Reading {
    /// The clocks now. `time` is the user agent's: an `Instant` of its own counting, which may go
    /// on through a suspend while the system's stands still.
    #[must_use]
    pub fn take(boot: &Boot, time: Time) -> Reading {
        Reading {
            now: time(),
            since_boot: since_boot(),
            wall: wall(),
            boot: boot.clone(),
        }
    }

    /// The time since boot at an instant, in milliseconds.
    fn since_boot_at(&self, at: Instant) -> i64 {
        let offset = match at.checked_duration_since(self.now) {
            Some(ahead) => millis(ahead),
            None => -millis(self.now.saturating_duration_since(at)),
        };
        self.since_boot.saturating_add(offset)
    }

    /// The instant `ahead` milliseconds from now.
    fn instant(&self, ahead: i64) -> Instant {
        let distance = Duration::from_millis(ahead.unsigned_abs());
        let there = if ahead < 0 {
            self.now.checked_sub(distance)
        } else {
            self.now.checked_add(distance)
        };
        // What lies before the beginning of the clock is over, which is all that matters.
        there.unwrap_or(self.now)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn wall() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => -millis(before.duration()),
    }
}

fn since_boot() -> i64 {
    // It fails on systems without that clock only; then the wall clock is as good as there is.
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or_else(
        |_| wall(),
        |time| time.tv_sec().saturating_mul(1000) + time.tv_nsec() / 1_000_000,
    )
}

/// A wall clock that does not jump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockLine {
    /// The number by which rows name it.
    pub id: i64,
    /// In which boot.
    pub boot: Boot,
    /// Wall clock less time since boot, in milliseconds.
    pub offset: i64,
    /// The latest time seen by it, in milliseconds of its own.
    pub seen: i64,
}

impl ClockLine {
    /// The line to write by from now on: the last of `lines` if it is right, else a new one.
    #[must_use]
    pub fn present(lines: &[ClockLine], reading: &Reading) -> ClockLine {
        let last = lines.iter().max_by_key(|line| line.id);
        let seen = reading.wall;
        if let Some(line) = last
            && line.fits(reading)
        {
            return ClockLine { seen, ..line.clone() };
        }
        ClockLine {
            id: last.map_or(1, |line| line.id.saturating_add(1)),
            boot: reading.boot.clone(),
            offset: reading.wall.saturating_sub(reading.since_boot),
            seen,
        }
    }

    /// Whether the wall clock still agrees with it.
    #[must_use]
    pub fn fits(&self, reading: &Reading) -> bool {
        let offset = reading.wall.saturating_sub(reading.since_boot);
        self.boot == reading.boot && offset.abs_diff(self.offset) <= JUMP
    }

    /// An instant as it is stored, in milliseconds.
    #[must_use]
    pub fn store(&self, reading: &Reading, at: Instant) -> i64 {
        reading.since_boot_at(at).saturating_add(self.offset)
    }
}

/// Reads stored times.
#[derive(Debug)]
pub struct Past<'a> {
    lines: &'a [ClockLine],
    reading: &'a Reading,
    /// The wall clock, unless it is known to be wrong.
    wall: i64,
}

impl<'a> Past<'a> {
    /// Times of these lines, read now.
    #[must_use]
    pub fn new(lines: &'a [ClockLine], reading: &'a Reading) -> Past<'a> {
        let seen = lines.iter().max_by_key(|line| line.id).map(|line| line.seen);
        Past {
            lines,
            reading,
            wall: reading.wall.max(seen.unwrap_or(i64::MIN)),
        }
    }

    /// The instant of a stored time; `None`: no such line is known.
    #[must_use]
    pub fn instant(&self, line: i64, stored: i64) -> Option<Instant> {
        let line = self.lines.iter().find(|known| known.id == line)?;
        let since_boot = stored.saturating_sub(line.offset);
        let ahead = if line.boot == self.reading.boot {
            since_boot.saturating_sub(self.reading.since_boot)
        } else {
            let same_boot = self.lines.iter().filter(|other| other.boot == line.boot);
            let last = same_boot.max_by_key(|other| other.id).unwrap_or(line);
            since_boot.saturating_add(last.offset).saturating_sub(self.wall)
        };
        Some(self.reading.instant(ahead))
    }
}

#[cfg(test)]
mod tests;
