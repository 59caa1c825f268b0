//! Reading presence documents, from whoever wrote them.

use roxmltree::Node;

use super::names::{DATA_MODEL, PIDF, TIMED_STATUS, is_data_model};
use super::rich_read::{self, Place, tight};
use super::{Basic, Contact, Device, Person, Presence, Priority, Status, TimedStatus, Tuple};
use crate::xml::{self, NodeExt};
use crate::{DocumentError, Note, Timestamp};

/// Reads a presence document: what can be recognised is used (RFC 4479 §5), whatever the schemas say.
///
/// # Errors
/// [`DocumentError`] when it is not well-formed, passes a bound, or is not a presence document.
pub fn read(body: &[u8]) -> Result<Presence, DocumentError> {
    let root = (PIDF, "presence", "presence in urn:ietf:params:xml:ns:pidf");
    xml::read(body, root, |root| Ok(presence(root)))
}

/// Whether it is an element of the data model, or of the namespace that drafts had for it.
pub(crate) fn is_of_data_model(node: Node<'_, '_>, name: &str) -> bool {
    node.is(DATA_MODEL, name)
        || (node.tag_name().name() == name && node.tag_name().namespace().is_some_and(is_data_model))
}

fn presence(root: Node<'_, '_>) -> Presence {
    let mut presence = Presence {
        entity: root.attr("entity").unwrap_or_default().to_owned(),
        ..Presence::default()
    };
    let mut stray = Place::default();
    for node in root.elements() {
        if node.is(PIDF, "tuple") {
            let tuple = tuple(node, &mut presence.persons);
            presence.tuples.push(tuple);
        } else if node.is(PIDF, "note") {
            presence.notes.push(Note::read(node));
        } else if is_of_data_model(node, "person") {
            presence.persons.push(person(node));
        } else if is_of_data_model(node, "device") {
            presence.devices.push(device(node));
        } else {
            stray.take(node);
        }
    }
    presence.extensions = tight(stray.extensions);
    // rich presence directly in the root is the person's; where there is one, that one knows better
    if presence.persons.is_empty() && (!stray.rich.is_empty() || !stray.notes.is_empty()) {
        presence.persons.push(Person {
            id: "person".to_owned(),
            rich: stray.rich.boxed(),
            notes: stray.notes,
            ..Person::default()
        });
    }
    presence.tuples.shrink_to_fit();
    presence.persons.shrink_to_fit();
    presence.devices.shrink_to_fit();
    presence.notes.shrink_to_fit();
    presence
}

fn id(node: Node<'_, '_>) -> String {
    node.attr("id").unwrap_or_default().to_owned()
}

fn time(node: Node<'_, '_>) -> Option<Timestamp> {
    node.token().and_then(|token| Timestamp::parse(&token).ok())
}

/// The basic status of a `basic` element; `None` when it is neither.
pub(super) fn basic(node: Node<'_, '_>) -> Option<Basic> {
    match node.token()?.as_str() {
        "open" => Some(Basic::Open),
        "closed" => Some(Basic::Closed),
        _ => None,
    }
}

fn tuple(node: Node<'_, '_>, persons: &mut Vec<Person>) -> Tuple {
    let mut tuple = Tuple {
        id: id(node),
        ..Tuple::default()
    };
    let mut place = Place::default();
    for child in node.elements() {
        if child.is(PIDF, "status") {
            tuple.status = status(child, &mut place, &mut tuple.timed_status);
        } else if child.is(PIDF, "basic") {
            tuple.status.basic = tuple.status.basic.or_else(|| basic(child));
        } else if child.is(PIDF, "contact") {
            tuple.contact = tuple.contact.or_else(|| contact(child));
        } else if child.is(PIDF, "timestamp") || is_of_data_model(child, "timestamp") {
            tuple.timestamp = tuple.timestamp.or_else(|| time(child));
        } else if is_of_data_model(child, "deviceID") {
            tuple.device_ids.extend(child.token());
        } else if is_of_data_model(child, "person") {
            persons.push(person(child));
        } else if child.is(TIMED_STATUS, "timed-status") {
            tuple.timed_status.extend(timed_status(child));
        } else {
            place.take(child);
        }
    }
    tuple.rich = place.rich.boxed();
    tuple.notes = tight(place.notes);
    tuple.extensions = tight(place.extensions);
    tuple.device_ids.shrink_to_fit();
    tuple.timed_status.shrink_to_fit();
    tuple
}

/// A status, and the rich presence that old documents have inside it: new attributes belong into the tuple (RFC 4479 §5).
fn status(node: Node<'_, '_>, place: &mut Place, timed: &mut Vec<TimedStatus>) -> Status {
    let mut status = Status::default();
    let mut inside = Place {
        rich: std::mem::take(&mut place.rich),
        ..Place::default()
    };
    for child in node.elements() {
        if child.is(PIDF, "basic") {
            status.basic = status.basic.or_else(|| basic(child));
        } else if child.is(TIMED_STATUS, "timed-status") {
            timed.extend(timed_status(child));
        } else {
            inside.take(child);
        }
    }
    place.rich = inside.rich;
    place.notes.append(&mut inside.notes);
    status.extensions = tight(inside.extensions);
    status
}

fn contact(node: Node<'_, '_>) -> Option<Contact> {
    Some(Contact {
        uri: node.token()?,
        priority: node.attr("priority").and_then(Priority::parse),
    })
}

fn timed_status(node: Node<'_, '_>) -> Option<TimedStatus> {
    let from = node.attr_time("from")?;
    let mut timed = TimedStatus {
        from,
        until: node.attr_time("until").filter(|until| from <= *until),
        basic: None,
        note: None,
        extensions: Vec::new(),
    };
    for child in node.elements() {
        if child.is(TIMED_STATUS, "basic") || child.is(PIDF, "basic") {
            timed.basic = timed.basic.or_else(|| basic(child));
        } else if child.is(TIMED_STATUS, "note") || child.is(PIDF, "note") {
            timed.note.get_or_insert_with(|| Note::read(child));
        } else if !child.is_in(TIMED_STATUS) {
            timed.extensions.extend(rich_read::opaque(child));
        }
    }
    Some(timed)
}

fn person(node: Node<'_, '_>) -> Person {
    let mut place = Place::default();
    let mut timestamp = None;
    for child in node.elements() {
        if is_of_data_model(child, "timestamp") || child.is(PIDF, "timestamp") {
            timestamp = timestamp.or_else(|| time(child));
        } else if child.is(PIDF, "status") || is_of_data_model(child, "status") {
            // the drafts that Asterisk follows
            child.elements().for_each(|inner| place.take(inner));
        } else {
            place.take(child);
        }
    }
    Person {
        id: id(node),
        rich: place.rich.boxed(),
        notes: tight(place.notes),
        timestamp,
        extensions: tight(place.extensions),
    }
}

fn device(node: Node<'_, '_>) -> Device {
    let mut place = Place::default();
    let mut timestamp = None;
    let mut device_id = None;
    for child in node.elements() {
        if is_of_data_model(child, "timestamp") || child.is(PIDF, "timestamp") {
            timestamp = timestamp.or_else(|| time(child));
        } else if is_of_data_model(child, "deviceID") {
            device_id = device_id.or_else(|| child.token());
        } else {
            place.take(child);
        }
    }
    Device {
        id: id(node),
        rich: place.rich.boxed(),
        device_id,
        notes: tight(place.notes),
        timestamp,
        extensions: tight(place.extensions),
    }
}
