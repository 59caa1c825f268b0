//! What an application asks for: commands whose values have been checked.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use event_packages::Package;
use sip_wire::ExtraHeaders;

use crate::{Reply, methods};

/// A command with checked parameters, whatever the dialect it came in.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Publish, change, or (lifetime [`Lifetime::Remove`]) remove a publication.
    Publish(Box<Publish>),
    /// The publications that are held, a page of them.
    List(ListFilter),
    /// One publication with all that is known of it.
    Show(Name),
    /// Take a publication back.
    Remove(Target),
    /// Refresh now, and answer with the server's outcome.
    Refresh(Target),
    /// Watch a presentity, go on watching it, or (lifetime [`Lifetime::Remove`]) watch it no more.
    Subscribe(Box<Subscribe>),
    /// Watch a presentity no more.
    Unsubscribe(SubscriptionTarget),
    /// Ask once for the present state of a presentity. The lifetime is of no account.
    Fetch(Box<Subscribe>),
    /// The subscriptions that are held, a page of them.
    Subscriptions(SubscriptionFilter),
    /// What is known of a presentity.
    State(StateQuery),
    /// Send events to a socket, or (lifetime 0) do no more.
    EventSubscribe(EventSubscribe),
    /// The names of the events.
    EventsList,
    /// The sockets that events are sent to.
    SubscribersList(SubscribersFilter),
    /// Every event from now on, as JSON lines on the stream socket the call came by.
    Watch(Box<Watch>),
    /// The commands' names, or the parameter lists of one.
    Which(Option<String>),
    /// What the commands are for, or what one is for.
    Help(Option<String>),
    /// Name and version of the program.
    Version,
    /// Since when the daemon runs.
    Uptime,
    /// The processes of the daemon.
    Ps,
    /// The working directory.
    Pwd,
    /// The command line.
    Arg,
    /// Stop the daemon gracefully.
    Kill,
    /// Show, or with a value set, the log level.
    LogLevel(Option<LogLevel>),
    /// Values of statistics, by name, by group (`pua:`) or `all`.
    GetStatistics(Vec<String>),
    /// Names and kinds of the statistics.
    ListStatistics,
    /// Set statistics that are counters back to zero.
    ResetStatistics(Vec<String>),
}

impl Command {
    /// The answer to a command that is about the commands themselves: `which` and `help`. `None`: ask the daemon.
    pub fn answer(&self) -> Option<Reply> {
        match self {
            Self::Which(command) => Some(methods::which(command.as_deref())),
            Self::Help(command) => Some(methods::help(command.as_deref())),
            _ => None,
        }
    }
}

/// The name by which a publication is found: presentity, event package and, where several stand side by side, an id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    /// The presentity's URI as the application wrote it (sip, sips or pres; checked).
    pub presentity: String,
    /// The event package.
    pub package: Package,
    /// Which of several publications of one presentity and package.
    pub id: Option<String>,
}

/// A held publication that shall be removed or refreshed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Which publication.
    pub name: Name,
    /// The entity-tag that it must have, else 418 Wrong ETag.
    pub etag: Option<String>,
    /// When to answer.
    pub wait: Wait,
    /// How long the caller waits for the final response.
    pub timeout: Duration,
}

/// How long the application wants the state to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// `0`: take the publication back.
    Remove,
    /// So many seconds from now.
    Seconds(NonZeroU32),
    /// `-1`: until told otherwise.
    Forever,
    /// Not said, which only our own `pua:publish` allows: `publish.default_expires`.
    Default,
}

/// When a publishing command is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// With the server's final response: the default wherever an answer can be given.
    #[default]
    Final,
    /// Once the command is safe with the daemon.
    Accepted,
    /// Nobody waits. A caller that can be answered all the same is told at once that the command was taken
    /// ([`crate::Reply::Accepted`]), as JSON-RPC demands of a call with an id.
    None,
}

/// A publish command.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    /// Which publication.
    pub name: Name,
    /// How long it shall stand.
    pub lifetime: Lifetime,
    /// Media type of the body. `Some` whenever there is a body.
    pub content_type: Option<Arc<str>>,
    /// The document; `None` asks for a refresh or another lifetime of what is held.
    pub body: Option<Vec<u8>>,
    /// The entity-tag that the held publication must have, else 418 Wrong ETag.
    pub etag: Option<String>,
    /// Headers to add to the PUBLISH, checked.
    pub extra_headers: Option<ExtraHeaders>,
    /// Where to send the PUBLISH instead of the configured next hop (a sip or sips URI).
    pub outbound_proxy: Option<String>,
    /// What becomes of it when the daemon stops; `None`: what was said before, or the configuration says.
    pub on_stop: Option<OnStop>,
    /// When to answer.
    pub wait: Wait,
    /// How long the caller waits for the final response.
    pub timeout: Duration,
}

/// What becomes of a publication when the daemon stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStop {
    /// It stays at the server until its time there is over.
    Keep,
    /// It is withdrawn.
    Remove,
}

/// What `pua:list` shall show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListFilter {
    /// Only this presentity.
    pub presentity: Option<String>,
    /// Only this event package.
    pub package: Option<Package>,
    /// Only this state: `queued`, `requesting`, `published`, `waiting`, `refused` or `removing`.
    pub state: Option<String>,
    /// Where the page before ended (`next` of its answer).
    pub cursor: Option<String>,
    /// At most so many entries.
    pub limit: Option<u32>,
}

/// The name by which a subscription is found: who watches whom, by which event package, and where several stand side by
/// side, an id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SubscriptionName {
    /// The URI of the presentity, or of a resource list (RFC 4662), as the application wrote it (sip, sips or pres;
    /// checked).
    pub presentity: String,
    /// The watcher's URI (sip, sips or pres; checked).
    pub watcher: String,
    /// The event package.
    pub package: Package,
    /// Which of several subscriptions of the three.
    pub id: Option<String>,
}

/// A subscribe command, or a fetch.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscribe {
    /// Which subscription.
    pub name: SubscriptionName,
    /// How long it shall stand.
    pub lifetime: Lifetime,
    /// Headers to add to the SUBSCRIBE, checked.
    pub extra_headers: Option<ExtraHeaders>,
    /// Where to send the SUBSCRIBE instead of the configured next hop (a sip or sips URI).
    pub outbound_proxy: Option<String>,
    /// The presentities of a list that the request itself contains (RFC 5367), each once; empty: none.
    pub members: Vec<String>,
    /// Answer with the bodies as they were received, too.
    pub raw: bool,
    /// When to answer.
    pub wait: Wait,
    /// How long the caller waits for the first NOTIFY.
    pub timeout: Duration,
}

/// A held subscription that shall end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionTarget {
    /// Which subscription.
    pub name: SubscriptionName,
    /// When to answer.
    pub wait: Wait,
    /// How long the caller waits for the notifier's word.
    pub timeout: Duration,
}

/// What `pua:subscriptions` shall show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscriptionFilter {
    /// Only to this presentity.
    pub presentity: Option<String>,
    /// Only of this watcher.
    pub watcher: Option<String>,
    /// Only of this event package.
    pub package: Option<Package>,
    /// Only in this state: `notify_wait`, `pending`, `active` or `terminated`.
    pub state: Option<String>,
    /// Where the page before ended (`next` of its answer).
    pub cursor: Option<String>,
    /// At most so many entries.
    pub limit: Option<u32>,
}

/// What `pua:state` shall show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateQuery {
    /// Of which presentity.
    pub presentity: String,
    /// Only by this event package.
    pub package: Option<Package>,
    /// Show the bodies as they were received, too.
    pub raw: bool,
}

/// `event_subscribe`: where an event shall be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSubscribe {
    /// The event's name as it was given: `E_PUA_NOTIFY`.
    pub event: String,
    /// The socket as it was given: `udp:127.0.0.1:8888`, `unix:/run/app.sock`, `tcp:127.0.0.1:9000`.
    pub socket: String,
    /// For how many seconds; 0: no more. [`EventSubscribe::DEFAULT_EXPIRE`] when it was not said.
    pub expire: u32,
}

impl EventSubscribe {
    /// The lifetime of an event subscription that names none, in seconds.
    pub const DEFAULT_EXPIRE: u32 = 3600;
}

/// What `subscribers_list` shall show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscribersFilter {
    /// Only of this event.
    pub event: Option<String>,
    /// Only this socket of it.
    pub socket: Option<String>,
}

/// `pua:watch`: which events, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watch {
    /// Only about this presentity.
    pub presentity: Option<String>,
    /// Only of this watcher's subscriptions.
    pub watcher: Option<String>,
    /// Only of this event package.
    pub package: Option<Package>,
    /// Only events of these kinds, as they were written; empty: all.
    pub kinds: Vec<String>,
    /// Leave out what says nothing new.
    pub changed_only: bool,
    /// With the bodies as they were received.
    pub raw: bool,
    /// Go on behind the event of this number.
    pub cursor: Option<String>,
    /// Begin with the present state; `None`: not said.
    pub snapshot: Option<bool>,
}

/// How much the daemon logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
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
