//! JSON-RPC and XML-RPC over HTTP POST.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use pua_mi::Via;

use super::{BODY, PAGES, SLOW, Shared, client_key, pages};
use crate::ask::ask;

/// Bytes and time spent on the rest of a body that is too large.
const DRAIN: usize = 16 * BODY;
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// Answers one request: 200 with the document, JSON or XML as the request was, also if it holds an error; 204 if there is
/// nothing to answer.
pub(super) async fn handle(State(shared): State<Shared>, request: Request) -> Response {
    if request.method() != Method::POST {
        let allow = [(header::ALLOW, "POST")];
        return (
            StatusCode::METHOD_NOT_ALLOWED,
            allow,
            "POST a JSON-RPC or XML-RPC document\n",
        )
            .into_response();
    }
    if let Some(why) = shared.names.refusal(request.headers()) {
        return (StatusCode::FORBIDDEN, format!("{why}\n")).into_response();
    }
    let client = client_key(&request);
    let payload = match tokio::time::timeout(SLOW, body(request.into_body())).await {
        Ok(Ok(payload)) => payload,
        Ok(Err(status)) => return refuse(status),
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT),
    };
    match ask(&shared.engine, payload, Via::Http, client).answer().await {
        Some(answer) => {
            let kind = match answer.starts_with(b"<") {
                true => "text/xml",
                false => "application/json",
            };
            ([(header::CONTENT_TYPE, kind)], Body::from(answer)).into_response()
        }
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// A path that is nothing else's: Kamailio's clients POST to whatever path they were given.
pub(super) async fn elsewhere(state: State<Shared>, request: Request) -> Response {
    let first = request.uri().path().trim_start_matches('/').split('/').next();
    let is_page = first.is_some_and(|first| PAGES.contains(&first));
    match request.method() == Method::POST && !is_page {
        true => handle(state, request).await,
        false => pages::not_found(),
    }
}

async fn body(mut body: Body) -> Result<Bytes, StatusCode> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > BODY {
        drain(&mut body).await;
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    match Limited::new(&mut body, BODY).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            drain(&mut body).await;
            Err(StatusCode::PAYLOAD_TOO_LARGE)
        }
        Err(_) => Err(StatusCode::BAD_REQUEST),
    }
}

/// Takes what a client goes on sending, for a while: clients that write all before they read would
/// see a reset connection instead of the answer.
async fn drain(body: &mut Body) {
    let mut left = DRAIN;
    let all = async {
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN_TIME, all).await;
}

/// The body was not read to its end: the connection cannot be used again.
fn refuse(status: StatusCode) -> Response {
    let words = format!("{status}\n");
    (status, [(header::CONNECTION, "close")], words).into_response()
}
