//! What an operator can see of the publications.

use std::time::Instant;

use sip_transaction::Hop;

use crate::command::{Document, Proxy, PublicationName};

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
    /// Where requests go.
    pub next_hop: Option<Hop>,
    /// The Call-ID of its requests.
    pub call_id: std::sync::Arc<str>,
    /// The CSeq number of the last request.
    pub cseq: u32,
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
