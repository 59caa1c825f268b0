//! Subscriptions by the management interface of the real daemon; the test plays the notifier.

mod common;

use common::notifier::{grant, notify};
use common::{Daemon, Request, Server, receive, request, send};
use serde_json::{Value, json};

const PRESENTITY: &str = "sip:alice@example.com";
const WATCHER: &str = "sip:door@example.com";
const PIDF: &str = r#"<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com"><tuple id="t"><status><basic>open</basic></status></tuple></presence>"#;

/// The three that name a subscription, with more parameters.
fn params(more: &Value) -> Value {
    let mut params = json!({
        "presentity_uri": PRESENTITY,
        "watcher_uri": WATCHER,
        "event_package": "presence",
    });
    let all = params.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    params
}

/// A subscription in force.
fn subscribed(daemon: &Daemon, server: &Server) -> Request {
    let client = daemon.client();
    let wanted = params(&json!({"expires": 600, "wait": "final"}));
    send(&client, &request("pua_subscribe", wanted));
    let subscribe = server.receive();
    grant(server, &subscribe, 600);
    notify(daemon, server, &subscribe, 1, "active;expires=600", PIDF);
    let answer = receive(&client);
    assert_eq!(answer["result"]["reply"], "200 OK", "{answer}");
    subscribe
}

#[test]
fn the_classic_command_is_accepted_at_once_and_goes_out_as_a_subscribe() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let client = daemon.client();
    let text = format!(":pua_subscribe:\n{PRESENTITY}\n{WATCHER}\npresence\n600\n");
    client.send(text.as_bytes()).unwrap();
    let mut buffer = [0; 100];
    let count = client.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"202 accepted\n\n");
    let subscribe = server.receive();
    assert!(
        subscribe
            .text
            .starts_with("SUBSCRIBE sip:alice@example.com SIP/2.0\r\n"),
        "{}",
        subscribe.text
    );
    let header = |name: &str| subscribe.header(name).unwrap_or_default();
    assert!(header("From").starts_with("<sip:door@example.com>;tag="));
    assert_eq!(header("Event"), "presence");
    assert_eq!(header("Expires"), "600");
    // Ours, and not the watcher's: NOTIFYs have to come here.
    assert!(!header("Contact").contains("door@"));
    assert!(header("Contact").contains(&daemon.sip().port().to_string()));
}

#[test]
fn who_waits_is_told_the_document_of_the_first_notify() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let client = daemon.client();
    let wanted = params(&json!({"expires": 600, "wait": "final", "raw": true}));
    send(&client, &request("pua_mi:subscribe", wanted));
    let subscribe = server.receive();
    // A NOTIFY may be faster than the response (RFC 6665 §4.1.2.4).
    notify(&daemon, &server, &subscribe, 1, "active;expires=600", PIDF);
    grant(&server, &subscribe, 600);
    let answer = receive(&client);
    let result = &answer["result"];
    assert_eq!(result["reply"], "200 OK", "{answer}");
    assert_eq!(
        (&result["state"], &result["body"]),
        (&json!("active"), &json!(PIDF))
    );
    assert_eq!(result["document"]["entity"], PRESENTITY);
    assert_eq!(result["summary"]["availability"], "open");
}

#[test]
fn what_is_held_and_known_can_be_asked_for_and_ends_when_told() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let subscribe = subscribed(&daemon, &server);

    let list = daemon.call(
        "pua:subscriptions",
        json!({"watcher": WATCHER, "state": "active"}),
    );
    let row = &list["result"]["subscriptions"][0];
    assert_eq!(row["presentity"], PRESENTITY, "{list}");
    assert_eq!(row["dialogs"].as_array().map(Vec::len), Some(1));
    let none = daemon.call("pua:subscriptions", json!({"state": "pending"}));
    assert_eq!(none["result"]["subscriptions"], json!([]));

    let closed = PIDF.replace("open", "closed");
    notify(&daemon, &server, &subscribe, 2, "active;expires=590", &closed);
    let state = daemon.call("pua:state", json!({"presentity_uri": PRESENTITY, "raw": true}));
    assert_eq!(state["result"]["summary"]["availability"], "closed", "{state}");
    assert_eq!(state["result"]["states"][0]["body"], closed);
    let unknown = daemon.call("pua:state", json!({"presentity_uri": "sip:bob@example.com"}));
    assert_eq!(unknown["error"]["code"], 404);

    let client = daemon.client();
    send(&client, &request("pua:unsubscribe", params(&json!({}))));
    let end = server.receive();
    assert_eq!(end.header("Expires"), Some("0"));
    assert_eq!(end.header("Call-ID"), subscribe.header("Call-ID"));
    assert!(end.header("To").unwrap().ends_with(";tag=server"));
    server.respond(&end, "200 OK", "Expires: 0\r\n");
    notify(
        &daemon,
        &server,
        &subscribe,
        3,
        "terminated;reason=timeout",
        &closed,
    );
    let answer = receive(&client);
    assert_eq!(answer["result"]["state"], "terminated", "{answer}");
    let again = daemon.call("pua:unsubscribe", params(&json!({})));
    assert_eq!(again["error"]["message"], "No such subscription");
}

#[test]
fn a_fetch_answers_with_the_document_and_keeps_nothing() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let client = daemon.client();
    let text = format!(":pua:fetch:\n{PRESENTITY}\n{WATCHER}\npresence\n");
    client.send(text.as_bytes()).unwrap();
    let subscribe = server.receive();
    assert_eq!(subscribe.header("Expires"), Some("0"));
    grant(&server, &subscribe, 0);
    notify(&daemon, &server, &subscribe, 1, "terminated;reason=timeout", PIDF);
    let mut buffer = [0; 1000];
    let count = client.recv(&mut buffer).unwrap();
    let quoted = PIDF.replace('"', "\\\"");
    let answer = std::str::from_utf8(&buffer[..count]).unwrap();
    assert!(
        answer.starts_with("200 OK\n200 OK\nState:: terminated\n"),
        "{answer}"
    );
    assert!(
        answer.ends_with(&format!(
            "Content-Type:: application/pidf+xml\nBody:: \"{quoted}\"\n\n"
        )),
        "{answer}"
    );
    let list = daemon.call("pua:subscriptions", json!({}));
    assert_eq!(list["result"]["subscriptions"], json!([]));
}

#[test]
fn a_refusal_is_told_with_what_the_notifier_supports() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let client = daemon.client();
    let wanted = params(&json!({"expires": 600, "wait": "final"}));
    send(&client, &request("pua_subscribe", wanted));
    let subscribe = server.receive();
    server.respond(&subscribe, "489 Bad Event", "Allow-Events: dialog\r\n");
    let answer = receive(&client);
    assert_eq!(answer["result"]["reply"], "489 Bad Event", "{answer}");
    assert_eq!(answer["result"]["state"], "terminated");
    assert_eq!(answer["result"]["next"], "refused");
    assert!(
        answer["result"]["detail"].as_str().unwrap().contains("dialog"),
        "{answer}"
    );
}

#[test]
fn bad_parameters_are_told_before_anything_is_sent() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    for (name, value, code, message) in [
        ("presentity_uri", "alice", 400, "Bad uri"),
        ("watcher_uri", "", 400, "Bad uri"),
        ("expires", "soon", 400, "Bad expires"),
        ("event_package", "", 400, "Empty event parameter"),
        ("event_package", "a b", 400, "Unknown event"),
    ] {
        let answer = daemon.call("pua_subscribe", params(&json!({name: value})));
        assert_eq!(
            (&answer["error"]["code"], &answer["error"]["message"]),
            (&json!(code), &json!(message)),
            "{name}"
        );
    }
    let answer = daemon.call("pua_subscribe", params(&json!({"expires": 0})));
    assert_eq!(answer["error"]["message"], "No such subscription");
}
