//! Binding the listeners: UDP and TCP of one address share one port (RFC 3261 §18.2.1).

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use nix::sys::socket::{setsockopt, sockopt};
use pua_core::Transport;
use socket2::{Domain, Protocol, Socket, Type};

use super::icmp;

/// Attempts to find a port that is free for UDP and TCP alike.
const ATTEMPTS: usize = 50;
/// Asked for as socket buffers: about 30 ms of full-size traffic at 100,000 messages a second.
const BUFFER: usize = 4 * 1024 * 1024;

/// Sockets that are bound and, for TCP, listen.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    pub(crate) udp: Vec<UdpSocket>,
    pub(crate) tcp: Vec<TcpListener>,
    /// Every address in the order of the configuration; what was not asked for comes last.
    pub(crate) addresses: Vec<(Transport, SocketAddr)>,
}

/// A listener that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {transport}:{address}: {error}")]
pub(crate) struct BindError {
    pub(crate) transport: Transport,
    pub(crate) address: SocketAddr,
    pub(crate) error: io::Error,
}

/// One address of the configuration with the transports it was given for.
struct Place {
    address: SocketAddr,
    udp: bool,
    tcp: bool,
}

/// Binds everything that is configured, and TCP wherever UDP is.
///
/// # Errors
/// The first listener that was asked for and cannot be had.
pub(crate) fn bind(listen: &[(Transport, SocketAddr)]) -> Result<Bound, BindError> {
    let mut places: Vec<Place> = Vec::new();
    for &(transport, address) in listen {
        let at = places
            .iter()
            .position(|p| p.address == address)
            .unwrap_or_else(|| {
                places.push(Place {
                    address,
                    udp: false,
                    tcp: false,
                });
                places.len() - 1
            });
        if let Some(place) = places.get_mut(at) {
            match transport {
                Transport::Udp => place.udp = true,
                Transport::Tcp => place.tcp = true,
            }
        }
    }
    let mut bound = Bound::default();
    let mut unasked = Vec::new();
    for place in &places {
        bind_place(place, &mut bound, &mut unasked)?;
    }
    bound.addresses.extend(unasked);
    Ok(bound)
}

fn bind_place(
    place: &Place,
    bound: &mut Bound,
    unasked: &mut Vec<(Transport, SocketAddr)>,
) -> Result<(), BindError> {
    let mut attempt = 1;
    loop {
        match bind_pair(place, bound, unasked) {
            Err(failed)
                if place.address.port() == 0
                    && failed.error.kind() == io::ErrorKind::AddrInUse
                    && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            other => return other,
        }
    }
}

fn bind_pair(
    place: &Place,
    bound: &mut Bound,
    unasked: &mut Vec<(Transport, SocketAddr)>,
) -> Result<(), BindError> {
    let fault = |transport, address| {
        move |error| BindError {
            transport,
            address,
            error,
        }
    };
    let mut address = place.address;
    let mut udp = None;
    if place.udp {
        let socket = udp_socket(address).map_err(fault(Transport::Udp, address))?;
        address = socket.local_addr().map_err(fault(Transport::Udp, address))?;
        udp = Some(socket);
    }
    match tcp_socket(address) {
        Ok(listener) => {
            address = listener.local_addr().map_err(fault(Transport::Tcp, address))?;
            if place.tcp {
                bound.addresses.push((Transport::Tcp, address));
            } else {
                unasked.push((Transport::Tcp, address));
            }
            bound.tcp.push(listener);
        }
        // On a port of the system's choice another port is tried; on a fixed one UDP alone must do.
        Err(error) if place.tcp || place.address.port() == 0 => {
            return Err(fault(Transport::Tcp, address)(error));
        }
        Err(error) => {
            tracing::warn!(%address, %error, "UDP listens here and TCP cannot: requests too large for UDP will not arrive");
        }
    }
    if let Some(socket) = udp {
        let at = bound.addresses.len() - usize::from(place.tcp);
        bound.addresses.insert(at, (Transport::Udp, address));
        bound.udp.push(socket);
    }
    Ok(())
}

pub(crate) fn udp_socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // The system gives what it allows (net.core.rmem_max); a privileged process gets all.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    icmp::enable(&socket, address.is_ipv6())?;
    if address.ip().is_unspecified() {
        // A response leaves from the address that the request came to (RFC 3581 §4).
        match address.is_ipv4() {
            true => setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?,
            false => setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?,
        }
    }
    Ok(socket)
}

fn tcp_socket(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restarted daemon must not wait for the connections of its earlier life to be forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(256)?;
    Ok(socket.into())
}

/// The address of this machine from which `towards` is reached; `None`: there is no way.
pub(crate) fn source(towards: IpAddr) -> Option<IpAddr> {
    let any = match towards {
        IpAddr::V4(_) => SocketAddr::from(([0, 0, 0, 0], 0)),
        IpAddr::V6(_) => SocketAddr::from(([0u16; 8], 0)),
    };
    // Nothing is sent: connecting a UDP socket only asks the routing table.
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect((towards, 9)).ok()?;
    let local = socket.local_addr().ok()?.ip();
    (!local.is_unspecified()).then_some(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn tcp_listens_where_udp_does() {
        let bound = bind(&[(Transport::Udp, local(0))]).unwrap();
        let [(Transport::Udp, udp), (Transport::Tcp, tcp)] = bound.addresses[..] else {
            panic!("{:?}", bound.addresses);
        };
        assert_eq!(udp, tcp);
        assert_ne!(udp.port(), 0);
    }

    #[test]
    fn both_asked_on_port_zero_share_one() {
        let bound = bind(&[(Transport::Udp, local(0)), (Transport::Tcp, local(0))]).unwrap();
        let [(Transport::Udp, udp), (Transport::Tcp, tcp)] = bound.addresses[..] else {
            panic!("{:?}", bound.addresses);
        };
        assert_eq!(udp, tcp);
        assert_eq!((bound.udp.len(), bound.tcp.len()), (1, 1));
    }

    #[test]
    fn the_way_to_loopback_begins_there() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(source(loopback), Some(loopback));
    }

    #[test]
    fn a_taken_port_is_told_by_name() {
        let taken = UdpSocket::bind(local(0)).unwrap();
        let address = taken.local_addr().unwrap();
        let failed = bind(&[(Transport::Udp, address)]).unwrap_err();
        assert_eq!(failed.address, address);
        assert_eq!(failed.error.kind(), io::ErrorKind::AddrInUse);
        assert!(
            failed
                .to_string()
                .starts_with(&format!("cannot listen on udp:{address}"))
        );
    }

    #[test]
    fn udp_alone_when_tcp_is_taken() {
        let taken = TcpListener::bind(local(0)).unwrap();
        let address = taken.local_addr().unwrap();
        let bound = bind(&[(Transport::Udp, address)]).unwrap();
        assert_eq!(bound.addresses, [(Transport::Udp, address)]);
        assert!(bound.tcp.is_empty());
    }
}
