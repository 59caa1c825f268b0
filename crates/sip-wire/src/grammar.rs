//! The character classes and small scanners of RFC 3261 §25.1, and the checks that what an
//! application supplies has to pass before it reaches a header.

use std::borrow::Cow;

const TOKEN: u8 = 1;
const WORD: u8 = 2;
const UNRESERVED: u8 = 4;
const USER: u8 = 8;
const PASSWORD: u8 = 16;
const PARAM: u8 = 32;
const HEADER: u8 = 64;
const VALUE: u8 = 128;

/// One bit for each class, for each octet. Filled at compile time.
static CLASSES: [u8; 256] = classes();

#[allow(clippy::indexing_slicing)] // evaluated by the compiler, an index out of range does not build
const fn classes() -> [u8; 256] {
    const fn mark(mut table: [u8; 256], chars: &[u8], bits: u8) -> [u8; 256] {
        let mut i = 0;
        while i < chars.len() {
            table[chars[i] as usize] |= bits;
            i += 1;
        }
        table
    }
    let mut table = [0; 256];
    let mut c = 0;
    while c < 128 {
        if (c as u8).is_ascii_alphanumeric() {
            table[c] |= TOKEN | WORD | UNRESERVED | USER | PASSWORD | PARAM | HEADER;
        }
        c += 1;
    }
    c = 0x21;
    while c < 0x7f {
        if !matches!(c as u8, b';' | b',' | b'"' | b'<' | b'>') {
            table[c] |= VALUE;
        }
        c += 1;
    }
    table = mark(table, b"-.!%*_+`'~", TOKEN | WORD);
    table = mark(table, b"()<>:\\\"/[]?{}", WORD);
    table = mark(table, b"-_.!~*'()", UNRESERVED | USER | PASSWORD | PARAM | HEADER);
    table = mark(table, b"&=+$,;?/", USER);
    table = mark(table, b"&=+$,", PASSWORD);
    table = mark(table, b"[]/:&+$", PARAM);
    mark(table, b"[]/?:+$", HEADER)
}

fn class(c: u8) -> u8 {
    CLASSES.get(usize::from(c)).copied().unwrap_or(0)
}

/// Whether the octet may occur in a token (RFC 3261 §25.1).
pub fn is_token_char(c: u8) -> bool {
    class(c) & TOKEN != 0
}

/// Whether the octet is `unreserved` in a URI (RFC 3261 §25.1).
pub fn is_unreserved(c: u8) -> bool {
    class(c) & UNRESERVED != 0
}

/// Whether the octet may stand unescaped in the user part of a SIP URI.
pub fn is_user_char(c: u8) -> bool {
    class(c) & USER != 0
}

pub(crate) fn is_password_char(c: u8) -> bool {
    class(c) & PASSWORD != 0
}

pub(crate) fn is_uri_param_char(c: u8) -> bool {
    class(c) & PARAM != 0
}

pub(crate) fn is_uri_header_char(c: u8) -> bool {
    class(c) & HEADER != 0
}

/// A token: one or more token characters.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|c| is_token_char(*c))
}

/// A Call-ID: `word [ "@" word ]` (RFC 3261 §20.8).
pub fn is_callid(bytes: &[u8]) -> bool {
    let word = |w: &[u8]| !w.is_empty() && w.iter().all(|c| class(*c) & WORD != 0);
    match memchr::memchr(b'@', bytes) {
        Some(at) => {
            word(bytes.get(..at).unwrap_or_default()) && word(bytes.get(at + 1..).unwrap_or_default())
        }
        None => word(bytes),
    }
}

/// A quoted string, with its quotes, closed exactly at the end.
pub fn is_quoted(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'"') && quoted_end(bytes, 0) == Some(bytes.len())
}

/// The offset just after the quoted string that begins at `from`, if it is closed.
pub(crate) fn quoted_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut i = from + 1;
    loop {
        let found = memchr::memchr2(b'"', b'\\', bytes.get(i..)?)?;
        i += found;
        match bytes.get(i)? {
            b'"' => return Some(i + 1),
            _ => i += 2,
        }
    }
}

/// SP, HT, and the CR and LF of a folded line: inside a header value, a CRLF can only be a fold.
pub(crate) fn is_lws(c: u8) -> bool {
    matches!(c, b' ' | b'\t' | b'\r' | b'\n')
}

/// The first offset at or after `from` that is not linear white space.
pub(crate) fn skip_lws(bytes: &[u8], mut from: usize) -> usize {
    while bytes.get(from).is_some_and(|c| is_lws(*c)) {
        from += 1;
    }
    from
}

/// Without the white space at both ends.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes {
        if !is_lws(*first) {
            break;
        }
        bytes = rest;
    }
    while let [rest @ .., last] = bytes {
        if !is_lws(*last) {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// The offset after the octets of a class that begin at `from`.
fn class_end(bytes: &[u8], from: usize, mask: u8) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest
        .iter()
        .position(|c| class(*c) & mask == 0)
        .unwrap_or(rest.len())
}

/// The offset after the token characters that begin at `from`.
pub(crate) fn token_end(bytes: &[u8], from: usize) -> usize {
    class_end(bytes, from, TOKEN)
}

/// The offset after the visible characters that begin at `from` and cannot end a parameter.
pub(crate) fn param_value_end(bytes: &[u8], from: usize) -> usize {
    class_end(bytes, from, VALUE)
}

/// The offset of the first octet that no URI in `<>` can have; the length if there is none.
pub(crate) fn uri_end(bytes: &[u8]) -> usize {
    let mut end = class_end(bytes, 0, VALUE);
    while bytes
        .get(end)
        .is_some_and(|c| *c >= 0x80 || matches!(c, b';' | b','))
    {
        end = class_end(bytes, end + 1, VALUE);
    }
    end
}

/// The values of a comma list. Commas in quoted strings and in `<>` do not separate (RFC 3261
/// §7.3.1). Empty elements are left out; what is not closed reaches to the end.
pub(crate) fn split_list(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        loop {
            let list = rest?;
            let (element, after) = match list_break(list) {
                Some(comma) => (list.get(..comma)?, list.get(comma + 1..)),
                None => (list, None),
            };
            rest = after;
            let element = trim(element);
            if !element.is_empty() {
                return Some(element);
            }
        }
    })
}

/// The offset of the first comma that separates list elements.
pub(crate) fn list_break(bytes: &[u8]) -> Option<usize> {
    let mut i = 0;
    loop {
        i += memchr::memchr3(b',', b'"', b'<', bytes.get(i..)?)?;
        match bytes.get(i)? {
            b',' => return Some(i),
            b'"' => i = quoted_end(bytes, i)?,
            _ => i += memchr::memchr(b'>', bytes.get(i..)?)? + 1,
        }
    }
}

/// A decimal number without sign, or `None` when there are other characters, none at all, or it
/// does not fit.
pub fn decimal<N: TryFrom<u64>>(digits: &[u8]) -> Option<N> {
    if digits.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for c in digits {
        if !c.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(c - b'0'))?;
    }
    N::try_from(value).ok()
}

/// Why a name or a value cannot become a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadHeader {
    /// The name is empty or not a token.
    #[error("a header name has to be a token")]
    Name,
    /// The value has a CR, LF, NUL or another control character at this octet.
    #[error("control character at octet {0} of a header value")]
    Control(usize),
}

/// Checks a header name that an application supplied.
///
/// # Errors
/// [`BadHeader::Name`] unless it is a token.
pub fn validate_header_name(name: &str) -> Result<(), BadHeader> {
    if is_token(name.as_bytes()) {
        Ok(())
    } else {
        Err(BadHeader::Name)
    }
}

/// Checks a header value that an application supplied: any text without control characters, HT
/// excepted. Refuses; nothing is ever stripped.
///
/// # Errors
/// [`BadHeader::Control`] with the offset of the first control character.
pub fn validate_header_value(value: &str) -> Result<(), BadHeader> {
    // U+0080..=U+009F are control characters too; a terminal that shows a log may obey them
    match value.char_indices().find(|(_, c)| c.is_control() && *c != '\t') {
        Some((at, _)) => Err(BadHeader::Control(at)),
        None => Ok(()),
    }
}

/// The text as a quoted string, with the escapes that RFC 3261 §25.1 asks for. Control characters
/// have to be refused before ([`validate_header_value`]).
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// The content of a quoted string, or the text itself if it is not quoted. Folds become one SP,
/// octets that are not UTF-8 become U+FFFD.
pub fn unquote(bytes: &[u8]) -> Cow<'_, str> {
    let Some(inner) = bytes.strip_prefix(b"\"").and_then(|b| b.strip_suffix(b"\"")) else {
        return unfold(bytes);
    };
    if memchr::memchr(b'\\', inner).is_none() {
        return unfold(inner);
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut escaped = false;
    for c in inner {
        if *c == b'\\' && !escaped {
            escaped = true;
        } else {
            plain.push(*c);
            escaped = false;
        }
    }
    Cow::Owned(unfold(&plain).into_owned())
}

/// The value as text: each fold with the blanks around it becomes one SP (RFC 3261 §7.3.1), octets
/// that are not UTF-8 become U+FFFD.
pub fn unfold(bytes: &[u8]) -> Cow<'_, str> {
    if memchr::memchr2(b'\r', b'\n', bytes).is_none() {
        return String::from_utf8_lossy(bytes);
    }
    let mut flat = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
        let (line, tail) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        flat.extend_from_slice(line);
        while flat.last().is_some_and(|c| is_lws(*c)) {
            flat.pop();
        }
        flat.push(b' ');
        rest = tail.get(skip_lws(tail, 0)..).unwrap_or_default();
    }
    flat.extend_from_slice(rest);
    Cow::Owned(String::from_utf8_lossy(&flat).into_owned())
}
