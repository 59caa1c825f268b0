//! The network: datagrams and streams between the core and its servers, by one queue of events.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;

/// How bad the network is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// The chance that a datagram is lost.
    pub loss: f64,
    /// The chance that a datagram comes twice.
    pub duplication: f64,
    /// The shortest way, in milliseconds.
    pub near: u64,
    /// The longest way, in milliseconds: with much between the two datagrams overtake each other.
    pub far: u64,
}

impl Weather {
    /// Nothing is lost, and everything takes 5 ms.
    #[must_use]
    pub const fn fair() -> Weather {
        Weather {
            loss: 0.0,
            duplication: 0.0,
            near: 5,
            far: 5,
        }
    }

    pub(crate) fn delay(&self, rng: &mut StdRng) -> Duration {
        Duration::from_millis(rng.random_range(self.near..=self.far))
    }
}

/// Events in the order of their times; those of one time in the order they were made.
pub(crate) struct Queue<E> {
    heap: BinaryHeap<Reverse<(Instant, u64)>>,
    events: BTreeMap<u64, E>,
    serial: u64,
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        Queue {
            heap: BinaryHeap::new(),
            events: BTreeMap::new(),
            serial: 0,
        }
    }

    pub(crate) fn push(&mut self, at: Instant, event: E) {
        self.serial += 1;
        self.heap.push(Reverse((at, self.serial)));
        self.events.insert(self.serial, event);
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    pub(crate) fn pop(&mut self) -> Option<E> {
        let Reverse((_, serial)) = self.heap.pop()?;
        self.events.remove(&serial)
    }
}

/// The streams from the core to the servers: at most one to each.
#[derive(Default)]
pub(crate) struct Streams {
    open: BTreeMap<SocketAddr, u64>,
    serial: u64,
    /// When the last byte of each stream and direction arrives: they stay in order.
    arrived: BTreeMap<(u64, bool), Instant>,
}

impl Streams {
    /// The open stream to `addr`.
    pub(crate) fn to(&self, addr: SocketAddr) -> Option<u64> {
        self.open.get(&addr).copied()
    }

    pub(crate) fn connect(&mut self, addr: SocketAddr) -> u64 {
        self.serial += 1;
        self.open.insert(addr, self.serial);
        self.serial
    }

    pub(crate) fn is_open(&self, connection: u64) -> bool {
        self.open.values().any(|open| *open == connection)
    }

    pub(crate) fn close(&mut self, addr: SocketAddr) -> Option<u64> {
        self.open.remove(&addr)
    }

    pub(crate) fn close_all(&mut self) {
        self.open.clear();
    }

    /// When something sent on a stream arrives: never before what was sent earlier.
    pub(crate) fn arrival(&mut self, connection: u64, to_server: bool, at: Instant) -> Instant {
        let last = self.arrived.entry((connection, to_server)).or_insert(at);
        *last = (*last).max(at);
        *last
    }
}
