//! `pua watch`, `tail` and the commands about subscriptions, with real daemons: one holds the
//! presence server, the other watches it.

mod common;

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{Daemon, Server};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const ALICE: &str = "sip:alice@example.com";

/// A presence server, and a daemon that watches there.
struct Bed {
    server: Daemon,
    daemon: Daemon,
}

impl Bed {
    fn start() -> Bed {
        let nowhere = "127.0.0.1:9".parse().unwrap();
        let server = Daemon::start_with(
            nowhere,
            "[server]\nenabled = true\nlisten = [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]",
        );
        let at = server.ready["server"][0].as_str().unwrap();
        let at = at.strip_prefix("udp:").unwrap().parse().unwrap();
        Bed {
            daemon: Daemon::start(at),
            server,
        }
    }

    /// Publishes at the server, and not through the daemon that watches.
    fn publish(&self, arguments: &[&str]) {
        let at = self.server.ready["server"][0]
            .as_str()
            .unwrap()
            .replace("udp:", "sip:");
        let arguments = [&["publish"], arguments, &["--proxy", &at]].concat();
        let output = pua(&self.server, &arguments);
        assert!(output.status.success(), "{output:?}");
    }

    fn watch(&self, arguments: &[&str]) -> Running {
        Running::start(&self.daemon, arguments)
    }

    /// Tells what becomes of subscriptions from now on: what comes next is not missed.
    fn tail(&self) -> Running {
        let tail = self.watch(&["tail", "--kind", "subscription"]);
        let start = std::time::Instant::now();
        let consumers = json!({"statistics": ["events:consumers"]});
        while self.daemon.call("get_statistics", consumers.clone())["result"]["events:consumers"] != 1 {
            assert!(start.elapsed() < common::PATIENCE, "it does not attach");
        }
        tail
    }

    /// What is subscribed to.
    fn subscriptions(&self) -> Vec<Value> {
        let listed = self.daemon.call("pua:subscriptions", json!({}));
        let rows = listed["result"]["subscriptions"].as_array().unwrap().clone();
        rows.into_iter()
            .filter(|row| row["state"] != "terminated")
            .collect()
    }
}

fn command(daemon: &Daemon, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pua"));
    command
        .args(arguments)
        .env_remove("PUA_WATCHER")
        .stdin(Stdio::null());
    if !arguments.contains(&"--connect") {
        command.arg("--connect").arg(daemon.path("stream.sock"));
    }
    command
}

fn pua(daemon: &Daemon, arguments: &[&str]) -> Output {
    command(daemon, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A command that runs until it is stopped.
struct Running {
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Running {
    fn start(daemon: &Daemon, arguments: &[&str]) -> Running {
        let mut child = command(daemon, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running {
            lines: child.stdout.take().map(|out| BufReader::new(out).lines()),
            child,
        }
    }

    fn line(&mut self) -> String {
        self.lines.as_mut().unwrap().next().expect("a line").unwrap()
    }

    /// The next line without the time in front of it.
    fn said(&mut self) -> String {
        let line = self.line();
        line.split_once("  ")
            .unwrap_or_else(|| panic!("{line}"))
            .1
            .to_owned()
    }

    /// Reads on until a line says this.
    fn until(&mut self, wanted: &str) -> String {
        std::iter::repeat_with(|| self.line())
            .find(|line| line.contains(wanted))
            .unwrap()
    }

    fn json(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// Its exit code after SIGTERM, and what it said on standard error.
    fn stop(mut self) -> (Option<i32>, String) {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM).unwrap();
        self.end()
    }

    fn end(&mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        std::io::Read::read_to_string(&mut self.child.stderr.take().unwrap(), &mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_change_reaches_a_script_within_a_second_and_in_order() {
    let bed = Bed::start();
    let mut watch = bed.watch(&["watch", ALICE]);
    assert_eq!(watch.said(), "alice@example.com is unknown: nothing is published");
    for (words, note) in [("--open", "1"), ("--closed", "2"), ("--open", "3")] {
        bed.publish(&[ALICE, words, "--activity", "away", "--note", note]);
        let published = Instant::now();
        let state = words.trim_start_matches("--");
        assert_eq!(
            watch.said(),
            format!("alice@example.com is {state}, away: \"{note}\"")
        );
        assert!(published.elapsed() < Duration::from_secs(1));
    }
    assert_eq!(watch.stop(), (Some(0), String::new()));
}

#[test]
fn what_a_watch_has_subscribed_to_it_withdraws_unless_it_shall_be_kept() {
    let bed = Bed::start();
    let mut tail = bed.tail();
    for arguments in [&["watch", ALICE][..], &["watch", ALICE, "--keep"]] {
        let mut watch = bed.watch(arguments);
        watch.said();
        tail.until("active");
        let made = bed.subscriptions();
        assert_eq!(made.len(), 1);
        assert_eq!(made[0]["watcher"], "sip:pua@example.com");
        assert_eq!(watch.stop().0, Some(0));
        if arguments.len() == 2 {
            tail.until("terminated");
        }
    }
    assert_eq!(bed.subscriptions().len(), 1);
}

#[test]
fn a_reader_that_goes_ends_a_watch_although_nothing_happens() {
    let bed = Bed::start();
    let mut tail = bed.tail();
    let mut watch = bed.watch(&["watch", ALICE]);
    watch.said();
    drop(watch.lines.take());
    assert_eq!(watch.end(), (Some(0), String::new()));
    tail.until("terminated");
    assert!(bed.subscriptions().is_empty());
}

#[test]
fn an_applications_subscription_is_used_and_left_alone() {
    let bed = Bed::start();
    let output = pua(
        &bed.daemon,
        &[
            "subscribe",
            ALICE,
            "--watcher",
            "sip:door@example.com",
            "--expires",
            "900",
        ],
    );
    assert_eq!(
        text(&output.stdout),
        "200 OK subscribed to sip:alice@example.com, granted for 15 min\n\
         alice@example.com is unknown: nothing is published\n"
    );
    let mut watch = bed.watch(&["watch", ALICE, "--json"]);
    let kinds: Vec<Value> = (0..4).map(|_| watch.json()["type"].clone()).collect();
    assert_eq!(kinds, ["snapshot_begin", "subscription", "state", "snapshot_end"]);
    bed.publish(&[ALICE, "--open"]);
    let event = watch.json();
    assert_eq!(
        (&event["type"], &event["summary"]["availability"]),
        (&json!("state"), &json!("open"))
    );
    assert_eq!(event["watcher"], "sip:door@example.com");
    assert_eq!(watch.stop().0, Some(0));
    assert_eq!(bed.subscriptions().len(), 1);

    // Ended by its application, it is made anew by who still watches.
    let mut watch = bed.watch(&["watch", ALICE]);
    assert_eq!(watch.said(), "alice@example.com is open");
    let ended = pua(&bed.daemon, &["unsubscribe", ALICE]);
    assert_eq!(
        text(&ended.stdout),
        "200 OK unsubscribed from sip:alice@example.com\n"
    );
    let mut tail = bed.watch(&["tail", "--kind", "subscription", "--snapshot"]);
    tail.until("by pua@example.com");
    bed.publish(&[ALICE, "--closed"]);
    assert_eq!(watch.said(), "alice@example.com is closed");
}

#[test]
fn a_watch_goes_on_when_the_daemon_was_restarted() {
    let mut bed = Bed::start();
    bed.publish(&[ALICE, "--open", "--note", "before"]);
    let mut watch = bed.watch(&["watch", ALICE]);
    assert_eq!(watch.said(), "alice@example.com is open: \"before\"");
    bed.daemon.signal(Signal::SIGTERM);
    bed.daemon.wait();
    bed.publish(&[ALICE, "--open", "--note", "meanwhile"]);
    bed.daemon.again();
    assert_eq!(watch.said(), "alice@example.com is open: \"meanwhile\"");
    bed.publish(&[ALICE, "--open", "--note", "after"]);
    assert_eq!(watch.said(), "alice@example.com is open: \"after\"");
    let (code, said) = watch.stop();
    assert_eq!(code, Some(0));
    assert_eq!(
        said,
        "the daemon has gone; waiting for it\nthe daemon is there again\n"
    );
    assert_eq!(
        pua(&bed.daemon, &["watch", ALICE, "--cursor", "nonsense"])
            .status
            .code(),
        Some(5)
    );
    bed.daemon.signal(Signal::SIGTERM);
    bed.daemon.wait();
    assert_eq!(pua(&bed.daemon, &["watch", ALICE]).status.code(), Some(4));
}

#[test]
fn a_cursor_goes_on_behind_an_event() {
    let bed = Bed::start();
    let mut first = bed.watch(&["watch", ALICE, "--json", "--keep"]);
    let mut state = || loop {
        let event = first.json();
        if event["type"] == "state" {
            break event;
        }
    };
    let cursor = state()["cursor"].as_str().unwrap().to_owned();
    bed.publish(&[ALICE, "--open"]);
    let open = state();
    let mut second = bed.watch(&["watch", ALICE, "--json", "--cursor", &cursor, "--raw"]);
    let again = loop {
        let event = second.json();
        if event["type"] == "state" {
            break event;
        }
    };
    assert_eq!(again["seq"], open["seq"]);
    assert!(again["body"].as_str().unwrap().contains("<presence"));
}

#[test]
fn calls_and_messages_in_words_and_a_table_on_a_pipe() {
    let bed = Bed::start();
    let packages = ["watch", ALICE, "--event", "dialog,message-summary"];
    let mut watch = bed.watch(&packages);
    let mut table = bed.watch(&[&packages[..], &["--table"]].concat());
    let mut first = [watch.said(), watch.said()];
    first.sort();
    assert_eq!(
        first,
        [
            "alice@example.com has no new messages",
            "alice@example.com is not on the phone"
        ]
    );
    bed.publish(&[ALICE, "--messages", "2/0"]);
    assert_eq!(watch.said(), "alice@example.com has 2 new messages");
    bed.publish(&[ALICE, "--dialog-state", "confirmed"]);
    assert_eq!(watch.said(), "alice@example.com is on the phone");
    let row = table.until("is on the phone; has 2 new messages");
    assert!(row.starts_with("alice@example.com  "), "{row}");
}

#[test]
fn a_refusal_for_good_ends_a_watch_and_a_fetch() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let mut watch = Running::start(&daemon, &["watch", ALICE]);
    server.respond(&server.receive(), "403 Forbidden", "");
    assert_eq!(
        watch.said(),
        "alice@example.com may not be watched: 403 Forbidden"
    );
    let (code, said) = watch.end();
    assert_eq!(code, Some(6));
    assert_eq!(said, "error: the server refuses: 403 Forbidden\n");
    let mut fetch = Running::start(&daemon, &["fetch", ALICE, "--json"]);
    server.respond(&server.receive(), "489 Bad Event", "Allow-Events: dialog\r\n");
    assert_eq!(fetch.json()["reply"], "489 Bad Event");
    assert_eq!(fetch.end().0, Some(6));
}

#[test]
fn one_can_watch_over_http_and_not_by_datagrams() {
    let bed = Bed::start();
    let http = format!("http://{}/mi", bed.daemon.ready["http"][0].as_str().unwrap());
    let mut watch = bed.watch(&["watch", ALICE, "--connect", &http]);
    watch.said();
    bed.publish(&[ALICE, "--open"]);
    assert_eq!(watch.said(), "alice@example.com is open");
    assert_eq!(watch.stop().0, Some(0));
    let socket = bed.daemon.path("mi.sock");
    let output = pua(
        &bed.daemon,
        &["watch", ALICE, "--connect", socket.to_str().unwrap()],
    );
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stderr).contains("no events come through a datagram socket"));
}

#[test]
fn what_is_known_once_and_what_is_told_to_anybody() {
    let bed = Bed::start();
    bed.publish(&[ALICE, "--open", "--activity", "meeting"]);
    let mut all = bed.watch(&["watch", "--all"]);
    let mut tail = bed.watch(&["tail", "--snapshot", "--json"]);
    assert_eq!(tail.json()["type"], "snapshot_begin");
    let fetched = pua(&bed.daemon, &["fetch", ALICE]);
    assert_eq!(text(&fetched.stdout), "alice@example.com is open, meeting\n");
    let raw = pua(&bed.daemon, &["fetch", ALICE, "--raw"]);
    assert!(text(&raw.stdout).contains("<basic>open</basic>"));
    assert!(bed.subscriptions().is_empty());
    assert_eq!(pua(&bed.daemon, &["state", ALICE]).status.code(), Some(5));

    assert!(pua(&bed.daemon, &["subscribe", ALICE]).status.success());
    assert_eq!(all.said(), "alice@example.com is open, meeting");
    let state = pua(&bed.daemon, &["state", ALICE]);
    assert!(
        text(&state.stdout).starts_with("alice@example.com is open, meeting  (presence, "),
        "{state:?}"
    );
    let table = pua(&bed.daemon, &["subscriptions"]);
    let lines: Vec<&str> = text(&table.stdout).lines().collect();
    assert!(lines[0].starts_with("STATE   PRESENTITY"), "{lines:?}");
    assert!(
        lines[1].starts_with("active  sip:alice@example.com  presence  sip:pua@example.com  -"),
        "{lines:?}"
    );
    tail.until("\"type\":\"state\"");
}
