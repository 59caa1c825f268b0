//! Versions: which documents count, and how they are put together.

use crate::conference::ElementState;
use crate::{Document, DocumentError, ErrorKind, Extent, versioned};

/// What a versioned document says of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) version: Option<u32>,
    pub(super) extent: Extent,
    /// Whether a partial document is of no use unless the one before it came (RFC 4575 §4.6).
    strict: bool,
}

/// What is done with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not newer.
    Discard,
    /// It cannot be used: a refresh is wanted.
    Refuse,
    /// It counts; `gap`: a refresh is wanted all the same.
    Apply { gap: bool },
}

/// `None`: a document without versions, which is always full.
pub(super) fn told(document: &Document) -> Option<Told> {
    let (version, extent, strict) = match document {
        Document::DialogInfo(info) => (info.version, info.state, false),
        Document::Registrations(info) => (info.version, info.state, false),
        Document::WatcherInfo(info) => (info.version, info.state, false),
        Document::Conference(conference) => {
            let partial = conference.state == ElementState::Partial;
            let extent = if partial { Extent::Partial } else { Extent::Full };
            (conference.version, extent, true)
        }
        _ => return None,
    };
    Some(Told {
        version,
        extent,
        strict,
    })
}

/// RFC 4235 §4.3, RFC 3680 §5.2, RFC 3858 §4, RFC 4575 §4.6. An equal version is a repetition.
///
/// `local`: the version of the last document of this dialog; `started`: whether there was one.
pub(super) fn judge(local: Option<u32>, started: bool, told: Told) -> Verdict {
    let partial = told.extent == Extent::Partial;
    let missed = match (local, told.version) {
        (Some(local), Some(version)) if version <= local => return Verdict::Discard,
        (Some(local), Some(version)) => version - local > 1,
        // no versions: nothing shows that something was missed, but the first one has to tell everything
        _ => !started,
    };
    let gap = missed && partial;
    if gap && told.strict {
        Verdict::Refuse
    } else {
        Verdict::Apply { gap }
    }
}

/// What is known after a partial document; `known` of another type counts as nothing.
///
/// # Errors
/// More rows or texts than are kept.
pub(super) fn merged(known: Option<&Document>, partial: Document) -> Result<Document, DocumentError> {
    let merged = match (known, partial) {
        (Some(Document::DialogInfo(known)), Document::DialogInfo(partial)) => {
            Document::DialogInfo(known.merged(partial))
        }
        (Some(Document::Registrations(known)), Document::Registrations(partial)) => {
            Document::Registrations(known.merged(partial))
        }
        (Some(Document::WatcherInfo(known)), Document::WatcherInfo(partial)) => {
            Document::WatcherInfo(known.merged(partial))
        }
        (Some(Document::Conference(known)), Document::Conference(partial)) => {
            Document::Conference(known.merged(partial))
        }
        (_, partial) => partial,
    };
    let (rows, octets) = weight(&merged);
    if rows > versioned::MAX_ROWS {
        return Err(DocumentError::new(ErrorKind::TooMany {
            what: "rows",
            limit: versioned::MAX_ROWS,
        }));
    }
    if octets > versioned::MAX_WEIGHT {
        return Err(DocumentError::new(ErrorKind::TooLarge {
            limit: versioned::MAX_WEIGHT,
        }));
    }
    Ok(merged)
}

/// Rows and octets of a document that can grow by partial ones; of others nothing.
pub(super) fn weight(document: &Document) -> (usize, usize) {
    match document {
        Document::DialogInfo(info) => info.weight(),
        Document::Registrations(info) => info.weight(),
        Document::WatcherInfo(info) => info.weight(),
        Document::Conference(conference) => conference.weight(),
        _ => (0, 0),
    }
}

/// Whether a document says what was known: versions, and what only tells the time, do not count.
pub(super) fn says_the_same(document: &Document, known: &Document) -> bool {
    match (document, known) {
        (Document::DialogInfo(document), Document::DialogInfo(known)) => document.says_the_same(known),
        (Document::Registrations(document), Document::Registrations(known)) => document.says_the_same(known),
        (Document::WatcherInfo(document), Document::WatcherInfo(known)) => document.says_the_same(known),
        (Document::Conference(document), Document::Conference(known)) => document.says_the_same(known),
        (document, known) => document == known,
    }
}
