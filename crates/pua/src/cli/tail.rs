//! `pua tail`: every event of the daemon, as it happens.

use clap::Args;
use serde_json::{Map, Value};

use super::options::Connection;
use super::output::{Output, clock, notice, span, within};
use super::screen::{self, Screen, Stop};
use super::watch::{Mood, Teller, Told};
use super::{Failure, exit_codes};
use crate::client::{Event, Follow, Heard};
use crate::events::Request;
use crate::words;

const EXAMPLES: &str = "\
Examples:
  pua tail
  pua tail --kind publication --json
  pua tail --presentity sip:alice@example.com --cursor 650f0a3c1e2b7-41

It begins with what happens next, or behind --cursor; --snapshot tells first what stands.
A daemon that goes away is waited for. It ends with Ctrl-C, SIGTERM, or when nobody reads any more.";

/// Tell every event of the daemon as it happens
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit_codes::HELP))]
pub(crate) struct Tail {
    /// Only of this presentity; repeatable
    #[arg(long, value_name = "URI")]
    presentity: Vec<String>,
    /// Only of this watcher's subscriptions; repeatable
    #[arg(long, value_name = "URI")]
    watcher: Vec<String>,
    /// Only of these event packages, with commas between
    #[arg(long, value_name = "PACKAGES", value_delimiter = ',')]
    event: Vec<String>,
    /// Only these kinds: state, subscription, publication, unreadable; with commas between
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = ["state", "subscription", "publication", "unreadable"], hide_possible_values = true)]
    kind: Vec<String>,
    /// No states that are as before
    #[arg(long)]
    changed_only: bool,
    /// First what stands now
    #[arg(long)]
    snapshot: bool,
    /// Go on behind this cursor of an event
    #[arg(long)]
    cursor: Option<String>,
    /// With --json: add the documents as they were received
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    pub(super) connection: Connection,
}

impl Tail {
    pub(super) fn run(self) -> Result<(), Failure> {
        screen::run(self.live())
    }

    async fn live(self) -> Result<(), Failure> {
        let mut stop = Stop::new()?;
        let (screen, mut gone) = screen::screen();
        let done = tokio::select! {
            biased;
            () = stop.asked() => Ok(()),
            failure = gone.wait() => Err(failure),
            done = self.follow(&screen) => done,
        };
        gone.finish(screen).await;
        done
    }

    async fn follow(&self, screen: &Screen) -> Result<(), Failure> {
        let params = Value::Object(self.params());
        // What can never come is not waited for.
        Request::from_params(&params).map_err(|error| Failure::usage(error.to_string()))?;
        let mut follow = Follow::start(self.connection.client()?, self.params()).await?;
        let teller = Teller::new(Output::new(false), false);
        loop {
            match follow.next().await? {
                Heard::Event(event) if self.connection.json => screen.line(&event.text).await,
                Heard::Event(event) => {
                    if let Some(line) = line(&teller, &event) {
                        screen.line(&line).await;
                    }
                }
                Heard::Lost => notice("the daemon has gone; waiting for it"),
                Heard::Back => notice("the daemon is there again"),
            }
        }
    }

    /// The parameters of `pua:watch`.
    fn params(&self) -> Map<String, Value> {
        let mut params = Map::new();
        for (name, values) in [
            ("presentity", &self.presentity),
            ("watcher", &self.watcher),
            ("package", &self.event),
            ("kind", &self.kind),
        ] {
            if !values.is_empty() {
                params.insert(name.to_owned(), values.clone().into());
            }
        }
        params.insert("changed_only".into(), self.changed_only.into());
        params.insert("snapshot".into(), self.snapshot.into());
        params.insert("raw".into(), (self.raw && self.connection.json).into());
        if let Some(cursor) = &self.cursor {
            params.insert("cursor".into(), cursor.clone().into());
        }
        params
    }
}

/// One line for an event of any kind.
fn line(teller: &Teller, event: &Event) -> Option<String> {
    let kind = event.text("type")?;
    let text = |name: &str| event.text(name).map(words::plain);
    let package = text("package").unwrap_or_default();
    let (words, mood) = match kind {
        "state" => {
            let said = words::told(&package, &event.value["summary"], &event.value["document"]);
            (said, Mood::State)
        }
        "publication" | "subscription" => change(event),
        "unreadable" => {
            let why = text("detail").unwrap_or_default();
            (
                format!("sent a document that cannot be read: {why}"),
                Mood::Trouble,
            )
        }
        "gap" => {
            let lost = event.value["lost"].as_u64();
            let many = lost.map_or_else(
                || "the daemon was restarted".to_owned(),
                |lost| format!("{lost} events"),
            );
            notice(&format!("a gap: {many}"));
            return None;
        }
        _ => return None,
    };
    let evidence = match event.text("watcher") {
        Some(watcher) => format!("{kind} {package} by {}", words::plain(words::bare(watcher))),
        None => format!("{kind} {package}"),
    };
    let told = Told {
        time: event
            .text("at")
            .or(event.text("time"))
            .map(clock)
            .unwrap_or_default(),
        who: words::plain(words::bare(event.text("presentity").unwrap_or("?"))),
        words,
        mood,
    };
    Some(format!(
        "{}  {}",
        teller.paint(&told),
        teller.dim(&format!("({evidence})"))
    ))
}

/// What has become of a publication or subscription.
fn change(event: &Event) -> (String, Mood) {
    let what = event.text("change").or(event.text("state")).unwrap_or("?");
    let mut said = words::plain(what);
    let mut more = Vec::new();
    let reason = event.text("reason").or(event.text("detail")).map(words::plain);
    match (event.value["code"].as_u64(), reason) {
        (Some(code), Some(reason)) => more.push(format!("{code} {reason}").trim_end().to_owned()),
        (Some(code), None) => more.push(code.to_string()),
        (None, Some(reason)) => more.push(reason),
        (None, None) => {}
    }
    if let Some(seconds) = event.value["expires"].as_u64() {
        more.push(format!("for {}", span(seconds)));
    }
    if let Some(at) = event.text("retry_at") {
        more.push(format!("next try {}", within(at)));
    }
    if !more.is_empty() {
        said.push_str(&format!(": {}", more.join(", ")));
    }
    let mood = match what {
        "refused" | "lost" | "retrying" | "terminated" | "waiting" => Mood::Trouble,
        _ => Mood::Aside,
    };
    (said, mood)
}
