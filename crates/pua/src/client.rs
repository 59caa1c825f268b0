//! Calls a running daemon: JSON-RPC over its UNIX stream socket, over HTTP, or over a datagram
//! socket.

mod events;
mod follow;
mod http;
mod socket;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub(crate) use events::Event;
pub(crate) use follow::{Follow, Heard};

use crate::config::RUNTIME_DIR;

/// Where a daemon answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A UNIX socket, stream or datagram.
    Unix(PathBuf),
    /// An HTTP listener.
    Http {
        /// `host:port`
        authority: String,
        /// The path, `/mi`.
        path: String,
    },
    /// A UDP socket, `host:port`.
    Udp(String),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("the path of the socket is missing: unix:/run/pua/mi-stream.sock".to_owned()),
                _ => Ok(Address::Unix(PathBuf::from(path))),
            };
        }
        if let Some(rest) = text.strip_prefix("http://") {
            let (authority, path) = match rest.split_once('/') {
                Some((authority, path)) => (authority, format!("/{path}")),
                None => (rest, String::new()),
            };
            let path = if path.len() > 1 { path } else { "/mi".to_owned() };
            let authority = match authority {
                "" => return Err("the host is missing".to_owned()),
                _ if has_port(authority) => authority.to_owned(),
                _ => format!("{authority}:80"),
            };
            return Ok(Address::Http { authority, path });
        }
        if text.starts_with("https:") {
            return Err("https: is not available; go through a tunnel or a local socket".to_owned());
        }
        if let Some(host_port) = text.strip_prefix("udp:") {
            return match has_port(host_port) {
                true => Ok(Address::Udp(host_port.to_owned())),
                false => Err(format!("`{host_port}` has no port")),
            };
        }
        if text.contains('/') {
            return Ok(Address::Unix(PathBuf::from(text)));
        }
        match has_port(text) {
            true => Ok(Address::Http {
                authority: text.to_owned(),
                path: "/mi".to_owned(),
            }),
            false => Err("give unix:/path, http://host:port/mi or udp:host:port".to_owned()),
        }
    }
}

fn has_port(authority: &str) -> bool {
    let after_host = authority.rsplit_once(']').map_or(authority, |(_, rest)| rest);
    after_host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Http { authority, path } => write!(f, "http://{authority}{path}"),
            Address::Udp(host_port) => write!(f, "udp:{host_port}"),
        }
    }
}

/// Why a call has no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody answers at any of the addresses; each with the reason.
    Unreachable(Vec<(Address, io::Error)>),
    /// The daemon took the call, but its answer did not come in time.
    NoAnswer(Duration),
    /// What came is no answer.
    Garbled(String),
    /// The daemon refuses.
    Refused {
        /// JSON-RPC's or the command's own.
        code: i64,
        /// In words.
        message: String,
        /// What else helps.
        data: Option<Box<Value>>,
    },
}

/// A daemon, by the addresses to try in order.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    addresses: Vec<Address>,
}

impl Client {
    /// The daemon at an address, or at the usual places: its stream socket, then HTTP.
    pub(crate) fn new(address: Option<Address>) -> Client {
        Client {
            addresses: match address {
                Some(address) => vec![address],
                None => vec![
                    Address::Unix(PathBuf::from(RUNTIME_DIR).join("mi-stream.sock")),
                    Address::Http {
                        authority: "127.0.0.1:8888".to_owned(),
                        path: "/mi".to_owned(),
                    },
                ],
            },
        }
    }

    /// Calls a method; the member `result` of the answer.
    ///
    /// # Errors
    /// [`Failure`], after `timeout` at the latest.
    pub(crate) fn call(&self, method: &str, params: &Value, timeout: Duration) -> Result<Value, Failure> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let deadline = Instant::now() + timeout;
        let mut tried = Vec::new();
        for address in &self.addresses {
            match exchange(address, request.as_bytes(), deadline) {
                Ok(answer) => return result(&answer),
                Err(Broken::Connect(error)) => tried.push((address.clone(), error)),
                Err(Broken::Timeout) => return Err(Failure::NoAnswer(timeout)),
                Err(Broken::TooLarge) => {
                    return Err(Failure::Refused {
                        code: 413,
                        message: "the request is too large".to_owned(),
                        data: None,
                    });
                }
                Err(Broken::Other(what)) => return Err(Failure::Garbled(what)),
            }
        }
        Err(Failure::Unreachable(tried))
    }
}

/// How an exchange breaks off.
#[derive(Debug)]
enum Broken {
    /// Nothing has been sent: another address may be tried.
    Connect(io::Error),
    /// No answer before the deadline.
    Timeout,
    /// The daemon, or the transport, takes no request of this size.
    TooLarge,
    /// Anything else.
    Other(String),
}

impl Broken {
    /// After the connection was made.
    fn after(error: &io::Error) -> Broken {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Broken::Timeout,
            _ => Broken::Other(format!("the connection to the daemon broke: {error}")),
        }
    }
}

/// Sends a request and reads its answer.
fn exchange(address: &Address, request: &[u8], deadline: Instant) -> Result<Vec<u8>, Broken> {
    match address {
        Address::Unix(path) => socket::unix(path, request, deadline),
        Address::Udp(host_port) => socket::udp(host_port, request, deadline),
        Address::Http { authority, path } => http::post(authority, path, request, deadline),
    }
}

/// What is left until the deadline; sockets do not take a timeout of zero.
fn left(deadline: Instant) -> Result<Duration, Broken> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(Broken::Timeout),
        left => Ok(left),
    }
}

fn result(answer: &[u8]) -> Result<Value, Failure> {
    let garbled = || {
        let text = String::from_utf8_lossy(answer);
        let start: String = text.trim().chars().take(200).collect();
        Failure::Garbled(format!("the answer is not JSON-RPC: {start}"))
    };
    let mut answer: Value = serde_json::from_slice(answer).map_err(|_| garbled())?;
    if let Some(result) = answer.get_mut("result") {
        return Ok(result.take());
    }
    let error = answer.get("error").ok_or_else(garbled)?;
    Err(Failure::Refused {
        code: error.get("code").and_then(Value::as_i64).unwrap_or(0),
        message: error
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        data: error.get("data").cloned().map(Box::new),
    })
}
