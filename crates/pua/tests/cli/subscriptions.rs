//! The commands about subscriptions: what they send, what they print, how they exit.

use serde_json::{Value, json};

use crate::{ALICE, against, code, err, error, out, result};

fn open() -> Value {
    json!({
        "reply": "200 OK", "state": "active", "Expires": 3600, "content_type": "application/pidf+xml",
        "document": {"entity": ALICE}, "summary": {"availability": "open", "activities": ["away"], "note": "back at 3"},
    })
}

#[test]
fn subscribe_sends_every_option() {
    let arguments = [
        "subscribe",
        ALICE,
        "--watcher",
        "sip:w@h",
        "--event",
        "presence",
        "--expires",
        "never",
        "--id",
        "7",
        "--proxy",
        "sip:p",
        "--header",
        "X-A: 1",
        "--member",
        "sip:a@h",
        "--member",
        "sip:b@h",
        "--wait",
        "accepted",
        "--timeout",
        "2.5",
    ];
    let (output, requests) = against(vec![result(json!("accepted"))], &arguments);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(requests[0]["method"], "pua_subscribe");
    assert_eq!(
        requests[0]["params"],
        json!({
            "presentity_uri": ALICE, "watcher_uri": "sip:w@h", "event_package": "presence", "expires": -1, "id": "7",
            "outbound_proxy": "sip:p", "extra_headers": "X-A: 1\r\n", "members": ["sip:a@h", "sip:b@h"],
            "wait": "accepted", "timeout": 2.5,
        })
    );
    assert!(out(&output).starts_with("accepted, without waiting"));
}

#[test]
fn what_a_subscription_and_a_fetch_tell() {
    let (output, requests) = against(vec![result(open())], &["subscribe", ALICE]);
    assert_eq!(requests[0]["params"]["watcher_uri"], "sip:pua@example.com");
    assert_eq!(
        out(&output),
        "200 OK subscribed to sip:alice@example.com, granted for 60 min\n\
         alice@example.com is open, away: \"back at 3\"\n"
    );
    let list = json!({
        "reply": "200 OK", "state": "active", "states": [
            {"resource": "sip:a@h", "state": "active", "document": {}, "summary": {"availability": "closed"}},
            {"resource": "sip:b@h", "state": "pending"},
        ],
    });
    let (output, requests) = against(vec![result(list)], &["fetch", "sip:team@h", "--raw", "--json"]);
    assert_eq!(
        (&requests[0]["method"], &requests[0]["params"]["raw"]),
        (&json!("pua:fetch"), &json!(true))
    );
    assert_eq!(code(&output), 0);
    let (output, _) = against(
        vec![result(json!({
            "reply": "200 OK", "states": [
                {"resource": "sip:a@h", "document": {}, "summary": {"availability": "closed"}},
                {"resource": "sip:b@h", "state": "pending"},
            ],
        }))],
        &["fetch", "sip:team@h"],
    );
    assert_eq!(out(&output), "a@h is closed\nb@h has not decided yet: pending\n");
    let mut raw = open();
    raw["body"] = json!("<presence/>");
    let (output, _) = against(vec![result(raw)], &["fetch", ALICE, "--raw"]);
    assert_eq!(out(&output), "<presence/>");
    let nothing = json!({"reply": "200 OK", "state": "terminated", "reason": "timeout"});
    let (output, _) = against(vec![result(nothing)], &["fetch", ALICE]);
    assert_eq!(
        out(&output),
        "alice@example.com is unknown: nothing is published\n"
    );
    let pending = json!({"reply": "202 Accepted", "state": "pending", "Expires": 600});
    let (output, _) = against(vec![result(pending)], &["subscribe", ALICE]);
    assert!(
        out(&output).ends_with("alice@example.com has not decided yet: pending\n"),
        "{}",
        out(&output)
    );
}

#[test]
fn refusals_have_their_exit_codes() {
    let reply = |answer: Value| {
        let (output, _) = against(vec![result(answer)], &["fetch", ALICE]);
        (code(&output), err(&output).lines().next().unwrap().to_owned())
    };
    assert_eq!(
        reply(json!({"reply": "403 Forbidden"})),
        (6, "error: 403 Forbidden".to_owned())
    );
    assert_eq!(
        reply(json!({"reply": "200 OK", "state": "terminated", "reason": "rejected"})),
        (
            6,
            "error: it may not be watched (terminated, rejected)".to_owned()
        )
    );
    assert_eq!(reply(json!({"reply": "408 Request Timeout"})).0, 7);
    let none = || vec![error(404, "No such subscription")];
    for arguments in [
        &["state", ALICE][..],
        &["unsubscribe", ALICE, "--watcher", "sip:w@h"],
    ] {
        let (output, _) = against(none(), arguments);
        assert_eq!(code(&output), 5);
        assert!(
            err(&output).contains("`pua subscriptions` shows"),
            "{}",
            err(&output)
        );
    }
}

#[test]
fn unsubscribe_finds_the_one_subscription() {
    let rows = json!({"subscriptions": [{"watcher": "sip:door@h", "id": "x"}], "next": null});
    let gone = json!({"reply": "200 OK", "state": "terminated"});
    let (output, requests) = against(vec![result(rows), result(gone)], &["unsubscribe", ALICE]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(requests[0]["params"]["presentity"], ALICE);
    assert_eq!(requests[1]["method"], "pua:unsubscribe");
    assert_eq!(
        (
            &requests[1]["params"]["watcher_uri"],
            &requests[1]["params"]["id"]
        ),
        (&json!("sip:door@h"), &json!("x"))
    );
    assert_eq!(out(&output), "200 OK unsubscribed from sip:alice@example.com\n");
}

/// It does not guess: what could be meant is told.
#[test]
fn unsubscribe_tells_which_of_several_could_be_meant() {
    let rows = json!({"subscriptions": [
        {"watcher": "sip:door@h", "id": null}, {"watcher": "sip:lamp@h", "id": "x"},
    ], "next": null});
    let (output, requests) = against(vec![result(rows)], &["unsubscribe", ALICE]);
    assert_eq!((code(&output), requests.len()), (2, 1));
    for told in ["--watcher sip:door@h\n", "--watcher sip:lamp@h --id x", "hint: "] {
        assert!(err(&output).contains(told), "{told}: {}", err(&output));
    }
    // The one that `pua subscribe` makes is meant by who says nothing.
    let rows = json!({"subscriptions": [
        {"watcher": "sip:door@h", "id": null}, {"watcher": "sip:pua@example.com", "id": null},
    ], "next": null});
    let gone = json!({"reply": "200 OK", "state": "terminated"});
    let (output, requests) = against(vec![result(rows), result(gone)], &["unsubscribe", ALICE]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(requests[1]["params"]["watcher_uri"], "sip:pua@example.com");
}

#[test]
fn subscriptions_come_in_pages_and_as_a_table() {
    let row = |presentity: &str, state: &str| {
        json!({"presentity": presentity, "state": state, "package": "presence", "watcher": "sip:w@h",
               "reason": "rejected"})
    };
    let first = json!({"subscriptions": [row("sip:a@h", "active")], "next": "5"});
    let second = json!({"subscriptions": [row("sip:b@h", "terminated")], "next": null});
    let arguments = ["subscriptions", "--watcher", "sip:w@h", "--state", "notify_wait"];
    let (output, requests) = against(vec![result(first), result(second)], &arguments);
    assert_eq!(
        out(&output),
        "STATE       PRESENTITY  PACKAGE   WATCHER  ID  EXPIRES  NEXT\n\
         active      sip:a@h     presence  sip:w@h  -   -        -\n\
         terminated  sip:b@h     presence  sip:w@h  -   -        rejected\n"
    );
    assert_eq!(
        requests[1]["params"],
        json!({"watcher": "sip:w@h", "state": "notify_wait", "limit": 1000, "cursor": "5"})
    );
    let (output, _) = against(
        vec![result(json!({"subscriptions": [], "next": null}))],
        &["subscriptions"],
    );
    assert_eq!(out(&output), "nothing is watched\n");
}

#[test]
fn what_is_printed_moves_no_cursor() {
    let mut open = open();
    open["summary"]["note"] = json!("x\u{1b}[2J\u{202e}y\nz");
    let (output, _) = against(vec![result(open)], &["fetch", ALICE]);
    assert_eq!(out(&output), "alice@example.com is open, away: \"x[2Jy z\"\n");
}
