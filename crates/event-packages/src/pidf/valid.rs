//! What must hold of a presence document before it is written. Each fault names its path.

use std::borrow::Cow;
use std::collections::HashSet;

use super::names::{DATA_MODEL, Kind, PIDF, RPID, TIMED_STATUS, UNKNOWN};
use super::rich::{Enumerated, PlaceIs, Rich, Value};
use super::{Presence, TimedStatus, Tuple};
use crate::note::is_language;
use crate::xml::write::is_legal;
use crate::{DocumentError, ErrorKind, Extension, Note, Timestamp};

type Outcome = Result<(), DocumentError>;

/// Checks a whole document.
pub(super) fn presence(presence: &Presence) -> Outcome {
    let mut ids = Ids::default();
    if presence.entity.trim().is_empty() {
        return Err(wrong("entity", "the URI of the presentity is missing"));
    }
    uri("entity", &presence.entity)?;
    for (at, one) in presence.tuples.iter().enumerate() {
        tuple(&format!("tuples[{at}]"), one, &mut ids)?;
    }
    notes("", &presence.notes)?;
    for (at, person) in presence.persons.iter().enumerate() {
        let path = format!("persons[{at}]");
        ids.take(&format!("{path}.id"), &person.id)?;
        rich(&path, person.rich.as_deref(), &mut ids)?;
        notes(&path, &person.notes)?;
        extensions(&path, &person.extensions, DATA_MODEL)?;
    }
    for (at, device) in presence.devices.iter().enumerate() {
        let path = format!("devices[{at}]");
        ids.take(&format!("{path}.id"), &device.id)?;
        rich(&path, device.rich.as_deref(), &mut ids)?;
        let device_id = device.device_id.as_deref().unwrap_or_default();
        if device_id.trim().is_empty() {
            return Err(wrong(
                &path,
                "`device_id` is missing; a URN, for example urn:uuid:...",
            ));
        }
        uri(&format!("{path}.device_id"), device_id)?;
        notes(&path, &device.notes)?;
        extensions(&path, &device.extensions, DATA_MODEL)?;
    }
    extensions("", &presence.extensions, PIDF)
}

fn wrong(path: &str, what: impl Into<String>) -> DocumentError {
    DocumentError::invalid(what).at_path(path)
}

fn join(path: &str, member: &str) -> String {
    if path.is_empty() {
        member.to_owned()
    } else {
        format!("{path}.{member}")
    }
}

/// The ids of a document: xs:ID, so unique among all its elements.
#[derive(Default)]
struct Ids(HashSet<String>);

impl Ids {
    fn take(&mut self, path: &str, id: &str) -> Outcome {
        if id.trim().is_empty() {
            return Err(wrong(path, "the id is missing"));
        }
        legal(path, id)?;
        if self.0.insert(xml_id(id).into_owned()) {
            return Ok(());
        }
        Err(wrong(
            path,
            format!(
                "the id {:?} is there already; each id once in a document",
                crate::xml::read::clip(id)
            ),
        ))
    }

    fn take_optional(&mut self, path: &str, id: Option<&String>) -> Outcome {
        id.map_or(Ok(()), |id| self.take(&join(path, "id"), id))
    }
}

/// An id as XML allows it (NCName): what cannot be in it becomes an underscore, and one is put before what cannot be
/// first.
pub(super) fn xml_id(id: &str) -> Cow<'_, str> {
    let id = id.trim();
    let starts = id.chars().next().is_some_and(is_name_start);
    if starts && id.chars().all(is_name_char) {
        return Cow::Borrowed(id);
    }
    let inner = id.chars().map(|c| if is_name_char(c) { c } else { '_' });
    Cow::Owned(if starts {
        inner.collect()
    } else {
        std::iter::once('_').chain(inner).collect()
    })
}

/// Whether an id can stand as it is.
pub(super) fn is_xml_id(id: &str) -> bool {
    !id.is_empty() && xml_id(id) == id
}

/// Letters of the first edition's blocks only: some validators still know no others.
fn is_name_start(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

fn is_name_char(c: char) -> bool {
    is_name_start(c) || c.is_ascii_digit() || matches!(c, '-' | '.')
}

/// Whether XML can carry the text.
fn legal(path: &str, text: &str) -> Outcome {
    match text.chars().find(|&c| !is_legal(c)) {
        Some(c) => Err(DocumentError::new(ErrorKind::IllegalCharacter(c)).at_path(path)),
        None => Ok(()),
    }
}

/// Whether it can be an xs:anyURI.
fn uri(path: &str, text: &str) -> Outcome {
    legal(path, text)?;
    if is_uri(text.trim()) {
        return Ok(());
    }
    Err(wrong(
        path,
        format!(
            "{:?} is not a URI; write blanks and the like as %20",
            crate::xml::read::clip(text)
        ),
    ))
}

/// Not empty, no blanks or delimiters, percent signs with two digits behind, and brackets round an address only.
pub(crate) fn is_uri(text: &str) -> bool {
    let bytes = text.as_bytes();
    let escaped = memchr::memchr_iter(b'%', bytes).all(|at| {
        bytes
            .get(at + 1..at + 3)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let plain = text
        .chars()
        .all(|c| !c.is_control() && !c.is_whitespace() && !"<>\"{}|\\^`".contains(c));
    let scheme = text.split_once(':').is_none_or(|(scheme, _)| {
        scheme.contains(['/', '?', '#', '@'])
            || (scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)))
    });
    let brackets = text.contains(['[', ']']) && !is_address_reference(text);
    !text.is_empty() && escaped && plain && scheme && !brackets && text.matches('#').count() < 2
}

/// Whether the only brackets stand round what can be an IPv6 address, where a URI of `//` or of SIP has its host. The
/// grammar that libxml2 checks xs:anyURI by has no brackets in the latter; SIP does (RFC 3261 §25.1).
fn is_address_reference(text: &str) -> bool {
    let Some((before, rest)) = text.split_once('[') else {
        return false;
    };
    let Some((address, after)) = rest.split_once(']') else {
        return false;
    };
    before.ends_with(['/', '@', ':'])
        && address
            .bytes()
            .all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.')
        && address.contains(':')
        && !after.contains(['[', ']'])
}

fn note(path: &str, note: &Note) -> Outcome {
    legal(&join(path, "text"), &note.text)?;
    lang(&join(path, "lang"), note.lang.as_deref())
}

fn lang(path: &str, lang: Option<&str>) -> Outcome {
    match lang.filter(|lang| !is_language(lang)) {
        Some(lang) => Err(wrong(
            path,
            format!("{:?} is not a language tag", crate::xml::read::clip(lang)),
        )),
        None => Ok(()),
    }
}

fn notes(path: &str, notes: &[Note]) -> Outcome {
    let check = |(at, one)| note(&join(path, &format!("notes[{at}]")), one);
    notes.iter().enumerate().try_for_each(check)
}

/// Extensions have a namespace, and it is not that of the element they stand in.
fn extensions(path: &str, extensions: &[Extension], around: &str) -> Outcome {
    let check = |(at, one)| extension(&join(path, &format!("extensions[{at}]")), one, around);
    extensions.iter().enumerate().try_for_each(check)
}

fn extension(path: &str, extension: &Extension, around: &str) -> Outcome {
    match extension.namespace() {
        "" => Err(wrong(path, "the element has no namespace")),
        namespace if namespace == around => Err(wrong(path, "the element is not one of a foreign namespace")),
        _ => Ok(()),
    }
}

fn tuple(path: &str, tuple: &Tuple, ids: &mut Ids) -> Outcome {
    ids.take(&join(path, "id"), &tuple.id)?;
    extensions(&join(path, "status"), &tuple.status.extensions, PIDF)?;
    for (at, id) in tuple.device_ids.iter().enumerate() {
        uri(&join(path, &format!("device_ids[{at}]")), id)?;
    }
    rich(path, tuple.rich.as_deref(), ids)?;
    for (at, timed) in tuple.timed_status.iter().enumerate() {
        timed_status(
            &join(path, &format!("timed_status[{at}]")),
            timed,
            tuple.timestamp,
        )?;
    }
    extensions(path, &tuple.extensions, PIDF)?;
    if let Some(contact) = &tuple.contact {
        uri(&join(path, "contact.uri"), &contact.uri)?;
    }
    notes(path, &tuple.notes)
}

/// The interval must not hold the present, which is the tuple's timestamp (RFC 4481 §3, CTS-01).
fn timed_status(path: &str, timed: &TimedStatus, now: Option<Timestamp>) -> Outcome {
    span(path, Some(timed.from), timed.until)?;
    if now.is_some_and(|now| timed.covers(now)) {
        return Err(wrong(
            path,
            "the interval holds the tuple's timestamp; what is so now belongs into `status`",
        ));
    }
    if let Some(one) = &timed.note {
        note(&join(path, "note"), one)?;
    }
    extensions(path, &timed.extensions, TIMED_STATUS)
}

fn span(path: &str, from: Option<Timestamp>, until: Option<Timestamp>) -> Outcome {
    match (from, until) {
        (Some(from), Some(until)) if until < from => Err(wrong(&join(path, "until"), "is before `from`")),
        _ => Ok(()),
    }
}

fn rich(path: &str, rich: Option<&Rich>, ids: &mut Ids) -> Outcome {
    let Some(rich) = rich else { return Ok(()) };
    let lists = [
        (Kind::Activities, rich.activities.as_slice(), true),
        (Kind::Mood, &rich.mood, true),
        (Kind::PlaceType, &rich.place_type, true),
        (Kind::Privacy, &rich.privacy, true),
        (Kind::Relationship, rich.relationships(), false),
        (Kind::ServiceClass, rich.service_classes(), false),
        (Kind::Sphere, &rich.sphere, true),
    ];
    for (kind, list, several) in lists {
        for (at, one) in list.iter().enumerate() {
            let member = join(path, kind.member());
            enumerated(
                &if several {
                    format!("{member}[{at}]")
                } else {
                    member
                },
                kind,
                one,
                ids,
            )?;
        }
    }
    legal(&join(path, "class"), rich.class.as_deref().unwrap_or_default())?;
    for (at, place) in rich.place_is.iter().enumerate() {
        place_is(&join(path, &format!("place_is[{at}]")), place, ids)?;
    }
    for (at, icon) in rich.status_icon.iter().enumerate() {
        let path = join(path, &format!("status_icon[{at}]"));
        uri(&join(&path, "uri"), &icon.uri)?;
        span(&path, icon.from, icon.until)?;
        ids.take_optional(&path, icon.id.as_ref())?;
    }
    for (at, offset) in rich.time_offset.iter().enumerate() {
        let path = join(path, &format!("time_offset[{at}]"));
        legal(
            &join(&path, "description"),
            offset.description.as_deref().unwrap_or_default(),
        )?;
        span(&path, offset.from, offset.until)?;
        ids.take_optional(&path, offset.id.as_ref())?;
    }
    if let Some(input) = &rich.user_input {
        let path = join(path, "user_input");
        if input.idle_threshold == Some(0) {
            return Err(wrong(
                &join(&path, "idle_threshold"),
                "at least 1 second is wanted",
            ));
        }
        ids.take_optional(&path, input.id.as_ref())?;
    }
    cipid(path, rich)
}

fn cipid(path: &str, rich: &Rich) -> Outcome {
    let uris = [
        ("card", &rich.card),
        ("homepage", &rich.homepage),
        ("icon", &rich.icon),
        ("map", &rich.map),
        ("sound", &rich.sound),
    ];
    for (member, value) in uris {
        if let Some(value) = value {
            uri(&join(path, member), value)?;
        }
    }
    for (at, name) in rich.display_name.iter().enumerate() {
        let path = join(path, &format!("display_name[{at}]"));
        note(&path, name)?;
        // several only in several languages (RFC 4482 §3.2)
        let before = rich.display_name.iter().take(at);
        if before.clone().any(|other| other.lang == name.lang) {
            return Err(wrong(&path, "a second name in the same language"));
        }
    }
    Ok(())
}

fn enumerated(path: &str, kind: Kind, element: &Enumerated, ids: &mut Ids) -> Outcome {
    span(path, element.from, element.until)?;
    if !kind.takes_span() && (element.from.is_some() || element.until.is_some() || element.id.is_some()) {
        return Err(wrong(path, "takes no `from`, `until` and `id`"));
    }
    if !kind.takes_notes() && !element.notes.is_empty() {
        return Err(wrong(path, "takes no `notes`"));
    }
    notes(path, &element.notes)?;
    ids.take_optional(path, element.id.as_ref())?;
    let values = &element.values;
    if values.is_empty() && !kind.may_be_empty() {
        return Err(wrong(&join(path, "values"), "one value at least is wanted"));
    }
    if values.len() > 1 && kind.is_single() {
        return Err(wrong(&join(path, "values"), "takes one value only"));
    }
    let mut rank = 0;
    for (at, value) in values.iter().enumerate() {
        let path = join(path, &format!("values[{at}]"));
        let is_text = match value {
            Value::Name(name) => {
                legal(&path, name)?;
                if kind.has_unknown() && name == UNKNOWN && values.len() > 1 {
                    return Err(wrong(&path, "`unknown` stands alone"));
                }
                !kind.has(name)
            }
            Value::Labelled { text, lang: tag } => {
                legal(&path, text)?;
                lang(&join(&path, "lang"), Some(tag))?;
                true
            }
            Value::Extension(one) => {
                extension(&path, one, RPID)?;
                false
            }
        };
        if is_text {
            text_value(&path, kind, value.as_str(), values.len())?;
        }
        if kind == Kind::Privacy {
            // a sequence in its schema
            let place = kind.names().iter().position(|name| *name == value.as_str());
            let place = place.map_or(usize::MAX, |place| place + 1);
            if place <= rank && place != usize::MAX {
                return Err(wrong(&path, "the order is `audio`, `text`, `video`, each once"));
            }
            rank = place;
        }
    }
    Ok(())
}

/// A value that is no name of the enumeration.
fn text_value(path: &str, kind: Kind, text: &str, count: usize) -> Outcome {
    if !kind.takes_text() {
        let names = kind.names().join("`, `");
        return Err(wrong(path, format!("is none of `{names}`, `unknown`")));
    }
    if text.trim().is_empty() {
        return Err(wrong(path, "is empty"));
    }
    if kind == Kind::PlaceType && count > 1 {
        return Err(wrong(path, "a text that is no type of RFC 4589 stands alone"));
    }
    Ok(())
}

fn place_is(path: &str, place: &PlaceIs, ids: &mut Ids) -> Outcome {
    for ((medium, known), value) in PlaceIs::MEDIA.iter().zip(place.media()) {
        if value.is_some_and(|value| !known.contains(&value)) {
            return Err(wrong(
                &join(path, medium),
                format!("is none of `{}`", known.join("`, `")),
            ));
        }
    }
    span(path, place.from, place.until)?;
    notes(path, &place.notes)?;
    ids.take_optional(path, place.id.as_ref())
}
