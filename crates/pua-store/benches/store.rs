//! What a commit costs, by the size of its batch and what is in it, and how long reading takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use pua_core::{Change, Document, PublicationName, PublicationRecord};
use pua_store::{Backend, Batch, Boot, ClockLine, Lease, Reading, Sqlite};

/// Records in the file that batches are written to.
const HELD: u64 = 100_000;

fn main() {
    divan::main();
}

fn record(key: u64, revision: u64, etag: Option<Arc<str>>) -> PublicationRecord {
    PublicationRecord {
        key,
        name: PublicationName {
            presentity: format!("sip:user{key}@example.com").into(),
            package: "presence".into(),
            id: None,
        },
        document: Some(Document {
            content_type: "application/pidf+xml".into(),
            body: Bytes::from(vec![b'x'; 437]),
        }),
        headers: "".into(),
        proxy: None,
        until: Some(Instant::now() + Duration::from_secs(3600)),
        removing: false,
        revision,
        document_revision: revision,
        on_stop: None,
        published_revision: u64::from(etag.is_some()),
        expires_at: etag.is_some().then(|| Instant::now() + Duration::from_secs(3600)),
        etag,
        call_id: "0123456789abcdef0123456789@192.0.2.1".into(),
        cseq: 7,
        surplus: 0,
        setback: None,
    }
}

fn tag(n: u64) -> Arc<str> {
    format!("a.1780000000.1234.{n}.0").into()
}

struct Bed {
    sqlite: Sqlite,
    lease: Lease,
    clock: ClockLine,
    boot: Boot,
    random: u64,
    _directory: tempfile::TempDir,
}

impl Bed {
    fn new(held: u64) -> Bed {
        let directory = tempfile::tempdir().unwrap();
        let mut sqlite = Sqlite::open(&directory.path().join("pua.db")).unwrap();
        let boot = Boot::present();
        let reading = Reading::take(&boot, Instant::now);
        let lease = sqlite.acquire(&reading, 1).unwrap();
        let mut bed = Bed {
            sqlite,
            lease,
            clock: ClockLine::present(&[], &reading),
            boot,
            random: 1,
            _directory: directory,
        };
        for start in (0..held).step_by(1000) {
            let mut changes: Vec<Change> = (start..start + 1000)
                .map(|key| Change::Put(Box::new(record(key, 1, Some(tag(key))))))
                .collect();
            bed.commit(&mut changes);
        }
        bed.sqlite.upkeep(&bed.lease).unwrap().run().unwrap();
        bed
    }

    fn commit(&mut self, changes: &mut Vec<Change>) {
        pua_store::coalesce(changes);
        let reading = Reading::take(&self.boot, Instant::now);
        self.sqlite
            .commit(&Batch {
                lease: &self.lease,
                clock: &self.clock,
                reading: &reading,
                changes,
                events: None,
            })
            .unwrap();
    }

    fn any_key(&mut self) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.random >> 33) % HELD
    }
}

/// Commits of batches that `change` makes, with the checkpoints in between that a daemon makes on
/// another thread left out.
fn commits(bencher: Bencher<'_, '_>, size: usize, mut change: impl FnMut(&mut Bed, u64) -> Vec<Change>) {
    let mut bed = Bed::new(HELD);
    let mut n = 0_u64;
    bencher.counter(ItemsCount::new(size)).bench_local(|| {
        let mut changes: Vec<Change> = Vec::with_capacity(2 * size);
        for _ in 0..size {
            n += 1;
            changes.extend(change(&mut bed, n));
        }
        bed.commit(black_box(&mut changes));
    });
}

/// New publications, granted before they were written.
#[divan::bench(args = [1, 64, 256, 1024], sample_count = 50, sample_size = 1)]
fn new_and_granted(bencher: Bencher<'_, '_>, size: usize) {
    commits(bencher, size, |_, n| {
        vec![
            Change::Put(Box::new(record(HELD + n, 1, None))),
            granted(HELD + n, n),
        ]
    });
}

/// Documents changed, granted before they were written.
#[divan::bench(args = [1, 64, 256, 1024], sample_count = 50, sample_size = 1)]
fn modified_at_random(bencher: Bencher<'_, '_>, size: usize) {
    commits(bencher, size, |bed, n| {
        let key = bed.any_key();
        vec![
            Change::Put(Box::new(record(key, 2, Some(tag(key))))),
            granted(key, n),
        ]
    });
}

/// Refreshes in the order in which publications were made.
#[divan::bench(args = [64, 256, 1024], sample_count = 50, sample_size = 1)]
fn refreshed_in_order(bencher: Bencher<'_, '_>, size: usize) {
    commits(bencher, size, |_, n| vec![granted(n % HELD, n)]);
}

/// Refreshes at random.
#[divan::bench(args = [64, 256, 1024], sample_count = 50, sample_size = 1)]
fn refreshed_at_random(bencher: Bencher<'_, '_>, size: usize) {
    commits(bencher, size, |bed, n| vec![granted(bed.any_key(), n)]);
}

fn granted(key: u64, n: u64) -> Change {
    Change::Granted {
        key,
        etag: Some(tag(n)),
        expires_at: Some(Instant::now() + Duration::from_secs(3600)),
        revision: 1,
        cseq: 8,
        surplus: 0,
        setback: None,
    }
}

/// Reading all at the start.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn load_100k(bencher: Bencher<'_, '_>) {
    let mut bed = Bed::new(HELD);
    let reading = Reading::take(&bed.boot.clone(), Instant::now);
    bencher.counter(ItemsCount::new(HELD)).bench_local(|| {
        bed.sqlite
            .load(&reading, &mut |record| drop(black_box(record)))
            .unwrap()
    });
}
