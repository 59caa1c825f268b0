//! Classic text, byte for byte: what shell scripts and the admin guide write, and what they read back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::num::NonZeroU32;

use pua_mi::command::{Lifetime, Publish, Wait};
use pua_mi::{Command, Dialect, MiError, Next, Outcome, Reply, Request, Via};
use serde_json::json;

/// The body of the admin guide's example.
const GUIDE_BODY: &str = "<?xml version='1.0'?><presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' xmlns:c='urn:ietf:params:xml:ns:pidf:cipid' entity='system@opensips.org'><tuple id='0x81475a0'><status><basic>open</basic></status></tuple><dm:person id='pdd748945'><rpid:activities><rpid:away/>away</rpid:activities><dm:note>CPU:16 MEM:476</dm:note></dm:person></presence>";

fn publish(lines: &str) -> Publish {
    match command(lines) {
        Ok(Command::Publish(publish)) => *publish,
        other => panic!("{other:?} for {lines:?}"),
    }
}

fn command(text: &str) -> Result<Command, MiError> {
    let mut request = Request::parse(text.as_bytes(), Via::Fifo);
    assert_eq!(request.calls.len(), 1);
    request.calls.remove(0).command
}

fn error(text: &str) -> String {
    let request = Request::parse(text.as_bytes(), Via::Fifo);
    let error = request.calls[0].command.clone().expect_err(text);
    let bytes = request.encode(&[Reply::Error(error)]).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn answer(reply: Reply) -> String {
    let request = Request::parse(b":which:r\n\n", Via::Fifo);
    String::from_utf8(request.encode(&[reply]).unwrap()).unwrap()
}

fn seconds(seconds: u32) -> Lifetime {
    Lifetime::Seconds(NonZeroU32::new(seconds).unwrap())
}

#[test]
fn the_admin_guides_example() {
    let text = format!(
        ":pua_publish:fifo_test_reply\nsip:system@opensips.org\n3600\npresence\napplication/pidf+xml\n.\n.\n{GUIDE_BODY}\n\n"
    );
    let request = Request::parse(text.as_bytes(), Via::Fifo);
    assert_eq!(request.reply_name().unwrap().as_str(), "fifo_test_reply");
    assert!(request.calls[0].wants_reply);
    assert_eq!(request.calls[0].dialect, Dialect::Classic);
    let publish = publish(&text);
    assert_eq!(publish.name.presentity, "sip:system@opensips.org");
    assert_eq!(publish.name.package.as_str(), "presence");
    assert_eq!(publish.name.id, None);
    assert_eq!(publish.lifetime, seconds(3600));
    assert_eq!(publish.content_type.as_deref(), Some("application/pidf+xml"));
    assert_eq!(publish.body.as_deref(), Some(GUIDE_BODY.as_bytes()));
    assert_eq!(publish.etag, None);
    assert_eq!(publish.extra_headers, None);
    assert_eq!(publish.wait, Wait::Final);
    assert_eq!(publish.timeout.as_secs(), 32);
}

#[test]
fn five_parameters_are_the_manuals_short_form() {
    let publish = publish(":pua_publish:r\nsip:a@b.c\n60\npresence\napplication/pidf+xml\n<presence/>\n\n");
    assert_eq!(publish.body.as_deref(), Some(&b"<presence/>"[..]));
    assert_eq!(publish.etag, None);
}

#[test]
fn three_four_and_six_parameters_have_no_body() {
    for parameters in ["", ".\n", ".\nabc\n", ".\nabc\n.\n", ".\n.\nX: y\n"] {
        let count = 3 + parameters.lines().count();
        if count == 5 {
            continue;
        }
        let publish = publish(&format!(
            ":pua_publish:r\nsip:a@b.c\n60\npresence\n{parameters}\n"
        ));
        assert_eq!((publish.content_type, publish.body), (None, None));
    }
}

#[test]
fn an_unquoted_body_may_hold_quotation_marks() {
    let body = r#"<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b"/>"#;
    let text = format!(":pua_publish:r\nsip:a@b.c\n60\npresence\napplication/pidf+xml\n.\n.\n{body}\n\n");
    assert_eq!(publish(&text).body.as_deref(), Some(body.as_bytes()));
}

#[test]
fn a_quoted_body_has_escaped_marks_and_several_lines() {
    let text = ":pua_publish:r\nsip:a@b.c\n60\nmessage-summary\napplication/simple-message-summary\n.\n.\n\
                \"Messages-Waiting: yes\r\nNote: \\\"hi\\\"\n\nVoice-Message: 1/0\r\n\"\n\n";
    let body = publish(text).body.unwrap();
    assert_eq!(
        String::from_utf8(body).unwrap(),
        "Messages-Waiting: yes\r\nNote: \"hi\"\n\nVoice-Message: 1/0\r\n"
    );
}

#[test]
fn names_blanks_and_empty_lines() {
    let publish = publish(
        ":pua_publish:r\n   \n\t presentity_uri:: sip:a@b.c  \n::60\n event_package::presence;winfo\n::.\n.\n\
         wait::accepted\n timeout :: \"2.5\" \nid::7\n\n",
    );
    assert_eq!(publish.name.presentity, "sip:a@b.c");
    assert_eq!(publish.name.package.as_str(), "presence.winfo");
    assert_eq!(publish.name.id.as_deref(), Some("7"));
    assert_eq!(publish.wait, Wait::Accepted);
    assert_eq!(publish.timeout.as_millis(), 2500);
}

/// Behind the first one a line of blanks is a parameter: what follows keeps its position.
#[test]
fn a_line_of_blanks_is_an_empty_parameter() {
    assert_eq!(
        error(":pua_publish:r\nsip:a@b.c\n  \npresence\ntext/plain\nx\n\n"),
        "400 Empty expires parameter\n\n"
    );
    assert_eq!(
        error(":pua_publish:r\n \nsip:a@b.c\n60\npresence\ntext/plain\n.\n \t\nx\n\n"),
        "400 Empty extra_headers\n\n"
    );
}

#[test]
fn parameters_by_name_in_any_order() {
    let text = ":pua_publish:r\nbody::<presence/>\ncontent_type::application/pidf+xml\nexpires::-1\n\
                event_package::presence\npresentity_uri::sip:a@b.c\n\n";
    let publish = publish(text);
    assert_eq!(publish.lifetime, Lifetime::Forever);
    assert_eq!(publish.body.as_deref(), Some(&b"<presence/>"[..]));
}

#[test]
fn double_colons_inside_values_make_no_names() {
    let publish =
        publish(":pua_publish:r\nsip:a@[2001:db8::1]\n60\npresence\ntext/xml\n.\n.\n<a b='x::y'/>\n\n");
    assert_eq!(publish.name.presentity, "sip:a@[2001:db8::1]");
    assert_eq!(publish.body.as_deref(), Some(&b"<a b='x::y'/>"[..]));
}

#[test]
fn carriage_returns_at_line_ends_are_no_part_of_anything() {
    let publish = publish(":pua_publish:r\r\nsip:a@b.c\r\n60\r\npresence\r\n\r\n");
    assert_eq!(publish.name.package.as_str(), "presence");
}

#[test]
fn extra_headers_escaped_or_quoted() {
    for given in [
        r"P-Flags: 0\r\nSubject: a b\r\n",
        r"P-Flags: 0\nSubject: a b",
        "\"P-Flags: 0\r\nSubject: a b\r\n\"",
        "\"P-Flags: 0\nSubject: a b\"",
    ] {
        let text = format!(":pua_publish:r\nsip:a@b.c\n60\npresence\n.\n.\n{given}\n\n");
        assert_eq!(
            publish(&text).extra_headers.unwrap().as_str(),
            "P-Flags: 0\r\nSubject: a b\r\n",
            "{given}"
        );
    }
}

#[test]
fn commands_with_colons_and_replies_with_colons() {
    let request = Request::parse(b":pua_mi:publish:reply\nsip:a@b.c\n60\npresence\n\n", Via::Fifo);
    assert_eq!(request.reply_name().unwrap().as_str(), "reply");
    assert!(matches!(request.calls[0].command, Ok(Command::Publish(_))));
    let request = Request::parse(b":pua_publish:a:b\nsip:a@b.c\n60\npresence\n\n", Via::Fifo);
    assert_eq!(request.reply_name().unwrap().as_str(), "a:b");
}

#[test]
fn lifetimes() {
    let of = |expires: &str| command(&format!(":pua_publish:r\nsip:a@b.c\n{expires}\npresence\n\n"));
    for (expires, lifetime) in [
        ("0", Lifetime::Remove),
        ("-1", Lifetime::Forever),
        ("\" 10\"", seconds(10)),
        ("4294967295", seconds(u32::MAX)),
    ] {
        match of(expires) {
            Ok(Command::Publish(publish)) => assert_eq!(publish.lifetime, lifetime),
            other => panic!("{other:?}"),
        }
    }
    for bad in [
        "abc",
        "-2",
        "+5",
        "4294967296",
        "1.5",
        "0x10",
        "99999999999999999999999",
        "5 5",
    ] {
        assert_eq!(of(bad).unwrap_err(), MiError::new(400, "Bad expires"), "{bad}");
    }
}

#[test]
fn the_documented_errors_word_for_word() {
    for (request, answer) in [
        (":nope:r\n\n", "500 command 'nope' not available\n\n"),
        (":pua_publish:r\n\n", "500 command 'pua_publish' failed\n\n"),
        (
            ":pua_publish:r\nsip:a@b.c\n60\n\n",
            "500 command 'pua_publish' failed\n\n",
        ),
        (":pua_publish:r\nhttp:a\n\n", "404 Bad presentity URI\n\n"),
        (
            ":pua_publish:r\n\"\"\n60\npresence\n\n",
            "404 Empty presentity URI\n\n",
        ),
        (
            ":pua_publish:r\nfoo\n60\npresence\n\n",
            "404 Bad presentity URI\n\n",
        ),
        (
            ":pua_publish:r\n<sip:a@b>\n60\npresence\n\n",
            "404 Bad presentity URI\n\n",
        ),
        (
            ":pua_publish:r\nsip:a@b.c\n\"\"\npresence\n\n",
            "400 Empty expires parameter\n\n",
        ),
        (
            ":pua_publish:r\nsip:a@b.c\nabc\npresence\n\n",
            "400 Bad expires\n\n",
        ),
        (
            ":pua_publish:r\nsip:a@b.c\n60\n::\n\n",
            "400 Empty event parameter\n\n",
        ),
        (":pua_publish:r\nsip:a@b.c\n60\np q\n\n", "400 Unknown event\n\n"),
        (
            ":pua_publish:r\nsip:a@b.c\n60\npresence;x=1;ID=1\n\n",
            "400 Event parameter id is for subscriptions only\n\n",
        ),
        (
            ":pua_publish:r\nsip:a@b.c\n60\npresence\n\"\"\n\n",
            "400 Empty content type parameter\n\n",
        ),
        (
            ":pua_publish:r\nsip:a@b.c\n60\npresence\n.\n\"\"\n.\n\n",
            "400 Empty etag parameter\n\n",
        ),
        (
            ":pua_publish:r\nsip:a@b.c\n60\npresence\n.\n.\n\"\"\n\n",
            "400 Empty extra_headers\n\n",
        ),
        (
            ":pua_publish:r\nsip:a@b.c\n60\npresence\na/b\n.\n.\n\"\"\n\n",
            "400 Empty body parameter\n\n",
        ),
        (
            ":pua_publish:r\nsip:a@b.c\n60\npresence\na/b\n.\n.\n\n",
            "400 Body parameter is missing\n\n",
        ),
        (
            ":pua_publish:r\nsip:a@b.c\n60\npresence\na/b\n.\n.\nx\ny\n\n",
            "400 Too many parameters\n\n",
        ),
        (
            ":pua_publish:r\nsip:a@b.c\n60\npresence\n.\na b\n.\n\n",
            "418 Wrong ETag\n\n",
        ),
        (
            ":pua_publish:r\n\"sip:a@b.c\" x\n60\n\n",
            "400 parse error in command 'pua_publish'\n\n",
        ),
        (
            ":pua_publish:r\n\"sip:a@b.c\n60\n\n",
            "400 parse error in command 'pua_publish'\n\n",
        ),
    ] {
        assert_eq!(error(request), answer, "{request:?}");
    }
}

#[test]
fn a_body_without_a_type_gets_the_packages() {
    let publish = publish(":pua_publish:r\nsip:a@b.c\n60\ndialog\n.\n.\n.\n<dialog-info/>\n\n");
    assert_eq!(
        publish.content_type.as_deref(),
        Some("application/dialog-info+xml")
    );
}

#[test]
fn injection_is_refused() {
    for request in [
        ":pua_publish:r\n\"sip:a@b\r\nX: y\"\n60\npresence\n\n",
        ":pua_publish:r\nsip:a@b.c\n60\n\"presence\r\nX: y\"\n\n",
        ":pua_publish:r\nsip:a@b.c\n60\npresence\n\"a/b\r\nX: y\"\nz\n\n",
        ":pua_publish:r\nsip:a@b.c\n60\npresence\n.\n\"e\r\nX: y\"\n.\n\n",
        ":pua_publish:r\nsip:a@b.c\n60\npresence\n.\n.\nRoute: <sip:evil>\n\n",
        ":pua_publish:r\nsip:a@b.c\n60\npresence\n.\n.\nContent-Length: 5\\r\\n\\r\\nX\n\n",
        ":pua_publish:r\nsip:a@b?X=y\n60\npresence\n\n",
        ":pua_publish:r\nsip:a@b.c\n60\npresence\noutbound_proxy::sip:x@y z\n\n",
    ] {
        assert!(command(request).is_err(), "{request:?}");
    }
}

#[test]
fn reply_names() {
    for bad in ["../x", "a.b", "/x", "a\\b", "a\u{1}b"] {
        let text = format!(":pua_publish:{bad}\nsip:a@b.c\n60\npresence\n\n");
        let request = Request::parse(text.as_bytes(), Via::Fifo);
        assert_eq!(request.reply_name(), None);
        assert!(!request.calls[0].wants_reply);
        let error = request.calls[0].command.clone().unwrap_err();
        assert_eq!(request.encode(&[Reply::Error(error)]), None);
    }
    let request = Request::parse(b":pua_publish:\nsip:a@b.c\n60\npresence\n\n", Via::Fifo);
    let Ok(Command::Publish(publish)) = &request.calls[0].command else {
        panic!("{request:?}")
    };
    assert_eq!(publish.wait, Wait::None);
    assert_eq!(request.encode(&[Reply::Accepted]), None);
}

#[test]
fn datagrams_have_no_reply_name_and_no_ending_line() {
    let request = Request::parse(b":pua_publish:\nsip:a@b.c\n60\npresence\n.", Via::Datagram);
    let Ok(Command::Publish(publish)) = &request.calls[0].command else {
        panic!("{request:?}")
    };
    assert_eq!(publish.wait, Wait::Final);
    assert_eq!(request.encode(&[Reply::Accepted]).unwrap(), b"202 Accepted\n\n");
    for (bytes, answer) in [
        (&b":nope:\n"[..], &b"500 command 'nope' not available\n\n"[..]),
        (b":nope:", b"500 command 'nope' not available\n\n"),
        (b"hello", b"400 Parse_error"),
        (b":hello", b"400 Parse_error"),
        (b"{\"jsonrpc\":", b"400 Parse_error"),
        (b"\xff\xfe", b"400 Parse_error"),
    ] {
        let request = Request::parse(bytes, Via::Datagram);
        let error = request.calls[0].command.clone().unwrap_err();
        assert_eq!(request.encode(&[Reply::Error(error)]).unwrap(), answer);
    }
    assert_eq!(
        Request::parse(b"", Via::Datagram).encode(&[Reply::Accepted]),
        None
    );
}

#[test]
fn a_success_as_the_old_server_printed_it() {
    let outcome = Outcome {
        code: 200,
        reason: "OK".into(),
        etag: Some("a.1481534683.1".into()),
        expires: Some(3600),
        server: Some("udp:192.0.2.1:5060".into()),
        ..Outcome::default()
    };
    assert_eq!(
        answer(Reply::Published(outcome)),
        "200 OK\n200 OK\nETag:: a.1481534683.1\nExpires:: 3600\n\n"
    );
    let timeout = Outcome {
        code: 408,
        reason: "Request Timeout".into(),
        ..Outcome::default()
    };
    assert_eq!(
        answer(Reply::Published(timeout)),
        "200 OK\n408 Request Timeout\n\n"
    );
    assert_eq!(answer(Reply::Accepted), "202 Accepted\n\n");
}

#[test]
fn a_failure_says_what_comes_next() {
    let outcome = Outcome {
        code: 503,
        reason: "Service Unavailable".into(),
        retry_after: Some(30),
        next: Some(Next::Retry {
            retry_at: "2026-11-23T05:00:00Z".into(),
        }),
        cseq: Some(2),
        ..Outcome::default()
    };
    assert_eq!(
        answer(Reply::Published(outcome)),
        "200 OK\n503 Service Unavailable\nnext:: retry\nretry_at:: 2026-11-23T05:00:00Z\nretry_after:: 30\ncseq:: 2\n\n"
    );
}

#[test]
fn what_a_peer_says_stays_in_its_line() {
    let outcome = Outcome {
        code: 200,
        reason: "OK\r\n\r\nETag:: forged\u{1b}[2J".into(),
        etag: Some("a\nExpires:: 1".into()),
        ..Outcome::default()
    };
    assert_eq!(
        answer(Reply::Published(outcome)),
        "200 OK\n200 OK    ETag: : forged [2J\nETag:: a Expires:: 1\n\n"
    );
    assert_eq!(answer(Reply::Error(MiError::new(400, "a\n\nb"))), "400 a  b\n\n");
}

#[test]
fn results_of_our_own_commands_are_trees() {
    assert_eq!(
        answer(Reply::Json(json!({
            "publications": [
                {"presentity": "sip:a@b.c", "revision": 3, "etag": null},
                {"presentity": "sip:d@e.f", "names": ["x", "y"], "more": {"deep": true}},
            ],
            "next": null,
        }))),
        "200 OK\npublications:: \n\tpresentity:: sip:a@b.c\n\trevision:: 3\n\tetag:: \npublications:: \n\
         \tpresentity:: sip:d@e.f\n\tnames:: x\n\tnames:: y\n\tmore:: \n\t\tdeep:: true\nnext:: \n\n"
    );
    assert_eq!(
        answer(Reply::Json(json!(["pua_publish", ""]))),
        "200 OK\npua_publish\n\"\"\n\n"
    );
    assert_eq!(
        answer(Reply::Json(json!([["a", "b"], []]))),
        "200 OK\na b\n\"\"\n\n"
    );
    assert_eq!(answer(Reply::Json(json!([{"a": 1}]))), "200 OK\n-\n\ta:: 1\n\n");
    assert_eq!(
        answer(Reply::Json(json!({"Server": "pua"}))),
        "200 OK\nServer:: pua\n\n"
    );
}

#[test]
fn bodies_and_headers_of_several_lines_are_quoted() {
    assert_eq!(
        answer(Reply::Json(json!({
            "body": "a: \"b\"\r\n\r\nc\n",
            "extra_headers": "X: 1\r\nY: 2",
            "states": [{"body": "\"\\"}],
            "reason": "a\nb",
        }))),
        "200 OK\nbody:: \"a: \\\"b\\\"\r\n\r\nc\n\"\nextra_headers:: \"X: 1\r\nY: 2\"\n\
         states:: \n\tbody:: \"\\\"\\\n\"\nreason:: a b\n\n"
    );
}

/// The words of a peer are cut when they are very long, values never.
#[test]
fn long_values_come_whole() {
    let body = "x".repeat(5000);
    assert_eq!(
        answer(Reply::Json(json!({"body": body}))),
        format!("200 OK\nbody:: {body}\n\n")
    );
    assert_eq!(answer(Reply::Error(MiError::new(400, body))).len(), 4 + 1024 + 2);
}

#[test]
fn own_commands_by_position_and_by_name() {
    let Ok(Command::Remove(target)) = command(":pua:remove:r\nsip:a@b.c\ndialog\n7\nwait::accepted\n\n")
    else {
        panic!()
    };
    assert_eq!(
        (target.name.id.as_deref(), target.wait),
        (Some("7"), Wait::Accepted)
    );
    let Ok(Command::List(filter)) = command(":pua:list:r\nstate::refused\nlimit::5\n\n") else {
        panic!()
    };
    assert_eq!(
        (filter.state.as_deref(), filter.limit),
        (Some("refused"), Some(5))
    );
    assert_eq!(
        command(":get_statistics:r\nall\npua:\n\n").unwrap(),
        Command::GetStatistics(vec!["all".into(), "pua:".into()])
    );
    assert_eq!(command(":which:r\n\n").unwrap(), Command::Which(None));
    assert_eq!(
        error(":pua:show:r\nsip:a@b.c\n\n"),
        "400 Too few or too many parameters\n\n"
    );
}
