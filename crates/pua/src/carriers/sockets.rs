//! `event_subscribe`: events to the sockets of applications, as OpenSIPS sends them.
//!
//! A socket is served by one task, so that its events come in order whatever their names. While a
//! receiver is away (its socket is missing or refuses, its queue is full) events wait in the ring
//! until the lifetime is over.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use pua_mi::EventSubscriber;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::counts::Counts;
use super::datagram::{self, Datagrams};
use super::lease::Leases;
use super::link::Link;
use super::notification::{DATAGRAM, Name, notification};
use super::settings::HostPort;
use crate::events::{Consumer, Feed, Filter, Item, Kind, Start};

/// Sockets at a time.
const SOCKETS: usize = 256;
/// Bytes of a line over TCP.
const LINE: usize = 4 * 1024 * 1024;

/// Where events go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SocketAddress {
    /// `udp:host:port`
    Udp(String),
    /// `unix:/path`, or the path alone.
    Unix(PathBuf),
    /// `tcp:host:port`
    Tcp(String),
}

impl FromStr for SocketAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<SocketAddress, String> {
        let whole = |rest: &str| Ok::<_, String>(rest.parse::<HostPort>()?.to_string());
        if let Some(rest) = text.strip_prefix("udp:") {
            return Ok(SocketAddress::Udp(whole(rest)?));
        }
        if let Some(rest) = text.strip_prefix("tcp:") {
            return Ok(SocketAddress::Tcp(whole(rest)?));
        }
        let path = text.strip_prefix("unix:").unwrap_or(text);
        // sun_path has 108 bytes, the last of which is a NUL.
        match path.starts_with('/') && path.len() < 108 && !path.contains('\0') {
            true => Ok(SocketAddress::Unix(PathBuf::from(path))),
            false => Err(format!(
                "`{text}` is none of udp:host:port, unix:/path, tcp:host:port"
            )),
        }
    }
}

impl fmt::Display for SocketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SocketAddress::Udp(address) => write!(f, "udp:{address}"),
            SocketAddress::Unix(path) => write!(f, "unix:{}", path.display()),
            SocketAddress::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

/// Why an event is not sent to a socket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSubscribed {
    /// There is no such event.
    #[error("no event {0:?}: events_list tells those there are")]
    Event(String),
    /// The socket is none.
    #[error("{0}")]
    Socket(String),
    /// As many are served as may be.
    #[error("{0}")]
    TooMany(String),
}

/// The sockets that are served.
#[derive(Debug)]
pub(crate) struct Sockets {
    feed: Feed,
    counts: Arc<Counts>,
    runtime: Handle,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// With the spelling of who subscribed first.
    table: HashMap<SocketAddress, (String, Arc<Leases>)>,
}

impl Sockets {
    pub(super) fn new(
        feed: Feed,
        counts: Arc<Counts>,
        runtime: Handle,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Sockets {
        Sockets {
            feed,
            counts,
            runtime,
            tasks,
            stop,
            table: HashMap::new(),
        }
    }

    /// Sends an event to a socket for so many seconds; 0: no more.
    ///
    /// # Errors
    /// [`NotSubscribed`].
    pub(crate) fn subscribe(&mut self, event: &str, socket: &str, expire: u32) -> Result<(), NotSubscribed> {
        let name = Name::ALL.into_iter().find(|name| name.as_str() == event);
        let name = name.ok_or_else(|| NotSubscribed::Event(event.to_owned()))?;
        let address: SocketAddress = socket.parse().map_err(NotSubscribed::Socket)?;
        if let Some((_, leases)) = self.table.get(&address)
            && leases.give(name, expire)
        {
            return Ok(());
        }
        if expire == 0 {
            return Ok(());
        }
        self.table.retain(|_, (_, leases)| !leases.is_over());
        if self.table.len() >= SOCKETS {
            let what = format!("events go to {SOCKETS} sockets already");
            return Err(NotSubscribed::TooMany(what));
        }
        let start = Start {
            cursor: None,
            snapshot: false,
        };
        let consumer = self.feed.attach(Filter::default(), start);
        let consumer = consumer.map_err(|error| NotSubscribed::TooMany(error.to_string()))?;
        let leases = Arc::new(Leases::default());
        leases.give(name, expire);
        self.table
            .insert(address.clone(), (socket.to_owned(), leases.clone()));
        let (feed, counts, stop) = (self.feed.clone(), self.counts.clone(), self.stop.clone());
        let serve = async move {
            tokio::select! {
                () = leases.over() => {}
                () = deliver(&address, &leases, consumer, &feed, &counts, &stop) => {}
            }
            leases.end();
        };
        self.tasks.spawn_on(serve, &self.runtime);
        Ok(())
    }

    /// The sockets of each event, in the order of `events_list`.
    pub(crate) fn list(&self) -> Vec<(&'static str, Vec<EventSubscriber>)> {
        let of = |name: Name| {
            let mut sockets: Vec<EventSubscriber> = self
                .table
                .values()
                .filter_map(|(socket, leases)| {
                    Some(EventSubscriber {
                        socket: socket.clone(),
                        expire: Some(leases.asked(name)?),
                    })
                })
                .collect();
            sockets.sort_by(|a, b| a.socket.cmp(&b.socket));
            (name.as_str(), sockets)
        };
        Name::ALL.into_iter().map(of).collect()
    }
}

/// Sends until the stream ends.
async fn deliver(
    address: &SocketAddress,
    leases: &Leases,
    consumer: Consumer,
    feed: &Feed,
    counts: &Counts,
    stop: &CancellationToken,
) {
    let shape = |most: usize| {
        move |item: &Item| {
            let name = match item.kind() {
                // Under a name that the receiver listens to.
                Kind::Gap => leases.any()?,
                kind => Name::of(kind).filter(|name| leases.asked(*name).is_some())?,
            };
            Some(notification(name, item, most))
        }
    };
    let datagrams = |to| Datagrams { to, counts, stop };
    match address {
        SocketAddress::Udp(to) => {
            datagrams(datagram::To::Udp(to.clone()))
                .run(consumer, shape(DATAGRAM))
                .await;
        }
        SocketAddress::Unix(path) => {
            datagrams(datagram::To::Unix(path.clone()))
                .run(consumer, shape(DATAGRAM))
                .await;
        }
        SocketAddress::Tcp(to) => {
            // It was one when it was read.
            let Ok(to) = to.parse() else { return };
            let link = Link {
                to: &to,
                feed,
                filter: Filter::default(),
                snapshot: false,
                shape: shape(LINE),
                counts,
                stop,
            };
            link.run(consumer).await;
        }
    }
}
