//! `application/simple-message-summary`: the state of a mailbox (RFC 3842).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{DocumentError, MessagesWaiting, Summary, json};

mod read;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use read::{check, read};

/// The media type.
pub const CONTENT_TYPE: &str = "application/simple-message-summary";

/// The class that phones light their lamp for.
const VOICE: &str = "voice-message";
/// The classes of RFC 3458 §6.2 in the order they are written.
const CLASSES: [&str; 6] = [
    VOICE,
    "fax-message",
    "pager-message",
    "multimedia-message",
    "text-message",
    "none",
];

/// The state of a mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageSummary {
    /// Whether messages are waiting.
    pub waiting: bool,
    /// The account the summary is of: a URI without angle brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Box<str>>,
    /// The numbers of each class, those of RFC 3458 first. In JSON an object with a member per class.
    #[serde(default, with = "classes")]
    pub classes: Vec<ContextClass>,
    /// Headers of messages that are new since the last notification.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
}

/// How many messages of one class there are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContextClass {
    /// The message context class in lower case: `voice-message`, `fax-message`, ... (RFC 3458 §6.2), or another token.
    pub name: Box<str>,
    /// The numbers.
    pub counts: Counts,
}

/// Numbers of messages. The greatest is 2^32-1 (RFC 3842 §3.5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// New messages, urgent ones included.
    pub new: u32,
    /// Old messages, urgent ones included.
    pub old: u32,
    /// The urgent ones, where that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgent: Option<Urgent>,
}

/// Numbers of urgent messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Urgent {
    /// New messages that are urgent.
    pub new: u32,
    /// Old messages that are urgent.
    pub old: u32,
}

/// Headers of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// In the order they came.
    pub headers: Vec<MessageHeader>,
}

/// One header of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageHeader {
    /// Its name, in the case it came.
    pub name: Box<str>,
    /// Its value, unfolded.
    pub value: Box<str>,
}

impl MessageSummary {
    /// The numbers of a class, named without regard to case.
    pub fn class(&self, name: &str) -> Option<Counts> {
        self.classes
            .iter()
            .find(|class| class.name.eq_ignore_ascii_case(name))
            .map(|class| class.counts)
    }

    /// The JSON form.
    pub(crate) fn to_json(&self) -> Value {
        json::to_json(self)
    }

    /// From the JSON form.
    pub(crate) fn from_json(value: &Value) -> Result<Self, DocumentError> {
        let mut summary: Self = json::from_json(value)?;
        summary.sort();
        Ok(summary)
    }

    /// Those classes first that everybody knows, each once: the last word on a class counts.
    fn sort(&mut self) {
        for class in &mut self.classes {
            class.name.make_ascii_lowercase();
        }
        let rank = |class: &ContextClass| CLASSES.iter().position(|known| **known == *class.name);
        self.classes
            .sort_by_key(|class| (rank(class).unwrap_or(CLASSES.len()), class.name.clone()));
        self.classes.dedup_by(|later, earlier| {
            let same = later.name == earlier.name;
            if same {
                earlier.counts = later.counts;
            }
            same
        });
    }

    /// Adds what the document says to a summary: of the voice messages, else of all classes together.
    pub(crate) fn summarise(&self, summary: &mut Summary) {
        let mut told = MessagesWaiting {
            waiting: self.waiting,
            ..MessagesWaiting::default()
        };
        let voice = self.class(VOICE);
        let others = self.classes.iter().map(|class| class.counts);
        let counted = voice.into_iter().chain(others.filter(|_| voice.is_none()));
        for counts in counted {
            let urgent = counts.urgent.unwrap_or_default();
            told.new += u64::from(counts.new);
            told.old += u64::from(counts.old);
            told.urgent_new += u64::from(urgent.new);
            told.urgent_old += u64::from(urgent.old);
        }
        summary.messages_waiting = Some(told);
    }
}

/// The classes as an object: class → numbers.
mod classes {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{ContextClass, Counts};

    pub(super) fn serialize<S: Serializer>(
        classes: &[ContextClass],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(classes.iter().map(|class| (&class.name, class.counts)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<ContextClass>, D::Error> {
        let classes = BTreeMap::<Box<str>, Counts>::deserialize(deserializer)?;
        Ok(classes
            .into_iter()
            .map(|(name, counts)| ContextClass { name, counts })
            .collect())
    }
}
