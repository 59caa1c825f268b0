//! What the engine is made of before it runs.

use mio::Poll;
use pua_core::UserAgent;

use super::Hooks;
use super::division::Division;
use super::handle::Inbox;
use super::store::Closed;
use crate::carriers::Outlet;
use crate::config::Config;
use crate::mi::{Datagrams, Fifo, ReplyFifos};
use crate::server::OwnServer;
use crate::sip::{Resolver, SipIo};

/// What [`Daemon`](super::daemon::Daemon) is made of; the rest begins empty.
pub(super) struct Parts {
    pub(super) poll: Poll,
    pub(super) config: Config,
    pub(super) bound: Vec<(pua_core::Transport, std::net::SocketAddr)>,
    pub(super) agent: UserAgent,
    pub(super) division: Division,
    pub(super) sip: SipIo,
    pub(super) fifo: Option<Fifo>,
    pub(super) replies: Option<ReplyFifos>,
    pub(super) datagrams: Option<Datagrams>,
    pub(super) inbox: Inbox,
    pub(super) resolver: Resolver,
    pub(super) hooks: Hooks,
    pub(super) front_stop: tokio_util::sync::CancellationToken,
    pub(super) events: Outlet,
    pub(super) store: Closed,
    pub(super) own_server: OwnServer,
}
