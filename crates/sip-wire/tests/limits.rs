//! Every limit, at the limit and one beyond, in a datagram and on a stream.
#![allow(clippy::unwrap_used, clippy::panic)]

use sip_wire::{Frame, FrameErrorKind, Framer, Limits, Message, Params, ParseErrorKind, Uri};

const LIMITS: Limits = Limits {
    message: 2000,
    headers: 8,
    line: 300,
    uri: 100,
    via: 5,
};

fn message(uri: &str, rows: &[String], body: usize) -> Vec<u8> {
    let mut text = format!("OPTIONS {uri} SIP/2.0\r\n");
    for row in rows {
        text.push_str(row);
        text.push_str("\r\n");
    }
    text.push_str(&format!("Content-Length: {body}\r\n\r\n"));
    let mut bytes = text.into_bytes();
    bytes.resize(bytes.len() + body, b'x');
    bytes
}

/// What both readers say, which has to be the same.
fn verdict(bytes: &[u8]) -> Option<ParseErrorKind> {
    let datagram = Message::parse_datagram(bytes, &LIMITS).err().map(|e| e.kind);
    let mut framer = Framer::new(LIMITS);
    framer.push(bytes);
    let stream = match framer.next() {
        Ok(Some(Frame::Message(cut))) => {
            assert_eq!(cut, bytes);
            assert!(Message::parse_framed(&cut, &LIMITS).is_ok());
            None
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => match error.kind {
            FrameErrorKind::Parse(parse) => Some(parse.kind),
            FrameErrorKind::TooLong(total) => {
                assert_eq!(total, bytes.len());
                assert!(Message::parse_datagram(&error.head.unwrap(), &LIMITS).is_ok());
                Some(ParseErrorKind::MessageTooLong)
            }
            FrameErrorKind::Length(fault) => panic!("{fault}"),
        },
    };
    assert_eq!(datagram, stream);
    datagram
}

/// SEC-09
#[test]
fn octets_of_a_message() {
    let head = message("sip:h", &[], 1000).len() - 1000;
    assert_eq!(verdict(&message("sip:h", &[], 2000 - head)), None);
    assert_eq!(
        verdict(&message("sip:h", &[], 2001 - head)),
        Some(ParseErrorKind::MessageTooLong)
    );
}

/// SEC-09
#[test]
fn header_rows() {
    let rows = |n: usize| vec!["X: y".to_owned(); n];
    assert_eq!(verdict(&message("sip:h", &rows(7), 0)), None);
    assert_eq!(
        verdict(&message("sip:h", &rows(8), 0)),
        Some(ParseErrorKind::TooManyHeaders)
    );
}

/// SEC-09
#[test]
fn octets_of_a_line() {
    let row = |n: usize| format!("X: {}", "y".repeat(n - 3));
    assert_eq!(verdict(&message("sip:h", &[row(300)], 0)), None);
    assert_eq!(
        verdict(&message("sip:h", &[row(301)], 0)),
        Some(ParseErrorKind::LineTooLong)
    );
    // continuations count
    let folded = |n: usize| format!("X: {}\r\n {}", "y".repeat(97), "z".repeat(n - 103));
    assert_eq!(verdict(&message("sip:h", &[folded(300)], 0)), None);
    assert_eq!(
        verdict(&message("sip:h", &[folded(301)], 0)),
        Some(ParseErrorKind::LineTooLong)
    );
}

/// SEC-09
#[test]
fn octets_of_a_request_uri() {
    let uri = |n: usize| format!("sip:{}", "h".repeat(n - 4));
    assert_eq!(verdict(&message(&uri(100), &[], 0)), None);
    assert_eq!(
        verdict(&message(&uri(101), &[], 0)),
        Some(ParseErrorKind::UriTooLong)
    );
}

/// SEC-09
#[test]
fn hops_in_rows_and_in_lists() {
    for name in ["Via", "v", "Route", "Record-Route"] {
        let rows = |n: usize| vec![format!("{name}: a"); n];
        assert_eq!(verdict(&message("sip:h", &rows(5), 0)), None);
        assert_eq!(
            verdict(&message("sip:h", &rows(6), 0)),
            Some(ParseErrorKind::TooManyHops)
        );
        let list = |n: usize| vec![format!("{name}: {}", vec!["a"; n].join(","))];
        assert_eq!(verdict(&message("sip:h", &list(5), 0)), None);
        assert_eq!(
            verdict(&message("sip:h", &list(6), 0)),
            Some(ParseErrorKind::TooManyHops)
        );
    }
}

#[test]
fn an_endless_line_is_refused_while_it_comes_in() {
    for start in [
        "",
        "OPTIONS sip:h SIP/2.0\r\n",
        "OPTIONS sip:h SIP/2.0\r\nX: y\r\n ",
    ] {
        let mut framer = Framer::new(LIMITS);
        framer.push(start.as_bytes());
        let mut taken = 0;
        while framer.next().is_ok() {
            framer.push(b"x");
            taken += 1;
            assert!(taken <= 301, "{start:?}");
        }
        assert_eq!(framer.pending(), 0);
    }
}

#[test]
fn an_endless_head_is_refused_while_it_comes_in() {
    let limits = Limits {
        headers: 1000,
        ..LIMITS
    };
    let mut framer = Framer::new(limits);
    framer.push(b"OPTIONS sip:h SIP/2.0\r\n");
    let mut taken = 23;
    while framer.next().is_ok() {
        framer.push(b"X: yyyyy\r\n");
        taken += 10;
        assert!(taken <= 2010);
    }
}

/// SEC-09
#[test]
fn a_body_beyond_the_limit_is_not_waited_for() {
    for length in ["2000", "4294967296", "18446744073709551615"] {
        let mut framer = Framer::new(LIMITS);
        framer.push(format!("OPTIONS sip:h SIP/2.0\r\nContent-Length: {length}\r\n\r\n").as_bytes());
        assert!(
            matches!(framer.next().unwrap_err().kind, FrameErrorKind::TooLong(_)),
            "{length}"
        );
    }
}

/// R3261-022, SEC-09
#[test]
fn the_defaults() {
    assert_eq!(Limits::default().message, 65_535);
    assert_eq!(Limits::stream().message, 1024 * 1024 + 65_536);
    let (d, s) = (Limits::default(), Limits::stream());
    assert_eq!((d.headers, d.line, d.via), (256, 8192, 70));
    assert_eq!((s.headers, s.line, s.via), (256, 8192, 70));
    // RFC 3261 §18.1.1: 65,535 octets over UDP
    let mut big = message("sip:h", &[], 65_000);
    big.resize(65_535, b' ');
    assert!(Message::parse_datagram(&big, &d).is_ok());
    big.push(b' ');
    assert_eq!(
        Message::parse_datagram(&big, &d).unwrap_err().kind,
        ParseErrorKind::MessageTooLong
    );
}

/// SEC-09
#[test]
fn parameters() {
    let uri = |n: usize| format!("sip:h{}", ";a=b".repeat(n));
    assert!(Uri::parse(&uri(64)).is_ok());
    assert!(Uri::parse(&uri(65)).is_err());
    let headers = |n: usize| format!("sip:h?a=b{}", "&a=b".repeat(n - 1));
    assert!(Uri::parse(&headers(64)).is_ok());
    assert!(Uri::parse(&headers(65)).is_err());
    let params = |n: usize| ";a=b".repeat(n);
    assert!(Params::parse(params(64).as_bytes()).is_ok());
    assert!(Params::parse(params(65).as_bytes()).is_err());
}
