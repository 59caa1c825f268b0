//! Versions put into documents that are passed on: a notifier counts them within each subscription (RFC 4235 §4.1,
//! RFC 3680 §5.1, RFC 3858 §4.1), whatever the publisher wrote.

use std::borrow::Cow;
use std::ops::Range;

use roxmltree::Node;

use crate::xml::{self, NodeExt};
use crate::{dialog_info, document, reginfo, watcherinfo};

/// The document with this `version` and `state="full"` at its root, all else as it was. `None`: a type whose documents
/// have no version, or a document that cannot be read, which is passed on as it is.
pub fn stamped(content_type: &str, body: &[u8], version: u32) -> Option<Vec<u8>> {
    let media_type = document::media_type(content_type);
    let formats = [
        (dialog_info::CONTENT_TYPE, dialog_info::ROOT),
        (reginfo::CONTENT_TYPE, reginfo::ROOT),
        (watcherinfo::CONTENT_TYPE, watcherinfo::ROOT),
    ];
    let (_, (namespace, name, _)) = formats
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(media_type))?;
    // another encoding than UTF-8 is what its declaration says, and stays
    let Cow::Borrowed(text) = xml::read::text(body).ok()? else {
        return None;
    };
    let tree = xml::read::parse(text).ok()?;
    let root = tree.root_element();
    if !root.is(namespace, name) {
        return None;
    }
    let version = version.to_string();
    let mut edits = [
        edit(root, text, "version", &version)?,
        edit(root, text, "state", "full")?,
    ];
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len() + 32);
    let mut at = 0;
    for (range, new) in edits {
        out.push_str(text.get(at..range.start)?);
        out.push_str(&new);
        at = range.end;
    }
    out.push_str(text.get(at..)?);
    Some(out.into_bytes())
}

/// Which octets give way to which text, so that the attribute has this value.
fn edit(root: Node<'_, '_>, text: &str, name: &str, value: &str) -> Option<(Range<usize>, String)> {
    if let Some(attribute) = root.attribute_node(name) {
        return Some((attribute.range_value(), value.to_owned()));
    }
    // behind the element's name
    let start = root.range().start;
    let tag = text.get(start..)?;
    let at = start + tag.find(|c: char| c == '>' || c == '/' || xml::BLANKS.contains(&c))?;
    Some((at..at, format!(" {name}=\"{value}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CDLG-01: version and state are the notifier's, all else the publisher's.
    #[test]
    fn cdlg_01_versions_of_a_subscription() {
        let stamp = |text: &str| {
            let stamped = stamped("Application/Dialog-Info+XML;charset=utf-8", text.as_bytes(), 42);
            stamped.map(|octets| String::from_utf8(octets).unwrap())
        };
        let whole = |attributes: &str| {
            format!(
                "<?xml version=\"1.0\"?>\n<d:dialog-info xmlns:d=\"urn:ietf:params:xml:ns:dialog-info\"{attributes}><!-- version=\"1\" --><x version='1'/></d:dialog-info>"
            )
        };
        let stamped = whole(" version='42' entity=\"sip:a@b\" state=\"full\"");
        assert_eq!(
            stamp(&whole(" version='1' entity=\"sip:a@b\" state=\"partial\"")),
            Some(stamped.clone())
        );
        assert_eq!(stamp(&stamped), Some(stamped));
        assert_eq!(
            stamp("<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\"/>").unwrap(),
            "<dialog-info version=\"42\" state=\"full\" xmlns=\"urn:ietf:params:xml:ns:dialog-info\"/>"
        );
        assert_eq!(stamp("<list/>"), None);
        assert_eq!(stamp("<dialog-info"), None);
        assert_eq!(stamp("<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"/>"), None);
        let other = super::stamped(
            "application/pidf+xml",
            b"<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"/>",
            1,
        );
        assert_eq!(other, None);
    }
}
