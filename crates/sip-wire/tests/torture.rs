//! The torture messages of RFC 4475 and RFC 5118, as far as a parser decides about them: whether a
//! message is dropped, refused with 400, or goes on to be looked at. What happens to those that go
//! on is tested where it is decided.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::PathBuf;

use sip_wire::{
    FaultKind, Frame, FrameErrorKind, Framer, HeaderName, Host, Limits, Message, Method, NameAddr,
    ParseErrorKind, Scheme, Uri,
};

#[derive(Debug, PartialEq)]
enum Verdict {
    /// No message at all.
    Drop(ParseErrorKind),
    /// A request to be answered with 400, a response to be dropped.
    Fault(FaultKind),
    /// All in order.
    Good,
}
use Verdict::{Drop, Fault, Good};

fn read(id: &str) -> Vec<u8> {
    let path: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "tests",
        "torture",
        &format!("{id}.dat"),
    ]
    .iter()
    .collect();
    std::fs::read(path).unwrap()
}

fn verdict(bytes: &[u8]) -> Verdict {
    match Message::parse_datagram(bytes, &Limits::default()) {
        Err(error) => Drop(error.kind),
        Ok(message) => match message.essentials() {
            Err(fault) => Fault(fault.kind),
            Ok(_) => Good,
        },
    }
}

/// By the names of the messages, in the order of the RFCs.
const EXPECTED: &[(&str, Verdict)] = &[
    // RFC 4475 §3.1.1: valid
    ("wsinv", Good),
    ("intmeth", Good),
    ("esc01", Good),
    ("escnull", Good),
    ("esc02", Good),
    ("lwsdisp", Good),
    ("longreq", Good),
    ("dblreq", Good),
    ("semiuri", Good),
    ("transports", Good),
    ("mpart01", Good),
    ("unreason", Good),
    ("noreason", Good),
    // §3.1.2: invalid
    ("badinv01", Fault(FaultKind::Malformed(HeaderName::Via))),
    ("clerr", Fault(FaultKind::BodyTooShort)),
    ("ncl", Fault(FaultKind::Malformed(HeaderName::ContentLength))),
    ("scalar02", Fault(FaultKind::Malformed(HeaderName::CSeq))),
    ("scalarlg", Fault(FaultKind::Malformed(HeaderName::CSeq))),
    ("quotbal", Fault(FaultKind::Malformed(HeaderName::To))),
    ("ltgtruri", Fault(FaultKind::RequestUri)),
    ("lwsruri", Fault(FaultKind::RequestUri)),
    ("lwsstart", Fault(FaultKind::RequestLine)),
    ("trws", Fault(FaultKind::RequestLine)),
    ("escruri", Fault(FaultKind::RequestUri)),
    // a Date is not needed to process a request, nor is the Contact of a REGISTER that is refused
    ("baddate", Good),
    ("regbadct", Good),
    ("badaspec", Fault(FaultKind::Malformed(HeaderName::To))),
    ("baddn", Fault(FaultKind::Malformed(HeaderName::From))),
    // answered with 505, which is not for the parser
    ("badvers", Good),
    ("mismatch01", Fault(FaultKind::CSeqMethod)),
    ("mismatch02", Fault(FaultKind::CSeqMethod)),
    ("bigcode", Drop(ParseErrorKind::StatusCode)),
    // §3.2, §3.3, §3.4: what the layers above decide, but for missing and repeated headers
    ("badbranch", Good),
    ("insuf", Fault(FaultKind::Missing(HeaderName::From))),
    ("unkscm", Good),
    ("novelsc", Good),
    ("unksm2", Good),
    ("bext01", Good),
    ("invut", Good),
    ("regaut01", Good),
    ("multi01", Fault(FaultKind::Repeated(HeaderName::CSeq))),
    ("mcl01", Fault(FaultKind::Repeated(HeaderName::ContentLength))),
    ("bcast", Good),
    ("zeromf", Good),
    ("cparam01", Good),
    ("cparam02", Good),
    ("regescrt", Good),
    ("sdp01", Good),
    ("inv2543", Good),
    ("test", Drop(ParseErrorKind::StartLine)),
    // RFC 5118
    ("rfc5118/ipv6-good", Good),
    ("rfc5118/ipv6-bad", Fault(FaultKind::RequestUri)),
    ("rfc5118/port-ambiguous", Good),
    ("rfc5118/port-unambiguous", Good),
    ("rfc5118/via-received-param-with-delim", Good),
    ("rfc5118/via-received-param-no-delim", Good),
    ("rfc5118/ipv6-in-sdp", Good),
    ("rfc5118/mult-ip-in-header", Good),
    ("rfc5118/mult-ip-in-sdp", Good),
    ("rfc5118/ipv4-mapped-ipv6", Good),
    ("rfc5118/ipv6-bug-abnf-3-colons", Good),
    ("rfc5118/ipv6-correct-abnf-2-colons", Good),
];

#[test]
fn every_message_gets_its_verdict() {
    let wrong: Vec<_> = EXPECTED
        .iter()
        .map(|(id, expected)| (id, verdict(&read(id)), expected))
        .filter(|(_, got, expected)| got != *expected)
        .collect();
    assert!(wrong.is_empty(), "id, verdict, expected: {wrong:#?}");
}

#[test]
fn the_table_is_complete() {
    let mut files = 0;
    for dir in ["", "rfc5118"] {
        let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "torture", dir]
            .iter()
            .collect();
        files += std::fs::read_dir(path)
            .unwrap()
            .filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|x| x == "dat"))
            .count();
    }
    assert_eq!(files, EXPECTED.len());
}

/// The same message on a stream: what frames at all gets the same verdict.
#[test]
fn a_stream_agrees_with_a_datagram() {
    for (id, expected) in EXPECTED {
        let bytes = read(id);
        let mut framer = Framer::new(Limits::stream());
        framer.push(&bytes);
        match (framer.next(), expected) {
            (Ok(Some(Frame::Message(cut))), _) => {
                let message = Message::parse_framed(&cut, &Limits::stream()).unwrap();
                let verdict = message.essentials().map_or_else(|f| Fault(f.kind), |_| Good);
                assert_eq!(&verdict, expected, "{id}");
            }
            // waits for the rest of the body
            (Ok(None), Fault(FaultKind::BodyTooShort)) => assert_eq!(framer.pending(), bytes.len()),
            (Err(error), expected) => match error.kind {
                FrameErrorKind::Parse(parse) => assert_eq!(&Drop(parse.kind), expected, "{id}"),
                FrameErrorKind::Length(fault) => {
                    let missing = FaultKind::Missing(HeaderName::ContentLength);
                    assert!(
                        &Fault(fault.kind) == expected || fault.kind == missing,
                        "{id}: {fault}"
                    );
                    let head = error.head.unwrap();
                    assert!(Message::parse_datagram(&head, &Limits::stream()).is_ok(), "{id}");
                }
                FrameErrorKind::TooLong(_) => panic!("{id}"),
            },
            // the archive has no blank line at its end, which only a datagram can do without
            (Ok(None), _) if *id == "baddn" => assert_eq!(framer.pending(), bytes.len()),
            (other, _) => panic!("{id}: {other:?}"),
        }
    }
}

fn with<R>(id: &str, look: impl FnOnce(&Message<'_>) -> R) -> R {
    let bytes = read(id);
    let message = Message::parse_datagram(&bytes, &Limits::default()).unwrap();
    look(&message)
}

/// R3261-001, R3261-012
#[test]
fn wsinv_is_read_through_its_folds() {
    with("wsinv", |m| {
        let e = m.essentials().unwrap();
        assert_eq!((e.max_forwards, e.cseq.number), (Some(68), 9));
        assert_eq!(e.to_tag, Some("1918181833n"));
        assert_eq!(e.from.display_text(), "J Rosenberg \\\"");
        let vias: Vec<_> = m.headers.vias().map(Result::unwrap).collect();
        assert_eq!(vias.len(), 3);
        assert_eq!((vias[0].branch, vias[0].has_cookie()), (Some("390skdjuw"), false));
        assert_eq!(
            (vias[1].transport, vias[1].host),
            ("TCP", Host::Name("spindle.example.com"))
        );
        assert_eq!(vias[2].branch, Some("z9hG4bK30239"));
        assert_eq!(
            m.request().unwrap().uri,
            "sip:vivekg@chair-dnrc.example.com;unknownparam"
        );
        let contact = NameAddr::parse(m.headers.list(HeaderName::Contact).next().unwrap()).unwrap();
        assert_eq!(contact.display_text(), "Quoted string \"\"");
        assert_eq!(contact.params.get("newparam"), Some("newvalue"));
        assert_eq!(contact.params.get("secondparam"), Some(""));
        assert_eq!(contact.params.get("q"), Some("0.33"));
    });
}

/// R3261-013
#[test]
fn exotic_characters_stay_what_they_are() {
    with("intmeth", |m| {
        let e = m.essentials().unwrap();
        assert_eq!(
            e.cseq.method,
            Method::Other("!interesting-Method0123456789_*+`.%indeed'~")
        );
        assert_eq!(e.from_tag, Some("_token~1'+`*%!-."));
        assert_eq!(e.to.display_text(), "BEL:\u{7} NUL:\0 DEL:\u{7f}");
        let uri = Uri::parse(m.request().unwrap().uri).unwrap();
        assert_eq!(uri.user, Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
        assert_eq!(uri.password, Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
        assert_eq!(uri.host, Host::Name("example.com"));
    });
    with("esc01", |m| {
        let uri = Uri::parse(m.request().unwrap().uri).unwrap();
        assert_eq!(
            (uri.scheme, uri.user),
            (Scheme::Sip, Some("sips%3Auser%40example.com"))
        );
        assert_eq!(uri.host, Host::Name("example.net"));
    });
    with("escnull", |m| {
        assert_eq!(
            m.essentials().unwrap().to.uri().unwrap().user,
            Some("null-%00-null")
        );
    });
    with("esc02", |m| {
        assert_eq!(m.method(), Some(Method::Other("RE%47IST%45R")))
    });
    with("semiuri", |m| {
        assert_eq!(
            Uri::parse(m.request().unwrap().uri).unwrap().user,
            Some("user;par=u%40example.net")
        );
    });
    with("unreason", |m| {
        assert!(
            std::str::from_utf8(m.status().unwrap().reason)
                .unwrap()
                .starts_with("= 2**3")
        )
    });
    with("noreason", |m| assert_eq!(m.status().unwrap().reason, b""));
}

/// R3261-018
#[test]
fn bodies_are_cut_where_content_length_says() {
    with("dblreq", |m| assert_eq!(m.body, b""));
    with("mpart01", |m| assert_eq!(m.body.len(), 553));
    let bytes = read("dblreq");
    let mut framer = Framer::new(Limits::stream());
    framer.push(&bytes);
    let mut methods = Vec::new();
    // the archive has five octets more than the second message says, and they begin no third
    while let Ok(Some(frame)) = framer.next() {
        let Frame::Message(cut) = frame else { continue };
        methods.push(
            Message::parse_framed(&cut, &Limits::stream())
                .unwrap()
                .method()
                .unwrap()
                .to_string(),
        );
    }
    assert_eq!(methods, ["REGISTER", "INVITE"]);
}

/// R3261-011, R3261-015: headers of a URI are never headers of a message
#[test]
fn parameters_of_headers_and_of_uris_are_kept_apart() {
    let contact = |id: &str| -> (Option<String>, bool, String) {
        with(id, |m| {
            let contact = NameAddr::parse(m.headers.get(HeaderName::Contact).unwrap()).unwrap();
            let uri = contact.uri().unwrap();
            (
                contact.params.get("unknownparam").map(str::to_owned),
                uri.param("unknownparam").is_some(),
                uri.headers_str().to_owned(),
            )
        })
    };
    assert_eq!(contact("cparam01"), (Some(String::new()), false, String::new()));
    assert_eq!(contact("cparam02"), (None, true, String::new()));
    assert_eq!(
        contact("regescrt"),
        (None, false, "?Route=%3Csip:sip.example.com%3E".to_owned())
    );
    with("regbadct", |m| {
        assert!(NameAddr::parse(m.headers.get(HeaderName::Contact).unwrap()).is_err())
    });
}

#[test]
fn foreign_schemes_stay_opaque() {
    with("unksm2", |m| {
        let e = m.essentials().unwrap();
        assert_eq!(e.to.uri().unwrap().scheme, Scheme::Other("isbn"));
        assert_eq!(e.from.uri().unwrap().scheme, Scheme::Other("http"));
    });
    with("novelsc", |m| {
        assert_eq!(
            Uri::parse(m.request().unwrap().uri).unwrap().scheme,
            Scheme::Other("soap.beep")
        );
    });
}

#[test]
fn ipv6_references() {
    let uri = |id: &str| -> (Host<'static>, Option<u16>) {
        with(id, |m| {
            let uri = Uri::parse(m.request().unwrap().uri).unwrap();
            let Host::V6(address) = uri.host else {
                panic!("{id}")
            };
            (Host::V6(address), uri.port)
        })
    };
    let v6 = |text: &str| Host::V6(text.parse().unwrap());
    assert_eq!(uri("rfc5118/port-ambiguous"), (v6("2001:db8::10:5070"), None));
    assert_eq!(uri("rfc5118/port-unambiguous"), (v6("2001:db8::10"), Some(5070)));
    assert_eq!(
        uri("rfc5118/ipv6-bug-abnf-3-colons"),
        uri("rfc5118/ipv6-correct-abnf-2-colons")
    );
    for id in [
        "rfc5118/via-received-param-with-delim",
        "rfc5118/via-received-param-no-delim",
    ] {
        let received = with(id, |m| m.essentials().unwrap().top_via.received_ip());
        assert_eq!(received, Some("2001:db8::9:255".parse().unwrap()), "{id}");
    }
    with("rfc5118/ipv4-mapped-ipv6", |m| {
        let via = m.essentials().unwrap().top_via;
        assert_eq!((via.host, via.port), (v6("::ffff:192.0.2.10"), Some(19823)));
        assert_eq!(via.sent_by, "[::ffff:192.0.2.10]:19823");
    });
    with("rfc5118/mult-ip-in-header", |m| {
        assert_eq!(m.headers.vias().filter(Result::is_ok).count(), 3)
    });
}

#[test]
fn what_can_be_answered_says_so() {
    for id in [
        "quotbal",
        "scalar02",
        "multi01",
        "clerr",
        "ncl",
        "lwsruri",
        "mismatch01",
        "badinv01",
    ] {
        assert!(with(id, |m| m.answerable().is_some()), "{id}");
    }
    for id in ["insuf", "scalarlg"] {
        assert!(with(id, |m| m.answerable().is_none()), "{id}");
    }
}
