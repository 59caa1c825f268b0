//! Subscriptions there and outcomes back.

use std::time::{Duration, Instant};

use bytes::Bytes;
use pua_mi::{MiError, Reply, Request, Via};
use serde_json::{Value, json};

use super::super::{About, Plan, plan, reply};
use super::*;

fn planned(method: &str, params: &str) -> (core::Command, About, Option<Reply>) {
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    let mut request = Request::parse(text.as_bytes(), Via::Http);
    match plan(request.calls.remove(0).command.unwrap(), true) {
        Plan::Core(command, about, early) => (command, about, early),
        Plan::Own(own) => panic!("{own:?}"),
    }
}

fn clock() -> Clock {
    Clock {
        now: Instant::now(),
        wall: "2026-11-23T10:00:00Z".parse().unwrap(),
    }
}

const PIDF: &str = r#"<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:p@example.com"><tuple id="t"><status><basic>open</basic></status></tuple></presence>"#;

fn told(clock: &Clock, resource: &str) -> core::ResourceState {
    let kind = "application/pidf+xml";
    core::ResourceState {
        resource: resource.into(),
        member: None,
        content_type: kind.into(),
        body: Bytes::from(PIDF),
        document: Some(Arc::new(
            event_packages::Document::read(kind, PIDF.as_bytes()).unwrap(),
        )),
        at: clock.now,
    }
}

fn answered(clock: &Clock) -> core::SubscriptionOutcome {
    core::SubscriptionOutcome {
        code: 200,
        reason: "OK".into(),
        origin: core::FailureOrigin::Server,
        state: core::SubscriptionState::Active,
        termination: None,
        expires: Some(600),
        states: vec![told(clock, "sip:p@example.com")],
        detail: None,
        warning: None,
        retry_after: None,
        allow_events: None,
        next: core::Next::Held,
        server: None,
        call_id: "c".into(),
        cseq: 1,
    }
}

/// What a caller of `method` reads when the user agent replies so.
fn read(method: &str, outcome: core::SubscriptionOutcome, clock: &Clock, raw: bool) -> Value {
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"presentity_uri":"sip:p@example.com","watcher_uri":"sip:w@example.com","event_package":"presence","raw":{raw}}}}}"#
    );
    let mut request = Request::parse(text.as_bytes(), Via::Http);
    let Plan::Core(_, about, _) = plan(request.calls.remove(0).command.unwrap(), true) else {
        panic!("not the user agent's")
    };
    let told = reply(clock, about, core::Reply::Subscription(Box::new(outcome)));
    let bytes = request.answer.encode(&[told]).unwrap();
    serde_json::from_slice::<Value>(&bytes).unwrap()["result"].take()
}

#[test]
fn a_subscription_with_all_its_parts() {
    let (command, about, early) = planned(
        "pua_subscribe",
        r#"{"presentity_uri":"sip:p@example.com","watcher_uri":"sip:w@example.com","event_package":"dialog;sla","expires":-1,"id":"n","outbound_proxy":"sip:x;lr","extra_headers":"Subject: x","members":["sip:a@example.com"],"wait":"final","timeout":5}"#,
    );
    let core::Command::Subscribe(subscribe) = command else {
        panic!("{command:?}")
    };
    assert_eq!(&*subscribe.name.presentity, "sip:p@example.com");
    assert_eq!(&*subscribe.name.watcher, "sip:w@example.com");
    assert_eq!(&*subscribe.name.package, "dialog;sla");
    assert_eq!(subscribe.name.id.as_deref(), Some("n"));
    assert_eq!(subscribe.lifetime, core::Lifetime::UntilFurtherNotice);
    assert_eq!(&*subscribe.proxy.unwrap().uri, "sip:x;lr");
    assert_eq!(&*subscribe.headers, "Subject: x\r\n");
    assert_eq!(&*subscribe.members[0], "sip:a@example.com");
    assert_eq!(
        (subscribe.wait, subscribe.timeout),
        (core::Wait::Final, Duration::from_secs(5))
    );
    assert!(matches!(about, About::Subscription(_)) && early.is_none());
}

#[test]
fn expires_zero_ends_a_subscription() {
    let basic = r#"["sip:p@example.com","sip:w@example.com","presence",0]"#;
    for method in ["pua_subscribe", "pua.subscribe"] {
        let (command, ..) = planned(method, basic);
        let core::Command::Unsubscribe(target) = command else {
            panic!("{command:?}")
        };
        assert_eq!(target.wait, core::Wait::Accepted);
    }
    let three = r#"["sip:p@example.com","sip:w@example.com","presence"]"#;
    let (command, ..) = planned("pua:unsubscribe", three);
    assert!(matches!(command, core::Command::Unsubscribe(target) if target.wait == core::Wait::Final));
    let (command, ..) = planned("pua:fetch", three);
    assert!(matches!(command, core::Command::Fetch(fetch) if fetch.wait == core::Wait::Final));
}

#[test]
fn acceptance_is_spelled_as_the_command_documents_it() {
    let basic = r#"{"presentity_uri":"sip:p@example.com","watcher_uri":"sip:w@example.com","event_package":"presence","wait":"none"}"#;
    let (_, about, early) = planned("pua_subscribe", basic);
    assert_eq!(early, Some(Reply::SubscriptionAccepted));
    let clock = clock();
    let accepted = |about| reply(&clock, about, core::Reply::Accepted);
    assert_eq!(accepted(about), Reply::SubscriptionAccepted);
    assert_eq!(accepted(About::Publication), Reply::Accepted);
}

#[test]
fn the_first_notify_is_told_with_its_document() {
    let clock = clock();
    let answer = read("pua_subscribe", answered(&clock), &clock, false);
    let keys: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "reply",
            "state",
            "Expires",
            "content_type",
            "document",
            "summary",
            "at"
        ]
    );
    assert_eq!(answer["reply"], "200 OK");
    assert_eq!(answer["document"]["entity"], "sip:p@example.com");
    assert_eq!(answer["summary"]["availability"], "open");
    assert_eq!(answer["at"], "2026-11-23T10:00:00Z");
    let answer = read("pua_subscribe", answered(&clock), &clock, true);
    assert_eq!(answer["body"], PIDF);
}

#[test]
fn the_end_of_a_fetch_is_nothing_to_tell() {
    let clock = clock();
    let ended = core::SubscriptionOutcome {
        state: core::SubscriptionState::Terminated,
        termination: Some("timeout".into()),
        expires: Some(0),
        next: core::Next::Ended,
        ..answered(&clock)
    };
    let answer = read("pua:fetch", ended.clone(), &clock, false);
    assert_eq!(answer["state"], "terminated");
    assert_eq!(answer["reason"], "timeout");
    assert_eq!(answer.get("next"), None);
    assert_eq!(answer.get("body"), None);
    let answer = read("pua_subscribe", ended, &clock, false);
    assert_eq!(answer["next"], "ended");
}

#[test]
fn a_fetch_in_classic_text_has_the_body() {
    let clock = clock();
    let text = ":pua_fetch:\nsip:p@example.com\nsip:w@example.com\npresence\n";
    let mut request = Request::parse(text.as_bytes(), Via::Datagram);
    let Plan::Core(_, about, _) = plan(request.calls.remove(0).command.unwrap(), true) else {
        panic!("not the user agent's")
    };
    let outcome = core::Reply::Subscription(Box::new(answered(&clock)));
    let bytes = request.answer.encode(&[reply(&clock, about, outcome)]).unwrap();
    let quoted = PIDF.replace('"', "\\\"");
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        format!(
            "200 OK\n200 OK\nState:: active\nExpires:: 600\nContent-Type:: application/pidf+xml\nBody:: \"{quoted}\"\n\n"
        )
    );
}

#[test]
fn rfc_4662_members_are_told_one_by_one() {
    let clock = clock();
    let mut known = told(&clock, "sip:a@example.com");
    known.member = Some(core::Member {
        name: Some("Ann".into()),
        state: Some("active".into()),
        reason: None,
    });
    let nothing = core::ResourceState {
        resource: "sip:b@example.com".into(),
        member: Some(core::Member {
            name: None,
            state: None,
            reason: None,
        }),
        content_type: "".into(),
        body: Bytes::new(),
        document: None,
        at: clock.now,
    };
    let list = core::SubscriptionOutcome {
        states: vec![known, nothing],
        ..answered(&clock)
    };
    let answer = read("pua_subscribe", list, &clock, false);
    assert_eq!(answer["states"][0]["member"]["name"], "Ann");
    assert_eq!(answer["states"][0]["document"]["entity"], "sip:p@example.com");
    assert_eq!(
        answer["states"][1],
        json!({"presentity": "sip:b@example.com", "member": {"name": null, "state": null, "reason": null}})
    );
}

#[test]
fn a_refusal_tells_what_the_server_supports_and_what_comes_next() {
    let clock = clock();
    let refused = core::SubscriptionOutcome {
        code: 489,
        reason: "Bad Event".into(),
        state: core::SubscriptionState::Terminated,
        expires: None,
        states: Vec::new(),
        allow_events: Some("presence".into()),
        next: core::Next::Retry {
            at: clock.now + Duration::from_secs(60),
        },
        ..answered(&clock)
    };
    assert_eq!(
        read("pua_subscribe", refused, &clock, false),
        json!({
            "reply": "489 Bad Event",
            "state": "terminated",
            "next": "retry",
            "retry_at": "2026-11-23T10:01:00Z",
            "detail": "the server supports presence",
            "call_id": "c",
            "cseq": 1,
        })
    );
}

#[test]
fn refusals_about_subscriptions_have_the_documented_words() {
    let (_, about, _) = planned("pua:unsubscribe", r#"["sip:p@b.c","sip:w@b.c","presence"]"#);
    let clock = clock();
    let told = |refusal| match reply(&clock, about, core::Reply::Refused(refusal)) {
        Reply::Error(MiError { code, message, .. }) => format!("{code} {message}"),
        other => panic!("{other:?}"),
    };
    assert_eq!(told(core::Refusal::NotFound), "404 No such subscription");
    assert_eq!(told(core::Refusal::BadPresentity("x")), "400 Bad uri");
    assert_eq!(told(core::Refusal::BadWatcher("x")), "400 Bad uri");
    assert_eq!(
        told(core::Refusal::TooManySubscriptions(1)),
        "503 Too many subscriptions"
    );
}
