//! The log: levels that can be changed while it runs, text for people or JSON for machines, on
//! standard error.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::config::{Log, LogFormat, LogLevel};
use crate::engine::LogLevelSwitch;

/// Starts the log and gives the switch for its level.
pub(crate) fn start(log: Log) -> LogLevelSwitch {
    let (filter, handle) = reload::Layer::new(targets(log.level));
    // The journal writes its own time.
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let layer = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
        LogFormat::Text if journal => layer.with_ansi(false).without_time().boxed(),
        LogFormat::Text => layer.with_ansi(colour()).boxed(),
    };
    // It can only fail if there is one already, as in tests.
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init();
    let now = Mutex::new(log.level);
    Arc::new(move |wanted| {
        let mut now = now.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(level) = wanted {
            *now = from_mi(level);
            // It fails only when the log is gone, at the very end.
            let _ = handle.reload(targets(*now));
        }
        to_mi(*now)
    })
}

/// Whether standard error is a terminal whose owner likes colours.
fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Our own crates at the level; what the libraries say only if it is serious.
fn targets(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("pua", level)
        .with_target("sip", level)
}

fn from_mi(level: pua_mi::command::LogLevel) -> LogLevel {
    use pua_mi::command::LogLevel as Mi;
    match level {
        Mi::Error => LogLevel::Error,
        Mi::Warn => LogLevel::Warn,
        Mi::Info => LogLevel::Info,
        Mi::Debug => LogLevel::Debug,
        Mi::Trace => LogLevel::Trace,
    }
}

fn to_mi(level: LogLevel) -> pua_mi::command::LogLevel {
    use pua_mi::command::LogLevel as Mi;
    match level {
        LogLevel::Error => Mi::Error,
        LogLevel::Warn => Mi::Warn,
        LogLevel::Info => Mi::Info,
        LogLevel::Debug => Mi::Debug,
        LogLevel::Trace => Mi::Trace,
    }
}
