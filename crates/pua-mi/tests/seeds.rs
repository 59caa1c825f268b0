//! The checks of the fuzz targets over their seeds and every beginning of them (SEC-23).

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

#[path = "../../../fuzz/src/mi_checks.rs"]
mod mi_checks;

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds")
        .join(name);
    let files = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let all: Vec<Vec<u8>> = files.map(|file| std::fs::read(file).unwrap()).collect();
    assert!(!all.is_empty());
    all
}

#[test]
fn the_fifo() {
    for seed in seeds("mi_fifo") {
        for end in 0..=seed.len() {
            mi_checks::fifo(seed.get(..end).unwrap());
        }
    }
}

#[test]
fn other_transports() {
    for seed in seeds("mi_request") {
        for end in 0..=seed.len() {
            mi_checks::request(seed.get(..end).unwrap());
        }
    }
}
