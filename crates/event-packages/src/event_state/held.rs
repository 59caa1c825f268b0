//! One document with its octets and its version.

use std::cell::OnceCell;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use super::version::{self, Verdict};
use crate::{Document, DocumentError, Extent, dialog_info, document, message_summary, pidf};

/// Content types that are not kept as a copy of their own.
static COMMON: [&str; 3] = [
    pidf::CONTENT_TYPE,
    dialog_info::CONTENT_TYPE,
    message_summary::CONTENT_TYPE,
];

/// What is known of one resource.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Read from the octets when it is asked for, if it is not kept.
    document: OnceCell<Arc<Document>>,
    content_type: ContentType,
    /// In one allocation of its size.
    body: Box<[u8]>,
    kind: Kind,
}

/// What tells a document from the one before.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// It has no version. What it says, as a number: it need not be kept to be compared.
    Plain { digest: u64 },
    /// Partial ones may be merged with it. `whole`: the octets tell all that is known; else the
    /// document is kept.
    Versioned { version: Option<u32>, whole: bool },
}

/// The type of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ContentType {
    /// A common one, without its parameters: no copy.
    Common(&'static &'static str),
    /// Any other, as it came.
    Other(Box<str>),
}

impl ContentType {
    fn new(content_type: &str) -> Self {
        let media_type = document::media_type(content_type);
        match COMMON
            .iter()
            .find(|common| common.eq_ignore_ascii_case(media_type))
        {
            Some(common) => Self::Common(common),
            None => Self::Other(content_type.into()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Common(common) => common,
            Self::Other(content_type) => content_type,
        }
    }
}

impl Kind {
    fn version(self) -> Option<u32> {
        match self {
            Self::Plain { .. } => None,
            Self::Versioned { version, .. } => version,
        }
    }
}

/// What becomes of a document.
#[derive(Debug)]
pub(super) enum Step {
    /// Not newer.
    Stale,
    /// A partial document that cannot be used.
    Refused,
    /// Taken.
    Taken {
        /// What is known now, if that is not what was known before.
        held: Option<Held>,
        /// Whether it says something else than before.
        changed: bool,
        /// Whether versions were missed.
        gap: bool,
    },
}

impl Held {
    /// The document; kept from then on until [`Held::rest`].
    pub(super) fn document(&self) -> Option<&Arc<Document>> {
        if self.document.get().is_none() {
            let read = self.read()?;
            return Some(self.document.get_or_init(|| read));
        }
        self.document.get()
    }

    /// Whether it is of this media type.
    pub(super) fn is_of(&self, media_type: &str) -> bool {
        document::media_type(self.content_type.as_str()).eq_ignore_ascii_case(media_type)
    }

    /// The document, without keeping it.
    pub(super) fn read(&self) -> Option<Arc<Document>> {
        if let Some(document) = self.document.get() {
            return Some(Arc::clone(document));
        }
        // what has been read once can be read again
        Document::read(self.content_type.as_str(), &self.body)
            .ok()
            .map(Arc::new)
    }

    /// Keeps only what cannot be read again from the octets.
    pub(super) fn rest(&mut self) {
        match self.kind {
            Kind::Plain { .. } | Kind::Versioned { whole: true, .. } => drop(self.document.take()),
            Kind::Versioned { whole: false, .. } => {}
        }
    }

    pub(super) fn raw(&self) -> (&str, &[u8]) {
        (self.content_type.as_str(), &self.body)
    }

    /// Octets it keeps, about.
    pub(super) fn weight(&self) -> usize {
        let rows = self
            .document
            .get()
            .map_or(0, |document| version::weight(document).1);
        self.body.len() + rows
    }

    /// Reads a body and puts it together with what is known. `started`: whether what is known comes from the same dialog.
    ///
    /// # Errors
    /// A broken document, or one that would make what is known too large.
    pub(super) fn step(
        known: Option<&Self>,
        started: bool,
        content_type: &str,
        body: &[u8],
    ) -> Result<Step, DocumentError> {
        let content_type = ContentType::new(content_type);
        let same_octets = known.filter(|known| *known.body == *body && known.content_type == content_type);
        if let Some(known) = same_octets.filter(|_| started) {
            return Ok(match known.kind.version() {
                Some(_) => Step::Stale,
                None => Step::Taken {
                    held: None,
                    changed: false,
                    gap: false,
                },
            });
        }
        let document = Document::read(content_type.as_str(), body)?;
        let base = known.filter(|_| started);
        let Some(told) = version::told(&document) else {
            let digest = digest(&document);
            let kind = Kind::Plain { digest };
            return Ok(Self::taken(known, document, content_type, body, kind, false));
        };
        let local = base.and_then(|base| base.kind.version());
        let gap = match version::judge(local, started, told) {
            Verdict::Discard => return Ok(Step::Stale),
            Verdict::Refuse => return Ok(Step::Refused),
            Verdict::Apply { gap } => gap,
        };
        let document = match told.extent {
            Extent::Full => document,
            Extent::Partial => {
                let known = base.and_then(Self::document).map(|known| &**known);
                version::merged(known, document)?
            }
        };
        let kind = Kind::Versioned {
            version: told.version.or(local),
            whole: told.extent == Extent::Full,
        };
        Ok(Self::taken(known, document, content_type, body, kind, gap))
    }

    fn taken(
        known: Option<&Self>,
        document: Document,
        content_type: ContentType,
        body: &[u8],
        kind: Kind,
        gap: bool,
    ) -> Step {
        let changed = known.is_none_or(|known| match (kind, known.kind) {
            (Kind::Versioned { .. }, Kind::Versioned { .. }) => known
                .document()
                .is_none_or(|known| !version::says_the_same(&document, known)),
            (Kind::Plain { digest }, Kind::Plain { digest: before }) => digest != before,
            _ => true,
        });
        let held = Self {
            document: OnceCell::from(Arc::new(document)),
            content_type,
            body: body.into(),
            kind,
        };
        Step::Taken {
            held: Some(held),
            changed,
            gap,
        }
    }

    /// Whether two documents, or their absence, say the same.
    pub(super) fn say_the_same(one: Option<&Self>, other: Option<&Self>) -> bool {
        let (one, other) = match (one, other) {
            (Some(one), Some(other)) => (one, other),
            (one, other) => return one.is_none() && other.is_none(),
        };
        match (one.kind, other.kind) {
            (Kind::Plain { digest }, Kind::Plain { digest: before }) => digest == before,
            _ => match (one.document(), other.document()) {
                (Some(one), Some(other)) => Arc::ptr_eq(one, other) || version::says_the_same(one, other),
                _ => false,
            },
        }
    }
}

/// What a document says, as a number: two documents that say something else have, but for a chance
/// that is none, other numbers. The document itself need not be kept to compare.
fn digest(document: &Document) -> u64 {
    let mut hasher = DefaultHasher::new();
    document.hash(&mut hasher);
    hasher.finish()
}
