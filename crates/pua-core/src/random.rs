//! Identifiers that nobody can guess: Call-IDs, tags, cnonces.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

use crate::subscriber::Identity;

/// A source of identifiers and of jitter, seeded once from the system's random source.
pub(crate) struct Random {
    source: StdRng,
    slot: u8,
}

impl Random {
    pub(crate) fn new(seed: [u8; 32], slot: u8) -> Self {
        Random {
            source: StdRng::from_seed(seed),
            slot,
        }
    }

    /// A seed for another source.
    pub(crate) fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.source.fill_bytes(&mut seed);
        seed
    }

    /// 128 random bits, and no host name (RFC 3261 §8.1.1.4).
    pub(crate) fn call_id(&mut self) -> Arc<str> {
        Arc::from(format!("{:032x}", self.source.random::<u128>()))
    }

    /// The engine's slot and 64 random bits (RFC 3261 §19.3 asks for 32).
    pub(crate) fn tag(&mut self) -> Arc<str> {
        Arc::from(format!("{:02x}{:016x}", self.slot, self.source.next_u64()))
    }

    /// Call-ID and tag of a new set of dialogs of the subscription at `index`.
    pub(crate) fn identity(&mut self, index: u32) -> Identity {
        Identity::new(self.source.random(), self.slot, self.source.next_u64(), index)
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
