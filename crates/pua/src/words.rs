//! What is known of a presentity, in plain words: `is open, away: "back at 3"`.
//!
//! What comes from others is printed on a terminal: it holds no control characters.

use serde_json::Value;

/// What a document, or several of one presentity, say, as a predicate: the presentity stands before it. `package` is the
/// event package of the document, `summary` its summary, `document` the whole, as in the daemon's JSON; null where
/// there is none.
pub(crate) fn told(package: &str, summary: &Value, document: &Value) -> String {
    let event = package.split(';').next().unwrap_or_default();
    match event {
        _ if event.ends_with(".winfo") => watchers(document),
        "reg" => registrations(document),
        "dialog" => calls(summary).unwrap_or_else(|| nothing(document, "is not on the phone")),
        "message-summary" => messages(summary).unwrap_or_else(|| nothing(document, "has told nothing")),
        "presence" => presence(summary),
        _ => match known(summary) {
            true => all(summary),
            false => other(document),
        },
    }
}

/// What a summary of several packages says.
pub(crate) fn all(summary: &Value) -> String {
    let mut parts = Vec::new();
    if presence_known(summary) {
        parts.push(presence(summary));
    }
    parts.extend(calls(summary));
    parts.extend(messages(summary));
    match parts.is_empty() {
        true => presence(summary),
        false => parts.join("; "),
    }
}

fn known(summary: &Value) -> bool {
    presence_known(summary) || calls(summary).is_some() || messages(summary).is_some()
}

fn presence_known(summary: &Value) -> bool {
    matches!(summary["availability"].as_str(), Some("open" | "closed"))
        || summary["activities"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
        || summary["note"].is_string()
}

/// Availability, activities and note.
fn presence(summary: &Value) -> String {
    let activities = summary["activities"].as_array().into_iter().flatten();
    let mut words: Vec<String> = activities
        .filter_map(Value::as_str)
        .map(|activity| plain(&activity.replace('-', " ")))
        .collect();
    let mut said = match summary["availability"].as_str() {
        Some(basic @ ("open" | "closed")) => {
            words.insert(0, basic.to_owned());
            format!("is {}", words.join(", "))
        }
        _ if !words.is_empty() => format!("is {}", words.join(", ")),
        _ if summary["note"].is_string() => "says".to_owned(),
        _ => "is unknown: nothing is published".to_owned(),
    };
    if let Some(text) = summary["note"].as_str() {
        said.push_str(": ");
        said.push_str(&note(text));
    }
    said
}

/// Who is on the phone with whom; `None`: no call is known.
fn calls(summary: &Value) -> Option<String> {
    let calls = summary["calls"].as_array().filter(|calls| !calls.is_empty())?;
    let said: Vec<String> = calls.iter().map(call).collect();
    Some(said.join(", "))
}

fn call(call: &Value) -> String {
    let remote = call["remote"].as_str().map(|uri| plain(bare(uri)));
    let display = call["remote_display"].as_str().map(plain);
    let other = match (display.filter(|name| !name.trim().is_empty()), remote) {
        (Some(name), Some(uri)) => format!("{name} ({uri})"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => String::new(),
    };
    let join = |words: &str, link: &str| match other.as_str() {
        "" => words.to_owned(),
        other => format!("{words} {link}{}{other}", if link.is_empty() { "" } else { " " }),
    };
    match (call["state"].as_str(), call["direction"].as_str()) {
        (Some("confirmed"), _) => join("is on the phone", "with"),
        (Some("terminated"), _) => join("has ended a call", "with"),
        (_, Some("initiator")) => join("is calling", ""),
        (_, Some("recipient")) => join("is being called", "by"),
        _ => join("has a call coming up", "with"),
    }
}

/// How many messages there are; `None`: not known.
fn messages(summary: &Value) -> Option<String> {
    let messages = summary["messages_waiting"].as_object()?;
    let number = |name: &str| messages.get(name).and_then(Value::as_u64).unwrap_or(0);
    let waiting = messages.get("waiting").and_then(Value::as_bool);
    let urgent = match number("urgent_new") {
        0 => String::new(),
        urgent => format!(" ({urgent} urgent)"),
    };
    let mut said = match (number("new"), waiting) {
        (0, Some(true)) => "has messages waiting".to_owned(),
        (0, _) => "has no new messages".to_owned(),
        (1, _) => format!("has 1 new message{urgent}"),
        (new, _) => format!("has {new} new messages{urgent}"),
    };
    if number("old") > 0 {
        said.push_str(&format!(", {} old", number("old")));
    }
    Some(said)
}

/// Who watches (RFC 3858).
fn watchers(document: &Value) -> String {
    let lists = document["watcher_lists"].as_array().into_iter().flatten();
    let said: Vec<String> = lists
        .flat_map(|list| list["watchers"].as_array().into_iter().flatten())
        .map(|watcher| {
            let uri = bare(watcher["uri"].as_str().unwrap_or("?"));
            plain(&format!("{uri} ({})", watcher["status"].as_str().unwrap_or("?")))
        })
        .collect();
    match said.is_empty() {
        true => nothing(document, "is watched by nobody"),
        false => format!("is watched by {}", said.join(", ")),
    }
}

/// Where it is registered (RFC 3680).
fn registrations(document: &Value) -> String {
    let lists = document["registrations"].as_array().into_iter().flatten();
    let said: Vec<String> = lists
        .flat_map(|one| one["contacts"].as_array().into_iter().flatten())
        .filter(|contact| contact["state"] == "active")
        .filter_map(|contact| contact["uri"].as_str())
        .map(|uri| plain(bare(uri)))
        .collect();
    match said.is_empty() {
        true => nothing(document, "is not registered"),
        false => format!("is registered at {}", said.join(", ")),
    }
}

/// A package of which nothing is known here.
fn other(document: &Value) -> String {
    match document["content_type"].as_str() {
        Some(kind) => format!("sent a document of type {}", plain(kind)),
        None => nothing(document, "sent a document"),
    }
}

/// `words`, unless there is no document.
fn nothing(document: &Value, words: &str) -> String {
    match document {
        Value::Null => "has told nothing".to_owned(),
        _ => words.to_owned(),
    }
}

/// `CPU:12 MEM:476` as people say it; any other note as a quotation.
fn note(note: &str) -> String {
    let said: Option<Vec<String>> = note
        .split_ascii_whitespace()
        .map(|pair| {
            let (name, value) = pair.split_once(':')?;
            Some(match name {
                "CPU" => format!("CPU {value} %"),
                "MEM" => format!("memory {value} MB"),
                "LOAD" => format!("load {value}"),
                "DISK" => format!("disk {value} %"),
                _ => return None,
            })
        })
        .collect();
    match said {
        Some(said) if !said.is_empty() => plain(&said.join(", ")),
        _ => format!("\"{}\"", plain(note)),
    }
}

/// A URI without what people do not say.
pub(crate) fn bare(uri: &str) -> &str {
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme);
    match scheme {
        Some("sip" | "pres") => uri.split_once(':').map_or(uri, |(_, rest)| rest),
        _ => uri,
    }
}

/// On one line, without what moves the cursor or turns the direction of writing.
pub(crate) fn plain(text: &str) -> String {
    let directs =
        |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    let blank = |c: char| if c.is_whitespace() { ' ' } else { c };
    let kept = text.trim().chars().filter(|c| !directs(*c)).map(blank);
    kept.filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use event_packages::Document;

    use super::*;

    fn say(package: &str, content_type: &str, body: &str) -> String {
        let document = Document::read(content_type, body.as_bytes()).unwrap();
        told(package, &document.summary().to_json(), &document.to_json())
    }

    fn presence(inner: &str) -> String {
        let body =
            format!("<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@h'>{inner}</presence>");
        say("presence", "application/pidf+xml", &body)
    }

    #[test]
    fn presence_in_words() {
        let guide = include_str!("../../event-packages/tests/documents/field/admin-guide.xml");
        let said = say("presence", "application/pidf+xml", guide);
        assert_eq!(said, "is open, away: CPU 16 %, memory 476 MB");
        let closed =
            "<tuple id='a'><status><basic>closed</basic></status><note>at: home\u{202e}\n!</note></tuple>";
        assert_eq!(presence(closed), "is closed: \"at: home !\"");
        assert_eq!(presence(""), "is unknown: nothing is published");
        assert_eq!(presence("<note>back soon</note>"), "says: \"back soon\"");
        assert_eq!(
            told("presence", &Value::Null, &Value::Null),
            "is unknown: nothing is published"
        );
    }

    #[test]
    fn calls_in_words() {
        let dialogs = |inner: &str| {
            let body = format!(
                "<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' version='0' state='full' entity='sip:a@h'>{inner}</dialog-info>"
            );
            say("dialog;sla", "application/dialog-info+xml", &body)
        };
        let bob = "<remote><identity display='Bob'>sip:bob@h</identity></remote>";
        assert_eq!(dialogs(""), "is not on the phone");
        assert_eq!(
            dialogs(&format!("<dialog id='1'><state>confirmed</state>{bob}</dialog>")),
            "is on the phone with Bob (bob@h)"
        );
        assert_eq!(
            dialogs("<dialog id='1' direction='initiator'><state>trying</state></dialog>"),
            "is calling"
        );
        assert_eq!(
            dialogs(&format!(
                "<dialog id='1' direction='recipient'><state>early</state>{bob}</dialog>\
                 <dialog id='2'><state>confirmed</state></dialog>"
            )),
            "is being called by Bob (bob@h), is on the phone"
        );
        assert_eq!(told("dialog", &Value::Null, &Value::Null), "has told nothing");
    }

    #[test]
    fn messages_in_words() {
        let voice = |counts: &str| {
            let body = format!("Messages-Waiting: yes\r\nVoice-Message: {counts}\r\n");
            say("message-summary", "application/simple-message-summary", &body)
        };
        assert_eq!(voice("2/0"), "has 2 new messages");
        assert_eq!(voice("1/8 (1/0)"), "has 1 new message (1 urgent), 8 old");
        let none = say(
            "message-summary",
            "application/simple-message-summary",
            "Messages-Waiting: no\r\n",
        );
        assert_eq!(none, "has no new messages");
    }

    #[test]
    fn several_packages_and_others() {
        let both = serde_json::json!({
            "availability": "open", "activities": ["on-the-phone"], "note": null,
            "calls": [{"id": "1", "state": "confirmed", "remote": "sip:bob@h"}],
            "messages_waiting": {"waiting": true, "new": 1, "old": 0},
        });
        assert_eq!(
            all(&both),
            "is open, on the phone; is on the phone with bob@h; has 1 new message"
        );
        assert_eq!(all(&Value::Null), "is unknown: nothing is published");
        let winfo = include_str!("../../event-packages/tests/documents/examples/watcherinfo.xml");
        let said = say("presence.winfo", "application/watcherinfo+xml", winfo);
        assert!(
            said.starts_with("is watched by ") && said.contains(" (pending)"),
            "{said}"
        );
        let reg = include_str!("../../event-packages/tests/documents/examples/reginfo.xml");
        let said = say("reg", "application/reginfo+xml", reg);
        assert!(said.starts_with("is registered at "), "{said}");
        assert_eq!(
            say("x", "text/plain", "hello"),
            "sent a document of type text/plain"
        );
    }
}
