//! Events in plain words, one line each.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::cli::Output;
use crate::cli::output::{clock, within};
use crate::client::Event;
use crate::words;

/// Turns events into lines, and remembers what was said: a snapshot repeats nothing.
#[derive(Debug)]
pub(crate) struct Teller {
    out: Output,
    /// What ends is subscribed to again: no word of it.
    renewing: bool,
    said: HashMap<Subject, Said>,
    /// Subscriptions about which a trouble was told: that it is over is told as well.
    troubled: HashSet<Subject>,
}

/// Whose state, by which package.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Subject {
    presentity: String,
    package: String,
}

#[derive(Debug)]
struct Said {
    words: String,
    /// By which subscription and dialog usage.
    source: (Value, Value, Value, Value),
}

/// What an event is about and what it says, in words without colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// When.
    pub(crate) time: String,
    /// The presentity, as it is called.
    pub(crate) who: String,
    /// What is said of it.
    pub(crate) words: String,
    /// How it is to be seen.
    pub(crate) mood: Mood,
}

/// How a line is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// The state of a presentity.
    State,
    /// Something about publications or subscriptions.
    Aside,
    /// Something has gone wrong.
    Trouble,
}

impl Teller {
    /// `renewing`: a subscription that somebody ends is made again at once.
    pub(crate) fn new(out: Output, renewing: bool) -> Teller {
        Teller {
            out,
            renewing,
            said: HashMap::new(),
            troubled: HashSet::new(),
        }
    }

    /// The line for an event; `None`: it says nothing new to people.
    pub(crate) fn line(&mut self, event: &Event) -> Option<String> {
        self.told(event).map(|told| self.paint(&told))
    }

    /// A line as it is printed.
    pub(crate) fn paint(&self, told: &Told) -> String {
        let out = self.out;
        let words = match told.mood {
            Mood::State => told.words.clone(),
            Mood::Aside => out.dim(&told.words),
            Mood::Trouble => out.yellow(&told.words),
        };
        format!("{}  {} {words}", out.dim(&told.time), out.bold(&told.who))
    }

    /// A remark at the end of a line.
    pub(crate) fn dim(&self, text: &str) -> String {
        self.out.dim(text)
    }

    /// What an event says to people who watch.
    pub(crate) fn told(&mut self, event: &Event) -> Option<Told> {
        match event.text("type")? {
            "state" => self.state(event),
            "subscription" => self.subscription(event),
            "unreadable" => {
                let why = words::plain(event.text("detail").unwrap_or_default());
                let words = format!("sent a document that cannot be read: {why}");
                Some(told(event, words, Mood::Trouble))
            }
            _ => None,
        }
    }

    fn state(&mut self, event: &Event) -> Option<Told> {
        let value = &event.value;
        let subject = subject(event)?;
        let mut words = match value["member"]["state"].as_str() {
            Some("pending") if value["document"].is_null() => "has not decided yet: pending".to_owned(),
            Some("terminated") => {
                let reason = value["member"]["reason"].as_str().unwrap_or("no reason given");
                format!("is not told any more: {}", words::plain(reason))
            }
            _ => words::told(&subject.package, &value["summary"], &value["document"]),
        };
        let source = ["watcher", "id", "dialog", "list"].map(|name| value[name].clone());
        let [watcher, id, dialog, list] = source;
        let said = Said {
            words: words.clone(),
            source: (watcher, id, dialog, list),
        };
        let snapshot = value["snapshot"] == true;
        let before = self.said.get(&subject);
        let repeated = before.is_some_and(|before| before.words == said.words);
        let elsewhere = before.is_some_and(|before| before.source != said.source);
        self.said.insert(subject, said);
        // Several subscriptions that tell the same say it once.
        if repeated && (snapshot || elsewhere) {
            return None;
        }
        if let Some(state @ ("terminated" | "pending")) = event.text("subscription_state") {
            words.push_str(&format!(" (the subscription is {state})"));
        }
        let mut told = told(event, words, Mood::State);
        if let Some(at) = event.text("at") {
            told.time = clock(at);
        }
        Some(told)
    }

    fn subscription(&mut self, event: &Event) -> Option<Told> {
        let subject = subject(event)?;
        // One of several forks, or a row of the present state.
        if !event.value["dialog"].is_null() || event.value["snapshot"] == true {
            return None;
        }
        if self.renewing && event.text("next") == Some("ended") {
            return None;
        }
        let trouble = trouble(event);
        if trouble.is_none() {
            let change = event.text("change");
            let over = self.troubled.remove(&subject) && change == Some("active");
            return over.then(|| told(event, "is watched again".to_owned(), Mood::Aside));
        }
        self.troubled.insert(subject);
        trouble.map(|words| told(event, words, Mood::Trouble))
    }
}

fn subject(event: &Event) -> Option<Subject> {
    Some(Subject {
        presentity: event.text("presentity")?.to_owned(),
        package: event.text("package")?.to_owned(),
    })
}

fn told(event: &Event, words: String, mood: Mood) -> Told {
    Told {
        time: event.text("time").map(clock).unwrap_or_default(),
        who: words::plain(words::bare(event.text("presentity").unwrap_or("?"))),
        words,
        mood,
    }
}

/// What is wrong with a subscription; `None`: nothing.
pub(crate) fn trouble(event: &Event) -> Option<String> {
    let reason = || {
        words::plain(
            event
                .text("reason")
                .or(event.text("detail"))
                .unwrap_or("no reason given"),
        )
    };
    let response = || match event.value["code"].as_u64() {
        Some(code) => format!("{code} {}", reason()).trim_end().to_owned(),
        None => reason(),
    };
    match (event.text("change")?, event.text("retry_at")) {
        ("pending", _) => Some("has not decided yet whether it may be watched: pending".to_owned()),
        ("refused", _) => Some(format!("may not be watched: {}", response())),
        ("retrying", Some(at)) => Some(format!(
            "cannot be watched: {}; next try {}",
            response(),
            within(at)
        )),
        ("terminated", Some(at)) => Some(format!("is not told now: {}; next try {}", reason(), within(at))),
        ("terminated", None) => Some(format!("is not watched any more: {}", reason())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(value: Value) -> Event {
        Event {
            text: value.to_string(),
            value,
        }
    }

    fn state(source: u64, availability: &str, snapshot: bool) -> Event {
        event(json!({
            "type": "state", "time": "2026-11-23T08:00:00Z", "presentity": "sip:a@h", "package": "presence",
            "watcher": "sip:w@h", "dialog": source, "snapshot": snapshot, "document": {},
            "summary": {"availability": availability},
        }))
    }

    fn say(teller: &mut Teller, event: &Event) -> Option<String> {
        teller
            .told(event)
            .map(|told| format!("{} {}", told.who, told.words))
    }

    #[test]
    fn what_two_subscriptions_say_is_said_once() {
        let mut teller = Teller::new(Output::new(true), false);
        assert_eq!(
            say(&mut teller, &state(1, "open", false)).as_deref(),
            Some("a@h is open")
        );
        assert_eq!(say(&mut teller, &state(2, "open", false)), None);
        assert_eq!(say(&mut teller, &state(2, "open", true)), None);
        // The document has changed where words do not show it.
        assert!(say(&mut teller, &state(2, "open", false)).is_some());
        assert_eq!(
            say(&mut teller, &state(2, "closed", true)).as_deref(),
            Some("a@h is closed")
        );
    }

    #[test]
    fn trouble_with_a_subscription_is_told_and_its_end() {
        let mut teller = Teller::new(Output::new(true), false);
        let change = |more: Value| {
            let mut value = json!({
                "type": "subscription", "presentity": "sip:a@h", "package": "presence", "dialog": null,
            });
            value
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            event(value)
        };
        let active = change(json!({"change": "active", "expires": 600}));
        assert_eq!(say(&mut teller, &active), None);
        let refused = change(json!({"change": "refused", "code": 403, "reason": "Forbidden"}));
        assert_eq!(
            say(&mut teller, &refused).as_deref(),
            Some("a@h may not be watched: 403 Forbidden")
        );
        let ended = change(json!({"change": "terminated", "reason": null, "detail": "no refresh"}));
        assert_eq!(
            say(&mut teller, &ended).as_deref(),
            Some("a@h is not watched any more: no refresh")
        );
        assert_eq!(say(&mut teller, &active).as_deref(), Some("a@h is watched again"));
        assert_eq!(say(&mut teller, &active), None);
    }
}
