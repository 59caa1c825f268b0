//! Statistics in the text format of Prometheus.

use std::fmt::Write;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use pua_mi::Via;
use serde_json::{Map, Value};

use super::Shared;
use crate::ask::ask;
use crate::engine::{ClientKey, EngineHandle};

/// Calls a command of the management interface from inside; the whole response object.
pub(super) async fn call(engine: &EngineHandle, method: &str, params: &str) -> Option<Value> {
    let request = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"{method}","params":{params}}}"#);
    let here = ClientKey::Http(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
    let answer = ask(engine, Bytes::from(request), Via::Http, here)
        .answer()
        .await?;
    serde_json::from_slice(&answer).ok()
}

/// `/metrics`
pub(super) async fn handle(State(shared): State<Shared>) -> Response {
    let values = call(&shared.engine, "get_statistics", r#"{"statistics":["all"]}"#).await;
    let kinds = call(&shared.engine, "list_statistics", "{}").await;
    let object = |answer: Option<Value>| match answer.map(|mut a| a["result"].take()) {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    };
    match (object(values), object(kinds)) {
        (Some(values), kinds) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
            (kind, text(&values, &kinds.unwrap_or_default())).into_response()
        }
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the engine does not answer\n").into_response(),
    }
}

/// `group:name` becomes `pua_group_name`; the group `pua` is not said twice.
pub(super) fn text(values: &Map<String, Value>, kinds: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (full, value) in values {
        let (Some((group, name)), Some(value)) = (full.split_once(':'), value.as_u64()) else {
            continue;
        };
        let counter = kinds.get(full).and_then(Value::as_str) == Some("incremental");
        let mut metric = match group {
            "pua" => format!("pua_{name}"),
            _ => format!("pua_{group}_{name}"),
        };
        metric.retain(|c| c.is_ascii_alphanumeric() || c == '_');
        if counter && !metric.ends_with("_total") {
            metric.push_str("_total");
        }
        let kind = if counter { "counter" } else { "gauge" };
        // Writing into a String cannot fail.
        let _ = write!(text, "# TYPE {metric} {kind}\n{metric} {value}\n");
    }
    let version = env!("CARGO_PKG_VERSION");
    let _ = write!(
        text,
        "# TYPE pua_build_info gauge\npua_build_info{{version=\"{version}\"}} 1\n"
    );
    text
}
