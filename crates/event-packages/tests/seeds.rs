//! The checks of the fuzz targets over their seeds, over every beginning of them, and over seeds with octets changed
//! (SEC-23).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;

#[path = "../../../fuzz/src/document_checks.rs"]
mod document_checks;

use document_checks::{document, event_state, multipart};

type Check = fn(&[u8]);

/// The directories of seeds with what has to hold.
const TARGETS: [(&str, Check); 10] = [
    ("pidf", |data| document("application/pidf+xml", data)),
    ("dialog_info", |data| {
        document("application/dialog-info+xml", data)
    }),
    ("message_summary", |data| {
        document("application/simple-message-summary", data)
    }),
    ("reginfo", |data| document("application/reginfo+xml", data)),
    ("watcherinfo", |data| {
        document("application/watcherinfo+xml", data)
    }),
    ("conference", |data| {
        document("application/conference-info+xml", data)
    }),
    ("xcap_diff", |data| document("application/xcap-diff+xml", data)),
    ("rlmi", |data| document("application/rlmi+xml", data)),
    ("multipart", multipart),
    ("event_state", event_state),
];

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds")
        .join(name);
    let mut files: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{name}");
    files
        .into_iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

#[test]
fn every_beginning_of_the_seeds() {
    for (name, check) in TARGETS {
        for seed in seeds(name) {
            (0..=seed.len()).for_each(|end| check(&seed[..end]));
        }
    }
}

/// Pieces that mean something to a reader of these formats.
const PIECES: [&str; 24] = [
    "<",
    ">",
    "/>",
    "</",
    "\"",
    "'",
    "&",
    "&#13;",
    "&#x1F600;",
    "]]>",
    "<![CDATA[",
    "<!--",
    "-->",
    "<!DOCTYPE",
    "<?x?>",
    "xmlns=\"\"",
    " xmlns:r='urn:x'",
    ":",
    "version=\"4294967295\"",
    "state=\"partial\"",
    "\u{e4}",
    "\r\n",
    "\0\0",
    "--b",
];

/// Changes some octets: a piece put in, a stretch taken out, another doubled.
fn changed(mut seed: Vec<u8>, changes: &[(u8, Index, Index, Index)]) -> Vec<u8> {
    for (kind, a, b, c) in changes {
        let at = a.index(seed.len() + 1);
        let until = (at + b.index(40)).min(seed.len());
        match kind % 4 {
            0 => drop(seed.splice(at..at, PIECES[c.index(PIECES.len())].bytes())),
            1 => drop(seed.drain(at..until)),
            2 => {
                let stretch = seed[at..until].to_vec();
                let to = c.index(seed.len() + 1);
                seed.splice(to..to, stretch);
            }
            _ => drop(seed.splice(at..until, [u8::try_from(c.index(256)).unwrap()])),
        }
    }
    seed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn seeds_with_changes(
        target in any::<Index>(),
        which in any::<Index>(),
        changes in proptest::collection::vec(any::<(u8, Index, Index, Index)>(), 1..8),
    ) {
        let (name, check) = TARGETS[target.index(TARGETS.len())];
        let all = seeds(name);
        check(&changed(all[which.index(all.len())].clone(), &changes));
    }

    #[test]
    fn any_octets(target in any::<Index>(), data in proptest::collection::vec(any::<u8>(), 0..300)) {
        TARGETS[target.index(TARGETS.len())].1(&data);
    }
}
