//! Carriers that the daemon runs by itself: webhooks, sinks, and the sockets of `event_subscribe`.
//!
//! Each is a task with a [`Consumer`] of its own, which holds its place in the
//! stream while the receiver is away. So none delays SIP or another carrier, and what waits is
//! bounded by the ring: what falls out of it is told as a gap.

mod backoff;
mod counts;
mod datagram;
mod gather;
mod lease;
mod lines_file;
mod link;
mod notification;
mod post;
mod settings;
mod signature;
mod sink_fifo;
mod sink_file;
mod sockets;
#[cfg(test)]
mod tests;
mod webhook;

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::events::{Consumer, Cursor, Feed, Inlet, Start};
use counts::Counts;
use gather::plain;
use lines_file::LinesFile;
use link::Link;
use notification::Name;
use sockets::{NotSubscribed, Sockets};
use webhook::Hook;

pub(crate) use settings::{Carrying, HookUrl, Sink, SinkAddress, Wanted, Webhook};

/// The carriers of a daemon.
#[derive(Debug)]
pub(crate) struct Carriers {
    feed: Feed,
    runtime: Handle,
    tasks: TaskTracker,
    stop: CancellationToken,
    webhook_counts: Arc<Counts>,
    sink_counts: Arc<Counts>,
    socket_counts: Arc<Counts>,
    webhooks: Vec<(Webhook, CancellationToken)>,
    sinks: Vec<(Sink, CancellationToken)>,
    hangup: watch::Sender<u64>,
    sockets: Sockets,
    /// Where those begin that may have been at work in an earlier life.
    earlier: Option<Cursor>,
}

impl Carriers {
    /// None yet. `stop`: the daemon stops, receivers that are away are not waited for.
    pub(crate) fn new(feed: Feed, runtime: Handle, tasks: TaskTracker, stop: CancellationToken) -> Carriers {
        let socket_counts = Arc::new(Counts::default());
        Carriers {
            sockets: Sockets::new(
                feed.clone(),
                socket_counts.clone(),
                runtime.clone(),
                tasks.clone(),
                stop.clone(),
            ),
            earlier: feed.earlier(),
            feed,
            runtime,
            tasks,
            stop,
            webhook_counts: Arc::default(),
            sink_counts: Arc::default(),
            socket_counts,
            webhooks: Vec::new(),
            sinks: Vec::new(),
            hangup: watch::channel(0).0,
        }
    }

    /// Runs what the configuration names: what runs already goes on where it is, what is named no
    /// more ends. Those named at the start are told that what waited for them in an earlier life is
    /// lost: nobody knows whether something did.
    pub(crate) fn configure(&mut self, carrying: &Carrying) {
        keep(&mut self.webhooks, &carrying.webhooks);
        keep(&mut self.sinks, &carrying.sinks);
        let earlier = self.earlier.take();
        for (number, hook) in carrying.webhooks.iter().enumerate() {
            if !self.webhooks.iter().any(|(running, _)| running == hook)
                && let Some(consumer) = self.attach(&hook.wanted, &hook.url, earlier)
            {
                self.webhooks
                    .push((hook.clone(), self.webhook(number, hook, consumer)));
            }
        }
        for sink in &carrying.sinks {
            if !self.sinks.iter().any(|(running, _)| running == sink)
                && let Some(consumer) = self.attach(&sink.wanted, &sink.to, earlier)
            {
                self.sinks.push((sink.clone(), self.sink(sink, consumer)));
            }
        }
    }

    /// Files are opened anew (SIGHUP).
    pub(crate) fn hangup(&self) {
        self.hangup.send_modify(|times| *times += 1);
    }

    /// Sends an event to a socket for so many seconds; 0: no more.
    pub(crate) fn subscribe(&mut self, asked: &pua_mi::command::EventSubscribe) -> pua_mi::Reply {
        let error = match self.sockets.subscribe(&asked.event, &asked.socket, asked.expire) {
            Ok(()) => return pua_mi::Reply::Done,
            Err(error) => error,
        };
        let refused = match error {
            NotSubscribed::Event(_) | NotSubscribed::Socket(_) => {
                pua_mi::MiError::new(400, "Bad parameter value")
            }
            NotSubscribed::TooMany(_) => pua_mi::MiError::busy(),
        };
        pua_mi::Reply::Error(refused.with_data(error.to_string()))
    }

    /// The events that can be subscribed to.
    pub(crate) fn events() -> pua_mi::Reply {
        pua_mi::events_list(Name::ALL.into_iter().map(Name::as_str))
    }

    /// Who has subscribed.
    pub(crate) fn subscribers(&self, filter: &pua_mi::command::SubscribersFilter) -> pua_mi::Reply {
        pua_mi::subscribers_list(&self.sockets.list(), filter)
    }

    /// Counters by kind of carrier.
    pub(crate) fn figures(&self) -> [(&'static str, [(&'static str, u64); 5]); 3] {
        [
            ("webhooks", self.webhook_counts.read()),
            ("sinks", self.sink_counts.read()),
            ("event_sockets", self.socket_counts.read()),
        ]
    }

    fn attach(
        &self,
        wanted: &Wanted,
        to: &dyn std::fmt::Display,
        cursor: Option<Cursor>,
    ) -> Option<Consumer> {
        let start = Start {
            cursor,
            snapshot: wanted.snapshot,
        };
        match self.feed.attach(wanted.filter.clone(), start) {
            Ok(consumer) => Some(consumer),
            Err(error) => {
                tracing::error!(%to, %error, "events are not sent there");
                None
            }
        }
    }

    /// Runs a carrier until it ends or is told to.
    fn spawn(&self, carrier: impl Future<Output = ()> + Send + 'static) -> CancellationToken {
        let end = CancellationToken::new();
        let told = end.clone();
        let until = async move {
            tokio::select! {
                () = carrier => {}
                () = told.cancelled() => {}
            }
        };
        self.tasks.spawn_on(until, &self.runtime);
        end
    }

    fn webhook(&self, number: usize, hook: &Webhook, consumer: Consumer) -> CancellationToken {
        let (hook, counts, stop) = (hook.clone(), self.webhook_counts.clone(), self.stop.clone());
        self.spawn(async move { Hook::new(number, &hook, &counts, &stop).run(consumer).await })
    }

    fn sink(&self, sink: &Sink, consumer: Consumer) -> CancellationToken {
        let (counts, stop) = (self.sink_counts.clone(), self.stop.clone());
        let (raw, hangup) = (sink.wanted.raw, self.hangup.subscribe());
        match sink.to.clone() {
            SinkAddress::File(path) => {
                let file = LinesFile::new(path, sink.max_bytes);
                self.spawn(async move { sink_file::run(file, raw, consumer, &counts, hangup, stop).await })
            }
            SinkAddress::Fifo(path) => {
                self.spawn(async move { sink_fifo::run(path, raw, consumer, &counts, hangup, stop).await })
            }
            SinkAddress::Tcp(to) => {
                let (feed, wanted) = (self.feed.clone(), sink.wanted.clone());
                self.spawn(async move {
                    let link = Link {
                        to: &to,
                        feed: &feed,
                        filter: wanted.filter,
                        snapshot: wanted.snapshot,
                        shape: plain(raw),
                        counts: &counts,
                        stop: &stop,
                    };
                    link.run(consumer).await;
                })
            }
        }
    }
}

/// Ends what is not wanted any more.
fn keep<T: PartialEq>(running: &mut Vec<(T, CancellationToken)>, wanted: &[T]) {
    running.retain(|(carrier, end)| {
        let stays = wanted.contains(carrier);
        if !stays {
            end.cancel();
        }
        stays
    });
}

/// What the engine's thread has of the stream of events.
#[derive(Debug)]
pub(crate) struct Outlet {
    /// Where events go in.
    pub(crate) inlet: Inlet,
    /// Who carries them, beside those who come by themselves.
    pub(crate) carriers: Carriers,
}
