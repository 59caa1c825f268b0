//! SIP-ETag and SIP-If-Match (RFC 3903 §11.3).

use crate::grammar::{is_token, trim};

/// An entity-tag: a token, compared octet for octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntityTag<'a>(pub &'a str);

impl<'a> EntityTag<'a> {
    /// The tag, or `None` if the value is no token.
    pub fn parse(value: &'a [u8]) -> Option<EntityTag<'a>> {
        let tag = trim(value);
        if !is_token(tag) {
            return None;
        }
        std::str::from_utf8(tag).ok().map(EntityTag)
    }

    /// The tag as it goes on the wire.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}
