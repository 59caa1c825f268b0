//! Looking a document over.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::{ContactEvent, ContactState, NAMESPACE, ROOT, RegistrationState};
use crate::Finding;
use crate::lint::Lint;
use crate::xml::{self, NodeExt};

/// What a peer may refuse or misread: CREG-01.
pub(crate) fn check(body: &[u8]) -> Vec<Finding> {
    xml::read(body, ROOT, |root| {
        let mut lint = Lint::new("CREG-01");
        lint.required(root, &["version", "state"]);
        lint.whole(root, "version", u64::from(u32::MAX));
        lint.one_of(root, "state", &["full", "partial"]);
        lint.only_attributes(root, &["version", "state"], false);
        lint.children(root, NAMESPACE, &["registration"], true);
        let (mut ids, mut contact_ids) = (BTreeSet::new(), BTreeSet::new());
        for registration in root.children_named(NAMESPACE, "registration") {
            lint.required(registration, &["aor", "id", "state"]);
            lint.unique(registration, "id", &mut ids);
            lint.one_of(registration, "state", RegistrationState::KNOWN);
            lint.only_attributes(registration, &["aor", "id", "state"], false);
            lint.children(registration, NAMESPACE, &["contact"], true);
            for contact in registration.children_named(NAMESPACE, "contact") {
                lint.unique(contact, "id", &mut contact_ids);
                check_contact(&mut lint, contact);
            }
        }
        Ok(lint.into_findings())
    })
    .unwrap_or_else(|error| vec![error.into()])
}

fn check_contact(lint: &mut Lint, contact: Node<'_, '_>) {
    let numbers = ["duration-registered", "expires", "retry-after", "cseq"];
    lint.required(contact, &["id", "state", "event"]);
    lint.one_of(contact, "state", ContactState::KNOWN);
    lint.one_of(contact, "event", ContactEvent::KNOWN);
    let others = ["id", "state", "event", "q", "callid"];
    lint.only_attributes(contact, &[&others[..], &numbers].concat(), false);
    for name in numbers {
        lint.whole(contact, name, u64::MAX);
    }
    match contact.attr("event") {
        Some("shortened") => lint.required(contact, &["expires"]),
        Some("probation") => lint.required(contact, &["retry-after"]),
        _ => {}
    }
    lint.children(
        contact,
        NAMESPACE,
        &["!uri", "!display-name", "unknown-param"],
        true,
    );
    if contact.child_token(NAMESPACE, "uri").is_none() {
        lint.error(contact, "contact has no element uri; it is skipped");
    }
    for param in contact.children_named(NAMESPACE, "unknown-param") {
        lint.required(param, &["name"]);
    }
}
