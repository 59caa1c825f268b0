//! URIs: the grammar of RFC 3261 §19.1 and §25.1, the equivalence of §19.1.4 with all of its
//! examples, the key that identifies a presentity, IPv6 references (RFC 5954).
#![allow(clippy::unwrap_used, clippy::panic)]

use sip_wire::{FaultKind, Host, Scheme, Uri, UriBuf};

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

fn same(a: &str, b: &str) -> bool {
    let forth = uri(a).same_as(&uri(b));
    assert_eq!(forth, uri(b).same_as(&uri(a)), "{a} {b}");
    forth
}

/// R3261-014
#[test]
fn the_equivalent_sets_of_rfc_3261() {
    let sets: &[&[&str]] = &[
        &[
            "sip:%61lice@atlanta.com;transport=TCP",
            "sip:alice@AtLanTa.CoM;Transport=tcp",
        ],
        &["sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"],
        &["sip:carol@chicago.com", "sip:carol@chicago.com;security=on"],
        &[
            "sip:carol@chicago.com;newparam=5",
            "sip:carol@chicago.com;security=on",
        ],
        &[
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ],
        &[
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ],
    ];
    for set in sets {
        for a in *set {
            for b in *set {
                assert!(same(a, b), "{a} {b}");
                assert_eq!(uri(a).key(), uri(b).key());
            }
        }
    }
}

/// R3261-014
#[test]
fn the_different_pairs_of_rfc_3261() {
    let pairs = [
        (
            "SIP:ALICE@AtLanTa.CoM;Transport=udp",
            "sip:alice@AtLanTa.CoM;Transport=UDP",
        ),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com?Subject=next%20meeting",
        ),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        (
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;security=off",
        ),
    ];
    for (a, b) in pairs {
        assert!(!same(a, b), "{a} {b}");
    }
    // the last pair is why equivalence is not transitive; a key cannot tell it apart
    for (a, b) in pairs.iter().take(6) {
        assert_ne!(uri(a).key(), uri(b).key());
    }
}

/// R3261-014, R5954-01
#[test]
fn the_rules_that_have_no_example() {
    for (a, b) in [
        ("sip:a@h", "sips:a@h"),
        ("sip:a@h;user=phone", "sip:a@h"),
        ("sip:a@h;ttl=1", "sip:a@h"),
        ("sip:a@h;maddr=1.2.3.4", "sip:a@h"),
        ("sip:a:p@h", "sip:a@h"),
        ("sip:a@h", "sip:h"),
        ("sip:a%40b@h", "sip:a@h"),
        // a reserved character is not its escape
        ("sip:a%3Bb@h", "sip:a;b@h"),
    ] {
        assert!(!same(a, b), "{a} {b}");
        assert_ne!(uri(a).key(), uri(b).key());
    }
    for (a, b) in [
        ("sip:a@[2001:DB8::1]", "sip:a@[2001:db8:0::1]"),
        ("sip:a@[::ffff:192.0.2.1]", "sip:a@[::ffff:c000:201]"),
        ("sip:a@example.com.", "sip:a@EXAMPLE.com"),
        ("sip:a%3bb@h", "sip:a%3Bb@h"),
        ("sip:%7Euser@h", "sip:~user@h"),
        ("sip:j%c3%b6e@h", "sip:j%C3%B6e@h"),
        ("sip:a@h;TRANSPORT=Tcp", "sip:a@h;transport=tcp"),
        ("pres:Alice@Example.COM", "pres:Alice@Example.COM"),
        ("PRES:a@h", "pres:a@h"),
    ] {
        assert!(same(a, b), "{a} {b}");
        assert_eq!(uri(a).key(), uri(b).key());
    }
    assert_eq!(uri("pres:alice@Example.COM").key(), "pres:alice@example.com");
    assert_eq!(
        uri("sip:a@h;lr;x=y;maddr=10.0.0.1").key(),
        "sip:a@h;maddr=10.0.0.1"
    );
}

/// R3261-013
#[test]
fn parts_stay_as_they_came() {
    for text in [
        "sip:alice@example.com",
        "sips:alice:secret@example.com:5061;transport=tcp;lr;x=%20?a=b&c=",
        "sip:+1-212-555-1212:1234@gateway.com;user=phone",
        "sip:user;par=u%40example.net@example.com",
        "sip:a/b?c&d=e+f$g,h@example.com",
        "sip:*67#@example.com",
        "sip:[2001:db8::1]:5060;maddr=[::1]",
        "sip:192.0.2.1",
        "sip:null-%00-null@example.com",
        "tel:+1-201-555-0123;phone-context=example.com",
        "urn:service:sos",
    ] {
        assert_eq!(uri(text).to_string(), text);
        assert_eq!(UriBuf::parse(text).unwrap().uri(), uri(text));
    }
    assert_eq!(
        uri("sip:a/b?c&d=e+f$g,h@example.com").user,
        Some("a/b?c&d=e+f$g,h")
    );
    assert_eq!(uri("tel:+1").scheme, Scheme::Tel);
    assert_eq!(uri("sip:h;LR=on").param("lr"), Some(Some("on")));
    assert!(uri("sip:h;lr=on").is_loose_route() && !uri("sip:h;lrx").is_loose_route());
}

#[test]
fn what_is_no_uri_is_refused_at_its_first_wrong_octet() {
    for (text, kind, offset) in [
        ("", FaultKind::UriScheme, 0),
        ("alice", FaultKind::UriScheme, 0),
        ("1sip:a@h", FaultKind::UriScheme, 0),
        ("<sip:a@h>", FaultKind::UriScheme, 0),
        ("sip:", FaultKind::UriScheme, 4),
        ("sip:@h", FaultKind::UriUser, 4),
        ("sip:a b@h", FaultKind::UriUser, 5),
        ("sip:a%4@h", FaultKind::UriUser, 5),
        ("sip:a%zz@h", FaultKind::UriUser, 5),
        ("sip:j\u{f6}e@h", FaultKind::UriUser, 5),
        ("sip:a:p:q@h", FaultKind::UriUser, 7),
        ("sip:a@", FaultKind::Host, 6),
        ("sip:a@h@i", FaultKind::Host, 7),
        ("sip:a@-h", FaultKind::Host, 8),
        ("sip:a@h_\u{e9}", FaultKind::Host, 8),
        ("sip:2001:db8::10", FaultKind::Port, 8),
        ("sip:a@h:", FaultKind::Port, 7),
        ("sip:a@h:65536", FaultKind::Port, 7),
        ("sip:a@h:+5060", FaultKind::Port, 7),
        ("sip:a@h: 5060", FaultKind::Host, 8),
        ("sip:a@[::1", FaultKind::Unclosed, 6),
        ("sip:a@[::g]", FaultKind::Host, 7),
        ("sip:a@h;", FaultKind::Params, 8),
        ("sip:a@h;;lr", FaultKind::Params, 8),
        ("sip:a@h;x=", FaultKind::Params, 8),
        ("sip:a@h;x=a\r\nVia: y", FaultKind::Params, 11),
        ("sip:a@h;x=\"q\"", FaultKind::Params, 10),
        ("sip:a@h?x", FaultKind::UriHeaders, 8),
        ("sip:a@h?", FaultKind::Params, 7),
        ("tel:+1 2", FaultKind::Text, 6),
        ("isbn:a%4", FaultKind::Text, 6),
        ("isbn:a\r\nb", FaultKind::Text, 6),
    ] {
        let fault = Uri::parse(text)
            .err()
            .unwrap_or_else(|| panic!("{text:?} parsed"));
        assert_eq!((fault.kind, fault.offset), (kind, offset), "{text:?}");
    }
}

#[test]
fn ports_to_the_limit() {
    assert_eq!(uri("sip:h:65535").port, Some(65_535));
    assert_eq!(uri("sip:h:0").port, Some(0));
    assert_eq!(uri("sip:h:0005060").port, Some(5060));
}

/// R5954-01
#[test]
fn ipv6_references() {
    let v6 = |text: &str| Host::V6(text.parse().unwrap());
    assert_eq!(uri("sip:[2001:db8::10:5070]").host, v6("2001:db8::10:5070"));
    assert_eq!(uri("sip:[::]:5070").port, Some(5070));
    assert_eq!(uri("sip:[2001:db8:::192.0.2.1]").host, v6("2001:db8::192.0.2.1"));
    for bad in [
        "sip:[]",
        "sip:[1::2::3]",
        "sip:[::1%25eth0]",
        "sip:[::1]x",
        "sip:[192.0.2.1]",
        "sip:[:::::::]",
    ] {
        assert!(Uri::parse(bad).is_err(), "{bad}");
    }
}
