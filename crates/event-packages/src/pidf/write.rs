//! Writing presence documents: valid against the schemas, in the order they want.

use super::names::{CIPID, DATA_MODEL, Kind, LOCATION_TYPE, PIDF, RPID, TIMED_STATUS, UNKNOWN};
use super::rich::{Enumerated, PlaceIs, Rich, Use, Value};
use super::valid::xml_id;
use super::{Device, Person, Presence, TimedStatus, Tuple, valid};
use crate::xml::XmlWriter;
use crate::{DocumentError, Extension, Note, Timestamp};

impl Presence {
    /// Writes the document.
    ///
    /// Only the namespaces that are used are declared. An id that XML does not allow (`0x81475a0` of the old manual's
    /// example) gets an underscore before it, and others for the characters that cannot be in it.
    ///
    /// # Errors
    /// [`DocumentError`] with the path of a value that cannot be written.
    pub fn write(&self) -> Result<Vec<u8>, DocumentError> {
        valid::presence(self)?;
        let mut out = XmlWriter::new();
        let uses = Uses::of(self);
        out.start(
            "presence",
            &[
                ("xmlns", Some(PIDF)),
                ("xmlns:dm", uses.data_model.then_some(DATA_MODEL)),
                ("xmlns:rpid", uses.rpid.then_some(RPID)),
                ("xmlns:c", uses.cipid.then_some(CIPID)),
                ("xmlns:ts", uses.timed_status.then_some(TIMED_STATUS)),
                ("xmlns:lt", uses.location_type.then_some(LOCATION_TYPE)),
                ("entity", Some(self.entity.trim())),
            ],
        );
        self.tuples.iter().for_each(|tuple| write_tuple(&mut out, tuple));
        notes(&mut out, "note", &self.notes);
        self.persons
            .iter()
            .for_each(|person| write_person(&mut out, person));
        self.devices
            .iter()
            .for_each(|device| write_device(&mut out, device));
        extensions(&mut out, &self.extensions);
        out.finish()
    }
}

/// Which namespaces a document needs.
#[derive(Default)]
struct Uses {
    data_model: bool,
    rpid: bool,
    cipid: bool,
    timed_status: bool,
    location_type: bool,
}

impl Uses {
    fn of(presence: &Presence) -> Self {
        let tuples = &presence.tuples;
        let mut uses = Self {
            data_model: !presence.persons.is_empty()
                || !presence.devices.is_empty()
                || tuples.iter().any(|tuple| !tuple.device_ids.is_empty()),
            timed_status: tuples.iter().any(|tuple| !tuple.timed_status.is_empty()),
            ..Self::default()
        };
        let all = tuples
            .iter()
            .map(|tuple| &tuple.rich)
            .chain(presence.persons.iter().map(|person| &person.rich))
            .chain(presence.devices.iter().map(|device| &device.rich));
        for rich in all.filter_map(Option::as_deref) {
            let cipid = [&rich.card, &rich.homepage, &rich.icon, &rich.map, &rich.sound];
            uses.cipid |= !rich.display_name.is_empty() || cipid.iter().any(|uri| uri.is_some());
            uses.rpid |= !rich.activities.is_empty()
                || !rich.mood.is_empty()
                || !rich.place_is.is_empty()
                || !rich.place_type.is_empty()
                || !rich.privacy.is_empty()
                || !rich.sphere.is_empty()
                || !rich.status_icon.is_empty()
                || !rich.time_offset.is_empty()
                || rich.relationship.is_some()
                || rich.service_class.is_some()
                || rich.class.is_some()
                || rich.user_input.is_some();
            uses.location_type |= rich
                .place_type
                .iter()
                .flat_map(|places| &places.values)
                .any(|value| matches!(value, Value::Name(name) if Kind::PlaceType.has(name)));
        }
        uses
    }
}

fn notes(out: &mut XmlWriter, name: &str, notes: &[Note]) {
    for note in notes {
        out.element(name, &[("xml:lang", note.lang.as_deref())], &note.text);
    }
}

fn extensions(out: &mut XmlWriter, extensions: &[Extension]) {
    extensions.iter().for_each(|extension| out.raw(extension.xml()));
}

fn timestamp(out: &mut XmlWriter, name: &str, timestamp: Option<Timestamp>) {
    if let Some(timestamp) = timestamp {
        out.element(name, &[], &timestamp.to_string());
    }
}

fn write_tuple(out: &mut XmlWriter, tuple: &Tuple) {
    out.start("tuple", &[("id", Some(&xml_id(&tuple.id)))]);
    if tuple.status.is_empty() {
        out.empty("status", &[]);
    } else {
        out.start("status", &[]);
        out.optional("basic", tuple.status.basic.map(super::Basic::as_str));
        extensions(out, &tuple.status.extensions);
        out.end();
    }
    for id in &tuple.device_ids {
        out.element("dm:deviceID", &[], id.trim());
    }
    rich(out, tuple.rich.as_deref());
    for timed in &tuple.timed_status {
        timed_status(out, timed);
    }
    extensions(out, &tuple.extensions);
    if let Some(contact) = &tuple.contact {
        let priority = contact.priority.map(|priority| priority.to_string());
        out.element(
            "contact",
            &[("priority", priority.as_deref())],
            contact.uri.trim(),
        );
    }
    notes(out, "note", &tuple.notes);
    timestamp(out, "timestamp", tuple.timestamp);
    out.end();
}

fn timed_status(out: &mut XmlWriter, timed: &TimedStatus) {
    let (from, until) = (timed.from.to_string(), timed.until.map(|until| until.to_string()));
    let attributes = [("from", Some(from.as_str())), ("until", until.as_deref())];
    out.start("ts:timed-status", &attributes);
    out.optional("ts:basic", timed.basic.map(super::Basic::as_str));
    if let Some(note) = &timed.note {
        out.element("ts:note", &[("xml:lang", note.lang.as_deref())], &note.text);
    }
    extensions(out, &timed.extensions);
    out.end();
}

fn write_person(out: &mut XmlWriter, person: &Person) {
    out.start("dm:person", &[("id", Some(&xml_id(&person.id)))]);
    rich(out, person.rich.as_deref());
    extensions(out, &person.extensions);
    notes(out, "dm:note", &person.notes);
    timestamp(out, "dm:timestamp", person.timestamp);
    out.end();
}

fn write_device(out: &mut XmlWriter, device: &Device) {
    out.start("dm:device", &[("id", Some(&xml_id(&device.id)))]);
    rich(out, device.rich.as_deref());
    extensions(out, &device.extensions);
    out.optional("dm:deviceID", device.device_id.as_deref().map(str::trim));
    notes(out, "dm:note", &device.notes);
    timestamp(out, "dm:timestamp", device.timestamp);
    out.end();
}

/// `from`, `until` and `id` as attributes.
struct Span {
    from: Option<String>,
    until: Option<String>,
    id: Option<String>,
}

impl Span {
    fn new(from: Option<Timestamp>, until: Option<Timestamp>, id: Option<&String>) -> Self {
        Self {
            from: from.map(|time| time.to_string()),
            until: until.map(|time| time.to_string()),
            id: id.map(|id| xml_id(id).into_owned()),
        }
    }

    fn attributes(&self) -> [(&'static str, Option<&str>); 3] {
        [
            ("from", self.from.as_deref()),
            ("until", self.until.as_deref()),
            ("id", self.id.as_deref()),
        ]
    }
}

fn rich(out: &mut XmlWriter, rich: Option<&Rich>) {
    let Some(rich) = rich else { return };
    let all = |out: &mut XmlWriter, kind, list: &[Enumerated]| {
        list.iter().for_each(|one| enumerated(out, kind, one));
    };
    all(out, Kind::Activities, &rich.activities);
    out.optional("rpid:class", rich.class.as_deref());
    all(out, Kind::Mood, &rich.mood);
    rich.place_is.iter().for_each(|place| place_is(out, place));
    all(out, Kind::PlaceType, &rich.place_type);
    all(out, Kind::Privacy, &rich.privacy);
    all(out, Kind::Relationship, rich.relationships());
    all(out, Kind::ServiceClass, rich.service_classes());
    all(out, Kind::Sphere, &rich.sphere);
    for icon in &rich.status_icon {
        let span = Span::new(icon.from, icon.until, icon.id.as_ref());
        out.element("rpid:status-icon", &span.attributes(), icon.uri.trim());
    }
    for offset in &rich.time_offset {
        let span = Span::new(offset.from, offset.until, offset.id.as_ref());
        let [from, until, id] = span.attributes();
        let description = ("description", offset.description.as_deref());
        out.element(
            "rpid:time-offset",
            &[from, until, description, id],
            &offset.minutes.to_string(),
        );
    }
    if let Some(input) = &rich.user_input {
        let threshold = input.idle_threshold.map(|seconds| seconds.to_string());
        let last = input.last_input.map(|time| time.to_string());
        let id = input.id.as_deref().map(xml_id);
        let attributes = [
            ("idle-threshold", threshold.as_deref()),
            ("last-input", last.as_deref()),
            ("id", id.as_deref()),
        ];
        let state = match input.state {
            Use::Active => "active",
            Use::Idle => "idle",
        };
        out.element("rpid:user-input", &attributes, state);
    }
    out.optional("c:card", rich.card.as_deref());
    // the text of RFC 4482 §3.2 has `xml:lang` here, its schema has not: written only where it was given
    notes(out, "c:display-name", &rich.display_name);
    out.optional("c:homepage", rich.homepage.as_deref());
    out.optional("c:icon", rich.icon.as_deref());
    out.optional("c:map", rich.map.as_deref());
    out.optional("c:sound", rich.sound.as_deref());
}

fn enumerated(out: &mut XmlWriter, kind: Kind, element: &Enumerated) {
    let span = Span::new(element.from, element.until, element.id.as_ref());
    out.start(kind.tag(), &span.attributes());
    notes(out, "rpid:note", &element.notes);
    for value in &element.values {
        match value {
            Value::Name(name) if kind == Kind::PlaceType && kind.has(name) => {
                out.empty(&format!("lt:{name}"), &[])
            }
            Value::Name(name) if kind.has(name) || name == UNKNOWN => out.empty(&format!("rpid:{name}"), &[]),
            Value::Name(text) => out.element("rpid:other", &[], text.trim()),
            Value::Labelled { text, lang } => {
                out.element("rpid:other", &[("xml:lang", Some(lang))], text.trim())
            }
            Value::Extension(extension) => out.raw(extension.xml()),
        }
    }
    out.end();
}

fn place_is(out: &mut XmlWriter, place: &PlaceIs) {
    let span = Span::new(place.from, place.until, place.id.as_ref());
    out.start("rpid:place-is", &span.attributes());
    notes(out, "rpid:note", &place.notes);
    for ((medium, _), value) in PlaceIs::MEDIA.iter().zip(place.media()) {
        if let Some(value) = value {
            out.start(&format!("rpid:{medium}"), &[]);
            out.empty(&format!("rpid:{value}"), &[]);
            out.end();
        }
    }
    out.end();
}
