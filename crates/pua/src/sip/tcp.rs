//! The SIP TCP side: listeners, and a pool of connections by number and by the peer's address.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use pua_core::{Flow, Hop, Transport, Unreachable};
use slab::Slab;

use super::connection::{Connection, Ended, connect_failure};
use super::{Lost, TOKEN_CONNECTION};

/// Connections in all.
const TOTAL: usize = 4096;
/// Connections accepted from one address.
const PER_ADDRESS: usize = 256;
/// Connections accepted in one turn.
const ACCEPT: usize = 64;

/// A listening socket.
pub(crate) struct TcpPort {
    pub(crate) listener: TcpListener,
    pub(crate) local: SocketAddr,
    pub(crate) readable: bool,
}

/// All TCP connections.
pub(crate) struct Streams {
    registry: Registry,
    pub(crate) ports: Vec<TcpPort>,
    connections: Slab<Connection>,
    by_number: HashMap<u64, usize>,
    by_remote: HashMap<SocketAddr, Vec<usize>>,
    accepted_from: HashMap<IpAddr, usize>,
    next_number: u64,
    connecting: usize,
    sweep_at: Option<Instant>,
    /// Connections with something to do this turn.
    active: Vec<usize>,
    scratch: Vec<u8>,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) opened: u64,
    pub(crate) refused: u64,
}

impl Streams {
    pub(crate) fn new(registry: Registry, listeners: Vec<std::net::TcpListener>) -> io::Result<Streams> {
        let mut ports = Vec::new();
        for listener in listeners {
            listener.set_nonblocking(true)?;
            let local = listener.local_addr()?;
            ports.push(TcpPort {
                listener: TcpListener::from_std(listener),
                local,
                readable: true,
            });
        }
        Ok(Streams {
            registry,
            ports,
            connections: Slab::new(),
            by_number: HashMap::new(),
            by_remote: HashMap::new(),
            accepted_from: HashMap::new(),
            next_number: 1,
            connecting: 0,
            sweep_at: None,
            active: Vec::new(),
            scratch: vec![0; 64 * 1024],
            received: 0,
            sent: 0,
            opened: 0,
            refused: 0,
        })
    }

    /// Open connections.
    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether something is left to be read or accepted without a new event.
    pub(crate) fn pending(&self) -> bool {
        !self.active.is_empty() || self.ports.iter().any(|p| p.readable)
    }

    /// A readiness event of a connection.
    pub(crate) fn on_event(
        &mut self,
        now: Instant,
        index: usize,
        event: &mio::event::Event,
        lost: &mut Vec<Lost>,
    ) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let was_connecting = connection.is_connecting();
        let result = connection.on_event(now, event);
        if was_connecting && !connection.is_connecting() {
            self.connecting -= 1;
        }
        match result {
            Ok(()) => self.mark(index),
            Err(ended) => self.close(index, ended, lost),
        }
    }

    fn mark(&mut self, index: usize) {
        if !self.active.contains(&index) {
            self.active.push(index);
        }
    }

    /// Accepts, reads and writes, a budget of each.
    pub(crate) fn turn(&mut self, now: Instant, lost: &mut Vec<Lost>, mut sink: impl FnMut(&Flow, &[u8])) {
        self.accept(now);
        let mut active = std::mem::take(&mut self.active);
        active.retain(|&index| {
            let Some(connection) = self.connections.get_mut(index) else {
                return false;
            };
            let received = &mut self.received;
            let result = connection
                .receive(now, &mut self.scratch, |flow, bytes| {
                    *received += 1;
                    sink(flow, bytes);
                })
                .and_then(|()| connection.flush(now));
            match result {
                Ok(()) => connection.is_busy(),
                Err(ended) => {
                    self.close(index, ended, lost);
                    false
                }
            }
        });
        // What `sink` or `close` marked meanwhile comes behind.
        active.append(&mut self.active);
        self.active = active;
    }

    /// Writes what has been put into the queues since the last turn.
    pub(crate) fn flush(&mut self, now: Instant, lost: &mut Vec<Lost>) {
        for at in 0..self.active.len() {
            let Some(&index) = self.active.get(at) else {
                return;
            };
            let flushed = self.connections.get_mut(index).map(|c| c.flush(now));
            if let Some(Err(ended)) = flushed {
                self.close(index, ended, lost);
            }
        }
        self.active
            .retain(|&index| self.connections.get(index).is_some_and(Connection::is_busy));
    }

    fn accept(&mut self, now: Instant) {
        for at in 0..self.ports.len() {
            for _ in 0..ACCEPT {
                let Some(port) = self.ports.get_mut(at).filter(|p| p.readable) else {
                    break;
                };
                match port.listener.accept() {
                    Ok((stream, remote)) => {
                        let local = stream.local_addr().unwrap_or(port.local);
                        self.admit(now, stream, local, remote);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    // Nobody left to accept, or no descriptors: the next event tries again.
                    Err(_) => port.readable = false,
                }
            }
        }
    }

    fn admit(&mut self, now: Instant, stream: TcpStream, local: SocketAddr, remote: SocketAddr) {
        let from = self.accepted_from.get(&remote.ip()).copied().unwrap_or(0);
        if self.connections.len() >= TOTAL || from >= PER_ADDRESS {
            self.refused += 1;
            return;
        }
        let _ = stream.set_nodelay(true);
        *self.accepted_from.entry(remote.ip()).or_default() += 1;
        if let Some(index) = self.insert(now, stream, local, remote, true) {
            self.mark(index);
        }
    }

    fn insert(
        &mut self,
        now: Instant,
        stream: TcpStream,
        local: SocketAddr,
        remote: SocketAddr,
        accepted: bool,
    ) -> Option<usize> {
        let number = self.next_number;
        self.next_number += 1;
        let mut connection = Connection::new(now, stream, local, remote, number, accepted);
        let index = self.connections.vacant_key();
        let registered = self.registry.register(
            &mut connection.stream,
            Token(TOKEN_CONNECTION + index),
            Interest::READABLE | Interest::WRITABLE,
        );
        if registered.is_err() {
            if accepted {
                self.forget_accepted(remote.ip());
            }
            return None;
        }
        self.connections.insert(connection);
        self.by_number.insert(number, index);
        self.by_remote.entry(remote).or_default().push(index);
        self.opened += 1;
        if !accepted {
            self.connecting += 1;
        }
        self.schedule(now);
        Some(index)
    }

    /// Sends a message: on the connection named if it is still there, else on any to the address, else on
    /// a new one.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        to: SocketAddr,
        number: Option<u64>,
        bytes: Bytes,
        lost: &mut Vec<Lost>,
    ) {
        let usable = |index: &usize| self.connections.get(*index).is_some_and(Connection::is_usable);
        let found = number
            .and_then(|number| self.by_number.get(&number).copied())
            .or_else(|| self.by_remote.get(&to)?.iter().copied().find(usable));
        let index = match found {
            Some(index) => index,
            None => match self.connect(now, to) {
                Ok(index) => index,
                Err(why) => {
                    let hop = Hop {
                        transport: Transport::Tcp,
                        addr: to,
                    };
                    lost.push(Lost {
                        hop,
                        connection: None,
                        why,
                    });
                    return;
                }
            },
        };
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        self.sent += 1;
        match connection.push(now, bytes) {
            Ok(()) => self.mark(index),
            Err(ended) => self.close(index, ended, lost),
        }
    }

    fn connect(&mut self, now: Instant, to: SocketAddr) -> Result<usize, Unreachable> {
        if self.connections.len() >= TOTAL {
            return Err(Unreachable::NoRoute);
        }
        let stream = TcpStream::connect(to).map_err(|error| connect_failure(&error))?;
        let local = stream.local_addr().unwrap_or(to);
        self.insert(now, stream, local, to, false)
            .ok_or(Unreachable::NoRoute)
    }

    fn close(&mut self, index: usize, ended: Ended, lost: &mut Vec<Lost>) {
        let Some(mut connection) = self.connections.try_remove(index) else {
            return;
        };
        let _ = self.registry.deregister(&mut connection.stream);
        let flow = connection.flow;
        self.by_number.remove(&flow.connection);
        if let Some(same) = self.by_remote.get_mut(&flow.remote) {
            same.retain(|&other| other != index);
            if same.is_empty() {
                self.by_remote.remove(&flow.remote);
            }
        }
        if connection.accepted {
            self.forget_accepted(flow.remote.ip());
        }
        let connecting = connection.is_connecting();
        if connecting {
            self.connecting -= 1;
        }
        lost.push(Lost {
            hop: flow.hop(),
            connection: (!connecting).then_some(flow.connection),
            why: ended.0,
        });
    }

    fn forget_accepted(&mut self, from: IpAddr) {
        if let Some(count) = self.accepted_from.get_mut(&from) {
            *count -= 1;
            if *count == 0 {
                self.accepted_from.remove(&from);
            }
        }
    }

    /// When [`Streams::sweep`] is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.sweep_at
    }

    fn schedule(&mut self, now: Instant) {
        let pause = match (self.connecting, self.connections.len()) {
            (_, 0) => {
                self.sweep_at = None;
                return;
            }
            (0, _) => Duration::from_secs(1),
            _ => Duration::from_millis(200),
        };
        let at = now + pause;
        self.sweep_at = Some(self.sweep_at.map_or(at, |due| due.min(at)));
    }

    /// Closes the connections that have outlived one of their times.
    pub(crate) fn sweep(&mut self, now: Instant, lost: &mut Vec<Lost>) {
        if self.sweep_at.is_none_or(|at| now < at) {
            return;
        }
        let over: Vec<_> = self
            .connections
            .iter()
            .filter_map(|(index, connection)| Some((index, connection.overdue(now)?)))
            .collect();
        for (index, ended) in over {
            self.close(index, ended, lost);
        }
        self.sweep_at = None;
        self.schedule(now);
    }
}

#[cfg(test)]
mod tests;
