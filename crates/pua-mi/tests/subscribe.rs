//! The commands that watch, byte for byte: OpenSIPS' clients, Kamailio's, classic text, and our own commands.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::num::NonZeroU32;
use std::time::Duration;

use pua_mi::command::{EventSubscribe, Lifetime, StateQuery, Subscribe, SubscribersFilter, Wait, Watch};
use pua_mi::{
    Command, EventSubscriber, Member, MiError, Next, Outcome, Reply, Request, ResourceState,
    SubscriptionOutcome, Via, events_list, subscribers_list, which,
};
use serde_json::{Value, json};

fn parse(text: &str, via: Via) -> Result<Command, MiError> {
    Request::parse(text.as_bytes(), via).calls.remove(0).command
}

fn call(method: &str, params: &str) -> Result<Command, MiError> {
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    parse(&text, Via::Http)
}

fn subscribe(method: &str, params: &str) -> Subscribe {
    match call(method, params) {
        Ok(Command::Subscribe(subscribe) | Command::Fetch(subscribe)) => *subscribe,
        other => panic!("{other:?}"),
    }
}

fn error(method: &str, params: &str) -> (i32, String, Option<Value>) {
    let error = call(method, params).unwrap_err();
    (error.code, error.message.into_owned(), error.data)
}

/// Parses, answers with `reply` or with the call's own error, prints.
fn exchange(text: &str, via: Via, reply: &Reply) -> String {
    let request = Request::parse(text.as_bytes(), via);
    let reply = match &request.calls[0].command {
        Ok(_) => reply.clone(),
        Err(error) => Reply::Error(error.clone()),
    };
    String::from_utf8(request.encode(&[reply]).unwrap()).unwrap()
}

fn json(method: &str, reply: &Reply) -> String {
    let params = r#"["sip:p@example.com","sip:w@example.com","presence",60]"#;
    let text = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#);
    exchange(&text, Via::Datagram, reply)
}

fn classic(text: &str, reply: &Reply) -> String {
    exchange(text, Via::Datagram, reply)
}

const CLASSIC: &str = ":pua_subscribe:\nsip:p@example.com\nsip:w@example.com\npresence\n60\n";

const BASIC: &str =
    r#""presentity_uri":"sip:p@example.com","watcher_uri":"sip:w@example.com","event_package":"presence""#;

fn seconds(seconds: u32) -> Lifetime {
    Lifetime::Seconds(NonZeroU32::new(seconds).unwrap())
}

fn state(body: &str) -> ResourceState {
    ResourceState {
        resource: "sip:p@example.com".into(),
        content_type: "application/pidf+xml".into(),
        body: body.as_bytes().to_vec(),
        document: Some(json!({"entity": "sip:p@example.com"})),
        summary: Some(json!({"availability": "open"})),
        at: Some("2026-11-23T10:00:00Z".into()),
        ..ResourceState::default()
    }
}

fn active(states: Vec<ResourceState>) -> SubscriptionOutcome {
    SubscriptionOutcome {
        response: Outcome {
            code: 200,
            reason: "OK".into(),
            expires: Some(3600),
            ..Outcome::default()
        },
        state: "active",
        states,
        ..SubscriptionOutcome::default()
    }
}

fn done(outcome: SubscriptionOutcome) -> Reply {
    Reply::Subscribed(Box::new(outcome))
}

#[test]
fn opensips_cli_subscribes_over_the_fifo() {
    let text = r#":opensips_fifo_reply_1_2_3:{"jsonrpc": "2.0", "id": "12350", "method": "pua_mi:subscribe", "params": {"presentity_uri": "sip:p@example.com", "watcher_uri": "sip:w@example.com", "event_package": "presence", "expires": "3600"}}"#;
    let Ok(Command::Subscribe(wanted)) = parse(text, Via::Fifo) else {
        panic!("no subscription")
    };
    assert_eq!(wanted.name.presentity, "sip:p@example.com");
    assert_eq!(wanted.name.watcher, "sip:w@example.com");
    assert_eq!(wanted.name.package.as_str(), "presence");
    assert_eq!(
        (wanted.lifetime, wanted.wait, wanted.timeout),
        (seconds(3600), Wait::Accepted, Duration::from_secs(32))
    );
    assert_eq!(
        exchange(text, Via::Fifo, &Reply::SubscriptionAccepted),
        r#"{"jsonrpc":"2.0","result":"accepted","id":"12350"}"#
    );
}

#[test]
fn acceptance_in_each_dialect() {
    let accepted = Reply::SubscriptionAccepted;
    assert_eq!(classic(CLASSIC, &accepted), "202 accepted\n\n");
    for method in ["pua_subscribe", "pua_mi:subscribe", "pua:subscribe"] {
        assert_eq!(
            json(method, &accepted),
            r#"{"jsonrpc":"2.0","result":"accepted","id":7}"#
        );
    }
    assert_eq!(
        json("pua.subscribe", &accepted),
        r#"{"jsonrpc":"2.0","result":{},"id":7}"#
    );
}

#[test]
fn classic_text_over_the_fifo_with_all_extras() {
    let text = ":pua_subscribe:r\nsip:list@example.com\nsip:w@example.com\ndialog\n-1\nid::lamp 7\nwait::final\n\
                timeout::5\noutbound_proxy::sip:proxy.example.com;lr\nextra_headers::Priority: normal\\r\\nSubject: x\n\
                members::sip:a@example.com, sip:b@example.com sip:a@example.com\nraw::yes\n\n";
    let Ok(Command::Subscribe(wanted)) = parse(text, Via::Fifo) else {
        panic!("{:?}", parse(text, Via::Fifo))
    };
    assert_eq!(wanted.name.id.as_deref(), Some("lamp 7"));
    assert_eq!(wanted.lifetime, Lifetime::Forever);
    assert_eq!(
        (wanted.wait, wanted.timeout),
        (Wait::Final, Duration::from_secs(5))
    );
    assert_eq!(wanted.outbound_proxy.as_deref(), Some("sip:proxy.example.com;lr"));
    assert_eq!(
        wanted.extra_headers.unwrap().as_str(),
        "Priority: normal\r\nSubject: x\r\n"
    );
    assert_eq!(wanted.members, ["sip:a@example.com", "sip:b@example.com"]);
    assert!(wanted.raw);
}

#[test]
fn extras_by_name_in_classic_text_may_stand_where_they_would_not_be_positional() {
    let text = format!("{CLASSIC}id::x\nwait::none\n");
    let Ok(Command::Subscribe(wanted)) = parse(&text, Via::Datagram) else {
        panic!("no subscription")
    };
    assert_eq!((wanted.name.id.as_deref(), wanted.wait), (Some("x"), Wait::None));
    let text = ":pua_publish:\nsip:a@b.c\n60\npresence\n.\n.\n.\n<x/>\nid::x\n";
    let Ok(Command::Publish(publish)) = parse(text, Via::Datagram) else {
        panic!("no publication")
    };
    assert_eq!(publish.name.id.as_deref(), Some("x"));
    assert_eq!(
        parse(&format!("{CLASSIC}x\n"), Via::Datagram).unwrap_err(),
        MiError::new(400, "Too many parameters")
    );
}

#[test]
fn lifetimes() {
    let of =
        |expires: &str| subscribe("pua_subscribe", &format!("{{{BASIC},\"expires\":{expires}}}")).lifetime;
    assert_eq!(of("0"), Lifetime::Remove);
    assert_eq!(of("\"0\""), Lifetime::Remove);
    assert_eq!(of("-1"), Lifetime::Forever);
    assert_eq!(of("\"-1\""), Lifetime::Forever);
    assert_eq!(of("60.0"), seconds(60));
    assert_eq!(of("\" 60 \""), seconds(60));
    assert_eq!(of("4294967295"), seconds(u32::MAX));
    assert_eq!(of("\".\""), Lifetime::Default);
    assert_eq!(of("null"), Lifetime::Default);
    assert_eq!(
        subscribe("pua_subscribe", &format!("{{{BASIC}}}")).lifetime,
        Lifetime::Default
    );
    let three = r#"["sip:p@example.com","sip:w@example.com","presence"]"#;
    assert_eq!(subscribe("pua_mi:subscribe", three).lifetime, Lifetime::Default);
    let text = ":pua_subscribe:\nsip:p@example.com\nsip:w@example.com\npresence\n";
    assert_eq!(classic(text, &Reply::SubscriptionAccepted), "202 accepted\n\n");
}

#[test]
fn the_documented_errors_in_json() {
    let cases = [
        (r#"["","sip:w@b.c","presence",1]"#, 400, "Bad uri"),
        (r#"["foo","sip:w@b.c","presence",1]"#, 400, "Bad uri"),
        (r#"["sip:p@b.c","","presence",1]"#, 400, "Bad uri"),
        (
            r#"["sip:p@b.c","sip:w@b.c\r\nX: y","presence",1]"#,
            400,
            "Bad uri",
        ),
        (r#"["sip:p@b.c","sip:w@b.c","",1]"#, 400, "Empty event parameter"),
        (r#"["sip:p@b.c","sip:w@b.c","pre sence",1]"#, 400, "Unknown event"),
        (r#"["sip:p@b.c","sip:w@b.c","presence",""]"#, 400, "Bad expires"),
        (
            r#"["sip:p@b.c","sip:w@b.c","presence","abc"]"#,
            400,
            "Bad expires",
        ),
        (r#"["sip:p@b.c","sip:w@b.c","presence",-2]"#, 400, "Bad expires"),
        (
            r#"["sip:p@b.c","sip:w@b.c","presence",4294967296]"#,
            400,
            "Bad expires",
        ),
        (r#"["sip:p@b.c","sip:w@b.c","presence",1.5]"#, 400, "Bad expires"),
    ];
    for (params, code, message) in cases {
        for method in ["pua_subscribe", "pua_mi:subscribe"] {
            assert_eq!(
                error(method, params),
                (code, message.to_owned(), None),
                "{params}"
            );
        }
    }
    let invalid = |why: &str| (-32602, "Invalid params".to_owned(), Some(json!(why)));
    let count = invalid("Too few or too many parameters");
    assert_eq!(error("pua_subscribe", r#"["sip:p@b.c","sip:w@b.c"]"#), count);
    assert_eq!(error("pua_subscribe", r#"["a","b","c",1,2]"#), count);
    assert_eq!(error("pua_subscribe", r#"{"presentity_uri":"sip:p@b.c"}"#), count);
    assert_eq!(
        error("pua_subscribe", &format!(r#"{{{BASIC},"expiry":1}}"#)),
        invalid("Named parameters do not match")
    );
    assert_eq!(
        error("pua_subscribe", &format!(r#"{{{BASIC},"expires":true}}"#)),
        invalid("Bad type for parameter 'expires'")
    );
}

#[test]
fn the_documented_errors_in_classic_text() {
    let told = |args: &str| {
        classic(
            &format!(":pua_subscribe:\n{args}\n"),
            &Reply::SubscriptionAccepted,
        )
    };
    let uris = "sip:p@b.c\nsip:w@b.c";
    assert_eq!(told("foo\nsip:w@b.c\npresence\n1"), "400 Bad uri\n\n");
    assert_eq!(told("sip:p@b.c\n\"\"\npresence\n1"), "400 Bad uri\n\n");
    assert_eq!(told(&format!("{uris}\n\"\"\n1")), "400 Empty event parameter\n\n");
    assert_eq!(told(&format!("{uris}\npre sence\n1")), "400 Unknown event\n\n");
    assert_eq!(told(&format!("{uris}\npresence\n\"\"")), "400 Bad expires\n\n");
    assert_eq!(told(&format!("{uris}\npresence\nsoon")), "400 Bad expires\n\n");
    assert_eq!(told("foo"), "400 Bad uri\n\n");
    assert_eq!(told("sip:p@b.c\nfoo"), "400 Bad uri\n\n");
    assert_eq!(told(uris), "500 command 'pua_subscribe' failed\n\n");
    assert_eq!(
        told(&format!("{uris}\npresence\n1\n2")),
        "400 Too many parameters\n\n"
    );
}

#[test]
fn the_errors_in_kamailios_words() {
    let of = |params: &str| {
        let (code, message, _) = error("pua.subscribe", params);
        format!("{code} {message}")
    };
    assert_eq!(
        of(r#"["foo","sip:w@b.c","presence",1]"#),
        "400 Invalid presentity uri 'foo'"
    );
    assert_eq!(
        of(r#"["sip:p@b.c","x\r\ny","presence",1]"#),
        "400 Invalid watcher uri 'x  y'"
    );
    assert_eq!(of(r#"["sip:p@b.c","sip:w@b.c","a b",1]"#), "400 Unknown event");
    assert_eq!(
        of(r#"["sip:p@b.c","sip:w@b.c","presence","x"]"#),
        "400 Invalid expires value 'x'"
    );
    assert_eq!(
        of(r#"["sip:p@b.c"]"#),
        "400 Too few or wrong type of parameters (1)"
    );
    assert_eq!(
        of(r#"["sip:p@b.c","sip:w@b.c","presence",1,2]"#),
        "400 Too many parameters"
    );
    let wanted = subscribe("pua.subscribe", r#"["sip:p@b.c","sip:w@b.c","dialog","0"]"#);
    assert_eq!((wanted.lifetime, wanted.wait), (Lifetime::Remove, Wait::Accepted));
}

#[test]
fn our_own_extras_are_checked() {
    let with = |extra: &str| error("pua_subscribe", &format!("{{{BASIC},{extra}}}"));
    assert_eq!(with(r#""members":["sip:a@b.c","x"]"#).1, "Bad uri");
    assert_eq!(with(r#""members":[1]"#).0, -32602);
    assert_eq!(
        with(r#""outbound_proxy":"http://x""#).1,
        "Bad outbound proxy parameter"
    );
    assert_eq!(
        with(r#""extra_headers":"Event: x""#).1,
        "Bad extra_headers: header Event cannot be set by an application"
    );
    assert_eq!(
        with(r#""wait":"soon""#).1,
        "Bad wait parameter: final, accepted or none"
    );
    assert_eq!(
        with(r#""raw":"perhaps""#).2,
        Some(json!("Bad type for parameter 'raw'"))
    );
    assert_eq!(with(r#""timeout":-1"#).0, -32602);
    let wanted = subscribe(
        "pua_subscribe",
        &format!(r#"{{{BASIC},"members":["sip:a@b.c","sip:jöe@b.c","sip:a@b.c"],"raw":true,"id":"."}}"#),
    );
    assert_eq!(wanted.members, ["sip:a@b.c", "sip:j%C3%B6e@b.c"]);
    assert!(wanted.raw && wanted.name.id.is_none());
}

#[test]
fn who_cannot_be_answered_is_not_waited_for() {
    let text = format!(r#"{{"jsonrpc":"2.0","method":"pua_subscribe","params":{{{BASIC}}}}}"#);
    let Ok(Command::Subscribe(wanted)) = parse(&text, Via::Datagram) else {
        panic!("no subscription")
    };
    assert_eq!(wanted.wait, Wait::None);
}

#[test]
fn the_first_notify_in_json() {
    let outcome = active(vec![state("<presence/>")]);
    assert_eq!(
        json("pua_subscribe", &done(outcome.clone())),
        r#"{"jsonrpc":"2.0","result":{"reply":"200 OK","state":"active","Expires":3600,"content_type":"application/pidf+xml","document":{"entity":"sip:p@example.com"},"summary":{"availability":"open"},"at":"2026-11-23T10:00:00Z"},"id":7}"#
    );
    let raw = SubscriptionOutcome { raw: true, ..outcome };
    assert_eq!(
        json("pua.subscribe", &done(raw)),
        r#"{"jsonrpc":"2.0","result":{"reply":"200 OK","state":"active","Expires":3600,"content_type":"application/pidf+xml","document":{"entity":"sip:p@example.com"},"summary":{"availability":"open"},"body":"<presence/>","at":"2026-11-23T10:00:00Z"},"id":7}"#
    );
    let pending = SubscriptionOutcome {
        state: "pending",
        ..active(Vec::new())
    };
    assert_eq!(
        json("pua_mi:subscribe", &done(pending)),
        r#"{"jsonrpc":"2.0","result":{"reply":"200 OK","state":"pending","Expires":3600},"id":7}"#
    );
}

fn list() -> SubscriptionOutcome {
    let member = |name: &str, state: &str, reason: Option<&str>| Member {
        name: Some(name.into()),
        state: Some(state.into()),
        reason: reason.map(str::to_owned),
    };
    let mut known = state("<presence/>");
    known.member = Some(member("Ann", "active", None));
    let unknown = ResourceState {
        resource: "sip:b@example.com".into(),
        member: Some(member("Bob", "terminated", Some("noresource"))),
        ..ResourceState::default()
    };
    active(vec![known, unknown])
}

#[test]
fn rfc_4662_the_members_of_a_list() {
    assert_eq!(
        json("pua_subscribe", &done(list())),
        r#"{"jsonrpc":"2.0","result":{"reply":"200 OK","state":"active","Expires":3600,"states":[{"presentity":"sip:p@example.com","member":{"name":"Ann","state":"active","reason":null},"content_type":"application/pidf+xml","document":{"entity":"sip:p@example.com"},"summary":{"availability":"open"},"at":"2026-11-23T10:00:00Z"},{"presentity":"sip:b@example.com","member":{"name":"Bob","state":"terminated","reason":"noresource"}}]},"id":7}"#
    );
    assert_eq!(
        classic(CLASSIC, &done(list())),
        "200 OK\n200 OK\nState:: active\nExpires:: 3600\nResource:: sip:p@example.com\n\tName:: Ann\n\tState:: active\n\
         \tContent-Type:: application/pidf+xml\n\tBody:: \"<presence/>\"\nResource:: sip:b@example.com\n\tName:: Bob\n\
         \tState:: terminated\n\tReason:: noresource\n\n"
    );
}

#[test]
fn a_refusal_tells_everything_that_helps() {
    let refused = SubscriptionOutcome {
        response: Outcome {
            code: 489,
            reason: "Bad Event".into(),
            detail: Some("the server supports presence".into()),
            next: Some(Next::Refused),
            server: Some("udp:192.0.2.1:5060".into()),
            call_id: Some("c".into()),
            cseq: Some(1),
            ..Outcome::default()
        },
        state: "terminated",
        ..SubscriptionOutcome::default()
    };
    assert_eq!(
        json("pua_subscribe", &done(refused.clone())),
        r#"{"jsonrpc":"2.0","result":{"reply":"489 Bad Event","state":"terminated","next":"refused","detail":"the server supports presence","server":"udp:192.0.2.1:5060","call_id":"c","cseq":1},"id":7}"#
    );
    assert_eq!(
        json("pua.subscribe", &done(refused.clone())),
        r#"{"jsonrpc":"2.0","error":{"code":489,"message":"Bad Event","data":{"state":"terminated","next":"refused","detail":"the server supports presence","server":"udp:192.0.2.1:5060","call_id":"c","cseq":1}},"id":7}"#
    );
    assert_eq!(
        classic(CLASSIC, &done(refused)),
        "200 OK\n489 Bad Event\nState:: terminated\nnext:: refused\ndetail:: the server supports presence\n\
         server:: udp:192.0.2.1:5060\ncall_id:: c\ncseq:: 1\n\n"
    );
}

#[test]
fn what_the_notifier_ends_says_why_and_when_it_is_tried_again() {
    let ended = SubscriptionOutcome {
        response: Outcome {
            code: 200,
            reason: "".into(),
            next: Some(Next::Retry {
                retry_at: "2026-11-23T10:05:00Z".into(),
            }),
            ..Outcome::default()
        },
        state: "terminated",
        termination: Some("probation".into()),
        ..SubscriptionOutcome::default()
    };
    assert_eq!(
        json("pua_subscribe", &done(ended.clone())),
        r#"{"jsonrpc":"2.0","result":{"reply":"200 OK","state":"terminated","reason":"probation","next":"retry","retry_at":"2026-11-23T10:05:00Z"},"id":7}"#
    );
    assert_eq!(
        classic(CLASSIC, &done(ended)),
        "200 OK\n200 OK\nState:: terminated\nReason:: probation\nnext:: retry\nretry_at:: 2026-11-23T10:05:00Z\n\n"
    );
}

#[test]
fn a_body_in_classic_text_is_quoted_as_parameters_are() {
    let text = ":pua:fetch:\nsip:p@example.com\nsip:w@example.com\npresence\n";
    let told = |body: &str| classic(text, &done(active(vec![state(body)])));
    let around = |body: &str| {
        format!(
            "200 OK\n200 OK\nState:: active\nExpires:: 3600\nContent-Type:: application/pidf+xml\nBody:: \"{body}\"\n\n"
        )
    };
    assert_eq!(
        told("<a b=\"c\">\r\n</a>\r\n"),
        around("<a b=\\\"c\\\">\r\n</a>\r\n")
    );
    assert_eq!(told("a\\"), around("a\\\n"));
    assert_eq!(
        told(""),
        "200 OK\n200 OK\nState:: active\nExpires:: 3600\nContent-Type:: application/pidf+xml\n\n"
    );
}

#[test]
fn a_body_that_is_no_text_goes_as_base64() {
    let mut odd = state("");
    odd.body = vec![0xff, 0, b'a'];
    odd.document = None;
    assert_eq!(odd.to_json(true)["body_base64"], "/wBh");
    assert_eq!(odd.to_json(true).get("body"), None);
    assert_eq!(odd.to_json(false).get("body_base64"), None);
}

#[test]
fn fetch_needs_no_lifetime_and_waits_for_the_document() {
    let wanted = subscribe("pua:fetch", &format!(r#"{{{BASIC},"raw":1,"timeout":"2.5"}}"#));
    assert_eq!(wanted.wait, Wait::Final);
    assert_eq!(wanted.timeout, Duration::from_millis(2500));
    assert!(wanted.raw);
    assert!(matches!(
        call("pua_fetch", r#"["sip:p@b.c","sip:w@b.c","presence","x"]"#),
        Ok(Command::Fetch(fetch)) if fetch.name.id.as_deref() == Some("x")
    ));
    assert_eq!(error("pua:fetch", r#"["x","sip:w@b.c","presence"]"#).1, "Bad uri");
    assert_eq!(
        error("pua:fetch", &format!(r#"{{{BASIC},"expires":3}}"#)).0,
        -32602
    );
}

#[test]
fn unsubscribe_waits_for_the_end() {
    for method in ["pua:unsubscribe", "pua_unsubscribe", "pua.unsubscribe"] {
        let Ok(Command::Unsubscribe(target)) = call(method, &format!(r#"{{{BASIC},"id":"7"}}"#)) else {
            panic!("{method}")
        };
        assert_eq!(
            (
                target.name.id.as_deref(),
                target.wait,
                target.name.watcher.as_str()
            ),
            (Some("7"), Wait::Final, "sip:w@example.com")
        );
    }
    let text = ":pua_unsubscribe:\nsip:p@b.c\nsip:w@b.c\npresence\nx\nwait::accepted\n";
    let Ok(Command::Unsubscribe(target)) = parse(text, Via::Datagram) else {
        panic!("no target")
    };
    assert_eq!(
        (target.name.id.as_deref(), target.wait),
        (Some("x"), Wait::Accepted)
    );
}

#[test]
fn filters_of_the_list() {
    let params = r#"{"presentity":"sip:p@b.c","watcher":"sip:w@b.c","package":"presence","state":"pending","cursor":"7","limit":"3"}"#;
    let Ok(Command::Subscriptions(filter)) = call("pua:subscriptions", params) else {
        panic!("no filter")
    };
    assert_eq!(filter.presentity.as_deref(), Some("sip:p@b.c"));
    assert_eq!(filter.watcher.as_deref(), Some("sip:w@b.c"));
    assert_eq!(filter.package.unwrap().as_str(), "presence");
    assert_eq!(filter.state.as_deref(), Some("pending"));
    assert_eq!((filter.cursor.as_deref(), filter.limit), (Some("7"), Some(3)));
    assert!(
        matches!(call("pua:subscriptions", "{}"), Ok(Command::Subscriptions(f)) if f == Default::default())
    );
    assert_eq!(
        error("pua:subscriptions", r#"{"state":"queued"}"#),
        (
            400,
            "Unknown state".into(),
            Some(json!("notify_wait, pending, active, terminated"))
        )
    );
    assert_eq!(error("pua:subscriptions", r#"{"watcher":"x"}"#).1, "Bad uri");
    let text = ":pua_subscriptions:\n.\nsip:w@b.c\n.\nactive\n";
    assert!(matches!(
        parse(text, Via::Datagram),
        Ok(Command::Subscriptions(f)) if f.presentity.is_none() && f.state.as_deref() == Some("active")
    ));
}

#[test]
fn state_of_a_presentity() {
    assert_eq!(
        call("pua:state", r#"{"presentity_uri":"sip:p@b.c","raw":true}"#),
        Ok(Command::State(StateQuery {
            presentity: "sip:p@b.c".into(),
            package: None,
            raw: true
        }))
    );
    assert_eq!(
        error("pua:state", r#"["x"]"#),
        (404, "Bad presentity URI".into(), None)
    );
    assert_eq!(
        error("pua:state", r#"[""]"#),
        (404, "Empty presentity URI".into(), None)
    );
}

#[test]
fn event_subscribe_as_opensips_has_it() {
    let wanted = |expire| {
        Ok(Command::EventSubscribe(EventSubscribe {
            event: "E_PUA_NOTIFY".into(),
            socket: "udp:127.0.0.1:8888".into(),
            expire,
        }))
    };
    let of = |expire: &str| {
        let params = format!(r#"{{"event":"E_PUA_NOTIFY","socket":"udp:127.0.0.1:8888","expire":{expire}}}"#);
        call("event_subscribe", &params)
    };
    assert_eq!(of("60"), wanted(60));
    assert_eq!(of("\"0\""), wanted(0));
    assert_eq!(of("null"), wanted(3600));
    assert_eq!(
        call("event_subscribe", r#"["E_PUA_NOTIFY","udp:127.0.0.1:8888"]"#),
        wanted(3600)
    );
    let invalid = |why: &str| MiError::invalid_params(why);
    assert_eq!(of("-1"), Err(invalid("Negative expire value")));
    assert_eq!(of("\"x\""), Err(invalid("Bad type for parameter 'expire'")));
    assert_eq!(
        call("event_subscribe", r#"["E_PUA_NOTIFY"]"#),
        Err(invalid("Too few or too many parameters"))
    );
    let text = ":event_subscribe:\nE_PUA_NOTIFY\nunix:/tmp/x.sock\n";
    assert_eq!(classic(text, &Reply::Done), "200 OK\n\n");
    let text = r#"{"jsonrpc":"2.0","id":"3","method":"event_subscribe","params":["E_X","udp:127.0.0.1:1"]}"#;
    assert_eq!(
        exchange(text, Via::Datagram, &Reply::Done),
        r#"{"jsonrpc":"2.0","result":"OK","id":"3"}"#
    );
}

#[test]
fn lists_of_events_and_subscribers_as_opensips_has_them() {
    let print = |reply: &Reply| {
        let Reply::Json(value) = reply else {
            panic!("{reply:?}")
        };
        value.to_string()
    };
    assert_eq!(
        print(&events_list(["E_PUA_NOTIFY", "E_PUA_SUBSCRIPTION"])),
        r#"{"Events":[{"name":"E_PUA_NOTIFY","id":0},{"name":"E_PUA_SUBSCRIPTION","id":1}]}"#
    );
    let socket = |socket: &str, expire| EventSubscriber {
        socket: socket.into(),
        expire,
    };
    let events = [
        ("E_PUA_NOTIFY", Vec::new()),
        (
            "E_PUA_SUBSCRIPTION",
            vec![
                socket("udp:127.0.0.1:8888", Some(60)),
                socket("unix:/tmp/x", None),
            ],
        ),
    ];
    let of = |event: Option<&str>, socket: Option<&str>| {
        let filter = SubscribersFilter {
            event: event.map(str::to_owned),
            socket: socket.map(str::to_owned),
        };
        subscribers_list(&events, &filter)
    };
    assert_eq!(
        print(&of(None, None)),
        r#"{"Events":[{"name":"E_PUA_SUBSCRIPTION","id":1,"Subscribers":[{"socket":"udp:127.0.0.1:8888","expire":60},{"socket":"unix:/tmp/x","expire":"never"}]}]}"#
    );
    assert_eq!(
        print(&of(Some("E_PUA_SUBSCRIPTION"), Some("unix:/tmp/x"))),
        r#"{"Event":{"name":"E_PUA_SUBSCRIPTION","id":1,"Subscriber":{"socket":"unix:/tmp/x","expire":"never"}}}"#
    );
    assert_eq!(print(&of(Some("E_PUA_NOTIFY"), None)), r#"{"Event":{}}"#);
    assert_eq!(
        of(Some("E_X"), None),
        Reply::Error(MiError::new(404, "Event not published"))
    );
    assert_eq!(
        of(Some("E_PUA_NOTIFY"), Some("udp:x")),
        Reply::Error(MiError::new(404, "Subscriber does not exist"))
    );
}

#[test]
fn watching_all_events() {
    assert_eq!(
        call(
            "pua:watch",
            r#"{"presentity":"sip:p@b.c","kind":"state,subscription","changed_only":true,"cursor":"17","snapshot":false}"#
        ),
        Ok(Command::Watch(Box::new(Watch {
            presentity: Some("sip:p@b.c".into()),
            kinds: vec!["state".into(), "subscription".into()],
            changed_only: true,
            cursor: Some("17".into()),
            snapshot: Some(false),
            ..Watch::default()
        })))
    );
    assert_eq!(call("pua:watch", "{}"), Ok(Command::Watch(Box::default())));
}

#[test]
fn which_lists_every_spelling() {
    let Reply::Json(Value::Array(names)) = which(None) else {
        panic!("no names")
    };
    for name in [
        "pua_subscribe",
        "pua_mi:subscribe",
        "pua.subscribe",
        "pua:subscriptions",
        "pua:unsubscribe",
        "pua:fetch",
        "pua:state",
        "pua:watch",
        "event_subscribe",
        "events_list",
        "subscribers_list",
    ] {
        assert!(names.contains(&json!(name)), "{name}");
    }
    let Reply::Json(recipes) = which(Some("pua_mi:subscribe")) else {
        panic!("no recipes")
    };
    assert_eq!(
        recipes[0],
        json!(["presentity_uri", "watcher_uri", "event_package", "expires"])
    );
}

/// R3903-02: a PUBLISH has no `id` in its Event header field; a SUBSCRIBE may. What an earlier
/// version has taken can be withdrawn.
#[test]
fn r3903_02_an_id_is_for_subscriptions() {
    let call = |method: &str, expires: &str, event: &str| {
        let params = format!(
            r#"{{"presentity_uri":"sip:a@b.c","expires":{expires},"event_package":"{event}","content_type":"a/b","body":"x"}}"#
        );
        let params = match method {
            "pua_publish" => params,
            _ => params
                .replace(r#","content_type":"a/b","body":"x""#, "")
                .replace("{", r#"{"watcher_uri":"sip:w@b.c","#),
        };
        parse(
            &format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#),
            Via::Http,
        )
    };
    for event in ["presence;id=1", "presence; ID=x", "dialog;x=1;id"] {
        assert_eq!(
            call("pua_publish", "60", event).unwrap_err(),
            MiError::new(400, "Event parameter id is for subscriptions only"),
            "{event}"
        );
        assert!(call("pua_publish", "0", event).is_ok());
        assert!(call("pua_subscribe", "60", event).is_ok(), "{event}");
    }
    assert!(call("pua_publish", "60", "presence;idx=1").is_ok());
}
