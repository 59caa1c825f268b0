//! `pua subscriptions` and `pua state`: what is watched, and what is known by it.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::options::Connection;
use super::output::{self, Output, within};
use super::subscription::line;
use super::{Failure, pages};
use crate::words;

/// List the subscriptions
#[derive(Debug, Args)]
pub(crate) struct Subscriptions {
    /// Of this presentity only
    #[arg(long, value_name = "URI")]
    presentity: Option<String>,
    /// Of this watcher only
    #[arg(long, value_name = "URI")]
    watcher: Option<String>,
    /// Of this event package only
    #[arg(long, alias = "package", value_name = "PACKAGE")]
    event: Option<String>,
    /// In this state only
    #[arg(long, value_enum)]
    state: Option<SubscriptionState>,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// States of a subscription.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum SubscriptionState {
    NotifyWait,
    Pending,
    Active,
    Terminated,
}

/// Tell what is known of a presentity that is watched
#[derive(Debug, Args)]
pub(crate) struct State {
    /// The presentity, such as sip:alice@example.com
    #[arg(value_name = "URI")]
    presentity: String,
    /// By this event package only
    #[arg(long, value_name = "PACKAGE")]
    event: Option<String>,
    /// Print the documents as they were received; with --json, add them
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    pub(super) connection: Connection,
}

impl Subscriptions {
    pub(super) fn run(self) -> Result<(), Failure> {
        let filter = self.filter();
        let (rows, next) = pages::all(
            &self.connection,
            "pua:subscriptions",
            "subscriptions",
            &filter,
            self.limit,
        )?;
        let out = Output::new(self.connection.json);
        if self.connection.json {
            return out.json(&json!({"subscriptions": rows, "next": next}));
        }
        if rows.is_empty() {
            return out.line("nothing is watched");
        }
        let heading = [
            "STATE",
            "PRESENTITY",
            "PACKAGE",
            "WATCHER",
            "ID",
            "EXPIRES",
            "NEXT",
        ];
        let cells: Vec<Vec<String>> = rows.iter().map(row).collect();
        let text = output::table(&heading, &cells, |column, cell, padded| match column {
            _ if heading[column] == cell => out.bold(padded),
            0 => out.state(cell, padded),
            _ => padded.to_owned(),
        });
        out.line(&text)?;
        match next {
            Value::Null => Ok(()),
            _ => out.line(&out.dim("there are more: raise --limit")),
        }
    }

    fn filter(&self) -> Map<String, Value> {
        let state = self.state.and_then(|s| s.to_possible_value());
        pages::given([
            ("presentity", self.presentity.clone()),
            ("watcher", self.watcher.clone()),
            ("package", self.event.clone()),
            ("state", state.map(|s| s.get_name().to_owned())),
        ])
    }
}

fn row(subscription: &Value) -> Vec<String> {
    let text = |name: &str| subscription[name].as_str();
    let cell = |name: &str| text(name).map_or_else(|| "-".to_owned(), words::plain);
    let why = text("reason").or(text("last_response"));
    let next = match (text("retry_at"), text("refresh_at"), text("state")) {
        (Some(retry), ..) => match why {
            Some(why) => format!("retry {} ({})", within(retry), words::plain(why)),
            None => format!("retry {}", within(retry)),
        },
        (None, Some(refresh), _) => format!("refresh {}", within(refresh)),
        (None, None, Some("terminated")) => why.map_or_else(|| "-".to_owned(), words::plain),
        _ => text("until").map_or_else(|| "-".to_owned(), |until| format!("ends {}", within(until))),
    };
    vec![
        cell("state"),
        cell("presentity"),
        cell("package"),
        cell("watcher"),
        cell("id"),
        text("expires_at").map_or_else(|| "-".to_owned(), within),
        next,
    ]
}

impl State {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut params = pages::given([
            ("presentity_uri", Some(self.presentity.clone())),
            ("event_package", self.event.clone()),
        ]);
        if self.raw {
            params.insert("raw".into(), true.into());
        }
        let known = self.connection.ask("pua:state", &Value::Object(params))?;
        let out = Output::new(self.connection.json);
        if self.connection.json {
            return out.json(&known);
        }
        let states = known["states"].as_array().map(Vec::as_slice).unwrap_or_default();
        if self.raw {
            for body in states.iter().filter_map(|state| state["body"].as_str()) {
                out.raw(body.as_bytes())?;
            }
            return Ok(());
        }
        if states.is_empty() {
            let who = words::plain(words::bare(&self.presentity));
            return out.line(&format!("{} has told nothing yet", out.bold(&who)));
        }
        states.iter().try_for_each(|state| {
            let package = state["package"].as_str().unwrap_or_default();
            out.line(&format!(
                "{}{}",
                line(out, package, &self.presentity, state),
                out.dim(&evidence(package, state))
            ))
        })
    }
}

/// By what it is known, and how far it can be relied on.
fn evidence(package: &str, state: &Value) -> String {
    let mut said = vec![words::plain(package)];
    if let Some(list) = state["list"].as_str() {
        said.push(format!("list {}", words::plain(words::bare(list))));
    }
    if let Some(at) = state["at"].as_str() {
        said.push(within(at));
    }
    match state["subscription"].as_str() {
        None | Some("active") => {}
        Some(other) => said.push(format!("subscription {}", words::plain(other))),
    }
    format!("  ({})", said.join(", "))
}
