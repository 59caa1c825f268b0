//! Rich presence: what RPID (RFC 4480) and CIPID (RFC 4482) add to a person, a service or a device.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Extension, Note, Timestamp};

/// The rich presence of one person, tuple or device. In JSON its members stand beside those of the element itself.
///
/// RFC 4480 §3.1 says what belongs where: activities, mood, place, privacy, sphere and time offset to the person,
/// relationship and service class to the tuple. Old peers put them elsewhere, so each may stand in each.
#[derive(Debug, Clone, Default, PartialEq, Hash, Serialize)]
pub struct Rich {
    /// What the person does (RFC 4480 §3.2). Several only with time ranges that do not overlap.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub activities: Vec<Enumerated>,
    /// The class, for filters (§3.3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The mood (§3.5).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mood: Vec<Enumerated>,
    /// For which media the place is suitable (§3.6).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub place_is: Vec<PlaceIs>,
    /// The type of the place, in the names of RFC 4589 (§3.7).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub place_type: Vec<Enumerated>,
    /// Which media nobody near is likely to overhear or see: `audio`, `text`, `video` (§3.8).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub privacy: Vec<Enumerated>,
    /// Whose contact it is, when it is not the presentity's own (§3.9).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relationship: Option<Box<Enumerated>>,
    /// How the service delivers (§3.10).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_class: Option<Box<Enumerated>>,
    /// The role the person plays (§3.11).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sphere: Vec<Enumerated>,
    /// Pictures of the status (§3.12). Never fetched by us.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status_icon: Vec<StatusIcon>,
    /// Minutes from UTC where the person is (§3.13).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub time_offset: Vec<TimeOffset>,
    /// Whether it is in use (§3.14).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_input: Option<Box<UserInput>>,
    /// URI of a business card (RFC 4482 §3.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<String>,
    /// Names to show; several only in several languages (§3.2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub display_name: Vec<Note>,
    /// URI of a page about it (§3.3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// URI of its picture (§3.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// URI of a map (§3.5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// URI of a sound (§3.6).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<String>,
}

impl Rich {
    /// The names of the JSON members.
    pub(crate) const MEMBERS: &'static str = "`activities`, `class`, `mood`, `place_is`, `place_type`, `privacy`, \
         `relationship`, `service_class`, `sphere`, `status_icon`, `time_offset`, `user_input`, `card`, \
         `display_name`, `homepage`, `icon`, `map`, `sound`";

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Itself in a box, or nothing if it is empty: most tuples have none, and thousands of documents are held.
    pub(crate) fn boxed(mut self) -> Option<Box<Self>> {
        if self.is_empty() {
            return None;
        }
        self.activities.shrink_to_fit();
        self.mood.shrink_to_fit();
        self.place_is.shrink_to_fit();
        self.place_type.shrink_to_fit();
        self.privacy.shrink_to_fit();
        self.sphere.shrink_to_fit();
        self.status_icon.shrink_to_fit();
        self.time_offset.shrink_to_fit();
        self.display_name.shrink_to_fit();
        Some(Box::new(self))
    }

    /// The relationship as a list of at most one.
    pub(crate) fn relationships(&self) -> &[Enumerated] {
        self.relationship
            .as_deref()
            .map(std::slice::from_ref)
            .unwrap_or_default()
    }

    /// The service class as a list of at most one.
    pub(crate) fn service_classes(&self) -> &[Enumerated] {
        self.service_class
            .as_deref()
            .map(std::slice::from_ref)
            .unwrap_or_default()
    }

    /// Reads the value of a JSON member. `false`: there is no such member, and nothing was read.
    pub(crate) fn set<'de, A: MapAccess<'de>>(
        &mut self,
        member: &str,
        map: &mut A,
    ) -> Result<bool, A::Error> {
        match member {
            "activities" => self.activities = map.next_value::<Several>()?.0,
            "class" => self.class = map.next_value()?,
            "mood" => self.mood = map.next_value::<Several>()?.0,
            "place_is" => self.place_is = map.next_value()?,
            "place_type" => self.place_type = map.next_value::<Several>()?.0,
            "privacy" => self.privacy = map.next_value::<Several>()?.0,
            "relationship" => self.relationship = map.next_value()?,
            "service_class" => self.service_class = map.next_value()?,
            "sphere" => self.sphere = map.next_value::<Several>()?.0,
            "status_icon" => self.status_icon = map.next_value()?,
            "time_offset" => self.time_offset = map.next_value()?,
            "user_input" => self.user_input = map.next_value()?,
            "card" => self.card = map.next_value()?,
            "display_name" => self.display_name = map.next_value()?,
            "homepage" => self.homepage = map.next_value()?,
            "icon" => self.icon = map.next_value()?,
            "map" => self.map = map.next_value()?,
            "sound" => self.sound = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// An element that holds values of an enumeration, notes, and the time for which it is so.
#[derive(Debug, Clone, Default, PartialEq, Hash, Serialize)]
pub struct Enumerated {
    /// The values.
    pub values: Vec<Value>,
    /// The notes on them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Until when it is expected to be so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The element's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The object form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnumeratedJson {
    #[serde(default)]
    values: Vec<Value>,
    #[serde(default)]
    notes: Vec<Note>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    id: Option<String>,
}

impl Enumerated {
    /// One value, and nothing else.
    pub fn of(name: impl Into<String>) -> Self {
        Self {
            values: vec![Value::Name(name.into())],
            ..Self::default()
        }
    }
}

struct EnumeratedVisitor;

impl<'de> Visitor<'de> for EnumeratedVisitor {
    type Value = Enumerated;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name, or an object with `values`, `notes`, `from`, `until`, `id`")
    }

    fn visit_str<E>(self, name: &str) -> Result<Enumerated, E> {
        Ok(Enumerated::of(name))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Enumerated, A::Error> {
        let json = EnumeratedJson::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Enumerated {
            values: json.values,
            notes: json.notes,
            from: json.from,
            until: json.until,
            id: json.id,
        })
    }
}

impl<'de> Deserialize<'de> for Enumerated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EnumeratedVisitor)
    }
}

/// A list of them; plain names (`["away", "busy"]`) are the values of one.
struct Several(Vec<Enumerated>);

impl<'de> Deserialize<'de> for Several {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SeveralVisitor;

        impl<'de> Visitor<'de> for SeveralVisitor {
            type Value = Several;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of names, or of objects with `values`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Several, A::Error> {
                let mut all: Vec<Enumerated> = Vec::new();
                let mut plain = None;
                while let Some(item) = list.next_element::<Item>()? {
                    match (item, plain.and_then(|at: usize| all.get_mut(at))) {
                        (Item::Name(name), Some(first)) => first.values.push(Value::Name(name)),
                        (Item::Name(name), None) => {
                            plain = Some(all.len());
                            all.push(Enumerated::of(name));
                        }
                        (Item::Whole(whole), _) => all.push(whole),
                    }
                }
                Ok(Several(all))
            }
        }

        deserializer.deserialize_seq(SeveralVisitor)
    }
}

enum Item {
    Name(String),
    Whole(Enumerated),
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemVisitor;

        impl<'de> Visitor<'de> for ItemVisitor {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                EnumeratedVisitor.expecting(f)
            }

            fn visit_str<E>(self, name: &str) -> Result<Item, E> {
                Ok(Item::Name(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Item, A::Error> {
                EnumeratedVisitor.visit_map(map).map(Item::Whole)
            }
        }

        deserializer.deserialize_any(ItemVisitor)
    }
}

/// One value of an enumeration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// The name of an element of the enumeration, or, if there is none of this name, a free text (`other`).
    Name(String),
    /// A free text with its language.
    Labelled {
        /// The text.
        text: String,
        /// The language tag.
        lang: String,
    },
    /// An element of another namespace.
    Extension(Extension),
}

impl Value {
    /// The name or text for a summary.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Labelled { text, .. } => text,
            Self::Extension(extension) => extension.name(),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Labelled<'a> {
            text: &'a str,
            lang: &'a str,
        }
        match self {
            Self::Name(name) => serializer.serialize_str(name),
            Self::Labelled { text, lang } => Labelled { text, lang }.serialize(serializer),
            Self::Extension(extension) => extension.serialize(serializer),
        }
    }
}

/// The object forms of [`Value`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValueJson {
    text: Option<String>,
    lang: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    xml: Option<String>,
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;

        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name, an object with `text` and `lang`, or one with `xml`")
            }

            fn visit_str<E>(self, name: &str) -> Result<Value, E> {
                Ok(Value::Name(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
                let json = ValueJson::deserialize(MapAccessDeserializer::new(map))?;
                match json {
                    ValueJson {
                        text: Some(text),
                        lang,
                        namespace: None,
                        name: None,
                        xml: None,
                    } => Ok(match lang {
                        Some(lang) => Value::Labelled { text, lang },
                        None => Value::Name(text),
                    }),
                    ValueJson {
                        text: None,
                        lang: None,
                        xml: Some(xml),
                        ..
                    } => Extension::parse(&xml)
                        .map(Value::Extension)
                        .map_err(A::Error::custom),
                    _ => Err(A::Error::custom(
                        "either `text`, with `lang` or without, or `xml`",
                    )),
                }
            }
        }

        deserializer.deserialize_any(ValueVisitor)
    }
}

/// For which media the place is suitable.
#[derive(Debug, Clone, Default, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceIs {
    /// `noisy`, `ok`, `quiet`, `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<String>,
    /// `toobright`, `ok`, `dark`, `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<String>,
    /// `uncomfortable`, `inappropriate`, `ok`, `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The notes on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Until when it is expected to be so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The element's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl PlaceIs {
    /// What the place may be for each medium.
    pub(crate) const MEDIA: [(&'static str, &'static [&'static str]); 3] = [
        ("audio", &["noisy", "ok", "quiet", "unknown"]),
        ("video", &["toobright", "ok", "dark", "unknown"]),
        ("text", &["uncomfortable", "inappropriate", "ok", "unknown"]),
    ];

    /// What is said of each medium, in the order of [`PlaceIs::MEDIA`].
    pub(crate) fn media(&self) -> [Option<&str>; 3] {
        [self.audio.as_deref(), self.video.as_deref(), self.text.as_deref()]
    }
}

/// A picture of the status.
#[derive(Debug, Clone, Default, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusIcon {
    /// Where it is.
    pub uri: String,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Until when it is expected to be so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The element's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Minutes from UTC.
#[derive(Debug, Clone, Default, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeOffset {
    /// Minutes; positive in the east.
    pub minutes: i64,
    /// For people, the name of the time zone for example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Until when it is expected to be so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The element's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Whether a person, service or device is in use.
#[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserInput {
    /// In use or not.
    pub state: Use,
    /// Seconds without input after which it counts as idle; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_threshold: Option<u64>,
    /// When the last input was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_input: Option<Timestamp>,
    /// The element's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// In use or not (RFC 4480 §3.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// There was input within the threshold.
    Active,
    /// There was none.
    Idle,
}
