//! What an operator can see of the publications.

use std::sync::Arc;
use std::time::Instant;

use sip_transaction::Hop;

use crate::command::{Document, OnStop, Proxy, PublicationName, SubscriptionName};
use crate::output::ResourceState;

/// Where a publication stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicationState {
    /// Waits for its turn: one PUBLISH at a time per Request-URI (RFC 3903 §4), or for pacing.
    Queued,
    /// A PUBLISH is under way.
    Requesting,
    /// The server holds it.
    Published,
    /// Will be tried again.
    Waiting,
    /// The server said no for good: kept for the record.
    Refused,
    /// Is being withdrawn.
    Removing,
}

impl PublicationState {
    /// The name in lower case, as in `pua:list`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            PublicationState::Queued => "queued",
            PublicationState::Requesting => "requesting",
            PublicationState::Published => "published",
            PublicationState::Waiting => "waiting",
            PublicationState::Refused => "refused",
            PublicationState::Removing => "removing",
        }
    }

    /// The state with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        use PublicationState::{Published, Queued, Refused, Removing, Requesting, Waiting};
        [Queued, Requesting, Published, Waiting, Refused, Removing]
            .into_iter()
            .find(|s| s.as_str() == name)
    }
}

/// Which publications to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this presentity only (compared by RFC 3261 §19.1.4).
    pub presentity: Option<String>,
    /// Of this package only.
    pub package: Option<String>,
    /// In this state only.
    pub state: Option<PublicationState>,
}

/// Some publications, in the order of their keys.
#[derive(Clone, Debug)]
pub struct Page {
    /// The publications.
    pub publications: Vec<PublicationView>,
    /// Where the next page begins; `None`: there is no more.
    pub next: Option<u64>,
}

/// One publication as it stands now.
#[derive(Clone, Debug)]
pub struct PublicationView {
    /// The number given by the user agent; also the cursor of lists.
    pub key: u64,
    /// Its name.
    pub name: PublicationName,
    /// Where it stands.
    pub state: PublicationState,
    /// The document.
    pub document: Option<Document>,
    /// Further header lines, each with CRLF.
    pub headers: std::sync::Arc<str>,
    /// The next hop named by the application.
    pub proxy: Option<Proxy>,
    /// The held entity-tag.
    pub etag: Option<std::sync::Arc<str>>,
    /// The lifetime the server granted last, in seconds.
    pub granted: Option<u32>,
    /// When the server's grant ends.
    pub expires_at: Option<Instant>,
    /// When it is refreshed.
    pub refresh_at: Option<Instant>,
    /// When it is tried again.
    pub retry_at: Option<Instant>,
    /// When it ends; `None`: when told.
    pub until: Option<Instant>,
    /// How often the application has changed it.
    pub revision: u64,
    /// The revision that the server has.
    pub published_revision: u64,
    /// Status code of the last final response, with who made it.
    pub last_code: Option<u16>,
    /// Its reason phrase.
    pub last_reason: Option<std::sync::Arc<str>>,
    /// When it came.
    pub last_at: Option<Instant>,
    /// What becomes of it when the daemon stops; `None`: what the configuration says.
    pub on_stop: Option<OnStop>,
    /// Where requests go.
    pub next_hop: Option<Hop>,
    /// The Call-ID of its requests.
    pub call_id: std::sync::Arc<str>,
    /// The CSeq number of the last request.
    pub cseq: u32,
}

/// Where a subscription stands (RFC 6665 §4.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionState {
    /// Asked for, or about to be; no NOTIFY has come yet.
    NotifyWait,
    /// The notifier has not decided yet.
    Pending,
    /// In force.
    Active,
    /// Over; if it is to be made anew, `retry_at` tells when.
    Terminated,
}

impl SubscriptionState {
    /// The name in lower case, as in `pua:subscriptions`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            SubscriptionState::NotifyWait => "notify_wait",
            SubscriptionState::Pending => "pending",
            SubscriptionState::Active => "active",
            SubscriptionState::Terminated => "terminated",
        }
    }

    /// The state with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        use SubscriptionState::{Active, NotifyWait, Pending, Terminated};
        [NotifyWait, Pending, Active, Terminated]
            .into_iter()
            .find(|s| s.as_str() == name)
    }
}

/// Which subscriptions to list.
#[derive(Clone, Debug, Default)]
pub struct SubscriptionFilter {
    /// To this presentity only (compared by RFC 3261 §19.1.4).
    pub presentity: Option<String>,
    /// Of this watcher only (compared as it is written).
    pub watcher: Option<String>,
    /// Of this package only.
    pub package: Option<String>,
    /// In this state only.
    pub state: Option<SubscriptionState>,
}

/// Some subscriptions.
#[derive(Clone, Debug)]
pub struct SubscriptionPage {
    /// The subscriptions.
    pub subscriptions: Vec<SubscriptionView>,
    /// Where the next page begins; `None`: there is no more.
    pub next: Option<u64>,
}

/// One subscription as it stands now.
#[derive(Clone, Debug)]
pub struct SubscriptionView {
    /// The number given by the user agent.
    pub key: u64,
    /// Its name.
    pub name: Arc<SubscriptionName>,
    /// Where it stands.
    pub state: SubscriptionState,
    /// Why it is over, in the notifier's word (RFC 6665 §4.1.3).
    pub reason: Option<Arc<str>>,
    /// Further header lines, each with CRLF.
    pub headers: Arc<str>,
    /// The next hop named by the application.
    pub proxy: Option<Proxy>,
    /// The time it stands without a refresh, as granted last, in seconds.
    pub granted: Option<u32>,
    /// When that is over.
    pub expires_at: Option<Instant>,
    /// When it is refreshed.
    pub refresh_at: Option<Instant>,
    /// When it is tried again.
    pub retry_at: Option<Instant>,
    /// When it ends; `None`: when told.
    pub until: Option<Instant>,
    /// Its dialog usages: more than one only where the package allows (RFC 6665 §5.4.9).
    pub dialogs: Vec<DialogView>,
    /// NOTIFYs taken since it was made.
    pub notifies: u64,
    /// Status code of the last final response to SUBSCRIBE.
    pub last_code: Option<u16>,
    /// Its reason phrase.
    pub last_reason: Option<Arc<str>>,
    /// When it came.
    pub last_at: Option<Instant>,
    /// Where requests go.
    pub next_hop: Option<Hop>,
    /// The Call-ID of its requests.
    pub call_id: Arc<str>,
    /// The CSeq number of the last request.
    pub cseq: u32,
}

/// One dialog usage of a subscription.
#[derive(Clone, Debug)]
pub struct DialogView {
    /// A number that is used once.
    pub id: u64,
    /// Where it stands.
    pub state: SubscriptionState,
    /// The notifier's Contact: the Request-URI of what is sent to it.
    pub remote_target: Arc<str>,
    /// When it ends if it is not refreshed.
    pub expires_at: Instant,
    /// When it is refreshed.
    pub refresh_at: Option<Instant>,
}

/// What is known of one resource, and how.
#[derive(Clone, Debug)]
pub struct StateView {
    /// By which subscription.
    pub name: Arc<SubscriptionName>,
    /// By which dialog usage; `None`: by one that is over.
    pub dialog: Option<u64>,
    /// Where the subscription stands: only of an active one is the state sure to be the present
    /// one.
    pub subscription: SubscriptionState,
    /// The state.
    pub state: ResourceState,
}

/// One counter or gauge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistic {
    /// Its name in the group `pua`: `publish_sent`.
    pub name: &'static str,
    /// Its value.
    pub value: u64,
    /// Whether it can be reset: a counter; a gauge cannot.
    pub counter: bool,
}
