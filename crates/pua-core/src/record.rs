//! What is written to the store and read from it: publications, subscriptions, and the changes to
//! them.

use std::sync::Arc;
use std::time::Instant;

use crate::command::{Document, OnStop, Proxy, PublicationName, SubscriptionName};

/// A change to the durable state.
#[derive(Clone, Debug)]
pub enum Change {
    /// The publication is now this.
    Put(Box<PublicationRecord>),
    /// Only what the server granted has changed.
    Granted {
        /// Which publication.
        key: u64,
        /// The entity-tag; `None`: the server holds nothing of ours.
        etag: Option<Arc<str>>,
        /// When the grant ends.
        expires_at: Option<Instant>,
        /// How many seconds longer the server takes it to last, by its own words.
        surplus: u32,
        /// The revision that the server has; 0: none.
        revision: u64,
        /// The CSeq number of the last request.
        cseq: u32,
        /// What holds the next request back.
        setback: Option<Box<Setback>>,
    },
    /// The publication is no more.
    Delete {
        /// Which publication.
        key: u64,
    },
    /// The subscription that is wanted is now this.
    PutSubscription(Box<SubscriptionRecord>),
    /// The dialog usages of a subscription are now these, and no others.
    Dialogs {
        /// Which subscription.
        key: u64,
        /// The Call-ID of them all (RFC 6665 §4.4.1).
        call_id: Arc<str>,
        /// Our tag in them all.
        from_tag: Arc<str>,
        /// The dialog usages; empty: there is none.
        dialogs: Vec<DialogRecord>,
        /// What holds the next SUBSCRIBE back, if there is no dialog usage.
        setback: Option<Box<Setback>>,
    },
    /// The subscription is wanted no more.
    DeleteSubscription {
        /// Which subscription.
        key: u64,
    },
}

/// What has been refused, or must wait, and so is not tried again by a restart (RFC 3261 §21.4.4,
/// §20.33; RFC 6665 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setback {
    /// The status code of the last final response, or of what stood for it.
    pub code: u16,
    /// Its reason phrase.
    pub reason: Arc<str>,
    /// The notifier's reason for ending a subscription.
    pub termination: Option<Arc<str>>,
    /// When it came.
    pub at: Instant,
    /// When it is tried again; `None`: it is refused.
    pub retry_at: Option<Instant>,
    /// The wait is the server's wish, so no command shortens it.
    pub held_off: bool,
    /// Whom the request was for, by its destination: another one has not refused anything.
    pub next_hop: Arc<str>,
}

impl Setback {
    /// Whether it still counts for requests to `next_hop`. Wrong credentials do not: the
    /// configuration has been read anew.
    pub(crate) fn holds(&self, now: Instant, next_hop: &str) -> bool {
        match self.retry_at {
            Some(at) => at > now && *self.next_hop == *next_hop,
            None if self.termination.is_some() => true,
            None => !matches!(self.code, 401 | 407) && *self.next_hop == *next_hop,
        }
    }
}

/// What is needed to go on in a dialog usage after a restart (RFC 3261 §12, RFC 6665 §4.4). Not the
/// entity-tag of the last NOTIFY (RFC 5839): the state that it stands for is not kept, so the next
/// NOTIFY must bring all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogRecord {
    /// The notifier's tag.
    pub remote_tag: Box<str>,
    /// The notifier's Contact, byte for byte.
    pub target: Arc<str>,
    /// The route set, in the order in which it is used.
    pub routes: Box<[Box<str>]>,
    /// The CSeq number of our last request in it.
    pub cseq: u32,
    /// The CSeq number of the notifier's last request that was written down.
    pub remote_cseq: u32,
    /// `active`, not `pending`.
    pub active: bool,
    /// When it ends unless it is refreshed.
    pub expires_at: Instant,
}

/// Everything that is needed to take a subscription up again.
#[derive(Clone, Debug)]
pub struct SubscriptionRecord {
    /// A number given by the user agent, never used twice in one store; publications have others.
    pub key: u64,
    /// Its name.
    pub name: Arc<SubscriptionName>,
    /// Further header lines.
    pub headers: Arc<str>,
    /// The next hop, if the application named one.
    pub proxy: Option<Proxy>,
    /// The presentities of a list that the request contains.
    pub members: Arc<[Arc<str>]>,
    /// When it shall end; `None`: until further notice.
    pub until: Option<Instant>,
    /// The Call-ID of its dialog usages; empty if it has none.
    pub call_id: Arc<str>,
    /// Our tag in them.
    pub from_tag: Arc<str>,
    /// Its dialog usages.
    pub dialogs: Vec<DialogRecord>,
    /// It is wanted no more, and its notifiers are still to be told.
    pub ending: bool,
    /// What holds the next SUBSCRIBE back, if there is no dialog usage.
    pub setback: Option<Box<Setback>>,
}

/// Everything that is needed to take a publication up again.
#[derive(Clone, Debug)]
pub struct PublicationRecord {
    /// A number given by the user agent, never used twice in one store.
    pub key: u64,
    /// Its name.
    pub name: PublicationName,
    /// The document.
    pub document: Option<Document>,
    /// Further header lines.
    pub headers: Arc<str>,
    /// The next hop, if the application named one.
    pub proxy: Option<Proxy>,
    /// When it shall end; `None`: until further notice.
    pub until: Option<Instant>,
    /// The application has withdrawn it, and the server is still to be told.
    pub removing: bool,
    /// How often the application has changed it.
    pub revision: u64,
    /// The revision that brought the present document and headers.
    pub document_revision: u64,
    /// What becomes of it at the server when the daemon stops; `None`: what the configuration says.
    pub on_stop: Option<OnStop>,
    /// The revision that the server has.
    pub published_revision: u64,
    /// The entity-tag the server gave last.
    pub etag: Option<Arc<str>>,
    /// When the server's grant ends.
    pub expires_at: Option<Instant>,
    /// How many seconds longer the server takes it to last, by its own words.
    pub surplus: u32,
    /// The Call-ID of its requests.
    pub call_id: Arc<str>,
    /// The CSeq number of its last request.
    pub cseq: u32,
    /// What holds the next request back.
    pub setback: Option<Box<Setback>>,
}
