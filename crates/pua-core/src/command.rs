//! What applications ask of the user agent.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

/// Names one command of an application, so that its reply finds the way back. Chosen by the
/// program; must be unique among the commands that have not been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommandId(pub u64);

/// What names a publication: the presentity, the event package, and among several publications
/// of the two the application's own `id`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicationName {
    /// The presentity's URI as the application writes it: the Request-URI of each PUBLISH
    /// (RFC 3903 §4.1). Two spellings that are equal by RFC 3261 §19.1.4 name one presentity.
    pub presentity: Arc<str>,
    /// The event package with its parameters, as in an Event header: `presence`, `dialog;sla`.
    pub package: Arc<str>,
    /// Tells several publications of one presentity and package apart.
    pub id: Option<Arc<str>>,
}

/// Published information: the body of a PUBLISH and its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The value of Content-Type; empty if the body is empty.
    pub content_type: Arc<str>,
    /// The body, passed on byte for byte.
    pub body: Bytes,
}

/// How long the application wants the information to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// So many seconds from now, at least one; then it ends, at the server too.
    Seconds(u32),
    /// Until told otherwise.
    UntilFurtherNotice,
    /// `publish.default_expires` seconds.
    Default,
}

/// The next hop of requests for a presentity, in place of the domain of its URI.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// A SIP URI. With an `lr` parameter it also goes into a Route header (RFC 3261 §8.1.2).
    pub uri: Arc<str>,
}

/// When the application wants its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// With the server's final response.
    Final,
    /// Once the state is safe with us: as soon as the `Persist`s of the turn are committed.
    Accepted,
    /// Never: no reply is made.
    None,
}

/// What becomes of a publication at the server when the daemon stops gracefully.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnStop {
    /// It stays there until its grant ends, and the next life takes it up again.
    Keep,
    /// It is withdrawn.
    Remove,
}

/// Make the published state of a presentity this.
#[derive(Clone, Debug)]
pub struct Publish {
    /// Which publication; made if it is not there.
    pub name: PublicationName,
    /// How long it shall stand.
    pub lifetime: Lifetime,
    /// The new document; `None` keeps the held one.
    pub document: Option<Document>,
    /// The entity-tag that the application believes to be the held one.
    pub if_match: Option<Arc<str>>,
    /// Further header lines, validated: each ends in CRLF, none is one the user agent owns.
    pub headers: Arc<str>,
    /// The next hop for this publication; `None`: the configured one, or the one given before.
    pub proxy: Option<Proxy>,
    /// What becomes of it when the daemon stops; `None`: what was said before, or else what the
    /// configuration says.
    pub on_stop: Option<OnStop>,
    /// When to answer.
    pub wait: Wait,
    /// How long to wait for the server's final response before answering 408.
    pub timeout: Duration,
}

/// A held publication that a command is about, and how to answer.
#[derive(Clone, Debug)]
pub struct Target {
    /// Which publication.
    pub name: PublicationName,
    /// The entity-tag that the application believes to be the held one.
    pub if_match: Option<Arc<str>>,
    /// When to answer.
    pub wait: Wait,
    /// How long to wait for the server's final response before answering 408.
    pub timeout: Duration,
}

/// What names a subscription: whose state, who watches, by which event package, and among several
/// of the three the application's own `id`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionName {
    /// The presentity's URI, or that of a resource list (RFC 4662), as the application writes it:
    /// the Request-URI of the first SUBSCRIBE. Two spellings that are equal by RFC 3261 §19.1.4
    /// name one presentity.
    pub presentity: Arc<str>,
    /// Who watches: the From of each SUBSCRIBE, and of nothing else.
    pub watcher: Arc<str>,
    /// The event package with its parameters, as in an Event header.
    pub package: Arc<str>,
    /// Tells several subscriptions of one watcher to one presentity and package apart.
    pub id: Option<Arc<str>>,
}

/// Watch a presentity: now and for as long as is said.
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// Which subscription; made if it is not there, else refreshed with the new lifetime.
    pub name: SubscriptionName,
    /// How long it shall stand. A fetch has none.
    pub lifetime: Lifetime,
    /// Further header lines, validated: each ends in CRLF, none is one the user agent owns.
    pub headers: Arc<str>,
    /// The next hop of the first SUBSCRIBE; `None`: the configured one.
    pub proxy: Option<Proxy>,
    /// The presentities of a list that the request itself contains (RFC 5367); empty: none.
    pub members: Arc<[Arc<str>]>,
    /// When to answer: [`Wait::Final`] is with the first NOTIFY, since only that tells what the
    /// subscription is worth (RFC 6665 §4.1.2.1), or with the refusal.
    pub wait: Wait,
    /// How long to wait for that before answering 408.
    pub timeout: Duration,
}

/// A held subscription that a command is about, and how to answer.
#[derive(Clone, Debug)]
pub struct SubscriptionTarget {
    /// Which subscription.
    pub name: SubscriptionName,
    /// When to answer: [`Wait::Final`] is when the notifier has said that it is over.
    pub wait: Wait,
    /// How long to wait for that before answering 408.
    pub timeout: Duration,
}

/// A command of an application. Each gets exactly one [`Reply`](crate::Reply), unless it asked
/// for none.
#[derive(Clone, Debug)]
pub enum Command {
    /// Publish, or change what is published (RFC 3903 §4.2, §4.4).
    Publish(Publish),
    /// Withdraw a publication (RFC 3903 §4.5).
    Remove(Target),
    /// Refresh a publication now (RFC 3903 §4.3).
    Refresh(Target),
    /// Watch a presentity (RFC 6665 §4.1.2.1), or go on watching it (§4.1.2.2).
    Subscribe(Subscribe),
    /// Watch it no more (RFC 6665 §4.1.2.3).
    Unsubscribe(SubscriptionTarget),
    /// Ask once for the present state (RFC 6665 §4.4.3). The lifetime is of no account.
    Fetch(Subscribe),
}

impl Command {
    /// Whose state it is about: the presentity's URI as the application writes it.
    #[must_use]
    pub fn presentity(&self) -> &str {
        match self {
            Command::Publish(publish) => &publish.name.presentity,
            Command::Remove(target) | Command::Refresh(target) => &target.name.presentity,
            Command::Subscribe(subscribe) | Command::Fetch(subscribe) => &subscribe.name.presentity,
            Command::Unsubscribe(target) => &target.name.presentity,
        }
    }

    /// When the application wants its answer.
    pub(crate) fn wait(&self) -> Wait {
        match self {
            Command::Publish(publish) => publish.wait,
            Command::Remove(target) | Command::Refresh(target) => target.wait,
            Command::Subscribe(subscribe) | Command::Fetch(subscribe) => subscribe.wait,
            Command::Unsubscribe(target) => target.wait,
        }
    }
}
