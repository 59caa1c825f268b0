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
//! Each dialog usage ([`Dialog`]) has its own deadlines; a timer is never cancelled, since
//! what is due follows from the state.

use std::sync::Arc;
use std::time::{Duration, Instant};

use event_packages::Package;
use sip_wire::reason_phrase;
use smallvec::SmallVec;

use super::SetIdentity;
use super::request::Accepted;
use super::usage::{Dialog, Dialogs, Told};
use crate::command::{Proxy, SubscriptionName};
use crate::epoch::{Epoch, Moment};
use crate::passage::Passage;
use crate::publication::{Cause, Desire, Last};
use crate::schedule::Patience;

/// How long after the final response to a fetch others may answer it where it has forked.
const GATHERING: Duration = Duration::from_millis(500);

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
        timer_n: Moment,
        /// When the duration that was asked for, and then the one that was granted, ends.
        until: Moment,
    },
    /// There are dialog usages, and no more can come.
    Established,
    /// Tried again then. `held_off`: the server, or the notifier, asked for the wait.
    Waiting { retry_at: Moment, held_off: bool },
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
    pub(super) timer_n: Moment,
    pub(super) until: Moment,
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
    /// How the last NOTIFY was answered, if it was refused.
    pub(super) refused: Option<Box<str>>,
    /// Since when it is not wanted any more: its end is under way.
    unwanted_since: Option<Moment>,
}

/// Indices of commands.
pub(super) type Waiters = SmallVec<[u32; 2]>;

/// A subscription: at rest it is this, its name, its dialog usage, what was told, and nothing
/// else. What many have in common is shared ([`Shared`](super::shared::Shared)), what few have is
/// apart ([`Past`]), and the canonical form of its URI is not kept.
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
    pub(super) dialogs: Dialogs,
    /// What is left of dialogs that are over; most have none.
    past: Option<Box<Past>>,
    /// Commands to answer, by their index.
    waiters: Option<Box<Waiters>>,
    /// Failures in a row, and what kind they are.
    pub(super) failures: u32,
    pub(super) patience: Patience,
    /// The status code of the last final response, or of what stood for it.
    last_code: u16,
    last_at: Option<Moment>,
    /// Its reason phrase, if it is not the registered one.
    reason: Option<Arc<str>>,
    /// The server has refused to hear of resource lists (420): they are not offered.
    pub(super) without_lists: bool,
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
            dialogs: Dialogs::None,
            past: None,
            waiters: None,
            failures: 0,
            patience: Patience::Outage,
            last_code: 0,
            last_at: None,
            reason: None,
            without_lists: false,
            notifies: 0,
        }
    }

    /// What it takes in NOTIFYs; `offered`: whether resource lists are offered at all.
    pub(super) fn accepted(&self, offered: bool) -> Accepted {
        Accepted::of(&self.name.package, offered && !self.without_lists)
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

    /// How the last NOTIFY was answered, if it was refused.
    pub(super) fn refused(&self) -> Option<&str> {
        self.past()?.refused.as_deref()
    }

    /// A dialog stands: what earlier ones have left counts no more, but how often it was made
    /// anew, and which must not come back.
    pub(super) fn stands_again(&mut self) {
        let Some(past) = &mut self.past else { return };
        past.termination = None;
        past.refused = None;
        if past.over.is_empty() && past.recent.is_none() && past.known.is_none() && past.forks.is_none() {
            self.past = None;
        }
    }

    /// Whether a command waits for an answer.
    pub(super) fn is_awaited(&self) -> bool {
        self.waiters.is_some()
    }

    /// One more command to answer.
    pub(super) fn add_waiter(&mut self, waiter: u32) {
        self.waiters.get_or_insert_default().push(waiter);
    }

    /// One command less.
    pub(super) fn remove_waiter(&mut self, waiter: u32) {
        let Some(waiters) = &mut self.waiters else { return };
        waiters.retain(|other| *other != waiter);
        if waiters.is_empty() {
            self.waiters = None;
        }
    }

    /// Takes the commands to answer away.
    pub(super) fn take_waiters(&mut self) -> Waiters {
        self.waiters.take().map(|waiters| *waiters).unwrap_or_default()
    }

    /// The last final response, or what stood for it.
    pub(super) fn last(&self, epoch: Epoch) -> Option<Last> {
        let at = epoch.instant(self.last_at?);
        let code = self.last_code;
        let reason = self.reason.clone();
        Some(Last {
            code,
            reason: reason.unwrap_or_else(|| Arc::from(reason_phrase(code))),
            at,
        })
    }

    /// Its code alone.
    pub(super) fn last_code(&self) -> Option<u16> {
        self.last_at.map(|_| self.last_code)
    }

    /// There is a new one.
    pub(super) fn set_last(&mut self, now: Moment, code: u16, reason: &Arc<str>) {
        self.last_code = code;
        self.last_at = Some(now);
        self.reason = (**reason != *reason_phrase(code)).then(|| reason.clone());
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

    /// It is wanted no more.
    pub(super) fn unwanted(&mut self, now: Moment) {
        if self.stands() {
            self.intent.desire = Desire::Gone;
            self.make_past().unwanted_since = Some(now);
        }
    }

    /// Since when it is wanted no more, while its end is under way.
    pub(super) fn unwanted_since(&self) -> Option<Moment> {
        self.past()?.unwanted_since.filter(|_| !self.stands())
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
        Package::parse(&self.name.package)
            .ok()
            .and_then(|package| package.registration())
            .is_some_and(|known| known.several_dialogs)
    }

    /// Of a fetch that something was told for: until when others may tell something, too. `None`:
    /// it is not one, or its SUBSCRIBE is still open.
    pub(super) fn gathers_until(&self, epoch: Epoch) -> Option<Moment> {
        let State::Trying { exchange: None, .. } = self.state else {
            return None;
        };
        if !self.intent.fetch || self.dialogs.is_empty() {
            return None;
        }
        self.last_at.map(|at| epoch.moment(epoch.instant(at) + GATHERING))
    }

    /// When it needs attention next.
    pub(super) fn due(&self, epoch: Epoch) -> Option<Instant> {
        let own = match self.state {
            State::Trying { timer_n, .. } => Some(timer_n),
            State::Waiting { retry_at, .. } => Some(retry_at),
            State::Queued { .. } | State::Established | State::Over => None,
        };
        // What a fetch has brought has no lifetime.
        let lasting = self.dialogs.iter().filter(|_| !self.intent.fetch);
        let own = own
            .into_iter()
            .chain(self.gathers_until(epoch))
            .chain(lasting.filter_map(|dialog| dialog.due()))
            .min()
            .map(|at| epoch.instant(at));
        own.into_iter().chain(self.until()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Held by the hundred thousand: what grows here costs that often.
    #[test]
    fn a_resting_subscription_is_small() {
        let (own, dialog) = (size_of::<Subscription>(), size_of::<Dialog>());
        assert!(own <= 192 && dialog <= 128, "{own} {dialog}");
    }
}
