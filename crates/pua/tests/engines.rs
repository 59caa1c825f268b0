//! Several engines behave as one: presentities are divided among them, and whatever is asked, sent,
//! told, kept and taken up again is as if there were no others.

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use common::notifier::{grant, notify};
use common::{
    Daemon, Request, Server, configuration, directory, presence, read_message, receive, request, send, write,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const WATCHER: &str = "sip:door@example.com";
const PIDF: &str = r#"<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:all@example.com"><tuple id="t"><status><basic>open</basic></status></tuple></presence>"#;

/// A daemon with so many engines and what is not in `configuration` besides.
fn start(server: &Server, engines: u8, more: &str) -> Daemon {
    let directory = directory();
    let text = configuration(&directory, server.address(), more);
    Daemon::start_in(directory, &format!("engines = {engines}\n{text}"))
}

/// The same with a store on disk.
fn stored(server: &Server, directory: &Path, engines: u8) -> String {
    let url = format!("sqlite:{}/pua.db", directory.display());
    let text = configuration(directory, server.address(), "").replace("memory:", &url);
    format!("engines = {engines}\n{text}")
}

/// Another number of engines takes over what a daemon holds that is killed.
fn killed_and_started(daemon: &mut Daemon, server: &Server, engines: u8) {
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    let directory = daemon.path("").clone();
    std::fs::write(daemon.path("pua.toml"), stored(server, &directory, engines)).unwrap();
    daemon.again();
}

fn publish(daemon: &Daemon, server: &Server, user: &str) -> Request {
    let client = daemon.client();
    send(&client, &request("pua_publish", presence(user, "<presence/>")));
    let publish = server.grant(&format!("tag-{user}"));
    let answer = receive(&client);
    assert_eq!(answer["result"]["reply"], "200 OK", "{answer}");
    publish
}

/// The engine that has sent a PUBLISH, by its own tag.
fn sender(publish: &Request) -> String {
    let from = publish.header("From").unwrap();
    from.split_once(";tag=").unwrap().1[..2].to_owned()
}

/// A user whose presentity another engine than the daemon's own has.
fn elsewhere(daemon: &Daemon, server: &Server) -> String {
    let mut users = (0..100).map(|number| format!("elsewhere{number}"));
    let found = users.find(|user| sender(&publish(daemon, server, user)) != "00");
    found.expect("one of a hundred")
}

fn watched(user: &str, more: &Value) -> Value {
    let mut params = json!({
        "presentity_uri": format!("sip:{user}@example.com"),
        "watcher_uri": WATCHER,
        "event_package": "presence",
    });
    let all = params.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    params
}

/// A subscription in force.
fn subscribe(daemon: &Daemon, server: &Server, user: &str) -> Request {
    let client = daemon.client();
    let wanted = watched(user, &json!({"expires": 600, "wait": "final"}));
    send(&client, &request("pua_subscribe", wanted));
    let subscribe = server.receive();
    grant(server, &subscribe, 600);
    notify(daemon, server, &subscribe, 1, "active;expires=600", PIDF);
    let answer = receive(&client);
    assert_eq!(answer["result"]["reply"], "200 OK", "{answer}");
    subscribe
}

/// All of a list, by pages of so many.
fn listed(daemon: &Daemon, method: &str, rows: &str, limit: u32) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), Value::Null);
    for _ in 0..100 {
        let mut params = json!({ "limit": limit });
        if !cursor.is_null() {
            params["cursor"] = cursor.clone();
        }
        let page = daemon.call(method, params);
        let found = page["result"][rows].as_array().unwrap();
        assert!(found.len() <= limit as usize);
        all.extend(found.clone());
        cursor = page["result"]["next"].clone();
        if cursor.is_null() {
            return all;
        }
        assert_eq!(found.len(), limit as usize, "only the last page is not full");
    }
    panic!("a list without an end");
}

/// What `pua:watch` tells on the stream socket.
struct Lines(BufReader<UnixStream>);

impl Lines {
    fn watch(daemon: &Daemon) -> Lines {
        let mut stream = UnixStream::connect(daemon.path("stream.sock")).unwrap();
        stream.set_read_timeout(Some(common::PATIENCE)).unwrap();
        writeln!(stream, "{}", request("pua:watch", json!({"kind": "publication"}))).unwrap();
        let mut lines = Lines(BufReader::new(stream));
        let answer = lines.next().unwrap();
        assert!(answer["error"].is_null(), "{answer}");
        lines
    }

    /// `None`: the daemon has ended.
    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) => None,
            _ => Some(serde_json::from_str(&line).unwrap()),
        }
    }
}

fn statistic(daemon: &Daemon, name: &str) -> u64 {
    let told = daemon.call("get_statistics", json!({"statistics": [name]}));
    told["result"][name].as_u64().unwrap()
}

#[test]
fn presentities_are_divided_and_seen_together() {
    let server = Server::start();
    let daemon = start(&server, 3, "");
    let mut senders = BTreeSet::new();
    for number in 0..40 {
        senders.insert(sender(&publish(&daemon, &server, &format!("user{number}"))));
    }
    assert_eq!(senders.iter().collect::<Vec<_>>(), ["00", "01", "02"]);
    for limit in [1, 7, 40, 100] {
        let all = listed(&daemon, "pua:list", "publications", limit);
        let of: BTreeSet<_> = all
            .iter()
            .map(|row| row["presentity"].as_str().unwrap())
            .collect();
        assert_eq!((all.len(), of.len()), (40, 40), "by {limit}");
    }
    for number in 0..40 {
        let name =
            json!({"presentity_uri": format!("sip:user{number}@example.com"), "event_package": "presence"});
        let shown = daemon.call("pua:show", name.clone());
        assert_eq!(shown["result"]["etag"], format!("tag-user{number}"), "{shown}");
        let listed = daemon.call("pua:list", json!({"presentity": name["presentity_uri"]}));
        assert_eq!(listed["result"]["publications"].as_array().unwrap().len(), 1);
    }
    assert_eq!(statistic(&daemon, "pua:publications"), 40);
    assert_eq!(statistic(&daemon, "pua:publish_initial"), 40);
    assert_eq!(statistic(&daemon, "sip:sent_udp"), 40);
    assert_eq!(statistic(&daemon, "sip:received_udp"), 40);
    // A spelling that is equal by RFC 3261 §19.1.4 is the same presentity's.
    let client = daemon.client();
    let mut again = presence("user7", "<presence>busy</presence>");
    again["presentity_uri"] = json!("sip:%75ser7@EXAMPLE.com");
    send(&client, &request("pua_publish", again));
    let modify = server.grant("tag2");
    assert_eq!(modify.header("SIP-If-Match"), Some("tag-user7"));
    assert_eq!(receive(&client)["result"]["reply"], "200 OK");
}

#[test]
fn a_batch_for_several_engines_is_answered_as_one_in_its_order() {
    let server = Server::start();
    let daemon = start(&server, 4, "");
    let client = daemon.client();
    let calls: Vec<Value> = (0..12)
        .map(|id| {
            let mut call = request("pua_publish", presence(&format!("user{id}"), "<presence/>"));
            call["id"] = json!(id);
            call
        })
        .collect();
    send(&client, &Value::Array(calls));
    for number in 0..12 {
        server.grant(&format!("tag{number}"));
    }
    let answer = receive(&client);
    let ids: Vec<i64> = answer
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, (0..12).collect::<Vec<_>>(), "{answer}");
}

#[test]
fn limits_bound_all_engines_together() {
    let server = Server::start();
    let daemon = start(&server, 3, "[publish]\nmax_publications = 5\n");
    for number in 0..5 {
        publish(&daemon, &server, &format!("user{number}"));
    }
    for number in 5..12 {
        let answer = daemon.call("pua_publish", presence(&format!("user{number}"), "<presence/>"));
        assert!(answer["error"].to_string().contains('5'), "{answer}");
    }
    assert_eq!(statistic(&daemon, "pua:publications"), 5);
}

#[test]
fn notifies_find_the_engine_of_their_dialog() {
    let server = Server::start();
    let daemon = start(&server, 3, "");
    let mut subscribes = Vec::new();
    for number in 0..9 {
        subscribes.push(subscribe(&daemon, &server, &format!("user{number}")));
    }
    let all = listed(&daemon, "pua:subscriptions", "subscriptions", 2);
    let keys: BTreeSet<_> = all.iter().map(|row| row["key"].as_u64().unwrap()).collect();
    let dialogs: BTreeSet<_> = all
        .iter()
        .map(|row| row["dialogs"][0]["id"].as_u64().unwrap())
        .collect();
    assert_eq!((all.len(), keys.len(), dialogs.len()), (9, 9, 9), "{all:?}");
    for (number, subscribe) in subscribes.iter().enumerate() {
        let closed = PIDF.replace("open", "closed");
        notify(&daemon, &server, subscribe, 2, "active;expires=600", &closed);
        let presentity = format!("sip:user{number}@example.com");
        let state = daemon.call("pua:state", json!({ "presentity_uri": presentity }));
        assert_eq!(state["result"]["summary"]["availability"], "closed", "{state}");
    }
    assert_eq!(statistic(&daemon, "pua:subscriptions_active"), 9);
}

#[test]
fn other_numbers_of_engines_take_up_what_was_held() {
    let server = Server::start();
    let directory = directory();
    let text = stored(&server, &directory, 3);
    let mut daemon = Daemon::start_in(directory, &text);
    let mut subscribes = Vec::new();
    for number in 0..8 {
        publish(&daemon, &server, &format!("user{number}"));
        subscribes.push(subscribe(&daemon, &server, &format!("user{number}")));
    }
    let mut held = 8;
    for (engines, cseq) in [(2, 2), (1, 3), (5, 4)] {
        killed_and_started(&mut daemon, &server, engines);
        // Refreshes come later; the dialogs are there at once.
        for subscribe in &subscribes {
            notify(&daemon, &server, subscribe, cseq, "active;expires=600", PIDF);
        }
        // Keys that were given are not given again.
        publish(&daemon, &server, &format!("new{engines}"));
        held += 1;
        let all = listed(&daemon, "pua:list", "publications", 3);
        let of: BTreeSet<_> = all
            .iter()
            .map(|row| row["presentity"].as_str().unwrap())
            .collect();
        assert_eq!((all.len(), of.len()), (held, held), "{engines} engines");
        let tags = all
            .iter()
            .all(|row| row["state"] == "published" && row["etag"].is_string());
        assert!(tags, "{all:?}");
    }
}

#[test]
fn a_graceful_stop_withdraws_what_every_engine_holds() {
    let server = Server::start();
    let mut daemon = start(&server, 3, "");
    for number in 0..9 {
        publish(&daemon, &server, &format!("user{number}"));
    }
    daemon.signal(Signal::SIGTERM);
    let mut withdrawn = BTreeSet::new();
    for _ in 0..9 {
        let removal = server.grant("gone");
        assert_eq!(removal.header("Expires"), Some("0"));
        withdrawn.insert(removal.header("SIP-If-Match").unwrap().to_owned());
    }
    assert_eq!(withdrawn.len(), 9);
    assert_eq!(daemon.wait(), Some(0));
}

#[test]
fn what_goes_by_tcp_leaves_and_comes_by_the_daemons_connections() {
    let server = Server::start();
    let daemon = start(&server, 2, "");
    let user = elsewhere(&daemon, &server);
    let client = daemon.client();
    let body = format!("<presence>{}</presence>", "x".repeat(2000));
    send(&client, &request("pua_publish", presence(&user, &body)));
    let (mut connection, _) = server.tcp.accept().unwrap();
    let publish = read_message(&mut connection);
    assert_eq!(publish.body(), body);
    write(
        &mut connection,
        &publish.response("200 OK", "SIP-ETag: big\r\nExpires: 600\r\n"),
    );
    let answer = receive(&client);
    assert_eq!(answer["result"]["ETag"], "big", "{answer}");
}

#[test]
fn a_server_that_is_not_there_is_told_at_once_by_every_engine() {
    let server = Server::start();
    let daemon = start(&server, 2, "");
    let user = elsewhere(&daemon, &server);
    // Nobody listens there any more: ICMP says so to whichever thread looks first.
    drop(server);
    for user in [user.as_str(), "user1", "user2", "user3"] {
        let answer = daemon.call("pua_publish", presence(user, "<presence>busy</presence>"));
        assert_eq!(answer["result"]["reply"], "503 Service Unavailable", "{answer}");
    }
}

#[test]
fn the_stream_of_events_is_one_and_a_snapshot_fits_into_it() {
    let server = Server::start();
    let mut daemon = start(&server, 3, "");
    for number in 0..30 {
        publish(&daemon, &server, &format!("user{number}"));
    }
    // Changes go on while a consumer reads what stands.
    let mut events = Lines::watch(&daemon);
    let client = daemon.client();
    for number in 0..30 {
        let mut change = presence(&format!("user{number}"), "<presence/>");
        if number % 2 == 0 {
            change["expires"] = json!("0");
        }
        send(&client, &request("pua_publish", change));
        server.grant(&format!("again-{number}"));
        receive(&client);
    }
    daemon.signal(Signal::SIGTERM);
    for _ in 0..15 {
        server.grant("gone");
    }
    assert_eq!(daemon.wait(), Some(0));
    let mut held = BTreeSet::new();
    let (mut last, mut rows) = (0, 0);
    while let Some(told) = events.next() {
        let event = &told["params"];
        let number = event["seq"].as_u64().unwrap_or(last);
        assert!(number >= last, "{event}");
        last = number;
        if event["type"] != "publication" {
            continue;
        }
        rows += u32::from(event["snapshot"] == true);
        let presentity = event["presentity"].as_str().unwrap().to_owned();
        match event["change"].as_str() {
            Some("removed") => assert!(held.remove(&presentity), "{event}"),
            _ => _ = held.insert(presentity),
        }
    }
    assert!(held.is_empty(), "{held:?}");
    assert!(rows > 0, "there was a snapshot");
}
