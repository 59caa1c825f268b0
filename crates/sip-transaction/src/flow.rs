//! Where messages come from and go to: transports, hops, flows, and the base timers.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use sip_wire::{Limits, Message};

/// A transport protocol (RFC 3261 §18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// Datagrams; requests are retransmitted.
    Udp,
    /// A byte stream; messages are framed by Content-Length.
    Tcp,
}

impl Transport {
    /// Whether the transport itself delivers (RFC 3261 §17: timers E, J and K differ).
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        matches!(self, Transport::Tcp)
    }

    /// The token of a Via header: `UDP`, `TCP`.
    #[must_use]
    pub const fn via_token(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        }
    }

    /// The value of a URI's `transport` parameter: `udp`, `tcp`.
    #[must_use]
    pub const fn uri_token(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        }
    }

    /// The transport named by a URI's `transport` parameter, in any case.
    #[must_use]
    pub fn from_uri_token(token: &str) -> Option<Transport> {
        if token.eq_ignore_ascii_case("udp") {
            Some(Transport::Udp)
        } else if token.eq_ignore_ascii_case("tcp") {
            Some(Transport::Tcp)
        } else {
            None
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.uri_token())
    }
}

/// An address that requests are sent to: the end of RFC 3263's procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hop {
    /// How to send.
    pub transport: Transport,
    /// Where to.
    pub addr: SocketAddr,
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.addr)
    }
}

/// Where a message was received: both ends and, on a stream, the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The transport it came by.
    pub transport: Transport,
    /// Our end: the address of the socket that received it.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// The number of the connection, never used twice; 0 for datagrams.
    pub connection: u64,
}

impl Flow {
    /// The peer's end as an address to send to.
    #[must_use]
    pub const fn hop(&self) -> Hop {
        Hop {
            transport: self.transport,
            addr: self.remote,
        }
    }

    /// Reads a message that came by it: a datagram, or what was cut from a stream.
    ///
    /// # Errors
    /// It is none, or is beyond the limits: then it comes back with what it is answered if it is a
    /// request (R3261-097).
    pub fn read<'a>(&self, bytes: &'a [u8]) -> Result<Message<'a>, Option<Box<Beyond<'a>>>> {
        let (limits, parse): (_, fn(&'a [u8], &Limits) -> _) = match self.transport.is_reliable() {
            true => (Limits::stream(), Message::parse_framed),
            false => (Limits::default(), Message::parse_datagram),
        };
        parse(bytes, &limits).map_err(|error| {
            let (code, reason) = error.kind.refusal()?;
            let message = parse(bytes, &limits.to_refuse()).ok()?;
            Some(Box::new(Beyond {
                message,
                code,
                reason,
            }))
        })
    }
}

/// A message that is beyond the limits, and what is said to whoever sent it.
#[derive(Clone, Debug)]
pub struct Beyond<'a> {
    /// As much of it as an answer is made of.
    pub message: Message<'a>,
    /// The status code.
    pub code: u16,
    /// The reason phrase.
    pub reason: &'static str,
}

/// A message to send.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// Where to.
    pub hop: Hop,
    /// From which of our sockets; `None`: any that fits. A response to a datagram leaves by the
    /// socket that the request came in by (RFC 3581 §4).
    pub local: Option<SocketAddr>,
    /// The connection to use while it is open (RFC 3261 §18.2.2); `None`, or closed: any open
    /// connection to `hop`, else a new one.
    pub connection: Option<u64>,
    /// The whole message.
    pub bytes: Bytes,
}

/// The base values of RFC 3261 Table 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Round-trip time estimate.
    pub t1: Duration,
    /// The longest interval between retransmissions of a non-INVITE request.
    pub t2: Duration,
    /// How long a message can stay in the network.
    pub t4: Duration,
}

impl Timers {
    /// 64·T1: timers F, H, J and N.
    #[must_use]
    pub const fn transaction_timeout(&self) -> Duration {
        self.t1.saturating_mul(64)
    }
}

impl Default for Timers {
    fn default() -> Self {
        Timers {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}
