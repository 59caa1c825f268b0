//! The sink: a presence server (`pua-server`) in a process of its own that takes what daemons
//! publish and writes down when each refresh came, to the system's own time of arrival.
//!
//! It is told what to do by lines on its standard input and ends with it, so that none is left
//! behind: `reset` begins counting anew, `counts` and `report` are answered with a line of JSON.

mod book;
mod process;
mod socket;

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Args;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use pua_server::{Config, Event, Input, Lifetimes, Limits, Output, Server};
use sip_transaction::{Flow, Transport};

use self::book::Book;
pub(crate) use self::book::{Counts, Report};
pub(crate) use self::process::SinkProcess;
use self::socket::{Arrived, Socket};

const INPUT: Token = Token(0);
const SOCKET: Token = Token(1);

/// How the sink behaves.
#[derive(Clone, Debug, Args)]
pub(crate) struct Settings {
    /// Where it listens, UDP.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// The longest lifetime that it grants, in seconds.
    #[arg(long, default_value_t = 7 * 24 * 3600)]
    pub(crate) grant: u32,
    /// Milliseconds that each answer takes: a slow server. Answers overtake none.
    #[arg(long, default_value_t = 0)]
    pub(crate) delay: u64,
}

/// Serves until its standard input ends.
///
/// # Errors
/// The address cannot be bound, or the system gives no poller.
pub(crate) fn serve(settings: &Settings) -> anyhow::Result<()> {
    let mut poll = Poll::new()?;
    let mut socket = Socket::bind(settings.listen, poll.registry(), SOCKET)?;
    poll.registry()
        .register(&mut SourceFd(&0), INPUT, Interest::READABLE)?;
    let local = socket.local();
    let hello = serde_json::json!({"listening": local, "buffer": socket.buffer()});
    println!("{hello}");
    let start = Instant::now();
    let config = Config {
        publish: Lifetimes {
            max: settings.grant,
            ..Lifetimes::default()
        },
        // The same for everybody, and as little as can be: it is not what is measured.
        check_documents: false,
        limits: Limits {
            publications: 4_000_000,
            transactions: 8_000_000,
            ..Limits::default()
        },
        ..Config::default()
    };
    let mut server = Server::new(start, config, seed());
    let mut book = Book::new(start);
    let mut events = Events::with_capacity(64);
    let mut late = Delay::new(Duration::from_millis(settings.delay));
    let mut words = String::new();
    loop {
        let now = Instant::now();
        let timeout = match socket.readable() {
            true => Some(Duration::ZERO),
            false => [server.poll_timeout(), late.next()]
                .into_iter()
                .flatten()
                .min()
                .map(|at| at.saturating_duration_since(now)),
        };
        match poll.poll(&mut events, timeout) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        for event in &events {
            match event.token() {
                INPUT => {
                    if !instructions(&mut words, &mut book, &server, &socket)? {
                        return Ok(());
                    }
                }
                _ => socket.on_event(),
            }
        }
        let now = Instant::now();
        let mut repeated = server.counters().retransmissions;
        socket.receive(now, |Arrived { from, at, bytes }| {
            let flow = Flow {
                transport: Transport::Udp,
                local,
                remote: from,
                connection: 0,
            };
            server.handle_input(now, Input::Received { flow: &flow, bytes });
            let again = server.counters().retransmissions;
            if again > repeated {
                repeated = again;
                book.repeated(at);
            }
            drain(&mut server, &mut book, &mut late, now, at);
        })?;
        if server.poll_timeout().is_some_and(|at| at <= now) {
            server.handle_input(now, Input::Timeout);
            drain(&mut server, &mut book, &mut late, now, now);
        }
        while let Some((to, bytes)) = late.due(now) {
            socket.push(to, bytes);
        }
        socket.flush()?;
    }
}

/// Entity-tags need only be others than those of the sink's last life.
fn seed() -> [u8; 32] {
    let mut seed = [7; 32];
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    for (to, from) in seed.iter_mut().zip(nanos.to_le_bytes()) {
        *to = from;
    }
    seed
}

fn drain(server: &mut Server, book: &mut Book, late: &mut Delay, now: Instant, at: Instant) {
    while let Some(output) = server.poll_output() {
        match output {
            Output::Transmit(transmit) => late.push(now, transmit.hop.addr, transmit.bytes),
            Output::Event(Event::Published {
                presentity,
                operation,
                expires,
                ..
            }) => book.published(at, now, presentity, operation, expires),
            Output::Event(Event::Expired { presentity, .. }) => book.expired(&presentity),
            Output::Event(Event::Refused { code, .. }) => book.refused(at, code),
            Output::Event(
                Event::Watching { .. } | Event::WatchEnded { .. } | Event::DocumentLeftOut { .. },
            ) => {}
        }
    }
}

/// Does what the parent says; `false` when it says no more.
fn instructions(
    words: &mut String,
    book: &mut Book,
    server: &Server,
    socket: &Socket,
) -> anyhow::Result<bool> {
    let mut buffer = [0; 4096];
    let count = std::io::stdin().lock().read(&mut buffer)?;
    if count == 0 {
        return Ok(false);
    }
    words.push_str(&String::from_utf8_lossy(buffer.get(..count).unwrap_or_default()));
    while let Some((line, rest)) = words.split_once('\n') {
        let (line, rest) = (line.to_owned(), rest.to_owned());
        *words = rest;
        let now = Instant::now();
        let answer = match line.as_str() {
            "reset" => {
                book.reset(now);
                "{}".to_owned()
            }
            "counts" => serde_json::to_string(&counts(book, server, socket, now))?,
            _ => {
                let counts = counts(book, server, socket, now);
                serde_json::to_string(&book.report(counts))?
            }
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(true)
}

fn counts(book: &Book, server: &Server, socket: &Socket, now: Instant) -> Counts {
    Counts {
        publications: server.counters().publications,
        lost_datagrams: socket.lost(),
        ..book.counts(now)
    }
}

/// Answers that wait for their time. All wait equally long, so they leave in the order they came.
struct Delay {
    by: Duration,
    waiting: std::collections::VecDeque<(Instant, SocketAddr, bytes::Bytes)>,
}

impl Delay {
    fn new(by: Duration) -> Delay {
        Delay {
            by,
            waiting: std::collections::VecDeque::new(),
        }
    }

    fn push(&mut self, now: Instant, to: SocketAddr, bytes: bytes::Bytes) {
        self.waiting.push_back((now + self.by, to, bytes));
    }

    fn next(&self) -> Option<Instant> {
        self.waiting.front().map(|(at, ..)| *at)
    }

    fn due(&mut self, now: Instant) -> Option<(SocketAddr, bytes::Bytes)> {
        self.next().filter(|at| *at <= now)?;
        let (_, to, bytes) = self.waiting.pop_front()?;
        Some((to, bytes))
    }
}

impl Settings {
    /// On any port, at once, granting at most so many seconds.
    pub(crate) fn granting(grant: u32) -> Settings {
        Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            grant,
            delay: 0,
        }
    }
}
