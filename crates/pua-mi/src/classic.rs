//! Classic text: `:COMMAND:REPLY_NAME`, a parameter a line, an empty line; a status line and nodes for an answer.

use std::borrow::Cow;
use std::io::Write;

use memchr::memchr;
use serde_json::Value;
use smallvec::SmallVec;

use crate::check::{is_token_byte, one_line, whole_line};
use crate::fifo::closing_quote;
use crate::json_print::{failure_members, unkept_members};
use crate::methods::{self, Method, Misfit, Verb};
use crate::own;
use crate::params::{Arg, Param, Slots};
use crate::publish::{FIVE, Manners, Reader};
use crate::subscribe;
use crate::{Call, Dialect, MiError, Outcome, Reply, ReplyName, SubscriptionOutcome, Via};

/// The most parameters of one command.
const MOST: usize = 64;

/// A parameter with the name it was given, if any.
type Named<'a> = (Option<&'a str>, Arg<'a>);

/// Reads a request that begins with `:` and has a second one in its first line.
pub(crate) fn read(text: &[u8], via: Via) -> (Option<ReplyName>, Call) {
    let (line, rest) = split_line(text).unwrap_or((text, &[]));
    let line = String::from_utf8_lossy(line);
    let (command, name) = command_and_name(&line);
    let refused = |error: MiError, wants_reply: bool| Call {
        command: Err(error),
        wants_reply,
        dialect: Dialect::Classic,
    };
    let name = match ReplyName::from_bytes(name.as_bytes()) {
        _ if via != Via::Fifo => None,
        Ok(name) => name,
        Err(error) => return (None, refused(error, false)),
    };
    let wants_reply = via != Via::Fifo || name.is_some();
    let Some(method) = methods::find(command) else {
        let error = MiError::new(500, format!("command '{}' not available", one_line(command)));
        return (name, refused(error, wants_reply));
    };
    let Some(args) = parameters(rest) else {
        return (name, refused(parse_error(command), wants_reply));
    };
    let manners = Manners {
        dialect: Dialect::Classic,
        named: false,
        wants_reply,
    };
    let call = Call {
        command: place(method, command, args, manners)
            .and_then(|slots| own::from_slots(method, slots, manners)),
        wants_reply,
        dialect: Dialect::Classic,
    };
    (name, call)
}

/// The error of a request that breaks the grammar.
pub(crate) fn parse_error(command: &str) -> MiError {
    MiError::new(400, format!("parse error in command '{}'", one_line(command)))
}

/// Cuts the first line off, without its line end.
fn split_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr(b'\n', text)?;
    let (line, rest) = text.split_at_checked(at)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..)?))
}

/// `:COMMAND:REPLY_NAME`. Commands have colons themselves: the longest known one counts; of an unknown one the last
/// colon is taken for the separator.
fn command_and_name(line: &str) -> (&str, &str) {
    let line = line.strip_prefix(':').unwrap_or(line);
    let cut = |at: usize| {
        let (command, name) = line.split_at_checked(at).unwrap_or((line, ""));
        (
            command.trim_ascii(),
            name.strip_prefix(':').unwrap_or(name).trim_ascii(),
        )
    };
    let mut colons = line.rmatch_indices(':').map(|(at, _)| cut(at)).peekable();
    let last = colons.peek().copied().unwrap_or((line.trim_ascii(), ""));
    colons
        .find(|(command, _)| methods::find(command).is_some())
        .unwrap_or(last)
}

/// Reads the parameters, up to the first empty line. `None`: the text breaks the grammar.
fn parameters(mut text: &[u8]) -> Option<SmallVec<[Named<'_>; 12]>> {
    let mut args = SmallVec::new();
    while !text.is_empty() {
        let (line, rest) = split_line(text).unwrap_or((text, &[]));
        if line.is_empty() {
            break;
        }
        let content = line.trim_ascii_start();
        // Later on it is a value, an empty one: without it the next would be in its place.
        if content.is_empty() && args.is_empty() {
            text = rest;
            continue;
        }
        if args.len() == MOST {
            return None;
        }
        let (name, value) = split_name(content);
        if value.first() == Some(&b'"') {
            let start = line.len().checked_sub(value.len())? + 1;
            let (value, after) = quoted(text.get(start..)?)?;
            args.push((name, value));
            text = after;
        } else {
            args.push((name, value_of(Cow::Borrowed(value.trim_ascii_end()))));
            text = rest;
        }
    }
    Some(args)
}

/// `name::value`, `::value` or `value`. A name is a token, so that neither an IPv6 address nor a document has one.
pub(crate) fn split_name(content: &[u8]) -> (Option<&str>, &[u8]) {
    let is_name = |byte: &u8| *byte != b':' && is_token_byte(*byte);
    let length = content.iter().take_while(|byte| is_name(byte)).count();
    let (name, rest) = content.split_at_checked(length).unwrap_or((content, &[]));
    match rest.trim_ascii_start().strip_prefix(b"::") {
        Some(value) if rest.starts_with(b"::") || length > 0 => {
            let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty());
            (name, value.trim_ascii_start())
        }
        _ => (None, content),
    }
}

/// Reads a quoted value from behind its opening quote: up to the next quote without a backslash, over line ends too.
/// Behind it only blanks may stand in the line.
fn quoted(text: &[u8]) -> Option<(Arg<'_>, &[u8])> {
    let end = closing_quote(text, 0, 0)?;
    let after = text.get(end + 1..)?;
    let (tail, rest) = split_line(after).unwrap_or((after, &[]));
    if !tail.trim_ascii().is_empty() {
        return None;
    }
    let inner = text.get(..end)?;
    if !inner.windows(2).any(|pair| pair == b"\\\"") {
        return Some((value_of(Cow::Borrowed(inner)), rest));
    }
    let mut plain = Vec::with_capacity(inner.len());
    for (at, byte) in inner.iter().enumerate() {
        if *byte != b'\\' || inner.get(at + 1) != Some(&b'"') {
            plain.push(*byte);
        }
    }
    Some((value_of(Cow::Owned(plain)), rest))
}

fn value_of(bytes: Cow<'_, [u8]>) -> Arg<'_> {
    match bytes {
        Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Arg::Text(Cow::Borrowed(text)),
            Err(_) => Arg::Bytes(Cow::Borrowed(bytes)),
        },
        Cow::Owned(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Arg::Text(Cow::Owned(text)),
            Err(error) => Arg::Bytes(Cow::Owned(error.into_bytes())),
        },
    }
}

/// Puts parameters in their places. Those whose name is another parameter's than the one of their position go by
/// name; of the others the name means nothing.
fn place<'a>(
    method: &Method,
    command: &str,
    args: SmallVec<[Named<'a>; 12]>,
    manners: Manners,
) -> Result<Slots<'a>, MiError> {
    let mut slots = Slots::default();
    if method.positions == usize::MAX {
        if let Some(param) = method.params.first() {
            slots.put(*param, Arg::List(args.into_iter().map(|(_, arg)| arg).collect()));
        }
        return Ok(slots);
    }
    let too_many = || MiError::new(400, "Too many parameters");
    let by_position = |index: usize, name: Option<&str>| {
        let named = name.and_then(|name| method.param(name));
        let position = method.params.get(index).filter(|_| index < method.positions);
        named.is_none() || named == position.copied()
    };
    let mut positional: SmallVec<[Arg<'a>; 12]> = SmallVec::new();
    for (name, arg) in args {
        if by_position(positional.len(), name) {
            positional.push(arg);
        } else if let Some(param) = name.and_then(|name| method.param(name))
            && !slots.put(param, arg)
        {
            return Err(too_many());
        }
    }
    let five = positional.len() == FIVE.len() && matches!(method.verb, Verb::OpenSipsPublish | Verb::Publish);
    let order = if five { FIVE } else { method.params };
    if positional.len() > method.positions {
        return Err(too_many());
    }
    for (param, arg) in order.iter().zip(positional) {
        if !slots.put(*param, arg) {
            return Err(too_many());
        }
    }
    if method.must.iter().all(|param| slots.has(*param)) {
        return Ok(slots);
    }
    // Too few: what is there is looked at first.
    let reader = Reader { manners };
    match method.verb {
        verb if verb.subscribes() => subscribe::check_uris(reader, &mut slots)?,
        verb if !verb.publishes() => return Err(Misfit::TooFew(0).into()),
        _ if slots.has(Param::PresentityUri) => {
            reader.presentity(&mut slots, Param::PresentityUri)?;
        }
        _ => {}
    }
    Err(MiError::new(500, format!("command '{command}' failed")))
}

/// Prints an answer: the status line, a node a line, an empty line.
pub(crate) fn print(out: &mut Vec<u8>, reply: &Reply) {
    match reply {
        Reply::Published(outcome) => print_outcome(out, outcome),
        Reply::Accepted => out.extend_from_slice(b"202 Accepted\n"),
        Reply::Subscribed(outcome) => print_subscription(out, outcome),
        Reply::SubscriptionAccepted => out.extend_from_slice(b"202 accepted\n"),
        Reply::Done => out.extend_from_slice(b"200 OK\n"),
        Reply::Json(value) => {
            out.extend_from_slice(b"200 OK\n");
            print_value(out, value, 0);
        }
        Reply::Error(error) => {
            let _ = write!(out, "{} ", error.classic_code());
            match (&error.data, error.code) {
                (Some(Value::String(data)), ..0) => push_text(out, data),
                _ => push_text(out, &error.message),
            }
            out.push(b'\n');
        }
    }
    out.push(b'\n');
}

/// The first two lines: that the command was done, and what the server said.
fn print_response(out: &mut Vec<u8>, response: &Outcome) {
    out.extend_from_slice(b"200 OK\n");
    let _ = write!(out, "{} ", response.code);
    push_text(out, &response.clean_reason());
    out.push(b'\n');
}

fn print_subscription(out: &mut Vec<u8>, outcome: &SubscriptionOutcome) {
    print_response(out, &outcome.response);
    let _ = writeln!(out, "State:: {}", outcome.state);
    if let Some(reason) = &outcome.termination {
        let _ = writeln!(out, "Reason:: {}", whole_line(reason));
    }
    if let Some(expires) = outcome.response.expires {
        let _ = writeln!(out, "Expires:: {expires}");
    }
    match outcome.single() {
        Some(state) => state.print_classic(out, 0),
        None => {
            for state in &outcome.states {
                let _ = writeln!(out, "Resource:: {}", whole_line(&state.resource));
                state.print_classic(out, 1);
            }
        }
    }
    for (name, value) in failure_members(&outcome.response) {
        print_node(out, Some(name), &value, 0);
    }
}

fn print_outcome(out: &mut Vec<u8>, outcome: &Outcome) {
    print_response(out, outcome);
    if !outcome.is_success() {
        for (name, value) in failure_members(outcome) {
            print_node(out, Some(name), &value, 0);
        }
        return;
    }
    if let Some(etag) = &outcome.etag {
        out.extend_from_slice(b"ETag:: ");
        out.extend_from_slice(whole_line(etag).as_bytes());
        out.push(b'\n');
    }
    if let Some(expires) = outcome.expires {
        let _ = writeln!(out, "Expires:: {expires}");
    }
    for (name, value) in unkept_members(outcome) {
        print_node(out, Some(name), &value, 0);
    }
}

/// Text of a node without a name, in which `::` must not make one.
fn push_text(out: &mut Vec<u8>, text: &str) {
    let text = one_line(text);
    match text.contains("::") {
        true => out.extend_from_slice(text.replace("::", ": :").as_bytes()),
        false => out.extend_from_slice(text.as_bytes()),
    }
}

/// The members of an object and the items of an array are nodes at one level.
fn print_value(out: &mut Vec<u8>, value: &Value, level: usize) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                print_node(out, Some(name), value, level);
            }
        }
        Value::Array(items) => {
            for item in items {
                print_node(out, None, item, level);
            }
        }
        Value::Null => {}
        scalar => print_node(out, None, scalar, level),
    }
}

/// Values that are as the application or the document gave them, line ends and all.
const TEXTS: [&str; 2] = ["body", "extra_headers"];

/// Whether a value is the same behind `name:: ` as without it.
fn fits_a_line(text: &str) -> bool {
    !text.starts_with('"') && whole_line(text) == text
}

/// A value in quotation marks, as parameters are written.
pub(crate) fn push_quoted(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    for byte in value {
        if *byte == b'"' {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    if value.last() == Some(&b'\\') {
        // It would escape the quotation mark behind it.
        out.push(b'\n');
    }
    out.push(b'"');
}

/// A node, and those below it one tab further in. An array under a name is that node again for each item.
fn print_node(out: &mut Vec<u8>, name: Option<&str>, value: &Value, level: usize) {
    if let (Some(name), Value::Array(items)) = (name, value) {
        for item in items {
            print_node(out, Some(name), item, level);
        }
        return;
    }
    out.resize(out.len() + level, b'\t');
    match (name, value) {
        (Some(name), _) => {
            push_text(out, name);
            out.extend_from_slice(b":: ");
        }
        // A line must not be empty: it would end the answer.
        (None, Value::Object(_)) => out.push(b'-'),
        (None, Value::String(text)) if one_line(text).is_empty() => out.extend_from_slice(b"\"\""),
        (None, Value::Array(items)) if items.is_empty() => out.extend_from_slice(b"\"\""),
        (None, Value::Array(items)) => {
            for (at, item) in items.iter().enumerate() {
                out.extend_from_slice(if at == 0 { b"" } else { b" " });
                match item {
                    Value::String(text) => push_text(out, text),
                    other => push_text(out, &other.to_string()),
                }
            }
        }
        (None, _) => {}
    }
    match value {
        Value::Object(_) => {
            out.push(b'\n');
            print_value(out, value, level + 1);
            return;
        }
        Value::String(text) if name.is_some_and(|name| TEXTS.contains(&name)) && !fits_a_line(text) => {
            push_quoted(out, text.as_bytes());
        }
        Value::String(text) if name.is_some() => out.extend_from_slice(whole_line(text).as_bytes()),
        Value::String(text) => push_text(out, text),
        Value::Null | Value::Array(_) => {}
        other => out.extend_from_slice(other.to_string().as_bytes()),
    }
    out.push(b'\n');
}
