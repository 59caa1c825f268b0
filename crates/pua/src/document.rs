//! Documents made of plain words: presence (PIDF, RFC 3863, with RPID, RFC 4480), message summary
//! (RFC 3842) and dialog state (RFC 4235).
//!
//! The prefixes are exactly `dm:` and `rpid:`: there are servers that look for the letters.

use std::fmt::Write;

/// What a presence document says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Presence<'a> {
    /// The presentity's URI.
    pub(crate) entity: &'a str,
    /// Tells several publications of one presentity apart.
    pub(crate) id: Option<&'a str>,
    /// Ready to communicate, or not.
    pub(crate) open: bool,
    /// Activities of RFC 4480, or `other:TEXT`.
    pub(crate) activities: &'a [String],
    /// A word to people.
    pub(crate) note: Option<&'a str>,
}

/// The activities of RFC 4480 §3.2 without `other`, which wants a text.
pub(crate) const ACTIVITIES: &[&str] = &[
    "appointment",
    "away",
    "breakfast",
    "busy",
    "dinner",
    "holiday",
    "in-transit",
    "looking-for-work",
    "meal",
    "meeting",
    "on-the-phone",
    "performance",
    "permanent-absence",
    "playing",
    "presentation",
    "shopping",
    "sleeping",
    "spectator",
    "steering",
    "travel",
    "tv",
    "unknown",
    "vacation",
    "working",
    "worship",
];

impl Presence<'_> {
    /// The document, on one line.
    pub(crate) fn to_xml(&self) -> String {
        let number = identity(self.entity, self.id);
        let basic = if self.open { "open" } else { "closed" };
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
             xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"{}\">\
             <tuple id=\"t{number:016x}\"><status><basic>{basic}</basic></status></tuple>",
            escape(self.entity)
        );
        if !self.activities.is_empty() || self.note.is_some() {
            let _ = write!(xml, "<dm:person id=\"p{number:016x}\">");
            if !self.activities.is_empty() {
                xml.push_str("<rpid:activities>");
                for activity in self.activities {
                    let _ = match activity.strip_prefix("other:") {
                        Some(text) => write!(xml, "<rpid:other>{}</rpid:other>", escape(text)),
                        None => write!(xml, "<rpid:{activity}/>"),
                    };
                }
                xml.push_str("</rpid:activities>");
            }
            if let Some(note) = self.note {
                let _ = write!(xml, "<dm:note>{}</dm:note>", escape(note));
            }
            xml.push_str("</dm:person>");
        }
        xml.push_str("</presence>");
        xml
    }
}

/// Counts of messages: new and old, and of those how many are urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Messages {
    /// Not heard yet.
    pub(crate) new: u32,
    /// Heard.
    pub(crate) old: u32,
    /// Urgent ones among the new and the old.
    pub(crate) urgent: (u32, u32),
}

impl std::str::FromStr for Messages {
    type Err = String;

    /// `3/1`, or with the urgent ones `3/1 (1/0)`.
    fn from_str(text: &str) -> Result<Messages, String> {
        let wrong = || format!("`{text}` is not NEW/OLD, such as 3/1 or \"3/1 (1/0)\"");
        let pair = |pair: &str| {
            let (new, old) = pair.trim().split_once('/')?;
            Some((new.trim().parse().ok()?, old.trim().parse().ok()?))
        };
        let (counts, urgent) = match text.trim().split_once('(') {
            Some((counts, rest)) => (counts, pair(rest.strip_suffix(')').ok_or_else(wrong)?)),
            None => (text, Some((0, 0))),
        };
        let (new, old) = pair(counts).ok_or_else(wrong)?;
        Ok(Messages {
            new,
            old,
            urgent: urgent.ok_or_else(wrong)?,
        })
    }
}

impl Messages {
    /// The body of a message summary. Every line ends in CRLF, the last one too: there are phones
    /// that need it.
    pub(crate) fn to_summary(self, account: &str) -> String {
        let waiting = if self.new > 0 { "yes" } else { "no" };
        format!(
            "Messages-Waiting: {waiting}\r\nMessage-Account: {account}\r\nVoice-Message: {}/{} ({}/{})\r\n",
            self.new, self.old, self.urgent.0, self.urgent.1
        )
    }
}

/// A dialog-info document with one dialog in one state. `version` has to grow from one document
/// to the next.
pub(crate) fn dialog_info(entity: &str, id: Option<&str>, state: &str, version: u64) -> String {
    let number = identity(entity, id);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" state=\"full\" entity=\"{}\">\
         <dialog id=\"d{number:016x}\"><state>{state}</state></dialog></dialog-info>",
        escape(entity)
    )
}

/// A number that stays the same for one publication (FNV-1a, 64 bits): an update replaces the
/// tuple at the watcher, and two publications of one presentity do not collide.
fn identity(entity: &str, id: Option<&str>) -> u64 {
    let bytes = entity.bytes().chain([0]).chain(id.unwrap_or_default().bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Text for XML: markup escaped, characters that XML 1.0 does not know left out.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' => escaped.push(c),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c < ' ' => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_in_full() {
        let activities = ["away".to_owned(), "other:a<b".to_owned()];
        let presence = Presence {
            entity: "sip:erin@example.com",
            id: None,
            open: false,
            activities: &activities,
            note: Some("back <soon> & \"well\"\u{1}"),
        };
        let xml = presence.to_xml();
        assert_eq!(
            xml,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
             xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" \
             entity=\"sip:erin@example.com\"><tuple id=\"tbe21eefa2596fb12\"><status><basic>closed</basic></status></tuple>\
             <dm:person id=\"pbe21eefa2596fb12\"><rpid:activities><rpid:away/><rpid:other>a&lt;b</rpid:other></rpid:activities>\
             <dm:note>back &lt;soon&gt; &amp; &quot;well&quot;</dm:note></dm:person></presence>"
        );
    }

    #[test]
    fn presence_with_nothing_to_tell_has_no_person() {
        let xml = Presence {
            entity: "sip:a&b@c",
            open: true,
            ..Presence::default()
        }
        .to_xml();
        assert!(xml.contains("entity=\"sip:a&amp;b@c\"") && xml.contains("<basic>open</basic>"));
        assert!(!xml.contains("person"));
    }

    #[test]
    fn the_tuple_is_the_publications() {
        let tuple = |entity, id| {
            let xml = Presence {
                entity,
                id,
                ..Presence::default()
            }
            .to_xml();
            xml.split("<tuple id=\"").nth(1).unwrap()[..17].to_owned()
        };
        assert_eq!(tuple("sip:a@b", None), tuple("sip:a@b", None));
        assert_ne!(tuple("sip:a@b", None), tuple("sip:c@b", None));
        assert_ne!(tuple("sip:a@b", None), tuple("sip:a@b", Some("phone")));
    }

    #[test]
    fn message_summaries() {
        let messages: Messages = "3/1".parse().unwrap();
        assert_eq!(
            messages.to_summary("sip:a@b"),
            "Messages-Waiting: yes\r\nMessage-Account: sip:a@b\r\nVoice-Message: 3/1 (0/0)\r\n"
        );
        let messages: Messages = " 0/2 (0/1) ".parse().unwrap();
        assert!(
            messages
                .to_summary("sip:a@b")
                .starts_with("Messages-Waiting: no\r\n")
        );
        assert_eq!(messages.urgent, (0, 1));
        for wrong in ["", "3", "3/", "a/b", "3/1 (", "3/1 (x)", "-1/0"] {
            assert!(wrong.parse::<Messages>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn dialog_states() {
        let xml = dialog_info("sip:a@b", Some("7"), "confirmed", 9);
        assert!(xml.contains("version=\"9\" state=\"full\" entity=\"sip:a@b\""));
        assert!(xml.contains("<state>confirmed</state></dialog></dialog-info>"));
    }
}
