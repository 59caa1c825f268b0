//! `pua config check` and `pua config example`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{self, Output};
use super::{Failure, exit_codes, serve};
use crate::config::{self, Config, Durability, EXAMPLE, Fault, Loaded, Severity, StoreUrl};

/// Check a configuration, or print an example
#[derive(Debug, Subcommand)]
pub(crate) enum Configuration {
    /// Tell everything that is wrong with a configuration, at once
    Check(Check),
    /// Print a complete configuration file with comments
    Example,
}

/// Tell everything that is wrong with a configuration, at once
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The configuration file; without it, the one that $PUA_CONFIG names
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Configuration {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Configuration::Check(check) => check.run(),
            Configuration::Example => Output::new(false).line(EXAMPLE.trim_end()),
        }
    }
}

impl Check {
    fn run(self) -> Result<(), Failure> {
        let out = Output::new(self.json);
        let (faults, config) = match config::examine(serve::named(self.config).as_deref()) {
            Ok(Loaded { config, warnings }) => (warnings, Some(config)),
            Err(faults) => (faults.0, None),
        };
        let errors = faults.iter().filter(|f| f.severity == Severity::Error).count();
        if self.json {
            let faults: Vec<Value> = faults.iter().map(fault_json).collect();
            out.json(&json!({"ok": errors == 0, "faults": faults}))?;
        } else {
            for fault in &faults {
                out.line(&paint(out, fault))?;
            }
        }
        let Some(config) = config else {
            if !self.json {
                let plural = if errors == 1 { "fault" } else { "faults" };
                out.line(&format!("{errors} {plural}"))?;
            }
            return Err(Failure::silent(exit_codes::CONFIGURATION));
        };
        if self.json {
            return Ok(());
        }
        out.line(&format!("{}\n{}", out.green("ok"), summary(out, &config)))
    }
}

/// A fault in colours.
fn paint(out: Output, fault: &Fault) -> String {
    let text = fault.to_string();
    match fault.severity {
        Severity::Error => text.replacen(
            &fault.key,
            &out.red(&fault.key),
            usize::from(!fault.key.is_empty()),
        ),
        Severity::Warning => text.replacen("warning:", &out.yellow("warning:"), 1),
    }
}

fn fault_json(fault: &Fault) -> Value {
    let severity = match fault.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    json!({
        "severity": severity,
        "place": fault.place.as_ref().map(ToString::to_string),
        "key": fault.key,
        "what": fault.what,
        "hint": fault.hint,
    })
}

fn list<T: ToString>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    match items.is_empty() {
        true => "-".to_owned(),
        false => items.join(", "),
    }
}

/// What the daemon would do with it.
fn summary(out: Output, config: &Config) -> String {
    let mut rows = Vec::new();
    let file = config.file.as_ref().map(|f| f.display().to_string());
    rows.push((
        "file",
        file.unwrap_or_else(|| "none: defaults and environment".to_owned()),
    ));
    let server = config.presence_server.clone();
    rows.push((
        "presence server",
        server.unwrap_or_else(|| "by the domain of the presentity".to_owned()),
    ));
    rows.push(("SIP", list(&config.sip.listen)));
    let fifo = config.mi.fifo.as_ref();
    rows.push((
        "MI FIFO",
        fifo.map_or("-".to_owned(), |f| {
            format!("{} (mode {:04o})", f.path.display(), f.mode)
        }),
    ));
    let datagram = config.mi.datagram.as_ref();
    rows.push((
        "MI datagram",
        datagram.map_or("-".to_owned(), |d| list(&d.listen)),
    ));
    let stream = config.mi.stream.as_ref();
    let paths = |s: &config::Stream| {
        s.listen
            .iter()
            .map(|p| format!("unix:{}", p.display()))
            .collect::<Vec<_>>()
    };
    rows.push(("MI stream", stream.map_or("-".to_owned(), |s| list(&paths(s)))));
    rows.push((
        "HTTP",
        config.http.as_ref().map_or("-".to_owned(), |h| list(&h.listen)),
    ));
    let realms: Vec<&str> = config
        .credentials
        .iter()
        .map(|c| {
            if c.realm.is_empty() {
                "any realm"
            } else {
                c.realm.as_str()
            }
        })
        .collect();
    rows.push(("credentials", list(&realms)));
    let embedded = match config.server.enabled {
        true => list(&config.server.listen),
        false => "off".to_owned(),
    };
    rows.push(("own server", embedded));
    let store = match &config.store.url {
        StoreUrl::Memory => "in memory".to_owned(),
        StoreUrl::Sqlite(path) => {
            let elsewhere = match path.is_absolute() {
                true => "",
                false => " in the daemon's working directory",
            };
            let answered = match config.store.durability {
                Durability::Commit => "commit: answers wait for the disk",
                Durability::Relaxed => "relaxed: on disk within 100 ms",
            };
            format!("{}{elsewhere} ({answered})", path.display())
        }
    };
    rows.push(("store", store));
    output::fields(out, &rows)
}
