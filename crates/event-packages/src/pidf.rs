//! Presence documents: PIDF (RFC 3863), with the data model (RFC 4479), RPID (RFC 4480), CIPID (RFC 4482) and timed
//! status (RFC 4481).
//!
//! [`read()`] is lenient: rich presence is found wherever old peers put it, and what cannot be understood is left out
//! or kept as an [`Extension`]. [`Presence::write`] is strict: what it gives is valid against the schemas, with the
//! prefixes `dm:` and `rpid:`, which FreeSWITCH matches literally.

mod check;
mod check_rich;
mod names;
mod read;
mod rich;
mod rich_read;
mod summary;
mod valid;
mod write;

pub(crate) use valid::is_uri;

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

use crate::{DocumentError, Extension, Note, Timestamp, json};

pub use check::{check, check_entity};
pub use read::read;
pub use rich::{Enumerated, PlaceIs, Rich, StatusIcon, TimeOffset, Use, UserInput, Value};

/// The media type of presence documents.
pub const CONTENT_TYPE: &str = "application/pidf+xml";

/// What the drafts called it, and some phones still do.
pub(crate) const OLD_CONTENT_TYPE: &str = "application/cpim-pidf+xml";

/// A presence document.
#[derive(Debug, Clone, Default, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// Whose presence it is: a URI, `pres:` by RFC 3863 §4.1.1, `sip:` in practice.
    pub entity: String,
    /// The services. None is legal: nothing is said of any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tuples: Vec<Tuple>,
    /// Notes on the presentity: those of each person that has none of its own (RFC 4479 §5).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// The person, or several guesses at it (RFC 4479 §3.5).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub persons: Vec<Person>,
    /// The devices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// Elements of other namespaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
}

/// A service (RFC 3863 §4.1.2, RFC 4479 §3.3).
#[derive(Debug, Clone, Default, PartialEq, Hash, Serialize)]
pub struct Tuple {
    /// Tells it apart within the document.
    pub id: String,
    /// Whether it can be reached.
    #[serde(skip_serializing_if = "Status::is_empty")]
    pub status: Status,
    /// Its rich presence.
    #[serde(flatten)]
    pub rich: Option<Box<Rich>>,
    /// The devices that provide it: URNs (RFC 4480 §3.4).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub device_ids: Vec<String>,
    /// What its status was or will be (RFC 4481).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timed_status: Vec<TimedStatus>,
    /// Where to reach it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// Notes on it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// When its status changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Elements of other namespaces, PIDF-LO for example.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
}

/// The status of a tuple (RFC 3863 §4.1.3).
#[derive(Debug, Clone, Default, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Open or closed. Without it nothing is known, which is not the same as closed (CPIDF-04).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<Basic>,
    /// Elements of other namespaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
}

impl Status {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.basic.is_none() && self.extensions.is_empty()
    }
}

/// The basic status (RFC 3863 §4.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basic {
    /// Ready.
    Open,
    /// Not ready.
    Closed,
}

impl Basic {
    /// As it stands in the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// Where a service is reached (RFC 3863 §4.1.5).
#[derive(Debug, Clone, Default, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// The URI.
    pub uri: String,
    /// From 0 to 1; none is the lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
}

/// The priority of a contact: 0 to 1 in steps of a thousandth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Priority(u16);

impl Priority {
    /// From thousandths; `None` above 1000.
    pub fn from_thousandths(thousandths: u16) -> Option<Self> {
        (thousandths <= 1000).then_some(Self(thousandths))
    }

    /// In thousandths.
    pub fn thousandths(self) -> u16 {
        self.0
    }

    /// Reads it. `None` where it is out of range or has more than three decimals, which is as if it were not there
    /// (RFC 3863 §4.1.5).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        if decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let decimals: u16 = format!("{decimals:0<3}").parse().ok()?;
        match whole {
            "0" | "" => Some(Self(decimals)),
            "1" if decimals == 0 => Some(Self(1000)),
            _ => None,
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0"),
            1000 => f.write_str("1"),
            part => f.write_str(format!("0.{part:03}").trim_end_matches('0')),
        }
    }
}

impl Serialize for Priority {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Priority {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        // the shortest text that gives the number has its decimals
        Self::parse(&value.to_string())
            .ok_or_else(|| D::Error::custom("a number from 0 to 1 with at most three decimals is wanted"))
    }
}

/// What the status of a tuple was or will be (RFC 4481 §3).
#[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimedStatus {
    /// From when.
    pub from: Timestamp,
    /// Until when; for good without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Open or closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<Basic>,
    /// A note on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// Elements of other namespaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
}

impl TimedStatus {
    /// Whether the interval holds a point in time: then it must not be written (RFC 4481 §3).
    pub fn covers(&self, now: Timestamp) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }
}

/// The person (RFC 4479 §3.2).
#[derive(Debug, Clone, Default, PartialEq, Hash, Serialize)]
pub struct Person {
    /// Tells it apart within the document.
    pub id: String,
    /// What the person does and is.
    #[serde(flatten)]
    pub rich: Option<Box<Rich>>,
    /// Notes, those of RPID among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// When it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Elements of other namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
}

/// A device (RFC 4479 §3.4).
#[derive(Debug, Clone, Default, PartialEq, Hash, Serialize)]
pub struct Device {
    /// Tells it apart within the document.
    pub id: String,
    /// Its rich presence.
    #[serde(flatten)]
    pub rich: Option<Box<Rich>>,
    /// Its name everywhere: a URN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// Notes on it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// When it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Elements of other namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
}

/// Refuses a member: as its value, so that the path of the error ends with it.
struct Unknown<'m>(&'m str, &'m str);

impl<'de> DeserializeSeed<'de> for Unknown<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, _: D) -> Result<(), D::Error> {
        let Self(member, own) = self;
        let known = Rich::MEMBERS;
        Err(D::Error::custom(format_args!(
            "unknown field `{member}`, expected one of {own}, {known}"
        )))
    }
}

/// Reads an object whose members are its own, those of [`Rich`], and no others. What serde's `flatten` gives would
/// neither refuse unknown members nor say where a fault is.
macro_rules! deserialize_with_rich {
    ($name:ident, $($field:ident),+) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members;

                impl<'de> Visitor<'de> for Members {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut found = $name::default();
                        let mut rich = Rich::default();
                        let mut has_id = false;
                        while let Some(member) = map.next_key::<String>()? {
                            has_id |= member == "id";
                            match member.as_str() {
                                $(stringify!($field) => found.$field = map.next_value()?,)+
                                _ if rich.set(&member, &mut map)? => {}
                                _ => {
                                    let own = [$(concat!("`", stringify!($field), "`")),+].join(", ");
                                    map.next_value_seed(Unknown(&member, &own))?;
                                }
                            }
                        }
                        if !has_id {
                            return Err(A::Error::missing_field("id"));
                        }
                        found.rich = rich.boxed();
                        Ok(found)
                    }
                }

                deserializer.deserialize_map(Members)
            }
        }
    };
}

deserialize_with_rich!(
    Tuple,
    id,
    status,
    device_ids,
    timed_status,
    contact,
    notes,
    timestamp,
    extensions
);
deserialize_with_rich!(Person, id, notes, timestamp, extensions);
deserialize_with_rich!(Device, id, device_id, notes, timestamp, extensions);

impl Presence {
    /// The JSON form.
    pub fn to_json(&self) -> Json {
        json::to_json(self)
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`DocumentError`] with the path of the member that does not fit.
    pub fn from_json(value: &Json) -> Result<Self, DocumentError> {
        json::from_json(value)
    }

    /// Puts a timestamp into every tuple, and into every person and device: `now`, or a millisecond after `last` when
    /// that is not earlier, since successive documents must not carry the same (RFC 3863 §4.1.7, CPIDF-07). Gives the
    /// timestamp for the next time.
    pub fn stamp(&mut self, now: Timestamp, last: Option<Timestamp>) -> Timestamp {
        let stamp = last.filter(|&last| last >= now).map_or(now, Timestamp::next);
        self.tuples
            .iter_mut()
            .for_each(|tuple| tuple.timestamp = Some(stamp));
        self.persons
            .iter_mut()
            .for_each(|person| person.timestamp = Some(stamp));
        self.devices
            .iter_mut()
            .for_each(|device| device.timestamp = Some(stamp));
        stamp
    }

    /// Leaves out when the last input was, as a configuration must be able to ask for (RFC 4480 §3.14, CRPID-03).
    pub fn omit_last_input(&mut self) {
        let tuples = self.tuples.iter_mut().map(|tuple| &mut tuple.rich);
        let persons = self.persons.iter_mut().map(|person| &mut person.rich);
        let devices = self.devices.iter_mut().map(|device| &mut device.rich);
        for input in tuples
            .chain(persons)
            .chain(devices)
            .filter_map(|rich| rich.as_mut()?.user_input.as_mut())
        {
            input.last_input = None;
        }
    }
}
