//! What arrives unasked (RFC 3261 §8.2, §11; RFC 4320; RFC 6665 §4.1.3), and the messages of
//! RFC 4475 and RFC 5118.

mod bed;
use bed::notifier::Notify;
use bed::*;
use pua_core::*;

fn request(method: &str, uri: &str, extra: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5070;branch=z9hG4bK{method};rport\r\n\
         From: <sip:x@example.com>;tag=f\r\nTo: <{uri}>\r\nCall-ID: c-{method}\r\nCSeq: 1 {method}\r\n\
         Max-Forwards: 70\r\n{extra}Content-Length: 0\r\n\r\n"
    )
}

fn ask_by(transport: Transport, text: &[u8]) -> (Bed, Option<Sent>) {
    let mut bed = Bed::new();
    let flow = Flow {
        transport,
        local: "192.0.2.9:5060".parse().unwrap(),
        remote: "192.0.2.7:40000".parse().unwrap(),
        connection: u64::from(transport == Transport::Tcp),
    };
    bed.input(Input::Received {
        flow: &flow,
        bytes: text,
    });
    let response = bed.responses.first().cloned();
    assert!(bed.sent.is_empty(), "no request is made by what a stranger sends");
    (bed, response)
}

fn ask(text: &str) -> Sent {
    ask_by(Transport::Udp, text.as_bytes())
        .1
        .unwrap_or_else(|| panic!("no answer to {text}"))
}

fn code(sent: &Sent) -> u16 {
    sent.text()[8..11].parse().unwrap()
}

/// R3261-086: OPTIONS is answered with what we take; Max-Forwards 0 is no matter.
#[test]
fn r3261_086_options() {
    for uri in ["sip:192.0.2.9", "sip:pua@192.0.2.9:5060", "sip:pua@example.com"] {
        let response = ask(&request("OPTIONS", uri, "").replace("Max-Forwards: 70", "Max-Forwards: 0"));
        assert_eq!(code(&response), 200, "{uri}");
        assert_eq!(response.header("Allow"), Some("OPTIONS, NOTIFY"));
        for name in ["Accept", "Accept-Encoding", "Accept-Language", "Supported"] {
            assert!(response.text().contains(&format!("\r\n{name}:")), "{name}");
        }
        assert_eq!(
            response.header("Allow-Events"),
            None,
            "R6665-05: we are no notifier"
        );
        assert!(response.header("To").unwrap().contains(";tag="));
        assert_eq!(response.hop.addr, "192.0.2.7:40000".parse().unwrap());
    }
    let inside = request("OPTIONS", "sip:pua@192.0.2.9", "")
        .replace("To: <sip:pua@192.0.2.9>", "To: <sip:pua@192.0.2.9>;tag=x");
    assert_eq!(code(&ask(&inside)), 481);
}

/// R3261-086, RFC 3261 §12.2.2: within a dialog as outside, but an old CSeq number is not taken, and
/// nothing of the subscription changes.
#[test]
fn r3261_086_options_in_a_dialog() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", Lifetime::UntilFurtherNotice);
    let mut ask = |cseq: u32, tag: &str| {
        let mut notify = Notify::new(&sent, tag, cseq, "");
        notify.state = None;
        let text = notify.event("").text().replace("NOTIFY", "OPTIONS");
        bed.receive_from(sent.hop, &text);
        bed.answer_code()
    };
    assert_eq!(ask(5, "n"), 200);
    assert_eq!(ask(4, "n"), 500);
    assert_eq!(ask(6, "other"), 481);
    let late = Notify::new(&sent, "n", 5, "active");
    assert_eq!(
        bed.notify(&Notify {
            branch: "z9hG4bKlate".into(),
            ..late
        }),
        500
    );
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 7, "active")), 200);
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
}

/// R3261-086, R4662-01: what is offered and understood is said.
#[test]
fn r3261_086_options_and_resource_lists() {
    let text = request("OPTIONS", "sip:pua@192.0.2.9", "");
    for offered in [true, false] {
        let mut config = config();
        config.subscribe.eventlist = offered;
        let mut bed = Bed::with(config);
        let hop = Hop {
            transport: Transport::Udp,
            addr: "192.0.2.7:40000".parse().unwrap(),
        };
        bed.receive_from(hop, &text);
        let response = bed.responses.last().unwrap();
        let accept = response.header("Accept").unwrap();
        for known in ["pidf", "conference-info", "xcap-diff"] {
            assert!(accept.contains(&format!("application/{known}+xml")), "{known}");
        }
        assert_eq!(accept.contains("application/rlmi+xml"), offered);
        assert_eq!(response.text().contains("\r\nSupported: eventlist\r\n"), offered);
    }
}

/// R3261-097, SEC-09: what is beyond a limit of its head is told so, and no more is done with it.
#[test]
fn r3261_097_beyond_the_limits_is_answered() {
    let rows = |row: &str, times: usize| row.repeat(times);
    for (extra, expected, reason) in [
        (rows("X-Y: z\r\n", 300), 400, "Too Many Header Fields"),
        (
            rows("Record-Route: <sip:192.0.2.5;lr>\r\n", 71),
            400,
            "Too Many Hops",
        ),
        (
            format!("X-Y: {}\r\n", "z".repeat(9000)),
            400,
            "Header Field Too Long",
        ),
    ] {
        let text = request("NOTIFY", "sip:pua@192.0.2.9", &extra);
        for transport in [Transport::Udp, Transport::Tcp] {
            let response = ask_by(transport, text.as_bytes()).1.unwrap();
            assert_eq!(code(&response), expected);
            assert!(response.start().ends_with(reason), "{}", response.start());
        }
        let ack = text.replace("NOTIFY", "ACK");
        assert!(ask_by(Transport::Udp, ack.as_bytes()).1.is_none());
    }
    let uri = format!("sip:pua@192.0.2.9;x={}", "y".repeat(5000));
    let text = request("OPTIONS", &uri, "").replace(&format!("To: <{uri}>"), "To: <sip:pua@192.0.2.9>");
    assert_eq!(code(&ask(&text)), 414);
}

/// R3261-081: known methods 405 with Allow, others 501. R3261-089: INVITE too.
#[test]
fn r3261_081_methods() {
    for (method, expected) in [
        ("MESSAGE", 405),
        ("PUBLISH", 405),
        ("SUBSCRIBE", 405),
        ("REGISTER", 405),
        ("INVITE", 405),
        ("BYE", 405),
        ("FOO", 501),
        ("options", 501),
        ("CANCEL", 481),
    ] {
        let response = ask(&request(method, "sip:pua@192.0.2.9", ""));
        assert_eq!(code(&response), expected, "{method}");
        if expected != 481 {
            assert_eq!(response.header("Allow"), Some("OPTIONS, NOTIFY"));
        }
    }
}

/// R3261-089: an ACK is never answered.
#[test]
fn r3261_089_ack() {
    let (_, response) = ask_by(Transport::Udp, request("ACK", "sip:pua@192.0.2.9", "").as_bytes());
    assert!(response.is_none());
}

/// R3261-082: 416 for a scheme, 404 for another's URI.
#[test]
fn r3261_082_request_uri() {
    assert_eq!(code(&ask(&request("OPTIONS", "tel:+1234", ""))), 416);
    assert_eq!(code(&ask(&request("OPTIONS", "sip:other@192.0.2.9", ""))), 404);
}

/// R3261-084: Require is answered with what is not understood, all of it and nothing else.
#[test]
fn r3261_084_require() {
    let response = ask(&request(
        "OPTIONS",
        "sip:pua@192.0.2.9",
        "Require: a, b\r\nProxy-Require: c\r\nRequire: d\r\n",
    ));
    assert_eq!(
        (code(&response), response.header("Unsupported")),
        (420, Some("a, b, d"))
    );
}

/// R3261-083: the same request by another way.
#[test]
fn r3261_083_merged() {
    let text = request("OPTIONS", "sip:pua@192.0.2.9", "");
    let (mut bed, _) = ask_by(Transport::Udp, text.as_bytes());
    let hop = Hop {
        transport: Transport::Udp,
        addr: "192.0.2.7:40000".parse().unwrap(),
    };
    bed.receive_from(hop, &text.replace("z9hG4bKOPTIONS", "z9hG4bKother"));
    assert_eq!(code(bed.responses.last().unwrap()), 482);
}

/// R3261-087: a repetition gets the same bytes again.
#[test]
fn r3261_087_repetition() {
    let text = request("OPTIONS", "sip:pua@192.0.2.9", "");
    let (mut bed, first) = ask_by(Transport::Udp, text.as_bytes());
    bed.run_to(20_000);
    let hop = Hop {
        transport: Transport::Udp,
        addr: "192.0.2.7:40000".parse().unwrap(),
    };
    bed.receive_from(hop, &text);
    assert_eq!(bed.responses.len(), 2);
    assert_eq!(bed.responses[1].bytes, first.unwrap().bytes);
    bed.run_to(33_000);
    assert_eq!(bed.statistic("server_transactions"), 0);
}

/// R6665-70, R6665-73, R6665-74: a NOTIFY that belongs to nothing, and one that is broken.
#[test]
fn r6665_70_unmatched_notify() {
    let good = "Event: presence\r\nSubscription-State: active;expires=60\r\n";
    assert_eq!(code(&ask(&request("NOTIFY", "sip:pua@192.0.2.9", good))), 481);
    for bad in ["Event: presence\r\n", "Subscription-State: active\r\n"] {
        assert_eq!(code(&ask(&request("NOTIFY", "sip:pua@192.0.2.9", bad))), 400);
    }
}

/// SEC-08: the answer is not much larger than the question, and nothing else is sent.
#[test]
fn sec_08_no_amplification() {
    for method in ["OPTIONS", "INVITE", "FOO", "NOTIFY"] {
        let text = request(method, "sip:pua@192.0.2.9", "");
        let response = ask(&text);
        assert!(
            response.bytes.len() <= text.len() + 400,
            "{method}: {}",
            response.bytes.len()
        );
    }
}

/// RFC 4475 and RFC 5118, the verdict for this user agent of every message (part E of the
/// checklist). `0`: no answer.
#[test]
fn rfc4475_and_rfc5118_verdicts() {
    let verdicts: &[(&str, &[u16])] = &[
        ("wsinv", &[405]),
        ("intmeth", &[501]),
        ("esc01", &[405]),
        ("escnull", &[405]),
        ("esc02", &[501]),
        ("lwsdisp", &[200, 404]),
        ("longreq", &[405]),
        ("dblreq", &[405]),
        ("semiuri", &[200, 404]),
        ("transports", &[200, 404]),
        ("mpart01", &[405]),
        ("unreason", &[0]),
        ("noreason", &[0]),
        ("badinv01", &[400]),
        ("clerr", &[400]),
        ("ncl", &[400]),
        ("scalar02", &[400]),
        ("scalarlg", &[0]),
        ("quotbal", &[400]),
        ("ltgtruri", &[400]),
        ("lwsruri", &[400]),
        ("lwsstart", &[400]),
        ("trws", &[400, 200, 404]),
        ("escruri", &[400, 405]),
        ("baddate", &[405]),
        ("regbadct", &[400, 405]),
        ("badaspec", &[400]),
        ("baddn", &[400, 200, 404]),
        ("badvers", &[505]),
        ("mismatch01", &[400]),
        ("mismatch02", &[501, 400]),
        ("bigcode", &[0]),
        ("badbranch", &[400, 200, 404]),
        ("insuf", &[400, 0]),
        ("unkscm", &[416]),
        ("novelsc", &[416]),
        ("unksm2", &[405]),
        ("bext01", &[420]),
        ("invut", &[405]),
        ("regaut01", &[405]),
        ("multi01", &[400]),
        ("mcl01", &[400]),
        ("bcast", &[0]),
        ("zeromf", &[200, 404]),
        ("cparam01", &[405]),
        ("cparam02", &[405]),
        ("regescrt", &[405]),
        ("sdp01", &[405]),
        ("inv2543", &[405]),
        ("test", &[0, 400]),
        ("rfc5118/ipv6-good", &[405]),
        ("rfc5118/ipv6-bad", &[400]),
        ("rfc5118/port-ambiguous", &[405]),
        ("rfc5118/port-unambiguous", &[405]),
        ("rfc5118/via-received-param-with-delim", &[481, 405]),
        ("rfc5118/via-received-param-no-delim", &[200, 404]),
        ("rfc5118/ipv6-in-sdp", &[405]),
        ("rfc5118/mult-ip-in-sdp", &[405]),
        ("rfc5118/mult-ip-in-header", &[481, 405]),
        ("rfc5118/ipv4-mapped-ipv6", &[405]),
        ("rfc5118/ipv6-bug-abnf-3-colons", &[200, 404, 400]),
        ("rfc5118/ipv6-correct-abnf-2-colons", &[200, 404]),
    ];
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../sip-wire/tests/torture");
    let mut wrong = Vec::new();
    for (id, expected) in verdicts {
        let path = format!("{folder}/{id}.dat");
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let (_, response) = ask_by(Transport::Udp, &bytes);
        let verdict = response.as_ref().map_or(0, code);
        if !expected.contains(&verdict) {
            wrong.push(format!("{id}: {verdict}, not {expected:?}"));
        }
        if let Some(response) = response.filter(|response| code(response) == 420) {
            assert_eq!(
                response.header("Unsupported"),
                Some("nothingSupportsThis, nothingSupportsThisEither")
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
