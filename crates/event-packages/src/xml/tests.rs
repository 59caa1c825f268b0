//! Tests of reading and writing XML.

use super::*;
use crate::ErrorKind;

fn kind(text: &str) -> ErrorKind {
    read::parse(text).map(|_| ()).unwrap_err().kind
}

#[test]
fn a_document_type_is_refused() {
    assert_eq!(
        kind("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
        ErrorKind::DocumentType
    );
}

#[test]
fn depth_is_bounded() {
    let deep = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
    assert!(read::parse(&deep(limits::DEPTH)).is_ok());
    assert!(matches!(
        kind(&deep(limits::DEPTH + 1)),
        ErrorKind::TooMany { .. }
    ));
    assert!(matches!(kind(&"<a>".repeat(300_000)), ErrorKind::TooMany { .. }));
}
