//! Streams: any segmentation gives the same messages, keep-alives are told apart, what cannot be
//! framed closes (RFC 3261 §18.3, RFC 5626 §4.4.1).
#![allow(clippy::unwrap_used, clippy::panic)]

use sip_wire::{FaultKind, Frame, FrameErrorKind, Framer, HeaderName, Limits, Message, ParseErrorKind};

const ONE: &[u8] = b"NOTIFY sip:a@h SIP/2.0\r\nX: y\r\n z\r\nl:  3 \r\n\r\nab\n";
const TWO: &[u8] = b"SIP/2.0 200 OK\r\nContent-Length : 0\r\n\r\n";
const LF_ONLY: &[u8] = b"OPTIONS sip:a@h SIP/2.0\nX: y\n z\nContent-Length: 4\n\nab\r\n";

fn frames(framer: &mut Framer) -> Vec<Frame> {
    let mut all = Vec::new();
    while let Some(frame) = framer.next().unwrap() {
        all.push(frame);
    }
    all
}

fn messages(frames: Vec<Frame>) -> Vec<Vec<u8>> {
    frames
        .into_iter()
        .filter_map(|f| match f {
            Frame::Message(bytes) => Some(bytes.to_vec()),
            Frame::Ping | Frame::Pong => None,
        })
        .collect()
}

fn error(octets: &[u8]) -> FrameErrorKind {
    let mut framer = Framer::new(Limits::stream());
    framer.push(octets);
    loop {
        match framer.next() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("no error"),
            Err(error) => {
                assert_eq!(framer.next().unwrap_err(), error);
                framer.push(ONE);
                assert_eq!(framer.next().unwrap_err(), error);
                return error.kind;
            }
        }
    }
}

/// R3261-021
#[test]
fn coalesced_and_split_at_every_octet() {
    let stream = [ONE, TWO, b"\r\n\r\n", ONE, b"\r\n", LF_ONLY, TWO].concat();
    let expected: Vec<Vec<u8>> = [ONE, TWO, ONE, LF_ONLY, TWO].iter().map(|m| m.to_vec()).collect();
    let mut framer = Framer::new(Limits::stream());
    framer.push(&stream);
    let whole = frames(&mut framer);
    assert_eq!(whole.len(), 7);
    assert_eq!(whole.iter().filter(|f| **f == Frame::Ping).count(), 1);
    assert_eq!(messages(whole), expected);
    for at in 0..=stream.len() {
        let (a, b) = stream.split_at(at);
        let mut framer = Framer::new(Limits::stream());
        framer.push(a);
        let mut all = frames(&mut framer);
        framer.push(b);
        all.extend(frames(&mut framer));
        assert!(all.contains(&Frame::Ping), "{at}");
        assert_eq!(messages(all), expected, "{at}");
        assert_eq!(framer.pending(), 0);
    }
    let mut framer = Framer::new(Limits::stream());
    let mut all = Vec::new();
    for octet in &stream {
        framer.push(&[*octet]);
        all.extend(frames(&mut framer));
    }
    assert_eq!(messages(all), expected);
}

/// R3261-020, R5626-01
#[test]
fn keep_alives_between_messages() {
    let mut framer = Framer::new(Limits::stream());
    framer.push(b"\r\n\r\n");
    assert_eq!(frames(&mut framer), [Frame::Ping]);
    framer.push(b"\r\n");
    assert_eq!(frames(&mut framer), [Frame::Pong]);
    // the other half of what may have been a ping
    framer.push(b"\r\n");
    assert_eq!(frames(&mut framer), [Frame::Ping]);
    framer.push(b"\r");
    assert_eq!(frames(&mut framer), []);
    framer.push(b"\n\r");
    assert_eq!(frames(&mut framer), []);
    framer.push(b"\n\r\n");
    assert_eq!(frames(&mut framer), [Frame::Ping, Frame::Pong]);
    framer.push(ONE);
    assert_eq!(messages(frames(&mut framer)), [ONE]);
    assert_eq!(framer.pending(), 0);
}

/// R3261-019
#[test]
fn content_length_is_needed_once_and_whole() {
    let length = |rows: &str| match error(format!("BYE sip:h SIP/2.0\r\n{rows}X: y\r\n\r\n").as_bytes()) {
        FrameErrorKind::Length(fault) => fault.kind,
        other => panic!("{other:?}"),
    };
    let name = HeaderName::ContentLength;
    assert_eq!(length(""), FaultKind::Missing(name));
    assert_eq!(length("l: 0\r\nContent-Length: 0\r\n"), FaultKind::Repeated(name));
    for bad in ["", "-1", "+1", "0x1", "1 1", "1,1", "1;x", "99999999999999999999"] {
        assert_eq!(
            length(&format!("l: {bad}\r\n")),
            FaultKind::Malformed(name),
            "{bad}"
        );
    }
}

/// R3261-021
#[test]
fn what_cannot_be_framed_is_refused_at_once() {
    let parse = |octets: &[u8]| match error(octets) {
        FrameErrorKind::Parse(error) => error.kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(parse(b"\x16\x03\x01"), ParseErrorKind::StartLine);
    assert_eq!(parse(b"GET / HTTP/1.1\r\nH"), ParseErrorKind::StartLine);
    assert_eq!(parse(b" OPTIONS"), ParseErrorKind::StartLine);
    assert_eq!(parse(b"\nOPTIONS"), ParseErrorKind::StartLine);
    assert_eq!(parse(b"\rX"), ParseErrorKind::StartLine);
    assert_eq!(parse(b"SIP/2.0 99 x\r\nX"), ParseErrorKind::StatusCode);
    assert_eq!(
        parse(b"BYE sip:h SIP/2.0\r\n folded: y\r\n"),
        ParseErrorKind::FoldedStartLine
    );
}

/// R3261-021: a line end that one reader takes for one and another does not hides headers and messages.
#[test]
fn mixed_line_ends_are_refused_by_both_readers() {
    for octets in [
        "BYE sip:h SIP/2.0\r\nX: y\nl: 0\r\n\r\n",
        "BYE sip:h SIP/2.0\r\nX: y\rl: 0\r\n\r\n",
        "BYE sip:h SIP/2.0\r\nl: 0\r\n\n",
        "BYE sip:h SIP/2.0\r\nl: 0\n\r\n",
        "BYE sip:h SIP/2.0\r\nl: 0\r\r\n\r\n",
        "BYE sip:h SIP/2.0\nX: y\r\nl: 0\n\n",
        "BYE sip:h SIP/2.0\nX: y\rl: 0\n\n",
        "BYE sip:h SIP/2.0\nl: 0\n\r\n",
        "BYE sip:h\rSIP/2.0\r\nl: 0\r\n\r\n",
        // in a response not even a message of bare LFs: a reason phrase may have been passed on
        "SIP/2.0 200 OK\nl: 0\n\n",
        "SIP/2.0 200 OK\nl: 0\r\n\r\n",
    ] {
        let FrameErrorKind::Parse(stream) = error(octets.as_bytes()) else {
            panic!("{octets:?}")
        };
        let datagram = Message::parse_datagram(octets.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(stream, datagram, "{octets:?}");
        assert_eq!(stream.kind, ParseErrorKind::BareLineEnd, "{octets:?}");
    }
}

#[test]
fn a_request_with_bare_lfs_only_is_read() {
    let message = Message::parse_datagram(LF_ONLY, &Limits::default()).unwrap();
    assert_eq!(message.body, b"ab\r\n");
    assert_eq!(message.headers.named("x"), Some(&b"y\n z"[..]));
}

/// R3261-018, R3261-020
#[test]
fn a_datagram_is_cut_padded_and_skipped() {
    let parse = |octets: &'static [u8]| Message::parse_datagram(octets, &Limits::default());
    assert_eq!(
        parse(b"\r\n\r\nBYE sip:h SIP/2.0\r\nl: 1\r\n\r\nab")
            .unwrap()
            .body,
        b"a"
    );
    assert_eq!(parse(b"BYE sip:h SIP/2.0\r\nX: y\r\n\r\nab").unwrap().body, b"ab");
    assert_eq!(parse(b"BYE sip:h SIP/2.0\r\nl: 0\r\n").unwrap().body, b"");
    let short = parse(b"BYE sip:h SIP/2.0\r\nl: 3\r\n\r\nab").unwrap();
    assert_eq!(short.essentials().unwrap_err().kind, FaultKind::BodyTooShort);
    for octets in [&b""[..], b"\r\n\r\n", b"\0\0\0\0", b"\n"] {
        assert_eq!(parse(octets).unwrap_err().kind, ParseErrorKind::KeepAlive);
    }
    for octets in [
        &b"BYE sip:h SIP/2.0"[..],
        b"BYE sip:h SIP/2.0\r\n",
        b"BYE sip:h SIP/2.0\r\nl: 0",
    ] {
        assert_eq!(parse(octets).unwrap_err().kind, ParseErrorKind::Truncated);
    }
}
