//! Cutting messages out of a stream (RFC 3261 §18.3, RFC 5626 §4.4.1).

use bytes::{Buf, Bytes, BytesMut};

use crate::message::{Head, Length, LineEnd};
use crate::{Fault, FaultKind, HeaderName, Limits, ParseError, ParseErrorKind};

/// What was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// One message, head and body, for [`Message::parse_framed`](crate::Message::parse_framed).
    Message(Bytes),
    /// CRLFCRLF between messages: to be answered with CRLF.
    Ping,
    /// A single CRLF between messages: the answer to a ping, or nothing at all.
    Pong,
}

/// Why a stream cannot be read any further. It has to be closed: where the next message begins is
/// not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct FrameError {
    /// What is wrong.
    pub kind: FrameErrorKind,
    /// The head of the message, if it is complete:
    /// [`Message::parse_datagram`](crate::Message::parse_datagram) reads what an answer needs.
    pub head: Option<Bytes>,
}

/// The kinds of [`FrameError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameErrorKind {
    /// No SIP message; nothing to answer.
    #[error(transparent)]
    Parse(ParseError),
    /// Content-Length is missing, repeated or malformed: 400.
    #[error(transparent)]
    Length(Fault),
    /// Content-Length goes beyond the limit: 413. The body was not waited for.
    #[error("message of {0} octets is too long")]
    TooLong(usize),
}

/// Takes the octets of one stream and gives its messages, wherever the segments were cut. Never
/// holds more than one message and what came in with its end; never looks at an octet of a head
/// twice before the head is complete.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    buffer: BytesMut,
    /// Octets known to hold no end of a line, or whose lines are known to be sound.
    scanned: usize,
    /// Where the row that is being scanned begins.
    row: usize,
    /// Rows scanned, the start line included.
    rows: usize,
    /// What the start line ended with.
    ends: LineEnd,
    /// The whole length of the message at the front, once its head is complete.
    total: Option<usize>,
    /// Whether the last octets taken were a single CRLF, which may have been half of a ping.
    half_ping: bool,
    error: Option<FrameError>,
}

impl Framer {
    /// A reader for a new stream.
    pub fn new(limits: Limits) -> Framer {
        Framer {
            limits,
            buffer: BytesMut::new(),
            scanned: 0,
            row: 0,
            rows: 0,
            ends: LineEnd::CrLf,
            total: None,
            half_ping: false,
            error: None,
        }
    }

    /// Takes octets read. After an error they are dropped.
    pub fn push(&mut self, octets: &[u8]) {
        if self.error.is_none() {
            self.buffer.extend_from_slice(octets);
        }
    }

    /// Octets of a message that is not complete yet. The owner closes a stream on which this does
    /// not get back to 0 in time.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// The next frame; `None` until more octets are pushed.
    ///
    /// # Errors
    /// The stream is to be closed, perhaps after an answer; see [`FrameErrorKind`]. The same error
    /// is returned from then on.
    #[allow(clippy::should_implement_trait)] // not an iterator: `None` is not the end
    pub fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        self.advance().inspect_err(|error| {
            self.buffer = BytesMut::new();
            self.error = Some(error.clone());
        })
    }

    fn advance(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.scanned == 0
            && let Some(frame) = self.keep_alive()
        {
            return Ok(Some(frame));
        }
        let total = match self.total {
            Some(total) => total,
            None => {
                let Some(total) = self.head().map_err(|e| self.refused(e))? else {
                    return Ok(None);
                };
                let total = total?;
                self.total = Some(total);
                total
            }
        };
        if self.buffer.len() < total {
            return Ok(None);
        }
        let message = self.buffer.split_to(total).freeze();
        (self.scanned, self.row, self.rows, self.total) = (0, 0, 0, None);
        self.half_ping = false;
        Ok(Some(Frame::Message(message)))
    }

    /// Takes CRLFs between messages.
    fn keep_alive(&mut self) -> Option<Frame> {
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.buffer.advance(4);
            self.half_ping = false;
            return Some(Frame::Ping);
        }
        // the CR may be the first half of the second CRLF
        if self.buffer.starts_with(b"\r\n") && self.buffer.get(2..) != Some(b"\r") {
            self.buffer.advance(2);
            self.half_ping = !self.half_ping;
            return Some(if self.half_ping { Frame::Pong } else { Frame::Ping });
        }
        None
    }

    fn refused(&self, error: ParseError) -> FrameError {
        FrameError {
            kind: FrameErrorKind::Parse(error),
            head: None,
        }
    }

    /// Scans for the end of the head. `None` if it is not there yet; the inner result is the length
    /// of the whole message.
    #[allow(clippy::type_complexity)]
    fn head(&mut self) -> Result<Option<Result<usize, FrameError>>, ParseError> {
        if self.buffer.is_empty() || self.buffer.as_ref() == b"\r" || self.buffer.as_ref() == b"\r\n\r" {
            return Ok(None);
        }
        // What cannot begin a message is refused at once: a TLS client need not wait for a line.
        if self.scanned == 0
            && !self
                .buffer
                .first()
                .is_some_and(|c| crate::grammar::is_token_char(*c))
        {
            return Err(ParseErrorKind::StartLine.at(0));
        }
        loop {
            let found = match self.rows {
                0 => LineEnd::detect(&self.buffer, self.scanned)?.map(|(end, ends)| {
                    self.ends = ends;
                    end
                }),
                _ => self.ends.find(&self.buffer, self.scanned)?,
            };
            let Some(end) = found else {
                // a CR at the end is looked at again, with the LF that should follow
                let trailing = usize::from(self.buffer.last() == Some(&b'\r'));
                self.scanned = self.buffer.len() - trailing;
                if self.scanned - self.row.min(self.scanned) > self.limits.line {
                    return Err(ParseErrorKind::LineTooLong.at(self.row));
                }
                return self.check_length().map(|()| None);
            };
            let next = end + self.ends.len();
            if self.rows > 0 && end == self.row {
                return Ok(Some(self.total(next)));
            }
            if end - self.row > self.limits.line {
                return Err(ParseErrorKind::LineTooLong.at(self.row));
            }
            // whether the row goes on is told by the octet after its end
            let continued = match self.buffer.get(next) {
                None => {
                    self.scanned = end;
                    return self.check_length().map(|()| None);
                }
                Some(b' ' | b'\t') => true,
                Some(_) => false,
            };
            if self.rows == 0 {
                if continued {
                    return Err(ParseErrorKind::FoldedStartLine.at(next));
                }
                self.ends
                    .start_line(self.buffer.get(..end).unwrap_or_default(), self.limits.uri)?;
            }
            self.scanned = next;
            if !continued {
                self.rows += 1;
                self.row = next;
                if self.rows > self.limits.headers + 1 {
                    return Err(ParseErrorKind::TooManyHeaders.at(next));
                }
            }
        }
    }

    fn check_length(&self) -> Result<(), ParseError> {
        if self.buffer.len() > self.limits.message {
            return Err(ParseErrorKind::MessageTooLong.at(self.limits.message));
        }
        Ok(())
    }

    /// The length of the message whose head ends at `end`.
    fn total(&self, end: usize) -> Result<usize, FrameError> {
        let octets = self.buffer.get(..end).unwrap_or_default();
        let head = Head::parse(octets, 0, &self.limits, false).map_err(|e| self.refused(e))?;
        let kind = match head.length() {
            Length::Octets(length) => match end.checked_add(length) {
                Some(total) if total <= self.limits.message => return Ok(total),
                total => FrameErrorKind::TooLong(total.unwrap_or(usize::MAX)),
            },
            Length::Absent => FrameErrorKind::Length(FaultKind::Missing(HeaderName::ContentLength).at(end)),
            Length::Bad(fault) => FrameErrorKind::Length(fault),
        };
        Err(FrameError {
            kind,
            head: Some(Bytes::copy_from_slice(octets)),
        })
    }
}
