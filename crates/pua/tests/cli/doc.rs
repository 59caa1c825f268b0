//! `pua doc`: documents checked and converted.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::{code, command, err, out, pua};

const OPEN: &str = "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@h'>\n<tuple id='t'><status><basic>open</basic></status></tuple>\n</presence>\n";

/// Runs it with something on standard input.
fn fed(arguments: &[&str], input: &str) -> Output {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    // It may refuse its arguments before it reads.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("ends")
}

#[test]
fn check_names_line_and_rule() {
    let messages = "Messages-Waiting: yes\r\nVoice-Message: 2/1\r\n";
    let good = fed(&["doc", "check", "-"], messages);
    assert_eq!(
        (code(&good), out(&good)),
        (0, "ok, application/simple-message-summary\n")
    );
    let bad = OPEN.replace("<basic>open</basic>", "<basic>ajar</basic>");
    let found = fed(&["doc", "check", "-"], &bad);
    assert_eq!(code(&found), 5, "{}", out(&found));
    let first = out(&found)
        .lines()
        .find(|line| line.contains(": error: "))
        .unwrap();
    assert!(first.starts_with("standard input:2: error: "), "{first}");
    assert!(first.contains("[CPIDF-"), "{first}");
    let found = fed(&["doc", "check", "-", "--json"], &bad);
    let told: Value = serde_json::from_str(out(&found)).unwrap();
    assert_eq!(told["ok"], false);
    let findings = told["findings"].as_array().unwrap();
    let error = findings
        .iter()
        .find(|finding| finding["severity"] == "error")
        .unwrap();
    assert_eq!(error["line"], 2);
}

#[test]
fn warnings_count_only_when_strict() {
    let found = fed(&["doc", "check", "-"], OPEN);
    assert_eq!(code(&found), 0, "{}", out(&found));
    assert!(
        out(&found).contains("standard input:2: warning: "),
        "{}",
        out(&found)
    );
    let last = out(&found).lines().last().unwrap();
    assert!(last.starts_with("ok, application/pidf+xml, with "), "{last}");
    assert_eq!(code(&fed(&["doc", "check", "-", "--strict"], OPEN)), 5);
}

#[test]
fn to_json_and_back() {
    let json = fed(&["doc", "to-json", "-"], OPEN);
    assert_eq!(code(&json), 0, "{}", err(&json));
    let value: Value = serde_json::from_str(out(&json)).unwrap();
    assert_eq!(value["tuples"][0]["status"]["basic"], "open");
    let back = fed(&["doc", "from-json", "-"], out(&json));
    assert_eq!(code(&back), 0, "{}", err(&back));
    let again = fed(&["doc", "to-json", "-", "--content-type", "pidf+xml"], out(&back));
    assert_eq!(out(&again), out(&json));
    let wrong = out(&json).replace("\"basic\": \"open\"", "\"basic\": \"ajar\"");
    let refused = fed(&["doc", "from-json", "-", "--content-type", "pidf+xml"], &wrong);
    assert_eq!(code(&refused), 5);
    assert!(
        err(&refused).contains("tuples[0].status.basic"),
        "{}",
        err(&refused)
    );
}

#[test]
fn what_cannot_be_read_or_known_says_what_to_do() {
    assert_eq!(code(&pua(&["doc", "check", "/nowhere/x.xml"])), 2);
    let unknown = fed(&["doc", "check", "-"], "hello");
    assert_eq!(code(&unknown), 5);
    assert!(
        err(&unknown).contains("name it with --content-type"),
        "{}",
        err(&unknown)
    );
    assert_eq!(
        code(&fed(&["doc", "check", "-", "--content-type", "text/plain"], OPEN)),
        2
    );
    let broken = fed(&["doc", "to-json", "-"], "<presence");
    assert_eq!(code(&broken), 5);
    assert_eq!(code(&fed(&["doc", "from-json", "-"], "{\"colour\": 1}")), 5);
    assert_eq!(code(&fed(&["doc", "from-json", "-"], "{")), 5);
}
