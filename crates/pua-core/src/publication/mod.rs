//! One publication: what the application wants, what the server granted, and the request that
//! follows from the two (RFC 3903 §4).
//!
//! ```text
//!  command ──► Queued ──► Requesting ──2xx──► Published ──refresh due──► Queued
//!                ▲            │  │ ▲               │
//!                │            │  │ └─ challenge, 412, 423, 3xx, next server: same exchange
//!                │            │  └──no for good──► Refused ──new command──► Queued
//!                └─retry due── Waiting ◄──later────┘
//! ```
//!
//! There are no flags of things pending: [`Publication::operation`] is a pure function of
//! [`Intent`] and [`Granted`]. A publication that has ended is taken out of the table.

mod document;
mod pause;
pub(crate) mod response;
mod shared;

pub(crate) use document::{Carried, HeldDocument};
pub(crate) use pause::Pause;
pub(crate) use shared::{Cause, Desire, Last};

use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_wire::reason_phrase;
use smallvec::SmallVec;

use crate::command::{OnStop, Proxy, PublicationName};
use crate::output::Next;
use crate::passage::Passage;
use crate::schedule::Patience;

/// So long before its end a grant is refreshed whose new state must wait, if it lasts twice as long.
const MARGIN: Duration = Duration::from_secs(10);

/// Whether the application wants the information to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Until then, or until further notice.
    Stand { until: Option<Instant> },
    /// Not any more, since its lifetime is over; the server is still to be told.
    Over { until: Instant },
    /// Not any more, since the application has withdrawn it.
    Gone,
}

impl Wanted {
    /// Whether it shall stand.
    pub(crate) fn stands(self) -> bool {
        matches!(self, Wanted::Stand { .. })
    }
}

/// How a publication's life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The application withdrew it.
    Removed,
    /// The lifetime that was asked for is over.
    Expired,
}

/// What the application asked for. Only a command changes it.
pub(crate) struct Intent {
    pub(crate) document: Option<HeldDocument>,
    pub(crate) wanted: Wanted,
    /// Grows with every command.
    pub(crate) revision: u64,
    /// The revision that brought the present document and headers.
    pub(crate) document_revision: u64,
}

/// What the server granted: soft state, always replaceable.
pub(crate) struct Granted {
    /// `None`: the server gave no usable entity-tag, so that the state cannot be refreshed, only
    /// published anew.
    pub(crate) etag: Option<Box<str>>,
    /// The granted lifetime in seconds, never more than asked.
    pub(crate) expires: u32,
    /// How many seconds longer the server takes it to last, by its own words.
    pub(crate) surplus: u32,
    /// When we take the grant to be over.
    pub(crate) expires_at: Instant,
    /// The revision that the server has.
    pub(crate) revision: u64,
}

impl Granted {
    /// When the server takes it to be over: it may give more than was asked for.
    pub(crate) fn server_until(&self) -> Instant {
        self.expires_at + Duration::from_secs(u64::from(self.surplus))
    }
}

/// What few publications have.
#[derive(Default)]
pub(crate) struct Unusual {
    /// Further header lines; empty: none.
    pub(crate) headers: Arc<str>,
    /// The next hop that the application named.
    pub(crate) proxy: Option<Proxy>,
    /// What becomes of it when the daemon stops; `None`: what the configuration says.
    pub(crate) on_stop: Option<OnStop>,
    /// When new state was sent last, where that is limited.
    pub(crate) changed_at: Option<Instant>,
    /// The reason phrase of the last final response, if it is not the registered one.
    pub(crate) reason: Option<Arc<str>>,
}

/// The operations of RFC 3903 §4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// §4.2: body, no entity-tag.
    Initial,
    /// §4.3: entity-tag, no body.
    Refresh(Box<str>),
    /// §4.4: entity-tag and body.
    Modify(Box<str>),
    /// §4.5: entity-tag, no body, Expires 0.
    Remove(Box<str>),
}

impl Operation {
    /// The entity-tag for SIP-If-Match.
    pub(crate) fn entity_tag(&self) -> Option<&str> {
        match self {
            Operation::Initial => None,
            Operation::Refresh(etag) | Operation::Modify(etag) | Operation::Remove(etag) => Some(etag),
        }
    }

    /// Whether the document goes along.
    pub(crate) fn has_body(&self) -> bool {
        matches!(self, Operation::Initial | Operation::Modify(_))
    }
}

/// Where the publication stands.
pub(crate) enum State {
    /// Waits for the presentity's turn, or for the paced rate.
    Queued { cause: Cause },
    /// A PUBLISH is under way.
    Requesting(Box<Exchange>),
    /// The server holds it; `refresh_at` is `None` when the grant lasts to the end.
    Published { refresh_at: Option<Instant> },
    /// Tried again later.
    Waiting(Pause),
    /// No for good.
    Refused,
}

/// One request with all that follows from its answers before it is final: it keeps the
/// presentity's turn throughout.
pub(crate) struct Exchange {
    /// Tells this exchange from earlier ones of the same publication.
    pub(crate) serial: u32,
    /// On whose behalf it is sent.
    pub(crate) cause: Cause,
    pub(crate) operation: Operation,
    /// The document that goes along, if the operation takes one.
    pub(crate) document: Carried,
    /// The revision it brings to the server.
    pub(crate) revision: u64,
    /// The Expires asked for, in seconds.
    pub(crate) expires: u32,
    /// The CSeq number of the request of it that left last.
    pub(crate) sent: Option<u32>,
    /// When the first copy of the latest request was sent.
    pub(crate) sent_at: Instant,
    pub(crate) passage: Passage,
    /// The server had forgotten the publication in this exchange.
    pub(crate) forgotten: bool,
    /// The publication has another next hop since the request was sent.
    pub(crate) moved: bool,
}

/// How the publication stood before: tells a recovery from a first grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    New,
    Held,
    Lost,
}

/// A publication: at rest it is this, its URI, its body and its entity-tag, and nothing else. What
/// many have in common is shared ([`Interned`](crate::interned::Interned)), what few have is apart
/// ([`Unusual`]), what an exchange needs lives with it, and Call-ID and tag follow from the key
/// ([`Random::identity_of`](crate::random::Random::identity_of)).
pub(crate) struct Publication {
    pub(crate) key: u64,
    pub(crate) name: PublicationName,
    /// Index of its presentity.
    pub(crate) presentity: u32,
    /// Index of its next hop.
    pub(crate) next_hop: u32,
    pub(crate) intent: Intent,
    pub(crate) granted: Option<Granted>,
    pub(crate) cseq: u32,
    pub(crate) state: State,
    /// Commands to answer, by their index.
    waiters: Option<Box<Waiters>>,
    /// Failures in a row, and what kind they are.
    pub(crate) failures: u32,
    pub(crate) patience: Patience,
    pub(crate) standing: Standing,
    /// The status code of the last final response, or of what stood for it.
    last_code: u16,
    last_at: Option<Instant>,
    unusual: Option<Box<Unusual>>,
}

/// Indices of commands.
pub(crate) type Waiters = SmallVec<[u32; 2]>;

impl Publication {
    /// One that has not been sent yet.
    pub(crate) fn new(
        key: u64,
        name: PublicationName,
        presentity: u32,
        next_hop: u32,
        intent: Intent,
    ) -> Self {
        Publication {
            key,
            name,
            presentity,
            next_hop,
            intent,
            granted: None,
            cseq: 0,
            state: State::Refused,
            waiters: None,
            failures: 0,
            patience: Patience::Outage,
            standing: Standing::New,
            last_code: 0,
            last_at: None,
            unusual: None,
        }
    }

    /// The commands to answer, to be changed.
    pub(crate) fn waiters(&mut self) -> &mut Waiters {
        self.waiters.get_or_insert_default()
    }

    /// Whether a command waits for an answer.
    pub(crate) fn is_awaited(&self) -> bool {
        self.waiters.as_ref().is_some_and(|waiters| !waiters.is_empty())
    }

    /// Takes the commands to answer away.
    pub(crate) fn take_waiters(&mut self) -> Waiters {
        self.waiters.take().map(|waiters| *waiters).unwrap_or_default()
    }

    /// What few publications have, to be changed.
    pub(crate) fn unusual(&mut self) -> &mut Unusual {
        self.unusual.get_or_insert_default()
    }

    /// Further header lines.
    pub(crate) fn headers(&self) -> Arc<str> {
        let unusual = self.unusual.as_ref();
        unusual.map(|unusual| unusual.headers.clone()).unwrap_or_default()
    }

    /// Sets them.
    pub(crate) fn set_headers(&mut self, headers: Arc<str>) {
        if !headers.is_empty() || self.unusual.is_some() {
            self.unusual().headers = headers;
        }
    }

    /// The next hop that the application named.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        self.unusual.as_ref()?.proxy.as_ref()
    }

    /// What becomes of it when the daemon stops; `None`: what the configuration says.
    pub(crate) fn on_stop(&self) -> Option<OnStop> {
        self.unusual.as_ref()?.on_stop
    }

    /// When new state was sent last, where that is limited.
    pub(crate) fn changed_at(&self) -> Option<Instant> {
        self.unusual.as_ref()?.changed_at
    }

    /// The last final response, or what stood for it.
    pub(crate) fn last(&self) -> Option<Last> {
        let reason = self.unusual.as_ref().and_then(|unusual| unusual.reason.clone());
        self.last_at.map(|at| Last {
            code: self.last_code,
            reason: reason.unwrap_or_else(|| Arc::from(reason_phrase(self.last_code))),
            at,
        })
    }

    /// Its code alone.
    pub(crate) fn last_code(&self) -> Option<u16> {
        self.last_at.map(|_| self.last_code)
    }

    /// There is a new one.
    pub(crate) fn set_last(&mut self, now: Instant, code: u16, reason: &Arc<str>) {
        self.last_code = code;
        self.last_at = Some(now);
        let own = (**reason != *reason_phrase(code)).then(|| reason.clone());
        if own.is_some() || self.unusual.is_some() {
            self.unusual().reason = own;
        }
    }

    /// The application replaces the document: an exchange that carries the old one keeps it.
    pub(crate) fn replace_document(&mut self, document: HeldDocument) {
        let old = self.intent.document.replace(document);
        if let State::Requesting(exchange) = &mut self.state
            && exchange.operation.has_body()
            && let Carried::Present = exchange.document
        {
            exchange.document = Carried::Replaced(old);
        }
    }

    /// The entity-tag and revision that the server still has at `now`.
    fn valid(&self, now: Instant) -> Option<(&str, u64)> {
        let granted = self.granted.as_ref().filter(|granted| granted.expires_at > now)?;
        Some((granted.etag.as_deref()?, granted.revision))
    }

    /// The request that brings the server's state nearer to what is wanted; `None`: there is
    /// nothing to ask for, since nothing is there and nothing shall be.
    pub(crate) fn operation(&self, now: Instant) -> Option<Operation> {
        match (self.intent.wanted, self.valid(now)) {
            (Wanted::Over { .. } | Wanted::Gone, None) => None,
            (Wanted::Over { .. } | Wanted::Gone, Some((etag, _))) => Some(Operation::Remove(etag.into())),
            (Wanted::Stand { .. }, None) => Some(Operation::Initial),
            (Wanted::Stand { .. }, Some((etag, revision))) if revision < self.intent.document_revision => {
                Some(Operation::Modify(etag.into()))
            }
            (Wanted::Stand { .. }, Some((etag, _))) => Some(Operation::Refresh(etag.into())),
        }
    }

    /// The operation if it may go now that new state shall go no sooner than `interval` after the
    /// last; else when there is something to do. If the grant would run out meanwhile, it is
    /// refreshed without the new state, or goes all the same where there is no entity-tag.
    pub(crate) fn spaced(
        &self,
        now: Instant,
        operation: Operation,
        interval: Duration,
    ) -> Result<Operation, Instant> {
        let next = self.changed_at().map(|at| at + interval);
        let Some(next) = next.filter(|next| *next > now && operation.has_body()) else {
            return Ok(operation);
        };
        let Some(granted) = &self.granted else {
            return Err(next);
        };
        if granted.revision >= self.intent.document_revision {
            return Ok(operation);
        }
        let left = granted.expires_at.saturating_duration_since(now);
        let margin = MARGIN.min(Duration::from_secs(u64::from(granted.expires)) / 2);
        match (left, &granted.etag) {
            _ if left.is_zero() || now + left >= next + margin => Err(next),
            _ if left > margin => Err(now + (left - margin)),
            (_, Some(etag)) => Ok(Operation::Refresh(etag.clone())),
            (_, None) => Ok(operation),
        }
    }

    /// Whether nothing is left to be done about it: it shall not stand, and the server has nothing.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        !self.intent.wanted.stands() && self.valid(now).is_none()
    }

    /// Whether the server lacks a revision.
    pub(crate) fn is_behind(&self) -> bool {
        !self.intent.wanted.stands()
            || self
                .granted
                .as_ref()
                .is_none_or(|granted| granted.revision < self.intent.revision)
    }

    /// When it ends; `None`: when told. One that is being withdrawn ends with the server's grant
    /// at the latest.
    pub(crate) fn until(&self) -> Option<Instant> {
        match self.intent.wanted {
            Wanted::Stand { until } => until,
            Wanted::Over { .. } | Wanted::Gone => self.granted.as_ref().map(|granted| granted.expires_at),
        }
    }

    /// What is told of a publication that is to be tried again at `at`.
    pub(crate) fn next_at(&self, at: Instant) -> Next {
        match self.until() {
            Some(until) if until <= at => Next::Ended,
            _ => Next::Retry { at },
        }
    }

    /// When the server loses it unless it is sent before; `now` if the server does not hold it.
    pub(crate) fn lost_at(&self, now: Instant) -> Instant {
        self.granted.as_ref().map_or(now, |granted| granted.expires_at)
    }

    /// How it has ended when nothing of it is left.
    pub(crate) fn ending(&self) -> Ending {
        match self.intent.wanted {
            Wanted::Gone => Ending::Removed,
            Wanted::Stand { .. } | Wanted::Over { .. } => Ending::Expired,
        }
    }

    /// When it needs attention next.
    pub(crate) fn due(&self) -> Option<Instant> {
        let until = self.until();
        let own = match &self.state {
            // The exchange ends by itself; an ended lifetime is seen to then.
            State::Requesting(_) => return None,
            State::Queued { .. } | State::Refused => None,
            State::Published { refresh_at } => *refresh_at,
            State::Waiting(pause) => Some(pause.retry_at),
        };
        match (own, until) {
            (Some(own), Some(until)) => Some(own.min(until)),
            (own, until) => own.or(until),
        }
    }

    /// The exchange under way, if it is this one.
    pub(crate) fn exchange(&mut self, serial: u32) -> Option<&mut Exchange> {
        match &mut self.state {
            State::Requesting(exchange) if exchange.serial == serial => Some(exchange),
            _ => None,
        }
    }
}

impl Exchange {
    /// The document that goes along: `present` is the publication's own.
    pub(crate) fn carries<'a>(&'a self, present: Option<&'a HeldDocument>) -> Option<&'a HeldDocument> {
        match &self.document {
            _ if !self.operation.has_body() => None,
            Carried::Present => present,
            Carried::Replaced(old) => old.as_ref(),
        }
    }
}
