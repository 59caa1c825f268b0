//! XML-RPC (<http://xmlrpc.com/spec.md>): reading a `methodCall`, printing a `methodResponse`.
//!
//! The methods, their parameters and results are those of JSON-RPC: parameters by position, or by name as the members
//! of one struct.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use crate::methods;
use crate::own;
use crate::params::{Arg, Params};
use crate::publish::Manners;
use crate::{Call, Command, Dialect, MiError};

/// How deep values may stand inside each other.
const DEPTH: usize = 32;

/// The most values of one call.
const VALUES: usize = 20_000;

/// Whether what begins so is XML-RPC.
pub(crate) fn is_likely(text: &[u8]) -> bool {
    let text = text
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(text)
        .trim_ascii_start();
    text.starts_with(b"<?xml") || text.starts_with(b"<methodCall")
}

/// Reads a call. Never fails: what cannot be understood becomes a call with an error.
pub(crate) fn read(bytes: &[u8]) -> Call {
    let refused = |error: MiError| Call {
        command: Err(error),
        wants_reply: true,
        dialect: Dialect::OpenSips,
    };
    let Some((name, mut args)) = std::str::from_utf8(bytes).ok().and_then(method_call) else {
        return refused(MiError::parse_error());
    };
    if let Some(command) = introspection(&name) {
        return Call {
            command: Ok(command),
            wants_reply: true,
            dialect: Dialect::OpenSips,
        };
    }
    let Some(method) = methods::find(&name) else {
        return refused(MiError::method_not_found());
    };
    let params = match args.as_mut_slice() {
        [] => Params::Absent,
        [Xml::Struct(members)] => Params::Named(
            std::mem::take(members)
                .into_iter()
                .map(|(name, value)| (Cow::Owned(name), value.into_arg()))
                .collect(),
        ),
        _ => Params::Positional(args.into_iter().map(Xml::into_arg).collect()),
    };
    let manners = Manners {
        dialect: method.verb.dialect(),
        named: matches!(params, Params::Named(_)),
        wants_reply: true,
    };
    Call {
        command: own::read(method, params, manners),
        wants_reply: true,
        dialect: manners.dialect,
    }
}

/// The methods that clients of XML-RPC know for asking what there is.
fn introspection(name: &str) -> Option<Command> {
    (name == "system.listMethods").then_some(Command::Which(None))
}

/// A value.
enum Xml {
    Text(String),
    Bytes(Vec<u8>),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Nil,
    /// What is not of the type that it says it is of.
    Bad,
    List(Vec<Xml>),
    Struct(Vec<(String, Xml)>),
}

impl Xml {
    fn into_arg(self) -> Arg<'static> {
        match self {
            Self::Text(text) => Arg::Text(Cow::Owned(text)),
            Self::Bytes(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Arg::Text(Cow::Owned(text)),
                Err(error) => Arg::Bytes(Cow::Owned(error.into_bytes())),
            },
            Self::Integer(number) => Arg::Integer(number),
            Self::Float(number) => Arg::Float(number),
            Self::Bool(value) => Arg::Bool(value),
            Self::Nil => Arg::Null,
            Self::List(items) => Arg::List(items.into_iter().map(Self::into_arg).collect()),
            Self::Struct(_) | Self::Bad => Arg::Other,
        }
    }
}

/// The pieces that matter of the document: comments, instructions and the declaration are left out.
enum Piece {
    Open(String),
    Close,
    Text(String),
    End,
}

/// Reads the pieces one after the other, one of them in advance.
struct Document<'a> {
    reader: Reader<&'a [u8]>,
    ahead: Option<Piece>,
    values: usize,
}

/// The method's name and the parameters; `None`: it is no call, not well-formed, or has a document type.
fn method_call(text: &str) -> Option<(String, Vec<Xml>)> {
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    reader.config_mut().expand_empty_elements = true;
    let mut document = Document {
        reader,
        ahead: None,
        values: 0,
    };
    document.open("methodCall")?;
    document.open("methodName")?;
    let name = document.text()?.trim().to_owned();
    document.close()?;
    let mut params = Vec::new();
    if document.enter("params")? {
        while document.enter("param")? {
            document.open("value")?;
            params.push(document.value(0)?);
            document.close()?;
        }
        document.close()?;
    }
    document.close()?;
    document.blank()?;
    matches!(document.next()?, Piece::End).then_some((name, params))
}

impl Document<'_> {
    fn next(&mut self) -> Option<Piece> {
        if let Some(piece) = self.ahead.take() {
            return Some(piece);
        }
        loop {
            return Some(match self.reader.read_event().ok()? {
                Event::Start(start) => Piece::Open(start.name().as_ref().to_owned()),
                Event::End(_) => Piece::Close,
                Event::Text(text) => Piece::Text(text.into_inner().into_owned()),
                Event::CData(text) => Piece::Text(text.into_inner().into_owned()),
                Event::GeneralRef(name) => match name.resolve_char_ref().ok()? {
                    Some(character) => Piece::Text(character.to_string()),
                    None => Piece::Text(entity(&name.into_inner())?.to_owned()),
                },
                Event::Eof => Piece::End,
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => continue,
                // A document type could define entities.
                Event::DocType(_) | Event::Empty(_) => return None,
            });
        }
    }

    /// Passes over white space.
    fn blank(&mut self) -> Option<()> {
        loop {
            match self.next()? {
                Piece::Text(text) if text.trim_ascii().is_empty() => {}
                Piece::Text(_) => return None,
                piece => {
                    self.ahead = Some(piece);
                    return Some(());
                }
            }
        }
    }

    fn open(&mut self, name: &str) -> Option<()> {
        self.enter(name)?.then_some(())
    }

    /// Goes into the element if it is the next one.
    fn enter(&mut self, name: &str) -> Option<bool> {
        self.blank()?;
        match self.next()? {
            Piece::Open(found) if found == name => Some(true),
            piece => {
                self.ahead = Some(piece);
                Some(false)
            }
        }
    }

    fn close(&mut self) -> Option<()> {
        self.blank()?;
        matches!(self.next()?, Piece::Close).then_some(())
    }

    /// Text up to the next tag.
    fn text(&mut self) -> Option<String> {
        let mut all = String::new();
        loop {
            match self.next()? {
                Piece::Text(text) => all.push_str(&text),
                Piece::End => return None,
                piece => {
                    self.ahead = Some(piece);
                    return Some(all);
                }
            }
        }
    }

    /// A value, from behind `<value>` to behind `</value>`.
    fn value(&mut self, depth: usize) -> Option<Xml> {
        self.values += 1;
        if depth > DEPTH || self.values > VALUES {
            return None;
        }
        let bare = self.text()?;
        let kind = match self.next()? {
            // Without a type it is text.
            Piece::Close => return Some(Xml::Text(bare)),
            Piece::Open(kind) if bare.trim_ascii().is_empty() => kind,
            _ => return None,
        };
        let value = match kind.as_str() {
            "struct" => Xml::Struct(self.members(depth)?),
            "array" => Xml::List(self.items(depth)?),
            kind => {
                let text = self.text()?;
                scalar(kind, text)?
            }
        };
        self.close()?;
        self.close()?;
        Some(value)
    }

    fn members(&mut self, depth: usize) -> Option<Vec<(String, Xml)>> {
        let mut members = Vec::new();
        while self.enter("member")? {
            self.open("name")?;
            let name = self.text()?.trim().to_owned();
            self.close()?;
            self.open("value")?;
            members.push((name, self.value(depth + 1)?));
            self.close()?;
        }
        Some(members)
    }

    fn items(&mut self, depth: usize) -> Option<Vec<Xml>> {
        let mut items = Vec::new();
        self.open("data")?;
        while self.enter("value")? {
            items.push(self.value(depth + 1)?);
        }
        self.close()?;
        Some(items)
    }
}

fn scalar(kind: &str, text: String) -> Option<Xml> {
    let trimmed = text.trim_ascii();
    Some(match kind {
        "string" | "dateTime.iso8601" => Xml::Text(text),
        "int" | "i4" | "i8" => {
            let number = trimmed.strip_prefix('+').unwrap_or(trimmed).parse();
            number.map_or(Xml::Bad, Xml::Integer)
        }
        "boolean" => match trimmed {
            "1" | "true" => Xml::Bool(true),
            "0" | "false" => Xml::Bool(false),
            _ => Xml::Bad,
        },
        "double" => {
            let number = trimmed.parse().ok().filter(|number: &f64| number.is_finite());
            number.map_or(Xml::Bad, Xml::Float)
        }
        "base64" => base64(trimmed.as_bytes()).map_or(Xml::Bad, Xml::Bytes),
        "nil" | "ex:nil" => Xml::Nil,
        _ => return None,
    })
}

/// The entities that every XML document has.
fn entity(name: &str) -> Option<&'static str> {
    Some(match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return None,
    })
}

/// Base64 (RFC 4648 §4) with white space anywhere.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut group, mut ended) = (0_u32, 0_u32, false);
    for byte in text.iter().filter(|byte| !byte.is_ascii_whitespace()) {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                ended = true;
                continue;
            }
            _ => return None,
        };
        if ended {
            return None;
        }
        group = (group << 6 | u32::from(sextet)) & 0xff_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((group >> bits & 0xff) as u8);
        }
    }
    (bits < 6).then_some(out)
}

/// Prints the answer: a response object of JSON-RPC as a `methodResponse`.
pub(crate) fn print(out: &mut Vec<u8>, response: &Value) {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<methodResponse>");
    match (response.get("result"), response.get("error")) {
        (Some(result), _) => {
            text.push_str("<params><param>");
            push_value(&mut text, result);
            text.push_str("</param></params>");
        }
        (None, error) => {
            text.push_str("<fault>");
            push_value(&mut text, &fault(error));
            text.push_str("</fault>");
        }
    }
    text.push_str("</methodResponse>\n");
    out.extend_from_slice(text.as_bytes());
}

/// The error as the struct of a fault. What else helps has no member of its own there: text goes behind the message.
fn fault(error: Option<&Value>) -> Value {
    let member = |name: &str| error.and_then(|error| error.get(name));
    let message = member("message")
        .and_then(Value::as_str)
        .unwrap_or("Server error");
    let words = match member("data") {
        Some(Value::String(data)) => format!("{message}: {data}"),
        _ => message.to_owned(),
    };
    let code = member("code").and_then(Value::as_i64).unwrap_or(-32000);
    serde_json::json!({"faultCode": code, "faultString": words})
}

/// A value in its element. There is no null: members that are null are left out.
fn push_value(out: &mut String, value: &Value) {
    out.push_str("<value>");
    match value {
        Value::Null => out.push_str("<nil/>"),
        Value::Bool(value) => {
            out.push_str("<boolean>");
            out.push(if *value { '1' } else { '0' });
            out.push_str("</boolean>");
        }
        Value::Number(number) => {
            let kind = match number.as_i64() {
                Some(small) if i32::try_from(small).is_ok() => "int",
                Some(_) => "i8",
                None => "double",
            };
            out.push_str(&format!("<{kind}>{number}</{kind}>"));
        }
        Value::String(text) => {
            out.push_str("<string>");
            push_text(out, text);
            out.push_str("</string>");
        }
        Value::Array(items) => {
            out.push_str("<array><data>");
            for item in items {
                push_value(out, item);
            }
            out.push_str("</data></array>");
        }
        Value::Object(members) => {
            out.push_str("<struct>");
            for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
                out.push_str("<member><name>");
                push_text(out, name);
                out.push_str("</name>");
                push_value(out, value);
                out.push_str("</member>");
            }
            out.push_str("</struct>");
        }
    }
    out.push_str("</value>");
}

/// Text with what has to be escaped; characters that XML cannot carry (XML 1.0 §2.2) are replaced.
fn push_text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A reader makes a line feed of one that is not escaped.
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(c),
            '\0'..=' ' if c != ' ' => out.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_clients_write_it() {
        assert_eq!(base64(b"Zm9v\nYmE=\n").unwrap(), b"fooba");
        assert_eq!(base64(b"").unwrap(), b"");
        assert_eq!(base64(b"/wBh").unwrap(), b"\xff\0a");
        assert_eq!(base64(b"Zg==").unwrap(), b"f");
        for bad in [&b"Z"[..], b"Zg=v", b"Z!", b"Zm9vY"] {
            assert_eq!(base64(bad), None);
        }
    }

    #[test]
    fn what_begins_as_xml() {
        assert!(is_likely(b" <methodCall>") && is_likely(b"\xef\xbb\xbf<?xml version"));
        assert!(!is_likely(b"{}") && !is_likely(b"<html>"));
    }
}
