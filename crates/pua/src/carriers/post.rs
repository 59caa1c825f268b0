//! One HTTP client for one server: a connection that is kept between requests (RFC 9112).

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::settings::HookUrl;

/// Bytes of an answer that are read so that the connection can be used again.
const ANSWER: usize = 64 * 1024;
/// The longest that a server may ask us to wait.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// The client.
#[derive(Debug)]
pub(super) struct Client {
    url: HookUrl,
    timeout: Duration,
    kept: Option<SendRequest<Full<Bytes>>>,
}

/// What the server said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
}

impl Answer {
    /// Whether the same request may go well later.
    pub(super) fn is_transient(self) -> bool {
        self.status.is_server_error()
            || matches!(
                self.status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY
            )
    }
}

impl Client {
    pub(super) fn new(url: HookUrl, timeout: Duration) -> Client {
        Client {
            url,
            timeout,
            kept: None,
        }
    }

    /// Posts a JSON document.
    ///
    /// # Errors
    /// There was no answer; why.
    pub(super) async fn post(&mut self, headers: &[(&str, &str)], body: Bytes) -> Result<Answer, String> {
        match tokio::time::timeout(self.timeout, self.exchange(headers, body)).await {
            Ok(result) => result,
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    async fn exchange(&mut self, headers: &[(&str, &str)], body: Bytes) -> Result<Answer, String> {
        if let Some(kept) = self.kept.take().filter(|kept| !kept.is_closed()) {
            // A connection that the server has closed meanwhile is no failure of the server's.
            if let Ok(answer) = self.request(kept, headers, body.clone()).await {
                return Ok(answer);
            }
        }
        let fresh = self.connect().await?;
        self.request(fresh, headers, body).await
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let server = &self.url.server;
        let connected = TcpStream::connect((server.host.as_str(), server.port)).await;
        let stream = connected.map_err(|error| error.to_string())?;
        let _ = stream.set_nodelay(true);
        let made = handshake(TokioIo::new(stream)).await;
        let (sender, connection) = made.map_err(|error| error.to_string())?;
        // Ends when the sender is dropped.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }

    async fn request(
        &mut self,
        mut sender: SendRequest<Full<Bytes>>,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, String> {
        let agent = concat!("pua/", env!("CARGO_PKG_VERSION"));
        let mut request = Request::post(self.url.target.as_str())
            .header(HOST, self.url.authority.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, agent);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        sender.ready().await.map_err(|error| error.to_string())?;
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| error.to_string())?;
        let answer = Answer {
            status: response.status(),
            retry_after: retry_after(&response),
        };
        if Limited::new(response.into_body(), ANSWER).collect().await.is_ok() {
            self.kept = Some(sender);
        }
        Ok(answer)
    }
}

/// Retry-After as a time from now (RFC 9110 §10.2.3).
fn retry_after<B>(response: &Response<B>) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            let ahead = at.as_second().saturating_sub(jiff::Timestamp::now().as_second());
            Duration::from_secs(u64::try_from(ahead).unwrap_or(0))
        }
    };
    Some(pause.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_seconds_and_as_a_date() {
        let read =
            |value: &str| retry_after(&Response::builder().header(RETRY_AFTER, value).body(()).unwrap());
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read("99999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("Thu, 31 Dec 2099 23:59:59 GMT"), Some(RETRY_AFTER_MAX));
        assert_eq!(read("soon"), None);
    }
}
