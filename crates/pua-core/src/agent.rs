//! The user agent: routes inputs to the machines and collects their outputs.

use std::time::Instant;

use sip_transaction::{Arrived, Elapsed, Flow, Hop};
use sip_wire::StartLine;

use crate::command::{Command, CommandId, PublicationName, SubscriptionName, Wait};
use crate::config::Config;
use crate::core::Core;
use crate::division::Held;
use crate::epa::Epa;
use crate::output::{Input, Output, Refusal, Reply, Unreachable};
use crate::owner::{Owner, Role};
use crate::subscriber::Subscriber;
use crate::uas::Uas;
use crate::view::{
    Filter, Page, PublicationView, StateView, Statistic, SubscriptionFilter, SubscriptionPage,
    SubscriptionView,
};

/// A presence user agent without IO; see the [crate's front page](crate).
pub struct UserAgent {
    core: Core,
    epa: Epa,
    subscriber: Subscriber,
    uas: Uas,
    /// Whether the graceful stop has begun.
    stopping: bool,
}

impl UserAgent {
    /// A user agent that holds nothing yet. `seed` must come from the system's random source:
    /// tags, branches and Call-IDs are made from it.
    #[must_use]
    pub fn new(now: Instant, config: Config, seed: [u8; 32]) -> Self {
        let share = config.share;
        let mut core = Core::new(now, config, seed);
        let uas = Uas::new(now, &mut core);
        UserAgent {
            core,
            epa: Epa::new(now, share),
            subscriber: Subscriber::new(now, share),
            uas,
            stopping: false,
        }
    }

    /// Takes in one thing that has happened. Cannot fail; drain [`UserAgent::poll_output`] after.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Timeout => {}
            Input::Received { flow, bytes } => self.received(now, flow, bytes),
            Input::Unreachable { hop, connection, why } => self.unreachable(now, hop, connection, why),
            Input::Resolved { host, answer } => {
                let Core {
                    hops,
                    config,
                    outputs,
                    ..
                } = &mut self.core;
                let ready = hops.resolved(now, host, &answer, config, &mut |output| {
                    outputs.push_back(output)
                });
                self.resume(now, &ready);
            }
            Input::Source { towards, source } => {
                let ready = self.core.hops.sourced(towards, source);
                self.resume(now, &ready);
            }
            Input::Command(id, command) => self.command(now, id, command),
            Input::Configure(config) => {
                self.core.configure(now, config);
                self.uas.configure(&self.core.config);
                self.epa.configure(now, &mut self.core);
                self.subscriber.configure(now, &mut self.core);
            }
            Input::Restore(record) => self.epa.restore(now, &mut self.core, record),
            Input::RestoreSubscription(record) => self.subscriber.restore(now, &mut self.core, record),
        }
        self.elapse(now);
    }

    fn resume(&mut self, now: Instant, owners: &[u64]) {
        for owner in owners.iter().map(|owner| Owner::from(*owner)) {
            match owner.role {
                Role::Publisher => self.epa.resume(now, &mut self.core, owner),
                Role::Subscriber => self.subscriber.resume(now, &mut self.core, owner),
            }
        }
    }

    /// A command of an application: it is answered now or later, exactly once.
    fn command(&mut self, now: Instant, id: CommandId, command: Command) {
        let core = &mut self.core;
        core.counters.commands += 1;
        let wait = command.wait();
        let waiting = self.epa.waiting() + self.subscriber.waiting() + core.elsewhere.commands;
        let taken = if self.stopping || waiting >= core.config.limits.commands {
            Err(Refusal::Busy)
        } else {
            match command {
                Command::Publish(publish) => self.epa.publish(now, core, id, publish),
                Command::Remove(target) => self.epa.remove(now, core, id, &target),
                Command::Refresh(target) => self.epa.refresh(now, core, id, &target),
                Command::Subscribe(subscribe) => self.subscriber.subscribe(now, core, id, subscribe),
                Command::Unsubscribe(target) => self.subscriber.unsubscribe(now, core, id, &target),
                Command::Fetch(fetch) => self.subscriber.fetch(now, core, id, fetch),
            }
        };
        if let Err(refusal) = taken {
            core.counters.commands_refused += 1;
            if wait != Wait::None {
                core.outputs.push_back(Output::Reply(id, Reply::Refused(refusal)));
            }
        }
    }

    fn received(&mut self, now: Instant, flow: &Flow, bytes: &[u8]) {
        let message = match flow.read(bytes) {
            Ok(message) => message,
            Err(beyond) => {
                self.core.counters.malformed += 1;
                if let Some(beyond) = beyond {
                    self.uas
                        .refuse(&mut self.core, flow, &beyond.message, beyond.code, beyond.reason);
                }
                return;
            }
        };
        let StartLine::Status(status) = &message.start else {
            self.core.counters.requests_received += 1;
            self.uas
                .received(now, &mut self.core, &mut self.subscriber, flow, &message);
            return;
        };
        let Ok(key) = message.response_key() else {
            self.core.counters.malformed += 1;
            return;
        };
        // RFC 3261 §18.1.2, §8.1.3.3: one Via, and it is ours.
        let via = &key.top_via;
        let ours = self.core.is_our_name(via.sent_by) && key.is_last_hop;
        let Some(branch) = via.branch.filter(|_| ours) else {
            self.core.counters.stray_responses += 1;
            return;
        };
        match self
            .core
            .clients
            .receive(now, branch, key.cseq.method.as_str(), status.code)
        {
            Arrived::Final { owner, hop } => {
                let counters = &mut self.core.counters;
                match status.code / 100 {
                    2 => counters.responses_2xx += 1,
                    3 => counters.responses_3xx += 1,
                    4 => counters.responses_4xx += 1,
                    5 => counters.responses_5xx += 1,
                    _ => counters.responses_6xx += 1,
                }
                let owner = Owner::from(owner);
                match owner.role {
                    Role::Publisher => self
                        .epa
                        .answered(now, &mut self.core, owner, hop, status, &message),
                    Role::Subscriber => {
                        self.subscriber
                            .answered(now, &mut self.core, owner, hop, status, &message)
                    }
                }
            }
            Arrived::Provisional { .. } | Arrived::Absorbed => {}
            Arrived::Stray => self.core.counters.stray_responses += 1,
        }
    }

    fn unreachable(&mut self, now: Instant, hop: Hop, connection: Option<u64>, why: Unreachable) {
        for owner in self.core.clients.fail(hop, connection) {
            self.core.counters.unreachable += 1;
            let owner = Owner::from(owner);
            match owner.role {
                Role::Publisher => self.epa.undelivered(now, &mut self.core, owner, hop, why),
                Role::Subscriber => self.subscriber.undelivered(now, &mut self.core, owner, hop, why),
            }
        }
    }

    /// Does what is due at `now`.
    fn elapse(&mut self, now: Instant) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.core.clients.next_due()) {
            while let Some(elapsed) = self.core.clients.poll(now) {
                self.transaction_elapsed(now, elapsed);
            }
        }
        if due(self.epa.next_due()) {
            self.epa.handle_timeout(now, &mut self.core);
        }
        if due(self.subscriber.next_due()) {
            self.subscriber.handle_timeout(now, &mut self.core);
        }
        while let Some(hop) = self.core.hops.pop_due(now) {
            // In the order of the queue, whoever's turn it is.
            while self.epa.pump_own(now, &mut self.core, hop)
                && self.subscriber.pump_own(now, &mut self.core, hop)
            {}
        }
        if due(self.uas.next_due()) {
            self.uas.handle_timeout(now, &mut self.core);
        }
    }

    /// Timers of the client transactions.
    fn transaction_elapsed(&mut self, now: Instant, elapsed: Elapsed) {
        match elapsed {
            Elapsed::Retransmit { owner, transmit } => {
                self.core.counters.retransmissions += 1;
                self.core.outputs.push_back(Output::Transmit(transmit));
                let owner = Owner::from(owner);
                match owner.role {
                    Role::Publisher => self.epa.retransmitted(now, &mut self.core, owner),
                    Role::Subscriber => self.subscriber.retransmitted(now, &mut self.core, owner),
                }
            }
            Elapsed::TimedOut {
                owner,
                hop,
                proceeding,
            } => {
                self.core.counters.timeouts += 1;
                let owner = Owner::from(owner);
                match owner.role {
                    Role::Publisher => self.epa.timed_out(now, &mut self.core, owner, hop, proceeding),
                    Role::Subscriber => {
                        self.subscriber
                            .timed_out(now, &mut self.core, owner, hop, proceeding)
                    }
                }
            }
        }
    }

    /// The next thing to do; call until `None` after every input.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.core.outputs.pop_front()
    }

    /// When to call [`UserAgent::handle_input`] with [`Input::Timeout`] if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [
            self.core.clients.next_due(),
            self.epa.next_due(),
            self.subscriber.next_due(),
            self.core.hops.next_due(),
            self.uas.next_due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What is held, to be told to the other engines.
    #[must_use]
    pub fn held(&self) -> Held {
        Held {
            publications: self.epa.len(),
            subscriptions: self.subscriber.len(),
            commands: self.epa.waiting() + self.subscriber.waiting(),
        }
    }

    /// What the other engines hold: it counts in the limits.
    pub fn held_elsewhere(&mut self, held: Held) {
        self.core.elsewhere = held;
    }

    /// The store has records of publications and of subscriptions with these keys, perhaps of other
    /// engines: no key up to them is given again.
    pub fn skip_keys(&mut self, publications: u64, subscriptions: u64) {
        self.epa.keys.skip(publications);
        self.subscriber.keys.skip(subscriptions);
    }

    /// The publications that pass `filter`, at most `limit` of them; `cursor` is the `next` of
    /// the page before.
    #[must_use]
    pub fn publications(&self, filter: &Filter, cursor: Option<u64>, limit: usize) -> Page {
        self.epa.publications(&self.core, filter, cursor, limit)
    }

    /// One publication.
    #[must_use]
    pub fn publication(&self, name: &PublicationName) -> Option<PublicationView> {
        self.epa.publication(&self.core, name)
    }

    /// The subscriptions that pass `filter`, at most `limit` of them; `cursor` is the `next` of
    /// the page before. Fetches are not among them.
    #[must_use]
    pub fn subscriptions(
        &self,
        filter: &SubscriptionFilter,
        cursor: Option<u64>,
        limit: usize,
    ) -> SubscriptionPage {
        self.subscriber.subscriptions(&self.core, filter, cursor, limit)
    }

    /// One subscription.
    #[must_use]
    pub fn subscription(&self, name: &SubscriptionName) -> Option<SubscriptionView> {
        self.subscriber.subscription(&self.core, name)
    }

    /// What is known of the state of `presentity` (compared by RFC 3261 §19.1.4), or of all: by
    /// subscriptions to it, and by lists of which it is a member.
    #[must_use]
    pub fn states(&self, presentity: Option<&str>) -> Vec<StateView> {
        self.subscriber.states(presentity)
    }

    /// What one subscription has brought, member by member if it is a list.
    #[must_use]
    pub fn states_of(&self, name: &SubscriptionName) -> Vec<StateView> {
        self.subscriber.states_of(name)
    }

    /// All counters and gauges.
    #[must_use]
    pub fn statistics(&self) -> Vec<Statistic> {
        let gauge = |name, value: usize| Statistic {
            name,
            value: value as u64,
            counter: false,
        };
        let mut all = self.core.counters.list();
        all.extend(self.epa.gauges());
        all.extend(self.subscriber.gauges());
        all.push(gauge("client_transactions", self.core.clients.pending()));
        all.push(gauge("server_transactions", self.uas.transactions()));
        all.push(gauge("paced", self.core.hops.paced()));
        all.push(gauge("window_waiting", self.core.hops.held_back()));
        all.push(gauge("window_smallest", self.core.hops.smallest_window()));
        all.push(gauge("window_under_way", self.core.hops.under_way()));
        all
    }

    /// Sets one counter, or all (`None`), to zero. Whether there is one of that name.
    pub fn reset_statistics(&mut self, name: Option<&str>) -> bool {
        self.core.counters.reset(name)
    }

    /// Begins a graceful stop: with `remove` every publication that says nothing else
    /// ([`Publish::on_stop`](crate::Publish::on_stop)) is withdrawn and every subscription ended
    /// at its server, without it the publications that say so are; what is left stays as it is
    /// there. New commands are refused. Done when [`UserAgent::is_idle`]; whoever cannot wait for
    /// that may stop at any time, since what is withdrawn is written to the store first and the
    /// next life goes on with it. Drain [`UserAgent::poll_output`] after.
    pub fn stop(&mut self, now: Instant, remove: bool) {
        self.stopping = true;
        self.epa.stop(now, &mut self.core, remove);
        if remove {
            self.subscriber.end_all(now, &mut self.core);
        }
    }

    /// Whether nothing is under way and nobody waits for an answer.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.epa.is_idle() && self.subscriber.is_idle()
    }
}
