//! conference-info (RFC 4575) and xcap-diff (RFC 5874) documents.

mod common;

use bytes::Bytes;
use common::{assert_valid, file};
use event_packages::conference::{
    self, Conference, Description, DialogId, ElementState, Endpoint, Entries, Execution, Media, UriEntry,
    User,
};
use event_packages::{Applied, Changes, Document, EventState, check, xcap_diff};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Value, json};

const SCHEMA: &str = "conference-info.xsd";

/// Written, and read as it was; through JSON as well.
fn lives(document: &Document) -> Vec<u8> {
    let written = document
        .write()
        .unwrap_or_else(|error| panic!("{error}\n{document:?}"));
    let text = String::from_utf8_lossy(&written);
    assert_eq!(
        &Document::read(document.content_type(), &written).unwrap(),
        document,
        "{text}"
    );
    let json = document.to_json();
    assert_eq!(
        &Document::from_json(document.content_type(), &json).unwrap(),
        document,
        "{json}"
    );
    written
}

/// CCONF-01: every element of the schema, after the example of RFC 4575 §7.1.
#[test]
fn cconf_01_every_element() {
    let text = r#"<?xml version="1.0" encoding="UTF-8"?>
    <conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="sips:conf233@example.com" state="full" version="1">
      <conference-description><display-text>Agenda</display-text><subject>Agenda: This month's goals</subject><free-text>x</free-text><keywords>a b</keywords>
        <conf-uris><entry><uri>sips:conf233@example.com</uri><display-text>t</display-text><purpose>participation</purpose><modified><when>2005-03-04T20:00:00+00:00</when><by>sip:m@x</by></modified></entry></conf-uris>
        <service-uris><entry><uri>http://sharepoint/salesgroup/</uri><purpose>web-page</purpose></entry></service-uris><maximum-user-count>100</maximum-user-count>
        <available-media><entry label="34234"><display-text>main audio</display-text><type>audio</type><status>sendrecv</status></entry></available-media></conference-description>
      <host-info><display-text>h</display-text><web-page>http://a/b</web-page><uris><entry><uri>sip:h@x</uri></entry></uris></host-info>
      <conference-state><user-count>33</user-count><active>true</active><locked>0</locked></conference-state>
      <users><user entity="sip:bob@example.com" state="full"><display-text>Bob Hoskins</display-text>
          <associated-aors><entry><uri>mailto:bob@example.com</uri></entry></associated-aors><roles><entry>participant</entry></roles><languages>en de</languages><cascaded-focus>sip:f@x</cascaded-focus>
          <endpoint entity="sip:bob@pc33.example.com"><display-text>Bob's Laptop</display-text><referred><when>2005-03-04T20:00:00Z</when><reason>expert required</reason><by>sip:mike@example.com</by></referred>
            <status>disconnected</status><joining-method>dialed-out</joining-method><joining-info><by>sip:mike@example.com</by></joining-info><disconnection-method>departed</disconnection-method>
            <disconnection-info><reason>bad</reason></disconnection-info><media id="1"><display-text>main audio</display-text><type>audio</type><label>34234</label><src-id>432424</src-id><status>sendrecv</status></media>
            <call-info><sip><display-text>full info</display-text><call-id>hsjh8980vhsb78</call-id><from-tag>vav738dvbs</from-tag><to-tag>8954jgjg8432</to-tag></sip></call-info></endpoint></user></users>
      <sidebars-by-ref><entry><uri>sips:conf233@example.com;grid=40</uri></entry></sidebars-by-ref>
      <sidebars-by-val><entry entity="sips:conf233@example.com;grid=41"><users/></entry></sidebars-by-val></conference-info>"#;
    assert_valid("cconf-01-source", SCHEMA, [text.as_bytes()]);
    assert_eq!(check(conference::CONTENT_TYPE, text.as_bytes()), []);
    let document = Document::read(conference::CONTENT_TYPE, text.as_bytes()).unwrap();
    let written = lives(&document);
    assert_valid("cconf-01", SCHEMA, [&written[..]]);
    let json = document.to_json();
    assert_eq!(
        json["conference_state"],
        json!({"user_count": 33, "active": true, "locked": false})
    );
    assert_eq!(json["users"][0]["endpoints"][0]["status"], "disconnected");
    assert_eq!(
        json["users"][0]["endpoints"][0]["call_info"]["call_id"],
        "hsjh8980vhsb78"
    );
    assert_eq!(
        json["users"][0]["endpoints"][0]["referred"]["when"],
        "2005-03-04T20:00:00Z"
    );
    assert_eq!(json["description"]["keywords"], json!(["a", "b"]));
    assert_eq!(json["sidebars_by_val"][0]["users"], json!([]));
    let example = Document::read(conference::CONTENT_TYPE, &file("examples/conference-info.xml")).unwrap();
    assert_valid("cconf-01-example", SCHEMA, [&lives(&example)[..]]);
}

fn text(version: u32, state: &str, inner: &str) -> Bytes {
    Bytes::from(format!(
        r#"<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="sip:c@h" version="{version}" state="{state}">{inner}</conference-info>"#
    ))
}

fn changed() -> Applied {
    Applied::Changed(Changes::default())
}

fn users(state: &EventState) -> Value {
    let users = state.document().unwrap().to_json()["users"].clone();
    let users = users.as_array().cloned().unwrap_or_default();
    let row = |user: &Value| {
        let endpoints = user["endpoints"].as_array().cloned().unwrap_or_default();
        let devices = endpoints.iter().map(|one| {
            json!([
                one["entity"],
                one["status"],
                one["media"].as_array().map_or(0, Vec::len)
            ])
        });
        json!({"user": user["entity"], "name": user["display_text"], "devices": devices.collect::<Vec<_>>()})
    };
    users.iter().map(row).collect()
}

/// CCONF-01: elements are known by their keys; partial ones are merged, full ones replace, deleted ones go.
#[test]
fn cconf_01_elements_are_merged_by_their_keys() {
    let mut state = EventState::new();
    let mut apply = |version: u32, extent: &str, inner: &str| {
        let applied = state
            .apply(conference::CONTENT_TYPE, &text(version, extent, inner))
            .unwrap();
        (applied, users(&state))
    };
    let (_, known) = apply(
        1,
        "full",
        r#"<conference-description><subject>s</subject></conference-description><users><user entity="a"><display-text>A</display-text>
        <endpoint entity="1"><status>alerting</status><media id="m"/></endpoint><endpoint entity="2"><status>connected</status></endpoint></user><user entity="b"/></users>"#,
    );
    assert_eq!(
        known,
        json!([{"user": "a", "name": "A", "devices": [["1", "alerting", 1], ["2", "connected", 0]]}, {"user": "b", "name": null, "devices": []}])
    );
    let (applied, known) = apply(
        2,
        "partial",
        r#"<users state="partial"><user entity="a" state="partial"><endpoint entity="1" state="partial"><status>connected</status><media id="n"/></endpoint>
        <endpoint entity="2" state="deleted"/></user><user entity="b" state="deleted"/><user entity="c"><display-text>C</display-text></user></users>"#,
    );
    assert_eq!(applied, changed());
    assert_eq!(
        known,
        json!([{"user": "a", "name": "A", "devices": [["1", "connected", 2]]}, {"user": "c", "name": "C", "devices": []}])
    );
    let (_, known) = apply(
        3,
        "partial",
        r#"<users state="partial"><user entity="a"><endpoint entity="9"><status>on-hold</status></endpoint></user></users>"#,
    );
    assert_eq!(
        known,
        json!([{"user": "a", "name": null, "devices": [["9", "on-hold", 0]]}, {"user": "c", "name": "C", "devices": []}])
    );
    assert_eq!(apply(4, "partial", "").0, Applied::Same);
    let (applied, known) = apply(5, "partial", r#"<users><user entity="z"/></users>"#);
    assert_eq!(
        (applied, known),
        (changed(), json!([{"user": "z", "name": null, "devices": []}]))
    );
    assert_eq!(
        apply(6, "partial", r#"<users state="deleted"/>"#),
        (changed(), json!([]))
    );
    let Document::Conference(known) = &**state.document().unwrap() else {
        panic!()
    };
    assert_eq!(known.description.as_ref().unwrap().subject.as_deref(), Some("s"));
    assert_eq!((known.state, known.version), (ElementState::Full, Some(6)));
}

/// CCONF-02: partial: one higher or a refresh is needed, and nothing is used until then; equal or lower is discarded.
#[test]
fn cconf_02_versions() {
    let refused = Applied::Gap {
        applied: false,
        changes: Changes::default(),
    };
    let mut state = EventState::new();
    let mut apply = |version: u32, extent: &str, user: &str| {
        let inner = format!(
            r#"<users state="{}"><user entity="{user}"/></users>"#,
            if extent == "partial" { "partial" } else { "full" }
        );
        let applied = state
            .apply(conference::CONTENT_TYPE, &text(version, extent, &inner))
            .unwrap();
        let known = state
            .document()
            .map_or(0, |_| users(&state).as_array().map_or(0, Vec::len));
        (applied, known, state.is_over())
    };
    assert_eq!(apply(4, "partial", "a"), (refused.clone(), 0, false));
    assert_eq!(apply(7, "full", "a"), (changed(), 1, false));
    assert_eq!(apply(9, "partial", "b"), (refused.clone(), 1, false));
    assert_eq!(apply(8, "partial", "b"), (changed(), 2, false));
    assert_eq!(apply(8, "full", "c"), (Applied::Stale, 2, false));
    assert_eq!(apply(3, "partial", "c"), (Applied::Stale, 2, false));
    assert_eq!(apply(20, "full", "c"), (changed(), 1, false));
    assert_eq!(apply(21, "deleted", "c"), (changed(), 1, true));
    let again = state
        .apply(conference::CONTENT_TYPE, &text(30, "full", ""))
        .unwrap();
    assert_eq!((again, state.is_over()), (changed(), false));
}

/// CCONF-01: what the schema does not allow is not written; what a peer may refuse is found.
#[test]
fn cconf_01_strict_writing() {
    for (value, wanted) in [
        (json!({"entity": "a b"}), "entity:"),
        (
            json!({"entity": "sip:a", "users": [{"entity": "sip:b", "endpoints": [{"status": "gone"}]}]}),
            "users.endpoints.status:",
        ),
        (
            json!({"entity": "sip:a", "users": [{"entity": "sip:b", "languages": ["e n"]}]}),
            "users.languages:",
        ),
        (json!({"entity": "sip:a", "users": {"state": "partial"}}), "users"),
        (
            json!({"entity": "sip:a", "users": [{"entity": "sip:b", "nam": ""}]}),
            "users[0].nam",
        ),
    ] {
        let document = Document::from_json(conference::CONTENT_TYPE, &value);
        let error = document
            .and_then(|document| document.write())
            .expect_err("refused")
            .to_string();
        assert!(error.contains(wanted), "{value}: {error}");
    }
    let text = text(
        0,
        "all",
        r#"<users><user/><user entity="a" state="x"><endpoint><status>x</status><media/></endpoint></user><user entity="a"/></users><host-info/>"#,
    );
    let told = check(conference::CONTENT_TYPE, &text);
    for wanted in [
        "state \"all\"",
        "attribute entity",
        "state \"x\"",
        "status has",
        "attribute id",
        "another user",
        "too late",
    ] {
        assert!(
            told.iter()
                .any(|found| found.rule == "CCONF-01" && found.message.contains(wanted)),
            "{wanted}: {told:?}"
        );
    }
}

fn uris() -> impl Strategy<Value = Option<Entries<UriEntry>>> {
    let entry = (
        "(sip|tel):[a-z]{1,5}",
        prop::option::of("[a-z&<]{1,5}"),
        prop::option::of("[a-z]{1,3}"),
    )
        .prop_map(|(uri, display_text, by)| UriEntry {
            uri: uri.into(),
            display_text: display_text.map(Into::into),
            purpose: None,
            modified: by.map(|by| Execution {
                when: None,
                reason: Some("r".into()),
                by: Some(format!("sip:{by}").into()),
            }),
        });
    prop::option::of(prop::collection::vec(entry, 1..3).prop_map(|entries| Entries {
        state: ElementState::Full,
        entries,
    }))
}

fn states() -> impl Strategy<Value = ElementState> {
    prop_oneof![
        Just(ElementState::Full),
        Just(ElementState::Partial),
        Just(ElementState::Deleted)
    ]
}

prop_compose! {
    fn users_of(keys: usize)(rows in prop::collection::vec((
        0..keys, states(), prop::option::of("[a-z]{1,4}"), uris(),
        prop::collection::vec((0..3_usize, states(), prop::sample::select(&["connected", "on-hold"][..]), 0..3_usize), 0..3),
    ), 0..4), state in states()) -> Entries<User> {
        let entries = rows.into_iter().map(|(key, state, name, associated_aors, endpoints)| User {
            entity: format!("sip:{key}@h").into(),
            state,
            display_text: name.map(Into::into),
            associated_aors,
            languages: vec!["en".into()],
            endpoints: endpoints.into_iter().map(|(key, state, status, media)| Endpoint {
                entity: Some(key.to_string().into()),
                state,
                status: Some(status.into()),
                media: (0..media).map(|id| Media { id: id.to_string().into(), ..Media::default() }).collect(),
                call_info: Some(DialogId { display_text: None, call_id: "c".into(), from_tag: "f".into(), to_tag: "t".into() }),
                ..Endpoint::default()
            }).collect(),
            ..User::default()
        });
        Entries { state, entries: entries.collect() }
    }
}

prop_compose! {
    fn conference_of(version: u32)(
        state in states(),
        users in prop::option::of(users_of(4)),
        subject in prop::option::of("[ -~]{0,5}[!-~]"),
        sidebars_by_ref in uris(),
        conf_uris in uris(),
    ) -> Conference {
        Conference {
            entity: "sip:c@h".into(),
            version: Some(version),
            state,
            description: subject.map(|subject| Box::new(Description { subject: Some(subject.trim().into()), conf_uris, ..Description::default() })),
            users,
            sidebars_by_ref,
            ..Conference::default()
        }
    }
}

/// CXML-03: any document that is written is valid, and reads as it was. CCONF-02: any sequence leaves a full document.
#[test]
fn cconf_02_any_sequence_leaves_a_full_document() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut state = EventState::new();
    let mut written = Vec::new();
    for version in 0..200 {
        let document = Document::Conference(conference_of(version).new_tree(&mut runner).unwrap().current());
        let text = lives(&document);
        state
            .apply(conference::CONTENT_TYPE, &Bytes::from(text.clone()))
            .unwrap();
        written.push(text);
        let Some(Document::Conference(known)) = state.document().map(|document| &**document) else {
            continue;
        };
        assert_ne!(known.state, ElementState::Partial);
    }
    assert_valid("any-conference", SCHEMA, written.iter().map(|text| &text[..]));
}

/// CXD-01: what became of a document follows from its entity-tags; unknown elements are skipped.
#[test]
fn cxd_01_what_became_of_documents() {
    let text = r#"<d:xcap-diff xmlns:d="urn:ietf:params:xml:ns:xcap-diff" xmlns:l="urn:l" xcap-root="https://xcap.example.com/services/">
        <d:document sel="a" new-etag="1"/><d:document sel="b" previous-etag="1"/><d:document sel="c" previous-etag="1" new-etag="2"><d:body-not-changed/></d:document>
        <d:document sel="d"/><d:document/><d:new sel="x"/>
        <d:document sel="e" previous-etag="1" new-etag="2"><d:add sel="l:list" pos="prepend"><l:entry uri="sip:x"/>text</d:add><d:replace sel="x/@y">z</d:replace><d:remove sel="q" ws="both"/></d:document>
        <d:element sel="f" exists="0"/><d:element sel="g"><l:list/></d:element><d:attribute sel="h">v</d:attribute><d:attribute sel="i" exists="true"/></d:xcap-diff>"#;
    let document = Document::read(xcap_diff::CONTENT_TYPE, text.as_bytes()).unwrap();
    let json = document.to_json();
    let changes: Vec<&Value> = json["documents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["change"])
        .collect();
    assert_eq!(changes, ["exists", "removed", "changed", "unknown", "changed"]);
    assert_eq!(json["documents"][2]["body_not_changed"], true);
    assert_eq!(
        json["documents"][4]["patches"],
        json!([
            {"operation": "add", "sel": "l:list", "pos": "prepend", "content": "<l:entry uri=\"sip:x\"/>text"},
            {"operation": "replace", "sel": "x/@y", "content": "z"}, {"operation": "remove", "sel": "q", "ws": "both"}])
    );
    assert_eq!(
        (
            &json["elements"][0]["exists"],
            &json["elements"][1]["content"]["name"]
        ),
        (&json!(false), &json!("list"))
    );
    assert_eq!(
        json["attributes"],
        json!([{"sel": "h", "value": "v"}, {"sel": "i", "exists": true}])
    );
    assert_eq!(
        Document::from_json(xcap_diff::CONTENT_TYPE, &json).unwrap(),
        document
    );
    assert!(document.write().unwrap_err().to_string().contains("read only"));
    let told: Vec<String> = check(xcap_diff::CONTENT_TYPE, text.as_bytes())
        .into_iter()
        .map(|found| found.message)
        .collect();
    assert_eq!(told.len(), 4, "{told:?}");
    let example = Document::read(xcap_diff::CONTENT_TYPE, &file("examples/xcap-diff.xml")).unwrap();
    assert_eq!(example.to_json()["documents"][0]["change"], "changed");
    assert_eq!(
        check(xcap_diff::CONTENT_TYPE, &file("examples/xcap-diff.xml")),
        []
    );
    let mut state = EventState::new();
    assert_eq!(
        state.apply(xcap_diff::CONTENT_TYPE, &Bytes::from(text)),
        Ok(changed())
    );
    assert_eq!(
        state.apply(xcap_diff::CONTENT_TYPE, &Bytes::from(text)),
        Ok(Applied::Same)
    );
}
