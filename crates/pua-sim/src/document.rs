//! Documents that say which publication and which revision they are, so that a server's contents
//! can be told apart whatever became of the entity-tags.

use std::fmt::Write as _;

use bytes::Bytes;
use pua_core::Document;

/// The document of revision `revision` of publication `publication`, with `padding` bytes more.
#[must_use]
pub fn document(package: &str, publication: usize, revision: u64, padding: usize) -> Document {
    let mark = format!("[p={publication} r={revision}]");
    let filler = "x".repeat(padding);
    let (content_type, body) = match package {
        "presence" => (
            "application/pidf+xml",
            format!(
                "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:a@d\"><tuple id=\"t{publication}\">\
                 <status><basic>open</basic></status><note>{mark}{filler}</note></tuple></presence>"
            ),
        ),
        "dialog" => (
            "application/dialog-info+xml",
            format!(
                "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{revision}\" state=\"full\" \
                 entity=\"sip:a@d\"><!--{filler}--><dialog id=\"{mark}\"><state>confirmed</state></dialog></dialog-info>"
            ),
        ),
        _ => {
            let mut text = mark;
            let _ = write!(text, "{filler}");
            ("text/plain", text)
        }
    };
    Document {
        content_type: content_type.into(),
        body: Bytes::from(body),
    }
}

/// Publication and revision of a body made by [`document`].
#[must_use]
pub fn mark(body: &[u8]) -> Option<(usize, u64)> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("[p=")?;
    let (inside, _) = rest.split_once(']')?;
    let (publication, revision) = inside.split_once(" r=")?;
    Some((publication.parse().ok()?, revision.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_say_what_they_are() {
        for package in ["presence", "dialog", "x-state"] {
            let made = document(package, 3, 71, 10);
            assert_eq!(mark(&made.body), Some((3, 71)));
        }
        assert_eq!(mark(b"hello"), None);
    }
}
