//! The running daemon: one thread owns the user agent, its SIP sockets, the FIFO and the datagram
//! sockets; HTTP and the stream socket run beside it and hand their requests over by
//! [`EngineHandle`].

mod daemon;
mod delivery;
mod division;
mod ending;
#[cfg(test)]
pub(crate) mod fake;
mod gathering;
mod handle;
mod listeners;
mod orders;
mod parts;
mod ready;
mod settings;
mod signals;
mod start;
mod statistics;
mod store;
mod turn;

use std::sync::Arc;

pub(crate) use division::MOST as MOST_ENGINES;
pub(crate) use handle::{ClientKey, EngineHandle, Submission};
pub(crate) use start::run;

use crate::config::Config;

/// The addresses really bound, in the spelling of the configuration: the content of the ready file.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(crate) struct Ready {
    /// `udp:127.0.0.1:5060`
    pub(crate) sip: Vec<String>,
    /// The listening FIFO's path.
    pub(crate) mi_fifo: Option<String>,
    /// `unix:/run/pua/mi.sock`, `udp:127.0.0.1:8809`
    pub(crate) mi_datagram: Vec<String>,
    /// `unix:/run/pua/mi-stream.sock`
    pub(crate) mi_stream: Vec<String>,
    /// `127.0.0.1:8888`
    pub(crate) http: Vec<String>,
    /// The embedded presence server: `udp:127.0.0.1:5080`
    pub(crate) server: Vec<String>,
}

/// Reads the configuration again.
pub(crate) type Loader = Arc<dyn Fn() -> anyhow::Result<Config> + Send + Sync>;

/// Sets the log level if one is given, and tells the one in force.
pub(crate) type LogLevelSwitch =
    Arc<dyn Fn(Option<pua_mi::command::LogLevel>) -> pua_mi::command::LogLevel + Send + Sync>;

/// Told the addresses once the daemon serves.
pub(crate) type OnReady = Box<dyn FnOnce(&Ready, EngineHandle) + Send>;

/// What the engine needs of the program round it.
pub(crate) struct Hooks {
    /// For SIGHUP.
    pub(crate) load: Loader,
    /// For `log_level`.
    pub(crate) log_level: LogLevelSwitch,
    /// Called once it serves.
    pub(crate) on_ready: Option<OnReady>,
}

/// The configuration asks for what cannot be had; exit code 3.
#[derive(Debug, thiserror::Error)]
#[error("{what}\n  hint: {hint}")]
pub(crate) struct ConfigFault {
    /// What is wrong, with the key's name.
    pub(crate) what: String,
    /// What to do.
    pub(crate) hint: String,
}
