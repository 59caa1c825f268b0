//! Times of the user agent, which counts from an arbitrary moment, as times for people.

use std::time::Instant;

/// The two clocks at one moment: instants of the user agent become times for people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Monotonic.
    pub(crate) now: Instant,
    /// The same moment in UTC.
    pub(crate) wall: jiff::Timestamp,
}

impl Clock {
    /// The system's clocks now.
    pub(crate) fn read() -> Clock {
        Clock {
            now: Instant::now(),
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
