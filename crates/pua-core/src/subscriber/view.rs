//! What can be seen of the subscriptions, and of the state that they brought.

use sip_wire::Uri;

use super::Subscriber;
use super::outcome::state_of;
use super::subscription::{State, Subscription};
use super::told::resource_states;
use super::usage::Told;
use crate::command::SubscriptionName;
use crate::core::Core;
use crate::view::{
    DialogView, StateView, Statistic, SubscriptionFilter, SubscriptionPage, SubscriptionState,
    SubscriptionView,
};

impl Subscriber {
    /// Some of the subscriptions, in the order in which they are kept.
    pub(crate) fn subscriptions(
        &self,
        core: &Core,
        filter: &SubscriptionFilter,
        cursor: Option<u64>,
        limit: usize,
    ) -> SubscriptionPage {
        let passes = |subscription: &Subscription| {
            let same =
                |wanted: &Option<String>, held: &str| wanted.as_ref().is_none_or(|wanted| wanted == held);
            !subscription.intent.fetch
                && same(&filter.watcher, &subscription.name.watcher)
                && same(&filter.package, &subscription.name.package)
                && filter.state.is_none_or(|state| state == state_of(subscription))
        };
        let mut page = SubscriptionPage {
            subscriptions: Vec::new(),
            next: None,
        };
        let mut add = |index: usize, subscription: &Subscription| {
            if !passes(subscription) {
                return true;
            }
            if page.subscriptions.len() >= limit {
                page.next = Some(index as u64);
                return false;
            }
            page.subscriptions.push(self.view(core, subscription));
            true
        };
        let from = usize::try_from(cursor.unwrap_or(0)).unwrap_or(usize::MAX);
        match &filter.presentity {
            Some(presentity) => {
                for index in self.of(presentity).into_iter().filter(|index| *index >= from) {
                    if let Some(subscription) = self.subscriptions.get(index)
                        && !add(index, subscription)
                    {
                        break;
                    }
                }
            }
            None => {
                // By index, so that a late page of a million is as cheap as the first.
                let end = self
                    .subscriptions
                    .iter()
                    .next_back()
                    .map_or(0, |(index, _)| index + 1);
                for index in from..end {
                    if let Some(subscription) = self.subscriptions.get(index)
                        && !add(index, subscription)
                    {
                        break;
                    }
                }
            }
        }
        page
    }

    /// The subscriptions to a presentity, in the order in which they are kept.
    fn of(&self, presentity: &str) -> Vec<usize> {
        let mut indices: Vec<usize> = Uri::parse(presentity)
            .ok()
            .map(|uri| {
                self.subscriptions
                    .of(&uri.key())
                    .map(|(index, _)| index as usize)
                    .collect()
            })
            .unwrap_or_default();
        indices.sort_unstable();
        indices
    }

    /// One subscription.
    pub(crate) fn subscription(&self, core: &Core, name: &SubscriptionName) -> Option<SubscriptionView> {
        let uri = Uri::parse(&name.presentity).ok()?;
        let index = self.find(&uri.key(), name)?;
        self.subscriptions
            .get(index as usize)
            .map(|subscription| self.view(core, subscription))
    }

    /// What is known of the state of a presentity, or of all. For one, only the subscriptions to
    /// it and the lists are looked at.
    pub(crate) fn states(&self, presentity: Option<&str>) -> Vec<StateView> {
        let Some(presentity) = presentity else {
            let all = self.subscriptions.iter();
            return all
                .flat_map(|(_, subscription)| self.told_by(subscription, None))
                .collect();
        };
        let Ok(wanted) = Uri::parse(presentity).map(|uri| uri.key()) else {
            return Vec::new();
        };
        let own = self.of(presentity);
        let lists = self.lists.iter().map(|index| *index as usize);
        let mut indices: Vec<usize> = own.iter().copied().chain(lists).collect();
        indices.sort_unstable();
        indices.dedup();
        let mut all = Vec::new();
        for index in indices {
            if let Some(subscription) = self.subscriptions.get(index) {
                // Of a list that is asked for by its own URI everything.
                let member = own.binary_search(&index).is_err().then_some(wanted.as_str());
                all.extend(self.told_by(subscription, member));
            }
        }
        all
    }

    /// What one subscription has brought.
    pub(crate) fn states_of(&self, name: &SubscriptionName) -> Vec<StateView> {
        Uri::parse(&name.presentity)
            .ok()
            .and_then(|uri| self.find(&uri.key(), name))
            .and_then(|index| self.subscriptions.get(index as usize))
            .map(|subscription| self.told_by(subscription, None))
            .unwrap_or_default()
    }

    /// What a subscription has brought; of a list only what is told of the member with this
    /// canonical URI, if one is named.
    fn told_by(&self, subscription: &Subscription, member: Option<&str>) -> Vec<StateView> {
        if subscription.intent.fetch {
            return Vec::new();
        }
        let mut all = Vec::new();
        for (dialog, told) in told(subscription) {
            let Some(at) = told.at else { continue };
            // No document is read but those that are asked for.
            let only: Option<Vec<usize>> = member.map(|wanted| {
                let is_wanted = |uri: &str| Uri::parse(uri).is_ok_and(|uri| uri.key() == wanted);
                let members = told.state.members().enumerate();
                members
                    .filter(|(_, member)| is_wanted(&member.uri))
                    .map(|(position, _)| position)
                    .collect()
            });
            if only.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            let presentity = &subscription.name.presentity;
            let at = self.epoch.instant(at);
            for state in resource_states(presentity, &told.state, at, only.as_deref()) {
                all.push(StateView {
                    name: subscription.name.clone(),
                    dialog,
                    subscription: state_of(subscription),
                    state,
                });
            }
        }
        all
    }

    fn view(&self, core: &Core, subscription: &Subscription) -> SubscriptionView {
        let dialogs: Vec<DialogView> = subscription
            .dialogs
            .iter()
            .map(|dialog| DialogView {
                id: dialog.id,
                state: match (dialog.heard, dialog.active) {
                    (false, _) => SubscriptionState::NotifyWait,
                    (true, true) => SubscriptionState::Active,
                    (true, false) => SubscriptionState::Pending,
                },
                remote_target: dialog.target.clone(),
                expires_at: self.epoch.instant(dialog.expires_at),
                refresh_at: dialog.refresh_at.map(|at| self.epoch.instant(at)),
            })
            .collect();
        let last = subscription.last(self.epoch);
        SubscriptionView {
            key: subscription.key,
            name: subscription.name.clone(),
            state: state_of(subscription),
            reason: subscription.termination().cloned(),
            headers: subscription.intent.extras.headers.clone(),
            proxy: subscription.intent.extras.proxy.clone(),
            granted: subscription.dialogs.first().map(|dialog| dialog.granted),
            expires_at: dialogs.iter().map(|dialog| dialog.expires_at).min(),
            refresh_at: dialogs.iter().filter_map(|dialog| dialog.refresh_at).min(),
            retry_at: match subscription.state {
                State::Waiting { retry_at, .. } => Some(self.epoch.instant(retry_at)),
                _ => None,
            },
            // While its end is under way it is what was wanted: until then, and no longer.
            until: subscription
                .until()
                .or(subscription.unwanted_since().map(|at| self.epoch.instant(at))),
            dialogs,
            notifies: subscription.notifies,
            last_code: subscription.last_code(),
            last_at: last.as_ref().map(|last| last.at),
            last_reason: last.map(|last| last.reason),
            next_hop: core
                .hops
                .peek(subscription.next_hop)
                .and_then(crate::next_hop::NextHop::peek),
            call_id: subscription.identity.call_id(),
            cseq: subscription
                .dialogs
                .first()
                .map_or(subscription.cseq, |dialog| dialog.cseq),
        }
    }

    /// Gauges of what is held.
    pub(crate) fn gauges(&self) -> Vec<Statistic> {
        const STATES: [(SubscriptionState, &str); 4] = [
            (SubscriptionState::NotifyWait, "subscriptions_notify_wait"),
            (SubscriptionState::Pending, "subscriptions_pending"),
            (SubscriptionState::Active, "subscriptions_active"),
            (SubscriptionState::Terminated, "subscriptions_terminated"),
        ];
        let mut by_state = [0u64; 4];
        let mut dialogs = 0;
        for (_, subscription) in self.subscriptions.iter() {
            dialogs += subscription.dialogs.len() as u64;
            let state = state_of(subscription);
            for (count, (known, _)) in by_state.iter_mut().zip(STATES) {
                *count += u64::from(known == state);
            }
        }
        let gauge = |name, value| Statistic {
            name,
            value,
            counter: false,
        };
        let mut gauges = vec![
            gauge("subscriptions", self.subscriptions.len() as u64),
            gauge("dialogs", dialogs),
        ];
        gauges.extend(
            by_state
                .iter()
                .zip(STATES)
                .map(|(count, (_, name))| gauge(name, *count)),
        );
        gauges
    }
}

/// Everything that notifiers have told for a subscription; of dialogs that are over only when
/// there is no other.
fn told(subscription: &Subscription) -> impl Iterator<Item = (Option<u64>, &Told)> {
    let known = subscription
        .past()
        .and_then(|past| past.known.as_ref())
        .filter(|_| subscription.dialogs.is_empty());
    subscription
        .dialogs
        .iter()
        .map(|dialog| (Some(dialog.id), &dialog.told))
        .chain(known.map(|told| (None, told)))
}
