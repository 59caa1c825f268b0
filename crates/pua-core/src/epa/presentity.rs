//! Presentities: found by the canonical form of their URI (RFC 3261 §19.1.4), and whose turn it is
//! at each: one PUBLISH is under way per Request-URI (RFC 3903 §4).

use std::hash::BuildHasher;

use hashbrown::HashTable;
use slab::Slab;
use smallvec::SmallVec;

/// A Request-URI: its publications, and their turns while there is something to send.
pub(super) struct Presentity {
    /// Of the canonical form of the URI, which is not kept: it follows from the URI of any of the
    /// publications.
    hash: u64,
    pub(super) publications: SmallVec<[u32; 4]>,
    turn: Option<Box<Turn>>,
}

/// Who is sent, and who is next.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) under_way: Option<UnderWay>,
    /// Who is next, by its index.
    pub(super) queue: SmallVec<[u32; 4]>,
    /// It stands in the queue of a next hop whose window is full.
    pub(super) waits: bool,
}

/// Whose exchange is under way.
#[derive(Clone, Copy)]
pub(super) struct UnderWay {
    pub(super) publication: u32,
    /// The next hop in whose window it counts; `None`: it is given up for lost there.
    pub(super) counts_at: Option<u32>,
}

/// All presentities.
#[derive(Default)]
pub(super) struct Presentities {
    all: Slab<Presentity>,
    by_uri: HashTable<u32>,
    hashing: foldhash::fast::RandomState,
    /// How many have something to send.
    turns: usize,
}

impl Presentities {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether none of them has anything under way, or in its queue.
    pub(super) fn are_at_rest(&self) -> bool {
        self.turns == 0
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Presentity> {
        self.all.get(slot as usize)
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Presentity> {
        self.all.get_mut(slot as usize)
    }

    /// The presentity whose canonical URI is `key`. `is`: whether one of that hash is it.
    pub(super) fn find(&self, key: &str, is: impl Fn(&Presentity) -> bool) -> Option<u32> {
        let hash = self.hashing.hash_one(key);
        self.by_uri
            .find(hash, |slot| {
                self.get(*slot)
                    .is_some_and(|presentity| presentity.hash == hash && is(presentity))
            })
            .copied()
    }

    /// One that is not there yet.
    pub(super) fn insert(&mut self, key: &str) -> u32 {
        let hash = self.hashing.hash_one(key);
        // 2^32 of them would need more memory than any machine has.
        let slot = self.all.insert(Presentity {
            hash,
            publications: SmallVec::new(),
            turn: None,
        }) as u32;
        let all = &self.all;
        self.by_uri.insert_unique(hash, slot, |other| {
            all.get(*other as usize).map_or(0, |presentity| presentity.hash)
        });
        slot
    }

    /// Forgets one.
    pub(super) fn remove(&mut self, slot: u32) {
        let Some(presentity) = self.all.try_remove(slot as usize) else {
            return;
        };
        if presentity.turn.is_some() {
            self.turns -= 1;
        }
        if let Ok(entry) = self.by_uri.find_entry(presentity.hash, |other| *other == slot) {
            entry.remove();
        }
    }

    /// The turns of one, if it has something to send.
    pub(super) fn turn(&mut self, slot: u32) -> Option<&mut Turn> {
        self.all.get_mut(slot as usize)?.turn.as_deref_mut()
    }

    /// The turns of one that has something to send now.
    pub(super) fn begin_turn(&mut self, slot: u32) -> Option<&mut Turn> {
        let presentity = self.all.get_mut(slot as usize)?;
        if presentity.turn.is_none() {
            self.turns += 1;
        }
        Some(presentity.turn.get_or_insert_default())
    }

    /// Puts a presentity to rest that has nothing more to send.
    pub(super) fn rest(&mut self, slot: u32) {
        if let Some(presentity) = self.all.get_mut(slot as usize)
            && let Some(turn) = &presentity.turn
            && turn.under_way.is_none()
            && turn.queue.is_empty()
            && !turn.waits
        {
            presentity.turn = None;
            self.turns -= 1;
        }
    }
}
