//! What an application asks for when it attaches: the same names as query parameters of
//! `/v1/events` and as members of `pua:watch`.

use serde_json::Value;

use super::consumer::Start;
use super::cursor::Cursor;
use super::filter::{Filter, Kind};

/// Entries of all lists together, at most.
const ENTRIES: usize = 1000;

/// A consumer to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Which events.
    pub(crate) filter: Filter,
    /// From where on.
    pub(crate) start: Start,
    /// With the bodies as they came.
    pub(crate) raw: bool,
}

impl Default for Request {
    /// Everything, with the present state, without bodies.
    fn default() -> Request {
        Request {
            filter: Filter::default(),
            start: Start::SNAPSHOT,
            raw: false,
        }
    }
}

/// The request cannot be understood; the text says what to give.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadRequest(pub(crate) String);

impl Request {
    /// Reads a URL's query. Names may come several times; values of lists may be separated by
    /// commas, except URIs, which can hold commas themselves.
    ///
    /// # Errors
    /// [`BadRequest`] names what is wrong.
    pub(crate) fn from_query(query: &str) -> Result<Request, BadRequest> {
        let mut reading = Reading::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            reading.take(&name, &value)?;
        }
        Ok(reading.request)
    }

    /// Reads the parameters of a call: an object, or nothing. A list is an array or one text.
    ///
    /// # Errors
    /// [`BadRequest`] names what is wrong.
    pub(crate) fn from_params(params: &Value) -> Result<Request, BadRequest> {
        let mut reading = Reading::default();
        let object = match params {
            Value::Object(object) => object,
            Value::Null => return Ok(reading.request),
            Value::Array(array) if array.is_empty() => return Ok(reading.request),
            _ => return Err(BadRequest("use named parameters".to_owned())),
        };
        for (name, value) in object {
            match value {
                Value::Array(values) => {
                    for value in values {
                        reading.take(name, &plain(name, value)?)?;
                    }
                }
                Value::Null => {}
                value => reading.take(name, &plain(name, value)?)?,
            }
        }
        Ok(reading.request)
    }
}

fn plain(name: &str, value: &Value) -> Result<String, BadRequest> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err(BadRequest(format!("{name}: must be a text"))),
    }
}

#[derive(Default)]
struct Reading {
    request: Request,
    entries: usize,
}

impl Reading {
    fn take(&mut self, name: &str, value: &str) -> Result<(), BadRequest> {
        self.entries += 1;
        if self.entries > ENTRIES {
            return Err(BadRequest(format!("more than {ENTRIES} parameters")));
        }
        let value = value.trim();
        let filter = std::mem::take(&mut self.request.filter);
        self.request.filter = match name {
            "presentity" | "presentity_uri" => filter.presentity(uri(name, value)?),
            "watcher" | "watcher_uri" => filter.watcher(uri(name, value)?),
            "package" | "event_package" => {
                let mut packages = value.split(',').map(str::trim);
                packages.try_fold(filter, |filter, package| {
                    Ok(filter.package(self::package(name, package)?))
                })?
            }
            "kind" | "type" => {
                let mut kinds = value.split(',').map(str::trim);
                kinds.try_fold(filter, |filter, word| Ok(filter.kind(kind(word)?)))?
            }
            "changed_only" => filter.changed_only(switch(name, value)?),
            "raw" => {
                self.request.raw = switch(name, value)?;
                filter
            }
            "snapshot" => {
                self.request.start.snapshot = switch(name, value)?;
                filter
            }
            "cursor" => {
                self.request.start.cursor = cursor(value)?;
                filter
            }
            _ => {
                return Err(BadRequest(format!(
                    "unknown parameter {name:?}: known are presentity, watcher, package, kind, changed_only, raw, \
                     snapshot, cursor"
                )));
            }
        };
        Ok(())
    }
}

/// A cursor; an empty one counts as none.
///
/// # Errors
/// [`BadRequest`].
pub(crate) fn cursor(value: &str) -> Result<Option<Cursor>, BadRequest> {
    if value.is_empty() {
        return Ok(None);
    }
    match value.parse() {
        Ok(cursor) => Ok(Some(cursor)),
        Err(error) => Err(BadRequest(format!("cursor: {error}"))),
    }
}

fn text<'a>(name: &str, value: &'a str) -> Result<&'a str, BadRequest> {
    match value {
        "" => Err(BadRequest(format!("{name}: is empty"))),
        value => Ok(value),
    }
}

fn uri<'a>(name: &str, value: &'a str) -> Result<&'a str, BadRequest> {
    match names_somebody(text(name, value)?) {
        true => Ok(value),
        false => Err(BadRequest(format!(
            "{name}: {value:?} is no URI such as sip:alice@example.com"
        ))),
    }
}

fn package<'a>(name: &str, value: &'a str) -> Result<&'a str, BadRequest> {
    match names_a_package(text(name, value)?) {
        true => Ok(value),
        false => Err(BadRequest(format!(
            "{name}: {value:?} is no event package such as presence"
        ))),
    }
}

/// Whether a text can be that of a presentity or a watcher: any URI, since members of lists have
/// others than SIP's too. What is none would fit nothing, and nobody would know why.
pub(crate) fn names_somebody(text: &str) -> bool {
    sip_wire::Uri::parse(text).is_ok()
}

/// Whether a text can be an event package's: a name with or without parameters (RFC 6665 §8.2.1).
pub(crate) fn names_a_package(text: &str) -> bool {
    text.split(';').all(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, "x"));
        let is_token = |text: &str| sip_wire::grammar::is_token(text.trim().as_bytes());
        is_token(name) && is_token(value)
    })
}

fn switch(name: &str, value: &str) -> Result<bool, BadRequest> {
    match value {
        "true" | "1" | "yes" | "" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(BadRequest(format!("{name}: must be true or false"))),
    }
}

fn kind(word: &str) -> Result<Kind, BadRequest> {
    let known = Kind::FILTERED.into_iter().find(|kind| kind.as_str() == word);
    known.ok_or_else(|| {
        BadRequest(format!(
            "kind: {word:?} is none of state, subscription, publication, unreadable"
        ))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn query_and_parameters_say_the_same() {
        let query = "presentity=sip%3Aa%40h&presentity=sip:b@h&watcher=sip:w@h&package=presence,dialog\
                     &kind=state,subscription&changed_only=1&raw&snapshot=false&cursor=a1-7";
        let params = json!({
            "presentity": ["sip:a@h", "sip:b@h"], "watcher": "sip:w@h", "package": ["presence", "dialog"],
            "kind": "state,subscription", "changed_only": true, "raw": "true", "snapshot": false,
            "cursor": "a1-7",
        });
        let expected = Request {
            filter: Filter::default()
                .presentity("sip:a@h")
                .presentity("sip:b@h")
                .watcher("sip:w@h")
                .package("presence")
                .package("dialog")
                .kind(Kind::State)
                .kind(Kind::Subscription)
                .changed_only(true),
            start: Start {
                cursor: "a1-7".parse().ok(),
                snapshot: false,
            },
            raw: true,
        };
        assert_eq!(Request::from_query(query), Ok(expected.clone()));
        assert_eq!(Request::from_params(&params), Ok(expected));
        for nothing in [json!(null), json!({}), json!([]), json!({"cursor": null})] {
            assert_eq!(Request::from_params(&nothing), Ok(Request::default()));
        }
        assert_eq!(Request::from_query("cursor="), Ok(Request::default()));
    }

    #[test]
    fn whatever_an_event_may_be_about_can_be_asked_for() {
        for uri in ["sip:a@h", "sips:a@h:5061", "pres:a@h", "tel:+1", "SIP:a@h;x=y"] {
            assert!(names_somebody(uri), "{uri}");
        }
        for package in [
            "presence",
            "presence.winfo",
            "dialog;sla",
            "x;a=b",
            "Dialog ; sla",
        ] {
            assert!(names_a_package(package), "{package}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, named) in [
            ("colour=red", "colour"),
            ("kind=states", "states"),
            ("kind=gap", "gap"),
            ("raw=maybe", "raw"),
            ("cursor=x", "cursor"),
            ("presentity=", "presentity"),
            ("package=presence,,dialog", "package"),
            ("presentity=bad", "bad"),
            ("presentity=sip:a%20b@h", "presentity"),
            ("watcher=%3Csip:a@h%3E", "watcher"),
            ("package=pre%20sence", "pre sence"),
            ("package=presence,", "package"),
        ] {
            let error = Request::from_query(query).unwrap_err().to_string();
            assert!(error.contains(named), "{query}: {error}");
        }
        for params in [json!([1]), json!("x"), json!({"presentity": [["x"]]})] {
            assert!(Request::from_params(&params).is_err(), "{params}");
        }
        let many = "presentity=sip:a@h&".repeat(ENTRIES + 1);
        assert!(Request::from_query(&many).is_err());
    }
}
