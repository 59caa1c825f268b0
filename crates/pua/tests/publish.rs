//! Publishing through the real daemon, by datagram and FIFO, over UDP and TCP.

mod common;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use common::{Daemon, PATIENCE, Server, presence, read_message, receive, request, send, write};
use serde_json::{Value, json};

#[test]
fn a_publish_by_unix_datagram_is_answered_with_the_servers_outcome() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let client = daemon.client();
    send(&client, &request("pua_publish", presence("alice", "<presence/>")));
    let publish = server.grant("tag1");
    assert!(
        publish
            .text
            .starts_with("PUBLISH sip:alice@example.com SIP/2.0\r\n")
    );
    assert_eq!(publish.header("Event"), Some("presence"));
    assert_eq!(publish.header("Content-Type"), Some("application/pidf+xml"));
    assert_eq!(publish.body(), "<presence/>");
    assert_eq!(
        receive(&client),
        json!({"jsonrpc": "2.0", "result": {"reply": "200 OK", "ETag": "tag1", "Expires": 600}, "id": 1})
    );

    send(
        &client,
        &request("pua_publish", presence("alice", "<presence><x/></presence>")),
    );
    let update = server.grant("tag2");
    assert_eq!(update.header("SIP-If-Match"), Some("tag1"));
    assert_eq!(receive(&client)["result"]["ETag"], "tag2");

    let listed = daemon.call("pua:list", json!({}));
    let row = &listed["result"]["publications"][0];
    assert_eq!(row["presentity"], "sip:alice@example.com");
    assert_eq!(
        (&row["state"], &row["etag"]),
        (&json!("published"), &json!("tag2"))
    );
    assert_eq!(row["revision"], 2);
    let shown = daemon.call(
        "pua:show",
        json!({"presentity_uri": "sip:alice@example.com", "event_package": "presence"}),
    );
    assert_eq!(shown["result"]["body"], "<presence><x/></presence>");
}

#[test]
fn a_publish_by_udp_datagram() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let address = daemon.ready["mi_datagram"][1].as_str().unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.connect(address.trim_start_matches("udp:")).unwrap();
    let call = request("pua_publish", presence("bob", "<presence/>"));
    client.send(call.to_string().as_bytes()).unwrap();
    server.grant("tag1");
    let mut buffer = [0; 1000];
    let count = client.recv(&mut buffer).unwrap();
    let answer: Value = serde_json::from_slice(&buffer[..count]).unwrap();
    assert_eq!(answer["result"]["reply"], "200 OK");
}

fn make_reply_fifo(daemon: &Daemon, name: &str) {
    let mode = nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR;
    nix::unistd::mkfifo(&daemon.path(name), mode).unwrap();
}

fn write_fifo(daemon: &Daemon, text: &str) {
    let mut fifo = OpenOptions::new().write(true).open(daemon.path("fifo")).unwrap();
    fifo.write_all(text.as_bytes()).unwrap();
}

fn read_fifo(daemon: &Daemon, name: &str) -> String {
    let mut text = String::new();
    File::open(daemon.path(name))
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[test]
fn the_classic_text_by_fifo() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    assert_eq!(daemon.ready["mi_fifo"], daemon.path("fifo").to_str().unwrap());
    make_reply_fifo(&daemon, "reply");
    write_fifo(
        &daemon,
        ":pua_publish:reply\nsip:system@example.com\n3600\npresence\napplication/pidf+xml\n.\n.\n<?xml version='1.0'?><presence/>\n\n",
    );
    let publish = server.grant("tag1");
    assert_eq!(publish.body(), "<?xml version='1.0'?><presence/>");
    assert_eq!(
        read_fifo(&daemon, "reply"),
        "200 OK\n200 OK\nETag:: tag1\nExpires:: 3600\n\n"
    );
}

#[test]
fn a_client_of_the_fifo_that_never_reads_holds_nobody_up() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    // One that never opens its reply FIFO, one that opens it and never reads.
    make_reply_fifo(&daemon, "dead");
    make_reply_fifo(&daemon, "asleep");
    let _asleep = OpenOptions::new()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open(daemon.path("asleep"))
        .unwrap();
    write_fifo(&daemon, r#":dead:{"jsonrpc":"2.0","id":1,"method":"which"}"#);
    write_fifo(&daemon, r#":asleep:{"jsonrpc":"2.0","id":1,"method":"which"}"#);
    make_reply_fifo(&daemon, "alive");
    write_fifo(&daemon, r#":alive:{"jsonrpc":"2.0","id":1,"method":"version"}"#);
    let start = Instant::now();
    assert!(read_fifo(&daemon, "alive").contains("\"Server\":\"pua/"));
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_removed_fifo_is_made_again_on_sighup() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    std::fs::remove_file(daemon.path("fifo")).unwrap();
    daemon.signal(nix::sys::signal::Signal::SIGHUP);
    // Calls are answered in order with the signal's effect only by chance: ask until it is there.
    let start = Instant::now();
    while !daemon.path("fifo").exists() {
        assert!(start.elapsed() < PATIENCE);
        daemon.call("version", json!({}));
    }
    make_reply_fifo(&daemon, "reply");
    write_fifo(&daemon, r#":reply:{"jsonrpc":"2.0","id":1,"method":"pwd"}"#);
    assert!(read_fifo(&daemon, "reply").contains("\"WD\""));
}

#[test]
fn a_batch_is_answered_as_one() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let client = daemon.client();
    let mut calls = Vec::new();
    for (id, user) in ["a", "b"].into_iter().enumerate() {
        let mut call = request("pua_publish", presence(user, "<presence/>"));
        call["id"] = json!(id);
        calls.push(call);
    }
    calls.push(json!({"jsonrpc": "2.0", "method": "pua_publish", "params": presence("c", "<presence/>")}));
    send(&client, &json!(calls));
    for tag in ["t1", "t2", "t3"] {
        server.grant(tag);
    }
    let answers = receive(&client);
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 2, "the notification is not answered");
    for (id, answer) in answers.iter().enumerate() {
        assert_eq!(
            (&answer["id"], &answer["result"]["reply"]),
            (&json!(id), &json!("200 OK"))
        );
    }
}

/// R3261-101, R3261-108: what does not fit into a datagram goes by TCP.
#[test]
fn a_large_document_goes_by_tcp_and_the_connection_is_used_again() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let client = daemon.client();
    let body = format!("<presence>{}</presence>", "x".repeat(20_000));
    send(&client, &request("pua_publish", presence("alice", &body)));
    let (mut stream, _) = server.tcp.accept().unwrap();
    let publish = read_message(&mut stream);
    assert!(publish.header("Via").unwrap().starts_with("SIP/2.0/TCP "));
    assert_eq!(publish.body(), body);
    write(
        &mut stream,
        &publish.response("200 OK", "SIP-ETag: t1\r\nExpires: 600\r\n"),
    );
    assert_eq!(receive(&client)["result"]["ETag"], "t1");

    let body = format!("<presence>{}</presence>", "y".repeat(20_000));
    send(&client, &request("pua_publish", presence("alice", &body)));
    let update = read_message(&mut stream);
    assert_eq!(update.header("SIP-If-Match"), Some("t1"));
    write(
        &mut stream,
        &update.response("200 OK", "SIP-ETag: t2\r\nExpires: 600\r\n"),
    );
    assert_eq!(receive(&client)["result"]["ETag"], "t2");
}

/// R3261-074: an ICMP error ends the transaction.
#[test]
fn a_server_that_is_not_there_is_told_at_once() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let daemon = Daemon::start(address);
    let start = Instant::now();
    let answer = daemon.call("pua_publish", presence("alice", "<presence/>"));
    assert!(start.elapsed() < Duration::from_secs(5), "not after Timer F");
    let reply = answer["result"]["reply"].as_str().unwrap();
    assert!(reply.starts_with("503 ") || reply.starts_with("408 "), "{answer}");
    assert!(
        answer["result"]["next"].is_string() || answer["result"]["next"].is_object(),
        "{answer}"
    );
}

#[test]
fn a_server_behind_a_name() {
    let server = Server::start();
    let directory = common::directory();
    let text = common::configuration(&directory, server.address(), "").replacen(
        "sip:127.0.0.1:",
        "sip:localhost:",
        1,
    );
    let daemon = Daemon::start_in(directory, &text);
    let client = daemon.client();
    send(&client, &request("pua_publish", presence("alice", "<presence/>")));
    server.grant("t1");
    assert_eq!(receive(&client)["result"]["reply"], "200 OK");
}

#[test]
fn the_embedded_server_takes_publications() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let more = format!("[server]\nenabled = true\nlisten = [\"udp:{address}\"]");
    let daemon = Daemon::start_with(address, &more);
    assert_eq!(daemon.ready["server"][0], format!("udp:{address}"));
    let answer = daemon.call(
        "pua_publish",
        presence(
            "alice",
            "<?xml version='1.0'?><presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:alice@example.com'/>",
        ),
    );
    assert_eq!(answer["result"]["reply"], "200 OK");
    let statistics = daemon.call("get_statistics", json!({"statistics": ["mi:", "sip:"]}));
    assert_eq!(statistics["result"]["sip:sent_udp"], 1);
    assert_eq!(statistics["result"]["mi:requests_datagram"], 2);
}
