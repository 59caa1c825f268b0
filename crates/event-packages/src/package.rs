//! The name of an event package.

use std::fmt;

use crate::registry::{self, Registration};

/// Longest package name with its parameters, in bytes.
const MAX: usize = 256;

/// An event package's name, with its templates and parameters, in the form it is sent.
///
/// `event-type = event-package *( "." event-template )`, both `token-nodot` (RFC 6665 §8.4). Parameters are kept as
/// they were given (`dialog;sla`); the old spelling `presence;winfo` becomes `presence.winfo`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Package(Box<str>);

/// The text names no event package: it does not follow the grammar of RFC 6665 §8.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadPackage;

impl fmt::Display for BadPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an event package name")
    }
}

impl std::error::Error for BadPackage {}

impl Package {
    /// Reads a package name; blanks around it and around `;` and `=` are dropped.
    ///
    /// # Errors
    /// [`BadPackage`] when the text breaks the grammar or is longer than 256 bytes.
    pub fn parse(text: &str) -> Result<Self, BadPackage> {
        if !text.is_empty() && text.len() <= MAX && text.bytes().all(is_token_nodot) {
            // Most are one word.
            return Ok(Self(text.into()));
        }
        let text = text.trim_matches([' ', '\t']);
        if text.len() > MAX {
            return Err(BadPackage);
        }
        let mut parts = text.split(';').map(|part| part.trim_matches([' ', '\t']));
        let name = parts.next().unwrap_or_default();
        if !is_event_type(name) {
            return Err(BadPackage);
        }
        if name.len() == text.len() {
            return Ok(Self(name.into()));
        }
        let mut out = String::with_capacity(text.len());
        out.push_str(name);
        let mut parameters = String::new();
        for part in parts {
            if part == "winfo" {
                out.push_str(".winfo");
                continue;
            }
            push_parameter(&mut parameters, part)?;
        }
        out.push_str(&parameters);
        Ok(Self(out.into()))
    }

    /// The whole value as it stands in the Event header field, parameters included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The event type without parameters: what is compared (RFC 6665 §8.2.1).
    pub fn event_type(&self) -> &str {
        self.0.split(';').next().unwrap_or_default()
    }

    /// The parameters with their leading `;`, or nothing.
    pub fn parameters(&self) -> &str {
        self.0.get(self.event_type().len()..).unwrap_or_default()
    }

    /// What is known of this package. `None`: a name that is not in the registry, which is no reason to refuse it.
    pub fn registration(&self) -> Option<&'static Registration> {
        registry::find(self)
    }

    /// Media type of a body that comes without one.
    pub fn default_content_type(&self) -> Option<&'static str> {
        self.registration().and_then(|known| known.content_type)
    }

    /// Whether a first publication may come without a body; of an unknown package it may not.
    pub fn allows_empty_body(&self) -> bool {
        self.registration().is_some_and(|known| known.empty_body)
    }

    /// Seconds a publication or subscription stands when nobody says: the package's own default or 3600.
    pub fn default_expires(&self) -> u32 {
        self.registration().map_or(3600, |known| known.expires)
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Package {
    type Err = BadPackage;

    fn from_str(text: &str) -> Result<Self, BadPackage> {
        Self::parse(text)
    }
}

/// `event-package *( "." event-template )`
fn is_event_type(name: &str) -> bool {
    name.split('.')
        .all(|part| !part.is_empty() && part.bytes().all(is_token_nodot))
}

/// `token-nodot`: a token's characters without the dot.
fn is_token_nodot(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-!%*_+`'~".contains(&byte)
}

/// `token [ EQUAL ( token / host / quoted-string ) ]`, appended with its `;`.
fn push_parameter(out: &mut String, part: &str) -> Result<(), BadPackage> {
    let (name, value) = match part.split_once('=') {
        Some((name, value)) => (
            name.trim_end_matches([' ', '\t']),
            Some(value.trim_start_matches([' ', '\t'])),
        ),
        None => (part, None),
    };
    let token = |text: &str| !text.is_empty() && text.bytes().all(|b| b == b'.' || is_token_nodot(b));
    if !token(name) {
        return Err(BadPackage);
    }
    out.push(';');
    out.push_str(name);
    if let Some(value) = value {
        if !token(value) && !is_quoted(value) && !is_ipv6_reference(value) {
            return Err(BadPackage);
        }
        out.push('=');
        out.push_str(value);
    }
    Ok(())
}

/// A quoted string without escapes, semicolons or control characters.
fn is_quoted(value: &str) -> bool {
    value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .is_some_and(|inner| !inner.chars().any(|c| c.is_control() || c == '"' || c == '\\'))
}

/// `[` hexadecimal groups `]`
fn is_ipv6_reference(value: &str) -> bool {
    value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|inner| {
            !inner.is_empty()
                && inner
                    .bytes()
                    .all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.')
        })
}
