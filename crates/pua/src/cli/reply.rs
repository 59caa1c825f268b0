//! The presence server's word in an answer of the daemon, and how it is told.

use serde_json::Value;

use super::options::Connection;
use super::output::{Output, span, within};
use super::{Failure, exit_codes};

/// The final response that an answer tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply<'a> {
    /// Status code and reason phrase: `200 OK`.
    pub(crate) line: &'a str,
    /// The status code.
    pub(crate) code: u16,
}

impl<'a> Reply<'a> {
    /// `None` if the answer came before the server's, "Accepted".
    pub(crate) fn of(answer: &'a Value) -> Option<Reply<'a>> {
        let line = answer.get("reply")?.as_str()?;
        let code = line.split(' ').next().and_then(|code| code.parse().ok());
        Some(Reply {
            line,
            code: code.unwrap_or(0),
        })
    }

    /// Whether it is a success.
    pub(crate) const fn is_success(self) -> bool {
        matches!(self.code, 200..300)
    }

    /// What is said about a response that is no success: the server's words, and what the daemon
    /// does next.
    pub(crate) fn failure(self, answer: &Value) -> Failure {
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let line = self.line;
        let mut message = match (self.code, text("server")) {
            (408, Some(server)) => format!("{line}: no answer from {server} in time"),
            (408, None) => format!("{line}: no answer in time"),
            (_, Some(server)) => format!("{line} ({server})"),
            (_, None) => line.to_owned(),
        };
        for name in ["detail", "warning"] {
            if let Some(text) = text(name) {
                message.push_str(&format!("\n       {text}"));
            }
        }
        let failure = Failure::new(exit_code(self, answer), message);
        match (text("next"), text("retry_at")) {
            (Some("retry"), Some(at)) => failure.hint(format!("the daemon tries again {}", within(at))),
            (Some("retry"), None) => failure.hint("the daemon goes on trying"),
            (Some("refused"), _) => {
                failure.hint("the daemon does not try again by itself; it does on a new command")
            }
            _ => failure,
        }
    }
}

/// Whether the server has taken it, but for no time: then the daemon tries again.
fn is_unkept(answer: &Value) -> bool {
    answer.get("next").is_some()
}

/// How a command with this response ends.
fn exit_code(reply: Reply<'_>, answer: &Value) -> u8 {
    match reply.code {
        200..300 if !is_unkept(answer) => exit_codes::DONE,
        408 => exit_codes::NO_ANSWER,
        _ => exit_codes::REFUSED_BY_SERVER,
    }
}

/// Tells how a publish, refresh or removal ended; `done` is what a success means.
pub(super) fn tell(connection: &Connection, answer: &Value, done: &str) -> Result<(), Failure> {
    let out = Output::new(connection.json);
    let reply = Reply::of(answer);
    if connection.json {
        out.json(answer)?;
        return match reply.map_or(exit_codes::DONE, |reply| exit_code(reply, answer)) {
            exit_codes::DONE => Ok(()),
            code => Err(Failure::silent(code)),
        };
    }
    let Some(reply) = reply else {
        let accepted = out.green("accepted");
        return out.line(&format!(
            "{accepted}, without waiting for the presence server; `pua list` shows how it goes"
        ));
    };
    if !reply.is_success() || is_unkept(answer) {
        return Err(reply.failure(answer));
    }
    let mut line = format!("{} {done}", out.green(reply.line));
    // After a removal there is nothing to know.
    if let Some(seconds @ 1..) = answer.get("Expires").and_then(Value::as_u64) {
        line.push_str(&format!(", granted for {}", span(seconds)));
        if let Some(etag) = answer.get("ETag").and_then(Value::as_str) {
            line.push_str(&out.dim(&format!(", entity-tag {etag}")));
        }
    }
    out.line(&line)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn replies() {
        let exit = |answer: Value| Reply::of(&answer).map(|reply| exit_code(reply, &answer));
        assert_eq!(exit(json!("Accepted")), None);
        assert_eq!(exit(json!({"reply": "202 Accepted"})), Some(exit_codes::DONE));
        assert_eq!(
            exit(json!({"reply": "200 OK", "Expires": 0, "next": "retry"})),
            Some(exit_codes::REFUSED_BY_SERVER),
            "granted for no time"
        );
        assert_eq!(
            exit(json!({"reply": "408 Request Timeout"})),
            Some(exit_codes::NO_ANSWER)
        );
        for refused in ["302 Moved", "403", "nonsense"] {
            assert_eq!(
                exit(json!({"reply": refused})),
                Some(exit_codes::REFUSED_BY_SERVER)
            );
        }
    }
}
