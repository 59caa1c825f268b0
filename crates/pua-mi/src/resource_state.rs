//! What is known of a resource, printed as JSON and in classic text.

use std::io::Write;

use serde_json::{Map, Value, json};

use crate::check::whole_line;
use crate::classic::push_quoted;
use crate::{ResourceState, SubscriptionOutcome};

impl ResourceState {
    /// The state as JSON. `raw`: with the body as it was received, in `body`, or in `body_base64` if it is not UTF-8.
    pub fn to_json(&self, raw: bool) -> Value {
        let mut object = Map::new();
        object.insert("presentity".into(), self.resource.as_str().into());
        if let Some(member) = &self.member {
            let member = json!({"name": member.name, "state": member.state, "reason": member.reason});
            object.insert("member".into(), member);
        }
        object.extend(self.members(raw));
        Value::Object(object)
    }

    /// What was told of it, by name.
    pub(crate) fn members(&self, raw: bool) -> impl Iterator<Item = (String, Value)> + use<> {
        let told = !self.content_type.is_empty();
        let body = (raw && told).then(|| match std::str::from_utf8(&self.body) {
            Ok(text) => ("body", Value::from(text)),
            Err(_) => ("body_base64", Value::from(base64(&self.body))),
        });
        let text = |text: &str| Value::from(text);
        [
            told.then(|| ("content_type", text(&self.content_type))),
            self.document.clone().map(|document| ("document", document)),
            self.summary.clone().map(|summary| ("summary", summary)),
            body,
            self.at.as_deref().map(|at| ("at", text(at))),
        ]
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.to_owned(), value))
    }

    /// The lines of classic text below the resource: the body in quotation marks, as parameters are written.
    pub(crate) fn print_classic(&self, out: &mut Vec<u8>, level: usize) {
        let mut node = |name: &str, value: &str| {
            out.resize(out.len() + level, b'\t');
            let _ = writeln!(out, "{name}:: {}", whole_line(value));
        };
        if let Some(member) = &self.member {
            for (name, value) in [
                ("Name", &member.name),
                ("State", &member.state),
                ("Reason", &member.reason),
            ] {
                if let Some(value) = value {
                    node(name, value);
                }
            }
        }
        if self.content_type.is_empty() {
            return;
        }
        node("Content-Type", &self.content_type);
        if self.body.is_empty() {
            return;
        }
        out.resize(out.len() + level, b'\t');
        out.extend_from_slice(b"Body:: ");
        push_quoted(out, &self.body);
        out.push(b'\n');
    }
}

impl SubscriptionOutcome {
    /// The state of the presentity itself, when it is not a list that was watched.
    pub(crate) fn single(&self) -> Option<&ResourceState> {
        match self.states.as_slice() {
            [state] if state.member.is_none() => Some(state),
            _ => None,
        }
    }
}

/// Base64 (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let group = (0..3).fold(0_usize, |group, at| {
            group << 8 | usize::from(three.get(at).copied().unwrap_or(0))
        });
        for place in 0..4_usize {
            let sextet = group >> (18 - 6 * place) & 0x3f;
            match ALPHABET.get(sextet) {
                Some(letter) if place <= three.len() => out.push(char::from(*letter)),
                _ => out.push('='),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4648_section_10_vectors() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }
}
