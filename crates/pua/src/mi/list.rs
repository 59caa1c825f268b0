//! `pua:list` and `pua:show`: what is held, as JSON.

use pua_core::{Filter, OnStop, PublicationState, PublicationView};
use pua_mi::command::{ListFilter, Name};
use pua_mi::{MiError, Reply};
use serde_json::{Map, Value, json};

use super::translate::{self, Clock};
use crate::holdings::Holdings;

/// Rows of a page when the caller does not say.
const PAGE: usize = 100;

/// Answers `pua:list`.
pub(crate) fn list(clock: &Clock, held: &impl Holdings, wanted: ListFilter) -> Reply {
    let cursor = match cursor(wanted.cursor.as_deref()) {
        Ok(cursor) => cursor,
        Err(error) => return Reply::Error(error),
    };
    let filter = Filter {
        presentity: wanted.presentity,
        package: wanted.package.map(|package| package.as_str().to_owned()),
        state: wanted.state.as_deref().and_then(PublicationState::from_name),
    };
    let page = held.publications(&filter, cursor, limit(wanted.limit));
    let rows: Vec<Value> = page
        .publications
        .iter()
        .map(|view| Value::Object(row(clock, view)))
        .collect();
    Reply::Json(json!({
        "publications": rows,
        "next": page.next.map(|next| next.to_string()),
    }))
}

/// Where a page begins.
pub(super) fn cursor(given: Option<&str>) -> Result<Option<u64>, MiError> {
    given
        .map(str::parse::<u64>)
        .transpose()
        .map_err(|_| MiError::new(400, "Bad cursor").with_data("give `next` of the page before"))
}

/// How many rows a page has.
pub(super) fn limit(given: Option<u32>) -> usize {
    given.map_or(PAGE, |limit| usize::try_from(limit).unwrap_or(PAGE))
}

/// Answers `pua:show`.
pub(crate) fn show(clock: &Clock, held: &impl Holdings, name: &Name) -> Reply {
    match held.publication(&translate::name(name)) {
        Some(view) => Reply::Json(Value::Object(details(clock, &view))),
        None => Reply::Error(MiError::no_such_publication()),
    }
}

/// What `pua:watch` is answered where it cannot be done: events need a connection that stays.
pub(crate) fn watch_elsewhere() -> Reply {
    let error = MiError::new(405, "Not on this transport");
    Reply::Error(error.with_data("events come over the stream socket, or over HTTP from /v1/events"))
}

fn row(clock: &Clock, view: &PublicationView) -> Map<String, Value> {
    let time = |at: Option<std::time::Instant>| at.map(|at| clock.rfc3339(at));
    let mut row = Map::new();
    let mut put = |key: &str, value: Value| {
        row.insert(key.to_owned(), value);
    };
    put("id", json!(view.name.id.as_deref()));
    put("presentity", json!(&*view.name.presentity));
    put("package", json!(&*view.name.package));
    put("state", json!(view.state.as_str()));
    put("etag", json!(view.etag.as_deref()));
    put("expires", json!(view.granted));
    put("expires_at", json!(time(view.expires_at)));
    put("until", json!(time(view.until)));
    put("refresh_at", json!(time(view.refresh_at)));
    put("retry_at", json!(time(view.retry_at)));
    put("revision", json!(view.revision));
    put("published_revision", json!(view.published_revision));
    put("next_hop", json!(view.next_hop.map(|hop| hop.to_string())));
    let last = view.last_code.map(|code| {
        let reason = view.last_reason.as_deref().unwrap_or_default();
        format!("{code} {reason}").trim_end().to_owned()
    });
    put("last_response", json!(last));
    put("last_response_at", json!(time(view.last_at)));
    row
}

fn details(clock: &Clock, view: &PublicationView) -> Map<String, Value> {
    let mut row = row(clock, view);
    let document = view.document.as_ref();
    let body = document.map(|d| String::from_utf8_lossy(&d.body).into_owned());
    row.insert("content_type".into(), json!(document.map(|d| &*d.content_type)));
    row.insert("body".into(), json!(body));
    row.insert(
        "extra_headers".into(),
        json!((!view.headers.is_empty()).then_some(&*view.headers)),
    );
    row.insert(
        "outbound_proxy".into(),
        json!(view.proxy.as_ref().map(|proxy| &*proxy.uri)),
    );
    row.insert(
        "on_stop".into(),
        json!(view.on_stop.map(|on_stop| match on_stop {
            OnStop::Keep => "keep",
            OnStop::Remove => "remove",
        })),
    );
    row.insert(
        "call_id".into(),
        json!((!view.call_id.is_empty()).then_some(&*view.call_id)),
    );
    row.insert("cseq".into(), json!(view.cseq));
    row
}
