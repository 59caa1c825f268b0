//! Printing JSON-RPC 2.0 responses: compact, members in the order jsonrpc, result or error, id.

use serde::Serialize;
use serde_json::Value;

use crate::check::{one_line, whole_line};
use crate::request::Echo;
use crate::{Dialect, MiError, Next, Outcome, Reply, SubscriptionOutcome};

/// Prints one response object.
pub(crate) fn reply(out: &mut Vec<u8>, reply: &Reply, echo: &Echo) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",");
    match (reply, echo.dialect) {
        (Reply::Published(outcome), Dialect::Kamailio) => kamailio_outcome(out, outcome),
        (Reply::Published(outcome), _) => {
            out.extend_from_slice(b"\"result\":");
            outcome_object(out, outcome, true);
        }
        (Reply::Subscribed(outcome), Dialect::Kamailio) if !outcome.response.is_success() => {
            let response = &outcome.response;
            error_object(out, i32::from(response.code), &response.clean_reason(), |out| {
                out.extend_from_slice(b",\"data\":");
                subscription_object(out, outcome, false);
            });
        }
        (Reply::Subscribed(outcome), _) => {
            out.extend_from_slice(b"\"result\":");
            subscription_object(out, outcome, true);
        }
        (Reply::SubscriptionAccepted | Reply::Accepted, Dialect::Kamailio) => {
            out.extend_from_slice(b"\"result\":{}")
        }
        (Reply::Accepted, _) => out.extend_from_slice(b"\"result\":\"Accepted\""),
        (Reply::SubscriptionAccepted, _) => out.extend_from_slice(b"\"result\":\"accepted\""),
        (Reply::Done, _) => out.extend_from_slice(b"\"result\":\"OK\""),
        (Reply::Json(value), _) => {
            out.extend_from_slice(b"\"result\":");
            serialise(out, value);
        }
        (Reply::Error(error), dialect) => print_error(out, error, dialect),
    }
    out.extend_from_slice(b",\"id\":");
    out.extend_from_slice(echo.id.as_ref().map_or(b"null", |id| id.as_bytes()));
    out.push(b'}');
}

/// Writing into memory cannot fail; a value that has no JSON form would be null.
fn serialise<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
}

fn print_error(out: &mut Vec<u8>, error: &MiError, dialect: Dialect) {
    // Kamailio has another code for the only error that the two have in common.
    let code = match (dialect, error.code) {
        (Dialect::Kamailio, 418) => 500,
        (_, code) => code,
    };
    error_object(out, code, &error.message, |out| {
        if let Some(data) = &error.data {
            out.extend_from_slice(b",\"data\":");
            serialise(out, data);
        }
    });
}

fn error_object(out: &mut Vec<u8>, code: i32, message: &str, data: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"\"error\":{\"code\":");
    serialise(out, &code);
    out.extend_from_slice(b",\"message\":");
    serialise(out, one_line(message).as_ref());
    data(out);
    out.push(b'}');
}

/// Kamailio: the entity-tag and the lifetime of a success, an error with the SIP code for a failure.
fn kamailio_outcome(out: &mut Vec<u8>, outcome: &Outcome) {
    if !outcome.is_success() {
        error_object(out, i32::from(outcome.code), &outcome.clean_reason(), |out| {
            out.extend_from_slice(b",\"data\":");
            outcome_object(out, outcome, false);
        });
        return;
    }
    let mut members = Members::begin(out, b"\"result\":{");
    if let Some(etag) = &outcome.etag {
        members.add("SIP-ETag", whole_line(etag).as_ref());
    }
    if let Some(expires) = outcome.expires {
        members.add("Expires", &expires);
    }
    for (name, value) in unkept_members(outcome) {
        members.add(name, &value);
    }
    members.end();
}

/// The outcome as an object: of a success that lasts exactly the documented members, of anything else everything that helps.
fn outcome_object(out: &mut Vec<u8>, outcome: &Outcome, with_reply: bool) {
    let mut members = Members::begin(out, b"{");
    if with_reply {
        members.reply(outcome);
    }
    if outcome.is_success() {
        if let Some(etag) = &outcome.etag {
            members.add("ETag", whole_line(etag).as_ref());
        }
        if let Some(expires) = outcome.expires {
            members.add("Expires", &expires);
        }
        for (name, value) in unkept_members(outcome) {
            members.add(name, &value);
        }
    } else {
        for (name, value) in failure_members(outcome) {
            members.add(name, &value);
        }
    }
    members.end();
}

/// How a subscription went: where it stands, what was told, and what comes next.
fn subscription_object(out: &mut Vec<u8>, outcome: &SubscriptionOutcome, with_reply: bool) {
    let response = &outcome.response;
    let mut members = Members::begin(out, b"{");
    if with_reply {
        members.reply(response);
    }
    members.add("state", outcome.state);
    if let Some(reason) = &outcome.termination {
        members.add("reason", one_line(reason).as_ref());
    }
    if let Some(expires) = response.expires {
        members.add("Expires", &expires);
    }
    if let Some(state) = outcome.single() {
        for (name, value) in state.members(outcome.raw) {
            members.add(&name, &value);
        }
    } else if !outcome.states.is_empty() {
        let states: Vec<Value> = outcome
            .states
            .iter()
            .map(|state| state.to_json(outcome.raw))
            .collect();
        members.add("states", &states);
    }
    for (name, value) in failure_members(response) {
        members.add(name, &value);
    }
    members.end();
}

/// What is to be known of a success after which the server holds nothing (it granted no time).
pub(crate) fn unkept_members(outcome: &Outcome) -> impl Iterator<Item = (&'static str, Value)> {
    let unkept = outcome.is_success() && outcome.next.is_some();
    unkept.then(|| failure_members(outcome)).into_iter().flatten()
}

/// What helps after a failure, by name.
pub(crate) fn failure_members(outcome: &Outcome) -> impl Iterator<Item = (&'static str, Value)> {
    let text = |text: &Option<String>| {
        text.as_deref()
            .map(|text| Value::from(one_line(text).into_owned()))
    };
    let (next, retry_at) = match &outcome.next {
        None => (None, None),
        Some(Next::Refused) => (Some("refused"), None),
        Some(Next::Ended) => (Some("ended"), None),
        Some(Next::Retry { retry_at }) => (Some("retry"), Some(Value::from(retry_at.as_str()))),
    };
    [
        ("next", next.map(Value::from)),
        ("retry_at", retry_at),
        ("warning", text(&outcome.warning)),
        ("retry_after", outcome.retry_after.map(Value::from)),
        ("detail", text(&outcome.detail)),
        ("server", text(&outcome.server)),
        ("call_id", text(&outcome.call_id)),
        ("cseq", outcome.cseq.map(Value::from)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

/// Prints the members of an object, with the commas between.
struct Members<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Members<'a> {
    fn begin(out: &'a mut Vec<u8>, open: &[u8]) -> Self {
        out.extend_from_slice(open);
        Self { out, first: true }
    }

    fn add<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.name(name);
        serialise(self.out, value);
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        // The names are ours and need no escapes.
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// Status code and reason phrase as one text.
    fn reply(&mut self, outcome: &Outcome) {
        let reason = outcome.clean_reason();
        let needs_escape = |byte: u8| matches!(byte, b'"' | b'\\' | ..b' ' | 0x7f..);
        if !(100..1000).contains(&outcome.code) || reason.bytes().any(needs_escape) {
            self.add("reply", &format!("{} {reason}", outcome.code));
            return;
        }
        // What is printed most by far, without the machinery of `fmt`.
        let digit = |place: u16| b'0' + (outcome.code / place % 10) as u8;
        let code = [digit(100), digit(10), digit(1)];
        self.name("reply");
        for part in [b"\"", &code[..], b" ", reason.as_bytes(), b"\""] {
            self.out.extend_from_slice(part);
        }
    }

    fn end(self) {
        self.out.push(b'}');
    }
}
