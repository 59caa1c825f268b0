//! Resource lists (RFC 4662 §5).

use super::*;

const RELATED: &str = "multipart/related;type=\"application/rlmi+xml\";start=\"<root@l>\";boundary=\"b1\"";
const PIDF: &str = "application/pidf+xml;charset=\"UTF-8\"";

/// A body: the list, and parts of (Content-ID, Content-Type, content).
fn related(boundary: &str, list: &str, parts: &[(&str, &str, &str)]) -> String {
    let mut text = format!(
        "--{boundary}\r\nContent-ID: <root@l>\r\nContent-Type: application/rlmi+xml;charset=\"UTF-8\"\r\n\r\n{list}\r\n"
    );
    for (id, content_type, content) in parts {
        text += &format!(
            "--{boundary}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{id}>\r\nContent-Type: {content_type}\r\n\r\n{content}\r\n"
        );
    }
    text + &format!("--{boundary}--\r\n")
}

fn list(version: u32, full: bool, resources: &str) -> String {
    format!(
        r#"<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:l@h" version="{version}" fullState="{full}">{resources}</list>"#
    )
}

fn active(uri: &str, cid: &str) -> String {
    format!(r#"<resource uri="{uri}"><name>N</name><instance id="i" state="active" cid="{cid}"/></resource>"#)
}

fn mailbox(new: u32) -> String {
    format!("Messages-Waiting: yes\r\nVoice-Message: {new}/0\r\n")
}

fn changes(members: &[usize], removed: &[&str]) -> Changes {
    Changes {
        members: members.to_vec(),
        removed: removed.iter().map(|uri| (*uri).into()).collect(),
    }
}

/// `uri state new-messages` of each member.
fn members(state: &EventState) -> Vec<String> {
    state
        .members()
        .map(|member| {
            let told = member.document().map(|document| document.summary());
            let new = told
                .and_then(|told| told.messages_waiting)
                .map(|told| told.new.to_string());
            format!(
                "{} {} {}",
                member.uri,
                member.state.as_str(),
                new.unwrap_or_else(|| "-".to_owned())
            )
        })
        .collect()
}

/// R4662-03, R4662-07, CRL-01: the states of instances, documents by their cid, resources nobody knows yet.
#[test]
fn r4662_07_members_and_their_states() {
    let resources = active("sip:b@h", "p%40l")
        + r#"<resource uri="sip:a@h"><instance id="1" state="pending"/></resource>
        <resource uri="sip:d@h"><instance id="1" state="terminated" reason="rejected"/></resource>
        <resource uri="sip:c@h"/><resource><instance id="1" state="active" cid="p@l"/></resource>"#;
    let text = related(
        "b1",
        &list(0, true, &resources),
        &[("p@l", MWI, &mailbox(3)), ("q@l", MWI, "unused")],
    );
    let mut state = EventState::new();
    let applied = state.apply(RELATED, &body(text.clone())).unwrap();
    assert_eq!(applied, Applied::Changed(changes(&[0, 1, 2, 3], &[])));
    assert_eq!(
        members(&state),
        [
            "sip:a@h pending -",
            "sip:b@h active 3",
            "sip:c@h unknown -",
            "sip:d@h terminated -"
        ]
    );
    let all: Vec<&Member> = state.members().collect();
    assert_eq!(
        (all[3].reason.as_deref(), all[1].name.as_deref()),
        (Some("rejected"), Some("N"))
    );
    assert_eq!(all[1].raw(), Some((MWI, &body(mailbox(3))[..])));
    assert_eq!(
        (all[2].instance.as_deref(), all[0].instance.as_deref()),
        (None, Some("1"))
    );
    assert_eq!(
        (state.list_uri(), state.document(), state.raw()),
        (Some("sip:l@h"), None, None)
    );
    assert_eq!(state.apply(RELATED, &body(text)), Ok(Applied::Stale));
}

/// R4662-05: full state counts if its version is higher, and replaces the table.
#[test]
fn r4662_05_full_state() {
    let mut state = EventState::new();
    let mut apply = |version: u32, resources: &str| {
        state.apply(
            RELATED,
            &body(related(
                "b1",
                &list(version, true, resources),
                &[("p@l", MWI, &mailbox(1))],
            )),
        )
    };
    let (a, b) = (active("sip:a@h", "p@l"), active("sip:b@h", "p@l"));
    assert_eq!(
        apply(5, &(a.clone() + &b)),
        Ok(Applied::Changed(changes(&[0, 1], &[])))
    );
    assert_eq!(apply(5, &a), Ok(Applied::Stale));
    assert_eq!(apply(4, &a), Ok(Applied::Stale));
    assert_eq!(apply(9, &(a.clone() + &b)), Ok(Applied::Same));
    assert_eq!(apply(10, &a), Ok(Applied::Changed(changes(&[], &["sip:b@h"]))));
    assert_eq!(
        apply(11, &active("sip:a@h", "gone@l")),
        Ok(Applied::Changed(changes(&[0], &[])))
    );
    assert_eq!(members(&state), ["sip:a@h active -"]);
}

/// R4662-06: partial state: one higher: applied; more: applied and a refresh wanted; else discarded.
#[test]
fn r4662_06_partial_state() {
    let mut state = EventState::new();
    let mut apply = |version: u32, full: bool, resources: &str, new: u32| {
        let text = related(
            "b1",
            &list(version, full, resources),
            &[("p@l", MWI, &mailbox(new))],
        );
        (
            state.apply(RELATED, &body(text)).unwrap(),
            members(&state).join(", "),
        )
    };
    let (a, b) = (active("sip:a@h", "p@l"), active("sip:b@h", "p@l"));
    apply(0, true, &(a.clone() + &b), 1);
    assert_eq!(
        apply(1, false, &b, 2),
        (
            Applied::Changed(changes(&[1], &[])),
            "sip:a@h active 1, sip:b@h active 2".to_owned()
        )
    );
    assert_eq!(apply(1, false, &a, 7).0, Applied::Stale);
    assert_eq!(apply(0, false, &a, 7).0, Applied::Stale);
    assert_eq!(apply(2, false, &a, 1).0, Applied::Same);
    let gap = |members: &[usize]| Applied::Gap {
        applied: true,
        changes: changes(members, &[]),
    };
    assert_eq!(
        apply(9, false, &active("sip:0@h", "p@l"), 4),
        (
            gap(&[0]),
            "sip:0@h active 4, sip:a@h active 1, sip:b@h active 2".to_owned()
        )
    );
    assert_eq!(apply(10, false, "", 4).0, Applied::Same);
    // the part is missing: what was known holds
    assert_eq!(apply(11, false, &active("sip:a@h", "gone@l"), 4).0, Applied::Same);
    assert_eq!(
        apply(
            12,
            false,
            r#"<resource uri="sip:a@h"><instance id="i" state="terminated" reason="noresource"/></resource>"#,
            4
        ),
        (
            Applied::Changed(changes(&[1], &[])),
            "sip:0@h active 4, sip:a@h terminated -, sip:b@h active 2".to_owned()
        )
    );
    // one NOTIFY for each resource from the beginning, as some servers do
    let mut state = EventState::new();
    let mut apply = |version: u32, resources: &str| {
        let text = related(
            "b1",
            &list(version, false, resources),
            &[("p@l", MWI, &mailbox(1))],
        );
        state.apply(RELATED, &body(text)).unwrap()
    };
    assert_eq!(apply(0, &a), gap(&[0]));
    assert_eq!(apply(1, &b), Applied::Changed(changes(&[1], &[])));
}

/// R4662-04: what the processing rests on has to be there.
#[test]
fn r4662_04_attributes_that_have_to_be_there() {
    let mut state = EventState::new();
    for attributes in [
        "version='0' fullState='true'",
        "uri='sip:l@h' fullState='1'",
        "uri='sip:l@h' version='x' fullState='1'",
        "uri='sip:l@h' version='0'",
    ] {
        let text = related(
            "b1",
            &format!("<list xmlns='urn:ietf:params:xml:ns:rlmi' {attributes}/>"),
            &[],
        );
        assert!(state.apply(RELATED, &body(text)).is_err(), "{attributes}");
    }
    let text = related(
        "b1",
        "<list xmlns='urn:ietf:params:xml:ns:rlmi' uri='sip:l@h' version='0' fullState='1'/>",
        &[],
    );
    assert_eq!(
        state.apply(RELATED, &body(text)),
        Ok(Applied::Changed(Changes::default()))
    );
    assert_eq!(
        state.apply("application/rlmi+xml", &body(list(1, true, ""))),
        Ok(Applied::Same)
    );
}

/// R4662-06 with a package that has partial state of its own: its rules hold below those of the list (RFC 4662 §4.6).
#[test]
fn r4662_06_partial_documents_in_a_list() {
    let mut state = EventState::new();
    let mut apply = |version: u32, full: bool, document: (u32, &str, &str)| {
        let (number, extent, dialogs) = document;
        let document = dialog_info(&format!(r#"version="{number}""#), extent, dialogs);
        let document = std::str::from_utf8(&document).unwrap();
        let text = related(
            "b1",
            &list(version, full, &active("sip:a@h", "p@l")),
            &[("p@l", DIALOG, document)],
        );
        let applied = state.apply(RELATED, &body(text)).unwrap();
        let calls = state
            .members()
            .next()
            .unwrap()
            .document()
            .unwrap()
            .summary()
            .calls;
        (applied, calls.len())
    };
    let row = |id: u32| format!(r#"<dialog id="{id}"><state>early</state></dialog>"#);
    let changed = Applied::Changed(changes(&[0], &[]));
    assert_eq!(apply(0, true, (3, "full", &row(1))), (changed.clone(), 1));
    assert_eq!(apply(1, false, (4, "partial", &row(2))), (changed.clone(), 2));
    assert_eq!(apply(2, false, (4, "partial", &row(3))), (Applied::Same, 2));
    let gap = Applied::Gap {
        applied: true,
        changes: changes(&[0], &[]),
    };
    assert_eq!(apply(3, false, (9, "partial", &row(3))), (gap, 3));
    // a list told anew counts whatever the versions in it
    assert_eq!(apply(4, true, (0, "full", &row(1))), (changed, 1));
}

/// R4662-03: lists in lists become one; a cid means parts of the same multipart only.
#[test]
fn r4662_03_nested_lists() {
    let inner = |version: u32, full: bool, resources: &str, new: u32| {
        related(
            "b2",
            &list(version, full, resources),
            &[("p@l", MWI, &mailbox(new))],
        )
    };
    let outer = |version: u32, full: bool, inner: &str| {
        let resources = active("sip:a@h", "p@l") + &active("sip:inner@h", "n@l");
        related(
            "b1",
            &list(version, full, &resources),
            &[("n@l", "multipart/related;boundary=b2", inner), ("q@l", MWI, "")],
        )
    };
    let (x, y) = (active("sip:x@h", "p@l"), active("sip:y@h", "p@l"));
    let mut state = EventState::new();
    let first = outer(0, true, &inner(0, true, &(x.clone() + &y), 1));
    assert_eq!(
        state.apply(RELATED, &body(first)),
        Ok(Applied::Changed(changes(&[0, 1, 2], &[])))
    );
    // the part of the inner list is none of the outer one
    assert_eq!(
        members(&state),
        ["sip:a@h active -", "sip:x@h active 1", "sip:y@h active 1"]
    );
    let second = outer(1, false, &inner(1, false, &y, 5));
    assert_eq!(
        state.apply(RELATED, &body(second)),
        Ok(Applied::Changed(changes(&[2], &[])))
    );
    assert_eq!(
        members(&state),
        ["sip:a@h active -", "sip:x@h active 1", "sip:y@h active 5"]
    );
    let stale_inside = outer(2, false, &inner(1, false, &y, 6));
    assert_eq!(state.apply(RELATED, &body(stale_inside)), Ok(Applied::Same));
    let gap_inside = outer(3, false, &inner(9, false, &y, 6));
    assert_eq!(
        state.apply(RELATED, &body(gap_inside)),
        Ok(Applied::Gap {
            applied: true,
            changes: changes(&[2], &[])
        })
    );
    let shorter = outer(4, false, &inner(10, true, &x, 1));
    assert_eq!(
        state.apply(RELATED, &body(shorter)),
        Ok(Applied::Changed(changes(&[], &["sip:y@h"])))
    );
}

/// One member's document is broken: the others count, its last good one stays.
#[test]
fn a_broken_document_of_one_member() {
    let mut state = EventState::new();
    let mut apply = |version: u32, document: &str| {
        let resources = active("sip:a@h", "p@l") + &active("sip:b@h", "q@l");
        let parts = [("p@l", MWI, document), ("q@l", MWI, &*mailbox(version))];
        let applied = state.apply(
            RELATED,
            &body(related("b1", &list(version, version == 0, &resources), &parts)),
        );
        let fault = state
            .members()
            .next()
            .unwrap()
            .fault
            .as_ref()
            .map(ToString::to_string);
        (applied.unwrap(), members(&state).join(", "), fault.is_some())
    };
    assert!(!apply(0, &mailbox(7)).2);
    let both = Applied::Changed(changes(&[0, 1], &[]));
    assert_eq!(
        apply(1, "nonsense"),
        (
            both.clone(),
            "sip:a@h active 7, sip:b@h active 1".to_owned(),
            true
        )
    );
    assert_eq!(apply(2, "nonsense").0, Applied::Changed(changes(&[1], &[])));
    assert_eq!(
        apply(3, &mailbox(8)),
        (both, "sip:a@h active 8, sip:b@h active 3".to_owned(), false)
    );
}

/// A resource with several notifiers: a member for each.
#[test]
fn r4662_07_several_instances() {
    let mut state = EventState::new();
    let resources = r#"<resource uri="sip:a@h"><instance id="2" state="active" cid="p@l"/><instance id="1" state="active" cid="q@l"/></resource>"#;
    let parts = [("p@l", MWI, &*mailbox(2)), ("q@l", MWI, &*mailbox(1))];
    state
        .apply(RELATED, &body(related("b1", &list(0, true, resources), &parts)))
        .unwrap();
    assert_eq!(members(&state), ["sip:a@h active 1", "sip:a@h active 2"]);
    let resources = r#"<resource uri="sip:a@h"><instance id="2" state="active" cid="p@l"/></resource>"#;
    let applied = state.apply(RELATED, &body(related("b1", &list(1, false, resources), &parts)));
    assert_eq!(applied, Ok(Applied::Same));
    assert_eq!(members(&state), ["sip:a@h active 2"]);
}

/// The list of RFC 4662 §6, its stray quote mended.
#[test]
fn crl_01_list_of_the_rfc() {
    let list = r#"<?xml version="1.0" encoding="UTF-8"?>
   <list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:adam-friends@pres.vancouver.example.com" version="1" fullState="true">
     <name xml:lang="en">Buddy List at COM</name><name xml:lang="de">Liste der Freunde an COM</name>
     <resource uri="sip:bob@vancouver.example.com"><name>Bob Smith</name>
       <instance id="juwigmtboe" state="active" cid="bUZBsM@pres.vancouver.example.com"/></resource>
     <resource uri="sip:ed@dallas.example.net"><name>Ed at NET</name></resource>
   </list>"#;
    let presence = r#"<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:bob@vancouver.example.com">
        <tuple id="sg89ae"><status><basic>open</basic></status></tuple></presence>"#;
    let mut state = EventState::new();
    let text = related(
        "50UBfW7LSCVLtggUPe5z",
        list,
        &[("bUZBsM@pres.vancouver.example.com", PIDF, presence)],
    );
    let content_type = "multipart/related;type=\"application/rlmi+xml\";start=\"<root@l>\";\r\n boundary=\"50UBfW7LSCVLtggUPe5z\"";
    state.apply(content_type, &body(text)).unwrap();
    let bob = state.members().next().unwrap();
    assert!(matches!(
        bob.document().map(|document| &**document),
        Some(Document::Presence(_))
    ));
    assert_eq!(bob.raw(), Some(("application/pidf+xml", presence.as_bytes())));
}

/// R6665-91, R6665-92, R4662-03: a member's part of a type that was not asked for is told at the member, and what was
/// known of it stays; a body whose root is of such a type changes nothing.
#[test]
fn r6665_91_parts_of_another_type_change_nothing() {
    let mut state = EventState::new();
    let resources = active("sip:a@h", "p@l") + &active("sip:b@h", "q@l");
    let mut apply = |version: u32, content_type: &str, content: &str| {
        let parts = [("p@l", content_type, content), ("q@l", MWI, &*mailbox(9))];
        let text = related("b1", &list(version, true, &resources), &parts);
        let applied = state.apply_accepted(Some(MWI), RELATED, &body(text));
        let fault = state.members().next().and_then(|member| member.fault.clone());
        (
            applied.is_ok(),
            fault.map(|fault| fault.to_string()),
            members(&state),
        )
    };
    let known = vec!["sip:a@h active 3".to_owned(), "sip:b@h active 9".to_owned()];
    assert_eq!(apply(1, MWI, &mailbox(3)), (true, None, known.clone()));
    let others = ["text/plain", "Application/PIDF+XML", "multipart/mixed;boundary=x"];
    for (version, other) in (2..).zip(others) {
        let (taken, fault, members) = apply(version, other, "anything");
        assert!(taken && fault.unwrap().contains("not accepted"), "{other}");
        assert_eq!(members, known);
    }
    let mixed = "multipart/related;boundary=b2";
    let text = "--b2\r\nContent-Type: text/plain\r\n\r\nanything\r\n--b2--\r\n";
    let refused = state.apply_accepted(Some(MWI), mixed, &body(text.to_owned()));
    assert!(matches!(
        refused.unwrap_err().kind,
        crate::ErrorKind::UnacceptedType(_)
    ));
    assert_eq!(members(&state), known);
    // Of a package that is not known nobody knows what to expect.
    assert!(state.apply(mixed, &body(text.to_owned())).is_ok());
}
