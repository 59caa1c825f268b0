//! `tcp:host:port`: lines over a connection that is made again when it breaks.
//!
//! What was written need not have been read. A receiver that wants none lost writes the `cursor`
//! of what it is done with back, one on a line; after a break it gets everything after the last
//! one. Without that, what was written in the last seconds before a break is written again.
//! Receivers know what they have seen by its number (`seq`).

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::counts::Counts;
use super::gather::{Lines, lines};
use super::settings::HostPort;
use crate::events::{Consumer, Cursor, Feed, Filter, Item, Start};

/// How long an attempt to connect may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a receiver may leave its window closed.
const UNREAD: Duration = Duration::from_secs(60);
/// What was written so long before a break is taken for read.
const UNSURE: Duration = Duration::from_secs(2);
/// Batches of that time at most.
const BATCHES: usize = 4096;
/// Bytes of a line that a receiver writes.
const ACKNOWLEDGEMENT: u64 = 256;

/// A receiver and the events it wants.
pub(super) struct Link<'a, S> {
    pub(super) to: &'a HostPort,
    pub(super) feed: &'a Feed,
    pub(super) filter: Filter,
    pub(super) snapshot: bool,
    /// The line of an event, without its end; `None`: it is not told.
    pub(super) shape: S,
    pub(super) counts: &'a Counts,
    pub(super) stop: &'a CancellationToken,
}

/// What was written, and how much of it is surely read.
#[derive(Debug, Default)]
struct Written {
    acknowledged: Option<Cursor>,
    /// Where one goes on if nothing unsure had been written.
    sure: Option<Cursor>,
    /// When it was written, and where one goes on after it.
    unsure: VecDeque<(Instant, Option<Cursor>)>,
}

impl Written {
    fn put(&mut self, now: Instant, batch: &Lines) {
        self.prune(now);
        if self.unsure.is_empty() && batch.before.is_some() {
            // Nearer than what was written last: a filter may have kept back much since.
            self.sure = batch.before;
        }
        self.unsure.push_back((now, batch.after));
    }

    fn prune(&mut self, now: Instant) {
        while let Some((at, after)) = self.unsure.front()
            && (now.duration_since(*at) > UNSURE || self.unsure.len() >= BATCHES)
        {
            self.sure = *after;
            self.unsure.pop_front();
        }
    }

    /// From where to go on after a break; `None`: the consumer is right where it is.
    fn resume(&mut self, now: Instant) -> Option<Start> {
        self.prune(now);
        if let Some(acknowledged) = self.acknowledged {
            self.sure = Some(acknowledged);
        } else if self.unsure.is_empty() {
            return None;
        }
        self.unsure.clear();
        Some(Start {
            cursor: self.sure,
            snapshot: true,
        })
    }
}

impl<S: Fn(&Item) -> Option<Vec<u8>>> Link<'_, S> {
    /// Writes until the stream ends. `consumer` was attached when the receiver was named.
    pub(super) async fn run(&self, mut consumer: Consumer) {
        let mut backoff = Backoff::near();
        let written = Mutex::new(Written::default());
        loop {
            let why = match self.connect().await {
                Ok(stream) => {
                    let began = Instant::now();
                    match self.converse(stream, &mut consumer, &written).await {
                        Ok(()) => return,
                        Err(error) => {
                            let resume = lock(&written).resume(Instant::now());
                            if let Some(mut start) = resume {
                                start.snapshot = self.snapshot;
                                // Its seat is given up first: nobody else is to take it meanwhile
                                // more often than not.
                                drop(consumer);
                                consumer = match self.attach(start, &mut backoff).await {
                                    Some(consumer) => consumer,
                                    None => return,
                                };
                            }
                            if began.elapsed() > UNSURE {
                                backoff.reset();
                            }
                            error
                        }
                    }
                }
                Err(error) => error,
            };
            self.counts.failed();
            tracing::debug!(to = %self.to, error = %why, "a receiver of events cannot be reached");
            if self.stop.is_cancelled() {
                return;
            }
            self.counts.retried();
            backoff.wait(self.stop).await;
        }
    }

    async fn attach(&self, start: Start, backoff: &mut Backoff) -> Option<Consumer> {
        loop {
            match self.feed.attach(self.filter.clone(), start) {
                Ok(consumer) => return Some(consumer),
                Err(error) if self.stop.is_cancelled() => {
                    tracing::debug!(%error, "a receiver of events is given up");
                    return None;
                }
                Err(_) => backoff.wait(self.stop).await,
            }
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let address = (self.to.host.as_str(), self.to.port);
        let stream = timeout(CONNECT, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn converse(
        &self,
        stream: TcpStream,
        consumer: &mut Consumer,
        written: &Mutex<Written>,
    ) -> io::Result<()> {
        let (read, mut write) = stream.into_split();
        let writing = async {
            while let Some(batch) = lines(consumer, self.counts, &self.shape).await {
                // Before it is written: what is under way when the connection breaks is unsure.
                lock(written).put(Instant::now(), &batch);
                timeout(UNREAD, write.write_all(&batch.bytes)).await??;
                self.counts.sent(batch.events);
            }
            timeout(UNREAD, write.shutdown()).await?
        };
        tokio::select! {
            biased;
            error = acknowledgements(read, written) => Err(error),
            result = writing => result,
        }
    }
}

/// Reads cursors until the receiver closes.
async fn acknowledgements(read: OwnedReadHalf, written: &Mutex<Written>) -> io::Error {
    let mut read = BufReader::with_capacity(512, read);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut read)
            .take(ACKNOWLEDGEMENT)
            .read_until(b'\n', &mut line)
            .await
        {
            Ok(0) => return io::ErrorKind::ConnectionAborted.into(),
            Ok(_) => {
                let text = std::str::from_utf8(&line).unwrap_or_default();
                if let Ok(cursor) = text.trim().trim_matches('"').parse() {
                    lock(written).acknowledged = Some(cursor);
                }
            }
            Err(error) => return error,
        }
    }
}

fn lock(written: &Mutex<Written>) -> std::sync::MutexGuard<'_, Written> {
    written.lock().unwrap_or_else(PoisonError::into_inner)
}
