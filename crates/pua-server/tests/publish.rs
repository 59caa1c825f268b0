//! The event state compositor, by the steps of RFC 3903 §6.

mod common;

use common::{Bench, GUIDE, PIDF, tuple};
use pua_server::{Auth, Config, Event, Input, Lifetimes, Limits, Operation, Packages};
use sip_digest::{Answer, AuthenticationInfo, Challenge, choose};

fn bench() -> Bench {
    Bench::new(Config::default())
}

fn documents(bench: &mut Bench) -> Vec<String> {
    bench
        .server
        .publications("sip:alice@example.com", "presence")
        .iter()
        .map(|publication| String::from_utf8(publication.document.body.to_vec()).unwrap())
        .collect()
}

#[test]
fn the_whole_life_of_a_publication() {
    let mut bench = bench();
    let initial = bench.publish_presence("Expires: 60\r\n", GUIDE);
    assert_eq!((initial.code(), initial.header("Expires")), (200, "60"));
    let refresh = bench.publish_presence(&format!("Expires: 50\r\n{}", initial.etag()), "");
    assert_eq!((refresh.code(), refresh.header("Expires")), (200, "50"));
    assert_eq!(documents(&mut bench), [GUIDE]);
    let modify = bench.publish_presence(&refresh.etag(), &tuple("t"));
    assert_eq!((modify.code(), modify.header("Expires")), (200, "3600"));
    assert_eq!(documents(&mut bench), [tuple("t")]);
    let remove = bench.publish_presence(&format!("Expires: 0\r\n{}", modify.etag()), "");
    assert_eq!((remove.code(), remove.header("Expires")), (200, "0"));
    assert!(documents(&mut bench).is_empty());
    let tags = [&initial, &refresh, &modify, &remove].map(|response| response.etag());
    assert_eq!(tags.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    let operations: Vec<_> = bench
        .events
        .iter()
        .map(|event| match event {
            Event::Published {
                operation, expires, ..
            } => (*operation, *expires),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        operations,
        [
            (Operation::Initial, 60),
            (Operation::Refresh, 50),
            (Operation::Modify, 3600),
            (Operation::Remove, 0)
        ]
    );
    let counters = bench.server.counters();
    assert_eq!(
        (
            counters.published,
            counters.refreshed,
            counters.modified,
            counters.removed
        ),
        (1, 1, 1, 1)
    );
    assert_eq!((counters.publications, counters.resources), (0, 0));
}

#[test]
fn a_response_to_the_byte() {
    let mut bench = bench();
    let response = bench.publish_presence("Expires: 60\r\n", GUIDE);
    let expected = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKb1\r\nFrom: <sip:w@example.com>;tag=wt\r\nTo: <sip:alice@example.com>;tag={}\r\nCall-ID: call1@w\r\nCSeq: 1 PUBLISH\r\nExpires: 60\r\nSIP-ETag: {}\r\nContent-Length: 0\r\n\r\n",
        response.to_tag(),
        response.header("SIP-ETag")
    );
    assert_eq!(response.0, expected);
}

#[test]
fn step_1_resources_of_other_domains_are_not_found() {
    let mut bench = Bench::new(Config {
        domains: vec!["example.com".to_owned()],
        ..Config::default()
    });
    assert_eq!(bench.publish_presence("", GUIDE).code(), 200);
    let rows = format!("Event: presence\r\n{PIDF}");
    assert_eq!(
        bench
            .ask("PUBLISH", "sip:alice@EXAMPLE.com:5070", &rows, GUIDE)
            .code(),
        200
    );
    assert_eq!(
        bench.ask("PUBLISH", "sip:alice@example.org", &rows, GUIDE).code(),
        404
    );
    assert_eq!(bench.ask("PUBLISH", "tel:+123", &rows, GUIDE).code(), 416);
}

#[test]
fn step_2_a_package_that_is_missing_or_not_served() {
    let mut bench = Bench::new(Config {
        packages: Packages::Only(vec!["presence".to_owned(), "dialog".to_owned()]),
        ..Config::default()
    });
    for rows in [
        "",
        "Event: message-summary\r\n",
        "Event: Presence\r\n",
        "Event: ,\r\n",
    ] {
        let response = bench.publish(&format!("{rows}{PIDF}"), GUIDE);
        assert_eq!(response.code(), 489, "{rows}");
        assert_eq!(response.header("Allow-Events"), "presence, dialog");
    }
    let twice = bench.publish(&format!("Event: presence\r\nEvent: dialog\r\n{PIDF}"), GUIDE);
    assert_eq!(twice.code(), 400);
    assert_eq!(
        bench
            .publish(&format!("o: presence;id=1\r\n{PIDF}"), GUIDE)
            .code(),
        200
    );
}

#[test]
fn step_3_a_tag_that_is_not_known_any_more() {
    let mut bench = bench();
    let first = bench.publish_presence("", GUIDE);
    let second = bench.publish_presence(&first.etag(), "");
    assert_eq!(bench.publish_presence(&first.etag(), "").code(), 412);
    assert_eq!(bench.publish_presence("SIP-If-Match: x\r\n", GUIDE).code(), 412);
    // Of another presentity, or another package.
    let rows = format!("Event: presence\r\n{}", second.etag());
    assert_eq!(bench.ask("PUBLISH", "sip:bob@example.com", &rows, "").code(), 412);
    assert_eq!(
        bench
            .publish(&format!("Event: dialog\r\n{}", second.etag()), "")
            .code(),
        412
    );
    assert_eq!(bench.publish_presence(&second.etag(), "").code(), 200);
}

#[test]
fn step_3_more_than_one_tag() {
    let mut bench = bench();
    let tag = bench.publish_presence("", GUIDE).etag();
    for rows in [
        format!("{tag}{tag}"),
        tag.replace("\r\n", ", x\r\n"),
        "SIP-If-Match: \"x\"\r\n".to_owned(),
        "SIP-If-Match:\r\n".to_owned(),
    ] {
        assert_eq!(bench.publish_presence(&rows, "").code(), 400, "{rows}");
    }
}

#[test]
fn step_4_the_lifetime() {
    let mut bench = Bench::new(Config {
        publish: Lifetimes {
            min: 60,
            max: 7200,
            default: 1800,
        },
        ..Config::default()
    });
    let brief = bench.publish_presence("Expires: 59\r\n", GUIDE);
    assert_eq!((brief.code(), brief.header("Min-Expires")), (423, "60"));
    assert_eq!(
        bench.publish_presence("Expires: 60\r\n", GUIDE).header("Expires"),
        "60"
    );
    assert_eq!(bench.publish_presence("", GUIDE).header("Expires"), "1800");
    assert_eq!(
        bench
            .publish_presence("Expires: 7201\r\n", GUIDE)
            .header("Expires"),
        "7200"
    );
    let huge = bench.publish_presence("Expires: 99999999999\r\n", GUIDE);
    assert_eq!(huge.header("Expires"), "7200");
    // RFC 3261 §20.19: what is malformed is as if it were not there.
    assert_eq!(
        bench
            .publish_presence("Expires: soon\r\n", GUIDE)
            .header("Expires"),
        "1800"
    );
}

#[test]
fn step_4_a_publication_ends_in_time() {
    let mut bench = bench();
    bench.publish_presence("Expires: 10\r\n", GUIDE);
    bench.advance(std::time::Duration::from_millis(9_999));
    assert_eq!(documents(&mut bench).len(), 1);
    bench.advance(std::time::Duration::from_millis(1));
    assert!(documents(&mut bench).is_empty());
    assert!(matches!(bench.events.last(), Some(Event::Expired { .. })));
}

#[test]
fn step_4_a_refreshed_publication_lives_on() {
    let mut bench = bench();
    let tag = bench.publish_presence("Expires: 10\r\n", GUIDE).etag();
    bench.seconds(9);
    bench.publish_presence(&format!("Expires: 10\r\n{tag}"), "");
    bench.seconds(9);
    assert_eq!(documents(&mut bench).len(), 1);
    bench.seconds(1);
    assert!(documents(&mut bench).is_empty());
}

#[test]
fn step_5_a_removal_does_not_look_at_the_body() {
    let mut bench = bench();
    let tag = bench.publish_presence("", GUIDE).etag();
    assert_eq!(
        bench
            .publish_presence(&format!("Expires: 0\r\n{tag}"), "<broken")
            .code(),
        200
    );
    assert!(documents(&mut bench).is_empty());
}

#[test]
fn step_5_content_types() {
    let mut bench = bench();
    let wrong = bench.publish("Event: presence\r\nContent-Type: text/plain\r\n", GUIDE);
    assert_eq!(
        (wrong.code(), wrong.header("Accept")),
        (415, "application/pidf+xml")
    );
    assert_eq!(bench.publish("Event: presence\r\n", GUIDE).code(), 415);
    let spelled = "Event: presence\r\nc: Application / PIDF+xml ;charset=\"UTF-8\"\r\n";
    assert_eq!(bench.publish(spelled, GUIDE).code(), 200);
    let gzip = bench.publish_presence("Content-Encoding: gzip\r\n", GUIDE);
    assert_eq!((gzip.code(), gzip.header("Accept-Encoding")), (415, "identity"));
    assert_eq!(bench.publish_presence("e: identity\r\n", GUIDE).code(), 200);
    let winfo = bench.publish("Event: presence.winfo\r\nContent-Type: text/plain\r\n", "x");
    assert_eq!(winfo.code(), 489);
    // A package nobody knows: opaque, but of some type.
    assert_eq!(
        bench
            .publish("Event: x.y\r\nContent-Type: text/plain\r\n", "x")
            .code(),
        200
    );
    assert_eq!(bench.publish("Event: x.y\r\n", "x").code(), 400);
}

#[test]
fn step_5_documents_that_cannot_be() {
    let mut bench = bench();
    for (body, reason) in [
        ("<presence", "Document Not Well-Formed"),
        ("<!DOCTYPE a><a/>", "Document Type Definition Refused"),
    ] {
        let response = bench.publish_presence("", body);
        assert!(
            response.0.starts_with(&format!("SIP/2.0 400 {reason}\r\n")),
            "{}",
            response.0
        );
    }
    // Not recognised, and passed on.
    let rows = "Event: dialog\r\nContent-Type: application/dialog-info+xml\r\n";
    assert_eq!(bench.publish(rows, GUIDE).code(), 200);
    assert_eq!(bench.publish_presence("", "<presence/>").code(), 200);
    let (_, notify) = bench.subscribe("");
    assert_eq!(notify.body(), "<presence/>");
    let mut lax = Bench::new(Config {
        check_documents: false,
        ..Config::default()
    });
    assert_eq!(lax.publish_presence("", "<presence").code(), 200);
}

#[test]
fn step_5_an_initial_publication_without_a_body() {
    let mut bench = bench();
    assert_eq!(bench.publish_presence("", "").code(), 400);
    assert_eq!(bench.publish_presence("Expires: 0\r\n", "").code(), 400);
    // Packages whose state is in the headers.
    assert_eq!(bench.publish("Event: call-info\r\n", "").code(), 200);
}

#[test]
fn step_5_an_initial_publication_of_no_duration_leaves_nothing() {
    let mut bench = bench();
    let response = bench.publish_presence("Expires: 0\r\n", GUIDE);
    assert_eq!((response.code(), response.header("Expires")), (200, "0"));
    assert_eq!(bench.publish_presence(&response.etag(), "").code(), 412);
    assert_eq!(bench.server.counters().resources, 0);
}

#[test]
fn step_5_a_document_that_is_too_large() {
    let mut bench = Bench::new(Config {
        limits: Limits {
            document_bytes: GUIDE.len(),
            ..Limits::default()
        },
        ..Config::default()
    });
    assert_eq!(bench.publish_presence("", GUIDE).code(), 200);
    assert_eq!(bench.publish_presence("", &format!("{GUIDE} ")).code(), 413);
}

#[test]
fn limits_on_publications() {
    let mut bench = Bench::new(Config {
        limits: Limits {
            publications: 3,
            documents: 2,
            ..Limits::default()
        },
        ..Config::default()
    });
    let first = bench.publish_presence("", &tuple("1"));
    bench.publish_presence("", &tuple("2"));
    bench.publish_presence("", &tuple("3"));
    assert_eq!(documents(&mut bench), [tuple("2"), tuple("3")]);
    assert_eq!(bench.publish_presence(&first.etag(), "").code(), 412);
    let rows = format!("Event: presence\r\n{PIDF}");
    assert_eq!(
        bench.ask("PUBLISH", "sip:bob@example.com", &rows, GUIDE).code(),
        200
    );
    let full = bench.ask("PUBLISH", "sip:carol@example.com", &rows, GUIDE);
    assert_eq!((full.code(), full.header("Retry-After")), (503, "60"));
}

#[test]
fn a_refused_request_changes_nothing() {
    let mut bench = bench();
    let tag = bench.publish_presence("", GUIDE).etag();
    assert_eq!(bench.publish_presence(&tag, "<broken").code(), 400);
    assert_eq!(
        bench.publish_presence(&format!("Require: x\r\n{tag}"), "").code(),
        420
    );
    assert_eq!(documents(&mut bench), [GUIDE]);
    assert_eq!(bench.publish_presence(&tag, "").code(), 200);
}

#[test]
fn one_presentity_has_many_spellings() {
    let mut bench = bench();
    let rows = format!("Event: presence\r\n{PIDF}");
    for uri in [
        "sip:alice@example.com",
        "SIP:%61lice@EXAMPLE.com",
        "sip:alice@example.com;transport=tcp",
        "pres:alice@example.com",
    ] {
        assert_eq!(bench.ask("PUBLISH", uri, &rows, GUIDE).code(), 200, "{uri}");
    }
    for uri in [
        "sip:Alice@example.com",
        "sips:alice@example.com",
        "sip:alice;x@example.com",
    ] {
        bench.ask("PUBLISH", uri, &rows, GUIDE);
    }
    assert_eq!(documents(&mut bench).len(), 4);
    assert_eq!(bench.server.counters().resources, 4);
}

#[test]
fn rfc_3261_section_8_2_methods_and_extensions() {
    let mut bench = bench();
    let known = bench.ask("MESSAGE", "sip:alice@example.com", "", "");
    assert_eq!(
        (known.code(), known.header("Allow")),
        (405, "PUBLISH, SUBSCRIBE, OPTIONS")
    );
    assert_eq!(bench.ask("FOO", "sip:alice@example.com", "", "").code(), 501);
    let extension = bench.publish_presence("Require: a, b\r\nRequire: c\r\n", GUIDE);
    assert_eq!(
        (extension.code(), extension.header("Unsupported")),
        (420, "a, b, c")
    );
}

#[test]
fn rfc_3903_section_7_options() {
    let mut bench = bench();
    let options = bench.ask("OPTIONS", "sip:192.0.2.1", "", "");
    assert_eq!(options.code(), 200);
    assert_eq!(options.header("Allow"), "PUBLISH, SUBSCRIBE, OPTIONS");
    assert_eq!(
        options.header("Allow-Events"),
        "presence, dialog, message-summary"
    );
    let elsewhere = bench.request("OPTIONS", "sip:192.0.2.1", "nobody", 1, "", "");
    bench.receive(&elsewhere);
    assert_eq!(bench.take("SIP/2.0 ").code(), 481);
}

#[test]
fn rfc_3261_section_17_2_2_a_repeated_request_is_done_once() {
    let mut bench = bench();
    let text = bench.request(
        "PUBLISH",
        "sip:alice@example.com",
        "",
        1,
        &format!("Event: presence\r\n{PIDF}"),
        GUIDE,
    );
    bench.receive(&text);
    let first = bench.take("SIP/2.0 ");
    bench.seconds(20);
    bench.receive(&text);
    assert_eq!(bench.take("SIP/2.0 ").0, first.0);
    assert_eq!(documents(&mut bench).len(), 1);
    assert_eq!(bench.server.counters().retransmissions, 1);
    // §8.2.2.2: the same request by another way.
    bench.receive(&text.replace("z9hG4bK", "z9hG4bKx"));
    assert_eq!(bench.take("SIP/2.0 ").code(), 482);
}

#[test]
fn section_9_2_of_rfc_3261_cancel() {
    let mut bench = bench();
    let text = bench.request(
        "PUBLISH",
        "sip:alice@example.com",
        "",
        1,
        &format!("Event: presence\r\n{PIDF}"),
        GUIDE,
    );
    bench.receive(&text);
    assert_eq!(bench.take("SIP/2.0 ").code(), 200);
    let head = text.split("Event:").next().unwrap().replace("PUBLISH", "CANCEL");
    bench.receive(&format!("{head}Content-Length: 0\r\n\r\n"));
    assert_eq!(bench.take("SIP/2.0 ").code(), 200);
    assert_eq!(bench.ask("CANCEL", "sip:alice@example.com", "", "").code(), 481);
    assert_eq!(documents(&mut bench).len(), 1);
}

#[test]
fn broken_requests_are_answered_if_they_can_be() {
    let mut bench = bench();
    let text = bench.request("PUBLISH", "sip:alice@example.com", "", 1, "", "");
    bench.receive(&text.replace("CSeq: 1 PUBLISH", "CSeq: 1 OPTIONS"));
    assert_eq!(bench.take("SIP/2.0 ").code(), 400);
    bench.receive(&text.replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"));
    assert_eq!(bench.take("SIP/2.0 ").code(), 505);
    bench.receive(&text.replace("Call-ID: call1@w\r\n", ""));
    bench.receive("garbage");
    bench.receive("\r\n\r\n");
    bench.receive("SIP/2.0 200 OK\r\n\r\n");
    bench.nothing_sent();
    assert_eq!(bench.server.counters().dropped, 4);
}

#[test]
fn over_a_stream_the_response_uses_the_connection() {
    let mut bench = bench().over_tcp();
    let text = bench.request(
        "PUBLISH",
        "sip:alice@example.com",
        "",
        1,
        &format!("Event: presence\r\n{PIDF}"),
        GUIDE,
    );
    bench.receive(&text);
    assert_eq!(bench.sent[0].connection, Some(3));
    assert!(bench.server.poll_timeout().is_some());
}

fn credentials(response: &common::Text, password: &str, nc: u32, body: &str) -> String {
    let challenges: Vec<_> = response
        .all("WWW-Authenticate")
        .iter()
        .map(|row| Challenge::parse(row.as_bytes()).unwrap())
        .collect();
    let challenge = choose(&challenges, true)[0];
    let answer = Answer {
        challenge,
        username: "alice",
        method: "PUBLISH",
        uri: "sip:alice@example.com",
        body: body.as_bytes(),
        nc,
        cnonce: "c0ffee",
    };
    let mut row = b"Authorization: ".to_vec();
    assert!(answer.write(&challenge.ha1("alice", password).unwrap(), &mut row));
    String::from_utf8(row).unwrap() + "\r\n"
}

#[test]
fn rfc_8760_section_2_3_credentials() {
    let mut bench = Bench::new(Config {
        auth: Some(Auth::one_user("example.com", "alice", "secret")),
        ..Config::default()
    });
    let challenged = bench.publish_presence("", GUIDE);
    assert_eq!(challenged.code(), 401);
    let rows = challenged.all("WWW-Authenticate");
    assert!(rows[0].contains("algorithm=SHA-256") && rows[1].contains("algorithm=MD5"));
    let wrong = bench.publish_presence(&credentials(&challenged, "guess", 1, GUIDE), GUIDE);
    assert_eq!(wrong.code(), 401);
    assert!(!wrong.0.contains("stale"));
    assert!(documents(&mut bench).is_empty());
    let right = credentials(&challenged, "secret", 1, GUIDE);
    let accepted = bench.publish_presence(&right, GUIDE);
    assert_eq!(accepted.code(), 200);
    // Pre-emptive on the refresh, and a replay.
    let next = credentials(&challenged, "secret", 2, "");
    let refreshed = bench.publish_presence(&format!("{next}{}", accepted.etag()), "");
    assert_eq!(refreshed.code(), 200);
    let replayed = bench.publish_presence(&format!("{next}{}", refreshed.etag()), "");
    assert_eq!(replayed.code(), 401);
    assert!(replayed.0.contains(", stale=true\r\n"));
    bench.seconds(301);
    let late = bench.publish_presence(&credentials(&challenged, "secret", 3, ""), "");
    assert!(late.0.contains(", stale=true\r\n"));
}

#[test]
fn rfc_7616_section_3_5_the_server_proves_itself() {
    let mut bench = Bench::new(Config {
        auth: Some(Auth {
            authentication_info: true,
            ..Auth::one_user("example.com", "alice", "secret")
        }),
        ..Config::default()
    });
    let challenged = bench.publish_presence("", GUIDE);
    let accepted = bench.publish_presence(&credentials(&challenged, "secret", 1, GUIDE), GUIDE);
    let info = AuthenticationInfo::parse(accepted.header("Authentication-Info").as_bytes());
    let mut challenge = Challenge::parse(challenged.all("WWW-Authenticate")[0].as_bytes()).unwrap();
    let ha1 = challenge.ha1("alice", "secret").unwrap();
    let answer = |challenge: &Challenge| {
        let answer = Answer {
            challenge,
            username: "alice",
            method: "PUBLISH",
            uri: "sip:alice@example.com",
            body: b"",
            nc: 1,
            cnonce: "c0ffee",
        };
        let mut row = b"Authorization: ".to_vec();
        assert!(answer.write(&ha1, &mut row));
        (
            answer.is_confirmed_by(&info, b"", &ha1),
            String::from_utf8(row).unwrap() + "\r\n",
        )
    };
    assert_eq!(answer(&challenge).0, Some(true));
    challenge.nonce = info.nextnonce.clone().unwrap();
    let rows = answer(&challenge).1 + &accepted.etag();
    assert_eq!(bench.publish_presence(&rows, "").code(), 200);
}

#[test]
fn a_restart_with_an_empty_database() {
    let mut bench = bench();
    let tag = bench.publish_presence("", GUIDE).etag();
    bench.server.forget_everything(bench.now);
    assert_eq!(bench.publish_presence(&tag, "").code(), 412);
    assert_eq!(bench.publish_presence("", GUIDE).code(), 200);
}

#[test]
fn runs_are_repeatable() {
    let run = || {
        let mut bench = bench();
        let (_, notify) = bench.subscribe("");
        bench.answer(&notify, 200);
        let published = bench.publish_presence("", GUIDE);
        (published.0, notify.0.replace("expires=3600", ""))
    };
    assert_eq!(run(), run());
}

#[test]
fn unreachable_and_timeout_without_anything_are_harmless() {
    let mut bench = bench();
    let hop = bench.flow.hop();
    bench.input(Input::Unreachable {
        hop,
        connection: None,
    });
    bench.input(Input::Timeout);
    bench.nothing_sent();
}
