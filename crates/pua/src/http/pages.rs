//! Health, and the page that says what runs here.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Shared;
use super::metrics::call;

/// How long the engine may take to say that it runs.
const READY: Duration = Duration::from_secs(2);

const FRONT: &str = concat!(
    r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>pua</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44em;margin:3em auto;padding:0 1em}code,pre{background:#f3f3f3;padding:.1em .3em}pre{padding:1em;overflow-x:auto}</style>
</head><body>
<h1>pua "#,
    env!("CARGO_PKG_VERSION"),
    r#"</h1>
<p>A presence user agent: it publishes SIP event state on behalf of programs that speak no SIP, and keeps it published.</p>
<ul>
<li><code>POST /mi</code>, <code>/RPC</code>, <code>/RPC2</code>, <code>/jsonrpc</code>: commands as JSON-RPC 2.0 or XML-RPC</li>
<li><a href="/metrics">/metrics</a>: statistics for Prometheus</li>
<li><a href="/v1/events">/v1/events</a>: what happens, as Server-Sent Events or over a WebSocket</li>
<li><a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a>: whether it lives, whether it serves</li>
</ul>
<p>What is published now, from a shell:</p>
<pre>curl -d '{"jsonrpc":"2.0","id":1,"method":"pua:list"}' http://HOST:PORT/mi</pre>
<p>Every command: method <code>which</code>; what one is for: <code>help</code> with the parameter <code>mi_cmd</code>.</p>
</body></html>
"#
);

/// `/`
pub(super) async fn front() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'",
        ),
    ];
    (headers, FRONT).into_response()
}

/// `/healthz`: the process lives.
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// `/readyz`: the engine takes commands, and can write down what they change.
pub(super) async fn ready(State(shared): State<Shared>) -> Response {
    let asked = call(
        &shared.engine,
        "get_statistics",
        r#"{"statistics":["store:failed"]}"#,
    );
    match tokio::time::timeout(READY, asked).await {
        Ok(Some(answer)) if answer["result"]["store:failed"] == 0 => "ready\n".into_response(),
        Ok(Some(answer)) if answer["result"]["store:failed"] == 1 => {
            let told = "not ready: the store cannot be written, the log tells why\n";
            (StatusCode::SERVICE_UNAVAILABLE, told).into_response()
        }
        _ => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response(),
    }
}

/// Everything else.
pub(super) fn not_found() -> Response {
    let hint = "nothing here; POST JSON-RPC or XML-RPC documents to /mi\n";
    (StatusCode::NOT_FOUND, hint).into_response()
}
