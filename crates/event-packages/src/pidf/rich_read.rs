//! Reading rich presence.

use roxmltree::Node;

use super::names::{CIPID, Kind, LOCATION_TYPE, PIDF, RPID, TIMED_STATUS, UNKNOWN, is_data_model, is_rpid};
use super::rich::{Enumerated, PlaceIs, Rich, StatusIcon, TimeOffset, Use, UserInput, Value};
use crate::note::is_language;
use crate::xml::NodeExt;
use crate::{Extension, Note};

/// Without room to grow: documents are held by the thousand, and a list of one has room for four.
pub(super) fn tight<T>(mut list: Vec<T>) -> Vec<T> {
    list.shrink_to_fit();
    list
}

/// What the children of one person, tuple or device that are not its own come to.
#[derive(Default)]
pub(super) struct Place {
    pub(super) rich: Rich,
    pub(super) notes: Vec<Note>,
    pub(super) extensions: Vec<Extension>,
}

impl Place {
    /// Takes one child: rich presence, a note, or an element to be passed on.
    pub(super) fn take(&mut self, node: Node<'_, '_>) {
        let name = node.tag_name().name();
        let namespace = node.tag_name().namespace();
        let any = namespace.is_none();
        let ours = any
            || namespace.is_some_and(|ns| ns == PIDF || is_data_model(ns) || is_rpid(ns))
            || namespace == Some(TIMED_STATUS);
        if ours && name == "note" {
            self.notes.push(Note::read(node));
            return;
        }
        let known = !has_demands(node)
            && ((any || namespace.is_some_and(is_rpid)) && self.rpid(node, name)
                || (any || namespace == Some(CIPID)) && self.cipid(node, name));
        if !known {
            self.extensions.extend(opaque(node));
        }
    }

    /// An element of RPID. `false`: not one of those.
    fn rpid(&mut self, node: Node<'_, '_>, name: &str) -> bool {
        let rich = &mut self.rich;
        match name {
            "activities" => rich.activities.extend(enumerated(Kind::Activities, node)),
            "mood" => rich.mood.extend(enumerated(Kind::Mood, node)),
            "place-type" => rich.place_type.extend(enumerated(Kind::PlaceType, node)),
            "privacy" => rich.privacy.extend(enumerated(Kind::Privacy, node)),
            "sphere" => rich.sphere.extend(enumerated(Kind::Sphere, node)),
            "relationship" => {
                let found = enumerated(Kind::Relationship, node);
                rich.relationship = rich.relationship.take().or(found.map(Box::new));
            }
            "service-class" => {
                let found = enumerated(Kind::ServiceClass, node);
                rich.service_class = rich.service_class.take().or(found.map(Box::new));
            }
            "class" => rich.class = rich.class.take().or_else(|| node.token()),
            "place-is" => rich.place_is.push(place_is(node)),
            "status-icon" => rich.status_icon.extend(status_icon(node)),
            "time-offset" => rich.time_offset.extend(time_offset(node)),
            "user-input" => {
                rich.user_input = rich.user_input.take().or_else(|| user_input(node).map(Box::new))
            }
            _ => return false,
        }
        true
    }

    /// An element of CIPID. `false`: not one of those.
    fn cipid(&mut self, node: Node<'_, '_>, name: &str) -> bool {
        let rich = &mut self.rich;
        let uri = match name {
            "card" => &mut rich.card,
            "homepage" => &mut rich.homepage,
            "icon" => &mut rich.icon,
            "map" => &mut rich.map,
            "sound" => &mut rich.sound,
            "display-name" => {
                // its own language only: the schema has none here
                rich.display_name.push(Note {
                    text: node.content(),
                    lang: node.lang().filter(|lang| is_language(lang)),
                });
                return true;
            }
            _ => return false,
        };
        // each at most once (RFC 4482 §3)
        if uri.is_none() {
            *uri = node.token();
        }
        true
    }
}

/// An element of a foreign namespace as it is. One without namespace, or of a namespace whose elements have been looked
/// for by name already, is ignored (RFC 3863 §4.2.3).
pub(super) fn opaque(node: Node<'_, '_>) -> Option<Extension> {
    let namespace = node.tag_name().namespace()?;
    let known =
        namespace.trim_end_matches(':') == PIDF || is_data_model(namespace) || namespace == TIMED_STATUS;
    (!known).then(|| Extension::of(node))
}

/// Whether something inside a known element is marked as mandatory to understand: nothing that is known here ever is,
/// so the element is left alone as a whole (RFC 3863 §4.2.3, CPIDF-08).
fn has_demands(node: Node<'_, '_>) -> bool {
    node.has_children() && Extension::must_be_understood(node, PIDF)
}

fn element_id(node: Node<'_, '_>) -> Option<String> {
    node.attr("id").map(str::to_owned)
}

/// An element with an enumeration, brought into the shape that its schema allows. `None` where nothing is left.
fn enumerated(kind: Kind, node: Node<'_, '_>) -> Option<Enumerated> {
    let mut found = Enumerated::default();
    for child in node.elements() {
        let namespace = child.tag_name().namespace();
        let ours = namespace.is_none_or(is_rpid);
        let name = child.tag_name().name();
        if name == "note" && (ours || namespace.is_some_and(|ns| ns == PIDF || is_data_model(ns))) {
            found.notes.push(Note::read(child));
        } else if ours || (kind == Kind::PlaceType && namespace == Some(LOCATION_TYPE)) {
            found.values.extend(value(child, name));
        } else {
            found.values.extend(opaque(child).map(Value::Extension));
        }
    }
    if found.values.is_empty()
        && kind != Kind::Activities
        && let Some(text) = node.token()
    {
        // the drafts had the value as text
        found.values.push(Value::Name(text));
    }
    if kind.takes_span() {
        found.from = node.attr_time("from");
        found.until = node
            .attr_time("until")
            .filter(|until| found.from.is_none_or(|from| from <= *until));
        found.id = element_id(node);
    }
    if !kind.takes_notes() {
        found.notes.clear();
    }
    shape(kind, &mut found.values);
    if found.values.is_empty() && !kind.may_be_empty() {
        if kind.has_unknown() {
            found.values.push(Value::Name(UNKNOWN.to_owned()));
        } else {
            return None;
        }
    }
    found.values.shrink_to_fit();
    found.notes.shrink_to_fit();
    Some(found)
}

/// A value: the element's name, or the text of `other` and of `activity`, which a draft had.
fn value(node: Node<'_, '_>, name: &str) -> Option<Value> {
    if !matches!(name, "other" | "activity") {
        return Some(Value::Name(name.to_owned()));
    }
    let text = node.token().unwrap_or_else(|| name.to_owned());
    Some(match node.lang().filter(|lang| is_language(lang)) {
        Some(lang) => Value::Labelled { text, lang },
        None => Value::Name(text),
    })
}

/// Leaves out what cannot stand beside the rest.
fn shape(kind: Kind, values: &mut Vec<Value>) {
    let is_name = |value: &Value| matches!(value, Value::Name(name) if kind.has(name));
    let is_extension = |value: &Value| matches!(value, Value::Extension(_));
    if !kind.takes_text() {
        values.retain(|value| is_name(value) || is_extension(value));
    }
    let is_unknown =
        |value: &Value| kind.has_unknown() && matches!(value, Value::Name(name) if name == UNKNOWN);
    if values.iter().any(|value| !is_unknown(value)) {
        values.retain(|value| !is_unknown(value));
    } else {
        values.truncate(1);
    }
    match kind {
        Kind::Privacy => {
            let rank = |value: &Value| kind.names().iter().position(|name| *name == value.as_str());
            values.sort_by_key(|value| {
                if is_extension(value) {
                    usize::MAX
                } else {
                    rank(value).unwrap_or_default()
                }
            });
            values.dedup_by(|a, b| a == b && !is_extension(a));
        }
        Kind::PlaceType => {
            if values.iter().any(|value| is_name(value) || is_extension(value)) {
                values.retain(|value| is_name(value) || is_extension(value));
            } else {
                values.truncate(1);
            }
        }
        _ if kind.is_single() => values.truncate(1),
        _ => {}
    }
}

fn place_is(node: Node<'_, '_>) -> PlaceIs {
    let medium = |at: usize| {
        let (name, known) = PlaceIs::MEDIA.get(at)?;
        let element = node.elements().find(|child| {
            child.tag_name().name() == *name && child.tag_name().namespace().is_none_or(is_rpid)
        })?;
        let value = element.first_element_child()?.tag_name().name();
        known.contains(&value).then(|| value.to_owned())
    };
    let from = node.attr_time("from");
    PlaceIs {
        audio: medium(0),
        video: medium(1),
        text: medium(2),
        notes: node.children_named(RPID, "note").map(Note::read).collect(),
        from,
        until: node
            .attr_time("until")
            .filter(|until| from.is_none_or(|from| from <= *until)),
        id: element_id(node),
    }
}

fn status_icon(node: Node<'_, '_>) -> Option<StatusIcon> {
    let from = node.attr_time("from");
    Some(StatusIcon {
        uri: node.token()?,
        from,
        until: node
            .attr_time("until")
            .filter(|until| from.is_none_or(|from| from <= *until)),
        id: element_id(node),
    })
}

fn time_offset(node: Node<'_, '_>) -> Option<TimeOffset> {
    let from = node.attr_time("from");
    Some(TimeOffset {
        minutes: node.token()?.trim_start_matches('+').parse().ok()?,
        description: node.attribute("description").map(str::to_owned),
        from,
        until: node
            .attr_time("until")
            .filter(|until| from.is_none_or(|from| from <= *until)),
        id: element_id(node),
    })
}

fn user_input(node: Node<'_, '_>) -> Option<UserInput> {
    Some(UserInput {
        state: match node.token()?.as_str() {
            "active" => Use::Active,
            "idle" => Use::Idle,
            _ => return None,
        },
        idle_threshold: node
            .attr_as("idle-threshold")
            .filter(|&seconds: &u64| seconds > 0),
        last_input: node.attr_time("last-input"),
        id: element_id(node),
    })
}
