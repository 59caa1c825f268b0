//! Rich presence: every name of RPID and CIPID there and back, and the shapes that the schemas want.

mod common;

use common::assert_valid;
use event_packages::pidf::{self, Presence, Value};
use serde_json::{Value as Json, json};

const SCHEMA: &str = "all-presence.xsd";
const RPID: &str = "urn:ietf:params:xml:ns:pidf:rpid";

/// RFC 4480 §3.2, the text's list.
const ACTIVITIES: &str = "appointment away breakfast busy dinner holiday in-transit looking-for-work lunch meal meeting on-the-phone \
    performance permanent-absence playing presentation shopping sleeping spectator steering travel tv vacation working worship";
/// RFC 4480 §3.5.
const MOODS: &str = "afraid amazed angry annoyed anxious ashamed bored brave calm cold confused contented cranky curious depressed \
    disappointed disgusted distracted embarrassed excited flirtatious frustrated grumpy guilty happy hot humbled humiliated hungry hurt \
    impressed in_awe in_love indignant interested invincible jealous lonely mean moody nervous neutral offended playful proud relieved \
    remorseful restless sad sarcastic serious shocked shy sick sleepy stressed surprised thirsty worried";
/// RFC 4589 §3.
const PLACES: &str = "aircraft airport arena automobile bank bar bicycle bus bus-station cafe classroom club construction \
    convention-center government hospital hotel industrial library motorcycle office outdoors parking place-of-worship prison public \
    public-transport residence restaurant school shopping-area stadium store street theater train train-station truck underway unknown \
    warehouse water watercraft";

fn made(person: &Json) -> Presence {
    let value = json!({"entity": "sip:a@example.com", "persons": [person]});
    Presence::from_json(&value).unwrap_or_else(|error| panic!("{error}\n{value}"))
}

fn member(name: &str, value: &Json) -> Presence {
    made(&json!({"id": "p", name: value}))
}

/// Written, validated, read again: the same.
fn assert_live(test: &str, all: &[Presence]) -> Vec<String> {
    let texts: Vec<String> = all
        .iter()
        .map(|one| String::from_utf8(one.write().unwrap()).unwrap())
        .collect();
    assert_valid(test, SCHEMA, texts.iter().map(String::as_bytes));
    for (one, text) in all.iter().zip(&texts) {
        assert_eq!(pidf::read(text.as_bytes()).as_ref(), Ok(one), "{text}");
        assert_eq!(Presence::from_json(&one.to_json()).as_ref(), Ok(one));
    }
    texts
}

fn read_person(inner: &str) -> Presence {
    let text = format!(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:r='{RPID}' \
         xmlns:c='urn:ietf:params:xml:ns:pidf:cipid' entity='sip:a@example.com'><dm:person id='p'>{inner}</dm:person></presence>"
    );
    pidf::read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// CRPID-01: every name of every enumeration, alone and together, with notes, a time and an id.
#[test]
fn crpid_01_all_enumerations() {
    let mut all = Vec::new();
    for (name, values) in [
        ("activities", ACTIVITIES),
        ("mood", MOODS),
        ("place_type", PLACES),
    ] {
        let values: Vec<&str> = values.split_whitespace().collect();
        all.extend(values.iter().map(|value| member(name, &json!([value]))));
        let span = json!({"values": values.iter().filter(|value| **value != "unknown").collect::<Vec<_>>(),
            "notes": ["a", {"text": "b", "lang": "fi"}], "from": "2026-01-15T09:30:00Z", "until": "2026-01-15T10:30:00.5Z", "id": "x"});
        all.push(member(name, &json!([span])));
    }
    for (name, values) in [
        ("sphere", "home work unknown"),
        ("privacy", "audio text video unknown"),
        ("mood", "unknown"),
        ("activities", "unknown"),
    ] {
        all.extend(
            values
                .split_whitespace()
                .map(|value| member(name, &json!([value]))),
        );
    }
    for (name, values) in [
        (
            "relationship",
            "assistant associate family friend self supervisor unknown landlord",
        ),
        (
            "service_class",
            "courier electronic freight in-person postal unknown",
        ),
    ] {
        all.extend(
            values
                .split_whitespace()
                .map(|value| member(name, &json!({"values": [value], "notes": ["n"]}))),
        );
    }
    for (medium, values) in [
        ("audio", "noisy ok quiet unknown"),
        ("video", "toobright ok dark unknown"),
        ("text", "uncomfortable inappropriate ok unknown"),
    ] {
        all.extend(
            values
                .split_whitespace()
                .map(|value| member("place_is", &json!([{medium: value, "id": "i"}]))),
        );
    }
    all.push(member("privacy", &json!(["audio", "text", "video"])));
    all.push(member(
        "activities",
        &json!([{"values": ["reading", "away", {"text": "lecture", "lang": "en"}]}]),
    ));
    all.push(member("activities", &json!([{"values": []}])));
    all.push(member("place_type", &json!(["a garden shed"])));
    all.push(member(
        "status_icon",
        &json!([{"uri": "http://www.example.com/playing.gif", "from": "2026-01-15T09:30:00Z", "id": "i"}]),
    ));
    all.push(member(
        "time_offset",
        &json!([{"minutes": -300, "description": "America/New_York"}]),
    ));
    all.push(member("class", &json!("work")));
    all.push(member(
        "user_input",
        &json!({"state": "idle", "idle_threshold": 600, "last_input": "2026-01-15T09:30:00Z", "id": "u"}),
    ));
    let texts = assert_live("enumerations", &all).concat();
    for element in [
        "<rpid:in_awe/>",
        "<rpid:in-transit/>",
        "<lt:office/>",
        "<rpid:other>lunch</rpid:other>",
        "<rpid:permanent-absence/>",
    ] {
        assert!(texts.contains(element), "{element}");
    }
}

/// CRPID-01: several elements of one type, each with its own time.
#[test]
fn crpid_01_several_with_times() {
    let presence = member(
        "activities",
        &json!([
        {"values": ["meeting"], "from": "2026-01-15T09:00:00Z", "until": "2026-01-15T10:00:00Z"},
        {"values": ["travel"], "from": "2026-01-15T10:00:00Z"}]),
    );
    let texts = assert_live("several", &[presence]);
    assert_eq!(texts[0].matches("<rpid:activities ").count(), 2);
    let backwards = member(
        "mood",
        &json!([{"values": ["sad"], "from": "2026-01-15T09:00:00Z", "until": "2026-01-15T08:00:00Z"}]),
    );
    assert_eq!(
        backwards.write().unwrap_err().to_string(),
        "persons[0].mood[0].until: is before `from`"
    );
}

/// CRPID-01: what the schema has no place for is refused by its path.
#[test]
fn crpid_01_shapes_that_are_refused() {
    for (name, value, wanted) in [
        (
            "mood",
            json!([{"values": []}]),
            "persons[0].mood[0].values: one value at least is wanted",
        ),
        (
            "activities",
            json!(["away", "unknown"]),
            "persons[0].activities[0].values[1]: `unknown` stands alone",
        ),
        (
            "sphere",
            json!(["bowling"]),
            "persons[0].sphere[0].values[0]: is none of `home`, `work`, `unknown`",
        ),
        (
            "sphere",
            json!(["home", "work"]),
            "persons[0].sphere[0].values: takes one value only",
        ),
        (
            "sphere",
            json!([{"values": ["home"], "notes": ["x"]}]),
            "persons[0].sphere[0]: takes no `notes`",
        ),
        (
            "service_class",
            json!("pigeon"),
            "persons[0].service_class.values[0]: is none of `courier`, ",
        ),
        (
            "relationship",
            json!({"values": ["friend"], "id": "x"}),
            "persons[0].relationship: takes no `from`, `until` and `id`",
        ),
        (
            "privacy",
            json!(["video", "audio"]),
            "persons[0].privacy[0].values[1]: the order is",
        ),
        (
            "place_type",
            json!(["office", "lab"]),
            "persons[0].place_type[0].values[1]: a text that is no type of RFC 4589 stands alone",
        ),
        (
            "place_is",
            json!([{"audio": "loud"}]),
            "persons[0].place_is[0].audio: is none of `noisy`, ",
        ),
        (
            "user_input",
            json!({"state": "idle", "idle_threshold": 0}),
            "persons[0].user_input.idle_threshold: at least 1 second",
        ),
        (
            "icon",
            json!("no uri"),
            "persons[0].icon: \"no uri\" is not a URI",
        ),
    ] {
        let error = member(name, &value).write().unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error}");
    }
}

/// CRPID-01: what old or careless peers write is brought into a shape that can be written.
#[test]
fn crpid_01_careless_peers() {
    let presence = read_person(
        "<r:activities><r:note>n</r:note><r:unknown/><r:away/>text<r:do-not-disturb/><r:other/></r:activities>\
         <r:mood/><r:privacy><r:video/><r:audio/><r:video/><r:smell/></r:privacy><r:sphere>work</r:sphere><r:sphere><r:bowling/></r:sphere>\
         <r:place-type><r:office/><r:other>x</r:other></r:place-type><r:relationship/><r:place-is><r:audio><r:loud/></r:audio></r:place-is>\
         <r:time-offset>+60</r:time-offset><r:time-offset>an hour</r:time-offset><r:user-input idle-threshold='0'>asleep</r:user-input>\
         <r:note>hello</r:note><r:unheard-of/>",
    );
    let person = &presence.persons[0];
    let rich = person.rich.as_deref().unwrap();
    let names = |values: &[Value]| {
        values
            .iter()
            .map(|value| value.as_str().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(names(&rich.activities[0].values), "away do-not-disturb other");
    assert_eq!(names(&rich.mood[0].values), "unknown");
    assert_eq!(names(&rich.privacy[0].values), "audio video");
    assert_eq!(
        rich.sphere
            .iter()
            .map(|sphere| names(&sphere.values))
            .collect::<Vec<_>>(),
        ["work", ""]
    );
    assert_eq!(names(&rich.place_type[0].values), "office");
    assert_eq!(names(&rich.relationship.as_ref().unwrap().values), "unknown");
    assert_eq!((rich.time_offset.len(), rich.time_offset[0].minutes), (1, 60));
    assert!(rich.user_input.is_none());
    assert_eq!(person.notes[0].text, "hello");
    assert_eq!(person.extensions[0].name(), "unheard-of");
    assert_live("careless", &[presence]);
}

/// CRPID-02: activities in a tuple or its status, relationship in a person: used wherever they are.
#[test]
fn crpid_02_placement_of_old_peers() {
    let text = format!(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:r='{RPID}' entity='sip:a@example.com'><tuple id='t'><status><basic>open</basic>\
         <r:activities><r:away/></r:activities></status><r:mood><r:happy/></r:mood></tuple>\
         <tuple id='u'><status/><r:user-input>active</r:user-input></tuple><r:activities><r:busy/></r:activities></presence>"
    );
    let presence = pidf::read(text.as_bytes()).unwrap();
    let rich = presence.tuples[0].rich.as_deref().unwrap();
    assert_eq!(rich.activities[0].values, [Value::Name("away".into())]);
    assert_eq!(rich.mood[0].values, [Value::Name("happy".into())]);
    assert!(presence.tuples[0].status.extensions.is_empty());
    assert_eq!(
        presence.persons[0].rich.as_deref().unwrap().activities[0].values,
        [Value::Name("busy".into())]
    );
    assert_live("placement", &[presence]);
}

/// CRPID-03: when the last input was can be left out.
#[test]
fn crpid_03_last_input_can_be_omitted() {
    let mut presence = member(
        "user_input",
        &json!({"state": "active", "idle_threshold": 600, "last_input": "2026-01-15T09:30:00Z"}),
    );
    let texts = assert_live("last-input", std::slice::from_ref(&presence));
    assert!(
        texts[0]
            .contains("<rpid:user-input idle-threshold=\"600\" last-input=\"2026-01-15T09:30:00Z\">active<"),
        "{}",
        texts[0]
    );
    presence.omit_last_input();
    let texts = assert_live("last-input", &[presence]);
    assert!(
        texts[0].contains("<rpid:user-input idle-threshold=\"600\">active<"),
        "{}",
        texts[0]
    );
}

/// CCIPID-01: each element once; names in several languages by the RFC's text, which its schema does not have.
#[test]
fn ccipid_01_cards_and_names() {
    let full = made(
        &json!({"id": "p", "card": "http://example.com/~alice/card.vcd", "display_name": ["Alice Lewis"],
        "homepage": "http://example.com/~alice", "icon": "http://example.com/~alice/me.png",
        "map": "http://example.com/~alice/gml-map.xml", "sound": "http://example.com/~alice/hello.wav"}),
    );
    let texts = assert_live("cipid", &[full]);
    assert!(texts[0].contains("<c:display-name>Alice Lewis</c:display-name>"));
    let twice = read_person("<c:icon>http://a/1</c:icon><c:icon>http://a/2</c:icon>");
    assert_eq!(
        twice.persons[0].rich.as_deref().unwrap().icon.as_deref(),
        Some("http://a/1")
    );
    let names = made(
        &json!({"id": "p", "display_name": [{"text": "Kim", "lang": "en"}, {"text": "김", "lang": "ko"}]}),
    );
    let text = String::from_utf8(names.write().unwrap()).unwrap();
    assert!(
        text.contains("<c:display-name xml:lang=\"ko\">김</c:display-name>"),
        "{text}"
    );
    assert_eq!(pidf::read(text.as_bytes()).unwrap(), names);
    let same = made(&json!({"id": "p", "display_name": ["Kim", "Lee"]}));
    assert_eq!(
        same.write().unwrap_err().to_string(),
        "persons[0].display_name[1]: a second name in the same language"
    );
}
