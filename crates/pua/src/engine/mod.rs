//! The running daemon: one thread owns the user agent, its SIP sockets, the FIFO and the datagram
//! sockets; HTTP and the stream socket run beside it and hand their requests over by
//! [`EngineHandle`].

#[cfg(test)]
pub(crate) mod fake;
mod handle;

use std::path::PathBuf;
use std::sync::Arc;

pub use handle::{Busy, ClientKey, EngineHandle, QUEUE, Submission};

use crate::config::Config;

/// The addresses really bound, in the spelling of the configuration: the content of the ready file.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Ready {
    /// `udp:127.0.0.1:5060`
    pub sip: Vec<String>,
    /// The listening FIFO's path.
    pub mi_fifo: Option<String>,
    /// `unix:/run/pua/mi.sock`, `udp:127.0.0.1:8809`
    pub mi_datagram: Vec<String>,
    /// `unix:/run/pua/mi-stream.sock`
    pub mi_stream: Vec<String>,
    /// `127.0.0.1:8888`
    pub http: Vec<String>,
    /// The embedded presence server: `udp:127.0.0.1:5080`
    pub server: Vec<String>,
}

/// Reads the configuration again.
pub type Loader = Arc<dyn Fn() -> anyhow::Result<Config> + Send + Sync>;

/// Sets the log level if one is given, and tells the one in force.
pub type LogLevelSwitch =
    Arc<dyn Fn(Option<pua_mi::command::LogLevel>) -> pua_mi::command::LogLevel + Send + Sync>;

/// What the engine needs of the program round it.
pub struct Hooks {
    /// For SIGHUP.
    pub load: Loader,
    /// For `log_level`.
    pub log_level: LogLevelSwitch,
    /// Called once it serves.
    pub on_ready: Option<Box<dyn FnOnce(&Ready, EngineHandle) + Send>>,
}

/// The configuration asks for what cannot be had; exit code 3.
#[derive(Debug, thiserror::Error)]
#[error("{what}\n  hint: {hint}")]
pub struct ConfigFault {
    /// What is wrong, with the key's name.
    pub what: String,
    /// What to do.
    pub hint: String,
}

/// Runs the daemon; returns after a graceful stop.
///
/// # Errors
/// [`ConfigFault`] if the configuration asks for what cannot be had; anything else is the
/// system's failure, such as an address in use.
pub fn run(_config: Config, _ready: Option<PathBuf>, _hooks: Hooks) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
