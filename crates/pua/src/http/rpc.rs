//! JSON-RPC and XML-RPC over HTTP POST.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use pua_mi::Via;

use super::{BODY, SLOW, Shared, client_key};
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
    if is_foreign_page(request.headers()) {
        return (StatusCode::FORBIDDEN, "not from the page of another site\n").into_response();
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

/// A browser tells whose page sends a request. Nobody is asked for a password here, so the page of
/// a stranger in the operator's browser must not publish.
pub(super) fn is_foreign_page(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let host = headers.get(header::HOST).map_or(&b""[..], |h| h.as_bytes());
    let origin = origin.as_bytes();
    let own = origin
        .strip_prefix(b"http://")
        .or_else(|| origin.strip_prefix(b"https://"));
    own.is_none_or(|own| own != host)
}
