//! What the tables of version 2 have more than those of version 1, and what people see of them.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{plain, write};
use pua_core::{Change, PublicationRecord, Setback, SubscriptionName, SubscriptionRecord};
use pua_store::{Backend, Boot, Reading, Restored, Sqlite};

fn reading(now: Instant) -> Reading {
    Reading {
        now,
        since_boot: 1_000,
        wall: 1_780_000_600_000,
        boot: Boot("another".to_owned()),
    }
}

fn setback(now: Instant, code: u16, wait: Option<u64>, termination: Option<&str>) -> Option<Box<Setback>> {
    Some(Box::new(Setback {
        code,
        reason: "Because".into(),
        termination: termination.map(Into::into),
        at: now,
        retry_at: wait.map(|seconds| now + Duration::from_secs(seconds)),
        held_off: wait.is_some(),
        next_hop: "192.0.2.1 5060 UDP".into(),
    }))
}

fn loaded(sqlite: &mut Sqlite, now: Instant) -> (Vec<PublicationRecord>, Vec<SubscriptionRecord>) {
    let (mut publications, mut subscriptions) = (Vec::new(), Vec::new());
    sqlite
        .load(&reading(now), &mut |restored| match restored {
            Restored::Publication(record) => publications.push(*record),
            Restored::Subscription(record) => subscriptions.push(*record),
        })
        .unwrap();
    (publications, subscriptions)
}

fn column(path: &Path, sql: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// A file of version 1 has nothing that is refused; the daemon of now can write that into it.
#[test]
fn a_file_of_version_1_takes_what_version_2_has_more() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pua.db");
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(include_str!("files/version1.sql"))
        .unwrap();
    let now = Instant::now();
    let mut sqlite = Sqlite::open(&path).unwrap();
    let (publications, subscriptions) = loaded(&mut sqlite, now);
    assert!(!publications.is_empty() && !subscriptions.is_empty());
    assert!(
        publications
            .iter()
            .all(|record| record.surplus == 0 && record.setback.is_none())
    );
    assert!(
        subscriptions
            .iter()
            .all(|record| !record.ending && record.setback.is_none())
    );
    let (one, other) = (publications[0].key, subscriptions.last().unwrap().key);
    let lease = sqlite.acquire(&reading(now), 1).unwrap();
    let mut changes = vec![
        Change::Granted {
            key: one,
            etag: None,
            expires_at: None,
            surplus: 7,
            revision: 0,
            cseq: 3,
            setback: setback(now, 403, None, None),
        },
        Change::Dialogs {
            key: other,
            call_id: "".into(),
            from_tag: "".into(),
            dialogs: Vec::new(),
            setback: setback(now, 200, Some(60), Some("probation")),
        },
    ];
    write(&mut sqlite, &lease, &reading(now), &mut changes).unwrap();
    Box::new(sqlite).close().unwrap();
    let mut sqlite = Sqlite::open(&path).unwrap();
    let (publications, subscriptions) = loaded(&mut sqlite, now);
    assert_eq!(publications[0].surplus, 7);
    assert_eq!(publications[0].setback, setback(now, 403, None, None));
    let last = subscriptions.last().unwrap();
    assert_eq!(last.setback, setback(now, 200, Some(60), Some("probation")));
}

/// The views tell the same states as `pua:list` and `pua:subscriptions`.
#[test]
fn the_views_tell_the_states() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pua.db");
    let mut sqlite = Sqlite::open(&path).unwrap();
    let reading = Reading::take(&Boot::present(), Instant::now);
    let now = reading.now;
    let lease = sqlite.acquire(&reading, 1).unwrap();
    let hour = now + Duration::from_secs(3600);
    let mut records: Vec<PublicationRecord> = (0..8).map(|key| plain(key, None)).collect();
    let grant = |record: &mut PublicationRecord, etag: Option<&str>| {
        record.etag = etag.map(Into::into);
        record.expires_at = Some(hour);
        record.published_revision = 1;
    };
    grant(&mut records[1], Some("tag"));
    // Some servers give no tag.
    grant(&mut records[2], None);
    records[3].setback = setback(now, 403, None, None);
    records[4].setback = setback(now, 480, Some(600), None);
    grant(&mut records[4], Some("tag"));
    records[5].removing = true;
    records[6].removing = true;
    records[6].setback = setback(now, 403, None, None);
    grant(&mut records[7], Some("tag"));
    records[7].until = now.checked_sub(Duration::from_secs(5));
    let subscription = |key, ending, setback| SubscriptionRecord {
        key,
        name: std::sync::Arc::new(SubscriptionName {
            presentity: "sip:a@example.com".into(),
            watcher: "sip:w@example.com".into(),
            package: "presence".into(),
            id: None,
        }),
        headers: "".into(),
        proxy: None,
        members: [].into(),
        until: None,
        call_id: "".into(),
        from_tag: "".into(),
        dialogs: Vec::new(),
        ending,
        setback,
    };
    let mut changes: Vec<Change> = records
        .into_iter()
        .map(|record| Change::Put(Box::new(record)))
        .collect();
    for record in [
        subscription(20, false, None),
        subscription(21, false, setback(now, 200, None, Some("rejected"))),
        subscription(22, true, None),
    ] {
        changes.push(Change::PutSubscription(Box::new(record)));
    }
    write(&mut sqlite, &lease, &reading, &mut changes).unwrap();
    assert_eq!(
        column(&path, "SELECT state FROM publication ORDER BY key"),
        [
            "waiting",
            "published",
            "published",
            "refused",
            "waiting",
            "removing",
            "refused",
            "removing"
        ]
    );
    assert_eq!(
        column(
            &path,
            "SELECT last_code || ' ' || last_reason FROM publication WHERE key = 3"
        ),
        ["403 Because"]
    );
    assert_eq!(
        column(&path, "SELECT state FROM subscription ORDER BY key"),
        ["notify_wait", "terminated", "notify_wait"]
    );
    assert_eq!(
        column(&path, "SELECT reason FROM subscription WHERE key = 21"),
        ["rejected"]
    );
}
