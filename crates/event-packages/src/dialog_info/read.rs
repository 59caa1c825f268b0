//! Reading.

use roxmltree::Node;

use super::{
    Dialog, DialogInfo, DialogState, NAMESPACE, NameAddr, Param, Participant, ROOT, Replaces,
    SessionDescription, Target,
};
use crate::versioned::{self, number};
use crate::xml::{self, NodeExt};
use crate::{DocumentError, Extent};

/// Reads a document. Dialogs without a state are skipped; one without an id gets its Call-ID for one.
///
/// # Errors
/// Not well-formed, or another document.
pub(crate) fn read(body: &[u8]) -> Result<DialogInfo, DocumentError> {
    xml::read(body, ROOT, |root| {
        Ok(DialogInfo {
            version: versioned::version(root),
            state: Extent::of(root),
            entity: root.attr("entity").unwrap_or_default().into(),
            dialogs: root
                .children_named(NAMESPACE, "dialog")
                .filter_map(dialog)
                .collect(),
        })
    })
}

fn owned(text: Option<&str>) -> Option<Box<str>> {
    text.map(Into::into)
}

fn dialog(node: Node<'_, '_>) -> Option<Dialog> {
    let state = node.child(NAMESPACE, "state")?;
    let id = node
        .attr("id")
        .or_else(|| node.attr("call-id"))
        .unwrap_or_default();
    let participant = |name| {
        node.child(NAMESPACE, name)
            .map(|node| Box::new(participant(node)))
    };
    Some(Dialog {
        call_id: owned(node.attr("call-id")),
        local_tag: owned(node.attr("local-tag")),
        remote_tag: owned(node.attr("remote-tag")),
        direction: node.attr("direction").map(Into::into),
        event: state.attr("event").map(Into::into),
        code: state.attr_as("code").filter(|code| (100..700).contains(code)),
        duration: node
            .child_token(NAMESPACE, "duration")
            .and_then(|text| number(&text)),
        replaces: node.child(NAMESPACE, "replaces").map(|node| Replaces {
            call_id: node.attr("call-id").unwrap_or_default().into(),
            local_tag: node.attr("local-tag").unwrap_or_default().into(),
            remote_tag: node.attr("remote-tag").unwrap_or_default().into(),
        }),
        referred_by: node.child(NAMESPACE, "referred-by").and_then(name_addr),
        route_set: node
            .child(NAMESPACE, "route-set")
            .into_iter()
            .flat_map(|set| set.children())
            .filter(|node| node.is(NAMESPACE, "hop"))
            .filter_map(|hop| hop.token().map(Into::into))
            .collect(),
        local: participant("local"),
        remote: participant("remote"),
        ..Dialog::new(id, DialogState::from(state.token()?.as_str()))
    })
}

fn name_addr(node: Node<'_, '_>) -> Option<NameAddr> {
    let display = node.attr("display-name").or_else(|| node.attr("display"));
    Some(NameAddr {
        uri: node.token()?.into(),
        display: owned(display),
    })
}

fn participant(node: Node<'_, '_>) -> Participant {
    let mut identities = node.children_named(NAMESPACE, "identity").filter_map(name_addr);
    Participant {
        identity: identities.next(),
        other_identities: identities.collect(),
        target: node.child(NAMESPACE, "target").and_then(target),
        session_description: node
            .child(NAMESPACE, "session-description")
            .map(|node| SessionDescription {
                media_type: node.attr("type").unwrap_or("application/sdp").into(),
                content: node.content().into(),
            }),
        cseq: node.child_token(NAMESPACE, "cseq").and_then(|text| number(&text)),
    }
}

fn target(node: Node<'_, '_>) -> Option<Target> {
    // some peers put the URI inside the element
    let uri = owned(node.attr("uri")).or_else(|| node.token().map(Into::into))?;
    let params = node.children_named(NAMESPACE, "param").filter_map(|node| {
        Some(Param {
            name: node.attr("pname")?.into(),
            value: node.attribute("pval").unwrap_or("true").into(),
        })
    });
    Some(Target {
        uri,
        params: params.collect(),
    })
}
