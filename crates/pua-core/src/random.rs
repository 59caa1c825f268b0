//! Identifiers that nobody can guess: Call-IDs, tags, cnonces.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use sha2::{Digest, Sha256};

use crate::subscriber::SetIdentity;

/// A source of identifiers and of jitter, seeded once from the system's random source.
pub(crate) struct Random {
    source: StdRng,
    engine: u8,
    /// What the identities of publications are derived from; nobody else knows it.
    secret: [u8; 32],
    /// The identity that was asked for last, and its key: what is written to the store is sent next.
    last: Option<(u64, Identity)>,
}

/// Call-ID and From tag of one publication's requests, as text.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    call_id: [u8; 32],
    from_tag: [u8; 18],
}

impl Identity {
    /// 128 bits that nobody can guess, and no host name (RFC 3261 §8.1.1.4).
    pub(crate) fn call_id(&self) -> &str {
        std::str::from_utf8(&self.call_id).unwrap_or_default()
    }

    /// The engine's number and 64 such bits (RFC 3261 §19.3 asks for 32).
    pub(crate) fn tag(&self) -> &str {
        std::str::from_utf8(&self.from_tag).unwrap_or_default()
    }
}

/// Writes bytes as hexadecimal digits, as far as there is room.
fn hex<'a>(bytes: impl Iterator<Item = &'a u8>, out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble & 15)).copied().unwrap_or(b'0');
    for (byte, [high, low]) in bytes.zip(out.as_chunks_mut().0) {
        (*high, *low) = (digit(byte >> 4), digit(*byte));
    }
}

impl Random {
    pub(crate) fn new(seed: [u8; 32], engine: u8) -> Self {
        let mut source = StdRng::from_seed(seed);
        let mut secret = [0; 32];
        source.fill_bytes(&mut secret);
        Random {
            source,
            engine,
            secret,
            last: None,
        }
    }

    /// A seed for another source.
    pub(crate) fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.source.fill_bytes(&mut seed);
        seed
    }

    /// Call-ID and From tag of the publication with this key. They follow from the key and from
    /// the seed of this life, so that none of a million has to be kept, and none of an earlier
    /// life is used again (R3903-13, R3261-032).
    pub(crate) fn identity_of(&self, key: u64) -> Identity {
        let digest = Sha256::new()
            .chain_update(self.secret)
            .chain_update(key.to_be_bytes())
            .finalize();
        let mut identity = Identity {
            call_id: [b'0'; 32],
            from_tag: [b'0'; 18],
        };
        hex(digest.iter(), &mut identity.call_id);
        let tag = std::iter::once(&self.engine).chain(digest.iter().skip(16));
        hex(tag, &mut identity.from_tag);
        identity
    }

    /// As [`Random::identity_of`], which costs a digest, but twice in a row for the price of one.
    pub(crate) fn identity(&mut self, key: u64) -> Identity {
        if let Some((_, identity)) = self.last.filter(|(of, _)| *of == key) {
            return identity;
        }
        let identity = self.identity_of(key);
        self.last = Some((key, identity));
        identity
    }

    /// The engine's number and 64 random bits (RFC 3261 §19.3 asks for 32).
    pub(crate) fn tag(&mut self) -> Arc<str> {
        Arc::from(format!("{:02x}{:016x}", self.engine, self.source.next_u64()))
    }

    /// Call-ID and tag of a new set of dialogs of the subscription at `index`, whose presentity has
    /// this slot.
    pub(crate) fn set_identity(&mut self, slot: u8, index: u32) -> SetIdentity {
        SetIdentity::new(self.source.random(), slot, self.source.next_u64(), index)
    }

    /// A client nonce for digest.
    pub(crate) fn cnonce(&mut self) -> String {
        format!("{:016x}", self.source.next_u64())
    }

    /// Uniform in `0..1`.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.source.random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R3261-032: one for each key and life, and of the form that the engine can be read.
    #[test]
    fn r3261_032_identities() {
        let (mut one, other) = (Random::new([1; 32], 7), Random::new([2; 32], 7));
        let (a, b, c) = (one.identity_of(1), one.identity_of(2), other.identity_of(1));
        for (key, same) in [(1, &a), (2, &b), (2, &b), (1, &a)] {
            let identity = one.identity(key);
            assert_eq!((identity.call_id(), identity.tag()), (same.call_id(), same.tag()));
        }
        assert_eq!(a.call_id(), one.identity_of(1).call_id());
        for (x, y) in [(&a, &b), (&a, &c), (&b, &c)] {
            assert_ne!(x.call_id(), y.call_id());
            assert_ne!(x.tag(), y.tag());
        }
        assert!(a.tag().starts_with("07") && a.tag().len() == 18);
        assert!(a.call_id().bytes().all(|b| b.is_ascii_hexdigit()) && a.call_id().len() == 32);
    }
}
