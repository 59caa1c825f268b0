//! A look over a document before it is parsed: document types, depth and numbers that would make the parser slow.

use super::limits;
use crate::{DocumentError, ErrorKind};

/// Passes a text on that the parser may have.
///
/// Not a parser: what is not well-formed may pass, the parser refuses it. What this one counts, it counts as the parser
/// sees it, since both find the end of a comment, a CDATA section, an instruction and a quoted value in the same way.
///
/// # Errors
/// [`ErrorKind::TooLarge`], [`ErrorKind::TooMany`], [`ErrorKind::DocumentType`].
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
