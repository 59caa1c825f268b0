//! Looking a document over.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::{InstanceState, NAMESPACE, ROOT};
use crate::Finding;
use crate::lint::Lint;
use crate::xml::{self, NodeExt};

/// What a peer may refuse or misread: CRL-01.
pub(crate) fn check(body: &[u8]) -> Vec<Finding> {
    xml::read(body, ROOT, |root| {
        let mut lint = Lint::new("CRL-01");
        lint.required(root, &["uri", "version", "fullState"]);
        lint.whole(root, "version", u64::from(u32::MAX));
        lint.one_of(root, "fullState", &["true", "false", "1", "0"]);
        lint.only_attributes(root, &["uri", "version", "fullState", "cid"], true);
        lint.children(root, NAMESPACE, &["name", "resource"], false);
        let mut uris = BTreeSet::new();
        for resource in root.children_named(NAMESPACE, "resource") {
            lint.required(resource, &["uri"]);
            lint.unique(resource, "uri", &mut uris);
            lint.only_attributes(resource, &["uri"], true);
            lint.children(resource, NAMESPACE, &["name", "instance"], false);
            let mut ids = BTreeSet::new();
            for instance in resource.children_named(NAMESPACE, "instance") {
                lint.unique(instance, "id", &mut ids);
                check_instance(&mut lint, instance);
            }
        }
        Ok(lint.into_findings())
    })
    .unwrap_or_else(|error| vec![error.into()])
}

fn check_instance(lint: &mut Lint, instance: Node<'_, '_>) {
    lint.required(instance, &["id", "state"]);
    lint.one_of(instance, "state", InstanceState::KNOWN);
    lint.only_attributes(instance, &["id", "state", "reason", "cid"], true);
    match instance.attribute("state") {
        Some("active") => lint.required(instance, &["cid"]),
        Some("terminated") => lint.required(instance, &["reason"]),
        _ => {}
    }
    if instance.attr("cid").is_some_and(|cid| cid.starts_with('<')) {
        lint.error(instance, "cid stands without angle brackets");
    }
}
