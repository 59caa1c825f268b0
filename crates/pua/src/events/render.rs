//! Events and the rows of a snapshot as JSON objects on one line. The members stand in
//! `docs/manual.md`; all of one kind are always there, null where there is nothing to say.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use event_packages::Document;
use event_packages::pidf::check_entity;
use pua_core::{
    Event, Next, PublicationName, PublicationView, ResourceState, StateView, SubscriptionChange,
    SubscriptionName, SubscriptionView,
};
use serde::Serialize;

use super::cursor::Cursor;
use super::filter::Kind;
use crate::clock::Clock;

/// A JSON object under construction.
struct Object {
    text: Vec<u8>,
}

impl Object {
    /// Begins with what every event has. Without a cursor nobody can go on from here.
    fn new(number: u64, cursor: Option<Cursor>, time: &str, kind: Kind) -> Object {
        let mut object = Object {
            text: Vec::with_capacity(512),
        };
        object.text.push(b'{');
        object.put("seq", number);
        if let Some(cursor) = cursor {
            object.put("cursor", cursor.to_string());
        }
        object.put("time", time);
        object.put("type", kind.as_str());
        object
    }

    fn put(&mut self, key: &str, value: impl Serialize) {
        if self.text.len() > 1 {
            self.text.push(b',');
        }
        self.text.push(b'"');
        self.text.extend_from_slice(key.as_bytes());
        self.text.extend_from_slice(b"\":");
        let start = self.text.len();
        // Texts, numbers and JSON values cannot fail; should one, the object stays well-formed.
        if serde_json::to_writer(&mut self.text, &value).is_err() {
            self.text.truncate(start);
            self.text.extend_from_slice(b"null");
        }
    }

    fn finish(mut self) -> Bytes {
        self.text.push(b'}');
        Bytes::from(self.text)
    }

    fn subscription(&mut self, presentity: &str, name: &SubscriptionName) {
        self.put("presentity", presentity);
        self.put("watcher", &*name.watcher);
        self.put("package", &*name.package);
        self.put("id", name.id.as_deref());
    }

    fn publication(&mut self, name: &PublicationName) {
        self.put("presentity", &*name.presentity);
        self.put("package", &*name.package);
        self.put("id", name.id.as_deref());
    }

    fn state(&mut self, list: &SubscriptionName, state: &ResourceState) {
        if let Some(member) = &state.member {
            self.put("list", &*list.presentity);
            self.put(
                "member",
                serde_json::json!({
                    "name": member.name.as_deref(),
                    "state": member.state.as_deref(),
                    "reason": member.reason.as_deref(),
                }),
            );
        }
        let told = !state.content_type.is_empty();
        let document = state.document.as_ref();
        self.put("summary", document.map(|document| document.summary().to_json()));
        self.put("document", document.map(|document| document.to_json()));
        self.put("content_type", told.then_some(&*state.content_type));
        self.put(
            "warning",
            document.and_then(|document| of_another(document, &state.resource)),
        );
    }

    fn body(&mut self, body: &[u8]) {
        match std::str::from_utf8(body) {
            Ok(text) => self.put("body", text),
            Err(_) => self.put("body_base64", STANDARD.encode(body)),
        }
    }

    fn next(&mut self, clock: &Clock, next: Next) {
        let (what, at) = match next {
            Next::Held => ("held", None),
            Next::Ended => ("ended", None),
            Next::Refused => ("refused", None),
            Next::Retry { at } => ("retry", Some(clock.rfc3339(at))),
        };
        self.put("next", what);
        self.put("retry_at", at);
    }
}

/// What is to be said of a presence document that names another presentity than the one it was told
/// for: it is used all the same (RFC 3863 §4.1.1).
fn of_another(document: &Document, resource: &str) -> Option<String> {
    match document {
        Document::Presence(presence) => check_entity(presence, resource).map(|finding| finding.message),
        _ => None,
    }
}

/// The JSON form of an event, which is shared by those who may go on from it and those who may not.
#[derive(Debug)]
pub(super) struct Line {
    /// With the cursor, without the body.
    pub(super) json: Bytes,
    /// Where `,"cursor":"..."` stands.
    cursor: std::ops::Range<usize>,
}

impl Line {
    /// With the body in the end.
    pub(super) fn with_body(&self, body: &[u8]) -> Bytes {
        let open = self.json.len().saturating_sub(1);
        let mut object = Object {
            text: Vec::with_capacity(open + body.len() + body.len() / 4 + 16),
        };
        object.text.extend_from_slice(&self.json[..open]);
        object.body(body);
        object.finish()
    }

    /// `whole` begins as `self.json` does.
    pub(super) fn without_cursor(&self, whole: &Bytes) -> Bytes {
        let mut text = Vec::with_capacity(whole.len());
        text.extend_from_slice(&whole[..self.cursor.start]);
        text.extend_from_slice(&whole[self.cursor.end..]);
        Bytes::from(text)
    }
}

/// The body of an event that has one.
pub(super) fn body(event: &Event) -> Option<&Bytes> {
    match event {
        Event::State { state, .. } if !state.content_type.is_empty() => Some(&state.body),
        _ => None,
    }
}

/// An event that happened at `clock`'s moment.
pub(super) fn event(cursor: Cursor, clock: &Clock, event: &Event) -> Line {
    let time = clock.rfc3339_millis();
    let new = |kind| Object::new(cursor.number, Some(cursor), &time, kind);
    let json = match event {
        Event::State {
            name,
            dialog,
            state,
            changed,
        } => {
            let mut object = new(Kind::State);
            object.subscription(&state.resource, name);
            object.put("dialog", dialog);
            object.put("changed", changed);
            object.state(name, state);
            object.finish()
        }
        Event::Unreadable { name, dialog, why } => {
            let mut object = new(Kind::Unreadable);
            object.subscription(&name.presentity, name);
            object.put("dialog", dialog);
            object.put("detail", why);
            object.finish()
        }
        Event::Subscription { name, dialog, change } => {
            let mut object = new(Kind::Subscription);
            object.subscription(&name.presentity, name);
            object.put("dialog", dialog);
            subscription(&mut object, clock, change);
            object.finish()
        }
        Event::Granted { name, etag, expires } => {
            granted(new(Kind::Publication), name, "granted", etag.as_deref(), *expires)
        }
        Event::Recovered { name, etag, expires } => granted(
            new(Kind::Publication),
            name,
            "recovered",
            etag.as_deref(),
            *expires,
        ),
        Event::Refused { name, code, reason } => {
            failed(new(Kind::Publication), name, "refused", *code, reason, None)
        }
        Event::Lost {
            name,
            code,
            reason,
            retry_at,
        } => {
            let retry_at = Some(clock.rfc3339(*retry_at));
            failed(new(Kind::Publication), name, "lost", *code, reason, retry_at)
        }
        Event::Removed { name } => over(new(Kind::Publication), name, "removed"),
        Event::Expired { name } => over(new(Kind::Publication), name, "expired"),
    };
    let start = format!("{{\"seq\":{}", cursor.number).len();
    let end = start + format!(",\"cursor\":\"{cursor}\"").len();
    Line {
        json,
        cursor: start..end,
    }
}

fn subscription(object: &mut Object, clock: &Clock, change: &SubscriptionChange) {
    match change {
        SubscriptionChange::Pending { expires } => {
            object.put("change", "pending");
            object.put("state", "pending");
            object.put("expires", expires);
        }
        SubscriptionChange::Active { expires } => {
            object.put("change", "active");
            object.put("state", "active");
            object.put("expires", expires);
        }
        SubscriptionChange::Terminated { reason, detail, next } => {
            object.put("change", "terminated");
            object.put("state", "terminated");
            object.put("reason", reason.as_deref());
            object.put("detail", detail.as_deref());
            object.next(clock, *next);
        }
        SubscriptionChange::Retrying { code, reason, at } => {
            object.put("change", "retrying");
            object.put("state", "terminated");
            object.put("code", code);
            object.put("reason", &**reason);
            object.next(clock, Next::Retry { at: *at });
        }
        SubscriptionChange::Refused { code, reason } => {
            object.put("change", "refused");
            object.put("state", "terminated");
            object.put("code", code);
            object.put("reason", &**reason);
            object.next(clock, Next::Refused);
        }
    }
}

fn granted(
    mut object: Object,
    name: &PublicationName,
    change: &str,
    etag: Option<&str>,
    expires: u32,
) -> Bytes {
    object.publication(name);
    object.put("change", change);
    object.put("state", "published");
    object.put("etag", etag);
    object.put("expires", expires);
    object.finish()
}

fn failed(
    mut object: Object,
    name: &PublicationName,
    change: &str,
    code: u16,
    reason: &str,
    retry_at: Option<String>,
) -> Bytes {
    object.publication(name);
    object.put("change", change);
    object.put("state", if retry_at.is_some() { "waiting" } else { "refused" });
    object.put("code", code);
    object.put("reason", reason);
    object.put("retry_at", retry_at);
    object.finish()
}

fn over(mut object: Object, name: &PublicationName, change: &str) -> Bytes {
    object.publication(name);
    object.put("change", change);
    object.put("state", change);
    object.finish()
}

/// A publication as it stands.
pub(super) fn publication_row(number: u64, clock: &Clock, view: &PublicationView) -> Bytes {
    let time = |at: Option<Instant>| at.map(|at| clock.rfc3339(at));
    let mut object = Object::new(number, None, &clock.rfc3339_millis(), Kind::Publication);
    object.put("snapshot", true);
    object.publication(&view.name);
    object.put("state", view.state.as_str());
    object.put("etag", view.etag.as_deref());
    object.put("expires", view.granted);
    object.put("expires_at", time(view.expires_at));
    object.put("until", time(view.until));
    object.put("retry_at", time(view.retry_at));
    object.put("code", view.last_code);
    object.put("reason", view.last_reason.as_deref());
    object.finish()
}

/// A subscription as it stands.
pub(super) fn subscription_row(number: u64, clock: &Clock, view: &SubscriptionView) -> Bytes {
    let time = |at: Option<Instant>| at.map(|at| clock.rfc3339(at));
    let mut object = Object::new(number, None, &clock.rfc3339_millis(), Kind::Subscription);
    object.put("snapshot", true);
    object.subscription(&view.name.presentity, &view.name);
    object.put("state", view.state.as_str());
    object.put("reason", view.reason.as_deref());
    object.put("expires", view.granted);
    object.put("expires_at", time(view.expires_at));
    object.put("until", time(view.until));
    object.put("retry_at", time(view.retry_at));
    object.put("code", view.last_code);
    object.finish()
}

/// A state as it is known.
pub(super) fn state_row(number: u64, clock: &Clock, view: &StateView, raw: bool) -> Bytes {
    let mut object = Object::new(number, None, &clock.rfc3339_millis(), Kind::State);
    object.put("snapshot", true);
    object.subscription(&view.state.resource, &view.name);
    object.put("dialog", view.dialog);
    object.put("subscription_state", view.subscription.as_str());
    object.put("at", clock.rfc3339(view.state.at));
    object.state(&view.name, &view.state);
    if raw && !view.state.content_type.is_empty() {
        object.body(&view.state.body);
    }
    object.finish()
}

/// What happened to the stream itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Events are lost to this consumer.
    Gap {
        /// Why.
        reason: GapReason,
        /// The first number lost; `None`: numbers of another life.
        from: Option<u64>,
        /// The last number lost.
        to: u64,
    },
    /// The present state follows.
    SnapshotBegin,
    /// That was the present state: so many rows.
    SnapshotEnd(Rows),
    /// From here on.
    Attached,
}

/// Why events are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GapReason {
    /// They have fallen out of the ring.
    Overrun,
    /// The cursor is of an earlier life of the daemon.
    Restart,
}

/// How many rows a snapshot had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) publications: u64,
    pub(super) subscriptions: u64,
    pub(super) states: u64,
}

impl Mark {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Mark::Gap { .. } => Kind::Gap,
            Mark::SnapshotBegin => Kind::SnapshotBegin,
            Mark::SnapshotEnd(_) => Kind::SnapshotEnd,
            Mark::Attached => Kind::Attached,
        }
    }

    /// The JSON form, made now.
    pub(super) fn json(&self, number: u64, cursor: Option<Cursor>) -> Bytes {
        let time = Clock::read().rfc3339_millis();
        let mut object = Object::new(number, cursor, &time, self.kind());
        match self {
            Mark::Gap { reason, from, to } => {
                let known = from.is_some();
                object.put(
                    "reason",
                    match reason {
                        GapReason::Overrun => "overrun",
                        GapReason::Restart => "restart",
                    },
                );
                object.put("from", from);
                object.put("to", known.then_some(to));
                object.put("lost", from.map(|from| (to + 1).saturating_sub(from)));
            }
            Mark::SnapshotBegin | Mark::Attached => {}
            Mark::SnapshotEnd(rows) => {
                object.put("publications", rows.publications);
                object.put("subscriptions", rows.subscriptions);
                object.put("states", rows.states);
            }
        }
        object.finish()
    }
}

#[cfg(test)]
mod tests;
