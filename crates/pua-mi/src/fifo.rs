//! Cutting the bytes read from the listening FIFO into requests.

/// The name of a reply FIFO, checked: it names a file inside the reply directory and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReplyName(String);

impl ReplyName {
    /// A name in bytes: at most 255, and the same in UTF-8 text.
    pub const MAX: usize = 255;

    /// Checks a name: no `.`, `/` or `\`, no control character, 1 to 255 bytes.
    pub fn new(name: &str) -> Option<Self> {
        let fits = !name.is_empty()
            && name.len() <= Self::MAX
            && !name
                .chars()
                .any(|c| matches!(c, '.' | '/' | '\\') || c.is_control());
        fits.then(|| Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One complete request as it came from the FIFO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FifoRequest {
    /// The request, framing included; for [`crate::Request::parse`] with [`crate::Via::Fifo`].
    pub bytes: Vec<u8>,
}

/// Cuts a stream of bytes from many writers into requests.
#[derive(Debug)]
pub struct FifoFramer {
    buffer: Vec<u8>,
    limit: usize,
}

impl FifoFramer {
    /// A framer that gives up a request longer than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: Vec::new(),
            limit,
        }
    }

    /// Takes bytes as they were read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() > self.limit {
            self.buffer.clear();
        }
    }

    /// The next complete request.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<FifoRequest> {
        None
    }

    /// Every writer has closed the FIFO: what is incomplete will never be completed and is dropped.
    pub fn writers_gone(&mut self) {
        self.buffer.clear();
    }
}
