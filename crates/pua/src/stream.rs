//! The management interface over a UNIX stream socket: a JSON document a line, and a line for each
//! answer. The client commands speak it.
//!
//! Requests of one connection are taken in order and answered as they are done: a publication that
//! waits for its server holds up none that comes after it. After `pua:watch` events come between
//! the answers ([`watch`]).

mod socket;
mod watch;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use pua_mi::Via;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::Interval;
use tokio_util::sync::CancellationToken;

use crate::ask::ask;
use crate::engine::{ClientKey, EngineHandle};
use crate::events::Feed;
use crate::mi::CHECK;
use watch::Watch;

pub(crate) use socket::{Socket, SocketError};

/// Bytes of a line at most.
const LINE: usize = 1024 * 1024;
/// Said before a connection with a longer line is closed.
const TOO_LONG: &[u8] = b"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"Invalid Request\",\"data\":\"a line has at most 1048576 bytes\"},\"id\":null}\n";
/// Said to a connection above [`CONNECTIONS`] before it is closed.
const FULL: &[u8] = b"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":503,\"message\":\"Busy, try again\",\"data\":\"too many connections\"},\"id\":null}\n";
/// Connections at a time.
const CONNECTIONS: usize = 256;
/// Requests of one connection that may wait for their answers; then it is not read from.
const OUTSTANDING: usize = 256;
/// How long a client may leave an answer unread.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may leave events unread: one that pages through them stops reading for long,
/// and holds up nobody. What has fallen out of the ring by then is a gap for it.
const WATCH_TIMEOUT: Duration = Duration::from_secs(3600);
/// How often it is looked whether a client that only listens is still there.
const LOOK: Duration = Duration::from_secs(5);
/// What each read asks for.
const CHUNK: usize = 16 * 1024;

/// Serves one listener until `stop` is cancelled; then answers what is under way and returns.
pub(crate) async fn serve(mut socket: Socket, engine: EngineHandle, feed: Feed, stop: CancellationToken) {
    let (mut listener, mut hangup) = match ready(&socket) {
        Ok(ready) => ready,
        Err(error) => {
            tracing::error!(%error, "the stream socket cannot be served");
            return;
        }
    };
    let mut look = tokio::time::interval(CHECK);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            () = due(&mut look, &mut hangup) => {
                if socket.check() {
                    match ready(&socket) {
                        Ok(ready) => (listener, hangup) = ready,
                        Err(error) => tracing::error!(%error, "the new stream socket cannot be served"),
                    }
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() >= CONNECTIONS => {
                    // Told at once; a client that only waits in the queue would hang.
                    let _ = stream.try_write(FULL);
                }
                Ok((stream, _)) => {
                    connections.spawn(Connection::new(stream, engine.clone(), feed.clone()).run(stop.clone()));
                }
                Err(error) => {
                    // Out of descriptors: some connection has to end first.
                    tracing::warn!(%error, "a client of the stream socket was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop((listener, socket));
    while connections.join_next().await.is_some() {}
}

fn ready(socket: &Socket) -> std::io::Result<(UnixListener, Signal)> {
    let listener = UnixListener::from_std(socket.listener.try_clone()?)?;
    Ok((listener, signal(SignalKind::hangup())?))
}

/// When it is to be looked whether the name of the socket is still there.
async fn due(look: &mut Interval, hangup: &mut Signal) {
    tokio::select! {
        _ = look.tick() => {}
        Some(()) = hangup.recv() => {}
    }
}

struct Connection {
    stream: UnixStream,
    engine: EngineHandle,
    feed: Feed,
    client: ClientKey,
    buffer: BytesMut,
    /// Up to here there is no line end in the buffer.
    searched: usize,
    outstanding: JoinSet<Option<Vec<u8>>>,
    /// The client's own, after `pua:watch`.
    watch: Option<Watch>,
}

impl Connection {
    fn new(stream: UnixStream, engine: EngineHandle, feed: Feed) -> Connection {
        let pid = stream.peer_cred().ok().and_then(|c| c.pid());
        Connection {
            stream,
            engine,
            feed,
            client: ClientKey::Stream(pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0)),
            buffer: BytesMut::new(),
            searched: 0,
            outstanding: JoinSet::new(),
            watch: None,
        }
    }

    async fn run(mut self, stop: CancellationToken) {
        let mut reading = true;
        while reading || !self.outstanding.is_empty() || self.watch.is_some() {
            tokio::select! {
                () = stop.cancelled(), if reading => reading = false,
                lines = Watch::lines(&mut self.watch), if self.watch.is_some() => match lines {
                    Some(lines) => if !self.write(&lines, WATCH_TIMEOUT).await {
                        return;
                    }
                    None => self.watch = None,
                },
                // A client that says no more may listen on, or be gone.
                () = tokio::time::sleep(LOOK), if !reading && self.watch.is_some() => {}
                Some(done) = self.outstanding.join_next() => {
                    if let Ok(Some(answer)) = done
                        && !self.write(&answer, WRITE_TIMEOUT).await
                    {
                        return;
                    }
                }
                read = self.stream.read_buf(&mut self.buffer), if reading && self.outstanding.len() < OUTSTANDING => {
                    reading = matches!(read, Ok(n) if n > 0);
                    self.take_lines(!reading);
                    if self.buffer.len() > LINE {
                        reading = false;
                        if !self.write(TOO_LONG, WRITE_TIMEOUT).await {
                            return;
                        }
                    }
                }
            }
            if !reading && self.watch.is_some() && self.is_gone().await {
                return;
            }
            self.buffer.reserve(CHUNK);
        }
    }

    /// Submits the complete lines; at the end of the stream, the last one need not be complete.
    fn take_lines(&mut self, end: bool) {
        while let Some(i) = self.buffer[self.searched..].iter().position(|b| *b == b'\n') {
            let line = self.buffer.split_to(self.searched + i + 1).freeze();
            self.searched = 0;
            self.submit(line);
        }
        self.searched = self.buffer.len();
        if end {
            let rest = self.buffer.split().freeze();
            self.searched = 0;
            self.submit(rest);
        }
    }

    fn submit(&mut self, line: Bytes) {
        let line = line.slice_ref(line.trim_ascii());
        if line.is_empty() {
            return;
        }
        if let Some(call) = watch::Call::read(&line) {
            if let Some(refusal) = call.begin(&self.feed, &mut self.watch) {
                self.outstanding.spawn(std::future::ready(Some(refusal)));
            }
        } else {
            let asked = ask(&self.engine, line, Via::Stream, self.client.clone());
            self.outstanding.spawn(asked.answer());
        }
    }

    /// Whether the client took it.
    async fn write(&mut self, bytes: &[u8], patience: Duration) -> bool {
        let written = tokio::time::timeout(patience, self.stream.write_all(bytes)).await;
        matches!(written, Ok(Ok(())))
    }

    /// Whether the client has closed the connection, and not only its own direction.
    async fn is_gone(&self) -> bool {
        let ready = self.stream.ready(Interest::WRITABLE).now_or_never();
        matches!(ready, Some(Ok(ready)) if ready.is_write_closed())
    }
}

#[cfg(test)]
mod tests;
