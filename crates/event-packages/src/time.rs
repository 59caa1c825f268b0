//! Points in time as the documents write them (RFC 3339, xs:dateTime).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A point in time. Read leniently, written in UTC with capital `T` and `Z` (RFC 3863 §4.1.7, CXML-05).
///
/// Ordered by time; offsets of the text it was read from are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(jiff::Timestamp);

/// 0001-01-01T00:00:00Z.
const YEAR_ONE: i64 = -62_135_596_800;

/// The text is no date and time with an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadTimestamp;

impl fmt::Display for BadTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a date and time of the form 2026-01-15T09:30:00Z")
    }
}

impl std::error::Error for BadTimestamp {}

impl Timestamp {
    /// Reads a date and time with its offset: `T` and `Z` in either case, or a blank for the `T`, fractions of a
    /// second in any length (kept to nanoseconds). Without an offset UTC is meant, as old peers do.
    ///
    /// # Errors
    /// [`BadTimestamp`] when the text is none, or the year is outside 0001–9999.
    pub fn parse(text: &str) -> Result<Self, BadTimestamp> {
        let text = text.trim_matches(crate::xml::BLANKS);
        if !text.is_ascii() || text.len() < 19 || text.len() > 48 || text.contains('[') {
            return Err(BadTimestamp);
        }
        let (date_time, offset) = split_offset(text);
        let mut whole = String::with_capacity(text.len() + 1);
        let (seconds, fraction) = date_time.split_once(['.', ',']).unwrap_or((date_time, ""));
        whole.push_str(&seconds.to_ascii_uppercase());
        if !fraction.is_empty() {
            if !fraction.bytes().all(|b| b.is_ascii_digit()) {
                return Err(BadTimestamp);
            }
            whole.push('.');
            whole.push_str(fraction.get(..9).unwrap_or(fraction));
        }
        whole.push_str(if offset.is_empty() || offset == "z" {
            "Z"
        } else {
            offset
        });
        let read = whole.parse().map_err(|_| BadTimestamp)?;
        Self::within(read).ok_or(BadTimestamp)
    }

    /// A time in a year that xs:dateTime can write.
    fn within(time: jiff::Timestamp) -> Option<Self> {
        (time.as_second() >= YEAR_ONE).then_some(Self(time))
    }

    /// From seconds since 1970-01-01T00:00:00Z; `None` outside the years that can be written.
    pub fn from_unix(seconds: i64) -> Option<Self> {
        jiff::Timestamp::from_second(seconds).ok().and_then(Self::within)
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub fn unix(self) -> i64 {
        self.0.as_second()
    }

    /// A millisecond later, in whole milliseconds.
    #[must_use]
    pub fn next(self) -> Self {
        let next = jiff::Timestamp::from_millisecond(self.0.as_millisecond().saturating_add(1));
        next.map_or(self, Self)
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub fn unix_nanos(self) -> i128 {
        self.0.as_nanosecond()
    }
}

/// Date and time, and the offset behind it (empty, `Z`, or `+hh:mm`).
fn split_offset(text: &str) -> (&str, &str) {
    if let Some(rest) = text.strip_suffix(['Z', 'z']) {
        return (rest, "Z");
    }
    // a sign behind the date is an offset's
    let at = text
        .char_indices()
        .skip(11)
        .find(|(_, c)| matches!(c, '+' | '-'))
        .map_or(text.len(), |(at, _)| at);
    text.split_at_checked(at).unwrap_or((text, ""))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    fn from_str(text: &str) -> Result<Self, BadTimestamp> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = BadTimestamp;

    fn try_from(text: String) -> Result<Self, BadTimestamp> {
        Self::parse(&text)
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.to_string()
    }
}
