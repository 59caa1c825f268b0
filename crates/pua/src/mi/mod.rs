//! The FIFO and datagram sockets of the management interface, and commands to the user agent and back.

mod admin;
mod backlog;
mod datagram;
mod dispatch;
mod fifo;
mod list;
mod reply_fifo;
#[cfg(test)]
mod test_dir;
mod translate;

pub(crate) use admin::{Admin, Group};
pub(crate) use datagram::{DatagramError, Datagrams};
pub(crate) use dispatch::{Desk, Order, Outgoing, ReplyTo};
pub(crate) use fifo::{Fifo, FifoError};
pub(crate) use list::{list, show};
pub(crate) use reply_fifo::ReplyFifos;
pub(crate) use translate::Clock;

/// Tokens of the pollers; below those of the SIP sockets.
pub(crate) const TOKEN_FIFO: usize = 1;
pub(crate) const TOKEN_DATAGRAM: usize = 0x100;
pub(crate) const TOKEN_REPLY: usize = 0x1_0000;
