//! The daemon's end of the way to an engine.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};
use std::thread::JoinHandle;

use pua_core::{Command, CommandId, Flow};

use super::batch::{Batch, Order, Report, Standing};
use super::engine::{Engine, Inside, Shared};
use crate::engine::handle::Bell;
use crate::engine::turn::Turn;
use crate::sip::{Lost, Resolved};

/// Octets of messages that may wait for an engine; beyond it they are dropped, as a network would
/// do it: requests and responses are sent again.
const BACKLOG: usize = 32 << 20;

/// The way to one engine.
pub(super) struct Link {
    orders: Sender<Order>,
    bell: Arc<Bell>,
    reports: Receiver<Report>,
    shared: Arc<Shared>,
    batch: Batch,
    /// Orders given.
    given: u64,
    standing: Standing,
    /// What did not arrive of what it has sent.
    pub(super) lost: Vec<Lost>,
    /// It was told to end.
    ending: bool,
    thread: Option<JoinHandle<()>>,
}

impl Link {
    pub(super) fn new(
        orders: Sender<Order>,
        bell: Arc<Bell>,
        reports: Receiver<Report>,
        shared: Arc<Shared>,
    ) -> Link {
        Link {
            orders,
            bell,
            reports,
            shared,
            batch: Batch::default(),
            given: 0,
            standing: Standing::default(),
            lost: Vec::new(),
            ending: false,
            thread: None,
        }
    }

    /// Runs the engine on a thread of its own.
    pub(super) fn start(&mut self, engine: Engine) -> std::io::Result<()> {
        let thread = std::thread::Builder::new().name(engine.name());
        self.thread = Some(thread.spawn(move || engine.run())?);
        Ok(())
    }

    /// For the next batch.
    pub(super) fn message(&mut self, flow: &Flow, bytes: &[u8]) {
        let waiting = self.shared.waiting.load(Ordering::Acquire) + self.batch.messages.len();
        if waiting < BACKLOG {
            self.batch.messages.push(flow, bytes);
        }
    }

    /// Octets of messages in the next batch.
    #[cfg(test)]
    pub(super) fn gathered(&self) -> usize {
        self.batch.messages.len()
    }

    /// For the next batch.
    pub(super) fn lost(&mut self, lost: Lost) {
        self.batch.lost.push(lost);
    }

    /// For the next batch.
    pub(super) fn command(&mut self, id: CommandId, command: Command) {
        self.batch.commands.push((id, command));
    }

    /// Hands the batch over.
    pub(super) fn dispatch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        self.shared
            .waiting
            .fetch_add(batch.messages.len(), Ordering::AcqRel);
        self.order(Order::Take(batch));
    }

    pub(super) fn resolved(&mut self, host: Arc<str>, answer: Resolved) {
        self.order(Order::Resolved(host, answer));
    }

    pub(super) fn configure(&mut self, config: pua_core::Config) {
        self.order(Order::Configure(Box::new(config)));
    }

    pub(super) fn stop(&mut self, remove: bool) {
        self.dispatch();
        self.order(Order::Stop(remove));
    }

    /// An engine that has ended is told by [`Link::has_ended`].
    pub(super) fn order(&mut self, order: Order) {
        self.given += 1;
        if self.orders.send(order).is_ok() {
            self.bell.ring();
        }
    }

    /// Takes in what has been reported.
    pub(super) fn absorb(&mut self, turn: &mut Turn) {
        while let Ok(report) = self.reports.try_recv() {
            self.take(report, turn);
        }
    }

    fn take(&mut self, report: Report, turn: &mut Turn) {
        if let Report::Done(mut done) = report {
            self.standing = done.standing;
            self.lost.append(&mut done.lost);
            turn.absorb(done);
        }
    }

    /// Looks into the engine, and takes in what it had done before the look and nothing that came
    /// after. `None`: the engine has ended.
    pub(super) fn look<T: Send + 'static>(
        &mut self,
        turn: &mut Turn,
        look: impl FnOnce(&Inside<'_>) -> T + Send + 'static,
    ) -> Option<T> {
        // What the engine was to be given before shows in what is seen.
        self.dispatch();
        let (seen, sight) = std::sync::mpsc::sync_channel(1);
        self.order(Order::Look(Box::new(move |inside| {
            // Whoever looks waits for it.
            let _ = seen.send(look(inside));
        })));
        loop {
            match self.reports.recv().ok()? {
                Report::Seen => return sight.try_recv().ok(),
                report => self.take(report, turn),
            }
        }
    }

    /// Whether it has nothing under way, and nothing that it was told is still to come.
    pub(super) fn is_idle(&self) -> bool {
        self.batch.is_empty() && self.standing.idle && self.standing.orders == self.given
    }

    /// Whether its thread has ended though it was not told to.
    pub(super) fn has_ended(&self) -> bool {
        !self.ending && self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Tells it to end when it has done what it was told.
    pub(super) fn end(&mut self) {
        self.dispatch();
        self.ending = true;
        self.order(Order::End);
    }

    /// Tells it to end at once, and to send nothing more.
    pub(super) fn cease(&mut self) {
        self.ending = true;
        self.shared.ceased.store(true, Ordering::Release);
        self.bell.ring();
    }

    /// Waits until it has ended.
    pub(super) fn join(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("an engine has ended by a fault of its own");
        }
    }
}
