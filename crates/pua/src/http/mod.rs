//! The HTTP listener: JSON-RPC and XML-RPC on `/mi`, `/RPC`, `/RPC2` and `/jsonrpc`, and by POST to
//! any path that is nothing else, as Kamailio's clients do; the stream of events on `/v1/events`,
//! health, metrics, and a page that says what runs here.
//!
//! Slow and idle clients are bounded: 30 s for the head of a request (the next one of a kept
//! connection too), 30 s for its body, 1 MiB, a minute without reading its answer, 1024
//! connections.

mod events;
mod metrics;
mod origin;
mod pages;
mod rpc;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::Request;
use axum::routing::{any, get};
use axum::{Extension, Router};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::origin::Names;
use crate::config;
use crate::engine::{ClientKey, EngineHandle};
use crate::events::Feed;

/// Bytes of a request's body at most.
const BODY: usize = 1024 * 1024;
/// How long a client may take for the head, and again for the body, of a request.
const SLOW: Duration = Duration::from_secs(30);
/// How long a client may leave what was sent to it unacknowledged, or its window closed.
const UNREAD: Duration = Duration::from_secs(60);
/// Connections at a time.
const CONNECTIONS: usize = 1024;

/// Serves one listener until `stop` is cancelled; then answers what is under way and returns.
pub(crate) async fn serve(
    listener: std::net::TcpListener,
    settings: config::Http,
    engine: EngineHandle,
    feed: Feed,
    stop: CancellationToken,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "HTTP cannot be served");
            return;
        }
    };
    let upgraded = TaskTracker::new();
    let shared = Shared {
        engine,
        feed,
        names: Names::new(&settings.hosts),
        upgraded: upgraded.clone(),
    };
    let router = router(shared, &settings.root);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, client)) => {
                    connections.spawn(connection(stream, client, router.clone(), stop.clone()));
                }
                Err(error) => {
                    // Out of descriptors: some connection has to end first.
                    tracing::warn!(%error, "an HTTP client was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    while connections.join_next().await.is_some() {}
    upgraded.close();
    upgraded.wait().await;
}

/// What the handlers share.
#[derive(Clone)]
struct Shared {
    engine: EngineHandle,
    feed: Feed,
    names: Names,
    /// Connections that speak no HTTP any more.
    upgraded: TaskTracker,
}

/// Where requests are sent, whatever the configuration names beside.
pub(crate) const RPC: [&str; 4] = ["mi", "RPC", "RPC2", "jsonrpc"];
/// Where something else is, and below it.
pub(crate) const PAGES: [&str; 4] = ["v1", "metrics", "healthz", "readyz"];

/// `root` is none of [`PAGES`].
fn router(shared: Shared, root: &str) -> Router {
    let mut router = Router::new()
        .route("/v1/events", get(events::handle))
        .route("/metrics", get(metrics::handle))
        .route("/healthz", get(pages::health))
        .route("/readyz", get(pages::ready))
        .route("/", get(pages::front).post(rpc::handle))
        .fallback(rpc::elsewhere);
    let own = (!RPC.contains(&root)).then_some(root);
    for path in RPC.into_iter().chain(own) {
        router = router.route(&format!("/{path}"), any(rpc::handle));
    }
    router.with_state(shared)
}

/// Who asks, for the handlers.
fn client_key(request: &Request) -> ClientKey {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    let client = request.extensions().get::<SocketAddr>();
    ClientKey::Http(client.copied().unwrap_or(unknown))
}

async fn connection(stream: TcpStream, client: SocketAddr, router: Router, stop: CancellationToken) {
    // Answers are small, and scripts wait for them.
    let _ = stream.set_nodelay(true);
    // Else a client that reads no more, or has vanished, would stay for ever.
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNREAD));
    let service = TowerToHyperService::new(router.layer(Extension(client)));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SLOW)
        // A client that has said all, such as `nc -N`, still wants its answer.
        .half_close(true)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
