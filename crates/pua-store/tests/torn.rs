//! Images of a store as a crash leaves it: the WAL cut off or overwritten at any byte.

mod common;

use std::fs;
use std::path::Path;

use common::{Model, held, plain, reading, write};
use pua_core::Change;
use pua_store::{Backend, Sqlite};

/// A store after some batches: the file and the WAL, and how long the WAL was after each batch.
struct Image {
    file: Vec<u8>,
    wal: Vec<u8>,
    /// Length of the WAL, and what the store held then.
    acknowledged: Vec<(usize, Vec<String>)>,
}

fn image(directory: &Path) -> Image {
    let reading = reading(std::time::Instant::now());
    let path = directory.join("pua.db");
    let mut sqlite = Sqlite::open(&path).unwrap();
    let lease = sqlite.acquire(&reading, 10).unwrap();
    let mut model = Model::default();
    let wal = directory.join("pua.db-wal");
    let length = || usize::try_from(fs::metadata(&wal).unwrap().len()).unwrap();
    let mut acknowledged = vec![(length(), Vec::new())];
    for number in 0..12_u64 {
        let mut changes: Vec<Change> = (0..5)
            .map(|n| Change::Put(Box::new(plain(number * 3 + n, Some(&format!("tag{number}"))))))
            .collect();
        if number > 2 {
            changes.push(Change::Delete { key: number * 3 - 6 });
        }
        changes.iter().for_each(|change| model.apply(change));
        write(&mut sqlite, &lease, &reading, &mut changes).unwrap();
        acknowledged.push((length(), model.told()));
    }
    // As they are now: the connection is still open, as it is when a process is killed.
    Image {
        file: fs::read(&path).unwrap(),
        wal: fs::read(&wal).unwrap(),
        acknowledged: acknowledged
            .into_iter()
            .map(|(length, told)| (length, told.into_iter().map(without_instants).collect()))
            .collect(),
    }
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

fn opened(directory: &Path, file: &[u8], wal: &[u8]) -> Vec<String> {
    let path = directory.join("pua.db");
    fs::write(&path, file).unwrap();
    fs::write(directory.join("pua.db-wal"), wal).unwrap();
    let mut sqlite = Sqlite::open(&path).unwrap();
    let told = held(&mut sqlite, &reading(std::time::Instant::now()));
    told.into_iter().map(without_instants).collect()
}

/// What must be there at least, and at most, when the WAL is good up to `length`.
fn expected(image: &Image, length: usize) -> &Vec<String> {
    let complete = image.acknowledged.iter().rev().find(|(end, _)| *end <= length);
    &complete.unwrap_or(&image.acknowledged[0]).1
}

#[test]
fn a_wal_that_ends_anywhere_holds_whole_batches_and_all_that_were_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let image = image(directory.path());
    let first = image.acknowledged[0].0;
    let step = (image.wal.len() - first) / 150;
    let mut lengths: Vec<usize> = (first..image.wal.len()).step_by(step.max(1)).collect();
    // And on both sides of each border.
    for (end, _) in &image.acknowledged {
        lengths.extend([end.saturating_sub(1).max(first), *end, end + 1]);
    }
    for length in lengths.into_iter().filter(|length| *length <= image.wal.len()) {
        let other = tempfile::tempdir().unwrap();
        let told = opened(other.path(), &image.file, &image.wal[..length]);
        assert_eq!(&told, expected(&image, length), "cut off at {length}");
    }
}

#[test]
fn a_wal_whose_end_is_rubbish_holds_whole_batches_and_all_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let image = image(directory.path());
    let first = image.acknowledged[0].0;
    let step = (image.wal.len() - first) / 60;
    for length in (first..image.wal.len()).step_by(step.max(1)) {
        let mut wal = image.wal.clone();
        for (n, byte) in wal.iter_mut().enumerate().skip(length) {
            *byte = byte.wrapping_add(u8::try_from(n % 251).unwrap() | 1);
        }
        let other = tempfile::tempdir().unwrap();
        let told = opened(other.path(), &image.file, &wal);
        assert_eq!(&told, expected(&image, length), "rubbish from {length}");
    }
}
