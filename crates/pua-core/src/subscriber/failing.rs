//! SUBSCRIBEs that do not succeed: what comes next (RFC 6665 §4.1.2.1, §4.1.2.2, §4.1.2.4).

use std::time::Instant;

use super::outcome::failed;
use super::settle::{Ended, retry_at, waiting};
use super::subscription::{Operation, State};
use super::usage::Doing;
use super::{Awaited, Subscriber};
use crate::core::Core;
use crate::failure::Failure;
use crate::output::{Event, FailureOrigin, Next, Output, SubscriptionChange};
use crate::publication::response::Verdict;
use crate::schedule::{Patience, obeyed, waited};

/// Whether a response to a refresh ends the subscription (RFC 6665 §4.1.2.2).
pub(super) fn ends_subscription(code: u16) -> bool {
    matches!(code, 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604)
}

impl Subscriber {
    /// Timer N of a first SUBSCRIBE (R6665-24): who was to make a dialog has, or never will.
    pub(super) fn no_notify(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        let State::Trying { exchange, .. } = subscription.state else {
            return;
        };
        if subscription.intent.fetch && !subscription.dialogs.is_empty() {
            self.gathered(now, core, index);
            return;
        }
        let answered = exchange.is_none();
        let refused = subscription.refused().map(str::to_owned);
        let server = core
            .hops
            .peek(subscription.next_hop)
            .and_then(crate::next_hop::NextHop::peek);
        if !subscription.dialogs.is_empty() {
            subscription.state = State::Established;
        }
        let alone = subscription.dialogs.is_empty();
        if let Some(exchange) = exchange {
            self.drop_exchange(core, exchange);
        }
        if !alone {
            return;
        }
        let why = match refused {
            Some(refused) => format!("a NOTIFY came, but was refused: {refused}"),
            None if answered => {
                "the SUBSCRIBE was accepted, but no NOTIFY came: can the notifier reach our Contact?"
                    .to_owned()
            }
            None => "neither a final response nor a NOTIFY came".to_owned(),
        };
        let failure = Failure {
            origin: FailureOrigin::Timeout,
            ..Failure::local(408, server, why)
        };
        self.not_made(now, core, index, &failure);
    }

    /// Ends an exchange without success, and decides by the code what comes next.
    pub(super) fn fail(&mut self, now: Instant, core: &mut Core, exchange: u32, failure: Failure) {
        let Some(known) = self.exchanges.get(exchange as usize) else {
            return;
        };
        let (index, dialog) = (known.subscription, known.dialog);
        if let Some(id) = dialog {
            let hold = failure.retry_after.map(|seconds| now + obeyed(seconds));
            self.dialog_failed(now, core, exchange, id, &failure, hold);
            return;
        }
        if self.next_contact(now, core, exchange, failure.code) {
            return;
        }
        self.drop_exchange(core, exchange);
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        if failure.origin != FailureOrigin::Server
            && subscription.intent.fetch
            && !subscription.dialogs.is_empty()
        {
            self.gathered(now, core, index);
            return;
        }
        if failure.origin != FailureOrigin::Server && !subscription.dialogs.is_empty() {
            // The NOTIFY says that it was taken, whatever became of the response. For how long, a
            // refresh will tell if that did not.
            let asked = match subscription.state {
                State::Trying { until, .. } => Some(until),
                _ => None,
            };
            subscription.state = State::Established;
            for dialog in subscription.dialogs.iter_mut() {
                if Some(dialog.expires_at) == asked {
                    dialog.refresh_at = Some(self.epoch.moment(now));
                }
            }
            self.arm(index);
            return;
        }
        // R6665-26: after a refusal there is no subscription.
        let dialogs = subscription.dialogs.take();
        let had_dialogs = !dialogs.is_empty();
        for dialog in dialogs {
            core.hops.leave(dialog.next_hop);
            if let Doing::Requesting { exchange, .. } = dialog.doing {
                self.drop_exchange(core, exchange);
            }
            if let Some(subscription) = self.subscriptions.get_mut(index as usize)
                && dialog.told.at.is_some()
            {
                subscription.make_past().known = Some(dialog.told);
            }
        }
        if had_dialogs {
            // Whatever comes of this refusal, they are gone.
            self.persist_dialogs(core, index);
        }
        self.not_made(now, core, index, &failure);
    }

    /// A subscription could not be made.
    fn not_made(&mut self, now: Instant, core: &mut Core, index: u32, failure: &Failure) {
        let fraction = core.random.fraction();
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        let asked = failure.retry_after.map(obeyed);
        let patience = match (failure.code, Verdict::of(failure.code)) {
            (401 | 407, _) => failure.stale.then_some(Patience::Slow),
            (404 | 410 | 604 | 600, _) => Some(Patience::Slow),
            (481, _) => Some(Patience::Outage),
            (412, _) => None,
            (603, _) => None,
            (_, Verdict::RefusedUnlessRetryAfter) => asked.map(|_| Patience::Outage),
            (_, Verdict::TryLater | Verdict::ServerUnavailable) => Some(Patience::Outage),
            _ => None,
        };
        let Some(patience) = patience else {
            self.refused(now, core, index, failure);
            return;
        };
        let own = retry_at(now, subscription, patience, fraction);
        let (at, held_off) = match asked {
            Some(quiet) => {
                let whole = waited(quiet, own.saturating_duration_since(now));
                (now + whole, !quiet.is_zero())
            }
            None => (own, false),
        };
        self.wait(now, core, index, failure, at, held_off);
    }

    /// Tried again then.
    pub(super) fn wait(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        failure: &Failure,
        at: Instant,
        held_off: bool,
    ) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        // An outage that goes on is not written again and again.
        let is_news = held_off || subscription.is_awaited() || subscription.last_code() != Some(failure.code);
        subscription.set_last(self.epoch.moment(now), failure.code, &failure.reason);
        let once = subscription.intent.fetch || !subscription.stands();
        let next = if once {
            Next::Ended
        } else {
            waiting(self.epoch, subscription, at, held_off)
        };
        let outcome = failed(subscription, failure, next);
        if !subscription.intent.fetch {
            let change = SubscriptionChange::Retrying {
                code: failure.code,
                reason: failure.reason.clone(),
                at,
            };
            let event = Event::Subscription {
                name: subscription.name.clone(),
                dialog: None,
                change,
            };
            if !once {
                core.outputs.push_back(Output::Event(event));
            }
        }
        self.answer(core, index, Awaited::State, &outcome);
        if once {
            self.end(now, core, index);
            return;
        }
        if is_news {
            self.persist_dialogs(core, index);
        }
        self.arm(index);
    }

    /// Not tried again.
    fn refused(&mut self, now: Instant, core: &mut Core, index: u32, failure: &Failure) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        subscription.set_last(self.epoch.moment(now), failure.code, &failure.reason);
        let once = subscription.intent.fetch || !subscription.stands();
        subscription.state = State::Over;
        let next = if once { Next::Ended } else { Next::Refused };
        let outcome = failed(subscription, failure, next);
        if !once {
            let change = SubscriptionChange::Refused {
                code: failure.code,
                reason: failure.reason.clone(),
            };
            core.outputs.push_back(Output::Event(Event::Subscription {
                name: subscription.name.clone(),
                dialog: None,
                change,
            }));
        }
        self.answer(core, index, Awaited::State, &outcome);
        if once {
            self.end(now, core, index);
            return;
        }
        self.persist_dialogs(core, index);
        self.arm(index);
    }

    /// A SUBSCRIBE in a dialog did not succeed. `hold`: the server wants no other before.
    pub(super) fn dialog_failed(
        &mut self,
        now: Instant,
        core: &mut Core,
        exchange: u32,
        id: u64,
        failure: &Failure,
        hold: Option<Instant>,
    ) {
        let Some(exchange) = self.drop_exchange(core, exchange) else {
            return;
        };
        let index = exchange.subscription;
        let fraction = core.random.fraction();
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        subscription.set_last(self.epoch.moment(now), failure.code, &failure.reason);
        if exchange.operation == Operation::Unsubscribe {
            // R6665-56: it ends by itself there, if it is there at all.
            if !(failure.origin == FailureOrigin::Server && ends_subscription(failure.code)) {
                let known = failure.detail.as_deref();
                let detail = known.map_or(String::new(), |known| format!("{known}; "));
                let failure = failure.clone().because(format!(
                    "{detail}it was not ended at the server, and ends there by itself"
                ));
                let outcome = failed(subscription, &failure, Next::Ended);
                self.answer(core, index, Awaited::End, &outcome);
            }
            self.forget_dialog(now, core, index, id);
            return;
        }
        if failure.origin == FailureOrigin::Server && ends_subscription(failure.code) {
            let why = format!("the refresh was answered {} {}", failure.code, failure.reason);
            self.dialog_over(now, core, index, id, Ended::locally(why));
            return;
        }
        let notified = subscription
            .dialog(id)
            .is_some_and(|dialog| matches!(dialog.doing, Doing::Requesting { timer_n: None, .. }));
        if failure.origin == FailureOrigin::Timeout && !notified {
            // R6665-53: neither a response nor a NOTIFY.
            let why = "the refresh was not answered";
            self.dialog_over(now, core, index, id, Ended::locally(why));
            return;
        }
        // R6665-52: it stands until its end, and is tried again within that time.
        let again = match Verdict::of(failure.code) {
            Verdict::TryLater | Verdict::ServerUnavailable | Verdict::TooBrief => true,
            _ => hold.is_some() || failure.stale,
        };
        let own = retry_at(now, subscription, Patience::Outage, fraction);
        let retry_at = hold.map_or(own, |hold| {
            let quiet = hold.saturating_duration_since(now);
            now + waited(quiet, own.saturating_duration_since(now))
        });
        let next = if again {
            Next::Retry { at: retry_at }
        } else {
            Next::Held
        };
        let outcome = failed(subscription, failure, next);
        if let Some(dialog) = subscription.dialog(id) {
            dialog.doing = Doing::Resting;
            dialog.set_hold(hold);
            let retry_at = self.epoch.moment(retry_at);
            dialog.refresh_at = (again && retry_at < dialog.expires_at).then_some(retry_at);
        }
        self.answer(core, index, Awaited::State, &outcome);
        // Requests that fail have CSeq numbers as well.
        self.persist_dialogs(core, index);
        self.reconsider(now, core, index, id);
        self.arm(index);
    }
}
