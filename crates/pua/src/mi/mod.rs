//! The FIFO and datagram sockets of the management interface, and commands to the user agent and back.

mod admin;
mod backlog;
mod datagram;
mod dispatch;
mod fifo;
mod list;
mod name;
mod reply_fifo;
mod subscriptions;
#[cfg(test)]
pub(crate) mod test_dir;
mod translate;

pub(crate) use admin::{Admin, Group};
pub(crate) use datagram::{DatagramError, Datagrams};
pub(crate) use dispatch::{Desk, Order, Outgoing, ReplyTo, stopping};
pub(crate) use fifo::{Fifo, FifoError};
pub(crate) use list::{list, show, watch_elsewhere};
pub(crate) use name::{CHECK, Name, Taken, make_room};
pub(crate) use reply_fifo::ReplyFifos;
pub(crate) use subscriptions::{state, subscriptions};
pub(crate) use translate::{Clock, is_durable};

/// Tokens of the pollers; below those of the SIP sockets.
pub(crate) const TOKEN_FIFO: usize = 1;
pub(crate) const TOKEN_DATAGRAM: usize = 0x100;
pub(crate) const TOKEN_REPLY: usize = 0x1_0000;

/// Makes the directory of a socket or FIFO if it is missing. What goes wrong here is told by what
/// is made next.
pub(crate) fn make_directory_of(path: &std::path::Path) {
    use std::os::unix::fs::DirBuilderExt as _;
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let _ = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(directory);
    }
}
