//! How exchanges, dialog usages and subscriptions end: what comes next, and who is told
//! (RFC 6665 §4.1.2, §4.1.3).

use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_wire::Uri;

use super::notify::resource_states;
use super::subscription::{Doing, Operation, Recent, State, Subscription, Told};
use super::{Awaited, Subscriber};
use crate::core::Core;
use crate::failure::Failure;
use crate::output::{
    Change, Event, FailureOrigin, Next, Output, Reply, SubscriptionChange, SubscriptionOutcome,
};
use crate::publication::response::Verdict;
use crate::publication::{Cause, Last};
use crate::schedule::{Patience, back_off, obeyed};
use crate::view::SubscriptionState;

/// How long to wait when a notifier says that it is for a while, but not for how long.
const FOR_A_WHILE: Duration = Duration::from_secs(60);
/// So often within [`AT_ONCE_WITHIN`] a subscription is made anew at once.
const AT_ONCE: u8 = 3;
const AT_ONCE_WITHIN: Duration = Duration::from_secs(60);
/// A duration that is over within this is not ended by a request.
const OVERSHOOT: Duration = Duration::from_secs(1);

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
    /// As was wanted.
    pub(super) fn silently() -> Self {
        Ended {
            reason: None,
            detail: None,
            anew: Anew::Never,
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

/// Whether a response to a refresh ends the subscription (RFC 6665 §4.1.2.2).
pub(super) fn ends_subscription(code: u16) -> bool {
    matches!(code, 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604)
}

impl Subscriber {
    /// Takes a dialog usage away. The last of a wanted subscription is followed by a new one, as
    /// `ended` has it.
    pub(super) fn dialog_over(&mut self, now: Instant, core: &mut Core, index: u32, id: u64, ended: Ended) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        let Some(at) = subscription.dialogs.iter().position(|dialog| dialog.id == id) else {
            return;
        };
        let dialog = subscription.dialogs.remove(at);
        core.hops.leave(dialog.next_hop);
        let exchange = match dialog.doing {
            Doing::Requesting { exchange, .. } => Some(exchange),
            _ => None,
        };
        if dialog.told.at.is_some() || subscription.known.is_none() {
            subscription.known = Some(Box::new(dialog.told));
        }
        subscription.termination = ended.reason.clone();
        let last = subscription.dialogs.is_empty();
        let open = match (last, subscription.state) {
            (true, State::Trying { exchange, .. }) => exchange,
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
            self.arm(index);
            return;
        }
        if !subscription.stands() || subscription.intent.fetch {
            self.end(now, core, index);
            return;
        }
        let fraction = core.random.fraction();
        let next = match ended.anew {
            Anew::AtOnce if at_once(now, subscription) => {
                subscription.state = State::Queued {
                    cause: Cause::Ourselves,
                };
                Next::Retry { at: now }
            }
            Anew::After(wait, asked) => waiting(subscription, now + wait, asked),
            Anew::AtOnce => {
                let at = retry_at(now, subscription, Patience::Outage, fraction);
                waiting(subscription, at, false)
            }
            Anew::Later(least) => {
                let at = retry_at(now, subscription, Patience::Outage, fraction);
                let at = least.map_or(at, |least| at.max(now + least));
                waiting(subscription, at, least.is_some())
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
        outcome.detail = ended.detail;
        self.answer(core, index, Awaited::State, &outcome);
        if let Next::Retry { at } = next
            && at == now
        {
            self.enqueue(now, core, index, Cause::Ourselves);
        }
        self.arm(index);
    }

    /// Timer N of a first SUBSCRIBE (R6665-24): who was to make a dialog has, or never will.
    pub(super) fn no_notify(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        let State::Trying { exchange, .. } = subscription.state else {
            return;
        };
        let answered = exchange.is_none();
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
        let why = if answered {
            "the SUBSCRIBE was accepted, but no NOTIFY came: can the notifier reach our Contact?"
        } else {
            "neither a final response nor a NOTIFY came"
        };
        let failure = Failure {
            origin: FailureOrigin::Timeout,
            ..Failure::local(408, server, why.to_owned())
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
        self.drop_exchange(core, exchange);
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        if failure.origin != FailureOrigin::Server && !subscription.dialogs.is_empty() {
            // The NOTIFY says that it was taken, whatever became of the response.
            subscription.state = State::Established;
            return;
        }
        // R6665-26: after a refusal there is no subscription.
        for dialog in std::mem::take(&mut subscription.dialogs) {
            core.hops.leave(dialog.next_hop);
            if dialog.told.at.is_some() {
                subscription.known = Some(Box::new(dialog.told));
            }
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
            _ if failure.origin == FailureOrigin::Local && failure.code == 513 => None,
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
        let (at, held_off) = match asked {
            Some(wait) => (now + wait, true),
            None => (retry_at(now, subscription, patience, fraction), false),
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
        subscription.last = Some(last(now, failure));
        let once = subscription.intent.fetch || !subscription.stands();
        let next = if once {
            Next::Ended
        } else {
            waiting(subscription, at, held_off)
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
        self.arm(index);
    }

    /// Not tried again.
    fn refused(&mut self, now: Instant, core: &mut Core, index: u32, failure: &Failure) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        subscription.last = Some(last(now, failure));
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
        subscription.last = Some(last(now, failure));
        if exchange.operation == Operation::Unsubscribe {
            // R6665-56: it ends by itself there, if it is there at all.
            self.forget_dialog(now, core, index, id);
            return;
        }
        if failure.origin == FailureOrigin::Server && ends_subscription(failure.code) {
            let why = format!("the refresh was answered {} {}", failure.code, failure.reason);
            self.dialog_over(now, core, index, id, Ended::locally(why));
            return;
        }
        if failure.origin == FailureOrigin::Timeout {
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
        let retry_at = hold.unwrap_or_else(|| retry_at(now, subscription, Patience::Outage, fraction));
        let next = if again {
            Next::Retry { at: retry_at }
        } else {
            Next::Held
        };
        let outcome = failed(subscription, failure, next);
        if let Some(dialog) = subscription.dialog(id) {
            dialog.doing = Doing::Resting;
            dialog.refresh_at = (again && retry_at < dialog.expires_at).then_some(retry_at);
        }
        self.answer(core, index, Awaited::State, &outcome);
        self.reconsider(now, core, index, id);
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
        for dialog in &mut subscription.dialogs {
            match dialog.doing {
                Doing::Requesting { .. } => {}
                _ if dialog.expires_at > now + OVERSHOOT => lingering.push(dialog.id),
                // The notifier ends it now, and says so.
                _ => {
                    dialog.doing = Doing::NotifyWait {
                        operation: Operation::Unsubscribe,
                        timer_n: now + grace,
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
        let Some(mut subscription) = self.subscriptions.try_remove(index as usize) else {
            return;
        };
        self.due.clear(index);
        let dialogs = std::mem::take(&mut subscription.dialogs);
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
                let key = uri.key();
                if let Some(indices) = self.by_uri.get_mut(key.as_str()) {
                    indices.retain(|other| *other != index);
                    if indices.is_empty() {
                        self.by_uri.remove(key.as_str());
                    }
                }
            }
            if !self.stopping {
                core.outputs
                    .push_back(Output::Persist(Change::DeleteSubscription {
                        key: subscription.key,
                    }));
            }
            let change = SubscriptionChange::Terminated {
                reason: subscription.termination.clone(),
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
        for waiter in std::mem::take(&mut subscription.waiters) {
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

    /// Answers the commands that wait for this.
    pub(super) fn answer(
        &mut self,
        core: &mut Core,
        index: u32,
        awaited: Awaited,
        outcome: &SubscriptionOutcome,
    ) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        let waiters = std::mem::take(&mut subscription.waiters);
        for waiter in waiters {
            match self.waiters.get(waiter as usize) {
                Some(known) if known.awaited == awaited => {
                    let reply = Reply::Subscription(Box::new(outcome.clone()));
                    core.outputs.push_back(Output::Reply(known.command, reply));
                    self.waiters_due.clear(waiter);
                    self.waiters.try_remove(waiter as usize);
                }
                Some(_) => {
                    if let Some(subscription) = self.subscriptions.get_mut(index as usize) {
                        subscription.waiters.push(waiter);
                    }
                }
                None => {}
            }
        }
    }

    /// What is told to those who wait for the state.
    pub(super) fn outcome_told(
        &self,
        core: &Core,
        subscription: &Subscription,
        id: u64,
    ) -> SubscriptionOutcome {
        let (code, reason) = match &subscription.last {
            Some(last) if (200..300).contains(&last.code) => (last.code, last.reason.clone()),
            _ => (200, "OK".into()),
        };
        let next = if subscription.intent.fetch {
            Next::Ended
        } else {
            Next::Held
        };
        let mut outcome = outcome(subscription, code, reason, FailureOrigin::Server, next);
        if let Some(dialog) = subscription.dialogs.iter().find(|dialog| dialog.id == id) {
            outcome.states = known_states(subscription, &dialog.told);
            if !subscription.intent.fetch {
                outcome.expires = Some(dialog.granted);
            }
        }
        if subscription.intent.fetch {
            outcome.state = SubscriptionState::Terminated;
        }
        outcome.server = core
            .hops
            .peek(subscription.next_hop)
            .and_then(crate::next_hop::NextHop::peek);
        outcome
    }

    /// A command has waited as long as it wanted to.
    pub(super) fn waiter_due(&mut self, now: Instant, core: &mut Core, waiter: u32) {
        let Some(known) = self.waiters.try_remove(waiter as usize) else {
            return;
        };
        core.counters.commands_timed_out += 1;
        let index = known.subscription;
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        subscription.waiters.retain(|other| *other != waiter);
        let (next, why) = match subscription.state {
            State::Waiting { retry_at, .. } => (Next::Retry { at: retry_at }, "it is tried again later"),
            State::Over => (Next::Refused, "it is over"),
            State::Established => (Next::Held, "it stands, but no NOTIFY has come since"),
            _ if subscription.intent.fetch => (Next::Ended, "no NOTIFY came in time"),
            _ => (
                Next::Retry { at: now },
                "no NOTIFY in time; the daemon goes on trying",
            ),
        };
        let failure = Failure {
            origin: FailureOrigin::Timeout,
            ..Failure::local(408, None, why.to_owned())
        };
        let outcome = failed(subscription, &failure, next);
        let abandoned = subscription.intent.fetch && subscription.waiters.is_empty();
        core.outputs.push_back(Output::Reply(
            known.command,
            Reply::Subscription(Box::new(outcome)),
        ));
        if abandoned {
            self.end(now, core, index);
        }
    }
}

/// Whether it may be made anew at once; counts that it is.
fn at_once(now: Instant, subscription: &mut Subscription) -> bool {
    match &mut subscription.recent {
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

fn waiting(subscription: &mut Subscription, at: Instant, held_off: bool) -> Next {
    subscription.state = State::Waiting {
        retry_at: at,
        held_off,
    };
    Next::Retry { at }
}

/// A back-off that grows with the failures of this subscription.
fn retry_at(now: Instant, subscription: &mut Subscription, patience: Patience, fraction: f64) -> Instant {
    if subscription.patience != patience {
        subscription.failures = 0;
        subscription.patience = patience;
    }
    subscription.failures = subscription.failures.saturating_add(1);
    now + back_off(patience, subscription.failures, fraction)
}

fn last(now: Instant, failure: &Failure) -> Box<Last> {
    Box::new(Last {
        code: failure.code,
        reason: failure.reason.clone(),
        at: now,
    })
}

/// Where a subscription stands.
pub(super) fn state_of(subscription: &Subscription) -> SubscriptionState {
    if subscription.dialogs.iter().any(|dialog| dialog.active) {
        return SubscriptionState::Active;
    }
    if !subscription.dialogs.is_empty() {
        return SubscriptionState::Pending;
    }
    match subscription.state {
        State::Queued { .. } | State::Trying { .. } if subscription.termination.is_none() => {
            SubscriptionState::NotifyWait
        }
        State::Trying { .. } => SubscriptionState::NotifyWait,
        _ => SubscriptionState::Terminated,
    }
}

/// What is known of the resources of a subscription.
pub(super) fn known_states(subscription: &Subscription, told: &Told) -> Vec<crate::output::ResourceState> {
    match told.at {
        Some(at) => resource_states(&subscription.name.presentity, &told.state, at, None),
        None => Vec::new(),
    }
}

fn outcome(
    subscription: &Subscription,
    code: u16,
    reason: Arc<str>,
    origin: FailureOrigin,
    next: Next,
) -> SubscriptionOutcome {
    SubscriptionOutcome {
        code,
        reason,
        origin,
        state: state_of(subscription),
        termination: subscription.termination.clone(),
        expires: None,
        states: Vec::new(),
        detail: None,
        warning: None,
        retry_after: None,
        allow_events: None,
        next,
        server: None,
        call_id: subscription.call_id.clone(),
        cseq: subscription.cseq,
    }
}

/// A failure as the outcome of a command about a subscription.
fn failed(subscription: &Subscription, failure: &Failure, next: Next) -> SubscriptionOutcome {
    SubscriptionOutcome {
        detail: failure.detail.clone(),
        warning: failure.warning.clone(),
        retry_after: failure.retry_after,
        allow_events: failure.allow_events.clone(),
        server: failure.server,
        ..outcome(
            subscription,
            failure.code,
            failure.reason.clone(),
            failure.origin,
            next,
        )
    }
}
