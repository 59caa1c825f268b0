//! Seconds from now: Expires, Min-Expires and their like (RFC 3261 §20.19, §20.23).

use crate::grammar::{decimal, trim};

/// `delta-seconds`, from 0 to 2^32-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeltaSeconds(pub u32);

impl DeltaSeconds {
    /// The number, or `None` when the value is malformed (signs, other characters, nothing), which
    /// means that the header counts as absent (RFC 3261 §20.19). Digits beyond 2^32-1 are 2^32-1.
    /// A parameter after the number, which no RFC defines, is not looked at.
    pub fn parse(value: &[u8]) -> Option<DeltaSeconds> {
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let digits = trim(value.get(..end).unwrap_or_default());
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        Some(DeltaSeconds(decimal(digits).unwrap_or(u32::MAX)))
    }

    /// The seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}
