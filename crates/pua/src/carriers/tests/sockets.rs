//! `event_subscribe`.

use std::path::Path;

use pua_mi::Reply;
use pua_mi::command::{EventSubscribe, SubscribersFilter};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UdpSocket, UnixDatagram};
use tokio::time::{Duration, advance};

use super::super::lease::Leases;
use super::super::notification::{DATAGRAM, Name};
use super::super::{Carriers, Carrying};
use super::{Bed, in_time, presentity, user};
use crate::events::test_feed::state;
use crate::mi::test_dir::TestDir;

fn subscribe(bed: &mut Bed, event: &str, socket: &str, expire: u32) -> Reply {
    bed.carriers.subscribe(&EventSubscribe {
        event: event.to_owned(),
        socket: socket.to_owned(),
        expire,
    })
}

/// The next notification of this event: its parameters.
fn params(datagram: &[u8], event: &str) -> Value {
    let mut notification: Value = serde_json::from_slice(datagram).unwrap();
    assert_eq!(
        (&notification["jsonrpc"], &notification["method"]),
        (&json!("2.0"), &json!(event))
    );
    assert!(notification.get("id").is_none());
    notification["params"].take()
}

async fn receive(socket: &UnixDatagram, event: &str) -> Value {
    let mut datagram = vec![0; 65_536];
    let length = in_time(socket.recv(&mut datagram)).await.unwrap();
    params(&datagram[..length], event)
}

fn listed(carriers: &Carriers) -> Value {
    match carriers.subscribers(&SubscribersFilter::default()) {
        Reply::Json(listed) => listed,
        other => panic!("{other:?}"),
    }
}

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}

#[tokio::test]
async fn a_unix_socket_gets_what_it_asked_for_and_loses_nothing_when_it_is_made_anew() {
    let dir = TestDir::new();
    let path = dir.path().join("app.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut bed = Bed::new(64, Carrying::default());
    assert!(matches!(
        subscribe(&mut bed, "E_PUA_PUBLICATION", &unix(&path), 600),
        Reply::Done
    ));
    bed.feed
        .push(state("sip:a@example.com", "text/plain", b"x", true));
    bed.grant(0..1);
    let granted = receive(&socket, "E_PUA_PUBLICATION").await;
    assert_eq!(granted["change"], "granted");
    assert_eq!(
        (&granted["user"], &granted["domain"], &granted["event"]),
        (&json!("0"), &json!("example.com"), &json!("presence"))
    );
    // The path alone is the same socket.
    assert!(matches!(
        subscribe(&mut bed, "E_PUA_NOTIFY", path.to_str().unwrap(), 60),
        Reply::Done
    ));
    bed.feed
        .push(state("sip:a@example.com", "text/plain", b"y", false));
    let notify = receive(&socket, "E_PUA_NOTIFY").await;
    assert_eq!(
        (&notify["body"], &notify["changed"]),
        (&json!("y"), &json!(false))
    );
    assert_eq!(notify["watcher"], "sip:watcher@example.com");
    assert!(notify.get("truncated").is_none());
    let text = unix(&path);
    assert_eq!(
        listed(&bed.carriers),
        json!({"Events": [
            {"name": "E_PUA_NOTIFY", "id": 0, "Subscribers": [{"socket": text, "expire": 60}]},
            {"name": "E_PUA_PUBLICATION", "id": 2, "Subscribers": [{"socket": text, "expire": 600}]},
        ]})
    );

    drop(socket);
    bed.grant(1..3);
    std::fs::remove_file(&path).unwrap();
    bed.grant(3..5);
    let socket = UnixDatagram::bind(&path).unwrap();
    for expected in 1..5 {
        assert_eq!(user(&receive(&socket, "E_PUA_PUBLICATION").await), expected);
    }
    // No more.
    for event in ["E_PUA_PUBLICATION", "E_PUA_NOTIFY"] {
        assert!(matches!(subscribe(&mut bed, event, &text, 0), Reply::Done));
    }
    assert_eq!(listed(&bed.carriers), json!({"Events": []}));
    bed.end().await;
}

#[tokio::test]
async fn a_full_queue_is_waited_for_and_holds_up_nobody_else() {
    let dir = TestDir::new();
    let (slow, quick) = (dir.path().join("slow"), dir.path().join("quick"));
    let slow_socket = UnixDatagram::bind(&slow).unwrap();
    let quick_socket = UnixDatagram::bind(&quick).unwrap();
    let mut bed = Bed::new(1024, Carrying::default());
    for path in [&slow, &quick] {
        subscribe(&mut bed, "E_PUA_PUBLICATION", &unix(path), 600);
    }
    // Many more than a queue holds.
    bed.grant(0..500);
    for expected in 0..500 {
        assert_eq!(user(&receive(&quick_socket, "E_PUA_PUBLICATION").await), expected);
    }
    for expected in 0..500 {
        assert_eq!(user(&receive(&slow_socket, "E_PUA_PUBLICATION").await), expected);
    }
    bed.end().await;
}

#[tokio::test]
async fn a_udp_port_that_is_closed_for_a_while_loses_nothing() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let mut bed = Bed::new(64, Carrying::default());
    subscribe(&mut bed, "E_PUA_PUBLICATION", &format!("udp:{address}"), 600);
    let mut datagram = vec![0; 65_536];
    bed.grant(0..1);
    let length = in_time(socket.recv(&mut datagram)).await.unwrap();
    assert_eq!(user(&params(&datagram[..length], "E_PUA_PUBLICATION")), 0);
    drop(socket);
    bed.grant(1..4);
    while bed.count("event_sockets", "failed") == 0 {
        tokio::task::yield_now().await;
    }
    let socket = UdpSocket::bind(address).await.unwrap();
    for expected in 1..4 {
        let length = in_time(socket.recv(&mut datagram)).await.unwrap();
        assert_eq!(user(&params(&datagram[..length], "E_PUA_PUBLICATION")), expected);
    }
    bed.end().await;
}

#[tokio::test]
async fn what_does_not_fit_into_a_datagram_goes_without_the_body() {
    static LONG: [u8; 70_000] = [b'x'; 70_000];
    let dir = TestDir::new();
    let path = dir.path().join("app.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut bed = Bed::new(64, Carrying::default());
    subscribe(&mut bed, "E_PUA_NOTIFY", &unix(&path), 600);
    for length in [LONG.len(), DATAGRAM, DATAGRAM / 3] {
        bed.feed
            .push(state("sip:a@example.com", "text/plain", &LONG[..length], true));
    }
    for _ in 0..2 {
        let long = receive(&socket, "E_PUA_NOTIFY").await;
        assert_eq!((&long["truncated"], long.get("body")), (&json!(true), None));
        assert_eq!(
            (&long["presentity"], &long["user"]),
            (&json!("sip:a@example.com"), &json!("a"))
        );
    }
    let fits = receive(&socket, "E_PUA_NOTIFY").await;
    assert_eq!(fits["body"].as_str().map(str::len), Some(DATAGRAM / 3));
    bed.end().await;
}

#[tokio::test]
async fn lines_over_tcp_go_on_after_what_the_receiver_has_acknowledged() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut bed = Bed::new(1024, Carrying::default());
    subscribe(&mut bed, "E_PUA_PUBLICATION", &format!("tcp:{address}"), 600);
    bed.grant(0..60);
    let mut seen = Vec::new();
    for connection in 0..6 {
        let (stream, _) = in_time(listener.accept()).await.unwrap();
        let mut lines = BufReader::new(stream);
        // Ten are dealt with, five more are read, and then the receiver dies.
        for i in 0..15 {
            let mut line = String::new();
            in_time(lines.read_line(&mut line)).await.unwrap();
            let event = params(line.as_bytes(), "E_PUA_PUBLICATION");
            if i < 10 {
                let cursor = event["cursor"].as_str().unwrap();
                lines
                    .get_mut()
                    .write_all(format!("{cursor}\n").as_bytes())
                    .await
                    .unwrap();
                seen.push(user(&event));
            }
            if seen.len() == 60 {
                break;
            }
        }
        // The end of our writing says that all acknowledgements were read before it is closed.
        lines.get_mut().shutdown().await.unwrap();
        let mut rest = Vec::new();
        let _ = in_time(tokio::io::AsyncReadExt::read_to_end(&mut lines, &mut rest)).await;
        assert_eq!(seen.len(), 10 * (connection + 1));
    }
    assert_eq!(seen, (0..60).collect::<Vec<_>>());
    drop(listener);
    bed.end().await;
}

#[tokio::test]
async fn what_is_wrong_is_told_and_sockets_are_bounded() {
    let mut bed = Bed::new(64, Carrying::default());
    for (event, socket) in [
        ("E_PIKE_BLOCKED", "udp:127.0.0.1:9000"),
        ("E_PUA_NOTIFY", "rabbitmq:127.0.0.1:9000"),
        ("E_PUA_NOTIFY", "udp:127.0.0.1"),
        ("E_PUA_NOTIFY", "unix:app.sock"),
        ("E_PUA_NOTIFY", "tcp:127.0.0.1:0"),
    ] {
        match subscribe(&mut bed, event, socket, 60) {
            Reply::Error(error) => assert_eq!(error.code, 400, "{socket}"),
            other => panic!("{socket}: {other:?}"),
        }
    }
    // The stream has eight seats in these tests.
    for port in 1..=8 {
        let reply = subscribe(&mut bed, "E_PUA_NOTIFY", &format!("udp:127.0.0.1:{port}"), 60);
        assert!(matches!(reply, Reply::Done));
    }
    let reply = subscribe(&mut bed, "E_PUA_NOTIFY", "udp:127.0.0.1:9", 60);
    assert!(matches!(reply, Reply::Error(_)));
    // Another event to a socket that is served needs no seat.
    let reply = subscribe(&mut bed, "E_PUA_SUBSCRIPTION", "udp:127.0.0.1:8", 60);
    assert!(matches!(reply, Reply::Done));
    assert!(matches!(
        subscribe(&mut bed, "E_PUA_NOTIFY", "udp:127.0.0.1:99", 0),
        Reply::Done
    ));
    match Carriers::events() {
        Reply::Json(events) => assert_eq!(
            events["Events"][1],
            json!({"name": "E_PUA_SUBSCRIPTION", "id": 1})
        ),
        other => panic!("{other:?}"),
    }
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_that_is_over_ends_the_subscription() {
    let leases = std::sync::Arc::new(Leases::default());
    assert!(leases.give(Name::Notify, 10) && leases.give(Name::Publication, 30));
    let watched = leases.clone();
    let over = tokio::spawn(async move { watched.over().await });
    advance(Duration::from_secs(9)).await;
    assert_eq!(leases.asked(Name::Notify), Some(10));
    advance(Duration::from_secs(1)).await;
    assert_eq!(
        (leases.asked(Name::Notify), leases.any()),
        (None, Some(Name::Publication))
    );
    // Prolonged.
    assert!(leases.give(Name::Publication, 100));
    advance(Duration::from_secs(99)).await;
    assert!(!leases.is_over());
    over.await.unwrap();
    assert!(leases.is_over() && !leases.give(Name::Notify, 5));
}

#[tokio::test]
async fn a_presentity_without_sip_has_its_parts_too() {
    let dir = TestDir::new();
    let path = dir.path().join("app.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut bed = Bed::new(64, Carrying::default());
    subscribe(&mut bed, "E_PUA_PUBLICATION", &unix(&path), 600);
    let told = [
        "pres:bob@example.com",
        "sip:%22q%22@[::1]:5070;x=y",
        &presentity(7),
    ];
    bed.feed.grant(&told);
    for (user, domain) in [("bob", "example.com"), ("%22q%22", "[::1]"), ("7", "example.com")] {
        let event = receive(&socket, "E_PUA_PUBLICATION").await;
        assert_eq!((&event["user"], &event["domain"]), (&json!(user), &json!(domain)));
    }
    bed.end().await;
}
