//! The sink's socket: batches in and out by one system call each, and the system's own time of
//! arrival, so that a sink that is kept waiting for a processor makes nobody late.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;

/// Datagrams taken or sent by one system call.
const BATCH: usize = 64;
/// More than a PUBLISH over UDP has (RFC 3261 §18.1.1).
const DATAGRAM: usize = 8192;
/// Bytes of the system's buffers, where it may be had.
const BUFFER: usize = 8 << 20;

/// A datagram.
pub(super) struct Arrived<'a> {
    pub(super) from: SocketAddr,
    /// When the system got it.
    pub(super) at: Instant,
    pub(super) bytes: &'a [u8],
}

/// The socket with its buffers.
pub(super) struct Socket {
    socket: UdpSocket,
    local: SocketAddr,
    readable: bool,
    queue: Vec<(SocketAddr, Bytes)>,
    buffers: Vec<u8>,
    incoming: MultiHeaders<SockaddrStorage>,
    outgoing: MultiHeaders<SockaddrStorage>,
}

impl Socket {
    pub(super) fn bind(listen: SocketAddr, registry: &Registry, token: Token) -> anyhow::Result<Socket> {
        let mut socket = UdpSocket::bind(listen)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        // Beyond the system's bound only for root; else as much as there is.
        if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &BUFFER)?;
        }
        setsockopt(&socket, sockopt::SndBuf, &BUFFER)?;
        registry.register(&mut socket, token, Interest::READABLE)?;
        Ok(Socket {
            local: socket.local_addr()?,
            socket,
            readable: true,
            queue: Vec::new(),
            buffers: vec![0; BATCH * DATAGRAM],
            incoming: MultiHeaders::preallocate(BATCH, Some(nix::cmsg_space!(TimeSpec))),
            outgoing: MultiHeaders::preallocate(BATCH, None),
        })
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Bytes that the system keeps of what has arrived.
    pub(super) fn buffer(&self) -> usize {
        nix::sys::socket::getsockopt(&self.socket, sockopt::RcvBuf).unwrap_or(0)
    }

    /// Whether more may be there to be read.
    pub(super) fn readable(&self) -> bool {
        self.readable
    }

    pub(super) fn on_event(&mut self) {
        self.readable = true;
    }

    /// Takes in at most one batch.
    pub(super) fn receive(&mut self, now: Instant, mut sink: impl FnMut(Arrived<'_>)) -> io::Result<()> {
        if !self.readable {
            return Ok(());
        }
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
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
        let mut count = 0;
        match results {
            Ok(results) => {
                for message in results {
                    count += 1;
                    let stamp = message.cmsgs().ok().and_then(|mut all| {
                        all.find_map(|one| match one {
                            ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
                            _ => None,
                        })
                    });
                    let waited = stamp.map_or(Duration::ZERO, |stamp| clock.saturating_sub(stamp));
                    let from = message.address.as_ref().and_then(address);
                    if let (Some(from), Some(bytes)) = (from, message.iovs().next()) {
                        let at = now.checked_sub(waited).unwrap_or(now);
                        sink(Arrived { from, at, bytes });
                    }
                }
                self.readable = count == BATCH;
            }
            Err(Errno::EAGAIN) => self.readable = false,
            // Interrupted, or an ICMP error of an answer to a daemon that is gone.
            Err(Errno::EINTR | Errno::ECONNREFUSED) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Puts a datagram into the queue of the turn.
    pub(super) fn push(&mut self, to: SocketAddr, bytes: Bytes) {
        self.queue.push((to, bytes));
    }

    /// Sends the queue, and waits where the system has no room.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while let Some(rest) = self.queue.get(sent..).filter(|rest| !rest.is_empty()) {
            let batch = rest.get(..BATCH).unwrap_or(rest);
            let slots: Vec<[IoSlice<'_>; 1]> = batch.iter().map(|(_, bytes)| [IoSlice::new(bytes)]).collect();
            let to: Vec<Option<SockaddrStorage>> = batch
                .iter()
                .map(|(to, _)| Some(SockaddrStorage::from(*to)))
                .collect();
            let result = sendmmsg(
                self.socket.as_raw_fd(),
                &mut self.outgoing,
                &slots,
                &to,
                [],
                MsgFlags::MSG_DONTWAIT,
            );
            match result.map(|results| results.count()) {
                Ok(count) => sent += count.max(1),
                Err(Errno::EAGAIN | Errno::ENOBUFS) => {
                    let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLOUT)];
                    let _ = poll(&mut fds, PollTimeout::from(10u8));
                }
                Err(Errno::EINTR | Errno::ECONNREFUSED) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.queue.clear();
        Ok(())
    }

    /// Datagrams that the system has thrown away since the start, for want of room.
    pub(super) fn lost(&self) -> u64 {
        let table = std::fs::read_to_string("/proc/self/net/udp").unwrap_or_default();
        lost_at(&table, self.local.port())
    }
}

/// The last column of the line of that port.
fn lost_at(table: &str, port: u16) -> u64 {
    let wanted = format!(":{port:04X}");
    let line = table.lines().find(|line| {
        let local = line.split_ascii_whitespace().nth(1);
        local.is_some_and(|local| local.ends_with(&wanted))
    });
    line.and_then(|line| line.split_ascii_whitespace().last()?.parse().ok())
        .unwrap_or(0)
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let four = storage
        .as_sockaddr_in()
        .map(|four| SocketAddr::V4((*four).into()));
    four.or_else(|| storage.as_sockaddr_in6().map(|six| SocketAddr::V6((*six).into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lost_datagrams_of_a_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n  211: 0100007F:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 17\n";
        assert_eq!(lost_at(table, 0x13c4), 17);
        assert_eq!(lost_at(table, 5061), 0);
    }
}
