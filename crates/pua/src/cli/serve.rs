//! `pua serve`: runs the daemon.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::options::variable;
use super::{Failure, exit_codes};
use crate::config::{self, Config, Fault};
use crate::engine::{self, ConfigFault, Hooks, LogLevelSwitch};
use crate::log;
use crate::notify::Supervisor;

const AFTER: &str = "\
Stop it with SIGTERM or SIGINT; SIGHUP reads the configuration again.
Without --config the defaults of `pua config example` hold, and the environment.";

/// Run the daemon
#[derive(Debug, Args)]
#[command(after_help = AFTER, after_long_help = format!("{AFTER}\n\n{}", exit_codes::HELP))]
pub(crate) struct Serve {
    /// The configuration file; without it, the one that $PUA_CONFIG names
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the addresses really bound into this file, as JSON, once the daemon serves
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let file = named(self.config);
        let loaded = config::load(file.as_deref()).map_err(|faults| {
            let count = faults.errors();
            let plural = if count == 1 { "fault" } else { "faults" };
            Failure::new(
                exit_codes::CONFIGURATION,
                format!("the configuration has {count} {plural}\n{faults}"),
            )
        })?;
        let level = log::start(loaded.config.log);
        if file.is_none() {
            tracing::info!("no configuration file: the defaults and the environment hold");
        }
        warn(&loaded.warnings);
        let supervisor = Supervisor::from_environment();
        let hooks = Hooks {
            load: Arc::new(move || {
                let loaded = config::load(file.as_deref())?;
                warn(&loaded.warnings);
                Ok(loaded.config)
            }),
            log_level: level,
            on_ready: Some(Box::new(move |_, _| supervisor.ready())),
        };
        run(loaded.config, self.ready_file, hooks)
    }
}

/// The configuration file, by the option or the environment.
pub(super) fn named(option: Option<PathBuf>) -> Option<PathBuf> {
    option.or_else(|| variable("PUA_CONFIG").map(PathBuf::from))
}

/// Hooks for a daemon whose configuration cannot be read again.
pub(crate) fn start(
    config: Config,
    log_level: LogLevelSwitch,
    on_ready: impl FnOnce(&engine::Ready, engine::EngineHandle) + Send + 'static,
) -> Result<(), Failure> {
    let again = config.clone();
    let hooks = Hooks {
        load: Arc::new(move || Ok(again.clone())),
        log_level,
        on_ready: Some(Box::new(on_ready)),
    };
    run(config, None, hooks)
}

fn run(config: Config, ready_file: Option<PathBuf>, hooks: Hooks) -> Result<(), Failure> {
    engine::run(config, ready_file, hooks).map_err(|error| {
        let code = match error.downcast_ref::<ConfigFault>() {
            Some(_) => exit_codes::CONFIGURATION,
            None => exit_codes::INTERNAL,
        };
        Failure::new(code, format!("{error:#}"))
    })
}

fn warn(warnings: &[Fault]) {
    for warning in warnings {
        let place = warning.place.as_ref().map(ToString::to_string);
        let hint = warning.hint.as_deref().unwrap_or_default();
        tracing::warn!(
            place = place.as_deref().unwrap_or_default(),
            hint,
            "{}: {}",
            warning.key,
            warning.what
        );
    }
}
