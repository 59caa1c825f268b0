//! SIP transports (RFC 3261 §18): UDP and TCP sockets without any knowledge of transactions.
//!
//! [`SipIo`] is used by the engine and by the embedded presence server alike. Its owner polls,
//! passes the events in, and calls [`SipIo::turn`]; what arrives goes to a closure at once.

mod bind;
mod connection;
mod icmp;
mod resolve;
mod senders;
mod tcp;
mod udp;
mod unframable;

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use mio::{Interest, Registry, Token};
use pua_core::{Flow, Hop, Transmit, Transport, Unreachable};

pub(crate) use bind::{Bound, bind, source, udp_socket};
pub(crate) use resolve::{Answer as Resolved, Families, Resolver};
pub(crate) use senders::Senders;
use tcp::Streams;
pub(crate) use udp::UdpPort;
pub(crate) use udp::errno;

const TOKEN_UDP: usize = 0x1000_0000;
const TOKEN_LISTENER: usize = 0x2000_0000;
const TOKEN_CONNECTION: usize = 0x3000_0000;

/// Batches taken from one UDP socket in one turn.
const BATCHES: usize = 4;

/// What was sent to a hop did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) hop: Hop,
    pub(crate) connection: Option<u64>,
    pub(crate) why: Unreachable,
}

/// Counters of the transports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) received_udp: u64,
    pub(crate) sent_udp: u64,
    pub(crate) dropped_udp: u64,
    pub(crate) received_tcp: u64,
    pub(crate) sent_tcp: u64,
    pub(crate) connections_opened: u64,
    pub(crate) connections_refused: u64,
    pub(crate) connections: u64,
}

/// All SIP sockets of one user agent or server.
pub(crate) struct SipIo {
    udp: Vec<UdpPort>,
    streams: Streams,
    lost: Vec<Lost>,
}

impl SipIo {
    /// Takes bound sockets over and registers them.
    pub(crate) fn new(registry: &Registry, bound: Bound) -> io::Result<SipIo> {
        let mut udp = Vec::new();
        for (at, socket) in bound.udp.into_iter().enumerate() {
            let port = UdpPort::new(socket, registry, Token(TOKEN_UDP + at))?;
            udp.push(port);
        }
        let mut streams = Streams::new(registry.try_clone()?, bound.tcp)?;
        for (at, port) in streams.ports.iter_mut().enumerate() {
            registry.register(&mut port.listener, Token(TOKEN_LISTENER + at), Interest::READABLE)?;
        }
        Ok(SipIo {
            udp,
            streams,
            lost: Vec::new(),
        })
    }

    /// Takes a readiness event in; whether it was one of these sockets'.
    pub(crate) fn on_event(&mut self, now: Instant, event: &mio::event::Event) -> bool {
        let token = event.token().0;
        if token >= TOKEN_CONNECTION {
            let index = token - TOKEN_CONNECTION;
            self.streams.on_event(now, index, event, &mut self.lost);
        } else if token >= TOKEN_LISTENER {
            if let Some(port) = self.streams.ports.get_mut(token - TOKEN_LISTENER) {
                port.readable = true;
            }
        } else if token >= TOKEN_UDP {
            if let Some(port) = self.udp.get_mut(token - TOKEN_UDP) {
                port.on_event(event);
            }
        } else {
            return false;
        }
        true
    }

    /// Reads from every socket that has something, a budget each, and writes to the connections.
    pub(crate) fn turn(&mut self, now: Instant, mut sink: impl FnMut(&Flow, &[u8])) {
        for port in &mut self.udp {
            if port.troubled {
                port.receive_errors(|failed| self.lost.push(undelivered(&failed)));
            }
            for _ in 0..BATCHES {
                if !port.readable {
                    break;
                }
                port.receive_at(|remote, local, bytes| {
                    let flow = Flow {
                        transport: Transport::Udp,
                        local,
                        remote,
                        connection: 0,
                    };
                    sink(&flow, bytes);
                });
            }
        }
        self.streams.turn(now, &mut self.lost, &mut sink);
        self.streams.sweep(now, &mut self.lost);
    }

    /// Puts a message into the queue of its socket; [`SipIo::flush`] sends it.
    pub(crate) fn send(&mut self, now: Instant, message: Transmit) {
        let to = message.hop.addr;
        match message.hop.transport {
            Transport::Udp => match socket_for(&mut self.udp, message.local, to) {
                Some(port) => port.push_from(message.local.map(|local| local.ip()), to, message.bytes),
                None => self.lost.push(Lost {
                    hop: message.hop,
                    connection: None,
                    why: Unreachable::NoRoute,
                }),
            },
            Transport::Tcp => {
                self.streams
                    .send(now, to, message.connection, message.bytes, &mut self.lost);
            }
        }
    }

    /// Sends what is queued.
    pub(crate) fn flush(&mut self, now: Instant) {
        self.streams.flush(now, &mut self.lost);
        for port in &mut self.udp {
            port.flush(|failed| self.lost.push(undelivered(&failed)));
        }
    }

    /// What did not arrive, since the last call.
    pub(crate) fn take_lost(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.lost)
    }

    /// Whether there is something to do without a new event.
    pub(crate) fn pending(&self) -> bool {
        !self.lost.is_empty() || self.udp.iter().any(|p| p.readable || p.troubled) || self.streams.pending()
    }

    /// When [`SipIo::turn`] is due without an event.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.streams.next_timeout()
    }

    pub(crate) fn counters(&self) -> Counters {
        let mut sum = Counters {
            received_tcp: self.streams.received,
            sent_tcp: self.streams.sent,
            connections_opened: self.streams.opened,
            connections_refused: self.streams.refused,
            connections: self.streams.len() as u64,
            ..Counters::default()
        };
        for port in &self.udp {
            sum.received_udp += port.received;
            sum.sent_udp += port.sent;
            sum.dropped_udp += port.dropped;
        }
        sum
    }
}

/// The socket to send from: the one that is wanted, else the first that can reach `to`.
fn socket_for(udp: &mut [UdpPort], local: Option<SocketAddr>, to: SocketAddr) -> Option<&mut UdpPort> {
    let exact = local.and_then(|local| udp.iter().position(|p| is_at(p.local, local)));
    let at = exact.or_else(|| udp.iter().position(|p| fits(p.local, to)))?;
    udp.get_mut(at)
}

fn undelivered(failed: &udp::Undelivered) -> Lost {
    Lost {
        hop: Hop {
            transport: Transport::Udp,
            addr: failed.to,
        },
        connection: None,
        why: failed.why,
    }
}

/// Whether a socket bound to `bound` has the address `local`.
fn is_at(bound: SocketAddr, local: SocketAddr) -> bool {
    bound == local
        || (bound.ip().is_unspecified() && bound.port() == local.port() && bound.is_ipv4() == local.is_ipv4())
}

/// Whether a socket bound to `local` can send to `to`: one family, and not from a loopback address
/// to elsewhere.
fn fits(local: SocketAddr, to: SocketAddr) -> bool {
    local.is_ipv4() == to.is_ipv4() && (!local.ip().is_loopback() || to.ip().is_loopback())
}
