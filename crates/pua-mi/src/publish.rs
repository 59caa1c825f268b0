//! Reading the commands that publish: which parameters, in which order checked, with which words refused.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use event_packages::Package;
use sip_wire::ExtraHeaders;

use crate::check;
use crate::command::{Command, Lifetime, Name, OnStop, Publish, Wait};
use crate::methods::{Method, Misfit, Verb};
use crate::params::{Arg, Param, Params, Slots};
use crate::{Dialect, MiError};

/// How long a caller waits when it does not say: 64*T1, the life of a transaction (RFC 3261 §17.1.2.2).
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(32);

/// The longest a caller may wait, in seconds.
const LONGEST_TIMEOUT: f64 = 86_400.0;

/// Longest id of a publication, in bytes.
const LONGEST_ID: usize = 256;

/// Positions when five parameters are given: the admin guide's example.
pub(crate) const FIVE: &[Param] = &[
    Param::PresentityUri,
    Param::Expires,
    Param::EventPackage,
    Param::ContentType,
    Param::Body,
];

/// The words of one dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manners {
    pub(crate) dialect: Dialect,
    /// Parameters by name: an empty one is an error, not one that is missing.
    pub(crate) named: bool,
    /// Whether the caller can be answered.
    pub(crate) wants_reply: bool,
}

/// Reads a publish command from JSON.
pub(crate) fn read(method: &Method, params: Params<'_>, manners: Manners) -> Result<Command, MiError> {
    let five = matches!(&params, Params::Positional(args) if args.len() == 5)
        && !matches!(method.verb, Verb::KamailioPublish | Verb::KamailioSendPublish);
    let slots = method
        .place(params, five.then_some(FIVE))
        .map_err(|misfit| misfit_error(misfit, manners.dialect))?;
    from_slots(method, slots, manners)
}

/// Too few, too many, or others: in the dialect's words.
pub(crate) fn misfit_error(misfit: Misfit, dialect: Dialect) -> MiError {
    match (dialect, misfit) {
        (Dialect::Kamailio, Misfit::TooFew(count)) => {
            MiError::new(400, format!("Too few or wrong type of parameters ({count})"))
        }
        (Dialect::Kamailio, Misfit::TooMany) => MiError::new(400, "Too many parameters"),
        _ => misfit.into(),
    }
}

/// Reads a publish command whose parameters are in their places.
///
/// The order of the checks is that of the documented implementation: what is empty or malformed, parameter by
/// parameter, then a body that is missing, then the event package, then what only we look at.
pub(crate) fn from_slots(
    method: &Method,
    mut slots: Slots<'_>,
    manners: Manners,
) -> Result<Command, MiError> {
    let reader = Reader { manners };
    // Who writes a dot for the type of a body wants the event package's own.
    let own_type = slots.get(Param::ContentType).is_some_and(Arg::is_dot);
    for param in [
        Param::ContentType,
        Param::Etag,
        Param::ExtraHeaders,
        Param::Body,
        Param::Id,
        Param::OutboundProxy,
    ] {
        let absent = |arg: &Arg<'_>| arg.is_dot() || (arg.is_empty() && reader.empty_is_absent());
        if slots.get(param).is_some_and(absent) {
            slots.take(param);
        }
    }
    let presentity = reader.presentity(&mut slots, Param::PresentityUri)?;
    let lifetime = reader.lifetime(slots.take(Param::Expires), method.verb)?;
    let event = reader
        .text(slots.take(Param::EventPackage), Param::EventPackage)?
        .unwrap_or_default();
    if event.is_empty() {
        return Err(MiError::new(400, "Empty event parameter"));
    }
    let content_type = reader.filled(&mut slots, Param::ContentType, "Empty content type parameter")?;
    let etag = reader.filled(&mut slots, Param::Etag, "Empty etag parameter")?;
    let extra_headers = reader.filled(&mut slots, Param::ExtraHeaders, "Empty extra_headers")?;
    let body = reader.body(&mut slots)?;
    if body.is_none() && content_type.is_some() {
        return Err(reader.body_missing());
    }
    let package = Package::parse(&event).map_err(|_| MiError::new(400, "Unknown event"))?;
    if lifetime != Lifetime::Remove && has_id(&package) {
        // RFC 3903 §4: only subscriptions have one.
        return Err(MiError::new(400, "Event parameter id is for subscriptions only"));
    }
    let content_type = match (content_type, &body) {
        (Some(given), _) if check::is_media_type(&given) => Some(Arc::from(&*given)),
        (Some(given), _) => return Err(reader.bad("content type", &given)),
        (None, Some(_)) => {
            let may_lack = own_type || method.verb != Verb::OpenSipsPublish;
            Some(Arc::from(reader.default_content_type(may_lack, &package)?))
        }
        (None, None) => None,
    };
    let etag = etag.map(|etag| reader.etag(etag)).transpose()?;
    let extra_headers = extra_headers
        .map(|lines| ExtraHeaders::parse(&lines).map_err(|why| reader.bad_headers(&why.to_string())))
        .transpose()?;
    let outbound_proxy = reader.text(slots.take(Param::OutboundProxy), Param::OutboundProxy)?;
    if let Some(proxy) = outbound_proxy.as_deref().filter(|proxy| !check::is_proxy(proxy)) {
        return Err(reader.bad("outbound proxy", proxy));
    }
    let id = reader.id(&mut slots)?;
    let on_stop = reader.on_stop(&mut slots)?;
    let wait = match method.verb {
        Verb::KamailioSendPublish => Wait::Accepted,
        _ => reader.wait(&mut slots, Wait::Final)?,
    };
    let timeout = reader.timeout(&mut slots)?;
    Ok(Command::Publish(Box::new(Publish {
        name: Name {
            presentity,
            package,
            id,
        },
        lifetime,
        content_type,
        body,
        etag,
        extra_headers,
        outbound_proxy: outbound_proxy.map(Cow::into_owned),
        on_stop,
        wait,
        timeout,
    })))
}

/// Whether the Event header field would have an `id` (RFC 6665 §8.2.1).
fn has_id(package: &Package) -> bool {
    package.parameters().split(';').any(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("id")
    })
}

/// Reads single parameters, and words what is wrong with them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) manners: Manners,
}

impl Reader {
    /// In JSON, and with Kamailio, an empty positional parameter is one that is not given; in classic text, and by
    /// name, it is an error with words of its own.
    fn empty_is_absent(self) -> bool {
        self.manners.dialect != Dialect::Classic && !self.manners.named
    }

    fn is_kamailio(self) -> bool {
        self.manners.dialect == Dialect::Kamailio
    }

    /// A value of a type that the parameter cannot have.
    pub(crate) fn bad_type(self, param: Param) -> MiError {
        match self.manners.dialect {
            Dialect::Classic => MiError::new(400, format!("Bad {}", param.name())),
            Dialect::OpenSips => {
                MiError::invalid_params(format!("Bad type for parameter '{}'", param.name()))
            }
            Dialect::Kamailio => MiError::new(400, format!("Invalid {}", param.name())),
        }
    }

    /// A value that breaks its grammar.
    pub(crate) fn bad(self, what: &str, value: &str) -> MiError {
        if self.is_kamailio() {
            MiError::new(400, format!("Invalid {what} '{}'", check::one_line(value)))
        } else {
            MiError::new(400, format!("Bad {what} parameter"))
        }
    }

    pub(crate) fn bad_headers(self, why: &str) -> MiError {
        let words = if self.is_kamailio() {
            "Invalid extra headers"
        } else {
            "Bad extra_headers"
        };
        MiError::new(400, format!("{words}: {}", check::one_line(why)))
    }

    fn body_missing(self) -> MiError {
        match self.manners {
            Manners {
                dialect: Dialect::Kamailio,
                ..
            } => MiError::new(400, "Body is missing"),
            Manners {
                dialect: Dialect::OpenSips,
                named: true,
                ..
            } => Misfit::Names.into(),
            _ => MiError::new(400, "Body parameter is missing"),
        }
    }

    /// A body without a type: the package's default, unless the documented call has both or none.
    fn default_content_type(self, may_lack: bool, package: &Package) -> Result<&'static str, MiError> {
        if self.manners.named && !may_lack && self.manners.dialect == Dialect::OpenSips {
            return Err(Misfit::Names.into());
        }
        package
            .default_content_type()
            .ok_or_else(|| MiError::new(400, "Empty content type parameter"))
    }

    /// Text; integers are taken as they would be written.
    pub(crate) fn text(self, arg: Option<Arg<'_>>, param: Param) -> Result<Option<Cow<'_, str>>, MiError> {
        match arg {
            None | Some(Arg::Null) => Ok(None),
            Some(Arg::Text(text)) => Ok(Some(text)),
            Some(Arg::Integer(number)) if matches!(param, Param::Id | Param::Cursor | Param::Level) => {
                Ok(Some(Cow::Owned(number.to_string())))
            }
            Some(_) => Err(self.bad_type(param)),
        }
    }

    /// Text that may be missing but, if it is there, not be empty.
    fn filled<'a>(
        self,
        slots: &mut Slots<'a>,
        param: Param,
        empty: &'static str,
    ) -> Result<Option<Cow<'a, str>>, MiError> {
        match self.text(slots.take(param), param)? {
            Some(text) if text.is_empty() => Err(MiError::new(400, empty)),
            text => Ok(text),
        }
    }

    /// A URI that can be published for, watched, or watch, as it goes on the wire; or else what was written.
    pub(crate) fn uri(self, slots: &mut Slots<'_>, param: Param) -> Result<Result<String, String>, MiError> {
        let uri = match slots.take(param) {
            Some(Arg::Bytes(_)) => Cow::Borrowed("not text"),
            arg => self.text(arg, param)?.unwrap_or_default(),
        };
        let uri = check::ascii_uri(uri.trim_matches([' ', '\t'])).into_owned();
        Ok(if check::is_presentity(&uri) {
            Ok(uri)
        } else {
            Err(uri)
        })
    }

    /// The presentity's URI.
    pub(crate) fn presentity(self, slots: &mut Slots<'_>, param: Param) -> Result<String, MiError> {
        self.uri(slots, param)?.map_err(|written| match &*written {
            _ if self.is_kamailio() => MiError::new(
                400,
                format!("Invalid presentity uri '{}'", check::one_line(&written)),
            ),
            "" => MiError::new(404, "Empty presentity URI"),
            _ => MiError::new(404, "Bad presentity URI"),
        })
    }

    /// `0`, `-1` or seconds up to 2^32-1, as a number or as digits with blanks around.
    fn lifetime(self, arg: Option<Arg<'_>>, verb: Verb) -> Result<Lifetime, MiError> {
        let (seconds, written) = match arg {
            None | Some(Arg::Null) if verb == Verb::Publish => return Ok(Lifetime::Default),
            None | Some(Arg::Null) => (None, Cow::Borrowed("")),
            Some(Arg::Integer(number)) => (Some(number), Cow::Borrowed("")),
            Some(Arg::Float(number)) => (integral(number), Cow::Owned(number.to_string())),
            Some(Arg::Text(text)) => (integer(&text), text),
            Some(_) => (None, Cow::Borrowed("?")),
        };
        match seconds {
            Some(-1) => Ok(Lifetime::Forever),
            Some(0) => Ok(Lifetime::Remove),
            Some(number) => u32::try_from(number)
                .ok()
                .and_then(NonZeroU32::new)
                .map(Lifetime::Seconds)
                .ok_or_else(|| self.bad_expires(&number.to_string())),
            None if written.trim_matches([' ', '\t']).is_empty() => Err(match self.is_kamailio() {
                true => self.bad_expires(""),
                false => MiError::new(400, "Empty expires parameter"),
            }),
            None => Err(self.bad_expires(&written)),
        }
    }

    fn bad_expires(self, written: &str) -> MiError {
        match self.manners.dialect {
            Dialect::Kamailio => MiError::new(
                400,
                format!("Invalid expires value '{}'", check::one_line(written)),
            ),
            _ => self.bad_type(Param::Expires),
        }
    }

    /// An entity-tag that is no token cannot be the one that is held.
    pub(crate) fn etag(self, etag: Cow<'_, str>) -> Result<String, MiError> {
        if check::is_token(&etag) && etag.len() <= 256 {
            Ok(etag.into_owned())
        } else {
            Err(MiError::wrong_etag())
        }
    }

    fn body(self, slots: &mut Slots<'_>) -> Result<Option<Vec<u8>>, MiError> {
        let body = match slots.take(Param::Body) {
            None | Some(Arg::Null) => return Ok(None),
            Some(Arg::Text(text)) => text.into_owned().into_bytes(),
            Some(Arg::Bytes(bytes)) => bytes.into_owned(),
            Some(_) => return Err(self.bad_type(Param::Body)),
        };
        if body.is_empty() {
            return Err(MiError::new(400, "Empty body parameter"));
        }
        Ok(Some(body))
    }

    /// The id of a publication: any text without control characters.
    pub(crate) fn id(self, slots: &mut Slots<'_>) -> Result<Option<String>, MiError> {
        match self.text(slots.take(Param::Id), Param::Id)? {
            None => Ok(None),
            Some(id) if id.is_empty() || id == "." => Ok(None),
            Some(id) if id.len() > LONGEST_ID || id.chars().any(char::is_control) => Err(self.bad("id", &id)),
            Some(id) => Ok(Some(id.into_owned())),
        }
    }

    /// Yes or no.
    pub(crate) fn flag(self, slots: &mut Slots<'_>, param: Param) -> Result<Option<bool>, MiError> {
        match slots.take(param) {
            None | Some(Arg::Null) => Ok(None),
            Some(Arg::Bool(value)) => Ok(Some(value)),
            Some(Arg::Integer(number @ 0..=1)) => Ok(Some(number == 1)),
            Some(Arg::Text(text)) => match text.as_ref() {
                "" | "." => Ok(None),
                "true" | "yes" | "1" => Ok(Some(true)),
                "false" | "no" | "0" => Ok(Some(false)),
                _ => Err(self.bad_type(param)),
            },
            Some(_) => Err(self.bad_type(param)),
        }
    }

    /// When to answer; `default` where nothing is said and the caller can be answered.
    pub(crate) fn wait(self, slots: &mut Slots<'_>, default: Wait) -> Result<Wait, MiError> {
        match self.text(slots.take(Param::Wait), Param::Wait)?.as_deref() {
            None | Some("") if self.manners.wants_reply => Ok(default),
            None | Some("") => Ok(Wait::None),
            Some("final") => Ok(Wait::Final),
            Some("accepted") => Ok(Wait::Accepted),
            Some("none") => Ok(Wait::None),
            Some(_) => Err(MiError::new(400, "Bad wait parameter: final, accepted or none")),
        }
    }

    /// What becomes of it when the daemon stops.
    fn on_stop(self, slots: &mut Slots<'_>) -> Result<Option<OnStop>, MiError> {
        match self.text(slots.take(Param::OnStop), Param::OnStop)?.as_deref() {
            None | Some("" | ".") => Ok(None),
            Some("keep") => Ok(Some(OnStop::Keep)),
            Some("remove") => Ok(Some(OnStop::Remove)),
            Some(_) => Err(MiError::new(400, "Bad on_stop parameter: keep or remove")),
        }
    }

    /// Seconds, fractions allowed.
    pub(crate) fn timeout(self, slots: &mut Slots<'_>) -> Result<Duration, MiError> {
        let seconds = match slots.take(Param::Timeout) {
            None | Some(Arg::Null) => return Ok(DEFAULT_TIMEOUT),
            Some(Arg::Text(text)) if text.is_empty() => return Ok(DEFAULT_TIMEOUT),
            // No sign, no exponent: digits with at most one dot.
            Some(Arg::Text(text)) if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
                text.parse().ok()
            }
            #[allow(clippy::cast_precision_loss)]
            Some(Arg::Integer(number)) => Some(number as f64),
            Some(Arg::Float(number)) => Some(number),
            Some(_) => None,
        };
        seconds
            .filter(|seconds: &f64| (0.0..=LONGEST_TIMEOUT).contains(seconds))
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or_else(|| self.bad_type(Param::Timeout))
    }
}

/// Digits with at most a minus sign, blanks around allowed.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let text = text.trim_matches([' ', '\t']);
    let digits = text.strip_prefix('-').unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// A number with a fraction of zero, as some clients write whole ones.
pub(crate) fn integral(number: f64) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation)]
    (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
}

/// A list of names: one, or several.
pub(crate) fn names(arg: Option<Arg<'_>>) -> Option<Vec<String>> {
    let one = |arg: Arg<'_>| match arg {
        Arg::Text(text) => Some(text.into_owned()),
        _ => None,
    };
    match arg {
        Some(Arg::List(items)) => items.into_iter().map(one).collect(),
        Some(arg) => one(arg).map(|name| vec![name]),
        None => Some(Vec::new()),
    }
}
