//! Nonces that carry their own time and proof, and what is kept to refuse replays.

use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;

use crate::algorithm::hmac_sha256;

/// A nonce read back and found to be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nonce {
    pub(crate) serial: u64,
    issued_ms: u64,
}

/// Makes nonces: 16 digits of time, 16 of a serial number, 32 of a keyed hash over both.
pub(crate) struct NonceMint {
    key: [u8; 32],
    epoch: Instant,
    next: u64,
}

impl NonceMint {
    pub(crate) fn new(now: Instant, key: [u8; 32]) -> NonceMint {
        NonceMint {
            key,
            epoch: now,
            next: 1,
        }
    }

    pub(crate) fn issue(&mut self, now: Instant) -> String {
        let serial = self.next;
        self.next += 1;
        let issued_ms = self.millis(now);
        format!(
            "{issued_ms:016x}{serial:016x}{:032x}",
            self.proof(issued_ms, serial)
        )
    }

    /// The nonce, if it was issued here; it may be too old.
    pub(crate) fn read(&self, text: &str) -> Option<Nonce> {
        let field = |from: usize, to: usize| {
            let digits = text.get(from..to)?;
            digits
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit())
                .then(|| u128::from_str_radix(digits, 16).ok())
                .flatten()
        };
        if text.len() != 64 {
            return None;
        }
        let issued_ms = u64::try_from(field(0, 16)?).ok()?;
        let serial = u64::try_from(field(16, 32)?).ok()?;
        let proof = field(32, 64)?;
        let genuine = proof
            .to_be_bytes()
            .ct_eq(&self.proof(issued_ms, serial).to_be_bytes());
        bool::from(genuine).then_some(Nonce { serial, issued_ms })
    }

    pub(crate) fn age(&self, now: Instant, nonce: Nonce) -> Duration {
        Duration::from_millis(self.millis(now).saturating_sub(nonce.issued_ms))
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }

    fn proof(&self, issued_ms: u64, serial: u64) -> u128 {
        let message = (u128::from(issued_ms) << 64) | u128::from(serial);
        let mac = hmac_sha256(&self.key, &message.to_be_bytes());
        mac.iter()
            .take(16)
            .fold(0, |proof, byte| (proof << 8) | u128::from(*byte))
    }
}

/// Which nonce counts were seen, for a bounded number of nonces. A nonce takes a place only once
/// correct credentials used it, so strangers cannot push others out.
pub(crate) struct Seen {
    places: Vec<Place>,
}

#[derive(Clone, Copy, Default)]
struct Place {
    serial: u64,
    highest: u32,
    /// Bit n: `highest - n` was seen. Requests of one client may overtake each other.
    window: u64,
}

impl Seen {
    pub(crate) fn new(places: usize) -> Seen {
        Seen {
            places: vec![Place::default(); places.max(1)],
        }
    }

    /// Notes a count; `false` if it was there before, is too far back, or its place was lost to
    /// a later nonce.
    pub(crate) fn note(&mut self, serial: u64, count: u32) -> bool {
        let index = usize::try_from(serial % self.places.len() as u64).unwrap_or(0);
        let Some(place) = self.places.get_mut(index) else {
            return false;
        };
        if place.serial > serial || count == 0 {
            return false;
        }
        if place.serial < serial {
            *place = Place {
                serial,
                highest: count,
                window: 1,
            };
            return true;
        }
        if count > place.highest {
            place.window = place.window.checked_shl(count - place.highest).unwrap_or(0) | 1;
            place.highest = count;
            return true;
        }
        let Some(bit) = 1u64.checked_shl(place.highest - count) else {
            return false;
        };
        let fresh = place.window & bit == 0;
        place.window |= bit;
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_read_back_and_a_changed_one_is_not() {
        let now = Instant::now();
        let mut mint = NonceMint::new(now, [7; 32]);
        let later = now + Duration::from_secs(5);
        let text = mint.issue(later);
        let nonce = mint.read(&text).unwrap();
        assert_eq!(
            mint.age(later + Duration::from_secs(3), nonce),
            Duration::from_secs(3)
        );
        assert_ne!(mint.issue(later), text);
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(mint.read(std::str::from_utf8(&changed).unwrap()), None, "{at}");
        }
        assert_eq!(NonceMint::new(now, [8; 32]).read(&text), None);
        assert_eq!(mint.read(""), None);
        assert_eq!(mint.read(&"ä".repeat(32)), None);
        assert_eq!(mint.read(&format!("+{}", &text[1..])), None);
    }

    #[test]
    fn each_count_counts_once() {
        let mut seen = Seen::new(4);
        for count in [1, 3, 2, 70] {
            assert!(seen.note(9, count), "{count}");
            assert!(!seen.note(9, count), "{count} again");
        }
        assert!(!seen.note(9, 6), "further back than the window");
        assert!(seen.note(9, 7));
        assert!(!seen.note(9, 0));
    }

    #[test]
    fn a_later_nonce_in_the_same_place_ends_the_earlier() {
        let mut seen = Seen::new(4);
        assert!(seen.note(1, 1));
        assert!(seen.note(5, 1));
        assert!(!seen.note(1, 2));
        assert!(seen.note(5, 2));
    }
}
