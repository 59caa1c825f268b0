//! `pua:subscriptions` and `pua:state`: what is held and what it has told, as JSON.

use event_packages::Summary;
use pua_core::{DialogView, StateView, SubscriptionState, SubscriptionView};
use pua_mi::command::{StateQuery, SubscriptionFilter};
use pua_mi::{MiError, Reply};
use serde_json::{Map, Value, json};

use super::list;
use super::translate::{self, Clock};
use crate::holdings::Holdings;

/// Answers `pua:subscriptions`.
pub(crate) fn subscriptions(clock: &Clock, held: &impl Holdings, wanted: SubscriptionFilter) -> Reply {
    let cursor = match list::cursor(wanted.cursor.as_deref()) {
        Ok(cursor) => cursor,
        Err(error) => return Reply::Error(error),
    };
    let filter = pua_core::SubscriptionFilter {
        presentity: wanted.presentity,
        watcher: wanted.watcher,
        package: wanted.package.map(|package| package.as_str().to_owned()),
        state: wanted.state.as_deref().and_then(SubscriptionState::from_name),
    };
    let page = held.subscriptions(&filter, cursor, list::limit(wanted.limit));
    let rows: Vec<Value> = page.subscriptions.iter().map(|view| row(clock, view)).collect();
    Reply::Json(json!({
        "subscriptions": rows,
        "next": page.next.map(|next| next.to_string()),
    }))
}

/// One subscription.
fn row(clock: &Clock, view: &SubscriptionView) -> Value {
    let time = |at: Option<std::time::Instant>| at.map(|at| clock.rfc3339(at));
    let last = view.last_code.map(|code| {
        let reason = view.last_reason.as_deref().unwrap_or_default();
        format!("{code} {reason}").trim_end().to_owned()
    });
    let dialogs: Vec<Value> = view
        .dialogs
        .iter()
        .map(|dialog| dialog_row(clock, dialog))
        .collect();
    json!({
        "id": view.name.id.as_deref(),
        "key": view.key,
        "presentity": &*view.name.presentity,
        "watcher": &*view.name.watcher,
        "package": &*view.name.package,
        "state": view.state.as_str(),
        "reason": view.reason.as_deref(),
        "expires": view.granted,
        "expires_at": time(view.expires_at),
        "until": time(view.until),
        "refresh_at": time(view.refresh_at),
        "retry_at": time(view.retry_at),
        "dialogs": dialogs,
        "notifies": view.notifies,
        "next_hop": view.next_hop.map(|hop| hop.to_string()),
        "outbound_proxy": view.proxy.as_ref().map(|proxy| &*proxy.uri),
        "extra_headers": (!view.headers.is_empty()).then_some(&*view.headers),
        "last_response": last,
        "last_response_at": time(view.last_at),
        "call_id": (!view.call_id.is_empty()).then_some(&*view.call_id),
        "cseq": view.cseq,
    })
}

fn dialog_row(clock: &Clock, dialog: &DialogView) -> Value {
    json!({
        "id": dialog.id,
        "state": dialog.state.as_str(),
        "remote_target": &*dialog.remote_target,
        "expires_at": clock.rfc3339(dialog.expires_at),
        "refresh_at": dialog.refresh_at.map(|at| clock.rfc3339(at)),
    })
}

/// Answers `pua:state`.
pub(crate) fn state(clock: &Clock, held: &impl Holdings, query: &StateQuery) -> Reply {
    let package = query.package.as_ref().map(event_packages::Package::as_str);
    let mut views = held.states(&query.presentity);
    views.retain(|view| package.is_none_or(|package| package == &*view.name.package));
    if views.is_empty() {
        let filter = pua_core::SubscriptionFilter {
            presentity: Some(query.presentity.clone()),
            package: package.map(str::to_owned),
            ..pua_core::SubscriptionFilter::default()
        };
        if held.subscriptions(&filter, None, 1).subscriptions.is_empty() {
            let hint = "nobody watches it here: pua:fetch asks once, pua_subscribe watches";
            return Reply::Error(MiError::no_such_subscription().with_data(hint));
        }
    }
    Reply::Json(known(clock, query, &views))
}

/// What is known, summed up and one by one.
fn known(clock: &Clock, query: &StateQuery, views: &[StateView]) -> Value {
    let states: Vec<Value> = views.iter().map(|view| told(clock, view, query.raw)).collect();
    json!({
        "presentity": query.presentity,
        "summary": summary(views).to_json(),
        "states": states,
    })
}

/// One state, and by which subscription it is known: with the members that events have, too.
fn told(clock: &Clock, view: &StateView, raw: bool) -> Value {
    let Value::Object(state) = translate::state(clock, &view.state).to_json(raw) else {
        return Value::Null;
    };
    // The presentity comes first.
    let mut state = state.into_iter();
    let mut object: Map<String, Value> = state.next().into_iter().collect();
    object.insert("watcher".into(), json!(&*view.name.watcher));
    object.insert("package".into(), json!(&*view.name.package));
    object.insert("id".into(), json!(view.name.id.as_deref()));
    object.insert("dialog".into(), json!(view.dialog));
    object.insert("subscription_state".into(), json!(view.subscription.as_str()));
    if view.state.member.is_some() {
        object.insert("list".into(), json!(&*view.name.presentity));
    }
    object.extend(state);
    Value::Object(object)
}

/// What all say together. What subscriptions that are over have told counts only while there is no other.
fn summary(views: &[StateView]) -> Summary {
    let live = |view: &&StateView| {
        let member = view
            .state
            .member
            .as_ref()
            .and_then(|member| member.state.as_deref());
        view.subscription == SubscriptionState::Active && member != Some("terminated")
    };
    let mut summary = Summary::default();
    let documents = |views: Vec<&StateView>| -> Vec<Summary> {
        let documents = views
            .into_iter()
            .filter_map(|view| view.state.document.as_deref());
        documents.map(event_packages::Document::summary).collect()
    };
    let mut said = documents(views.iter().filter(live).collect());
    if said.is_empty() {
        said = documents(views.iter().collect());
    }
    for one in said {
        summary.merge(one);
    }
    summary
}

#[cfg(test)]
mod tests;
