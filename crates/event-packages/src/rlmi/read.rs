//! Reading.

use roxmltree::Node;

use super::{Instance, List, NAMESPACE, ROOT, Resource};
use crate::versioned;
use crate::xml::{self, NodeExt};
use crate::{DocumentError, Note};

/// Reads a document. Resources without a URI are skipped.
///
/// # Errors
/// Not well-formed, another document, or without `uri`, `version` or `fullState`, which all processing rests on
/// (RFC 4662 §5.2).
pub(crate) fn read(body: &[u8]) -> Result<List, DocumentError> {
    xml::read(body, ROOT, |root| {
        let missing = |name: &str| {
            DocumentError::invalid(format!("list has no usable attribute {name}")).at_line(root.line())
        };
        Ok(List {
            uri: root.attr("uri").ok_or_else(|| missing("uri"))?.into(),
            version: versioned::version(root).ok_or_else(|| missing("version"))?,
            full_state: root.attr_bool("fullState").ok_or_else(|| missing("fullState"))?,
            cid: root.attr("cid").map(Into::into),
            names: names(root),
            resources: root
                .children_named(NAMESPACE, "resource")
                .filter_map(resource)
                .collect(),
        })
    })
}

fn names(node: Node<'_, '_>) -> Vec<Note> {
    node.children_named(NAMESPACE, "name").map(Note::read).collect()
}

fn resource(node: Node<'_, '_>) -> Option<Resource> {
    let instances = node
        .children_named(NAMESPACE, "instance")
        .map(|instance| Instance {
            id: instance.attr("id").unwrap_or_default().into(),
            state: instance.attr("state").unwrap_or_default().into(),
            reason: instance.attr("reason").map(Into::into),
            cid: instance.attr("cid").map(Into::into),
        });
    Some(Resource {
        uri: node.attr("uri")?.into(),
        names: names(node),
        instances: instances.collect(),
    })
}
