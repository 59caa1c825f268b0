//! HTTP as clients speak it, against an engine that answers with what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::engine::fake::Fake;
use crate::events::test_feed::{TestFeed, bounds, state};
use crate::events::{Filter, Start};

mod paths;

/// A served listener, stopped at the end.
struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    runtime: Option<tokio::runtime::Runtime>,
    events: Option<TestFeed>,
    _engine: Fake,
}

impl Served {
    fn new(answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> Served {
        let settings = config::Http {
            listen: Vec::new(),
            root: "mi".to_owned(),
            hosts: vec!["h".to_owned()],
            asked: true,
        };
        Served::with(settings, answer)
    }

    fn with(settings: config::Http, answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> Served {
        let engine = Fake::start(answer);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let events = TestFeed::on(runtime.handle(), bounds(64));
        let feed = events.feed.clone();
        runtime.spawn(serve(listener, settings, engine.handle(), feed, stop.clone()));
        Served {
            address,
            stop,
            runtime: Some(runtime),
            events: Some(events),
            _engine: engine,
        }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    /// Sends the parts one by one and reads to the end of the stream.
    fn exchange(&self, parts: &[&str]) -> String {
        let mut stream = self.connect();
        stream.set_nodelay(true).unwrap();
        for part in parts {
            stream.write_all(part.as_bytes()).unwrap();
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn post(&self, path: &str, headers: &str, body: &str) -> String {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        self.exchange(&[&head, body])
    }

    fn get(&self, path: &str) -> String {
        self.exchange(&[&format!(
            "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )])
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
        drop(self.runtime.take());
    }
}

/// Answers calls with their own id and method; notifications not at all.
fn echo(payload: &[u8]) -> Option<Vec<u8>> {
    let request: Value = serde_json::from_slice(payload).ok()?;
    let id = request.get("id")?;
    let result = match request["method"].as_str()? {
        "get_statistics" => {
            json!({"pua:publish_sent": 7, "pua:publications": 2, "mi:requests": 9, "store:failed": 0})
        }
        "list_statistics" => {
            json!({"pua:publish_sent": "incremental", "pua:publications": "non-incremental", "mi:requests": "incremental"})
        }
        method => json!(method),
    };
    Some(
        json!({"jsonrpc": "2.0", "result": result, "id": id})
            .to_string()
            .into_bytes(),
    )
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[test]
fn json_rpc_on_each_path_whatever_the_content_type() {
    let served = Served::new(echo);
    for path in ["/mi", "/RPC", "/jsonrpc"] {
        for kind in [
            "",
            "Content-Type: application/json\r\n",
            "Content-Type: text/plain\r\n",
        ] {
            let answer = served.post(path, kind, r#"{"jsonrpc":"2.0","id":"1","method":"which"}"#);
            assert_eq!(status(&answer), "200");
            assert!(
                answer
                    .to_ascii_lowercase()
                    .contains("content-type: application/json\r\n"),
                "{answer}"
            );
            let answered: Value = serde_json::from_str(body(&answer)).unwrap();
            assert_eq!(answered, json!({"jsonrpc": "2.0", "result": "which", "id": "1"}));
        }
    }
}

#[test]
fn a_notification_is_answered_with_no_content() {
    let served = Served::new(echo);
    let answer = served.post("/mi", "", r#"{"jsonrpc":"2.0","method":"which"}"#);
    assert_eq!((status(&answer), body(&answer)), ("204", ""));
}

#[test]
fn only_post_is_allowed() {
    let served = Served::new(echo);
    let answer = served.get("/mi");
    assert_eq!(status(&answer), "405");
    assert!(
        answer.to_ascii_lowercase().contains("allow: post\r\n"),
        "{answer}"
    );
}

#[test]
fn a_body_above_the_limit_is_refused() {
    let served = Served::new(echo);
    let announced = "POST /mi HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n";
    assert_eq!(status(&served.exchange(&[announced])), "413");
    assert_eq!(
        status(&served.post("/mi", "", &"x".repeat(3 * 1024 * 1024))),
        "413"
    );
    let fits = format!(r#"{{"id":1,"method":"x","pad":"{}"}}"#, "x".repeat(1_000_000));
    assert_eq!(status(&served.post("/mi", "", &fits)), "200");
}

#[test]
fn requests_of_one_connection_are_answered_in_order() {
    let served = Served::new(echo);
    let one = |id: u32, more: &str| {
        let body = format!(r#"{{"id":{id},"method":"x"}}"#);
        format!(
            "POST /mi HTTP/1.1\r\nHost: h\r\n{more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let answer = served.exchange(&[&one(1, ""), &one(2, ""), &one(3, "Connection: close\r\n")]);
    let ids: Vec<&str> = answer
        .match_indices(r#""id":"#)
        .map(|(i, _)| &answer[i + 5..i + 6])
        .collect();
    assert_eq!(ids, ["1", "2", "3"]);
}

#[test]
fn pages_of_other_sites_cannot_publish() {
    let served = Served::new(echo);
    let request = r#"{"id":1,"method":"x"}"#;
    assert_eq!(
        status(&served.post("/mi", "Origin: http://evil.example\r\n", request)),
        "403"
    );
    assert_eq!(status(&served.post("/mi", "Origin: null\r\n", request)), "403");
    assert_eq!(
        status(&served.post("/mi", "Origin: http://h\r\n", request)),
        "200"
    );
}

#[test]
fn health_readiness_metrics_and_the_front_page() {
    let served = Served::new(echo);
    assert_eq!(body(&served.get("/healthz")), "ok\n");
    assert_eq!(body(&served.get("/readyz")), "ready\n");
    assert!(body(&served.get("/")).contains("POST /mi"));
    assert_eq!(status(&served.get("/nothing")), "404");
    let metrics = served.get("/metrics");
    for line in [
        "# TYPE pua_publish_sent_total counter\npua_publish_sent_total 7\n",
        "# TYPE pua_publications gauge\npua_publications 2\n",
        "pua_mi_requests_total 9\n",
        "pua_build_info{version=",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[test]
fn a_store_that_cannot_be_written_is_not_ready() {
    let served = Served::new(|payload| {
        let request: Value = serde_json::from_slice(payload).ok()?;
        let answer = json!({"jsonrpc": "2.0", "id": request["id"], "result": {"store:failed": 1}});
        Some(answer.to_string().into_bytes())
    });
    let answer = served.get("/readyz");
    assert_eq!(status(&answer), "503");
    assert!(body(&answer).contains("the store cannot be written"), "{answer}");
}

#[test]
fn an_engine_that_is_gone_is_not_ready_and_says_so() {
    let served = Served::new(|_| panic!("the engine stops here"));
    assert_eq!(status(&served.get("/readyz")), "503");
    assert_eq!(status(&served.get("/metrics")), "503");
}

#[test]
fn what_is_under_way_is_answered_after_the_stop() {
    let (asked, was_asked) = std::sync::mpsc::channel();
    let (go, may_go) = std::sync::mpsc::channel::<()>();
    let served = Served::new(move |payload| {
        asked.send(()).unwrap();
        may_go.recv().unwrap();
        echo(payload)
    });
    let mut stream = served.connect();
    let body = r#"{"id":1,"method":"x"}"#;
    write!(
        stream,
        "POST /mi HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    was_asked.recv().unwrap();
    served.stop.cancel();
    go.send(()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(status(&answer), "200");
}

/// Reads lines up to one with this beginning; the rest of it.
fn line(reader: &mut impl BufRead, beginning: &str) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(
            reader.read_line(&mut line).unwrap() > 0,
            "the stream ends before {beginning}"
        );
        if let Some(rest) = line.strip_prefix(beginning) {
            return rest.trim_end().to_owned();
        }
    }
}

fn data(reader: &mut impl BufRead) -> Value {
    serde_json::from_str(&line(reader, "data: ")).unwrap()
}

#[test]
fn events_by_server_sent_events_and_on_from_the_last_one_seen() {
    let mut served = Served::new(echo);
    let get = |served: &Served, more: &str| {
        let mut stream = served.connect();
        write!(
            stream,
            "GET /v1/events?kind=publication HTTP/1.1\r\nHost: h\r\n{more}\r\n"
        )
        .unwrap();
        BufReader::new(stream)
    };
    let mut reader = get(&served, "");
    assert_eq!(line(&mut reader, "HTTP/1.1 "), "200 OK");
    assert_eq!(line(&mut reader, "content-type: "), "text/event-stream");
    let events = served.events.as_mut().unwrap();
    events.grant(&["sip:a@h"]);
    events.answer(0, &["sip:a@h"], None);
    let told: Vec<Value> = (0..3).map(|_| data(&mut reader)).collect();
    let types: Vec<&Value> = told.iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["snapshot_begin", "publication", "snapshot_end"]);
    events.grant(&["sip:b@h", "sip:c@h"]);
    let last = line(&mut reader, "id: ");
    assert_eq!(data(&mut reader)["cursor"], last.as_str());

    let mut again = get(&served, &format!("Last-Event-ID: {last}\r\n"));
    assert_eq!(data(&mut again)["presentity"], "sip:c@h");
    served.stop.cancel();
    drop(served.events.take());
    let mut rest = String::new();
    again.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
}

#[test]
fn events_that_cannot_be_say_why() {
    let served = Served::new(echo);
    let get = |query: &str, more: &str| {
        served.exchange(&[&format!(
            "GET /v1/events{query} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{more}\r\n"
        )])
    };
    let answer = get("?kind=gaps", "");
    assert_eq!(status(&answer), "400");
    let error: Value = serde_json::from_str(body(&answer)).unwrap();
    assert!(
        error["error"]["message"].as_str().unwrap().contains("gaps"),
        "{error}"
    );
    assert_eq!(status(&get("", "Last-Event-ID: what\r\n")), "400");
    assert_eq!(status(&get("", "Origin: http://other.example\r\n")), "403");
    assert_eq!(
        status(&get("", "Origin: http://other.example\r\nUpgrade: websocket\r\n")),
        "403"
    );
    let feed = &served.events.as_ref().unwrap().feed;
    let _seats: Vec<_> = (0..8)
        .map(|_| feed.attach(Filter::default(), Start::SNAPSHOT).unwrap())
        .collect();
    assert_eq!(status(&get("", "")), "503");
}

/// One unmasked frame: its first byte and its payload.
fn frame(reader: &mut impl Read) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    reader.read_exact(&mut head).unwrap();
    let length = match head[1] {
        126 => {
            let mut more = [0; 2];
            reader.read_exact(&mut more).unwrap();
            usize::from(u16::from_be_bytes(more))
        }
        length => usize::from(length),
    };
    let mut payload = vec![0; length];
    reader.read_exact(&mut payload).unwrap();
    (head[0], payload)
}

/// A WebSocket behind its handshake.
fn web_socket(served: &Served) -> (TcpStream, BufReader<TcpStream>) {
    let mut stream = served.connect();
    write!(
        stream,
        "GET /v1/events?snapshot=false HTTP/1.1\r\nHost: h\r\nOrigin: http://h\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    assert_eq!(line(&mut reader, "HTTP/1.1 "), "101 Switching Protocols");
    assert_eq!(
        line(&mut reader, "sec-websocket-accept: "),
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    while !line(&mut reader, "").is_empty() {}
    (stream, reader)
}

/// RFC 6455 §5.5.1.
#[test]
fn a_close_of_the_client_is_answered() {
    let served = Served::new(echo);
    let (mut stream, mut reader) = web_socket(&served);
    assert_eq!(frame(&mut reader).0, 0x81);
    stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).unwrap();
    assert_eq!(frame(&mut reader), (0x88, 1000_u16.to_be_bytes().to_vec()));
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
}

#[test]
fn events_over_a_web_socket() {
    let mut served = Served::new(echo);
    let (mut stream, mut reader) = web_socket(&served);
    let text = |(kind, payload): (u8, Vec<u8>)| -> Value {
        assert_eq!(kind, 0x81);
        serde_json::from_slice(&payload).unwrap()
    };
    assert_eq!(text(frame(&mut reader))["type"], "attached");
    // A ping is answered, a text is not.
    stream
        .write_all(&[0x89, 0x81, 0, 0, 0, 0, b'x', 0x81, 0x81, 0, 0, 0, 0, b'y'])
        .unwrap();
    assert_eq!(frame(&mut reader), (0x8a, b"x".to_vec()));
    served.events.as_mut().unwrap().grant(&["sip:a@h", "sip:b@h"]);
    assert_eq!(text(frame(&mut reader))["seq"], 1);
    assert_eq!(text(frame(&mut reader))["presentity"], "sip:b@h");
    served.stop.cancel();
    drop(served.events.take());
    let (kind, payload) = frame(&mut reader);
    assert_eq!((kind, &payload[..2]), (0x88, &1001_u16.to_be_bytes()[..]));
}

#[test]
fn the_type_of_the_answer_is_that_of_the_document() {
    let answer = |payload: &[u8]| {
        let mut request = pua_mi::Request::parse(payload, pua_mi::Via::Http);
        let reply = match request.calls.remove(0).command {
            Ok(_) => pua_mi::Reply::SubscriptionAccepted,
            Err(error) => pua_mi::Reply::Error(error),
        };
        request.answer.encode(&[reply])
    };
    let served = Served::new(answer);
    let xml = "<?xml version='1.0'?><methodCall><methodName>version</methodName></methodCall>";
    for path in ["/RPC2", "/RPC", "/mi"] {
        let told = served.post(path, "Content-Type: text/xml\r\n", xml);
        assert!(told.starts_with("HTTP/1.1 200"), "{told}");
        assert!(told.contains("content-type: text/xml\r\n"), "{told}");
        assert!(told.ends_with("<string>accepted</string></value></param></params></methodResponse>\n"));
    }
    let json = served.post("/RPC2", "", r#"{"jsonrpc":"2.0","id":1,"method":"version"}"#);
    assert!(json.contains("content-type: application/json\r\n"), "{json}");
}

/// A state with a body of 16 KiB.
fn large() -> pua_core::Event {
    static BODY: [u8; 16 * 1024] = [b'x'; 16 * 1024];
    state("sip:a@h", "text/plain", &BODY, true)
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody_and_is_told_the_gap() {
    let mut served = Served::new(echo);
    let request = "GET /v1/events?snapshot=false&raw=true HTTP/1.1\r\nHost: h\r\n\r\n";
    let open = |served: &Served| {
        let mut stream = served.connect();
        socket2::SockRef::from(&stream)
            .set_recv_buffer_size(64 * 1024)
            .unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        assert_eq!(data(&mut reader)["type"], "attached");
        reader
    };
    let (mut slow, mut fast) = (open(&served), open(&served));
    let mut pushed = 0;
    // More than the system's buffers take; the ring holds 64 events, less than the fast one leaves.
    while pushed < 480 {
        for _ in 0..16 {
            pushed += 1;
            served.events.as_mut().unwrap().push(large());
        }
        while data(&mut fast)["seq"] != pushed {}
    }
    let (mut next, mut lost) = (1, 0);
    while next <= pushed {
        let event = data(&mut slow);
        if event["type"] == "gap" {
            assert_eq!(event["from"], next);
            lost += event["lost"].as_u64().unwrap();
            next = event["to"].as_u64().unwrap();
        } else {
            assert_eq!(event["seq"], next);
        }
        next += 1;
    }
    assert!(lost > 0, "nothing was lost of {pushed}");
}
