//! Looking presence documents over: what a peer may refuse or misread.

use std::collections::HashSet;

use roxmltree::Node;

use super::names::{CIPID, DATA_MODEL, PIDF, RPID, TIMED_STATUS, is_data_model, is_rpid};
use super::read::{basic, is_of_data_model};
use super::valid::{is_uri, is_xml_id};
use super::{Presence, Priority, check_rich};
use crate::xml::read::{clip, parse, text};
use crate::xml::{BLANKS, NodeExt};
use crate::{Extension, Finding, Severity, Timestamp};

/// Findings of one document at most.
const MAX_FINDINGS: usize = 100;

/// The findings on one document, as they come up.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    fn push(&mut self, severity: Severity, rule: &'static str, node: Node<'_, '_>, message: String) {
        // the line of a node is counted from the beginning of the document: not for thousands
        if self.0.len() < MAX_FINDINGS {
            let line = Some(node.line());
            self.0.push(Finding {
                severity,
                line,
                rule,
                message,
            });
        }
    }

    /// A peer refuses it or reads something else.
    pub(super) fn error(&mut self, rule: &'static str, node: Node<'_, '_>, message: impl Into<String>) {
        self.push(Severity::Error, rule, node, message.into());
    }

    /// Commonly accepted, or lost on some peers.
    pub(super) fn warning(&mut self, rule: &'static str, node: Node<'_, '_>, message: impl Into<String>) {
        self.push(Severity::Warning, rule, node, message.into());
    }
}

/// Looks a presence document over. [`Severity::Error`]: a common peer refuses the document or reads something else than
/// was meant; [`Severity::Warning`]: against an RFC or its schema, but commonly accepted.
pub fn check(body: &[u8]) -> Vec<Finding> {
    let text = match text(body) {
        Ok(text) => text,
        Err(error) => return vec![error.into()],
    };
    let tree = match parse(&text) {
        Ok(tree) => tree,
        Err(error) => return vec![error.into()],
    };
    let mut found = Findings::default();
    let root = tree.root_element();
    declaration(&text, root, &mut found);
    if !root.is(PIDF, "presence") {
        let name = clip(root.tag_name().name()).to_owned();
        found.error(
            "CPIDF-01",
            root,
            format!("the root element has to be presence, not {name}"),
        );
        return found.0;
    }
    presence(root, &mut found);
    found.0
}

/// Whether a document is about this presentity: whom we subscribed to or publish for. Another one is reported, and the
/// document used all the same (CPIDF-02). Scheme, parameters and port do not count, since the entity is `pres:` by
/// RFC 3863 and `sip:` in practice.
pub fn check_entity(presence: &Presence, uri: &str) -> Option<Finding> {
    let same = address(&presence.entity) == address(uri);
    let text = || match presence.entity.trim() {
        "" => "the document does not say whom it is about: it has no entity".to_owned(),
        entity => format!("the document is about {}, not about {}", clip(entity), clip(uri)),
    };
    (!same).then(|| Finding::warning("CPIDF-02", None, text()))
}

/// User and host of a URI in the form that is compared.
fn address(uri: &str) -> (String, String) {
    let uri = uri.trim();
    let rest = match uri.split_once(':') {
        Some((scheme, rest))
            if ["pres", "sip", "sips", "im", "tel"]
                .iter()
                .any(|s| scheme.eq_ignore_ascii_case(s)) =>
        {
            rest
        }
        _ => uri,
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (user, host) = rest.rsplit_once('@').unwrap_or(("", rest));
    let host = host.split(';').next().unwrap_or_default();
    // an IPv6 reference keeps its colons
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    };
    (user.to_owned(), host.to_ascii_lowercase())
}

fn declaration(text: &str, root: Node<'_, '_>, found: &mut Findings) {
    if !text.starts_with("<?xml") {
        let message = "the XML declaration is missing; begin with <?xml version=\"1.0\" encoding=\"UTF-8\"?>";
        found.warning("CXML-01", root, message);
    }
}

fn presence(root: Node<'_, '_>, found: &mut Findings) {
    match root.tag_name().namespace() {
        Some(namespace) if namespace == PIDF => {}
        Some(_) => found.error(
            "CPIDF-01",
            root,
            format!("the namespace is {PIDF}, without a colon at the end"),
        ),
        None => found.error(
            "CPIDF-01",
            root,
            format!("the namespace is missing: xmlns=\"{PIDF}\""),
        ),
    }
    entity(root, found);
    let mut ids = HashSet::new();
    // tuples, notes, then other namespaces
    let mut reached = 0;
    for node in root.elements() {
        let rank = if node.is(PIDF, "tuple") {
            tuple(node, &mut ids, found);
            0
        } else if node.is(PIDF, "note") {
            note(node, found);
            1
        } else {
            if is_of_data_model(node, "person") || is_of_data_model(node, "device") {
                component(node, &mut ids, found);
            } else {
                check_rich::misplaced_in_root(node, found);
            }
            2
        };
        if rank < reached {
            let name = node.tag_name().name();
            let message = format!("{name} stands too late: tuples first, then notes, then other elements");
            found.warning("CPIDF-03", node, message);
        }
        reached = reached.max(rank);
    }
}

fn entity(root: Node<'_, '_>, found: &mut Findings) {
    match root.attr("entity") {
        None => found.error(
            "CPIDF-01",
            root,
            "the attribute entity, the presentity's URI, is missing",
        ),
        Some(entity) if !is_uri(entity) => {
            found.error(
                "CPIDF-02",
                root,
                format!("entity {:?} is not a URI", clip(entity)),
            );
        }
        Some(entity) if !entity.contains(':') => {
            let message = format!(
                "entity {:?} has no scheme; write sip:{}",
                clip(entity),
                clip(entity)
            );
            found.warning("CPIDF-02", root, message);
        }
        Some(_) => {}
    }
}

/// The id of a tuple, person, device or rich element: there, unique, an xs:ID.
pub(super) fn id<'a>(
    rule: &'static str,
    node: Node<'a, '_>,
    required: bool,
    ids: &mut HashSet<&'a str>,
    found: &mut Findings,
) {
    let name = node.tag_name().name();
    match node.attr("id") {
        None if required => found.error(rule, node, format!("{name} has no id")),
        None => {}
        Some(id) if !ids.insert(id) => {
            found.error(
                rule,
                node,
                format!(
                    "the id {:?} is there already; a reader keeps one of them",
                    clip(id)
                ),
            );
        }
        Some(id) if !is_xml_id(id) => {
            let message = format!(
                "the id {:?} is no XML ID: begin with a letter, no blanks or colons",
                clip(id)
            );
            found.warning(rule, node, message);
        }
        Some(_) => {}
    }
}

/// A dateTime, in an element's text or in an attribute.
pub(super) fn time(what: &str, value: &str, node: Node<'_, '_>, found: &mut Findings) {
    let value = value.trim_matches(BLANKS);
    if Timestamp::parse(value).is_err() {
        let message = format!("{what} {:?} is not of the form 2026-01-15T09:30:00Z", clip(value));
        found.error("CXML-05", node, message);
    } else if !has_strict_form(value) {
        found.warning(
            "CXML-05",
            node,
            format!("{what}: T and Z are capital, and an offset or Z is at the end"),
        );
    }
}

/// `T` and `Z` capital, an offset there.
fn has_strict_form(value: &str) -> bool {
    let offset = value.len() > 6
        && value
            .get(value.len() - 6..)
            .is_some_and(|end| end.starts_with(['+', '-']));
    value.get(10..11) == Some("T") && (value.ends_with('Z') || offset) && !value.contains(',')
}

fn note(node: Node<'_, '_>, found: &mut Findings) {
    if let Some(lang) = node.lang().filter(|lang| !crate::note::is_language(lang)) {
        found.warning(
            "CPIDF-06",
            node,
            format!("xml:lang {:?} is no language tag", clip(&lang)),
        );
    }
}

fn tuple<'a>(node: Node<'a, '_>, ids: &mut HashSet<&'a str>, found: &mut Findings) {
    id("CPIDF-03", node, true, ids, found);
    let mut reached = 0;
    let (mut has_status, mut has_basic, mut has_contact, mut timestamp) = (false, false, false, None);
    for child in node.elements() {
        let rank = if child.is(PIDF, "status") {
            if has_status {
                found.error("CPIDF-04", child, "a second status; a reader takes one of them");
            }
            has_status = true;
            has_basic |= status(child, ids, found);
            0
        } else if child.is(PIDF, "contact") {
            if has_contact {
                found.error("CPIDF-03", child, "a second contact; write a tuple for each");
            }
            has_contact = true;
            contact(child, found);
            2
        } else if child.is(PIDF, "note") {
            note(child, found);
            3
        } else if child.is(PIDF, "timestamp") {
            time("timestamp", &child.content(), child, found);
            timestamp = child.token().and_then(|token| Timestamp::parse(&token).ok());
            4
        } else if child.is_in(PIDF) && child.tag_name().namespace().is_some() {
            let name = clip(child.tag_name().name()).to_owned();
            found.warning(
                "CPIDF-08",
                child,
                format!("tuple has no element {name}; readers ignore it"),
            );
            continue;
        } else {
            check_rich::element(child, check_rich::Place::Tuple, ids, found);
            demands(child, found);
            1
        };
        if rank < reached {
            let message = format!(
                "{} stands too late: status, other elements, contact, notes, timestamp",
                child.tag_name().name()
            );
            found.warning("CPIDF-03", child, message);
        }
        reached = reached.max(rank);
    }
    if !has_status {
        found.error(
            "CPIDF-04",
            node,
            "the tuple has no status; write at least <status/>",
        );
    }
    if has_basic && !has_contact {
        found.warning(
            "CPIDF-05",
            node,
            "a tuple with a basic status should have a contact",
        );
    }
    if timestamp.is_none() && node.child(PIDF, "timestamp").is_none() {
        found.warning("CPIDF-07", node, "the tuple should have a timestamp");
    }
    for timed in node.children_named(TIMED_STATUS, "timed-status") {
        check_rich::timed_status(timed, timestamp, found);
    }
}

/// Gives whether there is a basic status.
fn status<'a>(node: Node<'a, '_>, ids: &mut HashSet<&'a str>, found: &mut Findings) -> bool {
    let mut has_basic = false;
    for (at, child) in node.elements().enumerate() {
        if child.is(PIDF, "basic") {
            has_basic = true;
            if basic(child).is_none() {
                let value = child.token().unwrap_or_default();
                let message = format!(
                    "basic {:?} is neither open nor closed: nothing is known then",
                    clip(&value)
                );
                found.error("CPIDF-04", child, message);
            } else if child.content() != child.token().unwrap_or_default() {
                found.warning(
                    "CXML-04",
                    child,
                    "blanks round the value; some peers compare it as it is",
                );
            }
            if at > 0 {
                found.warning("CPIDF-03", child, "basic stands first in status");
            }
        } else {
            check_rich::element(child, check_rich::Place::Status, ids, found);
        }
    }
    if node.elements().next().is_none() {
        found.warning(
            "CPIDF-04",
            node,
            "an empty status says nothing: neither open nor closed",
        );
    }
    has_basic
}

fn contact(node: Node<'_, '_>, found: &mut Findings) {
    let uri = node.token().unwrap_or_default();
    if !is_uri(&uri) {
        found.error(
            "CPIDF-05",
            node,
            format!("the contact {:?} is not a URI", clip(&uri)),
        );
    }
    if let Some(priority) = node
        .attribute("priority")
        .filter(|value| Priority::parse(value).is_none())
    {
        let message = format!(
            "priority {:?} counts as none: from 0 to 1 with at most three decimals",
            clip(priority)
        );
        found.warning("CPIDF-05", node, message);
    }
}

/// `mustUnderstand` belongs into the extensions of a status only (RFC 3863 §4.2.3); §4.3.3 itself has it elsewhere.
fn demands(node: Node<'_, '_>, found: &mut Findings) {
    if Extension::must_be_understood(node, PIDF) {
        let message =
            "mustUnderstand belongs into optional elements inside status only; readers may drop the element";
        found.warning("CPIDF-08", node, message);
    }
}

/// A person or a device.
fn component<'a>(node: Node<'a, '_>, ids: &mut HashSet<&'a str>, found: &mut Findings) {
    let name = node.tag_name().name();
    let is_device = name == "device";
    id("CPDM-01", node, true, ids, found);
    namespace_of(node, DATA_MODEL, found);
    literal_prefix(node, "dm", found);
    let mut reached = 0;
    let mut has_device_id = false;
    for child in node.elements() {
        let of_model = child.tag_name().namespace().is_none_or(is_data_model);
        let rank = match child.tag_name().name() {
            "deviceID" if of_model && is_device => {
                has_device_id = true;
                1
            }
            "note" if of_model => {
                note(child, found);
                literal_prefix(child, "dm", found);
                2
            }
            "timestamp" if of_model => {
                time("timestamp", &child.content(), child, found);
                3
            }
            other if of_model => {
                found.warning("CPDM-01", child, format!("{name} has no element {}", clip(other)));
                continue;
            }
            _ => {
                let place = if is_device {
                    check_rich::Place::Device
                } else {
                    check_rich::Place::Person
                };
                check_rich::element(child, place, ids, found);
                demands(child, found);
                0
            }
        };
        if rank < reached {
            let message = format!("{} stands too late in {name}", child.tag_name().name());
            found.warning("CPDM-01", child, message);
        }
        reached = reached.max(rank);
    }
    if is_device && !has_device_id {
        found.error("CPDM-01", node, "the device has no deviceID");
    }
}

/// A namespace of a draft, or none, is read by few.
pub(super) fn namespace_of(node: Node<'_, '_>, wanted: &str, found: &mut Findings) {
    if node.tag_name().namespace() != Some(wanted) {
        let name = clip(node.tag_name().name()).to_owned();
        found.error(
            "CXML-02",
            node,
            format!("{name} is not in {wanted}; peers ignore it"),
        );
    }
}

/// FreeSWITCH looks for the names with these prefixes and sees nothing else.
pub(super) fn literal_prefix(node: Node<'_, '_>, prefix: &str, found: &mut Findings) {
    let source = node.document().input_text();
    let start = source.get(node.range()).unwrap_or_default();
    let name = node.tag_name().name();
    if !start.starts_with(&format!("<{prefix}:{name}")) {
        found.warning(
            "CXML-02",
            node,
            format!("FreeSWITCH sees this only when it is written <{prefix}:{name}>"),
        );
    }
}

/// Which of our namespaces a name is in, if any: for elements that are known by name but not here.
pub(super) fn is_ours(namespace: &str) -> bool {
    is_rpid(namespace) || [RPID, CIPID, TIMED_STATUS].contains(&namespace)
}
