//! Whatever the order in which events are made, committed, asked for, answered and read: who
//! applies what a consumer is told is never behind what it has been told before, knows every loss,
//! and ends up with what stands.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::events::test_feed::{TestFeed, bounds, name, publication};

/// What the engine would do, step by step.
#[derive(Clone, Debug)]
enum Step {
    /// A publication is granted a new entity-tag.
    Grant(u8),
    /// A publication is removed.
    Remove(u8),
    /// What was made is committed, at most so many.
    Commit(u8),
    /// The engine answers one question.
    Answer,
    /// The consumer takes so many.
    Take(u8),
    /// The consumer is dropped and comes back with the last cursor it has.
    ComeBack,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6_u8).prop_map(Step::Grant),
        1 => (0..6_u8).prop_map(Step::Remove),
        3 => (1..6_u8).prop_map(Step::Commit),
        3 => Just(Step::Answer),
        4 => (1..9_u8).prop_map(Step::Take),
        1 => Just(Step::ComeBack),
    ];
    proptest::collection::vec(step, 0..200)
}

fn key(number: u8) -> String {
    format!("sip:{number}@h")
}

/// The engine's side.
struct Engine {
    feed: TestFeed,
    /// Publication and version.
    held: BTreeMap<String, u64>,
    version: u64,
    /// Made but not committed.
    waiting: VecDeque<Event>,
    emitted: u64,
}

impl Engine {
    fn change(&mut self, number: u8, grant: bool) {
        let key = key(number);
        self.emitted += 1;
        self.version += 1;
        let event = if grant {
            self.held.insert(key.clone(), self.version);
            Event::Granted {
                name: name(&key),
                etag: Some(self.version.to_string().into()),
                expires: 600,
            }
        } else {
            self.held.remove(&key);
            Event::Removed { name: name(&key) }
        };
        self.waiting.push_back(event);
    }

    fn commit(&mut self, most: usize) {
        for event in self.waiting.drain(..most.min(self.waiting.len())) {
            self.feed.push(event);
        }
    }

    /// Pages of two.
    fn answer(&self) -> bool {
        let pages: Vec<_> = self.held.iter().collect();
        self.feed.answer_with(self.emitted, |cursor| {
            let from = usize::try_from(cursor.unwrap_or(0)).unwrap();
            // As the user agent does it: by place, whatever has happened since the last page.
            let places = (0..6_u8).map(key);
            let held: Vec<(usize, &String, u64)> = places
                .enumerate()
                .filter_map(|(place, key)| {
                    let (key, version) = pages.iter().find(|(held, _)| **held == key)?;
                    Some((place, *key, **version))
                })
                .filter(|(place, ..)| *place >= from)
                .collect();
            let rows = held.iter().take(2).map(|(_, key, version)| {
                let mut view = publication(key);
                view.etag = Some(version.to_string().into());
                view
            });
            (rows.collect(), held.get(2).map(|(place, ..)| *place as u64))
        })
    }
}

/// The application's side.
#[derive(Default)]
struct Application {
    known: BTreeMap<String, u64>,
    cursor: Option<Cursor>,
    /// The number of the last event, row or mark.
    number: u64,
    /// Keys told in the snapshot under way.
    fresh: Option<BTreeMap<String, u64>>,
}

impl Application {
    fn apply(&mut self, item: &Item) {
        let json: serde_json::Value = serde_json::from_slice(&item.json(false)).unwrap();
        let number = json["seq"].as_u64().unwrap();
        let key = || json["presentity"].as_str().unwrap().to_owned();
        match json["type"].as_str().unwrap() {
            "snapshot_begin" => {
                self.known.clear();
                self.fresh = Some(BTreeMap::new());
                assert!(number >= self.number);
            }
            "snapshot_end" => self.fresh = None,
            "gap" => {
                if let Some(from) = json["from"].as_u64() {
                    assert_eq!(from, self.number + 1, "what was told before the gap");
                    assert_eq!(json["to"], number);
                    assert!(number >= from);
                }
            }
            "publication" if json["snapshot"] == true => {
                // A row is told exactly where it is true.
                assert_eq!(number, self.number);
                self.tell(key(), &json["etag"]);
            }
            "publication" => {
                assert_eq!(number, self.number + 1, "nothing is left out unseen");
                match json["change"].as_str().unwrap() {
                    "granted" => self.tell(key(), &json["etag"]),
                    _ => drop(self.known.remove(&key())),
                }
            }
            other => panic!("{other}"),
        }
        self.number = number;
        assert_eq!(
            item.cursor().is_none(),
            self.fresh.is_some() || json["type"] == "gap"
        );
        self.cursor = item.cursor().or(self.cursor);
    }

    fn tell(&mut self, key: String, etag: &serde_json::Value) {
        let version = etag.as_str().unwrap().parse().unwrap();
        let before = self.known.insert(key, version);
        assert!(before.is_none_or(|before| before <= version), "back in time");
    }
}

fn live(ring: usize, steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut engine = Engine {
        feed: TestFeed::on(runtime.handle(), bounds(ring)),
        held: BTreeMap::new(),
        version: 0,
        waiting: VecDeque::new(),
        emitted: 0,
    };
    let filter = || Filter::default().kind(Kind::Publication);
    let mut application = Application::default();
    let mut consumer = engine.feed.feed.attach(filter(), Start::SNAPSHOT).unwrap();
    for step in steps {
        match step {
            Step::Grant(number) => engine.change(number, true),
            Step::Remove(number) => engine.change(number, false),
            Step::Commit(most) => engine.commit(most.into()),
            Step::Answer => drop(engine.answer()),
            Step::Take(most) => {
                for item in (0..most).map_while(|_| consumer.try_next()) {
                    application.apply(&item);
                }
            }
            Step::ComeBack => {
                let start = Start {
                    cursor: application.cursor,
                    snapshot: true,
                };
                application.number = application.cursor.map_or(0, |cursor| cursor.number);
                application.fresh = None;
                consumer = engine.feed.feed.attach(filter(), start).unwrap();
            }
        }
    }
    engine.commit(usize::MAX);
    // Everything settles: at most a snapshot of three pages, once more if the ring was overrun.
    for _ in 0..20 {
        while let Some(item) = consumer.try_next() {
            application.apply(&item);
        }
        engine.answer();
    }
    assert_eq!(application.known, engine.held);
    assert_eq!(application.number, engine.emitted);
    assert!(application.fresh.is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_applies_all_in_order_is_right(ring in 1_usize..24, steps in steps()) {
        live(ring, steps);
    }
}
