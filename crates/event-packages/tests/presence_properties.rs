//! Presence documents of any content: written, valid, read again as they were, through XML and through JSON.

mod common;

use common::assert_valid;
use event_packages::pidf::{
    self, Basic, Contact, Device, Enumerated, Person, PlaceIs, Presence, Priority, Rich, Status, StatusIcon,
    TimeOffset, TimedStatus, Tuple, Use, UserInput, Value,
};
use event_packages::{Extension, Note, Timestamp};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Any text that XML can carry.
fn text() -> impl Strategy<Value = String> {
    let legal = |text: String| -> String {
        text.chars()
            .filter(|&c| {
                (c >= ' ' && !matches!(c, '\u{FFFE}' | '\u{FFFF}')) || matches!(c, '\t' | '\n' | '\r')
            })
            .collect()
    };
    prop_oneof![
        "[ -~]{0,20}",
        any::<String>().prop_map(legal),
        Just("]]>&<x/>\r\n\"'".to_owned())
    ]
}

/// A text without blanks round it, which is no name of an enumeration.
fn free_text() -> impl Strategy<Value = String> {
    "[A-Z][a-z<&\u{e4}]{0,8}( [0-9a-z]{1,5})?"
}

fn lang() -> impl Strategy<Value = String> {
    select(vec!["en", "fi", "zh-Hant", "de-CH-1996"]).prop_map(str::to_owned)
}

fn note() -> impl Strategy<Value = Note> {
    (text(), of(lang())).prop_map(|(text, lang)| Note { text, lang })
}

fn uri() -> impl Strategy<Value = String> {
    select(vec![
        "sip:a@example.com",
        "sips:b%20c@[2001:db8::1]:5061;transport=tls",
        "tel:+15550100",
        "https://example.com/x?y=1&z='2'#f",
        "urn:uuid:7b0c1f9e-55d2-4b0a-9c3e-0d6f3a1e2b44",
        "im:\u{e4}@example.com",
    ])
    .prop_map(str::to_owned)
    .prop_filter("libxml2 knows no brackets outside of //", |uri| {
        !uri.contains('[')
    })
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0_i64..4_000_000_000, of(0_u32..1_000_000_000)).prop_map(|(seconds, nanos)| {
        let whole = Timestamp::from_unix(seconds).unwrap().to_string();
        let fraction = nanos.map(|nanos| format!(".{nanos:09}")).unwrap_or_default();
        Timestamp::parse(&whole.replace('Z', &format!("{fraction}Z"))).unwrap()
    })
}

fn span() -> impl Strategy<Value = (Option<Timestamp>, Option<Timestamp>)> {
    (of(time()), of(time())).prop_map(|(from, until)| match (from, until) {
        (Some(from), Some(until)) if until < from => (Some(until), Some(from)),
        other => other,
    })
}

fn extension() -> impl Strategy<Value = Extension> {
    select(vec![
        "<f:x xmlns:f=\"urn:f\"/>",
        "<x xmlns=\"urn:g\" a=\"1\"><y>&amp; text</y><!-- c --><![CDATA[<]]></x>",
        "<gp:geopriv xmlns:gp=\"urn:ietf:params:xml:ns:pidf:geopriv10\"><gp:location-info xmlns:q='urn:q' q:z='>'/></gp:geopriv>",
        "<k:n xmlns:k=\"urn:k\" xmlns=\"\"><inner/></k:n>",
    ])
    .prop_map(|xml| Extension::parse(xml).unwrap())
}

fn extensions() -> impl Strategy<Value = Vec<Extension>> {
    vec(extension(), 0..2)
}

/// Values of an enumeration: some of its names, free texts, foreign elements.
fn values(names: &'static [&'static str], texts: bool) -> impl Strategy<Value = Vec<Value>> {
    let names = subsequence(names, 1..=3).prop_map(|names| {
        names
            .iter()
            .map(|name| Value::Name((*name).into()))
            .collect::<Vec<_>>()
    });
    let other = prop_oneof![
        free_text().prop_map(Value::Name),
        (free_text(), lang()).prop_map(|(text, lang)| Value::Labelled { text, lang }),
    ];
    (
        names,
        vec(other, 0..2),
        vec(extension().prop_map(Value::Extension), 0..2),
    )
        .prop_map(move |(mut all, other, foreign)| {
            all.extend(other.into_iter().filter(|_| texts));
            all.extend(foreign);
            all
        })
}

fn enumerated(
    values: impl Strategy<Value = Vec<Value>>,
    notes: bool,
) -> impl Strategy<Value = Vec<Enumerated>> {
    let one = (values, vec(note(), 0..2), span()).prop_map(move |(values, mut all, (from, until))| {
        all.retain(|_| notes);
        Enumerated {
            values,
            notes: all,
            from,
            until,
            id: None,
        }
    });
    vec(one, 0..3)
}

fn single(names: &'static [&'static str]) -> impl Strategy<Value = Option<Enumerated>> {
    let one = (select(names), vec(note(), 0..2)).prop_map(|(name, notes)| Enumerated {
        notes,
        ..Enumerated::of(name)
    });
    of(one)
}

fn rich() -> impl Strategy<Value = Option<Box<Rich>>> {
    let enumerations = (
        enumerated(
            values(&["away", "busy", "in-transit", "on-the-phone", "tv"], true),
            true,
        ),
        enumerated(values(&["in_awe", "happy", "worried"], true), true),
        enumerated(values(&["office", "unknown", "place-of-worship"], false), true),
        enumerated(values(&["audio", "text", "video"], false), true),
        enumerated(
            select(vec!["home", "work", "unknown"]).prop_map(|name| vec![Value::Name(name.into())]),
            false,
        ),
        single(&["assistant", "self", "unknown"]),
        single(&["courier", "in-person", "unknown"]),
    );
    let place = (
        select(vec!["noisy", "ok"]),
        of(select(vec!["dark", "toobright"])),
        vec(note(), 0..2),
        span(),
    )
        .prop_map(|(audio, video, notes, (from, until))| PlaceIs {
            audio: Some(audio.into()),
            video: video.map(str::to_owned),
            text: None,
            notes,
            from,
            until,
            id: None,
        });
    let icon = (uri(), span()).prop_map(|(uri, (from, until))| StatusIcon {
        uri,
        from,
        until,
        id: None,
    });
    let offset =
        (-1500_i64..1500, of(text()), span()).prop_map(|(minutes, description, (from, until))| TimeOffset {
            minutes,
            description,
            from,
            until,
            id: None,
        });
    let input =
        (any::<bool>(), of(1_u64..u64::MAX), of(time())).prop_map(|(idle, idle_threshold, last_input)| {
            UserInput {
                state: if idle { Use::Idle } else { Use::Active },
                idle_threshold,
                last_input,
                id: None,
            }
        });
    let elements = (
        vec(place, 0..2),
        vec(icon, 0..2),
        vec(offset, 0..2),
        of(input),
        of(free_text()),
    );
    let card = (of(uri()), of(text()), of(uri()), of(uri()), of(uri()), of(uri()));
    let all = (enumerations, elements, card).prop_map(|(a, b, c)| Rich {
        activities: a.0,
        mood: a.1,
        place_type: a.2,
        privacy: a.3,
        sphere: a.4,
        relationship: a.5.map(Box::new),
        service_class: a.6.map(Box::new),
        place_is: b.0,
        status_icon: b.1,
        time_offset: b.2,
        user_input: b.3.map(Box::new),
        class: b.4,
        card: c.0,
        // one without language: the schema has no other
        display_name: c.1.map(Note::new).into_iter().collect(),
        homepage: c.2,
        icon: c.3,
        map: c.4,
        sound: c.5,
    });
    of(all).prop_map(|rich| rich.filter(|rich| !rich.is_empty()).map(Box::new))
}

fn basic() -> impl Strategy<Value = Option<Basic>> {
    of(any::<bool>().prop_map(|open| if open { Basic::Open } else { Basic::Closed }))
}

fn timed() -> impl Strategy<Value = TimedStatus> {
    (time(), of(time()), basic(), of(note()), extensions()).prop_map(
        |(from, until, basic, note, extensions)| TimedStatus {
            from,
            until: until.filter(|until| *until >= from),
            basic,
            note,
            extensions,
        },
    )
}

fn tuple() -> impl Strategy<Value = Tuple> {
    let contact = (uri(), of(0_u16..=1000)).prop_map(|(uri, priority)| Contact {
        uri,
        priority: priority.and_then(Priority::from_thousandths),
    });
    let status = (basic(), extensions()).prop_map(|(basic, extensions)| Status { basic, extensions });
    (
        status,
        rich(),
        vec(uri(), 0..2),
        vec(timed(), 0..2),
        of(contact),
        vec(note(), 0..2),
        of(time()),
        extensions(),
    )
        .prop_map(
            |(status, rich, device_ids, mut timed_status, contact, notes, timestamp, extensions)| {
                timed_status.retain(|timed| timestamp.is_none_or(|now| !timed.covers(now)));
                Tuple {
                    id: String::new(),
                    status,
                    rich,
                    device_ids,
                    timed_status,
                    contact,
                    notes,
                    timestamp,
                    extensions,
                }
            },
        )
}

fn presence() -> impl Strategy<Value = Presence> {
    let person = (rich(), vec(note(), 0..2), of(time()), extensions()).prop_map(
        |(rich, notes, timestamp, extensions)| Person {
            id: String::new(),
            rich,
            notes,
            timestamp,
            extensions,
        },
    );
    let device = (rich(), uri(), vec(note(), 0..2), of(time()), extensions()).prop_map(
        |(rich, id, notes, timestamp, extensions)| Device {
            id: String::new(),
            rich,
            device_id: Some(id),
            notes,
            timestamp,
            extensions,
        },
    );
    (
        uri(),
        vec(tuple(), 0..3),
        vec(note(), 0..2),
        vec(person, 0..3),
        vec(device, 0..2),
        extensions(),
    )
        .prop_map(|(entity, tuples, notes, persons, devices, extensions)| {
            let mut all = Presence {
                entity,
                tuples,
                notes,
                persons,
                devices,
                extensions,
            };
            all.tuples
                .iter_mut()
                .zip(0..)
                .for_each(|(tuple, at)| tuple.id = format!("t{at}"));
            all.persons
                .iter_mut()
                .zip(0..)
                .for_each(|(person, at)| person.id = format!("p-{at}"));
            all.devices
                .iter_mut()
                .zip(0..)
                .for_each(|(device, at)| device.id = format!("_d.{at}"));
            all
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_as_it_was(presence in presence()) {
        let written = presence.write().map_err(|error| TestCaseError::fail(error.to_string()))?;
        let read = pidf::read(&written).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read, &presence, "{}", String::from_utf8_lossy(&written));
        prop_assert_eq!(&read.write().unwrap(), &written);
    }

    #[test]
    fn json_there_and_back(presence in presence()) {
        let json = presence.to_json();
        let text = json.to_string();
        let again = Presence::from_json(&serde_json::from_str(&text).unwrap()).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&again, &presence, "{}", text);
    }
}

/// CXML-03: every document that is built is valid against the schemas of the RFCs.
#[test]
fn cxml_03_what_is_written_is_valid() {
    let mut runner = TestRunner::deterministic();
    let strategy = presence();
    let all: Vec<Vec<u8>> = (0..300)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current().write().unwrap())
        .collect();
    assert_valid("properties", "all-presence.xsd", all.iter().map(Vec::as_slice));
}
