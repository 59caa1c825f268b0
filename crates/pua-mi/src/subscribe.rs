//! Reading the commands that watch: which parameters, in which order checked, with which words refused.

use std::borrow::Cow;
use std::collections::HashSet;
use std::num::NonZeroU32;

use event_packages::Package;
use sip_wire::ExtraHeaders;

use crate::check;
use crate::command::{Lifetime, Subscribe, SubscriptionName, SubscriptionTarget, Wait};
use crate::methods::Verb;
use crate::params::{Arg, Param, Slots};
use crate::publish::{self, Reader};
use crate::{Dialect, MiError};

/// The most members of a list in a request.
const MOST_MEMBERS: usize = 10_000;

/// The schemes of the URIs that can be watched.
const SCHEMES: [&str; 3] = ["sip:", "sips:", "pres:"];

/// Reads a subscribe command, or a fetch, whose parameters are in their places.
///
/// The order of the checks is that of the documented implementation: the URIs, an event that is empty, the lifetime,
/// an event that is not known, then what only we look at.
pub(crate) fn subscribe(
    reader: Reader,
    slots: &mut Slots<'_>,
    verb: Verb,
    default: Wait,
) -> Result<Subscribe, MiError> {
    let presentity = uri(reader, slots, Param::PresentityUri)?;
    let watcher = uri(reader, slots, Param::WatcherUri)?;
    let event = event(reader, slots)?;
    let lifetime = match verb {
        Verb::Fetch => Lifetime::Default,
        _ => lifetime(reader, slots.take(Param::Expires))?,
    };
    let package = package(&event)?;
    let given = |slots: &mut Slots<'_>, param: Param| -> Result<Option<String>, MiError> {
        let text = reader.text(slots.take(param), param)?;
        let text = text.filter(|text| !text.is_empty() && text != ".");
        Ok(text.map(Cow::into_owned))
    };
    let extra_headers = given(slots, Param::ExtraHeaders)?
        .map(|lines| ExtraHeaders::parse(&lines).map_err(|why| reader.bad_headers(&why.to_string())))
        .transpose()?;
    let outbound_proxy = given(slots, Param::OutboundProxy)?;
    if let Some(proxy) = outbound_proxy.as_deref().filter(|proxy| !check::is_proxy(proxy)) {
        return Err(reader.bad("outbound proxy", proxy));
    }
    let members = members(reader, slots.take(Param::Members))?;
    let id = reader.id(slots)?;
    Ok(Subscribe {
        name: SubscriptionName {
            presentity,
            watcher,
            package,
            id,
        },
        lifetime,
        extra_headers,
        outbound_proxy,
        members,
        raw: reader.flag(slots, Param::Raw)?.unwrap_or_default(),
        wait: reader.wait(slots, default)?,
        timeout: reader.timeout(slots)?,
    })
}

/// Reads a command that ends a subscription.
pub(crate) fn target(reader: Reader, slots: &mut Slots<'_>) -> Result<SubscriptionTarget, MiError> {
    let presentity = uri(reader, slots, Param::PresentityUri)?;
    let watcher = uri(reader, slots, Param::WatcherUri)?;
    let event = event(reader, slots)?;
    Ok(SubscriptionTarget {
        name: SubscriptionName {
            presentity,
            watcher,
            package: package(&event)?,
            id: reader.id(slots)?,
        },
        wait: reader.wait(slots, Wait::Final)?,
        timeout: reader.timeout(slots)?,
    })
}

/// Looks at the URIs that are there, where too few parameters are.
pub(crate) fn check_uris(reader: Reader, slots: &mut Slots<'_>) -> Result<(), MiError> {
    for param in [Param::PresentityUri, Param::WatcherUri] {
        if slots.has(param) {
            uri(reader, slots, param)?;
        }
    }
    Ok(())
}

/// The URI of a presentity or a watcher.
fn uri(reader: Reader, slots: &mut Slots<'_>, param: Param) -> Result<String, MiError> {
    reader.uri(slots, param)?.map_err(|written| {
        let what = match param {
            Param::WatcherUri => "watcher",
            _ => "presentity",
        };
        bad_uri(reader, what, &written)
    })
}

fn bad_uri(reader: Reader, what: &str, written: &str) -> MiError {
    match reader.manners.dialect {
        Dialect::Kamailio => MiError::new(400, format!("Invalid {what} uri '{}'", check::one_line(written))),
        _ => MiError::new(400, "Bad uri"),
    }
}

fn event<'a>(reader: Reader, slots: &mut Slots<'a>) -> Result<Cow<'a, str>, MiError> {
    match reader.text(slots.take(Param::EventPackage), Param::EventPackage)? {
        Some(event) if !event.is_empty() => Ok(event),
        _ => Err(MiError::new(400, "Empty event parameter")),
    }
}

fn package(event: &str) -> Result<Package, MiError> {
    Package::parse(event).map_err(|_| MiError::new(400, "Unknown event"))
}

/// `0`, `-1` or seconds up to 2^32-1; the default where it is not given.
fn lifetime(reader: Reader, arg: Option<Arg<'_>>) -> Result<Lifetime, MiError> {
    let (seconds, written) = match arg {
        None | Some(Arg::Null) => return Ok(Lifetime::Default),
        Some(arg) if arg.is_dot() => return Ok(Lifetime::Default),
        Some(Arg::Integer(number)) => (Some(number), Cow::Owned(number.to_string())),
        Some(Arg::Float(number)) => (publish::integral(number), Cow::Owned(number.to_string())),
        Some(Arg::Text(text)) => (publish::integer(&text), text),
        Some(Arg::Bytes(_)) => (None, Cow::Borrowed("?")),
        Some(_) => return Err(reader.bad_type(Param::Expires)),
    };
    let seconds = match seconds {
        Some(-1) => Some(Lifetime::Forever),
        Some(0) => Some(Lifetime::Remove),
        other => other
            .and_then(|number| u32::try_from(number).ok())
            .and_then(NonZeroU32::new)
            .map(Lifetime::Seconds),
    };
    seconds.ok_or_else(|| match reader.manners.dialect {
        Dialect::Kamailio => MiError::new(
            400,
            format!("Invalid expires value '{}'", check::one_line(&written)),
        ),
        _ => MiError::new(400, "Bad expires"),
    })
}

/// The members of a list: a list of texts, or one text with blanks or commas between. Each counts once.
fn members(reader: Reader, arg: Option<Arg<'_>>) -> Result<Vec<String>, MiError> {
    let texts = match arg {
        None | Some(Arg::Null) => return Ok(Vec::new()),
        Some(arg) if arg.is_dot() => return Ok(Vec::new()),
        Some(Arg::List(items)) => items
            .into_iter()
            .map(|item| match item {
                Arg::Text(text) => Ok(text),
                _ => Err(reader.bad_type(Param::Members)),
            })
            .collect::<Result<Vec<_>, _>>()?,
        Some(Arg::Text(text)) => split(&text).map(|uri| Cow::Owned(uri.to_owned())).collect(),
        Some(_) => return Err(reader.bad_type(Param::Members)),
    };
    if texts.len() > MOST_MEMBERS {
        return Err(MiError::new(400, "Too many members").with_data(format!("the limit is {MOST_MEMBERS}")));
    }
    let mut known = HashSet::with_capacity(texts.len());
    let mut members = Vec::with_capacity(texts.len());
    for text in texts {
        let uri = check::ascii_uri(text.trim_matches([' ', '\t'])).into_owned();
        if !check::is_presentity(&uri) {
            return Err(bad_uri(reader, "member", &uri));
        }
        if known.insert(uri.clone()) {
            members.push(uri);
        }
    }
    Ok(members)
}

/// Cuts at blanks and line ends, and at commas behind which a new URI or nothing stands: a user part may have commas.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().flat_map(|mut rest| {
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let next = rest.match_indices(',').find(|(at, _)| {
                let behind = rest.get(at + 1..).unwrap_or_default().trim_start_matches(',');
                behind.is_empty() || SCHEMES.iter().any(|scheme| behind.starts_with(scheme))
            });
            let end = next.map_or(rest.len(), |(at, _)| at);
            let (piece, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
            pieces.push(piece);
            rest = behind.trim_start_matches(',');
        }
        pieces.retain(|piece| !piece.is_empty());
        pieces
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_as_people_write_them() {
        for text in [
            "sip:a@x sip:b,c@x",
            "sip:a@x,sip:b,c@x",
            "sip:a@x, sip:b,c@x,",
            "\r\n sip:a@x,,\tsip:b,c@x\n",
        ] {
            assert_eq!(
                split(text).collect::<Vec<_>>(),
                ["sip:a@x", "sip:b,c@x"],
                "{text:?}"
            );
        }
        assert_eq!(split(" ,").count(), 0);
    }
}
