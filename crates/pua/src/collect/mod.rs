//! `pua collect`: publishes how this machine is, as in the admin guide of OpenSIPS' pua_mi.

mod machine;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::{Connection, Failure, Output, Reply};
use crate::document::Presence;
use crate::exit_codes;

pub(crate) use machine::{Machine, Sample};

const EXAMPLES: &str = "\
Examples:
  pua collect sip:system@example.com
  pua collect sip:db1@example.com --interval 60 --disk /var/lib/postgresql
  pua collect sip:db1@example.com --count 1          once, for cron

The publication lives three intervals: when this command dies, watchers see it go.
Stopped with Ctrl-C or SIGTERM, it withdraws the publication.";

/// The shortest lifetime asked for, in seconds: many servers take no less.
const SHORTEST: u64 = 60;

/// Publish CPU, memory, load and disk of this machine, again and again
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit_codes::HELP))]
pub(crate) struct Collect {
    /// The presentity that stands for this machine, such as sip:system@example.com
    #[arg(value_name = "URI")]
    presentity: String,
    /// Seconds between two publications
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = crate::cli::seconds)]
    interval: Duration,
    /// Lifetime of the publication in seconds [default: three intervals, at least 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    expires: Option<u32>,
    /// Stop after so many publications, and leave the last one standing
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// The file system to watch
    #[arg(long, value_name = "PATH", default_value = "/")]
    disk: PathBuf,
    /// Which of several publications of the presentity
    #[arg(long)]
    id: Option<String>,
    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

impl Collect {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Failure::new(exit_codes::INTERNAL, e.to_string()))?;
        let ended = runtime.block_on(self.publish_until_stopped());
        // A call that is under way is not waited for.
        runtime.shutdown_background();
        ended
    }

    async fn publish_until_stopped(&self) -> Result<(), Failure> {
        let mut stop = Stop::new()?;
        let mut machine = Machine::new(&self.disk).map_err(unreadable)?;
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut done: u64 = 0;
        loop {
            tokio::select! {
                () = stop.asked() => break,
                _ = ticks.tick() => {}
            }
            let sample = tokio::select! {
                () = stop.asked() => break,
                sample = machine.sample() => sample.map_err(unreadable)?,
            };
            let params = params(&self.presentity, &sample, self.lifetime(), self.id.as_deref());
            done += 1;
            let answer = tokio::select! {
                () = stop.asked() => break,
                answer = self.call("pua:publish", params) => answer,
            };
            self.tell(&sample, answer, done == 1)?;
            if self.count.is_some_and(|count| done >= count) {
                return Ok(());
            }
        }
        if done > 0 {
            let mut params = Map::new();
            params.insert("presentity_uri".into(), self.presentity.clone().into());
            params.insert("event_package".into(), "presence".into());
            if let Some(id) = &self.id {
                params.insert("id".into(), id.clone().into());
            }
            tokio::select! {
                () = stop.asked() => {}
                // If it cannot be withdrawn, it soon lapses by itself.
                _ = self.call("pua:remove", params) => {}
            }
        }
        Ok(())
    }

    fn lifetime(&self) -> u32 {
        let three = self.interval.as_secs().saturating_mul(3).max(SHORTEST);
        self.expires
            .unwrap_or_else(|| u32::try_from(three).unwrap_or(u32::MAX))
    }

    async fn call(&self, method: &'static str, params: Map<String, Value>) -> Result<Value, Failure> {
        let connection = self.connection.clone();
        let call = tokio::task::spawn_blocking(move || connection.ask_server(method, params));
        match call.await {
            Ok(answer) => answer,
            Err(error) => Err(Failure::new(exit_codes::INTERNAL, error.to_string())),
        }
    }

    /// Says how it went. What may pass ends the command only if it never worked.
    fn tell(&self, sample: &Sample, answer: Result<Value, Failure>, first: bool) -> Result<(), Failure> {
        let out = Output::new(self.connection.json);
        match answer {
            Ok(answer) => match Reply::of(&answer) {
                Some(reply) if !reply.is_success() => self.trouble(reply.failure(&answer), first),
                _ if self.quiet => Ok(()),
                _ if self.connection.json => out.json(&json!({"note": sample.note(), "answer": answer})),
                reply => {
                    let line = reply.map_or("accepted", |reply| reply.line);
                    out.line(&format!("{}  {}", out.green(line), sample.note()))
                }
            },
            Err(failure) => self.trouble(failure, first),
        }
    }

    fn trouble(&self, failure: Failure, first: bool) -> Result<(), Failure> {
        if first || !failure.may_pass() {
            return Err(failure);
        }
        let seconds = self.interval.as_secs();
        // There is nowhere left to say that standard error is gone.
        let _ = writeln!(
            std::io::stderr(),
            "{}; trying again in {seconds} s",
            failure.line()
        );
        Ok(())
    }
}

fn unreadable(error: std::io::Error) -> Failure {
    Failure::new(
        exit_codes::INTERNAL,
        format!("this machine cannot be measured: {error}"),
    )
}

/// The parameters of a publication of a sample.
pub(crate) fn params(
    presentity: &str,
    sample: &Sample,
    expires: u32,
    id: Option<&str>,
) -> Map<String, Value> {
    let away = ["away".to_owned()];
    let note = sample.note();
    let presence = Presence {
        entity: presentity,
        id,
        open: true,
        activities: &away,
        note: Some(&note),
    };
    let mut params = Map::new();
    let mut put = |name: &str, value: Value| {
        params.insert(name.to_owned(), value);
    };
    put("presentity_uri", presentity.into());
    put("event_package", "presence".into());
    put("expires", expires.into());
    put("content_type", "application/pidf+xml".into());
    put("body", presence.to_xml().into());
    if let Some(id) = id {
        put("id", id.into());
    }
    params
}

/// SIGINT or SIGTERM.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn new() -> Result<Stop, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let on = |kind| signal(kind).map_err(|e| Failure::new(exit_codes::INTERNAL, e.to_string()));
        Ok(Stop {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
