//! A client with a fixed number of calls outstanding.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use mio::net::{UdpSocket, UnixDatagram};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use crate::Way;
use crate::daemon::Daemons;

/// A document of the size that phones publish, with a number that makes it a new one.
const DOCUMENT: &str = "<?xml version='1.0' encoding='UTF-8'?><presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' entity='sip:uUSER@example.com'><tuple id='t1'><status><basic>open</basic></status></tuple><dm:person id='p1'><rpid:activities/><dm:note>CPU:NUMBER MEM:40</dm:note></dm:person></presence>";

/// How a silent daemon is told from a slow one.
const PATIENCE: Duration = Duration::from_secs(40);

enum Line {
    Unix(UnixDatagram),
    Udp(UdpSocket),
    /// The daemon's FIFO, and a reply FIFO for each outstanding call.
    Fifo(File, Vec<File>),
}

/// Calls under way.
pub(crate) struct Client {
    poll: Poll,
    line: Line,
    outstanding: usize,
    presentities: usize,
    next: usize,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects to the daemon.
    pub(crate) fn new(
        way: Way,
        daemons: &Daemons,
        outstanding: usize,
        presentities: usize,
    ) -> anyhow::Result<Client> {
        let poll = Poll::new()?;
        let line = match way {
            Way::Unix => {
                let mut socket = UnixDatagram::bind(daemons.path("client.sock"))?;
                socket.connect(daemons.path("mi.sock"))?;
                poll.registry()
                    .register(&mut socket, Token(0), Interest::READABLE | Interest::WRITABLE)?;
                Line::Unix(socket)
            }
            Way::Udp => {
                let mut socket = UdpSocket::bind("127.0.0.1:0".parse()?)?;
                socket.connect(daemons.udp.parse()?)?;
                poll.registry()
                    .register(&mut socket, Token(0), Interest::READABLE)?;
                Line::Udp(socket)
            }
            Way::Fifo => {
                let requests = OpenOptions::new().write(true).open(daemons.path("fifo"))?;
                let mut replies = Vec::new();
                for number in 0..outstanding {
                    let path = daemons.path(&format!("reply{number}"));
                    nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
                    let file = OpenOptions::new()
                        .read(true)
                        .custom_flags(OFlag::O_NONBLOCK.bits())
                        .open(&path)?;
                    poll.registry().register(
                        &mut SourceFd(&file.as_raw_fd()),
                        Token(number),
                        Interest::READABLE,
                    )?;
                    replies.push(file);
                }
                Line::Fifo(requests, replies)
            }
        };
        Ok(Client {
            poll,
            line,
            outstanding,
            presentities,
            next: 0,
            buffer: vec![0; 65536],
        })
    }

    /// Makes so many calls; how many of them failed.
    pub(crate) fn run(&mut self, calls: usize) -> anyhow::Result<usize> {
        let mut events = Events::with_capacity(256);
        let (mut sent, mut answered, mut failed) = (0, 0, 0);
        // Calls that the daemon's queue had no room for are made again when it has.
        let mut free: Vec<usize> = (0..self.outstanding.min(calls)).collect();
        let mut heard = Instant::now();
        while answered < calls {
            while sent < calls
                && let Some(&slot) = free.last()
            {
                if !self.call(slot)? {
                    break;
                }
                free.pop();
                sent += 1;
            }
            self.poll.poll(&mut events, Some(Duration::from_millis(50)))?;
            let mut tokens: Vec<usize> = events.iter().map(|event| event.token().0).collect();
            if tokens.is_empty() {
                tokens = (0..self.outstanding).collect();
            }
            for slot in tokens {
                while let Some(good) = self.answer(slot)? {
                    heard = Instant::now();
                    answered += 1;
                    failed += usize::from(!good);
                    free.push(slot);
                    if matches!(self.line, Line::Fifo(..)) {
                        break;
                    }
                }
            }
            if heard.elapsed() > PATIENCE {
                bail!("{answered} of {calls} calls are answered and nothing comes any more");
            }
        }
        Ok(failed)
    }

    /// Makes a call; whether there was room for it.
    fn call(&mut self, slot: usize) -> anyhow::Result<bool> {
        let user = self.next % self.presentities;
        let body = DOCUMENT
            .replace("USER", &user.to_string())
            .replace("NUMBER", &self.next.to_string());
        let call = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":\"{}\",\"method\":\"pua_publish\",\"params\":{{\"presentity_uri\":\"sip:u{user}@example.com\",\"expires\":\"3600\",\"event_package\":\"presence\",\"content_type\":\"application/pidf+xml\",\"body\":\"{body}\"}}}}",
            self.next
        );
        let sent = match &mut self.line {
            Line::Unix(socket) => socket.send(call.as_bytes()),
            Line::Udp(socket) => socket.send(call.as_bytes()),
            Line::Fifo(requests, _) => requests.write(format!(":reply{slot}:{call}").as_bytes()),
        };
        match sent {
            Ok(_) => {
                self.next += 1;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error).context("the daemon does not take the call"),
        }
    }

    /// The next answer, if there is one: whether the server took the publication.
    fn answer(&mut self, slot: usize) -> anyhow::Result<Option<bool>> {
        let read = match &mut self.line {
            Line::Unix(socket) => socket.recv(&mut self.buffer),
            Line::Udp(socket) => socket.recv(&mut self.buffer),
            Line::Fifo(_, replies) => match replies.get_mut(slot) {
                Some(file) => file.read(&mut self.buffer),
                None => return Ok(None),
            },
        };
        match read {
            Ok(0) => Ok(None),
            Ok(count) => {
                let text = String::from_utf8_lossy(self.buffer.get(..count).unwrap_or_default());
                let good = text.contains("\"reply\":\"200 ");
                if !good {
                    eprintln!("{text}");
                }
                Ok(Some(good))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
