//! What holds for all messages: printing and parsing are inverses, nothing panics, a stream reads
//! what a datagram reads wherever it is cut.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;

use proptest::prelude::*;
use sip_wire::typed::{EventHeader, MediaType, RetryAfter, SubscriptionState};
use sip_wire::{
    ExtraHeaders, Frame, Framer, HeaderName, Host, Limits, Message, Method, NameAddr, Params, Printer, Uri,
    Via, grammar,
};

fn torture() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for dir in ["", "rfc5118"] {
        let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "torture", dir]
            .iter()
            .collect();
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|x| x == "dat") {
                all.push(std::fs::read(path).unwrap());
            }
        }
    }
    all.sort();
    assert!(all.len() > 50);
    all
}

/// Changes to a message: where (as a fraction), and what.
#[derive(Debug, Clone)]
enum Change {
    Set(u8),
    Insert(Vec<u8>),
    Remove(usize),
    Repeat(usize),
}

fn change() -> impl Strategy<Value = (f64, Change)> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|c| vec![c]),
        prop::sample::select(vec![
            &b"\r\n"[..],
            b"\n",
            b"\r",
            b"\r\n ",
            b"\r\n\r\n",
            b"\"",
            b"\\",
            b"<",
            b">",
            b";",
            b",",
            b":",
            b"%",
            b"=",
            b"@",
            b"[",
            b"]",
            b"\xff",
            b"\xc3\xb6",
            b"\0",
            b"Content-Length: 99999999999999999999\r\n",
            b"l: 0\r\n",
            b"v: SIP/2.0/UDP x\r\n",
            b":::",
            b"sip:",
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    let change = prop_oneof![
        any::<u8>().prop_map(Change::Set),
        piece.prop_map(Change::Insert),
        (1..20usize).prop_map(Change::Remove),
        (1..60usize).prop_map(Change::Repeat),
    ];
    (0.0..1.0, change)
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    (
        prop::sample::select(torture()),
        prop::collection::vec(change(), 0..5),
    )
        .prop_map(|(mut bytes, changes)| {
            for (place, change) in changes {
                let at = (place * bytes.len() as f64) as usize;
                let until = |n: usize| (at + n).min(bytes.len());
                match change {
                    Change::Set(c) => {
                        if let Some(octet) = bytes.get_mut(at) {
                            *octet = c;
                        }
                    }
                    Change::Insert(piece) => drop(bytes.splice(at..at, piece)),
                    Change::Remove(n) => drop(bytes.drain(at..until(n))),
                    Change::Repeat(n) => {
                        let copy = bytes.get(at..until(n)).unwrap().to_vec();
                        drop(bytes.splice(at..at, copy));
                    }
                }
            }
            bytes
        })
}

/// Looks at everything there is to look at.
fn exercise(message: &Message<'_>) {
    let _ = message.essentials().map(|e| {
        (
            e.top_via.received_ip(),
            e.from.display_text().len(),
            e.to.uri().is_ok(),
        )
    });
    if let Ok(essentials) = message.essentials() {
        let key = message.response_key().unwrap();
        assert_eq!((key.top_via, key.cseq), (essentials.top_via, essentials.cseq));
        assert_eq!(key.is_last_hop, message.headers.vias().nth(1).is_none());
    }
    let _ = message.answerable();
    for (name, raw_name, value) in message.headers.iter() {
        assert_eq!(HeaderName::from_bytes(raw_name), name);
        let _ = Via::parse(value);
        let _ = NameAddr::parse(value).map(|a| a.uri().map(|u| (u.key(), u.to_string())));
        let _ = EventHeader::parse(value);
        let _ = MediaType::parse(value);
        let _ = SubscriptionState::parse(value);
        let _ = RetryAfter::parse(value);
        let _ = Params::parse(value).map(|p| p.iter().count());
        let _ = (grammar::unfold(value), grammar::unquote(value));
        assert!(message.headers.list(name).count() <= value.len() + message.body.len() + 100_000);
    }
    if let Some(line) = message.request() {
        let _ = Uri::parse(line.uri).map(|u| (u.key(), u.to_string()));
    }
}

/// What a stream yields when it is cut at these places: messages, and whether it broke.
fn framed(bytes: &[u8], cuts: &[usize]) -> (Vec<Vec<u8>>, bool) {
    let mut framer = Framer::new(Limits::stream());
    let mut messages = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([bytes.len()]) {
        framer.push(bytes.get(from..to).unwrap());
        from = to;
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(cut))) => messages.push(cut.to_vec()),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return (messages, true),
            }
        }
    }
    (messages, false)
}

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,20}"
}

fn value() -> impl Strategy<Value = String> {
    "[ -~\u{a1}-\u{2fff}]{0,60}".prop_map(|v| v.trim().to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_parsed(
        method in token(),
        user in "[a-z0-9%~&=+$,;?/-]{0,3}[a-z0-9]{1,8}",
        number in any::<u32>(),
        rows in prop::collection::vec((token().prop_map(|t| format!("X-{t}")), value()), 0..40),
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let uri = format!("sip:{}@h", user.replace('%', "%41"));
        let mut out = Vec::new();
        let mut printer = Printer::request(&mut out, Method::from_name(&method), &uri);
        printer
            .header(HeaderName::Via, "SIP/2.0/UDP h;branch=z9hG4bK1")
            .header(HeaderName::From, "<sip:a@h>;tag=1")
            .header(HeaderName::To, "<sip:a@h>")
            .header(HeaderName::CallId, "c")
            .cseq(number, Method::from_name(&method));
        for (name, value) in &rows {
            printer.raw_header(name, value);
        }
        printer.body(Some("text/plain"), &body);
        let message = Message::parse_framed(&out, &Limits::stream()).unwrap();
        let essentials = message.essentials().unwrap();
        prop_assert_eq!(essentials.cseq.number, number);
        prop_assert_eq!(essentials.cseq.method.as_str(), &method);
        prop_assert_eq!(message.request().unwrap().uri, &uri);
        prop_assert_eq!(message.body, &body);
        let read: Vec<(String, String)> = message
            .headers
            .iter()
            .skip(5)
            .take(rows.len())
            .map(|(_, n, v)| (String::from_utf8(n.to_vec()).unwrap(), String::from_utf8(v.to_vec()).unwrap()))
            .collect();
        prop_assert_eq!(read, rows);
        let datagram = Message::parse_datagram(&out, &Limits::default()).unwrap();
        prop_assert_eq!(datagram.essentials(), message.essentials());
    }

    #[test]
    fn nothing_panics_on_mutated_messages(bytes in mutated()) {
        if let Ok(message) = Message::parse_datagram(&bytes, &Limits::default()) {
            exercise(&message);
        }
        if let Ok(message) = Message::parse_framed(&bytes, &Limits::stream()) {
            exercise(&message);
        }
    }

    #[test]
    fn a_stream_does_not_depend_on_its_segments(
        first in mutated(),
        second in mutated(),
        cuts in prop::collection::vec(0.0..1.0f64, 0..12),
    ) {
        let bytes = [first, second].concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|c| (c * bytes.len() as f64) as usize).collect();
        cuts.sort_unstable();
        prop_assert_eq!(framed(&bytes, &cuts), framed(&bytes, &[]));
    }

    /// The first message of a stream is what a datagram of the same octets holds, and a stream that
    /// does not break there holds no message that a datagram would not.
    #[test]
    fn framer_and_parser_agree(bytes in mutated()) {
        let (messages, _) = framed(&bytes, &[]);
        if let Some(first) = messages.first() {
            let cut = Message::parse_framed(first, &Limits::stream()).unwrap();
            let datagram = Message::parse_datagram(&bytes, &Limits::stream()).unwrap();
            prop_assert_eq!(cut.start, datagram.start);
            prop_assert_eq!(cut.body, datagram.body);
            let rows = |m: &Message<'_>| m.headers.iter().map(|(_, n, v)| (n.to_vec(), v.to_vec())).collect::<Vec<_>>();
            prop_assert_eq!(rows(&cut), rows(&datagram));
            prop_assert_eq!(cut.essentials().map_err(|f| f.kind), datagram.essentials().map_err(|f| f.kind));
        }
    }

    #[test]
    fn uris_print_as_they_were(text in "(sip|SIPS|tel|x):[a-z0-9%@:;=?&\\[\\]._~/+-]{0,40}") {
        if let Ok(uri) = Uri::parse(&text) {
            let printed = uri.to_string();
            let again = Uri::parse(&printed).unwrap();
            prop_assert!(uri.same_as(&again), "{} {}", text, printed);
            prop_assert!(uri.same_as(&uri));
            prop_assert_eq!(uri.key(), again.key());
            let key = uri.key();
            prop_assert_eq!(Uri::parse(&key).unwrap().key(), key.clone());
        }
    }

    #[test]
    fn same_uris_have_one_key(
        a in "sip:([aA]|%61|%41|%3b|;)@[hH](;transport=(tcp|TCP|t%63p))?(;x=[12])?(;lr)?",
        b in "sip:([aA]|%61|%41|%3B|;)@[hH](;transport=(tcp|TCP|t%63p))?(;x=[12])?(;lr)?",
    ) {
        let (a, b) = (Uri::parse(&a).unwrap(), Uri::parse(&b).unwrap());
        if a.same_as(&b) {
            prop_assert_eq!(a.key(), b.key());
        }
    }

    #[test]
    fn extra_headers_are_rows_and_nothing_else(text in "([A-Za-z:;, \\\\rn\r\n\t\u{0}é-]|X-A: b\r\n|[vi]:){0,40}") {
        if let Ok(extra) = ExtraHeaders::parse(&text) {
            prop_assert_eq!(&ExtraHeaders::parse(extra.as_str()).unwrap(), &extra);
            let octets = format!("BYE sip:h SIP/2.0\r\n{extra}\r\n");
            let message = Message::parse_datagram(octets.as_bytes(), &Limits::default()).unwrap();
            prop_assert_eq!(message.headers.len(), extra.iter().count());
            prop_assert!(message.headers.vias().next().is_none());
            prop_assert!(message.body.is_empty());
        }
    }

    #[test]
    fn quoting_is_undone(text in "[ -~\u{a1}-\u{2fff}]{0,40}") {
        let quoted = grammar::quote(&text);
        prop_assert!(grammar::is_quoted(quoted.as_bytes()));
        prop_assert_eq!(grammar::unquote(quoted.as_bytes()), text);
    }

    #[test]
    fn any_text_is_a_host_or_not(text in "\\PC{0,20}|[0-9a-f:.\\[\\]]{0,20}") {
        if let Ok(host) = Host::parse(&text) {
            let printed = host.to_string();
            prop_assert!(Host::parse(&printed).unwrap().same_as(&host));
        }
    }
}
