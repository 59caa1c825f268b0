//! What a consumer is told, and when it can go on.

use super::*;
use crate::events::feed::TooManyConsumers;
use crate::events::test_feed::{TestFeed, bounds};
use crate::events::{Bounds, Request};

/// Type and presentity, or for a gap the numbers; `*` for a row of a snapshot; `@` and the number
/// where one can go on.
fn told(item: &Item) -> String {
    let json: serde_json::Value = serde_json::from_slice(&item.json(false)).unwrap();
    let kind = json["type"].as_str().unwrap();
    let what = match kind {
        "gap" => format!(
            "gap {} {}-{} ({})",
            json["reason"], json["from"], json["to"], json["lost"]
        ),
        "publication" | "state" => json["presentity"].as_str().unwrap().to_owned(),
        other => other.to_owned(),
    };
    let star = if json["snapshot"] == true { "*" } else { "" };
    let at = match item.cursor() {
        Some(cursor) => {
            assert_eq!(json["cursor"], cursor.to_string());
            assert_eq!(json["seq"], cursor.number);
            format!(" @{}", cursor.number)
        }
        None => {
            assert_eq!(json["cursor"], serde_json::Value::Null);
            String::new()
        }
    };
    format!("{star}{what}{at}").replace('"', "")
}

async fn take(consumer: &mut Consumer, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(told(&consumer.next().await.unwrap()));
    }
    all
}

fn after(feed: &TestFeed, number: u64, snapshot: bool) -> Start {
    Start {
        cursor: Some(Cursor {
            epoch: feed.feed.shared.epoch,
            number,
        }),
        snapshot,
    }
}

/// With `snapshot=false`.
const FROM_NOW: Start = Start {
    cursor: None,
    snapshot: false,
};

#[tokio::test]
async fn the_present_state_then_every_change() {
    let mut feed = TestFeed::new(16);
    feed.grant(&["a", "b"]);
    let mut consumer = feed.feed.attach(Filter::default(), Start::SNAPSHOT).unwrap();
    assert!(consumer.try_next().is_none());
    feed.answer(0, &["a", "b"], None);
    // The page of the subscriptions is asked for when the first is read.
    assert_eq!(take(&mut consumer, 3).await, ["snapshot_begin", "*a", "*b"]);
    assert!(consumer.try_next().is_none());
    assert_eq!(consumer.cursor(), None);
    feed.answer(0, &[], None);
    assert_eq!(take(&mut consumer, 1).await, ["snapshot_end @2"]);
    feed.grant(&["c"]);
    assert_eq!(take(&mut consumer, 1).await, ["c @3"]);
    assert!(consumer.try_next().is_none() && feed.is_unasked());
}

#[tokio::test]
async fn a_change_during_a_snapshot_comes_between_its_pages() {
    let mut feed = TestFeed::new(16);
    feed.grant(&["a"]);
    let mut consumer = feed.feed.attach(Filter::default(), Start::SNAPSHOT).unwrap();
    feed.answer(0, &["a"], Some(5));
    assert_eq!(take(&mut consumer, 2).await, ["snapshot_begin", "*a"]);
    assert!(consumer.try_next().is_none());
    feed.grant(&["b", "a"]);
    feed.answer(0, &["z"], None);
    // Nobody can go on from here: the rest of the snapshot would be missing.
    assert_eq!(take(&mut consumer, 3).await, ["b", "a", "*z"]);
    assert!(consumer.try_next().is_none());
    feed.answer(0, &[], None);
    assert_eq!(take(&mut consumer, 1).await, ["snapshot_end @3"]);
}

#[tokio::test]
async fn a_snapshot_is_not_told_before_it_is_committed() {
    let mut feed = TestFeed::new(16);
    let mut consumer = feed
        .feed
        .attach(Filter::default().kind(Kind::Publication), Start::SNAPSHOT)
        .unwrap();
    feed.answer(2, &["a", "b"], None);
    assert!(consumer.try_next().is_none());
    feed.grant(&["a"]);
    assert!(consumer.try_next().is_none());
    feed.grant(&["b", "c"]);
    let expected = ["snapshot_begin", "*a", "*b", "snapshot_end @2", "c @3"];
    assert_eq!(take(&mut consumer, 5).await, expected);
}

#[tokio::test]
async fn a_consumer_that_comes_back_goes_on_exactly_where_it_was() {
    let mut feed = TestFeed::new(16);
    feed.grant(&["a", "b", "c"]);
    for (number, expected) in [(0, &["a @1", "b @2", "c @3"][..]), (2, &["c @3"]), (3, &[])] {
        let start = after(&feed, number, true);
        let mut consumer = feed.feed.attach(Filter::default(), start).unwrap();
        assert_eq!(take(&mut consumer, expected.len()).await, expected);
        assert!(consumer.try_next().is_none());
        assert_eq!(consumer.cursor().unwrap().number, 3);
    }
    assert!(feed.is_unasked());
}

#[tokio::test]
async fn one_that_was_away_too_long_is_told_the_gap_and_the_present_state() {
    let mut feed = TestFeed::new(3);
    feed.grant(&["a", "b", "c", "d", "e"]);
    let start = after(&feed, 1, true);
    let filter = Filter::default().kind(Kind::Publication);
    let mut consumer = feed.feed.attach(filter, start).unwrap();
    assert!(consumer.try_next().is_none());
    feed.grant(&["f"]);
    feed.answer(0, &["e", "f"], None);
    feed.grant(&["g"]);
    let expected = [
        "gap overrun 2-6 (5)",
        "snapshot_begin",
        "*e",
        "*f",
        "snapshot_end @6",
        "g @7",
    ];
    assert_eq!(take(&mut consumer, 6).await, expected);
    assert_eq!(feed.inlet.figures().gaps, 1);
}

#[tokio::test]
async fn one_that_is_too_slow_during_a_snapshot_gets_a_new_one() {
    let mut feed = TestFeed::new(2);
    let mut consumer = feed
        .feed
        .attach(Filter::default().kind(Kind::Publication), Start::SNAPSHOT)
        .unwrap();
    feed.answer(0, &["a"], Some(1));
    assert_eq!(take(&mut consumer, 2).await, ["snapshot_begin", "*a"]);
    assert!(consumer.try_next().is_none());
    feed.grant(&["b", "c", "d"]);
    feed.answer(0, &["e"], None);
    assert!(consumer.try_next().is_none());
    feed.answer(0, &["d"], None);
    let expected = ["gap overrun 1-3 (3)", "snapshot_begin", "*d", "snapshot_end @3"];
    assert_eq!(take(&mut consumer, 4).await, expected);
}

#[tokio::test]
async fn a_cursor_of_an_earlier_life_is_a_gap_of_unknown_length() {
    let mut feed = TestFeed::new(4);
    feed.grant(&["a"]);
    let old = |snapshot| Start {
        cursor: "1-99".parse().ok(),
        snapshot,
    };
    let filter = Filter::default().kind(Kind::Publication);
    let mut consumer = feed.feed.attach(filter, old(true)).unwrap();
    feed.answer(0, &["a"], None);
    let expected = [
        "gap restart null-null (null)",
        "snapshot_begin",
        "*a",
        "snapshot_end @1",
    ];
    assert_eq!(take(&mut consumer, 4).await, expected);

    // Without snapshots: all that there is of this life.
    let mut consumer = feed.feed.attach(Filter::default(), old(false)).unwrap();
    assert_eq!(
        take(&mut consumer, 2).await,
        ["gap restart null-null (null) @0", "a @1"]
    );
    // A number of this life that has not been given out yet.
    let mut consumer = feed
        .feed
        .attach(Filter::default(), after(&feed, 2, false))
        .unwrap();
    assert_eq!(take(&mut consumer, 1).await, ["gap restart null-null (null) @0"]);
}

#[tokio::test]
async fn without_snapshots_it_goes_on_after_a_gap_with_the_oldest_left() {
    let mut feed = TestFeed::new(3);
    feed.grant(&["a"]);
    let mut consumer = feed.feed.attach(Filter::default(), FROM_NOW).unwrap();
    feed.grant(&["b"]);
    assert_eq!(take(&mut consumer, 2).await, ["attached @1", "b @2"]);
    feed.grant(&["c", "d", "e", "f", "g"]);
    let expected = ["gap overrun 3-4 (2) @4", "e @5", "f @6", "g @7"];
    assert_eq!(take(&mut consumer, 4).await, expected);
    assert!(feed.is_unasked());
}

#[tokio::test]
async fn a_filter_keeps_back_and_the_cursor_moves_all_the_same() {
    let mut feed = TestFeed::new(600);
    let filter = Filter::default().presentity("sip:a@h");
    let mut consumer = feed.feed.attach(filter, FROM_NOW).unwrap();
    assert_eq!(take(&mut consumer, 1).await, ["attached @0"]);
    for _ in 0..500 {
        feed.grant(&["sip:b@h"]);
    }
    feed.grant(&["sip:a@H"]);
    assert_eq!(take(&mut consumer, 1).await, ["sip:a@H @501"]);
    feed.grant(&["sip:b@h"]);
    assert!(consumer.try_next().is_none());
    assert_eq!(consumer.cursor().unwrap().number, 502);
    assert_eq!(feed.inlet.figures().delivered, 1);
}

#[tokio::test]
async fn a_filter_without_anything_that_stands_gets_an_empty_snapshot() {
    let feed = TestFeed::new(4);
    let request = Request::from_query("kind=unreadable").unwrap();
    let mut consumer = feed.feed.attach(request.filter, request.start).unwrap();
    feed.answer(0, &["a"], None);
    assert_eq!(
        take(&mut consumer, 2).await,
        ["snapshot_begin", "snapshot_end @0"]
    );
}

#[tokio::test]
async fn the_end_of_the_stream_comes_after_its_last_event() {
    let mut feed = TestFeed::new(4);
    let mut consumer = feed.feed.attach(Filter::default(), FROM_NOW).unwrap();
    let mut asking = feed.feed.attach(Filter::default(), Start::SNAPSHOT).unwrap();
    feed.grant(&["a"]);
    drop(feed);
    assert_eq!(take(&mut consumer, 2).await, ["attached @0", "a @1"]);
    assert!(consumer.next().await.is_none() && consumer.next().await.is_none());
    assert!(asking.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn many_consumers_are_woken_together_and_the_first_event_at_once() {
    let most = 200;
    let mut feed = TestFeed::on(
        &tokio::runtime::Handle::current(),
        Bounds {
            consumers: most,
            ..bounds(2000)
        },
    );
    let began = tokio::time::Instant::now();
    let waiting: Vec<_> = (0..most)
        .map(|_| {
            let mut consumer = feed.feed.attach(Filter::default(), FROM_NOW).unwrap();
            tokio::spawn(async move {
                assert_eq!(take(&mut consumer, 2).await, ["attached @0", "a @1"]);
                let first = began.elapsed();
                take(&mut consumer, 1000).await;
                (first, began.elapsed())
            })
        })
        .collect();
    tokio::task::yield_now().await;
    feed.grant(&["a"]);
    tokio::task::yield_now().await;
    for _ in 0..1000 {
        feed.grant(&["b"]);
    }
    let pause = std::time::Duration::from_micros(20) * 200;
    for task in waiting {
        let (first, last) = task.await.unwrap();
        assert!(first.is_zero() && last <= pause * 2, "{first:?} {last:?}");
    }
}

#[tokio::test]
async fn a_consumer_that_waits_is_woken_and_one_that_is_dropped_gives_its_seat_free() {
    let mut feed = TestFeed::on(&tokio::runtime::Handle::current(), bounds(4));
    let mut seats = Vec::new();
    for _ in 0..8 {
        seats.push(feed.feed.attach(Filter::default(), FROM_NOW).unwrap());
    }
    assert_eq!(
        feed.feed.attach(Filter::default(), FROM_NOW).unwrap_err(),
        TooManyConsumers(8)
    );
    let mut consumer = seats.pop().unwrap();
    assert_eq!(take(&mut consumer, 1).await, ["attached @0"]);
    let waiting = tokio::spawn(async move { take(&mut consumer, 1).await });
    tokio::task::yield_now().await;
    feed.grant(&["a"]);
    assert_eq!(waiting.await.unwrap(), ["a @1"]);
    assert_eq!(feed.inlet.figures().consumers, 7);
    assert!(feed.feed.attach(Filter::default(), FROM_NOW).is_ok());
}
