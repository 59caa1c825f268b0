//! When to refresh, when to try again: pure arithmetic of leases.

use std::time::Duration;

/// The longest Retry-After that is obeyed (SEC-07): a peer must not silence us for ever.
pub(crate) const RETRY_AFTER_CAP: Duration = Duration::from_secs(24 * 3600);

/// The shortest time from a grant to its refresh, so that tiny grants make no loop.
const REFRESH_FLOOR: Duration = Duration::from_millis(500);

/// How long after the request was sent a lease of `granted` seconds is refreshed; `fraction` is
/// random in `0..1`.
///
/// Up to 1200 s at 40 to 50 % of the lease; a longer one at 50 % or later, and 600 s before its
/// end at the latest: room for several transactions that time out, and a spread wide enough that
/// leases granted together are not refreshed together.
pub(crate) fn refresh_after(granted: u32, fraction: f64) -> Duration {
    let granted = f64::from(granted);
    let (earliest, latest) = if granted > 1200.0 {
        (granted * 0.5, granted - 600.0)
    } else {
        (granted * 0.4, granted * 0.5)
    };
    let after = earliest + (latest - earliest) * fraction.clamp(0.0, 1.0);
    Duration::from_secs_f64(after.max(0.0)).max(REFRESH_FLOOR)
}

/// How soon a lease of an earlier life is refreshed of which `left` is left; zero: at once;
/// `fraction` is random in `0..1`.
///
/// Any time at which its own life could have refreshed it will do, so it is uniform up to the
/// latest of them: leases taken up together are spread as widely as they can be.
pub(crate) fn taken_up_after(left: Duration, fraction: f64) -> Duration {
    let left = left.as_secs_f64();
    let latest = if left > 1200.0 { left - 600.0 } else { left * 0.5 };
    if left < 1.0 {
        return Duration::ZERO;
    }
    Duration::from_secs_f64(latest * fraction.clamp(0.0, 1.0))
}

/// Why a request is tried again, which decides how patiently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// The server, or the way to it, failed: soon, then ever more slowly.
    Outage,
    /// The server answered, and asked for quiet (503 with Retry-After): as with an outage, but that
    /// others are answered says nothing of this one.
    Asked,
    /// The server does not know the presentity (404, 410, 604): in minutes.
    Slow,
}

/// How long to wait before try number `failures` + 1; `fraction` is random in `0..1`. Doubles
/// from 4 s to 300 s, or from 300 s to 1800 s, and is then shortened to between 50 and 100 %, so
/// that those who failed together do not come back together.
pub(crate) fn back_off(patience: Patience, failures: u32, fraction: f64) -> Duration {
    let (base, cap) = match patience {
        Patience::Outage | Patience::Asked => (4.0, 300.0),
        Patience::Slow => (300.0, 1800.0),
    };
    let doublings = i32::try_from(failures.saturating_sub(1).min(16)).unwrap_or(16);
    let longest = f64::min(base * f64::powi(2.0, doublings), cap);
    Duration::from_secs_f64(longest * (0.5 + 0.5 * fraction.clamp(0.0, 1.0)))
}

/// A time in whole seconds, as header fields have it: rounded up.
pub(crate) fn whole_seconds(time: Duration) -> u32 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// A Retry-After below this does not replace our own back-off (R3903-64): who is told `0` by a
/// server that goes on failing would ask it as fast as it answers.
const SHORT: Duration = Duration::from_secs(10);

/// How long to wait when the server asked for `quiet`, and we would have waited for `own`.
pub(crate) fn waited(quiet: Duration, own: Duration) -> Duration {
    if quiet < SHORT { quiet.max(own) } else { quiet }
}

/// What a Retry-After of so many seconds is worth.
pub(crate) fn obeyed(retry_after: u32) -> Duration {
    Duration::from_secs(u64::from(retry_after)).min(RETRY_AFTER_CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R3903-31: before the end, with room for a whole transaction time-out where there is room.
    #[test]
    fn r3903_31_room_for_a_transaction() {
        for fraction in [0.0, 0.5, 1.0] {
            for granted in [64, 80, 300, 600, 1200, 1201, 1800, 3600, 86_400, u32::MAX] {
                let after = refresh_after(granted, fraction).as_secs_f64();
                assert!(f64::from(granted) - after >= 32.0, "{granted}: {after}");
                assert!(after >= 0.39 * f64::from(granted), "{granted}: {after}");
            }
            assert!(refresh_after(3600, fraction).as_secs() <= 3000);
        }
    }

    /// R3903-32: leases granted together are refreshed apart.
    #[test]
    fn r3903_32_spread() {
        assert!(refresh_after(3600, 1.0) - refresh_after(3600, 0.0) >= Duration::from_secs(1000));
        assert!(refresh_after(60, 1.0) - refresh_after(60, 0.0) >= Duration::from_secs(5));
    }

    /// R3903-70: in time, at any time, at once when there is no time left.
    #[test]
    fn r3903_70_taken_up() {
        let after = |left, fraction| taken_up_after(Duration::from_secs_f64(left), fraction).as_secs_f64();
        assert_eq!(after(0.0, 1.0), 0.0);
        assert_eq!(after(0.9, 1.0), 0.0);
        assert_eq!(after(60.0, 1.0), 30.0);
        assert_eq!(after(60.0, 0.5), 15.0);
        assert_eq!(after(3600.0, 1.0), 3000.0);
        assert_eq!(after(3600.0, 0.0), 0.0);
    }

    /// R3903-33: no loop on tiny grants.
    #[test]
    fn r3903_33_floor() {
        for granted in 0..4 {
            assert!(refresh_after(granted, 0.0) >= REFRESH_FLOOR);
        }
        assert!(refresh_after(10, 0.0) >= Duration::from_secs(4));
    }

    /// R3903-64: exponential, jittered, capped.
    #[test]
    fn r3903_64_back_off() {
        let longest: Vec<u64> = (1..9)
            .map(|n| back_off(Patience::Outage, n, 1.0).as_secs())
            .collect();
        assert_eq!(longest, [4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(back_off(Patience::Outage, 1, 0.0), Duration::from_secs(2));
        assert_eq!(
            back_off(Patience::Outage, u32::MAX, 1.0),
            Duration::from_secs(300)
        );
        assert_eq!(back_off(Patience::Slow, 1, 0.0), Duration::from_secs(150));
    }

    /// R3903-64: a short Retry-After does not shorten our own back-off, a long one replaces it.
    #[test]
    fn r3903_64_short_retry_after() {
        let seconds = Duration::from_secs;
        assert_eq!(waited(seconds(0), seconds(4)), seconds(4));
        assert_eq!(waited(seconds(2), seconds(300)), seconds(300));
        assert_eq!(waited(seconds(9), seconds(4)), seconds(9));
        assert_eq!(waited(seconds(20), seconds(300)), seconds(20));
    }

    /// SEC-07: a peer cannot silence us for ever.
    #[test]
    fn sec_07_retry_after_is_capped() {
        assert_eq!(obeyed(20), Duration::from_secs(20));
        assert_eq!(obeyed(u32::MAX), RETRY_AFTER_CAP);
    }
}
