//! A request: its calls, and how to answer it.

use std::sync::LazyLock;

use smallvec::SmallVec;

use crate::fifo::{self, Head};
use crate::{Command, MiError, Reply, ReplyName, classic, json, json_print, xml_rpc};

/// The longest datagram that a UDP or UNIX socket of the field's clients takes, in bytes.
const LONGEST_DATAGRAM: usize = 65_457;

/// The transport a request came in by; some answers depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// The listening FIFO.
    Fifo,
    /// A UNIX or UDP datagram socket.
    Datagram,
    /// The UNIX stream socket: a JSON document a line. Answers end with a line end.
    Stream,
    /// An HTTP POST.
    Http,
}

/// Whose manners a call has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Text lines.
    Classic,
    /// JSON-RPC 2.0 as OpenSIPS 3.x and 4.x speak it, and our own methods.
    OpenSips,
    /// JSON-RPC 2.0 as Kamailio speaks it.
    Kamailio,
}

/// One call of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What is asked, or why it cannot be.
    pub command: Result<Command, MiError>,
    /// Whether the caller can be given an answer (no notification, a reply FIFO named).
    pub wants_reply: bool,
    /// Its manners.
    pub dialect: Dialect,
}

/// One request: one call, or those of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The calls in the order they stand in. At least one.
    pub calls: Vec<Call>,
    /// How to answer; stands on its own, so that the calls can go elsewhere.
    pub answer: Answer,
}

/// How to answer a request: what has to be remembered of it until its replies are there.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The reply FIFO, of requests from the FIFO that name one.
    pub reply_name: Option<ReplyName>,
    via: Via,
    form: Form,
    echoes: SmallVec<[Echo; 1]>,
}

/// The shape of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Text lines.
    Classic,
    /// Two words without a line end, to a datagram that nobody can make sense of.
    Bare,
    /// A JSON-RPC response object.
    Json,
    /// An array of them.
    Batch,
    /// An XML-RPC response.
    Xml,
}

/// What of a call goes into its answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Echo {
    pub(crate) id: Option<Id>,
    pub(crate) wants_reply: bool,
    pub(crate) dialect: Dialect,
}

/// A JSON-RPC id, in the very bytes it was given in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Id(SmallVec<[u8; 24]>);

impl Id {
    pub(crate) fn new(raw: &str) -> Self {
        Self(SmallVec::from_slice(raw.as_bytes()))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Request {
    /// Reads one request: what [`crate::FifoFramer`] cut, a datagram, a line of a stream, the body of an HTTP POST.
    /// Never fails: what cannot be understood becomes a call with an error.
    pub fn parse(bytes: &[u8], via: Via) -> Self {
        let mut text = bytes.trim_ascii_start();
        if via == Via::Datagram {
            // Clients in C send the end of their string, too.
            text = text.strip_suffix(b"\0").unwrap_or(text);
        }
        if text.is_empty() && via != Via::Http {
            return Self::single(refused(MiError::parse_error(), false), None, via, Form::Bare);
        }
        if via == Via::Http && xml_rpc::is_likely(text) {
            return Self::single(xml_rpc::read(text), None, via, Form::Xml);
        }
        if !matches!(via, Via::Fifo | Via::Datagram) || text.first() != Some(&b':') {
            return Self::json(text, via, None);
        }
        match fifo::head(text) {
            Head::Json { name, at } => {
                let document = text.get(at..).unwrap_or_default();
                match ReplyName::from_bytes(name) {
                    Ok(name) => Self::json(document, via, name),
                    Err(error) => Self::single(refused(error, false), None, via, Form::Json),
                }
            }
            Head::Classic => {
                let (name, call) = classic::read(text, via);
                Self::single(call, name, via, Form::Classic)
            }
            Head::None | Head::Incomplete => {
                let wants_reply = via == Via::Datagram;
                Self::single(
                    refused(MiError::parse_error(), wants_reply),
                    None,
                    via,
                    Form::Bare,
                )
            }
        }
    }

    fn json(document: &[u8], via: Via, name: Option<ReplyName>) -> Self {
        let framed = name.is_some();
        let answerable = |member: Option<&str>| {
            via != Via::Fifo || framed || member.is_some_and(|member| ReplyName::new(member).is_some())
        };
        let Some(read) = json::read(document, answerable) else {
            return Self::not_json(document, via, name);
        };
        // An answer that was asked for in a file that must not be written to: the request is refused as a whole.
        let member = read.reply_name.as_deref().filter(|_| via == Via::Fifo && !framed);
        let name = match member.map(|member| ReplyName::from_bytes(member.as_bytes())) {
            None => name,
            Some(Ok(named)) => named,
            Some(Err(error)) => return Self::single(refused(error, false), None, via, Form::Json),
        };
        let echoes = read.calls.iter().zip(read.ids).map(|(call, id)| Echo {
            id,
            wants_reply: call.wants_reply,
            dialect: call.dialect,
        });
        Self {
            answer: Answer {
                reply_name: name,
                via,
                form: if read.batch { Form::Batch } else { Form::Json },
                echoes: echoes.collect(),
            },
            calls: read.calls,
        }
    }

    /// Each transport has its own answer to what is no JSON.
    fn not_json(document: &[u8], via: Via, name: Option<ReplyName>) -> Self {
        match via {
            Via::Http | Via::Stream => {
                Self::single(refused(MiError::parse_error(), true), None, via, Form::Json)
            }
            Via::Datagram => Self::single(refused(MiError::parse_error(), true), None, via, Form::Bare),
            Via::Fifo => {
                let method = json::method_of_broken(document);
                let error = classic::parse_error(&String::from_utf8_lossy(method));
                let call = Call {
                    dialect: Dialect::Classic,
                    ..refused(error, name.is_some())
                };
                Self::single(call, name, via, Form::Classic)
            }
        }
    }

    fn single(call: Call, reply_name: Option<ReplyName>, via: Via, form: Form) -> Self {
        let echo = Echo {
            id: None,
            wants_reply: call.wants_reply,
            dialect: call.dialect,
        };
        Self {
            answer: Answer {
                reply_name,
                via,
                form,
                echoes: SmallVec::from_buf([echo]),
            },
            calls: vec![call],
        }
    }

    /// The reply FIFO, of requests from the FIFO that name one.
    pub fn reply_name(&self) -> Option<&ReplyName> {
        self.answer.reply_name.as_ref()
    }

    /// Prints the replies, one for each call in order. `None`: nothing is to be answered.
    pub fn encode(&self, replies: &[Reply]) -> Option<Vec<u8>> {
        self.answer.encode(replies)
    }
}

fn refused(error: MiError, wants_reply: bool) -> Call {
    Call {
        command: Err(error),
        wants_reply,
        dialect: Dialect::OpenSips,
    }
}

impl Answer {
    /// Whether any of the calls is to be answered.
    pub fn is_wanted(&self) -> bool {
        self.echoes.iter().any(|echo| echo.wants_reply)
    }

    /// Prints the replies, one for each call in order. `None`: nothing is to be answered (notifications, no reply
    /// FIFO). The bytes are the whole answer: a datagram, the content of the reply FIFO, an HTTP body, a line of the
    /// stream with its line end.
    ///
    /// A call without a reply is answered with a server error. An answer that no datagram can carry becomes an error
    /// that says so.
    pub fn encode(&self, replies: &[Reply]) -> Option<Vec<u8>> {
        let bytes = self.print(replies)?;
        if self.via == Via::Datagram && bytes.len() > LONGEST_DATAGRAM {
            let told = "it is longer than a datagram: ask for less of it, or by another way";
            let error = MiError::new(413, "Answer too long").with_data(told);
            return self.print(&vec![Reply::Error(error); self.echoes.len()]);
        }
        Some(bytes)
    }

    fn print(&self, replies: &[Reply]) -> Option<Vec<u8>> {
        static LOST: LazyLock<Reply> =
            LazyLock::new(|| Reply::Error(MiError::server_error("no reply was made")));
        let reply = |at: usize| replies.get(at).unwrap_or_else(|| &LOST);
        let mut wanted = (0_usize..)
            .zip(&self.echoes)
            .filter(|(_, echo)| echo.wants_reply)
            .peekable();
        wanted.peek()?;
        let mut out = Vec::with_capacity(192);
        match self.form {
            Form::Bare => out.extend_from_slice(b"400 Parse_error"),
            Form::Classic => classic::print(&mut out, reply(0)),
            Form::Xml => {
                if let Some((at, echo)) = wanted.next() {
                    let mut json = Vec::new();
                    json_print::reply(&mut json, reply(at), echo);
                    xml_rpc::print(&mut out, &serde_json::from_slice(&json).unwrap_or_default());
                }
            }
            Form::Json | Form::Batch => {
                let batch = self.form == Form::Batch;
                let mut separator: &[u8] = if batch { b"[" } else { b"" };
                for (at, echo) in wanted {
                    out.extend_from_slice(separator);
                    json_print::reply(&mut out, reply(at), echo);
                    separator = b",";
                }
                if batch {
                    out.push(b']');
                }
                if self.via == Via::Stream {
                    out.push(b'\n');
                }
            }
        }
        Some(out)
    }
}
