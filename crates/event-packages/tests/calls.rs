//! dialog-info documents (RFC 4235): what the field writes is read, what is written is valid.

mod common;

use common::{assert_valid, file};
use event_packages::dialog_info::{
    self, CONTENT_TYPE, Dialog, DialogEvent, DialogInfo, DialogState, Direction, NameAddr, Param,
    Participant, Replaces, SessionDescription, Target,
};
use event_packages::{Document, Extent, Finding, Severity, check};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::json;

const SCHEMA: &str = "dialog-info.xsd";

fn read(text: &str) -> DialogInfo {
    match Document::read(CONTENT_TYPE, text.as_bytes()) {
        Ok(Document::DialogInfo(info)) => info,
        other => panic!("{other:?}\n{text}"),
    }
}

fn whole(dialogs: &str) -> String {
    format!(
        r#"<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:a@b">{dialogs}</dialog-info>"#
    )
}

fn rules(findings: &[Finding]) -> Vec<(Severity, &str)> {
    findings
        .iter()
        .map(|found| (found.severity, found.message.as_str()))
        .collect()
}

/// CDLG-01: every element of the schema.
const EVERYTHING: &str = r#"<dialog id="as7d900as8" call-id="a84b4c76e66710" local-tag="1928301774" remote-tag="456887766" direction="initiator">
    <state event="rejected" code="486">terminated</state><duration>274</duration>
    <replaces call-id="hg287s98s89" local-tag="6762h7" remote-tag="09278hsb"/>
    <referred-by display-name="Bob">sip:bob@example.com</referred-by>
    <route-set><hop>sip:p1.example.com;lr</hop><hop>sip:p2.example.com;lr</hop></route-set>
    <local><identity display-name="Alice">sip:alice@example.com</identity>
      <target uri="sip:alice@pc33.example.com"><param pname="isfocus" pval="true"/><param pname="description" pval="Alice's desk &amp; office"/></target>
      <session-description type="application/sdp">v=0&#13;&#10;o=a</session-description><cseq>7</cseq></local>
    <remote><identity>tel:+15550100</identity></remote></dialog>"#;

/// CDLG-01: all elements are read, shown as JSON, and written so that the schema holds.
#[test]
fn cdlg_01_every_element() {
    let text = whole(EVERYTHING);
    assert_valid("cdlg-01-source", SCHEMA, [text.as_bytes()]);
    let info = read(&text);
    let document = Document::DialogInfo(info.clone());
    let json = document.to_json();
    assert_eq!(
        json["dialogs"][0],
        json!({
            "id": "as7d900as8", "call_id": "a84b4c76e66710", "local_tag": "1928301774", "remote_tag": "456887766",
            "direction": "initiator", "state": "terminated", "event": "rejected", "code": 486, "duration": 274,
            "replaces": {"call_id": "hg287s98s89", "local_tag": "6762h7", "remote_tag": "09278hsb"},
            "referred_by": {"uri": "sip:bob@example.com", "display": "Bob"},
            "route_set": ["sip:p1.example.com;lr", "sip:p2.example.com;lr"],
            "local": {
                "identity": {"uri": "sip:alice@example.com", "display": "Alice"},
                "target": {"uri": "sip:alice@pc33.example.com", "params": [
                    {"name": "isfocus", "value": "true"}, {"name": "description", "value": "Alice's desk & office"}]},
                "session_description": {"type": "application/sdp", "content": "v=0\r\no=a"}, "cseq": 7,
            },
            "remote": {"identity": {"uri": "tel:+15550100"}},
        })
    );
    let written = document.write().unwrap();
    assert_valid("cdlg-01", SCHEMA, [&written[..]]);
    assert_eq!(Document::read(CONTENT_TYPE, &written).unwrap(), document);
    assert_eq!(Document::from_json(CONTENT_TYPE, &json).unwrap(), document);
    let example = Document::read(CONTENT_TYPE, &file("examples/dialog-info.xml")).unwrap();
    assert_valid("cdlg-01-example", SCHEMA, [&example.write().unwrap()[..]]);
    assert_eq!(example.summary().calls.len(), 1);
}

/// CDLG-01: `notify-state`, which the prose prints, is read; `state` is written.
#[test]
fn cdlg_01_notify_state() {
    let info = read(
        r#"<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="3" notify-state="partial" entity="sip:a@b"/>"#,
    );
    assert_eq!((info.version, info.state), (Some(3), Extent::Partial));
    let written = String::from_utf8(info.write().unwrap()).unwrap();
    assert!(written.contains(r#" state="partial""#) && !written.contains("notify-state"));
}

/// CXML-02, CXML-04, CDLG-01: any prefix, foreign elements, blanks, values of tomorrow; what lacks something.
#[test]
fn cdlg_01_liberal_reading() {
    let text = r#"<?xml version="1.0"?><d:dialog-info xmlns:d="urn:ietf:params:xml:ns:dialog-info" xmlns:x="urn:x" version=" 7 " state="full" x:y="z">
        <x:dialog id="no"/><d:dialog id=" 1 " direction="sideways" x:a="b"><x:state>early</x:state><d:state event="melted" code="42">
          confirmed </d:state><d:duration>soon</d:duration><d:local/></d:dialog>
        <d:dialog id="2"/><d:dialog call-id="c"><d:state>dreaming</d:state></d:dialog></d:dialog-info>"#;
    let info = read(text);
    assert_eq!(
        (info.version, &*info.entity, info.dialogs.len()),
        (Some(7), "", 2)
    );
    let first = &info.dialogs[0];
    assert_eq!(
        (&*first.id, &first.state, first.code, first.duration),
        ("1", &DialogState::Confirmed, None, None)
    );
    assert_eq!(first.direction, Some(Direction::Other("sideways".into())));
    assert_eq!(first.event, Some(DialogEvent::Other("melted".into())));
    assert_eq!(
        info.dialogs[1],
        Dialog {
            call_id: Some("c".into()),
            ..Dialog::new("c", DialogState::Other("dreaming".into()))
        }
    );
    let error = info.write().unwrap_err().to_string();
    assert!(error.starts_with("entity:"), "{error}");
    assert!(Document::read(CONTENT_TYPE, b"<presence/>").is_err());
}

/// What Asterisk sends, and what Kamailio's guide prints.
#[test]
fn calls_of_the_field() {
    let asterisk = read(&whole(r#"<dialog id="0000"><state>terminated</state></dialog>"#));
    assert_eq!(Document::DialogInfo(asterisk).summary().calls, []);
    let kamailio = r#"<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="1" state="full" entity="sip:alice@example.com">
        <dialog id="1" call-id="c" local-tag="l" remote-tag="r" direction="recipient"><state>early</state>
        <local><identity display="Alice">sip:alice@example.com</identity><target uri="sip:alice@h"/></local>
        <remote><identity display="Bob B.">sip:bob@example.com</identity><target uri="sip:bob@h"/></remote></dialog>
        <dialog id="2"><state>terminated</state></dialog>
        <dialog id="3" direction="initiator"><state>confirmed</state><remote><target uri="sip:carl@h"/></remote></dialog></dialog-info>"#;
    let document = Document::DialogInfo(read(kamailio));
    let calls = document.summary().to_json()["calls"].clone();
    assert_eq!(
        calls,
        json!([
            {"id": "1", "state": "early", "direction": "recipient", "remote": "sip:bob@example.com", "remote_display": "Bob B."},
            {"id": "3", "state": "confirmed", "direction": "initiator", "remote": "sip:carl@h", "remote_display": null},
        ])
    );
    assert_valid("kamailio", SCHEMA, [&document.write().unwrap()[..]]);
}

/// CDLG-01: what the schema does not allow is not written, and the message says where it stands.
#[test]
fn cdlg_01_strict_writing() {
    let refused = |dialog: serde_json::Value| {
        let value = json!({"entity": "sip:a@b", "dialogs": [{"id": "1", "state": "early"}, dialog]});
        let document = Document::from_json(CONTENT_TYPE, &value);
        document
            .and_then(|document| document.write())
            .expect_err("refused")
            .to_string()
    };
    for (dialog, path) in [
        (json!({"state": "early"}), "dialogs[1]: missing field `id`"),
        (json!({"id": "1", "state": "early"}), "dialogs[1].id:"),
        (json!({"id": "", "state": "early"}), "dialogs[1].id:"),
        (json!({"id": "2"}), "dialogs[1]: missing field `state`"),
        (json!({"id": "2", "state": "Early"}), "dialogs[1].state:"),
        (
            json!({"id": "2", "state": "early", "direction": "out"}),
            "dialogs[1].direction:",
        ),
        (
            json!({"id": "2", "state": "terminated", "event": "bye"}),
            "dialogs[1].event:",
        ),
        (
            json!({"id": "2", "state": "terminated", "code": 99}),
            "dialogs[1].code:",
        ),
        (
            json!({"id": "2", "state": "early", "sate": 1}),
            "dialogs[1].sate: unknown field `sate`",
        ),
        (
            json!({"id": "2", "state": "early", "remote": {"identity": {"name": "x"}}}),
            "dialogs[1].remote.identity.name:",
        ),
        (
            json!({"id": "2", "state": "early", "remote": {"other_identities": [{"uri": "sip:x"}]}}),
            "dialogs[1].remote:",
        ),
        (json!({"id": "2\u{0}", "state": "early"}), "id:"),
    ] {
        let error = refused(dialog.clone());
        assert!(error.contains(path), "{dialog}: {error}");
    }
    let minimal = json!({"entity": "sip:a@b", "dialogs": [{"id": "1", "state": "trying"}]});
    let written = Document::from_json(CONTENT_TYPE, &minimal)
        .unwrap()
        .write()
        .unwrap();
    assert_valid("minimal", SCHEMA, [&written[..]]);
    assert_eq!(
        String::from_utf8(written)
            .unwrap()
            .split_once("?>")
            .unwrap()
            .1
            .trim(),
        r#"<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:a@b"><dialog id="1"><state>trying</state></dialog></dialog-info>"#
    );
}

/// CDLG-01: what a peer may refuse.
#[test]
fn cdlg_01_findings() {
    let found = check(CONTENT_TYPE, whole(EVERYTHING).as_bytes());
    assert_eq!(found, []);
    let found = check(CONTENT_TYPE, whole("").as_bytes());
    assert_eq!(
        (found.len(), found[0].severity, found[0].line),
        (1, Severity::Warning, Some(1))
    );
    let found = check(CONTENT_TYPE, b"<dialog-info");
    assert_eq!((found.len(), found[0].rule), (1, "CXML-01"));
    for (wrong, message) in [
        (
            r#"<dialog><state>early</state></dialog>"#,
            "dialog has no attribute id",
        ),
        (r#"<dialog id="1"/>"#, "dialog has no element state"),
        (
            r#"<dialog id="1"><state>EARLY</state></dialog>"#,
            "state \"EARLY\" is none of",
        ),
        (
            r#"<dialog id="1"><state code="1">early</state></dialog>"#,
            "code has to be",
        ),
        (
            r#"<dialog id="1" direction="x"><state>early</state></dialog>"#,
            "direction \"x\"",
        ),
        (
            r#"<dialog id="1" tag="x"><state>early</state></dialog>"#,
            "no attribute tag",
        ),
        (
            r#"<dialog id="1"><state>early</state></dialog><dialog id="1"><state>early</state></dialog>"#,
            "another dialog",
        ),
        (
            r#"<dialog id="1"><local/><state>early</state></dialog>"#,
            "state stands too late",
        ),
        (
            r#"<dialog id="1"><state>early</state><state>early</state></dialog>"#,
            "one state only",
        ),
        (
            r#"<dialog id="1"><state>early</state><foo/></dialog>"#,
            "no element foo",
        ),
        (
            r#"<dialog id="1"><state>early</state><local><identity display="A">sip:a</identity></local></dialog>"#,
            "display-name",
        ),
        (
            r#"<dialog id="1"><state>early</state><local><target/></local></dialog>"#,
            "target has no attribute uri",
        ),
        (
            r#"<dialog id="1"><state>early</state><local><target uri="a"><param pname="x"/></target></local></dialog>"#,
            "pval",
        ),
        (
            r#"<dialog id="1"><state>early</state><replaces call-id="x"/></dialog>"#,
            "local-tag",
        ),
    ] {
        let findings = check(CONTENT_TYPE, whole(wrong).as_bytes());
        let told = rules(&findings);
        assert!(
            told.iter().any(|(_, said)| said.contains(message)),
            "{wrong}: {told:?}"
        );
        assert!(findings.iter().all(|found| found.rule == "CDLG-01"));
    }
    let many = r#"<dialog><x/></dialog>"#.repeat(20_000);
    assert_eq!(check(CONTENT_TYPE, whole(&many).as_bytes()).len(), 100);
}

fn text() -> impl Strategy<Value = Box<str>> {
    "[ -~é€😀]{1,12}"
        .prop_map(|text| text.trim().replace(char::is_whitespace, "_") + "x")
        .prop_map(Into::into)
}

fn uri() -> impl Strategy<Value = Box<str>> {
    "(sip|sips|tel):[a-z0-9.+é]{1,8}(@[a-z.]{1,8})?(;[a-z]=%4[0-9])?".prop_map(Into::into)
}

fn participant() -> impl Strategy<Value = Participant> {
    let param = (text(), text()).prop_map(|(name, value)| Param { name, value });
    let target = (uri(), prop::collection::vec(param, 0..3)).prop_map(|(uri, params)| Target { uri, params });
    let description = (text(), "[ -~\t\r\né]{0,30}").prop_map(|(media_type, content)| SessionDescription {
        media_type,
        content: content.into(),
    });
    let identity = (uri(), prop::option::of(text())).prop_map(|(uri, display)| NameAddr { uri, display });
    (
        prop::option::of(identity),
        prop::option::of(target),
        prop::option::of(description),
        any::<Option<u64>>(),
    )
        .prop_map(|(identity, target, session_description, cseq)| Participant {
            identity,
            other_identities: Vec::new(),
            target,
            session_description,
            cseq,
        })
}

prop_compose! {
    fn dialog()(
        state in prop::sample::select(DialogState::KNOWN),
        event in prop::option::of(prop::sample::select(DialogEvent::KNOWN)),
        direction in prop::option::of(prop::sample::select(Direction::KNOWN)),
        (call_id, local_tag, remote_tag) in (prop::option::of(text()), prop::option::of(text()), prop::option::of(text())),
        code in prop::option::of(100..700_u16),
        duration in any::<Option<u64>>(),
        replaces in prop::option::of((text(), text(), text())),
        referred_by in prop::option::of((uri(), prop::option::of(text()))),
        route_set in prop::collection::vec(text(), 0..3),
        local in prop::option::of(participant()),
        remote in prop::option::of(participant()),
    ) -> Dialog {
        Dialog {
            id: "".into(),
            call_id, local_tag, remote_tag,
            direction: direction.map(Into::into),
            state: state.into(),
            event: event.map(Into::into),
            code, duration,
            replaces: replaces.map(|(call_id, local_tag, remote_tag)| Replaces { call_id, local_tag, remote_tag }),
            referred_by: referred_by.map(|(uri, display)| NameAddr { uri, display }),
            route_set,
            local: local.map(Box::new),
            remote: remote.map(Box::new),
        }
    }
}

prop_compose! {
    fn dialog_info()(
        version in any::<u32>(),
        full in any::<bool>(),
        entity in uri(),
        dialogs in prop::collection::vec(dialog(), 0..4),
    ) -> dialog_info::DialogInfo {
        let dialogs = dialogs.into_iter().enumerate();
        DialogInfo {
            version: Some(version),
            state: if full { Extent::Full } else { Extent::Partial },
            entity,
            dialogs: dialogs.map(|(id, dialog)| Dialog { id: format!("d{id}").into(), ..dialog }).collect(),
        }
    }
}

/// CXML-03: any document that is written is valid, and reads as it was.
#[test]
fn cxml_03_any_document_is_valid() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut written = Vec::new();
    for _ in 0..200 {
        let info = dialog_info().new_tree(&mut runner).unwrap().current();
        let document = Document::DialogInfo(info);
        let text = document.write().unwrap();
        assert_eq!(Document::read(CONTENT_TYPE, &text).unwrap(), document);
        assert_eq!(
            Document::from_json(CONTENT_TYPE, &document.to_json()).unwrap(),
            document
        );
        written.push(text);
    }
    assert_valid("any-dialog-info", SCHEMA, written.iter().map(|text| &text[..]));
}
