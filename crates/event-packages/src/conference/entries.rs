//! Sets of elements with keys, and which part of them a document tells (RFC 4575 §4.4, §4.5).

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which part of an element is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ElementState {
    /// Everything.
    #[default]
    Full,
    /// What has changed.
    Partial,
    /// It is not there any more.
    Deleted,
}

impl ElementState {
    /// The value of the attribute.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::Deleted => "deleted",
        }
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the form serde wants")]
    pub(super) fn is_full(&self) -> bool {
        *self == Self::Full
    }
}

/// A set of elements with keys. In JSON an array, or, if not everything is told, an object with `state` and `entries`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Entries<T> {
    /// Whether all are told.
    pub state: ElementState,
    /// In the order of the document.
    pub entries: Vec<T>,
}

impl<T: Serialize> Serialize for Entries<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Object<'a, T> {
            state: ElementState,
            entries: &'a [T],
        }

        if self.state.is_full() {
            return self.entries.serialize(serializer);
        }
        let object = Object {
            state: self.state,
            entries: &self.entries,
        };
        object.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Object<T> {
            state: ElementState,
            entries: Vec<T>,
        }

        struct EntriesVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array, or an object with `state` and `entries`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Entries<T>, A::Error> {
                Ok(Entries {
                    state: ElementState::Full,
                    entries: Vec::deserialize(SeqAccessDeserializer::new(array))?,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entries<T>, A::Error> {
                let Object { state, entries } = Object::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Entries { state, entries })
            }
        }

        deserializer.deserialize_any(EntriesVisitor(PhantomData))
    }
}

/// An element with a key.
pub(super) trait Keyed: Sized {
    /// What tells it from its siblings.
    fn key(&self) -> &str;
    /// Which part of it is told.
    fn state(&self) -> ElementState;
    /// The element after a partial update.
    fn updated(self, new: Self) -> Self;
    /// All of it is told, all below as well; what is not there any more is gone.
    fn settled(self) -> Self;
}

/// A set after an update (RFC 4575 §4.6, 3.1 and 3.2); `None`: nothing said of it.
pub(super) fn updated<T: Keyed>(known: Option<Entries<T>>, new: Option<Entries<T>>) -> Option<Entries<T>> {
    let Some(new) = new else { return known };
    let known = match new.state {
        ElementState::Full => Vec::new(),
        ElementState::Partial => known.map_or_else(Vec::new, |known| known.entries),
        ElementState::Deleted => return None,
    };
    Some(Entries {
        state: ElementState::Full,
        entries: rows(known, new.entries),
    })
}

/// Elements by their keys, each after its own update.
pub(super) fn rows<T: Keyed>(known: Vec<T>, new: Vec<T>) -> Vec<T> {
    let mut rows: Vec<Option<T>> = known.into_iter().map(Some).collect();
    let mut places: BTreeMap<Box<str>, usize> = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        if let Some(row) = row {
            places.insert(row.key().into(), place);
        }
    }
    for row in new {
        let place = *places.entry(row.key().into()).or_insert(rows.len());
        if place == rows.len() {
            rows.push(None);
        }
        let Some(slot) = rows.get_mut(place) else { continue };
        *slot = match (slot.take(), row.state()) {
            (_, ElementState::Deleted) => None,
            (Some(known), ElementState::Partial) => Some(known.updated(row)),
            (_, ElementState::Full | ElementState::Partial) => Some(row.settled()),
        };
    }
    rows.into_iter().flatten().collect()
}
