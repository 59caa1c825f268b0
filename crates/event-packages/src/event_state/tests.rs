//! What becomes of the documents of one dialog usage.

use bytes::Bytes;

use super::*;
use crate::dialog_info::DialogState;

mod bounds;
mod lists;
mod models;

fn body(text: impl Into<String>) -> Bytes {
    Bytes::from(text.into())
}

fn dialog_info(version: &str, state: &str, dialogs: &str) -> Bytes {
    body(format!(
        r#"<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" {version} state="{state}" entity="sip:a@b">{dialogs}</dialog-info>"#
    ))
}

const DIALOG: &str = crate::dialog_info::CONTENT_TYPE;
const MWI: &str = crate::message_summary::CONTENT_TYPE;
const CHANGED: Applied = Applied::Changed(Changes {
    members: Vec::new(),
    removed: Vec::new(),
});
const GAP: Applied = Applied::Gap {
    applied: true,
    changes: Changes {
        members: Vec::new(),
        removed: Vec::new(),
    },
};

/// Version, state, dialogs; what becomes of it; which dialogs are known then.
fn sequence(steps: &[(&str, &str, &str, Applied, &str)]) -> EventState {
    let mut state = EventState::new();
    for (step, (version, extent, dialogs, applied, known)) in steps.iter().enumerate() {
        let elements: String = dialogs
            .split_terminator(' ')
            .filter_map(|dialog| dialog.split_once('='))
            .map(|(id, state)| format!(r#"<dialog id="{id}"><state>{state}</state></dialog>"#))
            .collect();
        let version = match *version {
            "" => String::new(),
            number => format!(r#"version="{number}""#),
        };
        let told = state
            .apply(DIALOG, &dialog_info(&version, extent, &elements))
            .unwrap();
        assert_eq!(told, *applied, "step {step}");
        assert_eq!(dialogs_of(&state), *known, "step {step}");
    }
    state
}

fn dialogs_of(state: &EventState) -> String {
    let Some(Document::DialogInfo(info)) = state.document().map(|document| &**document) else {
        return "none".to_owned();
    };
    let rows = info.dialogs.iter();
    let rows: Vec<String> = rows
        .map(|row| format!("{}={}", row.id, row.state.as_str()))
        .collect();
    rows.join(" ")
}

/// CDLG-02: one higher: applied; equal or lower: discarded; full flushes, partial updates by id.
#[test]
fn cdlg_02_versions_in_order() {
    sequence(&[
        ("7", "full", "a=early", CHANGED, "a=early"),
        ("8", "partial", "b=trying", CHANGED, "a=early b=trying"),
        ("8", "partial", "b=confirmed", Applied::Stale, "a=early b=trying"),
        ("3", "full", "", Applied::Stale, "a=early b=trying"),
        ("9", "partial", "a=confirmed", CHANGED, "a=confirmed b=trying"),
        (
            "10",
            "partial",
            "a=confirmed",
            Applied::Same,
            "a=confirmed b=trying",
        ),
        ("11", "full", "c=early", CHANGED, "c=early"),
        ("12", "full", "", CHANGED, ""),
        ("13", "full", "", Applied::Same, ""),
    ]);
}

/// CDLG-02: more than one higher: applied, and a refresh is wanted unless it tells everything.
#[test]
fn cdlg_02_gaps() {
    sequence(&[
        ("0", "full", "a=early", CHANGED, "a=early"),
        ("2", "partial", "b=early", GAP, "a=early b=early"),
        ("3", "partial", "b=confirmed", CHANGED, "a=early b=confirmed"),
        ("9", "full", "c=early", CHANGED, "c=early"),
        ("4294967295", "partial", "d=early", GAP, "c=early d=early"),
        ("4294967295", "full", "", Applied::Stale, "c=early d=early"),
        ("99999999999", "full", "", Applied::Stale, "c=early d=early"),
    ]);
    // the first one has to tell everything
    sequence(&[
        ("5", "partial", "a=early", GAP, "a=early"),
        ("6", "partial", "b=early", CHANGED, "a=early b=early"),
    ]);
}

/// CDLG-02: dialogs that have ended are told once and go with the next document.
#[test]
fn cdlg_02_ended_dialogs_go() {
    let state = sequence(&[
        ("0", "full", "a=confirmed b=early", CHANGED, "a=confirmed b=early"),
        ("1", "partial", "a=terminated", CHANGED, "a=terminated b=early"),
        ("2", "partial", "", Applied::Same, "b=early"),
        ("3", "partial", "b=terminated", CHANGED, "b=terminated"),
        ("4", "full", "b=terminated", Applied::Same, "b=terminated"),
        ("5", "full", "b=early", CHANGED, "b=early"),
    ]);
    let calls = state.document().unwrap().summary().calls;
    assert_eq!(calls.len(), 1);
}

/// Peers that count no versions: each document counts.
#[test]
fn documents_without_versions() {
    sequence(&[
        ("", "full", "a=early", CHANGED, "a=early"),
        ("", "full", "a=early", Applied::Same, "a=early"),
        ("", "full", "a=confirmed", CHANGED, "a=confirmed"),
        ("", "partial", "b=early", CHANGED, "a=confirmed b=early"),
        ("1", "full", "c=early", CHANGED, "c=early"),
        ("", "full", "d=early", CHANGED, "d=early"),
        ("1", "full", "e=early", Applied::Stale, "d=early"),
    ]);
}

/// RFC 4235 §4.1.6: identity, target and session description need not be repeated; identities supersede each other.
#[test]
fn cdlg_02_what_need_not_be_repeated_stays() {
    let mut state = EventState::new();
    let first = r#"<dialog id="1" call-id="c" local-tag="l" direction="recipient"><state>early</state><duration>3</duration>
        <remote><identity display="Bob">sip:bob@b</identity><target uri="sip:b@1"><param pname="x" pval="y"/></target></remote></dialog>"#;
    let second = r#"<dialog id="1" remote-tag="r"><state>confirmed</state><remote><target uri="sip:b@2"/></remote></dialog>"#;
    state
        .apply(DIALOG, &dialog_info(r#"version="0""#, "full", first))
        .unwrap();
    state
        .apply(DIALOG, &dialog_info(r#"version="1""#, "partial", second))
        .unwrap();
    let Document::DialogInfo(info) = &**state.document().unwrap() else {
        panic!()
    };
    let dialog = &info.dialogs[0];
    assert_eq!(
        (dialog.call_id.as_deref(), dialog.remote_tag.as_deref()),
        (Some("c"), Some("r"))
    );
    assert_eq!((dialog.duration, &dialog.state), (None, &DialogState::Confirmed));
    let remote = dialog.remote.as_ref().unwrap();
    assert_eq!(remote.identity.as_ref().unwrap().display.as_deref(), Some("Bob"));
    let target = remote.target.as_ref().unwrap();
    assert_eq!((&*target.uri, target.params.len()), ("sip:b@2", 0));
    assert_eq!((info.version, info.state), (Some(1), crate::Extent::Full));
}

/// A refresh that brings what is known, with another version and a longer call, says nothing new.
#[test]
fn a_refresh_with_the_same_content_is_the_same() {
    let mut state = EventState::new();
    for (version, applied) in [(0, CHANGED), (1, Applied::Same), (2, Applied::Same)] {
        let dialog = format!(
            r#"<dialog id="1"><state>confirmed</state><duration>{}</duration></dialog>"#,
            version * 900
        );
        let document = dialog_info(&format!(r#"version="{version}""#), "full", &dialog);
        assert_eq!(state.apply(DIALOG, &document), Ok(applied));
    }
    assert_eq!(state.apply(MWI, &body("Messages-Waiting: no\r\n")), Ok(CHANGED));
    assert_eq!(
        state.apply(MWI, &body("Messages-Waiting: no\r\n")),
        Ok(Applied::Same)
    );
    assert_eq!(
        state.apply(MWI, &body("messages-waiting:NO\n")),
        Ok(Applied::Same)
    );
    assert_eq!(state.raw(), Some((MWI, &body("messages-waiting:NO\n")[..])));
    assert_eq!(state.apply(MWI, &body("Messages-Waiting: yes\r\n")), Ok(CHANGED));
    assert_eq!(state.apply("x/y;a=b", &body("z")), Ok(CHANGED));
    assert_eq!(state.apply("x/y;a=b", &body("z")), Ok(Applied::Same));
    assert_eq!(state.raw(), Some(("x/y;a=b", &b"z"[..])));
}

/// R6665-93: an empty body says nothing, CMWI-02.
#[test]
fn empty_bodies_say_nothing() {
    let mut state = EventState::new();
    for content_type in [MWI, DIALOG, "", "multipart/related"] {
        assert_eq!(state.apply(content_type, &Bytes::new()), Ok(Applied::Same));
    }
    assert!(state.document().is_none());
    state.apply(MWI, &body("Messages-Waiting: yes\r\n")).unwrap();
    assert_eq!(state.apply(MWI, &body("\r\n")), Ok(Applied::Same));
    assert!(
        state
            .document()
            .unwrap()
            .summary()
            .messages_waiting
            .unwrap()
            .waiting
    );
}

/// R6665-92: a broken document leaves everything as it was.
#[test]
fn broken_documents_change_nothing() {
    let mut state = EventState::new();
    let document = |version: u32| dialog_info(&format!(r#"version="{version}""#), "full", "");
    state.apply(DIALOG, &document(4)).unwrap();
    for (content_type, broken) in [
        (DIALOG, "<dialog-info"),
        (
            DIALOG,
            "<!DOCTYPE a [<!ENTITY b 'c'>]><dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' version='5'>&b;</dialog-info>",
        ),
        (DIALOG, "<presence/>"),
        (MWI, "Messages-Waiting: 3\r\n"),
        ("multipart/related;boundary=b", "x"),
        (
            "multipart/related;boundary=b",
            "--b\r\nContent-Type: application/rlmi+xml\r\n\r\n<list/>\r\n--b--",
        ),
        (
            "application/rlmi+xml",
            "<list xmlns='urn:ietf:params:xml:ns:rlmi' uri='sip:l@h' fullState='true'/>",
        ),
    ] {
        assert!(state.apply(content_type, &body(broken)).is_err(), "{broken}");
        assert_eq!(state.raw(), Some((DIALOG, &document(4)[..])));
    }
    assert_eq!(state.apply(DIALOG, &document(4)), Ok(Applied::Stale));
    assert_eq!(state.apply(DIALOG, &document(5)), Ok(Applied::Same));
}

/// A new dialog counts versions anew; what was known is known until it says something.
#[test]
fn a_new_dialog_begins_anew() {
    let mut state = sequence(&[("7", "full", "a=early b=early", CHANGED, "a=early b=early")]);
    state.restart();
    assert_eq!(dialogs_of(&state), "a=early b=early");
    let row = |id: &str| format!(r#"<dialog id="{id}"><state>early</state></dialog>"#);
    let document = |version: u32, extent: &str, rows: &str| {
        dialog_info(&format!(r#"version="{version}""#), extent, rows)
    };
    assert_eq!(
        state.apply(DIALOG, &document(0, "full", &(row("a") + &row("b")))),
        Ok(Applied::Same)
    );
    assert_eq!(state.apply(DIALOG, &document(0, "full", "")), Ok(Applied::Stale));
    state.restart();
    // the very octets again, in a new dialog
    assert_eq!(
        state.apply(DIALOG, &document(0, "full", &(row("a") + &row("b")))),
        Ok(Applied::Same)
    );
    state.restart();
    assert_eq!(state.apply(DIALOG, &document(0, "partial", &row("c"))), Ok(GAP));
    assert_eq!(dialogs_of(&state), "c=early");
}

/// Something beside the document, as in `multipart/signed`: the document counts.
#[test]
fn a_document_inside_a_multipart() {
    let mut state = EventState::new();
    let text = "--b\r\nContent-Type: application/simple-message-summary\r\n\r\nMessages-Waiting: yes\r\n--b\r\nContent-Type: x/y\r\n\r\nz\r\n--b--";
    assert_eq!(
        state.apply("multipart/signed;boundary=b", &body(text)),
        Ok(CHANGED)
    );
    assert!(
        state
            .document()
            .unwrap()
            .summary()
            .messages_waiting
            .unwrap()
            .waiting
    );
    assert_eq!((state.members().count(), state.list_uri()), (0, None));
}

#[test]
fn a_state_is_small() {
    assert_eq!(size_of::<EventState>(), 8);
    assert!(size_of::<super::Known>() <= 64, "{}", size_of::<super::Known>());
    assert!(size_of::<Member>() <= 168, "{}", size_of::<Member>());
}

/// What can be read again need not be kept: what is told is the same with and without it.
#[test]
fn rest_changes_nothing_that_is_told() {
    let pidf = |basic: &str, note: &str| {
        Bytes::from(format!(
            "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@d'>{note}<tuple id='t'><status><basic>{basic}\
             </basic></status></tuple></presence>"
        ))
    };
    let bodies = [
        pidf("open", ""),
        pidf("open", ""),
        // other octets, the same said
        pidf("open", " "),
        pidf("closed", ""),
        pidf("closed", "<note>x</note>"),
        Bytes::from_static(b"nonsense"),
        pidf("open", ""),
    ];
    resting_and_kept("application/pidf+xml", &bodies);
    let row = |id: &str, state: &str| format!(r#"<dialog id="{id}"><state>{state}</state></dialog>"#);
    let dialogs = |version: u32, extent: &str, rows: &[String]| {
        dialog_info(&format!(r#"version="{version}""#), extent, &rows.concat())
    };
    let bodies = [
        dialogs(1, "full", &[row("a", "early")]),
        // the same once more, then the same with another version
        dialogs(1, "full", &[row("a", "early")]),
        dialogs(2, "full", &[row("a", "early")]),
        dialogs(3, "partial", &[row("b", "early")]),
        dialogs(4, "partial", &[row("a", "terminated")]),
        // what has ended was told
        dialogs(5, "full", &[row("a", "terminated"), row("b", "early")]),
        dialogs(6, "full", &[row("b", "early")]),
        dialogs(8, "partial", &[row("c", "early")]),
        dialogs(9, "full", &[row("b", "early"), row("c", "early")]),
        dialogs(7, "full", &[]),
        Bytes::from_static(b"<dialog-info"),
        dialogs(10, "full", &[row("c", "terminated")]),
        dialogs(11, "full", &[row("c", "terminated")]),
    ];
    resting_and_kept(DIALOG, &bodies);
}

fn resting_and_kept(content_type: &str, bodies: &[Bytes]) {
    let (mut kept, mut resting) = (EventState::new(), EventState::new());
    for body in bodies {
        let (one, other) = (kept.apply(content_type, body), resting.apply(content_type, body));
        assert_eq!(format!("{one:?}"), format!("{other:?}"), "{body:?}");
        resting.rest();
        assert_eq!(kept.read(), resting.read());
        assert_eq!(kept.raw(), resting.raw());
    }
    let (one, other) = (kept.document().cloned(), resting.document().cloned());
    assert!(one.is_some());
    assert_eq!(one, other);
}
