//! JSON-RPC by UNIX datagram: many calls at once, or one after the other.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

/// How long one call may take where calls are made one after the other.
const PATIENCE: Duration = Duration::from_secs(40);

/// A socket to a daemon's management interface.
pub(crate) struct Line {
    socket: UnixDatagram,
    buffer: Vec<u8>,
    next: u64,
}

impl Line {
    /// `own` is where answers come.
    pub(crate) fn open(own: &Path, daemon: &Path) -> anyhow::Result<Line> {
        let _ = std::fs::remove_file(own);
        let socket = UnixDatagram::bind(own).context("cannot bind the client's socket")?;
        socket
            .connect(daemon)
            .context("cannot reach the daemon's socket")?;
        socket.set_read_timeout(Some(Duration::from_millis(5)))?;
        socket.set_write_timeout(Some(Duration::from_secs(5)))?;
        Ok(Line {
            socket,
            buffer: vec![0; 1 << 20],
            next: 1,
        })
    }

    /// Sends a call; its number.
    pub(crate) fn send(&mut self, method: &str, params: &Value) -> anyhow::Result<u64> {
        let id = self.next;
        self.next += 1;
        let call = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string();
        self.socket
            .send(call.as_bytes())
            .context("the daemon does not take the call")?;
        Ok(id)
    }

    /// The next answer, if one comes within a few milliseconds.
    pub(crate) fn receive(&mut self) -> anyhow::Result<Option<(u64, Value)>> {
        match self.socket.recv(&mut self.buffer) {
            Ok(count) => {
                let answer: Value = serde_json::from_slice(self.buffer.get(..count).unwrap_or_default())?;
                let id = answer["id"].as_u64().context("an answer without its number")?;
                Ok(Some((id, answer)))
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock
                        | ErrorKind::TimedOut
                        | ErrorKind::ConnectionReset
                        | ErrorKind::ConnectionRefused
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes one call and waits for its answer's `result`, or its `error`.
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> anyhow::Result<Result<Value, Value>> {
        let id = self.send(method, params)?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some((number, mut answer)) = self.receive()?
                && number == id
            {
                return Ok(match answer.get("error") {
                    Some(error) => Err(error.clone()),
                    None => Ok(answer["result"].take()),
                });
            }
        }
        bail!("{method} is not answered")
    }
}
