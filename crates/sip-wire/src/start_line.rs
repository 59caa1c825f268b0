//! Request lines and status lines (RFC 3261 §7.1, §7.2).

use crate::grammar;
use crate::{Fault, FaultKind, ParseError, ParseErrorKind};

/// The first line of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// Of a request.
    Request(RequestLine<'a>),
    /// Of a response.
    Status(StatusLine<'a>),
}

/// `Method SP Request-URI SP SIP-Version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLine<'a> {
    /// The method.
    pub method: Method<'a>,
    /// The request URI as it came, not checked yet (`Message::essentials` does).
    pub uri: &'a str,
    /// Whether the version is SIP/2.0. If not, the answer is 505 (RFC 3261 §21.5.6).
    pub version_ok: bool,
}

/// `SIP-Version SP Status-Code SP Reason-Phrase`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusLine<'a> {
    /// From 100 to 699.
    pub code: u16,
    /// The phrase as it came; may be empty, may be no UTF-8. For people only.
    pub reason: &'a [u8],
}

/// A method. Case-sensitive: `notify` is `Other("notify")`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // each is the method of that name
pub enum Method<'a> {
    Publish,
    Subscribe,
    Notify,
    Options,
    Invite,
    Ack,
    Cancel,
    Bye,
    Register,
    Message,
    Info,
    Refer,
    Update,
    Prack,
    /// Any other token.
    Other(&'a str),
}

impl<'a> Method<'a> {
    /// The method of this name, which has to be a token.
    pub fn from_name(name: &'a str) -> Method<'a> {
        match name {
            "PUBLISH" => Method::Publish,
            "SUBSCRIBE" => Method::Subscribe,
            "NOTIFY" => Method::Notify,
            "OPTIONS" => Method::Options,
            "INVITE" => Method::Invite,
            "ACK" => Method::Ack,
            "CANCEL" => Method::Cancel,
            "BYE" => Method::Bye,
            "REGISTER" => Method::Register,
            "MESSAGE" => Method::Message,
            "INFO" => Method::Info,
            "REFER" => Method::Refer,
            "UPDATE" => Method::Update,
            "PRACK" => Method::Prack,
            other => Method::Other(other),
        }
    }

    /// The name as it goes on the wire.
    pub fn as_str(self) -> &'a str {
        match self {
            Method::Publish => "PUBLISH",
            Method::Subscribe => "SUBSCRIBE",
            Method::Notify => "NOTIFY",
            Method::Options => "OPTIONS",
            Method::Invite => "INVITE",
            Method::Ack => "ACK",
            Method::Cancel => "CANCEL",
            Method::Bye => "BYE",
            Method::Register => "REGISTER",
            Method::Message => "MESSAGE",
            Method::Info => "INFO",
            Method::Refer => "REFER",
            Method::Update => "UPDATE",
            Method::Prack => "PRACK",
            Method::Other(name) => name,
        }
    }
}

impl std::fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'a> StartLine<'a> {
    /// Parses a line without its CRLF. The fault, if any, is one that a request can be answered
    /// with; its offset counts from the beginning of the line.
    pub(crate) fn parse(
        line: &'a [u8],
        uri_limit: usize,
    ) -> Result<(StartLine<'a>, Option<Fault>), ParseError> {
        // no token contains a slash, so a method cannot look like this
        if line
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
        {
            return Ok((StartLine::Status(parse_status(line)?), None));
        }
        let bad = ParseErrorKind::StartLine;
        let end = grammar::token_end(line, 0);
        let method = line.get(..end).unwrap_or_default();
        if method.is_empty() || line.get(end) != Some(&b' ') {
            return Err(bad.at(end));
        }
        let method = std::str::from_utf8(method).map_err(|_| bad.at(0))?;
        let trimmed = grammar::trim(line);
        let space = memchr::memrchr2(b' ', b'\t', trimmed).ok_or(bad.at(end))?;
        if space <= end {
            return Err(bad.at(end));
        }
        let version_ok =
            parse_version(trimmed.get(space + 1..).unwrap_or_default()).ok_or(bad.at(space + 1))?;
        let raw = trimmed.get(end + 1..space).unwrap_or_default();
        let uri = grammar::trim(raw);
        if uri.len() > uri_limit {
            return Err(ParseErrorKind::UriTooLong.at(end + 1));
        }
        let mut fault = None;
        let tab = trimmed.get(space) == Some(&b'\t');
        if tab || uri.len() != raw.len() || trimmed.len() != line.len() {
            fault = Some(FaultKind::RequestLine.at(end + 1));
        }
        let uri = std::str::from_utf8(uri).unwrap_or_else(|e| {
            fault = Some(FaultKind::RequestUri.at(end + 1 + e.valid_up_to()));
            ""
        });
        Ok((
            StartLine::Request(RequestLine {
                method: Method::from_name(method),
                uri,
                version_ok,
            }),
            fault,
        ))
    }
}

/// `Some(true)` for SIP/2.0 in any case, `Some(false)` for another version of SIP.
fn parse_version(version: &[u8]) -> Option<bool> {
    let (name, number) = version.split_at_checked(4)?;
    if !name.eq_ignore_ascii_case(b"SIP/") {
        return None;
    }
    let dot = memchr::memchr(b'.', number)?;
    let digits =
        |part: Option<&[u8]>| part.is_some_and(|d| !d.is_empty() && d.iter().all(u8::is_ascii_digit));
    if !digits(number.get(..dot)) || !digits(number.get(dot + 1..)) {
        return None;
    }
    Some(number == b"2.0")
}

fn parse_status(line: &[u8]) -> Result<StatusLine<'_>, ParseError> {
    let space = memchr::memchr(b' ', line).ok_or(ParseErrorKind::StartLine.at(line.len()))?;
    if parse_version(line.get(..space).unwrap_or_default()) != Some(true) {
        return Err(ParseErrorKind::StartLine.at(0));
    }
    let rest = line.get(space + 1..).unwrap_or_default();
    let bad = ParseErrorKind::StatusCode.at(space + 1);
    let (digits, after) = rest.split_at_checked(3).ok_or(bad)?;
    let code = grammar::decimal::<u16>(digits)
        .filter(|code| (100..=699).contains(code))
        .ok_or(bad)?;
    // the SP before an empty phrase is required, and often forgotten
    let reason = match after {
        [] => after,
        [b' ', reason @ ..] => reason,
        _ => return Err(bad),
    };
    Ok(StatusLine { code, reason })
}
