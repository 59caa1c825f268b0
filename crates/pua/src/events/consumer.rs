//! One reader of the stream: a snapshot first if it wants one, then every change.
//!
//! ```text
//!            attach                         attach with a cursor that is good
//!              │                                            │
//!   ┌─► Asked (a page of the engine) ◄── more pages ──┐     │
//!   │          ▼                                      │     │
//!   │   Reaching (events up to the page's number)     │     │
//!   │          ▼                                      │     ▼
//!   │        Rows ────────────────────────────────────┴─► Live ─► Over
//!   └───────── events lost: a gap is told ──────────────────┘
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use pua_core::Event;
use tokio::sync::oneshot;

use super::cursor::Cursor;
use super::entry::Entry;
use super::feed::Feed;
use super::filter::{Filter, Kind};
use super::render::{GapReason, Mark};
use super::ring::Read;
use super::snapshot::{Ask, Page, Told, Walk};

/// Events that may be passed over before others get their turn.
const PASSED_OVER: u32 = 128;

/// Where a consumer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// Exactly after this event. If that cannot be, a gap is told.
    pub(crate) cursor: Option<Cursor>,
    /// Without a cursor, and after a gap: with the present state. Else without a cursor from now
    /// on, and after a gap with the oldest event that is left.
    pub(crate) snapshot: bool,
}

impl Start {
    /// With the present state.
    pub(crate) const SNAPSHOT: Start = Start {
        cursor: None,
        snapshot: true,
    };
}

/// What a consumer gets.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    content: Content,
    cursor: Option<Cursor>,
}

#[derive(Clone, Debug)]
enum Content {
    Event(Arc<Entry>),
    Row(Box<Told>),
    Mark { mark: Mark, number: u64 },
}

impl Item {
    /// What it is about.
    pub(crate) fn kind(&self) -> Kind {
        match &self.content {
            Content::Event(entry) => entry.subject().kind,
            Content::Row(told) => told.kind(),
            Content::Mark { mark, .. } => mark.kind(),
        }
    }

    /// From here one can go on later. While a snapshot is under way one cannot.
    pub(crate) fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// The user agent's event, for carriers with a form of their own; rows of a snapshot and what
    /// is about the stream itself have none.
    pub(crate) fn event(&self) -> Option<&Event> {
        match &self.content {
            Content::Event(entry) => Some(entry.event()),
            _ => None,
        }
    }

    /// One JSON object without a line end. `raw`: with the body as it came.
    pub(crate) fn json(&self, raw: bool) -> Bytes {
        match &self.content {
            Content::Event(entry) => entry.json(raw, self.cursor.is_some()),
            Content::Row(told) => told.json(raw),
            Content::Mark { mark, number } => mark.json(*number, self.cursor),
        }
    }
}

/// A gap to be told when it is known how long it is.
#[derive(Clone, Copy, Debug)]
struct Gap {
    reason: GapReason,
    /// The first number lost; `None`: numbers of another life.
    from: Option<u64>,
}

/// What a first page of a snapshot begins with.
type Opening = Option<Option<Gap>>;

#[derive(Debug)]
enum State {
    /// A page is on its way.
    Asked {
        walk: Walk,
        opening: Opening,
        page: oneshot::Receiver<Page>,
    },
    /// A page is here; the events up to its number come first. Of those before the first page
    /// nobody needs to hear, but they must have been committed.
    Reaching {
        walk: Walk,
        opening: Opening,
        page: Page,
    },
    /// The rows of a page.
    Rows { walk: Walk, rows: VecDeque<Told> },
    /// Event by event.
    Live,
    /// The stream has ended.
    Over,
}

enum Step {
    Item(Item),
    /// Nothing for the consumer, but it went on.
    Again,
    /// Nothing until something arrives.
    Wait,
    /// The stream has ended.
    End,
}

/// A reader of the stream. Dropped, it gives its seat free.
#[derive(Debug)]
pub(crate) struct Consumer {
    feed: Feed,
    filter: Filter,
    snapshot: bool,
    /// The number that comes next.
    next: u64,
    state: State,
    ready: VecDeque<Item>,
    ended: bool,
}

impl Consumer {
    pub(super) fn new(feed: Feed, filter: Filter, start: Start) -> Consumer {
        let newest = feed.shared.ring.newest();
        let mut consumer = Consumer {
            feed,
            filter,
            snapshot: start.snapshot,
            next: newest + 1,
            state: State::Live,
            ready: VecDeque::new(),
            ended: false,
        };
        match start.cursor {
            Some(cursor) if cursor.epoch == consumer.feed.shared.epoch && cursor.number <= newest => {
                // Whether that is still there, the first reading tells.
                consumer.next = cursor.number + 1;
            }
            Some(_) => {
                consumer.next = consumer.feed.shared.ring.oldest();
                consumer.lost(GapReason::Restart, None);
            }
            None if start.snapshot => consumer.state = consumer.ask(Walk::new(&consumer.filter), Some(None)),
            None => consumer.mark(Mark::Attached, newest, true),
        }
        consumer
    }

    /// After which event this consumer can go on if it ends now; `None` while a snapshot is under
    /// way. Events that the filter kept back count as read.
    pub(crate) fn cursor(&self) -> Option<Cursor> {
        let caught_up = matches!(self.state, State::Live | State::Over) && self.ready.is_empty();
        caught_up.then(|| self.cursor_at(self.next - 1))
    }

    /// What comes next; `None`: the daemon stops and that was all. May be dropped at any time
    /// without losing anything.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        let mut passed_over = 0;
        loop {
            match self.step() {
                Step::Item(item) => return Some(item),
                Step::Again => {
                    passed_over += 1;
                    if passed_over % PASSED_OVER == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                Step::Wait => self.wait().await,
                Step::End => return None,
            }
        }
    }

    /// What is there without waiting, for those who write several at once; `None`: nothing just
    /// now.
    pub(crate) fn try_next(&mut self) -> Option<Item> {
        for _ in 0..PASSED_OVER {
            match self.step() {
                Step::Item(item) => return Some(item),
                Step::Again => {}
                Step::Wait | Step::End => return None,
            }
        }
        None
    }

    async fn wait(&mut self) {
        if let State::Asked { page, .. } = &mut self.state {
            match page.await {
                Ok(page) => self.arrived(page),
                // The engine has ended.
                Err(_) => self.state = State::Over,
            }
        } else if self.feed.newest.changed().await.is_err() {
            self.ended = true;
        }
    }

    fn arrived(&mut self, page: Page) {
        self.state = match std::mem::replace(&mut self.state, State::Live) {
            State::Asked { walk, opening, .. } => State::Reaching { walk, opening, page },
            other => other,
        };
    }

    fn step(&mut self) -> Step {
        if let Some(item) = self.ready.pop_front() {
            return Step::Item(item);
        }
        match &mut self.state {
            State::Asked { page, .. } => match page.try_recv() {
                Ok(page) => {
                    self.arrived(page);
                    Step::Again
                }
                Err(oneshot::error::TryRecvError::Empty) => Step::Wait,
                // The engine has ended.
                Err(oneshot::error::TryRecvError::Closed) => {
                    self.state = State::Over;
                    Step::End
                }
            },
            State::Reaching { page, opening, .. } => {
                let number = page.number;
                if opening.is_some() {
                    if self.feed.shared.ring.newest() < number {
                        return self.wait_or_end();
                    }
                    self.next = self.next.max(number + 1);
                }
                match self.next > number {
                    true => self.begin_rows(),
                    false => self.read(false),
                }
            }
            State::Rows { walk, rows } => match rows.pop_front() {
                Some(told) => Step::Item(Item {
                    content: Content::Row(Box::new(told)),
                    cursor: None,
                }),
                None if walk.place().is_some() => {
                    if let State::Rows { walk, .. } = std::mem::replace(&mut self.state, State::Live) {
                        self.state = self.ask(walk, None);
                    }
                    Step::Again
                }
                None => {
                    let rows = walk.rows;
                    self.state = State::Live;
                    self.mark(Mark::SnapshotEnd(rows), self.next - 1, true);
                    Step::Again
                }
            },
            State::Live => self.read(true),
            State::Over => Step::End,
        }
    }

    /// The page's number is reached.
    fn begin_rows(&mut self) -> Step {
        match std::mem::replace(&mut self.state, State::Live) {
            State::Reaching {
                mut walk,
                opening,
                page,
            } => {
                let number = page.number;
                if let Some(gap) = opening {
                    if let Some(Gap { reason, from }) = gap {
                        self.gap(reason, from, number, false);
                    }
                    self.mark(Mark::SnapshotBegin, number, false);
                }
                let rows = walk.take(&self.filter, page);
                self.state = State::Rows { walk, rows };
            }
            other => self.state = other,
        }
        Step::Again
    }

    /// Reads one event of the ring.
    fn read(&mut self, resumable: bool) -> Step {
        match self.feed.shared.ring.read(self.next) {
            Read::NotYet => self.wait_or_end(),
            Read::Lost { oldest } => {
                let from = self.next;
                self.next = oldest;
                self.lost(GapReason::Overrun, Some(from));
                Step::Again
            }
            Read::Found(entry) => {
                self.next += 1;
                if !self.filter.matches(&entry.subject()) {
                    return Step::Again;
                }
                self.feed.count_delivered();
                Step::Item(Item {
                    cursor: resumable.then(|| entry.cursor()),
                    content: Content::Event(entry),
                })
            }
        }
    }

    fn wait_or_end(&mut self) -> Step {
        if self.ended {
            self.state = State::Over;
            return Step::End;
        }
        Step::Wait
    }

    /// Events before `self.next` are lost.
    fn lost(&mut self, reason: GapReason, from: Option<u64>) {
        if self.snapshot {
            self.state = self.ask(Walk::new(&self.filter), Some(Some(Gap { reason, from })));
        } else {
            self.gap(reason, from, self.next - 1, true);
        }
    }

    fn gap(&mut self, reason: GapReason, from: Option<u64>, to: u64, resumable: bool) {
        self.feed.count_gap();
        self.mark(Mark::Gap { reason, from, to }, to, resumable);
    }

    fn mark(&mut self, mark: Mark, number: u64, resumable: bool) {
        self.ready.push_back(Item {
            content: Content::Mark { mark, number },
            cursor: resumable.then(|| self.cursor_at(number)),
        });
    }

    fn cursor_at(&self, number: u64) -> Cursor {
        Cursor {
            epoch: self.feed.shared.epoch,
            number,
        }
    }

    /// Asks for the next page of a walk.
    fn ask(&self, walk: Walk, opening: Opening) -> State {
        let Some(place) = walk.place() else {
            return State::Live;
        };
        let (answer, page) = oneshot::channel();
        self.feed.ask(Ask { place, page: answer });
        State::Asked { walk, opening, page }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.feed.leave();
    }
}

#[cfg(test)]
mod property;
#[cfg(test)]
mod tests;
