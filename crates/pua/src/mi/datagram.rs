//! Datagram sockets of the management interface, UNIX and UDP. A reply leaves by the socket that
//! the request came in by, so that clients that have connected their socket get it as well.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bytes::Bytes;
use mio::net::UnixDatagram;
use mio::{Interest, Registry, Token};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, UnixAddr, recvfrom, sendmmsg, sendto};
use smallvec::SmallVec;

use super::TOKEN_DATAGRAM;
use super::backlog::{Backlog, Client};
use super::name::{CHECK, Name, Taken, make_room};
use crate::config::{self, DatagramListen};
use crate::sip::{UdpPort, udp_socket};

/// Requests taken from one socket in one turn.
const BUDGET: usize = 128;
/// Replies sent by one system call. The system lets a client run as soon as something is there for
/// it: sent one by one, each reply would cost this thread the processor.
const BATCH: usize = 32;
/// A UNIX datagram can be larger than a UDP one; requests beyond this are cut by the system.
const DATAGRAM: usize = 256 * 1024;

/// A datagram socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatagramError {
    /// Something else has the name.
    #[error("{0} exists and is not a socket: remove it, or change mi.datagram.listen")]
    NotASocket(PathBuf),
    /// Somebody listens there.
    #[error("another process listens on unix:{0}: stop it, or change mi.datagram.listen")]
    InUse(PathBuf),
    /// The system's reason.
    #[error("cannot listen on {listen} for management datagrams: {error}")]
    System {
        /// The address as configured.
        listen: DatagramListen,
        /// The system's reason.
        error: io::Error,
    },
}

/// Where a datagram came from, and where its reply goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// A UNIX socket; `None`: it has no name and cannot be answered.
    Unix(usize, Option<UnixAddr>),
    /// A UDP socket.
    Udp(usize, SocketAddr),
}

enum Port {
    Unix {
        // Removed before the socket is closed.
        name: Name,
        socket: UnixDatagram,
        readable: bool,
    },
    Udp(Box<UdpPort>),
}

/// All datagram sockets of the management interface.
pub(crate) struct Datagrams {
    ports: Vec<Port>,
    buffer: Box<[u8]>,
    /// Replies of this turn to UNIX clients.
    outbox: VecDeque<(Client, Vec<u8>)>,
    outgoing: MultiHeaders<UnixAddr>,
    backlog: Backlog,
    /// Permissions of UNIX sockets.
    mode: u32,
    /// When the names are to be checked.
    check_at: Instant,
    pub(crate) sent: u64,
    pub(crate) dropped: u64,
}

impl Datagrams {
    /// Binds the sockets.
    ///
    /// # Errors
    /// The first that cannot be had.
    pub(crate) fn open(
        now: Instant,
        settings: &config::Datagram,
        registry: &Registry,
    ) -> Result<Datagrams, DatagramError> {
        let mut ports = Vec::new();
        for (at, listen) in settings.listen.iter().enumerate() {
            let fault = |error| DatagramError::System {
                listen: listen.clone(),
                error,
            };
            let token = Token(TOKEN_DATAGRAM + at);
            match listen {
                DatagramListen::Unix(path) => {
                    ports.push(unix_port(path, settings.mode, registry, token)?);
                }
                DatagramListen::Udp(address) => {
                    let socket = udp_socket(*address).map_err(fault)?;
                    let port = UdpPort::new(socket, registry, token).map_err(fault)?;
                    ports.push(Port::Udp(Box::new(port)));
                }
            }
        }
        Ok(Datagrams {
            ports,
            buffer: vec![0; DATAGRAM].into_boxed_slice(),
            outbox: VecDeque::new(),
            outgoing: MultiHeaders::preallocate(BATCH, None),
            backlog: Backlog::new(settings.socket_timeout),
            mode: settings.mode,
            check_at: now + CHECK,
            sent: 0,
            dropped: 0,
        })
    }

    /// The addresses really bound.
    pub(crate) fn addresses(&self) -> Vec<DatagramListen> {
        self.ports
            .iter()
            .map(|port| match port {
                Port::Unix { name, .. } => DatagramListen::Unix(name.path().to_owned()),
                Port::Udp(port) => DatagramListen::Udp(port.local),
            })
            .collect()
    }

    /// A readiness event of one of the sockets.
    pub(crate) fn on_event(&mut self, at: usize, event: &mio::event::Event) {
        match self.ports.get_mut(at) {
            Some(Port::Unix { readable, .. }) => *readable |= event.is_readable(),
            Some(Port::Udp(port)) => port.on_event(event),
            None => {}
        }
    }

    /// Whether there may be more to read without a new event.
    pub(crate) fn pending(&self) -> bool {
        self.ports.iter().any(|port| match port {
            Port::Unix { readable, .. } => *readable,
            Port::Udp(port) => port.readable || port.troubled,
        })
    }

    /// Reads a budget of datagrams.
    pub(crate) fn receive(&mut self, mut sink: impl FnMut(Origin, &[u8])) {
        for (at, port) in self.ports.iter_mut().enumerate() {
            match port {
                Port::Unix { socket, readable, .. } => {
                    for _ in 0..BUDGET {
                        if !*readable {
                            break;
                        }
                        match recvfrom::<UnixAddr>(socket.as_raw_fd(), &mut self.buffer) {
                            Ok((count, from)) => {
                                let named = from.filter(|a| a.path().is_some() || a.as_abstract().is_some());
                                let bytes = self.buffer.get(..count).unwrap_or_default();
                                sink(Origin::Unix(at, named), bytes);
                            }
                            Err(Errno::EINTR) => {}
                            Err(_) => *readable = false,
                        }
                    }
                }
                Port::Udp(port) => {
                    if port.troubled {
                        // A client that is gone; its replies are nobody's.
                        port.receive_errors(|_| ());
                    }
                    for _ in 0..BUDGET / 32 {
                        if !port.readable {
                            break;
                        }
                        port.receive(|from, bytes| sink(Origin::Udp(at, from), bytes));
                    }
                }
            }
        }
    }

    /// Takes a reply; [`Datagrams::flush`] sends it.
    pub(crate) fn send(&mut self, to: Origin, bytes: Vec<u8>) {
        match to {
            Origin::Unix(_, None) => {}
            Origin::Unix(at, Some(address)) => {
                self.outbox.push_back((Client { port: at, address }, bytes));
            }
            Origin::Udp(at, address) => {
                if let Some(Port::Udp(port)) = self.ports.get_mut(at) {
                    port.push(address, Bytes::from(bytes));
                }
            }
        }
    }

    /// Sends the replies in the outbox; what finds a full queue at the client waits for room.
    fn empty_outbox(&mut self, now: Instant) {
        // Whether the client of the first reply was given time to read.
        let mut yielded = false;
        while let Some((client, _)) = self.outbox.front() {
            let client = *client;
            if self.backlog.waits_for(&client) {
                // Behind the replies that wait already: the order is kept.
                self.put_back(now);
                continue;
            }
            match self.send_batch(client.port) {
                Ok(count) => {
                    self.sent += count as u64;
                    self.outbox.drain(..count.min(self.outbox.len()));
                    yielded = false;
                }
                Err(Errno::EINTR) => {}
                Err(error) if is_full(error) && !yielded => {
                    // A queue has about ten places: a client that only waits for the processor has
                    // read them in no time.
                    yielded = true;
                    std::thread::yield_now();
                }
                Err(error) if is_full(error) => {
                    yielded = false;
                    self.put_back(now);
                }
                Err(_) => {
                    // The client is gone.
                    yielded = false;
                    self.outbox.pop_front();
                    self.dropped += 1;
                }
            }
        }
    }

    /// The first reply of the outbox waits for room at its client.
    fn put_back(&mut self, now: Instant) {
        if let Some((client, bytes)) = self.outbox.pop_front() {
            self.dropped += self.backlog.push(now, client, bytes);
        }
    }

    /// Sends the first replies of the outbox that go out by this port and have none before them in
    /// the backlog: how many, at least one, or why not even the first.
    fn send_batch(&mut self, at: usize) -> Result<usize, Errno> {
        let Some(Port::Unix { socket, .. }) = self.ports.get(at) else {
            return Err(Errno::ENOTSOCK);
        };
        let fits = |(client, _): &&(Client, Vec<u8>)| client.port == at && !self.backlog.waits_for(client);
        let batch = || self.outbox.iter().take(BATCH).take_while(fits);
        let slots: SmallVec<[[IoSlice<'_>; 1]; BATCH]> =
            batch().map(|(_, bytes)| [IoSlice::new(bytes)]).collect();
        let addresses: SmallVec<[Option<UnixAddr>; BATCH]> =
            batch().map(|(client, _)| Some(client.address)).collect();
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let sent = sendmmsg(
            socket.as_raw_fd(),
            &mut self.outgoing,
            slots.iter(),
            &addresses[..],
            [],
            flags,
        )?;
        Ok(sent.count())
    }

    fn send_unix(&self, client: &Client, bytes: &[u8]) -> Result<(), Errno> {
        let Some(Port::Unix { socket, .. }) = self.ports.get(client.port) else {
            return Err(Errno::ENOTSOCK);
        };
        sendto(
            socket.as_raw_fd(),
            bytes,
            &client.address,
            MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
        )
        .map(|_| ())
    }

    /// Sends the replies that were taken, and tries again what found a full queue at the client.
    pub(crate) fn flush(&mut self, now: Instant) {
        self.empty_outbox(now);
        for port in &mut self.ports {
            if let Port::Udp(port) = port {
                port.flush(|_| ());
            }
        }
        while let Some(client) = self.backlog.due(now) {
            while let Some(bytes) = self.backlog.front(&client) {
                match self.send_unix(&client, bytes) {
                    Ok(()) => {
                        self.sent += 1;
                        self.backlog.pop(&client);
                    }
                    Err(error) if is_full(error) => {
                        self.dropped += self.backlog.later(now, client);
                        break;
                    }
                    Err(_) => {
                        self.dropped += self.backlog.forget(&client);
                        break;
                    }
                }
            }
        }
    }

    /// When [`Datagrams::flush`] is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.backlog.next_timeout()
    }

    /// Replies that have not been sent yet.
    pub(crate) fn waiting(&self) -> usize {
        self.outbox.len() + self.backlog.len()
    }

    /// Makes UNIX sockets again whose names are gone or lead elsewhere; at once with `force`
    /// (SIGHUP).
    pub(crate) fn check(&mut self, now: Instant, registry: &Registry, force: bool) {
        if now < self.check_at && !force {
            return;
        }
        self.check_at = now + CHECK;
        for (at, port) in self.ports.iter_mut().enumerate() {
            let Port::Unix { name, socket, .. } = port else {
                continue;
            };
            if name.is_good() {
                continue;
            }
            let path = name.path().to_owned();
            let _ = registry.deregister(socket);
            match unix_port(&path, self.mode, registry, Token(TOKEN_DATAGRAM + at)) {
                Ok(made) => {
                    tracing::warn!(path = %path.display(), "a datagram socket was removed; made it again");
                    *port = made;
                }
                Err(error) => {
                    tracing::error!(%error, "a datagram socket was removed and cannot be made again");
                    // Clients that are connected to it go on.
                    let token = Token(TOKEN_DATAGRAM + at);
                    if let Err(error) = registry.register(socket, token, Interest::READABLE) {
                        tracing::error!(%error, "a datagram socket cannot be polled");
                    }
                }
            }
        }
    }
}

/// The client reads too slowly: the queue of its socket is full.
fn is_full(error: Errno) -> bool {
    matches!(error, Errno::EAGAIN | Errno::ENOBUFS | Errno::EINTR)
}

fn unix_port(path: &Path, mode: u32, registry: &Registry, token: Token) -> Result<Port, DatagramError> {
    let fault = |error| DatagramError::System {
        listen: DatagramListen::Unix(path.to_owned()),
        error,
    };
    let probe = std::os::unix::net::UnixDatagram::unbound().map_err(fault)?;
    make_room(path, || probe.connect(path)).map_err(|taken| match taken {
        Taken::NotASocket => DatagramError::NotASocket(path.to_owned()),
        Taken::InUse => DatagramError::InUse(path.to_owned()),
        Taken::System(error) => fault(error),
    })?;
    let socket = std::os::unix::net::UnixDatagram::bind(path).map_err(fault)?;
    let name = Name::of(path);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(fault)?;
    socket.set_nonblocking(true).map_err(fault)?;
    let mut socket = UnixDatagram::from_std(socket);
    registry
        .register(&mut socket, token, Interest::READABLE)
        .map_err(fault)?;
    Ok(Port::Unix {
        name,
        socket,
        readable: true,
    })
}

#[cfg(test)]
mod tests;
