//! Header values: what is accepted, what it means, what is refused.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::IpAddr;

use sip_wire::typed::{
    DeltaSeconds, EntityTag, EventHeader, MediaType, NameAddr, RetryAfter, SubscriptionState,
    SubscriptionStateReason, SubscriptionStateValue, TokenList, Via,
};
use sip_wire::{CSeq, FaultKind, HeaderName, Limits, Message, Method, grammar};

/// R5954-01: an IPv6 reference in sent-by and in received
#[test]
fn via() {
    let via = Via::parse(
        b"SIP / 2.0 / udp first.example.com: 4000;ttl=16\r\n ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1",
    )
    .unwrap();
    assert_eq!(
        (via.transport, via.sent_by, via.port),
        ("udp", "first.example.com: 4000", Some(4000))
    );
    assert_eq!(
        (via.params.get("TTL"), via.params.get("maddr")),
        (Some("16"), Some("224.2.0.1"))
    );
    assert!(via.has_cookie() && via.rport.is_none());
    let via =
        Via::parse(b"SIP/2.0/TCP [2001:db8::1]:5061;RPORT=4000;received=[::ffff:1.2.3.4];branch=z9hG4bK")
            .unwrap();
    assert_eq!(
        (via.rport, via.received_ip()),
        (Some(Some(4000)), "::ffff:1.2.3.4".parse::<IpAddr>().ok())
    );
    assert!(!via.has_cookie());
    for (bad, kind) in [
        ("", FaultKind::Token),
        ("SIP/2.0", FaultKind::Token),
        ("SIP/2.0/UDP", FaultKind::Token),
        ("HTTP/2.0/UDP h", FaultKind::Token),
        ("SIP/2.0/UDP ;branch=x", FaultKind::Host),
        ("SIP/2.0/UDP a b", FaultKind::Host),
        ("SIP/2.0/UDP 2001:db8::1", FaultKind::Port),
        ("SIP/2.0/UDP h:0x1", FaultKind::Port),
        ("SIP/2.0/UDP h:\x0c5060", FaultKind::Port),
        ("SIP/2.0/UDP [2001:db8:::1]", FaultKind::Host),
        ("SIP/2.0/UDP [::1;branch=x", FaultKind::Unclosed),
        ("SIP/2.0/UDP h;;branch=x", FaultKind::Params),
        ("SIP/2.0/UDP h;branch=", FaultKind::Params),
        ("SIP/2.0/UDP h;", FaultKind::Params),
        ("SIP/2.0/UDP h;rport=x", FaultKind::Number),
        ("SIP/2.0/UDP h;rport=65536", FaultKind::Number),
        ("SIP/2.0/UDP h;x=\"y", FaultKind::Unclosed),
    ] {
        assert_eq!(Via::parse(bad.as_bytes()).unwrap_err().kind, kind, "{bad}");
    }
}

/// R3261-011, R3261-012
#[test]
fn name_addr() {
    let a = NameAddr::parse(b"\"A. <x>, \\\"B\\\\\" <sip:a@h;lr?x=y>;TAG=1;q").unwrap();
    assert_eq!(
        (a.display_text().as_ref(), a.uri, a.tag()),
        ("A. <x>, \"B\\", "sip:a@h;lr?x=y", Some("1"))
    );
    assert!(a.params.has("q") && !a.params.has("lr"));
    let a = NameAddr::parse(b"sip:a@h;transport=tcp;tag=z").unwrap();
    assert_eq!(
        (a.uri, a.params.get("transport"), a.tag()),
        ("sip:a@h", Some("tcp"), Some("z"))
    );
    let a = NameAddr::parse(b"Anna  Maria\r\n <sip:a@h>").unwrap();
    assert_eq!((a.display_text().as_ref(), a.tag()), ("Anna  Maria", None));
    let a = NameAddr::parse("J\u{f6}e <sip:a@h>".as_bytes()).unwrap();
    assert_eq!(a.display_text(), "J\u{f6}e");
    let a = NameAddr::parse(b"<sip:a@h>;x=\"<;>\";tag=a@b=").unwrap();
    assert_eq!(
        (a.params.text("x").as_deref(), a.tag()),
        (Some("<;>"), Some("a@b="))
    );
    let a = NameAddr::parse(b"sip:a@h;x=\"<;>\";tag=1").unwrap();
    assert_eq!((a.uri, a.tag()), ("sip:a@h", Some("1")));
    for (bad, kind) in [
        ("", FaultKind::UriScheme),
        ("\"a <sip:a@h>", FaultKind::Unclosed),
        ("\"a\\\" <sip:a@h>", FaultKind::Unclosed),
        ("\"a\" sip:a@h", FaultKind::Text),
        ("a, b <sip:a@h>", FaultKind::Text),
        ("<sip:a@h", FaultKind::Unclosed),
        ("< sip:a@h >", FaultKind::Text),
        ("<a@h>", FaultKind::UriScheme),
        ("<>", FaultKind::UriScheme),
        ("sip:a@h, sip:b@h", FaultKind::Text),
        ("sip:a@h?x=y", FaultKind::Text),
        ("<sip:a@h> x", FaultKind::Params),
        ("<sip:a@h>;;", FaultKind::Params),
        ("<sip:a@h>;tag=", FaultKind::Params),
    ] {
        assert_eq!(NameAddr::parse(bad.as_bytes()).unwrap_err().kind, kind, "{bad}");
    }
}

#[test]
fn cseq() {
    let cseq = CSeq::parse(b"0009\r\n  INVITE").unwrap();
    assert_eq!((cseq.number, cseq.method), (9, Method::Invite));
    assert_eq!(
        CSeq::parse(b"4294967295 notify").unwrap().method,
        Method::Other("notify")
    );
    for bad in [
        "",
        "1",
        "1 ",
        "INVITE",
        "1INVITE",
        "-1 BYE",
        "4294967296 BYE",
        "1 BYE x",
        "1 B:E",
        "0x1 BYE",
    ] {
        assert!(CSeq::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

/// R3261-024, SEC-21
#[test]
fn numbers_are_bounded() {
    let delta = |text: &str| DeltaSeconds::parse(text.as_bytes()).map(DeltaSeconds::seconds);
    assert_eq!(delta("0"), Some(0));
    assert_eq!(delta(" 3600 "), Some(3600));
    assert_eq!(delta("4294967295"), Some(u32::MAX));
    assert_eq!(delta("4294967296"), Some(u32::MAX));
    assert_eq!(delta(&"9".repeat(100)), Some(u32::MAX));
    for bad in [
        "",
        "-1",
        "+1",
        "1.5",
        "0x10",
        "1 2",
        "Thu, 01 Dec 1994 16:00:00 GMT",
    ] {
        assert_eq!(delta(bad), None, "{bad}");
    }
    assert_eq!(grammar::decimal::<u8>(b"255"), Some(255));
    assert_eq!(grammar::decimal::<u8>(b"256"), None);
    assert_eq!(grammar::decimal::<u64>(b"18446744073709551616"), None);
}

/// R3261-024
#[test]
fn retry_after() {
    let retry = |text: &str| RetryAfter::parse(text.as_bytes()).map(|r| (r.seconds, r.duration));
    assert_eq!(retry("18000;duration=3600"), Some((18000, Some(3600))));
    assert_eq!(retry("120 (I'm in a (long\\)) meeting)"), Some((120, None)));
    assert_eq!(retry("120 (x) ; duration = 7"), Some((120, Some(7))));
    assert_eq!(retry("120;duration=x"), Some((120, None)));
    assert_eq!(retry("99999999999999999999"), Some((u32::MAX, None)));
    for bad in ["", "Tue, 01 Jan", "-1", "120 (unclosed", "120 x"] {
        assert_eq!(retry(bad), None, "{bad}");
    }
}

/// R3261-017
#[test]
fn event_and_media_type() {
    let event = EventHeader::parse(b"presence.winfo ; ID=a7 ;x").unwrap();
    assert_eq!(
        (event.package, event.id, event.params.has("x")),
        ("presence.winfo", Some("a7"), true)
    );
    assert!(EventHeader::parse(b"").is_err() && EventHeader::parse(b"a b").is_err());
    let kind = MediaType::parse(b"Application/PIDF+xml ;charset=\"UTF-8\"").unwrap();
    assert!(kind.is("application/pidf+xml"));
    assert_eq!(kind.params.text("charset").as_deref(), Some("UTF-8"));
    assert_eq!(kind.to_string(), "application/pidf+xml");
    for bad in [
        "",
        "text",
        "text/",
        "/plain",
        "text/plain;",
        "text/plain;x=\"",
        "text/plain x",
    ] {
        assert!(MediaType::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn entity_tags_are_tokens() {
    assert_eq!(EntityTag::parse(b" a.1~b ").map(EntityTag::as_str), Some("a.1~b"));
    for bad in ["", "a b", "\"a\"", "a;b", "a,b"] {
        assert_eq!(EntityTag::parse(bad.as_bytes()), None, "{bad}");
    }
}

#[test]
fn subscription_state() {
    let s = SubscriptionState::parse(b"Terminated;Reason=NoResource;retry-after=5;expires=x").unwrap();
    assert_eq!(s.state, SubscriptionStateValue::Terminated);
    assert_eq!(s.reason, Some(SubscriptionStateReason::NoResource));
    assert_eq!((s.expires, s.retry_after), (None, Some(5)));
    let s = SubscriptionState::parse(b"waiting;reason=later").unwrap();
    assert_eq!(s.state, SubscriptionStateValue::Other("waiting"));
    assert_eq!(s.reason.unwrap().as_str(), "later");
    assert!(SubscriptionState::parse(b";expires=1").is_err());
}

/// R3261-003, R3261-004
#[test]
fn lists_over_rows_and_commas() {
    let octets = b"BYE sip:h SIP/2.0\r\nk: a, b ,,\r\n c\r\nSupported:d\r\n\
        Route: <sip:a,b;lr>, \"x, <y\" <sip:c>\r\nRoute: <sip:d>\r\n\
        WWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\nX-One: \xff\r\n\r\n";
    let message = Message::parse_datagram(octets, &Limits::default()).unwrap();
    let supported = TokenList::new(&message.headers, HeaderName::Supported);
    assert_eq!(supported.iter().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    assert!(supported.contains("C") && !supported.contains("e"));
    let routes: Vec<_> = message.headers.list(HeaderName::Route).collect();
    assert_eq!(routes, [&b"<sip:a,b;lr>"[..], b"\"x, <y\" <sip:c>", b"<sip:d>"]);
    assert_eq!(message.headers.all(HeaderName::WwwAuthenticate).count(), 1);
    assert_eq!(message.headers.named("x-ONE"), Some(&b"\xff"[..]));
    assert_eq!(
        message.headers.iter().last().map(|(_, name, _)| name),
        Some(&b"X-One"[..])
    );
}

/// R3261-002
#[test]
fn every_compact_form() {
    for (compact, long) in [
        ("i", "Call-ID"),
        ("m", "Contact"),
        ("e", "Content-Encoding"),
        ("l", "Content-Length"),
        ("c", "Content-Type"),
        ("f", "From"),
        ("s", "Subject"),
        ("k", "Supported"),
        ("t", "To"),
        ("v", "Via"),
        ("o", "Event"),
        ("u", "Allow-Events"),
        ("r", "Refer-To"),
        ("b", "Referred-By"),
        ("d", "Request-Disposition"),
        ("j", "Reject-Contact"),
        ("a", "Accept-Contact"),
        ("x", "Session-Expires"),
        ("y", "Identity"),
        ("n", "Identity-Info"),
    ] {
        let name = HeaderName::from_bytes(compact.to_uppercase().as_bytes());
        assert_eq!(name.as_str(), long);
        assert_eq!(HeaderName::from_bytes(long.to_lowercase().as_bytes()), name);
    }
    for unknown in ["", "z", "Vi", "Viaa", "Call_ID", "X-Call-ID", "\u{e9}"] {
        assert_eq!(
            HeaderName::from_bytes(unknown.as_bytes()),
            HeaderName::Other,
            "{unknown}"
        );
    }
}

/// SEC-01
#[test]
fn what_applications_supply_is_checked() {
    assert!(grammar::validate_header_value("plain \u{f6}\ttext").is_ok());
    for bad in ["a\r\nb", "a\nb", "a\0", "\x7f", "\x1b[2J", "\u{9b}"] {
        assert!(grammar::validate_header_value(bad).is_err(), "{bad:?}");
    }
    assert!(grammar::validate_header_name("X-A").is_ok());
    assert!(grammar::validate_header_name("X A").is_err() && grammar::validate_header_name("").is_err());
    assert_eq!(grammar::quote("a \"b\" \\c"), "\"a \\\"b\\\" \\\\c\"");
    assert_eq!(
        grammar::unquote(grammar::quote("a \"b\" \\c").as_bytes()),
        "a \"b\" \\c"
    );
    assert!(
        grammar::is_quoted(b"\"a\\\"b\"")
            && !grammar::is_quoted(b"\"a\"b\"")
            && !grammar::is_quoted(b"\"a\\\"")
    );
    assert!(grammar::is_callid(b"a84b4c76e66710@pc33.atlanta.com") && !grammar::is_callid(b"a@b@c"));
}

#[test]
fn folds_are_one_blank() {
    assert_eq!(grammar::unfold(b"a \r\n\t b\r\n c"), "a b c");
    assert_eq!(grammar::unfold(b"a\xffb"), "a\u{fffd}b");
}
