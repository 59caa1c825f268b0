//! The table of subscriptions: each in memory of its own, so that the table can grow without
//! moving them, and found by the presentity's URI without a copy of it.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use sip_wire::Uri;
use slab::Slab;

use super::subscription::Subscription;

/// All subscriptions, by their index.
#[derive(Default)]
pub(super) struct Subscriptions {
    all: Slab<Box<Subscription>>,
    by_uri: HashTable<Place>,
    hashing: foldhash::fast::RandomState,
}

/// Where a subscription is.
struct Place {
    /// Of the canonical form of its presentity's URI, which is not kept: it follows from the URI.
    hash: u32,
    index: u32,
}

/// The hash that tables want, of the bits that are kept.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Subscriptions {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Subscription> {
        self.all.get(index).map(|subscription| &**subscription)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Subscription> {
        self.all.get_mut(index).map(|subscription| &mut **subscription)
    }

    /// All of them, in the order of their indices.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (usize, &Subscription)> {
        self.all
            .iter()
            .map(|(index, subscription)| (index, &**subscription))
    }

    pub(super) fn insert(&mut self, subscription: Subscription) -> usize {
        self.all.insert(Box::new(subscription))
    }

    pub(super) fn try_remove(&mut self, index: usize) -> Option<Box<Subscription>> {
        self.all.try_remove(index)
    }

    fn hash(&self, key: &str) -> u32 {
        self.hashing.hash_one(key) as u32
    }

    /// From now on a subscription is found by `key`, its presentity's URI in canonical form.
    pub(super) fn index_by_uri(&mut self, key: &str, index: u32) {
        let hash = self.hash(key);
        self.by_uri
            .insert_unique(spread(hash), Place { hash, index }, |place| spread(place.hash));
    }

    /// A subscription that is not there any more is not found any more either.
    pub(super) fn forget_uri(&mut self, key: &str, index: u32) {
        let hash = self.hash(key);
        if let Ok(entry) = self.by_uri.find_entry(spread(hash), |place| place.index == index) {
            entry.remove();
        }
    }

    /// The subscriptions to the presentity with this canonical URI, in no order.
    pub(super) fn of<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (u32, &'a Subscription)> {
        let hash = self.hash(key);
        self.by_uri
            .iter_hash(spread(hash))
            .filter(move |place| place.hash == hash)
            .filter_map(|place| Some((place.index, self.get(place.index as usize)?)))
            .filter(move |(_, subscription)| {
                let presentity = &*subscription.name.presentity;
                // Most are written in that form.
                presentity == key || Uri::parse(presentity).is_ok_and(|uri| uri.key() == key)
            })
    }
}
