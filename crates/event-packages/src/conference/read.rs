//! Reading.

use roxmltree::Node;

use super::{
    Conference, ConferenceState, Description, DialogId, ElementState, Endpoint, Entries, Execution, HostInfo,
    Media, Medium, NAMESPACE, ROOT, UriEntry, User,
};
use crate::versioned::{self, number};
use crate::xml::{self, NodeExt};
use crate::{DocumentError, Timestamp};

/// Reads a document. Elements without their key are skipped.
///
/// # Errors
/// Not well-formed, or another document.
pub(crate) fn read(body: &[u8]) -> Result<Conference, DocumentError> {
    xml::read(body, ROOT, |root| Ok(conference(root)))
}

fn child<'a, 'i: 'a>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.child(NAMESPACE, name)
}

fn token(node: Node<'_, '_>, name: &str) -> Option<Box<str>> {
    node.child_token(NAMESPACE, name).map(Into::into)
}

fn count(node: Node<'_, '_>, name: &str) -> Option<u32> {
    let number = node.child_token(NAMESPACE, name).and_then(|text| number(&text));
    number.map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

fn state(node: Node<'_, '_>) -> ElementState {
    match node.attr("state") {
        Some("partial") => ElementState::Partial,
        Some("deleted") => ElementState::Deleted,
        _ => ElementState::Full,
    }
}

/// The entries of a set, each read by `entry`.
fn entries<T>(
    node: Node<'_, '_>,
    set: &str,
    name: &str,
    entry: impl Fn(Node<'_, '_>) -> Option<T>,
) -> Option<Entries<T>> {
    let set = child(node, set)?;
    Some(Entries {
        state: state(set),
        entries: set
            .children()
            .filter(|node| node.is(NAMESPACE, name))
            .filter_map(entry)
            .collect(),
    })
}

fn conference(node: Node<'_, '_>) -> Conference {
    Conference {
        entity: node.attr("entity").unwrap_or_default().into(),
        version: versioned::version(node),
        state: state(node),
        description: child(node, "conference-description").map(|node| Box::new(description(node))),
        host_info: child(node, "host-info").map(|node| {
            Box::new(HostInfo {
                display_text: token(node, "display-text"),
                web_page: token(node, "web-page"),
                uris: entries(node, "uris", "entry", uri),
            })
        }),
        conference_state: child(node, "conference-state").map(|node| {
            let boolean = |name| {
                node.child_token(NAMESPACE, name)
                    .and_then(|text| xml::read::is_boolean(&text))
            };
            ConferenceState {
                user_count: count(node, "user-count"),
                active: boolean("active"),
                locked: boolean("locked"),
            }
        }),
        users: entries(node, "users", "user", user),
        sidebars_by_ref: entries(node, "sidebars-by-ref", "entry", uri),
        sidebars_by_val: entries(node, "sidebars-by-val", "entry", |node| {
            node.attr("entity").map(|_| conference(node))
        }),
    }
}

fn words(text: Option<Box<str>>) -> Vec<Box<str>> {
    let text = text.unwrap_or_default();
    text.split_ascii_whitespace().map(Into::into).collect()
}

fn description(node: Node<'_, '_>) -> Description {
    let media = entries(node, "available-media", "entry", |node| {
        Some(Medium {
            label: node.attr("label")?.into(),
            display_text: token(node, "display-text"),
            kind: token(node, "type").unwrap_or_default(),
            status: token(node, "status"),
        })
    });
    Description {
        display_text: token(node, "display-text"),
        subject: token(node, "subject"),
        free_text: token(node, "free-text"),
        keywords: words(token(node, "keywords")),
        conf_uris: entries(node, "conf-uris", "entry", uri),
        service_uris: entries(node, "service-uris", "entry", uri),
        maximum_user_count: count(node, "maximum-user-count"),
        available_media: media.map_or_else(Vec::new, |media| media.entries),
    }
}

fn uri(node: Node<'_, '_>) -> Option<UriEntry> {
    Some(UriEntry {
        uri: token(node, "uri")?,
        display_text: token(node, "display-text"),
        purpose: token(node, "purpose"),
        modified: child(node, "modified").map(execution),
    })
}

fn execution(node: Node<'_, '_>) -> Execution {
    let when = node.child_token(NAMESPACE, "when");
    Execution {
        when: when.and_then(|text| Timestamp::parse(&text).ok()),
        reason: token(node, "reason"),
        by: token(node, "by"),
    }
}

fn user(node: Node<'_, '_>) -> Option<User> {
    let roles = entries(node, "roles", "entry", |node| node.token().map(Into::into));
    Some(User {
        entity: node.attr("entity")?.into(),
        state: state(node),
        display_text: token(node, "display-text"),
        associated_aors: entries(node, "associated-aors", "entry", uri),
        roles: roles.map_or_else(Vec::new, |roles| roles.entries),
        languages: words(token(node, "languages")),
        cascaded_focus: token(node, "cascaded-focus"),
        endpoints: node.children_named(NAMESPACE, "endpoint").map(endpoint).collect(),
    })
}

fn endpoint(node: Node<'_, '_>) -> Endpoint {
    let media = node.children_named(NAMESPACE, "media").filter_map(|node| {
        Some(Media {
            id: node.attr("id")?.into(),
            display_text: token(node, "display-text"),
            kind: token(node, "type"),
            label: token(node, "label"),
            src_id: token(node, "src-id"),
            status: token(node, "status"),
        })
    });
    let sip = child(node, "call-info").and_then(|info| child(info, "sip"));
    Endpoint {
        entity: node.attr("entity").map(Into::into),
        state: state(node),
        display_text: token(node, "display-text"),
        referred: child(node, "referred").map(execution),
        status: token(node, "status"),
        joining_method: token(node, "joining-method"),
        joining_info: child(node, "joining-info").map(execution),
        disconnection_method: token(node, "disconnection-method"),
        disconnection_info: child(node, "disconnection-info").map(execution),
        media: media.collect(),
        call_info: sip.and_then(|sip| {
            Some(DialogId {
                display_text: token(sip, "display-text"),
                call_id: token(sip, "call-id")?,
                from_tag: token(sip, "from-tag").unwrap_or_default(),
                to_tag: token(sip, "to-tag").unwrap_or_default(),
            })
        }),
    }
}
