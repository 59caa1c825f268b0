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
        /// The revision that the server has; 0: none.
        revision: u64,
        /// The CSeq number of the last request.
        cseq: u32,
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
    },
    /// The subscription is wanted no more.
    DeleteSubscription {
        /// Which subscription.
        key: u64,
    },
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
    /// The Call-ID of its requests.
    pub call_id: Arc<str>,
    /// The CSeq number of its last request.
    pub cseq: u32,
}
