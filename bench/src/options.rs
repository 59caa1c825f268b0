//! What every measurement is told: the programs, and where to put things.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::daemon::Setup;
use crate::kamailio;
use crate::publisher::{Publisher, System};
use crate::sink::SinkProcess;

/// The programs, and where to put things.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// The `pua` binary.
    #[arg(long, global = true, default_value = "target/release/pua")]
    pub(crate) pua: PathBuf,
    /// Where results go: JSON and plots.
    #[arg(long, global = true, default_value = "target/bench")]
    pub(crate) out: PathBuf,
    /// Where stores are made: a directory on the disk that is to be measured.
    #[arg(long, global = true, default_value = "target/bench/stores")]
    pub(crate) stores: PathBuf,
}

impl Options {
    /// How our daemon is started for a sink.
    pub(crate) fn setup(&self, system: System, sink: &SinkProcess) -> Setup {
        Setup {
            program: self.pua.clone(),
            system,
            presence_server: format!("sip:{}", sink.address()),
            disk: self.stores.clone(),
            brief: false,
            under: Vec::new(),
        }
    }

    /// Starts a program under test for a sink. Kamailio never refreshes by itself while that runs.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn start(&self, system: System, sink: &SinkProcess) -> anyhow::Result<Publisher> {
        match system {
            System::Kamailio => kamailio::start(&self.stores, sink.address(), 36_000),
            _ => self.setup(system, sink).start(),
        }
    }

    /// A file of results.
    pub(crate) fn result(&self, name: &str) -> PathBuf {
        self.out.join(name)
    }

    /// Where results go.
    pub(crate) fn out(&self) -> &Path {
        &self.out
    }
}
