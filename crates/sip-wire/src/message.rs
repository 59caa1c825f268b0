//! Messages: octets in, a start line, header rows and a body out, without a copy (RFC 3261 §7).

use crate::grammar::{decimal, skip_lws};
use crate::{
    CSeq, Fault, FaultKind, HeaderName, Headers, Method, NameAddr, ParseError, ParseErrorKind, RequestLine,
    StartLine, StatusLine, Uri, Via,
};

/// How much of everything is accepted. One beyond is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a message.
    pub message: usize,
    /// Header rows.
    pub headers: usize,
    /// Octets of a line with its continuations, CRLFs between them included.
    pub line: usize,
    /// Octets of the request URI.
    pub uri: usize,
    /// Values of Via, of Route and of Record-Route each.
    pub via: usize,
}

impl Default for Limits {
    /// For datagrams: 65,535 octets (RFC 3261 §18.1.1), 256 rows, 8 KiB lines, 4 KiB request URIs,
    /// 70 hops.
    fn default() -> Limits {
        Limits {
            message: 65_535,
            headers: 256,
            line: 8 * 1024,
            uri: 4 * 1024,
            via: 70,
        }
    }
}

impl Limits {
    /// For streams: as for datagrams, but a body of 1 MiB and its head.
    pub fn stream() -> Limits {
        Limits {
            message: (1024 + 64) * 1024,
            ..Limits::default()
        }
    }

    /// For a request that is to be refused for being beyond the others: as many rows and hops and
    /// as long lines as fit into the message, since its answer is made of them.
    pub fn to_refuse(self) -> Limits {
        Limits {
            message: self.message,
            headers: usize::MAX,
            line: self.message,
            uri: self.message,
            via: usize::MAX,
        }
    }
}

/// A message, borrowing from the octets received.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// The request line or status line.
    pub start: StartLine<'a>,
    /// The header rows.
    pub headers: Headers<'a>,
    /// The body, cut to Content-Length.
    pub body: &'a [u8],
    /// The first fault met while splitting, reported by `essentials`.
    fault: Option<Fault>,
}

/// What every request and response has to have (RFC 3261 §8.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Essentials<'a> {
    /// The first Via.
    pub top_via: Via<'a>,
    /// From.
    pub from: NameAddr<'a>,
    /// The tag in From; RFC 2543 clients send none.
    pub from_tag: Option<&'a str>,
    /// To.
    pub to: NameAddr<'a>,
    /// The tag in To: that of the dialog, none outside.
    pub to_tag: Option<&'a str>,
    /// Call-ID, compared octet for octet.
    pub call_id: &'a str,
    /// CSeq.
    pub cseq: CSeq<'a>,
    /// Max-Forwards, absent in responses and from RFC 2543 clients.
    pub max_forwards: Option<u8>,
}

/// What decides to which client transaction a response belongs (RFC 3261 §17.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseKey<'a> {
    /// The first Via.
    pub top_via: Via<'a>,
    /// CSeq.
    pub cseq: CSeq<'a>,
    /// Whether there is no other Via: the response is for whoever made the first (§8.1.3.3).
    pub is_last_hop: bool,
}

/// The head of a message, split.
pub(crate) struct Head<'a> {
    pub(crate) start: StartLine<'a>,
    pub(crate) headers: Headers<'a>,
    /// Offset of the body.
    pub(crate) end: usize,
    pub(crate) fault: Option<Fault>,
}

/// What the Content-Length rows say.
pub(crate) enum Length {
    Absent,
    Octets(usize),
    Bad(Fault),
}

/// What ends the lines of one message head: see the documentation of the crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineEnd {
    CrLf,
    Lf,
}

impl LineEnd {
    /// Octets of it.
    pub(crate) fn len(self) -> usize {
        match self {
            LineEnd::CrLf => 2,
            LineEnd::Lf => 1,
        }
    }

    /// Finds the end of the start line that begins or continues at `from`, and with it what ends
    /// the lines of this message. `None` if it is not there yet.
    pub(crate) fn detect(bytes: &[u8], from: usize) -> Result<Option<(usize, LineEnd)>, ParseError> {
        let Some(at) = memchr::memchr2(b'\r', b'\n', bytes.get(from..).unwrap_or_default()) else {
            return Ok(None);
        };
        let at = from + at;
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'\n'), _) => Ok(Some((at, LineEnd::Lf))),
            (_, Some(b'\n')) => Ok(Some((at, LineEnd::CrLf))),
            (_, None) => Ok(None),
            _ => Err(ParseErrorKind::BareLineEnd.at(at)),
        }
    }

    /// Finds the end of the line that begins or continues at `from`. `None` if it is not there yet.
    pub(crate) fn find(self, bytes: &[u8], from: usize) -> Result<Option<usize>, ParseError> {
        match LineEnd::detect(bytes, from)? {
            Some((at, end)) if end != self => Err(ParseErrorKind::BareLineEnd.at(at)),
            found => Ok(found.map(|(at, _)| at)),
        }
    }

    /// Parses the start line. Only requests may have bare LFs: a reason phrase is whatever somebody
    /// wrote, and proxies that do not take a LF for a line end pass one on.
    pub(crate) fn start_line<'a>(
        self,
        line: &'a [u8],
        uri_limit: usize,
    ) -> Result<(StartLine<'a>, Option<Fault>), ParseError> {
        let parsed = StartLine::parse(line, uri_limit)?;
        match (self, &parsed.0) {
            (LineEnd::Lf, StartLine::Status(_)) => Err(ParseErrorKind::BareLineEnd.at(line.len())),
            _ => Ok(parsed),
        }
    }
}

impl<'a> Head<'a> {
    /// Splits the head that begins at `from`. Used for datagrams, framed messages and by the
    /// framer, so that all agree on where lines, headers and bodies begin.
    ///
    /// With `closed`, nothing can come after `bytes`, so their end ends the head if the blank line
    /// is missing.
    pub(crate) fn parse(
        bytes: &'a [u8],
        from: usize,
        limits: &Limits,
        closed: bool,
    ) -> Result<Head<'a>, ParseError> {
        let truncated = ParseErrorKind::Truncated.at(bytes.len());
        let (end, ends) = LineEnd::detect(bytes, from)?.ok_or(truncated)?;
        if end - from > limits.line {
            return Err(ParseErrorKind::LineTooLong.at(from));
        }
        let line = bytes.get(from..end).unwrap_or_default();
        let (start, fault) = ends.start_line(line, limits.uri).map_err(|e| ParseError {
            offset: from + e.offset,
            ..e
        })?;
        let mut fault = fault.map(|f| f.shifted(from));
        let mut headers = Headers::over(bytes);
        let mut at = end + ends.len();
        if matches!(bytes.get(at), Some(b' ' | b'\t')) {
            return Err(ParseErrorKind::FoldedStartLine.at(at));
        }
        loop {
            if closed && at == bytes.len() && !headers.is_empty() {
                at -= ends.len();
                break;
            }
            let mut end = ends.find(bytes, at)?.ok_or(truncated)?;
            if end == at {
                break;
            }
            while matches!(bytes.get(end + ends.len()), Some(b' ' | b'\t')) {
                end = ends.find(bytes, end + ends.len())?.ok_or(truncated)?;
            }
            if end - at > limits.line {
                return Err(ParseErrorKind::LineTooLong.at(at));
            }
            if headers.len() >= limits.headers {
                return Err(ParseErrorKind::TooManyHeaders.at(at));
            }
            let bad = headers.add_row(at, end)?;
            fault = fault.or(bad);
            at = end + ends.len();
        }
        headers.check_hops(limits.via)?;
        Ok(Head {
            start,
            headers,
            end: at + ends.len(),
            fault,
        })
    }

    pub(crate) fn length(&self) -> Length {
        let Some((value, at)) = self.headers.get_at(HeaderName::ContentLength) else {
            return Length::Absent;
        };
        if self.headers.all(HeaderName::ContentLength).nth(1).is_some() {
            return Length::Bad(FaultKind::Repeated(HeaderName::ContentLength).at(at));
        }
        match decimal(value) {
            Some(octets) => Length::Octets(octets),
            None => Length::Bad(FaultKind::Malformed(HeaderName::ContentLength).at(at)),
        }
    }

    fn into_message(self, body: &'a [u8], fault: Option<Fault>) -> Message<'a> {
        Message {
            start: self.start,
            headers: self.headers,
            body,
            fault: self.fault.or(fault),
        }
    }
}

impl<'a> Message<'a> {
    /// Parses a datagram. The blank line after the headers may be missing. Line ends before the start line are skipped (RFC 3261 §7.5), octets beyond
    /// Content-Length are dropped, and without Content-Length the body reaches to the end of the
    /// datagram (§18.3). A body shorter than Content-Length says is a fault.
    ///
    /// # Errors
    /// What is no SIP message; see [`ParseErrorKind`].
    pub fn parse_datagram(bytes: &'a [u8], limits: &Limits) -> Result<Message<'a>, ParseError> {
        if bytes.len() > limits.message {
            return Err(ParseErrorKind::MessageTooLong.at(limits.message));
        }
        if bytes.iter().all(|c| matches!(c, b'\r' | b'\n' | 0)) {
            return Err(ParseErrorKind::KeepAlive.at(0));
        }
        let mut from = 0;
        while matches!(bytes.get(from), Some(b'\r' | b'\n')) {
            from += 1;
        }
        let head = Head::parse(bytes, from, limits, true)?;
        let rest = bytes.get(head.end..).unwrap_or_default();
        let (body, fault) = match head.length() {
            Length::Absent => (rest, None),
            Length::Bad(fault) => (rest, Some(fault)),
            Length::Octets(length) => match rest.get(..length) {
                Some(body) => (body, None),
                None => (rest, Some(FaultKind::BodyTooShort.at(bytes.len()))),
            },
        };
        Ok(head.into_message(body, fault))
    }

    /// Parses exactly one message, as a [`Framer`](crate::Framer) cut it: nothing before it, and
    /// Content-Length present and true.
    ///
    /// # Errors
    /// What is no SIP message; see [`ParseErrorKind`].
    pub fn parse_framed(bytes: &'a [u8], limits: &Limits) -> Result<Message<'a>, ParseError> {
        if bytes.len() > limits.message {
            return Err(ParseErrorKind::MessageTooLong.at(limits.message));
        }
        let head = Head::parse(bytes, 0, limits, false)?;
        let rest = bytes.get(head.end..).unwrap_or_default();
        let fault = match head.length() {
            Length::Absent => Some(FaultKind::Missing(HeaderName::ContentLength).at(head.end)),
            Length::Bad(fault) => Some(fault),
            Length::Octets(length) if length > rest.len() => Some(FaultKind::BodyTooShort.at(bytes.len())),
            Length::Octets(length) if length < rest.len() => {
                Some(FaultKind::BodyTooLong.at(head.end + length))
            }
            Length::Octets(_) => None,
        };
        Ok(head.into_message(rest, fault))
    }

    /// The request line, if it is a request.
    pub fn request(&self) -> Option<&RequestLine<'a>> {
        match &self.start {
            StartLine::Request(line) => Some(line),
            StartLine::Status(_) => None,
        }
    }

    /// The status line, if it is a response.
    pub fn status(&self) -> Option<&StatusLine<'a>> {
        match &self.start {
            StartLine::Request(_) => None,
            StartLine::Status(line) => Some(line),
        }
    }

    /// The method, if it is a request.
    pub fn method(&self) -> Option<Method<'a>> {
        self.request().map(|line| line.method)
    }

    /// Whether it is a request.
    pub fn is_request(&self) -> bool {
        self.request().is_some()
    }

    /// The top Via of a request that has all that an answer is copied from (RFC 3261 §8.2.6.2),
    /// even if `essentials` found a fault in it. `None` means that it cannot be answered.
    pub fn answerable(&self) -> Option<Via<'a>> {
        use HeaderName as H;
        let complete = [H::From, H::To, H::CallId, H::CSeq]
            .iter()
            .all(|name| self.headers.has(*name));
        let via = self.headers.list(H::Via).next()?;
        if complete && self.is_request() {
            // sent-by is enough to answer by, however broken what follows it
            let sent_by = via.split(|byte| *byte == b';').next().unwrap_or_default();
            Via::parse(via).or_else(|_| Via::parse(sent_by)).ok()
        } else {
            None
        }
    }

    /// What RFC 3261 §8.1.1 requires, parsed; also checks what no message may get wrong: headers
    /// that may not be repeated, CSeq against the method, Content-Length against the body, the
    /// request URI. Headers that are not needed to process a message are not looked at (§8.2.2).
    ///
    /// # Errors
    /// The first fault met. A request is answered with 400 and [`Fault::reason`] if it is
    /// [answerable](Message::answerable), a response is dropped.
    pub fn essentials(&self) -> Result<Essentials<'a>, Fault> {
        use HeaderName as H;
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if let Some((name, at)) = self.headers.repeated() {
            return Err(FaultKind::Repeated(name).at(at));
        }
        let via = self
            .headers
            .list(H::Via)
            .next()
            .ok_or(FaultKind::Missing(H::Via).at(0))?;
        let top_via = Via::parse(via).map_err(|f| self.in_header(H::Via, f))?;
        let from = self.required(H::From)?;
        let from = NameAddr::parse(from).map_err(|f| self.in_header(H::From, f))?;
        let to = self.required(H::To)?;
        let to = NameAddr::parse(to).map_err(|f| self.in_header(H::To, f))?;
        let call_id = self.required(H::CallId)?;
        let call_id = visible(call_id).ok_or_else(|| self.in_header(H::CallId, FaultKind::Text.at(0)))?;
        let cseq = self.required(H::CSeq)?;
        let cseq = CSeq::parse(cseq).map_err(|f| self.in_header(H::CSeq, f))?;
        let mut max_forwards = None;
        if let StartLine::Request(line) = &self.start {
            if cseq.method != line.method {
                return Err(self.in_header_as(H::CSeq, FaultKind::CSeqMethod));
            }
            check_request_uri(line.uri)?;
            if let Some(value) = self.headers.get(H::MaxForwards) {
                let bad = || self.in_header(H::MaxForwards, FaultKind::Number.at(0));
                max_forwards = Some(decimal(value).ok_or_else(bad)?);
            }
        }
        let (from_tag, to_tag) = (from.tag(), to.tag());
        Ok(Essentials {
            top_via,
            from,
            from_tag,
            to,
            to_tag,
            call_id,
            cseq,
            max_forwards,
        })
    }

    /// What a response is matched by. As [`Message::essentials`], but From, To and Call-ID, which
    /// have no part in it, only have to be there.
    ///
    /// # Errors
    /// The first fault met: such a response is dropped.
    pub fn response_key(&self) -> Result<ResponseKey<'a>, Fault> {
        use HeaderName as H;
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if let Some((name, at)) = self.headers.repeated() {
            return Err(FaultKind::Repeated(name).at(at));
        }
        for name in [H::From, H::To, H::CallId] {
            self.required(name)?;
        }
        let mut vias = self.headers.list(H::Via);
        let via = vias.next().ok_or(FaultKind::Missing(H::Via).at(0))?;
        let top_via = Via::parse(via).map_err(|f| self.in_header(H::Via, f))?;
        let cseq = self.required(H::CSeq)?;
        let cseq = CSeq::parse(cseq).map_err(|f| self.in_header(H::CSeq, f))?;
        Ok(ResponseKey {
            top_via,
            cseq,
            is_last_hop: vias.next().is_none(),
        })
    }

    fn required(&self, name: HeaderName) -> Result<&'a [u8], Fault> {
        self.headers.get(name).ok_or(FaultKind::Missing(name).at(0))
    }

    /// Any fault in a required header is that header's, at its place in the message.
    fn in_header(&self, name: HeaderName, fault: Fault) -> Fault {
        let base = self.headers.get_at(name).map_or(0, |(_, at)| at);
        FaultKind::Malformed(name).at(base.saturating_add(fault.offset))
    }

    fn in_header_as(&self, name: HeaderName, kind: FaultKind) -> Fault {
        kind.at(self.headers.get_at(name).map_or(0, |(_, at)| at))
    }
}

/// A Call-ID: visible characters without blanks. The grammar of RFC 3261 is narrower, but all that
/// is done with it is to compare and to copy.
fn visible(bytes: &[u8]) -> Option<&str> {
    let all = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic);
    if all {
        std::str::from_utf8(bytes).ok()
    } else {
        None
    }
}

/// The request URI: no headers (RFC 3261 §19.1.1), else any URI; which schemes are served is not
/// for this crate to say.
fn check_request_uri(text: &str) -> Result<(), Fault> {
    let uri = Uri::parse(text).map_err(|f| FaultKind::RequestUri.at(f.offset))?;
    let headers = !uri.headers_str().is_empty();
    if headers || skip_lws(text.as_bytes(), 0) > 0 {
        return Err(FaultKind::RequestUri.at(0));
    }
    Ok(())
}
