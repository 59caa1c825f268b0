//! Looking a document over.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::{NAMESPACE, ROOT, write};
use crate::Finding;
use crate::lint::Lint;
use crate::xml::{self, NodeExt};

const STATES: [&str; 3] = ["full", "partial", "deleted"];

/// What a peer may refuse or misread: CCONF-01.
pub(crate) fn check(body: &[u8]) -> Vec<Finding> {
    xml::read(body, ROOT, |root| {
        let mut lint = Lint::new("CCONF-01");
        lint.required(root, &["entity", "version"]);
        lint.whole(root, "version", u64::from(u32::MAX));
        lint.one_of(root, "state", &STATES);
        lint.only_attributes(root, &["entity", "version", "state"], true);
        lint.children(
            root,
            NAMESPACE,
            &[
                "!conference-description",
                "!host-info",
                "!conference-state",
                "!users",
                "!sidebars-by-ref",
                "!sidebars-by-val",
            ],
            true,
        );
        if matches!(root.attr("state"), None | Some("full")) {
            for name in ["conference-description", "users"] {
                if root.child(NAMESPACE, name).is_none() {
                    lint.error(root, format!("a full document has to hold {name}"));
                }
            }
        }
        if let Some(users) = root.child(NAMESPACE, "users") {
            check_users(&mut lint, users);
        }
        Ok(lint.into_findings())
    })
    .unwrap_or_else(|error| vec![error.into()])
}

fn check_users(lint: &mut Lint, users: Node<'_, '_>) {
    lint.one_of(users, "state", &STATES);
    let mut entities = BTreeSet::new();
    for user in users.children_named(NAMESPACE, "user") {
        lint.required(user, &["entity"]);
        lint.unique(user, "entity", &mut entities);
        lint.one_of(user, "state", &STATES);
        let mut keys = BTreeSet::new();
        for endpoint in user.children_named(NAMESPACE, "endpoint") {
            lint.unique(endpoint, "entity", &mut keys);
            lint.one_of(endpoint, "state", &STATES);
            for (name, known) in [
                ("status", &write::ENDPOINT_STATUS[..]),
                ("joining-method", &write::JOINING),
                ("disconnection-method", &write::DISCONNECTION),
            ] {
                if let Some(node) = endpoint.child(NAMESPACE, name)
                    && !known.contains(&node.token().unwrap_or_default().as_str())
                {
                    lint.error(node, format!("{name} has to be one of {}", known.join(", ")));
                }
            }
            let mut ids = BTreeSet::new();
            for media in endpoint.children_named(NAMESPACE, "media") {
                lint.required(media, &["id"]);
                lint.unique(media, "id", &mut ids);
            }
        }
    }
}
