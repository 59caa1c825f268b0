//! The stream of events as a client reads it: `pua:watch` on the stream socket, or `/v1/events` as
//! Server-Sent Events.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};

use super::{Address, Client, Failure};

/// Bytes of an event's line at most: a document of a megabyte, as JSON, twice.
const LINE: u64 = 64 * 1024 * 1024;
/// How long a daemon may take to begin.
const PATIENCE: Duration = Duration::from_secs(10);
/// What stands around an event on the stream socket.
const FRAME: &str = "{\"jsonrpc\":\"2.0\",\"method\":\"pua:event\",\"params\":";

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// As the daemon wrote it, one JSON object.
    pub(crate) text: String,
    /// The same, read.
    pub(crate) value: Value,
}

impl Event {
    /// A member that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.value[name].as_str()
    }
}

/// A connection by which events come.
pub(crate) struct Events {
    reader: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    line: Vec<u8>,
}

impl Client {
    /// Attaches to the stream of events, with the parameters of `pua:watch`.
    ///
    /// # Errors
    /// [`Failure`]: nobody answers, or the daemon refuses the parameters.
    pub(crate) async fn events(&self, params: &Value) -> Result<Events, Failure> {
        let mut tried = Vec::new();
        for address in &self.addresses {
            let attached = tokio::time::timeout(PATIENCE, attach(address, params)).await;
            match attached.unwrap_or(Err(Refusal::Failure(Failure::NoAnswer(PATIENCE)))) {
                Ok(events) => return Ok(events),
                Err(Refusal::Connect(error)) => tried.push((address.clone(), error)),
                Err(Refusal::Failure(failure)) => return Err(failure),
            }
        }
        Err(Failure::Unreachable(tried))
    }
}

/// Why there is no connection.
enum Refusal {
    /// Nothing listens: another address may be tried.
    Connect(io::Error),
    Failure(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        Refusal::Failure(failure)
    }
}

async fn attach(address: &Address, params: &Value) -> Result<Events, Refusal> {
    let no_stream = |what: &str| {
        Refusal::Failure(Failure::Refused {
            code: 405,
            message: format!("no events come through {what}: give the stream socket, or http://host:port"),
            data: None,
        })
    };
    match address {
        Address::Unix(path) => match UnixStream::connect(path).await {
            Ok(stream) => stream_socket(stream, params).await,
            Err(error) if error.raw_os_error() == Some(nix::libc::EPROTOTYPE) => {
                Err(no_stream("a datagram socket"))
            }
            Err(error) => Err(Refusal::Connect(error)),
        },
        Address::Http { authority, .. } => {
            let stream = TcpStream::connect(authority).await.map_err(Refusal::Connect)?;
            server_sent(stream, authority, params).await
        }
        Address::Udp(_) => Err(no_stream("UDP")),
    }
}

async fn stream_socket(mut stream: UnixStream, params: &Value) -> Result<Events, Refusal> {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "pua:watch", "params": params});
    let sent = stream.write_all(format!("{call}\n").as_bytes()).await;
    // A daemon that takes no more connections says so and closes.
    let mut events = Events::new(Box::new(stream));
    let answer = match (events.line().await?, sent) {
        (Some(answer), _) => answer,
        (None, _) => return Err(Failure::Garbled("the daemon closed the connection".to_owned()).into()),
    };
    super::result(answer.as_bytes())?;
    Ok(events)
}

async fn server_sent(mut stream: TcpStream, authority: &str, params: &Value) -> Result<Events, Refusal> {
    // HTTP/1.0: the answer is not cut into chunks.
    let head = format!(
        "GET /v1/events?{} HTTP/1.0\r\nHost: {authority}\r\nAccept: text/event-stream\r\n\r\n",
        query(params)
    );
    stream
        .write_all(head.as_bytes())
        .await
        .map_err(|error| broken(&error))?;
    let mut events = Events::new(Box::new(stream));
    let status = events.line().await?.unwrap_or_default();
    while events.line().await?.is_some_and(|line| !line.is_empty()) {}
    match status.split(' ').nth(1) {
        Some("200") => Ok(events),
        Some(code) => {
            let body = events.line().await?.unwrap_or_default();
            let body: Value = serde_json::from_str(&body).unwrap_or_default();
            let message = body["error"]["message"].as_str();
            Err(Refusal::Failure(Failure::Refused {
                code: code.parse().unwrap_or(0),
                message: message.unwrap_or("the HTTP server has no /v1/events").to_owned(),
                data: None,
            }))
        }
        None => Err(Failure::Garbled("the answer is not HTTP".to_owned()).into()),
    }
}

/// The parameters as a query.
fn query(params: &Value) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut put = |name: &str, value: &Value| match value {
        Value::String(text) => drop(query.append_pair(name, text)),
        other => drop(query.append_pair(name, &other.to_string())),
    };
    for (name, value) in params.as_object().into_iter().flatten() {
        match value {
            Value::Array(values) => values.iter().for_each(|value| put(name, value)),
            Value::Null => {}
            value => put(name, value),
        }
    }
    query.finish()
}

fn broken(error: &io::Error) -> Failure {
    Failure::Garbled(format!("the connection to the daemon broke: {error}"))
}

impl Events {
    fn new(stream: Box<dyn AsyncRead + Send + Unpin>) -> Events {
        Events {
            reader: BufReader::new(stream),
            line: Vec::new(),
        }
    }

    /// The next event; `None`: the daemon has ended the stream. May be dropped at any time without
    /// losing anything.
    ///
    /// # Errors
    /// [`Failure::Garbled`]: the connection broke.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        while let Some(line) = self.line().await? {
            let framed = line.strip_prefix(FRAME).and_then(|rest| rest.strip_suffix('}'));
            let Some(text) = framed.or_else(|| line.strip_prefix("data: ")) else {
                continue;
            };
            if let Ok(value) = serde_json::from_str(text) {
                return Ok(Some(Event {
                    text: text.to_owned(),
                    value,
                }));
            }
        }
        Ok(None)
    }

    /// The next line without its end; `None`: that was the last.
    async fn line(&mut self) -> Result<Option<String>, Failure> {
        let left = LINE.saturating_sub(self.line.len() as u64);
        let mut reader = (&mut self.reader).take(left);
        // What has been read of a line stays if this is dropped.
        let read = reader.read_until(b'\n', &mut self.line).await;
        if let Err(error) = read {
            return Err(broken(&error));
        }
        if self.line.last() != Some(&b'\n') {
            return Ok(None);
        }
        let line = std::mem::take(&mut self.line);
        Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_as_a_query() {
        let params = json!({"presentity": ["sip:a@h", "sip:b@h"], "changed_only": true, "cursor": null});
        assert_eq!(
            query(&params),
            "presentity=sip%3Aa%40h&presentity=sip%3Ab%40h&changed_only=true"
        );
    }
}
