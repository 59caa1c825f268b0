//! Bodies of several parts (RFC 2046 §5.1): what a notifier of a resource list sends (RFC 4662 §5), and `multipart/mixed`.
//!
//! Reading is bounded in parts, header lines and their length; the bodies of the parts are slices of what was read, unless
//! a transfer encoding had to be undone. Nested multiparts are parts like others: who wants them reads again.

use std::borrow::Cow;
use std::collections::BTreeMap;

mod check;
mod encoding;
mod media_type;

#[cfg(test)]
mod tests;

pub(crate) use check::check;
pub use encoding::unescape_cid;
pub(crate) use media_type::MediaType;

/// Parts of one body at most.
pub const MAX_PARTS: usize = 4096;
/// Octets of the header of one part at most.
const MAX_HEAD: usize = 16 * 1024;
/// Octets of a boundary at most. RFC 2046 §5.1.1 allows 70.
const MAX_BOUNDARY: usize = 200;

/// Why a body could not be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MultipartError {
    /// The content type is not `multipart/...`.
    NotMultipart,
    /// Neither the content type nor the body tells a boundary, or it is longer than 200 octets.
    NoBoundary,
    /// The boundary does not occur in the body.
    NoParts,
    /// More than [`MAX_PARTS`] parts.
    TooManyParts,
    /// The header of a part is longer than 16 KiB.
    LongHead,
}

impl std::fmt::Display for MultipartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotMultipart => "the content type is not multipart",
            Self::NoBoundary => "the multipart content type has no usable boundary parameter",
            Self::NoParts => "the boundary of the content type does not occur in the body",
            Self::TooManyParts => "the body has more than 4096 parts",
            Self::LongHead => "the header of a part is longer than 16 KiB",
        })
    }
}

impl std::error::Error for MultipartError {}

impl From<MultipartError> for crate::DocumentError {
    fn from(error: MultipartError) -> Self {
        Self::invalid(error.to_string())
    }
}

/// One part of a multipart body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// The Content-Type as it stands there, `text/plain` if there is none (RFC 2046 §5.1).
    pub content_type: String,
    /// The Content-ID without its angle brackets.
    pub content_id: Option<String>,
    /// The content with its transfer encoding undone.
    pub body: Cow<'a, [u8]>,
}

/// A multipart body taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multipart<'a> {
    /// What stands after `multipart/`, in lower case: `related`, `mixed`, ...
    pub subtype: Box<str>,
    /// The parts in their order; at least one.
    pub parts: Vec<Part<'a>>,
    /// The part that the others belong to (RFC 2387 §3.2): an index into `parts`.
    root: usize,
    /// Content-ID → index; the first of equal ones.
    by_id: BTreeMap<String, usize>,
}

/// Whether a content type says that the body has parts.
pub fn is_multipart(content_type: &str) -> bool {
    MediaType::parse(content_type).kind() == "multipart"
}

impl<'a> Multipart<'a> {
    /// Takes a body apart.
    ///
    /// Lenient where the meaning is clear: line ends may be LF alone, the boundary may be missing in the content type when
    /// the body begins with one, the closing delimiter may be missing, and text around the parts is skipped.
    ///
    /// # Errors
    /// [`MultipartError`]: not multipart, no boundary, no part, or a bound exceeded.
    pub fn read(content_type: &str, body: &'a [u8]) -> Result<Self, MultipartError> {
        let media_type = MediaType::parse(content_type);
        if media_type.kind() != "multipart" {
            return Err(MultipartError::NotMultipart);
        }
        let boundary = match media_type.parameter("boundary") {
            Some(boundary) => boundary.into_bytes(),
            None => guessed_boundary(body).ok_or(MultipartError::NoBoundary)?,
        };
        if boundary.is_empty() || boundary.len() > MAX_BOUNDARY {
            return Err(MultipartError::NoBoundary);
        }
        let mut parts = Vec::new();
        let mut by_id = BTreeMap::new();
        for section in Sections::new(body, &boundary) {
            if parts.len() == MAX_PARTS {
                return Err(MultipartError::TooManyParts);
            }
            let part = read_part(section)?;
            if let Some(id) = &part.content_id {
                by_id.entry(id.clone()).or_insert(parts.len());
            }
            parts.push(part);
        }
        if parts.is_empty() {
            return Err(MultipartError::NoParts);
        }
        let root = media_type
            .parameter("start")
            .and_then(|start| by_id.get(without_brackets(&start)).copied())
            .unwrap_or(0);
        Ok(Self {
            subtype: media_type.subtype().into(),
            parts,
            root,
            by_id,
        })
    }

    /// The root: the part named by `start`, else the first (RFC 2387 §3.2).
    pub fn root(&self) -> Option<&Part<'a>> {
        self.parts.get(self.root)
    }

    /// The part that a `cid` attribute or URL means: compared with regard to case after `%` escapes are undone
    /// (RFC 2392 §2). Only parts of this very body are found, not those of nested ones (RFC 4662 §5.5).
    pub fn part(&self, cid: &str) -> Option<&Part<'a>> {
        let cid = without_brackets(cid);
        let cid = cid.strip_prefix("cid:").unwrap_or(cid);
        let index = self
            .by_id
            .get(cid)
            .or_else(|| self.by_id.get(unescape_cid(cid).as_ref()))?;
        self.parts.get(*index)
    }
}

/// `<x>` → `x`; blanks round it are dropped.
fn without_brackets(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .unwrap_or(text)
}

/// The boundary of the first line that looks like a delimiter.
fn guessed_boundary(body: &[u8]) -> Option<Vec<u8>> {
    let line = Lines { rest: body }
        .map(|line| line.text)
        .find(|line| line.starts_with(b"--"))?;
    let boundary = line.get(2..)?.trim_ascii_end();
    Some(boundary.to_vec())
}

/// One line and what ends it.
struct Line<'a> {
    /// Without its end.
    text: &'a [u8],
    /// Octets of the end: 0, 1 (LF) or 2 (CRLF).
    end: usize,
}

/// The lines of a text, ended by CRLF or LF.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(position) = memchr::memchr(b'\n', self.rest) else {
            return Some(Line {
                text: std::mem::take(&mut self.rest),
                end: 0,
            });
        };
        let (line, rest) = self.rest.split_at_checked(position + 1)?;
        self.rest = rest;
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        Some(Line {
            text,
            end: line.len() - text.len(),
        })
    }
}

/// What stands between the delimiters: header and content of each part.
struct Sections<'a, 'b> {
    body: &'a [u8],
    boundary: &'b [u8],
    /// Where the next section begins; `None`: the end was reached.
    next: Option<usize>,
}

/// What a line is to a multipart body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Delimiter {
    Between,
    Closing,
}

impl<'a, 'b> Sections<'a, 'b> {
    fn new(body: &'a [u8], boundary: &'b [u8]) -> Self {
        let mut sections = Self {
            body,
            boundary,
            next: None,
        };
        if let Some((_, after, Delimiter::Between)) = sections.delimiter_from(0) {
            sections.next = Some(after);
        }
        sections
    }

    /// The next delimiter at or after `start`, which must be the beginning of a line: where the content before it ends,
    /// where the line after it begins, and which it is.
    fn delimiter_from(&self, start: usize) -> Option<(usize, usize, Delimiter)> {
        let mut position = start;
        let mut content_end = start;
        for line in (Lines {
            rest: self.body.get(start..)?,
        }) {
            let after = position + line.text.len() + line.end;
            if let Some(delimiter) = self.delimiter(line.text) {
                // the line end before a delimiter belongs to it (RFC 2046 §5.1.1)
                return Some((content_end, after, delimiter));
            }
            content_end = position + line.text.len();
            position = after;
        }
        None
    }

    fn delimiter(&self, line: &[u8]) -> Option<Delimiter> {
        let rest = line.strip_prefix(b"--")?.strip_prefix(self.boundary)?;
        let (rest, delimiter) = match rest.strip_prefix(b"--") {
            Some(rest) => (rest, Delimiter::Closing),
            None => (rest, Delimiter::Between),
        };
        rest.iter()
            .all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
            .then_some(delimiter)
    }
}

impl<'a> Iterator for Sections<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.next.take()?;
        match self.delimiter_from(start) {
            Some((end, after, delimiter)) => {
                if delimiter == Delimiter::Between {
                    self.next = Some(after);
                }
                self.body.get(start..end)
            }
            // the closing delimiter is missing: what there is, if there is something
            None => self.body.get(start..).filter(|rest| !rest.is_empty()),
        }
    }
}

/// Header and content of one part. What does not begin with a header row is all content.
fn read_part(section: &[u8]) -> Result<Part<'_>, MultipartError> {
    let mut lines = Lines { rest: section };
    let mut rows: Vec<String> = Vec::new();
    loop {
        if section.len() - lines.rest.len() > MAX_HEAD {
            return Err(MultipartError::LongHead);
        }
        let Some(line) = lines.next().filter(|line| !line.text.is_empty()) else {
            break;
        };
        let text = String::from_utf8_lossy(line.text);
        if rows.is_empty() && !is_header_row(&text) {
            lines.rest = section;
            break;
        }
        match rows.last_mut().filter(|_| text.starts_with([' ', '\t'])) {
            Some(last) => {
                last.push(' ');
                last.push_str(text.trim());
            }
            None => rows.push(text.into_owned()),
        }
    }
    let value = |wanted: &str| rows.iter().find_map(|row| header_value(row, wanted));
    Ok(Part {
        content_type: value("content-type").unwrap_or("text/plain").to_owned(),
        content_id: value("content-id")
            .map(without_brackets)
            .filter(|id| !id.is_empty())
            .map(str::to_owned),
        body: encoding::decoded(value("content-transfer-encoding").unwrap_or_default(), lines.rest),
    })
}

/// Whether a line can be a header row: a name and a colon.
fn is_header_row(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| {
        let name = name.trim_end();
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.!%*+`'~".contains(&byte))
    })
}

/// The value of a header row with this name, without blanks round it.
fn header_value<'a>(row: &'a str, wanted: &str) -> Option<&'a str> {
    let (name, value) = row.split_once(':')?;
    name.trim_end().eq_ignore_ascii_case(wanted).then(|| value.trim())
}
