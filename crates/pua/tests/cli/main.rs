//! The client commands as a user sees them: what they send, what they print, how they exit.
//! The daemon is a fake that answers what the test says.

mod doc;
mod fake;
mod limits;
mod subscriptions;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use fake::Fake;

const ALICE: &str = "sip:alice@example.com";

/// Runs the program without the environment's own settings.
fn pua(arguments: &[&str]) -> Output {
    command(arguments).output().expect("runs")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pua"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PUA_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("exits")
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("UTF-8")
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("UTF-8")
}

/// Runs a client command against a daemon that gives these answers.
fn against(answers: Vec<Value>, arguments: &[&str]) -> (Output, Vec<Value>) {
    let fake = Fake::new(answers);
    let address = fake.address();
    let output = pua(&[arguments, &["--connect", &address]].concat());
    (output, fake.requests())
}

fn result(value: Value) -> Value {
    json!({"jsonrpc": "2.0", "result": value, "id": 1})
}

fn error(code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": 1})
}

fn granted() -> Value {
    result(json!({"reply": "200 OK", "ETag": "tag-1", "Expires": 3600}))
}

#[test]
fn publish_sends_every_option() {
    let arguments = [
        "publish",
        ALICE,
        "--event",
        "dialog",
        "--body",
        "<x/>",
        "--content-type",
        "text/xml",
        "--expires",
        "600",
        "--etag",
        "t0",
        "--header",
        "X-A: 1",
        "--header",
        "X-B: 2",
        "--proxy",
        "sip:p",
        "--id",
        "7",
        "--on-stop",
        "remove",
        "--wait",
        "accepted",
        "--timeout",
        "2.5",
    ];
    let (output, requests) = against(vec![granted()], &arguments);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(requests[0]["method"], "pua:publish");
    assert_eq!(
        requests[0]["params"],
        json!({
            "presentity_uri": ALICE, "event_package": "dialog", "body": "<x/>", "content_type": "text/xml",
            "expires": 600, "etag": "t0", "extra_headers": "X-A: 1\r\nX-B: 2\r\n", "outbound_proxy": "sip:p",
            "id": "7", "on_stop": "remove", "wait": "accepted", "timeout": 2.5,
        })
    );
    assert_eq!(
        out(&output),
        "200 OK published sip:alice@example.com, granted for 60 min, entity-tag tag-1\n"
    );
}

#[test]
fn publish_makes_documents_of_plain_words() {
    let words = [
        "publish",
        ALICE,
        "--closed",
        "--activity",
        "away",
        "--activity",
        "On the phone",
        "--note",
        "a<b",
    ];
    let (output, requests) = against(vec![granted()], &words);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let params = &requests[0]["params"];
    assert_eq!(params["event_package"], "presence");
    assert_eq!(params.get("expires"), None, "the daemon's default holds");
    let body = params["body"].as_str().unwrap();
    assert!(
        body.contains("<basic>closed</basic>") && body.contains("<rpid:away/><rpid:on-the-phone/>"),
        "{body}"
    );
    assert!(body.contains("<dm:note>a&lt;b</dm:note>"), "{body}");

    let (_, requests) = against(
        vec![granted()],
        &["publish", ALICE, "--messages", "3/1", "--expires", "never"],
    );
    assert_eq!(requests[0]["params"]["event_package"], "message-summary");
    assert_eq!(requests[0]["params"]["expires"], -1);
    assert!(
        requests[0]["params"]["body"]
            .as_str()
            .unwrap()
            .ends_with("Voice-Message: 3/1 (0/0)\r\n")
    );

    let (_, requests) = against(
        vec![granted()],
        &["publish", ALICE, "--dialog-state", "confirmed"],
    );
    assert_eq!(requests[0]["params"]["event_package"], "dialog");
}

#[test]
fn publish_reads_files_and_standard_input() {
    let file = std::env::temp_dir().join(format!("pua-cli-body-{}", std::process::id()));
    std::fs::write(&file, "from a file\n").unwrap();
    let (output, requests) = against(
        vec![granted()],
        &["publish", ALICE, "--body-file", file.to_str().unwrap()],
    );
    std::fs::remove_file(file).unwrap();
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(requests[0]["params"]["body"], "from a file\n");

    let fake = Fake::new(vec![granted()]);
    let mut child = command(&["publish", ALICE, "--body-file", "-", "--connect", &fake.address()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"piped").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(fake.requests()[0]["params"]["body"], "piped");
}

#[test]
fn exit_codes_tell_who_refused() {
    let publish = ["publish", ALICE, "--open"];
    for (answer, expected, words) in [
        (
            result(
                json!({"reply": "403 Forbidden", "next": "refused", "server": "udp:192.0.2.1:5060", "warning": "399 x \"not you\""}),
            ),
            6,
            vec![
                "403 Forbidden (udp:192.0.2.1:5060)",
                "not you",
                "does not try again",
            ],
        ),
        (
            result(
                json!({"reply": "503 Service Unavailable", "next": "retry", "retry_at": "2000-01-01T00:00:00Z"}),
            ),
            6,
            vec!["503", "tries again"],
        ),
        (
            result(json!({"reply": "408 Request Timeout", "next": "retry"})),
            7,
            vec!["no answer in time"],
        ),
        (
            error(404, "Bad presentity URI"),
            5,
            vec!["Bad presentity URI", "sip:alice@example.com"],
        ),
        (error(-32602, "Invalid params"), 5, vec!["Invalid params"]),
        (error(-32000, "Server error"), 1, vec!["Server error"]),
        (result(json!("Accepted")), 0, vec![]),
    ] {
        let (output, _) = against(vec![answer.clone()], &publish);
        assert_eq!(code(&output), expected, "{answer}: {}", err(&output));
        for words in words {
            assert!(err(&output).contains(words), "{words}: {}", err(&output));
        }
    }
}

#[test]
fn with_json_the_answer_is_printed_whatever_it_is() {
    let publish = ["publish", ALICE, "--open", "--json"];
    let refused = json!({"reply": "403 Forbidden", "next": "refused"});
    let (output, _) = against(vec![result(refused.clone())], &publish);
    assert_eq!((code(&output), err(&output)), (6, ""));
    assert_eq!(serde_json::from_str::<Value>(out(&output)).unwrap(), refused);

    let (output, _) = against(vec![error(418, "Wrong ETag")], &publish);
    assert_eq!(code(&output), 5);
    let told: Value = serde_json::from_str(out(&output)).unwrap();
    assert_eq!(told, json!({"error": {"code": 418, "message": "Wrong ETag"}}));

    let output = pua(&["list", "--json", "--connect", "unix:/nowhere/pua.sock"]);
    assert_eq!(code(&output), 4);
    let told: Value = serde_json::from_str(out(&output)).unwrap();
    assert_eq!(told["error"]["exit_code"], 4);
}

#[test]
fn a_daemon_that_is_not_there_or_does_not_answer() {
    let output = pua(&["list", "--connect", "unix:/nowhere/pua.sock"]);
    assert_eq!(code(&output), 4);
    assert!(
        err(&output).contains("unix:/nowhere/pua.sock: No such file or directory\n"),
        "{}",
        err(&output)
    );
    assert!(err(&output).contains("hint:"), "{}", err(&output));

    let (output, requests) = against(vec![Value::Null], &["list", "--timeout", "0.1"]);
    assert_eq!(code(&output), 7, "{}", err(&output));
    assert_eq!(requests[0]["method"], "pua:list");

    let silent = Fake::new(vec![granted()]);
    let by_environment = command(&["publish", ALICE, "--open"])
        .env("PUA_CONNECT", silent.address())
        .output()
        .unwrap();
    assert_eq!(code(&by_environment), 0);
    let nonsense = command(&["list"])
        .env("PUA_CONNECT", "nonsense")
        .output()
        .unwrap();
    assert_eq!(code(&nonsense), 2, "{}", err(&nonsense));
}

#[test]
fn wrong_usage() {
    for arguments in [
        &["no-such-command"][..],
        &["publish"],
        &["publish", ALICE, "--open", "--closed"],
        &["publish", ALICE, "--open", "--body", "x"],
        &["publish", ALICE, "--body", "x", "--messages", "1/0"],
        &["publish", ALICE, "--activity", "juggling"],
        &["publish", ALICE, "--messages", "three"],
        &["publish", ALICE, "--expires", "soon"],
        &["publish", ALICE, "--open", "--header", "no colon"],
        &["publish", ALICE, "--open", "--header", "X: a\r\nVia: b"],
        &["publish", ALICE, "--body-file", "/nowhere/at/all"],
        &["list", "--timeout", "0"],
        &["list", "--connect", "nonsense"],
    ] {
        let output = pua(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", err(&output));
        assert!(err(&output).starts_with("error:"), "{}", err(&output));
    }
}

fn publication(presentity: &str, state: &str) -> Value {
    json!({
        "id": null, "presentity": presentity, "package": "presence", "state": state, "etag": "e",
        "expires": 3600, "expires_at": "2000-01-01T00:00:00Z", "refresh_at": null, "retry_at": null,
        "revision": 1, "last_response": "403 Forbidden",
    })
}

#[test]
fn list_takes_all_pages_and_aligns_them() {
    let pages = vec![
        result(json!({"publications": [publication(ALICE, "published")], "next": "1"})),
        result(json!({"publications": [publication("sip:b@c", "refused")], "next": null})),
    ];
    let (output, requests) = against(pages.clone(), &["list"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(requests[1]["params"]["cursor"], "1");
    let lines: Vec<&str> = out(&output).lines().collect();
    assert!(
        lines[0].starts_with("STATE      PRESENTITY             PACKAGE   ID  EXPIRES"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("published  sip:alice@example.com  presence  -   "),
        "{lines:?}"
    );
    assert!(
        lines[2].starts_with("refused    sip:b@c                presence  -   "),
        "{lines:?}"
    );
    assert!(lines[2].ends_with("403 Forbidden"), "{lines:?}");

    let (output, _) = against(pages, &["list", "--json"]);
    let listed: Value = serde_json::from_str(out(&output)).unwrap();
    assert_eq!(listed["publications"].as_array().unwrap().len(), 2);
    assert_eq!(listed["next"], Value::Null);

    let (output, requests) = against(
        vec![result(json!({"publications": [], "next": null}))],
        &[
            "list",
            "--presentity",
            ALICE,
            "--event",
            "dialog",
            "--state",
            "waiting",
            "--limit",
            "5",
        ],
    );
    assert_eq!(out(&output), "nothing is published\n");
    assert_eq!(
        requests[0]["params"],
        json!({"presentity": ALICE, "package": "dialog", "state": "waiting", "limit": 5})
    );
}

#[test]
fn show_refresh_remove_and_status() {
    let mut shown = publication(ALICE, "published");
    shown["body"] = json!("<presence/>\r\n");
    shown["extra_headers"] = json!("X-A: 1\r\nX-B: 2\r\n");
    let (output, requests) = against(vec![result(shown)], &["show", ALICE, "--id", "7"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(
        requests[0]["params"],
        json!({"presentity_uri": ALICE, "event_package": "presence", "id": "7"})
    );
    assert!(
        out(&output).contains("state          published\n"),
        "{}",
        out(&output)
    );
    assert!(
        out(&output).contains("extra_headers  X-A: 1\n               X-B: 2\n"),
        "{}",
        out(&output)
    );
    assert!(out(&output).ends_with("\n\n<presence/>\n"), "{}", out(&output));

    let (output, requests) = against(vec![granted()], &["refresh", ALICE]);
    assert_eq!(
        (code(&output), &requests[0]["method"]),
        (0, &json!("pua:refresh"))
    );
    let (output, requests) = against(
        vec![result(json!({"reply": "200 OK", "Expires": 0}))],
        &["remove", ALICE, "--etag", "x", "--event", "dialog"],
    );
    assert_eq!(out(&output), "200 OK removed sip:alice@example.com\n");
    assert_eq!(requests[0]["params"]["etag"], "x");
    let (output, _) = against(vec![error(404, "No such publication")], &["show", ALICE]);
    assert_eq!(code(&output), 5);
    assert!(err(&output).contains("pua list"), "{}", err(&output));

    let answers = || {
        vec![
            result(json!({"Server": "pua/0.1.0"})),
            result(json!({"Now": "x", "Up since": "2026-01-01T00:00:00Z", "Up time": "90 [sec]"})),
            result(json!({"pua:publications": 2, "pua:refused": 0, "mi:requests": 5})),
        ]
    };
    let (output, _) = against(answers(), &["status"]);
    assert_eq!(
        out(&output),
        "version  pua/0.1.0\nup       90 s (since 2026-01-01T00:00:00Z)\n\nmi\nrequests  5\n\npua\npublications  2\n"
    );
    let (output, _) = against(answers(), &["status", "--json"]);
    let status: Value = serde_json::from_str(out(&output)).unwrap();
    assert_eq!(
        (&status["uptime"], &status["statistics"]["pua:publications"]),
        (&json!(90), &json!(2))
    );
}

#[test]
fn collect_publishes_this_machine() {
    let (output, requests) = against(
        vec![granted(), granted()],
        &[
            "collect",
            "sip:system@example.com",
            "--count",
            "2",
            "--interval",
            "0.05",
        ],
    );
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0]["params"]["expires"], 60);
    assert!(
        requests[0]["params"]["body"]
            .as_str()
            .unwrap()
            .contains("<dm:note>CPU:")
    );
    assert!(out(&output).starts_with("200 OK  CPU:"), "{}", out(&output));
    let (output, _) = against(
        vec![error(404, "Bad presentity URI")],
        &["collect", "nobody", "--count", "2", "--interval", "0.05"],
    );
    assert_eq!(code(&output), 5);
}

#[test]
fn collect_withdraws_what_it_published_when_it_is_stopped() {
    let fake = Fake::new(vec![granted(), granted()]);
    let mut child = command(&[
        "collect",
        "sip:system@example.com",
        "--interval",
        "600",
        "--connect",
        &fake.address(),
    ])
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.starts_with("200 OK  CPU:"), "{line}");
    let pid = i32::try_from(child.id()).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let requests = fake.requests();
    assert_eq!(requests[1]["method"], "pua:remove");
    assert_eq!(
        requests[1]["params"]["presentity_uri"],
        requests[0]["params"]["presentity_uri"]
    );
}

#[test]
fn configuration_is_checked_and_shown() {
    let output = pua(&["config", "example"]);
    assert_eq!(code(&output), 0);
    let file = std::env::temp_dir().join(format!("pua-cli-config-{}.toml", std::process::id()));
    let path = file.to_str().unwrap();
    std::fs::write(&file, &output.stdout).unwrap();
    let checked = pua(&["config", "check", "--config", path]);
    assert_eq!(code(&checked), 0, "{}{}", out(&checked), err(&checked));
    assert!(out(&checked).starts_with("ok\n"), "{}", out(&checked));
    assert!(
        out(&checked)
            .contains("pua.db in the daemon's working directory (commit: answers wait for the disk)")
    );

    let here = file.parent().unwrap().display();
    std::fs::write(
        &file,
        format!(
            "[store]\nurl = \"sqlite:{here}/nowhere/pua.db\"\n[mi.fifo]\npath = \"{path}\"\nuser = \"nobody-there\"\n\
             reply_dir = \"{here}/nowhere\"\n[mi.stream]\nlisten = [\"unix:{path}\"]\n"
        ),
    )
    .unwrap();
    let checked = pua(&["config", "check", "--config", path]);
    assert_eq!(code(&checked), 3);
    for fault in [
        ":2:7: store.url: there is no directory ",
        ":4:8: mi.fifo.path: ",
        ":5:8: mi.fifo.user: there is no user nobody-there",
        ":6:13: warning: mi.fifo.reply_dir: there is no directory ",
        ":8:10: mi.stream.listen: ",
        "4 faults",
    ] {
        assert!(out(&checked).contains(fault), "{fault}: {}", out(&checked));
    }

    std::fs::write(
        &file,
        "presence_server = \"nowhere\"\n[sip]\nt1_msec = 5\nadvertise = 7\n",
    )
    .unwrap();
    let checked = pua(&["config", "check", "--config", path]);
    assert_eq!(code(&checked), 3);
    for fault in [
        ":1:19: presence_server: ",
        ":3:1: sip.t1_msec: unknown key",
        "did you mean `t1_ms`",
        ":4:13: sip.advertise",
        "3 faults",
    ] {
        assert!(out(&checked).contains(fault), "{fault}: {}", out(&checked));
    }
    let checked = pua(&["config", "check", "--config", path, "--json"]);
    let told: Value = serde_json::from_str(out(&checked)).unwrap();
    assert_eq!(
        (&told["ok"], told["faults"].as_array().unwrap().len()),
        (&json!(false), 3)
    );
    let served = pua(&["serve", "--config", path]);
    assert_eq!(code(&served), 3);
    assert!(
        err(&served).contains("the configuration has 3 faults"),
        "{}",
        err(&served)
    );
    std::fs::remove_file(file).unwrap();
    assert_eq!(code(&pua(&["serve", "--config", "/nowhere/pua.toml"])), 3);
}

#[test]
fn help_documents_the_exit_codes_and_colours_are_for_terminals() {
    for arguments in [
        &["--help"][..],
        &["publish", "--help"],
        &["watch", "--help"],
        &["fetch", "--help"],
        &["tail", "--help"],
        &["serve", "--help"],
        &["collect", "--help"],
    ] {
        let output = pua(arguments);
        assert_eq!(code(&output), 0);
        assert!(
            out(&output).contains("6  refused by the presence server"),
            "{arguments:?}"
        );
        assert!(!out(&output).contains('\x1b'));
    }
    for arguments in [
        &["completion", "bash"][..],
        &["man"],
        &["man", "publish"],
        &["man", "watch"],
        &["man", "doc"],
        &["--version"],
    ] {
        assert_eq!(code(&pua(arguments)), 0, "{arguments:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = command(&["config", "example"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), err(&output)), (0, ""));
}
