//! The management interface over a UNIX stream socket: a JSON document a line, and a line for each
//! answer. The client commands speak it.
//!
//! Requests of one connection are taken in order and answered as they are done: a publication that
//! waits for its server holds up none that comes after it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pua_mi::Via;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::ask::ask;
use crate::engine::{ClientKey, EngineHandle};

/// Bytes of a line at most.
const LINE: usize = 1024 * 1024;
/// Said before a connection with a longer line is closed.
const TOO_LONG: &[u8] = b"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"Invalid Request\",\"data\":\"a line has at most 1048576 bytes\"},\"id\":null}\n";
/// Connections at a time.
const CONNECTIONS: usize = 512;
/// Requests of one connection that may wait for their answers; then it is not read from.
const OUTSTANDING: usize = 256;
/// How long a client may leave an answer unread.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// What each read asks for.
const CHUNK: usize = 16 * 1024;

/// Serves one listener until `stop` is cancelled; then answers what is under way and returns.
pub async fn serve(
    listener: std::os::unix::net::UnixListener,
    engine: EngineHandle,
    stop: CancellationToken,
) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the stream socket cannot be served");
            return;
        }
    };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(Connection::new(stream, engine.clone()).run(stop.clone()));
                }
                Err(error) => {
                    // Out of descriptors: some connection has to end first.
                    tracing::warn!(%error, "a client of the stream socket was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    while connections.join_next().await.is_some() {}
}

struct Connection {
    stream: UnixStream,
    engine: EngineHandle,
    client: ClientKey,
    buffer: BytesMut,
    /// Up to here there is no line end in the buffer.
    searched: usize,
    outstanding: JoinSet<Option<Vec<u8>>>,
}

impl Connection {
    fn new(stream: UnixStream, engine: EngineHandle) -> Connection {
        let pid = stream.peer_cred().ok().and_then(|c| c.pid());
        Connection {
            stream,
            engine,
            client: ClientKey::Stream(pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0)),
            buffer: BytesMut::new(),
            searched: 0,
            outstanding: JoinSet::new(),
        }
    }

    async fn run(mut self, stop: CancellationToken) {
        let mut reading = true;
        while reading || !self.outstanding.is_empty() {
            tokio::select! {
                () = stop.cancelled(), if reading => reading = false,
                Some(done) = self.outstanding.join_next() => {
                    if let Ok(Some(answer)) = done
                        && !self.write(&answer).await
                    {
                        return;
                    }
                }
                read = self.stream.read_buf(&mut self.buffer), if reading && self.outstanding.len() < OUTSTANDING => {
                    reading = matches!(read, Ok(n) if n > 0);
                    self.take_lines(!reading);
                    if self.buffer.len() > LINE {
                        reading = false;
                        if !self.write(TOO_LONG).await {
                            return;
                        }
                    }
                }
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
        if !line.is_empty() {
            let asked = ask(&self.engine, line, Via::Stream, self.client.clone());
            self.outstanding.spawn(asked.answer());
        }
    }

    /// Whether the client took it.
    async fn write(&mut self, answer: &[u8]) -> bool {
        let written = tokio::time::timeout(WRITE_TIMEOUT, self.stream.write_all(answer)).await;
        matches!(written, Ok(Ok(())))
    }
}
