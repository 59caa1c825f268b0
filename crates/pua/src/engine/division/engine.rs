//! An engine beside the daemon's own: a thread with the user agent of its presentities.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use mio::{Events, Poll, Token, Waker};
use pua_core::{Input, Output, Query, Share, Transmit, Transport, UserAgent};

use super::Common;
use super::batch::{Batch, Done, Order, Report, Standing};
use super::link::Link;
use super::tally::Tally;
use crate::clock;
use crate::engine::gathering::wait_exactly;
use crate::engine::handle::Bell;
use crate::sip::{self, Senders};

const TOKEN_BELL: usize = 0;
const TOKEN_UDP: usize = 1;

/// How far an engine's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Gracefully: the daemon wants to know when nothing is under way.
    Stopping,
    Ended,
}

/// One engine.
pub(super) struct Engine {
    share: Share,
    agent: UserAgent,
    /// Handles of the daemon's sockets, until it runs.
    sockets: Vec<UdpSocket>,
    poll: Poll,
    orders: Receiver<Order>,
    bell: Arc<Bell>,
    reports: Sender<Report>,
    daemon: Arc<Bell>,
    tally: Arc<Tally>,
    done: Done,
    /// What goes by UDP.
    transmits: Vec<Transmit>,
    standing: Standing,
    told: Standing,
    phase: Phase,
    shared: Arc<Shared>,
}

/// What the daemon and an engine see both.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Octets of messages that wait for the engine.
    pub(super) waiting: AtomicUsize,
    /// Nothing may be sent any more.
    pub(super) ceased: AtomicBool,
}

/// What a look sees.
pub(super) struct Inside<'a> {
    pub(super) agent: &'a UserAgent,
    /// Datagrams sent, and dropped for want of room.
    pub(super) udp: (u64, u64),
}

impl Engine {
    /// An engine that does not run yet, and the daemon's end.
    pub(super) fn new(
        share: Share,
        agent: UserAgent,
        common: &Common<'_>,
        tally: Arc<Tally>,
    ) -> std::io::Result<(Engine, Link)> {
        let poll = Poll::new()?;
        let bell = Arc::new(Bell::new(Waker::new(poll.registry(), Token(TOKEN_BELL))?));
        let sockets = common.udp.iter().map(UdpSocket::try_clone);
        let (sender, orders) = channel();
        let (reports, receiver) = channel();
        let shared = Arc::new(Shared::default());
        let link = Link::new(sender, bell.clone(), receiver, shared.clone());
        let engine = Engine {
            share,
            agent,
            sockets: sockets.collect::<Result<_, _>>()?,
            poll,
            orders,
            bell,
            reports,
            daemon: common.daemon.clone(),
            tally,
            done: Done::default(),
            transmits: Vec::new(),
            standing: Standing::default(),
            told: Standing::default(),
            phase: Phase::Serving,
            shared,
        };
        Ok((engine, link))
    }

    /// The thread's name.
    pub(super) fn name(&self) -> String {
        format!("pua-engine-{}", self.share.engine)
    }

    /// As [`UserAgent::skip_keys`].
    pub(super) fn skip_keys(&mut self, publications: u64, subscriptions: u64) {
        self.agent.skip_keys(publications, subscriptions);
        self.tally.set(self.share.engine, self.agent.held());
    }

    /// Runs until it is told to end, or cannot go on.
    pub(super) fn run(mut self) {
        if let Err(error) = self.serve() {
            tracing::error!(%error, engine = self.share.engine, "an engine cannot go on");
        }
    }

    fn serve(&mut self) -> std::io::Result<()> {
        let sockets = std::mem::take(&mut self.sockets);
        let mut senders = Senders::new(self.poll.registry(), TOKEN_UDP, sockets)?;
        let mut events = Events::with_capacity(16);
        wait_exactly();
        loop {
            // First what restoring has brought.
            self.turn(clock::now(), &mut senders);
            if self.phase == Phase::Ended {
                return Ok(());
            }
            let timeout = clock::wait(clock::now(), self.agent.poll_timeout());
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in events.iter().filter(|event| event.token().0 >= TOKEN_UDP) {
                senders.on_event(event);
            }
        }
    }

    fn turn(&mut self, now: Instant, senders: &mut Senders) {
        if self.bell.hush() {
            self.agent.held_elsewhere(self.tally.elsewhere(self.share.engine));
            while let Ok(order) = self.orders.try_recv() {
                self.standing.orders += 1;
                self.obey(now, order, senders);
            }
        }
        if self.agent.poll_timeout().is_some_and(|at| at <= now) {
            self.feed(now, Input::Timeout);
        }
        if self.shared.ceased.load(Ordering::Acquire) {
            self.phase = Phase::Ended;
            return;
        }
        for transmit in self.transmits.drain(..) {
            senders.send(transmit);
        }
        senders.flush();
        self.report(senders);
    }

    fn obey(&mut self, now: Instant, order: Order, senders: &mut Senders) {
        match order {
            Order::Take(batch) => self.take(now, batch),
            Order::Configure(config) => self.feed(now, Input::Configure(*config)),
            Order::Resolved(host, answer) => self.feed(now, Input::Resolved { host, answer }),
            Order::Stop(remove) => {
                self.phase = Phase::Stopping;
                self.agent.stop(now, remove);
                self.drain(now);
            }
            Order::Look(look) => {
                self.report(senders);
                look(&Inside {
                    agent: &self.agent,
                    udp: senders.counts(),
                });
                self.tell(Report::Seen);
            }
            Order::End => self.phase = Phase::Ended,
        }
    }

    fn take(&mut self, now: Instant, batch: Batch) {
        self.shared
            .waiting
            .fetch_sub(batch.messages.len(), Ordering::AcqRel);
        for (flow, bytes) in batch.messages.iter() {
            self.feed(now, Input::Received { flow, bytes });
        }
        for lost in batch.lost {
            let input = Input::Unreachable {
                hop: lost.hop,
                connection: lost.connection,
                why: lost.why,
            };
            self.feed(now, input);
        }
        for (id, command) in batch.commands {
            self.feed(now, Input::Command(id, command));
        }
    }

    /// Feeds the user agent, and gathers what it wants done.
    pub(super) fn feed(&mut self, now: Instant, input: Input<'_>) {
        self.agent.handle_input(now, input);
        self.drain(now);
    }

    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Transmit(transmit) => match transmit.hop.transport {
                    Transport::Udp => self.transmits.push(transmit),
                    Transport::Tcp => self.done.transmits.push(transmit),
                },
                Output::Resolve(Query::Addresses { host }) => self.done.hosts.push(host),
                Output::Resolve(Query::Source { towards }) => {
                    let source = sip::source(towards);
                    self.agent.handle_input(now, Input::Source { towards, source });
                }
                Output::Persist(change) => self.done.changes.push(change),
                Output::Reply(id, reply) => self.done.replies.push((id, reply)),
                Output::Event(event) => self.done.events.push(event),
            }
        }
    }

    /// Tells the daemon what has been done since the last time, if that is worth telling.
    fn report(&mut self, senders: &mut Senders) {
        self.tally.set(self.share.engine, self.agent.held());
        self.done.lost = senders.take_lost();
        let stops = self.phase != Phase::Serving;
        self.standing.idle = stops && self.agent.is_idle();
        let waited_for = stops && self.standing != self.told;
        if self.done.is_empty() && !waited_for {
            return;
        }
        self.told = self.standing;
        let mut done = std::mem::take(&mut self.done);
        done.standing = self.standing;
        self.tell(Report::Done(done));
    }

    fn tell(&self, report: Report) {
        // A daemon that does not listen any more has ended.
        if self.reports.send(report).is_ok() {
            self.daemon.ring();
        }
    }
}
