//! Cutting the bytes read from the listening FIFO into requests.
//!
//! Many writers share one FIFO, and nothing but the text itself says where a request ends: a JSON document ends where
//! it is closed, classic text at its first empty line. Writes longer than `PIPE_BUF` may interleave and a writer may
//! die half-way, so the framer has to find the next request behind a broken one.

use std::collections::VecDeque;

use memchr::{memchr, memchr2};

use crate::classic;
use crate::fifo::{
    Head, LONGEST_HEAD, closing_quote, ends_in_another, is_classic_head, is_json_head, partial_head,
};

/// One complete request as it came from the FIFO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FifoRequest {
    /// The request, framing included; for [`crate::Request::parse`] with [`crate::Via::Fifo`].
    pub bytes: Vec<u8>,
}

/// Classic text made one that breaks the grammar: its last line is a value whose quote is not closed.
fn unclosed(text: &[u8]) -> Vec<u8> {
    let line_end: &[u8] = if text.ends_with(b"\n") { b"" } else { b"\n" };
    [text, line_end, b"\""].concat()
}

/// What the framer is in the midst of.
#[derive(Debug, Clone, Copy)]
enum State {
    /// Nothing.
    Idle,
    /// What nobody can make sense of.
    Garbage,
    /// A JSON document.
    Json(Json),
    /// Classic text, at the beginning of a line.
    Line,
    /// Classic text, in a quoted value that begins at `start`.
    Quoted { start: usize },
    /// Classic text, behind a quoted value.
    Tail,
}

/// Where in a JSON document.
#[derive(Debug, Clone, Copy, Default)]
struct Json {
    depth: usize,
    in_string: bool,
    escaped: bool,
    after_string: bool,
}

/// What a byte does to a JSON document.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Goes,
    /// A colon outside strings.
    Colon,
    Ends,
    /// No JSON document has this byte here.
    Breaks,
}

impl Json {
    /// In a string, and not behind its backslash.
    fn is_inside_string(&self) -> bool {
        self.in_string && !self.escaped
    }

    fn step(&mut self, byte: u8) -> Step {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => (self.in_string, self.after_string) = (false, true),
                _ => {}
            }
            return Step::Goes;
        }
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            return Step::Goes;
        }
        if std::mem::take(&mut self.after_string) && !matches!(byte, b',' | b':' | b'}' | b']') {
            return Step::Breaks;
        }
        match byte {
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return Step::Ends;
                }
            }
            b'"' => self.in_string = true,
            b':' => return Step::Colon,
            // Numbers, true, false, null.
            b','
            | b'0'..=b'9'
            | b'+'
            | b'-'
            | b'.'
            | b'E'
            | b'a'
            | b'e'
            | b'f'
            | b'l'
            | b'n'
            | b'r'
            | b's'
            | b't'
            | b'u' => {}
            _ => return Step::Breaks,
        }
        Step::Goes
    }
}

/// Cuts a stream of bytes from many writers into requests.
///
/// [`FifoFramer::push`] what was read, then take requests with [`FifoFramer::next`] until there are none; say
/// [`FifoFramer::writers_gone`] at the end of file.
#[derive(Debug)]
pub struct FifoFramer {
    buffer: Vec<u8>,
    /// Where the request begins.
    start: usize,
    /// Up to where it has been looked at.
    at: usize,
    state: State,
    /// Cut, but not yet taken.
    ready: VecDeque<Vec<u8>>,
    limit: usize,
}

impl FifoFramer {
    /// A framer that gives up a request longer than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            at: 0,
            state: State::Idle,
            ready: VecDeque::new(),
            limit,
        }
    }

    /// Takes bytes as they were read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete request.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<FifoRequest> {
        if self.ready.is_empty() {
            self.scan();
        }
        let bytes = self.ready.pop_front()?;
        Some(FifoRequest { bytes })
    }

    /// Whether a classic request of whole lines stands without its empty line: its writer may go on in another breath.
    pub fn is_between_lines(&self) -> bool {
        matches!(self.state, State::Line)
            && self
                .buffer
                .get(self.start..)
                .is_some_and(|lines| lines.ends_with(b"\n"))
    }

    /// Every writer has closed the FIFO: what is incomplete will never be completed. It is not done, but given out in
    /// a form that is an error for [`crate::Request::parse`], so that a writer who has named a reply FIFO is told.
    pub fn writers_gone(&mut self) {
        while self.scan() {}
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        let told = match self.state {
            _ if rest.first() != Some(&b':') => None,
            State::Idle | State::Garbage => None,
            State::Json(_) | State::Quoted { .. } => Some(rest.to_vec()),
            // The line that was begun may be a quoted value itself.
            State::Line => self.buffer.get(self.start..self.at).map(unclosed),
            State::Tail => Some(unclosed(rest)),
        };
        self.ready.extend(told);
        self.buffer.clear();
        (self.start, self.at, self.state) = (0, 0, State::Idle);
    }

    /// Looks for the end of the next request and puts it up. False: there is none yet.
    fn scan(&mut self) -> bool {
        let before = self.ready.len();
        while self.ready.len() == before {
            let goes_on = match self.state {
                State::Idle => self.idle(),
                State::Garbage => self.garbage(),
                State::Json(json) => self.json(json),
                State::Line => self.line(),
                State::Quoted { start } => self.quoted(start),
                State::Tail => self.tail(),
            };
            if !goes_on {
                break;
            }
        }
        self.forget();
        self.ready.len() > before
    }

    /// Drops what has been dealt with.
    fn forget(&mut self) {
        if matches!(self.state, State::Idle | State::Garbage) {
            self.start = self.at;
        }
        if self.start < self.buffer.len() && self.start < 65_536 {
            return;
        }
        self.buffer.drain(..self.start.min(self.buffer.len()));
        self.at -= self.start;
        if let State::Quoted { start } = &mut self.state {
            *start -= self.start;
        }
        self.start = 0;
        if self.buffer.is_empty() && self.buffer.capacity() > 65_536 {
            self.buffer = Vec::new();
        }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }

    /// Puts up the request that ends before `end`.
    fn cut(&mut self, end: usize) {
        self.ready
            .extend(self.buffer.get(self.start..end).map(<[u8]>::to_vec));
        (self.start, self.at, self.state) = (end, end, State::Idle);
    }

    /// Goes on as garbage when the request, looked at up to `at`, has become too long; its writer is told by what its
    /// beginning gives.
    fn is_too_long(&mut self, at: usize) -> bool {
        let too_long = at - self.start > self.limit;
        if too_long {
            let text = self.buffer.get(self.start..).unwrap_or_default();
            // As much as is there whenever this is found out, so that it does not depend on how bytes were split.
            let text = text.get(..LONGEST_HEAD.min(self.limit)).unwrap_or(text);
            match partial_head(text) {
                Head::Json { .. } => self.ready.push_back(text.to_vec()),
                Head::Classic => {
                    let line = memchr(b'\n', text).and_then(|end| text.get(..end));
                    self.ready.push_back(unclosed(line.unwrap_or(text)));
                }
                Head::None | Head::Incomplete => {}
            }
            (self.at, self.state) = (self.start + self.limit, State::Garbage);
        }
        too_long
    }

    fn idle(&mut self) -> bool {
        let rest = self.rest();
        let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.at += blanks;
        self.start = self.at;
        let rest = self.rest();
        self.state = match rest.first() {
            None => return false,
            Some(b'{' | b'[') => State::Json(Json::default()),
            Some(b':') => match partial_head(rest) {
                Head::Incomplete => return false,
                Head::None => State::Garbage,
                Head::Json { at, .. } => {
                    self.at += at;
                    State::Json(Json::default())
                }
                Head::Classic => {
                    self.at += memchr(b'\n', rest).map_or(0, |at| at + 1);
                    State::Line
                }
            },
            Some(_) => State::Garbage,
        };
        true
    }

    /// Looks for the next line, or the head of a JSON request in the midst of one.
    fn garbage(&mut self) -> bool {
        loop {
            let rest = self.rest();
            let Some(found) = memchr2(b'\n', b':', rest) else {
                self.at = self.buffer.len();
                return false;
            };
            let text = rest.get(found..).unwrap_or_default();
            let (skip, state) = match text.first() {
                Some(b'\n') => (found + 1, State::Idle),
                _ => match is_json_head(text) {
                    None => {
                        self.at += found;
                        return false;
                    }
                    Some(true) => (found, State::Idle),
                    Some(false) => (found + 1, State::Garbage),
                },
            };
            (self.at, self.state) = (self.at + skip, state);
            if matches!(self.state, State::Idle) {
                return true;
            }
        }
    }

    fn json(&mut self, mut json: Json) -> bool {
        let reach = self.buffer.len().min(self.start + self.limit);
        let mut at = self.at;
        while let Some(rest) = self.buffer.get(at..reach)
            && let Some(byte) = rest.first()
        {
            if json.is_inside_string() {
                // Nothing but its end and an escape matters in a string.
                let skip = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                if skip > 0 {
                    at += skip;
                    continue;
                }
            }
            let before = json;
            let breaks = match json.step(*byte) {
                Step::Goes => false,
                Step::Breaks => true,
                Step::Ends => {
                    self.cut(at + 1);
                    return true;
                }
                Step::Colon => match is_json_head(self.buffer.get(at..).unwrap_or_default()) {
                    Some(found) => found,
                    None => {
                        (self.at, self.state) = (at, State::Json(before));
                        return false;
                    }
                },
            };
            if breaks {
                return self.broken(at);
            }
            at += 1;
        }
        (self.at, self.state) = (at, State::Json(json));
        self.is_too_long(at + 1)
    }

    /// A document broke off at `at`, for instance because another writer's request stands in it: who can be told is
    /// told, and the other one is looked for a little before.
    fn broken(&mut self, at: usize) -> bool {
        let resume = at.saturating_sub(LONGEST_HEAD).max(self.start + 1);
        if self.buffer.get(self.start) == Some(&b':') {
            self.cut(at);
        }
        (self.at, self.state) = (resume, State::Garbage);
        true
    }

    fn line(&mut self) -> bool {
        if self.is_too_long(self.at) {
            return true;
        }
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        match is_classic_head(rest) {
            None => return false,
            Some(true) => {
                // The request before was left without its empty line.
                (self.start, self.state) = (self.at, State::Idle);
                return true;
            }
            Some(false) => {}
        }
        let Some(length) = memchr(b'\n', rest) else {
            return self.is_too_long(self.buffer.len());
        };
        let line = rest.get(..length).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let end = self.at + length + 1;
        let is_last = line.is_empty();
        let (_, value) = classic::split_name(line.trim_ascii_start());
        let quote = (value.first() == Some(&b'"')).then(|| line.len() - value.len());
        if self.is_too_long(end) {
            return true;
        }
        if is_last {
            self.cut(end);
        } else if let Some(quote) = quote {
            let start = self.at + quote + 1;
            (self.at, self.state) = (start, State::Quoted { start });
        } else {
            self.at = end;
        }
        true
    }

    fn quoted(&mut self, start: usize) -> bool {
        let close = closing_quote(&self.buffer, start, self.at);
        let reach = close.unwrap_or(self.buffer.len());
        let mut at = self.at;
        while let Some(found) = self.buffer.get(at..reach).and_then(|text| memchr(b'\n', text)) {
            at += found;
            if self.is_too_long(at) {
                return true;
            }
            match ends_in_another(self.buffer.get(at..).unwrap_or_default()) {
                None => {
                    self.at = at;
                    return false;
                }
                Some(true) => {
                    let empty = self.buffer.get(at + 1) == Some(&b'\n');
                    self.cut(at + if empty { 2 } else { 3 });
                    return true;
                }
                Some(false) => at += 1,
            }
        }
        if self.is_too_long(reach) {
            return true;
        }
        match close {
            Some(close) => (self.at, self.state) = (close + 1, State::Tail),
            None => self.at = reach,
        }
        close.is_some()
    }

    fn tail(&mut self) -> bool {
        let found = memchr(b'\n', self.rest());
        let end = self.at + found.map_or(self.rest().len(), |at| at + 1);
        if self.is_too_long(end) {
            return true;
        }
        if found.is_some() {
            (self.at, self.state) = (end, State::Line);
        }
        found.is_some()
    }
}
