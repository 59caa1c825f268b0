//! Reading.

use roxmltree::Node;

use super::{NAMESPACE, ROOT, Watcher, WatcherInfo, WatcherList};
use crate::versioned::{self, number};
use crate::xml::{self, NodeExt};
use crate::{DocumentError, Extent};

/// Reads a document. Lists without a resource and watchers without a URI are skipped; a missing id is the URI.
///
/// # Errors
/// Not well-formed, or another document.
pub(crate) fn read(body: &[u8]) -> Result<WatcherInfo, DocumentError> {
    xml::read(body, ROOT, |root| {
        Ok(WatcherInfo {
            version: versioned::version(root),
            state: Extent::of(root),
            watcher_lists: root
                .children_named(NAMESPACE, "watcher-list")
                .filter_map(list)
                .collect(),
        })
    })
}

fn list(node: Node<'_, '_>) -> Option<WatcherList> {
    Some(WatcherList {
        resource: node.attr("resource")?.into(),
        package: node.attr("package").unwrap_or_default().into(),
        watchers: node
            .children_named(NAMESPACE, "watcher")
            .filter_map(watcher)
            .collect(),
    })
}

fn watcher(node: Node<'_, '_>) -> Option<Watcher> {
    let uri = node.token()?;
    Some(Watcher {
        id: node.attr("id").unwrap_or(&uri).into(),
        status: node.attr("status").unwrap_or_default().into(),
        event: node.attr("event").unwrap_or_default().into(),
        display_name: node.attr("display-name").map(Into::into),
        lang: node.lang().map(Into::into),
        expiration: node.attr("expiration").and_then(number),
        duration_subscribed: node.attr("duration-subscribed").and_then(number),
        uri: uri.into(),
    })
}
