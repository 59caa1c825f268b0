//! One SIP TCP connection: framing in, a bounded queue out, and the times after which it is given up.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use mio::net::TcpStream;
use pua_core::{Flow, Transport, Unreachable};
use sip_wire::{Frame, Framer, Limits};

/// How long an attempt to connect may take: well below Timer F, so that another address can be
/// tried within the same transaction (RFC 3263 §4.3).
pub(crate) const CONNECT: Duration = Duration::from_secs(4);
/// How long a message may stay incomplete.
const INCOMPLETE: Duration = Duration::from_secs(30);
/// How long the peer may leave what we sent unread.
const STALLED: Duration = Duration::from_secs(30);
/// How long a connection without a message stays open; above the keep-alive interval of RFC 5626
/// §4.4.1 and far above 64·T1.
const IDLE: Duration = Duration::from_secs(900);
/// Bytes that may wait to be sent.
const QUEUE: usize = 4 * 1024 * 1024;
/// Bytes taken from one connection in one turn.
const BUDGET: usize = 256 * 1024;

/// The answer to the keep-alive of RFC 5626 §4.4.1.
const PONG: &[u8] = b"\r\n";

/// What a connection is good for at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Open,
    /// The last bytes are on their way out; nothing is read any more.
    Closing,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended(pub(crate) Unreachable);

/// A TCP connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) flow: Flow,
    /// The peer opened it.
    pub(crate) accepted: bool,
    phase: Phase,
    framer: Framer,
    out: VecDeque<Bytes>,
    out_bytes: usize,
    /// More may be there to be read.
    pub(crate) readable: bool,
    writable: bool,
    opened: Instant,
    active: Instant,
    progress: Instant,
    incomplete: Option<Instant>,
    /// Messages were handed out in this turn: what answers them comes after it, and before the end.
    owes: bool,
}

impl Connection {
    pub(crate) fn new(
        now: Instant,
        stream: TcpStream,
        local: SocketAddr,
        remote: SocketAddr,
        number: u64,
        accepted: bool,
    ) -> Connection {
        Connection {
            stream,
            flow: Flow {
                transport: Transport::Tcp,
                local,
                remote,
                connection: number,
            },
            accepted,
            phase: if accepted { Phase::Open } else { Phase::Connecting },
            framer: Framer::new(Limits::stream()),
            out: VecDeque::new(),
            out_bytes: 0,
            readable: accepted,
            writable: accepted,
            opened: now,
            active: now,
            progress: now,
            incomplete: None,
            owes: false,
        }
    }

    /// Whether it is still being set up.
    pub(crate) fn is_connecting(&self) -> bool {
        self.phase == Phase::Connecting
    }

    /// Whether there is something to do without a new event: bytes to be read, or its end once the
    /// answers to the messages of this turn have been sent.
    pub(crate) fn is_busy(&self) -> bool {
        match self.phase {
            Phase::Connecting => false,
            Phase::Open => self.readable,
            Phase::Closing => self.readable || self.owes,
        }
    }

    /// Whether messages other than answers may be put into its queue.
    pub(crate) fn is_usable(&self) -> bool {
        self.phase != Phase::Closing
    }

    /// Takes a readiness event in.
    pub(crate) fn on_event(&mut self, now: Instant, event: &mio::event::Event) -> Result<(), Ended> {
        if self.phase == Phase::Connecting && (event.is_writable() || event.is_error()) {
            if let Ok(Some(error)) | Err(error) = self.stream.take_error() {
                return Err(Ended(connect_failure(&error)));
            }
            match self.stream.peer_addr() {
                Ok(_) => {
                    self.phase = Phase::Open;
                    self.progress = now;
                    self.active = now;
                    if let Ok(local) = self.stream.local_addr() {
                        self.flow.local = local;
                    }
                    let _ = self.stream.set_nodelay(true);
                }
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(()),
                Err(error) => return Err(Ended(connect_failure(&error))),
            }
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.readable = true;
        }
        if event.is_writable() {
            self.writable = true;
        }
        Ok(())
    }

    /// Puts a message into the queue.
    pub(crate) fn push(&mut self, now: Instant, bytes: Bytes) -> Result<(), Ended> {
        if self.out_bytes.saturating_add(bytes.len()) > QUEUE {
            return Err(Ended(Unreachable::Closed));
        }
        if self.out.is_empty() {
            self.progress = now;
        }
        self.active = now;
        self.out_bytes += bytes.len();
        self.out.push_back(bytes);
        Ok(())
    }

    /// Writes what the system takes.
    pub(crate) fn flush(&mut self, now: Instant) -> Result<(), Ended> {
        while self.writable && self.phase != Phase::Connecting {
            let Some(front) = self.out.front_mut() else {
                if self.phase == Phase::Closing && !self.owes {
                    return Err(Ended(Unreachable::Closed));
                }
                return Ok(());
            };
            match self.stream.write(front) {
                Ok(0) => return Err(Ended(Unreachable::Closed)),
                Ok(count) => {
                    self.progress = now;
                    self.out_bytes -= count;
                    front.advance(count);
                    if front.is_empty() {
                        self.out.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Ended(Unreachable::Closed)),
            }
        }
        Ok(())
    }

    /// Reads a budget of bytes; `sink` gets each message that is complete. What cannot be framed is
    /// answered if it can be, after which the connection only sends its queue.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
        mut sink: impl FnMut(&Flow, &[u8]),
    ) -> Result<(), Ended> {
        let mut taken = 0;
        self.owes = false;
        while self.readable && taken < BUDGET && self.phase != Phase::Connecting {
            match self.stream.read(scratch) {
                // A peer that has no more to say may still listen.
                Ok(0) if self.owes || !self.out.is_empty() => {
                    self.phase = Phase::Closing;
                    self.readable = false;
                }
                Ok(0) => return Err(Ended(Unreachable::Closed)),
                Ok(count) => {
                    taken += count;
                    if self.phase == Phase::Open {
                        let bytes = scratch.get(..count).unwrap_or_default();
                        self.framer.push(bytes);
                        self.take_frames(now, &mut sink)?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Ended(Unreachable::Closed)),
            }
        }
        Ok(())
    }

    fn take_frames(&mut self, now: Instant, sink: &mut impl FnMut(&Flow, &[u8])) -> Result<(), Ended> {
        loop {
            match self.framer.next() {
                Ok(Some(Frame::Message(bytes))) => {
                    self.active = now;
                    self.incomplete = None;
                    self.owes = true;
                    sink(&self.flow, &bytes);
                }
                Ok(Some(Frame::Ping)) => {
                    self.active = now;
                    self.push(now, Bytes::from_static(PONG))?;
                }
                Ok(Some(Frame::Pong)) => self.active = now,
                Ok(None) => {
                    let partial = self.framer.pending() > 0;
                    self.incomplete = partial.then(|| self.incomplete.unwrap_or(now));
                    return Ok(());
                }
                Err(error) => {
                    // The stream is out of step: the end of this message is not known. What can
                    // be said is said once (RFC 3261 §18.3), then it is over.
                    tracing::debug!(remote = %self.flow.remote, %error, "unframable, closing");
                    if let Some(answer) = super::unframable::answer(&error) {
                        self.push(now, answer)?;
                    }
                    self.phase = Phase::Closing;
                    return Ok(());
                }
            }
        }
    }

    /// Whether it has outlived one of its times.
    pub(crate) fn overdue(&self, now: Instant) -> Option<Ended> {
        let since = |at: Instant| now.saturating_duration_since(at);
        if self.phase == Phase::Connecting {
            return (since(self.opened) >= CONNECT).then_some(Ended(Unreachable::ConnectTimeout));
        }
        let over = (!self.out.is_empty() && since(self.progress) >= STALLED)
            || self.incomplete.is_some_and(|at| since(at) >= INCOMPLETE)
            || since(self.active) >= IDLE
            || self.phase == Phase::Closing && since(self.progress) >= CONNECT;
        over.then_some(Ended(Unreachable::Closed))
    }
}

/// What a failed attempt to connect means.
pub(crate) fn connect_failure(error: &io::Error) -> Unreachable {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Unreachable::Refused,
        io::ErrorKind::TimedOut => Unreachable::ConnectTimeout,
        _ => Unreachable::NoRoute,
    }
}
