//! A look over a document before it is parsed: document types, depth and numbers that would make the parser slow, and
//! references to what is no character, which it takes for some other.

use super::limits;
use crate::{DocumentError, ErrorKind};

/// Passes a text on that the parser may have.
///
/// Not a parser: what is not well-formed may pass, the parser refuses it. What this one counts, it counts as the parser
/// sees it, since both find the end of a comment, a CDATA section, an instruction and a quoted value in the same way.
///
/// # Errors
/// [`ErrorKind::TooLarge`], [`ErrorKind::TooMany`], [`ErrorKind::DocumentType`], [`ErrorKind::NotWellFormed`].
pub(crate) fn guard(text: &str) -> Result<(), DocumentError> {
    if text.len() > limits::OCTETS {
        return Err(DocumentError::new(ErrorKind::TooLarge {
            limit: limits::OCTETS,
        }));
    }
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut namespaces = 0_usize;
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'<', bytes.get(at..).unwrap_or_default()) {
        let start = at + found;
        let rest = bytes.get(start + 1..).unwrap_or_default();
        references(bytes, at, start)?;
        let skipped = match rest {
            [b'!', b'-', b'-', inner @ ..] => past(inner, b"-->").map(|n| n + 3),
            [b'!', b'[', b'C', inner @ ..] => past(inner, b"]]>").map(|n| n + 3),
            [b'!', ..] => return Err(DocumentError::new(ErrorKind::DocumentType).at_line(line(bytes, start))),
            [b'?', inner @ ..] => past(inner, b"?>").map(|n| n + 1),
            [b'/', inner @ ..] => {
                depth = depth.saturating_sub(1);
                memchr::memchr(b'>', inner).map(|n| n + 2)
            }
            _ => {
                let tag = tag(rest);
                namespaces += tag.namespaces;
                depth += usize::from(!tag.empty);
                let over = [
                    ("attributes of one element", tag.attributes, limits::ATTRIBUTES),
                    ("namespace declarations", namespaces, limits::NAMESPACES),
                    ("octets of a namespace", tag.longest, limits::NAMESPACE),
                    ("levels of elements", depth, limits::DEPTH),
                ];
                if let Some((what, _, limit)) = over.into_iter().find(|(_, count, limit)| count > limit) {
                    return Err(
                        DocumentError::new(ErrorKind::TooMany { what, limit }).at_line(line(bytes, start))
                    );
                }
                references(bytes, start, start + 1 + tag.length.unwrap_or(0))?;
                tag.length
            }
        };
        match skipped {
            Some(skipped) => at = start + 1 + skipped,
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Octets of a reference that are looked at.
const LONGEST_REFERENCE: usize = 32;

/// Looks at the character references in the octets from `from` to `to`: each must be one that a document could have as it
/// is (XML 1.0 §4.1). What is no reference at all is the parser's to tell.
fn references(bytes: &[u8], from: usize, to: usize) -> Result<(), DocumentError> {
    let piece = bytes.get(from..to).unwrap_or_default();
    for at in memchr::memchr_iter(b'&', piece) {
        let Some(digits) = piece.get(at + 1..).and_then(|rest| rest.strip_prefix(b"#")) else {
            continue;
        };
        // A longer one is zeros; what has no end must not be looked at again and again.
        let digits = digits
            .get(..digits.len().min(LONGEST_REFERENCE))
            .unwrap_or_default();
        let (digits, radix) = match digits {
            [b'x', hex @ ..] => (hex, 16),
            _ => (digits, 10),
        };
        let Some(end) = memchr::memchr(b';', digits) else {
            continue;
        };
        let text = std::str::from_utf8(digits.get(..end).unwrap_or_default()).unwrap_or_default();
        if text.is_empty() || !text.chars().all(|c| c.is_digit(radix)) {
            continue;
        }
        let named = u32::from_str_radix(text, radix).ok().and_then(char::from_u32);
        if !named.is_some_and(super::write::is_legal) {
            let what = "a reference to what is no character";
            return Err(
                DocumentError::new(ErrorKind::NotWellFormed(what.to_owned())).at_line(line(bytes, from + at))
            );
        }
    }
    Ok(())
}

/// The length up to and with `end`.
fn past(bytes: &[u8], end: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, end).map(|at| at + end.len())
}

/// A start tag.
struct Tag {
    /// Octets to behind the `>`; `None` when there is none.
    length: Option<usize>,
    attributes: usize,
    namespaces: usize,
    /// Octets of the longest namespace it declares.
    longest: usize,
    empty: bool,
}

fn tag(bytes: &[u8]) -> Tag {
    let mut tag = Tag {
        length: None,
        attributes: 0,
        namespaces: 0,
        longest: 0,
        empty: false,
    };
    let mut at = 0;
    while let Some(found) = memchr::memchr3(b'>', b'"', b'\'', bytes.get(at..).unwrap_or_default()) {
        let here = at + found;
        match bytes.get(here) {
            Some(b'>') => {
                tag.empty = here > 0 && bytes.get(here - 1) == Some(&b'/');
                tag.length = Some(here + 1);
                return tag;
            }
            Some(&quote) => {
                tag.attributes += 1;
                let name = bytes.get(at..here).unwrap_or_default();
                let declares = memchr::memmem::find(name, b"xmlns").is_some();
                tag.namespaces += usize::from(declares);
                match memchr::memchr(quote, bytes.get(here + 1..).unwrap_or_default()) {
                    Some(end) => {
                        at = here + 1 + end + 1;
                        if declares {
                            tag.longest = tag.longest.max(end);
                        }
                    }
                    None => return tag,
                }
            }
            None => return tag,
        }
    }
    tag
}

/// The line of an offset, from 1.
pub(crate) fn line(bytes: &[u8], at: usize) -> u32 {
    let before = bytes.get(..at).unwrap_or(bytes);
    u32::try_from(memchr::memchr_iter(b'\n', before).count() + 1).unwrap_or(u32::MAX)
}
