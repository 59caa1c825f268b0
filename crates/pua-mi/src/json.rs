//! Reading JSON-RPC 2.0 (<https://www.jsonrpc.org/specification>), in OpenSIPS' and in Kamailio's way.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use crate::methods;
use crate::own;
use crate::params::{Arg, Params};
use crate::publish::Manners;
use crate::request::Id;
use crate::{Call, Dialect, MiError};

/// The most calls of one batch.
const LARGEST_BATCH: usize = 1000;

/// What a document holds.
pub(crate) struct Document<'a> {
    pub(crate) batch: bool,
    pub(crate) calls: Vec<Call>,
    /// The ids to echo, one for each call.
    pub(crate) ids: SmallVec<[Option<Id>; 1]>,
    /// Kamailio's way to name the reply FIFO.
    pub(crate) reply_name: Option<Cow<'a, str>>,
}

/// Reads a document. `answerable`: whether the transport can carry an answer, given the document's own `reply_name`.
/// `None`: it is no JSON.
pub(crate) fn read(bytes: &[u8], answerable: impl Fn(Option<&str>) -> bool) -> Option<Document<'_>> {
    // Once for the whole, instead of once for each string.
    let text = std::str::from_utf8(bytes).ok()?;
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'[') {
        let mut parsed: Parsed<'_> = serde_json::from_str(text).ok()?;
        let reply_name = parsed.reply_name.take();
        let (id, call) = parsed.into_call(answerable(reply_name.as_deref()));
        return Some(Document {
            batch: false,
            calls: vec![call],
            ids: SmallVec::from_buf([id]),
            reply_name,
        });
    }
    let Batch { parsed, surplus } = serde_json::from_str(text).ok()?;
    let reply_name = parsed.iter().find_map(|one| one.reply_name.clone());
    let answerable = answerable(reply_name.as_deref());
    let mut document = Document {
        batch: true,
        calls: Vec::with_capacity(parsed.len().max(1)),
        ids: SmallVec::new(),
        reply_name,
    };
    if parsed.is_empty() || surplus {
        let error = match surplus {
            false => MiError::invalid_request(),
            true => {
                MiError::invalid_request().with_data(format!("more than {LARGEST_BATCH} calls in a batch"))
            }
        };
        document.batch = false;
        document.push(None, refused(error, answerable));
        return Some(document);
    }
    for one in parsed {
        let (id, call) = one.into_call(answerable);
        document.push(id, call);
    }
    Some(document)
}

impl Document<'_> {
    fn push(&mut self, id: Option<Id>, call: Call) {
        self.ids.push(id);
        self.calls.push(call);
    }
}

/// One value that should be a request object.
#[derive(Default)]
struct Parsed<'a> {
    is_object: bool,
    is_version_2: bool,
    id: Option<&'a RawValue>,
    method: Option<Text<'a>>,
    params: Params<'a>,
    reply_name: Option<Cow<'a, str>>,
    /// A member that stands twice: nobody can say which one is meant.
    doubled: bool,
    doubled_id: bool,
}

impl Parsed<'_> {
    /// What is asked, and the id to echo.
    fn into_call(self, answerable: bool) -> (Option<Id>, Call) {
        let id = match self.id.map(RawValue::get) {
            None => Ok(None),
            Some(raw)
                if raw.starts_with(['"', '-', 'n']) || raw.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                Ok(Some(Id::new(raw)))
            }
            Some(_) => Err(()),
        };
        let sound = self.is_object
            && self.is_version_2
            && !self.doubled
            && !self.doubled_id
            && id.is_ok()
            && self.params != Params::WrongType;
        let id = id.ok().flatten().filter(|_| !self.doubled_id);
        let Some(Text(Some(name))) = self.method.filter(|_| sound) else {
            // There is an answer also to what looks like a notification: whether it is one cannot be said of
            // something that is no request (JSON-RPC 2.0 §5.1, §7).
            return (id, refused(MiError::invalid_request(), answerable));
        };
        let wants_reply = answerable && id.is_some();
        let Some(method) = methods::find(&name) else {
            return (id, refused(MiError::method_not_found(), wants_reply));
        };
        let manners = Manners {
            dialect: method.verb.dialect(),
            named: matches!(self.params, Params::Named(_)),
            wants_reply,
        };
        let call = Call {
            command: own::read(method, self.params, manners),
            wants_reply,
            dialect: manners.dialect,
        };
        (id, call)
    }
}

fn refused(error: MiError, wants_reply: bool) -> Call {
    Call {
        command: Err(error),
        wants_reply,
        dialect: Dialect::OpenSips,
    }
}

/// The calls of a batch, as many as are allowed.
struct Batch<'a> {
    parsed: Vec<Parsed<'a>>,
    surplus: bool,
}

impl<'de> Deserialize<'de> for Batch<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BatchVisitor;
        impl<'de> Visitor<'de> for BatchVisitor {
            type Value = Batch<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a batch")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut parsed = Vec::new();
                while let Some(one) = seq.next_element()? {
                    parsed.push(one);
                    if parsed.len() > LARGEST_BATCH {
                        drain(seq)?;
                        return Ok(Batch {
                            parsed: Vec::new(),
                            surplus: true,
                        });
                    }
                }
                Ok(Batch {
                    parsed,
                    surplus: false,
                })
            }
        }
        deserializer.deserialize_seq(BatchVisitor)
    }
}

impl<'de> Deserialize<'de> for Parsed<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ParsedVisitor)
    }
}

struct ParsedVisitor;

/// The methods of a visitor that does not care for scalars.
macro_rules! scalars {
    ($value:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($value)
        }
    };
}

impl<'de> Visitor<'de> for ParsedVisitor {
    type Value = Parsed<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC request")
    }

    scalars!(Parsed::default());

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Parsed::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Parsed::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        drain(seq)?;
        Ok(Parsed::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parsed = Parsed {
            is_object: true,
            ..Parsed::default()
        };
        let (mut version, mut params) = (false, false);
        while let Some(Key(name)) = map.next_key()? {
            match name.as_ref() {
                "jsonrpc" => {
                    let Text(text) = map.next_value()?;
                    parsed.is_version_2 = text.as_deref() == Some("2.0");
                    parsed.doubled |= std::mem::replace(&mut version, true);
                }
                "id" => {
                    let id = map.next_value()?;
                    parsed.doubled_id |= parsed.id.replace(id).is_some();
                }
                "method" => {
                    let method = map.next_value()?;
                    parsed.doubled |= parsed.method.replace(method).is_some();
                }
                "params" => {
                    parsed.params = map.next_value()?;
                    parsed.doubled |= std::mem::replace(&mut params, true);
                }
                "reply_name" => {
                    let Text(text) = map.next_value()?;
                    parsed.reply_name = text;
                }
                _ => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
            }
        }
        Ok(parsed)
    }
}

/// Reads a sequence to its end: what follows it has to be read, too.
fn drain<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
    Ok(())
}

fn drain_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map
        .next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?
        .is_some()
    {}
    Ok(())
}

/// A member's name, borrowed from the document where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// A value that should be a string: `None` if it is something else.
struct Text<'a>(Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Arg::deserialize(deserializer)? {
            Arg::Text(text) => Self(Some(text)),
            _ => Self(None),
        })
    }
}

impl<'de> Deserialize<'de> for Arg<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArgVisitor)
    }
}

struct ArgVisitor;

impl<'de> Visitor<'de> for ArgVisitor {
    type Value = Arg<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a parameter")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Arg::Bool(value))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Arg::Null)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Arg::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        #[allow(clippy::cast_precision_loss)]
        Ok(i64::try_from(number).map_or(Arg::Float(number as f64), Arg::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Arg::Float(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Arg::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Arg::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Arg::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        drain_map(map)?;
        Ok(Arg::Other)
    }
}

impl<'de> Deserialize<'de> for Params<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ParamsVisitor)
    }
}

struct ParamsVisitor;

impl<'de> Visitor<'de> for ParamsVisitor {
    type Value = Params<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parameters")
    }

    scalars!(Params::WrongType);

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Params::Absent)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Params::WrongType)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut args = SmallVec::new();
        while let Some(arg) = seq.next_element()? {
            args.push(arg);
        }
        Ok(if args.is_empty() {
            Params::Absent
        } else {
            Params::Positional(args)
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = SmallVec::new();
        while let Some(Key(name)) = map.next_key()? {
            pairs.push((name, map.next_value()?));
        }
        Ok(if pairs.is_empty() {
            Params::Absent
        } else {
            Params::Named(pairs)
        })
    }
}

/// The method's name in a document that is no JSON, for the words of an error; empty if there is none to be found.
pub(crate) fn method_of_broken(document: &[u8]) -> &[u8] {
    let name = b"\"method\"";
    let find = || {
        let at = document.windows(name.len()).position(|window| window == name)?;
        let rest = document.get(at + name.len()..)?.trim_ascii_start();
        let rest = rest.strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
        rest.get(
            ..rest
                .iter()
                .take(128)
                .position(|byte| matches!(byte, b'"' | b'\\'))?,
        )
    };
    find().unwrap_or_default()
}
