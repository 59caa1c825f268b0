//! The parameters of a challenge or of credentials: `name = token / quoted-string`, comma between.
//!
//! Read generously: any value may be quoted or not, empty list elements are skipped. What is inside
//! quotes is handed out as it stands, escapes included, since it must be echoed byte for byte.

use std::borrow::Cow;

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Param<'a> {
    pub(crate) name: &'a str,
    /// A token as it stands, or what is between the quotes with the escapes still in.
    pub(crate) value: &'a str,
}

/// Walks over the parameters. Ends at the first thing that is none, and before what looks like a
/// second challenge in the same row (`Digest realm=...`), which SIP forbids (RFC 3261 §7.3.1).
#[derive(Clone)]
pub(crate) struct Params<'a> {
    rest: &'a str,
}

/// The scheme and the parameters of a header value; `None` if there is no scheme or the value is
/// not UTF-8.
pub(crate) fn split(value: &[u8]) -> Option<(&str, Params<'_>)> {
    let text = std::str::from_utf8(value).ok()?.trim_start_matches(is_blank);
    let end = text.find(is_blank)?;
    let (scheme, rest) = text.split_at_checked(end)?;
    (!scheme.is_empty()).then_some((scheme, Params { rest }))
}

impl<'a> Params<'a> {
    /// The parameters of a value that has no scheme (Authentication-Info).
    pub(crate) fn of(value: &'a [u8]) -> Params<'a> {
        Params {
            rest: std::str::from_utf8(value).unwrap_or_default(),
        }
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        let text = self.rest.trim_start_matches(|c| is_blank(c) || c == ',');
        // Stays empty unless a parameter is read to its end.
        self.rest = "";
        let end = text.find(|c: char| is_blank(c) || matches!(c, '=' | ',' | '"'))?;
        let (name, rest) = text.split_at_checked(end)?;
        let rest = rest.trim_start_matches(is_blank).strip_prefix('=')?;
        let rest = rest.trim_start_matches(is_blank);
        if name.is_empty() {
            return None;
        }
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = closing_quote(quoted)?;
                let (value, rest) = quoted.split_at_checked(end)?;
                (value, rest.strip_prefix('"')?)
            }
            None => {
                let end = rest.find(|c: char| is_blank(c) || c == ',').unwrap_or(rest.len());
                rest.split_at_checked(end)?
            }
        };
        self.rest = rest;
        Some(Param { name, value })
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// `unq`: with the quoting slashes removed (RFC 7616 §3.3), which is what is hashed.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// Writes `text` as the inside of a quoted string. Control characters are left out: no value may
/// break out of its header.
pub(crate) fn escape_into(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        if byte >= b' ' && byte != 0x7f {
            out.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(&str, &str)> {
        Params::of(text.as_bytes()).map(|p| (p.name, p.value)).collect()
    }

    #[test]
    fn quoted_and_bare_values() {
        assert_eq!(
            all(r#" realm="a\"b, c" ,nonce=x/y==,,qop = "auth,auth-int" , nc=00000001"#),
            [
                ("realm", r#"a\"b, c"#),
                ("nonce", "x/y=="),
                ("qop", "auth,auth-int"),
                ("nc", "00000001")
            ]
        );
    }

    #[test]
    fn ends_where_the_text_breaks() {
        assert_eq!(all(r#"a=b, c="d"#), [("a", "b")]);
        assert_eq!(all(r#"a=b, Digest realm="x""#), [("a", "b")]);
        assert_eq!(all("a=b, =c"), [("a", "b")]);
        assert_eq!(all(r#"a="x\"#), []);
    }

    #[test]
    fn a_fold_is_a_blank() {
        assert_eq!(all("a=b,\r\n c=d"), [("a", "b"), ("c", "d")]);
    }

    #[test]
    fn unescaping_and_escaping_undo_each_other() {
        for text in ["", "plain", r#"a"b"#, r"back\slash", "ä\\\"ö"] {
            let mut escaped = Vec::new();
            escape_into(text, &mut escaped);
            assert_eq!(unescape(std::str::from_utf8(&escaped).unwrap()), text);
        }
        let mut out = Vec::new();
        escape_into("a\r\nVia: x", &mut out);
        assert_eq!(out, b"aVia: x");
    }
}
