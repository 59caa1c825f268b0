//! What the operator sets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sip_transaction::{Timers, Transport};

use crate::command::Proxy;
use crate::division::Share;

/// A user name and password for one digest realm.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The realm of the challenge (RFC 7616 §3.3); empty: any realm.
    pub realm: Arc<str>,
    /// The user name.
    pub username: Arc<str>,
    /// The password; never printed.
    pub password: Arc<str>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

/// Bounds on what is held, so that no application and no peer can exhaust memory. Those of
/// publications, subscriptions and commands are for all engines together
/// ([`UserAgent::held_elsewhere`](crate::UserAgent::held_elsewhere)).
#[derive(Clone, Debug)]
pub struct Limits {
    /// Publications held.
    pub publications: usize,
    /// Subscriptions held, fetches included.
    pub subscriptions: usize,
    /// Dialog usages that one SUBSCRIBE may make by forking; NOTIFYs of more are refused (481).
    pub dialogs: usize,
    /// Bytes of a document to publish.
    pub body: usize,
    /// Bytes of a document that a notifier tells: a list's are many in one. What is larger is
    /// answered 413.
    pub told: usize,
    /// Commands waiting for an answer.
    pub commands: usize,
    /// Server transactions remembered (RFC 3261 §17.2); beyond it the oldest are forgotten.
    pub server_transactions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            publications: 2_000_000,
            subscriptions: 1_000_000,
            dialogs: 16,
            body: 256 * 1024,
            told: 1024 * 1024,
            commands: 100_000,
            server_transactions: 100_000,
        }
    }
}

/// How fast the user agent sends what it sends by itself: refreshes, recovery, retries. What an
/// application asks goes first, and is held back only by a window that is full.
#[derive(Clone, Debug)]
pub struct Pacing {
    /// Requests per second and next hop.
    pub rate: u32,
    /// Requests that may go out at once after a quiet time.
    pub burst: u32,
    /// Requests that may be on their way to one next hop at once, an application's included: at
    /// least so many, however far behind the server is.
    pub window_floor: u32,
    /// So many before anything is known of the server.
    pub window_first: u32,
    /// And at most so many, however fast it answers.
    pub window_ceiling: u32,
    /// The shortest time between two PUBLISHes with new state of one publication; changes in
    /// between replace each other.
    pub min_interval: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Pacing {
            rate: 1000,
            burst: 50,
            window_floor: 4,
            window_first: 64,
            window_ceiling: 1000,
            min_interval: Duration::ZERO,
        }
    }
}

/// How subscriptions are made.
#[derive(Clone, Debug)]
pub struct Subscribing {
    /// The next hop of every first SUBSCRIBE that names no other; `None`: the presence server.
    pub proxy: Option<Proxy>,
    /// The Expires asked for when the application leaves it open or wants it kept until further
    /// notice, in seconds; `None`: what the package says (3600; `reg`: 3761).
    pub default_expires: Option<u32>,
    /// Offer resource lists: `Supported: eventlist` (RFC 4662 §4.1).
    pub eventlist: bool,
    /// Send requests within dialogs through the proxy as well, where the notifier's route set
    /// does not lead (R6665-67): for sites behind NAT or a session border controller.
    pub dialogs_through_proxy: bool,
    /// Take a notifier that answers a refresh but sends no NOTIFY for alive (R6665-53).
    pub lenient_refresh: bool,
    /// Take a NOTIFY without Subscription-State for `active` (R6665-73).
    pub lenient_state: bool,
}

impl Default for Subscribing {
    fn default() -> Self {
        Subscribing {
            proxy: None,
            default_expires: None,
            eventlist: true,
            dialogs_through_proxy: false,
            lenient_refresh: false,
            lenient_state: false,
        }
    }
}

/// The configuration of a [`UserAgent`](crate::UserAgent).
#[derive(Clone, Debug)]
pub struct Config {
    /// The next hop of every PUBLISH that names no other.
    pub presence_server: Option<Proxy>,
    /// The addresses we listen on, in the order of preference.
    pub listen: Vec<(Transport, SocketAddr)>,
    /// `host[:port]` for Via and Contact when it differs from the listening address.
    pub advertise: Option<Arc<str>>,
    /// Base values of the transaction timers.
    pub timers: Timers,
    /// The Expires asked for when the application leaves it open or wants the publication kept
    /// until further notice, in seconds.
    pub default_expires: u32,
    /// The least Expires asked for, in seconds; the publication still ends when the application
    /// wanted it to.
    pub min_expires: u32,
    /// How subscriptions are made.
    pub subscribe: Subscribing,
    /// Digest credentials by realm.
    pub credentials: Vec<Credential>,
    /// The User-Agent and Server header.
    pub user_agent: Arc<str>,
    /// Bounds.
    pub limits: Limits,
    /// Pacing.
    pub pacing: Pacing,
    /// The size of a request above which it goes by TCP (RFC 3261 §18.1.1), in bytes.
    pub udp_limit: usize,
    /// Which engine this is among several that share the listening addresses. It cannot change
    /// later.
    pub share: Share,
    /// Whether there is a store: without one no record of a publication is made for it.
    pub durable: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            presence_server: None,
            listen: Vec::new(),
            advertise: None,
            timers: Timers::default(),
            default_expires: 3600,
            min_expires: 0,
            subscribe: Subscribing::default(),
            credentials: Vec::new(),
            user_agent: Arc::from(concat!("pua/", env!("CARGO_PKG_VERSION"))),
            limits: Limits::default(),
            pacing: Pacing::default(),
            udp_limit: 1300,
            share: Share::WHOLE,
            durable: true,
        }
    }
}
