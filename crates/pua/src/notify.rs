//! Tells systemd that the daemon serves (sd_notify(3)), if it wants to know.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Whoever started the daemon and wants to be told.
#[derive(Debug)]
pub(crate) struct Supervisor(Option<SocketAddr>);

impl Supervisor {
    /// By the variable NOTIFY_SOCKET: a path, or with `@` an abstract name.
    pub(crate) fn from_environment() -> Supervisor {
        let name = std::env::var_os("NOTIFY_SOCKET");
        Supervisor(name.and_then(|name| match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
            _ => SocketAddr::from_pathname(&name).ok(),
        }))
    }

    /// It serves.
    pub(crate) fn ready(&self) {
        let Some(address) = &self.0 else { return };
        let sent = UnixDatagram::unbound().and_then(|s| s.send_to_addr(b"READY=1", address));
        if let Err(error) = sent {
            tracing::warn!(%error, "systemd could not be told that the daemon serves");
        }
    }
}
