//! `pua status`: how the daemon is.

use clap::Args;
use serde_json::{Map, Value, json};

use super::Failure;
use super::options::Connection;
use super::output::{self, Output, span};

/// Tell how the daemon is
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(super) connection: Connection,
}

impl Status {
    pub(super) fn run(self) -> Result<(), Failure> {
        let version = self.connection.ask("version", &json!({}))?;
        let uptime = self.connection.ask("uptime", &json!({}))?;
        let statistics = self
            .connection
            .ask("get_statistics", &json!({"statistics": ["all"]}))?;
        let server = version.get("Server").and_then(Value::as_str).unwrap_or("?");
        let since = uptime.get("Up since").and_then(Value::as_str);
        let seconds = uptime
            .get("Up time")
            .and_then(Value::as_str)
            .and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        let out = Output::new(self.connection.json);
        if self.connection.json {
            return out.json(&json!({
                "version": server, "up_since": since, "uptime": seconds, "statistics": statistics,
            }));
        }
        let mut rows = vec![("version", server.to_owned())];
        if let (Some(seconds), Some(since)) = (seconds, since) {
            rows.push(("up", format!("{} (since {since})", span(seconds))));
        }
        if statistics.get("store:failed").and_then(Value::as_u64) == Some(1) {
            rows.push((
                "store",
                "cannot be written: commands that change something are refused; the log tells why".to_owned(),
            ));
        }
        out.line(&output::fields(out, &rows))?;
        match statistics.as_object() {
            Some(statistics) => out.line(&groups(out, statistics)),
            None => Ok(()),
        }
    }
}

/// The statistics by group; what is zero is left out.
fn groups(out: Output, statistics: &Map<String, Value>) -> String {
    let mut text = String::new();
    let mut names: Vec<&str> = statistics
        .keys()
        .filter_map(|full| full.split_once(':').map(|(group, _)| group))
        .collect();
    names.sort_unstable();
    names.dedup();
    for group in names {
        let prefix = format!("{group}:");
        let rows: Vec<(&str, String)> = statistics
            .iter()
            .filter(|(_, value)| value.as_u64() != Some(0))
            .filter_map(|(full, value)| Some((full.strip_prefix(&prefix)?, value.to_string())))
            .collect();
        if !rows.is_empty() {
            text.push_str(&format!(
                "\n{}\n{}\n",
                out.bold(group),
                output::fields(out, &rows)
            ));
        }
    }
    text.trim_end().to_owned()
}
