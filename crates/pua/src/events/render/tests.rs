//! The JSON form of each event, member by member.

use std::sync::Arc;
use std::time::Duration;

use pua_core::{Member, SubscriptionState};
use serde_json::{Value, json};

use super::*;
use crate::events::test_feed::{granted, name, publication, state, watching};

/// A moment, with its time for people.
fn clock() -> Clock {
    Clock {
        now: Instant::now(),
        wall: "2026-11-23T08:00:00.25Z".parse().unwrap(),
    }
}

fn cursor() -> Cursor {
    "5f-12".parse().unwrap()
}

fn rendered(what: &Event) -> Value {
    rendered_at(&clock(), what)
}

fn rendered_at(clock: &Clock, what: &Event) -> Value {
    let json: Value = serde_json::from_slice(&event(cursor(), clock, what).json).unwrap();
    assert_eq!(json["seq"], 12);
    assert_eq!(json["cursor"], "5f-12");
    assert_eq!(json["time"], "2026-11-23T08:00:00.250Z");
    json
}

fn line(event: &Event) -> Line {
    super::event(cursor(), &clock(), event)
}

/// The members after those that all have.
fn members(json: &Value) -> Value {
    let mut json = json.clone();
    for name in ["seq", "cursor", "time"] {
        json.as_object_mut().unwrap().remove(name);
    }
    json
}

#[test]
fn publications() {
    let clock = clock();
    let (presentity, reason) = ("sip:alice@example.com", Arc::from("Busy Everywhere"));
    let base = |more: Value| {
        let mut all =
            json!({"type": "publication", "presentity": presentity, "package": "presence", "id": null});
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        all
    };
    assert_eq!(
        members(&rendered(&granted(presentity))),
        base(json!({"change": "granted", "state": "published", "etag": "t1", "expires": 600}))
    );
    let lost = Event::Lost {
        name: name(presentity),
        code: 600,
        reason,
        retry_at: clock.now + Duration::from_secs(60),
    };
    assert_eq!(
        members(&rendered_at(&clock, &lost)),
        base(json!({
            "change": "lost", "state": "waiting", "code": 600, "reason": "Busy Everywhere",
            "retry_at": "2026-11-23T08:01:00Z",
        }))
    );
    for (event, change) in [
        (
            Event::Removed {
                name: name(presentity),
            },
            "removed",
        ),
        (
            Event::Expired {
                name: name(presentity),
            },
            "expired",
        ),
    ] {
        assert_eq!(
            members(&rendered(&event)),
            base(json!({"change": change, "state": change}))
        );
    }
}

#[test]
fn a_state_with_its_document_and_the_body_when_asked() {
    let pidf = br#"<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@h"><tuple id="t"><status><basic>open</basic></status></tuple></presence>"#;
    let event = state("sip:a@h", "application/pidf+xml", pidf, true);
    let line = line(&event);
    let json: Value = serde_json::from_slice(&line.json).unwrap();
    let short = json!({
        "type": json["type"], "presentity": json["presentity"], "watcher": json["watcher"], "dialog": json["dialog"],
        "changed": json["changed"], "content_type": json["content_type"], "warning": json["warning"],
    });
    assert_eq!(
        short,
        json!({
            "type": "state", "presentity": "sip:a@h", "watcher": "sip:watcher@example.com", "dialog": 7,
            "changed": true, "content_type": "application/pidf+xml", "warning": null,
        })
    );
    let Event::State { state, .. } = &event else {
        unreachable!()
    };
    let document = state.document.as_ref().unwrap();
    assert_eq!(json["document"], document.to_json());
    assert_eq!(json["summary"], document.summary().to_json());
    assert_eq!(json.get("body"), None);

    let raw = line.with_body(pidf);
    let whole: Value = serde_json::from_slice(&raw).unwrap();
    assert_eq!(whole["body"], std::str::from_utf8(pidf).unwrap());
    assert_eq!(whole["cursor"], "5f-12");
    let middle: Value = serde_json::from_slice(&line.without_cursor(&raw)).unwrap();
    assert_eq!(middle.get("cursor"), None);
    assert_eq!((&middle["seq"], &middle["body"]), (&whole["seq"], &whole["body"]));
}

#[test]
fn a_document_about_somebody_else_is_told_with_a_warning() {
    let pidf = br#"<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:a@h"><tuple id="t"><status><basic>open</basic></status></tuple></presence>"#;
    for (presentity, warning) in [
        ("sip:a@h", Value::Null),
        (
            "sip:b@h",
            json!("the document is about pres:a@h, not about sip:b@h"),
        ),
    ] {
        let json = rendered(&state(presentity, "application/pidf+xml", pidf, true));
        assert_eq!(json["warning"], warning);
        assert_eq!(
            (&json["presentity"], &json["summary"]["availability"]),
            (&json!(presentity), &json!("open"))
        );
    }
}

#[test]
fn a_body_that_is_no_text_is_base64_and_one_that_is_not_there_is_null() {
    let odd = state("sip:a@h", "application/octet-stream", b"\xff\x00", true);
    let line = line(&odd);
    let json: Value = serde_json::from_slice(&line.with_body(body(&odd).unwrap())).unwrap();
    assert_eq!(
        (&json["body"], &json["body_base64"]),
        (&Value::Null, &json!("/wA="))
    );

    let Event::State {
        name,
        dialog,
        mut state,
        changed,
    } = state("sip:a@h", "", b"", true)
    else {
        unreachable!()
    };
    state.document = None;
    let nothing = Event::State {
        name,
        dialog,
        state,
        changed,
    };
    let json = rendered(&nothing);
    for member in ["summary", "document", "content_type", "warning"] {
        assert_eq!(json.get(member), Some(&Value::Null), "{member}");
    }
    assert_eq!(body(&nothing), None);
}

#[test]
fn a_member_of_a_list_is_the_presentity_and_the_list_is_named() {
    let Event::State {
        dialog,
        mut state,
        changed,
        ..
    } = state("sip:a@h", "text/plain", b"x", false)
    else {
        unreachable!()
    };
    state.member = Some(Member {
        name: Some(Arc::from("Alice")),
        state: Some(Arc::from("active")),
        reason: None,
    });
    let event = Event::State {
        name: watching("sip:friends@h"),
        dialog,
        state,
        changed,
    };
    let json = rendered(&event);
    assert_eq!(
        (&json["presentity"], &json["list"]),
        (&json!("sip:a@h"), &json!("sip:friends@h"))
    );
    assert_eq!(
        json["member"],
        json!({"name": "Alice", "state": "active", "reason": null})
    );
    assert_eq!(json["changed"], false);
}

#[test]
fn subscriptions() {
    let clock = clock();
    let at = clock.now + Duration::from_secs(5);
    let reason = |text: &str| -> Arc<str> { Arc::from(text) };
    for (change, expected) in [
        (
            SubscriptionChange::Pending { expires: 60 },
            json!({"change": "pending", "state": "pending", "expires": 60}),
        ),
        (
            SubscriptionChange::Active { expires: 60 },
            json!({"change": "active", "state": "active", "expires": 60}),
        ),
        (
            SubscriptionChange::Terminated {
                reason: Some(reason("probation")),
                detail: None,
                next: Next::Retry { at },
            },
            json!({
                "change": "terminated", "state": "terminated", "reason": "probation", "detail": null,
                "next": "retry", "retry_at": "2026-11-23T08:00:05Z",
            }),
        ),
        (
            SubscriptionChange::Retrying {
                code: 503,
                reason: reason("Busy"),
                at,
            },
            json!({
                "change": "retrying", "state": "terminated", "code": 503, "reason": "Busy",
                "next": "retry", "retry_at": "2026-11-23T08:00:05Z",
            }),
        ),
        (
            SubscriptionChange::Refused {
                code: 403,
                reason: reason("Forbidden"),
            },
            json!({
                "change": "refused", "state": "terminated", "code": 403, "reason": "Forbidden",
                "next": "refused", "retry_at": null,
            }),
        ),
    ] {
        let event = Event::Subscription {
            name: watching("sip:a@h"),
            dialog: None,
            change,
        };
        let mut all = json!({
            "type": "subscription", "presentity": "sip:a@h", "watcher": "sip:watcher@example.com",
            "package": "presence", "id": null, "dialog": null,
        });
        all.as_object_mut()
            .unwrap()
            .extend(expected.as_object().unwrap().clone());
        assert_eq!(members(&rendered_at(&clock, &event)), all);
    }
    let unreadable = Event::Unreadable {
        name: watching("sip:a@h"),
        dialog: 7,
        why: "line 1: \"x\"".to_owned(),
    };
    assert_eq!(rendered(&unreadable)["detail"], "line 1: \"x\"");
}

#[test]
fn rows_of_a_snapshot() {
    let clock = clock();
    let row: Value = serde_json::from_slice(&publication_row(3, &clock, &publication("sip:a@h"))).unwrap();
    assert_eq!(
        (&row["snapshot"], &row["seq"], &row["state"]),
        (&json!(true), &json!(3), &json!("published"))
    );
    assert_eq!(row.get("cursor"), None);

    let Event::State {
        name, dialog, state, ..
    } = state("sip:a@h", "text/plain", b"x", false)
    else {
        unreachable!()
    };
    let view = StateView {
        name,
        dialog: Some(dialog),
        subscription: SubscriptionState::Active,
        state,
    };
    for (raw, body) in [(false, Value::Null), (true, json!("x"))] {
        let row: Value = serde_json::from_slice(&state_row(3, &clock, &view, raw)).unwrap();
        assert_eq!(
            (&row["subscription_state"], &row["body"]),
            (&json!("active"), &body)
        );
        assert_eq!(
            row["document"],
            json!({"content_type": "text/plain", "body": "x"})
        );
    }
}
