//! Writing messages: into a buffer that the caller keeps, so that nothing is allocated once it is
//! large enough.

use std::fmt;

use crate::{HeaderName, Headers, Method};

/// Writes one message, front to back. The order of the headers is the order of the calls.
///
/// A CR, LF or NUL in a value cannot get through: values are checked where they come in
/// (`grammar::validate_header_value`), and here, as the last barrier, such an octet becomes a SP.
#[derive(Debug)]
pub struct Printer<'b> {
    out: &'b mut Vec<u8>,
}

impl<'b> Printer<'b> {
    /// Begins a request. The buffer is not cleared: the message is appended.
    pub fn request(out: &'b mut Vec<u8>, method: Method<'_>, uri: impl AsRef<[u8]>) -> Printer<'b> {
        out.extend_from_slice(method.as_str().as_bytes());
        out.push(b' ');
        push_clean(out, uri.as_ref());
        out.extend_from_slice(b" SIP/2.0\r\n");
        Printer { out }
    }

    /// Begins a response. The buffer is not cleared: the message is appended.
    pub fn status(out: &'b mut Vec<u8>, code: u16, reason: impl AsRef<[u8]>) -> Printer<'b> {
        out.extend_from_slice(b"SIP/2.0 ");
        push_decimal(out, u64::from(code));
        out.push(b' ');
        push_clean(out, reason.as_ref());
        out.extend_from_slice(b"\r\n");
        Printer { out }
    }

    fn end_line(&mut self) -> &mut Self {
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// One row, with the long form of the name. Nothing for [`HeaderName::Other`], which has no
    /// name: see [`Printer::raw_header`].
    pub fn header(&mut self, name: HeaderName, value: impl AsRef<[u8]>) -> &mut Self {
        if name == HeaderName::Other {
            return self;
        }
        self.out.extend_from_slice(name.prefix().as_bytes());
        push_clean(self.out, value.as_ref());
        self.end_line()
    }

    /// One row whose value is put together from parts, without an intermediate buffer.
    pub fn parts(&mut self, name: HeaderName, parts: &[&str]) -> &mut Self {
        if name == HeaderName::Other {
            return self;
        }
        self.out.extend_from_slice(name.prefix().as_bytes());
        let from = self.out.len();
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
        clean(self.out, from);
        self.end_line()
    }

    /// One row whose value is a number, with something after it: `""`, or parameters.
    pub fn number(&mut self, name: HeaderName, value: u64, suffix: &str) -> &mut Self {
        if name == HeaderName::Other {
            return self;
        }
        self.out.extend_from_slice(name.prefix().as_bytes());
        push_decimal(self.out, value);
        push_clean(self.out, suffix.as_bytes());
        self.end_line()
    }

    /// The CSeq row.
    pub fn cseq(&mut self, number: u32, method: Method<'_>) -> &mut Self {
        self.out.extend_from_slice(HeaderName::CSeq.prefix().as_bytes());
        push_decimal(self.out, u64::from(number));
        self.out.push(b' ');
        self.out.extend_from_slice(method.as_str().as_bytes());
        self.end_line()
    }

    /// One row whose value is formatted.
    pub fn header_fmt(&mut self, name: HeaderName, value: fmt::Arguments<'_>) -> &mut Self {
        struct Clean<'a>(&'a mut Vec<u8>);
        impl fmt::Write for Clean<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                push_clean(self.0, text.as_bytes());
                Ok(())
            }
        }
        if name == HeaderName::Other {
            return self;
        }
        self.out.extend_from_slice(name.prefix().as_bytes());
        // the writer never fails; an error of a Display impl leaves a shorter value
        let _ = fmt::Write::write_fmt(&mut Clean(self.out), value);
        self.end_line()
    }

    /// One row of any name. Nothing if the name is no token.
    pub fn raw_header(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        if !crate::grammar::is_token(name.as_bytes()) {
            return self;
        }
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        push_clean(self.out, value.as_ref());
        self.end_line()
    }

    /// All rows of one name of a received message, in order, the values octet for octet (folds
    /// included), the name in its long form.
    pub fn copy(&mut self, name: HeaderName, headers: &Headers<'_>) -> &mut Self {
        for value in headers.all(name) {
            self.out.extend_from_slice(name.prefix().as_bytes());
            self.out.extend_from_slice(value);
            self.end_line();
        }
        self
    }

    /// The first row of one name of a received message.
    pub fn copy_first(&mut self, name: HeaderName, headers: &Headers<'_>) -> &mut Self {
        if let Some(value) = headers.get(name) {
            self.out.extend_from_slice(name.prefix().as_bytes());
            self.out.extend_from_slice(value);
            self.end_line();
        }
        self
    }

    /// Whole rows, already checked, each with its CRLF.
    pub fn verbatim(&mut self, rows: &[u8]) -> &mut Self {
        self.out.extend_from_slice(rows);
        self
    }

    /// The end: Content-Type if there is one, Content-Length, the blank line, the body.
    pub fn body(&mut self, content_type: Option<&str>, body: &[u8]) {
        if let Some(kind) = content_type {
            self.header(HeaderName::ContentType, kind);
        }
        self.number(HeaderName::ContentLength, body.len() as u64, "");
        self.end_line();
        self.out.extend_from_slice(body);
    }
}

/// The value with CR, LF and NUL turned into SP.
fn push_clean(out: &mut Vec<u8>, value: &[u8]) {
    let from = out.len();
    out.extend_from_slice(value);
    clean(out, from);
}

/// Turns each CR, LF and NUL from this offset on into a SP.
fn clean(out: &mut [u8], from: usize) {
    let written = out.get_mut(from..).unwrap_or_default();
    if may_break_line(written) {
        for c in written.iter_mut().filter(|c| matches!(**c, b'\r' | b'\n' | 0)) {
            *c = b' ';
        }
    }
}

/// Whether there may be an octet below 0x0E: eight at a time, with false alarms but no misses.
fn may_break_line(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let (words, tail) = bytes.as_chunks::<8>();
    let low = words.iter().fold(0, |low, word| {
        let word = u64::from_ne_bytes(*word);
        low | (word.wrapping_sub(ONES * 0x0e) & !word)
    });
    low & (ONES * 0x80) != 0 || tail.iter().any(|c| *c < 0x0e)
}

/// A number in decimal digits, without the machinery of `fmt`.
fn push_decimal(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut len = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
        len += 1;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - len..).unwrap_or_default());
}

/// The phrase that goes with a status code, or that of its class (RFC 3261 §21 and the RFCs that
/// registered more).
pub fn reason_phrase(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        199 => "Early Dialog Terminated",
        200 => "OK",
        202 => "Accepted",
        204 => "No Notification",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        412 => "Conditional Request Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        417 => "Unknown Resource-Priority",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        424 => "Bad Location Information",
        428 => "Use Identity Header",
        429 => "Provide Referrer Identity",
        430 => "Flow Failed",
        433 => "Anonymity Disallowed",
        436 => "Bad Identity Info",
        437 => "Unsupported Credential",
        438 => "Invalid Identity Header",
        439 => "First Hop Lacks Outbound Support",
        440 => "Max-Breadth Exceeded",
        469 => "Bad Info Package",
        470 => "Consent Needed",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        493 => "Undecipherable",
        494 => "Security Agreement Required",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        580 => "Precondition Failure",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        _ => match code / 100 {
            1 => "Progress",
            2 => "Success",
            3 => "Redirection",
            4 => "Client Error",
            5 => "Server Error",
            _ => "Failure",
        },
    }
}
