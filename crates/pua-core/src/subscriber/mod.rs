//! The subscriber (RFC 6665 §4.1): all subscriptions, their dialog usages, and the commands that
//! wait for what a notifier tells.
//!
//! A NOTIFY makes a dialog, not the 2xx (§4.4.1); one SUBSCRIBE can make several. Between two
//! NOTIFYs a subscription is a lease like a publication, kept by the same pacing and patience.

mod answer;
mod answering;
mod command;
mod dialog;
mod durable;
mod exchange;
mod failing;
mod identity;
mod notify;
mod outcome;
mod redirect;
mod request;
mod settle;
mod shared;
mod subscription;
mod table;
mod told;
mod turns;
mod undelivered;
mod usage;
mod view;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use sip_transaction::DueTimes;
use slab::Slab;
use smallvec::SmallVec;

use crate::command::CommandId;
use crate::core::Core;
use crate::division::{Numbers, Share};
use crate::epoch::Epoch;
use crate::owner::{Owner, Role};
use crate::publication::Cause;
use settle::{Ended, OVERSHOOT};
use shared::Shared;
use subscription::{Exchange, Operation, State};
use table::Subscriptions;
use usage::Doing;

pub(crate) use exchange::contact;
pub(crate) use identity::SetIdentity;

/// What a command about a subscription waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// The next NOTIFY, or the refusal.
    State,
    /// That it is over.
    End,
}

/// A command that waits.
struct Waiter {
    command: CommandId,
    subscription: u32,
    awaited: Awaited,
}

/// All subscriptions.
pub(crate) struct Subscriber {
    /// What their moments are counted from.
    epoch: Epoch,
    /// Fetches are not among those that are found by their URI.
    subscriptions: Subscriptions,
    due: DueTimes,
    /// Which subscription the random bits of a tag of an earlier life lead to: the number in it is
    /// of that life.
    restored: HashMap<u64, u32, foldhash::fast::RandomState>,
    /// Those that have brought a list: it tells of others than its own presentity.
    lists: BTreeSet<u32>,
    shared: Shared,
    exchanges: Slab<Box<Exchange>>,
    waiters: Slab<Waiter>,
    waiters_due: DueTimes,
    pub(crate) keys: Numbers,
    next_serial: u32,
    dialog_ids: Numbers,
    /// The graceful stop ends dialogs, not what is wanted.
    stopping: bool,
}

/// Timer N: how long a NOTIFY may take after a SUBSCRIBE (RFC 6665 §4.1.2.4).
fn timer_n(core: &Core) -> Duration {
    core.config.timers.t1 * 64
}

fn owner(exchange: u32, serial: u32) -> u64 {
    Owner {
        role: Role::Subscriber,
        index: exchange,
        serial,
    }
    .into()
}

impl Subscriber {
    pub(crate) fn new(now: Instant, share: Share) -> Self {
        Subscriber {
            epoch: Epoch::new(now),
            subscriptions: Subscriptions::default(),
            due: DueTimes::new(now),
            restored: HashMap::default(),
            lists: BTreeSet::new(),
            shared: Shared::new(),
            exchanges: Slab::new(),
            waiters: Slab::new(),
            waiters_due: DueTimes::new(now),
            keys: Numbers::new(share),
            next_serial: 1,
            dialog_ids: Numbers::new(share),
            stopping: false,
        }
    }

    /// How many subscriptions are held, fetches included.
    pub(crate) fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// How many commands wait for an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.waiters.len()
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        match (self.due.next(), self.waiters_due.next()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Whether nothing is under way and nobody waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiters.is_empty()
            && self.exchanges.is_empty()
            // What is being ended is told so by its notifier.
            && self.subscriptions.iter().all(|(_, subscription)| subscription.stands())
    }

    /// Does what has become due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, core: &mut Core) {
        while let Some(index) = self.due.pop(now) {
            self.subscription_due(now, core, index);
            self.arm(index);
        }
        while let Some(waiter) = self.waiters_due.pop(now) {
            self.waiter_due(now, core, waiter);
        }
    }

    fn subscription_due(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        if subscription.until().is_some_and(|until| until <= now) {
            subscription.unwanted(self.epoch.moment(now));
            self.lifetime_over(now, core, index);
            return;
        }
        let moment = self.epoch.moment(now);
        if subscription
            .gathers_until(self.epoch)
            .is_some_and(|at| at <= moment)
        {
            self.gathered(now, core, index);
            return;
        }
        match subscription.state {
            State::Waiting { retry_at, .. } if retry_at <= moment => {
                self.enqueue(now, core, index, Cause::Ourselves);
            }
            State::Trying { timer_n, .. } if timer_n <= moment => self.no_notify(now, core, index),
            _ => {}
        }
        let due: SmallVec<[u64; 4]> = match self.subscriptions.get(index as usize) {
            Some(subscription) => subscription
                .dialogs
                .iter()
                .filter(|_| !subscription.intent.fetch)
                .filter(|dialog| dialog.due().is_some_and(|at| at <= moment))
                .map(|dialog| dialog.id)
                .collect(),
            None => return,
        };
        for dialog in due {
            self.dialog_due(now, core, index, dialog);
        }
    }

    fn dialog_due(&mut self, now: Instant, core: &mut Core, index: u32, id: u64) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        let moment = self.epoch.moment(now);
        let wanted = subscription.stands();
        let until = subscription.until().filter(|_| subscription.dialogs.len() == 1);
        let refused = subscription.refused().map(str::to_owned);
        let Some(dialog) = subscription.dialog(id) else {
            return;
        };
        match dialog.doing {
            Doing::NotifyWait {
                operation: Operation::Unsubscribe,
                timer_n,
            } if timer_n <= moment => {
                // R6665-55: long enough.
                self.dialog_over(now, core, index, id, Ended::silently());
            }
            Doing::NotifyWait { timer_n, .. }
            | Doing::Requesting {
                timer_n: Some(timer_n),
                ..
            } if timer_n <= moment => {
                let why = match refused {
                    Some(refused) => format!("the NOTIFY after the refresh was refused: {refused}"),
                    None => "no NOTIFY came after the refresh".to_owned(),
                };
                self.dialog_over(now, core, index, id, Ended::locally(why));
            }
            // What is left of the wanted lifetime is not worth a subscription of its own.
            _ if dialog.expires_at <= moment && until.is_some_and(|until| until <= now + OVERSHOOT) => {
                subscription.unwanted(self.epoch.moment(now));
                self.lifetime_over(now, core, index);
            }
            _ if dialog.expires_at <= moment => {
                let why = "it was not refreshed in time";
                let ended = Ended::locally_until(why, now, dialog.hold());
                self.dialog_over(now, core, index, id, ended);
            }
            Doing::Resting if dialog.refresh_at.is_some_and(|at| at <= moment) && wanted => {
                self.ask(now, core, index, id, Operation::Refresh, Cause::Ourselves);
            }
            // It was to be ended in an earlier life.
            Doing::Resting if dialog.refresh_at.is_some_and(|at| at <= moment) => {
                self.ask(now, core, index, id, Operation::Unsubscribe, Cause::Ourselves);
            }
            _ => {}
        }
    }

    /// Sets the due time anew from the state.
    fn arm(&mut self, index: u32) {
        let subscription = self.subscriptions.get(index as usize);
        match subscription.and_then(|subscription| subscription.due(self.epoch)) {
            Some(at) => self.due.set(index, at),
            None => self.due.clear(index),
        }
    }

    fn exchange(&mut self, owner: Owner) -> Option<&mut Exchange> {
        self.exchanges
            .get_mut(owner.index as usize)
            .map(|exchange| &mut **exchange)
            .filter(|exchange| exchange.serial == owner.serial)
    }
}
