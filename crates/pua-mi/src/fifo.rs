//! What a request from the FIFO begins with, and where its answer goes.

use memchr::memchr;

use crate::MiError;

/// Longest first line of a request, in bytes.
pub(crate) const LONGEST_HEAD: usize = 1024;

/// The name of a reply FIFO, checked: it names a file inside the reply directory and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReplyName(Box<str>);

impl ReplyName {
    /// The longest name, in bytes.
    pub const MAX: usize = 255;

    /// Checks a name: no `.`, `/` or `\`, no control character, 1 to 255 bytes.
    pub fn new(name: &str) -> Option<Self> {
        let fits = !name.is_empty()
            && name.len() <= Self::MAX
            && !name
                .chars()
                .any(|c| matches!(c, '.' | '/' | '\\') || c.is_control());
        fits.then(|| Self(name.into()))
    }

    /// The name a request gives: none where it is empty.
    ///
    /// # Errors
    /// The request that gives a bad name is to be refused.
    pub(crate) fn from_bytes(name: &[u8]) -> Result<Option<Self>, MiError> {
        if name.is_empty() {
            return Ok(None);
        }
        std::str::from_utf8(name)
            .ok()
            .and_then(Self::new)
            .map(Some)
            .ok_or_else(|| MiError::new(400, "Bad reply name"))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a text that begins with `:` begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head<'a> {
    /// `:name:` and a JSON document that begins at `at`.
    Json { name: &'a [u8], at: usize },
    /// `:command:name` and a line end (or the end of the text).
    Classic,
    /// Nothing known.
    None,
    /// It cannot be told before there is more.
    Incomplete,
}

/// Looks at a complete text.
pub(crate) fn head(text: &[u8]) -> Head<'_> {
    match partial_head(text) {
        Head::Incomplete if colons(text) > 1 => Head::Classic,
        other => other,
    }
}

fn colons(line: &[u8]) -> usize {
    line.iter().filter(|byte| **byte == b':').count()
}

/// Looks at a text of which more may come.
pub(crate) fn partial_head(text: &[u8]) -> Head<'_> {
    let start = text.get(..LONGEST_HEAD).unwrap_or(text);
    let line_end = memchr(b'\n', start);
    let line = text
        .get(..line_end.unwrap_or(text.len().min(LONGEST_HEAD)))
        .unwrap_or(text);
    let after = line.get(1..).unwrap_or_default();
    if let Some(length) = after.iter().position(|byte| *byte == b':') {
        let (name, document) = after.split_at_checked(length).unwrap_or((after, &[]));
        let blanks = document
            .iter()
            .skip(1)
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let at = 1 + length + 1 + blanks;
        match line.get(at) {
            Some(b'{' | b'[') => return Head::Json { name, at },
            // No command has a brace: a document that follows garbage in its line.
            _ if line_end.is_some() && !line.contains(&b'{') => return Head::Classic,
            _ => {}
        }
    }
    match line_end {
        None if text.len() < LONGEST_HEAD => Head::Incomplete,
        _ => Head::None,
    }
}

/// Whether `:name:{` begins here, in the midst of other things. `None`: it cannot be told yet.
pub(crate) fn is_json_head(text: &[u8]) -> Option<bool> {
    let name = text.get(1..)?;
    let length = name
        .iter()
        .take(ReplyName::MAX + 1)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        .count();
    let mut behind = name.get(length..)?.iter();
    if length == 0 {
        return behind.next().map(|_| false);
    }
    match (behind.next(), behind.next()) {
        (None, _) | (Some(b':'), None) => None,
        (Some(b':'), Some(b'{' | b'[')) => Some(true),
        _ => Some(false),
    }
}

/// Whether a line of parameters is rather the first line of another request. `None`: it cannot be told yet.
pub(crate) fn is_classic_head(text: &[u8]) -> Option<bool> {
    match (text.first()?, text.get(1)) {
        (b':', None) => None,
        (b':', Some(byte)) => Some(byte.is_ascii_alphabetic() || *byte == b'_'),
        _ => Some(false),
    }
}

/// Whether the line that ends at the start of `text` is followed by an empty one and another request: a quoted value
/// that was never closed. `None`: it cannot be told yet.
pub(crate) fn ends_in_another(text: &[u8]) -> Option<bool> {
    let rest = text.get(1..)?;
    let rest = match rest {
        [] | [b'\r'] => return None,
        [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => rest,
        _ => return Some(false),
    };
    is_classic_head(rest)
}

/// Where the next closing quote stands in a quoted value that begins (behind its opening quote) at `start`, looked for
/// from `from` on.
pub(crate) fn closing_quote(text: &[u8], start: usize, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr(b'"', text.get(at..)?)?;
        if at == start || text.get(at - 1) != Some(&b'\\') {
            return Some(at);
        }
        at += 1;
    }
}
