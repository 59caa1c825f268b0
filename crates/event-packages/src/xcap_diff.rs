//! `application/xcap-diff+xml`: what changed on an XCAP server (RFC 5874). Read, not written: patches cannot be made
//! without the documents they are about.

use roxmltree::Node;
use serde::{Deserialize, Serialize};

use crate::lint::Lint;
use crate::xml::{self, NodeExt};
use crate::{DocumentError, Extension, Finding};

/// The media type.
pub const CONTENT_TYPE: &str = "application/xcap-diff+xml";

/// The namespace.
const NAMESPACE: &str = "urn:ietf:params:xml:ns:xcap-diff";

/// The root element: its namespace, its name, and both for people to read.
const ROOT: (&str, &str, &str) = (
    NAMESPACE,
    "xcap-diff",
    "xcap-diff in urn:ietf:params:xml:ns:xcap-diff",
);

/// What changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XcapDiff {
    /// What the selectors are relative to: a URI.
    pub xcap_root: Box<str>,
    /// Documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<ChangedDocument>,
    /// Elements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elements: Vec<ChangedElement>,
    /// Attributes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<ChangedAttribute>,
}

/// A document (RFC 5874 §3).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedDocument {
    /// The document selector, relative to the root.
    pub sel: Box<str>,
    /// What became of it; it follows from which entity-tags are there.
    #[serde(default)]
    pub change: Change,
    /// Its entity-tag now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_etag: Option<Box<str>>,
    /// Its entity-tag before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_etag: Option<Box<str>>,
    /// Only its entity-tag changed.
    #[serde(default, skip_serializing_if = "crate::json::is_false")]
    pub body_not_changed: bool,
    /// How the one becomes the other, to be applied in this order, and only to the document of `previous_etag`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Patch>,
}

/// What became of a document (RFC 5874 §3, figure 1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is there: it was made, or it is told for the first time.
    Exists,
    /// It is gone.
    Removed,
    /// It is another.
    Changed,
    /// The document does not say.
    #[default]
    Unknown,
}

/// One step of a patch (RFC 5261 §4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// `add`, `replace` or `remove`.
    pub operation: Box<str>,
    /// The node it is about.
    pub sel: Box<str>,
    /// Where to add: `before`, `after`, `prepend`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos: Option<Box<str>>,
    /// What to add: `@name` for an attribute, `namespace::prefix`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Box<str>>,
    /// Which white space goes too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ws: Option<Box<str>>,
    /// What stands inside, as XML.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub content: Box<str>,
}

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedElement {
    /// The node selector, relative to the root.
    pub sel: Box<str>,
    /// Whether it is there; `None`: not said, its content is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// The element.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Extension>,
}

/// An attribute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedAttribute {
    /// The node selector, relative to the root.
    pub sel: Box<str>,
    /// Whether it is there; `None`: not said, its value is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// Its value.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub value: Box<str>,
}

/// Reads a document. What has no selector is skipped.
///
/// # Errors
/// Not well-formed, or another document.
pub(crate) fn read(body: &[u8]) -> Result<XcapDiff, DocumentError> {
    xml::read(body, ROOT, |root| {
        let named = |name| root.children().filter(move |node| node.is(NAMESPACE, name));
        Ok(XcapDiff {
            xcap_root: root.attr("xcap-root").unwrap_or_default().into(),
            documents: named("document").filter_map(document).collect(),
            elements: named("element")
                .filter_map(|node| {
                    Some(ChangedElement {
                        sel: node.attr("sel")?.into(),
                        exists: node.attr_bool("exists"),
                        content: node.elements().next().map(Extension::of),
                    })
                })
                .collect(),
            attributes: named("attribute")
                .filter_map(|node| {
                    Some(ChangedAttribute {
                        sel: node.attr("sel")?.into(),
                        exists: node.attr_bool("exists"),
                        value: node.content().into(),
                    })
                })
                .collect(),
        })
    })
}

fn document(node: Node<'_, '_>) -> Option<ChangedDocument> {
    let (new, previous) = (node.attr("new-etag"), node.attr("previous-etag"));
    let operations = node.elements().filter(|child| child.is_in(NAMESPACE));
    Some(ChangedDocument {
        sel: node.attr("sel")?.into(),
        change: match (new, previous) {
            (Some(_), None) => Change::Exists,
            (None, Some(_)) => Change::Removed,
            (Some(_), Some(_)) => Change::Changed,
            (None, None) => Change::Unknown,
        },
        new_etag: new.map(Into::into),
        previous_etag: previous.map(Into::into),
        body_not_changed: node.child(NAMESPACE, "body-not-changed").is_some(),
        patches: operations.filter_map(patch).collect(),
    })
}

fn patch(node: Node<'_, '_>) -> Option<Patch> {
    let name = node.tag_name().name();
    if !matches!(name, "add" | "replace" | "remove") {
        return None;
    }
    let attribute = |name: &str| node.attr(name).map(Into::into);
    Some(Patch {
        operation: name.into(),
        sel: attribute("sel")?,
        pos: attribute("pos"),
        kind: attribute("type"),
        ws: attribute("ws"),
        content: inner(node).into(),
    })
}

/// What stands inside an element, as it stands there.
fn inner<'a>(node: Node<'a, '_>) -> &'a str {
    let range = match (node.first_child(), node.last_child()) {
        (Some(first), Some(last)) => first.range().start..last.range().end,
        _ => return "",
    };
    node.document().input_text().get(range).unwrap_or_default()
}

/// What a reader may misread: CXD-01.
pub(crate) fn check(body: &[u8]) -> Vec<Finding> {
    xml::read(body, ROOT, |root| {
        let mut lint = Lint::new("CXD-01");
        lint.required(root, &["xcap-root"]);
        lint.children(root, NAMESPACE, &["document", "element", "attribute"], true);
        for node in root.elements().filter(|node| node.is_in(NAMESPACE)) {
            lint.required(node, &["sel"]);
            match node.tag_name().name() {
                "document" if node.attr("new-etag").is_none() && node.attr("previous-etag").is_none() => {
                    lint.warning(
                        node,
                        "neither new-etag nor previous-etag: what became of the document is not said",
                    );
                }
                "element" | "attribute" => lint.one_of(node, "exists", &["true", "false", "1", "0"]),
                _ => {}
            }
        }
        Ok(lint.into_findings())
    })
    .unwrap_or_else(|error| vec![error.into()])
}
