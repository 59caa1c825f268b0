//! Options that several commands have.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::Failure;
use crate::client::{Address, Client};

/// What the daemon itself needs on top of what the presence server may take.
const MARGIN: Duration = Duration::from_secs(5);

/// How to reach the daemon, and how to print.
#[derive(Clone, Debug, Args)]
pub(crate) struct Connection {
    /// Where the daemon answers: unix:/path, http://host:port/mi or udp:host:port
    ///
    /// Without it: $PUA_CONNECT, else unix:/run/pua/mi-stream.sock, then http://127.0.0.1:8888/mi.
    #[arg(long, value_name = "ADDR", help_heading = "Connection")]
    pub(crate) connect: Option<Address>,
    /// Print JSON
    #[arg(long, help_heading = "Connection")]
    pub(crate) json: bool,
    /// How long to wait for an answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "32", value_parser = seconds, help_heading = "Connection")]
    pub(crate) timeout: Duration,
}

/// A variable of the environment; an empty one counts as not set.
pub(super) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Seconds, fractions allowed, above zero and at most a day.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 86_400.0 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("must be a number of seconds above 0, at most 86400".to_owned()),
    }
}

impl Connection {
    /// Asks the daemon itself.
    pub(crate) fn ask(&self, method: &str, params: &Value) -> Result<Value, Failure> {
        Ok(self.client()?.call(method, params, self.timeout)?)
    }

    /// Asks for something that the presence server has to answer. The daemon keeps the time and
    /// tells what it does next; we wait a little longer.
    pub(crate) fn ask_server(&self, method: &str, mut params: Map<String, Value>) -> Result<Value, Failure> {
        params.insert("timeout".into(), Value::from(self.timeout.as_secs_f64()));
        let client = self.client()?;
        Ok(client.call(method, &Value::Object(params), self.timeout + MARGIN)?)
    }

    /// The daemon.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let address = match (&self.connect, variable("PUA_CONNECT")) {
            (Some(address), _) => Some(address.clone()),
            (None, None) => None,
            (None, Some(text)) => {
                let text = text.to_string_lossy();
                let parsed = text.parse::<Address>();
                Some(parsed.map_err(|e| Failure::usage(format!("PUA_CONNECT is `{text}`: {e}")))?)
            }
        };
        Ok(Client::new(address))
    }
}

/// Which publication.
#[derive(Clone, Debug, Args)]
pub(crate) struct Name {
    /// The presentity, such as sip:alice@example.com
    #[arg(value_name = "URI")]
    pub(crate) presentity: String,
    /// The event package
    #[arg(long, value_name = "PACKAGE", default_value = "presence")]
    pub(crate) event: String,
    /// Which of several publications of one presentity and package
    #[arg(long)]
    pub(crate) id: Option<String>,
}

impl Name {
    /// As parameters.
    pub(crate) fn params(&self) -> Map<String, Value> {
        let mut params = Map::new();
        params.insert("presentity_uri".into(), self.presentity.clone().into());
        params.insert("event_package".into(), self.event.clone().into());
        if let Some(id) = &self.id {
            params.insert("id".into(), id.clone().into());
        }
        params
    }
}

/// When to return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wait {
    /// With the final response of the presence server
    Final,
    /// Once the daemon has it
    Accepted,
    /// At once
    None,
}

impl Wait {
    /// Its name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Wait::Final => "final",
            Wait::Accepted => "accepted",
            Wait::None => "none",
        }
    }
}
