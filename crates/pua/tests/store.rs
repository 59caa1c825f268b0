//! What is acknowledged outlives the daemon, however it ends; and a store that cannot be used is
//! told.

mod common;

use std::path::Path;

use common::{Daemon, Server, configuration, directory, presence, receive, request, run_to_end, send};
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
