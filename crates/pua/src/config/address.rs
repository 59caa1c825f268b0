//! Addresses as the configuration spells them: `udp:0.0.0.0:5060`, `unix:/run/pua/mi.sock`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use pua_core::Transport;

/// A transport and an address to speak SIP on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SipListen {
    /// UDP or TCP.
    pub transport: Transport,
    /// The address; port 0: the system chooses.
    pub addr: SocketAddr,
}

impl FromStr for SipListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text
            .split_once(':')
            .ok_or_else(|| format!("`{text}` is no address"))?;
        let transport = match scheme.to_ascii_lowercase().as_str() {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            "tls" | "ws" | "wss" => {
                return Err(format!("`{text}`: {scheme} is not available in this version"));
            }
            _ => return Err(format!("`{text}` does not begin with udp: or tcp:")),
        };
        Ok(SipListen {
            transport,
            addr: socket_addr(rest)?,
        })
    }
}

impl fmt::Display for SipListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        };
        write!(f, "{scheme}:{}", self.addr)
    }
}

/// A datagram socket of the management interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DatagramListen {
    /// A UNIX socket.
    Unix(PathBuf),
    /// A UDP socket; port 0: the system chooses.
    Udp(SocketAddr),
}

impl FromStr for DatagramListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(address) = text.strip_prefix("udp:") {
            return Ok(DatagramListen::Udp(socket_addr(address)?));
        }
        match text
            .strip_prefix("unix:")
            .or(text.starts_with('/').then_some(text))
        {
            Some(path) => Ok(DatagramListen::Unix(socket_path(path)?)),
            None => Err(format!("`{text}` does not begin with unix: or udp:")),
        }
    }
}

impl fmt::Display for DatagramListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatagramListen::Unix(path) => write!(f, "unix:{}", path.display()),
            DatagramListen::Udp(addr) => write!(f, "udp:{addr}"),
        }
    }
}

/// The path of a UNIX stream socket, with or without `unix:`.
pub(super) fn stream_path(text: &str) -> Result<PathBuf, String> {
    match text
        .strip_prefix("unix:")
        .or(text.starts_with('/').then_some(text))
    {
        Some(path) => socket_path(path),
        None => Err(format!("`{text}` does not begin with unix:")),
    }
}

/// `host:port` with the host as an IP address, or `localhost`.
pub(super) fn socket_addr(text: &str) -> Result<SocketAddr, String> {
    if let Ok(addr) = text.parse() {
        return Ok(addr);
    }
    if let Some(Ok(port)) = text.strip_prefix("localhost:").map(str::parse) {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Err(format!("`{text}` has no port"));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_err() => {
            Err(format!("`{port}` of `{host}:{port}` is no port (0 to 65535)"))
        }
        Some((host, _)) => Err(format!("`{host}` is no IP address; a name cannot be listened on")),
        None => Err(format!("`{text}` is no address with a port")),
    }
}

/// A path that fits into the address of a UNIX socket.
fn socket_path(path: &str) -> Result<PathBuf, String> {
    // sun_path has 108 bytes, the last of which is a NUL.
    match path.len() {
        0 => Err("the path of the socket is missing".to_owned()),
        1..=107 => Ok(PathBuf::from(path)),
        n => Err(format!(
            "the path of the socket has {n} bytes; at most 107 are possible"
        )),
    }
}
