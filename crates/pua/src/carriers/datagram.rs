//! One datagram an event, to a UDP or UNIX socket.
//!
//! A UNIX socket that is missing, refuses or is full gets the datagram again later. So does a UDP
//! port of this machine where nobody listens, since the system says so at once; of others one
//! learns it with the next datagram, if at all.

use std::io;
use std::path::PathBuf;

use tokio::net::{UdpSocket, UnixDatagram, lookup_host};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::counts::Counts;
use crate::events::{Consumer, Item, Kind};

/// The receiver.
#[derive(Clone, Debug)]
pub(super) enum To {
    /// `host:port`
    Udp(String),
    /// A path.
    Unix(PathBuf),
}

/// A socket of ours that is connected to the receiver.
enum Connected {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

/// A receiver of datagrams.
pub(super) struct Datagrams<'a> {
    pub(super) to: To,
    pub(super) counts: &'a Counts,
    pub(super) stop: &'a CancellationToken,
}

impl Datagrams<'_> {
    /// Sends until the stream ends.
    pub(super) async fn run(&self, mut consumer: Consumer, shape: impl Fn(&Item) -> Option<Vec<u8>>) {
        let mut backoff = Backoff::near();
        let mut socket = None;
        while let Some(item) = consumer.next().await {
            if item.kind() == Kind::Gap {
                self.counts.gap();
            }
            let Some(datagram) = shape(&item) else { continue };
            let mut given_up = 0;
            while let Err(error) = self.send(&mut socket, &datagram).await {
                self.counts.failed();
                tracing::debug!(%error, "a receiver of events cannot be reached");
                if is_hopeless(&error) {
                    // Trying it again would hold up all that come after it.
                    given_up = 1;
                    break;
                }
                socket = None;
                if self.stop.is_cancelled() {
                    return;
                }
                self.counts.retried();
                backoff.wait(self.stop).await;
            }
            backoff.reset();
            self.counts.sent(1 - given_up);
            self.counts.dead_lettered(given_up);
        }
    }

    async fn send(&self, socket: &mut Option<Connected>, datagram: &[u8]) -> io::Result<()> {
        let socket = match socket {
            Some(socket) => socket,
            None => socket.insert(self.connect().await?),
        };
        match socket {
            Connected::Udp(socket) => {
                // What is left of an answer to an earlier one is not about this one.
                let _ = socket.take_error();
                socket.send(datagram).await?;
                match socket.take_error()? {
                    Some(error) => Err(error),
                    None => Ok(()),
                }
            }
            Connected::Unix(socket) => socket.send(datagram).await.map(drop),
        }
    }

    async fn connect(&self) -> io::Result<Connected> {
        match &self.to {
            To::Udp(to) => {
                let mut addresses = lookup_host(to).await?;
                let address = addresses.next().ok_or(io::ErrorKind::NotFound)?;
                let any = match address.is_ipv4() {
                    true => "0.0.0.0:0",
                    false => "[::]:0",
                };
                let socket = UdpSocket::bind(any).await?;
                socket.connect(address).await?;
                Ok(Connected::Udp(socket))
            }
            To::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                Ok(Connected::Unix(socket))
            }
        }
    }
}

/// Whether this datagram can never be sent there.
fn is_hopeless(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::EMSGSIZE)
}
