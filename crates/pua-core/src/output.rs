//! What goes into the user agent and what comes out: plain data.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_transaction::{Flow, Hop, Transmit};

use bytes::Bytes;
use event_packages::Document as EventDocument;

use crate::command::{Command, CommandId, PublicationName, SubscriptionName};
use crate::config::Config;
use crate::record::{Change, PublicationRecord, SubscriptionRecord};
use crate::view::SubscriptionState;

/// A question that needs the world outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Query {
    /// The addresses (A and AAAA) of a host; answer with [`Input::Resolved`].
    Addresses {
        /// A host name.
        host: Arc<str>,
    },
    /// The address of this machine from which `towards` is reached, by the routing table; answer
    /// with [`Input::Source`]. Asked when a listener is bound to the unspecified address, since
    /// Via and Contact must name a real one.
    Source {
        /// The address to reach.
        towards: IpAddr,
    },
}

/// Why a host's addresses are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolveError {
    /// The name does not exist, or has no address.
    NotFound,
    /// No answer could be had; it may be different later.
    Unavailable,
}

/// Why nothing can be sent to a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Refused: a TCP reset of the attempt to connect, or ICMP port unreachable.
    Refused,
    /// ICMP host, network or protocol unreachable, or no route.
    NoRoute,
    /// No connection within the time allowed.
    ConnectTimeout,
    /// The connection was closed, or broke, while requests were under way.
    Closed,
    /// The datagram is too large to be sent.
    TooLarge,
}

/// One thing that has happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// Nothing but the time.
    Timeout,
    /// A datagram, or one message cut from a stream.
    Received {
        /// Where it came in.
        flow: &'a Flow,
        /// The message.
        bytes: &'a [u8],
    },
    /// What was sent to `hop` did not arrive, and what is sent now will not either.
    Unreachable {
        /// The hop.
        hop: Hop,
        /// On a stream: the connection that is gone, if there was one.
        connection: Option<u64>,
        /// Why.
        why: Unreachable,
    },
    /// The resolver's answer: the addresses in the order to try them, and how long they hold.
    Resolved {
        /// The host name that was asked for.
        host: Arc<str>,
        /// The answer.
        answer: Result<(Vec<IpAddr>, Duration), ResolveError>,
    },
    /// The routing table's answer.
    Source {
        /// What was asked.
        towards: IpAddr,
        /// Our address on that way; `None`: there is no way.
        source: Option<IpAddr>,
    },
    /// A command of an application.
    Command(CommandId, Command),
    /// The configuration has changed: refused publications are tried again.
    Configure(Config),
    /// A publication of an earlier life, read from the store.
    Restore(PublicationRecord),
    /// A subscription of an earlier life, read from the store: taken up in the dialogs whose time
    /// still runs, by a refresh in each (RFC 6665 §4.1.2.2); made anew without one. All at the
    /// paced rate.
    RestoreSubscription(SubscriptionRecord),
}

/// One thing to do.
#[derive(Debug)]
pub enum Output {
    /// Send this, now.
    Transmit(Transmit),
    /// Ask the resolver or the routing table.
    Resolve(Query),
    /// Write this to the store before the replies and events of the turn are released.
    Persist(Change),
    /// Answer a command.
    Reply(CommandId, Reply),
    /// Tell whoever listens.
    Event(Event),
}

/// Whether a response came from a server or was made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureOrigin {
    /// The response is the server's.
    Server,
    /// Timer F, or the application's own timeout, ran out.
    Timeout,
    /// The transport failed, or the server's name has no address (RFC 3261 §8.1.3.1).
    Transport,
    /// It was not sent at all, for a reason that `detail` tells.
    Local,
}

/// What the user agent does next about the publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is published and kept.
    Held,
    /// It is over: removed, or its time has run out.
    Ended,
    /// Nothing, until a new command or a changed configuration.
    Refused,
    /// It is tried again by itself.
    Retry {
        /// When, at the earliest.
        at: Instant,
    },
}

/// How a command ended, with the SIP evidence.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The status code of the final response, or the one that stands for a local failure
    /// (408, 503).
    pub code: u16,
    /// The reason phrase: UTF-8 and without control characters.
    pub reason: Arc<str>,
    /// Who made the response.
    pub origin: FailureOrigin,
    /// The entity-tag (2xx).
    pub etag: Option<Arc<str>>,
    /// The granted lifetime in seconds (2xx); 0 after a removal.
    pub expires: Option<u32>,
    /// What happened, in words, when code and reason do not tell.
    pub detail: Option<String>,
    /// The first Warning header's text.
    pub warning: Option<String>,
    /// Retry-After in seconds.
    pub retry_after: Option<u32>,
    /// The packages that the server supports (489).
    pub allow_events: Option<String>,
    /// What happens next.
    pub next: Next,
    /// Who answered, or did not.
    pub server: Option<Hop>,
    /// The Call-ID of the request: evidence of a failure. Empty if none was sent, or if the server
    /// answered with a 2xx.
    pub call_id: Arc<str>,
    /// The CSeq number of the request.
    pub cseq: u32,
}

/// Why a command was not taken at all. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The entity-tag is not the held one's.
    WrongEntityTag,
    /// There is no such publication.
    NotFound,
    /// A new publication needs a document.
    NoDocument,
    /// The URI cannot be published for; why.
    BadPresentity(&'static str),
    /// The proxy's URI cannot be used; why.
    BadProxy(&'static str),
    /// The document is larger than the limit, in bytes.
    DocumentTooLarge(usize),
    /// As many publications are held as may be.
    TooManyPublications(usize),
    /// The watcher's URI cannot be used; why.
    BadWatcher(&'static str),
    /// As many subscriptions are held as may be.
    TooManySubscriptions(usize),
    /// As many commands wait for an answer as may: try again soon.
    Busy,
}

/// The one answer to a command.
#[derive(Clone, Debug)]
pub enum Reply {
    /// It is safe with us ([`Wait::Accepted`](crate::Wait::Accepted)).
    Accepted,
    /// The server's final response, or what stands for it.
    Final(Outcome),
    /// How a subscription, its end, or a fetch went.
    Subscription(Box<SubscriptionOutcome>),
    /// Not taken.
    Refused(Refusal),
}

/// How a command about a subscription ended, with the SIP evidence.
#[derive(Clone, Debug)]
pub struct SubscriptionOutcome {
    /// The status code of the final response to SUBSCRIBE, or the one that stands for a local
    /// failure: 408 also when no NOTIFY came in time (Timer N, RFC 6665 §4.1.2.4).
    pub code: u16,
    /// The reason phrase: UTF-8 and without control characters.
    pub reason: Arc<str>,
    /// Who made the response.
    pub origin: FailureOrigin,
    /// Where the subscription stands.
    pub state: SubscriptionState,
    /// The reason in Subscription-State when the notifier has ended it.
    pub termination: Option<Arc<str>>,
    /// For how many seconds it stands without a refresh.
    pub expires: Option<u32>,
    /// What the notifier told: the presentity's state, or that of each member of a list.
    pub states: Vec<ResourceState>,
    /// What happened, in words, when code and reason do not tell.
    pub detail: Option<String>,
    /// The first Warning header's text.
    pub warning: Option<String>,
    /// Retry-After in seconds.
    pub retry_after: Option<u32>,
    /// The packages that the server supports (489).
    pub allow_events: Option<String>,
    /// What happens next.
    pub next: Next,
    /// Who answered, or did not.
    pub server: Option<Hop>,
    /// The Call-ID of the dialog.
    pub call_id: Arc<str>,
    /// The CSeq number of the last request; 0 if none was sent.
    pub cseq: u32,
}

/// The state of one resource as a notifier told it last.
#[derive(Clone, Debug)]
pub struct ResourceState {
    /// The presentity, or the member of a resource list.
    pub resource: Arc<str>,
    /// For a member of a list: how its subscription stands there (RFC 4662 §5.5).
    pub member: Option<Member>,
    /// The type of `body`; empty when nothing was told.
    pub content_type: Arc<str>,
    /// The last body, byte for byte; of partial state only the last part.
    pub body: Bytes,
    /// The whole state: partial documents merged; `None` when nothing was told.
    pub document: Option<Arc<EventDocument>>,
    /// When it came.
    pub at: Instant,
}

/// One member of a resource list (RFC 4662 §5.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name in the list.
    pub name: Option<Arc<str>>,
    /// `active`, `pending` or `terminated`; `None`: the list server has no subscription for it.
    pub state: Option<Arc<str>>,
    /// Why it is terminated.
    pub reason: Option<Arc<str>>,
}

/// What has become of a publication, for whoever listens.
#[derive(Clone, Debug)]
pub enum Event {
    /// A document is at the server, for the first time or changed.
    Granted {
        /// Which.
        name: PublicationName,
        /// The entity-tag.
        etag: Option<Arc<str>>,
        /// The granted lifetime in seconds.
        expires: u32,
    },
    /// The server said no for good.
    Refused {
        /// Which.
        name: PublicationName,
        /// The status code.
        code: u16,
        /// The reason phrase.
        reason: Arc<str>,
    },
    /// The server cannot be made to hold it for now; it is tried again.
    Lost {
        /// Which.
        name: PublicationName,
        /// The status code.
        code: u16,
        /// The reason phrase.
        reason: Arc<str>,
        /// When it is tried again.
        retry_at: Instant,
    },
    /// After it was lost, or the server had forgotten it (412), it is there again.
    Recovered {
        /// Which.
        name: PublicationName,
        /// The entity-tag.
        etag: Option<Arc<str>>,
        /// The granted lifetime in seconds.
        expires: u32,
    },
    /// It was withdrawn.
    Removed {
        /// Which.
        name: PublicationName,
    },
    /// The lifetime that was asked for is over.
    Expired {
        /// Which.
        name: PublicationName,
    },
    /// A subscription has changed.
    Subscription {
        /// Which.
        name: Arc<SubscriptionName>,
        /// The dialog usage, when one SUBSCRIBE has made several (RFC 6665 §4.1.4): a number that
        /// is used once. `None`: it is about the subscription as a whole.
        dialog: Option<u64>,
        /// What has changed.
        change: SubscriptionChange,
    },
    /// A notifier told the state of a resource.
    State {
        /// By which subscription.
        name: Arc<SubscriptionName>,
        /// By which dialog usage.
        dialog: u64,
        /// The state.
        state: ResourceState,
        /// Whether it is another one than before.
        changed: bool,
    },
    /// A notifier sent a body that cannot be read; the state before it stands (R6665-92).
    Unreadable {
        /// By which subscription.
        name: Arc<SubscriptionName>,
        /// By which dialog usage.
        dialog: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// How a subscription has changed.
#[derive(Clone, Debug)]
pub enum SubscriptionChange {
    /// The notifier has taken it, but has not decided whether it may be (RFC 6665 §4.1.3).
    Pending {
        /// For so many seconds.
        expires: u32,
    },
    /// It is in force.
    Active {
        /// For so many seconds.
        expires: u32,
    },
    /// It is over: as the notifier said, by a response to a refresh, or because it was not
    /// refreshed in time.
    Terminated {
        /// The reason in Subscription-State; `None`: it gave none.
        reason: Option<Arc<str>>,
        /// What ended it, in words, when it was not a NOTIFY.
        detail: Option<String>,
        /// What happens next.
        next: Next,
    },
    /// It could not be made; it is tried again.
    Retrying {
        /// The status code.
        code: u16,
        /// The reason phrase.
        reason: Arc<str>,
        /// When it is tried again.
        at: Instant,
    },
    /// It was refused for good.
    Refused {
        /// The status code.
        code: u16,
        /// The reason phrase.
        reason: Arc<str>,
    },
}
