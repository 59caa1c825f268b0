//! The ways out of a thread that shares the UDP sockets of another one, which reads them.

use std::net::UdpSocket;

use mio::{Registry, Token};
use pua_core::{Hop, Transmit, Transport, Unreachable};

use super::udp::UdpPort;
use super::{Lost, socket_for, undelivered};

/// The UDP sockets, for sending only.
pub(crate) struct Senders {
    udp: Vec<UdpPort>,
    first: usize,
    lost: Vec<Lost>,
}

impl Senders {
    /// Takes further handles of bound sockets over; their events have tokens from `first` on.
    pub(crate) fn new(
        registry: &Registry,
        first: usize,
        sockets: Vec<UdpSocket>,
    ) -> std::io::Result<Senders> {
        let ports = sockets.into_iter().enumerate();
        let ports = ports.map(|(at, socket)| UdpPort::sender(socket, registry, Token(first + at)));
        Ok(Senders {
            udp: ports.collect::<std::io::Result<_>>()?,
            first,
            lost: Vec::new(),
        })
    }

    /// Takes a readiness event in: a socket has room again.
    pub(crate) fn on_event(&mut self, event: &mio::event::Event) {
        let at = event.token().0.checked_sub(self.first);
        if let Some(port) = at.and_then(|at| self.udp.get_mut(at)) {
            port.on_event(event);
        }
    }

    /// Puts a datagram into the queue of its socket; [`Senders::flush`] sends it.
    pub(crate) fn send(&mut self, message: Transmit) {
        let to = message.hop.addr;
        match socket_for(&mut self.udp, message.local, to) {
            Some(port) => port.push_from(message.local.map(|local| local.ip()), to, message.bytes),
            None => self.lost.push(Lost {
                hop: Hop {
                    transport: Transport::Udp,
                    addr: to,
                },
                connection: None,
                why: Unreachable::NoRoute,
            }),
        }
    }

    /// Sends what is queued.
    pub(crate) fn flush(&mut self) {
        for port in &mut self.udp {
            port.flush(|failed| self.lost.push(undelivered(&failed)));
        }
    }

    /// What did not arrive, since the last call: perhaps another thread's.
    pub(crate) fn take_lost(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.lost)
    }

    /// Datagrams sent, and dropped for want of room.
    pub(crate) fn counts(&self) -> (u64, u64) {
        self.udp.iter().fold((0, 0), |(sent, dropped), port| {
            (sent + port.sent, dropped + port.dropped)
        })
    }
}
