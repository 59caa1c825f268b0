//! The configuration: one TOML file with environment overrides, read into plain typed values.
//!
//! [`load`] reads, checks and reports **all** faults at once, each with its place, what is wrong
//! and what to do. Secrets are behind [`Secret`] and are never printed.

mod address;
mod carriers;
mod check;
mod environment;
mod example;
mod fault;
mod fields;
mod keys;
mod read;
mod source;
mod surroundings;
#[cfg(test)]
mod tests;
mod values;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use address::{DatagramListen, SipListen};
pub(crate) use example::EXAMPLE;
pub(crate) use fault::{Fault, Severity};
pub(crate) use read::{Loaded, defaults, examine, load};

/// Where the daemon's FIFO and sockets are if nothing else is said.
pub(crate) const RUNTIME_DIR: &str = "/run/pua";

/// A value that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub(crate) fn new(value: impl Into<String>) -> Secret {
        Secret(value.into())
    }

    /// The secret itself.
    #[must_use]
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Everything the operator sets.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The file it was read from; `None`: defaults and environment only.
    pub file: Option<PathBuf>,
    /// The next hop of every PUBLISH, and of SUBSCRIBE unless it has its own, a SIP URI; `None`: by
    /// the presentity's domain.
    pub presence_server: Option<String>,
    /// Threads that presentities are divided among.
    pub engines: u8,
    /// `[sip]`
    pub sip: Sip,
    /// `[publish]`
    pub publish: Publish,
    /// `[subscribe]`
    pub subscribe: Subscribe,
    /// `[store]`
    pub store: Store,
    /// `[mi]`
    pub mi: Mi,
    /// `[http]`; `None`: no HTTP.
    pub http: Option<Http>,
    /// `[events]`: the stream of events.
    pub events: crate::events::Bounds,
    /// `[[events.webhooks]]`, `[[events.sinks]]`: who is sent events.
    pub carrying: crate::carriers::Carrying,
    /// `[[credentials]]`: digest by realm; realm "" matches any.
    pub credentials: Vec<Credential>,
    /// `[server]`: the embedded presence server.
    pub server: Server,
    /// `[log]`
    pub log: Log,
}

/// The SIP side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sip {
    /// Where SIP is spoken; port 0: the system chooses.
    pub listen: Vec<SipListen>,
    /// `host[:port]` for Via and Contact when it differs from the listening address.
    pub advertise: Option<String>,
    /// The round-trip estimate T1 (RFC 3261 §17.1.1.1).
    pub t1: Duration,
}

/// How publications are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    /// The Expires asked for when the application leaves it open, in seconds.
    pub default_expires: u32,
    /// The least Expires asked for, in seconds; 0: what the application asks.
    pub min_expires: u32,
    /// What becomes of the publications when the daemon stops.
    pub on_stop: OnStop,
    /// Requests that the daemon sends by itself, per second and next hop.
    pub rate: u32,
    /// How many of those may go out at once after a quiet time.
    pub burst: u32,
    /// Requests that may be on their way to one next hop at once: at least so many.
    pub window_floor: u32,
    /// And at most so many.
    pub window_ceiling: u32,
    /// The shortest time between two PUBLISHes with new state of one publication.
    pub min_interval: Duration,
    /// Publications held at most.
    pub max_publications: usize,
    /// Bytes of a document at most.
    pub max_body: usize,
}

/// How subscriptions are made and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscribe {
    /// The next hop of every SUBSCRIBE, a SIP URI; `None`: the presence server.
    pub proxy: Option<String>,
    /// The Expires asked for when the application leaves it open, in seconds; `None`: the event
    /// package's own.
    pub default_expires: Option<u32>,
    /// Whether resource lists are understood (`Supported: eventlist`, RFC 4662 §4.1).
    pub eventlist: bool,
    /// Whether requests within dialogs go through the proxy as well.
    pub dialogs_through_proxy: bool,
    /// Whether a notifier that answers a refresh but sends no NOTIFY counts as alive.
    pub lenient_refresh: bool,
    /// Whether a NOTIFY without Subscription-State counts as `active`.
    pub lenient_state: bool,
    /// Subscriptions held at most.
    pub max_subscriptions: usize,
    /// Dialogs that one SUBSCRIBE may make by forking at most.
    pub max_dialogs: usize,
    /// Bytes of a document in a NOTIFY at most.
    pub max_body: usize,
}

/// What becomes of the publications when the daemon stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnStop {
    /// They are withdrawn from the server.
    Remove,
    /// They stand until their granted lifetime is over, and a store on disk takes them up again.
    Keep,
}

/// Where the publications are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    /// Where.
    pub url: StoreUrl,
    /// When what was acknowledged is on disk.
    pub durability: Durability,
}

/// Where the publications are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    /// Nowhere but in memory.
    Memory,
    /// In a SQLite database.
    Sqlite(PathBuf),
}

/// When what was acknowledged is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Before the answer.
    Commit,
    /// Within 100 ms.
    Relaxed,
}

/// The management interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mi {
    /// `[mi.fifo]`; `None`: no FIFO.
    pub fifo: Option<Fifo>,
    /// `[mi.datagram]`; `None`: no datagram sockets.
    pub datagram: Option<Datagram>,
    /// `[mi.stream]`; `None`: no stream socket.
    pub stream: Option<Stream>,
}

/// The listening FIFO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fifo {
    /// Its path.
    pub path: PathBuf,
    /// Its permissions.
    pub mode: u32,
    /// Its owner, by name or number.
    pub user: Option<String>,
    /// Its group, by name or number.
    pub group: Option<String>,
    /// Where clients make their reply FIFOs.
    pub reply_dir: PathBuf,
}

/// The datagram sockets of the management interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// The sockets.
    pub listen: Vec<DatagramListen>,
    /// Permissions of UNIX sockets.
    pub mode: u32,
    /// How long a reply that finds the client's queue full is tried again.
    pub socket_timeout: Duration,
}

/// The stream sockets of the management interface (JSON lines).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    /// Paths of UNIX sockets.
    pub listen: Vec<PathBuf>,
    /// Permissions of the sockets.
    pub mode: u32,
    /// Whether the configuration names them: a default that cannot be bound is a warning only.
    pub asked: bool,
}

/// The HTTP listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Http {
    /// Addresses; port 0: the system chooses.
    pub listen: Vec<std::net::SocketAddr>,
    /// The path that JSON-RPC and XML-RPC are at beside the usual ones, without its first slash.
    pub root: String,
    /// Names by which web pages may use it, beside addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Whether the configuration names them: a default that cannot be bound is a warning only.
    pub asked: bool,
}

/// A user name and password for one digest realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credential {
    /// The realm of the challenge; empty: any.
    pub realm: String,
    /// The user name.
    pub username: String,
    /// The password, from the file if one is named.
    pub password: Secret,
}

/// The embedded presence server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Whether it runs.
    pub enabled: bool,
    /// Where it listens; port 0: the system chooses.
    pub listen: Vec<SipListen>,
    /// The realm of its digest challenge; `None`: everybody may publish and subscribe.
    pub realm: Option<String>,
    /// Who may publish and subscribe if a realm is set.
    pub users: Vec<Credential>,
    /// The least Expires it grants, in seconds; less is answered 423.
    pub min_expires: u32,
    /// The most Expires it grants, in seconds.
    pub max_expires: u32,
}

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// From which level on.
    pub level: LogLevel,
    /// In which form.
    pub format: LogFormat,
}

/// A level of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogLevel {
    /// Only what needs somebody's attention.
    Error,
    /// And what may.
    Warn,
    /// And what happens.
    Info,
    /// And why.
    Debug,
    /// And everything.
    Trace,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}
