//! The everyday path: parse a request and a response, look at them, print them.
#![allow(clippy::unwrap_used, clippy::panic)]

use sip_wire::{HeaderName, Host, Limits, Message, Method, Printer, Scheme, Uri};

const NOTIFY: &[u8] = b"NOTIFY sip:pua@192.0.2.1:5060 SIP/2.0\r\n\
v: SIP/2.0/UDP pc33.example.com;branch=z9hG4bK776asdhds;rport, SIP/2.0/TCP [2001:db8::9]:5061\r\n\
f: \"A, \\\"B\\\"\" <sip:a@example.com>;tag=88sja8x\r\n\
t: <sip:b@example.com>;tag=x\r\n\
i: 7\r\n\
CSeq : 4\r\n NOTIFY\r\n\
Max-Forwards: 70\r\n\
o: presence\r\n\
l: 3\r\n\
\r\nabcSURPLUS";

#[test]
fn a_datagram_splits_and_has_its_essentials() {
    let message = Message::parse_datagram(NOTIFY, &Limits::default()).unwrap();
    assert_eq!(message.method(), Some(Method::Notify));
    assert_eq!(message.body, b"abc");
    let essentials = message.essentials().unwrap();
    assert_eq!(essentials.top_via.branch, Some("z9hG4bK776asdhds"));
    assert_eq!(essentials.top_via.rport, Some(None));
    assert_eq!(essentials.top_via.host, Host::Name("pc33.example.com"));
    assert_eq!(essentials.from.display_text(), "A, \"B\"");
    assert_eq!(
        (essentials.from_tag, essentials.to_tag),
        (Some("88sja8x"), Some("x"))
    );
    assert_eq!(
        (essentials.cseq.number, essentials.cseq.method),
        (4, Method::Notify)
    );
    assert_eq!(message.headers.vias().count(), 2);
    assert_eq!(message.headers.vias().nth(1).unwrap().unwrap().port, Some(5061));
    assert_eq!(message.headers.text(HeaderName::Event).unwrap(), "presence");
}

#[test]
fn what_is_printed_parses_to_the_same() {
    let mut out = Vec::new();
    let request = Message::parse_datagram(NOTIFY, &Limits::default()).unwrap();
    let mut printer = Printer::status(&mut out, 200, "OK");
    printer
        .copy(HeaderName::Via, &request.headers)
        .copy(HeaderName::From, &request.headers);
    printer.header_fmt(HeaderName::To, format_args!("<sip:b@example.com>;tag={}", 5));
    printer
        .copy(HeaderName::CallId, &request.headers)
        .copy(HeaderName::CSeq, &request.headers);
    printer.body(Some("text/plain"), b"hello");
    let response = Message::parse_framed(&out, &Limits::stream()).unwrap();
    assert_eq!(response.status().unwrap().code, 200);
    let essentials = response.essentials().unwrap();
    assert_eq!(essentials.to_tag, Some("5"));
    assert_eq!(response.body, b"hello");
    assert_eq!(essentials.top_via, request.essentials().unwrap().top_via);
}

#[test]
fn a_uri_has_its_parts() {
    let uri = Uri::parse("SIP:bob;x=1:pw@[2001:DB8::1]:5070;transport=TCP;lr?subject=a%20b").unwrap();
    assert_eq!(uri.scheme, Scheme::Sip);
    assert_eq!(
        (uri.user, uri.password, uri.port),
        (Some("bob;x=1"), Some("pw"), Some(5070))
    );
    assert_eq!(uri.host, Uri::parse("sip:[2001:db8:0::1]").unwrap().host);
    assert_eq!((uri.transport(), uri.is_loose_route()), (Some("TCP"), true));
    assert_eq!(uri.headers().next(), Some(("subject", "a%20b")));
    assert_eq!(
        uri.key(),
        "sip:bob;x=1:pw@[2001:db8::1]:5070;transport=tcp?subject=a%20b"
    );
}
