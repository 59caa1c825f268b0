//! JSON-RPC, byte for byte: OpenSIPS' clients, Kamailio's, and the specification's own examples.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::num::NonZeroU32;

use pua_mi::command::{Lifetime, LogLevel, OnStop, Publish, Wait};
use pua_mi::{Command, Dialect, MiError, Next, Outcome, Reply, Request, Via};
use serde_json::{Value, json};

fn publish(params: &str) -> Result<Publish, MiError> {
    publish_by("pua_publish", params)
}

fn publish_by(method: &str, params: &str) -> Result<Publish, MiError> {
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    let mut request = Request::parse(text.as_bytes(), Via::Http);
    match request.calls.remove(0).command {
        Ok(Command::Publish(publish)) => Ok(*publish),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    }
}

/// Parses, answers every call with `reply` or with its own error, prints.
fn exchange(text: &str, via: Via, reply: &Reply) -> Option<String> {
    let request = Request::parse(text.as_bytes(), via);
    let replies: Vec<Reply> = request
        .calls
        .iter()
        .map(|call| match &call.command {
            Ok(_) => reply.clone(),
            Err(error) => Reply::Error(error.clone()),
        })
        .collect();
    request
        .encode(&replies)
        .map(|bytes| String::from_utf8(bytes).unwrap())
}

fn success() -> Reply {
    Reply::Published(Outcome {
        code: 200,
        reason: "OK".into(),
        etag: Some("lab4e21".into()),
        expires: Some(60),
        server: Some("192.0.2.1".into()),
        call_id: Some("x".into()),
        cseq: Some(1),
        ..Outcome::default()
    })
}

/// A success after which the server holds nothing says so, in every form.
#[test]
fn a_success_that_was_granted_no_time() {
    let unkept = || {
        Reply::Published(Outcome {
            code: 200,
            reason: "OK".into(),
            expires: Some(0),
            detail: Some("for no time".to_owned()),
            next: Some(Next::Retry {
                retry_at: "2026-11-23T10:00:30Z".to_owned(),
            }),
            ..Outcome::default()
        })
    };
    let members = r#""Expires":0,"next":"retry","retry_at":"2026-11-23T10:00:30Z","detail":"for no time"}"#;
    for method in ["pua_publish", "pua.publish"] {
        let params = r#"["sip:a@lab.example",60,"presence","application/pidf+xml",".",".",".",".","x"]"#;
        let params = match method {
            "pua.publish" => params,
            _ => {
                r#"{"presentity_uri":"sip:a@lab.example","expires":60,"event_package":"presence","body":"x"}"#
            }
        };
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let request = Request::parse(text.as_bytes(), Via::Datagram);
        let printed = request.encode(&[unkept()]).unwrap();
        let printed = String::from_utf8(printed).unwrap();
        assert!(printed.contains(members), "{printed}");
    }
}

#[test]
fn opensips_cli_over_the_fifo() {
    let text = r#":opensips_fifo_reply_19693_1795393374_9969459:{"jsonrpc": "2.0", "id": "21531", "method": "pua_mi:publish", "params": {"presentity_uri": "sip:cli2@lab.example", "expires": "3600", "event_package": "presence", "content_type": "application/pidf+xml", "body": "<?xml version='1.0'?>..."}}"#;
    let request = Request::parse(text.as_bytes(), Via::Fifo);
    assert_eq!(
        request.reply_name().unwrap().as_str(),
        "opensips_fifo_reply_19693_1795393374_9969459"
    );
    let Ok(Command::Publish(publish)) = &request.calls[0].command else {
        panic!("{request:?}")
    };
    assert_eq!(
        publish.lifetime,
        Lifetime::Seconds(NonZeroU32::new(3600).unwrap())
    );
    assert_eq!(publish.body.as_deref(), Some(&b"<?xml version='1.0'?>..."[..]));
    assert_eq!(
        exchange(text, Via::Fifo, &success()).unwrap(),
        r#"{"jsonrpc":"2.0","result":{"reply":"200 OK","ETag":"lab4e21","Expires":60},"id":"21531"}"#
    );
}

#[test]
fn the_id_comes_back_in_the_bytes_it_was_given_in() {
    for id in [
        "1",
        "\"1234\"",
        "null",
        "1.50",
        "-0",
        "1e3",
        "123456789012345678901234567890",
        "\"\\u0041\\\"b\"",
        "\"\"",
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","method":"version","id":{id}}}"#);
        assert_eq!(
            exchange(&text, Via::Datagram, &Reply::Json(json!({"Server": "pua"}))).unwrap(),
            format!(r#"{{"jsonrpc":"2.0","result":{{"Server":"pua"}},"id":{id}}}"#)
        );
    }
}

#[test]
fn the_manuals_five_positions() {
    let publish =
        publish(r#"["sip:a@b.c", 3600, "presence", "application/pidf+xml", "<presence/>"]"#).unwrap();
    assert_eq!(publish.content_type.as_deref(), Some("application/pidf+xml"));
    assert_eq!(publish.body.as_deref(), Some(&b"<presence/>"[..]));
}

#[test]
fn the_guides_seven_positions() {
    let publish =
        publish(r#"["sip:a@b.c","3600","presence","application/pidf+xml","a.1.2","X: y","<presence/>"]"#)
            .unwrap();
    assert_eq!(publish.etag.as_deref(), Some("a.1.2"));
    assert_eq!(publish.extra_headers.unwrap().as_str(), "X: y\r\n");
    assert_eq!(publish.body.as_deref(), Some(&b"<presence/>"[..]));
}

#[test]
fn what_is_not_given_by_position() {
    for absent in [r#"".""#, r#""""#, "null"] {
        let params = format!(r#"["sip:a@b.c",60,"presence",{absent},{absent},{absent},{absent}]"#);
        let publish = publish(&params).unwrap();
        assert_eq!(
            (
                publish.content_type,
                publish.etag,
                publish.extra_headers,
                publish.body
            ),
            (None, None, None, None)
        );
    }
    for count in [3, 4, 5, 6] {
        let params: Vec<Value> = [
            json!("sip:a@b.c"),
            json!(60),
            json!("presence"),
            json!("."),
            json!("."),
            json!("."),
        ]
        .into_iter()
        .take(count)
        .collect();
        assert!(publish(&Value::from(params).to_string()).is_ok(), "{count}");
    }
}

#[test]
fn parameter_errors() {
    let invalid = |why: &str| MiError::invalid_params(why);
    let few = "Too few or too many parameters";
    let names = "Named parameters do not match";
    for (params, error) in [
        ("[]", invalid(few)),
        ("{}", invalid(few)),
        ("null", invalid(few)),
        (r#"["sip:a@b.c"]"#, invalid(few)),
        (r#"["sip:a@b.c",1,"presence",".",".",".",".","."]"#, invalid(few)),
        (r#"{"presentity_uri":"sip:a@b.c"}"#, invalid(few)),
        (
            r#"{"presentity_uri":"sip:a@b.c","expires":1,"nonsense":"presence"}"#,
            invalid(names),
        ),
        (
            r#"{"presentity_uri":"sip:a@b.c","expires":1,"event_package":"presence","content_type":"a/b"}"#,
            invalid(names),
        ),
        (
            r#"{"presentity_uri":"sip:a@b.c","expires":1,"event_package":"presence","body":"x"}"#,
            invalid(names),
        ),
        (
            r#"{"presentity_uri":"sip:a@b.c","expires":1,"event_package":"presence","foo":"x"}"#,
            invalid(names),
        ),
        (
            r#"{"presentity_uri":"sip:a@b.c","expires":1,"expires":2,"event_package":"presence"}"#,
            invalid(names),
        ),
        (
            r#"{"presentity_uri":"sip:a@b.c","expires":"abc","event_package":"presence"}"#,
            invalid("Bad type for parameter 'expires'"),
        ),
        (
            r#"{"presentity_uri":"sip:a@b.c","expires":[1],"event_package":"presence"}"#,
            invalid("Bad type for parameter 'expires'"),
        ),
        (
            r#"{"presentity_uri":5,"expires":1,"event_package":"presence"}"#,
            invalid("Bad type for parameter 'presentity_uri'"),
        ),
        (
            r#"{"presentity_uri":"sip:a@b.c","expires":1,"event_package":"presence","content_type":"a/b","body":{}}"#,
            invalid("Bad type for parameter 'body'"),
        ),
        (
            r#"{"presentity_uri":"","expires":1,"event_package":"presence"}"#,
            MiError::new(404, "Empty presentity URI"),
        ),
        (
            r#"{"presentity_uri":"foo","expires":1,"event_package":"presence"}"#,
            MiError::new(404, "Bad presentity URI"),
        ),
        (
            r#"{"presentity_uri":"sip:a@b\r\nX: y","expires":1,"event_package":"presence"}"#,
            MiError::new(404, "Bad presentity URI"),
        ),
        (
            r#"{"presentity_uri":"sip:a@b.c\u0000","expires":1,"event_package":"presence"}"#,
            MiError::new(404, "Bad presentity URI"),
        ),
        (
            r#"{"presentity_uri":"sip:a@b.c","expires":"","event_package":"presence"}"#,
            MiError::new(400, "Empty expires parameter"),
        ),
        (
            r#"{"presentity_uri":"sip:a@b.c","expires":1,"event_package":""}"#,
            MiError::new(400, "Empty event parameter"),
        ),
        (
            r#"{"presentity_uri":"sip:a@b.c","expires":1,"event_package":"a b"}"#,
            MiError::new(400, "Unknown event"),
        ),
        (
            r#"{"presentity_uri":"sip:a@b.c","expires":1,"event_package":"presence","etag":""}"#,
            MiError::new(400, "Empty etag parameter"),
        ),
        (
            r#"{"presentity_uri":"sip:a@b.c","expires":1,"event_package":"presence","extra_headers":""}"#,
            MiError::new(400, "Empty extra_headers"),
        ),
        (
            r#"{"presentity_uri":"sip:a@b.c","expires":1,"event_package":"presence","content_type":"","body":"x"}"#,
            MiError::new(400, "Empty content type parameter"),
        ),
        (
            r#"{"presentity_uri":"sip:a@b.c","expires":1,"event_package":"presence","content_type":"a/b","body":""}"#,
            MiError::new(400, "Empty body parameter"),
        ),
        (
            r#"["sip:a@b.c",1,"presence","a/b",".",".","."]"#,
            MiError::new(400, "Body parameter is missing"),
        ),
    ] {
        assert_eq!(publish(params).unwrap_err(), error, "{params}");
    }
}

#[test]
fn the_field_notes_error_replies() {
    let reply = |params: &str, method: &str| {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        exchange(&text, Via::Datagram, &Reply::Accepted).unwrap()
    };
    assert_eq!(
        reply(r#"["sip:a@b.c",1,"a@b"]"#, "pua_publish"),
        r#"{"jsonrpc":"2.0","error":{"code":400,"message":"Unknown event"},"id":1}"#
    );
    assert_eq!(
        reply("{}", "pua_publish"),
        r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"Invalid params","data":"Too few or too many parameters"},"id":1}"#
    );
    assert_eq!(
        reply("[]", "nope"),
        r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}"#
    );
    assert_eq!(
        exchange(
            r#"{"jsonrpc":"1.0","id":1,"method":"which"}"#,
            Via::Datagram,
            &Reply::Accepted
        )
        .unwrap(),
        r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":1}"#
    );
}

#[test]
fn our_additions_by_name() {
    let publish = publish(
        r#"{"presentity_uri":"sips:a@b.c","expires":3600.0,"event_package":"dialog;sla","content_type":"a/b","body":"x","id":17,
            "outbound_proxy":"sip:192.0.2.1:5080;lr","on_stop":"keep","wait":"accepted","timeout":"1.5"}"#,
    )
    .unwrap();
    assert_eq!(publish.on_stop, Some(OnStop::Keep));
    assert_eq!(publish.name.id.as_deref(), Some("17"));
    assert_eq!(publish.name.package.as_str(), "dialog;sla");
    assert_eq!(publish.outbound_proxy.as_deref(), Some("sip:192.0.2.1:5080;lr"));
    assert_eq!(publish.wait, Wait::Accepted);
    assert_eq!(publish.timeout.as_millis(), 1500);
    for bad in [
        r#""wait":"never""#,
        r#""timeout":"-1""#,
        r#""timeout":"1e9""#,
        r#""outbound_proxy":"pres:x""#,
        r#""on_stop":"leave""#,
        r#""id":"a\nb""#,
    ] {
        let params =
            format!(r#"{{"presentity_uri":"sip:a@b.c","expires":1,"event_package":"presence",{bad}}}"#);
        assert!(publish_by("pua_publish", &params).is_err(), "{bad}");
    }
}

#[test]
fn our_own_publish_needs_less() {
    let publish = publish_by(
        "pua:publish",
        r#"{"presentity_uri":"pres:a@b.c","event_package":"message-summary","body":"Messages-Waiting: no\r\n"}"#,
    )
    .unwrap();
    assert_eq!(publish.lifetime, Lifetime::Default);
    assert_eq!(
        publish.content_type.as_deref(),
        Some("application/simple-message-summary")
    );
    let error = publish_by(
        "pua:publish",
        r#"{"presentity_uri":"pres:a@b.c","event_package":"x","body":"y"}"#,
    );
    assert_eq!(
        error.unwrap_err(),
        MiError::new(400, "Empty content type parameter")
    );
}

#[test]
fn kamailios_nine_positions() {
    let publish = publish_by(
        "pua.publish",
        r#"["sip:a@b.c","3600","dialog","application/dialog-info+xml","call-1",".","sip:192.0.2.1:5080",".","<dialog-info/>"]"#,
    )
    .unwrap();
    assert_eq!(publish.name.id.as_deref(), Some("call-1"));
    assert_eq!(publish.outbound_proxy.as_deref(), Some("sip:192.0.2.1:5080"));
    assert_eq!((publish.etag, publish.extra_headers), (None, None));
    assert_eq!(publish.wait, Wait::Final);
    let publish = publish_by(
        "pua.send_publish",
        r#"["sip:a@b.c","3600","presence",".",".",".",".","."]"#,
    )
    .unwrap();
    assert_eq!((publish.wait, publish.body), (Wait::Accepted, None));
}

#[test]
fn kamailios_words() {
    for (params, message) in [
        (
            r#"["sip:a@b.c","3600"]"#,
            "Too few or wrong type of parameters (2)",
        ),
        (
            r#"["foo","1","presence",".",".",".",".","."]"#,
            "Invalid presentity uri 'foo'",
        ),
        (
            r#"["sip:a@b.c","abc","presence",".",".",".",".","."]"#,
            "Invalid expires value 'abc'",
        ),
        (r#"["sip:a@b.c","1","a b",".",".",".",".","."]"#, "Unknown event"),
        (
            r#"["sip:a@b.c","1","presence","a/b",".",".",".","."]"#,
            "Body is missing",
        ),
        (
            r#"["a@b\r\nX: y","1","presence",".",".",".",".","."]"#,
            "Invalid presentity uri 'a@b  X: y'",
        ),
    ] {
        assert_eq!(
            publish_by("pua.publish", params).unwrap_err(),
            MiError::new(400, message),
            "{params}"
        );
    }
}

#[test]
fn kamailios_answers() {
    let text = r#"{"jsonrpc":"2.0","method":"pua.publish","params":["sip:a@b.c","1","presence",".",".",".",".","."],"id":1,"reply_name":"file"}"#;
    let request = Request::parse(text.as_bytes(), Via::Fifo);
    assert_eq!(request.reply_name().unwrap().as_str(), "file");
    assert_eq!(request.calls[0].dialect, Dialect::Kamailio);
    let print = |reply| exchange(text, Via::Fifo, &reply).unwrap();
    assert_eq!(
        print(success()),
        r#"{"jsonrpc":"2.0","result":{"SIP-ETag":"lab4e21","Expires":60},"id":1}"#
    );
    assert_eq!(print(Reply::Accepted), r#"{"jsonrpc":"2.0","result":{},"id":1}"#);
    assert_eq!(
        print(Reply::Error(MiError::wrong_etag())),
        r#"{"jsonrpc":"2.0","error":{"code":500,"message":"Wrong ETag"},"id":1}"#
    );
    assert_eq!(
        print(Reply::Published(Outcome {
            code: 403,
            reason: "Forbidden".into(),
            next: Some(Next::Refused),
            warning: Some("399 x \"no\"".into()),
            ..Outcome::default()
        })),
        r#"{"jsonrpc":"2.0","error":{"code":403,"message":"Forbidden","data":{"next":"refused","warning":"399 x \"no\""}},"id":1}"#
    );
}

#[test]
fn reply_names_that_must_not_be_written_to() {
    for text in [
        r#":../etc:{"jsonrpc":"2.0","method":"kill","id":1}"#,
        r#"{"jsonrpc":"2.0","method":"kill","id":1,"reply_name":"../x"}"#,
    ] {
        let request = Request::parse(text.as_bytes(), Via::Fifo);
        assert!(request.calls[0].command.is_err(), "{text}");
        assert!(!request.answer.is_wanted());
    }
    // Without a name there is nobody to answer, but the command runs.
    let request = Request::parse(br#"::{"jsonrpc":"2.0","method":"kill","id":1}"#, Via::Fifo);
    assert_eq!(request.calls[0].command, Ok(Command::Kill));
    assert_eq!(request.encode(&[Reply::Accepted]), None);
}

#[test]
fn a_reason_phrase_is_told_as_it_came() {
    let call = br#"{"jsonrpc":"2.0","method":"pua:refresh","params":["sip:a@b.c","presence"],"id":1}"#;
    let request = Request::parse(call, Via::Datagram);
    for (code, reason, told) in [
        (200, "OK", "200 OK"),
        (202, "", "202 Accepted"),
        (200, r#"a "b" \ c"#, r#"200 a "b" \ c"#),
        (200, "gl\u{fc}cklich", "200 gl\u{fc}cklich"),
        (200, "a\u{7f}b", "200 a b"),
        (7, "x", "7 x"),
        (65_535, "x", "65535 x"),
    ] {
        let outcome = Outcome {
            code,
            reason: reason.into(),
            ..Outcome::default()
        };
        let answer = request.encode(&[Reply::Published(outcome)]).unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["result"]["reply"], told);
    }
}

#[test]
fn failures_in_opensips_shape() {
    let reply = Reply::Published(Outcome {
        code: 423,
        reason: "Interval Too Brief\r\nX".into(),
        detail: Some("the server wants more".into()),
        retry_after: Some(5),
        next: Some(Next::Retry {
            retry_at: "2026-11-23T05:00:00Z".into(),
        }),
        server: Some("192.0.2.1:5060".into()),
        call_id: Some("c@h".into()),
        cseq: Some(3),
        ..Outcome::default()
    });
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"pua_publish","params":["sip:a@b.c",1,"presence"]}"#;
    assert_eq!(
        exchange(text, Via::Http, &reply).unwrap(),
        r#"{"jsonrpc":"2.0","result":{"reply":"423 Interval Too Brief  X","next":"retry","retry_at":"2026-11-23T05:00:00Z","retry_after":5,"detail":"the server wants more","server":"192.0.2.1:5060","call_id":"c@h","cseq":3},"id":1}"#
    );
    assert_eq!(
        exchange(text, Via::Http, &Reply::Accepted).unwrap(),
        r#"{"jsonrpc":"2.0","result":"Accepted","id":1}"#
    );
    assert_eq!(
        exchange(text, Via::Stream, &Reply::Accepted).unwrap(),
        "{\"jsonrpc\":\"2.0\",\"result\":\"Accepted\",\"id\":1}\n"
    );
}

#[test]
fn invalid_requests() {
    let refused = |id: &str| {
        format!(r#"{{"jsonrpc":"2.0","error":{{"code":-32600,"message":"Invalid Request"}},"id":{id}}}"#)
    };
    for (text, id) in [
        ("5", "null"),
        ("\"x\"", "null"),
        ("true", "null"),
        ("null", "null"),
        ("{}", "null"),
        ("[]", "null"),
        (r#"{"jsonrpc":"2.0","method":1,"params":"bar"}"#, "null"),
        (r#"{"jsonrpc":"2.0","method":"which","params":"bar","id":3}"#, "3"),
        (r#"{"jsonrpc":"2.0","method":"which","id":true}"#, "null"),
        (r#"{"jsonrpc":"2.0","method":"which","id":[1]}"#, "null"),
        (r#"{"jsonrpc":"2.0","method":"which","id":{}}"#, "null"),
        (r#"{"jsonrpc":2.0,"method":"which","id":1}"#, "1"),
        (r#"{"method":"which","id":"a"}"#, "\"a\""),
        (
            r#"{"jsonrpc":"2.0","method":"which","method":"kill","id":1}"#,
            "1",
        ),
        (r#"{"jsonrpc":"2.0","method":"which","id":1,"id":2}"#, "null"),
    ] {
        assert_eq!(
            exchange(text, Via::Http, &Reply::Accepted),
            Some(refused(id)),
            "{text}"
        );
    }
}

#[test]
fn not_json() {
    let parse_error = r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#;
    let deep = "[".repeat(100_000);
    let deep_params = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"which","params":{}{}}}"#,
        "[".repeat(500),
        "]".repeat(500)
    );
    for text in [
        "",
        "x",
        "{",
        r#"{"jsonrpc":"2.0"} x"#,
        "<xml/>",
        deep.as_str(),
        deep_params.as_str(),
        r#"{"jsonrpc":"2.0","id":1,"method":"\ud800"}"#,
    ] {
        assert_eq!(
            exchange(text, Via::Http, &Reply::Accepted).as_deref(),
            Some(parse_error),
            "{text:.40}"
        );
    }
    let invalid_utf8 = Request::parse(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", Via::Http);
    assert_eq!(invalid_utf8.calls[0].command, Err(MiError::parse_error()));
    assert_eq!(
        exchange("{x", Via::Datagram, &Reply::Accepted).as_deref(),
        Some("400 Parse_error")
    );
    assert_eq!(exchange("{x", Via::Fifo, &Reply::Accepted), None);
    assert_eq!(
        exchange(
            r#":r:{"jsonrpc":"2.0","method":"pua_publish","params":[}"#,
            Via::Fifo,
            &Reply::Accepted
        )
        .as_deref(),
        Some("400 parse error in command 'pua_publish'\n\n")
    );
}

#[test]
fn notifications_are_not_answered() {
    for via in [Via::Fifo, Via::Datagram, Via::Stream, Via::Http] {
        for text in [
            r#"{"jsonrpc":"2.0","method":"pua_publish","params":["sip:a@b.c",1,"presence"]}"#,
            r#"{"jsonrpc":"2.0","method":"pua_publish","params":["x"]}"#,
            r#"{"jsonrpc":"2.0","method":"nope"}"#,
        ] {
            assert_eq!(exchange(text, via, &Reply::Accepted), None, "{text}");
        }
    }
    let text = br#"{"jsonrpc":"2.0","method":"pua_publish","params":["sip:a@b.c",1,"presence"]}"#;
    let request = Request::parse(text, Via::Http);
    assert!(matches!(&request.calls[0].command, Ok(Command::Publish(publish)) if publish.wait == Wait::None));
}

#[test]
fn batches() {
    let text = r#"[{"jsonrpc":"2.0","method":"version","id":1}, 5, {"jsonrpc":"2.0","method":"version"},
        {"jsonrpc":"2.0","method":"nope","id":"x"}, {"foo":"bar"}]"#;
    assert_eq!(
        exchange(text, Via::Datagram, &Reply::Json(json!(true))).unwrap(),
        concat!(
            r#"[{"jsonrpc":"2.0","result":true,"id":1},"#,
            r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null},"#,
            r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":"x"},"#,
            r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}]"#
        )
    );
    assert_eq!(
        exchange(
            r#"[{"jsonrpc":"2.0","method":"version"}]"#,
            Via::Http,
            &Reply::Accepted
        ),
        None
    );
    assert_eq!(
        exchange(
            r#":r:[{"jsonrpc":"2.0","method":"version","id":1}]"#,
            Via::Fifo,
            &Reply::Json(json!(1))
        )
        .unwrap(),
        r#"[{"jsonrpc":"2.0","result":1,"id":1}]"#
    );
    let many = format!("[{}1]", "1,".repeat(1000));
    let answer = exchange(&many, Via::Http, &Reply::Accepted).unwrap();
    assert!(
        answer.starts_with(r#"{"jsonrpc":"2.0","error":{"code":-32600,"#),
        "{answer:.100}"
    );
}

#[test]
fn an_answer_too_long_for_a_datagram_says_so() {
    let text = r#"{"jsonrpc":"2.0","method":"pua:list","id":1}"#;
    let long = Reply::Json(Value::from("x".repeat(70_000)));
    let answer = exchange(text, Via::Datagram, &long).unwrap();
    assert!(
        answer.contains(r#""code":413,"message":"Answer too long""#) && answer.ends_with(r#""id":1}"#),
        "{answer:.100}"
    );
    assert!(exchange(text, Via::Http, &long).unwrap().len() > 70_000);
    let batch = format!("[{text},{text}]");
    let answer = exchange(&batch, Via::Datagram, &long).unwrap();
    assert_eq!(
        answer.matches("longer than a datagram").count(),
        2,
        "{answer:.100}"
    );
}

#[test]
fn a_nul_behind_a_datagram_is_overlooked() {
    let text = "{\"jsonrpc\":\"2.0\",\"method\":\"version\",\"id\":1}\0";
    assert!(
        exchange(text, Via::Datagram, &Reply::Accepted)
            .unwrap()
            .contains("result")
    );
    assert!(
        exchange(text, Via::Http, &Reply::Accepted)
            .unwrap()
            .contains("-32700")
    );
}

/// A command that stands over several lines, as kamctl writes it.
#[test]
fn kamctl_over_the_fifo() {
    let text = "\n{\n  \"jsonrpc\": \"2.0\",\n  \"method\": \"pua.send_publish\",\n  \"params\": [\"sip:a@b.c\", \"60\", \"presence\", \".\", \".\", \".\", \".\", \".\"],\n  \"reply_name\": \"kamailio_receiver_1\",\n  \"id\": 1\n}\n";
    let mut framer = pua_mi::FifoFramer::new(1 << 20);
    framer.push(text.as_bytes());
    let request = Request::parse(&framer.next().unwrap().bytes, Via::Fifo);
    assert_eq!(request.reply_name().unwrap().as_str(), "kamailio_receiver_1");
    assert_eq!(
        request.encode(&[Reply::Accepted]).unwrap(),
        br#"{"jsonrpc":"2.0","result":{},"id":1}"#
    );
    assert_eq!(framer.next(), None);
}

#[test]
fn which_feeds_opensips_cli() {
    let request = Request::parse(
        br#"{"jsonrpc": "2.0", "id": "12", "method": "which", "params": []}"#,
        Via::Fifo,
    );
    let Ok(command) = &request.calls[0].command else {
        panic!()
    };
    let Some(Reply::Json(Value::Array(names))) = command.answer() else {
        panic!()
    };
    for name in [
        "pua_publish",
        "pua_mi:publish",
        "pua.publish",
        "pua.send_publish",
        "pua:publish",
        "pua:list",
        "which",
    ] {
        assert!(names.contains(&json!(name)), "{name}");
    }
    // A command's parameter lists, as the completion of opensips-cli asks for them.
    let text = br#"{"jsonrpc":"2.0","id":1,"method":"which","params":{"command":"pua_publish"}}"#;
    let Ok(command) = Request::parse(text, Via::Http).calls.remove(0).command else {
        panic!()
    };
    let Some(Reply::Json(Value::Array(recipes))) = command.answer() else {
        panic!()
    };
    assert!(recipes.contains(&json!([
        "presentity_uri",
        "expires",
        "event_package",
        "content_type",
        "body"
    ])));
}

#[test]
fn other_commands() {
    let command = |method: &str, params: &str| {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        Request::parse(text.as_bytes(), Via::Http).calls.remove(0).command
    };
    assert_eq!(
        command("get_statistics", r#"{"statistics":["all"]}"#),
        Ok(Command::GetStatistics(vec!["all".into()]))
    );
    assert_eq!(
        command("get_statistics", r#"[["pua:","x"]]"#),
        Ok(Command::GetStatistics(vec!["pua:".into(), "x".into()]))
    );
    assert!(command("get_statistics", "[[[1]]]").is_err());
    assert!(command("get_statistics", "null").is_err());
    assert_eq!(command("log_level", "[]"), Ok(Command::LogLevel(None)));
    assert_eq!(
        command("log_level", r#"{"level":"4"}"#),
        Ok(Command::LogLevel(Some(LogLevel::Debug)))
    );
    assert_eq!(
        command("log_level", "[-1]"),
        Ok(Command::LogLevel(Some(LogLevel::Error)))
    );
    assert!(command("log_level", r#"["loud"]"#).is_err());
    assert!(command("uptime", "[1]").is_err());
    assert!(matches!(
        command("help", r#"{"mi_cmd":"which"}"#),
        Ok(Command::Help(Some(_)))
    ));
    let Ok(Command::Refresh(target)) = command("pua:refresh", r#"["sip:a@b.c","presence"]"#) else {
        panic!()
    };
    assert_eq!(target.wait, Wait::Final);
    assert_eq!(
        command("pua:show", r#"["sip:a@b.c"]"#),
        Err(MiError::invalid_params("Too few or too many parameters"))
    );
    assert_eq!(
        command("pua:list", r#"{"limit":0}"#),
        Err(MiError::invalid_params("Bad type for parameter 'limit'"))
    );
}
