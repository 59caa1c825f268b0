//! One SIP UDP socket: batches in and out by one system call each.
//!
//! Readiness is edge-triggered: after an event the socket is read until the system has no more,
//! which one short batch tells as well as an error would.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use bytes::Bytes;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg,
    sendmmsg, sendmsg,
};
use pua_core::Unreachable;

use super::icmp;

/// Datagrams taken or sent by one system call.
const BATCH: usize = 32;
/// The largest UDP payload.
const DATAGRAM: usize = 65_535;
/// Datagrams that may wait for room in the socket's send buffer; beyond it they are dropped, as
/// the network would, and retransmitted by the transaction's timer E.
const BACKLOG: usize = 8192;

/// A datagram that could not be sent, or was sent and came back as an ICMP error.
pub(crate) struct Undelivered {
    /// Where it was sent.
    pub(crate) to: SocketAddr,
    /// Why.
    pub(crate) why: Unreachable,
}

/// A datagram to be sent.
struct Queued {
    to: SocketAddr,
    /// The address to send it from, where the socket is bound to all.
    from: Option<IpAddr>,
    bytes: Bytes,
}

/// A bound UDP socket with its buffers.
pub(crate) struct UdpPort {
    socket: UdpSocket,
    registry: Registry,
    token: Token,
    pub(crate) local: SocketAddr,
    /// More may be there to be read.
    pub(crate) readable: bool,
    /// The error queue may hold something.
    pub(crate) troubled: bool,
    /// Waits for the system to have room again.
    blocked: bool,
    /// Whether another thread reads the socket: then this one is told of nothing but room.
    sends_only: bool,
    queue: std::collections::VecDeque<Queued>,
    buffers: Vec<u8>,
    incoming: MultiHeaders<SockaddrStorage>,
    outgoing: MultiHeaders<SockaddrStorage>,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) dropped: u64,
}

impl UdpPort {
    /// Takes a bound socket over and registers it.
    pub(crate) fn new(socket: std::net::UdpSocket, registry: &Registry, token: Token) -> io::Result<UdpPort> {
        let mut port = UdpPort::unregistered(socket, registry, token, BATCH)?;
        // Not for writing: the system would tell of each datagram that has left its buffer.
        registry.register(&mut port.socket, token, Interest::READABLE)?;
        port.readable = true;
        Ok(port)
    }

    /// Takes a further handle of a bound socket over, for sending only.
    pub(crate) fn sender(
        socket: std::net::UdpSocket,
        registry: &Registry,
        token: Token,
    ) -> io::Result<UdpPort> {
        let mut port = UdpPort::unregistered(socket, registry, token, 0)?;
        port.sends_only = true;
        Ok(port)
    }

    /// With buffers for so many datagrams to be read by one system call.
    fn unregistered(
        socket: std::net::UdpSocket,
        registry: &Registry,
        token: Token,
        batch: usize,
    ) -> io::Result<UdpPort> {
        let local = socket.local_addr()?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket);
        // Exactly the size of what comes with each datagram: the system writes back how much it
        // used, and that is how much it may use the next time.
        let control = match local {
            _ if !local.ip().is_unspecified() => None,
            SocketAddr::V4(_) => Some(nix::cmsg_space!(in_pktinfo)),
            SocketAddr::V6(_) => Some(nix::cmsg_space!(in6_pktinfo)),
        };
        Ok(UdpPort {
            socket,
            registry: registry.try_clone()?,
            token,
            local,
            readable: false,
            troubled: false,
            blocked: false,
            sends_only: false,
            queue: std::collections::VecDeque::new(),
            buffers: vec![0; batch * DATAGRAM],
            incoming: MultiHeaders::preallocate(batch, control),
            outgoing: MultiHeaders::preallocate(BATCH, None),
            received: 0,
            sent: 0,
            dropped: 0,
        })
    }

    /// Takes in at most one batch; `sink` gets the sender and the bytes of each datagram.
    pub(crate) fn receive(&mut self, mut sink: impl FnMut(SocketAddr, &[u8])) {
        self.receive_at(|from, _, bytes| sink(from, bytes));
    }

    /// The same; `sink` also gets the address that the datagram was sent to, which is more than
    /// [`UdpPort::local`] where the socket is bound to all addresses.
    pub(crate) fn receive_at(&mut self, mut sink: impl FnMut(SocketAddr, SocketAddr, &[u8])) {
        let bound = self.local;
        let mut chunks = self.buffers.chunks_exact_mut(DATAGRAM);
        let mut slots: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(chunks.next().unwrap_or_default())]);
        let results = recvmmsg(
            self.socket.as_raw_fd(),
            &mut self.incoming,
            slots.iter_mut(),
            MsgFlags::MSG_DONTWAIT,
            None,
        );
        match results {
            Ok(results) => {
                let mut count = 0;
                for message in results {
                    count += 1;
                    let Some(from) = message.address.as_ref().and_then(socket_addr) else {
                        continue;
                    };
                    let local = match bound.ip().is_unspecified() {
                        true => destination(&message).map_or(bound, |ip| SocketAddr::new(ip, bound.port())),
                        false => bound,
                    };
                    if let Some(bytes) = message.iovs().next() {
                        sink(from, local, bytes);
                    }
                }
                self.received += count as u64;
                self.readable = count == BATCH;
            }
            Err(Errno::EAGAIN) => self.readable = false,
            Err(Errno::EINTR) => {}
            // An ICMP error that waits for its reading; the socket itself is sound.
            Err(_) => self.troubled = true,
        }
    }

    /// Reads the error queue.
    pub(crate) fn receive_errors(&mut self, sink: impl FnMut(Undelivered)) {
        self.troubled = false;
        icmp::drain(&self.socket, sink);
    }

    /// Puts a datagram into the queue of the turn.
    pub(crate) fn push(&mut self, to: SocketAddr, bytes: Bytes) {
        self.push_from(None, to, bytes);
    }

    /// The same, to be sent from an address of this machine, where the socket is bound to all.
    pub(crate) fn push_from(&mut self, from: Option<IpAddr>, to: SocketAddr, bytes: Bytes) {
        let from = from.filter(|from| self.local.ip().is_unspecified() && !from.is_unspecified());
        if self.queue.len() < BACKLOG {
            self.queue.push_back(Queued { to, from, bytes });
        } else {
            self.dropped += 1;
        }
    }

    /// Takes a readiness event in.
    pub(crate) fn on_event(&mut self, event: &mio::event::Event) {
        self.readable |= event.is_readable();
        self.troubled |= event.is_error();
        if self.blocked && event.is_writable() {
            self.blocked = false;
            let watched = match self.sends_only {
                true => self.registry.deregister(&mut self.socket),
                false => self
                    .registry
                    .reregister(&mut self.socket, self.token, Interest::READABLE),
            };
            tell(watched);
        }
    }

    /// The system has no room: told when it has again.
    fn block(&mut self) {
        self.blocked = true;
        let watched = match self.sends_only {
            true => self
                .registry
                .register(&mut self.socket, self.token, Interest::WRITABLE),
            false => self.registry.reregister(
                &mut self.socket,
                self.token,
                Interest::READABLE | Interest::WRITABLE,
            ),
        };
        tell(watched);
    }

    /// Sends what waits, until the system takes no more.
    pub(crate) fn flush(&mut self, mut sink: impl FnMut(Undelivered)) {
        let mut again = false;
        while !self.blocked && !self.queue.is_empty() {
            let alike = self
                .queue
                .iter()
                .take(BATCH)
                .take_while(|next| next.from.is_none());
            let taken = match alike.count() {
                0 | 1 => self.send_one(),
                count => self.send_batch(count),
            };
            match taken {
                Ok(count) => {
                    self.sent += count as u64;
                    self.queue.drain(..count.min(self.queue.len()));
                    again = false;
                }
                Err(Errno::EAGAIN | Errno::ENOBUFS) => self.block(),
                Err(Errno::EINTR) => {}
                // Perhaps an ICMP error of an earlier datagram, told in passing; it is told once.
                Err(_) if !again => {
                    again = true;
                    self.receive_errors(&mut sink);
                }
                Err(error) => {
                    // Of this datagram: there is no way to its destination.
                    again = false;
                    if let Some(Queued { to, .. }) = self.queue.pop_front() {
                        let why = match error {
                            Errno::EMSGSIZE => Unreachable::TooLarge,
                            _ => Unreachable::NoRoute,
                        };
                        sink(Undelivered { to, why });
                    }
                }
            }
        }
    }

    fn send_one(&mut self) -> Result<usize, Errno> {
        let Some(Queued { to, from, bytes }) = self.queue.front() else {
            return Ok(0);
        };
        let send = |control: &[ControlMessage<'_>]| {
            let to = SockaddrStorage::from(*to);
            let slots = [IoSlice::new(bytes)];
            sendmsg(
                self.socket.as_raw_fd(),
                &slots,
                control,
                MsgFlags::MSG_DONTWAIT,
                Some(&to),
            )
        };
        let sent = match from {
            None => send(&[]),
            Some(IpAddr::V4(ip)) => send(&[ControlMessage::Ipv4PacketInfo(&in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: in_addr {
                    s_addr: u32::from_ne_bytes(ip.octets()),
                },
                ipi_addr: in_addr { s_addr: 0 },
            })]),
            Some(IpAddr::V6(ip)) => send(&[ControlMessage::Ipv6PacketInfo(&in6_pktinfo {
                ipi6_addr: in6_addr { s6_addr: ip.octets() },
                ipi6_ifindex: 0,
            })]),
        };
        sent.map(|_| 1)
    }

    fn send_batch(&mut self, count: usize) -> Result<usize, Errno> {
        let batch = || self.queue.iter().take(count);
        let slots: smallvec::SmallVec<[[IoSlice<'_>; 1]; BATCH]> =
            batch().map(|next| [IoSlice::new(&next.bytes)]).collect();
        let addresses: smallvec::SmallVec<[Option<SockaddrStorage>; BATCH]> =
            batch().map(|next| Some(SockaddrStorage::from(next.to))).collect();
        let results = sendmmsg(
            self.socket.as_raw_fd(),
            &mut self.outgoing,
            slots.iter(),
            &addresses[..],
            [],
            MsgFlags::MSG_DONTWAIT,
        )?;
        Ok(results.count())
    }
}

fn tell(watched: io::Result<()>) {
    if let Err(error) = watched {
        tracing::error!(%error, "a UDP socket cannot be polled");
    }
}

/// The address that a datagram was sent to.
fn destination(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<IpAddr> {
    message.cmsgs().ok()?.find_map(|control| match control {
        // Of a broadcast this is the interface's address, which can be sent from.
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(IpAddr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()))
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(IpAddr::from(info.ipi6_addr.s6_addr)),
        _ => None,
    })
}

/// The address in the form the rest of the program uses; `None` for a family that is not IP.
pub(crate) fn socket_addr(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::V4((*v4).into()));
    }
    storage.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into()))
}

/// The system's number of an error.
pub(crate) fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

#[cfg(test)]
mod tests;
