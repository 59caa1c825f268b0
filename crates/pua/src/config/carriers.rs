//! `[[events.webhooks]]` and `[[events.sinks]]`.

use std::time::Duration;

use super::fields::Check;
use super::values::Reason;
use crate::carriers::{Carrying, HookUrl, Sink, SinkAddress, Wanted, Webhook};
use crate::events::{Filter, Kind, names_a_package, names_somebody};

/// The largest file that carriers may write.
const FILE: i64 = 1 << 40;
/// A file if nothing else is said.
const FILE_DEFAULT: u64 = 64 * 1024 * 1024;

impl Check<'_> {
    pub(super) fn carrying(&mut self) -> Carrying {
        Carrying {
            webhooks: self.webhooks("events.webhooks"),
            sinks: self.sinks("events.sinks"),
        }
    }

    fn webhooks(&mut self, list: &str) -> Vec<Webhook> {
        let mut hooks = Vec::new();
        for number in self.settings.entries(list) {
            let entry = format!("{list}.{number}");
            let at = |name: &str| format!("{entry}.{name}");
            let url = self.parsed(&at("url"), url);
            let secret = self.secret(list, number, "secret", false);
            if secret.as_ref().is_some_and(|secret| secret.reveal().is_empty()) {
                let hint = "give a long random text, such as that of `openssl rand -hex 32`".to_owned();
                self.fault(&at("secret"), "is empty", hint);
            }
            let named = ["secret", "secret_file"]
                .iter()
                .any(|name| self.place(&at(name)).is_some());
            if !named {
                let place = self.place_under(&entry);
                let hint = "without it the receiver cannot tell who posts".to_owned();
                self.faults.warning(place, at("secret"), "is missing", hint);
            }
            let millis = |n| Duration::from_millis(n);
            let retry_first = millis(self.unsigned(&at("retry_first_ms"), 500, 10..=3_600_000));
            let retry_max = millis(self.unsigned(&at("retry_max_ms"), 60_000, 10..=86_400_000));
            let dead_letters = self
                .filled(&at("dead_letters"))
                .map(|_| self.path(&at("dead_letters"), ""));
            let attempts = self.unsigned(&at("attempts"), 20, 1..=1_000_000);
            let wanted = self.wanted(&entry);
            let (batch, timeout) = (
                self.size(&at("batch"), 1, 1..=1000),
                millis(self.unsigned(&at("timeout_ms"), 10_000, 1..=600_000)),
            );
            let dead_letters_max = self.unsigned(&at("dead_letters_max_bytes"), FILE_DEFAULT, 1..=FILE);
            let Some(url) = url else {
                self.missing(&entry, "url", "such as \"http://127.0.0.1:9000/presence\"");
                continue;
            };
            hooks.push(Webhook {
                url,
                secret,
                wanted,
                batch,
                timeout,
                attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
                retry_first,
                retry_max: retry_max.max(retry_first),
                dead_letters,
                dead_letters_max,
            });
        }
        hooks
    }

    fn sinks(&mut self, list: &str) -> Vec<Sink> {
        let mut sinks: Vec<Sink> = Vec::new();
        for number in self.settings.entries(list) {
            let entry = format!("{list}.{number}");
            let to = self.parsed(&format!("{entry}.to"), sink);
            let wanted = self.wanted(&entry);
            let max_bytes = self.unsigned(&format!("{entry}.max_bytes"), FILE_DEFAULT, 1..=FILE);
            let Some(to) = to else {
                self.missing(&entry, "to", "such as \"file:/var/log/pua/events.jsonl\"");
                continue;
            };
            let shared = !matches!(to, SinkAddress::Tcp(_));
            if shared && sinks.iter().any(|sink| sink.to == to) {
                let hint = "two would write over each other".to_owned();
                self.fault(&format!("{entry}.to"), "is named by another sink too", hint);
                continue;
            }
            sinks.push(Sink {
                to,
                wanted,
                max_bytes,
            });
        }
        sinks
    }

    /// Told only if it is not there: what is wrong with it is told already.
    fn missing(&mut self, entry: &str, name: &str, hint: &str) {
        let key = format!("{entry}.{name}");
        if self.place(&key).is_none() {
            let place = self.place_under(entry);
            self.faults.error(place, key, "is missing", hint.to_owned());
        }
    }

    fn wanted(&mut self, entry: &str) -> Wanted {
        let at = |name: &str| format!("{entry}.{name}");
        let mut filter = Filter::default();
        for uri in self.list(&at("presentity"), &[], uri) {
            filter = filter.presentity(&uri);
        }
        for uri in self.list(&at("watcher"), &[], uri) {
            filter = filter.watcher(&uri);
        }
        for package in self.list(&at("package"), &[], package) {
            filter = filter.package(&package);
        }
        for kind in self.list(&at("kinds"), &[], kind) {
            filter = filter.kind(kind);
        }
        Wanted {
            filter: filter.changed_only(self.boolean(&at("changed_only"), false)),
            raw: self.boolean(&at("raw"), false),
            snapshot: self.boolean(&at("snapshot"), false),
        }
    }
}

fn reason(what: String, hint: &str) -> Reason {
    Reason {
        what,
        hint: Some(hint.to_owned()),
    }
}

fn filled(text: &str) -> Result<String, Reason> {
    match text.trim() {
        "" => Err(reason(
            "is empty".to_owned(),
            "leave the list out to want everything",
        )),
        text => Ok(text.to_owned()),
    }
}

fn uri(text: &str) -> Result<String, Reason> {
    let text = filled(text)?;
    match names_somebody(&text) {
        true => Ok(text),
        false => Err(reason(
            format!("`{text}` is no URI"),
            "such as \"sip:alice@example.com\"",
        )),
    }
}

fn package(text: &str) -> Result<String, Reason> {
    let text = filled(text)?;
    match names_a_package(&text) {
        true => Ok(text),
        false => Err(reason(
            format!("`{text}` is no event package"),
            "such as \"presence\"",
        )),
    }
}

fn kind(word: &str) -> Result<Kind, Reason> {
    let known = Kind::FILTERED
        .into_iter()
        .find(|kind| kind.as_str() == word.trim());
    let hint = "one of: state, subscription, publication, unreadable";
    known.ok_or_else(|| reason(format!("`{word}` is no kind of event"), hint))
}

fn url(text: &str) -> Result<HookUrl, Reason> {
    let url: Result<HookUrl, String> = text.parse();
    url.map_err(|what| {
        let hint = if what.contains("https:") {
            "post to a proxy on this machine that speaks TLS, or to http://"
        } else if what.contains("user name") {
            "use secret: requests are signed with it"
        } else {
            "such as \"http://127.0.0.1:9000/presence\""
        };
        reason(what, hint)
    })
}

fn sink(text: &str) -> Result<SinkAddress, Reason> {
    let hint =
        "such as \"file:/var/log/pua/events.jsonl\", \"fifo:/run/pua/events\" or \"tcp:127.0.0.1:9000\"";
    text.parse().map_err(|what| reason(what, hint))
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{faults, good, read};

    #[test]
    fn carriers_are_read_with_their_filters() {
        let config = good(
            "[[events.webhooks]]\nurl = \"http://h/x\"\nsecret = \"s\"\nkinds = [\"state\"]\npresentity = \"sip:a@h\"\n\
             [[events.webhooks]]\nurl = \"http://h/y\"\nsecret = \"t\"\nbatch = 50\nretry_first_ms = 90000\n\
             [[events.sinks]]\nto = \"file:/a\"\n[[events.sinks]]\nto = \"tcp:h:1\"\nraw = true\n",
        );
        let [first, second] = config.carrying.webhooks.as_slice() else {
            panic!("{config:?}")
        };
        assert_eq!((first.batch, first.attempts, second.batch), (1, 20, 50));
        assert_eq!(first.secret.as_ref().map(|secret| secret.reveal()), Some("s"));
        assert_ne!(first.wanted.filter, second.wanted.filter);
        assert!(second.retry_max >= second.retry_first);
        assert_eq!(
            config
                .carrying
                .sinks
                .iter()
                .map(|sink| sink.wanted.raw)
                .collect::<Vec<_>>(),
            [false, true]
        );
        assert!(!format!("{config:?}").contains("reveal"));
    }

    #[test]
    fn what_is_wrong_with_a_carrier_is_told_with_a_hint() {
        let faults = faults(
            "[[events.webhooks]]\nurl = \"https://h/x\"\nsecret = \"s\"\n\
             [[events.webhooks]]\nsecret = \"\"\nurl = \"http://h\"\nkinds = [\"states\"]\ncolour = 1\n\
             presentity = [\"alice\"]\npackage = [\"pre sence\"]\n\
             [[events.webhooks]]\nsecret = \"s\"\n\
             [[events.sinks]]\nto = \"udp:h:1\"\n[[events.sinks]]\nto = \"file:/a\"\n[[events.sinks]]\nto = \"file:/a\"\n",
        )
        .join("\n");
        for told in [
            "https: is not available",
            "speaks TLS",
            "secret: is empty",
            "`states` is no kind of event",
            "one of: state, subscription, publication, unreadable",
            "colour: unknown key",
            "`alice` is no URI",
            "`pre sence` is no event package",
            "url: is missing",
            "does not begin with file:, fifo: or tcp:",
            "is named by another sink too",
        ] {
            assert!(faults.contains(told), "{told}:\n{faults}");
        }
    }

    #[test]
    fn a_hook_without_a_secret_is_a_warning() {
        let loaded = read("[[events.webhooks]]\nurl = \"http://127.0.0.1:9000/\"\n").unwrap();
        assert!(
            loaded
                .warnings
                .iter()
                .any(|fault| fault.to_string().contains("secret: is missing"))
        );
        assert_eq!(loaded.config.carrying.webhooks.len(), 1);
    }
}
