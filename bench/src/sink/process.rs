//! The sink's process, seen from its parent.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, bail};
use serde::de::DeserializeOwned;

use super::{Counts, Report, Settings};

/// A running sink; it ends when this is dropped.
pub(crate) struct SinkProcess {
    child: Child,
    instructions: ChildStdin,
    answers: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl SinkProcess {
    /// Starts this program again as a sink, and waits until it listens.
    pub(crate) fn start(settings: &Settings) -> anyhow::Result<SinkProcess> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["sink", "--listen", &settings.listen.to_string()])
            .args(["--grant", &settings.grant.to_string()])
            .args(["--delay", &settings.delay.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the sink")?;
        let instructions = child.stdin.take().context("no standard input")?;
        let mut answers = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut line = String::new();
        answers.read_line(&mut line)?;
        let hello: serde_json::Value = serde_json::from_str(&line).context("the sink does not listen")?;
        let address = hello["listening"].as_str().unwrap_or_default().parse()?;
        Ok(SinkProcess {
            child,
            instructions,
            answers,
            address,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn ask<T: DeserializeOwned>(&mut self, word: &str) -> anyhow::Result<T> {
        writeln!(self.instructions, "{word}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        if line.is_empty() {
            bail!("the sink has ended");
        }
        serde_json::from_str(&line).context("the sink says what cannot be read")
    }

    /// Begins counting anew.
    pub(crate) fn reset(&mut self) -> anyhow::Result<()> {
        let _: serde_json::Value = self.ask("reset")?;
        Ok(())
    }

    /// The numbers since the last reset.
    pub(crate) fn counts(&mut self) -> anyhow::Result<Counts> {
        self.ask("counts")
    }

    /// Numbers and bins since the last reset.
    pub(crate) fn report(&mut self) -> anyhow::Result<Report> {
        self.ask("report")
    }
}

impl Drop for SinkProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
