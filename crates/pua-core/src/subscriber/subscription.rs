//! One subscription: what the application wants, and the dialog usages that notifiers have made
//! for it (RFC 6665 §4.1.2).
//!
//! ```text
//!  command ──► Queued ──► Trying ──first NOTIFY, and 2xx──► Established
//!                ▲          │ ▲                                  │ last dialog usage over
//!                │          │ └─ challenge, 423, 3xx, next server│
//!                │          ├──no for good──► Over ◄──rejected──┤
//!                └retry due─ Waiting ◄──later, or no NOTIFY──────┘
//! ```
//!
//! Each dialog usage has its own deadlines inside [`Dialog`]; a timer is never cancelled, since
//! what is due follows from the state.

use std::sync::Arc;
use std::time::{Duration, Instant};

use event_packages::{EventState, Package};
use smallvec::SmallVec;

use super::SetIdentity;
use crate::command::{Proxy, SubscriptionName};
use crate::passage::Passage;
use crate::publication::{Cause, Desire, Last};
use crate::schedule::Patience;

/// What an application may have said beside the name: most have said nothing, and share that.
#[derive(Clone)]
pub(super) struct Extras {
    pub(super) headers: Arc<str>,
    pub(super) proxy: Option<Proxy>,
    /// The presentities of a list that the request contains (RFC 5367).
    pub(super) members: Arc<[Arc<str>]>,
}

/// What the application asked for. Only a command changes it.
pub(super) struct Intent {
    pub(super) extras: Arc<Extras>,
    pub(super) desire: Desire,
    /// Only the present state is wanted, once (RFC 6665 §4.4.3).
    pub(super) fetch: bool,
    /// Grows with every command that asks for a refresh.
    pub(super) revision: u32,
}

/// Where the subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Waits for the paced rate, or for its turn right now.
    Queued { cause: Cause },
    /// A first SUBSCRIBE has been sent: NOTIFYs may make dialogs until timer N fires (§4.1.2.4).
    Trying {
        /// Its exchange while there is no final response.
        exchange: Option<u32>,
        timer_n: Instant,
        /// When the duration that was asked for, and then the one that was granted, ends.
        until: Instant,
    },
    /// There are dialog usages, and no more can come.
    Established,
    /// Tried again then. `held_off`: the server, or the notifier, asked for the wait.
    Waiting { retry_at: Instant, held_off: bool },
    /// Not tried again before a new command, or a changed configuration.
    Over,
}

/// What is asked for in a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// The first SUBSCRIBE, which is in no dialog yet; of a fetch with Expires 0.
    Subscribe,
    /// §4.1.2.2
    Refresh,
    /// §4.1.2.3
    Unsubscribe,
}

/// One SUBSCRIBE with all that follows from its answers before it is final.
pub(super) struct Exchange {
    /// Tells this exchange from earlier ones at the same place.
    pub(super) serial: u32,
    /// Index of the subscription.
    pub(super) subscription: u32,
    /// The dialog usage it is sent in.
    pub(super) dialog: Option<u64>,
    pub(super) operation: Operation,
    /// The next hop in whose window it counts; `None`: it is given up for lost there.
    pub(super) counts_at: Option<u32>,
    /// The Expires asked for, in seconds.
    pub(super) expires: u32,
    /// When the first copy of the latest request was sent.
    pub(super) sent_at: Instant,
    /// Whether a request has left at all.
    pub(super) sent: bool,
    /// When the subscription ends by the word of a NOTIFY that came before the response.
    pub(super) told_until: Option<Instant>,
    /// Whether the next request has its CSeq number: it gets one when it leaves, since there must
    /// be no gaps (RFC 3261 §12.2.1.1), and keeps it from address to address.
    pub(super) numbered: bool,
    pub(super) passage: Passage,
}

/// What goes on in a dialog usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Nothing: the next due time is a refresh, or the end.
    Resting,
    /// Waits for the paced rate.
    Queued { operation: Operation, cause: Cause },
    /// A SUBSCRIBE is under way. `timer_n` is `None` once a NOTIFY has come after it.
    Requesting {
        exchange: u32,
        operation: Operation,
        timer_n: Option<Instant>,
    },
    /// It was answered with 2xx, the NOTIFY that must follow is awaited (§4.1.2.4).
    NotifyWait { operation: Operation, timer_n: Instant },
}

impl Doing {
    /// What is being asked for.
    pub(super) fn operation(self) -> Option<Operation> {
        match self {
            Doing::Resting => None,
            Doing::Queued { operation, .. }
            | Doing::Requesting { operation, .. }
            | Doing::NotifyWait { operation, .. } => Some(operation),
        }
    }
}

/// A dialog usage: what one notifier keeps for us.
pub(super) struct Dialog {
    /// A number that is used once.
    pub(super) id: u64,
    pub(super) remote_tag: Box<str>,
    /// The notifier's Contact, byte for byte (R6665-110).
    pub(super) target: Arc<str>,
    /// Record-Route of the NOTIFY that made it, in the order received (R6665-22). Never changes.
    pub(super) routes: Box<[Box<str>]>,
    /// Index of its next hop.
    pub(super) next_hop: u32,
    /// Our CSeq number.
    pub(super) cseq: u32,
    /// The notifier's.
    pub(super) remote_cseq: u32,
    /// `active`, not `pending`.
    pub(super) active: bool,
    /// A NOTIFY has come in it in this life.
    pub(super) heard: bool,
    /// When it ends unless it is refreshed.
    pub(super) expires_at: Instant,
    /// The duration told last, in seconds.
    pub(super) granted: u32,
    /// When a SUBSCRIBE was sent in it last.
    pub(super) asked_at: Option<Instant>,
    /// Until when the notifier wants no other request (Retry-After).
    pub(super) hold: Option<Instant>,
    /// The revision of the intent that the last SUBSCRIBE in it brought.
    pub(super) revision: u32,
    /// When it is refreshed, or tried again to be; `None`: it lasts to the end.
    pub(super) refresh_at: Option<Instant>,
    pub(super) doing: Doing,
    /// The entity-tag of the last NOTIFY, for conditional refreshes (RFC 5839).
    pub(super) etag: Option<Box<str>>,
    pub(super) told: Told,
}

/// What a notifier has told.
pub(super) struct Told {
    pub(super) state: EventState,
    /// When it was told last; `None`: nothing yet.
    pub(super) at: Option<Instant>,
}

impl Told {
    pub(super) fn nothing() -> Self {
        Told {
            state: EventState::new(),
            at: None,
        }
    }
}

/// How often it was made anew at once: a notifier that ends every subscription as soon as it
/// stands must not be hammered.
#[derive(Clone, Copy)]
pub(super) struct Recent {
    pub(super) since: Instant,
    pub(super) times: u8,
}

/// Of a SUBSCRIBE whose only dialog so far was ended by its notifier: others may still come from
/// where it forked (R6665-31).
pub(super) struct Forks {
    pub(super) timer_n: Instant,
    pub(super) until: Instant,
}

/// What is left of dialogs that are over.
#[derive(Default)]
pub(super) struct Past {
    pub(super) forks: Option<Forks>,
    /// The remote tags of dialogs of the present set that are over: what still comes for them
    /// must not make them anew.
    pub(super) over: Vec<Box<str>>,
    /// What they told.
    pub(super) known: Option<Told>,
    pub(super) recent: Option<Recent>,
    /// The notifier's last reason for ending it (§4.1.3).
    pub(super) termination: Option<Arc<str>>,
}

/// A subscription.
pub(super) struct Subscription {
    pub(super) key: u64,
    pub(super) name: Arc<SubscriptionName>,
    pub(super) intent: Intent,
    /// Index of the next hop of its first SUBSCRIBE.
    pub(super) next_hop: u32,
    /// Of the present set of dialogs; fresh for each (R6665-07).
    pub(super) identity: SetIdentity,
    /// The CSeq number of the last request outside a dialog.
    pub(super) cseq: u32,
    pub(super) state: State,
    #[allow(clippy::vec_box)] // most have none or one, and lists of them are moved about
    pub(super) dialogs: SmallVec<[Box<Dialog>; 1]>,
    /// What is left of dialogs that are over; most have none.
    past: Option<Box<Past>>,
    /// Commands to answer, by their index.
    pub(super) waiters: SmallVec<[u32; 1]>,
    /// Failures in a row, and what kind they are.
    pub(super) failures: u32,
    pub(super) patience: Patience,
    pub(super) last: Option<Box<Last>>,
    /// NOTIFYs taken.
    pub(super) notifies: u64,
}

impl Subscription {
    /// One that nobody has asked a server for yet.
    pub(super) fn new(key: u64, name: Arc<SubscriptionName>, intent: Intent, next_hop: u32) -> Self {
        Subscription {
            key,
            name,
            intent,
            next_hop,
            identity: SetIdentity::NONE,
            cseq: 0,
            state: State::Over,
            dialogs: SmallVec::new(),
            past: None,
            waiters: SmallVec::new(),
            failures: 0,
            patience: Patience::Outage,
            last: None,
            notifies: 0,
        }
    }

    /// What is left of earlier dialogs, if anything is.
    pub(super) fn past(&self) -> Option<&Past> {
        self.past.as_deref()
    }

    /// The same, to change it.
    pub(super) fn past_mut(&mut self) -> Option<&mut Past> {
        self.past.as_deref_mut()
    }

    /// A place for what is left of earlier dialogs.
    pub(super) fn make_past(&mut self) -> &mut Past {
        self.past.get_or_insert_default()
    }

    /// The notifier's last reason for ending it.
    pub(super) fn termination(&self) -> Option<&Arc<str>> {
        self.past()?.termination.as_ref()
    }

    /// A dialog stands: what earlier ones have left counts no more, but how often it was made
    /// anew, and which must not come back.
    pub(super) fn stands_again(&mut self) {
        let Some(past) = &mut self.past else { return };
        past.termination = None;
        if past.over.is_empty() && past.recent.is_none() && past.known.is_none() && past.forks.is_none() {
            self.past = None;
        }
    }

    /// The place that it may have in a queue is worth nothing any more.
    pub(super) fn leaves_queue(&mut self) {
        if matches!(self.state, State::Queued { .. }) {
            self.state = State::Over;
        }
    }

    /// When the application wants it to end.
    pub(super) fn until(&self) -> Option<Instant> {
        match self.intent.desire {
            Desire::Stand { until } => until,
            Desire::Gone => None,
        }
    }

    /// Whether it is wanted.
    pub(super) fn stands(&self) -> bool {
        matches!(self.intent.desire, Desire::Stand { .. })
    }

    pub(super) fn dialog(&mut self, id: u64) -> Option<&mut Dialog> {
        self.dialogs
            .iter_mut()
            .find(|dialog| dialog.id == id)
            .map(|dialog| &mut **dialog)
    }

    /// Whether one SUBSCRIBE may make several dialogs of the package (R6665-30, R6665-31).
    pub(super) fn takes_several_dialogs(&self) -> bool {
        !self.intent.fetch
            && Package::parse(&self.name.package)
                .ok()
                .and_then(|package| package.registration())
                .is_some_and(|known| known.several_dialogs)
    }

    /// When it needs attention next.
    pub(super) fn due(&self) -> Option<Instant> {
        let own = match self.state {
            State::Trying { timer_n, .. } => Some(timer_n),
            State::Waiting { retry_at, .. } => Some(retry_at),
            State::Queued { .. } | State::Established | State::Over => None,
        };
        own.into_iter()
            .chain(self.until())
            .chain(self.dialogs.iter().filter_map(|dialog| dialog.due()))
            .min()
    }
}

impl Dialog {
    /// When it needs attention next.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.doing {
            Doing::Resting => Some(
                self.refresh_at
                    .map_or(self.expires_at, |at| at.min(self.expires_at)),
            ),
            Doing::Queued { .. } => Some(self.expires_at),
            // The transaction ends by itself.
            Doing::Requesting { timer_n, .. } => timer_n,
            // An end that is awaited may come after the duration is over.
            Doing::NotifyWait {
                operation: Operation::Unsubscribe,
                timer_n,
            } => Some(timer_n),
            Doing::NotifyWait { timer_n, .. } => Some(timer_n.min(self.expires_at)),
        }
    }

    /// The duration told for it: a refresh is due well before its end.
    pub(super) fn stands_until(&mut self, now: Instant, expires_at: Instant, refresh_after: Duration) {
        self.expires_at = expires_at;
        let left = expires_at.saturating_duration_since(now);
        self.granted = u32::try_from(left.as_secs() + u64::from(left.subsec_nanos() > 0)).unwrap_or(u32::MAX);
        self.refresh_at = Some(now + refresh_after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Held by the hundred thousand: what grows here costs that often.
    #[test]
    fn a_resting_subscription_is_small() {
        let (own, dialog) = (size_of::<Subscription>(), size_of::<Dialog>());
        println!("{own} {dialog} {}", size_of::<Last>());
        assert!(own <= 208 && dialog <= 224, "{own} {dialog}");
    }
}
