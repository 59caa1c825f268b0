//! Files of other versions, of others, and in a bad state; and what an operator does with ours.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{held, line, plain, write};
use pua_core::{Change, OnStop};
use pua_store::{Backend, Batch, Boot, Lease, Reading, Restored, Sqlite, Trouble, sqlite};

struct Bed {
    directory: tempfile::TempDir,
}

impl Bed {
    fn new() -> Bed {
        Bed {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A store with so many publications.
    fn store(&self, name: &str, count: u64) -> PathBuf {
        let path = self.path(name);
        let mut sqlite = Sqlite::open(&path).unwrap();
        let reading = Reading::take(&Boot::present(), std::time::Instant::now);
        let lease = sqlite.acquire(&reading, 10).unwrap();
        let mut changes = (0..count)
            .map(|key| Change::Put(Box::new(plain(key, Some("tag")))))
            .collect();
        write(&mut sqlite, &lease, &reading, &mut changes).unwrap();
        Box::new(sqlite).close().unwrap();
        path
    }
}

fn refused(path: &Path) -> pua_store::Error {
    Sqlite::open(path).expect_err("is refused")
}

fn run(path: &Path, sql: &str) {
    rusqlite::Connection::open(path)
        .unwrap()
        .execute_batch(sql)
        .unwrap();
}

fn reading(now: Instant, wall: i64) -> Reading {
    Reading {
        now,
        since_boot: 1_000,
        wall,
        boot: Boot("another".to_owned()),
    }
}

/// A file that is ours.
fn owned(path: &Path) -> (Sqlite, Reading, Lease) {
    let mut sqlite = Sqlite::open(path).unwrap();
    let reading = Reading::take(&Boot::present(), std::time::Instant::now);
    let lease = sqlite.acquire(&reading, 1).unwrap();
    (sqlite, reading, lease)
}

#[test]
fn a_file_of_version_1_is_opened_with_all_that_is_in_it() {
    let bed = Bed::new();
    let path = bed.path("pua.db");
    run(&path, include_str!("files/version1.sql"));
    let mut sqlite = Sqlite::open(&path).unwrap();
    // Ten minutes after the last time it has seen.
    let now = Instant::now();
    let (mut publications, mut subscriptions) = (Vec::new(), Vec::new());
    let loaded = sqlite.load(&reading(now, 1_780_000_600_000), &mut |restored| match restored {
        Restored::Publication(record) => publications.push(record),
        Restored::Subscription(record) => subscriptions.push(record),
    });
    assert_eq!(loaded.unwrap().clocks.len(), 1);
    let [alice, bob, carol] = &publications[..] else {
        panic!("{publications:?}")
    };
    assert_eq!((alice.key, alice.revision, alice.document_revision), (7, 3, 2));
    assert_eq!(alice.name.id.as_deref(), Some("desk"));
    assert_eq!(&*alice.headers, "Subject: x\r\n");
    assert_eq!(&*alice.proxy.as_ref().unwrap().uri, "sip:pa.example.com;lr");
    assert_eq!(alice.document.as_ref().unwrap().body, "<presence/>");
    assert_eq!(alice.on_stop, Some(OnStop::Remove));
    assert_eq!(
        (alice.etag.as_deref(), alice.published_revision, alice.cseq),
        (Some("tag-7"), 2, 42)
    );
    assert_eq!(alice.expires_at, Some(now + Duration::from_secs(3000)));
    assert_eq!(alice.until, Some(now + Duration::from_secs(6600)));
    assert!(bob.removing && bob.document.is_none() && bob.etag.is_none() && bob.until.is_none());
    assert_eq!(&carol.document.as_ref().unwrap().body[..], [0, 255, 0]);
    let [list, dan] = &subscriptions[..] else {
        panic!("{subscriptions:?}")
    };
    assert_eq!(list.members.len(), 2);
    assert_eq!((&*list.call_id, &*list.from_tag), ("call-4@192.0.2.1", "ours"));
    let [first, fork] = &list.dialogs[..] else {
        panic!("{list:?}")
    };
    assert_eq!(
        first.routes.iter().map(|route| &**route).collect::<Vec<_>>(),
        ["<sip:p1;lr>", "<sip:p2;lr>"]
    );
    assert_eq!((first.cseq, first.remote_cseq, first.active), (5, 9, true));
    assert_eq!(first.expires_at, now + Duration::from_secs(1200));
    assert!(fork.routes.is_empty() && !fork.active);
    assert!(dan.dialogs.is_empty() && dan.call_id.is_empty());
}

#[test]
fn a_file_of_a_later_version_is_refused_and_left_as_it_is() {
    let bed = Bed::new();
    let path = bed.store("pua.db", 1);
    run(&path, "PRAGMA user_version = 99; PRAGMA journal_mode = DELETE;");
    let before = fs::read(&path).unwrap();
    let error = refused(&path);
    assert_eq!(error.trouble, Trouble::Newer);
    assert!(
        error.what.contains("version 99") && error.hint().contains("later"),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn what_is_not_ours_is_refused_and_left_as_it_is() {
    let bed = Bed::new();
    let other = bed.path("other.db");
    run(
        &other,
        "CREATE TABLE recipes (name TEXT); PRAGMA application_id = 42;",
    );
    let text = bed.path("letter.txt");
    fs::write(&text, "Dear all, ".repeat(200)).unwrap();
    for path in [&other, &text] {
        let before = fs::read(path).unwrap();
        assert_eq!(refused(path).trouble, Trouble::Foreign);
        assert_eq!(fs::read(path).unwrap(), before);
    }
    assert_eq!(refused(bed.directory.path()).trouble, Trouble::Unopenable);
    assert_eq!(refused(&bed.path("no/such/pua.db")).trouble, Trouble::Unopenable);
}

#[test]
fn there_is_one_owner_by_whatever_name() {
    let bed = Bed::new();
    let path = bed.store("pua.db", 1);
    let owner = Sqlite::open(&path).unwrap();
    let link = bed.path("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for name in [path.clone(), link, bed.directory.path().join("./pua.db")] {
        let error = refused(&name);
        assert_eq!(error.trouble, Trouble::Owned);
        let own = format!("process {}", std::process::id());
        assert!(error.what.contains(&own), "{error}");
    }
    drop(owner);
    Sqlite::open(&path).unwrap();
}

#[test]
fn nobody_else_can_read_it() {
    let bed = Bed::new();
    let path = bed.path("pua.db");
    let mut sqlite = Sqlite::open(&path).unwrap();
    let reading = Reading::take(&Boot::present(), std::time::Instant::now);
    sqlite.acquire(&reading, 1).unwrap();
    for name in ["pua.db", "pua.db-wal", "pua.db-shm", "pua.db.lock"] {
        let mode = fs::metadata(bed.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
}

#[test]
fn a_database_that_may_not_grow_is_full_and_all_is_written_when_it_may() {
    let bed = Bed::new();
    let path = bed.path("pua.db");
    let (mut sqlite, reading, lease) = owned(&path);
    sqlite.limit_pages(40).unwrap();
    let put = |keys: std::ops::Range<u64>| -> Vec<Change> {
        keys.map(|key| Change::Put(Box::new(plain(key, Some("tag")))))
            .collect()
    };
    write(&mut sqlite, &lease, &reading, &mut put(0..100)).unwrap();
    let before = held(&mut sqlite, &reading);
    let mut kept = put(100..5000);
    let error = write(&mut sqlite, &lease, &reading, &mut kept).unwrap_err();
    assert_eq!(error.trouble, Trouble::Full, "{error}");
    assert_eq!(held(&mut sqlite, &reading), before, "all or nothing");
    // Small changes still fit.
    write(
        &mut sqlite,
        &lease,
        &reading,
        &mut vec![Change::Delete { key: 0 }],
    )
    .unwrap();
    sqlite.limit_pages(1 << 30).unwrap();
    write(&mut sqlite, &lease, &reading, &mut kept).unwrap();
    assert_eq!(held(&mut sqlite, &reading).len(), 4999);
}

#[test]
fn a_program_that_holds_it_locked_is_told_and_passes() {
    let bed = Bed::new();
    let path = bed.path("pua.db");
    let mut sqlite = Sqlite::open(&path).unwrap();
    sqlite.be_patient_for(Duration::from_millis(20)).unwrap();
    let reading = Reading::take(&Boot::present(), std::time::Instant::now);
    let lease = sqlite.acquire(&reading, 1).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut changes = vec![Change::Put(Box::new(plain(1, None)))];
    let error = write(&mut sqlite, &lease, &reading, &mut changes).unwrap_err();
    assert_eq!(error.trouble, Trouble::Locked, "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    write(&mut sqlite, &lease, &reading, &mut changes).unwrap();
    // Reading holds nothing up.
    other
        .execute_batch("BEGIN; SELECT count(*) FROM publication;")
        .unwrap();
    write(&mut sqlite, &lease, &reading, &mut changes).unwrap();
}

#[test]
fn a_damaged_file_is_told_by_check_and_refused_by_load() {
    let bed = Bed::new();
    let path = bed.store("pua.db", 300);
    assert_eq!(sqlite::check(&path).unwrap().faults, Vec::<String>::new());
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    let end = bytes.len() - 4096;
    bytes[middle..end].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let report = sqlite::check(&path).unwrap();
    assert!(!report.faults.is_empty());
    let mut sqlite = Sqlite::open(&path).unwrap();
    let error = sqlite
        .load(
            &Reading::take(&Boot::present(), std::time::Instant::now),
            &mut |_| (),
        )
        .unwrap_err();
    assert_eq!(error.trouble, Trouble::Corrupt, "{error}");
}

#[test]
fn a_row_that_makes_no_sense_is_named() {
    let bed = Bed::new();
    for (change, what) in [
        (
            "UPDATE intent SET on_stop = 'perhaps' WHERE key = 3",
            "publication 3",
        ),
        ("UPDATE granted SET clock = 77 WHERE key = 4", "publication 4"),
        (
            "INSERT INTO wanted (key, presentity, watcher, package, members, clock) VALUES (6, 'a', 'b', 'c', '{}', 1)",
            "subscription 6",
        ),
    ] {
        let path = bed.store("rows.db", 10);
        run(&path, change);
        let mut sqlite = Sqlite::open(&path).unwrap();
        let error = sqlite
            .load(
                &Reading::take(&Boot::present(), std::time::Instant::now),
                &mut |_| (),
            )
            .unwrap_err();
        assert_eq!(error.trouble, Trouble::Corrupt);
        assert!(error.what.contains(what), "{error}");
        drop(sqlite);
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn upkeep_sees_a_new_owner_though_nothing_is_written() {
    let bed = Bed::new();
    let path = bed.path("pua.db");
    let (mut sqlite, reading, lease) = owned(&path);
    let mut upkeep = sqlite.upkeep(&lease).unwrap();
    upkeep.run().unwrap();
    // Where locks do not work, or somebody has tidied up.
    fs::remove_file(bed.path("pua.db.lock")).unwrap();
    let mut other = Sqlite::open(&path).unwrap();
    upkeep.run().unwrap();
    other.acquire(&reading, 1).unwrap();
    assert_eq!(upkeep.run().unwrap_err().trouble, Trouble::Fenced);
}

#[test]
fn a_checkpoint_moves_the_log_into_the_file_while_it_is_used() {
    let bed = Bed::new();
    let path = bed.path("pua.db");
    let (mut sqlite, reading, lease) = owned(&path);
    let mut upkeep = sqlite.upkeep(&lease).unwrap();
    let mut sizes = Vec::new();
    for round in 0..6 {
        let mut changes = (0..500)
            .map(|key| Change::Put(Box::new(plain(key + round * 500, Some("tag")))))
            .collect();
        write(&mut sqlite, &lease, &reading, &mut changes).unwrap();
        // The first look notes the size, the second moves what is there.
        upkeep.run().unwrap();
        let figures = upkeep.run().unwrap();
        sizes.push(figures.log_bytes);
        assert!(figures.bytes > 0);
    }
    // It is written from its beginning again, not longer and longer.
    assert!(sizes[5] <= 2 * sizes[0], "{sizes:?}");
    assert_eq!(held(&mut sqlite, &reading).len(), 3000);
}

/// One batch with publications of these keys.
fn put(sqlite: &mut Sqlite, lease: &Lease, reading: &Reading, keys: std::ops::Range<u64>) {
    let mut changes = keys
        .map(|key| Change::Put(Box::new(plain(key, Some("tag")))))
        .collect();
    write(sqlite, lease, reading, &mut changes).unwrap();
}

/// The number of a WAL, which grows by one whenever it is written from its beginning.
fn number_of(wal: &Path) -> u32 {
    let bytes = fs::read(wal).unwrap();
    u32::from_be_bytes(bytes[12..16].try_into().unwrap())
}

#[test]
fn a_log_that_is_never_moved_in_whole_is_finished_by_the_writer_and_begins_again() {
    let bed = Bed::new();
    let (path, wal) = (bed.path("pua.db"), bed.path("pua.db-wal"));
    let (mut sqlite, reading, lease) = owned(&path);
    let mut upkeep = sqlite.upkeep(&lease).unwrap();
    let batch = |sqlite: &mut Sqlite, keys| put(sqlite, &lease, &reading, keys);
    batch(&mut sqlite, 0..1);
    // Somebody reads what was before.
    let reader = rusqlite::Connection::open(&path).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM publication;")
        .unwrap();
    while fs::metadata(&wal).unwrap().len() < 9 * 1024 * 1024 {
        batch(&mut sqlite, 0..5000);
    }
    assert!(upkeep.run().unwrap().worked);
    let before = number_of(&wal);
    reader.execute_batch("COMMIT").unwrap();
    batch(&mut sqlite, 5000..5001);
    assert_eq!(number_of(&wal), before + 1);
    assert_eq!(held(&mut sqlite, &reading).len(), 5001);
}

#[test]
fn a_log_that_is_much_used_gets_room_and_is_good_after_a_crash() {
    let bed = Bed::new();
    let (path, wal) = (bed.path("pua.db"), bed.path("pua.db-wal"));
    let (mut sqlite, reading, lease) = owned(&path);
    let mut upkeep = sqlite.upkeep(&lease).unwrap();
    let batch = |sqlite: &mut Sqlite, keys| put(sqlite, &lease, &reading, keys);
    batch(&mut sqlite, 0..3000);
    let used = fs::metadata(&wal).unwrap().len();
    upkeep.run().unwrap();
    let roomy = fs::metadata(&wal).unwrap().len();
    assert!(roomy > 3 * used && roomy <= 4 * used, "{used} {roomy}");
    batch(&mut sqlite, 3000..6000);
    upkeep.run().unwrap();
    batch(&mut sqlite, 6000..6100);
    assert_eq!(fs::metadata(&wal).unwrap().len(), roomy, "it is written over");
    let copy = bed.path("copy.db");
    fs::copy(&path, &copy).unwrap();
    fs::copy(&wal, bed.path("copy.db-wal")).unwrap();
    assert_eq!(held(&mut Sqlite::open(&copy).unwrap(), &reading).len(), 6100);
}

#[test]
fn a_jump_of_the_clock_begins_a_new_line_that_later_lives_read() {
    let bed = Bed::new();
    let path = bed.path("pua.db");
    let mut sqlite = Sqlite::open(&path).unwrap();
    let first = reading(Instant::now(), 1_000_000);
    let lease = sqlite.acquire(&first, 1).unwrap();
    let mut changes = vec![Change::Put(Box::new(plain(1, Some("tag"))))];
    let expires_at = match &changes[0] {
        Change::Put(record) => record.expires_at.unwrap(),
        _ => unreachable!(),
    };
    write(&mut sqlite, &lease, &first, &mut changes).unwrap();
    let jumped = Reading {
        wall: 1_780_000_000_000,
        ..first.clone()
    };
    let second = pua_store::ClockLine::present(&[line(&first)], &jumped);
    assert_eq!(second.id, 2);
    let batch = Batch {
        lease: &lease,
        clock: &second,
        reading: &jumped,
        changes: &[],
        events: None,
    };
    sqlite.commit(&batch).unwrap();
    // After a reboot, a minute later by the wall clock.
    let again = Reading {
        now: first.now,
        since_boot: 5,
        wall: 1_780_000_060_000,
        boot: Boot("third".to_owned()),
    };
    let mut read = None;
    let loaded = sqlite.load(&again, &mut |restored| {
        if let Restored::Publication(record) = restored {
            read = record.expires_at;
        }
    });
    assert_eq!(loaded.unwrap().clocks.len(), 2);
    let left = expires_at.duration_since(first.now).as_millis() - 60_000;
    assert_eq!(read.unwrap().duration_since(first.now).as_millis(), left);
}

#[test]
fn clocks_that_no_row_names_are_forgotten_and_those_that_are_needed_stay() {
    let bed = Bed::new();
    let path = bed.store("pua.db", 2);
    run(
        &path,
        "DELETE FROM clock;
         WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 200)
         INSERT INTO clock SELECT id, 'boot' || (id / 10), id, id FROM n;
         UPDATE intent SET clock = 23; UPDATE granted SET clock = 41 WHERE key = 1;
         UPDATE granted SET clock = 41 WHERE key = 0;",
    );
    let mut sqlite = Sqlite::open(&path).unwrap();
    let reading = Reading::take(&Boot::present(), std::time::Instant::now);
    sqlite.acquire(&reading, 1).unwrap();
    let loaded = sqlite.load(&reading, &mut |_| ()).unwrap();
    let ids: Vec<i64> = loaded.clocks.iter().map(|line| line.id).collect();
    // Those that are named, the last ones of their boots, and the last of all.
    assert_eq!(ids, [23, 29, 41, 49, 200]);
}

#[test]
fn a_backup_of_a_used_file_is_a_whole_store() {
    let bed = Bed::new();
    let path = bed.path("pua.db");
    let (mut sqlite, reading, lease) = owned(&path);
    let mut changes = (0..200)
        .map(|key| Change::Put(Box::new(plain(key, None))))
        .collect();
    write(&mut sqlite, &lease, &reading, &mut changes).unwrap();
    let copy = bed.path("copy.db");
    sqlite::backup(&path, &copy).unwrap();
    assert!(sqlite::backup(&path, &copy).is_err(), "overwrites nothing");
    write(
        &mut sqlite,
        &lease,
        &reading,
        &mut vec![Change::Delete { key: 3 }],
    )
    .unwrap();
    assert_eq!(sqlite::statistics(&path).unwrap().publications, 199);
    let report = sqlite::check(&copy).unwrap();
    assert_eq!((report.publications, report.faults), (200, Vec::new()));
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o077, 0);
    assert_eq!(sqlite::vacuum(&path).unwrap_err().trouble, Trouble::Owned);
    drop(sqlite);
    sqlite::vacuum(&path).unwrap();
    assert_eq!(sqlite::check(&path).unwrap().publications, 199);
}
