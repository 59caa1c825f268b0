//! Commands of applications: they change what is watched, and wait for what is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_wire::Uri;

use super::subscription::{Intent, Operation, State, Subscription};
use super::{Awaited, Subscriber, Waiter};
use crate::command::{CommandId, Lifetime, Proxy, Subscribe, SubscriptionName, SubscriptionTarget, Wait};
use crate::core::Core;
use crate::next_hops::next_hop_for;
use crate::output::{Output, Refusal, Reply};
use crate::publication::{Cause, Desire};

/// The longest that a command may wait for its outcome.
const PATIENCE: Duration = Duration::from_secs(3600);

impl Subscriber {
    /// Watches a presentity, or goes on watching it with another lifetime.
    pub(crate) fn subscribe(
        &mut self,
        now: Instant,
        core: &mut Core,
        id: CommandId,
        subscribe: Subscribe,
    ) -> Result<(), Refusal> {
        let key = check(&subscribe)?;
        let until = match subscribe.lifetime {
            Lifetime::Seconds(seconds) => Some(now + Duration::from_secs(u64::from(seconds.max(1)))),
            Lifetime::UntilFurtherNotice | Lifetime::Default => None,
        };
        let desire = Desire::Stand { until };
        let held = self.find(&key, &subscribe.name);
        let index = match held {
            Some(index) => {
                self.change(now, core, index, &subscribe, desire)?;
                index
            }
            None => {
                let intent = Intent {
                    extras: self
                        .shared
                        .extras(subscribe.headers, subscribe.proxy, subscribe.members),
                    desire,
                    fetch: false,
                    revision: 0,
                };
                let index = self.insert(now, core, &subscribe.name, intent)?;
                self.subscriptions.index_by_uri(&key, index);
                index
            }
        };
        self.persist_wanted(core, index);
        self.waits(
            now,
            core,
            index,
            id,
            Awaited::State,
            subscribe.wait,
            subscribe.timeout,
        );
        self.wanted(now, core, index);
        Ok(())
    }

    /// Watches it no more.
    pub(crate) fn unsubscribe(
        &mut self,
        now: Instant,
        core: &mut Core,
        id: CommandId,
        target: &SubscriptionTarget,
    ) -> Result<(), Refusal> {
        let key = usable(&target.name.presentity).map_err(Refusal::BadPresentity)?;
        let index = self.find(&key, &target.name).ok_or(Refusal::NotFound)?;
        self.waits(now, core, index, id, Awaited::End, target.wait, target.timeout);
        self.unwanted(now, core, index);
        Ok(())
    }

    /// Asks once for the present state: within a subscription that stands by a refresh, else by
    /// a SUBSCRIBE of its own (R6665-58).
    pub(crate) fn fetch(
        &mut self,
        now: Instant,
        core: &mut Core,
        id: CommandId,
        fetch: Subscribe,
    ) -> Result<(), Refusal> {
        let key = check(&fetch)?;
        let standing = self.find(&key, &fetch.name).filter(|index| {
            self.subscriptions
                .get(*index as usize)
                .is_some_and(|subscription| subscription.stands() && subscription.dialogs.len() == 1)
        });
        if let Some(index) = standing
            && fetch.members.is_empty()
        {
            self.waits(now, core, index, id, Awaited::State, fetch.wait, fetch.timeout);
            if let Some(subscription) = self.subscriptions.get_mut(index as usize) {
                subscription.intent.revision = subscription.intent.revision.wrapping_add(1);
            }
            self.wanted(now, core, index);
            return Ok(());
        }
        let intent = Intent {
            extras: self.shared.extras(fetch.headers, fetch.proxy, fetch.members),
            desire: Desire::Stand { until: None },
            fetch: true,
            revision: 0,
        };
        let index = self.insert(now, core, &fetch.name, intent)?;
        self.waits(now, core, index, id, Awaited::State, fetch.wait, fetch.timeout);
        self.enqueue(now, core, index, Cause::Application);
        Ok(())
    }

    fn change(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        subscribe: &Subscribe,
        desire: Desire,
    ) -> Result<(), Refusal> {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return Ok(());
        };
        if let Some(proxy) = &subscribe.proxy
            && subscription.intent.extras.proxy.as_ref() != Some(proxy)
        {
            let next_hop = own_hop(now, core, &subscription.name.presentity, Some(proxy))?;
            core.hops
                .leave(std::mem::replace(&mut subscription.next_hop, next_hop));
            Arc::make_mut(&mut subscription.intent.extras).proxy = Some(proxy.clone());
            subscription.leaves_queue();
        }
        subscription.intent.desire = desire;
        subscription.intent.revision = subscription.intent.revision.wrapping_add(1);
        if !subscribe.headers.is_empty() {
            Arc::make_mut(&mut subscription.intent.extras).headers = subscribe.headers.clone();
        }
        if !subscribe.members.is_empty() {
            Arc::make_mut(&mut subscription.intent.extras).members = subscribe.members.clone();
        }
        Ok(())
    }

    /// A subscription is wanted, and the state of it now.
    fn wanted(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        match subscription.state {
            // R6665-07, and not before the server's own time (R3903-55).
            State::Queued { .. } | State::Over => self.enqueue(now, core, index, Cause::Application),
            State::Waiting { retry_at, held_off } => {
                if held_off && retry_at > self.epoch.moment(now) {
                    self.arm(index);
                } else {
                    self.enqueue(now, core, index, Cause::Application);
                }
            }
            State::Trying { .. } if subscription.dialogs.is_empty() => self.arm(index),
            State::Trying { .. } | State::Established => {
                let dialogs: Vec<u64> = subscription.dialogs.iter().map(|dialog| dialog.id).collect();
                for dialog in dialogs {
                    self.ask(now, core, index, dialog, Operation::Refresh, Cause::Application);
                }
                self.arm(index);
            }
        }
    }

    /// A subscription is not wanted any more.
    pub(super) fn unwanted(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        if subscription.intent.fetch && !subscription.dialogs.is_empty() {
            // What it has brought; there is nothing to end at the notifier.
            self.gathered(now, core, index);
            return;
        }
        subscription.unwanted(self.epoch.moment(now));
        let state = subscription.state;
        if !self.stopping {
            // Until the notifiers know: another life of the daemon would have to tell them.
            self.persist_wanted(core, index);
        }
        match state {
            State::Queued { .. } | State::Waiting { .. } | State::Over => self.end(now, core, index),
            State::Trying {
                exchange: Some(exchange),
                ..
            } if self.dialogs_of(index).is_empty()
                && self
                    .exchanges
                    .get(exchange as usize)
                    .is_some_and(|exchange| !exchange.sent) =>
            {
                // Nothing has left.
                self.end(now, core, index);
            }
            // R6665-10, R6665-57: no CANCEL; what the SUBSCRIBE brings is ended when it is there.
            State::Trying { .. } if self.dialogs_of(index).is_empty() => self.arm(index),
            State::Trying { .. } | State::Established => {
                for dialog in self.dialogs_of(index) {
                    self.ask(
                        now,
                        core,
                        index,
                        dialog,
                        Operation::Unsubscribe,
                        Cause::Application,
                    );
                }
                self.arm(index);
            }
        }
    }

    fn dialogs_of(&self, index: u32) -> Vec<u64> {
        self.subscriptions
            .get(index as usize)
            .map(|subscription| subscription.dialogs.iter().map(|dialog| dialog.id).collect())
            .unwrap_or_default()
    }

    #[allow(clippy::too_many_arguments)] // a command and how it wants its answer
    fn waits(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        command: CommandId,
        awaited: Awaited,
        wait: Wait,
        timeout: Duration,
    ) {
        match wait {
            Wait::None => {}
            Wait::Accepted => core.outputs.push_back(Output::Reply(command, Reply::Accepted)),
            Wait::Final => {
                let deadline = now + timeout.min(PATIENCE);
                let waiter = self.waiters.insert(Waiter {
                    command,
                    subscription: index,
                    awaited,
                }) as u32;
                self.waiters_due.set(waiter, deadline);
                if let Some(subscription) = self.subscriptions.get_mut(index as usize) {
                    subscription.add_waiter(waiter);
                }
            }
        }
    }

    pub(super) fn insert(
        &mut self,
        now: Instant,
        core: &mut Core,
        name: &SubscriptionName,
        intent: Intent,
    ) -> Result<u32, Refusal> {
        let most = core.config.limits.subscriptions;
        if self.subscriptions.len() + core.elsewhere.subscriptions >= most {
            return Err(Refusal::TooManySubscriptions(most));
        }
        let next_hop = own_hop(now, core, &name.presentity, intent.extras.proxy.as_ref())?;
        let name = self.shared.name(name);
        let subscription = Subscription::new(self.keys.take(), name, intent, next_hop);
        Ok(self.subscriptions.insert(subscription) as u32)
    }

    /// The subscription of this name, if it is held.
    pub(super) fn find(&self, key: &str, name: &SubscriptionName) -> Option<u32> {
        self.subscriptions
            .of(key)
            .find(|(_, held)| {
                held.name.watcher == name.watcher
                    && held.name.package == name.package
                    && held.name.id == name.id
            })
            .map(|(index, _)| index)
    }

    /// Applies a changed configuration: next hops anew, and what a server refused once more. What
    /// a notifier has ended for good stays so (R6665-84).
    pub(crate) fn configure(&mut self, now: Instant, core: &mut Core) {
        for (_, exchange) in &mut self.exchanges {
            // The nonces are forgotten, so a challenge now is the first.
            exchange.passage.rounds.moved();
        }
        let all: Vec<u32> = self.subscriptions.iter().map(|(index, _)| index as u32).collect();
        for index in all {
            let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
                continue;
            };
            let proxy = subscription.intent.extras.proxy.as_ref();
            if let Ok(next_hop) = own_hop(now, core, &subscription.name.presentity, proxy) {
                core.hops
                    .leave(std::mem::replace(&mut subscription.next_hop, next_hop));
            }
            match subscription.state {
                State::Over if subscription.termination().is_none() => {
                    subscription.failures = 0;
                    self.enqueue(now, core, index, Cause::Ourselves);
                    self.persist_dialogs(core, index);
                }
                // It may stand in the queue of a hop that is not its own any more.
                State::Queued { cause } => {
                    subscription.leaves_queue();
                    self.enqueue(now, core, index, cause);
                }
                _ => {}
            }
        }
    }

    /// Ends every subscription at its notifier: the graceful stop. What is wanted stays wanted.
    pub(crate) fn end_all(&mut self, now: Instant, core: &mut Core) {
        self.stopping = true;
        let all: Vec<u32> = self.subscriptions.iter().map(|(index, _)| index as u32).collect();
        for index in all {
            self.unwanted(now, core, index);
        }
    }
}

/// Whether a subscription can be asked for at all; the canonical form of the presentity's URI.
fn check(subscribe: &Subscribe) -> Result<String, Refusal> {
    let key = usable(&subscribe.name.presentity).map_err(Refusal::BadPresentity)?;
    usable(&subscribe.name.watcher).map_err(Refusal::BadWatcher)?;
    for member in subscribe.members.iter() {
        usable(member).map_err(Refusal::BadPresentity)?;
    }
    Ok(key)
}

/// The next hop of a first SUBSCRIBE: the proxy of the subscription, else that of all
/// subscriptions, else the presence server, else where the presentity's own URI leads.
fn own_hop(now: Instant, core: &mut Core, presentity: &str, proxy: Option<&Proxy>) -> Result<u32, Refusal> {
    let configured = core.config.subscribe.proxy.clone();
    next_hop_for(now, core, presentity, proxy, configured.as_ref())
}

/// Whether a URI is one that can be subscribed to, or watch: nothing about `sips` goes out in
/// clear, whatever the next hop is (RFC 3261 §8.1.2).
pub(super) fn usable(uri: &str) -> Result<String, &'static str> {
    let uri = Uri::parse(uri).map_err(|fault| fault.reason())?;
    if uri.is_sips() {
        return Err("sips needs TLS, which is not supported yet");
    }
    Ok(uri.key())
}
