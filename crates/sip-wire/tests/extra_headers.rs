//! Headers that applications add: all spellings of the line ends in use, and nothing that could
//! become another header, another message, or one that the daemon owns.
#![allow(clippy::unwrap_used)]

use sip_wire::{ExtraHeaderError as Error, ExtraHeaders, HeaderName};

#[test]
fn all_line_ends_give_the_same() {
    for text in [
        "X-A: 1\r\nX-B: 2\r\n",
        "X-A: 1\r\nX-B: 2",
        "X-A: 1\nX-B: 2\n",
        "X-A: 1\n\nX-B: 2\n\n",
        "X-A: 1\\r\\nX-B: 2\\r\\n",
        "X-A: 1\\nX-B: 2",
        "X-A:1\r\n\r\nX-B :\t2 \r\n\r\n",
    ] {
        let extra = ExtraHeaders::parse(text).unwrap();
        assert_eq!(extra.to_string(), "X-A: 1\r\nX-B: 2\r\n", "{text:?}");
        assert_eq!(extra.iter().collect::<Vec<_>>(), [("X-A", "1"), ("X-B", "2")]);
        assert!(extra.has("x-b") && !extra.has("x-c"));
    }
    for text in ["", "\r\n", "\\r\\n"] {
        assert!(ExtraHeaders::parse(text).unwrap().is_empty());
    }
}

#[test]
fn values_are_kept() {
    let text = "User-Agent: me/1\r\nk: 100rel\r\nX-Empty:\r\nP-Asserted-Identity: \"J\u{f6}e\" <sip:a@h>, <tel:+1>\r\n";
    let expected = text.replace("X-Empty:\r\n", "X-Empty: \r\n");
    let extra = ExtraHeaders::parse(text).unwrap();
    assert_eq!(extra.as_str(), expected);
    assert!(extra.has("Supported"));
    assert_eq!(ExtraHeaders::parse(extra.as_str()).unwrap(), extra);
}

/// SEC-02
#[test]
fn what_the_daemon_owns_is_refused_in_every_spelling() {
    for (line, owner) in [
        ("Via: x", HeaderName::Via),
        ("v: x", HeaderName::Via),
        ("V : x", HeaderName::Via),
        ("rOuTe: <sip:evil>", HeaderName::Route),
        ("Record-Route: x", HeaderName::RecordRoute),
        ("i: x", HeaderName::CallId),
        ("CSEQ: 1 PUBLISH", HeaderName::CSeq),
        ("f: x", HeaderName::From),
        ("t: x", HeaderName::To),
        ("m: x", HeaderName::Contact),
        ("Max-Forwards: 0", HeaderName::MaxForwards),
        ("l: 0", HeaderName::ContentLength),
        ("Content-Length: 0", HeaderName::ContentLength),
        ("c: text/plain", HeaderName::ContentType),
        ("e: gzip", HeaderName::ContentEncoding),
        ("o: presence", HeaderName::Event),
        ("Expires: 1", HeaderName::Expires),
        ("SIP-If-Match: x", HeaderName::SipIfMatch),
        ("Authorization: x", HeaderName::Authorization),
        ("Proxy-Authorization: x", HeaderName::ProxyAuthorization),
        ("Require: x", HeaderName::Require),
        ("Proxy-Require: x", HeaderName::ProxyRequire),
    ] {
        assert_eq!(ExtraHeaders::parse(line), Err(Error::Owned(owner)), "{line}");
        assert_eq!(
            ExtraHeaders::parse(&format!("X: y\n{line}")),
            Err(Error::Owned(owner)),
            "{line}"
        );
    }
}

/// SEC-01
#[test]
fn what_is_no_header_is_refused() {
    for (text, error) in [
        ("X-A", Error::NoColon(1)),
        ("X-A: 1\r\nfoo", Error::NoColon(2)),
        (": 1", Error::Name(1)),
        ("X A: 1", Error::Name(1)),
        ("X\u{e9}: 1", Error::Name(1)),
        ("X-A: 1\r\n folded", Error::Folded(2)),
        ("X-A: 1\n\tfolded: 2", Error::Folded(2)),
        (" X-A: 1", Error::Folded(1)),
        ("X-A: 1\0", Error::Control(1)),
        ("X-A: 1\rVia: x", Error::Control(1)),
        ("X-A: \x1b[2J", Error::Control(1)),
        ("X-A: \u{85}", Error::Control(1)),
        ("X\r-A: 1", Error::Name(1)),
    ] {
        assert_eq!(ExtraHeaders::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn limits() {
    let lines = |n: usize| "X: y\n".repeat(n);
    assert!(ExtraHeaders::parse(&lines(64)).is_ok());
    assert_eq!(ExtraHeaders::parse(&lines(65)), Err(Error::TooMany));
    let octets = |n: usize| format!("X: {}\r\n", "y".repeat(n - 5));
    assert!(ExtraHeaders::parse(&octets(8192)).is_ok());
    assert_eq!(ExtraHeaders::parse(&octets(8193)), Err(Error::TooMany));
}
