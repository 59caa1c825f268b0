//! Commands there and replies back.

use std::time::{Duration, Instant};

use pua_mi::{Request, Via};

use super::*;

fn planned(method: &str, params: &str) -> Plan {
    planned_for(method, params, true)
}

fn planned_for(method: &str, params: &str, answerable: bool) -> Plan {
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    let mut request = Request::parse(text.as_bytes(), Via::Http);
    plan(request.calls.remove(0).command.unwrap(), answerable)
}

const REMOVE: &str = r#"{"presentity_uri":"sip:a@example.com","expires":0,"event_package":"presence"}"#;

#[test]
fn a_publish_with_all_its_parts() {
    let plan = planned(
        "pua_publish",
        r#"{"presentity_uri":"sip:a@example.com","expires":-1,"event_package":"dialog;sla","content_type":"text/plain","body":"b","etag":"t","extra_headers":"Subject: x","id":"n","outbound_proxy":"sip:p;lr","timeout":5}"#,
    );
    let Plan::Core(core::Command::Publish(publish), About::Publication, None) = plan else {
        panic!("{plan:?}")
    };
    assert_eq!(&*publish.name.presentity, "sip:a@example.com");
    assert_eq!(&*publish.name.package, "dialog;sla");
    assert_eq!(publish.name.id.as_deref(), Some("n"));
    assert_eq!(publish.lifetime, core::Lifetime::UntilFurtherNotice);
    assert_eq!(publish.if_match.as_deref(), Some("t"));
    assert_eq!(&*publish.headers, "Subject: x\r\n");
    assert_eq!(publish.document.unwrap().body, "b");
    assert_eq!(&*publish.proxy.unwrap().uri, "sip:p;lr");
    assert_eq!(
        (publish.wait, publish.timeout),
        (core::Wait::Final, Duration::from_secs(5))
    );
}

#[test]
fn expires_zero_removes() {
    let plan = planned("pua_publish", REMOVE);
    assert!(
        matches!(
            plan,
            Plan::Core(core::Command::Remove(_), About::Publication, None)
        ),
        "{plan:?}"
    );
}

#[test]
fn who_cannot_be_answered_is_not_waited_for() {
    let Plan::Core(core::Command::Remove(target), _, None) = planned_for("pua_publish", REMOVE, false) else {
        panic!("no removal")
    };
    assert_eq!(target.wait, core::Wait::None);
}

#[test]
fn who_does_not_want_to_wait_is_told_at_once() {
    let plan = planned(
        "pua_publish",
        r#"{"presentity_uri":"sip:a@example.com","expires":0,"event_package":"presence","wait":"none"}"#,
    );
    let Plan::Core(core::Command::Remove(target), _, Some(Reply::Accepted)) = plan else {
        panic!("{plan:?}")
    };
    assert_eq!(target.wait, core::Wait::None);
}

#[test]
fn instants_become_times_in_utc() {
    let now = Instant::now();
    let clock = Clock {
        now,
        wall: "2026-11-23T10:00:00.400Z".parse().unwrap(),
    };
    assert_eq!(
        clock.rfc3339(now + Duration::from_secs(90)),
        "2026-11-23T10:01:30Z"
    );
    let Some(before) = now.checked_sub(Duration::from_secs(1)) else {
        return;
    };
    assert_eq!(clock.rfc3339(before), "2026-11-23T09:59:59Z");
}

#[test]
fn a_failure_says_what_comes_next() {
    let now = Instant::now();
    let clock = Clock {
        now,
        wall: "2026-11-23T10:00:00Z".parse().unwrap(),
    };
    let failed = core::Outcome {
        code: 503,
        reason: "Service Unavailable".into(),
        origin: core::FailureOrigin::Server,
        etag: None,
        expires: None,
        detail: None,
        warning: None,
        retry_after: Some(30),
        allow_events: None,
        next: core::Next::Retry {
            at: now + Duration::from_secs(30),
        },
        server: None,
        call_id: "c".into(),
        cseq: 4,
    };
    let unkept = core::Outcome {
        code: 200,
        expires: Some(0),
        detail: Some("for no time".to_owned()),
        ..failed.clone()
    };
    let Reply::Published(told) = reply(&clock, About::Publication, core::Reply::Final(unkept)) else {
        panic!("no outcome")
    };
    assert!(matches!(told.next, Some(pua_mi::Next::Retry { .. })));
    assert_eq!(told.detail.as_deref(), Some("for no time"));
    let Reply::Published(told) = reply(&clock, About::Publication, core::Reply::Final(failed)) else {
        panic!("no outcome")
    };
    assert_eq!(
        told.next,
        Some(pua_mi::Next::Retry {
            retry_at: "2026-11-23T10:00:30Z".to_owned()
        })
    );
    assert_eq!((told.code, told.retry_after, told.cseq), (503, Some(30), Some(4)));
}

#[test]
fn refusals_have_the_codes_that_scripts_know() {
    let code = |refusal| super::refusal(About::Publication, refusal).code;
    assert_eq!(code(core::Refusal::WrongEntityTag), 418);
    assert_eq!(code(core::Refusal::NotFound), 404);
    assert_eq!(code(core::Refusal::NoDocument), 400);
    assert_eq!(code(core::Refusal::BadPresentity("x")), 404);
    assert_eq!(code(core::Refusal::Busy), 503);
}
