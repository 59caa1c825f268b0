//! One document with its octets and its version.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

use bytes::Bytes;

use super::version::{self, Verdict};
use crate::{Document, DocumentError, Extent, dialog_info, document, message_summary, pidf};

/// Content types that are not kept as a copy of their own.
const COMMON: [&str; 3] = [
    pidf::CONTENT_TYPE,
    dialog_info::CONTENT_TYPE,
    message_summary::CONTENT_TYPE,
];

/// What is known of one resource.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Read from the octets when it is asked for, if it is not kept.
    document: OnceCell<Arc<Document>>,
    content_type: Cow<'static, str>,
    body: Bytes,
    /// What the document says: tells whether another one says the same.
    digest: u64,
    version: Option<u32>,
    /// The document has a version, so that partial ones may be merged with it: it is kept.
    versioned: bool,
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

    /// The document if it is kept, as those with versions always are.
    pub(super) fn kept(&self) -> Option<&Document> {
        self.document.get().map(|document| &**document)
    }

    /// The document, without keeping it.
    pub(super) fn read(&self) -> Option<Arc<Document>> {
        if let Some(document) = self.document.get() {
            return Some(Arc::clone(document));
        }
        // what has been read once can be read again
        Document::read(&self.content_type, &self.body).ok().map(Arc::new)
    }

    /// Keeps only what cannot be read again from the octets.
    pub(super) fn rest(&mut self) {
        if !self.versioned {
            self.document.take();
        }
    }

    pub(super) fn raw(&self) -> (&str, &Bytes) {
        (&self.content_type, &self.body)
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
        let content_type = interned(content_type);
        let same_octets = known.filter(|known| known.body == body && known.content_type == content_type);
        if let Some(known) = same_octets.filter(|_| started) {
            return Ok(match known.version {
                Some(_) => Step::Stale,
                None => Step::Taken {
                    held: None,
                    changed: false,
                    gap: false,
                },
            });
        }
        let document = Document::read(&content_type, body)?;
        let base = known.filter(|_| started);
        let Some(told) = version::told(&document) else {
            return Ok(Self::taken(
                known,
                document,
                content_type,
                body,
                (None, false),
                false,
            ));
        };
        let local = base.and_then(|base| base.version);
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
        let version = told.version.or(local);
        Ok(Self::taken(
            known,
            document,
            content_type,
            body,
            (version, true),
            gap,
        ))
    }

    fn taken(
        known: Option<&Self>,
        document: Document,
        content_type: Cow<'static, str>,
        body: &[u8],
        (version, versioned): (Option<u32>, bool),
        gap: bool,
    ) -> Step {
        let digest = if versioned { 0 } else { digest(&document) };
        let changed = known.is_none_or(|known| match (versioned, known.versioned) {
            (true, true) => known
                .document()
                .is_none_or(|known| !version::says_the_same(&document, known)),
            (false, false) => digest != known.digest,
            _ => true,
        });
        let body = match &document {
            Document::Raw(raw) => raw.body.clone(),
            // a copy: the octets are a piece of a message that would be kept as a whole
            _ => Bytes::copy_from_slice(body),
        };
        let held = Self {
            document: OnceCell::from(Arc::new(document)),
            content_type,
            body,
            digest,
            version,
            versioned,
        };
        Step::Taken {
            held: Some(held),
            changed,
            gap,
        }
    }

    /// Whether two documents, or their absence, say the same.
    pub(super) fn say_the_same(one: Option<&Self>, other: Option<&Self>) -> bool {
        match (one, other) {
            (Some(one), Some(other)) if !(one.versioned || other.versioned) => one.digest == other.digest,
            (Some(one), Some(other)) => match (one.document(), other.document()) {
                (Some(one), Some(other)) => Arc::ptr_eq(one, other) || version::says_the_same(one, other),
                _ => false,
            },
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

/// The content type; of common ones without a copy, and without parameters.
fn interned(content_type: &str) -> Cow<'static, str> {
    let media_type = document::media_type(content_type);
    match COMMON
        .iter()
        .find(|common| common.eq_ignore_ascii_case(media_type))
    {
        Some(common) => Cow::Borrowed(*common),
        None => Cow::Owned(content_type.to_owned()),
    }
}

/// What a document says, as a number: two documents that say something else have, but for a chance
/// that is none, other numbers. The document itself need not be kept to compare.
fn digest(document: &Document) -> u64 {
    struct Digest(DefaultHasher);
    impl std::fmt::Write for Digest {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    let mut digest = Digest(DefaultHasher::new());
    // a hasher takes everything
    let _ = write!(digest, "{document:?}");
    digest.0.finish()
}
