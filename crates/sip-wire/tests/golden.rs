//! Printed octets, exactly.
#![allow(clippy::unwrap_used)]

use sip_wire::{HeaderName, Limits, Message, Method, Printer, reason_phrase};

#[test]
fn a_publish() {
    let mut out = Vec::new();
    Printer::request(&mut out, Method::Publish, "sip:a@h")
        .parts(
            HeaderName::Via,
            &["SIP/2.0/UDP ", "192.0.2.1:5060", ";branch=z9hG4bKx;rport"],
        )
        .header(HeaderName::From, "<sip:a@h>;tag=1")
        .header_fmt(HeaderName::To, format_args!("<sip:{}@h>", 'a'))
        .header(HeaderName::CallId, b"c1")
        .cseq(4_294_967_295, Method::Publish)
        .number(HeaderName::MaxForwards, 70, "")
        .number(HeaderName::RetryAfter, 0, ";duration=5")
        .raw_header("X-A", "b")
        .verbatim(b"X-B: c\r\n")
        .body(Some("text/plain"), b"hi\r\n");
    let expected = "PUBLISH sip:a@h SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport\r\n\
        From: <sip:a@h>;tag=1\r\n\
        To: <sip:a@h>\r\n\
        Call-ID: c1\r\n\
        CSeq: 4294967295 PUBLISH\r\n\
        Max-Forwards: 70\r\n\
        Retry-After: 0;duration=5\r\n\
        X-A: b\r\n\
        X-B: c\r\n\
        Content-Type: text/plain\r\n\
        Content-Length: 4\r\n\
        \r\n\
        hi\r\n";
    assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
}

#[test]
fn a_response_copies_rows_octet_for_octet() {
    let request = b"OPTIONS sip:h SIP/2.0\r\nv:  SIP/2.0/UDP a;branch=1 ,\r\n\tSIP/2.0/TCP b;x=\"\xff\"\r\n\
        VIA: SIP/2.0/TLS c \r\nt: <sip:h>\r\nTo: <sip:i>\r\n\r\n";
    let message = Message::parse_datagram(request, &Limits::default()).unwrap();
    let mut out = Vec::new();
    Printer::status(&mut out, 420, reason_phrase(420))
        .copy(HeaderName::Via, &message.headers)
        .copy_first(HeaderName::To, &message.headers)
        .copy(HeaderName::From, &message.headers)
        .body(None, b"");
    let expected = b"SIP/2.0 420 Bad Extension\r\n\
        Via: SIP/2.0/UDP a;branch=1 ,\r\n\tSIP/2.0/TCP b;x=\"\xff\"\r\n\
        Via: SIP/2.0/TLS c\r\nTo: <sip:h>\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(out, expected);
}

/// SEC-01, the last barrier: whatever got past the checks, no value ends its line.
#[test]
fn no_value_breaks_out_of_its_row() {
    let evil = "a\r\nVia: b\0\n\rc";
    let clean = "a  Via: b   c";
    let mut out = Vec::new();
    Printer::request(&mut out, Method::Info, evil)
        .header(HeaderName::Subject, evil)
        .parts(HeaderName::Subject, &[evil, "x"])
        .header_fmt(HeaderName::Subject, format_args!("{evil}"))
        .number(HeaderName::Expires, 1, evil)
        .raw_header("X", evil)
        .raw_header("X\r\nY", "never")
        .header(HeaderName::Other, "never")
        .body(Some(evil), b"");
    let expected = format!(
        "INFO {clean} SIP/2.0\r\nSubject: {clean}\r\nSubject: {clean}x\r\nSubject: {clean}\r\n\
         Expires: 1{clean}\r\nX: {clean}\r\nContent-Type: {clean}\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn the_buffer_is_appended_to() {
    let mut out = b"kept".to_vec();
    Printer::status(&mut out, 200, "").body(None, b"");
    assert_eq!(out, b"keptSIP/2.0 200 \r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn every_code_has_a_phrase() {
    for code in 100..=699 {
        assert!(!reason_phrase(code).is_empty());
    }
    assert_eq!(reason_phrase(412), "Conditional Request Failed");
    assert_eq!(reason_phrase(499), "Client Error");
}
