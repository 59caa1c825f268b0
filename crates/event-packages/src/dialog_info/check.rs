//! Looking a document over.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::{DialogEvent, DialogState, Direction, NAMESPACE, ROOT};
use crate::Finding;
use crate::lint::Lint;
use crate::xml::{self, NodeExt};

/// What a peer may refuse or misread: CDLG-01.
pub(crate) fn check(body: &[u8]) -> Vec<Finding> {
    xml::read(body, ROOT, |root| {
        let mut lint = Lint::new("CDLG-01");
        check_root(&mut lint, root);
        Ok(lint.into_findings())
    })
    .unwrap_or_else(|error| vec![error.into()])
}

fn check_root(lint: &mut Lint, root: Node<'_, '_>) {
    lint.required(root, &["version", "state", "entity"]);
    lint.whole(root, "version", u64::from(u32::MAX));
    lint.one_of(root, "state", &["full", "partial"]);
    lint.only_attributes(root, &["version", "state", "entity"], false);
    lint.children(root, NAMESPACE, &["dialog"], true);
    let mut ids = BTreeSet::new();
    let mut dialogs = 0_usize;
    for dialog in root.children_named(NAMESPACE, "dialog") {
        dialogs += 1;
        lint.unique(dialog, "id", &mut ids);
        check_dialog(lint, dialog);
    }
    match dialogs {
        0 => lint.warning(
            root,
            "there is no dialog; some phones (Yealink, Bria, Aastra) need one, of state terminated when there is none",
        ),
        1 => {}
        _ => lint.warning(root, "there are several dialogs; some phones (Linksys SPA) take one only"),
    }
}

fn check_dialog(lint: &mut Lint, dialog: Node<'_, '_>) {
    lint.required(dialog, &["id"]);
    lint.one_of(dialog, "direction", Direction::KNOWN);
    let attributes = ["id", "call-id", "local-tag", "remote-tag", "direction"];
    lint.only_attributes(dialog, &attributes, false);
    lint.children(
        dialog,
        NAMESPACE,
        &[
            "!state",
            "!duration",
            "!replaces",
            "!referred-by",
            "!route-set",
            "!local",
            "!remote",
        ],
        true,
    );
    match dialog.child(NAMESPACE, "state") {
        None => lint.error(dialog, "dialog has no element state; it is skipped"),
        Some(state) => {
            let value = state.token().unwrap_or_default();
            if !DialogState::KNOWN.contains(&value.as_str()) {
                let known = DialogState::KNOWN.join(", ");
                lint.error(
                    state,
                    format!("state {:?} is none of {known}", xml::read::clip(&value)),
                );
            }
            lint.one_of(state, "event", DialogEvent::KNOWN);
            lint.only_attributes(state, &["event", "code"], false);
            let code = state.attribute("code");
            if code.is_some_and(|code| !code.parse::<u16>().is_ok_and(|code| (100..700).contains(&code))) {
                lint.error(state, "code has to be 100 to 699");
            }
        }
    }
    if let Some(replaces) = dialog.child(NAMESPACE, "replaces") {
        lint.required(replaces, &["call-id", "local-tag", "remote-tag"]);
    }
    if let Some(by) = dialog.child(NAMESPACE, "referred-by") {
        check_display(lint, by);
    }
    for name in ["local", "remote"] {
        if let Some(side) = dialog.child(NAMESPACE, name) {
            check_participant(lint, side);
        }
    }
}

fn check_participant(lint: &mut Lint, side: Node<'_, '_>) {
    lint.children(
        side,
        NAMESPACE,
        &["!identity", "!target", "!session-description", "!cseq"],
        true,
    );
    for identity in side.children_named(NAMESPACE, "identity") {
        check_display(lint, identity);
    }
    if let Some(target) = side.child(NAMESPACE, "target") {
        lint.required(target, &["uri"]);
        for param in target.children_named(NAMESPACE, "param") {
            lint.required(param, &["pname"]);
            if param.attribute("pval").is_none() {
                lint.error(
                    param,
                    "param has no attribute pval; of one without a value it is \"true\"",
                );
            }
        }
    }
    if let Some(description) = side.child(NAMESPACE, "session-description") {
        lint.required(description, &["type"]);
    }
}

/// The prose and all phones say `display`, the schema `display-name`.
fn check_display(lint: &mut Lint, node: Node<'_, '_>) {
    if node.attribute("display").is_some() {
        lint.warning(
            node,
            "the schema of RFC 4235 calls the attribute display-name, its prose display: who validates refuses this",
        );
    }
    if node.token().is_none() {
        lint.error(node, format!("{} holds no URI", node.tag_name().name()));
    }
}
