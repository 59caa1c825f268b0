//! Grammar checks of what an application gives and what a peer says.

use std::borrow::Cow;

use sip_wire::{MediaType, Uri, grammar};

/// Longest URI, in bytes.
const LONGEST_URI: usize = 2048;

/// Longest media type with its parameters, in bytes.
const LONGEST_MEDIA_TYPE: usize = 256;

/// A `token` of RFC 3261 §25.1.
pub(crate) fn is_token(text: &str) -> bool {
    grammar::is_token(text.as_bytes())
}

/// A character of a token.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    grammar::is_token_char(byte)
}

/// A URI as people write it, as it goes on the wire: what is not ASCII is escaped in the user part
/// (RFC 3261 §19.1.2) and becomes A-labels in the host. As it is if that cannot be.
pub(crate) fn ascii_uri(uri: &str) -> Cow<'_, str> {
    if uri.is_ascii() {
        return Cow::Borrowed(uri);
    }
    let Some((scheme, rest)) = uri.split_once(':') else {
        return Cow::Borrowed(uri);
    };
    let (user, host) = match rest.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, rest),
    };
    let (name, tail) = host.split_at(host.find([':', ';', '?']).unwrap_or(host.len()));
    let name = match name.is_ascii() {
        true => name.to_owned(),
        false => match idna::domain_to_ascii(name) {
            Ok(name) => name,
            Err(_) => return Cow::Borrowed(uri),
        },
    };
    let mut ascii = format!("{scheme}:");
    for byte in user.unwrap_or_default().bytes() {
        match byte {
            0..=0x7f => ascii.push(char::from(byte)),
            _ => ascii.push_str(&format!("%{byte:02X}")),
        }
    }
    if user.is_some() {
        ascii.push('@');
    }
    Cow::Owned(ascii + &name + tail)
}

/// Whether the URI can name a presentity: sip, sips or pres (RFC 3859), without headers, which would become headers of
/// the PUBLISH, and without a method, which no Request-URI may have (RFC 3261 §19.1.1).
pub(crate) fn is_presentity(uri: &str) -> bool {
    let Some(parsed) = short_uri(uri) else {
        return false;
    };
    match parsed.scheme.as_str() {
        "sip" | "sips" => parsed.headers_str().is_empty() && parsed.param("method").is_none(),
        // `pres:user@host` follows the grammar of a SIP URI.
        "pres" => Uri::parse(&format!("sip:{}", parsed.opaque()))
            .is_ok_and(|parsed| parsed.user.is_some() && parsed.headers_str().is_empty()),
        _ => false,
    }
}

/// Whether the URI can be a next hop: sip or sips, without headers.
pub(crate) fn is_proxy(uri: &str) -> bool {
    short_uri(uri).is_some_and(|parsed| parsed.is_sip() && parsed.headers_str().is_empty())
}

fn short_uri(uri: &str) -> Option<Uri<'_>> {
    (uri.len() <= LONGEST_URI).then(|| Uri::parse(uri).ok()).flatten()
}

/// A media type of one line, without wildcards.
pub(crate) fn is_media_type(text: &str) -> bool {
    text.len() <= LONGEST_MEDIA_TYPE
        && !has_control(text)
        && !text.ends_with(';')
        && MediaType::parse(text.as_bytes()).is_ok_and(|parsed| {
            parsed.kind != "*"
                && parsed.subtype != "*"
                && parsed.params.iter().all(|param| param.value.is_some())
        })
}

/// Whether there is a control character that is no tab.
fn has_control(text: &str) -> bool {
    let in_ascii = |byte: u8| byte.is_ascii_control() && byte != b'\t';
    text.bytes().any(in_ascii) || (!text.is_ascii() && text.chars().any(|c| c.is_control() && c != '\t'))
}

/// Longest piece of a peer's text that is passed on, in bytes.
const LONGEST: usize = 1024;

/// A peer's or an application's words made fit for one line: control characters become blanks, blanks at the ends go,
/// and what is very long is cut.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    clean(text, LONGEST)
}

/// A value made fit for one line, without a cut.
pub(crate) fn whole_line(text: &str) -> Cow<'_, str> {
    clean(text, usize::MAX)
}

fn clean(text: &str, longest: usize) -> Cow<'_, str> {
    if text.len() <= longest && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Cow::Borrowed(text.trim_matches(' '));
    }
    let mut out = String::with_capacity(text.len().min(longest));
    for c in text.chars() {
        let c = if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            ' '
        } else {
            c
        };
        if out.len() + c.len_utf8() > longest {
            break;
        }
        if !(c == ' ' && out.is_empty()) {
            out.push(c);
        }
    }
    out.truncate(out.trim_end_matches(' ').len());
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3261_section_19_1_2_uris_that_are_not_ascii() {
        for (written, sent) in [
            ("sip:jöe@bücher.example", "sip:j%C3%B6e@xn--bcher-kva.example"),
            (
                "sip:a@Bücher.example:5070;user=phone",
                "sip:a@xn--bcher-kva.example:5070;user=phone",
            ),
            ("pres:ü@example.com", "pres:%C3%BC@example.com"),
            ("sip:bücher.example", "sip:xn--bcher-kva.example"),
            ("sip:a@example.com", "sip:a@example.com"),
        ] {
            assert_eq!(ascii_uri(written), sent);
            assert!(is_presentity(sent), "{sent}");
        }
        for bad in ["jöe", "sip:a@exa\u{200b}\u{ad}mple.com\u{fffd}", "sip:a@h;ü=1"] {
            assert!(!is_presentity(&ascii_uri(bad)), "{bad}");
        }
    }

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
    fn presentities() {
        for good in [
            "sip:a@b.c",
            "SIP:a@b.c",
            "sips:a@b.c:5061;transport=tcp",
            "pres:a@b.c",
            "sip:b.c",
            "sip:a@[::1]",
        ] {
            assert!(is_presentity(good), "{good}");
        }
        for bad in [
            "",
            "foo",
            "sip:",
            "http://a",
            "tel:+1",
            "<sip:a@b>",
            "sip:a b@c",
            "sip:<x>@h",
            "sip:a@b?X=y",
            "sip:a@b\r\nX: y",
            "sip:a@b\0",
            "pres:b.c",
            "pres:a@b?x=y",
            "pres:a b@c",
            "sip:a@b c",
            "sip:é@b",
            " sip:a@b",
        ] {
            assert!(!is_presentity(bad), "{bad:?}");
        }
    }

    #[test]
    fn one_line_has_no_control_characters() {
        assert_eq!(one_line("\u{1b}[2J a\r\n b\u{2028}c\u{85} \n"), "[2J a   b c");
        assert_eq!(one_line(&"é".repeat(2000)).len(), 1024);
    }
}
