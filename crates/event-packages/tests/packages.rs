//! Names of event packages: which are names, what becomes of them, what is known of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use event_packages::{Package, registrations};

fn normalised(text: &str) -> Option<String> {
    Package::parse(text)
        .ok()
        .map(|package| package.as_str().to_owned())
}

#[test]
fn names_of_the_grammar() {
    for name in [
        "presence",
        "dialog",
        "message-summary",
        "presence.winfo",
        "presence.winfo.winfo",
        "x",
        "as-feature-event",
        "a!%*_+`'~-b",
        "dialog;sla",
        "dialog;ma",
        "dialog;include-session-description",
        "ua-profile;profile-type=device;vendor=\"a b\"",
        "foo;host=[2001:db8::1]",
        "foo;a=b.c",
    ] {
        assert_eq!(normalised(name).as_deref(), Some(name));
    }
}

#[test]
fn what_is_no_name() {
    for text in [
        "",
        " ",
        ".",
        "a.",
        ".a",
        "a..b",
        "a b",
        "a\r\nX: y",
        "a\0",
        "a@b",
        "a/b",
        "é",
        ";sla",
        "dialog;",
        "dialog;;x",
        "dialog;=x",
        "dialog;x=",
        "dialog;x=y z",
        "dialog;x=\"a",
        "dialog;x=\"\r\n\"",
        "dialog; x y",
        "a,b",
        "\"a\"",
    ] {
        assert_eq!(normalised(text), None, "{text:?}");
    }
    assert_eq!(normalised(&"x".repeat(257)), None);
    assert!(normalised(&"x".repeat(256)).is_some());
}

#[test]
fn old_spellings_and_blanks() {
    assert_eq!(normalised("presence;winfo").as_deref(), Some("presence.winfo"));
    assert_eq!(
        normalised(" presence ; winfo ").as_deref(),
        Some("presence.winfo")
    );
    assert_eq!(
        normalised("dialog;winfo;sla").as_deref(),
        Some("dialog.winfo;sla")
    );
    assert_eq!(normalised("\tdialog ; sla = x").as_deref(), Some("dialog;sla=x"));
}

#[test]
fn type_and_parameters_apart() {
    let package = Package::parse("dialog;sla;x=y").unwrap();
    assert_eq!(
        (package.event_type(), package.parameters()),
        ("dialog", ";sla;x=y")
    );
    let package = Package::parse("presence.winfo").unwrap();
    assert_eq!(
        (package.event_type(), package.parameters()),
        ("presence.winfo", "")
    );
}

/// conformance.md C.1.
#[test]
fn defaults_of_the_rfcs() {
    for (name, content_type, expires, several_dialogs) in [
        ("presence", "application/pidf+xml", 3600, false),
        ("dialog", "application/dialog-info+xml", 3600, true),
        ("dialog;sla", "application/dialog-info+xml", 3600, true),
        ("dialog;ma", "application/dialog-info+xml", 3600, true),
        (
            "message-summary",
            "application/simple-message-summary",
            3600,
            true,
        ),
        ("reg", "application/reginfo+xml", 3761, false),
        ("presence.winfo", "application/watcherinfo+xml", 3600, true),
        ("reg.winfo.winfo", "application/watcherinfo+xml", 3600, true),
        ("conference", "application/conference-info+xml", 3600, false),
        ("xcap-diff", "application/xcap-diff+xml", 3600, false),
    ] {
        let package = Package::parse(name).unwrap();
        let known = package.registration().expect(name);
        assert_eq!(package.default_content_type(), Some(content_type), "{name}");
        assert_eq!(package.default_expires(), expires, "{name}");
        assert_eq!(known.several_dialogs, several_dialogs, "{name}");
    }
}

#[test]
fn unknown_packages_are_packages_too() {
    let package = Package::parse("x-my-own").unwrap();
    assert_eq!(package.registration(), None);
    assert_eq!(
        (package.default_content_type(), package.default_expires()),
        (None, 3600)
    );
    assert!(!package.allows_empty_body());
    assert!(Package::parse("line-seize").unwrap().allows_empty_body());
    // Event types compare with regard to case (RFC 6665 §8.2.1 compares byte by byte).
    assert_eq!(Package::parse("Presence").unwrap().registration(), None);
}

#[test]
fn every_entry_is_found_by_its_name() {
    for entry in registrations() {
        let name = entry
            .name
            .strip_prefix('.')
            .map_or(entry.name.to_owned(), |template| format!("x.{template}"));
        assert_eq!(
            Package::parse(&name).unwrap().registration(),
            Some(entry),
            "{name}"
        );
        assert!(!entry.defined_in.is_empty());
    }
}
