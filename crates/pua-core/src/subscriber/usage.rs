//! One dialog usage as it is kept: what a notifier keeps for us (RFC 6665 §4.4), and what it has
//! told.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use event_packages::EventState;

use super::subscription::Operation;
use crate::epoch::{Epoch, Moment};
use crate::publication::Cause;

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
        timer_n: Option<Moment>,
    },
    /// It was answered with 2xx, the NOTIFY that must follow is awaited (§4.1.2.4).
    NotifyWait { operation: Operation, timer_n: Moment },
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
    pub(super) expires_at: Moment,
    /// The duration told last, in seconds.
    pub(super) granted: u32,
    /// When a SUBSCRIBE was sent in it last.
    pub(super) asked_at: Option<Moment>,
    /// The revision of the intent that the last SUBSCRIBE in it brought.
    pub(super) revision: u32,
    /// When it is refreshed, or tried again to be; `None`: it lasts to the end.
    pub(super) refresh_at: Option<Moment>,
    pub(super) doing: Doing,
    pub(super) told: Told,
    unusual: Option<Box<Unusual>>,
}

/// What few dialog usages have.
#[derive(Default)]
struct Unusual {
    /// Record-Route of the NOTIFY that made it, in the order received (R6665-22). Never changes.
    routes: Box<[Box<str>]>,
    /// Until when the notifier wants no other request (Retry-After).
    hold: Option<Instant>,
    /// The entity-tag of the last NOTIFY, for conditional refreshes (RFC 5839).
    etag: Option<Box<str>>,
}

/// What a notifier has told.
pub(super) struct Told {
    pub(super) state: EventState,
    /// When it was told last; `None`: nothing yet.
    pub(super) at: Option<Moment>,
}

impl Told {
    pub(super) fn nothing() -> Self {
        Told {
            state: EventState::new(),
            at: None,
        }
    }
}

/// The dialog usages of one subscription: most have none or one.
#[derive(Default)]
pub(super) enum Dialogs {
    #[default]
    None,
    One(Box<Dialog>),
    #[allow(clippy::box_collection, clippy::vec_box)] // hardly any, and small in those that have none
    Several(Box<Vec<Box<Dialog>>>),
}

impl Deref for Dialogs {
    type Target = [Box<Dialog>];

    fn deref(&self) -> &[Box<Dialog>] {
        match self {
            Dialogs::None => &[],
            Dialogs::One(dialog) => std::slice::from_ref(dialog),
            Dialogs::Several(dialogs) => dialogs,
        }
    }
}

impl DerefMut for Dialogs {
    fn deref_mut(&mut self) -> &mut [Box<Dialog>] {
        match self {
            Dialogs::None => &mut [],
            Dialogs::One(dialog) => std::slice::from_mut(dialog),
            Dialogs::Several(dialogs) => dialogs,
        }
    }
}

impl Dialogs {
    pub(super) fn push(&mut self, dialog: Dialog) {
        let dialog = Box::new(dialog);
        *self = match std::mem::take(self) {
            Dialogs::None => Dialogs::One(dialog),
            Dialogs::One(first) => Dialogs::Several(Box::new(vec![first, dialog])),
            Dialogs::Several(mut dialogs) => {
                dialogs.push(dialog);
                Dialogs::Several(dialogs)
            }
        };
    }

    /// Takes the one of this number out.
    pub(super) fn remove(&mut self, id: u64) -> Option<Box<Dialog>> {
        let at = self.iter().position(|dialog| dialog.id == id)?;
        match std::mem::take(self) {
            Dialogs::None => None,
            Dialogs::One(dialog) => Some(dialog),
            Dialogs::Several(mut dialogs) => {
                let dialog = dialogs.remove(at);
                *self = match (dialogs.len(), dialogs.pop()) {
                    (1, Some(last)) => Dialogs::One(last),
                    (_, Some(last)) => {
                        dialogs.push(last);
                        Dialogs::Several(dialogs)
                    }
                    (_, None) => Dialogs::None,
                };
                Some(dialog)
            }
        }
    }

    /// Takes all of them out.
    #[allow(clippy::vec_box)] // they are that already
    pub(super) fn take(&mut self) -> Vec<Box<Dialog>> {
        match std::mem::take(self) {
            Dialogs::None => Vec::new(),
            Dialogs::One(dialog) => vec![dialog],
            Dialogs::Several(dialogs) => *dialogs,
        }
    }
}

impl Dialog {
    /// One that stands until `expires_at`, as far as is known, and in which nothing goes on.
    pub(super) fn new(
        id: u64,
        remote_tag: Box<str>,
        target: Arc<str>,
        routes: Box<[Box<str>]>,
        next_hop: u32,
        expires_at: Moment,
    ) -> Self {
        let mut dialog = Dialog {
            id,
            remote_tag,
            target,
            next_hop,
            cseq: 0,
            remote_cseq: 0,
            active: false,
            heard: false,
            expires_at,
            granted: 0,
            asked_at: None,
            revision: 0,
            refresh_at: None,
            doing: Doing::Resting,
            told: Told::nothing(),
            unusual: None,
        };
        if !routes.is_empty() {
            dialog.unusual.get_or_insert_default().routes = routes;
        }
        dialog
    }

    /// Record-Route of the NOTIFY that made it, in the order received (R6665-22).
    pub(super) fn routes(&self) -> &[Box<str>] {
        self.unusual.as_ref().map_or(&[], |unusual| &unusual.routes)
    }

    /// Until when the notifier wants no other request (Retry-After).
    pub(super) fn hold(&self) -> Option<Instant> {
        self.unusual.as_ref()?.hold
    }

    pub(super) fn set_hold(&mut self, hold: Option<Instant>) {
        if hold.is_some() || self.unusual.is_some() {
            self.unusual.get_or_insert_default().hold = hold;
        }
    }

    /// The entity-tag of the last NOTIFY, for conditional refreshes (RFC 5839).
    pub(super) fn etag(&self) -> Option<&str> {
        self.unusual.as_ref()?.etag.as_deref()
    }

    pub(super) fn set_etag(&mut self, etag: Option<&str>) {
        if etag != self.etag() {
            self.unusual.get_or_insert_default().etag = etag.map(Box::from);
        }
    }

    /// When it needs attention next.
    pub(super) fn due(&self) -> Option<Moment> {
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
    pub(super) fn stands_until(
        &mut self,
        epoch: Epoch,
        now: Instant,
        expires_at: Instant,
        refresh_after: Duration,
    ) {
        self.expires_at = epoch.moment(expires_at);
        let left = expires_at.saturating_duration_since(now);
        self.granted = u32::try_from(left.as_secs() + u64::from(left.subsec_nanos() > 0)).unwrap_or(u32::MAX);
        self.refresh_at = Some(epoch.moment(now + refresh_after));
    }
}
