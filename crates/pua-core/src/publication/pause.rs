//! How long a publication waits before it is sent again, and whose patience that is.

use std::time::{Duration, Instant};

use super::Cause;

/// A pause: first for as long as the server asked for (R3903-55), then by our own patience. A
/// command cuts short only the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    /// When it is tried again.
    pub(crate) retry_at: Instant,
    /// So many milliseconds before that the quiet is over: a number, since all publications have
    /// room for it.
    own_ms: u32,
    /// On whose behalf it is sent then.
    pub(crate) cause: Cause,
}

impl Pause {
    /// By our own patience alone.
    pub(crate) fn ours(now: Instant, retry_at: Instant, cause: Cause) -> Self {
        // Rounded up: the quiet has never begun.
        let own = millis(retry_at.saturating_duration_since(now)).saturating_add(1);
        Pause {
            retry_at,
            own_ms: own,
            cause,
        }
    }

    /// The server wants nothing before `quiet_until`.
    pub(crate) fn asked_for(quiet_until: Instant, retry_at: Instant, cause: Cause) -> Self {
        Pause {
            retry_at: retry_at.max(quiet_until),
            own_ms: millis(retry_at.saturating_duration_since(quiet_until)),
            cause,
        }
    }

    /// Until when the server wants nothing.
    pub(crate) fn quiet_until(&self) -> Instant {
        let own = Duration::from_millis(u64::from(self.own_ms));
        self.retry_at.checked_sub(own).unwrap_or(self.retry_at)
    }

    /// Whether the server wants nothing now.
    pub(crate) fn is_quiet(&self, now: Instant) -> bool {
        self.quiet_until() > now
    }

    /// An application wants it sent: as soon as the server allows.
    pub(crate) fn cut_short(&mut self) {
        *self = Pause {
            retry_at: self.quiet_until(),
            own_ms: 0,
            cause: Cause::Application,
        };
    }
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_cuts_short_what_is_ours() {
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut wait = Pause::ours(now, at(4000), Cause::Ourselves);
        assert!(!wait.is_quiet(now));
        wait.cut_short();
        assert!(wait.retry_at <= now);
        let mut wait = Pause::asked_for(at(2000), at(9000), Cause::Ourselves);
        assert!(wait.is_quiet(at(1999)) && !wait.is_quiet(at(2000)));
        wait.cut_short();
        assert_eq!((wait.retry_at, wait.cause), (at(2000), Cause::Application));
        assert!(wait.is_quiet(at(1999)));
    }
}
