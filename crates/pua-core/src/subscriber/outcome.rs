//! What is told to commands that wait for a notifier, or for the end of a subscription.

use std::sync::Arc;
use std::time::Instant;

use super::subscription::{State, Subscription};
use super::told::resource_states;
use super::usage::Told;
use super::{Awaited, Subscriber};
use crate::core::Core;
use crate::epoch::Epoch;
use crate::failure::Failure;
use crate::output::{FailureOrigin, Next, Output, Reply, ResourceState, SubscriptionOutcome};
use crate::view::SubscriptionState;

impl Subscriber {
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
        let waiters = subscription.take_waiters();
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
                        subscription.add_waiter(waiter);
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
        let (code, reason) = match subscription.last(self.epoch) {
            Some(last) if (200..300).contains(&last.code) => (last.code, last.reason),
            _ => (200, "OK".into()),
        };
        let next = if subscription.intent.fetch {
            Next::Ended
        } else {
            Next::Held
        };
        let mut outcome = outcome(subscription, code, reason, FailureOrigin::Server, next);
        if let Some(dialog) = subscription.dialogs.iter().find(|dialog| dialog.id == id) {
            outcome.states = known_states(self.epoch, subscription, &dialog.told);
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

    /// A fetch has brought all that it will: every dialog's word, and of mailboxes the one that has
    /// messages (RFC 3842 §3.10).
    pub(super) fn gathered(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(subscription) = self.subscriptions.get(index as usize) else {
            return;
        };
        let Some(first) = subscription.dialogs.first().map(|dialog| dialog.id) else {
            return;
        };
        let mut outcome = self.outcome_told(core, subscription, first);
        outcome.states.clear();
        for dialog in subscription.dialogs.iter() {
            for state in known_states(self.epoch, subscription, &dialog.told) {
                if !outcome.states.iter().any(|known| known.body == state.body) {
                    outcome.states.push(state);
                }
            }
        }
        let waiting = |state: &ResourceState| {
            let summary = state.document.as_ref().map(|document| document.summary());
            summary.and_then(|summary| summary.messages_waiting)
        };
        if outcome.states.iter().any(|state| waiting(state).is_some()) {
            let rank = |state: &ResourceState| waiting(state).map(|told| told.waiting);
            outcome.states.sort_by_key(|state| std::cmp::Reverse(rank(state)));
            outcome.states.truncate(1);
        }
        self.answer(core, index, Awaited::State, &outcome);
        self.end(now, core, index);
    }

    /// A command has waited as long as it wanted to.
    pub(super) fn waiter_due(&mut self, now: Instant, core: &mut Core, waiter: u32) {
        // What a fetch has brought so far is better than nothing.
        let fetch = self.waiters.get(waiter as usize).and_then(|known| {
            let subscription = self.subscriptions.get(known.subscription as usize)?;
            let gathers = subscription.intent.fetch && !subscription.dialogs.is_empty();
            gathers.then_some(known.subscription)
        });
        if let Some(index) = fetch {
            return self.gathered(now, core, index);
        }
        let Some(known) = self.waiters.try_remove(waiter as usize) else {
            return;
        };
        core.counters.commands_timed_out += 1;
        let index = known.subscription;
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        subscription.remove_waiter(waiter);
        let (next, why) = match subscription.state {
            _ if known.awaited == Awaited::End => (Next::Ended, "its end was asked for, but not confirmed"),
            State::Waiting { retry_at, .. } => (
                Next::Retry {
                    at: self.epoch.instant(retry_at),
                },
                "it is tried again later",
            ),
            State::Over => (Next::Refused, "it is over"),
            State::Established => (Next::Held, "it stands, but no NOTIFY has come since"),
            _ if subscription.intent.fetch => (Next::Ended, "no NOTIFY came in time"),
            _ => (
                Next::Retry { at: now },
                "no NOTIFY in time; the daemon goes on trying",
            ),
        };
        let why = match subscription.refused() {
            Some(refused) if known.awaited == Awaited::State => {
                format!("{why}; the last NOTIFY was refused: {refused}")
            }
            _ => why.to_owned(),
        };
        let failure = Failure {
            origin: FailureOrigin::Timeout,
            ..Failure::local(408, None, why)
        };
        let outcome = failed(subscription, &failure, next);
        let abandoned = subscription.intent.fetch && !subscription.is_awaited();
        core.outputs.push_back(Output::Reply(
            known.command,
            Reply::Subscription(Box::new(outcome)),
        ));
        if abandoned {
            self.end(now, core, index);
        }
    }
}

/// Where a subscription stands.
pub(super) fn state_of(subscription: &Subscription) -> SubscriptionState {
    let heard = || subscription.dialogs.iter().filter(|dialog| dialog.heard);
    if heard().any(|dialog| dialog.active) {
        return SubscriptionState::Active;
    }
    if heard().next().is_some() {
        return SubscriptionState::Pending;
    }
    if !subscription.dialogs.is_empty() {
        // Of an earlier life, and not confirmed yet.
        return SubscriptionState::NotifyWait;
    }
    match subscription.state {
        State::Queued { .. } | State::Trying { .. } if subscription.termination().is_none() => {
            SubscriptionState::NotifyWait
        }
        State::Trying { .. } => SubscriptionState::NotifyWait,
        _ => SubscriptionState::Terminated,
    }
}

/// What is known of the resources of a subscription.
pub(super) fn known_states(epoch: Epoch, subscription: &Subscription, told: &Told) -> Vec<ResourceState> {
    match told.at {
        Some(at) => resource_states(
            &subscription.name.presentity,
            &told.state,
            epoch.instant(at),
            None,
        ),
        None => Vec::new(),
    }
}

pub(super) fn outcome(
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
        state: match next {
            Next::Ended => SubscriptionState::Terminated,
            _ => state_of(subscription),
        },
        termination: subscription.termination().cloned(),
        expires: None,
        states: Vec::new(),
        detail: None,
        warning: None,
        retry_after: None,
        allow_events: None,
        next,
        server: None,
        call_id: subscription.identity.call_id(),
        cseq: subscription.cseq,
    }
}

/// A failure as the outcome of a command about a subscription.
pub(super) fn failed(subscription: &Subscription, failure: &Failure, next: Next) -> SubscriptionOutcome {
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
