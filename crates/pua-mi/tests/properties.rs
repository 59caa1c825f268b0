//! Whatever comes in, nothing panics, the framer does not care how bytes were split, and ids come back as they went in.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use proptest::collection::vec;
use proptest::prelude::*;
use pua_mi::{FifoFramer, Member, MiError, Outcome, Reply, Request, ResourceState, SubscriptionOutcome, Via};
use serde_json::{Value, json};

const VIAS: [Via; 4] = [Via::Fifo, Via::Datagram, Via::Stream, Via::Http];

/// Pieces that requests are made of, to be put together wrongly.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = vec![
        b":",
        b"::",
        b"\n",
        b"\n\n",
        b"\r\n",
        b"\"",
        b"\\\"",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b".",
        b" ",
        b"\t",
        b":r:{",
        b":pua_publish:r\n",
        b":pua.publish:\n",
        b"sip:a@b.c\n",
        b"60\n",
        b"presence\n",
        b"application/pidf+xml\n",
        b"<presence/>\n",
        b"wait::final\n",
        b"<?xml version='1.0'?>",
        b"<methodCall><methodName>pua.subscribe</methodName>",
        b"<params>",
        b"<param><value>sip:a@b.c</value></param>",
        b"<value><struct><member><name>expires</name>",
        b"<value><int>1</int></value>",
        b"<array><data/></array>",
        b"</params></methodCall>",
        b"&lt;",
        b":pua_subscribe:r\n",
        b":pua:fetch:\n",
        b"sip:w@b.c\n",
        b"members::",
        b"sip:a@b.c,sip:b@b.c",
        b"\"method\":\"pua.subscribe\"",
        b"\"method\":\"event_subscribe\"",
        b"\"watcher_uri\":\"sip:a@b.c\"",
        b"\"event_package\":\"presence\"",
        b"\"members\":[\"sip:a@b.c\"]",
        b"\"jsonrpc\":\"2.0\"",
        b"\"method\":\"pua_publish\"",
        b"\"id\":1",
        b"\"params\":",
        b"\"expires\":\"3600\"",
        b"\"presentity_uri\":\"sip:a@b.c\"",
        b"null",
        b"true",
        b"-1",
        b"1e5",
        b"\xff",
        b"\0",
        b"a_b",
    ];
    prop_oneof![
        8 => proptest::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..8),
    ]
}

fn soup() -> impl Strategy<Value = Vec<u8>> {
    vec(fragment(), 0..40).prop_map(|pieces| pieces.concat())
}

fn drain(framer: &mut FifoFramer) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| framer.next())
        .map(|request| request.bytes)
        .collect()
}

fn replies(request: &Request) -> Vec<Reply> {
    let outcome = Outcome {
        code: 200,
        reason: "OK".into(),
        etag: Some("e".into()),
        expires: Some(1),
        ..Outcome::default()
    };
    request
        .calls
        .iter()
        .map(|call| match &call.command {
            Ok(_) => Reply::Published(outcome.clone()),
            Err(error) => Reply::Error(error.clone()),
        })
        .collect()
}

proptest! {
    #[test]
    fn any_bytes_make_a_request(bytes in soup()) {
        for via in VIAS {
            let request = Request::parse(&bytes, via);
            prop_assert!(!request.calls.is_empty());
            let answer = request.encode(&replies(&request));
            prop_assert_eq!(answer.is_some(), request.answer.is_wanted());
            prop_assert_eq!(answer.is_some(), request.calls.iter().any(|call| call.wants_reply));
            // An answer is text of one kind: JSON without line ends, or lines that end with an empty one.
            if let Some(answer) = answer {
                let text = String::from_utf8(answer).unwrap();
                match text.starts_with(['{', '[']) {
                    true => prop_assert!(serde_json::from_str::<Value>(&text).is_ok()),
                    false if text.starts_with('<') => prop_assert!(text.ends_with("</methodResponse>\n")),
                    false => prop_assert!(text == "400 Parse_error" || text.ends_with("\n\n")),
                }
            }
        }
    }

    #[test]
    fn random_bytes_make_a_request(bytes in vec(any::<u8>(), 0..200)) {
        for via in VIAS {
            let request = Request::parse(&bytes, via);
            let _ = request.encode(&replies(&request));
        }
    }

    #[test]
    fn the_framer_does_not_care_how_bytes_were_split(bytes in soup(), limit in 1_usize..300, cuts in vec(1_usize..20, 0..80)) {
        let mut whole = FifoFramer::new(limit);
        whole.push(&bytes);
        let expected = drain(&mut whole);
        let mut split = FifoFramer::new(limit);
        let (mut rest, mut cut) = (bytes.as_slice(), Vec::new());
        for length in cuts.into_iter().chain(std::iter::once(usize::MAX)) {
            let (head, tail) = rest.split_at(length.min(rest.len()));
            split.push(head);
            cut.extend(drain(&mut split));
            rest = tail;
        }
        prop_assert_eq!(&cut, &expected);
        whole.writers_gone();
        split.writers_gone();
        prop_assert_eq!(drain(&mut whole), drain(&mut split));
        for request in cut {
            let request = Request::parse(&request, Via::Fifo);
            let _ = request.encode(&replies(&request));
        }
    }

    #[test]
    fn a_sound_request_behind_anything_is_found(bytes in soup()) {
        let sound = br#":sound:{"jsonrpc":"2.0","id":1,"method":"which"}"#;
        let mut framer = FifoFramer::new(1 << 20);
        framer.push(&bytes);
        drain(&mut framer);
        framer.writers_gone();
        drain(&mut framer);
        framer.push(sound);
        prop_assert_eq!(drain(&mut framer), [sound.to_vec()]);
    }

    #[test]
    fn ids_come_back(id in prop_oneof![
        "0|[1-9][0-9]{0,29}",
        "-?[1-9][0-9]{0,5}(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        any::<String>().prop_map(|text| Value::from(text).to_string()),
        Just("null".to_owned()),
    ], spaced in any::<bool>()) {
        let space = if spaced { " " } else { "" };
        let text = format!("{{\"jsonrpc\":{space}\"2.0\",{space}\"id\":{space}{id},\"method\":\"version\"}}");
        let request = Request::parse(text.as_bytes(), Via::Datagram);
        let answer = request.encode(&[Reply::Json(json!({}))]).unwrap();
        prop_assert_eq!(
            String::from_utf8(answer).unwrap(),
            format!("{{\"jsonrpc\":\"2.0\",\"result\":{{}},\"id\":{id}}}")
        );
    }

    #[test]
    fn what_a_peer_says_stays_in_its_place(reason in any::<String>(), etag in any::<String>(), warning in any::<String>()) {
        let outcome = |code| Reply::Published(Outcome {
            code,
            reason: reason.as_str().into(),
            etag: Some(etag.as_str().into()),
            expires: Some(1),
            warning: Some(warning.clone()),
            ..Outcome::default()
        });
        let classic = Request::parse(b":version:\n", Via::Datagram);
        for (code, lines) in [(200, 5), (403, 4)] {
            let text = String::from_utf8(classic.encode(&[outcome(code)]).unwrap()).unwrap();
            prop_assert!(text.starts_with("200 OK\n"));
            prop_assert_eq!(text.matches('\n').count(), lines, "{:?}", text);
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        }
        let error = classic.encode(&[Reply::Error(MiError::new(400, reason))]).unwrap();
        prop_assert_eq!(error.iter().filter(|byte| **byte == b'\n').count(), 2);
    }

    #[test]
    fn what_a_notifier_says_stays_in_its_place(text in any::<String>(), body in vec(any::<u8>(), 1..60), list in any::<bool>()) {
        let member = Member {
            name: Some(text.clone()),
            state: Some(text.clone()),
            reason: Some(text.clone()),
        };
        let state = ResourceState {
            resource: text.clone(),
            member: list.then_some(member),
            content_type: format!("a{text}"),
            body: body.clone(),
            ..ResourceState::default()
        };
        let outcome = SubscriptionOutcome {
            response: Outcome { code: 200, reason: text.as_str().into(), ..Outcome::default() },
            state: "active",
            termination: Some(text),
            states: vec![state],
            raw: true,
        };
        let reply = [Reply::Subscribed(Box::new(outcome))];
        let classic = Request::parse(b":version:\n", Via::Datagram).encode(&reply).unwrap();
        let start = classic.windows(8).position(|w| w == b"Body:: \"").unwrap();
        let head = std::str::from_utf8(&classic[..start]).unwrap();
        prop_assert_eq!(head.matches('\n').count(), if list { 9 } else { 5 }, "{:?}", head);
        prop_assert!(!head.chars().any(|c| c.is_control() && !"\n\t".contains(c)));
        // Read as a parameter is read, the body is what came, but for the line end that keeps a backslash harmless.
        let request = [b":pua_publish:\nsip:a@b.c\n1\nx\na/b\n".as_slice(), &classic[start + 7..]].concat();
        let parsed = Request::parse(&request, Via::Datagram);
        match &parsed.calls[0].command {
            Ok(pua_mi::Command::Publish(publish)) => {
                let mut expected = body.clone();
                if expected.last() == Some(&b'\\') {
                    expected.push(b'\n');
                }
                prop_assert_eq!(publish.body.as_ref(), Some(&expected));
            }
            other => prop_assert!(body == b".", "{:?}", other),
        }
        let call = br#"{"jsonrpc":"2.0","id":1,"method":"version"}"#;
        let json = Request::parse(call, Via::Http).encode(&reply).unwrap();
        prop_assert!(serde_json::from_slice::<Value>(&json).is_ok());
        let call = b"<methodCall><methodName>version</methodName></methodCall>";
        let xml = Request::parse(call, Via::Http).encode(&reply).unwrap();
        let mut reader = quick_xml::Reader::from_reader(xml.as_slice());
        let end = std::iter::repeat_with(|| reader.read_event_into(&mut Vec::new()).map(quick_xml::events::Event::into_owned))
            .find(|event| matches!(event, Ok(quick_xml::events::Event::Eof) | Err(_)));
        prop_assert!(matches!(end, Some(Ok(_))), "{:?}", end);
        let legal = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{7f}'..='\u{9f}');
        prop_assert!(std::str::from_utf8(&xml).unwrap().chars().all(legal));
    }

    #[test]
    fn a_body_passes_through_unharmed(
        // A backslash before a quotation mark or the end would escape it: classic text cannot say that.
        body in "\\PC.*".prop_map(|body| body.replace('\\', "/")).prop_filter("a body", |body| body != "."),
    ) {
        let json = json!({
            "jsonrpc": "2.0", "id": 1, "method": "pua_publish",
            "params": {"presentity_uri": "sip:a@b.c", "expires": 1, "event_package": "x", "content_type": "a/b", "body": body},
        });
        let by_json = Request::parse(json.to_string().as_bytes(), Via::Http);
        let quoted = body.replace('"', "\\\"");
        let classic = format!(":pua_publish:\nsip:a@b.c\n1\nx\na/b\n\"{quoted}\"\n");
        let by_text = Request::parse(classic.as_bytes(), Via::Datagram);
        for request in [by_json, by_text] {
            match &request.calls[0].command {
                Ok(pua_mi::Command::Publish(publish)) => prop_assert_eq!(publish.body.as_deref(), Some(body.as_bytes())),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
