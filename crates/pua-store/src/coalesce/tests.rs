//! Coalesced changes come to the same as all of them in order: the conformance suite shows it for
//! any; here is what each pair comes to.

use std::sync::Arc;
use std::time::Instant;

use pua_core::{PublicationName, PublicationRecord};

use super::*;

fn put(key: u64, revision: u64) -> Change {
    Change::Put(Box::new(PublicationRecord {
        key,
        name: PublicationName {
            presentity: "sip:a@example.com".into(),
            package: "presence".into(),
            id: None,
        },
        document: None,
        headers: "".into(),
        proxy: None,
        until: None,
        removing: false,
        revision,
        document_revision: revision,
        on_stop: None,
        published_revision: 0,
        etag: None,
        expires_at: None,
        call_id: "c".into(),
        cseq: 0,
        surplus: 0,
        setback: None,
    }))
}

fn granted(key: u64, etag: &str) -> Change {
    Change::Granted {
        key,
        etag: Some(Arc::from(etag)),
        expires_at: Some(Instant::now()),
        revision: 1,
        cseq: 2,
        surplus: 0,
        setback: None,
    }
}

fn told(mut changes: Vec<Change>) -> Vec<String> {
    coalesce(&mut changes);
    let short = changes.iter().map(|change| match change {
        Change::Put(record) => format!("put {} {} {:?}", record.key, record.revision, record.etag),
        Change::Granted { key, etag, .. } => format!("granted {key} {etag:?}"),
        Change::Delete { key } => format!("delete {key}"),
        Change::DeleteSubscription { key } => format!("unwanted {key}"),
        other => format!("{other:?}"),
    });
    short.collect()
}

#[test]
fn a_publication_and_its_grant_are_one_row() {
    assert_eq!(told(vec![put(1, 1), granted(1, "t")]), ["put 1 1 Some(\"t\")"]);
    assert_eq!(told(vec![granted(1, "t"), put(1, 2)]), ["put 1 2 None"]);
    assert_eq!(
        told(vec![granted(1, "t"), granted(1, "u")]),
        ["granted 1 Some(\"u\")"]
    );
}

#[test]
fn what_is_gone_stays_gone_unless_it_is_wanted_again() {
    let gone = || Change::Delete { key: 1 };
    assert_eq!(told(vec![put(1, 1), gone(), granted(1, "t")]), ["delete 1"]);
    assert_eq!(told(vec![gone(), put(1, 1)]), ["put 1 1 None"]);
}

#[test]
fn records_are_ordered_by_kind_and_key() {
    let changes = vec![
        Change::DeleteSubscription { key: 1 },
        put(2, 1),
        granted(9, "t"),
        put(1, 1),
        granted(2, "u"),
    ];
    assert_eq!(
        told(changes),
        [
            "put 1 1 None",
            "put 2 1 Some(\"u\")",
            "granted 9 Some(\"t\")",
            "unwanted 1"
        ]
    );
}
