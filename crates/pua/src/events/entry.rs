//! One event with its number, and its JSON form, which is made when the first consumer asks.

use std::sync::OnceLock;

use bytes::Bytes;
use pua_core::{Event, StateView};
use smallvec::SmallVec;

use super::cursor::{Cursor, Epoch};
use super::filter::{Kind, uri_key};
use super::render::{self, Line};
use super::ring::Numbered;
use crate::clock::Clock;

/// What an entry weighs beside the body of its event: itself, its names, and their JSON.
const BASE_WEIGHT: usize = 768;
/// A body is there up to four times: as it came, as a value, as JSON, and as JSON with the body.
const BODY_WEIGHT: usize = 4;

/// What a filter looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) kind: Kind,
    /// The event package.
    pub(super) package: &'a str,
    /// Whom it is about, in canonical form: the presentity, and the member of a list.
    pub(super) presentities: &'a [Box<str>],
    /// Whose subscription it is; `None`: it is a publication.
    pub(super) watcher: Option<&'a str>,
    /// For a state: whether it is another one than before.
    pub(super) changed: bool,
}

/// An event in the ring.
#[derive(Debug)]
pub(super) struct Entry {
    number: u64,
    epoch: Epoch,
    clock: Clock,
    event: Event,
    /// Apart, since most events of a daemon that nobody listens to never have it: tens of thousands
    /// of entries pass through the processor's caches again and again.
    made: OnceLock<Box<Made>>,
}

/// What is made of an event when the first consumer asks for it.
#[derive(Debug, Default)]
struct Made {
    /// Canonical forms cost a parse.
    presentities: OnceLock<SmallVec<[Box<str>; 2]>>,
    line: OnceLock<Line>,
    raw: OnceLock<Bytes>,
}

impl Numbered for Entry {
    fn number(&self) -> u64 {
        self.number
    }

    fn weight(&self) -> usize {
        let body = match &self.event {
            Event::State { state, .. } => state.body.len(),
            _ => 0,
        };
        BASE_WEIGHT + body.saturating_mul(BODY_WEIGHT)
    }
}

impl Entry {
    pub(super) fn new(number: u64, epoch: Epoch, clock: Clock, event: Event) -> Entry {
        Entry {
            number,
            epoch,
            clock,
            event,
            made: OnceLock::new(),
        }
    }

    fn made(&self) -> &Made {
        self.made.get_or_init(Box::default)
    }

    pub(super) fn event(&self) -> &Event {
        &self.event
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor {
            epoch: self.epoch,
            number: self.number,
        }
    }

    /// What a filter looks at.
    pub(super) fn subject(&self) -> Subject<'_> {
        let presentities = self.made().presentities.get_or_init(|| presentities(&self.event));
        let (kind, package, watcher) = match &self.event {
            Event::Granted { name, .. }
            | Event::Refused { name, .. }
            | Event::Lost { name, .. }
            | Event::Recovered { name, .. }
            | Event::Removed { name }
            | Event::Expired { name } => (Kind::Publication, &name.package, None),
            Event::Subscription { name, .. } => (Kind::Subscription, &name.package, Some(&*name.watcher)),
            Event::State { name, .. } => (Kind::State, &name.package, Some(&*name.watcher)),
            Event::Unreadable { name, .. } => (Kind::Unreadable, &name.package, Some(&*name.watcher)),
        };
        Subject {
            kind,
            package,
            presentities,
            watcher,
            changed: !matches!(self.event, Event::State { changed: false, .. }),
        }
    }

    /// The JSON form. `raw`: with the body. `resumable`: with the cursor.
    pub(super) fn json(&self, raw: bool, resumable: bool) -> Bytes {
        let made = self.made();
        let line = made
            .line
            .get_or_init(|| render::event(self.cursor(), &self.clock, &self.event));
        let whole = match (raw, render::body(&self.event)) {
            (true, Some(body)) => made.raw.get_or_init(|| line.with_body(body)),
            _ => &line.json,
        };
        match resumable {
            true => whole.clone(),
            false => line.without_cursor(whole),
        }
    }
}

fn presentities(event: &Event) -> SmallVec<[Box<str>; 2]> {
    let mut keys = SmallVec::new();
    match event {
        Event::Granted { name, .. }
        | Event::Refused { name, .. }
        | Event::Lost { name, .. }
        | Event::Recovered { name, .. }
        | Event::Removed { name }
        | Event::Expired { name } => keys.push(uri_key(&name.presentity)),
        Event::Subscription { name, .. } | Event::Unreadable { name, .. } => {
            keys.push(uri_key(&name.presentity));
        }
        Event::State { name, state, .. } => {
            keys.push(uri_key(&name.presentity));
            if state.resource != name.presentity {
                keys.push(uri_key(&state.resource));
            }
        }
    }
    keys
}

/// Whom a known state is about, as [`Subject::presentities`].
pub(super) fn presentities_of(view: &StateView) -> SmallVec<[Box<str>; 2]> {
    let mut keys = SmallVec::new();
    keys.push(uri_key(&view.name.presentity));
    if view.state.resource != view.name.presentity {
        keys.push(uri_key(&view.state.resource));
    }
    keys
}
