//! One document with its octets and its version.

use std::borrow::Cow;
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
    document: Arc<Document>,
    content_type: Cow<'static, str>,
    body: Bytes,
    version: Option<u32>,
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
    pub(super) fn document(&self) -> &Arc<Document> {
        &self.document
    }

    pub(super) fn raw(&self) -> (&str, &Bytes) {
        (&self.content_type, &self.body)
    }

    /// Octets it keeps, about.
    pub(super) fn weight(&self) -> usize {
        self.body.len() + version::weight(&self.document).1
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
            return Ok(Self::taken(known, document, content_type, body, None, false));
        };
        let local = base.and_then(|base| base.version);
        let gap = match version::judge(local, started, told) {
            Verdict::Discard => return Ok(Step::Stale),
            Verdict::Refuse => return Ok(Step::Refused),
            Verdict::Apply { gap } => gap,
        };
        let document = match told.extent {
            Extent::Full => document,
            Extent::Partial => version::merged(base.map(|base| &*base.document), document)?,
        };
        let version = told.version.or(local);
        Ok(Self::taken(known, document, content_type, body, version, gap))
    }

    fn taken(
        known: Option<&Self>,
        document: Document,
        content_type: Cow<'static, str>,
        body: &[u8],
        version: Option<u32>,
        gap: bool,
    ) -> Step {
        let changed = known.is_none_or(|known| !version::says_the_same(&document, &known.document));
        let body = match &document {
            Document::Raw(raw) => raw.body.clone(),
            // a copy: the octets are a piece of a message that would be kept as a whole
            _ => Bytes::copy_from_slice(body),
        };
        // equal documents are kept once
        let document = match known.filter(|known| *known.document == document) {
            Some(known) => Arc::clone(&known.document),
            None => Arc::new(document),
        };
        let held = Self {
            document,
            content_type,
            body,
            version,
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
            (Some(one), Some(other)) => {
                Arc::ptr_eq(&one.document, &other.document)
                    || version::says_the_same(&one.document, &other.document)
            }
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
