//! When two URIs are the same (RFC 3261 §19.1.4), and a text that is the same for URIs that are.

use std::fmt::Write as _;

use crate::grammar::is_unreserved;
use crate::{Host, Uri};

/// The parameters that count even if only one of the URIs has them.
const DECISIVE: [&str; 5] = ["maddr", "method", "transport", "ttl", "user"];

/// The octets of a part, each with whether it was escaped and had to be: escapes of unreserved
/// characters are the characters, all other escapes stay distinct from what they stand for.
fn units(text: &str) -> impl Iterator<Item = (u8, bool)> + '_ {
    let bytes = text.as_bytes();
    let mut i = 0;
    std::iter::from_fn(move || {
        let c = *bytes.get(i)?;
        let escape = (c == b'%')
            .then(|| bytes.get(i + 1..i + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escape {
            Some(decoded) => {
                i += 3;
                Some((decoded, !is_unreserved(decoded)))
            }
            None => {
                i += 1;
                Some((c, false))
            }
        }
    })
}

fn same(a: &str, b: &str) -> bool {
    units(a).eq(units(b))
}

fn same_ignoring_case(a: &str, b: &str) -> bool {
    let lower = |(c, escaped): (u8, bool)| {
        if escaped {
            (c, true)
        } else {
            (c.to_ascii_lowercase(), false)
        }
    };
    units(a).map(lower).eq(units(b).map(lower))
}

fn same_option(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same(a, b),
        (None, None) => true,
        _ => false,
    }
}

fn write_units(out: &mut String, text: &str, lower: bool) {
    if text.bytes().all(|c| c != b'%' && c.is_ascii()) {
        // Most have nothing to decode.
        write_plain(out, text, lower);
        return;
    }
    for (c, escaped) in units(text) {
        if escaped || !c.is_ascii() {
            // writing to a String cannot fail
            let _ = write!(out, "%{c:02X}");
        } else {
            out.push(if lower { c.to_ascii_lowercase() } else { c } as char);
        }
    }
}

/// Appends text without escapes.
fn write_plain(out: &mut String, text: &str, lower: bool) {
    let from = out.len();
    out.push_str(text);
    if lower && let Some(written) = out.get_mut(from..) {
        written.make_ascii_lowercase();
    }
}

impl Uri<'_> {
    /// Equivalence by RFC 3261 §19.1.4: user and password with regard to case, the rest without; a
    /// missing port is not the default port; `transport`, `user`, `ttl`, `method` and `maddr` in one
    /// URI only make a difference, other parameters only when both URIs have them; headers always
    /// count, in any order. Not transitive, as the RFC says. URIs of other schemes compare octet for
    /// octet after the scheme.
    pub fn same_as(&self, other: &Uri<'_>) -> bool {
        if !self.is_sip() || !other.is_sip() {
            return self.scheme.as_str().eq_ignore_ascii_case(other.scheme.as_str())
                && self.is_sip() == other.is_sip()
                && self.opaque() == other.opaque();
        }
        self.scheme == other.scheme
            && same_option(self.user, other.user)
            && same_option(self.password, other.password)
            && self.host.same_as(&other.host)
            && self.port == other.port
            && self.params_agree_with(other)
            && other.params_agree_with(self)
            && self.headers().count() == other.headers().count()
            && self.headers_in(other)
            && other.headers_in(self)
    }

    /// Only the first of several parameters of one name counts; there should not be more
    /// (§19.1.1).
    fn params_agree_with(&self, other: &Uri<'_>) -> bool {
        self.params().enumerate().all(|(index, (name, value))| {
            if self
                .params()
                .take(index)
                .any(|(n, _)| same_ignoring_case(name, n))
            {
                return true;
            }
            match other.params().find(|(n, _)| same_ignoring_case(name, n)) {
                Some((_, theirs)) => match (value, theirs) {
                    (Some(a), Some(b)) => same_ignoring_case(a, b),
                    (None, None) => true,
                    _ => false,
                },
                None => !DECISIVE.iter().any(|d| same_ignoring_case(d, name)),
            }
        })
    }

    fn headers_in(&self, other: &Uri<'_>) -> bool {
        self.headers().all(|(name, value)| {
            other
                .headers()
                .any(|(n, v)| same_ignoring_case(name, n) && same(value, v))
        })
    }

    /// A text that is equal for URIs that identify the same presentity: scheme and host in lower
    /// case, escapes of unreserved characters decoded and all others in upper case, decisive
    /// parameters and headers sorted, all other parameters left out. An IPv6 address is in its
    /// canonical form. A port is never left out or added (§19.1.4).
    pub fn key(&self) -> String {
        let mut key = String::new();
        self.write_key(&mut key);
        key
    }

    /// Appends [`Uri::key`] to a buffer that is kept.
    pub fn write_key(&self, key: &mut String) {
        const REST: usize = 16;
        let length = |text: &str| text.len() + 1;
        let host = match self.host {
            Host::Name(name) => name.len(),
            _ => 0,
        };
        let user = self.user.map_or(0, length) + self.opaque().len();
        key.reserve(user + host + self.params_str().len() + REST);
        write_plain(key, self.scheme.as_str(), true);
        key.push(':');
        if !self.is_sip() {
            self.write_opaque_key(key);
            return;
        }
        if let Some(user) = self.user {
            write_units(key, user, false);
            if let Some(password) = self.password {
                key.push(':');
                write_units(key, password, false);
            }
            key.push('@');
        }
        match self.host {
            Host::Name(name) => write_plain(key, name.strip_suffix('.').unwrap_or(name), true),
            address => {
                let _ = write!(key, "{address}");
            }
        }
        if let Some(port) = self.port {
            let _ = write!(key, ":{port}");
        }
        if self.params_str().is_empty() && self.headers_str().is_empty() {
            return;
        }
        for name in DECISIVE {
            if let Some((_, value)) = self.params().find(|(n, _)| same_ignoring_case(name, n)) {
                key.push(';');
                key.push_str(name);
                if let Some(value) = value {
                    key.push('=');
                    write_units(key, value, true);
                }
            }
        }
        let mut headers: Vec<String> = self
            .headers()
            .map(|(name, value)| {
                let mut header = String::new();
                write_units(&mut header, name, true);
                header.push('=');
                write_units(&mut header, value, false);
                header
            })
            .collect();
        headers.sort_unstable();
        for (i, header) in headers.iter().enumerate() {
            key.push(if i == 0 { '?' } else { '&' });
            key.push_str(header);
        }
    }

    /// `pres:` and `im:` URIs have a domain after the `@`, which has no case (RFC 3859 §3.1).
    fn write_opaque_key(&self, key: &mut String) {
        let opaque = self.opaque();
        match opaque.rsplit_once('@') {
            Some((user, domain)) => {
                write_units(key, user, false);
                key.push('@');
                key.push_str(&domain.to_ascii_lowercase());
            }
            None => key.push_str(opaque),
        }
    }
}
