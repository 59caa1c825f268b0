//! What is acknowledged outlives the daemon, however it ends; and a store that cannot be used is
//! told.

mod common;

use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{
    Daemon, PATIENCE, Server, configuration, directory, presence, receive, request, run_limited_to_end,
    run_to_end, send,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// A configuration whose store is a file in the directory.
fn stored(directory: &Path, server: &Server, more: &str) -> String {
    let url = format!("sqlite:{}/pua.db", directory.display());
    configuration(directory, server.address(), more).replace("memory:", &url)
}

fn publish(daemon: &Daemon, server: &Server, user: &str, etag: &str) -> Value {
    let client = daemon.client();
    send(&client, &request("pua_publish", presence(user, "<presence/>")));
    server.grant(etag);
    receive(&client)
}

fn listed(daemon: &Daemon) -> Vec<Value> {
    let list = daemon.call("pua:list", json!({}));
    list["result"]["publications"].as_array().unwrap().clone()
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let server = Server::start();
    let directory = directory();
    let text = stored(&directory, &server, "");
    let mut daemon = Daemon::start_in(directory, &text);
    let answer = publish(&daemon, &server, "alice", "tag1");
    assert!(answer["result"].is_object(), "{answer}");
    publish(&daemon, &server, "bob", "tag2");
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    daemon.again();
    let held = listed(&daemon);
    let tags: Vec<&str> = held.iter().map(|held| held["etag"].as_str().unwrap()).collect();
    assert_eq!(tags, ["tag1", "tag2"], "{held:?}");
    let shown = daemon.call(
        "pua:show",
        json!({"presentity_uri": "sip:alice@example.com", "event_package": "presence"}),
    );
    assert!(shown.to_string().contains("<presence/>"), "{shown}");
}

/// The embedded server forgets all with the daemon, whatever the store says of its grants.
#[test]
fn what_was_published_at_the_own_server_is_published_anew_at_the_start() {
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let directory = directory();
    let more = format!("[server]\nenabled = true\nlisten = [\"udp:{address}\"]");
    let url = format!("sqlite:{}/pua.db", directory.display());
    let text = configuration(&directory, address, &more).replace("memory:", &url);
    let mut daemon = Daemon::start_in(directory, &text);
    let answer = daemon.call("pua_publish", presence("alice", "<presence/>"));
    let before = answer["result"]["ETag"].clone();
    assert!(before.is_string(), "{answer}");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(0));
    daemon.again();
    let start = Instant::now();
    loop {
        let held = listed(&daemon);
        if held[0]["state"] == "published" {
            assert_ne!(held[0]["etag"], before, "{held:?}");
            break;
        }
        assert!(start.elapsed() < PATIENCE, "{held:?}");
    }
    let told = daemon.call("get_statistics", json!({"statistics": ["pua:publish_initial"]}));
    assert_eq!(
        told["result"]["pua:publish_initial"], 1,
        "without the tag: {told}"
    );
}

/// Grants everything until it is dropped; how many it has granted.
struct Granting {
    ended: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Granting {
    fn start(server: &Server) -> Granting {
        let udp = server.udp.try_clone().unwrap();
        udp.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let server = Server {
            udp,
            tcp: server.tcp.try_clone().unwrap(),
        };
        let ended = Arc::new(AtomicBool::new(false));
        let end = ended.clone();
        let thread = std::thread::spawn(move || {
            let mut number = 0;
            while !end.load(Ordering::Relaxed) {
                if server.udp.peek(&mut [0; 8]).is_ok() {
                    number += 1;
                    server.grant(&format!("tag{number}"));
                }
            }
        });
        Granting {
            ended,
            thread: Some(thread),
        }
    }
}

impl Drop for Granting {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn is_failed(daemon: &Daemon) -> bool {
    let told = daemon.call("get_statistics", json!({"statistics": ["store:failed"]}));
    told["result"]["store:failed"] == 1
}

/// How many rows have been written.
fn readiness(daemon: &Daemon) -> String {
    let address = daemon.ready["http"][0].as_str().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    common::write(
        &mut stream,
        "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_full_disk_is_told_what_is_held_is_refreshed_and_all_is_written_when_there_is_room() {
    let server = Server::start();
    let directory = directory();
    let text = stored(&directory, &server, "");
    let mut daemon = Daemon::start_limited(directory, &text, 300);
    let granting = Granting::start(&server);
    let body = format!("<presence>{}</presence>", "x".repeat(600));
    let mut acknowledged = Vec::new();
    let refused = (0..1000).find_map(|number| {
        let user = format!("user{number}");
        let answer = daemon.call("pua_publish", presence(&user, &body));
        match answer["error"]["code"].as_i64() {
            None => acknowledged.push(user),
            Some(code) => return Some((code, answer, user)),
        }
        None
    });
    let (code, answer, user) = refused.expect("the disk is full");
    assert_eq!(code, 503, "{answer}");
    assert!(answer.to_string().contains("pua.db"), "{answer}");
    assert!(acknowledged.len() > 3, "{acknowledged:?}");
    // From now on what would change something is refused, and the reason told.
    let answer = daemon.call("pua_publish", presence("late", &body));
    assert_eq!(answer["error"]["message"], "Store cannot be written", "{answer}");
    assert!(
        answer["error"]["data"]
            .as_str()
            .unwrap()
            .contains("limit of the size of files"),
        "{answer}"
    );
    assert!(is_failed(&daemon));
    assert!(readiness(&daemon).starts_with("HTTP/1.1 503"));
    let refreshed = daemon.call(
        "pua:refresh",
        json!({"presentity_uri": format!("sip:{}@example.com", acknowledged[0]), "event_package": "presence"}),
    );
    assert_eq!(refreshed["result"]["reply"], "200 OK", "{refreshed}");

    daemon.unlimit();
    let start = Instant::now();
    while is_failed(&daemon) {
        assert!(start.elapsed() < PATIENCE, "it does not recover");
    }
    assert!(readiness(&daemon).starts_with("HTTP/1.1 200"));
    let answer = daemon.call("pua_publish", presence("late", &body));
    assert!(answer["result"].is_object(), "{answer}");
    acknowledged.push("late".to_owned());
    // What was done when the disk was full has been written since.
    acknowledged.push(user);
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    daemon.again();
    let mut held: Vec<String> = listed(&daemon)
        .iter()
        .map(|held| held["presentity"].as_str().unwrap().to_owned())
        .collect();
    held.sort_unstable();
    let mut expected: Vec<String> = acknowledged
        .iter()
        .map(|user| format!("sip:{user}@example.com"))
        .collect();
    expected.sort_unstable();
    assert_eq!(held, expected);
    drop(granting);
}

#[test]
fn numbers_of_events_go_on_growing_and_a_cursor_of_before_is_a_gap() {
    let server = Server::start();
    let directory = directory();
    let text = stored(&directory, &server, "");
    let mut daemon = Daemon::start_in(directory, &text);
    publish(&daemon, &server, "alice", "tag1");
    let (last, cursor) = first_event(&daemon, "");
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    daemon.again();
    let (number, _) = first_event(&daemon, "");
    assert!(number > last, "{number} after {last}");
    let told = events(&daemon, &format!("?cursor={cursor}"), "snapshot_end");
    assert!(
        told.contains(r#""type":"gap""#) && told.contains(r#""reason":"restart""#),
        "{told}"
    );
    assert!(told.contains("sip:alice@example.com"), "{told}");
}

/// The stream of events up to the first one with this text.
fn events(daemon: &Daemon, query: &str, until: &str) -> String {
    let address = daemon.ready["http"][0].as_str().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    common::write(
        &mut stream,
        &format!("GET /v1/events{query} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    );
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains(until) || !text.ends_with('\n') {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "{text}");
        text += std::str::from_utf8(&buffer[..count]).unwrap();
    }
    text
}

/// Number and cursor of the end of a snapshot.
fn first_event(daemon: &Daemon, query: &str) -> (u64, String) {
    let text = events(daemon, query, "snapshot_end");
    let line = text
        .lines()
        .find(|line| line.contains(r#""type":"snapshot_end""#))
        .unwrap();
    let event: Value = serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap();
    (
        event["seq"].as_u64().unwrap(),
        event["cursor"].as_str().unwrap().to_owned(),
    )
}

fn pua(arguments: &[&str]) -> (i32, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_pua"))
        .args(arguments)
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(told).unwrap())
}

#[test]
fn an_operator_looks_over_copies_and_shrinks_the_database() {
    let server = Server::start();
    let directory = directory();
    let text = stored(&directory, &server, "");
    let mut daemon = Daemon::start_in(directory, &text);
    publish(&daemon, &server, "alice", "tag1");
    let at = |name: &str| daemon.path(name).display().to_string();
    let (database, copy, configuration) = (at("pua.db"), at("copy.db"), at("pua.toml"));
    // While the daemon runs.
    let (code, told) = pua(&["store", "check", "--config", &configuration]);
    assert_eq!(
        (code, told.as_str()),
        (0, "ok: 1 publications, 0 subscriptions can be read\n")
    );
    let (code, told) = pua(&["store", "stats", "--json", "--file", &database]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["publications"], 1);
    let (code, told) = pua(&["store", "backup", &copy, "--file", &database]);
    assert_eq!(code, 0, "{told}");
    let (code, told) = pua(&["store", "backup", &copy, "--file", &database]);
    assert!(code == 3 && told.contains("overwrites nothing"), "{told}");
    let (code, told) = pua(&["store", "vacuum", "--file", &database]);
    assert!(code == 1 && told.contains("stop the daemon first"), "{told}");
    // The copy is a store.
    let (code, told) = pua(&["store", "check", "--json", "--file", &copy]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["publications"], 1);
    let (code, told) = pua(&["store", "vacuum", "--file", &copy]);
    assert_eq!(code, 0, "{told}");
    let (code, told) = pua(&["store", "check", "--file", &at("nothing.db")]);
    assert!(code == 3 && told.contains("no such file"), "{told}");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(0));
}

#[test]
fn a_second_daemon_on_the_same_store_is_refused() {
    let server = Server::start();
    let directory = directory();
    let text = stored(&directory, &server, "");
    let daemon = Daemon::start_in(directory, &text);
    let other = common::directory();
    let url = format!("sqlite:{}", daemon.path("pua.db").display());
    let text = configuration(&other, server.address(), "").replace("memory:", &url);
    let output = run_to_end(&other, &text);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("pua.db is used by another daemon (process "),
        "{told}"
    );
    assert!(told.contains("store.url"), "{told}");
    std::fs::remove_dir_all(other).unwrap();
}

/// By an error that says why, not by the signal that the system sends.
#[test]
fn a_daemon_that_may_not_make_its_store_large_enough_says_so() {
    let server = Server::start();
    for kib in [0, 16, 24] {
        let directory = directory();
        let text = stored(&directory, &server, "");
        let output = run_limited_to_end(&directory, &text, kib);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{kib} KiB: {told}");
        assert!(
            told.contains("pua.db") && told.contains("hint:"),
            "{kib} KiB: {told}"
        );
        std::fs::remove_dir_all(directory).unwrap();
    }
}

/// Its state is the other one's: it ends, tells whoever asks, and sends nothing more.
#[test]
fn a_daemon_whose_store_was_taken_over_ends_and_withdraws_nothing() {
    let server = Server::start();
    let directory = directory();
    let text = stored(&directory, &server, "[publish]\non_stop = \"remove\"");
    let mut daemon = Daemon::start_in(directory, &text);
    publish(&daemon, &server, "alice", "tag1");
    // One who waits: the server does not answer.
    let client = daemon.client();
    send(&client, &request("pua_publish", presence("bob", "<presence/>")));
    server.receive();
    // What nobody waits for may be written a little later: this one is answered when it is.
    let mut stored = presence("bob", "<presence/>");
    stored["wait"] = json!("accepted");
    assert_eq!(daemon.call("pua_publish", stored)["result"], "Accepted");
    // Somebody has tidied up: the next daemon locks another file.
    std::fs::remove_file(daemon.path("pua.db.lock")).unwrap();
    let (other, elsewhere) = (common::directory(), Server::start());
    let url = format!("sqlite:{}", daemon.path("pua.db").display());
    let text = configuration(&other, elsewhere.address(), "").replace("memory:", &url);
    let other = Daemon::start_in(other, &text);

    // It has nothing to write, and finds out all the same.
    let answer = receive(&client);
    assert_eq!(answer["error"]["code"], 503, "{answer}");
    assert!(
        answer.to_string().contains("another daemon has taken"),
        "{answer}"
    );
    assert_eq!(daemon.wait(), Some(1));
    // All that it has sent is here: bob's request once more, perhaps.
    server.udp.set_nonblocking(true).unwrap();
    let mut buffer = [0; 65_536];
    while let Ok(count) = server.udp.recv(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..count]);
        assert!(
            text.contains("sip:bob@") && text.contains("Expires: 600"),
            "{text}"
        );
    }
    let granting = Granting::start(&elsewhere);
    let answer = other.call("pua_publish", presence("carol", "<presence/>"));
    drop(granting);
    assert!(answer["result"].is_object(), "{answer}");
    let mut held: Vec<String> = listed(&other)
        .iter()
        .map(|held| held["presentity"].to_string())
        .collect();
    held.sort_unstable();
    // Whether bob's is there depends on when the disk was written: nobody was told that it is.
    held.retain(|presentity| !presentity.contains("bob"));
    assert_eq!(held, ["\"sip:alice@example.com\"", "\"sip:carol@example.com\""]);
}

#[test]
fn a_store_that_cannot_be_used_is_told_with_what_to_do() {
    let server = Server::start();
    for (make, told) in [
        ("", "No such file or directory"),
        (
            "this is no database, whatever its name may say; it is long enough to be one",
            "not a database",
        ),
    ] {
        let directory = directory();
        let text = if make.is_empty() {
            stored(&directory, &server, "").replace("pua.db", "nowhere/pua.db")
        } else {
            std::fs::write(directory.join("pua.db"), make.repeat(100)).unwrap();
            stored(&directory, &server, "")
        };
        let output = run_to_end(&directory, &text);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{error}");
        assert!(error.contains("store.url: ") && error.contains(told), "{error}");
        assert!(error.contains("hint: "), "{error}");
        std::fs::remove_dir_all(directory).unwrap();
    }
}

#[test]
fn a_graceful_stop_that_loses_changes_is_no_success() {
    let server = Server::start();
    let directory = directory();
    let text = stored(&directory, &server, "");
    let mut daemon = Daemon::start_limited(directory, &text, 300);
    let _granting = Granting::start(&server);
    let body = format!("<presence>{}</presence>", "x".repeat(600));
    let refused = (0..1000).any(|number| {
        let answer = daemon.call("pua_publish", presence(&format!("user{number}"), &body));
        answer["error"]["code"] == 503
    });
    assert!(refused, "the disk is full");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(1));
}
