//! An index of due times: a hierarchical timing wheel over small integer keys.
//!
//! A key has at most one due time; setting it anew replaces the old one. Setting, clearing and
//! popping cost a few pointer moves whatever the number of keys, and a key costs 24 bytes.

use std::time::{Duration, Instant};

const LEVELS: usize = 7;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const NONE: u32 = u32::MAX;
/// The list of keys that are due already.
const DUE_LIST: u16 = (LEVELS * SLOTS) as u16;
const UNSET: u16 = u16::MAX;
/// How far ahead a due time is told apart: 2^41 ms, about 69 years. Half the top level, so that
/// a slot ahead of the hand is never the hand's own; later due times wait at this rim.
const HORIZON: u64 = 1 << (SLOT_BITS as u64 * LEVELS as u64 - 1);

#[derive(Clone, Copy)]
struct Node {
    prev: u32,
    next: u32,
    /// In ticks since the epoch, rounded up: nothing is due too early.
    at: u64,
    list: u16,
}

const EMPTY: Node = Node {
    prev: NONE,
    next: NONE,
    at: 0,
    list: UNSET,
};

/// Due times of keys `0..`, with a resolution of one millisecond, never early.
pub struct DueTimes {
    epoch: Instant,
    /// All ticks before this one have been handed out.
    now: u64,
    nodes: Vec<Node>,
    heads: [u32; LEVELS * SLOTS + 1],
    tails: [u32; LEVELS * SLOTS + 1],
    occupied: [u64; LEVELS],
    len: usize,
    /// What [`DueTimes::next`] tells, in ticks, kept up to date: it is asked for after every
    /// message. `u64::MAX`: no key has a due time.
    soonest: u64,
}

impl DueTimes {
    /// An empty index; `now` is the earliest time it will be asked about.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        DueTimes {
            epoch: now,
            now: 0,
            nodes: Vec::new(),
            heads: [NONE; LEVELS * SLOTS + 1],
            tails: [NONE; LEVELS * SLOTS + 1],
            occupied: [0; LEVELS],
            len: 0,
            soonest: u64::MAX,
        }
    }

    /// The number of keys with a due time.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no key has a due time.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Gives `key` the due time `at`, in place of the one it had. Keys are indices: memory is
    /// taken for all keys up to the largest.
    pub fn set(&mut self, key: u32, at: Instant) {
        let tick = self.tick_up(at);
        let index = key as usize;
        if index >= self.nodes.len() {
            self.nodes.resize(index + 1, EMPTY);
        }
        if let Some(node) = self.nodes.get(index)
            && node.list != UNSET
        {
            if node.at == tick {
                return;
            }
            self.unlink(key);
        }
        self.place(key, tick);
    }

    /// Takes the due time of `key` away, if it has one.
    pub fn clear(&mut self, key: u32) {
        if self
            .nodes
            .get(key as usize)
            .is_some_and(|node| node.list != UNSET)
        {
            self.unlink(key);
        }
    }

    /// The due time of `key`, rounded up to the tick.
    #[must_use]
    pub fn get(&self, key: u32) -> Option<Instant> {
        let node = self.nodes.get(key as usize)?;
        (node.list != UNSET).then(|| self.instant(node.at))
    }

    /// Takes one key out whose time has come; call until `None`. Keys come in the order of their
    /// ticks, and within one tick in the order they were set.
    pub fn pop(&mut self, now: Instant) -> Option<u32> {
        let now = self.tick_down(now);
        if self.soonest > now {
            return None;
        }
        loop {
            let due = self.head(DUE_LIST);
            if due != NONE {
                self.unlink(due);
                return Some(due);
            }
            let (tick, level, slot) = self.next_slot()?;
            if tick > now {
                return None;
            }
            self.now = self.now.max(tick);
            self.spill(level, slot);
        }
    }

    /// A time not later than the earliest due time: when to call [`DueTimes::pop`] again. For a
    /// due time far away this may be before it, and the call then moves it nearer at no effect.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        (self.soonest != u64::MAX).then(|| self.instant(self.soonest))
    }

    /// Looks for the soonest tick anew.
    fn look(&mut self) {
        self.soonest = match self.next_slot() {
            _ if self.head(DUE_LIST) != NONE => self.now,
            Some((tick, _, _)) => tick,
            None => u64::MAX,
        };
    }

    /// Empties a slot: what is due goes to the due list, the rest to a finer level.
    fn spill(&mut self, level: usize, slot: usize) {
        let list = (level * SLOTS + slot) as u16;
        loop {
            let key = self.head(list);
            if key == NONE {
                break;
            }
            let Some(at) = self.nodes.get(key as usize).map(|node| node.at) else {
                break;
            };
            self.unlink(key);
            self.place(key, at);
        }
        self.look();
    }

    /// The earliest occupied slot: the tick at which it must be looked at, its level, its index.
    fn next_slot(&self) -> Option<(u64, usize, usize)> {
        let mut best: Option<(u64, usize, usize)> = None;
        for (level, &bits) in self.occupied.iter().enumerate() {
            if bits == 0 {
                continue;
            }
            let shift = SLOT_BITS * level as u32;
            let current = (self.now >> shift) & (SLOTS as u64 - 1);
            // Slots ahead of the hand, the hand's own first, wrap round the wheel.
            let ahead = bits.rotate_right(current as u32).trailing_zeros() as u64;
            let slot = (current + ahead) & (SLOTS as u64 - 1);
            let tick = self.start(level as u32, ahead);
            // Of equal ticks the coarser level wins, so that its keys come down first.
            if best.is_none_or(|(earliest, _, _)| tick <= earliest) {
                best = Some((tick, level, slot as usize));
            }
        }
        best
    }

    /// The tick at which a slot must be looked at that is so many slots ahead of the hand.
    fn start(&self, level: u32, ahead: u64) -> u64 {
        let shift = SLOT_BITS * level;
        (((self.now >> shift) + ahead) << shift).max(self.now)
    }

    fn place(&mut self, key: u32, at: u64) {
        let list = if at <= self.now {
            self.soonest = self.soonest.min(self.now);
            DUE_LIST
        } else {
            let reach = at.min(self.now.saturating_add(HORIZON - 1));
            let level = ((63 - (reach ^ self.now).leading_zeros()) / SLOT_BITS).min(LEVELS as u32 - 1);
            let slot = (reach >> (SLOT_BITS * level)) & (SLOTS as u64 - 1);
            if let Some(bits) = self.occupied.get_mut(level as usize) {
                *bits |= 1 << slot;
            }
            let shift = SLOT_BITS * level;
            let ahead = (reach >> shift) - (self.now >> shift);
            self.soonest = self.soonest.min(self.start(level, ahead));
            (level as usize * SLOTS + slot as usize) as u16
        };
        let tail = self.tails.get(list as usize).copied().unwrap_or(NONE);
        if let Some(node) = self.nodes.get_mut(key as usize) {
            *node = Node {
                prev: tail,
                next: NONE,
                at,
                list,
            };
        }
        if let Some(last) = self.nodes.get_mut(tail as usize) {
            last.next = key;
        } else if let Some(head) = self.heads.get_mut(list as usize) {
            *head = key;
        }
        if let Some(end) = self.tails.get_mut(list as usize) {
            *end = key;
        }
        self.len += 1;
    }

    fn unlink(&mut self, key: u32) {
        let Some(node) = self.nodes.get_mut(key as usize) else {
            return;
        };
        let Node { prev, next, list, .. } = *node;
        *node = EMPTY;
        if let Some(before) = self.nodes.get_mut(prev as usize) {
            before.next = next;
        } else if let Some(head) = self.heads.get_mut(list as usize) {
            *head = next;
        }
        if let Some(after) = self.nodes.get_mut(next as usize) {
            after.prev = prev;
        } else if let Some(tail) = self.tails.get_mut(list as usize) {
            *tail = prev;
        }
        self.len -= 1;
        if self.head(list) == NONE {
            let (level, slot) = (u32::from(list) / SLOTS as u32, u64::from(list) % SLOTS as u64);
            if let Some(bits) = self.occupied.get_mut(level as usize) {
                *bits &= !(1 << slot);
                let hand = self.now >> (SLOT_BITS * level);
                let ahead = slot.wrapping_sub(hand) & (SLOTS as u64 - 1);
                if self.start(level, ahead) > self.soonest {
                    // Others are before it.
                    return;
                }
            }
            self.look();
        }
    }

    fn head(&self, list: u16) -> u32 {
        self.heads.get(list as usize).copied().unwrap_or(NONE)
    }

    fn tick_up(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch);
        let part = u64::from(since.subsec_nanos().div_ceil(1_000_000));
        since.as_secs().saturating_mul(1000).saturating_add(part)
    }

    fn tick_down(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch);
        since
            .as_secs()
            .saturating_mul(1000)
            .saturating_add(u64::from(since.subsec_millis()))
    }

    fn instant(&self, tick: u64) -> Instant {
        self.epoch + Duration::from_millis(tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use std::collections::BTreeMap;

    fn ms(base: Instant, n: u64) -> Instant {
        base + Duration::from_millis(n)
    }

    #[test]
    fn nothing_is_due_early_and_nothing_is_lost() {
        let base = Instant::now();
        let mut due = DueTimes::new(base);
        for (key, at) in [
            (0, 5),
            (1, 64),
            (2, 65),
            (3, 4096),
            (4, 4097),
            (5, 3_600_000),
            (6, 0),
        ] {
            due.set(key, ms(base, at));
        }
        let mut seen = Vec::new();
        let mut turns = 0;
        while let Some(at) = due.next() {
            turns += 1;
            while let Some(key) = due.pop(at) {
                seen.push((key, at.duration_since(base).as_millis()));
            }
        }
        assert_eq!(
            seen,
            [
                (6, 0),
                (0, 5),
                (1, 64),
                (2, 65),
                (3, 4096),
                (4, 4097),
                (5, 3_600_000)
            ]
        );
        assert!(turns < 20, "{turns} wake-ups for seven due times");
        assert!(due.is_empty());
    }

    #[test]
    fn a_due_time_is_rounded_up() {
        let base = Instant::now();
        let mut due = DueTimes::new(base);
        due.set(0, base + Duration::from_micros(1_500));
        assert_eq!(due.pop(base + Duration::from_micros(1_999)), None);
        assert_eq!(due.pop(base + Duration::from_millis(2)), Some(0));
    }

    #[test]
    fn beyond_the_horizon_it_still_comes() {
        let base = Instant::now();
        let mut due = DueTimes::new(base);
        due.set(0, base + Duration::from_secs(3600 * 24 * 365 * 100));
        let mut turns = 0;
        let at = loop {
            let at = due.next().unwrap();
            turns += 1;
            if due.pop(at).is_some() {
                break at;
            }
        };
        assert_eq!(at.duration_since(base).as_secs(), 3600 * 24 * 365 * 100);
        assert!(turns < 20);
    }

    #[test]
    fn agrees_with_an_ordered_map_over_random_lives() {
        for seed in 0..200 {
            let mut rng = StdRng::seed_from_u64(seed);
            let base = Instant::now();
            let mut due = DueTimes::new(base);
            let mut model: BTreeMap<u32, u64> = BTreeMap::new();
            let mut now = 0u64;
            for _ in 0..400 {
                let kept = due.soonest;
                due.look();
                assert_eq!(
                    kept, due.soonest,
                    "seed {seed} at {now}: what is kept is what is found"
                );
                match rng.random_range(0..10) {
                    0..=5 => {
                        let key = rng.random_range(0..50);
                        let bits = rng.random_range(0..24);
                        let span = 1u64 << bits;
                        let at = now + rng.random_range(0..=span);
                        due.set(key, ms(base, at));
                        model.insert(key, at);
                    }
                    6 => {
                        let key = rng.random_range(0..50);
                        due.clear(key);
                        model.remove(&key);
                    }
                    _ => {
                        let bits = rng.random_range(0..22);
                        now += rng.random_range(0..=(1u64 << bits));
                        let mut popped = Vec::new();
                        while let Some(key) = due.pop(ms(base, now)) {
                            popped.push(key);
                        }
                        let mut expected: Vec<u32> = model
                            .iter()
                            .filter(|(_, at)| **at <= now)
                            .map(|(key, _)| *key)
                            .collect();
                        model.retain(|_, at| *at > now);
                        popped.sort_unstable();
                        expected.sort_unstable();
                        assert_eq!(popped, expected, "seed {seed} at {now}");
                        assert_eq!(due.len(), model.len());
                        if let Some(next) = due.next() {
                            let first = *model.values().min().unwrap();
                            assert!(next <= ms(base, first), "seed {seed}: sleeps past {first}");
                            assert!(next > ms(base, now), "seed {seed}: would spin");
                        } else {
                            assert!(model.is_empty());
                        }
                    }
                }
            }
        }
    }
}
