//! The loop: takes what has arrived, a budget from each source, feeds the user agent, transmits,
//! commits, and releases the answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use pua_core::{Input, Query, UserAgent};
use pua_mi::{Request, Via};

use super::division::{Division, Together};
use super::gathering::{Gathering, wait_exactly};
use super::handle::{Control, Inbox, Submission};
use super::orders::{Orders, is_long};
use super::parts::Parts;
use super::store::Kept;
use super::turn::Turn;
use super::{Hooks, settings, statistics};
use crate::carriers::Outlet;
use crate::clock;
use crate::config::Config;
use crate::events::Ask;
use crate::mi::{self, Admin, Clock, Datagrams, Desk, Fifo, ReplyFifos, ReplyTo};
use crate::sip::{self, Resolver, SipIo};

/// The token of the bell.
pub(super) const TOKEN_BELL: usize = 0;
/// Requests taken from the front-ends' channel in one turn.
const SUBMISSIONS: usize = 256;
/// Requests that take long and may wait for their turn.
const LONG: usize = 1024;
/// How far the daemon's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Serving,
    /// Gracefully until then.
    Stopping(Instant),
    /// At once.
    Ended,
}

/// All that the engine's thread owns.
pub(super) struct Daemon {
    pub(super) poll: Poll,
    pub(super) config: Config,
    pub(super) bound: Vec<(pua_core::Transport, std::net::SocketAddr)>,
    pub(super) agent: UserAgent,
    pub(super) division: Division,
    pub(super) sip: SipIo,
    pub(super) fifo: Option<Fifo>,
    pub(super) replies: Option<ReplyFifos>,
    pub(super) datagrams: Option<Datagrams>,
    pub(super) inbox: Inbox,
    pub(super) resolver: Resolver,
    pub(super) hooks: Hooks,
    pub(super) admin: Admin,
    pub(super) front_stop: tokio_util::sync::CancellationToken,
    pub(super) events: Outlet,
    pub(super) counts: statistics::Counts,
    pub(super) store: Kept,
    pub(super) desk: Desk,
    /// Questions of consumers of events: at most one of each.
    asks: VecDeque<Ask>,
    pub(super) turn: Turn,
    pub(super) phase: Phase,
    gathering: Gathering,
    /// `kill` was called.
    pub(super) killed: bool,
}

impl Daemon {
    /// Takes up what the store holds of an earlier life.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) fn new(mut parts: Parts) -> anyhow::Result<Daemon> {
        let mut turn = Turn::after(parts.events.inlet.last());
        let bell = parts.inbox.bell.clone();
        let store = parts.store.begin(
            move || bell.ring(),
            |now, mut input| {
                if let Input::Restore(record) = &mut input {
                    parts.own_server.forget(record);
                }
                if let Some(input) = parts.division.restore(now, input) {
                    parts.agent.handle_input(now, input);
                    turn.drain(&mut parts.agent);
                }
            },
        )?;
        parts.division.start(&mut parts.agent)?;
        Ok(Daemon {
            admin: Admin::new(parts.hooks.log_level.clone()),
            poll: parts.poll,
            config: parts.config,
            bound: parts.bound,
            agent: parts.agent,
            division: parts.division,
            sip: parts.sip,
            fifo: parts.fifo,
            replies: parts.replies,
            datagrams: parts.datagrams,
            inbox: parts.inbox,
            resolver: parts.resolver,
            hooks: parts.hooks,
            front_stop: parts.front_stop,
            events: parts.events,
            asks: VecDeque::new(),
            counts: statistics::Counts::default(),
            store,
            desk: Desk::default(),
            turn,
            phase: Phase::Serving,
            gathering: Gathering::new(Instant::now()),
            killed: false,
        })
    }

    /// Runs until the stop is done.
    ///
    /// # Errors
    /// The system's poller fails; another daemon has taken the store over.
    pub(super) fn run(&mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(256);
        wait_exactly();
        loop {
            let now = clock::now();
            let timeout = match self.pending() {
                true => Some(Duration::ZERO),
                false => clock::wait(now, self.next_timeout(now)),
            };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            let now = clock::now();
            for event in &events {
                self.on_event(now, event);
            }
            if let Some(error) = self.store.taken_over() {
                self.give_way(now, &error);
                return Err(anyhow::anyhow!("store.url: {error}\n  hint: {}", error.hint()));
            }
            if let Some(ended) = self.division.fault() {
                self.dismiss(now, &mi::stopping());
                return Err(ended.into());
            }
            self.turn(now);
            if self.is_over(now) {
                return Ok(());
            }
            self.gathering.rest(now);
        }
    }

    fn on_event(&mut self, now: Instant, event: &mio::event::Event) {
        if self.sip.on_event(now, event) {
            return;
        }
        let token = event.token().0;
        if token >= mi::TOKEN_REPLY {
            if let Some(replies) = &mut self.replies {
                replies.on_event(now, token - mi::TOKEN_REPLY);
            }
        } else if token >= mi::TOKEN_DATAGRAM {
            if let Some(datagrams) = &mut self.datagrams {
                datagrams.on_event(token - mi::TOKEN_DATAGRAM, event);
            }
        } else if token == mi::TOKEN_FIFO
            && let Some(fifo) = &mut self.fifo
        {
            fifo.on_event();
        }
    }

    /// Whether there is something to do without a new event.
    pub(super) fn pending(&self) -> bool {
        self.sip.pending()
            || self.datagrams.as_ref().is_some_and(Datagrams::pending)
            || self.fifo.as_ref().is_some_and(Fifo::pending)
            || !self.inbox.submissions.is_empty()
            || !self.turn.long.is_empty()
            || !self.asks.is_empty()
    }

    fn next_timeout(&self, now: Instant) -> Option<Instant> {
        let stopping = match self.phase {
            Phase::Stopping(until) => Some(until),
            _ => None,
        };
        [
            self.agent.poll_timeout(),
            self.sip.next_timeout(),
            self.fifo.as_ref().map(Fifo::next_timeout),
            self.replies.as_ref().and_then(ReplyFifos::next_timeout),
            self.datagrams.as_ref().and_then(Datagrams::next_timeout),
            self.store.next_look(now, !self.turn.is_settled()),
            stopping,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn turn(&mut self, now: Instant) {
        // SIP first: its retransmissions cost more than a client's patience.
        self.division.tell(&mut self.agent);
        let (agent, turn, taken) = (&mut self.agent, &mut self.turn, &mut self.gathering.taken);
        let division = &mut self.division;
        self.sip.turn(now, |flow, bytes| {
            *taken += 1;
            if !division.pass(flow, bytes) {
                agent.handle_input(now, Input::Received { flow, bytes });
                turn.drain(agent);
            }
        });
        self.feed_lost(now);
        self.read_requests(now);
        self.read_inbox(now);
        self.take_requests(now);
        if self.agent.poll_timeout().is_some_and(|at| at <= now) {
            self.agent.handle_input(now, Input::Timeout);
            self.turn.drain(&mut self.agent);
        }
        if let Some(fifo) = &mut self.fifo {
            fifo.check(now, self.poll.registry(), false);
        }
        if let Some(datagrams) = &mut self.datagrams {
            datagrams.check(now, self.poll.registry(), false);
        }
        if let Some(ask) = self.asks.pop_front() {
            // One a turn: a page takes a fraction of a millisecond.
            let page = ask.page(&self.holdings());
            ask.answer(page, self.turn.emitted);
        }
        self.division.note(&self.agent);
        self.division.dispatch();
        self.transmit(now);
        self.gathering.open = self.desk.len();
        self.release(now);
        if let Some(replies) = &mut self.replies {
            replies.turn(now);
        }
        if let Some(datagrams) = &mut self.datagrams {
            datagrams.flush(now);
        }
        if std::mem::take(&mut self.killed) && self.phase == Phase::Serving {
            self.begin_stop(now);
            self.transmit(now);
        }
    }

    /// What is held, by whatever engine.
    pub(super) fn holdings(&mut self) -> Together<'_> {
        Together::new(&self.agent, &mut self.division, &mut self.turn)
    }

    fn feed_lost(&mut self, now: Instant) {
        let mut all = self.sip.take_lost();
        all.extend(self.division.take_lost());
        for lost in all {
            self.division.lost(lost);
            self.agent.handle_input(
                now,
                Input::Unreachable {
                    hop: lost.hop,
                    connection: lost.connection,
                    why: lost.why,
                },
            );
            self.turn.drain(&mut self.agent);
        }
    }

    /// Reads the sources of requests on this thread.
    pub(super) fn read_requests(&mut self, now: Instant) {
        let requests = &mut self.turn.requests;
        let counts = &mut self.counts;
        if let Some(datagrams) = &mut self.datagrams {
            datagrams.receive(|origin, bytes| {
                counts.datagram += 1;
                let request = Request::parse(bytes, Via::Datagram);
                requests.push((request, ReplyTo::Datagram(origin)));
            });
        }
        if let Some(fifo) = &mut self.fifo {
            fifo.receive(now, |written| {
                counts.fifo += 1;
                let request = Request::parse(&written.bytes, Via::Fifo);
                let name = request.reply_name().cloned();
                requests.push((request, name.map_or(ReplyTo::Nobody, ReplyTo::Fifo)));
            });
        }
        self.gathering.read(requests.len());
    }

    pub(super) fn read_inbox(&mut self, now: Instant) {
        let rung = self.inbox.bell.hush();
        if rung {
            self.division.absorb(&mut self.turn);
        }
        if !rung && self.inbox.submissions.is_empty() {
            return;
        }
        for _ in 0..SUBMISSIONS {
            let Ok(submission) = self.inbox.submissions.try_recv() else {
                break;
            };
            let Submission {
                payload,
                via,
                client,
                reply,
            } = submission;
            tracing::trace!(?client, "request");
            match via {
                Via::Http => self.counts.http += 1,
                _ => self.counts.stream += 1,
            }
            let request = Request::parse(&payload, via);
            self.turn.requests.push((request, ReplyTo::Channel(reply)));
        }
        while let Ok(order) = self.inbox.control.try_recv() {
            self.obey(now, order);
        }
    }

    fn obey(&mut self, now: Instant, order: Control) {
        match order {
            Control::Resolved(host, answer) => {
                self.division.resolved(&host, &answer);
                self.feed(now, Input::Resolved { host, answer });
            }
            Control::Reload(config) => self.reload(now, *config),
            Control::Hangup => {
                self.events.carriers.hangup();
                if let Some(fifo) = &mut self.fifo {
                    fifo.check(now, self.poll.registry(), true);
                }
                if let Some(datagrams) = &mut self.datagrams {
                    datagrams.check(now, self.poll.registry(), true);
                }
                match (self.hooks.load)() {
                    Ok(config) => self.reload(now, config),
                    Err(error) => {
                        tracing::error!("the configuration is not taken over, the old one stays: {error:#}");
                    }
                }
            }
            Control::Stop => self.begin_stop(now),
            Control::Snapshot(ask) => self.asks.push_back(ask),
        }
    }

    pub(super) fn feed(&mut self, now: Instant, input: Input<'_>) {
        self.agent.handle_input(now, input);
        self.turn.drain(&mut self.agent);
    }

    fn reload(&mut self, now: Instant, config: Config) {
        if config.sip.listen != self.config.sip.listen
            || config.mi != self.config.mi
            || config.http != self.config.http
            || config.server != self.config.server
            || config.store != self.config.store
            || config.engines != self.config.engines
        {
            tracing::warn!(
                "listeners, engines, the store and the embedded server keep their old settings until a restart"
            );
        }
        let (bound, durable) = (self.bound.clone(), self.store.is_durable());
        let settings = |share| settings::core(&config, &bound, durable, share);
        self.division.configure(settings);
        self.feed(now, Input::Configure(settings(self.division.share())));
        if let (Some(replies), Some(fifo)) = (&mut self.replies, &config.mi.fifo) {
            replies.set_directory(fifo.reply_dir.clone());
        }
        self.events.carriers.configure(&config.carrying);
        self.config = config;
        tracing::info!("configuration taken over");
    }

    /// Takes what has been read; of what takes long only one, so that nobody waits for more.
    pub(super) fn take_requests(&mut self, now: Instant) {
        if self.turn.requests.is_empty() && self.turn.long.is_empty() {
            return;
        }
        let clock = Clock::read();
        let mut requests = std::mem::take(&mut self.turn.requests);
        self.gathering.taken += requests.len();
        for (request, to) in requests.drain(..) {
            if is_long(&request) && self.turn.long.len() < LONG {
                self.turn.long.push_back((request, to));
            } else {
                self.take(now, &clock, request, to);
            }
        }
        self.turn.requests = requests;
        if let Some((request, to)) = self.turn.long.pop_front() {
            self.take(now, &clock, request, to);
        }
    }

    fn take(&mut self, now: Instant, clock: &Clock, request: Request, to: ReplyTo) {
        self.counts.calls += request.calls.len() as u64;
        self.counts.waiting = self.desk.len() as u64;
        let mut desk = std::mem::take(&mut self.desk);
        let mut order = Orders {
            daemon: self,
            now,
            clock,
        };
        let answer = desk.take(request, to, &mut order);
        self.desk = desk;
        if let Some(answer) = answer {
            self.deliver(now, answer);
        }
    }

    pub(super) fn transmit(&mut self, now: Instant) {
        while let Some(query) = self.turn.queries.pop() {
            match query {
                Query::Addresses { host } => self.resolver.ask(host),
                Query::Source { towards } => {
                    let source = sip::source(towards);
                    self.feed(now, Input::Source { towards, source });
                }
            }
        }
        for transmit in self.turn.transmits.drain(..) {
            self.sip.send(now, transmit);
        }
        self.sip.flush(now);
    }
}

/// Hands a question of the user agent to the resolver and its answer back to the engine.
pub(super) fn answer_to(handle: super::EngineHandle) -> impl Fn(Arc<str>, sip::Resolved) + Send + Sync {
    move |host, answer| handle.order(Control::Resolved(host, answer))
}
