//! Any sequence of documents against a table that is kept by the letter of the RFC.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What a notifier sends.
#[derive(Debug, Clone)]
struct Sent {
    version: u32,
    full: bool,
    rows: Vec<(u8, usize)>,
}

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let rows = prop::collection::btree_map(0..6_u8, 0..4_usize, 0..5);
    // most follow each other, some do not
    let step = prop_oneof![8 => Just(1_i64), 1 => Just(0), 1 => Just(-2), 1 => Just(3)];
    prop::collection::vec((step, prop::bool::weighted(0.3), rows), 1..40).prop_map(|steps| {
        let mut version = 3_i64;
        let one = |(step, full, rows): (i64, bool, BTreeMap<u8, usize>)| {
            version = (version + step).max(0);
            Sent {
                version: u32::try_from(version).unwrap(),
                full,
                rows: rows.into_iter().collect(),
            }
        };
        steps.into_iter().map(one).collect()
    })
}

const STATES: [&str; 4] = ["trying", "early", "confirmed", "terminated"];

proptest! {
    /// CDLG-02: RFC 4235 §4.3, word by word.
    #[test]
    fn cdlg_02_any_sequence(sequence in sent()) {
        let mut state = EventState::new();
        let mut local: Option<u32> = None;
        let mut table: BTreeMap<u8, usize> = BTreeMap::new();
        for Sent { version, full, rows } in sequence {
            let elements: String = rows
                .iter()
                .map(|(id, at)| format!(r#"<dialog id="{id}"><state>{}</state></dialog>"#, STATES[*at]))
                .collect();
            let extent = if full { "full" } else { "partial" };
            let document = dialog_info(&format!(r#"version="{version}""#), extent, &elements);
            let applied = state.apply(DIALOG, &document).unwrap();
            let before = table.clone();
            if local.is_some_and(|local| version <= local) {
                prop_assert_eq!(&applied, &Applied::Stale);
            } else {
                let gap = !full && local.is_none_or(|local| version > local + 1);
                prop_assert_eq!(applied.wants_refresh(), gap);
                local = Some(version);
                if full {
                    table.clear();
                }
                table.extend(rows);
            }
            let Some(Document::DialogInfo(info)) = state.document().map(|document| &**document) else { panic!() };
            let live = |at: &usize| STATES[*at] != "terminated";
            let known: BTreeMap<u8, usize> = info
                .dialogs
                .iter()
                .map(|row| (row.id.parse().unwrap(), STATES.iter().position(|state| *state == row.state.as_str()).unwrap()))
                .filter(|(_, at)| live(at))
                .collect();
            table.retain(|_, at| live(at));
            prop_assert_eq!(&known, &table);
            if before != table {
                prop_assert!(applied.changes().is_some());
            }
        }
    }

    /// R4662-05, R4662-06: RFC 4662 §5.6, word by word.
    #[test]
    fn r4662_06_any_sequence(sequence in sent()) {
        let mut state = EventState::new();
        let mut local: Option<u32> = None;
        let mut table: BTreeMap<String, usize> = BTreeMap::new();
        for Sent { version, full, rows } in sequence {
            let mut text = String::new();
            let mut parts = String::new();
            for (id, new) in &rows {
                text += &format!(r#"<resource uri="sip:{id}@h"><instance id="1" state="active" cid="{id}"/></resource>"#);
                parts += &format!("--b\r\nContent-ID: <{id}>\r\nContent-Type: {MWI}\r\n\r\nMessages-Waiting: yes\r\nVoice-Message: {new}/0\r\n\r\n");
            }
            let text = format!(
                "--b\r\nContent-Type: application/rlmi+xml\r\n\r\n<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\"sip:l@h\" version=\"{version}\" fullState=\"{full}\">{text}</list>\r\n{parts}--b--\r\n"
            );
            let applied = state.apply("multipart/related;boundary=b", &body(text)).unwrap();
            let before = table.clone();
            if local.is_some_and(|local| version <= local) {
                prop_assert_eq!(&applied, &Applied::Stale);
            } else {
                let gap = !full && local.is_none_or(|local| version > local + 1);
                prop_assert_eq!(applied.wants_refresh(), gap);
                local = Some(version);
                if full {
                    table.clear();
                }
                table.extend(rows.iter().map(|(id, new)| (format!("sip:{id}@h"), *new)));
            }
            let known: Vec<(String, usize)> = state
                .members()
                .map(|member| {
                    let told = member.document().unwrap().summary().messages_waiting.unwrap();
                    (member.uri.to_string(), usize::try_from(told.new).unwrap())
                })
                .collect();
            prop_assert_eq!(&known, &table.clone().into_iter().collect::<Vec<_>>());
            let changes = applied.changes().cloned().unwrap_or_default();
            let differ: Vec<usize> = table
                .iter()
                .enumerate()
                .filter(|(_, (uri, new))| before.get(*uri) != Some(new))
                .map(|(position, _)| position)
                .collect();
            prop_assert_eq!(changes.members, differ);
            let removed: Vec<Box<str>> = before.keys().filter(|uri| !table.contains_key(*uri)).map(|uri| uri.as_str().into()).collect();
            prop_assert_eq!(changes.removed, removed);
        }
    }
}
