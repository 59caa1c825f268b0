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
    let (before, after) = split_at_version(content_type, body)?;
    Some(
        [&before, version.to_string().as_str(), &after]
            .concat()
            .into_bytes(),
    )
}

/// What comes before the version number and what after it, with `state="full"`: for documents that go to many watchers,
/// each with a number of its own. `None` as for [`stamped`].
pub fn split_at_version(content_type: &str, body: &[u8]) -> Option<(String, String)> {
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
    let version = place(root, text, "version")?;
    let state = place(root, text, "state")?;
    let piece = |from: usize, to: usize| text.get(from..to);
    if version.octets.start <= state.octets.start {
        let between = piece(version.octets.end, state.octets.start)?;
        let rest = piece(state.octets.end, text.len())?;
        let before = [piece(0, version.octets.start)?, version.before].concat();
        let after = [version.after, between, state.before, "full", state.after, rest];
        Some((before, after.concat()))
    } else {
        let between = piece(state.octets.end, version.octets.start)?;
        let rest = piece(version.octets.end, text.len())?;
        let start = piece(0, state.octets.start)?;
        let before = [start, state.before, "full", state.after, between, version.before];
        Some((before.concat(), [version.after, rest].concat()))
    }
}

/// Where the value of an attribute goes.
struct Place {
    /// What gives way.
    octets: Range<usize>,
    before: &'static str,
    after: &'static str,
}

/// The place of an attribute of the root; one that is not there comes behind the element's name.
fn place(root: Node<'_, '_>, text: &str, name: &str) -> Option<Place> {
    if let Some(attribute) = root.attribute_node(name) {
        return Some(Place {
            octets: attribute.range_value(),
            before: "",
            after: "",
        });
    }
    let start = root.range().start;
    let tag = text.get(start..)?;
    let at = start + tag.find(|c: char| c == '>' || c == '/' || xml::BLANKS.contains(&c))?;
    Some(Place {
        octets: at..at,
        before: if name == "version" {
            " version=\""
        } else {
            " state=\""
        },
        after: "\"",
    })
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
        assert_eq!(
            stamp("<dialog-info state='partial'/>").unwrap(),
            "<dialog-info version=\"42\" state='full'/>"
        );
        assert_eq!(
            stamp("<dialog-info state='partial' entity='' version=''/>").unwrap(),
            "<dialog-info state='full' entity='' version='42'/>"
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
