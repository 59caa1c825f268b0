//! Human readable text with its language.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::xml::NodeExt;

/// A note: for people, never for logic (RFC 3863 §4.1.6, CPIDF-06).
///
/// In JSON an object with `text` and `lang`; a plain string is read as a note without language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Note {
    /// The text as it stands.
    pub text: String,
    /// The language tag (`xml:lang`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
}

impl Note {
    /// A note without language.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            lang: None,
        }
    }

    /// The text of an element and its language, which may stand at an element round it. A language tag that is none is
    /// left out.
    pub(crate) fn read<'a, 'input>(node: impl NodeExt<'a, 'input>) -> Self {
        Self {
            text: node.content(),
            lang: node.lang_in_context().filter(|lang| is_language(lang)),
        }
    }
}

/// Whether it has the form of xs:language.
pub(crate) fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let part = |part: &str| (1..=8).contains(&part.len());
    parts
        .next()
        .is_some_and(|first| part(first) && first.bytes().all(|b| b.is_ascii_alphabetic()))
        && parts.all(|other| part(other) && other.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// The object form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteJson {
    text: String,
    lang: Option<String>,
}

impl<'de> Deserialize<'de> for Note {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NoteVisitor;

        impl<'de> Visitor<'de> for NoteVisitor {
            type Value = Note;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or an object with `text` and `lang`")
            }

            fn visit_str<E>(self, text: &str) -> Result<Note, E> {
                Ok(Note::new(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Note, A::Error> {
                let NoteJson { text, lang } = NoteJson::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Note { text, lang })
            }
        }

        deserializer.deserialize_any(NoteVisitor)
    }
}
