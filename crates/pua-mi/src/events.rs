//! The event interface of OpenSIPS: reading its commands, and its answers' shapes.

use serde_json::{Value, json};

use crate::command::{EventSubscribe, SubscribersFilter};
use crate::methods::Misfit;
use crate::params::{Arg, Param, Slots};
use crate::publish::{self, Reader};
use crate::{MiError, Reply};

/// A socket that an event is sent to, for `subscribers_list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSubscriber {
    /// The socket as it was given: `udp:127.0.0.1:8888`.
    pub socket: String,
    /// The lifetime that was asked for, in seconds; `None`: it never ends.
    pub expire: Option<u32>,
}

/// The answer to `events_list`: the events' names; their numbers are their places.
pub fn events_list<'a>(names: impl IntoIterator<Item = &'a str>) -> Reply {
    let events: Vec<Value> = names
        .into_iter()
        .enumerate()
        .map(|(id, name)| json!({"name": name, "id": id}))
        .collect();
    Reply::Json(json!({ "Events": events }))
}

/// The answer to `subscribers_list`, of the events in the order of `events_list`, each with its sockets.
///
/// Without a filter, all events that have subscribers; of one event, that event; of one socket of it, that one. An
/// event that is not there is 404 `Event not published`, a socket that is not is 404 `Subscriber does not exist`.
pub fn subscribers_list(events: &[(&str, Vec<EventSubscriber>)], filter: &SubscribersFilter) -> Reply {
    let object = |id: usize, name: &str, rest: (&str, Value)| json!({"name": name, "id": id, rest.0: rest.1});
    let Some(wanted) = filter.event.as_deref() else {
        let all: Vec<Value> = events
            .iter()
            .enumerate()
            .filter(|(_, (_, sockets))| !sockets.is_empty())
            .map(|(id, (name, sockets))| {
                let sockets: Vec<Value> = sockets.iter().map(EventSubscriber::to_json).collect();
                object(id, name, ("Subscribers", sockets.into()))
            })
            .collect();
        return Reply::Json(json!({ "Events": all }));
    };
    let found = events.iter().enumerate().find(|(_, (name, _))| *name == wanted);
    let Some((id, (name, sockets))) = found else {
        return Reply::Error(MiError::new(404, "Event not published"));
    };
    let rest = match filter.socket.as_deref() {
        None if sockets.is_empty() => return Reply::Json(json!({ "Event": {} })),
        None => {
            let sockets: Vec<Value> = sockets.iter().map(EventSubscriber::to_json).collect();
            ("Subscribers", sockets.into())
        }
        Some(socket) => match sockets.iter().find(|known| known.socket == socket) {
            Some(known) => ("Subscriber", known.to_json()),
            None => return Reply::Error(MiError::new(404, "Subscriber does not exist")),
        },
    };
    Reply::Json(json!({"Event": object(id, name, rest)}))
}

impl EventSubscriber {
    fn to_json(&self) -> Value {
        json!({
            "socket": self.socket,
            "expire": self.expire.map_or(Value::from("never"), Value::from),
        })
    }
}

/// Reads `event_subscribe`.
pub(crate) fn subscribe(reader: Reader, slots: &mut Slots<'_>) -> Result<EventSubscribe, MiError> {
    let mut filled = |param: Param| match reader.text(slots.take(param), param)? {
        Some(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        _ => Err(MiError::from(Misfit::TooFew(0))),
    };
    let (event, socket) = (filled(Param::Event)?, filled(Param::Socket)?);
    let expire = match slots.take(Param::Expire) {
        None | Some(Arg::Null) => Some(i64::from(EventSubscribe::DEFAULT_EXPIRE)),
        Some(arg) if arg.is_dot() || arg.is_empty() => Some(i64::from(EventSubscribe::DEFAULT_EXPIRE)),
        Some(Arg::Integer(number)) => Some(number),
        Some(Arg::Float(number)) => publish::integral(number),
        Some(Arg::Text(text)) => publish::integer(&text),
        Some(_) => None,
    };
    let expire = match expire {
        Some(..0) => return Err(MiError::invalid_params("Negative expire value")),
        Some(seconds) => u32::try_from(seconds).ok(),
        None => None,
    };
    Ok(EventSubscribe {
        event,
        socket,
        expire: expire.ok_or_else(|| reader.bad_type(Param::Expire))?,
    })
}
