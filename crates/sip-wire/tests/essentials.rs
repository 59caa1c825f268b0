//! What every message has to have, header by header (RFC 3261 §7, §8.1.1), and what it may get
//! wrong without harm.
#![allow(clippy::unwrap_used, clippy::panic)]

use sip_wire::{FaultKind, HeaderName, Limits, Message, Method, ParseErrorKind};

const ROWS: [&str; 7] = [
    "Via: SIP/2.0/UDP h;branch=z9hG4bK1",
    "Max-Forwards: 70",
    "From: <sip:a@h>;tag=1",
    "To: <sip:b@h>;tag=2",
    "Call-ID: c",
    "CSeq: 1 NOTIFY",
    "Content-Length: 0",
];

fn octets(start: &str, rows: &[&str]) -> Vec<u8> {
    format!("{start}\r\n{}\r\n\r\n", rows.join("\r\n")).into_bytes()
}

fn fault(start: &str, rows: &[&str]) -> Option<FaultKind> {
    let octets = octets(start, rows);
    let message = Message::parse_datagram(&octets, &Limits::default()).unwrap();
    message.essentials().err().map(|fault| {
        assert!(!fault.reason().is_empty() && fault.offset <= octets.len());
        fault.kind
    })
}

fn with(row: &str) -> Option<FaultKind> {
    fault("NOTIFY sip:h SIP/2.0", &[&ROWS[..], &[row]].concat())
}

/// The row of this name replaced.
fn instead(row: &str) -> Option<FaultKind> {
    let name = row.split(':').next().unwrap();
    let rows: Vec<&str> = ROWS
        .iter()
        .map(|r| if r.starts_with(name) { row } else { r })
        .collect();
    assert!(rows.contains(&row));
    fault("NOTIFY sip:h SIP/2.0", &rows)
}

#[test]
fn the_mandatory_headers() {
    assert_eq!(fault("NOTIFY sip:h SIP/2.0", &ROWS), None);
    for (index, name) in [
        (0, HeaderName::Via),
        (2, HeaderName::From),
        (3, HeaderName::To),
        (4, HeaderName::CallId),
        (5, HeaderName::CSeq),
    ] {
        let mut rows = ROWS.to_vec();
        rows.remove(index);
        assert_eq!(
            fault("NOTIFY sip:h SIP/2.0", &rows),
            Some(FaultKind::Missing(name))
        );
        assert_eq!(fault("SIP/2.0 200 OK", &rows), Some(FaultKind::Missing(name)));
    }
    // RFC 2543 clients send none
    assert_eq!(
        fault(
            "NOTIFY sip:h SIP/2.0",
            &[ROWS[0], ROWS[2], ROWS[3], ROWS[4], ROWS[5]]
        ),
        None
    );
}

/// R3261-005
#[test]
fn headers_that_may_occur_once() {
    for row in [
        "From: <sip:a@h>;tag=1",
        "t: <sip:a@h>",
        "i: c",
        "CSeq: 1 NOTIFY",
        "Max-Forwards: 70",
        "l: 0",
    ] {
        assert!(matches!(with(row), Some(FaultKind::Repeated(_))), "{row}");
    }
    for row in [
        "Event: presence",
        "Expires: 1",
        "c: text/plain",
        "Subscription-State: active",
    ] {
        assert_eq!(with(row), None, "{row}");
        let twice = [&ROWS[..], &[row, row]].concat();
        for start in ["NOTIFY sip:h SIP/2.0", "SIP/2.0 200 OK"] {
            assert!(
                matches!(fault(start, &twice), Some(FaultKind::Repeated(_))),
                "{start} {row}"
            );
        }
    }
}

/// R3261-006
#[test]
fn what_is_not_needed_may_be_malformed() {
    for row in [
        "Date: yesterday",
        "X-Junk: ;;,<\"\x01",
        "@#$: junk",
        "X Y: z",
        "Contact: <sip:",
        "Warning: ",
        "Timestamp: \u{fffd}",
        "Via: this is not the first",
        ": no name",
    ] {
        assert_eq!(with(row), None, "{row}");
    }
    assert_eq!(with("no colon"), Some(FaultKind::HeaderLine));
}

/// R3261-007, SEC-21
#[test]
fn methods_and_numbers() {
    assert_eq!(instead("CSeq: 4294967295 NOTIFY"), None);
    assert_eq!(instead("CSeq: 1 notify"), Some(FaultKind::CSeqMethod));
    assert_eq!(instead("CSeq: 1 SUBSCRIBE"), Some(FaultKind::CSeqMethod));
    for row in ["CSeq: 4294967296 NOTIFY", "CSeq: -1 NOTIFY", "CSeq: 1"] {
        assert_eq!(
            instead(row),
            Some(FaultKind::Malformed(HeaderName::CSeq)),
            "{row}"
        );
    }
    for row in [
        "Max-Forwards: 256",
        "Max-Forwards: -1",
        "Max-Forwards: x",
        "Max-Forwards: ",
    ] {
        assert_eq!(
            instead(row),
            Some(FaultKind::Malformed(HeaderName::MaxForwards)),
            "{row}"
        );
    }
    assert_eq!(instead("Max-Forwards: 0255"), None);
    // a response answers another method than it names only by its CSeq
    assert_eq!(fault("SIP/2.0 200 OK", &ROWS), None);
    let octets = octets("Notify sip:h SIP/2.0", &ROWS);
    let message = Message::parse_datagram(&octets, &Limits::default()).unwrap();
    assert_eq!(message.method(), Some(Method::Other("Notify")));
}

/// R3261-008
#[test]
fn versions_and_status_codes() {
    let start = |line: &str| {
        let octets = octets(line, &ROWS);
        Message::parse_datagram(&octets, &Limits::default())
            .map(|m| {
                (
                    m.request().map(|r| r.version_ok),
                    m.status().map(|s| (s.code, s.reason.to_vec())),
                )
            })
            .map_err(|e| e.kind)
    };
    assert_eq!(start("BYE sip:h sip/2.0"), Ok((Some(true), None)));
    for line in [
        "BYE sip:h SIP/7.0",
        "BYE sip:h SIP/2.1",
        "BYE sip:h SIP/2.00",
        "BYE sip:h SIP/12.0",
    ] {
        assert_eq!(start(line), Ok((Some(false), None)), "{line}");
    }
    for line in [
        "BYE sip:h",
        "BYE",
        "BYE sip:h HTTP/1.1",
        "BYE sip:h SIP/2",
        "BYE sip:h SIP/.0",
        "B:E sip:h SIP/2.0",
    ] {
        assert_eq!(start(line), Err(ParseErrorKind::StartLine), "{line}");
    }
    let status = |line: &str| start(line).map(|(_, status)| status.unwrap());
    assert_eq!(
        status("sip/2.0 699 \u{f6}"),
        Ok((699, "\u{f6}".as_bytes().to_vec()))
    );
    assert_eq!(status("SIP/2.0 100 "), Ok((100, Vec::new())));
    assert_eq!(status("SIP/2.0 100"), Ok((100, Vec::new())));
    for code in ["099", "700", "1000", "20", "-20", "2x0", "4294967301"] {
        assert_eq!(
            status(&format!("SIP/2.0 {code} x")),
            Err(ParseErrorKind::StatusCode),
            "{code}"
        );
    }
    assert_eq!(status("SIP/2.1 200 OK"), Err(ParseErrorKind::StartLine));
}

/// R3261-010
#[test]
fn case_counts_where_it_has_to() {
    let read = |row: &str| -> (String, Option<String>) {
        let rows: Vec<&str> = ROWS
            .iter()
            .map(|r| if r.starts_with(&row[..4]) { row } else { r })
            .collect();
        let octets = octets("NOTIFY sip:h SIP/2.0", &rows);
        let message = Message::parse_datagram(&octets, &Limits::default()).unwrap();
        let e = message.essentials().unwrap();
        (e.call_id.to_owned(), e.from_tag.map(str::to_owned))
    };
    assert_eq!(read("From: <sip:a@h>;TAG=aB").1.as_deref(), Some("aB"));
    assert_ne!(read("Call-ID: Ab").0, read("Call-ID: aB").0);
}

/// R3261-023
#[test]
fn octets_that_are_not_utf_8_never_come_out_raw() {
    let text = b"SIP/2.0 200 \xff\r\nFrom: \"\xff\" <sip:a@h>\r\nSubject: a\xffb\r\nTo: <sip:\xff@h>\r\n\r\n";
    let message = Message::parse_datagram(text, &Limits::default()).unwrap();
    assert_eq!(message.headers.text(HeaderName::Subject).unwrap(), "a\u{fffd}b");
    let from = sip_wire::NameAddr::parse(message.headers.get(HeaderName::From).unwrap()).unwrap();
    assert_eq!(from.display_text(), "\u{fffd}");
    assert!(sip_wire::NameAddr::parse(message.headers.get(HeaderName::To).unwrap()).is_err());
}

/// The request line has one SP between its parts; what is wrong there can still be answered.
#[test]
fn request_lines() {
    let rows = |line: &str| fault(line, &ROWS);
    for line in [
        "NOTIFY  sip:h SIP/2.0",
        "NOTIFY sip:h  SIP/2.0",
        "NOTIFY sip:h SIP/2.0 ",
        "NOTIFY sip:h\tSIP/2.0 ",
        "NOTIFY sip:h\tSIP/2.0",
    ] {
        let octets = octets(line, &ROWS);
        match Message::parse_datagram(&octets, &Limits::default()) {
            Ok(message) => {
                assert_eq!(
                    message.essentials().unwrap_err().kind,
                    FaultKind::RequestLine,
                    "{line:?}"
                );
                assert!(message.answerable().is_some());
            }
            Err(error) => assert_eq!(error.kind, ParseErrorKind::StartLine, "{line:?}"),
        }
    }
    for line in [
        "NOTIFY <sip:h> SIP/2.0",
        "NOTIFY sip:h; lr SIP/2.0",
        "NOTIFY sip:h?Route=x SIP/2.0",
        "NOTIFY h SIP/2.0",
        "NOTIFY sip:\u{f6}@h SIP/2.0",
    ] {
        assert_eq!(rows(line), Some(FaultKind::RequestUri), "{line}");
    }
    assert_eq!(rows("NOTIFY tel:+1 SIP/2.0"), None);
}

/// RFC 3261 §17.1.3: the top Via and CSeq decide; the rest has to be there, whatever it says.
#[test]
fn what_a_response_is_matched_by() {
    let key = |rows: &[&str]| {
        let octets = octets("SIP/2.0 200 OK", rows);
        let message = Message::parse_datagram(&octets, &Limits::default()).unwrap();
        let key = message.response_key().map_err(|fault| fault.kind)?;
        if let Ok(essentials) = message.essentials() {
            assert_eq!((key.top_via, key.cseq), (essentials.top_via, essentials.cseq));
        }
        let branch = key.top_via.branch.map(str::to_owned);
        Ok((branch, key.cseq.number, key.is_last_hop))
    };
    let good = Ok((Some("z9hG4bK1".to_owned()), 1, true));
    assert_eq!(key(&ROWS), good);
    for (at, name) in [
        (0, HeaderName::Via),
        (2, HeaderName::From),
        (3, HeaderName::To),
        (4, HeaderName::CallId),
        (5, HeaderName::CSeq),
    ] {
        let mut rows = ROWS.to_vec();
        rows.remove(at);
        assert_eq!(key(&rows), Err(FaultKind::Missing(name)));
    }
    let mut rows = ROWS.to_vec();
    rows[2] = "From: <sip:a@h";
    assert_eq!(key(&rows), good);
    rows[0] = "Via: SIP/2.0/UDP h;branch";
    assert_eq!(key(&rows), Ok((None, 1, true)));
    rows[0] = "Via: SIP/2.0";
    assert_eq!(key(&rows), Err(FaultKind::Malformed(HeaderName::Via)));
    for more in ["Via: SIP/2.0/UDP i", "v: SIP/2.0/UDP i, SIP/2.0/UDP j"] {
        let rows = [&ROWS[..], &[more]].concat();
        assert_eq!(key(&rows), Ok((Some("z9hG4bK1".to_owned()), 1, false)));
    }
    let rows = [&ROWS[..], &["CSeq: 2 NOTIFY"]].concat();
    assert_eq!(key(&rows), Err(FaultKind::Repeated(HeaderName::CSeq)));
}
