//! NOTIFY: what a notifier tells (RFC 6665 §4.1.3), and the dialogs it makes by that (§4.4.1).
//!
//! Every NOTIFY is answered at once and never waits for an application (R6665-72). What is wrong
//! with a document is the application's business, not a reason to end the subscription (R6665-92).

use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_wire::{
    EntityTag, Essentials, EventHeader, HeaderName, Message, NameAddr, SubscriptionState,
    SubscriptionStateValue,
};

use super::answering::{NEEDS_TLS, NotifyAnswer, readable};
use super::dialog::{dialog_hop, needs_tls, routes_of};
use super::settle::Ended;
use super::subscription::{Operation, State};
use super::usage::Doing;
use super::{Awaited, Subscriber};
use crate::core::Core;
use crate::output::{Event, Output};
use crate::publication::Cause;

/// How soon after one refresh the next is sent because a partial document was missed.
const GAP_PAUSE: Duration = Duration::from_secs(5);

/// What of a NOTIFY has been checked and is taken.
pub(super) struct Notify<'m> {
    pub(super) state: Substate<'m>,
    content_type: Option<&'m str>,
    body: &'m [u8],
    pub(super) etag: Option<&'m str>,
    /// It says that it is of a resource list.
    list: bool,
}

/// Subscription-State (RFC 6665 §8.2.3).
pub(super) struct Substate<'m> {
    pub(super) value: SubscriptionStateValue<'m>,
    reason: Option<&'m str>,
    pub(super) expires: Option<u32>,
    retry_after: Option<u32>,
}

impl Subscriber {
    /// Takes in a NOTIFY that is well-formed and requires nothing that is not understood.
    pub(crate) fn notified(
        &mut self,
        now: Instant,
        core: &mut Core,
        message: &Message<'_>,
        essentials: &Essentials<'_>,
    ) -> NotifyAnswer {
        core.counters.notifies += 1;
        let answer = self.take(now, core, message, essentials);
        if answer.code >= 300 {
            core.counters.notifies_refused += 1;
            self.notify_refused(core, essentials, &answer);
        }
        answer
    }

    /// A NOTIFY was refused: who waits for one ought to know that it came. In a dialog that stands
    /// its document is told as one that cannot be read.
    fn notify_refused(&mut self, core: &mut Core, essentials: &Essentials<'_>, answer: &NotifyAnswer) {
        // What is late, or belongs to nothing, says nothing about the subscription.
        if matches!(answer.code, 481 | 500) {
            return;
        }
        let Some(subscription) = self
            .addressed(essentials)
            .and_then(|index| self.subscriptions.get_mut(index as usize))
        else {
            return;
        };
        let mut why = format!("{} {}", answer.code, answer.phrase());
        if let Some(detail) = &answer.detail {
            why.push_str(": ");
            why.push_str(detail);
        }
        let remote_tag = essentials.from_tag.unwrap_or("");
        let dialog = subscription
            .dialogs
            .iter()
            .find(|dialog| *dialog.remote_tag == *remote_tag)
            .map(|dialog| dialog.id);
        if let Some(dialog) = dialog
            && matches!(answer.code, 413 | 415)
        {
            core.counters.documents_unreadable += 1;
            core.outputs.push_back(Output::Event(Event::Unreadable {
                name: subscription.name.clone(),
                dialog,
                why: format!("the NOTIFY was refused: {why}"),
            }));
        }
        subscription.make_past().refused = Some(why.into());
    }

    fn take(
        &mut self,
        now: Instant,
        core: &mut Core,
        message: &Message<'_>,
        essentials: &Essentials<'_>,
    ) -> NotifyAnswer {
        let headers = &message.headers;
        let mut events = headers.all(HeaderName::Event);
        let event = match (events.next(), events.next()) {
            (Some(event), None) => event,
            (None, _) => return NotifyAnswer::because(400, "Missing Event"),
            (Some(_), Some(_)) => return NotifyAnswer::because(400, "More than one Event"),
        };
        let Ok(event) = EventHeader::parse(event) else {
            return NotifyAnswer::because(400, "Bad Event");
        };
        let mut states = headers.all(HeaderName::SubscriptionState);
        let state = match (states.next(), states.next()) {
            (Some(state), None) => match SubscriptionState::parse(state) {
                Ok(state) => Substate {
                    value: state.state,
                    reason: state.reason.map(sip_wire::SubscriptionStateReason::as_str),
                    expires: state.expires,
                    retry_after: state.retry_after,
                },
                Err(_) => return NotifyAnswer::because(400, "Bad Subscription-State"),
            },
            (None, _) if core.config.subscribe.lenient_state => Substate {
                value: SubscriptionStateValue::Active,
                reason: None,
                expires: None,
                retry_after: None,
            },
            (None, _) => return NotifyAnswer::because(400, "Missing Subscription-State"),
            (Some(_), Some(_)) => return NotifyAnswer::because(400, "More than one Subscription-State"),
        };
        // R6665-23: our tag and Call-ID, both made of random bits, say whose it is.
        let Some(index) = self.addressed(essentials) else {
            return NotifyAnswer::code(481);
        };
        let Some(subscription) = self.subscriptions.get(index as usize) else {
            return NotifyAnswer::code(481);
        };
        let ours = EventHeader::parse(subscription.name.package.as_bytes()).ok();
        match ours {
            Some(ours) if ours.package != event.package => return NotifyAnswer::code(489),
            Some(ours) if ours.id != event.id => return NotifyAnswer::code(481),
            _ => {}
        }
        let accepted = subscription.accepted(core.config.subscribe.eventlist);
        let list = headers
            .list(HeaderName::Require)
            .any(|tag| tag.eq_ignore_ascii_case(b"eventlist"));
        if list && !accepted.lists {
            // R4662-01: this one has not offered it.
            return NotifyAnswer {
                unsupported: Some("eventlist"),
                ..NotifyAnswer::code(420)
            };
        }
        let ends = state.value == SubscriptionStateValue::Terminated;
        let remote_tag = essentials.from_tag.unwrap_or("");
        let position = subscription
            .dialogs
            .iter()
            .position(|dialog| *dialog.remote_tag == *remote_tag);
        let target = headers
            .list(HeaderName::Contact)
            .next()
            .and_then(|contact| NameAddr::parse(contact).ok())
            .filter(|contact| contact.uri().is_ok_and(|uri| uri.is_sip()))
            .map(|contact| contact.uri);
        match position.and_then(|at| subscription.dialogs.get(at)) {
            // R6665-75: what is late must not undo what is known.
            Some(dialog) if essentials.cseq.number <= dialog.remote_cseq => {
                return NotifyAnswer::code(500);
            }
            Some(dialog) => {
                let moved = target.filter(|target| **target != *dialog.target);
                if !ends && moved.is_some_and(|target| needs_tls(core, target, dialog.routes())) {
                    return NotifyAnswer::because(400, NEEDS_TLS);
                }
            }
            None => {
                // R6665-25, R6665-26, R6665-30, R6665-70: nothing that was not asked for.
                let open = matches!(subscription.state, State::Trying { .. })
                    || subscription
                        .past()
                        .and_then(|past| past.forks.as_ref())
                        .is_some_and(|forks| forks.timer_n > self.epoch.moment(now));
                let list = list
                    || subscription
                        .dialogs
                        .iter()
                        .any(|dialog| dialog.told.state.list_uri().is_some());
                let several = subscription.takes_several_dialogs() && !list;
                let ended = subscription.past().map_or(&[][..], |past| &past.over);
                let dialogs = subscription.dialogs.len() + ended.len();
                let room = dialogs == 0 || (several && dialogs < core.config.limits.dialogs);
                let over = ended.iter().any(|tag| **tag == *remote_tag);
                if !open || !room || over {
                    return NotifyAnswer::code(481);
                }
                if target.is_none() && !ends {
                    return NotifyAnswer::because(400, "Missing or bad Contact");
                }
                let Some(routes) = routes_of(message) else {
                    return NotifyAnswer::because(400, "Bad Record-Route");
                };
                if !ends && target.is_some_and(|target| needs_tls(core, target, &routes)) {
                    return NotifyAnswer::because(400, NEEDS_TLS);
                }
            }
        }
        let body = match readable(core, &accepted, message, ends) {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let notify = Notify {
            state,
            content_type: body.map(|(content_type, _)| content_type),
            body: body.map_or(&[], |(_, body)| body),
            etag: etag(message),
            list,
        };
        let id = match position.and_then(|at| subscription.dialogs.get(at)) {
            Some(dialog) => dialog.id,
            None => {
                let Some(id) = self.make_dialog(now, core, index, message, essentials, target) else {
                    return NotifyAnswer::because(400, "Bad Contact or Record-Route");
                };
                id
            }
        };
        let mut durable = position.is_none();
        if let Some(subscription) = self.subscriptions.get_mut(index as usize) {
            let own_hop = subscription.next_hop;
            if let Some(dialog) = subscription.dialog(id) {
                dialog.remote_cseq = essentials.cseq.number;
                // R6665-77: a target refresh.
                if let Some(target) = target.filter(|target| **target != *dialog.target) {
                    durable = true;
                    dialog.target = self.shared.text(Arc::from(target));
                    let next_hop = dialog_hop(now, core, own_hop, &dialog.target, dialog.routes());
                    core.hops.leave(std::mem::replace(&mut dialog.next_hop, next_hop));
                    // What is tried elsewhere is another request then.
                    if let Doing::Requesting { exchange, .. } = dialog.doing
                        && let Some(exchange) = self.exchanges.get_mut(exchange as usize)
                    {
                        exchange.numbered = false;
                    }
                    self.moves(now, core, index, id);
                }
            }
        }
        durable |= self.told(now, core, index, id, position.is_none(), notify);
        if durable && self.has_dialog(index, id) {
            self.persist_dialogs(core, index);
        }
        self.arm(index);
        NotifyAnswer {
            makes_dialog: position.is_none(),
            ..NotifyAnswer::code(200)
        }
    }

    /// The subscription that a request in one of our dialogs is for.
    fn addressed(&self, essentials: &Essentials<'_>) -> Option<u32> {
        let tag = essentials.to_tag?;
        let is_it = |index: &u32| {
            self.subscriptions
                .get(*index as usize)
                .is_some_and(|subscription| subscription.identity.is(essentials.call_id, tag))
        };
        super::identity::index_of(tag)
            .filter(is_it)
            .or_else(|| self.restored_at(tag).filter(is_it))
    }

    /// A request in a dialog that asks for nothing of the subscription: how it is answered
    /// (RFC 3261 §12.2.2).
    pub(crate) fn asked_in_dialog(&mut self, essentials: &Essentials<'_>) -> u16 {
        let index = self.addressed(essentials);
        let dialogs = index
            .and_then(|index| self.subscriptions.get_mut(index as usize))
            .map(|subscription| subscription.dialogs.iter_mut());
        let remote_tag = essentials.from_tag.unwrap_or("");
        match dialogs
            .into_iter()
            .flatten()
            .find(|dialog| *dialog.remote_tag == *remote_tag)
        {
            None => 481,
            Some(dialog) if essentials.cseq.number <= dialog.remote_cseq => 500,
            Some(dialog) => {
                dialog.remote_cseq = essentials.cseq.number;
                200
            }
        }
    }

    fn has_dialog(&self, index: u32, id: u64) -> bool {
        self.subscriptions
            .get(index as usize)
            .is_some_and(|subscription| subscription.dialogs.iter().any(|dialog| dialog.id == id))
    }

    /// Takes in what a NOTIFY of a dialog tells; whether the subscription's state is another now.
    fn told(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        id: u64,
        new: bool,
        notify: Notify<'_>,
    ) -> bool {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return false;
        };
        subscription.notifies += 1;
        if let Some(past) = subscription.past_mut() {
            past.refused = None;
        }
        let ends = notify.state.value == SubscriptionStateValue::Terminated;
        // What is told comes after that it is in force, and before that it is over.
        let changed = !ends && self.stands(now, core, index, id, new, &notify);
        let taken = self.take_document(now, core, index, id, notify.content_type, notify.body);
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return false;
        };
        let several = subscription.takes_several_dialogs() && !taken.list && !notify.list;
        let fetch = subscription.intent.fetch;
        if !ends {
            if taken.incomplete
                && let Some(dialog) = subscription.dialog(id)
            {
                // R6665-102: the whole state is asked for, but not again and again.
                let asked_at = dialog.asked_at.map(|at| self.epoch.instant(at));
                let soon = asked_at.map_or(now, |at| (at + GAP_PAUSE).max(now));
                let soon = dialog.hold().map_or(soon, |hold| soon.max(hold));
                let soon = self.epoch.moment(soon);
                dialog.refresh_at = Some(dialog.refresh_at.map_or(soon, |at| at.min(soon)));
            }
            if taken.incomplete || taken.unreadable {
                // The whole state is wanted, not on the condition that it has changed.
                if let Some(dialog) = subscription.dialog(id) {
                    dialog.set_etag(None);
                }
            }
            // A single dialog, confirmed by the 2xx as well: no other can come.
            if let State::Trying { exchange: None, .. } = subscription.state
                && !several
                && !fetch
            {
                subscription.state = State::Established;
            }
            let wanted = subscription.stands();
            if fetch {
                // What was asked for is here; a notifier that thinks more of it finds out.
                self.fetched(now, core, index, id, several);
                return changed;
            }
            self.answer_told(core, index, id);
            if !wanted {
                self.ask(now, core, index, id, Operation::Unsubscribe, Cause::Application);
            } else if taken.over {
                // CCONF-02: there is nothing to watch any more.
                self.unwanted(now, core, index);
            }
            return changed;
        }
        let reason = notify.state.reason.map(|reason| Arc::from(known_reason(reason)));
        if fetch {
            if let Some(subscription) = self.subscriptions.get_mut(index as usize) {
                subscription.make_past().termination = reason;
            }
            self.fetched(now, core, index, id, several);
            return false;
        }
        self.dialog_over(
            now,
            core,
            index,
            id,
            Ended::told(reason, notify.state.retry_after),
        );
        false
    }

    /// A fetch has brought something. Where it may have forked the others are waited for, as long as
    /// the SUBSCRIBE is open and a little longer (R6665-31, RFC 3842 §3.10).
    fn fetched(&mut self, now: Instant, core: &mut Core, index: u32, id: u64, several: bool) {
        let waits = self
            .subscriptions
            .get(index as usize)
            .is_some_and(|subscription| {
                let open = matches!(
                    subscription.state,
                    State::Trying {
                        exchange: Some(_),
                        ..
                    }
                );
                let until = subscription.gathers_until(self.epoch);
                several && (open || until.is_some_and(|until| until > self.epoch.moment(now)))
            });
        if !waits {
            self.answer_told(core, index, id);
            self.dialog_over(now, core, index, id, Ended::silently());
        }
    }

    /// Answers those who wait for what a notifier tells.
    fn answer_told(&mut self, core: &mut Core, index: u32, id: u64) {
        let Some(subscription) = self.subscriptions.get(index as usize) else {
            return;
        };
        if !subscription.is_awaited() {
            return;
        }
        let outcome = self.outcome_told(core, subscription, id);
        self.answer(core, index, Awaited::State, &outcome);
    }
}

/// The notifier's entity-tag (RFC 5839 §5.1), if there is one and it is a token.
fn etag<'m>(message: &Message<'m>) -> Option<&'m str> {
    let row = message.headers.get(HeaderName::SipETag)?;
    EntityTag::parse(row).map(|etag| etag.as_str())
}

/// A reason in the spelling of RFC 6665, so that applications need not care for its case.
fn known_reason(reason: &str) -> String {
    let reason: String = reason.chars().take(64).collect();
    reason.to_ascii_lowercase()
}
