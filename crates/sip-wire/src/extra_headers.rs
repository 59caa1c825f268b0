//! Header lines that an application adds to the requests sent for it: checked once, when they come
//! in, and printed verbatim from then on.

use std::fmt;

use crate::HeaderName;
use crate::grammar::{is_token, validate_header_value};

/// Headers that an application may not set: those that the daemon owns, and those by which the next
/// hop could be made to see another request than was sent (RFC 3261 §19.1.5).
const OWNED: [HeaderName; 26] = [
    HeaderName::Via,
    HeaderName::Route,
    HeaderName::RecordRoute,
    HeaderName::Path,
    HeaderName::ServiceRoute,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::From,
    HeaderName::To,
    HeaderName::Contact,
    HeaderName::MaxForwards,
    HeaderName::ContentLength,
    HeaderName::ContentType,
    HeaderName::ContentEncoding,
    HeaderName::Authorization,
    HeaderName::ProxyAuthorization,
    HeaderName::WwwAuthenticate,
    HeaderName::ProxyAuthenticate,
    HeaderName::Event,
    HeaderName::Expires,
    HeaderName::MinExpires,
    HeaderName::SipIfMatch,
    HeaderName::SipETag,
    HeaderName::SubscriptionState,
    HeaderName::Require,
    HeaderName::ProxyRequire,
];

/// Checked header lines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct ExtraHeaders {
    lines: String,
}

/// Why a text is no list of header lines. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtraHeaderError {
    /// A line begins with a blank: folding is obsolete, and would hide what follows.
    #[error("header line {0} begins with a blank")]
    Folded(usize),
    /// A line without a colon.
    #[error("header line {0} has no colon")]
    NoColon(usize),
    /// A name that is empty or no token.
    #[error("header line {0} has no valid name")]
    Name(usize),
    /// A control character.
    #[error("control character in header line {0}")]
    Control(usize),
    /// A header that the daemon itself sets.
    #[error("header {0} cannot be set by an application")]
    Owned(HeaderName),
    /// More than 64 lines or 8192 octets.
    #[error("too many extra headers")]
    TooMany,
}

/// Lines that are accepted.
const MAX_LINES: usize = 64;
/// Octets that are accepted, in and out.
const MAX_OCTETS: usize = 8192;

impl ExtraHeaders {
    /// Checks `Name: value` lines. Between them, and perhaps after the last, stand CRLF, LF or the
    /// two-character escapes `\r\n` or `\n`; several line ends in a row count as one, because
    /// XML-RPC turns a CRLF into two LFs.
    ///
    /// # Errors
    /// The first line that cannot be sent; see [`ExtraHeaderError`].
    pub fn parse(text: &str) -> Result<ExtraHeaders, ExtraHeaderError> {
        if text.len() > MAX_OCTETS {
            return Err(ExtraHeaderError::TooMany);
        }
        let mut lines = String::with_capacity(text.len() + 2);
        let mut count = 0;
        for line in split_lines(text).filter(|line| !line.is_empty()) {
            count += 1;
            if count > MAX_LINES {
                return Err(ExtraHeaderError::TooMany);
            }
            if line.starts_with([' ', '\t']) {
                return Err(ExtraHeaderError::Folded(count));
            }
            let (name, value) = line.split_once(':').ok_or(ExtraHeaderError::NoColon(count))?;
            let name = name.trim_end_matches([' ', '\t']);
            if !is_token(name.as_bytes()) {
                return Err(ExtraHeaderError::Name(count));
            }
            validate_header_value(value).map_err(|_| ExtraHeaderError::Control(count))?;
            let header = HeaderName::from_bytes(name.as_bytes());
            if OWNED.contains(&header) {
                return Err(ExtraHeaderError::Owned(header));
            }
            lines.push_str(name);
            lines.push_str(": ");
            lines.push_str(value.trim_matches([' ', '\t']));
            lines.push_str("\r\n");
        }
        if lines.len() > MAX_OCTETS {
            return Err(ExtraHeaderError::TooMany);
        }
        Ok(ExtraHeaders { lines })
    }

    /// The lines, each with its CRLF, for [`Printer::verbatim`](crate::Printer::verbatim).
    pub fn as_str(&self) -> &str {
        &self.lines
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines as name and value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.split("\r\n").filter_map(|line| line.split_once(": "))
    }

    /// Whether a header of this name is among them, in any case, long or compact.
    pub fn has(&self, name: &str) -> bool {
        let wanted = HeaderName::from_bytes(name.as_bytes());
        self.iter().any(|(n, _)| match wanted {
            HeaderName::Other => n.eq_ignore_ascii_case(name),
            known => HeaderName::from_bytes(n.as_bytes()) == known,
        })
    }
}

/// The texts between line ends: LF, CRLF, and both spelled as escapes. A CR alone ends no line.
fn split_lines(text: &str) -> impl Iterator<Item = &str> {
    const ENDS: [&str; 4] = ["\r\n", "\n", "\\r\\n", "\\n"];
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let end = ENDS
            .iter()
            .filter_map(|end| Some((current.find(end)?, *end)))
            .min_by_key(|(at, _)| *at);
        let Some((at, end)) = end else {
            rest = None;
            return Some(current);
        };
        let (line, after) = current.split_at_checked(at)?;
        rest = after.strip_prefix(end);
        Some(line)
    })
}

impl fmt::Display for ExtraHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines)
    }
}

impl std::str::FromStr for ExtraHeaders {
    type Err = ExtraHeaderError;

    fn from_str(text: &str) -> Result<ExtraHeaders, ExtraHeaderError> {
        ExtraHeaders::parse(text)
    }
}
