//! A command that did not succeed: what is said, and the exit code.

use std::io::Write;

use serde_json::{Value, json};

use super::output::Output;
use crate::client::{self, Address};
use crate::exit_codes;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// For people; empty: it has been said.
    message: String,
    hint: Option<String>,
    /// For machines, if it is not made of the message.
    json: Option<Box<Value>>,
}

impl Failure {
    /// A failure with a message.
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Failure {
        Failure {
            code,
            message: message.into(),
            hint: None,
            json: None,
        }
    }

    /// A failure about which everything has been said.
    pub(crate) fn silent(code: u8) -> Failure {
        Failure::new(code, "")
    }

    /// The same failure, about which everything has been said.
    pub(crate) fn said(self) -> Failure {
        Failure::silent(self.code)
    }

    /// What to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// The command line asks for what cannot be.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::new(exit_codes::USAGE, message)
    }

    /// A daemon that is not there may come; a refusal stays.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(
            self.code,
            exit_codes::UNREACHABLE | exit_codes::NO_ANSWER | exit_codes::REFUSED_BY_SERVER
        )
    }

    /// The message on one line.
    pub(crate) fn line(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }

    /// Says it on standard error, and as JSON on standard output if that is wanted.
    pub(crate) fn tell(self, json: bool) -> u8 {
        if self.message.is_empty() {
            return self.code;
        }
        if json {
            let object = self.json.map_or_else(
                || json!({"error": {"message": self.message, "hint": self.hint, "exit_code": self.code}}),
                |json| *json,
            );
            let _ = Output::new(true).line(&object.to_string());
            return self.code;
        }
        let paint = Output::errors();
        let mut text = format!("{} {}\n", paint.red("error:"), self.message);
        if let Some(hint) = &self.hint {
            text.push_str(&format!("{} {hint}\n", paint.dim(" hint:")));
        }
        // There is nowhere left to say that standard error is gone.
        let _ = std::io::stderr().write_all(text.as_bytes());
        self.code
    }
}

impl From<client::Failure> for Failure {
    fn from(failure: client::Failure) -> Failure {
        match failure {
            client::Failure::Unreachable(tried) => unreachable(&tried),
            client::Failure::NoAnswer(timeout) => Failure::new(
                exit_codes::NO_ANSWER,
                format!("the daemon did not answer within {} s", timeout.as_secs_f64()),
            )
            .hint("is it stopped, or very busy? `pua status` tells; --timeout waits longer"),
            client::Failure::Garbled(what) => Failure::new(exit_codes::UNREACHABLE, what)
                .hint("is there something else than pua at this address? See --connect"),
            client::Failure::Refused { code, message, data } => {
                refused(code, &message, data.map(|data| *data))
            }
        }
    }
}

fn unreachable(tried: &[(Address, std::io::Error)]) -> Failure {
    let mut message = String::from("no daemon answers");
    for (address, error) in tried {
        message.push_str(&format!("\n         {address}: {}", plain(error)));
    }
    let denied =
        |(_, error): &(Address, std::io::Error)| error.kind() == std::io::ErrorKind::PermissionDenied;
    let hint = if tried.iter().any(denied) {
        "you may not write to the socket: join its group, or run as its owner"
    } else {
        "start one with `pua serve --config FILE`, or say where it is with --connect or PUA_CONNECT"
    };
    Failure::new(exit_codes::UNREACHABLE, message).hint(hint)
}

/// The system's words without its number.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

fn refused(code: i64, message: &str, data: Option<Value>) -> Failure {
    // -32000 and -32603 are the daemon's own faults, all else is the request's.
    let exit = match code {
        -32000 | -32603 => exit_codes::INTERNAL,
        _ => exit_codes::REFUSED_BY_DAEMON,
    };
    let detail = match &data {
        Some(Value::String(text)) => format!(" ({text})"),
        _ => String::new(),
    };
    let number = if code > 0 {
        format!("{code} ")
    } else {
        String::new()
    };
    let mut failure = Failure::new(exit, format!("the daemon refuses: {number}{message}{detail}"));
    failure.hint = hint(code, message).map(str::to_owned);
    let mut error = json!({"code": code, "message": message});
    if let Some(data) = data {
        error["data"] = data;
    }
    failure.json = Some(Box::new(json!({ "error": error })));
    failure
}

fn hint(code: i64, message: &str) -> Option<&'static str> {
    match (code, message) {
        (404, "No such publication") => {
            Some("`pua list` shows what there is; name the package with --event, and --id if it has one")
        }
        (404, "No such subscription") => {
            Some("`pua subscriptions` shows what there is; `pua fetch` asks once, `pua watch` watches")
        }
        (400, "Bad uri") => Some("presentities and watchers are URIs such as sip:alice@example.com"),
        (404, "Bad presentity URI") => Some("a presentity is a URI such as sip:alice@example.com"),
        (400, "Body parameter is missing") => {
            Some("say what is published: --open, --closed, --note, --messages, --body or --body-file")
        }
        (400, "Unknown event") => Some("event packages have names such as presence, dialog, message-summary"),
        (400, "Empty content type parameter" | "Empty content type") => {
            Some("this package has no usual media type: give --content-type")
        }
        (400, "Bad outbound proxy parameter") => Some("a proxy is a SIP URI such as sip:pa.example.com:5060"),
        (418, _) => Some("the publication has another entity-tag now: see `pua show`, or leave --etag out"),
        (413, "Answer too long") => Some("ask over the stream socket or HTTP: --connect"),
        (503, "Too many publications") => {
            Some("remove some, or raise publish.max_publications in the daemon's configuration")
        }
        (503, "Too many subscriptions") => {
            Some("end some, or raise subscribe.max_subscriptions in the daemon's configuration")
        }
        (503, _) => Some("try again in a moment"),
        _ => None,
    }
}
