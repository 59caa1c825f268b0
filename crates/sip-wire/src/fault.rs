//! What can be wrong with a message: [`ParseError`] when it is no SIP message at all, [`Fault`]
//! when it is one but breaks the grammar somewhere.

use crate::HeaderName;

/// Octets that do not split into a start line and header rows. Not to be answered: it is not even
/// known whether they are a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at octet {offset}")]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Where, in octets from the beginning of the input.
    pub offset: usize,
}

/// The kinds of [`ParseError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Nothing but CR, LF or NUL: a keep-alive of a NAT binding (RFC 5626 §4.4.1 and practice).
    #[error("keep-alive")]
    KeepAlive,
    /// Neither a request line nor a status line.
    #[error("malformed start line")]
    StartLine,
    /// A status line whose code is not three digits from 100 to 699.
    #[error("malformed status code")]
    StatusCode,
    /// The blank line after the headers is missing.
    #[error("truncated message head")]
    Truncated,
    /// A CR or LF that is not part of a CRLF in the message head.
    #[error("bare CR or LF")]
    BareLineEnd,
    /// A continuation line right after the start line.
    #[error("folded start line")]
    FoldedStartLine,
    /// Longer than [`Limits::message`](crate::Limits::message).
    #[error("message too long")]
    MessageTooLong,
    /// A line with its continuations longer than [`Limits::line`](crate::Limits::line).
    #[error("line too long")]
    LineTooLong,
    /// More header rows than [`Limits::headers`](crate::Limits::headers).
    #[error("too many headers")]
    TooManyHeaders,
    /// A request URI longer than [`Limits::uri`](crate::Limits::uri).
    #[error("request URI too long")]
    UriTooLong,
    /// More Via values, Route values or Record-Route values than
    /// [`Limits::via`](crate::Limits::via).
    #[error("too many hops")]
    TooManyHops,
}

impl ParseErrorKind {
    /// How a request is answered that is beyond a limit of its head, as far as it can be answered
    /// (RFC 3261 §21.4.1, §21.4.11); `None`: it is no message at all.
    pub fn refusal(self) -> Option<(u16, &'static str)> {
        match self {
            ParseErrorKind::LineTooLong => Some((400, "Header Field Too Long")),
            ParseErrorKind::TooManyHeaders => Some((400, "Too Many Header Fields")),
            ParseErrorKind::TooManyHops => Some((400, "Too Many Hops")),
            ParseErrorKind::UriTooLong => Some((414, "Request-URI Too Long")),
            _ => None,
        }
    }

    pub(crate) fn at(self, offset: usize) -> ParseError {
        ParseError { kind: self, offset }
    }
}

/// A breach of the grammar inside a message, a URI or a header value. A request with one is
/// answered with 400 and [`Fault::reason`] if it can be answered at all, a response is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} at octet {offset}", self.reason())]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Where, in octets from the beginning of what was parsed (the message, the URI, the value).
    pub offset: usize,
}

/// The kinds of [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// More or other blanks in the request line than one SP between its three parts.
    RequestLine,
    /// The request URI breaks the grammar, or has headers (RFC 3261 §19.1.1, table 1).
    RequestUri,
    /// A line without a colon.
    HeaderLine,
    /// A header that RFC 3261 §8.1.1 requires is missing.
    Missing(HeaderName),
    /// A header that may occur once occurs again (RFC 3261 §7.3.1).
    Repeated(HeaderName),
    /// The value of this header breaks the grammar.
    Malformed(HeaderName),
    /// The method in CSeq is not the method of the request (RFC 3261 §8.1.1.5).
    CSeqMethod,
    /// Content-Length says more octets than there are (RFC 3261 §18.3).
    BodyTooShort,
    /// Content-Length says fewer octets than a framed message has.
    BodyTooLong,
    /// The URI has no scheme, or one with illegal characters.
    UriScheme,
    /// User or password of a URI have illegal characters or malformed escapes.
    UriUser,
    /// The host of a URI or of a Via is malformed.
    Host,
    /// The port is malformed or beyond 65535.
    Port,
    /// Parameters are malformed (empty, illegal characters, no value after `=`).
    Params,
    /// The headers of a URI are malformed.
    UriHeaders,
    /// A quoted string, or a `<`, is not closed.
    Unclosed,
    /// A number is missing, malformed or out of its range.
    Number,
    /// A token is missing or has illegal characters.
    Token,
    /// There is something after the end of the value.
    Surplus,
    /// Illegal characters, or octets that are not UTF-8 where text is needed.
    Text,
}

impl FaultKind {
    pub(crate) fn at(self, offset: usize) -> Fault {
        Fault { kind: self, offset }
    }
}

impl Fault {
    /// A short reason phrase for the 400 response (RFC 3261 §21.4.1).
    pub fn reason(&self) -> &'static str {
        use HeaderName as H;
        match self.kind {
            FaultKind::RequestLine => "Malformed Request Line",
            FaultKind::RequestUri => "Malformed Request-URI",
            FaultKind::HeaderLine => "Malformed Header Line",
            FaultKind::Missing(name) => match name {
                H::Via => "Missing Via",
                H::From => "Missing From",
                H::To => "Missing To",
                H::CallId => "Missing Call-ID",
                H::CSeq => "Missing CSeq",
                H::ContentLength => "Missing Content-Length",
                _ => "Missing Header",
            },
            FaultKind::Repeated(name) => match name {
                H::From => "Repeated From",
                H::To => "Repeated To",
                H::CallId => "Repeated Call-ID",
                H::CSeq => "Repeated CSeq",
                H::ContentLength => "Repeated Content-Length",
                H::ContentType => "Repeated Content-Type",
                H::MaxForwards => "Repeated Max-Forwards",
                H::Event => "Repeated Event",
                H::Expires => "Repeated Expires",
                H::SubscriptionState => "Repeated Subscription-State",
                _ => "Repeated Header",
            },
            FaultKind::Malformed(name) => match name {
                H::Via => "Malformed Via",
                H::From => "Malformed From",
                H::To => "Malformed To",
                H::CallId => "Malformed Call-ID",
                H::CSeq => "Malformed CSeq",
                H::ContentLength => "Malformed Content-Length",
                H::MaxForwards => "Malformed Max-Forwards",
                _ => "Malformed Header",
            },
            FaultKind::CSeqMethod => "CSeq Method Differs From Request Method",
            FaultKind::BodyTooShort => "Content-Length Exceeds Body",
            FaultKind::BodyTooLong => "Body Exceeds Content-Length",
            FaultKind::UriScheme | FaultKind::UriUser | FaultKind::UriHeaders => "Malformed URI",
            FaultKind::Host => "Malformed Host",
            FaultKind::Port => "Malformed Port",
            FaultKind::Params => "Malformed Parameter",
            FaultKind::Unclosed => "Unclosed Quote",
            FaultKind::Number => "Malformed Number",
            FaultKind::Token => "Malformed Token",
            FaultKind::Surplus => "Surplus Characters",
            FaultKind::Text => "Illegal Characters",
        }
    }

    /// The same fault, seen from a text that begins `base` octets earlier.
    pub(crate) fn shifted(self, base: usize) -> Fault {
        Fault {
            kind: self.kind,
            offset: self.offset.saturating_add(base),
        }
    }
}
