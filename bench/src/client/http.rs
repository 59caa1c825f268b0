//! Calls over HTTP/1.1 on connections that are kept, answers in the order of the requests.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::Line;

struct Connection {
    stream: TcpStream,
    /// What the system had no room for yet.
    unsent: Vec<u8>,
    received: Vec<u8>,
    /// The slots whose answers are still to come.
    waiting: VecDeque<usize>,
}

/// The connections.
pub(super) struct Http {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    head: String,
    buffer: Vec<u8>,
}

impl Http {
    pub(super) fn connect(address: SocketAddr, count: usize) -> anyhow::Result<Http> {
        let poll = Poll::new()?;
        let mut connections = Vec::new();
        for number in 0..count.max(1) {
            let plain = std::net::TcpStream::connect(address)?;
            plain.set_nodelay(true)?;
            plain.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(plain);
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(number), interest)?;
            connections.push(Connection {
                stream,
                unsent: Vec::new(),
                received: Vec::new(),
                waiting: VecDeque::new(),
            });
        }
        Ok(Http {
            poll,
            events: Events::with_capacity(64),
            connections,
            head: format!(
                "POST /RPC HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: "
            ),
            buffer: vec![0; 65536],
        })
    }
}

impl Line for Http {
    fn send(&mut self, slot: usize, message: &[u8]) -> anyhow::Result<bool> {
        let count = self.connections.len();
        let connection = self.connections.get_mut(slot % count).context("no connection")?;
        let out = &mut connection.unsent;
        out.extend_from_slice(self.head.as_bytes());
        write!(out, "{}\r\n\r\n", message.len())?;
        out.extend_from_slice(message);
        connection.waiting.push_back(slot);
        connection.flush()?;
        Ok(true)
    }

    fn receive(&mut self, wait: Duration, each: &mut dyn FnMut(usize, &[u8])) -> anyhow::Result<()> {
        self.poll.poll(&mut self.events, Some(wait))?;
        for event in &self.events {
            let Some(connection) = self.connections.get_mut(event.token().0) else {
                continue;
            };
            if event.is_writable() {
                connection.flush()?;
            }
            if event.is_readable() {
                connection.read(&mut self.buffer, each)?;
            }
        }
        Ok(())
    }
}

impl Connection {
    fn flush(&mut self) -> anyhow::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], each: &mut dyn FnMut(usize, &[u8])) -> anyhow::Result<()> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => bail!("the daemon has closed a connection"),
                Ok(count) => {
                    self.received
                        .extend_from_slice(buffer.get(..count).unwrap_or_default());
                    // A read that does not fill the buffer has emptied the socket.
                    if count < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut taken = 0;
        while let Some((body, end)) = message(self.received.get(taken..).unwrap_or_default())? {
            let slot = self.waiting.pop_front().context("an answer to no request")?;
            each(slot, body);
            taken += end;
        }
        self.received.drain(..taken);
        Ok(())
    }
}

/// The body of the first response in the bytes, and where the response ends; `None`: not yet whole.
fn message(bytes: &[u8]) -> anyhow::Result<Option<(&[u8], usize)>> {
    let Some(end) = bytes.windows(4).position(|at| at == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        bail!("an answer that is no 200: {head}");
    }
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    let length: usize = length.context("an answer without Content-Length")?.parse()?;
    let begin = end + 4;
    Ok(bytes
        .get(begin..begin + length)
        .map(|body| (body, begin + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_cut_from_the_stream() {
        let two =
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[1]";
        let (body, end) = message(two).unwrap().unwrap();
        assert_eq!(body, b"{}");
        let (body, rest) = message(&two[end..]).unwrap().unwrap();
        assert_eq!((body, end + rest), (&b"[1]"[..], two.len()));
        assert_eq!(message(&two[..end - 1]).unwrap(), None);
        assert!(message(b"HTTP/1.1 503 No\r\n\r\n").is_err());
        assert!(message(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
