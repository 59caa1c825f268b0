//! Grammar checks of what an application gives and what a peer says.

/// A `token` of RFC 3261 §25.1.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// Whether the URI can name a presentity: sip, sips or pres, without headers.
pub(crate) fn is_presentity(uri: &str) -> bool {
    is_uri(uri, &["sip", "sips", "pres"])
}

/// Whether the URI can be a next hop: sip or sips, without headers.
pub(crate) fn is_proxy(uri: &str) -> bool {
    is_uri(uri, &["sip", "sips"])
}

fn is_uri(uri: &str, schemes: &[&str]) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return false;
    };
    schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme))
        && uri.len() <= 2048
        && !uri.contains('?')
        && uri
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&b))
        && !rest.is_empty()
}

/// A media type: `type "/" subtype *( ";" attribute "=" value )`, blanks allowed around `;` and `=` (RFC 3261 §25.1,
/// `media-type`).
pub(crate) fn is_media_type(text: &str) -> bool {
    if text.len() > 256 {
        return false;
    }
    let (essence, mut rest) = match text.split_once(';') {
        Some((essence, rest)) => (essence, Some(rest)),
        None => (text, None),
    };
    let Some((kind, subtype)) = essence.trim_end_matches([' ', '\t']).split_once('/') else {
        return false;
    };
    if !is_token(kind) || !is_token(subtype) {
        return false;
    }
    while let Some(parameters) = rest {
        match one_parameter(parameters) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    true
}

/// Reads `attribute = value` up to the next `;`. The outer `None` means that it is none; the inner one that it was
/// the last.
fn one_parameter(text: &str) -> Option<Option<&str>> {
    let blanks = [' ', '\t'];
    let (name, value) = text.split_once('=')?;
    let value = value.trim_start_matches(blanks);
    if !is_token(name.trim_matches(blanks)) {
        return None;
    }
    let after = match value.strip_prefix('"') {
        None => {
            let (token, _) = value.split_once(';').unwrap_or((value, ""));
            if !is_token(token.trim_end_matches(blanks)) {
                return None;
            }
            value.get(token.len()..)?
        }
        Some(inner) => {
            let mut escaped = false;
            let end = inner.char_indices().find_map(|(at, c)| {
                let closes = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                closes.then_some(at)
            })?;
            if inner.get(..end)?.chars().any(|c| c.is_control() && c != '\t') {
                return None;
            }
            inner.get(end + 1..)?
        }
    };
    let after = after.trim_start_matches(blanks);
    match after.strip_prefix(';') {
        Some(more) => Some(Some(more)),
        None if after.is_empty() => Some(None),
        None => None,
    }
}

/// Longest piece of a peer's text that is passed on, in bytes.
const LONGEST: usize = 1024;

/// A peer's or an application's text made fit for one line: control characters become blanks, blanks at the ends go,
/// and what is very long is cut.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(LONGEST));
    for c in text.chars() {
        let c = if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            ' '
        } else {
            c
        };
        if out.len() + c.len_utf8() > LONGEST {
            break;
        }
        if !(c == ' ' && out.is_empty()) {
            out.push(c);
        }
    }
    out.truncate(out.trim_end_matches(' ').len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        for good in [
            "application/pidf+xml",
            "text/plain;charset=utf-8",
            "text/plain ; charset = \"a;\\\"b\" ; x=y",
            "multipart/related;type=\"application/rlmi+xml\";boundary=b1",
        ] {
            assert!(is_media_type(good), "{good}");
        }
        for bad in [
            "",
            "x",
            "a/",
            "/b",
            "a b/c",
            "a/b;",
            "a/b;x",
            "a/b;x=",
            "a/b;x=\"y",
            "a/b\r\nX: y",
            "a/b;x=\"\r\n\"",
            "a/b;x=y z",
            "a/b;x=\"y\"z",
        ] {
            assert!(!is_media_type(bad), "{bad:?}");
        }
    }

    #[test]
    fn one_line_has_no_control_characters() {
        assert_eq!(one_line("\u{1b}[2J a\r\n b\u{2028}c\u{85} \n"), "[2J a   b c");
        assert_eq!(one_line(&"é".repeat(2000)).len(), 1024);
    }
}
