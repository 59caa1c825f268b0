//! Tests of reading and writing XML within bounds.

use super::read::parse;
use super::write::escape;
use super::*;
use crate::ErrorKind;

fn kind(text: &str) -> ErrorKind {
    parse(text).map(|_| ()).unwrap_err().kind
}

/// CXML-01
#[test]
fn a_document_type_is_refused() {
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol1 \"&lol;&lol;&lol;&lol;\">]><a>&lol1;</a>";
    assert_eq!(kind(bomb), ErrorKind::DocumentType);
    assert_eq!(kind("<a><!ENTITY b 'c'></a>"), ErrorKind::DocumentType);
    assert_eq!(kind("\n<!doctype a><a/>"), ErrorKind::DocumentType);
    assert!(matches!(kind("<a>&lol;</a>"), ErrorKind::NotWellFormed(_)));
    assert!(parse("<a><!-- <!DOCTYPE x> --><![CDATA[<!DOCTYPE x>]]><?x <!DOCTYPE x> ?></a>").is_ok());
}

#[test]
fn depth_is_bounded() {
    let deep = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
    assert!(parse(&deep(limits::DEPTH)).is_ok());
    assert!(matches!(
        kind(&deep(limits::DEPTH + 1)),
        ErrorKind::TooMany { .. }
    ));
    assert!(matches!(kind(&"<a>".repeat(300_000)), ErrorKind::TooMany { .. }));
    assert!(parse(&format!("<r>{}</r>", "<a x='>'/>".repeat(1000))).is_ok());
}

#[test]
fn numbers_are_bounded() {
    let attributes = |n: usize| (0..n).map(|i| format!(" a{i}=''")).collect::<String>();
    assert!(parse(&format!("<a{}/>", attributes(limits::ATTRIBUTES))).is_ok());
    assert!(matches!(
        kind(&format!("<a{}/>", attributes(limits::ATTRIBUTES + 1))),
        ErrorKind::TooMany { .. }
    ));
    let declared = format!("<r>{}</r>", "<a xmlns='u'/>".repeat(limits::NAMESPACES + 1));
    assert!(matches!(kind(&declared), ErrorKind::TooMany { .. }));
    let long = |n: usize| format!("<a xmlns:x='{}'/>", "u".repeat(n));
    assert!(parse(&long(limits::NAMESPACE)).is_ok());
    assert!(matches!(
        kind(&long(limits::NAMESPACE + 1)),
        ErrorKind::TooMany { .. }
    ));
    let nodes = format!("<r>{}</r>", "<a/>".repeat(limits::NODES as usize));
    assert!(matches!(kind(&nodes), ErrorKind::TooMany { what: "nodes", .. }));
    let large = format!("<r>{}</r>", " ".repeat(limits::OCTETS));
    assert!(matches!(kind(&large), ErrorKind::TooLarge { .. }));
}

/// The worst that the bounds let through is read in little time; a quadratic reader would take minutes.
#[test]
fn what_the_bounds_let_through_is_read_quickly() {
    let attributes = (0..limits::ATTRIBUTES)
        .map(|i| format!(" a{i}=''"))
        .collect::<String>();
    let wide = format!("<a{attributes}/>");
    let namespaces: String = (0..60).map(|i| format!(" xmlns:n{i}='urn:{i}'")).collect();
    let shadowed = format!("<b{namespaces}>{}</b>", "<c xmlns='urn:d'/>".repeat(900));
    for part in [wide.as_str(), shadowed.as_str(), "<a>&#65;</a>", "<a/>x"] {
        let times = if part == shadowed {
            1
        } else {
            (limits::OCTETS - 10) / part.len()
        };
        let text = format!("<r>{}</r>", part.repeat(times));
        let _ = parse(&text);
    }
}

#[test]
fn texts_are_escaped_and_read_back() {
    let text = "a<b>&\"'\r\n\t]]> \u{1F600}";
    let mut out = XmlWriter::new();
    out.start("a", &[("x", Some(text)), ("none", None)]);
    out.element("b", &[], text);
    out.empty("c", &[]);
    let written = String::from_utf8(out.finish().unwrap()).unwrap();
    let tree = parse(&written).unwrap();
    let root = tree.root_element();
    assert_eq!(root.attribute("x"), Some(text));
    assert_eq!(root.child("", "b").unwrap().content(), text);
    assert_eq!(root.elements().count(), 2);
    assert_eq!(escape("plain"), "plain");
}

#[test]
fn an_illegal_character_is_told_with_its_element() {
    let mut out = XmlWriter::new();
    out.element("note", &[], "a\u{8}b");
    let error = out.finish().unwrap_err();
    assert_eq!(
        error.to_string(),
        "note: XML cannot carry the character U+0008; remove it"
    );
}

/// XML 1.0 §4.1: what is no character is none as a reference either.
#[test]
fn references_to_what_is_no_character_are_not_well_formed() {
    for bad in [
        "&#xD800;",
        "&#xdfff;",
        "&#55296;",
        "&#0;",
        "&#x8;",
        "&#xFFFE;",
        "&#x110000;",
        "&#99999999999;",
    ] {
        for text in [format!("<a>b{bad}c</a>"), format!("<a>\n<b x='{bad}'/></a>")] {
            assert!(matches!(kind(&text), ErrorKind::NotWellFormed(_)), "{text}");
        }
        for text in [
            format!("<a><!--{bad}--></a>"),
            format!("<a><![CDATA[{bad}]]></a>"),
        ] {
            assert!(parse(&text).is_ok(), "{text}");
        }
    }
    let good = parse("<a x='&#9;'>&#x41;&#65;&#x1F600;&#xE000;</a>").unwrap();
    assert_eq!(good.root_element().text(), Some("AA\u{1F600}\u{E000}"));
    let many = format!("<a>{}</a>", "&#".repeat(limits::OCTETS / 2 - 10));
    assert!(parse(&many).is_err());
}

/// Windows-1252 is not ISO 8859-1 between 0x80 and 0x9F.
#[test]
fn encodings_of_one_octet() {
    let text = |encoding: &str, octets: &[u8]| {
        let head = format!("<?xml version='1.0' encoding='{encoding}'?><a>");
        let body = [head.as_bytes(), octets, b"</a>"].concat();
        let text = read::text(&body).map(|text| text.into_owned());
        text.map(|text| text.split("<a>").nth(1).unwrap().to_owned()).ok()
    };
    let windows = text("Windows-1252", b"\x80\x93\xfc\x94\x9f");
    assert_eq!(
        windows.as_deref(),
        Some("\u{20AC}\u{201C}\u{FC}\u{201D}\u{178}</a>")
    );
    assert_eq!(text("windows-1252", b"\x81"), None);
    let latin = text("ISO-8859-1", b"\x85\xfc");
    assert_eq!(latin.as_deref(), Some("\u{85}\u{FC}</a>"));
    assert_eq!(text("utf-8", b"\xfc"), None);
}
