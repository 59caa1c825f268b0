//! The common summary of a presentity: what an application wants to know, whichever package says it.

use serde::Serialize;
use serde_json::Value;

use crate::json;

/// What is known of one presentity, from one document or from several ([`Summary::merge`]).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Whether the presentity can be reached.
    pub availability: Availability,
    /// What the person does, in the names of RFC 4480 §3.2 (`away`, `on-the-phone`), free text for `other`.
    pub activities: Vec<String>,
    /// What the person says of it. For reading; never drives logic (CPIDF-06).
    pub note: Option<String>,
    /// The calls at the presentity, in the order of the document.
    pub calls: Vec<Call>,
    /// The state of the mailbox.
    pub messages_waiting: Option<MessagesWaiting>,
    /// Since when it is so, RFC 3339 in UTC.
    pub since: Option<String>,
}

/// Whether a presentity can be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// At least one service is open.
    Open,
    /// All that say so are closed.
    Closed,
    /// Nothing says so. Not the same as closed (CPIDF-04).
    #[default]
    Unknown,
}

/// One call (dialog, RFC 4235 §4.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The dialog's id in the document.
    pub id: String,
    /// `trying`, `proceeding`, `early`, `confirmed`, `terminated`.
    pub state: String,
    /// `initiator` or `recipient`.
    pub direction: Option<String>,
    /// The URI of the other side.
    pub remote: Option<String>,
    /// The display name of the other side.
    pub remote_display: Option<String>,
}

/// The state of a mailbox (RFC 3842): the numbers are of the voice messages, or of all classes where there are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MessagesWaiting {
    /// Whether there is something new.
    pub waiting: bool,
    /// New messages.
    pub new: u64,
    /// Old messages.
    pub old: u64,
    /// New messages that are urgent; part of `new`.
    pub urgent_new: u64,
    /// Old messages that are urgent; part of `old`.
    pub urgent_old: u64,
}

impl Summary {
    /// The JSON form: every member is there, null or empty where nothing is known.
    pub fn to_json(&self) -> Value {
        json::to_json(self)
    }

    /// Adds what another document, package or dialog usage of the same presentity says.
    ///
    /// Open wins over closed, closed over unknown; the first note stays; calls are told apart by their id; the latest
    /// `since` stays; what is said of messages waiting later replaces what was said before.
    pub fn merge(&mut self, other: Self) {
        self.availability = match (self.availability, other.availability) {
            (Availability::Open, _) | (_, Availability::Open) => Availability::Open,
            (Availability::Closed, _) | (_, Availability::Closed) => Availability::Closed,
            _ => Availability::Unknown,
        };
        for activity in other.activities {
            self.add_activity(activity);
        }
        if self.note.is_none() {
            self.note = other.note;
        }
        for call in other.calls {
            match self.calls.iter_mut().find(|known| known.id == call.id) {
                Some(known) => *known = call,
                None => self.calls.push(call),
            }
        }
        if other.messages_waiting.is_some() {
            self.messages_waiting = other.messages_waiting;
        }
        self.add_since(other.since);
    }

    /// Adds an activity unless it is known.
    pub(crate) fn add_activity(&mut self, activity: String) {
        if !self.activities.contains(&activity) {
            self.activities.push(activity);
        }
    }

    /// Keeps the later of two times.
    pub(crate) fn add_since(&mut self, since: Option<String>) {
        let time = |text: &Option<String>| text.as_deref().and_then(|t| crate::Timestamp::parse(t).ok());
        if time(&since) > time(&self.since) {
            self.since = since;
        }
    }
}
