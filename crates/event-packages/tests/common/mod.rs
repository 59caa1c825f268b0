//! What the tests of the documents share: files, and validation against the schemas of the RFCs.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file under `tests/documents`.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/documents")
        .join(name)
}

/// The octets of a file under `tests/documents`.
pub(crate) fn file(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Validates documents against a schema of `tests/documents/schema` with one call of `xmllint`; `test` names the caller.
///
/// # Panics
/// When one is not valid, with what `xmllint` says and the document; when there is no `xmllint`.
pub(crate) fn assert_valid<'d>(test: &str, schema: &str, documents: impl IntoIterator<Item = &'d [u8]>) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("a directory for the documents");
    let mut files = Vec::new();
    for (number, document) in documents.into_iter().enumerate() {
        let file = directory.join(format!("{number:04}.xml"));
        fs::write(&file, document).expect("a file for the document");
        files.push(file);
    }
    assert!(!files.is_empty(), "no document to validate");
    let told = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema"])
        .arg(path(&format!("schema/{schema}")))
        .args(&files)
        .output()
        .expect("xmllint is needed: install libxml2-utils");
    if !told.status.success() {
        let errors = String::from_utf8_lossy(&told.stderr);
        let first = errors
            .lines()
            .find(|line| !line.ends_with(" validates"))
            .unwrap_or_default();
        let guilty = files.iter().find(|file| first.contains(&*file.to_string_lossy()));
        let document = guilty
            .and_then(|file| fs::read_to_string(file).ok())
            .unwrap_or_default();
        panic!("{schema}: {first}\n{document}");
    }
    let _ = fs::remove_dir_all(&directory);
}
