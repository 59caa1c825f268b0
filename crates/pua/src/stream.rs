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
/// Said to a connection above [`CONNECTIONS`] before it is closed.
const FULL: &[u8] = b"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":503,\"message\":\"Busy, try again\",\"data\":\"too many connections\"},\"id\":null}\n";
/// Connections at a time.
const CONNECTIONS: usize = 256;
/// Requests of one connection that may wait for their answers; then it is not read from.
const OUTSTANDING: usize = 256;
/// How long a client may leave an answer unread.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// What each read asks for.
const CHUNK: usize = 16 * 1024;

/// Serves one listener until `stop` is cancelled; then answers what is under way and returns.
pub(crate) async fn serve(
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
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() >= CONNECTIONS => {
                    // Told at once; a client that only waits in the queue would hang.
                    let _ = stream.try_write(FULL);
                }
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream as Client;
    use std::path::PathBuf;
    use std::sync::mpsc;

    use super::*;
    use crate::engine::fake::Fake;

    struct Served {
        path: PathBuf,
        stop: CancellationToken,
        runtime: Option<tokio::runtime::Runtime>,
        _engine: Fake,
    }

    impl Served {
        fn new(name: &str, answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> Served {
            let engine = Fake::start(answer);
            let path = std::env::temp_dir().join(format!("pua-stream-{}-{name}", std::process::id()));
            let _ = std::fs::remove_file(&path);
            let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
            listener.set_nonblocking(true).unwrap();
            let stop = CancellationToken::new();
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            runtime.spawn(serve(listener, engine.handle(), stop.clone()));
            Served {
                path,
                stop,
                runtime: Some(runtime),
                _engine: engine,
            }
        }

        fn connect(&self) -> Client {
            Client::connect(&self.path).unwrap()
        }
    }

    impl Drop for Served {
        fn drop(&mut self) {
            self.stop.cancel();
            drop(self.runtime.take());
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// The request between brackets, and a line end; nothing for `quiet`.
    fn echo(payload: &[u8]) -> Option<Vec<u8>> {
        let text = String::from_utf8_lossy(payload).into_owned();
        (text != "quiet").then(|| format!("[{text}]\n").into_bytes())
    }

    fn lines(stream: Client) -> Vec<String> {
        let mut lines: Vec<String> = BufReader::new(stream).lines().map(|l| l.unwrap()).collect();
        lines.sort();
        lines
    }

    #[test]
    fn each_line_is_a_request_and_the_last_needs_no_line_end() {
        let served = Served::new("lines", echo);
        let mut stream = served.connect();
        stream.write_all(b"a\r\n\n  \nquiet\nb\nc").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(lines(stream), ["[a]", "[b]", "[c]"]);
    }

    #[test]
    fn a_request_in_pieces() {
        let served = Served::new("pieces", echo);
        let mut stream = served.connect();
        for piece in ["on", "e", "\n", "two\n"] {
            stream.write_all(piece.as_bytes()).unwrap();
        }
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(lines(stream), ["[one]", "[two]"]);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let served = Served::new("endless", echo);
        let mut stream = served.connect();
        let mut writer = stream.try_clone().unwrap();
        let thread = std::thread::spawn(move || {
            let chunk = vec![b'x'; 64 * 1024];
            while writer.write_all(&chunk).is_ok() {}
        });
        let mut answer = Vec::new();
        // The connection is reset because there is more than was read.
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.starts_with(b"{\"jsonrpc\":\"2.0\",\"error\""));
        thread.join().unwrap();
    }

    #[test]
    fn a_connection_too_many_is_told_so() {
        let served = Served::new("full", echo);
        let _all: Vec<Client> = (0..CONNECTIONS).map(|_| served.connect()).collect();
        let answer = lines(served.connect());
        assert!(answer[0].contains("too many connections"), "{answer:?}");
    }

    #[test]
    fn what_is_under_way_is_answered_after_the_stop() {
        let (asked, was_asked) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        let served = Served::new("stop", move |payload| {
            asked.send(()).unwrap();
            may_go.recv().unwrap();
            echo(payload)
        });
        let mut stream = served.connect();
        stream.write_all(b"late\n").unwrap();
        was_asked.recv().unwrap();
        served.stop.cancel();
        go.send(()).unwrap();
        assert_eq!(lines(stream), ["[late]"]);
    }
}
