//! A bounded ring of numbered things with one writer and any number of readers, none of which can
//! make another wait.
//!
//! The writer numbers without holes. A reader asks for a number and gets the thing, or is
//! told that it is not there yet, or that it is gone and which is the oldest still there. Nothing
//! is locked: a slot is replaced in one step, and a reader that is just looking at the old thing
//! keeps it until it is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;

/// What a ring holds.
pub(super) trait Numbered {
    /// Its number, as given by [`Writer::next_number`] when it was pushed.
    fn number(&self) -> u64;
    /// About how many bytes of memory it holds.
    fn weight(&self) -> usize;
}

/// The readers' end.
#[derive(Debug)]
pub(super) struct Ring<T> {
    slots: Box<[ArcSwapOption<T>]>,
    /// The number pushed last, or the one before the first.
    newest: AtomicU64,
    /// The oldest number that is still held; one more than `newest` while the ring is empty.
    oldest: AtomicU64,
    weight: AtomicUsize,
}

/// What a reader finds under a number.
#[derive(Debug)]
pub(super) enum Read<T> {
    /// The thing.
    Found(Arc<T>),
    /// It has not been pushed yet.
    NotYet,
    /// It is gone.
    Lost {
        /// The oldest number that is still there, or the next one to come if none is.
        oldest: u64,
    },
}

impl<T: Numbered> Ring<T> {
    /// What has this number.
    pub(super) fn read(&self, number: u64) -> Read<T> {
        if number > self.newest() {
            return Read::NotYet;
        }
        match self.slot(number).load_full() {
            Some(thing) if thing.number() == number => Read::Found(thing),
            // The writer moves `oldest` on before it touches the slot, so it is above `number` now.
            _ => Read::Lost {
                oldest: self.oldest(),
            },
        }
    }

    /// The number pushed last, or the one before the first.
    pub(super) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    /// The oldest number that is still there, or the next one to come if none is.
    pub(super) fn oldest(&self) -> u64 {
        self.oldest.load(Ordering::Acquire)
    }

    /// How many are held.
    pub(super) fn len(&self) -> u64 {
        (self.newest() + 1).saturating_sub(self.oldest())
    }

    /// About how many bytes they hold.
    pub(super) fn weight(&self) -> usize {
        self.weight.load(Ordering::Relaxed)
    }

    fn slot(&self, number: u64) -> &ArcSwapOption<T> {
        // The remainder is below a length, so it fits.
        let index = usize::try_from(number % self.slots.len() as u64).unwrap_or_default();
        &self.slots[index]
    }
}

/// The one end that things are pushed in at.
#[derive(Debug)]
pub(super) struct Writer<T> {
    ring: Arc<Ring<T>>,
    newest: u64,
    oldest: u64,
    weight: usize,
    max_weight: usize,
}

impl<T: Numbered> Writer<T> {
    /// An empty ring for at most `count` things (at least one) that weigh at most `weight` bytes
    /// together; the newest is held whatever it weighs. The first number is the one after `last`.
    pub(super) fn new(count: usize, weight: usize, last: u64) -> Writer<T> {
        let slots = (0..count.max(1)).map(|_| ArcSwapOption::empty()).collect();
        Writer {
            ring: Arc::new(Ring {
                slots,
                newest: AtomicU64::new(last),
                oldest: AtomicU64::new(last + 1),
                weight: AtomicUsize::new(0),
            }),
            newest: last,
            oldest: last + 1,
            weight: 0,
            max_weight: weight,
        }
    }

    /// The readers' end.
    pub(super) fn ring(&self) -> &Arc<Ring<T>> {
        &self.ring
    }

    /// The number that the next push must have.
    pub(super) fn next_number(&self) -> u64 {
        self.newest + 1
    }

    /// Puts a thing in; as many of the oldest go as is needed. Constant time on the average.
    pub(super) fn push(&mut self, thing: T) {
        debug_assert_eq!(thing.number(), self.next_number());
        let weight = thing.weight();
        while self.oldest <= self.newest && !self.has_room(weight) {
            self.drop_oldest();
        }
        self.weight += weight;
        self.newest += 1;
        self.ring.slot(self.newest).store(Some(Arc::new(thing)));
        self.ring.weight.store(self.weight, Ordering::Relaxed);
        self.ring.newest.store(self.newest, Ordering::Release);
    }

    fn has_room(&self, weight: usize) -> bool {
        self.newest + 1 - self.oldest < self.ring.slots.len() as u64
            && self.weight.saturating_add(weight) <= self.max_weight
    }

    fn drop_oldest(&mut self) {
        let number = self.oldest;
        self.oldest += 1;
        self.ring.oldest.store(self.oldest, Ordering::Release);
        if let Some(gone) = self.ring.slot(number).swap(None) {
            self.weight = self.weight.saturating_sub(gone.weight());
        }
    }
}

#[cfg(test)]
mod tests;
