//! The stream of events of the real daemon: by Server-Sent Events and on the stream socket.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use common::notifier::{grant, notify};
use common::{Daemon, PATIENCE, Server, presence, request};
use serde_json::{Value, json};

/// Server-Sent Events, as values.
struct Sse(BufReader<TcpStream>);

impl Sse {
    fn open(daemon: &Daemon, query: &str, cursor: Option<&str>) -> Sse {
        let mut stream = TcpStream::connect(daemon.ready["http"][0].as_str().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let last = cursor.map_or(String::new(), |cursor| format!("Last-Event-ID: {cursor}\r\n"));
        write!(stream, "GET /v1/events?{query} HTTP/1.1\r\nHost: h\r\n{last}\r\n").unwrap();
        Sse(BufReader::new(stream))
    }

    /// The next event; null: the stream has ended.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        while self.0.read_line(&mut line).unwrap() > 0 {
            if let Some(json) = line.strip_prefix("data: ") {
                return serde_json::from_str(json).unwrap();
            }
            line.clear();
        }
        Value::Null
    }

    /// Its type, and what it says most.
    fn told(&mut self) -> (String, Value) {
        let event = self.next();
        let what = match event["type"].as_str() {
            Some("publication") if event["snapshot"] == true => &event["state"],
            Some("publication") => &event["change"],
            Some("gap") => &event["reason"],
            Some("snapshot_end") => &event["publications"],
            _ => &Value::Null,
        };
        (
            event["type"].as_str().unwrap_or_default().to_owned(),
            what.clone(),
        )
    }
}

fn told(kind: &str, what: Value) -> (String, Value) {
    (kind.to_owned(), what)
}

/// Has a publication granted.
fn publish(daemon: &Daemon, server: &Server, user: &str) {
    let client = daemon.client();
    common::send(&client, &request("pua_publish", presence(user, "<presence/>")));
    server.grant("t1");
    assert_eq!(common::receive(&client)["result"]["reply"], "200 OK");
}

#[test]
fn what_stands_then_every_change_of_a_publication_and_on_from_a_cursor() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    publish(&daemon, &server, "alice");
    let mut events = Sse::open(&daemon, "kind=publication", None);
    assert_eq!(events.told(), told("snapshot_begin", Value::Null));
    assert_eq!(events.told(), told("publication", json!("published")));
    let end = events.next();
    assert_eq!(
        (&end["type"], &end["publications"]),
        (&json!("snapshot_end"), &json!(1))
    );

    publish(&daemon, &server, "bob");
    let mut only_bob = Sse::open(&daemon, "presentity=sip:bob%40EXAMPLE.com&kind=publication", None);
    for expected in [
        told("snapshot_begin", Value::Null),
        told("publication", json!("published")),
        told("snapshot_end", json!(1)),
    ] {
        assert_eq!(only_bob.told(), expected);
    }
    let client = daemon.client();
    let mut refused = presence("bob", "<presence/>");
    refused["expires"] = json!("0");
    common::send(&client, &request("pua_publish", refused));
    server.grant("t2");
    // Carol's may be another engine, which waits for nobody.
    assert_eq!(common::receive(&client)["result"]["reply"], "200 OK");
    let client = daemon.client();
    common::send(&client, &request("pua_publish", presence("carol", "<presence/>")));
    let carols = server.receive();
    server.respond(&carols, "403 Forbidden", "");
    for expected in ["granted", "removed", "refused"] {
        assert_eq!(events.told(), told("publication", json!(expected)));
    }
    assert_eq!(only_bob.told(), told("publication", json!("removed")));

    // One that comes back misses nothing.
    let mut again = Sse::open(&daemon, "", end["cursor"].as_str());
    let numbers: Vec<u64> = (0..3).map(|_| again.next()["seq"].as_u64().unwrap()).collect();
    let first = end["seq"].as_u64().unwrap() + 1;
    assert_eq!(numbers, [first, first + 1, first + 2]);
}

#[test]
fn the_last_events_of_the_daemon_come_and_a_cursor_of_an_earlier_life_is_a_gap() {
    let server = Server::start();
    let mut daemon = Daemon::start(server.address());
    publish(&daemon, &server, "alice");
    let mut events = Sse::open(&daemon, "snapshot=false", None);
    let cursor = events.next()["cursor"].as_str().unwrap().to_owned();
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    server.grant("t2");
    assert_eq!(events.told(), told("publication", json!("removed")));
    assert_eq!(events.next(), Value::Null);
    assert_eq!(daemon.wait(), Some(0));

    let daemon = Daemon::start(server.address());
    let mut events = Sse::open(&daemon, "kind=publication", Some(&cursor));
    for expected in [
        told("gap", json!("restart")),
        told("snapshot_begin", Value::Null),
        told("snapshot_end", json!(0)),
    ] {
        assert_eq!(events.told(), expected);
    }
}

#[test]
fn a_consumer_that_falls_behind_is_told_the_gap_and_others_are_not_held_up() {
    let server = Server::start();
    let daemon = Daemon::start_with(server.address(), "[events]\nring = 2");
    let mut events = Sse::open(&daemon, "kind=publication&snapshot=false", None);
    let attached = events.next();
    for user in ["a", "b", "c", "d"] {
        publish(&daemon, &server, user);
        assert_eq!(events.told(), told("publication", json!("granted")));
    }
    let mut late = Sse::open(&daemon, "kind=publication", attached["cursor"].as_str());
    let gap = late.next();
    assert_eq!(
        (&gap["from"], &gap["to"], &gap["lost"]),
        (&json!(1), &json!(4), &json!(4))
    );
    let kinds: Vec<String> = (0..6).map(|_| late.told().0).collect();
    assert_eq!(kinds[0], "snapshot_begin");
    assert_eq!(kinds[5], "snapshot_end");

    let metrics = daemon.call("get_statistics", json!({"statistics": ["events:"]}));
    let figures = &metrics["result"];
    assert_eq!(
        (&figures["events:emitted"], &figures["events:gaps"]),
        (&json!(4), &json!(1))
    );
    assert_eq!(
        (&figures["events:consumers"], &figures["events:ring"]),
        (&json!(2), &json!(2))
    );
}

#[test]
fn a_watch_on_the_stream_socket() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let mut stream = UnixStream::connect(daemon.path("stream.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    writeln!(stream, "{}", request("pua:watch", json!({"package": "presence"}))).unwrap();
    assert_eq!(next()["result"], json!({"watching": true}));
    assert_eq!(next()["params"]["type"], "snapshot_begin");
    assert_eq!(next()["params"]["type"], "snapshot_end");
    publish(&daemon, &server, "alice");
    let event = next();
    assert_eq!(event["method"], "pua:event");
    assert_eq!(
        (&event["params"]["presentity"], &event["params"]["change"]),
        (&json!("sip:alice@example.com"), &json!("granted"))
    );
}

const PIDF: &str = r#"<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com"><tuple id="t"><status><basic>open</basic></status></tuple></presence>"#;

/// What an application looks at first.
fn said(event: &Value) -> Value {
    match event["type"].as_str() {
        Some("state") => json!([event["summary"]["availability"], event["changed"]]),
        Some("subscription") if event["snapshot"] == true => json!(["stands", event["state"]]),
        Some("subscription") => json!([event["change"], event["reason"]]),
        _ => json!([event["type"]]),
    }
}

#[test]
fn every_notify_comes_with_its_document_and_what_is_known_to_who_attaches_later() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let mut events = Sse::open(&daemon, "snapshot=false&raw=true", None);
    let mut changes = Sse::open(&daemon, "snapshot=false&changed_only=true&kind=state", None);
    assert_eq!(said(&events.next()), json!(["attached"]));
    assert_eq!(said(&changes.next()), json!(["attached"]));
    let watch = json!({
        "presentity_uri": "sip:alice@example.com", "watcher_uri": "sip:door@example.com",
        "event_package": "presence", "expires": 600,
    });
    assert_eq!(daemon.call("pua_subscribe", watch)["result"], "accepted");
    let subscribe = server.receive();
    grant(&server, &subscribe, 600);
    let closed = PIDF.replace("open", "closed");
    let active = "active;expires=600";
    notify(&daemon, &server, &subscribe, 1, "pending;expires=600", "");
    for (cseq, body) in [(2, PIDF), (3, &closed), (4, &closed)] {
        notify(&daemon, &server, &subscribe, cseq, active, body);
    }
    let mut told = Vec::new();
    while told.last() != Some(&json!(["closed", false])) {
        let event = events.next();
        if event["type"] == "state" && event["content_type"] != Value::Null {
            assert_eq!(event["document"]["entity"], "sip:alice@example.com");
            let body = if event["summary"]["availability"] == "open" {
                PIDF
            } else {
                &closed
            };
            assert_eq!(
                (&event["body"], &event["watcher"]),
                (&json!(body), &json!("sip:door@example.com"))
            );
        }
        told.push(said(&event));
    }
    let of =
        |wanted: [Value; 3]| -> Vec<&Value> { told.iter().filter(|event| wanted.contains(event)).collect() };
    let states = [
        json!(["open", true]),
        json!(["closed", true]),
        json!(["closed", false]),
    ];
    assert_eq!(of(states.clone()), states.iter().collect::<Vec<_>>());
    let changes_of = [
        json!(["pending", null]),
        json!(["active", null]),
        json!(["refused", null]),
    ];
    assert_eq!(of(changes_of.clone()), changes_of[..2].iter().collect::<Vec<_>>());
    assert_eq!(said(&changes.next()), json!(["open", true]));
    assert_eq!(said(&changes.next()), json!(["closed", true]));

    // Who comes later is told what is known, and then the same as all.
    let mut later = Sse::open(&daemon, "presentity=sip:alice@example.com", None);
    let rows: Vec<Value> = (0..4).map(|_| later.next()).collect();
    assert_eq!(said(&rows[1]), json!(["stands", "active"]));
    assert_eq!(said(&rows[2]), json!(["closed", null]));
    assert_eq!(rows[2]["subscription_state"], "active");
    assert_eq!(
        (&rows[3]["subscriptions"], &rows[3]["states"]),
        (&json!(1), &json!(1))
    );
    notify(&daemon, &server, &subscribe, 5, active, "<presence");
    let unreadable = later.next();
    assert_eq!(unreadable["type"], "unreadable", "{unreadable}");
    notify(&daemon, &server, &subscribe, 6, "terminated;reason=rejected", "");
    let over = later.next();
    assert_eq!(said(&over), json!(["terminated", "rejected"]), "{over}");
    assert_eq!(over["next"], "refused", "{over}");
}
