//! `pua list`, `show`, `remove`, `refresh`.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::options::{Connection, Name, Wait};
use super::output::{self, Output, span, within};
use super::{Failure, pages, reply};

/// Withdraw a publication
#[derive(Debug, Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    name: Name,
    /// Only if the publication has this entity-tag
    #[arg(long, value_name = "TAG")]
    etag: Option<String>,
    /// When to return
    #[arg(long, value_enum, default_value = "final")]
    wait: Wait,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Refresh a publication now, and tell what the server says
#[derive(Debug, Args)]
pub(crate) struct Refresh {
    #[command(flatten)]
    name: Name,
    /// When to return
    #[arg(long, value_enum, default_value = "final")]
    wait: Wait,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// List the publications
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Of this presentity only
    #[arg(long, value_name = "URI")]
    presentity: Option<String>,
    /// Of this event package only
    #[arg(long, alias = "package", value_name = "PACKAGE")]
    event: Option<String>,
    /// In this state only
    #[arg(long, value_enum)]
    state: Option<State>,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Where a publication stands.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Queued,
    Requesting,
    Published,
    Waiting,
    Refused,
    Removing,
}

/// Show one publication with all that is known of it
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    name: Name,
    #[command(flatten)]
    pub(super) connection: Connection,
}

impl Remove {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut params = self.name.params();
        params.insert("wait".into(), self.wait.as_str().into());
        if let Some(etag) = self.etag {
            params.insert("etag".into(), etag.into());
        }
        let answer = self.connection.ask_server("pua:remove", params)?;
        let done = format!("removed {}", self.name.presentity);
        reply::tell(&self.connection, &answer, &done)
    }
}

impl Refresh {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut params = self.name.params();
        params.insert("wait".into(), self.wait.as_str().into());
        let answer = self.connection.ask_server("pua:refresh", params)?;
        let done = format!("refreshed {}", self.name.presentity);
        reply::tell(&self.connection, &answer, &done)
    }
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (publications, next) = pages::all(
            &self.connection,
            "pua:list",
            "publications",
            &self.filter(),
            self.limit,
        )?;
        let out = Output::new(self.connection.json);
        if self.connection.json {
            return out.json(&json!({"publications": publications, "next": next}));
        }
        if publications.is_empty() {
            return out.line("nothing is published");
        }
        let heading = ["STATE", "PRESENTITY", "PACKAGE", "ID", "EXPIRES", "NEXT"];
        let rows: Vec<Vec<String>> = publications.iter().map(row).collect();
        let text = output::table(&heading, &rows, |column, cell, padded| match column {
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
            ("package", self.event.clone()),
            ("state", state.map(|s| s.get_name().to_owned())),
        ])
    }
}

fn row(publication: &Value) -> Vec<String> {
    let text = |name: &str| publication.get(name).and_then(Value::as_str);
    let cell = |name: &str| text(name).unwrap_or("-").to_owned();
    let next = match (text("refresh_at"), text("retry_at"), text("last_response")) {
        (_, Some(retry), Some(last)) => format!("retry {} ({last})", within(retry)),
        (_, Some(retry), None) => format!("retry {}", within(retry)),
        (Some(refresh), ..) => format!("refresh {}", within(refresh)),
        (None, None, Some(last)) if text("state") == Some("refused") => last.to_owned(),
        _ => text("until").map_or_else(|| "-".to_owned(), |until| format!("ends {}", within(until))),
    };
    vec![
        cell("state"),
        cell("presentity"),
        cell("package"),
        cell("id"),
        text("expires_at").map_or_else(|| "-".to_owned(), within),
        next,
    ]
}

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        let params = Value::Object(self.name.params());
        let shown = self.connection.ask("pua:show", &params)?;
        let out = Output::new(self.connection.json);
        if self.connection.json {
            return out.json(&shown);
        }
        let Value::Object(members) = &shown else {
            return out.json(&shown);
        };
        let rows: Vec<(&str, String)> = members
            .iter()
            .filter(|(name, value)| !value.is_null() && name.as_str() != "body")
            .map(|(name, value)| (name.as_str(), field(out, name, value)))
            .collect();
        out.line(&output::fields(out, &rows))?;
        match members.get("body").and_then(Value::as_str) {
            Some(body) => out.line(&format!("\n{}", body.trim_end())),
            None => Ok(()),
        }
    }
}

fn field(out: Output, name: &str, value: &Value) -> String {
    match value {
        Value::String(text) if name == "state" => out.state(text, text),
        Value::String(text) if name.ends_with("_at") || name == "until" => {
            format!("{text} ({})", within(text))
        }
        Value::String(text) => text.trim_end().replace("\r\n", "\n"),
        Value::Number(number) if name == "expires" => {
            let seconds = number.as_u64().unwrap_or(0);
            format!("{seconds} ({})", span(seconds))
        }
        other => other.to_string(),
    }
}
