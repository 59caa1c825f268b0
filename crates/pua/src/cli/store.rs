//! `pua store`: what an operator does with the database, whether a daemon uses it or not.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pua_store::{Trouble, sqlite};
use serde_json::json;

use super::output::{self, Output};
use super::{Failure, exit_codes, serve};
use crate::config::{self, StoreUrl};

const AFTER: &str = "\
The database is the one that store.url of the configuration names, or the one that --file names.
It can also be read with the sqlite3 tool while the daemon runs:
  sqlite3 -readonly pua.db 'select presentity, state, etag, expires_at from publication'";

/// Look after the database of publications and subscriptions
#[derive(Debug, Subcommand)]
#[command(after_help = AFTER)]
pub(crate) enum Store {
    /// Look over its structure and every record, also while a daemon uses it
    Check(Which),
    /// Tell how much is in it, also while a daemon uses it
    Stats(Which),
    /// Give free room in it back to the system; no daemon may use it meanwhile
    Vacuum(Which),
    /// Copy it as it is at one moment, also while a daemon uses it
    Backup(Backup),
}

/// Which database.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The configuration file; without it, the one that $PUA_CONFIG names
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The database itself
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Copy the database
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The copy, which must not be there yet
    #[arg(value_name = "COPY")]
    copy: PathBuf,
    #[command(flatten)]
    which: Which,
}

impl Store {
    /// Whether the output is for machines.
    pub(super) fn json(&self) -> bool {
        match self {
            Store::Check(which) | Store::Stats(which) | Store::Vacuum(which) => which.json,
            Store::Backup(backup) => backup.which.json,
        }
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Store::Check(which) => check(&which),
            Store::Stats(which) => stats(&which),
            Store::Vacuum(which) => {
                sqlite::vacuum(&which.path()?).map_err(failure)?;
                done(&which)
            }
            Store::Backup(backup) => {
                let copied = sqlite::backup(&backup.which.path()?, &backup.copy);
                copied.map_err(|error| match backup.copy.exists() {
                    true => failure(error).hint("give the copy another name, or move the old one away"),
                    false => failure(error),
                })?;
                done(&backup.which)
            }
        }
    }
}

impl Which {
    fn path(&self) -> Result<PathBuf, Failure> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let config = config::load(serve::named(self.config.clone()).as_deref()).map_err(|faults| {
            let told = format!("the configuration has faults\n{faults}");
            Failure::new(exit_codes::CONFIGURATION, told)
        })?;
        match config.config.store.url {
            StoreUrl::Sqlite(path) => Ok(path),
            StoreUrl::Memory => Err(Failure::new(
                exit_codes::CONFIGURATION,
                "store.url is \"memory:\": there is no database",
            )),
        }
    }
}

fn failure(error: pua_store::Error) -> Failure {
    let code = match error.trouble {
        Trouble::Owned | Trouble::Locked | Trouble::Io | Trouble::Full => exit_codes::INTERNAL,
        _ => exit_codes::CONFIGURATION,
    };
    let hint = match error.trouble {
        // The general ones are for a daemon.
        Trouble::Owned => "stop the daemon first",
        Trouble::Unopenable => "name the database with --file, or the configuration with --config",
        _ => error.hint(),
    };
    Failure::new(code, error.what).hint(hint)
}

fn done(which: &Which) -> Result<(), Failure> {
    let out = Output::new(which.json);
    match which.json {
        true => out.json(&json!({"ok": true})),
        false => out.line(&out.green("ok")),
    }
}

fn check(which: &Which) -> Result<(), Failure> {
    let report = sqlite::check(&which.path()?).map_err(failure)?;
    let out = Output::new(which.json);
    let sound = report.faults.is_empty();
    if which.json {
        out.json(&json!({
            "ok": sound,
            "publications": report.publications,
            "subscriptions": report.subscriptions,
            "faults": report.faults,
        }))?;
    } else {
        for fault in &report.faults {
            out.line(&format!("{} {fault}", out.red("fault:")))?;
        }
        let verdict = if sound {
            out.green("ok")
        } else {
            out.red("not sound")
        };
        out.line(&format!(
            "{verdict}: {} publications, {} subscriptions can be read",
            report.publications, report.subscriptions
        ))?;
    }
    match sound {
        true => Ok(()),
        false => Err(Failure::silent(exit_codes::INTERNAL)),
    }
}

fn stats(which: &Which) -> Result<(), Failure> {
    let path = which.path()?;
    let statistics = sqlite::statistics(&path).map_err(failure)?;
    let out = Output::new(which.json);
    if which.json {
        return out.json(&json!({
            "file": path.display().to_string(),
            "version": statistics.version,
            "publications": statistics.publications,
            "subscriptions": statistics.subscriptions,
            "dialogs": statistics.dialogs,
            "bytes": statistics.bytes,
            "free_bytes": statistics.free_bytes,
        }));
    }
    let rows = [
        ("file", path.display().to_string()),
        ("version of the tables", statistics.version.to_string()),
        ("publications", statistics.publications.to_string()),
        ("subscriptions", statistics.subscriptions.to_string()),
        ("dialogs", statistics.dialogs.to_string()),
        ("bytes", statistics.bytes.to_string()),
        ("of these free", statistics.free_bytes.to_string()),
    ];
    out.line(&output::fields(out, &rows))
}
