//! The present state, asked of the engine page by page.
//!
//! The engine's thread answers one page a turn, so that a snapshot of a million publications holds
//! up nobody. A page says after which event it was taken; a consumer hands its rows out exactly
//! there, between the events before and those after. So what it hands out is right at each point,
//! although the pages are of different moments.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use pua_core::{PublicationView, StateView, SubscriptionFilter, SubscriptionView};
use tokio::sync::oneshot;

use super::entry::{Subject, presentities_of};
use super::filter::{Filter, Kind, uri_key};
use super::render::{self, Rows};
use crate::clock::Clock;
use crate::holdings::Holdings;

/// Rows of a page: some ten microseconds to a hundred for each hundred.
const PAGE: usize = 250;

/// What a page is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Nothing: only the number is wanted.
    Number,
    Publications,
    /// Subscriptions, and with each what is known by it.
    Subscriptions,
    /// What is known about one presentity, be it as a member of a list.
    States,
}

/// Where a page begins.
#[derive(Clone, Debug)]
pub(super) struct Place {
    part: Part,
    presentity: Option<Box<str>>,
    cursor: Option<u64>,
}

#[cfg(test)]
impl Place {
    pub(super) fn cursor(&self) -> Option<u64> {
        self.cursor
    }
}

/// A consumer wants a page.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(super) place: Place,
    pub(super) page: oneshot::Sender<Page>,
}

/// One page: the state after the event with `number`.
#[derive(Debug)]
pub(crate) struct Page {
    pub(super) number: u64,
    pub(super) clock: Clock,
    pub(super) rows: Vec<Row>,
    pub(super) next: Option<u64>,
}

/// One thing that stands.
#[derive(Clone, Debug)]
pub(super) enum Row {
    Publication(Box<PublicationView>),
    Subscription(Box<SubscriptionView>),
    State(Box<StateView>),
}

impl Ask {
    /// The page that is wanted, on the engine's thread.
    pub(crate) fn page(&self, held: &impl Holdings) -> Page {
        let mut page = Page {
            number: 0,
            clock: Clock::read(),
            rows: Vec::new(),
            next: None,
        };
        let presentity = self.place.presentity.as_deref();
        match self.place.part {
            Part::Number => {}
            Part::Publications => {
                let filter = pua_core::Filter {
                    presentity: presentity.map(str::to_owned),
                    ..pua_core::Filter::default()
                };
                let found = held.publications(&filter, self.place.cursor, PAGE);
                page.next = found.next;
                let rows = found.publications.into_iter();
                page.rows
                    .extend(rows.map(|view| Row::Publication(Box::new(view))));
            }
            Part::Subscriptions => {
                let filter = SubscriptionFilter {
                    presentity: presentity.map(str::to_owned),
                    ..SubscriptionFilter::default()
                };
                let found = held.brought(&filter, self.place.cursor, PAGE);
                page.next = found.next;
                for (view, known) in found.rows {
                    page.rows.push(Row::Subscription(Box::new(view)));
                    if presentity.is_none() {
                        let known = known.into_iter();
                        page.rows.extend(known.map(|state| Row::State(Box::new(state))));
                    }
                }
            }
            Part::States => {
                let known = held.states(presentity.unwrap_or_default()).into_iter();
                page.rows.extend(known.map(|state| Row::State(Box::new(state))));
            }
        }
        page
    }

    /// Answers with the page, which was taken when so many events had been made, those included that
    /// wait for a commit.
    pub(crate) fn answer(self, mut page: Page, emitted: u64) {
        page.number = emitted;
        // A consumer that has gone does not want it any more.
        let _ = self.page.send(page);
    }
}

/// A snapshot under way: what is still to be asked, and what there was.
#[derive(Debug)]
pub(super) struct Walk {
    places: VecDeque<Place>,
    pub(super) rows: Rows,
}

impl Walk {
    pub(super) fn new(filter: &Filter) -> Walk {
        let mut places = VecDeque::new();
        let mut add = |part, presentity: Option<&str>| {
            places.push_back(Place {
                part,
                presentity: presentity.map(Box::from),
                cursor: None,
            });
        };
        let publications = filter.wants_publications();
        let subscriptions = filter.wants(Kind::Subscription);
        let states = filter.wants(Kind::State);
        if filter.presentities().is_empty() {
            if publications {
                add(Part::Publications, None);
            }
            if subscriptions || states {
                add(Part::Subscriptions, None);
            }
        }
        for presentity in filter.presentities() {
            if publications {
                add(Part::Publications, Some(presentity));
            }
            if subscriptions {
                add(Part::Subscriptions, Some(presentity));
            }
            if states {
                add(Part::States, Some(presentity));
            }
        }
        if places.is_empty() {
            places.push_back(Place {
                part: Part::Number,
                presentity: None,
                cursor: None,
            });
        }
        Walk {
            places,
            rows: Rows::default(),
        }
    }

    /// The next page to ask for; `None`: that was all.
    pub(super) fn place(&self) -> Option<Place> {
        self.places.front().cloned()
    }

    /// Takes a page in; the rows that the filter lets through.
    pub(super) fn take(&mut self, filter: &Filter, page: Page) -> VecDeque<Told> {
        match (page.next, self.places.front_mut()) {
            (Some(next), Some(place)) => place.cursor = Some(next),
            _ => drop(self.places.pop_front()),
        }
        let (number, clock) = (page.number, page.clock);
        let rows = page.rows.into_iter().filter(|row| row.passes(filter));
        let told: VecDeque<Told> = rows.map(|row| Told { number, clock, row }).collect();
        for told in &told {
            match told.row {
                Row::Publication(_) => self.rows.publications += 1,
                Row::Subscription(_) => self.rows.subscriptions += 1,
                Row::State(_) => self.rows.states += 1,
            }
        }
        told
    }
}

/// A row on its way to a consumer.
#[derive(Clone, Debug)]
pub(super) struct Told {
    number: u64,
    clock: Clock,
    row: Row,
}

impl Told {
    pub(super) fn kind(&self) -> Kind {
        match self.row {
            Row::Publication(_) => Kind::Publication,
            Row::Subscription(_) => Kind::Subscription,
            Row::State(_) => Kind::State,
        }
    }

    pub(super) fn json(&self, raw: bool) -> Bytes {
        match &self.row {
            Row::Publication(view) => render::publication_row(self.number, &self.clock, view),
            Row::Subscription(view) => render::subscription_row(self.number, &self.clock, view),
            Row::State(view) => render::state_row(self.number, &self.clock, view, raw),
        }
    }
}

impl Row {
    fn passes(&self, filter: &Filter) -> bool {
        let one;
        let several;
        let (kind, package, presentities, watcher): (_, _, &[Box<str>], _) = match self {
            Row::Publication(view) => {
                one = [uri_key(&view.name.presentity)];
                (Kind::Publication, &view.name.package, &one, None)
            }
            Row::Subscription(view) => {
                one = [uri_key(&view.name.presentity)];
                let watcher = Some(&*view.name.watcher);
                (Kind::Subscription, &view.name.package, &one, watcher)
            }
            Row::State(view) => {
                several = presentities_of(view);
                let watcher = Some(&*view.name.watcher);
                (Kind::State, &view.name.package, &several, watcher)
            }
        };
        filter.matches(&Subject {
            kind,
            package,
            presentities,
            watcher,
            changed: true,
        })
    }
}

/// How the engine is asked.
pub(super) type Source = Arc<dyn Fn(Ask) + Send + Sync>;
