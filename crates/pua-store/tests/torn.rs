//! Images of a store as a crash leaves it: the WAL cut off, overwritten or not yet written at any
//! byte.

mod common;

use std::fs;
use std::path::Path;

use common::{Model, held, plain, reading, write};
use pua_core::Change;
use pua_store::{Backend, Lease, Sqlite};

/// The head of a WAL, and a frame of it.
const HEAD: usize = 32;
const FRAME: usize = 24 + 4096;

/// A store after some batches: the file and the WAL, and how long the WAL was after each batch.
struct Image {
    file: Vec<u8>,
    wal: Vec<u8>,
    /// Length of the WAL, and what the store held then.
    acknowledged: Vec<(usize, Vec<String>)>,
}

/// A store in a directory that is written to.
struct Bed {
    sqlite: Sqlite,
    lease: Lease,
    model: Model,
    number: u64,
}

impl Bed {
    fn new(directory: &Path) -> Bed {
        let mut sqlite = Sqlite::open(&directory.join("pua.db")).unwrap();
        let lease = sqlite.acquire(&reading(std::time::Instant::now()), 10).unwrap();
        Bed {
            sqlite,
            lease,
            model: Model::default(),
            number: 0,
        }
    }

    fn batch(&mut self) {
        let number = self.number;
        self.number += 1;
        let mut changes: Vec<Change> = (0..5)
            .map(|n| Change::Put(Box::new(plain(number * 3 + n, Some(&format!("tag{number}"))))))
            .collect();
        if number > 2 {
            changes.push(Change::Delete { key: number * 3 - 6 });
        }
        changes.iter().for_each(|change| self.model.apply(change));
        let reading = reading(std::time::Instant::now());
        write(&mut self.sqlite, &self.lease, &reading, &mut changes).unwrap();
    }

    /// Twelve batches, and what is there then.
    fn image(&mut self, directory: &Path) -> Image {
        let (file, wal) = (directory.join("pua.db"), directory.join("pua.db-wal"));
        let mut acknowledged = Vec::new();
        for _ in 0..12 {
            self.batch();
            acknowledged.push((in_use(&fs::read(&wal).unwrap()), self.told()));
        }
        // As they are now: the connection is still open, as it is when a process is killed.
        Image {
            file: fs::read(&file).unwrap(),
            wal: fs::read(&wal).unwrap(),
            acknowledged,
        }
    }

    fn told(&self) -> Vec<String> {
        self.model.told().into_iter().map(without_instants).collect()
    }
}

fn image(directory: &Path) -> Image {
    let mut bed = Bed::new(directory);
    let before = in_use(&fs::read(directory.join("pua.db-wal")).unwrap());
    let mut image = bed.image(directory);
    image.acknowledged.insert(0, (before, Vec::new()));
    image
}

/// How much of a WAL is written since it was last begun: the frames that bear its salt.
fn in_use(wal: &[u8]) -> usize {
    let salt = &wal[16..24];
    let frames = wal[HEAD..]
        .chunks(FRAME)
        .take_while(|frame| &frame[8..16] == salt);
    HEAD + FRAME * frames.count()
}

/// Times differ from life to life by the clock that the test does not stop.
fn without_instants(told: String) -> String {
    let mut out = String::new();
    let mut rest = told.as_str();
    while let Some(at) = rest.find("Instant {") {
        out.push_str(&rest[..at]);
        rest = rest[at..].split_once('}').map_or("", |(_, rest)| rest);
    }
    out + rest
}

fn opened(file: &[u8], wal: &[u8]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pua.db");
    fs::write(&path, file).unwrap();
    fs::write(directory.path().join("pua.db-wal"), wal).unwrap();
    let mut sqlite = Sqlite::open(&path).unwrap();
    let told = held(&mut sqlite, &reading(std::time::Instant::now()));
    told.into_iter().map(without_instants).collect()
}

/// What must be there at least, and at most, when the WAL is good up to `length`.
fn expected(image: &Image, length: usize) -> &Vec<String> {
    let complete = image.acknowledged.iter().rev().find(|(end, _)| *end <= length);
    &complete.unwrap_or(&image.acknowledged[0]).1
}

/// So many lengths of the WAL from the first batch on, and both sides of each border.
fn lengths(image: &Image, count: usize) -> Vec<usize> {
    let (first, end) = (image.acknowledged[0].0, in_use(&image.wal));
    let step = (end - first) / count;
    let mut lengths: Vec<usize> = (first..end).step_by(step.max(1)).collect();
    for (end, _) in &image.acknowledged {
        lengths.extend([end.saturating_sub(1).max(first), *end, end + 1]);
    }
    lengths.retain(|length| *length <= end);
    lengths
}

#[test]
fn a_wal_that_ends_anywhere_holds_whole_batches_and_all_that_were_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let image = image(directory.path());
    for length in lengths(&image, 150) {
        let told = opened(&image.file, &image.wal[..length]);
        assert_eq!(&told, expected(&image, length), "cut off at {length}");
    }
}

#[test]
fn a_wal_whose_end_is_rubbish_holds_whole_batches_and_all_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let image = image(directory.path());
    for length in lengths(&image, 60) {
        let mut wal = image.wal.clone();
        for (n, byte) in wal.iter_mut().enumerate().skip(length) {
            *byte = byte.wrapping_add(u8::try_from(n % 251).unwrap() | 1);
        }
        let told = opened(&image.file, &wal);
        assert_eq!(&told, expected(&image, length), "rubbish from {length}");
    }
}

#[test]
fn a_wal_with_room_for_more_holds_whole_batches_and_all_that_were_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let image = image(directory.path());
    for length in lengths(&image, 60) {
        let mut wal = image.wal.clone();
        wal[length..].fill(0);
        wal.resize(2 * wal.len() + 1000, 0);
        let told = opened(&image.file, &wal);
        assert_eq!(&told, expected(&image, length), "zeros from {length}");
    }
    // Nothing of it has reached the disk yet, not even its head.
    assert!(opened(&image.file, &vec![0; image.wal.len()]).is_empty());
}

#[test]
fn a_wal_that_is_written_over_an_older_one_holds_whole_batches_and_all_that_were_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let mut bed = Bed::new(directory.path());
    for _ in 0..15 {
        bed.batch();
    }
    let older = fs::read(directory.path().join("pua.db-wal")).unwrap();
    let mut upkeep = bed.sqlite.upkeep(&bed.lease).unwrap();
    // The first look notes the size, the second moves all into the file.
    upkeep.run().unwrap();
    assert!(upkeep.run().unwrap().worked);
    let image = bed.image(directory.path());
    assert_eq!(image.wal.len(), older.len(), "written from its beginning");
    for length in lengths(&image, 60) {
        let mut wal = older.clone();
        wal[..length].copy_from_slice(&image.wal[..length]);
        // What was there before may be the same by chance.
        let pairs = wal.iter().zip(&image.wal);
        let length = pairs.take_while(|(here, there)| here == there).count();
        let told = opened(&image.file, &wal);
        assert_eq!(&told, expected(&image, length), "of the older one from {length}");
    }
}
