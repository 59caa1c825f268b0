//! Looking rich presence over: RPID, CIPID, timed status.

use std::collections::HashSet;

use roxmltree::Node;

use super::check::{Findings, id, is_ours, literal_prefix, namespace_of, time};
use super::names::{CIPID, Kind, LOCATION_TYPE, RPID, TIMED_STATUS, UNKNOWN, is_rpid};
use super::read::basic;
use super::rich::PlaceIs;
use super::valid::is_uri;
use crate::Timestamp;
use crate::xml::NodeExt;
use crate::xml::read::clip;

/// Where an element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Person,
    Tuple,
    Status,
    Device,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Tuple => "tuple",
            Self::Status => "status",
            Self::Device => "device",
        }
    }
}

/// Where RFC 4480 Table 1 has an element: person, tuple, device.
fn places(name: &str) -> Option<&'static [Place]> {
    Some(match name {
        "activities" | "mood" | "place-is" | "place-type" | "sphere" | "time-offset" => &[Place::Person],
        "privacy" | "status-icon" => &[Place::Person, Place::Tuple],
        "relationship" | "service-class" => &[Place::Tuple],
        "class" | "user-input" => &[Place::Person, Place::Tuple, Place::Device],
        "note" => &[Place::Person, Place::Tuple, Place::Device, Place::Status],
        _ => return None,
    })
}

/// Rich presence directly in the root, where nobody looks for it.
pub(super) fn misplaced_in_root(node: Node<'_, '_>, found: &mut Findings) {
    if node.tag_name().namespace().is_some_and(is_ours) {
        let name = node.tag_name().name();
        found.warning(
            "CRPID-02",
            node,
            format!("{} belongs into a dm:person or a tuple", clip(name)),
        );
    }
}

/// One element in a person, tuple, status or device.
pub(super) fn element<'a>(
    node: Node<'a, '_>,
    place: Place,
    ids: &mut HashSet<&'a str>,
    found: &mut Findings,
) {
    let name = node.tag_name().name();
    match node.tag_name().namespace() {
        Some(CIPID) => cipid(node, name, found),
        Some(TIMED_STATUS) if place != Place::Tuple => {
            let message = format!("{} belongs into a tuple, not into {}", clip(name), place.name());
            found.warning("CTS-01", node, message);
        }
        Some(namespace) if is_rpid(namespace) => rpid(node, name, place, ids, found),
        _ => {}
    }
}

fn rpid<'a>(node: Node<'a, '_>, name: &str, place: Place, ids: &mut HashSet<&'a str>, found: &mut Findings) {
    namespace_of(node, RPID, found);
    let Some(places) = places(name) else {
        found.warning(
            "CRPID-01",
            node,
            format!("RPID has no element {}; readers ignore it", clip(name)),
        );
        return;
    };
    if !places.contains(&place) {
        let wanted: Vec<_> = places.iter().map(|place| place.name()).collect();
        let message = format!(
            "{name} belongs into {}, not into {}",
            wanted.join(" or "),
            place.name()
        );
        found.warning("CRPID-02", node, message);
    }
    if matches!(name, "activities" | "note") {
        literal_prefix(node, "rpid", found);
    }
    id("CRPID-01", node, false, ids, found);
    span(
        node,
        !matches!(name, "class" | "relationship" | "service-class" | "user-input"),
        found,
    );
    let kind = match name {
        "activities" => Kind::Activities,
        "mood" => Kind::Mood,
        "place-type" => Kind::PlaceType,
        "privacy" => Kind::Privacy,
        "relationship" => Kind::Relationship,
        "service-class" => Kind::ServiceClass,
        "sphere" => Kind::Sphere,
        "place-is" => return place_is(node, found),
        "status-icon" => return uri("CRPID-01", node, found),
        "time-offset" => return time_offset(node, found),
        "user-input" => return user_input(node, found),
        _ => return,
    };
    enumerated(kind, node, found);
    overlaps(node, name, found);
}

/// `from` and `until`.
fn span(node: Node<'_, '_>, allowed: bool, found: &mut Findings) {
    for name in ["from", "until"] {
        let Some(value) = node.attribute(name) else {
            continue;
        };
        if allowed {
            time(name, value, node, found);
        } else {
            let message = format!("{} must not have {name}", node.tag_name().name());
            found.warning("CRPID-01", node, message);
        }
    }
    if let (Some(from), Some(until)) = (node.attr_time("from"), node.attr_time("until"))
        && until < from
    {
        found.error("CRPID-01", node, "until is before from");
    }
}

/// Several elements of one type are there for several times (RFC 4480 §3.1).
fn overlaps(node: Node<'_, '_>, name: &str, found: &mut Findings) {
    let (from, until) = (node.attr_time("from"), node.attr_time("until"));
    // each with the nearest before it: a list in order of time is what is meant, and all pairs would be many
    let before = node.prev_siblings().skip(1).find(|other| other.is(RPID, name));
    let ends_before = |end: Option<Timestamp>, start: Option<Timestamp>| matches!((end, start), (Some(a), Some(b)) if a <= b);
    if let Some(other) = before
        && !ends_before(other.attr_time("until"), from)
        && !ends_before(until, other.attr_time("from"))
    {
        let message = format!("the times of two {name} overlap; one element can hold several values");
        found.warning("CRPID-01", node, message);
    }
}

fn enumerated(kind: Kind, node: Node<'_, '_>, found: &mut Findings) {
    let mut names = Vec::new();
    for child in node.elements() {
        let name = child.tag_name().name();
        let namespace = child.tag_name().namespace();
        let of_rpid = namespace.is_none_or(is_rpid);
        if of_rpid && name == "note" {
            if !names.is_empty() {
                found.warning("CRPID-01", child, "notes stand before the values");
            }
            continue;
        }
        names.push(name);
        let known = match kind {
            Kind::PlaceType if of_rpid => name == "other",
            _ => kind.has(name) || (name == "other" && kind.takes_text()),
        };
        if of_rpid && !known {
            let element = node.tag_name().name();
            let message = match (kind, name) {
                (Kind::PlaceType, name) if Kind::PlaceType.has(name) => {
                    format!("{name} is in the namespace {LOCATION_TYPE} (RFC 4589)")
                }
                (_, "lunch") => {
                    "the schema of RFC 4480 has no lunch; write <rpid:other>lunch</rpid:other>".to_owned()
                }
                _ => format!("{element} has no value {}; write it as other", clip(name)),
            };
            found.warning("CRPID-01", child, message);
        } else if of_rpid && name != "other" && child.token().is_some() {
            found.warning("CRPID-01", child, format!("{name} is empty in the schema"));
        } else if name == "other"
            && let Some(same) = child
                .token()
                .filter(|text| kind.has(&text.trim().to_ascii_lowercase()))
        {
            let message = format!(
                "{:?} has an element of its own, which peers understand",
                clip(&same)
            );
            found.warning("CRPID-01", child, message);
        }
    }
    if node.token().is_some() {
        found.warning("CRPID-01", node, "text beside the elements; validators refuse it");
    }
    if kind.has_unknown() && names.len() > 1 && names.contains(&UNKNOWN) {
        found.warning("CRPID-01", node, "unknown stands alone");
    }
    if kind.is_single() && names.len() > 1 {
        found.warning(
            "CRPID-01",
            node,
            format!("{} takes one value", node.tag_name().name()),
        );
    }
    if names.is_empty() && !kind.may_be_empty() {
        found.warning(
            "CRPID-01",
            node,
            format!("{} has no value", node.tag_name().name()),
        );
    }
}

fn place_is(node: Node<'_, '_>, found: &mut Findings) {
    for child in node
        .elements()
        .filter(|child| child.is_in(RPID) && !child.is(RPID, "note"))
    {
        let name = child.tag_name().name();
        let known = PlaceIs::MEDIA.iter().find(|(medium, _)| *medium == name);
        let Some((_, known)) = known else {
            found.warning(
                "CRPID-01",
                child,
                format!("place-is has no element {}", clip(name)),
            );
            continue;
        };
        let value = child.first_element_child().map(|value| value.tag_name().name());
        if !value.is_some_and(|value| known.contains(&value)) {
            found.warning(
                "CRPID-01",
                child,
                format!("{name} holds one of {}", known.join(", ")),
            );
        }
    }
}

fn uri(rule: &'static str, node: Node<'_, '_>, found: &mut Findings) {
    let uri = node.token().unwrap_or_default();
    if !is_uri(&uri) {
        let message = format!("{} {:?} is not a URI", node.tag_name().name(), clip(&uri));
        found.warning(rule, node, message);
    }
}

fn time_offset(node: Node<'_, '_>, found: &mut Findings) {
    if node.token().and_then(|token| token.parse::<i64>().ok()).is_none() {
        found.warning("CRPID-01", node, "time-offset is a whole number of minutes");
    }
}

fn user_input(node: Node<'_, '_>, found: &mut Findings) {
    if !matches!(node.token().as_deref(), Some("active" | "idle")) {
        found.warning("CRPID-03", node, "user-input is active or idle");
    }
    let seconds = |value: &str| value.trim().parse::<u64>().is_ok_and(|seconds| seconds > 0);
    if node
        .attribute("idle-threshold")
        .is_some_and(|value| !seconds(value))
    {
        found.warning(
            "CRPID-03",
            node,
            "idle-threshold is a number of seconds, at least 1",
        );
    }
    if let Some(last) = node.attribute("last-input") {
        time("last-input", last, node, found);
    }
}

fn cipid(node: Node<'_, '_>, name: &str, found: &mut Findings) {
    let again = |same_language: bool| {
        let mut before = node.prev_siblings().skip(1).take(100);
        before.any(|other| other.is(CIPID, name) && (!same_language || other.lang() == node.lang()))
    };
    match name {
        "card" | "homepage" | "icon" | "map" | "sound" => {
            uri("CCIPID-01", node, found);
            if again(false) {
                found.warning(
                    "CCIPID-01",
                    node,
                    format!("a second {name}; readers take one of them"),
                );
            }
        }
        "display-name" => {
            if again(true) {
                found.warning("CCIPID-01", node, "a second display-name in the same language");
            }
            if node.lang().is_some() {
                let message =
                    "the schema of RFC 4482 has no xml:lang here, though its text has; validators refuse it";
                found.warning("CCIPID-01", node, message);
            }
        }
        _ => found.warning(
            "CCIPID-01",
            node,
            format!("CIPID has no element {}; readers ignore it", clip(name)),
        ),
    }
}

/// A timed status of a tuple; `now` is the tuple's timestamp (RFC 4481 §3).
pub(super) fn timed_status(node: Node<'_, '_>, now: Option<Timestamp>, found: &mut Findings) {
    if node.attribute("from").is_none() {
        found.error("CTS-01", node, "timed-status has no from; readers ignore it");
    }
    for name in ["from", "until"] {
        if let Some(value) = node.attribute(name) {
            time(name, value, node, found);
        }
    }
    let (from, until) = (node.attr_time("from"), node.attr_time("until"));
    if let (Some(from), Some(now)) = (from, now)
        && from <= now
        && until.is_none_or(|until| now < until)
    {
        found.warning(
            "CTS-01",
            node,
            "the interval holds the tuple's timestamp; what is so now belongs into status",
        );
    }
    for child in node.children_named(TIMED_STATUS, "basic") {
        if basic(child).is_none() {
            found.error("CTS-01", child, "basic is open or closed");
        }
    }
}
