//! The stream over HTTP as clients see it.

use super::*;
use crate::events::Filter;
use crate::events::test_feed::TestFeed;

fn text(chunk: Option<Bytes>) -> String {
    String::from_utf8(chunk.unwrap().to_vec()).unwrap()
}

fn from_now(feed: &TestFeed, query: &str) -> ServerSent {
    let wanted = Request::from_query(&format!("snapshot=false&{query}")).unwrap();
    ServerSent {
        consumer: feed.feed.attach(wanted.filter, wanted.start).unwrap(),
        raw: wanted.raw,
        begun: false,
        said: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_says_now_and_then_that_it_is_alive_and_where_it_is() {
    let mut feed = TestFeed::new(16);
    let mut sent = from_now(&feed, "presentity=sip:a@h");
    assert_eq!(text(sent.chunk().await), "retry: 1000\n\n");
    let first = text(sent.chunk().await);
    assert!(
        first.starts_with("id: ") && first.contains("\ndata: {\"seq\":0,\"cursor\":\""),
        "{first}"
    );
    let began = Instant::now();
    assert_eq!(text(sent.chunk().await), ": keep-alive\n\n");
    assert_eq!(began.elapsed(), KEEP_ALIVE);
    // What the filter keeps back counts as read.
    feed.grant(&["sip:b@h", "sip:b@h"]);
    let alive = text(sent.chunk().await);
    assert!(
        alive.starts_with(": keep-alive\nid: ") && alive.ends_with("-2\n\n"),
        "{alive}"
    );
    assert_eq!(text(sent.chunk().await), ": keep-alive\n\n");
    feed.grant(&["sip:a@h"]);
    let event = text(sent.chunk().await);
    assert!(event.contains("-3\ndata: {\"seq\":3,"), "{event}");
    drop(feed);
    assert!(sent.chunk().await.is_none());
}

#[tokio::test]
async fn many_events_go_out_together_and_in_order() {
    let mut feed = TestFeed::new(4096);
    let mut sent = from_now(&feed, "");
    sent.chunk().await;
    for _ in 0..1000 {
        feed.grant(&["sip:a@h"]);
    }
    let (mut chunks, mut numbers) = (0, Vec::new());
    while numbers.len() < 1001 {
        chunks += 1;
        let chunk = text(sent.chunk().await);
        assert!(chunk.len() < 2 * CHUNK);
        let data = chunk.lines().filter_map(|line| line.strip_prefix("data: "));
        numbers.extend(
            data.map(|json| serde_json::from_str::<serde_json::Value>(json).unwrap()["seq"].as_u64()),
        );
    }
    assert!(chunks < 20, "{chunks}");
    assert!(numbers.into_iter().flatten().eq(0..=1000));
}

#[tokio::test]
async fn the_header_counts_more_than_the_parameter() {
    let head = |last: &str| {
        let request = axum::http::Request::get("/v1/events?cursor=1-1&raw=1").header("Last-Event-ID", last);
        wanted(&request.body(()).unwrap().into_parts().0)
    };
    assert_eq!(head("2-2").unwrap().start.cursor, "2-2".parse().ok());
    assert_eq!(head("").unwrap().start.cursor, "1-1".parse().ok());
    assert!(head("2-2").unwrap().raw);
    assert!(head("x").is_err());
    assert_eq!(Request::from_query("").unwrap().filter, Filter::default());
}
