//! The checks of the fuzz targets over their seeds, the torture messages and every beginning of
//! them (SEC-23).
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

#[path = "../../../fuzz/src/checks.rs"]
mod checks;

fn files(dir: &str) -> Vec<Vec<u8>> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let mut all: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    all.sort();
    assert!(!all.is_empty());
    all.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn messages() {
    for dir in [
        "../../fuzz/seeds/message",
        "tests/torture",
        "tests/torture/rfc5118",
    ] {
        for seed in files(dir) {
            for end in (0..seed.len()).rev().take(1500).chain([seed.len()]) {
                checks::message(seed.get(..end).unwrap());
            }
        }
    }
}

#[test]
fn streams() {
    for seed in files("../../fuzz/seeds/stream") {
        checks::stream(&seed);
    }
    for dir in ["tests/torture", "tests/torture/rfc5118"] {
        for seed in files(dir) {
            for size in [2, 7, 64] {
                checks::stream(&[&[size], seed.as_slice(), &seed].concat());
            }
        }
    }
}

#[test]
fn uris() {
    for seed in files("../../fuzz/seeds/uri") {
        checks::uri(&seed);
    }
}

#[test]
fn extra_headers() {
    for seed in files("../../fuzz/seeds/extra_headers") {
        checks::extra_headers(&seed);
    }
}
