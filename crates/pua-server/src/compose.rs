//! Composition: from all the documents published for a presentity to the one that watchers get
//! (RFC 3903 §3, "composition policy").
//!
//! * One document of a package goes out byte for byte, except for `version` and `state` of dialog-info,
//!   reginfo and watcherinfo: versions count per subscription (RFC 4235 §4.1, RFC 3680 §5.1,
//!   RFC 3858 §3), and what goes out tells everything.
//! * Several PIDF documents are put side by side: all tuples, then all notes, then persons,
//!   devices and whatever else. Of elements of the same kind and id the one published last stays:
//!   a publisher that lost its entity-tag and began anew replaces what it left behind.
//! * Several dialog-info documents: all dialogs, by the same rule.
//! * Of other documents the one published last stands alone, and so it does where merging is not
//!   possible: text that is no XML, a document type definition, too many elements.
//! * Nothing published: a neutral document, since a NOTIFY without a body would leave the last one
//!   standing (RFC 3856 §6.8).

use std::sync::Arc;

use bytes::Bytes;

mod xml;

/// A document as it was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its media type, as it was given.
    pub content_type: Arc<str>,
    /// The bytes.
    pub body: Bytes,
}

/// What is known of an event package here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Presence,
    Dialog,
    MessageSummary,
    Opaque,
}

impl Kind {
    pub(crate) fn of(event_type: &str) -> Kind {
        match event_type {
            "presence" => Kind::Presence,
            "dialog" => Kind::Dialog,
            "message-summary" => Kind::MessageSummary,
            _ => Kind::Opaque,
        }
    }

    /// Whether `body` can be a document of this kind; the reason if not.
    pub(crate) fn check(self, body: &[u8]) -> Result<(), &'static str> {
        match self {
            Kind::Presence | Kind::Dialog => xml::check(body),
            Kind::MessageSummary | Kind::Opaque => Ok(()),
        }
    }
}

/// What watchers get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Composed {
    /// `None`: no body.
    pub(crate) content_type: Option<Arc<str>>,
    head: Bytes,
    /// What follows the version number, where there is one.
    tail: Option<Bytes>,
}

impl Composed {
    fn plain(content_type: &str, body: impl Into<Bytes>) -> Composed {
        Composed {
            content_type: Some(content_type.into()),
            head: body.into(),
            tail: None,
        }
    }

    fn alone(document: &Document) -> Composed {
        let content_type = Some(document.content_type.clone());
        match event_packages::split_at_version(&document.content_type, &document.body) {
            Some((head, tail)) => Composed {
                content_type,
                head: head.into(),
                tail: Some(tail.into()),
            },
            None => Composed {
                content_type,
                head: document.body.clone(),
                tail: None,
            },
        }
    }

    /// The body, as the `version`-th of its subscription.
    pub(crate) fn body(&self, version: u32) -> Bytes {
        match &self.tail {
            None => self.head.clone(),
            Some(tail) => {
                let mut body = Vec::with_capacity(self.head.len() + tail.len() + 10);
                body.extend_from_slice(&self.head);
                body.extend_from_slice(version.to_string().as_bytes());
                body.extend_from_slice(tail);
                body.into()
            }
        }
    }
}

/// What composition is told besides the documents.
#[derive(Clone, Copy)]
pub(crate) struct Policy<'a> {
    pub(crate) kind: Kind,
    /// The presentity's URI: the entity of the merged document.
    pub(crate) presentity: &'a str,
    pub(crate) dummy_dialog: bool,
    pub(crate) max_bytes: usize,
}

/// Composes `documents`, the one published last at the end.
pub(crate) fn compose(policy: Policy<'_>, documents: &[&Document]) -> Composed {
    let Some(newest) = documents.last() else {
        return neutral(policy);
    };
    let merged = match policy.kind {
        Kind::Presence if documents.len() > 1 => xml::merge(xml::PRESENCE, documents, policy.max_bytes)
            .map(|merged| Composed::plain("application/pidf+xml", merged.presence(policy.presentity))),
        Kind::Dialog => xml::merge(xml::DIALOG_INFO, documents, policy.max_bytes).map(|merged| {
            let (head, tail) = merged.dialog_info(policy.presentity, policy.dummy_dialog);
            dialog_info(head, tail)
        }),
        _ => None,
    };
    merged.unwrap_or_else(|| Composed::alone(newest))
}

fn dialog_info(head: String, tail: String) -> Composed {
    Composed {
        content_type: Some("application/dialog-info+xml".into()),
        head: head.into(),
        tail: Some(tail.into()),
    }
}

/// The document that says nothing is known.
fn neutral(policy: Policy<'_>) -> Composed {
    match policy.kind {
        // No tuple at all (RFC 3863 §4.1.1 allows it): a closed one would say what nobody has said.
        // A document tells the whole state, so watchers learn that the last tuple is gone.
        Kind::Presence => Composed::plain(
            "application/pidf+xml",
            xml::Merged::default().presence(policy.presentity),
        ),
        Kind::Dialog => {
            let (head, tail) = xml::Merged::default().dialog_info(policy.presentity, policy.dummy_dialog);
            dialog_info(head, tail)
        }
        Kind::MessageSummary => Composed::plain(
            "application/simple-message-summary",
            &b"Messages-Waiting: no\r\n"[..],
        ),
        Kind::Opaque => Composed::default(),
    }
}

#[cfg(test)]
mod tests;
