//! Transfer encodings (RFC 2045 §6) and the escapes of `cid` URLs (RFC 2392 §2), undone.

use std::borrow::Cow;

/// The content of a part. Encodings that leave octets as they are, and unknown ones, cost nothing.
pub(super) fn decoded<'a>(transfer_encoding: &str, content: &'a [u8]) -> Cow<'a, [u8]> {
    if transfer_encoding.eq_ignore_ascii_case("base64") {
        Cow::Owned(base64(content))
    } else if transfer_encoding.eq_ignore_ascii_case("quoted-printable") {
        Cow::Owned(quoted_printable(content))
    } else {
        Cow::Borrowed(content)
    }
}

/// RFC 2045 §6.8: characters outside the alphabet are skipped, padding ends it.
fn base64(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in content {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            _ => continue,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from((bits >> count) & 0xff).unwrap_or_default());
        }
    }
    out
}

/// RFC 2045 §6.7: `=XX` is an octet, `=` at the end of a line joins it with the next. Other `=` stay.
fn quoted_printable(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'=' {
            out.push(*byte);
            continue;
        }
        if let Some(joined) = soft_line_end(after) {
            rest = joined;
        } else if let Some((octet, after)) = hexadecimal(after) {
            out.push(octet);
            rest = after;
        } else {
            out.push(b'=');
        }
    }
    out
}

/// What follows the line end that a soft break stands before; blanks between are dropped.
fn soft_line_end(text: &[u8]) -> Option<&[u8]> {
    // bounded, or `= = = =` with many blanks would be quadratic
    let blanks = text
        .iter()
        .take(80)
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    let text = text.get(blanks..)?;
    text.strip_prefix(b"\r\n")
        .or_else(|| text.strip_prefix(b"\n"))
        .or_else(|| text.is_empty().then_some(text))
}

/// Two hexadecimal digits.
fn hexadecimal(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<2>()?;
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    let octet = u8::try_from(high? * 16 + low?).ok()?;
    Some((octet, rest))
}

/// A Content-ID as a `cid` URL or attribute writes it, with `%` escapes undone (RFC 2392 §2). Escapes that do not give
/// UTF-8 leave the text as it is.
pub fn unescape_cid(cid: &str) -> Cow<'_, str> {
    if !cid.contains('%') {
        return Cow::Borrowed(cid);
    }
    let mut out = Vec::with_capacity(cid.len());
    let mut rest = cid.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match hexadecimal(after).filter(|_| *byte == b'%') {
            Some((octet, after)) => {
                out.push(octet);
                rest = after;
            }
            None => out.push(*byte),
        }
    }
    String::from_utf8(out).map_or(Cow::Borrowed(cid), Cow::Owned)
}
