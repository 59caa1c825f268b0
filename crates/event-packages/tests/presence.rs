//! Presence documents: reading what the field writes, and writing what the schemas of the RFCs allow.

mod common;

use common::{assert_valid, file};
use event_packages::pidf::{self, Basic, Presence, TimedStatus, Use, Value, check_entity};
use event_packages::{Availability, Document, ErrorKind, Note, Summary, Timestamp};
use serde_json::{Value as Json, json};

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

fn made(value: &Json) -> Presence {
    Presence::from_json(value).unwrap_or_else(|error| panic!("{error}\n{value}"))
}

/// What is written is valid and says the same; the JSON form as well.
fn assert_lives(test: &str, presence: &Presence) -> String {
    let text = written(presence);
    assert_valid(test, SCHEMA, [text.as_bytes()]);
    assert_eq!(&read(&text), presence, "{text}");
    assert_eq!(&Presence::from_json(&presence.to_json()).unwrap(), presence);
    text
}

fn summary(presence: &Presence) -> Summary {
    Document::Presence(presence.clone()).summary()
}

/// Why a document is not written: the whole text of the error.
fn refused(value: &Json) -> String {
    made(value).write().unwrap_err().to_string()
}

fn tuple(inner: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:r=\"urn:ietf:params:xml:ns:pidf:rpid\" \
         xmlns:c=\"urn:ietf:params:xml:ns:pidf:cipid\" xmlns:ts=\"urn:ietf:params:xml:ns:pidf:timed-status\" \
         entity=\"sip:a@example.com\"><tuple id=\"t\">{inner}</tuple></presence>"
    )
}

fn person(inner: &str) -> Presence {
    read(&tuple("<status/>").replace(
        "</presence>",
        &format!("<dm:person id=\"p\">{inner}</dm:person></presence>"),
    ))
}

#[test]
fn the_examples_are_read_and_written() {
    let plain = pidf::read(&file("examples/pidf.xml")).unwrap();
    assert_lives("example-plain", &plain);
    let rich = pidf::read(&file("examples/pidf-rich.xml")).unwrap();
    let text = assert_lives("example-rich", &rich);
    let activities =
        "<rpid:activities from=\"2026-01-15T09:30:00Z\"><rpid:meeting/><rpid:busy/></rpid:activities>";
    assert!(text.contains(activities), "{text}");
    let person = rich.persons[0].rich.as_deref().unwrap();
    assert_eq!(person.display_name[0].text, "Anna A.");
    assert_eq!(person.place_type[0].values, [Value::Name("lab".into())]);
    let input = rich.devices[0]
        .rich
        .as_deref()
        .unwrap()
        .user_input
        .as_ref()
        .unwrap();
    assert_eq!((input.state, input.idle_threshold), (Use::Active, Some(600)));
    assert_eq!(rich.tuples[0].timed_status[0].basic, Some(Basic::Closed));
}

/// CXML-03: schema-invalid but recognisable documents of the field give what was meant, and valid documents when written.
#[test]
fn cxml_03_documents_of_the_field() {
    let told = |name: &str| {
        let presence =
            pidf::read(&file(&format!("field/{name}.xml"))).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            Presence::from_json(&presence.to_json()).as_ref(),
            Ok(&presence),
            "{name}"
        );
        let found = summary(&presence);
        let note = found.note.unwrap_or_default();
        let since = found.since.unwrap_or_default();
        (
            presence,
            (found.availability, found.activities.join(","), note, since),
        )
    };
    let expected = |availability, activities: &str, note: &str, since: &str| {
        (
            availability,
            activities.to_owned(),
            note.to_owned(),
            since.to_owned(),
        )
    };
    let open = Availability::Open;
    let cases = [
        ("admin-guide", expected(open, "away", "CPU:16 MEM:476", "")),
        ("baresip", expected(open, "", "", "")),
        (
            "linphone",
            expected(open, "on-the-phone", "", "2026-03-04T12:14:01Z"),
        ),
        ("asterisk", expected(open, "busy", "On the phone", "")),
        ("kamailio", expected(open, "meal", "out for a bite", "")),
        (
            "old-rpid",
            expected(open, "meeting,busy", "", "2026-01-15T09:30:00Z"),
        ),
        (
            "freeswitch-like",
            expected(open, "on-the-phone", "On The Phone", ""),
        ),
    ];
    let mut all = Vec::new();
    for (name, wanted) in cases {
        let (mut presence, found) = told(name);
        assert_eq!(found, wanted, "{name}");
        // Asterisk's person has no id, which no document can be without
        for person in presence.persons.iter_mut().filter(|person| person.id.is_empty()) {
            person.id = "p1".into();
        }
        all.push(written(&presence));
    }
    assert!(all[0].contains("<tuple id=\"_0x81475a0\">"), "{}", all[0]);
    assert_valid("field", SCHEMA, all.iter().map(String::as_bytes));
}

/// CXML-01: a declaration with its encoding; what XML cannot carry is refused by its path; the rest is escaped.
#[test]
fn cxml_01_texts_are_escaped_and_illegal_characters_refused() {
    let note = "a ]]> b & <c> \"d\" 'e' \u{1F600} \r\n\t f";
    let value = json!({"entity": "sip:a@example.com", "notes": [{"text": note}],
        "persons": [{"id": "p", "rpid": null}]});
    assert!(Presence::from_json(&value).is_err());
    let presence = made(&json!({"entity": "sip:a@example.com?x=1&y='", "notes": [note]}));
    let text = assert_lives("escapes", &presence);
    assert!(
        text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?><presence "),
        "{text}"
    );
    for c in ['\u{8}', '\u{0}', '\u{FFFE}', '\u{1F}'] {
        let presence = made(&json!({"entity": "sip:a@example.com", "tuples": [
            {"id": "t", "notes": [{"text": format!("x{c}")}]}]}));
        let error = presence.write().unwrap_err();
        assert_eq!(error.kind, ErrorKind::IllegalCharacter(c));
        assert_eq!(error.path.as_deref(), Some("tuples[0].notes[0].text"));
    }
}

/// CXML-01: UTF-8 with a byte order mark, UTF-16 and ISO 8859-1 are read; octets that are no text are refused.
#[test]
fn cxml_01_encodings() {
    let text = tuple("<status><basic>open</basic></status><note>älä</note>");
    let wanted = read(&text);
    assert_eq!(wanted.tuples[0].notes[0].text, "älä");
    let marked = [b"\xEF\xBB\xBF", text.as_bytes()].concat();
    assert_eq!(pidf::read(&marked).unwrap(), wanted);
    for (mark, unit) in [
        (0xFEFF_u16, u16::to_be_bytes as fn(u16) -> [u8; 2]),
        (0xFEFF, u16::to_le_bytes),
    ] {
        let octets: Vec<u8> = std::iter::once(mark)
            .chain(text.encode_utf16())
            .flat_map(unit)
            .collect();
        assert_eq!(pidf::read(&octets).unwrap(), wanted);
    }
    let latin = text.replace("version=\"1.0\"", "version=\"1.0\" encoding=\"ISO-8859-1\"");
    let latin: Vec<u8> = latin
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    assert_eq!(pidf::read(&latin).unwrap(), wanted);
    let error = pidf::read(b"<?xml version=\"1.0\"?>\n<presence>\xFF</presence>").unwrap_err();
    assert_eq!((error.kind, error.line), (ErrorKind::Encoding, Some(2)));
}

/// CXML-02: the same document with three ways to write its namespaces.
#[test]
fn cxml_02_prefixes_do_not_matter() {
    let default = "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@b'><tuple id='t'><status><basic>open</basic></status></tuple>\
        <person xmlns='urn:ietf:params:xml:ns:pidf:data-model' id='p'><activities xmlns='urn:ietf:params:xml:ns:pidf:rpid'><away/></activities>\
        </person></presence>";
    let prefixed = "<x:presence xmlns:x='urn:ietf:params:xml:ns:pidf' xmlns:y='urn:ietf:params:xml:ns:pidf:data-model' \
        xmlns:z='urn:ietf:params:xml:ns:pidf:rpid' entity='sip:a@b'><x:tuple id='t'><x:status><x:basic>open</x:basic></x:status></x:tuple>\
        <y:person id='p'><z:activities><z:away/></z:activities></y:person></x:presence>";
    let swapped = "<rpid:presence xmlns:rpid='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:rpid' entity='sip:a@b'>\
        <rpid:tuple id='t'><rpid:status><rpid:basic>open</rpid:basic></rpid:status></rpid:tuple>\
        <c:person xmlns:c='urn:ietf:params:xml:ns:pidf:data-model' id='p'><dm:activities><dm:away/></dm:activities></c:person></rpid:presence>";
    let wanted = read(default);
    assert_eq!(summary(&wanted).activities, ["away"]);
    assert_eq!(read(prefixed), wanted);
    assert_eq!(read(swapped), wanted);
    let text = written(&wanted);
    assert!(
        text.contains("<dm:person id=\"p\"><rpid:activities><rpid:away/></rpid:activities></dm:person>"),
        "{text}"
    );
}

/// CXML-02: elements of foreign namespaces are kept and passed on wherever the schema has a place for them.
#[test]
fn cxml_02_foreign_elements_are_kept() {
    let foreign = "<f:x xmlns:f=\"urn:f\" f:a=\"1\"><f:y/> text &amp; more</f:x>";
    let text = tuple(&format!(
        "<status><basic>open</basic>{foreign}</status>{foreign}<unheard-of/>"
    ))
    .replace(
        "</presence>",
        &format!("<dm:person id=\"p\">{foreign}</dm:person>{foreign}</presence>"),
    );
    let presence = read(&text);
    let found = [
        &presence.tuples[0].status.extensions,
        &presence.tuples[0].extensions,
        &presence.persons[0].extensions,
        &presence.extensions,
    ];
    assert!(
        found
            .iter()
            .all(|list| list.len() == 1 && list[0].xml() == foreign),
        "{presence:?}"
    );
    assert_eq!(assert_lives("foreign", &presence).matches(foreign).count(), 4);
}

/// CXML-04: blanks round a value do not count, its case does.
#[test]
fn cxml_04_blanks_and_case() {
    let basic = |text: &str| {
        read(&tuple(&format!("<status><basic>{text}</basic></status>"))).tuples[0]
            .status
            .basic
    };
    assert_eq!(basic("\n open\t"), Some(Basic::Open));
    assert_eq!(basic("OPEN"), None);
    let demanded = |flag: &str| {
        let attribute = format!("xmlns:i='urn:ietf:params:xml:ns:pidf' i:mustUnderstand='{flag}'");
        let inside = format!("<r:activities><r:away/><f:x xmlns:f='urn:f' {attribute}/></r:activities>");
        person(&inside).persons[0].rich.is_none()
    };
    assert_eq!(
        ["true", "1", "false", "0"].map(demanded),
        [true, true, false, false]
    );
}

/// CXML-05: dateTime with any offset, fraction and case is read, and written in UTC with capital letters.
#[test]
fn cxml_05_times() {
    for (text, wanted) in [
        ("2026-01-15T09:30:00Z", "2026-01-15T09:30:00Z"),
        ("2026-01-15t09:30:00z", "2026-01-15T09:30:00Z"),
        ("2026-01-15T11:30:00.250+02:00", "2026-01-15T09:30:00.25Z"),
        (" 2026-01-15T04:30:00-05:00\n", "2026-01-15T09:30:00Z"),
        ("2026-01-15T09:30:00", "2026-01-15T09:30:00Z"),
        ("2026-01-15 09:30:00Z", "2026-01-15T09:30:00Z"),
        (
            "2026-01-15T09:30:00.1234567890123Z",
            "2026-01-15T09:30:00.123456789Z",
        ),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
    ] {
        let found = read(&tuple(&format!("<status/><timestamp>{text}</timestamp>")));
        assert_eq!(
            found.tuples[0].timestamp.map(|time| time.to_string()).as_deref(),
            Some(wanted),
            "{text}"
        );
        assert!(written(&found).contains(&format!("<timestamp>{wanted}</timestamp>")));
    }
    for text in [
        "",
        "yesterday",
        "2026-01-15",
        "2026-13-15T09:30:00Z",
        "2026-01-15T09:30:00[Europe/Paris]",
        "-0001-01-01T00:00:00Z",
    ] {
        assert!(Timestamp::parse(text).is_err(), "{text}");
    }
}

/// CPIDF-01: the root, its namespace without a colon, and the entity.
#[test]
fn cpidf_01_root_and_entity() {
    let colon = tuple("<status><basic>open</basic></status>").replace(":ns:pidf\"", ":ns:pidf:\"");
    let presence = read(&colon);
    assert_eq!(presence.tuples[0].status.basic, Some(Basic::Open));
    assert!(written(&presence).contains("<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity="));
    let bare = read(
        "<presence entity='sip:a@b'><tuple id='t'><status><basic>closed</basic></status></tuple></presence>",
    );
    assert_eq!(summary(&bare).availability, Availability::Closed);
    assert_eq!(
        refused(&json!({"entity": ""})),
        "entity: the URI of the presentity is missing"
    );
    let error = pidf::read(b"<presence xmlns='jabber:client'/>").unwrap_err();
    assert!(matches!(error.kind, ErrorKind::WrongRoot { .. }), "{error}");
    assert!(
        Presence::from_json(&json!({}))
            .unwrap_err()
            .to_string()
            .contains("missing field `entity`")
    );
}

/// CPIDF-02: a document about somebody else is reported, and used.
#[test]
fn cpidf_02_entity_of_another_presentity() {
    let presence = read(&tuple("<status><basic>open</basic></status>"));
    for same in [
        "sip:a@example.com",
        "pres:a@EXAMPLE.com",
        "sips:a@example.com:5061;transport=tcp",
    ] {
        assert_eq!(check_entity(&presence, same), None, "{same}");
    }
    let finding = check_entity(&presence, "sip:b@example.com").unwrap();
    assert_eq!(finding.rule, "CPIDF-02");
    assert!(finding.message.contains("sip:a@example.com"));
    let nobody = Presence {
        entity: String::new(),
        ..presence
    };
    let finding = check_entity(&nobody, "sip:b@example.com").unwrap();
    assert_eq!(
        finding.message,
        "the document does not say whom it is about: it has no entity"
    );
}

/// CPIDF-03: ids are there and differ; none is legal; the order is the schema's.
#[test]
fn cpidf_03_tuples() {
    assert_lives("no-tuple", &made(&json!({"entity": "sip:a@example.com"})));
    let twice = json!({"entity": "sip:a@example.com", "tuples": [{"id": "t"}, {"id": "t"}]});
    assert_eq!(
        refused(&twice),
        "tuples[1].id: the id \"t\" is there already; each id once in a document"
    );
    let across = json!({"entity": "sip:a@example.com", "tuples": [{"id": "t"}], "persons": [{"id": "t"}]});
    assert!(refused(&across).starts_with("persons[0].id: "));
    let without = Presence::from_json(&json!({"entity": "sip:a@example.com", "tuples": [{}]})).unwrap_err();
    assert_eq!(without.to_string(), "tuples[0]: missing field `id`");
    let full = made(&json!({"entity": "sip:a@example.com", "tuples": [{
        "id": "t", "status": {"basic": "open"}, "class": "work", "contact": {"uri": "sip:a@example.com", "priority": 0.021},
        "notes": ["here"], "timestamp": "2026-01-15T09:30:00Z"}]}));
    let text = assert_lives("order", &full);
    assert!(
        text.contains(
            "<tuple id=\"t\"><status><basic>open</basic></status><rpid:class>work</rpid:class>\
         <contact priority=\"0.021\">sip:a@example.com</contact><note>here</note>\
         <timestamp>2026-01-15T09:30:00Z</timestamp></tuple>"
        ),
        "{text}"
    );
}

/// CPIDF-04: a tuple without basic status says nothing, which is not closed.
#[test]
fn cpidf_04_missing_basic_is_unknown() {
    let silent = read(&tuple("<status/>"));
    assert_eq!(summary(&silent).availability, Availability::Unknown);
    assert_lives("silent", &silent);
    assert_eq!(summary(&read(&tuple(""))).availability, Availability::Unknown);
    let both = read(
        &tuple("<status><basic>closed</basic></status>")
            .replace("</presence>", "<tuple id='u'><status/></tuple></presence>"),
    );
    assert_eq!(summary(&both).availability, Availability::Closed);
    let error = Presence::from_json(
        &json!({"entity": "sip:a@b", "tuples": [{"id": "t", "status": {"basic": "OPEN"}}]}),
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("tuples[0].status.basic: unknown variant `OPEN`"),
        "{error}"
    );
}

/// CPIDF-05: a priority out of range is as none.
#[test]
fn cpidf_05_priority_of_a_contact() {
    let priority = |text: &str| {
        let presence = read(&tuple(&format!(
            "<status/><contact priority='{text}'>sip:a@b</contact>"
        )));
        let contact = presence.tuples[0].contact.clone().unwrap();
        contact.priority.map(|priority| priority.to_string())
    };
    for (text, wanted) in [
        ("0", "0"),
        ("0.021", "0.021"),
        ("0.5", "0.5"),
        ("1.00", "1"),
        (" 0.80 ", "0.8"),
        ("0.", "0"),
    ] {
        assert_eq!(priority(text).as_deref(), Some(wanted), "{text}");
    }
    for text in ["1.5", "-0.1", "0.1234", "high", "1.001", ""] {
        assert_eq!(priority(text), None, "{text}");
    }
    let error = Presence::from_json(&json!({"entity": "sip:a@b", "tuples": [
        {"id": "t", "contact": {"uri": "sip:a@b", "priority": 1.5}}]}))
    .unwrap_err();
    assert_eq!(error.path.as_deref(), Some("tuples[0].contact.priority"));
    for uri in ["sip:a@[2001:db8::1]:5060", "sips:[::1]", "http://[::1]/x"] {
        let value = json!({"entity": "sip:a@b", "tuples": [{"id": "t", "contact": {"uri": uri}}]});
        assert_eq!(read(&written(&made(&value))).to_json(), value);
    }
    assert!(
        refused(&json!({"entity": "sip:a@b", "tuples": [{"id": "t", "contact": {"uri": "sip:a b"}}]}))
            .starts_with("tuples[0].contact.uri: \"sip:a b\" is not a URI")
    );
}

/// CPIDF-06: all notes with their languages; none decides anything.
#[test]
fn cpidf_06_notes_in_languages() {
    let presence = read(&tuple(
        "<status/><note xml:lang='en'>closed</note><note xml:lang='fi'>kiinni</note><note xml:lang='not a tag'>x</note>",
    ));
    let notes: Vec<_> = presence.tuples[0]
        .notes
        .iter()
        .map(|note| (note.text.as_str(), note.lang.as_deref()))
        .collect();
    assert_eq!(
        notes,
        [("closed", Some("en")), ("kiinni", Some("fi")), ("x", None)]
    );
    assert_eq!(summary(&presence).availability, Availability::Unknown);
    assert_eq!(summary(&presence).note.as_deref(), Some("closed"));
    assert_lives("notes", &presence);
    let around = read(&tuple("<status/><note>here</note>").replace("<tuple ", "<tuple xml:lang='sv' "));
    assert_eq!(around.tuples[0].notes[0].lang.as_deref(), Some("sv"));
    assert_lives("lang-around", &around);
    let wrong = json!({"entity": "sip:a@b", "notes": [{"text": "x", "lang": "not a tag"}]});
    assert_eq!(
        refused(&wrong),
        "notes[0].lang: \"not a tag\" is not a language tag"
    );
}

/// CPIDF-07: successive documents never carry the same timestamp.
#[test]
fn cpidf_07_successive_timestamps_differ() {
    let mut presence = made(&json!({"entity": "sip:a@b", "tuples": [{"id": "t"}], "persons": [{"id": "p"}]}));
    let now = Timestamp::from_unix(1_768_469_400).unwrap();
    let first = presence.stamp(now, None);
    assert_eq!(presence.tuples[0].timestamp, Some(now));
    let second = presence.stamp(now, Some(first));
    assert!(second > first);
    assert_eq!(presence.persons[0].timestamp, Some(second));
    let third = presence.stamp(now, Some(second));
    assert!(third > second);
    assert_eq!(third.to_string(), "2026-01-15T09:30:00.002Z");
    let later = Timestamp::from_unix(1_768_469_401).unwrap();
    assert_eq!(presence.stamp(later, Some(third)), later);
}

/// CPIDF-08: what is not known is ignored with its content; what must be understood and is not takes only the optional
/// element round it with it (RFC 3863 §4.3.3).
#[test]
fn cpidf_08_must_understand() {
    let presence = read(
        "<impp:presence xmlns:impp='urn:ietf:params:xml:ns:pidf' xmlns:myex='http://id.mycompany.com/presence/' \
         entity='pres:someone@example.com'><impp:tuple id='tj25ds'><impp:status><impp:basic>open</impp:basic></impp:status>\
         <myex:complexExtension><myex:ex1 impp:mustUnderstand='1'>val1</myex:ex1><myex:ex2>val2</myex:ex2></myex:complexExtension>\
         <impp:contact priority='0.725'>tel:+09012345678</impp:contact></impp:tuple>\
         <myex:mytag>My extended presentity information</myex:mytag></impp:presence>",
    );
    assert_eq!(presence.tuples[0].status.basic, Some(Basic::Open));
    assert_eq!(presence.tuples[0].extensions[0].name(), "complexExtension");
    assert_eq!(presence.extensions[0].name(), "mytag");
    let text = assert_lives("must-understand", &presence);
    assert!(text.contains("impp:mustUnderstand='1'"), "{text}");
    let demanding = person(
        "<r:activities><r:away/><f:x xmlns:f='urn:f' xmlns:i='urn:ietf:params:xml:ns:pidf' i:mustUnderstand='true'/></r:activities>\
         <r:mood><r:happy/></r:mood>",
    );
    assert!(summary(&demanding).activities.is_empty());
    assert_eq!(
        demanding.persons[0].rich.as_deref().unwrap().mood[0].values,
        [Value::Name("happy".into())]
    );
    let unknown = read(&tuple(
        "<status><basic>open</basic></status><novel><basic>closed</basic></novel>",
    ));
    assert_eq!(summary(&unknown).availability, Availability::Open);
}

/// CPDM-01: persons and devices, found where they are and written after tuples and notes.
#[test]
fn cpdm_01_persons_and_devices() {
    let value = json!({"entity": "sip:a@example.com", "notes": ["all"],
        "tuples": [{"id": "t", "status": {"basic": "open"}, "device_ids": ["urn:uuid:7b0c1f9e-55d2-4b0a-9c3e-0d6f3a1e2b44"]}],
        "persons": [{"id": "p", "activities": ["away"], "notes": [{"text": "x", "lang": "en"}], "timestamp": "2026-01-15T09:30:00Z"}],
        "devices": [{"id": "d", "device_id": "urn:uuid:7b0c1f9e-55d2-4b0a-9c3e-0d6f3a1e2b44", "user_input": {"state": "idle"},
            "notes": ["on the desk"], "timestamp": "2026-01-15T09:30:00Z"}]});
    let text = assert_lives("data-model", &made(&value));
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in {text}"));
    assert!(place("</tuple>") < place("<note>all") && place("<note>all") < place("<dm:person"));
    assert!(place("<rpid:user-input>idle") < place("</dm:deviceID><dm:note>on"));
    let without = json!({"entity": "sip:a@b", "devices": [{"id": "d"}]});
    assert!(refused(&without).starts_with("devices[0]: `device_id` is missing"));
    let early = read(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' \
         xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' entity='sip:a@b'><tuple id='t'><dm:person id='p'><rpid:activities><rpid:tv/>\
         </rpid:activities></dm:person><status><basic>open</basic><rpid:class>x</rpid:class></status></tuple></presence>",
    );
    assert_eq!(summary(&early).activities, ["tv"]);
    assert_eq!(
        early.tuples[0].rich.as_deref().unwrap().class.as_deref(),
        Some("x")
    );
    assert_lives("early-person", &early);
}

/// CTS-01: an interval in a tuple, with `from`, that does not hold the present.
#[test]
fn cts_01_timed_status() {
    let inner = |from: &str, until: &str| {
        format!(
            "<status/><ts:timed-status from='{from}' {until}><ts:basic>closed</ts:basic><ts:note>away</ts:note></ts:timed-status>\
             <timestamp>2026-01-15T12:00:00Z</timestamp>"
        )
    };
    let fine = read(&tuple(&inner("2026-01-15T13:00:00Z", "")));
    assert_lives("timed-status", &fine);
    for (from, until) in [
        ("2026-01-15T11:00:00Z", ""),
        ("2026-01-15T11:00:00Z", "until='2026-01-15T12:30:00Z'"),
        ("2026-01-15T12:00:00Z", ""),
    ] {
        let presence = read(&tuple(&inner(from, until)));
        assert_eq!(presence.tuples[0].timed_status.len(), 1);
        let error = presence.write().unwrap_err().to_string();
        assert!(
            error.starts_with("tuples[0].timed_status[0]: the interval holds"),
            "{error}"
        );
    }
    assert!(
        read(&tuple(&inner(
            "2026-01-15T11:00:00Z",
            "until='2026-01-15T12:00:00Z'"
        )))
        .write()
        .is_ok()
    );
    let one = |timed: &TimedStatus| {
        (
            timed.basic,
            timed.note.as_ref().map(|note: &Note| note.text.clone()),
        )
    };
    let overlapping = read(&tuple(&format!(
        "{0}{0}<ts:timed-status><ts:basic>open</ts:basic></ts:timed-status>",
        inner("2026-01-15T13:00:00Z", "")
    )));
    let found: Vec<_> = overlapping.tuples[0].timed_status.iter().map(one).collect();
    assert_eq!(found, vec![(Some(Basic::Closed), Some("away".to_owned())); 2]);
}

/// CLOC-01: location objects are passed on as they are, in a status, a tuple, a person and a device.
#[test]
fn cloc_01_location_objects_are_opaque() {
    let location = "<gp:geopriv xmlns:gp=\"urn:ietf:params:xml:ns:pidf:geopriv10\"><gp:location-info>\
        <gml:Point xmlns:gml=\"http://www.opengis.net/gml\" srsName=\"urn:ogc:def:crs:EPSG::4326\"><gml:pos>60.1 24.9</gml:pos></gml:Point>\
        </gp:location-info><gp:usage-rules/><gp:method>GPS</gp:method></gp:geopriv>";
    let text = tuple(&format!("<status>{location}</status>{location}")).replace(
        "</presence>",
        &format!("<dm:person id='p'>{location}</dm:person><dm:device id='d'>{location}<dm:deviceID>urn:x:1</dm:deviceID></dm:device></presence>"),
    );
    let presence = read(&text);
    assert_eq!(assert_lives("location", &presence).matches(location).count(), 4);
    assert_eq!(
        presence.to_json()["persons"][0]["extensions"][0]["name"],
        "geopriv"
    );
}

#[test]
fn the_drafts_content_type_is_presence_too() {
    let body = tuple("<status><basic>open</basic></status>");
    let document = Document::read("application/CPIM-pidf+xml", body.as_bytes()).unwrap();
    assert_eq!(document.summary().availability, Availability::Open);
    assert_eq!(document.content_type(), "application/pidf+xml");
}

#[test]
fn unknown_members_are_refused_by_name() {
    for (value, wanted) in [
        (
            json!({"entity": "sip:a@b", "tuple": []}),
            "tuple: unknown field `tuple`",
        ),
        (
            json!({"entity": "sip:a@b", "tuples": [{"id": "t", "statsu": {}}]}),
            "tuples[0].statsu: unknown field `statsu`",
        ),
        (
            json!({"entity": "sip:a@b", "persons": [{"id": "p", "activities": [{"value": []}]}]}),
            "persons[0].activities[0].value: unknown field `value`",
        ),
        (
            json!({"entity": "sip:a@b", "tuples": [{"id": "t", "status": {"basic": 1}}]}),
            "tuples[0].status.basic: ",
        ),
    ] {
        let error = Presence::from_json(&value).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error}");
    }
}

#[test]
fn the_note_and_the_time_of_the_summary() {
    let presence = made(&json!({"entity": "sip:a@b",
        "tuples": [{"id": "t", "status": {"basic": "closed"}, "notes": ["tuple"], "timestamp": "2026-01-15T09:30:00Z",
            "activities": ["meal"]}],
        "notes": ["document"],
        "persons": [{"id": "p", "activities": [{"values": ["away", {"text": "lecture", "lang": "en"}, "unheard-of"], "notes": ["inner"],
            "from": "2026-01-15T10:00:00Z"}]}]}));
    let found = summary(&presence);
    assert_eq!(found.availability, Availability::Closed);
    assert_eq!(found.activities, ["away", "lecture", "unheard-of"]);
    assert_eq!(found.note.as_deref(), Some("inner"));
    assert_eq!(found.since.as_deref(), Some("2026-01-15T10:00:00Z"));
    assert_eq!(found.to_json()["availability"], "closed");
    assert_lives("summary", &presence);
}
