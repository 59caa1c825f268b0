//! What it costs to take up records of an earlier life: `restore [NUMBER] [publications|subscriptions]`
//! hands so many to a user agent, and prints the time of each. Under `valgrind --tool=callgrind` the
//! difference of two runs with different numbers tells it in instructions.
#![allow(missing_docs)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pua_core::*;

#[global_allocator]
static ALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn presentity(n: u64) -> Arc<str> {
    format!("sip:user{n:07}@pua.example.com").into()
}

fn publication(now: Instant, n: u64) -> PublicationRecord {
    PublicationRecord {
        key: n,
        name: PublicationName {
            presentity: presentity(n),
            package: "presence".into(),
            id: None,
        },
        document: Some(Document {
            content_type: "application/pidf+xml".into(),
            body: Bytes::from(vec![b'x'; 437]),
        }),
        headers: "".into(),
        proxy: None,
        until: None,
        removing: false,
        revision: 1,
        document_revision: 1,
        on_stop: None,
        published_revision: 1,
        etag: Some(format!("a.1481534683.{n}").into()),
        expires_at: Some(now + Duration::from_secs(1800 + n % 1800)),
        call_id: "".into(),
        cseq: 1,
        surplus: 0,
        setback: None,
    }
}

/// One whose dialog stands.
fn subscription(now: Instant, n: u64) -> SubscriptionRecord {
    SubscriptionRecord {
        key: n,
        name: Arc::new(SubscriptionName {
            presentity: presentity(n),
            watcher: "sip:watcher@pua.example.com".into(),
            package: "presence".into(),
            id: None,
        }),
        headers: "".into(),
        proxy: None,
        members: Arc::from([]),
        until: None,
        call_id: format!("{n:032x}").into(),
        from_tag: format!("01{n:016x}{n:x}").into(),
        dialogs: vec![DialogRecord {
            remote_tag: format!("a6a1c5f60faecf035a1ae5b6e96e979a-{n:x}").into(),
            target: "sip:127.0.0.1:5080;transport=udp".into(),
            routes: Box::from([]),
            cseq: 17,
            remote_cseq: 23,
            active: true,
            expires_at: now + Duration::from_secs(1800 + n % 1800),
        }],
        ending: false,
        setback: None,
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let number: u64 = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(200_000);
    let subscribes = arguments.next().as_deref() == Some("subscriptions");
    let now = Instant::now();
    let config = Config {
        presence_server: Some(Proxy {
            uri: "sip:127.0.0.1:5080".into(),
        }),
        listen: vec![(Transport::Udp, ([127, 0, 0, 1], 5060).into())],
        ..Config::default()
    };
    let mut agent = UserAgent::new(now, config, [1; 32]);
    let mut took = Duration::ZERO;
    for n in 1..=number {
        let input = match subscribes {
            true => Input::RestoreSubscription(subscription(now, n)),
            false => Input::Restore(publication(now, n)),
        };
        let from = Instant::now();
        agent.handle_input(now, input);
        while agent.poll_output().is_some() {}
        took += from.elapsed();
    }
    let held = match subscribes {
        true => "subscriptions",
        false => "publications",
    };
    let statistics = agent.statistics();
    let taken_up = statistics.iter().find(|known| known.name == held);
    assert_eq!(
        taken_up.map(|known| known.value),
        Some(number),
        "some are not held"
    );
    println!(
        "{number} {held}: {} ns each",
        took.as_nanos() / u128::from(number.max(1))
    );
}
