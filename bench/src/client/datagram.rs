//! Calls by datagrams. The id of a call is its slot, so an answer names it.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram as Plain;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use mio::net::{UdpSocket, UnixDatagram};
use mio::{Events, Interest, Poll, Token};

use super::Line;
use crate::call::id_of;
use crate::directory::Directory;
use crate::publisher::Doors;

/// Calls outstanding on one UNIX socket. Linux queues ten datagrams for a socket; Kamailio throws
/// away an answer that finds ten others there.
const EACH: usize = 8;

/// UNIX datagrams, by as many sockets as it takes.
pub(super) struct Unix {
    poll: Poll,
    events: Events,
    sockets: Vec<UnixDatagram>,
    /// Where calls go: the sockets are connected for our daemon, so that the system tells when
    /// there is room; Kamailio answers from another socket, which a connected one does not take.
    to: Option<PathBuf>,
    buffer: Vec<u8>,
    _names: Directory,
}

impl Unix {
    pub(super) fn connect(doors: &Doors, outstanding: usize) -> anyhow::Result<Unix> {
        let names = Directory::fresh()?;
        let poll = Poll::new()?;
        let to = doors.reply_in_call.then(|| doors.unix.clone());
        let mut sockets = Vec::new();
        for number in 0..outstanding.div_ceil(EACH) {
            let plain = Plain::bind(names.path(&format!("client{number}")))?;
            plain.set_nonblocking(true)?;
            let mut interest = Interest::READABLE;
            if to.is_none() {
                plain.connect(&doors.unix)?;
                interest |= Interest::WRITABLE;
            }
            let mut socket = UnixDatagram::from_std(plain);
            poll.registry().register(&mut socket, Token(number), interest)?;
            sockets.push(socket);
        }
        Ok(Unix {
            poll,
            events: Events::with_capacity(64),
            sockets,
            to,
            buffer: vec![0; 65536],
            _names: names,
        })
    }
}

impl Line for Unix {
    fn send(&mut self, slot: usize, message: &[u8]) -> anyhow::Result<bool> {
        let socket = self.sockets.get(slot / EACH).context("no socket")?;
        let sent = match &self.to {
            None => socket.send(message),
            Some(to) => socket.send_to(message, to),
        };
        taken(sent)
    }

    fn receive(&mut self, wait: Duration, each: &mut dyn FnMut(usize, &[u8])) -> anyhow::Result<()> {
        self.poll.poll(&mut self.events, Some(wait))?;
        for event in &self.events {
            if let Some(socket) = self.sockets.get(event.token().0) {
                drain(&mut self.buffer, |buffer| socket.recv(buffer), each)?;
            }
        }
        Ok(())
    }
}

/// UDP datagrams.
pub(super) struct Udp {
    poll: Poll,
    events: Events,
    socket: UdpSocket,
    buffer: Vec<u8>,
}

impl Udp {
    pub(super) fn connect(doors: &Doors) -> anyhow::Result<Udp> {
        let mut socket = UdpSocket::bind("127.0.0.1:0".parse()?)?;
        socket.connect(doors.udp.context("takes no UDP datagrams")?)?;
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut socket, Token(0), Interest::READABLE)?;
        Ok(Udp {
            poll,
            events: Events::with_capacity(8),
            socket,
            buffer: vec![0; 65536],
        })
    }
}

impl Line for Udp {
    fn send(&mut self, _: usize, message: &[u8]) -> anyhow::Result<bool> {
        taken(self.socket.send(message))
    }

    fn receive(&mut self, wait: Duration, each: &mut dyn FnMut(usize, &[u8])) -> anyhow::Result<()> {
        self.poll.poll(&mut self.events, Some(wait))?;
        drain(&mut self.buffer, |buffer| self.socket.recv(buffer), each)
    }
}

fn taken(sent: io::Result<usize>) -> anyhow::Result<bool> {
    match sent {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error).context("the daemon does not take the call"),
    }
}

fn drain(
    buffer: &mut [u8],
    mut recv: impl FnMut(&mut [u8]) -> io::Result<usize>,
    each: &mut dyn FnMut(usize, &[u8]),
) -> anyhow::Result<()> {
    loop {
        match recv(buffer) {
            Ok(count) => {
                let answer = buffer.get(..count).unwrap_or_default();
                let slot = id_of(answer)
                    .with_context(|| format!("an answer to no call: {}", String::from_utf8_lossy(answer)))?;
                each(slot, answer);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}
