//! What an event costs: the engine to put it in, the first consumer to render it, each further one
//! to take it.

#![allow(missing_docs)]

#[path = "../src/clock.rs"]
#[allow(dead_code, reason = "the bench needs a part of the program only")]
mod clock;
#[path = "../src/events/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the bench needs a part of the program only"
)]
mod events;
#[path = "../src/holdings.rs"]
#[allow(dead_code, reason = "the bench needs a part of the program only")]
mod holdings;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use clock::Clock;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use events::{Bounds, Consumer, Feed, Filter, Inlet, Start};
use pua_core::{Event, ResourceState, SubscriptionName};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A presence document as phones send it.
const PIDF: &[u8] = br#"<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@example.com">
<tuple id="t4711"><status><basic>open</basic></status><contact priority="0.8">sip:alice@192.0.2.7:5060</contact><note>in a meeting</note><timestamp>2026-11-23T08:00:00Z</timestamp></tuple>
<dm:person id="p1"><rpid:activities><rpid:meeting/></rpid:activities><dm:note>back at three</dm:note></dm:person>
</presence>"#;

const EVENTS: usize = 1000;

fn main() {
    divan::main();
}

fn state() -> Event {
    let kind = "application/pidf+xml";
    Event::State {
        name: Arc::new(SubscriptionName {
            presentity: Arc::from("sip:alice@example.com"),
            watcher: Arc::from("sip:watcher@example.com"),
            package: Arc::from("presence"),
            id: None,
        }),
        dialog: 1,
        state: ResourceState {
            resource: Arc::from("sip:alice@example.com"),
            member: None,
            content_type: Arc::from(kind),
            body: Bytes::from_static(PIDF),
            document: event_packages::Document::read(kind, PIDF).ok().map(Arc::new),
            at: Instant::now(),
        },
        changed: true,
    }
}

fn stream(runtime: &Runtime) -> (Inlet, Feed) {
    let bounds = Bounds {
        events: 4096,
        bytes: 1 << 30,
        consumers: 100,
    };
    events::stream(bounds, events::Life::only(), runtime.handle(), |_| {})
}

fn attach(feed: &Feed, filter: Filter) -> Consumer {
    let start = Start {
        cursor: None,
        snapshot: false,
    };
    let mut consumer = feed.attach(filter, start).expect("a seat is free");
    consumer.try_next();
    consumer
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).build().expect("a runtime")
}

/// The engine's part, with nobody listening: number, put in, drop the oldest.
#[divan::bench]
fn push(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let (mut inlet, _feed) = stream(&runtime);
    let (event, clock) = (state(), Clock::read());
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        for _ in 0..EVENTS {
            inlet.push(clock, event.clone());
        }
        inlet.announce();
    });
}

/// The first consumer: finds it, makes its JSON.
#[divan::bench]
fn render(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let (mut inlet, feed) = stream(&runtime);
    let (event, clock) = (state(), Clock::read());
    bencher
        .counter(ItemsCount::new(EVENTS))
        .with_inputs(|| attach(&feed, Filter::default()))
        .bench_local_refs(|consumer| {
            for _ in 0..EVENTS {
                inlet.push(clock, event.clone());
            }
            while let Some(item) = consumer.try_next() {
                black_box(item.json(false));
            }
        });
}

/// From the engine's thread to a consumer that waits on another one, and back.
#[divan::bench]
fn hand_over(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let (mut inlet, feed) = stream(&runtime);
    let (event, clock) = (state(), Clock::read());
    let mut consumer = attach(&feed, Filter::default());
    let (taken, was_taken) = std::sync::mpsc::channel();
    runtime.spawn(async move {
        while let Some(item) = consumer.next().await {
            let _ = taken.send(item);
        }
    });
    bencher.bench_local(|| {
        inlet.push(clock, event.clone());
        inlet.announce();
        was_taken.recv()
    });
}

/// A further consumer, with and without a filter that lets nothing through.
#[divan::bench(args = [true, false])]
fn take(bencher: Bencher<'_, '_>, everything: bool) {
    let runtime = runtime();
    let (mut inlet, feed) = stream(&runtime);
    let (event, clock) = (state(), Clock::read());
    let filter = match everything {
        true => Filter::default(),
        false => Filter::default().presentity("sip:bob@example.com"),
    };
    bencher
        .counter(ItemsCount::new(EVENTS))
        .with_inputs(|| {
            let (mut first, second) = (attach(&feed, Filter::default()), attach(&feed, filter.clone()));
            for _ in 0..EVENTS {
                inlet.push(clock, event.clone());
            }
            while let Some(item) = first.try_next() {
                item.json(false);
            }
            second
        })
        .bench_local_refs(|consumer| {
            for _ in 0..=EVENTS / 100 {
                while let Some(item) = consumer.try_next() {
                    black_box(item.json(false));
                }
            }
        });
}
