//! What of a subscription outlives the daemon, and how it is taken up again: in its dialogs while
//! their time runs (RFC 3261 §12, RFC 6665 §4.4), anew when it is over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_wire::{NameAddr, Uri};

use super::Subscriber;
use super::command::usable;
use super::dialog::{ROUTES, dialog_hop, needs_tls};
use super::identity::{SetIdentity, bits_of};
use super::settle::OVERSHOOT;
use super::subscription::{Intent, State, Subscription};
use super::usage::{Dialog, Dialogs};
use crate::core::Core;
use crate::output::{Event, Next, Output, SubscriptionChange};
use crate::publication::{Cause, Desire};
use crate::record::{Change, DialogRecord, Setback, SubscriptionRecord};
use crate::request::LAST_CSEQ;

/// How far the CSeq number of a dialog that is taken up is ahead of the stored one: requests may
/// have left after it was written. Gaps are legal for who receives them (RFC 3261 §12.2.2).
const AHEAD: u32 = 1000;
/// A refresh of a dialog that is taken up comes no sooner: the store has its CSeq number by then,
/// so that no number is used twice however often the daemon is killed.
const FIRST_REFRESH: Duration = Duration::from_millis(500);
/// Within so long after that all are due, in the order in which they end; from then on the paced
/// rate decides.
const SPREAD: Duration = Duration::from_secs(2);

impl Subscriber {
    /// Has what is wanted of a subscription written, with all that is known of its dialogs.
    pub(super) fn persist_wanted(&self, core: &mut Core, index: u32) {
        if core.config.durable
            && let Some(subscription) = self.subscriptions.get(index as usize)
            && !subscription.intent.fetch
        {
            let mut record = Box::new(self.record(subscription));
            // A new wish overrules a refusal, but not what was asked for by who has it.
            if let State::Waiting { held_off: true, .. } = subscription.state {
                record.setback = self.setback(core, subscription);
            }
            core.persist(Change::PutSubscription(record));
        }
    }

    /// Has the dialog usages of a subscription written: one was made, refreshed, or ended.
    pub(super) fn persist_dialogs(&self, core: &mut Core, index: u32) {
        if !core.config.durable {
            return;
        }
        let Some(subscription) = self.subscriptions.get(index as usize) else {
            return;
        };
        if subscription.intent.fetch {
            return;
        }
        core.persist(Change::Dialogs {
            key: subscription.key,
            call_id: subscription.identity.call_id(),
            from_tag: subscription.identity.own_tag(),
            dialogs: self.dialog_records(subscription),
            setback: self.setback(core, subscription),
        });
    }

    /// The durable form of a subscription.
    fn record(&self, subscription: &Subscription) -> SubscriptionRecord {
        SubscriptionRecord {
            key: subscription.key,
            name: subscription.name.clone(),
            headers: subscription.intent.extras.headers.clone(),
            proxy: subscription.intent.extras.proxy.clone(),
            members: subscription.intent.extras.members.clone(),
            until: subscription.until(),
            call_id: subscription.identity.call_id(),
            from_tag: subscription.identity.own_tag(),
            dialogs: self.dialog_records(subscription),
            ending: !subscription.stands(),
            setback: None,
        }
    }

    /// What holds the next SUBSCRIBE back: a refusal, or a wait.
    pub(super) fn setback(&self, core: &Core, subscription: &Subscription) -> Option<Box<Setback>> {
        let (retry_at, held_off) = match subscription.state {
            _ if !subscription.dialogs.is_empty() => return None,
            State::Over => (None, false),
            State::Waiting { retry_at, held_off } => (Some(self.epoch.instant(retry_at)), held_off),
            _ => return None,
        };
        let termination = subscription.termination().cloned();
        let (code, reason, at) = match subscription.last(self.epoch) {
            Some(last) => (last.code, last.reason, last.at),
            // A NOTIFY has come sooner than a response.
            None => (0, Arc::default(), self.epoch.begun()),
        };
        Some(Box::new(Setback {
            code,
            reason,
            termination,
            at,
            retry_at,
            held_off,
            next_hop: core.hops.name(subscription.next_hop),
        }))
    }

    /// What was refused in an earlier life, or ended for good, stays so, and what had to wait waits
    /// on; whether it is one of these (R6665-83 to R6665-88).
    fn held_back(&mut self, now: Instant, core: &Core, index: u32, setback: &Setback) -> bool {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return false;
        };
        if setback.code != 0 {
            let at = self.epoch.moment(setback.at);
            subscription.set_last(at, setback.code, &setback.reason);
        }
        if !setback.holds(now, &core.hops.name(subscription.next_hop)) {
            return false;
        }
        if let Some(reason) = &setback.termination {
            subscription.make_past().termination = Some(reason.clone());
        }
        subscription.state = match setback.retry_at {
            Some(retry_at) => State::Waiting {
                retry_at: self.epoch.moment(retry_at),
                held_off: setback.held_off,
            },
            None => State::Over,
        };
        true
    }

    /// The durable form of its dialog usages.
    fn dialog_records(&self, subscription: &Subscription) -> Vec<DialogRecord> {
        subscription
            .dialogs
            .iter()
            .map(|dialog| DialogRecord {
                remote_tag: dialog.remote_tag.clone(),
                target: dialog.target.clone(),
                routes: dialog.routes().into(),
                cseq: dialog.cseq,
                remote_cseq: dialog.remote_cseq,
                active: dialog.active,
                expires_at: self.epoch.instant(dialog.expires_at),
            })
            .collect()
    }

    /// Takes up a subscription of an earlier life (R6665-64): in the dialogs whose time still
    /// runs, each by a refresh, which brings the whole state and the notifier our Contact of
    /// now; without one anew, at the paced rate.
    pub(crate) fn restore(&mut self, now: Instant, core: &mut Core, record: SubscriptionRecord) {
        let Ok(key) = usable(&record.name.presentity) else {
            return;
        };
        if self.find(&key, &record.name).is_some() {
            return;
        }
        self.keys.skip(record.key);
        // A notifier that would go on for longer is told that it is over (R6665-57).
        let ends = record.ending || record.until.is_some_and(|until| until <= now);
        let lingers = |dialog: &DialogRecord| dialog.expires_at > now + OVERSHOOT;
        if ends && !record.dialogs.iter().any(lingers) {
            core.persist(Change::DeleteSubscription { key: record.key });
            core.outputs.push_back(Output::Event(Event::Subscription {
                name: record.name,
                dialog: None,
                change: SubscriptionChange::Terminated {
                    reason: None,
                    detail: None,
                    next: Next::Ended,
                },
            }));
            return;
        }
        let intent = Intent {
            extras: self.shared.extras(record.headers, record.proxy, record.members),
            desire: match ends {
                true => Desire::Gone,
                false => Desire::Stand { until: record.until },
            },
            fetch: false,
            revision: 0,
        };
        let Ok(index) = self.insert(now, core, &record.name, intent) else {
            return;
        };
        self.subscriptions.index_by_uri(&key, index);
        if let Some(subscription) = self.subscriptions.get_mut(index as usize) {
            subscription.key = record.key;
        }
        if self.take_up(
            now,
            core,
            index,
            &record.call_id,
            &record.from_tag,
            record.dialogs,
        ) {
            self.persist_dialogs(core, index);
            self.arm(index);
        } else if ends {
            self.end(now, core, index);
        } else if let Some(setback) = &record.setback
            && self.held_back(now, core, index, setback)
        {
            self.arm(index);
        } else {
            self.enqueue(now, core, index, Cause::Ourselves);
        }
    }

    /// Takes up the dialogs that still stand; whether there are any.
    fn take_up(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        call_id: &str,
        from_tag: &str,
        records: Vec<DialogRecord>,
    ) -> bool {
        let Some(identity) = SetIdentity::parse(call_id, from_tag) else {
            return false;
        };
        let most = core.config.limits.dialogs.max(1);
        let mut dialogs = Dialogs::default();
        for record in records.into_iter().filter(|record| record.expires_at > now) {
            let twice = dialogs
                .iter()
                .any(|dialog| dialog.remote_tag == record.remote_tag);
            if !is_sound(core, &record) || twice || dialogs.len() >= most {
                continue;
            }
            dialogs.push(self.taken_up(now, core, index, record));
        }
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return false;
        };
        if dialogs.is_empty() {
            return false;
        }
        subscription.identity = identity;
        subscription.state = State::Established;
        subscription.dialogs = dialogs;
        self.restored.insert(identity.bits(), index);
        true
    }

    fn taken_up(&mut self, now: Instant, core: &mut Core, index: u32, record: DialogRecord) -> Dialog {
        let own_hop = self
            .subscriptions
            .get(index as usize)
            .map_or(0, |subscription| subscription.next_hop);
        let left = record.expires_at.saturating_duration_since(now);
        let id = self.dialog_ids.take();
        let next_hop = dialog_hop(now, core, own_hop, &record.target, &record.routes);
        let target = self.shared.text(record.target);
        let expires_at = self.epoch.moment(record.expires_at);
        let refresh_at = now + first_refresh(left, core.random.fraction());
        let mut dialog = Dialog::new(id, record.remote_tag, target, record.routes, next_hop, expires_at);
        dialog.cseq = record.cseq.saturating_add(AHEAD);
        dialog.remote_cseq = record.remote_cseq;
        dialog.active = record.active;
        dialog.granted = u32::try_from(left.as_secs()).unwrap_or(u32::MAX);
        dialog.refresh_at = Some(self.epoch.moment(refresh_at));
        dialog
    }

    /// The subscription that a tag of an earlier life leads to.
    pub(super) fn restored_at(&self, tag: &str) -> Option<u32> {
        if self.restored.is_empty() {
            return None;
        }
        self.restored.get(&bits_of(tag)?).copied()
    }

    /// A set of dialogs is over: if it is of an earlier life, its tag leads nowhere any more.
    pub(super) fn forget_tag(&mut self, index: u32) {
        if self.restored.is_empty() {
            return;
        }
        let tag = self
            .subscriptions
            .get(index as usize)
            .map(|subscription| subscription.identity.bits());
        if let Some(tag) = tag
            && self.restored.get(&tag) == Some(&index)
        {
            self.restored.remove(&tag);
        }
    }
}

/// How long after its return a dialog that has so much time left is refreshed: the sooner it ends
/// the sooner, and those that end together not together; `fraction` is random in `0..1`.
fn first_refresh(left: Duration, fraction: f64) -> Duration {
    let left = left.as_secs_f64();
    let place = left / (left + 300.0);
    let jittered = place * (0.9 + 0.1 * fraction.clamp(0.0, 1.0));
    (FIRST_REFRESH + SPREAD.mul_f64(jittered)).min(Duration::from_secs_f64(left * 0.5))
}

/// Whether what the store has can be a dialog of ours: it was written by us, but a disk is no
/// friend.
fn is_sound(core: &Core, record: &DialogRecord) -> bool {
    is_tag(&record.remote_tag)
        && record.cseq < LAST_CSEQ - 2 * AHEAD
        && record.routes.len() <= ROUTES
        && (core.hops.is_known_to_lead(&record.target)
            || Uri::parse(&record.target).is_ok_and(|uri| uri.is_sip()))
        && !needs_tls(core, &record.target, &record.routes)
        && record
            .routes
            .iter()
            .all(|route| NameAddr::parse(route.as_bytes()).is_ok_and(|router| router.uri().is_ok()))
}

/// Whether it is a tag that a NOTIFY can have had; some have none.
fn is_tag(tag: &str) -> bool {
    // Most are made of these, and need no parser.
    if tag
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
    {
        return true;
    }
    let row = format!("<sip:a>;tag={tag}");
    NameAddr::parse(row.as_bytes()).is_ok_and(|party| party.tag() == Some(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Before the end, and the sooner the end the sooner.
    #[test]
    fn the_first_refresh_is_before_the_end_and_in_its_order() {
        let at = |left: f64, fraction| first_refresh(Duration::from_secs_f64(left), fraction);
        for fraction in [0.0, 0.5, 1.0] {
            let mut before = Duration::ZERO;
            for left in [0.001, 0.5, 1.0, 2.0, 60.0, 600.0, 3600.0, 86_400.0] {
                let after = at(left, fraction);
                assert!(after > before && after < Duration::from_secs_f64(left), "{left}");
                assert!(after <= FIRST_REFRESH + SPREAD);
                before = after;
            }
        }
        assert!(at(60.0, 1.0) < at(600.0, 0.0));
        assert!(at(600.0, 0.0) < at(600.0, 1.0));
    }
}
