//! What has to hold for any body of an event package. Shared by the fuzz targets and by the ordinary test that replays the
//! seeds. A check that fails panics.

use event_packages::multipart::{Multipart, is_multipart};
use event_packages::{Document, ErrorKind, EventState, Severity, check};

/// A multipart type, as resource lists have it.
pub(crate) const MULTIPART: &str = "multipart/related;type=\"application/rlmi+xml\";boundary=b";

/// The types that a sequence of NOTIFYs may have, by the first octet.
pub(crate) const TYPES: [&str; 9] = [
    "application/pidf+xml",
    "application/dialog-info+xml",
    "application/simple-message-summary",
    "application/reginfo+xml",
    "application/watcherinfo+xml",
    "application/conference-info+xml",
    "application/xcap-diff+xml",
    "application/rlmi+xml",
    MULTIPART,
];

/// One document: what is read lives through JSON, is written as something that is read and written as the same again; what
/// is not read has a finding that says so.
pub(crate) fn document(content_type: &str, data: &[u8]) {
    let findings = check(content_type, data);
    assert!(findings.len() <= 1000);
    let document = match Document::read(content_type, data) {
        Ok(Document::Raw(_)) => return,
        Ok(document) => document,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(
                findings.iter().any(|finding| finding.severity == Severity::Error),
                "{error}"
            );
            return;
        }
    };
    let _ = document.summary().to_json();
    let again = Document::from_json(content_type, &document.to_json());
    assert_eq!(again.as_ref(), Ok(&document));
    let Ok(written) = document.write() else { return };
    match Document::read(content_type, &written) {
        Ok(read) => assert_eq!(read.write().as_ref(), Ok(&written)),
        Err(error) => assert!(
            matches!(error.kind, ErrorKind::TooMany { .. } | ErrorKind::TooLarge { .. }),
            "{error}\n{}",
            String::from_utf8_lossy(&written)
        ),
    }
}

/// A body of several parts: nothing panics, parts are inside.
pub(crate) fn multipart(data: &[u8]) {
    assert!(is_multipart(MULTIPART));
    if let Ok(read) = Multipart::read(MULTIPART, data) {
        let _ = read.root();
        let _ = read.part("list@x");
    }
    let _ = EventState::new().apply(MULTIPART, data);
}

/// The NOTIFYs of one dialog usage, divided by two NULs; an empty one stands for a new dialog. The first octet says the
/// type. A broken document changes nothing.
pub(crate) fn event_state(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    let content_type = TYPES[usize::from(*kind) % TYPES.len()];
    let mut state = EventState::new();
    let mut rest = data;
    loop {
        let end = rest.windows(2).position(|pair| pair == [0, 0]);
        let body = &rest[..end.unwrap_or(rest.len())];
        if body.is_empty() {
            state.restart();
        } else {
            let before = (
                state.document().cloned(),
                state.raw().map(|(_, raw)| raw.to_vec()),
                state.members().count(),
            );
            if state.apply(content_type, body).is_err() {
                let after = (
                    state.document().cloned(),
                    state.raw().map(|(_, raw)| raw.to_vec()),
                    state.members().count(),
                );
                assert_eq!(before, after);
            } else if let Some(document) = state.document() {
                let _ = (document.to_json(), document.summary());
            }
        }
        match end {
            Some(end) => rest = &rest[end + 2..],
            None => return,
        }
    }
}
