//! How exchanges, dialog usages and subscriptions end: what comes next, and who is told
//! (RFC 6665 §4.1.2, §4.1.3).

use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_wire::Uri;

use super::outcome::{failed, known_states, outcome};
use super::subscription::{Forks, Operation, Recent, State, Subscription};
use super::usage::Doing;
use super::{Awaited, Subscriber};
use crate::core::Core;
use crate::epoch::Epoch;
use crate::failure::Failure;
use crate::output::{Event, FailureOrigin, Next, Output, Reply, SubscriptionChange};
use crate::publication::Cause;
use crate::record::Change;
use crate::schedule::{Patience, back_off, obeyed};
use crate::view::SubscriptionState;

/// How long to wait when a notifier says that it is for a while, but not for how long.
const FOR_A_WHILE: Duration = Duration::from_secs(60);
/// So often within [`AT_ONCE_WITHIN`] a subscription is made anew at once.
const AT_ONCE: u8 = 3;
const AT_ONCE_WITHIN: Duration = Duration::from_secs(60);
/// A duration that is over within this is not ended by a request.
pub(super) const OVERSHOOT: Duration = Duration::from_secs(1);

/// Whether, and when, a subscription that has ended is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anew {
    AtOnce,
    /// After so long at the least; `true`: that is the notifier's word.
    After(Duration, bool),
    /// With the patience of a failure; not before the time that the notifier named.
    Later(Option<Duration>),
    Never,
}

/// Why a dialog usage is over.
pub(super) struct Ended {
    reason: Option<Arc<str>>,
    detail: Option<String>,
    anew: Anew,
}

impl Ended {
    /// As was wanted. If it is wanted again meanwhile, it is made anew.
    pub(super) fn silently() -> Self {
        Ended {
            reason: None,
            detail: None,
            anew: Anew::AtOnce,
        }
    }

    /// For a reason of our own: made anew at once.
    pub(super) fn locally(detail: impl Into<String>) -> Self {
        Ended {
            reason: None,
            detail: Some(detail.into()),
            anew: Anew::AtOnce,
        }
    }

    /// The same when the notifier wants nothing before `hold`.
    pub(super) fn locally_until(detail: impl Into<String>, now: Instant, hold: Option<Instant>) -> Self {
        let ended = Ended::locally(detail);
        match hold.filter(|hold| *hold > now) {
            Some(hold) => Ended {
                anew: Anew::After(hold - now, true),
                ..ended
            },
            None => ended,
        }
    }

    /// By NOTIFY (RFC 6665 §4.1.3): each reason has its own consequence.
    pub(super) fn told(reason: Option<Arc<str>>, retry_after: Option<u32>) -> Self {
        let wait = retry_after.map(obeyed);
        let anew = match reason.as_deref() {
            Some("deactivated" | "timeout") => Anew::AtOnce,
            Some("probation" | "giveup") => Anew::After(wait.unwrap_or(FOR_A_WHILE), wait.is_some()),
            Some("rejected" | "noresource" | "invariant" | "badfilter") => Anew::Never,
            _ => Anew::Later(wait),
        };
        Ended {
            reason,
            detail: None,
            anew,
        }
    }
}

impl Subscriber {
    /// Takes a dialog usage away. The last of a wanted subscription is followed by a new one, as
    /// `ended` has it.
    pub(super) fn dialog_over(&mut self, now: Instant, core: &mut Core, index: u32, id: u64, ended: Ended) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        let Some(dialog) = subscription.dialogs.remove(id) else {
            return;
        };
        core.hops.leave(dialog.next_hop);
        if matches!(subscription.state, State::Trying { .. }) {
            subscription.make_past().over.push(dialog.remote_tag.clone());
        }
        let exchange = match dialog.doing {
            Doing::Requesting { exchange, .. } => Some(exchange),
            _ => None,
        };
        let unsubscribed = dialog.doing.operation() == Some(Operation::Unsubscribe);
        let past = subscription.make_past();
        if dialog.told.at.is_some() || past.known.is_none() {
            past.known = Some(dialog.told);
        }
        past.termination = ended.reason.clone();
        let last = subscription.dialogs.is_empty();
        let told = ended.detail.is_none();
        let open = match (last, subscription.state) {
            (
                true,
                State::Trying {
                    exchange,
                    timer_n,
                    until,
                },
            ) => {
                if told && !subscription.intent.fetch && subscription.takes_several_dialogs() {
                    subscription.make_past().forks = Some(Forks { timer_n, until });
                }
                exchange
            }
            _ => None,
        };
        for exchange in exchange.into_iter().chain(open) {
            self.drop_exchange(core, exchange);
        }
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        if !last {
            let change = SubscriptionChange::Terminated {
                reason: ended.reason,
                detail: ended.detail,
                next: Next::Ended,
            };
            core.outputs.push_back(Output::Event(Event::Subscription {
                name: subscription.name.clone(),
                dialog: Some(id),
                change,
            }));
            self.persist_dialogs(core, index);
            self.arm(index);
            return;
        }
        if !subscription.stands() || subscription.intent.fetch {
            self.end(now, core, index);
            return;
        }
        let fraction = core.random.fraction();
        // Wanted again while its end was under way: that end has no say in it.
        let anew = match ended.anew {
            Anew::Never | Anew::Later(None) if unsubscribed && !is_refusal(&ended.reason) => Anew::AtOnce,
            anew => anew,
        };
        let next = match anew {
            Anew::AtOnce if at_once(now, subscription) => {
                subscription.state = State::Queued {
                    cause: Cause::Ourselves,
                };
                Next::Retry { at: now }
            }
            Anew::After(wait, asked) => waiting(self.epoch, subscription, now + wait, asked),
            Anew::AtOnce => {
                let at = retry_at(now, subscription, Patience::Outage, fraction);
                waiting(self.epoch, subscription, at, false)
            }
            Anew::Later(least) => {
                let at = retry_at(now, subscription, Patience::Outage, fraction);
                let at = least.map_or(at, |least| at.max(now + least));
                waiting(self.epoch, subscription, at, least.is_some())
            }
            Anew::Never => {
                subscription.state = State::Over;
                Next::Refused
            }
        };
        let change = SubscriptionChange::Terminated {
            reason: ended.reason,
            detail: ended.detail.clone(),
            next,
        };
        core.outputs.push_back(Output::Event(Event::Subscription {
            name: subscription.name.clone(),
            dialog: None,
            change,
        }));
        let mut outcome = outcome(subscription, 200, "OK".into(), FailureOrigin::Server, next);
        outcome.state = SubscriptionState::Terminated;
        outcome.detail = ended.detail;
        if let Some(known) = subscription.past().and_then(|past| past.known.as_ref()) {
            outcome.states = known_states(self.epoch, subscription, known);
        }
        self.persist_dialogs(core, index);
        // One who wanted its end has had it, even if another wants it back; one who wants it back
        // hears of the new one.
        self.answer(core, index, Awaited::End, &outcome);
        if !unsubscribed || next == Next::Refused {
            self.answer(core, index, Awaited::State, &outcome);
        }
        if let Next::Retry { at } = next
            && at == now
        {
            self.enqueue(now, core, index, Cause::Ourselves);
        }
        self.arm(index);
    }

    /// The lifetime that was asked for is over.
    pub(super) fn lifetime_over(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        if subscription.dialogs.is_empty() {
            self.end(now, core, index);
            return;
        }
        let grace = super::timer_n(core);
        let mut lingering = smallvec::SmallVec::<[u64; 2]>::new();
        for dialog in subscription.dialogs.iter_mut() {
            match dialog.doing {
                Doing::Requesting { .. } => {}
                _ if dialog.expires_at > self.epoch.moment(now + OVERSHOOT) => lingering.push(dialog.id),
                // The notifier ends it now, and says so.
                _ => {
                    dialog.doing = Doing::NotifyWait {
                        operation: Operation::Unsubscribe,
                        timer_n: self.epoch.moment(now + grace),
                    };
                }
            }
        }
        for id in lingering {
            self.ask(now, core, index, id, Operation::Unsubscribe, Cause::Application);
        }
        self.arm(index);
    }

    /// Takes a subscription out: nothing is left of it.
    pub(super) fn end(&mut self, _now: Instant, core: &mut Core, index: u32) {
        self.forget_tag(index);
        let held = self.subscriptions.get(index as usize);
        // The graceful stop ends dialogs; what is refused or waits is so in the next life as well.
        let setback = match self.stopping {
            true => held.and_then(|subscription| self.setback(core, subscription)),
            false => None,
        };
        let Some(mut subscription) = self.subscriptions.try_remove(index as usize) else {
            return;
        };
        self.due.clear(index);
        self.lists.remove(&index);
        let dialogs = subscription.dialogs.take();
        let requesting = dialogs.iter().filter_map(|dialog| match dialog.doing {
            Doing::Requesting { exchange, .. } => Some(exchange),
            _ => None,
        });
        let open = match subscription.state {
            State::Trying { exchange, .. } => exchange,
            _ => None,
        };
        for exchange in requesting.chain(open) {
            self.drop_exchange(core, exchange);
        }
        for dialog in &dialogs {
            core.hops.leave(dialog.next_hop);
        }
        core.hops.leave(subscription.next_hop);
        if !subscription.intent.fetch {
            if let Ok(uri) = Uri::parse(&subscription.name.presentity) {
                self.subscriptions.forget_uri(&uri.key(), index);
            }
            // The graceful stop ends dialogs, not what is wanted.
            let key = subscription.key;
            core.persist(match self.stopping {
                true => Change::Dialogs {
                    key,
                    call_id: subscription.identity.call_id(),
                    from_tag: subscription.identity.own_tag(),
                    dialogs: Vec::new(),
                    setback,
                },
                false => Change::DeleteSubscription { key },
            });
            let change = SubscriptionChange::Terminated {
                reason: subscription.termination().cloned(),
                detail: None,
                next: Next::Ended,
            };
            core.outputs.push_back(Output::Event(Event::Subscription {
                name: subscription.name.clone(),
                dialog: None,
                change,
            }));
        }
        subscription.state = State::Over;
        for waiter in subscription.take_waiters() {
            self.waiters_due.clear(waiter);
            let Some(waiter) = self.waiters.try_remove(waiter as usize) else {
                continue;
            };
            let outcome = match waiter.awaited {
                Awaited::End => outcome(
                    &subscription,
                    200,
                    "OK".into(),
                    FailureOrigin::Server,
                    Next::Ended,
                ),
                Awaited::State => {
                    let why = "it was ended before a NOTIFY came".to_owned();
                    failed(&subscription, &Failure::local(487, None, why), Next::Ended)
                }
            };
            core.outputs.push_back(Output::Reply(
                waiter.command,
                Reply::Subscription(Box::new(outcome)),
            ));
        }
    }
}

/// Whether a notifier's reason says that it will not be had.
fn is_refusal(reason: &Option<Arc<str>>) -> bool {
    matches!(
        reason.as_deref(),
        Some("rejected" | "noresource" | "invariant" | "badfilter")
    )
}

/// Whether it may be made anew at once; counts that it is.
fn at_once(now: Instant, subscription: &mut Subscription) -> bool {
    match &mut subscription.make_past().recent {
        Some(recent) if recent.since + AT_ONCE_WITHIN > now => {
            recent.times = recent.times.saturating_add(1);
            recent.times <= AT_ONCE
        }
        recent => {
            *recent = Some(Recent { since: now, times: 1 });
            true
        }
    }
}

pub(super) fn waiting(epoch: Epoch, subscription: &mut Subscription, at: Instant, held_off: bool) -> Next {
    subscription.state = State::Waiting {
        retry_at: epoch.moment(at),
        held_off,
    };
    Next::Retry { at }
}

/// A back-off that grows with the failures of this subscription.
pub(super) fn retry_at(
    now: Instant,
    subscription: &mut Subscription,
    patience: Patience,
    fraction: f64,
) -> Instant {
    if subscription.patience != patience {
        subscription.failures = 0;
        subscription.patience = patience;
    }
    subscription.failures = subscription.failures.saturating_add(1);
    now + back_off(patience, subscription.failures, fraction)
}
