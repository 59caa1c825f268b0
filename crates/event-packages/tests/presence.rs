//! Presence documents: reading what the field writes, and writing what the schemas of the RFCs allow.

mod common;

use common::{assert_valid, file};
use event_packages::pidf::{self, Basic, Presence, Use, Value};
use event_packages::{Availability, Document};

const SCHEMA: &str = "all-presence.xsd";

fn read(text: &str) -> Presence {
    pidf::read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn written(presence: &Presence) -> String {
    String::from_utf8(
        presence
            .write()
            .unwrap_or_else(|error| panic!("{error}\n{presence:?}")),
    )
    .unwrap()
}

/// What is written is valid and says the same; the JSON form as well.
fn assert_lives(test: &str, presence: &Presence) -> String {
    let text = written(presence);
    assert_valid(test, SCHEMA, [text.as_bytes()]);
    assert_eq!(&read(&text), presence, "{text}");
    assert_eq!(&Presence::from_json(&presence.to_json()).unwrap(), presence);
    text
}

#[test]
fn the_examples_are_read_and_written() {
    let plain = pidf::read(&file("examples/pidf.xml")).unwrap();
    assert_lives("example-plain", &plain);
    let rich = pidf::read(&file("examples/pidf-rich.xml")).unwrap();
    let text = assert_lives("example-rich", &rich);
    assert!(text.contains(
        "<rpid:activities from=\"2026-01-15T09:30:00Z\"><rpid:meeting/><rpid:busy/></rpid:activities>"
    ));
    let person = rich.persons[0].rich.as_deref().unwrap();
    assert_eq!(person.display_name[0].text, "Anna A.");
    assert_eq!(person.place_type[0].values, [Value::Name("lab".into())]);
    let device = rich.devices[0].rich.as_deref().unwrap();
    let input = device.user_input.as_ref().unwrap();
    assert_eq!((input.state, input.idle_threshold), (Use::Active, Some(600)));
    assert_eq!(rich.tuples[0].timed_status[0].basic, Some(Basic::Closed));
}

#[test]
fn the_summary_of_the_admin_guides_example() {
    let text = "<?xml version='1.0'?><presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' \
        xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' xmlns:c='urn:ietf:params:xml:ns:pidf:cipid' entity='system@opensips.org'>\
        <tuple id='0x81475a0'><status><basic>open</basic></status></tuple><dm:person id='pdd748945'><rpid:activities><rpid:away/>away\
        </rpid:activities><dm:note>CPU:16 MEM:476</dm:note></dm:person></presence>";
    let summary = Document::read("Application/PIDF+XML; charset=utf-8", text.as_bytes())
        .unwrap()
        .summary();
    assert_eq!(summary.availability, Availability::Open);
    assert_eq!(summary.activities, ["away"]);
    assert_eq!(summary.note.as_deref(), Some("CPU:16 MEM:476"));
    let again = written(&read(text));
    assert_valid("admin-guide", SCHEMA, [again.as_bytes()]);
    assert!(again.contains("<tuple id=\"_0x81475a0\">"), "{again}");
}
