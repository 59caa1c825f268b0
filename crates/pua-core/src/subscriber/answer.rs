//! Final responses to SUBSCRIBE (RFC 6665 §4.1.2): what each means for the subscription.

use std::time::{Duration, Instant};

use sip_transaction::Hop;
use sip_wire::{DeltaSeconds, HeaderName, Message, NameAddr, StatusLine};

use super::dialog::{dialog_hop, needs_tls};
use super::settle::Ended;
use super::subscription::{Operation, State};
use super::usage::Doing;
use super::{Awaited, Subscriber};
use crate::auth::Unanswered;
use crate::core::Core;
use crate::failure::{Failure, cleaned_reason};
use crate::owner::Owner;
use crate::publication::response::Verdict;
use crate::schedule::{obeyed, refresh_after};

impl Subscriber {
    /// Takes in the final response that ended a transaction.
    pub(crate) fn answered(
        &mut self,
        now: Instant,
        core: &mut Core,
        owner: Owner,
        hop: Hop,
        status: &StatusLine<'_>,
        message: &Message<'_>,
    ) {
        let at = owner.index;
        let (Some(next_hop), Some(exchange)) = (self.hop_of(at), self.exchange(owner)) else {
            // The dialog was over before its answer came; a server that wants quiet has it.
            if Verdict::of(status.code) == Verdict::ServerUnavailable
                && let Some(wait) = Failure::response(status.code, status.reason, message, hop).retry_after
            {
                core.hops.block(now, hop.addr, obeyed(wait));
            }
            return;
        };
        let (index, dialog) = (exchange.subscription, exchange.dialog);
        let verdict = Verdict::of(status.code);
        if let Some(state) = core.hops.get(next_hop) {
            match verdict {
                Verdict::ServerUnavailable => state.window.fell_behind(now, exchange.sent_at),
                _ => {
                    let trip = now.saturating_duration_since(exchange.sent_at);
                    state.window.answered(trip, core.config.timers.t1);
                }
            }
        }
        // Any answer but 503 shows that the server is there.
        if verdict != Verdict::ServerUnavailable
            && core
                .hops
                .get(next_hop)
                .is_some_and(|state| state.answered(hop.addr.ip()))
        {
            self.server_is_back(now, core, next_hop);
        }
        let failure = || Failure::response(status.code, status.reason, message, hop);
        match verdict {
            Verdict::Granted => match dialog {
                None => self.accepted(now, core, at, next_hop, status, message),
                Some(id) => self.refreshed(now, core, at, id, next_hop, status, message),
            },
            Verdict::Challenged => {
                let Some(exchange) = self.exchange(owner) else {
                    return;
                };
                match exchange.passage.challenged(core, next_hop, message) {
                    Ok(()) => self.again(now, core, at),
                    Err(why) => {
                        let stale = why == Unanswered::TooManyRounds;
                        let failure = failure().because(why.to_string());
                        self.fail(now, core, at, Failure { stale, ..failure });
                    }
                }
            }
            Verdict::TooBrief => {
                let Some(package) = self
                    .subscriptions
                    .get(index as usize)
                    .map(|subscription| subscription.name.package.clone())
                else {
                    return;
                };
                let Some(exchange) = self.exchange(owner) else {
                    return;
                };
                let asked = exchange.expires;
                match exchange
                    .passage
                    .too_brief(core, next_hop, &package, asked, message)
                {
                    Ok(least) => {
                        exchange.expires = least;
                        self.again(now, core, at);
                    }
                    Err(why) => self.fail(now, core, at, failure().because(why)),
                }
            }
            // Within a dialog the target is the notifier's own word.
            Verdict::Redirected if dialog.is_none() => self.redirected(now, core, at, message, failure()),
            Verdict::ServerUnavailable => {
                let failure = failure();
                let wait = failure.retry_after.map(obeyed);
                if let Some(exchange) = self.exchange(owner) {
                    exchange.passage.unavailable(now, core, next_hop, hop, wait);
                }
                self.attempt(now, core, at, Some(failure));
            }
            _ if status.code == 420 && self.goes_without_lists(core, index, message) => {
                self.again(now, core, at);
            }
            _ => self.fail(now, core, at, failure().explained("SUBSCRIBE", message)),
        }
        self.arm(index);
    }

    /// R3261-055: whether a server that does not understand resource lists has been offered them,
    /// and will not be again.
    fn goes_without_lists(&mut self, core: &Core, index: u32, message: &Message<'_>) -> bool {
        let named = message
            .headers
            .list(HeaderName::Unsupported)
            .any(|tag| tag.eq_ignore_ascii_case(b"eventlist"));
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return false;
        };
        let offered = subscription.accepted(core.config.subscribe.eventlist).lists;
        subscription.without_lists |= named;
        named && offered
    }

    /// 2xx to a first SUBSCRIBE: no more than that it has been taken (R6665-27). A dialog is made
    /// by NOTIFY only (R6665-21, R6665-33).
    fn accepted(
        &mut self,
        now: Instant,
        core: &mut Core,
        at: u32,
        next_hop: u32,
        status: &StatusLine<'_>,
        message: &Message<'_>,
    ) {
        if let Some(exchange) = self.exchanges.get(at as usize) {
            exchange.passage.accepted(core, next_hop, message);
        }
        let Some(exchange) = self.drop_exchange(core, at) else {
            return;
        };
        let granted = granted(core, message, exchange.expires);
        let until = exchange.sent_at + Duration::from_secs(u64::from(granted));
        let Some(subscription) = self.subscriptions.get_mut(exchange.subscription as usize) else {
            return;
        };
        let reason = self.shared.text(cleaned_reason(status.code, status.reason));
        subscription.set_last(self.epoch.moment(now), status.code, &reason);
        let State::Trying { timer_n, .. } = subscription.state else {
            return;
        };
        subscription.state = State::Trying {
            exchange: None,
            timer_n,
            until: self.epoch.moment(until),
        };
        let fraction = core.random.fraction();
        let mut durable = false;
        for dialog in subscription.dialogs.iter_mut() {
            // R6665-28: what was granted, or less by the NOTIFY's own word.
            if self.epoch.moment(until) < dialog.expires_at {
                durable = true;
                dialog.stands_until(self.epoch, now, until, refresh_after(granted, fraction));
            }
        }
        let list = subscription
            .dialogs
            .iter()
            .any(|dialog| dialog.told.state.list_uri().is_some());
        if !subscription.dialogs.is_empty()
            && !subscription.intent.fetch
            && (list || !subscription.takes_several_dialogs())
        {
            subscription.state = State::Established;
        }
        if durable {
            self.persist_dialogs(core, exchange.subscription);
        }
    }

    /// 2xx to a SUBSCRIBE in a dialog.
    #[allow(clippy::too_many_arguments)] // one call, from the dispatch above
    fn refreshed(
        &mut self,
        now: Instant,
        core: &mut Core,
        at: u32,
        id: u64,
        next_hop: u32,
        status: &StatusLine<'_>,
        message: &Message<'_>,
    ) {
        if let Some(exchange) = self.exchanges.get(at as usize) {
            exchange.passage.accepted(core, next_hop, message);
        }
        let Some(exchange) = self.drop_exchange(core, at) else {
            return;
        };
        let index = exchange.subscription;
        let operation = exchange.operation;
        let granted = granted(core, message, exchange.expires);
        let fraction = core.random.fraction();
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        let reason = self.shared.text(cleaned_reason(status.code, status.reason));
        subscription.set_last(self.epoch.moment(now), status.code, &reason);
        subscription.failures = 0;
        let until = subscription.until();
        let own_hop = subscription.next_hop;
        let Some(dialog) = subscription.dialog(id) else {
            return;
        };
        dialog.set_hold(None);
        // R6665-63: a target refresh; the route set never changes.
        let target = message
            .headers
            .list(HeaderName::Contact)
            .next()
            .and_then(|contact| NameAddr::parse(contact).ok())
            .filter(|contact| contact.uri().is_ok_and(|uri| uri.is_sip()))
            .map(|contact| contact.uri);
        // R3261-043: where it would have to go by TLS it does not go at all.
        let target =
            target.filter(|target| **target != *dialog.target && !needs_tls(core, target, dialog.routes()));
        if let Some(target) = target {
            dialog.target = self.shared.text(target.into());
            let joined = dialog_hop(now, core, own_hop, &dialog.target, dialog.routes());
            core.hops.leave(std::mem::replace(&mut dialog.next_hop, joined));
        }
        let notified = matches!(dialog.doing, Doing::Requesting { timer_n: None, .. });
        // R5839-02: neither the state nor the subscription has changed, and no NOTIFY follows.
        let unchanged = status.code == 204;
        let timer_n = self.epoch.moment(exchange.sent_at + super::timer_n(core));
        if operation == Operation::Unsubscribe {
            if unchanged {
                self.dialog_over(now, core, index, id, Ended::silently());
                return;
            }
            dialog.doing = Doing::NotifyWait { operation, timer_n };
            return;
        }
        let expires_at = exchange.sent_at + Duration::from_secs(u64::from(granted));
        // A NOTIFY that came first has the last word where it says less (R6665-78).
        let expires_at = exchange
            .told_until
            .map_or(expires_at, |told| told.min(expires_at));
        let left = expires_at.saturating_duration_since(now).as_secs();
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        dialog.stands_until(self.epoch, now, expires_at, refresh_after(left, fraction));
        if until.is_some_and(|until| expires_at + Duration::from_secs(1) >= until) {
            dialog.refresh_at = None;
        }
        // R6665-53: some send no NOTIFY then.
        let enough = unchanged || core.config.subscribe.lenient_refresh && !notified;
        dialog.doing = if notified || enough {
            Doing::Resting
        } else {
            Doing::NotifyWait { operation, timer_n }
        };
        if enough {
            let Some(subscription) = self.subscriptions.get(index as usize) else {
                return;
            };
            let outcome = self.outcome_told(core, subscription, id);
            self.answer(core, index, Awaited::State, &outcome);
        }
        self.persist_dialogs(core, index);
        self.reconsider(now, core, index, id);
    }

    /// A server that had not been answering does: what waits for it goes now, at the paced rate.
    fn server_is_back(&mut self, now: Instant, core: &mut Core, next_hop: u32) {
        let waiting: Vec<u32> = self
            .subscriptions
            .iter()
            .filter(|(_, subscription)| {
                subscription.next_hop == next_hop
                    && subscription.patience == crate::schedule::Patience::Outage
                    && subscription.last_code().is_some_and(|code| code >= 400)
                    && matches!(subscription.state, State::Waiting { held_off: false, .. })
            })
            .map(|(index, _)| index as u32)
            .collect();
        for index in waiting {
            self.enqueue(now, core, index, crate::publication::Cause::Ourselves);
        }
        core.hops.wake(next_hop);
    }
}

/// The duration granted, never more than asked (R6665-28); a 2xx that says nothing grants that.
fn granted(core: &mut Core, message: &Message<'_>, asked: u32) -> u32 {
    let told = message
        .headers
        .get(HeaderName::Expires)
        .and_then(DeltaSeconds::parse)
        .map(|expires| expires.0);
    match told {
        Some(told) => {
            if told > asked {
                core.counters.durations_clamped += 1;
            }
            told.min(asked)
        }
        None => {
            core.counters.responses_without_expires += 1;
            asked
        }
    }
}
