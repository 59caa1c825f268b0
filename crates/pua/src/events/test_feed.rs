//! A stream for tests: events made by hand, and an engine that answers when the test says so.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use bytes::Bytes;
use pua_core::{Event, PublicationName, PublicationState, PublicationView, ResourceState, SubscriptionName};
use tokio::runtime::Handle;

use super::cursor::Life;
use super::feed::{Bounds, Feed, Inlet, stream};
use super::snapshot::{Ask, Page, Row};
use crate::clock::Clock;

/// Both ends of a stream.
pub(crate) struct TestFeed {
    pub(crate) inlet: Inlet,
    pub(crate) feed: Feed,
    asks: Receiver<Ask>,
    pushed: u64,
}

/// Room for so many events.
pub(crate) fn bounds(events: usize) -> Bounds {
    Bounds {
        events,
        bytes: 1 << 20,
        consumers: 8,
    }
}

impl TestFeed {
    /// On this runtime.
    pub(crate) fn on(runtime: &Handle, bounds: Bounds) -> TestFeed {
        TestFeed::in_life(runtime, bounds, Life::only())
    }

    /// In a life that may have had others before it.
    pub(crate) fn in_life(runtime: &Handle, bounds: Bounds, life: Life) -> TestFeed {
        let (sender, asks) = channel();
        let (inlet, feed) = stream(bounds, life, runtime, move |ask| {
            let _ = sender.send(ask);
        });
        TestFeed {
            inlet,
            feed,
            asks,
            pushed: 0,
        }
    }

    pub(crate) fn new(events: usize) -> TestFeed {
        TestFeed::on(&Handle::current(), bounds(events))
    }

    /// As the engine does it at the end of a turn.
    pub(crate) fn push(&mut self, event: Event) {
        self.pushed += 1;
        self.inlet.push(Clock::read(), event);
        self.inlet.announce();
    }

    /// Publications of these presentities are granted, one after the other.
    pub(crate) fn grant(&mut self, presentities: &[&str]) {
        for presentity in presentities {
            self.push(granted(presentity));
        }
    }

    /// Answers the next ask with publications of these presentities, as of the events pushed so
    /// far and `ahead` that wait for their commit.
    pub(crate) fn answer(&self, ahead: u64, presentities: &[&str], next: Option<u64>) {
        let ask = self.asks.recv().unwrap();
        let rows = presentities.iter().map(|presentity| publication(presentity));
        let page = Page {
            number: self.pushed + ahead,
            clock: Clock::read(),
            rows: rows.map(|view| Row::Publication(Box::new(view))).collect(),
            next,
        };
        let _ = ask.page.send(page);
    }

    /// Answers a question if there is one, as of the event with this number: rows, and where the
    /// next page begins, by where this one does.
    pub(crate) fn answer_with(
        &self,
        number: u64,
        page: impl FnOnce(Option<u64>) -> (Vec<PublicationView>, Option<u64>),
    ) -> bool {
        let Ok(ask) = self.asks.try_recv() else {
            return false;
        };
        let (rows, next) = page(ask.place.cursor());
        let rows = rows.into_iter().map(|view| Row::Publication(Box::new(view)));
        let _ = ask.page.send(Page {
            number,
            clock: Clock::read(),
            rows: rows.collect(),
            next,
        });
        true
    }

    /// Whether nobody asks for a page.
    pub(crate) fn is_unasked(&self) -> bool {
        self.asks.try_recv().is_err()
    }
}

pub(crate) fn name(presentity: &str) -> PublicationName {
    PublicationName {
        presentity: Arc::from(presentity),
        package: Arc::from("presence"),
        id: None,
    }
}

pub(crate) fn granted(presentity: &str) -> Event {
    Event::Granted {
        name: name(presentity),
        etag: Some(Arc::from("t1")),
        expires: 600,
    }
}

pub(crate) fn watching(presentity: &str) -> Arc<SubscriptionName> {
    Arc::new(SubscriptionName {
        presentity: Arc::from(presentity),
        watcher: Arc::from("sip:watcher@example.com"),
        package: Arc::from("presence"),
        id: None,
    })
}

pub(crate) fn state(presentity: &str, content_type: &str, body: &'static [u8], changed: bool) -> Event {
    Event::State {
        name: watching(presentity),
        dialog: 7,
        state: ResourceState {
            resource: Arc::from(presentity),
            member: None,
            content_type: Arc::from(content_type),
            body: Bytes::from_static(body),
            document: event_packages::Document::read(content_type, body)
                .ok()
                .map(Arc::new),
            at: Instant::now(),
        },
        changed,
    }
}

pub(crate) fn publication(presentity: &str) -> PublicationView {
    PublicationView {
        key: 1,
        name: name(presentity),
        state: PublicationState::Published,
        document: None,
        headers: Arc::from(""),
        proxy: None,
        etag: Some(Arc::from("t1")),
        granted: Some(600),
        expires_at: None,
        refresh_at: None,
        retry_at: None,
        until: None,
        revision: 1,
        published_revision: 1,
        last_code: Some(200),
        last_reason: Some(Arc::from("OK")),
        last_at: None,
        next_hop: None,
        on_stop: None,
        call_id: Arc::from("c"),
        cseq: 1,
    }
}
