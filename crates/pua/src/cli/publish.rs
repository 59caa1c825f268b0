//! `pua publish`: a document of the application, or one made of plain words.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use serde_json::{Map, Value};

use super::options::{Connection, Wait};
use super::{Failure, exit_codes, reply};
use crate::document::{self, ACTIVITIES, Messages, Presence};

const EXAMPLES: &str = "\
Examples:
  pua publish sip:alice@example.com --open
  pua publish sip:bob@example.com --closed --activity vacation --expires never
  pua publish sip:100@example.com --messages 3/1
  pua publish sip:agent7@example.com --dialog-state confirmed --expires 120
  pua publish sip:system@example.com --body-file status.xml --content-type application/pidf+xml
  some-program | pua publish sip:x@example.com --event conference --body-file -

Without a document, the lifetime of what is published is changed. The daemon keeps the publication
alive until its lifetime is over; with --expires never, until you say otherwise.";

/// Publish the state of a presentity, or change what is published
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{}", exit_codes::HELP),
    group = ArgGroup::new("presence").args(["open", "closed", "activity", "note"]).multiple(true),
    group = ArgGroup::new("document").args(["body", "body_file", "messages", "dialog_state"])
)]
pub(crate) struct Publish {
    /// The presentity, such as sip:alice@example.com
    #[arg(value_name = "URI")]
    presentity: String,
    /// The event package [default: presence, or what the document says]
    #[arg(long, value_name = "PACKAGE")]
    event: Option<String>,
    /// How long it shall stand, in seconds, or `never` ending [default: the daemon's]
    #[arg(long, value_name = "SECONDS", value_parser = expires, allow_negative_numbers = true)]
    expires: Option<i64>,
    /// Which of several publications of one presentity and package
    #[arg(long)]
    id: Option<String>,
    /// Only if the publication has this entity-tag
    #[arg(long, value_name = "TAG")]
    etag: Option<String>,
    /// A header to add to the PUBLISH, such as "X-Source: crm"; repeatable
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Send it here, in place of the configured presence server
    #[arg(long, value_name = "URI")]
    proxy: Option<String>,
    /// What becomes of it when the daemon stops [default: what was said before, or the daemon's]
    #[arg(long, value_name = "WHAT", value_parser = ["keep", "remove"])]
    on_stop: Option<String>,
    /// When to return
    #[arg(long, value_enum, default_value = "final", hide_possible_values = false)]
    wait: Wait,

    /// Presence: ready to communicate
    #[arg(long, help_heading = "Presence in plain words", conflicts_with_all = ["closed", "document"])]
    open: bool,
    /// Presence: not ready to communicate
    #[arg(long, help_heading = "Presence in plain words", conflicts_with = "document")]
    closed: bool,
    /// What the person does: away, busy, meeting, on-the-phone, vacation, ... or other:TEXT; repeatable
    #[arg(long, value_name = "WORD", value_parser = activity, help_heading = "Presence in plain words", conflicts_with = "document")]
    activity: Vec<String>,
    /// A word to people
    #[arg(
        long,
        value_name = "TEXT",
        help_heading = "Presence in plain words",
        conflicts_with = "document"
    )]
    note: Option<String>,

    /// Voice messages: NEW/OLD
    #[arg(long, value_name = "NEW/OLD", help_heading = "Other documents in plain words")]
    messages: Option<Messages>,
    /// The state of a call: trying, proceeding, early, confirmed, terminated
    #[arg(long, value_name = "STATE", value_parser = ["trying", "proceeding", "early", "confirmed", "terminated"], hide_possible_values = true, help_heading = "Other documents in plain words")]
    dialog_state: Option<String>,

    /// The document
    #[arg(long, value_name = "TEXT", help_heading = "A document of your own")]
    body: Option<String>,
    /// A file with the document; - reads standard input
    #[arg(long, value_name = "PATH", help_heading = "A document of your own")]
    body_file: Option<PathBuf>,
    /// Its media type [default: the package's]
    #[arg(long, value_name = "TYPE", help_heading = "A document of your own")]
    content_type: Option<String>,

    #[command(flatten)]
    pub(super) connection: Connection,
}

pub(super) fn expires(text: &str) -> Result<i64, String> {
    match text.parse() {
        _ if text == "never" => Ok(-1),
        Ok(seconds @ -1..=4_294_967_295) => Ok(seconds),
        _ => Err("must be a number of seconds, or never".to_owned()),
    }
}

fn activity(text: &str) -> Result<String, String> {
    let word = text.trim().to_ascii_lowercase().replace([' ', '_'], "-");
    if ACTIVITIES.contains(&word.as_str()) {
        return Ok(word);
    }
    if text.strip_prefix("other:").is_some_and(|t| !t.trim().is_empty()) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "is not known; known are {}; anything else as other:TEXT",
        ACTIVITIES.join(", ")
    ))
}

impl Publish {
    pub(super) fn run(self) -> Result<(), Failure> {
        let params = self.params()?;
        let answer = self.connection.ask_server("pua:publish", params)?;
        let done = match self.expires {
            Some(0) => format!("removed {}", self.presentity),
            _ => format!("published {}", self.presentity),
        };
        reply::tell(&self.connection, &answer, &done)
    }

    fn params(&self) -> Result<Map<String, Value>, Failure> {
        let (package, document) = self.document()?;
        let mut params = Map::new();
        let mut put = |name: &str, value: Value| {
            params.insert(name.to_owned(), value);
        };
        put("presentity_uri", self.presentity.clone().into());
        put("event_package", self.event.as_deref().unwrap_or(package).into());
        put("wait", self.wait.as_str().into());
        if let Some(seconds) = self.expires {
            put("expires", seconds.into());
        }
        if let Some(document) = document {
            put("body", document.into());
        }
        if !self.headers.is_empty() {
            put("extra_headers", headers(&self.headers)?.into());
        }
        for (name, value) in [
            ("content_type", &self.content_type),
            ("id", &self.id),
            ("etag", &self.etag),
            ("outbound_proxy", &self.proxy),
            ("on_stop", &self.on_stop),
        ] {
            if let Some(value) = value {
                put(name, value.clone().into());
            }
        }
        Ok(params)
    }

    /// The package that the document belongs to, and the document.
    fn document(&self) -> Result<(&'static str, Option<String>), Failure> {
        let words = self.open || self.closed || self.note.is_some() || !self.activity.is_empty();
        if words {
            let presence = Presence {
                entity: &self.presentity,
                id: self.id.as_deref(),
                open: !self.closed,
                activities: &self.activity,
                note: self.note.as_deref(),
            };
            return Ok(("presence", Some(presence.to_xml())));
        }
        if let Some(messages) = self.messages {
            return Ok(("message-summary", Some(messages.to_summary(&self.presentity))));
        }
        if let Some(state) = &self.dialog_state {
            let version = std::time::SystemTime::UNIX_EPOCH
                .elapsed()
                .map_or(0, |since| since.as_secs());
            let document = document::dialog_info(&self.presentity, self.id.as_deref(), state, version);
            return Ok(("dialog", Some(document)));
        }
        let body = match &self.body_file {
            Some(path) => Some(read(path)?),
            None => self.body.clone(),
        };
        Ok(("presence", body))
    }
}

/// Header lines in one text; a line break in a header would make two of it.
pub(super) fn headers(headers: &[String]) -> Result<String, Failure> {
    let mut lines = String::new();
    for header in headers {
        if header.contains(['\r', '\n']) || !header.contains(':') {
            return Err(Failure::usage(format!(
                "`{}` is not a header such as \"X-Source: crm\"",
                header.escape_debug()
            )));
        }
        lines.push_str(header);
        lines.push_str("\r\n");
    }
    Ok(lines)
}

/// The text of a file, or of standard input for `-`.
fn read(path: &Path) -> Result<String, Failure> {
    let bytes = read_bytes(path)?;
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{} is not UTF-8 text", shown(path))))
}

/// The content of a file, or of standard input for `-`.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().read_to_end(&mut bytes),
        false => std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)),
    };
    read.map_err(|error| Failure::usage(format!("{} cannot be read: {error}", shown(path))))?;
    Ok(bytes)
}

/// A file as it is called in messages.
pub(super) fn shown(path: &Path) -> String {
    match path.as_os_str() == "-" {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    }
}
