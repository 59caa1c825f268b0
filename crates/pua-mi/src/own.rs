//! Reading the commands that ask the daemon itself: lists, statistics, the log level.

use std::borrow::Cow;

use event_packages::Package;

use crate::check;
use crate::command::{
    Command, ListFilter, LogLevel, Name, StateQuery, SubscribersFilter, SubscriptionFilter, Target, Wait,
    Watch,
};
use crate::events;
use crate::methods::{Method, Misfit, Verb};
use crate::params::{Arg, Param, Params, Slots};
use crate::publish::{self, Manners, Reader};
use crate::subscribe;
use crate::{Dialect, MiError};

/// The most entries of one page of a list.
const LARGEST_PAGE: u32 = 10_000;

/// The states that `pua:list` can be asked for.
const STATES: &[&str] = &[
    "queued",
    "requesting",
    "published",
    "waiting",
    "refused",
    "removing",
];

/// The states that `pua:subscriptions` can be asked for.
const SUBSCRIPTION_STATES: &[&str] = &["notify_wait", "pending", "active", "terminated"];

/// Reads any command from its method's name and its parameters.
pub(crate) fn read(method: &Method, params: Params<'_>, manners: Manners) -> Result<Command, MiError> {
    if method.verb.publishes() {
        return publish::read(method, params, manners);
    }
    let slots = method
        .place(params, None)
        .map_err(|misfit| publish::misfit_error(misfit, manners.dialect))?;
    from_slots(method, slots, manners)
}

/// Reads any command whose parameters are in their places.
pub(crate) fn from_slots(
    method: &Method,
    mut slots: Slots<'_>,
    manners: Manners,
) -> Result<Command, MiError> {
    let reader = Reader { manners };
    let slots = &mut slots;
    Ok(match method.verb {
        Verb::OpenSipsPublish | Verb::KamailioPublish | Verb::KamailioSendPublish | Verb::Publish => {
            return publish::from_slots(method, std::mem::take(slots), manners);
        }
        Verb::List => Command::List(filter(reader, slots)?),
        Verb::Show => Command::Show(name(reader, slots)?),
        Verb::Remove => Command::Remove(target(reader, slots)?),
        Verb::Refresh => Command::Refresh(target(reader, slots)?),
        Verb::OpenSipsSubscribe | Verb::KamailioSubscribe => {
            let subscribe = subscribe::subscribe(reader, slots, method.verb, Wait::Accepted)?;
            Command::Subscribe(Box::new(subscribe))
        }
        Verb::Fetch => {
            let fetch = subscribe::subscribe(reader, slots, method.verb, Wait::Final)?;
            Command::Fetch(Box::new(fetch))
        }
        Verb::Unsubscribe => Command::Unsubscribe(subscribe::target(reader, slots)?),
        Verb::Subscriptions => Command::Subscriptions(subscriptions(reader, slots)?),
        Verb::State => Command::State(StateQuery {
            presentity: reader.presentity(slots, Param::PresentityUri)?,
            package: package(reader, slots, Param::EventPackage)?,
            raw: reader.flag(slots, Param::Raw)?.unwrap_or_default(),
        }),
        Verb::EventSubscribe => Command::EventSubscribe(events::subscribe(reader, slots)?),
        Verb::EventsList => Command::EventsList,
        Verb::SubscribersList => Command::SubscribersList(SubscribersFilter {
            event: text(reader, slots, Param::Event)?,
            socket: text(reader, slots, Param::Socket)?,
        }),
        Verb::Watch => Command::Watch(Box::new(watch(reader, slots)?)),
        Verb::Which => Command::Which(text(reader, slots, Param::Command)?),
        Verb::Help => {
            let named = text(reader, slots, Param::MiCmd)?;
            Command::Help(named.or(text(reader, slots, Param::Command)?))
        }
        Verb::Version => Command::Version,
        Verb::Uptime => Command::Uptime,
        Verb::Ps => Command::Ps,
        Verb::Pwd => Command::Pwd,
        Verb::Arg => Command::Arg,
        Verb::Kill => Command::Kill,
        Verb::LogLevel => Command::LogLevel(log_level(reader, slots)?),
        Verb::GetStatistics => Command::GetStatistics(statistics(reader, slots)?),
        Verb::ListStatistics => Command::ListStatistics,
        Verb::ResetStatistics => Command::ResetStatistics(statistics(reader, slots)?),
    })
}

/// Text that counts as not given when it is empty or a dot.
fn text(reader: Reader, slots: &mut Slots<'_>, param: Param) -> Result<Option<String>, MiError> {
    let text = reader.text(slots.take(param), param)?;
    let given = text.filter(|text| !text.is_empty() && text != ".");
    Ok(given.map(Cow::into_owned))
}

fn package(reader: Reader, slots: &mut Slots<'_>, param: Param) -> Result<Option<Package>, MiError> {
    text(reader, slots, param)?
        .map(|text| Package::parse(&text).map_err(|_| MiError::new(400, "Unknown event")))
        .transpose()
}

fn name(reader: Reader, slots: &mut Slots<'_>) -> Result<Name, MiError> {
    let presentity = reader.presentity(slots, Param::PresentityUri)?;
    let package = package(reader, slots, Param::EventPackage)?
        .ok_or_else(|| MiError::new(400, "Empty event parameter"))?;
    let id = reader.id(slots)?;
    Ok(Name {
        presentity,
        package,
        id,
    })
}

fn target(reader: Reader, slots: &mut Slots<'_>) -> Result<Target, MiError> {
    let name = name(reader, slots)?;
    let etag = reader
        .text(slots.take(Param::Etag), Param::Etag)?
        .filter(|etag| !etag.is_empty() && etag != ".");
    Ok(Target {
        name,
        etag: etag.map(|etag| reader.etag(etag)).transpose()?,
        wait: reader.wait(slots, Wait::Final)?,
        timeout: reader.timeout(slots)?,
    })
}

fn filter(reader: Reader, slots: &mut Slots<'_>) -> Result<ListFilter, MiError> {
    Ok(ListFilter {
        presentity: uri(reader, slots, Param::Presentity)?,
        package: package(reader, slots, Param::Package)?,
        state: state(reader, slots, STATES)?,
        limit: limit(reader, slots)?,
        cursor: text(reader, slots, Param::Cursor)?,
    })
}

fn subscriptions(reader: Reader, slots: &mut Slots<'_>) -> Result<SubscriptionFilter, MiError> {
    Ok(SubscriptionFilter {
        presentity: uri(reader, slots, Param::Presentity)?,
        watcher: uri(reader, slots, Param::Watcher)?,
        package: package(reader, slots, Param::Package)?,
        state: state(reader, slots, SUBSCRIPTION_STATES)?,
        limit: limit(reader, slots)?,
        cursor: text(reader, slots, Param::Cursor)?,
    })
}

fn watch(reader: Reader, slots: &mut Slots<'_>) -> Result<Watch, MiError> {
    let kinds = match slots.take(Param::Kind) {
        None | Some(Arg::Null) => Vec::new(),
        Some(arg) if arg.is_empty() || arg.is_dot() => Vec::new(),
        Some(Arg::Text(text)) => {
            let words = text.split([',', ' ']).filter(|word| !word.is_empty());
            words.map(str::to_owned).collect()
        }
        list => publish::names(list).ok_or_else(|| reader.bad_type(Param::Kind))?,
    };
    Ok(Watch {
        presentity: uri(reader, slots, Param::Presentity)?,
        watcher: uri(reader, slots, Param::Watcher)?,
        package: package(reader, slots, Param::Package)?,
        kinds,
        changed_only: reader.flag(slots, Param::ChangedOnly)?.unwrap_or_default(),
        raw: reader.flag(slots, Param::Raw)?.unwrap_or_default(),
        cursor: text(reader, slots, Param::Cursor)?,
        snapshot: reader.flag(slots, Param::Snapshot)?,
    })
}

/// A URI that may be missing.
fn uri(reader: Reader, slots: &mut Slots<'_>, param: Param) -> Result<Option<String>, MiError> {
    match slots.get(param) {
        None => return Ok(None),
        Some(arg) if arg.is_empty() || arg.is_dot() || *arg == Arg::Null => {
            slots.take(param);
            return Ok(None);
        }
        Some(_) => {}
    }
    match param {
        Param::Watcher => {
            let uri = reader.uri(slots, param)?;
            uri.map(Some).map_err(|_| MiError::new(400, "Bad uri"))
        }
        _ => reader.presentity(slots, param).map(Some),
    }
}

fn state(reader: Reader, slots: &mut Slots<'_>, known: &[&str]) -> Result<Option<String>, MiError> {
    match text(reader, slots, Param::State)? {
        Some(state) if !known.contains(&&*state) => {
            Err(MiError::new(400, "Unknown state").with_data(known.join(", ")))
        }
        state => Ok(state),
    }
}

/// How many entries a page may have.
fn limit(reader: Reader, slots: &mut Slots<'_>) -> Result<Option<u32>, MiError> {
    let limit = match slots.take(Param::Limit) {
        None | Some(Arg::Null) => None,
        Some(Arg::Integer(number)) => Some(number),
        Some(Arg::Text(text)) if text.is_empty() || text == "." => None,
        Some(Arg::Text(text)) => Some(publish::integer(&text).ok_or_else(|| reader.bad_type(Param::Limit))?),
        Some(_) => return Err(reader.bad_type(Param::Limit)),
    };
    limit
        .map(|number| match u32::try_from(number) {
            Ok(number) if number > 0 => Ok(number.min(LARGEST_PAGE)),
            _ => Err(reader.bad_type(Param::Limit)),
        })
        .transpose()
}

/// By name, or by OpenSIPS' numbers: -3 to -1 error, 1 warn, 2 and 3 info, 4 debug.
fn log_level(reader: Reader, slots: &mut Slots<'_>) -> Result<Option<LogLevel>, MiError> {
    let Some(text) = text(reader, slots, Param::Level)? else {
        return Ok(None);
    };
    let level = match text.trim_matches(' ').to_ascii_lowercase().as_str() {
        "error" | "err" => LogLevel::Error,
        "warn" | "warning" => LogLevel::Warn,
        "info" | "notice" => LogLevel::Info,
        "debug" | "dbg" => LogLevel::Debug,
        "trace" => LogLevel::Trace,
        number => match publish::integer(number) {
            Some(-3..=0) => LogLevel::Error,
            Some(1) => LogLevel::Warn,
            Some(2 | 3) => LogLevel::Info,
            Some(4) => LogLevel::Debug,
            _ => {
                return Err(MiError::new(400, "Bad log level").with_data(format!(
                    "{}: error, warn, info, debug, trace",
                    check::one_line(number)
                )));
            }
        },
    };
    Ok(Some(level))
}

fn statistics(reader: Reader, slots: &mut Slots<'_>) -> Result<Vec<String>, MiError> {
    let names =
        publish::names(slots.take(Param::Statistics)).ok_or_else(|| reader.bad_type(Param::Statistics))?;
    match names.is_empty() && reader.manners.dialect != Dialect::Classic {
        true => Err(Misfit::TooFew(0).into()),
        false => Ok(names),
    }
}
