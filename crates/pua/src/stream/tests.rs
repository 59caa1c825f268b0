//! The stream socket as clients speak it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream as Client;
use std::path::PathBuf;
use std::sync::mpsc;

use super::*;
use crate::engine::fake::Fake;
use crate::events::test_feed::{TestFeed, bounds};
use crate::events::{Filter, Start};

/// Without the present state.
const FROM_NOW: Start = Start {
    cursor: None,
    snapshot: false,
};

struct Served {
    path: PathBuf,
    stop: CancellationToken,
    runtime: Option<tokio::runtime::Runtime>,
    events: Option<TestFeed>,
    _engine: Fake,
}

impl Served {
    fn new(name: &str, answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> Served {
        let engine = Fake::start(answer);
        let path = std::env::temp_dir().join(format!("pua-stream-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let socket = Socket::open(&path, 0o600).unwrap();
        let stop = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let events = TestFeed::on(runtime.handle(), bounds(64));
        let feed = events.feed.clone();
        runtime.spawn(serve(socket, engine.handle(), feed, stop.clone()));
        Served {
            path,
            stop,
            runtime: Some(runtime),
            events: Some(events),
            _engine: engine,
        }
    }

    fn connect(&self) -> Client {
        Client::connect(&self.path).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
        drop(self.runtime.take());
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The request between brackets, and a line end; nothing for `quiet`.
fn echo(payload: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(payload).into_owned();
    (text != "quiet").then(|| format!("[{text}]\n").into_bytes())
}

fn lines(stream: Client) -> Vec<String> {
    let mut lines: Vec<String> = BufReader::new(stream).lines().map(|l| l.unwrap()).collect();
    lines.sort();
    lines
}

#[test]
fn each_line_is_a_request_and_the_last_needs_no_line_end() {
    let served = Served::new("lines", echo);
    let mut stream = served.connect();
    stream.write_all(b"a\r\n\n  \nquiet\nb\nc").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(lines(stream), ["[a]", "[b]", "[c]"]);
}

#[test]
fn a_request_in_pieces() {
    let served = Served::new("pieces", echo);
    let mut stream = served.connect();
    for piece in ["on", "e", "\n", "two\n"] {
        stream.write_all(piece.as_bytes()).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(lines(stream), ["[one]", "[two]"]);
}

#[test]
fn a_line_without_end_is_refused() {
    let served = Served::new("endless", echo);
    let mut stream = served.connect();
    let mut writer = stream.try_clone().unwrap();
    let thread = std::thread::spawn(move || {
        let chunk = vec![b'x'; 64 * 1024];
        while writer.write_all(&chunk).is_ok() {}
    });
    let mut answer = Vec::new();
    // The connection is reset because there is more than was read.
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"{\"jsonrpc\":\"2.0\",\"error\""));
    thread.join().unwrap();
}

#[test]
fn a_connection_too_many_is_told_so() {
    let served = Served::new("full", echo);
    let _all: Vec<Client> = (0..CONNECTIONS).map(|_| served.connect()).collect();
    let answer = lines(served.connect());
    assert!(answer[0].contains("too many connections"), "{answer:?}");
}

#[test]
fn what_is_under_way_is_answered_after_the_stop() {
    let (asked, was_asked) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let served = Served::new("stop", move |payload| {
        asked.send(()).unwrap();
        may_go.recv().unwrap();
        echo(payload)
    });
    let mut stream = served.connect();
    stream.write_all(b"late\n").unwrap();
    was_asked.recv().unwrap();
    served.stop.cancel();
    go.send(()).unwrap();
    assert_eq!(lines(stream), ["[late]"]);
}

/// A line as JSON.
fn json(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap()
}

#[test]
fn a_client_that_watches_is_told_events_between_its_answers() {
    let mut served = Served::new("watch", echo);
    let events = served.events.as_mut().unwrap();
    events.grant(&["sip:a@h"]);
    let mut stream = served.connect();
    let watch = r#"{"jsonrpc":"2.0","id":"w","method":"pua:watch","params":{"presentity":"sip:a@h","kind":"publication"}}"#;
    stream.write_all(format!("{watch}\n").as_bytes()).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut next = || reader.next().unwrap().unwrap();
    assert_eq!(
        json(&next()),
        json(r#"{"jsonrpc":"2.0","id":"w","result":{"watching":true}}"#)
    );
    let events = served.events.as_mut().unwrap();
    events.answer(0, &["sip:a@h"], None);
    let told: Vec<_> = (0..3).map(|_| json(&next())).collect();
    for told in &told {
        assert_eq!(
            (&told["jsonrpc"], &told["method"]),
            (&"2.0".into(), &"pua:event".into())
        );
    }
    assert_eq!(told[1]["params"]["presentity"], "sip:a@h");
    assert_eq!(told[2]["params"]["type"], "snapshot_end");
    // A second watch, and a call, are answered all the same.
    stream.write_all(format!("{watch}\n").as_bytes()).unwrap();
    assert_eq!(json(&next())["error"]["code"], 400);
    stream.write_all(b"call\n").unwrap();
    assert_eq!(next(), "[call]");
    events.grant(&["sip:b@h", "sip:a@h"]);
    let told = json(&next());
    assert_eq!(told["params"]["seq"], 3);
    let cursor = told["params"]["cursor"].as_str().unwrap().to_owned();

    // Another connection goes on from there.
    let mut again = served.connect();
    let call =
        format!(r#"{{"jsonrpc":"2.0","method":"pua:watch","params":{{"cursor":"{cursor}","raw":true}}}}"#);
    again.write_all(format!("{call}\n").as_bytes()).unwrap();
    again.shutdown(Shutdown::Write).unwrap();
    served.events.as_mut().unwrap().grant(&["sip:c@h"]);
    let mut reader = BufReader::new(again).lines();
    assert_eq!(json(&reader.next().unwrap().unwrap())["params"]["seq"], 4);
    // The daemon ends: so does the stream.
    served.stop.cancel();
    drop(served.events.take());
    assert!(reader.next().is_none());
}

#[test]
fn a_watch_that_cannot_be_says_why() {
    let served = Served::new("watch-bad", echo);
    let mut stream = served.connect();
    let call = |params: &str| {
        format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pua:watch\",\"params\":{params}}}\n")
    };
    stream.write_all(call(r#"{"colour":"red"}"#).as_bytes()).unwrap();
    stream
        .write_all(b"{\"method\":\"other\",\"why\":\"pua:watch\"}\n")
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let answers = lines(stream);
    assert_eq!(answers[0], "[{\"method\":\"other\",\"why\":\"pua:watch\"}]");
    let error = json(&answers[1]);
    assert_eq!(error["error"]["code"], -32602);
    assert!(
        error["error"]["data"].as_str().unwrap().contains("colour"),
        "{error}"
    );

    let events = served.events.as_ref().unwrap();
    let _seats: Vec<_> = (0..8)
        .map(|_| events.feed.attach(Filter::default(), FROM_NOW).unwrap())
        .collect();
    let mut stream = served.connect();
    stream.write_all(call("{}").as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(json(&lines(stream)[0])["error"]["code"], 503);
}

#[test]
fn a_client_that_watches_and_is_gone_gives_its_seat_free() {
    let mut served = Served::new("watch-gone", echo);
    let mut stream = served.connect();
    stream
        .write_all(b"{\"id\":1,\"method\":\"pua:watch\",\"params\":{\"snapshot\":false}}\n")
        .unwrap();
    let mut answer = String::new();
    BufReader::new(&stream).read_line(&mut answer).unwrap();
    let consumers = |served: &mut Served| served.events.as_ref().unwrap().inlet.figures().consumers;
    assert_eq!(consumers(&mut served), 1);
    drop(stream);
    while consumers(&mut served) > 0 {
        std::thread::yield_now();
    }
}
