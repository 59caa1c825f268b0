//! A document as it rests with its publication: the type shared, the body in one allocation of
//! exactly its size.

use std::sync::Arc;

use bytes::Bytes;

use crate::command::Document;
use crate::interned::Interned;

/// A document at rest.
pub(crate) struct HeldDocument {
    pub(crate) content_type: Arc<str>,
    pub(crate) body: Box<[u8]>,
}

impl HeldDocument {
    pub(crate) fn new(document: Document, interned: &mut Interned) -> Self {
        HeldDocument {
            content_type: interned.share(document.content_type),
            // The very allocation, if it is nobody else's and of the right size.
            body: Vec::from(document.body).into_boxed_slice(),
        }
    }
}

impl From<&HeldDocument> for Document {
    fn from(held: &HeldDocument) -> Document {
        Document {
            content_type: held.content_type.clone(),
            body: Bytes::copy_from_slice(&held.body),
        }
    }
}

/// The document that goes along with an exchange: the same in every repetition
/// (RFC 3261 §8.1.3.5), whatever the application wants meanwhile.
pub(crate) enum Carried {
    /// The one the publication has.
    Present,
    /// The one it had, since replaced; `None`: it had none.
    Replaced(Option<HeldDocument>),
}
