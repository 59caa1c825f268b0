//! Reading.

use roxmltree::Node;

use super::{Contact, GRUU, NAMESPACE, ROOT, Registration, Registrations, TempGruu, UnknownParam};
use crate::versioned::{self, number};
use crate::xml::{self, NodeExt};
use crate::{DocumentError, Extent, Note};

/// Reads a document. Registrations without an address-of-record and contacts without a URI are skipped; a missing id is
/// the URI.
///
/// # Errors
/// Not well-formed, or another document.
pub(crate) fn read(body: &[u8]) -> Result<Registrations, DocumentError> {
    xml::read(body, ROOT, |root| {
        Ok(Registrations {
            version: versioned::version(root),
            state: Extent::of(root),
            registrations: root
                .children_named(NAMESPACE, "registration")
                .filter_map(registration)
                .collect(),
        })
    })
}

fn registration(node: Node<'_, '_>) -> Option<Registration> {
    let aor = node.attr("aor")?;
    Some(Registration {
        aor: aor.into(),
        id: node.attr("id").unwrap_or(aor).into(),
        state: node.attr("state").unwrap_or_default().into(),
        contacts: node
            .children_named(NAMESPACE, "contact")
            .filter_map(contact)
            .collect(),
    })
}

fn contact(node: Node<'_, '_>) -> Option<Contact> {
    let uri = node.child_token(NAMESPACE, "uri")?;
    let whole = |name: &str| node.attr(name).and_then(number);
    let params = node.children_named(NAMESPACE, "unknown-param");
    Some(Contact {
        id: node.attr("id").unwrap_or(&uri).into(),
        state: node.attr("state").unwrap_or_default().into(),
        event: node.attr("event").unwrap_or_default().into(),
        duration_registered: whole("duration-registered"),
        expires: whole("expires"),
        retry_after: whole("retry-after"),
        q: node.attr("q").map(Into::into),
        callid: node.attr("callid").map(Into::into),
        cseq: whole("cseq"),
        display_name: node.child(NAMESPACE, "display-name").map(Note::read),
        unknown_params: params
            .filter_map(|param| {
                Some(UnknownParam {
                    name: param.attr("name")?.into(),
                    value: param.token().unwrap_or_default().into(),
                })
            })
            .collect(),
        pub_gruu: node
            .child(GRUU, "pub-gruu")
            .and_then(|gruu| gruu.attr("uri"))
            .map(Into::into),
        temp_gruu: node.child(GRUU, "temp-gruu").and_then(|gruu| {
            Some(TempGruu {
                uri: gruu.attr("uri")?.into(),
                first_cseq: gruu.attr("first-cseq").and_then(number).unwrap_or_default(),
            })
        }),
        uri: uri.into(),
    })
}
