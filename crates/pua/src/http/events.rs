//! `GET /v1/events`: the stream of events as Server-Sent Events, or over a WebSocket if the client
//! asks for the upgrade. Query parameters are those of [`events::Request`](Request).
//!
//! A client that does not read is not waited for: its connection fills up, it falls behind in the
//! stream, and when it reads again it is told the gap. After a minute without reading the
//! connection is closed by the system ([`super::connection`]); the client comes back with the last
//! cursor it has seen.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, stream};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::Shared;
use crate::events::{BadRequest, Consumer, Cursor, Item, Request, cursor};

/// How long nothing may be sent: what stands between may close idle connections.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Bytes written at once when there are many events.
const CHUNK: usize = 32 * 1024;
/// How long the end of a WebSocket may take.
const CLOSING: Duration = Duration::from_secs(1);
/// Bytes of a WebSocket client's message; none is expected.
const CLIENT_MESSAGE: usize = 4096;

/// Attaches a consumer and streams to it until the client goes or the daemon ends.
pub(super) async fn handle(State(shared): State<Shared>, request: axum::extract::Request) -> Response {
    let (mut parts, _) = request.into_parts();
    if let Some(why) = shared.names.refusal(&parts.headers) {
        return fault(StatusCode::FORBIDDEN, &why);
    }
    let wanted = match wanted(&parts) {
        Ok(wanted) => wanted,
        Err(error) => return fault(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let upgrade = match parts.headers.contains_key(header::UPGRADE) {
        true => match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => Some(upgrade),
            Err(rejection) => return rejection.into_response(),
        },
        false => None,
    };
    let consumer = match shared.feed.attach(wanted.filter, wanted.start) {
        Ok(consumer) => consumer,
        Err(error) => return fault(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    };
    match upgrade {
        None => server_sent(consumer, wanted.raw),
        Some(upgrade) => {
            let alive = shared.upgraded.token();
            upgrade
                .max_message_size(CLIENT_MESSAGE)
                .on_upgrade(move |socket| async move {
                    web_socket(socket, consumer, wanted.raw).await;
                    drop(alive);
                })
        }
    }
}

/// What the client asks for. An `EventSource` that comes back repeats the whole URL, so the header
/// counts more than the parameter.
fn wanted(parts: &Parts) -> Result<Request, BadRequest> {
    let mut wanted = Request::from_query(parts.uri.query().unwrap_or_default())?;
    if let Some(last) = last_event_id(&parts.headers)? {
        wanted.start.cursor = Some(last);
    }
    Ok(wanted)
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<Cursor>, BadRequest> {
    match headers.get("last-event-id").map(|value| value.to_str()) {
        None => Ok(None),
        Some(Ok(text)) => cursor(text.trim()),
        Some(Err(_)) => Err(BadRequest("Last-Event-ID: is no text".to_owned())),
    }
}

fn fault(status: StatusCode, message: &str) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    let body = json!({"error": {"code": status.as_u16(), "message": message}});
    (status, kind, format!("{body}\n")).into_response()
}

/// A response that goes on until the consumer or the client ends it.
fn server_sent(consumer: Consumer, raw: bool) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx would keep events back.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let state = ServerSent {
        consumer,
        raw,
        begun: false,
        said: None,
    };
    let chunks = stream::unfold(state, |mut state| async move {
        let chunk = state.chunk().await?;
        Some((Ok::<_, Infallible>(chunk), state))
    });
    (headers, Body::from_stream(chunks)).into_response()
}

/// The text of Server-Sent Events.
struct ServerSent {
    consumer: Consumer,
    raw: bool,
    begun: bool,
    /// The last `id` the client has.
    said: Option<Cursor>,
}

impl ServerSent {
    /// What is written next.
    async fn chunk(&mut self) -> Option<Bytes> {
        if !self.begun {
            // At once, so that the client knows that it is connected.
            self.begun = true;
            return Some(Bytes::from_static(b"retry: 1000\n\n"));
        }
        let mut text = BytesMut::new();
        match timeout_at(Instant::now() + KEEP_ALIVE, self.consumer.next()).await {
            Ok(item) => self.event(&mut text, &item?),
            Err(_) => self.keep_alive(&mut text),
        }
        while text.len() < CHUNK
            && let Some(item) = self.consumer.try_next()
        {
            self.event(&mut text, &item);
        }
        Some(text.freeze())
    }

    fn event(&mut self, text: &mut BytesMut, item: &Item) {
        let json = item.json(self.raw);
        text.reserve(json.len() + 64);
        if let Some(cursor) = item.cursor() {
            text.put_slice(format!("id: {cursor}\n").as_bytes());
            self.said = Some(cursor);
        }
        // JSON on one line: nothing has to be split.
        text.put_slice(b"data: ");
        text.put_slice(&json);
        text.put_slice(b"\n\n");
    }

    /// A comment, and where the client is by now: what its filter keeps back counts as read, so
    /// that it is not taken for a gap later. An id without data is no event for the client.
    fn keep_alive(&mut self, text: &mut BytesMut) {
        text.put_slice(b": keep-alive\n");
        if let Some(cursor) = self.consumer.cursor().filter(|now| self.said != Some(*now)) {
            text.put_slice(format!("id: {cursor}\n").as_bytes());
            self.said = Some(cursor);
        }
        text.put_slice(b"\n");
    }
}

/// One event a text message. What the client sends is not read into anything.
async fn web_socket(mut socket: WebSocket, mut consumer: Consumer, raw: bool) {
    let mut idle = Instant::now() + KEEP_ALIVE;
    loop {
        tokio::select! {
            item = consumer.next() => {
                let sent = match item {
                    Some(item) => send(&mut socket, &mut consumer, item, raw).await,
                    None => {
                        let reason = Utf8Bytes::from_static("the daemon stops");
                        let close = CloseFrame { code: close_code::AWAY, reason };
                        let _ = socket.send(Message::Close(Some(close))).await;
                        return closing(socket).await;
                    }
                };
                if sent.is_err() {
                    return;
                }
                idle = Instant::now() + KEEP_ALIVE;
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Close(_))) => return closing(socket).await,
                Some(Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
            () = tokio::time::sleep_until(idle) => {
                if socket.send(Message::Ping(Bytes::new())).await.is_err() {
                    return;
                }
                idle = Instant::now() + KEEP_ALIVE;
            }
        }
    }
}

/// The closing handshake (RFC 6455 §5.5.1, §7.1.1): reading on sends the Close that answers the
/// client's, or waits for the one that answers ours.
async fn closing(mut socket: WebSocket) {
    let over = async { while let Some(Ok(_)) = socket.recv().await {} };
    let _ = tokio::time::timeout(CLOSING, over).await;
}

/// Sends an event, and those that are there already with it.
async fn send(
    socket: &mut WebSocket,
    consumer: &mut Consumer,
    first: Item,
    raw: bool,
) -> Result<(), axum::Error> {
    let mut written = 0;
    let mut next = Some(first);
    while let Some(item) = next {
        let json = item.json(raw);
        written += json.len();
        // JSON is UTF-8; were it not, the event would be left out.
        if let Ok(text) = Utf8Bytes::try_from(json) {
            socket.feed(Message::Text(text)).await?;
        }
        next = (written < CHUNK).then(|| consumer.try_next()).flatten();
    }
    socket.flush().await
}

#[cfg(test)]
mod tests;
