//! The user agent: routes inputs to the machines and collects their outputs.

use std::time::Instant;

use sip_transaction::{Arrived, Flow, Hop};
use sip_wire::{Limits, Message, StartLine};

use crate::command::PublicationName;
use crate::config::Config;
use crate::core::Core;
use crate::epa::Epa;
use crate::output::{Input, Output, Unreachable};
use crate::uas::Uas;
use crate::view::{Filter, Page, PublicationView, Statistic};

/// A presence user agent without IO; see the [crate's front page](crate).
pub struct UserAgent {
    core: Core,
    epa: Epa,
    uas: Uas,
}

impl UserAgent {
    /// A user agent that holds nothing yet. `seed` must come from the system's random source:
    /// tags, branches and Call-IDs are made from it.
    #[must_use]
    pub fn new(now: Instant, config: Config, seed: [u8; 32]) -> Self {
        let mut core = Core::new(now, config, seed);
        let uas = Uas::new(now, &mut core);
        UserAgent {
            core,
            epa: Epa::new(now),
            uas,
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
            Input::Command(id, command) => self.epa.handle_command(now, &mut self.core, id, command),
            Input::Configure(config) => {
                self.core.configure(now, config);
                self.uas.configure(&self.core.config);
                self.epa.configure(now, &mut self.core);
            }
            Input::Restore(record) => self.epa.restore(now, &mut self.core, record),
        }
        self.elapse(now);
    }

    fn resume(&mut self, now: Instant, owners: &[u64]) {
        for owner in owners {
            self.epa.resume(now, &mut self.core, *owner);
        }
    }

    fn received(&mut self, now: Instant, flow: &Flow, bytes: &[u8]) {
        let parsed = if flow.transport.is_reliable() {
            Message::parse_framed(bytes, &Limits::stream())
        } else {
            Message::parse_datagram(bytes, &Limits::default())
        };
        let Ok(message) = parsed else {
            self.core.counters.malformed += 1;
            return;
        };
        let StartLine::Status(status) = &message.start else {
            self.core.counters.requests_received += 1;
            self.uas.received(now, &mut self.core, flow, &message);
            return;
        };
        let Ok(essentials) = message.essentials() else {
            self.core.counters.malformed += 1;
            return;
        };
        // RFC 3261 §18.1.2, §8.1.3.3: one Via, and it is ours.
        let via = &essentials.top_via;
        let ours = self.core.is_our_name(via.sent_by) && message.headers.vias().nth(1).is_none();
        let Some(branch) = via.branch.filter(|_| ours) else {
            self.core.counters.stray_responses += 1;
            return;
        };
        match self
            .core
            .clients
            .receive(now, branch, essentials.cseq.method.as_str(), status.code)
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
                self.epa
                    .answered(now, &mut self.core, owner, hop, status, &message);
            }
            Arrived::Provisional { .. } | Arrived::Absorbed => {}
            Arrived::Stray => self.core.counters.stray_responses += 1,
        }
    }

    fn unreachable(&mut self, now: Instant, hop: Hop, connection: Option<u64>, why: Unreachable) {
        for owner in self.core.clients.fail(hop, connection) {
            self.epa.undelivered(now, &mut self.core, owner, hop, why);
        }
    }

    /// Does what is due at `now`.
    fn elapse(&mut self, now: Instant) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.core.clients.next_due()) {
            while let Some(elapsed) = self.core.clients.poll(now) {
                self.epa.elapsed(now, &mut self.core, elapsed);
            }
        }
        if due(self.epa.next_due()) || due(self.core.hops.next_due()) {
            self.epa.handle_timeout(now, &mut self.core);
        }
        if due(self.uas.next_due()) {
            self.uas.handle_timeout(now, &mut self.core);
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
            self.core.hops.next_due(),
            self.uas.next_due(),
        ]
        .into_iter()
        .flatten()
        .min()
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
        all.push(gauge("client_transactions", self.core.clients.pending()));
        all.push(gauge("server_transactions", self.uas.transactions()));
        all.push(gauge("paced", self.core.hops.paced()));
        all
    }

    /// Sets one counter, or all (`None`), to zero. Whether there is one of that name.
    pub fn reset_statistics(&mut self, name: Option<&str>) -> bool {
        self.core.counters.reset(name)
    }

    /// Begins a graceful stop: removes every publication when `remove` is true, else leaves them
    /// as they are at the server. New commands are refused. Done when [`UserAgent::is_idle`].
    pub fn stop(&mut self, now: Instant, remove: bool) {
        self.epa.stop(now, &mut self.core, remove);
    }

    /// Whether nothing is under way and nobody waits for an answer.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.epa.is_idle()
    }
}
