//! Hostile notifiers: what is kept, and the time it takes, is bounded.

use super::*;

const RLMI: &str = "application/rlmi+xml";

/// Rows that never end, version after version.
#[test]
fn cdlg_02_rows_are_bounded() {
    let mut state = EventState::new();
    let mut refused = 0;
    for version in 0..15_u32 {
        let rows: String = (0..1000)
            .map(|row| format!(r#"<dialog id="{version}-{row}"><state>early</state></dialog>"#))
            .collect();
        let document = dialog_info(&format!(r#"version="{version}""#), "partial", &rows);
        refused += usize::from(state.apply(DIALOG, &document).is_err());
    }
    assert_eq!(refused, 5);
    let Document::DialogInfo(info) = &**state.document().unwrap() else {
        panic!()
    };
    assert_eq!(info.dialogs.len(), 10_000);
    // what was refused was missed: the next full one mends it
    let full = dialog_info(r#"version="20""#, "full", "");
    assert_eq!(state.apply(DIALOG, &full), Ok(CHANGED));
}

/// Texts that never end.
#[test]
fn cdlg_02_octets_are_bounded() {
    let mut state = EventState::new();
    let long = "x".repeat(900_000);
    let applied = (0..20_u32).map(|version| {
        let row = format!(r#"<dialog id="{version}"><state>early</state><local><session-description type="a">{long}</session-description></local></dialog>"#);
        state.apply(DIALOG, &dialog_info(&format!(r#"version="{version}""#), "partial", &row)).is_ok()
    });
    assert_eq!(applied.filter(|ok| *ok).count(), 9);
}

/// R4662-06: members that never end.
#[test]
fn r4662_06_members_are_bounded() {
    let mut state = EventState::new();
    let mut apply = |version: u32, rows: std::ops::Range<u32>| {
        let rows: String = rows
            .map(|row| format!(r#"<resource uri="sip:{row}@h"/>"#))
            .collect();
        let text = format!(
            r#"<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:l@h" version="{version}" fullState="false">{rows}</list>"#
        );
        (state.apply(RLMI, &body(text)).is_ok(), state.members().count())
    };
    assert_eq!(apply(0, 0..3000), (true, 3000));
    assert_eq!(apply(1, 2000..4096), (true, 4096));
    assert_eq!(apply(2, 4096..4097), (false, 4096));
    assert_eq!(apply(2, 0..4096), (true, 4096));
    assert_eq!(apply(3, 0..4097), (false, 4096));
}

/// R4662-03: lists in lists in lists.
#[test]
fn r4662_03_depth_is_bounded() {
    let nested = |depth: usize| {
        let mut text = String::new();
        for level in (0..depth).rev() {
            let resource = r#"<resource uri="sip:r@h"><instance id="i" state="active" cid="n"/></resource>"#;
            text = format!(
                "--b{level}\r\nContent-Type: application/rlmi+xml\r\n\r\n<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\"sip:l@h\" version=\"0\" fullState=\"true\">{resource}</list>\r\n\
                --b{level}\r\nContent-ID: <n>\r\nContent-Type: multipart/related;boundary=b{}\r\n\r\n{text}\r\n--b{level}--\r\n",
                level + 1
            );
        }
        EventState::new().apply("multipart/related;boundary=b0", &body(text))
    };
    assert!(nested(4).is_ok());
    assert!(nested(5).is_err());
    assert!(nested(40).is_err());
}

/// One large part that thousands of resources refer to: refused before it takes long.
#[test]
fn r4662_03_references_are_bounded() {
    let resources: String = (0..4000)
        .map(|row| {
            format!(r#"<resource uri="sip:{row}@h"><instance id="i" state="active" cid="p"/></resource>"#)
        })
        .collect();
    let large = dialog_info(
        r#"version="0""#,
        "full",
        &r#"<dialog id="1"><state>early</state></dialog>"#.repeat(10_000),
    );
    let text = format!(
        "--b\r\nContent-Type: application/rlmi+xml\r\n\r\n<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\"sip:l@h\" version=\"0\" fullState=\"true\">{resources}</list>\r\n\
        --b\r\nContent-ID: <p>\r\nContent-Type: {DIALOG}\r\n\r\n{}\r\n--b--",
        std::str::from_utf8(&large).unwrap()
    );
    assert!(
        EventState::new()
            .apply("multipart/related;boundary=b", &body(text))
            .is_err()
    );
}
