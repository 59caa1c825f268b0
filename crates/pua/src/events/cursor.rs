//! Where in the stream a reader is, as a text that it can keep.

use std::fmt;
use std::str::FromStr;

/// One life of the daemon: numbers of another life mean nothing in this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

impl Epoch {
    /// The life that begins at this moment; later lives compare greater as numbers, which nobody
    /// relies on.
    pub(crate) fn beginning(at: jiff::Timestamp) -> Epoch {
        Epoch(u64::try_from(at.as_microsecond()).unwrap_or_default())
    }

    /// One that is not this.
    pub(super) const fn earlier(self) -> Epoch {
        Epoch(self.0.wrapping_sub(1))
    }

    /// The life with this number in the store.
    pub(crate) const fn stored(life: u64) -> Epoch {
        Epoch(life)
    }
}

/// Where a stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// What tells this life's cursors from those of others.
    pub(crate) epoch: Epoch,
    /// The last number that an earlier life may have given.
    pub(crate) last: u64,
}

impl Life {
    /// One that knows of no other, since nothing outlives it.
    pub(crate) fn only() -> Life {
        Life {
            epoch: Epoch::beginning(jiff::Timestamp::now()),
            last: 0,
        }
    }
}

/// After which event a reader wants to go on. The text is opaque to readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The life of the daemon.
    pub(crate) epoch: Epoch,
    /// The number of the event that was read last; 0: none.
    pub(crate) number: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.epoch.0, self.number)
    }
}

/// The text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no cursor of this daemon: give back the text of the member `cursor`, or leave it out")]
pub(crate) struct BadCursor;

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Cursor, BadCursor> {
        let (epoch, number) = text.trim().split_once('-').ok_or(BadCursor)?;
        let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_alphanumeric());
        if !plain(epoch) || !plain(number) {
            return Err(BadCursor);
        }
        Ok(Cursor {
            epoch: Epoch(u64::from_str_radix(epoch, 16).map_err(|_| BadCursor)?),
            number: number.parse().map_err(|_| BadCursor)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_nothing_else_is_one() {
        let cursor = Cursor {
            epoch: Epoch::beginning("2026-11-23T08:00:00Z".parse().unwrap()),
            number: 42,
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "g-1",
            "1-+1",
            "1-1-1",
            "fffffffffffffffff-1",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(BadCursor), "{text}");
        }
    }
}
