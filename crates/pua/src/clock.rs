//! The clocks: the time of the user agent, which counts from an arbitrary moment and goes on while
//! the machine is asleep, and times for people.
//!
//! On Linux an `Instant` stands still while the machine is suspended, but leases run out. So the
//! user agent's time is that of `CLOCK_BOOTTIME`, as instants. A jump of the wall clock changes
//! neither of the two: it is asked only when a time is told to people.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The longest that the engine may wait for its poller: that time stands still in a suspend as
/// well, so what is due after a resume is seen so late at most.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The two running clocks at one moment.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// Stands still in a suspend.
    instant: Instant,
    /// Since the machine was started, suspends included; `None`: this system does not tell.
    boot: Option<Duration>,
}

impl Reading {
    /// The system's clocks now. The one that stands still is read first, so that a suspend between
    /// the two readings makes time go on, not back.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn take() -> Reading {
        let instant = Instant::now();
        let boot = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME);
        Reading {
            instant,
            boot: boot.ok().map(Duration::from),
        }
    }

    /// The system's clock now.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn take() -> Reading {
        Reading {
            instant: Instant::now(),
            boot: None,
        }
    }
}

/// Where the user agent's time begins.
#[derive(Clone, Copy, Debug)]
struct Origin(Reading);

impl Origin {
    /// A reading as the user agent's time: what has passed since the origin, suspends included.
    fn time(&self, reading: Reading) -> Instant {
        let awake = reading.instant.saturating_duration_since(self.0.instant);
        let passed = match (self.0.boot, reading.boot) {
            (Some(origin), Some(boot)) => boot.saturating_sub(origin),
            _ => awake,
        };
        self.0.instant.checked_add(passed).unwrap_or(reading.instant)
    }
}

/// The user agent's time.
pub(crate) fn now() -> Instant {
    static ORIGIN: OnceLock<Origin> = OnceLock::new();
    let reading = Reading::take();
    ORIGIN.get_or_init(|| Origin(reading)).time(reading)
}

/// How long a poller may wait at `now` when something is due at `due`; `None`: for ever.
pub(crate) fn wait(now: Instant, due: Option<Instant>) -> Option<Duration> {
    due.map(|at| at.saturating_duration_since(now).min(LONGEST_WAIT))
}

/// The two clocks at one moment: instants of the user agent become times for people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// The user agent's time.
    pub(crate) now: Instant,
    /// The same moment in UTC.
    pub(crate) wall: jiff::Timestamp,
}

impl Clock {
    /// The system's clocks now.
    pub(crate) fn read() -> Clock {
        Clock {
            now: now(),
            wall: jiff::Timestamp::now(),
        }
    }

    /// An instant as RFC 3339 in UTC, to the second.
    pub(crate) fn rfc3339(&self, at: Instant) -> String {
        let offset = match at.checked_duration_since(self.now) {
            Some(ahead) => i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX),
            None => -i64::try_from((self.now - at).as_millis()).unwrap_or(i64::MAX),
        };
        let seconds = self.wall.as_millisecond().saturating_add(offset).div_euclid(1000);
        jiff::Timestamp::from_second(seconds)
            .unwrap_or(jiff::Timestamp::MAX)
            .to_string()
    }

    /// The moment itself as RFC 3339 in UTC, to the millisecond.
    pub(crate) fn rfc3339_millis(&self) -> String {
        format!("{:.3}", self.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(base: Instant, awake: u64, boot: Option<u64>) -> Reading {
        Reading {
            instant: base + Duration::from_secs(awake),
            boot: boot.map(Duration::from_secs),
        }
    }

    /// A night's sleep counts: what was due in it is due when it is over.
    #[test]
    fn a_suspend_counts() {
        let base = Instant::now();
        let origin = Origin(at(base, 0, Some(1_000)));
        let time = |awake, boot| origin.time(at(base, awake, Some(boot))) - base;
        assert_eq!(time(0, 1_000), Duration::ZERO);
        assert_eq!(time(60, 1_060), Duration::from_secs(60));
        // Asleep for eight hours.
        assert_eq!(time(61, 1_061 + 28_800), Duration::from_secs(61 + 28_800));
        assert_eq!(time(62, 1_062 + 28_800), Duration::from_secs(62 + 28_800));
    }

    /// Where the system has no such clock, time goes on as an `Instant` does, and never back.
    #[test]
    fn without_that_clock_time_is_an_instant() {
        let base = Instant::now();
        let origin = Origin(at(base, 0, None));
        assert_eq!(origin.time(at(base, 5, None)), base + Duration::from_secs(5));
        assert_eq!(origin.time(at(base, 6, Some(9))), base + Duration::from_secs(6));
        let origin = Origin(at(base, 10, Some(100)));
        assert_eq!(
            origin.time(at(base, 0, Some(0))),
            base + Duration::from_secs(10),
            "not before the origin"
        );
    }

    #[test]
    fn the_time_never_goes_back() {
        let mut last = now();
        for _ in 0..10_000 {
            let next = now();
            assert!(next >= last);
            last = next;
        }
    }

    /// The poller is asked again within seconds after a resume, whatever it was to wait for.
    #[test]
    fn a_wait_is_short() {
        let base = Instant::now();
        assert_eq!(wait(base, None), None);
        assert_eq!(
            wait(base, Some(base + Duration::from_secs(3600))),
            Some(LONGEST_WAIT)
        );
        let soon = Duration::from_millis(5);
        assert_eq!(wait(base, Some(base + soon)), Some(soon));
        assert_eq!(wait(base + soon, Some(base)), Some(Duration::ZERO));
    }

    /// The wall clock jumps: what is told to people follows it, what is due does not.
    #[test]
    fn times_for_people_follow_the_wall_clock_of_the_moment() {
        let base = Instant::now();
        let due = base + Duration::from_secs(90);
        let before = Clock {
            now: base,
            wall: "2026-11-29T10:00:00Z".parse().unwrap(),
        };
        assert_eq!(before.rfc3339(due), "2026-11-29T10:01:30Z");
        // Thirty seconds later, and set back by a day.
        let after = Clock {
            now: base + Duration::from_secs(30),
            wall: "2026-11-28T10:00:30Z".parse().unwrap(),
        };
        assert_eq!(after.rfc3339(due), "2026-11-28T10:01:30Z");
        assert_eq!(after.rfc3339(base), "2026-11-28T10:00:00Z");
    }
}
