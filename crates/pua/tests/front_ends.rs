//! HTTP, the stream socket and the command line against the real daemon.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};

use common::{Daemon, PATIENCE, Server, presence, request};
use serde_json::{Value, json};

/// Sends a POST in two segments and keeps the connection.
fn post(daemon: &Daemon, path: &str, body: &Value) -> TcpStream {
    let mut stream = TcpStream::connect(daemon.ready["http"][0].as_str().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )
    .unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    stream
}

/// Status and body of the answer.
fn answer(mut stream: TcpStream) -> (String, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
}

fn pua(daemon: &Daemon, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pua"))
        .args(arguments)
        .arg("--connect")
        .arg(daemon.path("stream.sock"))
        .output()
        .unwrap()
}

#[test]
fn publishing_by_http_waits_for_the_server_and_holds_nobody_up() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let waiting = post(
        &daemon,
        "/mi",
        &request("pua_publish", presence("alice", "<presence/>")),
    );
    let publish = server.receive();
    // While the server thinks, another client is answered.
    let (status, body) = answer(post(&daemon, "/RPC", &request("version", json!({}))));
    assert_eq!(status, "200");
    assert!(body.contains("\"Server\":\"pua/"), "{body}");
    server.respond(&publish, "403 Forbidden", "Warning: 399 x \"not you\"\r\n");
    let (status, body) = answer(waiting);
    let answered: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status.as_str(), &answered["result"]["reply"]),
        ("200", &json!("403 Forbidden"))
    );
    assert_eq!(answered["result"]["next"], "refused");

    let batch = json!([{"jsonrpc": "2.0", "method": "version"}, request("pwd", json!({}))]);
    let answered: Value = serde_json::from_str(&answer(post(&daemon, "/jsonrpc", &batch)).1).unwrap();
    assert_eq!(answered.as_array().map(Vec::len), Some(1));
    let notification = json!({"jsonrpc": "2.0", "method": "version"});
    assert_eq!(
        answer(post(&daemon, "/mi", &notification)),
        ("204".to_owned(), String::new())
    );
    let (_, broken) = answer(post(&daemon, "/mi", &json!("no request")));
    assert!(
        broken.contains("-32600") && broken.contains("\"id\":null"),
        "{broken}"
    );
}

#[test]
fn a_slow_publication_on_a_stream_is_overtaken_by_what_comes_after_it() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let mut stream = UnixStream::connect(daemon.path("stream.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut slow = request("pua_publish", presence("alice", "<presence/>"));
    slow["id"] = json!("slow");
    write!(stream, "{slow}\n{}\n", request("version", json!({}))).unwrap();
    let publish = server.receive();
    let mut lines = BufReader::new(&stream).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["id"], 1);
    server.respond(&publish, "200 OK", "SIP-ETag: t\r\nExpires: 600\r\n");
    let answered = next();
    assert_eq!(
        (&answered["id"], &answered["result"]["ETag"]),
        (&json!("slow"), &json!("t"))
    );
}

#[test]
fn the_command_line_from_publish_to_remove() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let uri = "sip:erin@example.com";
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            pua(
                &daemon,
                &["publish", uri, "--open", "--note", "a<b", "--header", "X-A: 1"],
            )
        });
        let publish = server.grant("t1");
        assert!(
            publish.body().contains("<dm:note>a&lt;b</dm:note>"),
            "{}",
            publish.text
        );
        assert_eq!(publish.header("X-A"), Some("1"));
        let output = publishing.join().unwrap();
        assert!(output.status.success(), "{output:?}");

        let listed = pua(&daemon, &["list", "--json"]);
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        assert_eq!(listed["publications"][0]["etag"], "t1");
        let shown = String::from_utf8(pua(&daemon, &["show", uri]).stdout).unwrap();
        assert!(shown.contains("extra_headers       X-A: 1\n"), "{shown}");

        let refreshing = scope.spawn(|| pua(&daemon, &["refresh", uri]));
        assert_eq!(server.grant("t2").header("SIP-If-Match"), Some("t1"));
        assert!(refreshing.join().unwrap().status.success());
        let removing = scope.spawn(|| pua(&daemon, &["remove", uri]));
        assert_eq!(server.grant("t3").header("Expires"), Some("0"));
        assert!(removing.join().unwrap().status.success());
    });
    assert_eq!(pua(&daemon, &["show", uri]).status.code(), Some(5));
    let silent = pua(&daemon, &["publish", uri, "--open", "--timeout", "0.3"]);
    assert_eq!(silent.status.code(), Some(7), "{silent:?}");
    let status = pua(&daemon, &["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["statistics"]["pua:publish_refresh"], 1);
}

#[test]
fn metrics_health_and_readiness() {
    let daemon = Daemon::start(Server::start().address());
    let get = |path: &str| {
        let mut stream = TcpStream::connect(daemon.ready["http"][0].as_str().unwrap()).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        answer(stream)
    };
    assert_eq!(get("/healthz").0, "200");
    assert_eq!(get("/readyz").0, "200");
    let (_, metrics) = get("/metrics");
    for line in [
        "# TYPE pua_publish_initial_total counter",
        "pua_publications 0",
        "pua_mi_requests_http_total ",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    assert!(get("/").1.contains("presence user agent"));
}
