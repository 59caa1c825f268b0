//! Where the engine puts events in, and where consumers attach.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::time::Duration;

use pua_core::Event;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use super::consumer::{Consumer, Start};
use super::cursor::{Cursor, Epoch, Life};
use super::entry::Entry;
use super::filter::Filter;
use super::ring::{Ring, Writer};
use super::snapshot::{Ask, Source};
use crate::clock::Clock;

/// Bounds of the stream: `[events]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Events held for consumers that fall behind or come back.
    pub(crate) events: usize,
    /// About how many bytes of memory these may take.
    pub(crate) bytes: usize,
    /// Consumers at a time.
    pub(crate) consumers: usize,
}

/// What the two ends share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) ring: Arc<Ring<Entry>>,
    pub(super) epoch: Epoch,
    /// The number before the first.
    before: u64,
    /// Rung by the engine when it has put something in.
    bell: Notify,
    closed: AtomicBool,
    bounds: Bounds,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    consumers: AtomicUsize,
    delivered: AtomicU64,
    gaps: AtomicU64,
}

/// Figures of the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Events put in.
    pub(crate) emitted: u64,
    /// Events handed to consumers, those of snapshots not counted.
    pub(crate) delivered: u64,
    /// How often a consumer lost events.
    pub(crate) gaps: u64,
    /// Consumers attached.
    pub(crate) consumers: u64,
    /// Events held.
    pub(crate) held: u64,
    /// About how many bytes they take.
    pub(crate) held_bytes: u64,
}

/// The engine's end. When it is dropped the stream ends.
#[derive(Debug)]
pub(crate) struct Inlet {
    writer: Writer<Entry>,
    shared: Arc<Shared>,
}

/// The consumers' end.
#[derive(Clone)]
pub(crate) struct Feed {
    pub(super) shared: Arc<Shared>,
    /// The number put in last; closed when the stream ends.
    pub(super) newest: watch::Receiver<u64>,
    source: Source,
}

/// As many consumers are attached as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many consumers of events: {0} are attached, which is events.consumers")]
pub(crate) struct TooManyConsumers(pub(crate) usize);

/// Makes a stream that begins where `life` says. `ask` hands a question to the engine's thread, which answers it by
/// [`Ask::answer`]; `runtime` is where consumers run.
pub(crate) fn stream(
    bounds: Bounds,
    life: Life,
    runtime: &Handle,
    ask: impl Fn(Ask) + Send + Sync + 'static,
) -> (Inlet, Feed) {
    let writer = Writer::new(bounds.events, bounds.bytes, life.last);
    let shared = Arc::new(Shared {
        ring: writer.ring().clone(),
        epoch: life.epoch,
        before: life.last,
        bell: Notify::new(),
        closed: AtomicBool::new(false),
        bounds,
        counts: Counts::default(),
    });
    let (heard, newest) = watch::channel(life.last);
    runtime.spawn(herald(shared.clone(), heard));
    let feed = Feed {
        shared: shared.clone(),
        newest,
        source: Arc::new(ask),
    };
    (Inlet { writer, shared }, feed)
}

/// Between two wakings of all consumers there is so much time for each of them: at thousands of
/// events a second, hundreds of consumers would else do little but wake up. The first event after
/// a quiet time is told at once.
const WAKING: Duration = Duration::from_micros(20);

/// Wakes the consumers, so that the engine wakes only one task however many there are.
async fn herald(shared: Arc<Shared>, newest: watch::Sender<u64>) {
    loop {
        shared.bell.notified().await;
        let closed = shared.closed.load(Ordering::Acquire);
        newest.send_replace(shared.ring.newest());
        if closed {
            return;
        }
        let consumers = shared.counts.consumers.load(Ordering::Relaxed);
        let pause = WAKING * u32::try_from(consumers).unwrap_or(u32::MAX);
        // The timer knows whole milliseconds only.
        if pause >= Duration::from_millis(1) {
            tokio::time::sleep(pause).await;
        }
    }
}

impl Inlet {
    /// Gives an event the next number and puts it in. Never waits.
    pub(crate) fn push(&mut self, clock: Clock, event: Event) {
        let number = self.writer.next_number();
        self.writer
            .push(Entry::new(number, self.shared.epoch, clock, event));
    }

    /// The number given last.
    pub(crate) fn last(&self) -> u64 {
        self.shared.ring.newest()
    }

    /// Lets consumers know of what was put in. Nobody is woken while there are none.
    pub(crate) fn announce(&self) {
        // Either this sees the consumer that attaches at the same time, or that one sees what was
        // put in: each writes first and then looks at what the other has written.
        fence(Ordering::SeqCst);
        if self.shared.counts.consumers.load(Ordering::Relaxed) > 0 {
            self.shared.bell.notify_one();
        }
    }

    /// Figures of the stream.
    pub(crate) fn figures(&self) -> Figures {
        let counts = &self.shared.counts;
        Figures {
            emitted: self.shared.ring.newest() - self.shared.before,
            delivered: counts.delivered.load(Ordering::Relaxed),
            gaps: counts.gaps.load(Ordering::Relaxed),
            consumers: counts.consumers.load(Ordering::Relaxed) as u64,
            held: self.shared.ring.len(),
            held_bytes: self.shared.ring.weight() as u64,
        }
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.bell.notify_one();
    }
}

impl Feed {
    /// A new consumer, that begins where `start` says.
    ///
    /// # Errors
    /// [`TooManyConsumers`].
    pub(crate) fn attach(&self, filter: Filter, start: Start) -> Result<Consumer, TooManyConsumers> {
        let (consumers, most) = (&self.shared.counts.consumers, self.shared.bounds.consumers);
        let seat = consumers.fetch_update(Ordering::AcqRel, Ordering::Acquire, |attached| {
            (attached < most).then_some(attached + 1)
        });
        match seat {
            Ok(_) => {
                // See `Inlet::announce`.
                fence(Ordering::SeqCst);
                Ok(Consumer::new(self.clone(), filter, start))
            }
            Err(_) => Err(TooManyConsumers(most)),
        }
    }

    /// The end of what earlier lives have told, for those who have heard them and keep no cursor of
    /// their own; `None`: there were none, or nothing is known of them.
    pub(crate) fn earlier(&self) -> Option<Cursor> {
        let (epoch, number) = (self.shared.epoch.earlier(), self.shared.before);
        (number > 0).then_some(Cursor { epoch, number })
    }

    /// Asks the engine.
    pub(super) fn ask(&self, ask: Ask) {
        (self.source)(ask);
    }

    pub(super) fn count_delivered(&self) {
        self.shared.counts.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_gap(&self) {
        self.shared.counts.gaps.fetch_add(1, Ordering::Relaxed);
    }

    /// A consumer has gone.
    pub(super) fn leave(&self) {
        self.shared.counts.consumers.fetch_sub(1, Ordering::AcqRel);
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}
