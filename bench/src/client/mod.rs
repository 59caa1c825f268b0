//! The load generator: keeps so many calls outstanding, or makes them at a fixed rate, by any way.

mod datagram;
mod fifo;
mod http;

use std::time::{Duration, Instant};

use anyhow::bail;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::call::{Command, call};
use crate::publisher::Doors;

/// How a silent daemon is told from a slow one.
const PATIENCE: Duration = Duration::from_secs(40);

/// By which way calls come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Way {
    /// UNIX datagrams.
    Unix,
    /// UDP datagrams.
    Udp,
    /// The FIFO, with a reply FIFO for each outstanding call.
    Fifo,
    /// HTTP, connections that are kept; one call at a time on each.
    Http,
    /// HTTP, several requests on a connection before the first is answered.
    Pipelined,
    /// HTTP, JSON-RPC batches.
    Batch,
}

impl Way {
    /// As it is called in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Unix => "UNIX datagram",
            Way::Udp => "UDP datagram",
            Way::Fifo => "FIFO",
            Way::Http => "HTTP",
            Way::Pipelined => "HTTP pipelined",
            Way::Batch => "HTTP batches",
        }
    }
}

/// What is called, and how often at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shape {
    pub(crate) way: Way,
    pub(crate) command: Command,
    /// Messages outstanding: datagrams, FIFO requests, HTTP requests.
    pub(crate) outstanding: usize,
    /// HTTP connections that the messages are spread over.
    pub(crate) connections: usize,
    /// Calls in one message.
    pub(crate) batch: usize,
}

impl Shape {
    /// Single calls.
    pub(crate) const fn single(way: Way, command: Command, outstanding: usize) -> Shape {
        Shape {
            way,
            command,
            outstanding,
            connections: outstanding,
            batch: 1,
        }
    }
}

/// When to stop making calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// So many are made.
    Calls(usize),
    /// So long has passed.
    Time(Duration),
}

/// How it went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Calls made; all are answered.
    pub(crate) calls: usize,
    /// Calls whose answer was no success.
    pub(crate) failed: usize,
    /// From the first call to the last answer.
    pub(crate) took: Duration,
    /// Of each message, in nanoseconds.
    pub(crate) latencies: Vec<u64>,
}

/// A way to a daemon, with slots for outstanding messages.
trait Line {
    /// Sends a message in a slot that is free; `false`: there is no room now.
    fn send(&mut self, slot: usize, message: &[u8]) -> anyhow::Result<bool>;

    /// Waits for answers at most so long, and hands each over with its slot.
    fn receive(&mut self, wait: Duration, each: &mut dyn FnMut(usize, &[u8])) -> anyhow::Result<()>;
}

/// Calls under way.
pub(crate) struct Client {
    line: Box<dyn Line>,
    shape: Shape,
    presentities: usize,
    expires: i64,
    next: usize,
    reply_in_call: bool,
}

impl Client {
    /// Connects to a daemon. Calls go round `presentities`.
    ///
    /// # Errors
    /// The daemon has no such way, or it cannot be reached.
    pub(crate) fn connect(doors: &Doors, shape: Shape, presentities: usize) -> anyhow::Result<Client> {
        let line: Box<dyn Line> = match shape.way {
            Way::Unix => Box::new(datagram::Unix::connect(doors, shape.outstanding)?),
            Way::Udp => Box::new(datagram::Udp::connect(doors)?),
            Way::Fifo => Box::new(fifo::Fifo::connect(doors, shape.outstanding)?),
            Way::Http | Way::Pipelined | Way::Batch => {
                Box::new(http::Http::connect(doors.http, shape.connections)?)
            }
        };
        Ok(Client {
            line,
            shape,
            presentities: presentities.max(1),
            expires: 3600,
            next: 0,
            reply_in_call: doors.reply_in_call && shape.way == Way::Fifo,
        })
    }

    /// Goes on with the user after the last one of an earlier client.
    pub(crate) fn beginning_at(mut self, next: usize) -> Client {
        self.next = next;
        self
    }

    /// Asks for another lifetime than an hour: seconds, or -1 for as long as nothing else is said.
    pub(crate) fn asking_for(mut self, expires: i64) -> Client {
        self.expires = expires;
        self
    }

    /// Keeps all slots busy.
    ///
    /// # Errors
    /// Nothing is answered any more, or the way to the daemon is broken.
    pub(crate) fn run(&mut self, until: Until) -> anyhow::Result<Tally> {
        self.drive(until, None)
    }

    /// Makes calls at a fixed rate, late answers or not; what an answer took is counted from when
    /// its call was due.
    ///
    /// # Errors
    /// As [`Client::run`].
    pub(crate) fn run_at(&mut self, rate: f64, until: Until) -> anyhow::Result<Tally> {
        self.drive(until, Some(Duration::from_secs_f64(1.0 / rate)))
    }

    fn drive(&mut self, until: Until, gap: Option<Duration>) -> anyhow::Result<Tally> {
        let start = Instant::now();
        let slots = self.shape.outstanding;
        let mut tally = Tally::default();
        let mut free: Vec<usize> = (0..slots).rev().collect();
        let mut sent_at = vec![start; slots];
        let mut message = Vec::with_capacity(1024 * self.shape.batch);
        let (mut messages, mut heard) = (0_u32, start);
        loop {
            let now = Instant::now();
            let more = match until {
                Until::Calls(calls) => tally.calls < calls,
                Until::Time(time) => now.saturating_duration_since(start) < time,
            };
            if !more && free.len() == slots {
                tally.took = now.saturating_duration_since(start);
                return Ok(tally);
            }
            let mut wait = Duration::from_millis(50);
            while more && let Some(&slot) = free.last() {
                let due = gap.map_or(Instant::now(), |gap| start + gap * messages);
                let ahead = due.saturating_duration_since(Instant::now());
                if !ahead.is_zero() {
                    wait = wait.min(ahead);
                    break;
                }
                let batch = match until {
                    Until::Calls(calls) => self.shape.batch.min(calls - tally.calls),
                    Until::Time(_) => self.shape.batch,
                };
                if batch == 0 {
                    break;
                }
                self.compose(&mut message, slot, batch);
                if !self.line.send(slot, &message)? {
                    // Asked again soon: not every way tells when there is room.
                    wait = Duration::from_millis(1);
                    break;
                }
                free.pop();
                if let Some(at) = sent_at.get_mut(slot) {
                    *at = due;
                }
                messages += 1;
                self.next += batch;
                tally.calls += batch;
                if matches!(until, Until::Time(time) if start.elapsed() >= time) {
                    break;
                }
            }
            let (command, batch) = (self.shape.command, self.shape.batch);
            self.line.receive(wait, &mut |slot, answer| {
                let Some(at) = sent_at.get(slot) else { return };
                heard = Instant::now();
                let took = heard.saturating_duration_since(*at).as_nanos();
                tally.latencies.push(u64::try_from(took).unwrap_or(u64::MAX));
                let good = command.good(answer);
                // The last message of a run may hold fewer calls than the others.
                let bad = match batch {
                    1 => usize::from(good == 0),
                    _ => answer
                        .windows(8)
                        .filter(|at| at == b"\"jsonrpc")
                        .count()
                        .saturating_sub(good),
                };
                if bad > 0 && tally.failed == 0 {
                    eprintln!("the first call that failed: {}", String::from_utf8_lossy(answer));
                }
                tally.failed += bad;
                free.push(slot);
            })?;
            if heard.elapsed() > PATIENCE && free.len() < slots {
                bail!("{} of {} messages are not answered", slots - free.len(), messages);
            }
        }
    }

    fn compose(&mut self, message: &mut Vec<u8>, slot: usize, batch: usize) {
        message.clear();
        let reply = self.reply_in_call.then(|| fifo::reply_name(slot));
        match self.shape.way {
            Way::Fifo if reply.is_none() => {
                message.extend_from_slice(format!(":{}:", fifo::reply_name(slot)).as_bytes());
            }
            Way::Batch => message.push(b'['),
            _ => {}
        }
        for number in 0..batch {
            if number > 0 {
                message.push(b',');
            }
            let index = self.next + number;
            let (user, revision) = (index % self.presentities, index / self.presentities);
            let id = match self.shape.way {
                Way::Batch => number,
                _ => slot,
            };
            call(
                message,
                self.shape.command,
                id,
                user,
                revision,
                self.expires,
                reply.as_deref(),
            );
        }
        match self.shape.way {
            Way::Fifo if reply.is_some() => message.push(b'\n'),
            Way::Batch => message.push(b']'),
            _ => {}
        }
    }
}
