//! The listeners of the configuration, and what to tell when one cannot be had.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;

use pua_core::Transport;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{ConfigFault, EngineHandle};
use crate::config::{self, Config, DatagramListen, SipListen};
use crate::events::Feed;
use crate::mi::{DatagramError, FifoError};
use crate::sip::{self, Bound};
use crate::stream::{Socket, SocketError};

/// Binds SIP listeners; `key` is the configuration's name for them.
pub(super) fn sip(key: &str, listen: &[SipListen]) -> anyhow::Result<Bound> {
    let wanted: Vec<_> = listen.iter().map(|l| (l.transport, l.addr)).collect();
    sip::bind(&wanted).map_err(|failed| {
        let (kind, address) = (failed.error.kind(), failed.address);
        let hint = match kind {
            ErrorKind::AddrInUse => format!(
                "another program listens there: stop it (`ss -lnp 'sport = :{}'` shows which), or change {key}",
                address.port()
            ),
            ErrorKind::PermissionDenied => {
                "ports below 1024 need the capability CAP_NET_BIND_SERVICE, or choose a higher one".to_owned()
            }
            _ => format!("{} is no address of this machine: change {key}", address.ip()),
        };
        fault(kind == ErrorKind::AddrNotAvailable, failed.to_string(), hint)
    })
}

/// Binds the embedded presence server's listeners, if it runs.
pub(super) fn server(config: &Config) -> anyhow::Result<Option<Bound>> {
    let server = &config.server;
    server
        .enabled
        .then(|| sip("server.listen", &server.listen))
        .transpose()
}

/// Addresses in the spelling of the configuration.
pub(super) fn spell(addresses: &[(Transport, SocketAddr)]) -> Vec<String> {
    addresses
        .iter()
        .map(|(transport, address)| format!("{transport}:{address}"))
        .collect()
}

fn fault(configuration: bool, what: String, hint: String) -> anyhow::Error {
    if configuration {
        ConfigFault { what, hint }.into()
    } else {
        anyhow::anyhow!("{what}\n  hint: {hint}")
    }
}

pub(super) fn fifo_fault(error: FifoError) -> anyhow::Error {
    let configuration = match &error {
        FifoError::NotAFifo(_) | FifoError::NoSuchOwner(_) => true,
        FifoError::InUse(_) => false,
        FifoError::System { error, .. } => cannot_pass(error),
    };
    let hint = match &error {
        FifoError::System { path, error } if error.kind() == ErrorKind::PermissionDenied && path.exists() => {
            "it is there and somebody else's: remove it, run as its owner, or change mi.fifo.path".to_owned()
        }
        FifoError::System { path, error } => directory_hint(path, error, "mi.fifo.path"),
        _ => "see mi.fifo in the configuration".to_owned(),
    };
    fault(configuration, error.to_string(), hint)
}

pub(super) fn datagram_fault(error: DatagramError) -> anyhow::Error {
    let configuration = match &error {
        DatagramError::NotASocket(_) => true,
        DatagramError::InUse(_) => false,
        DatagramError::System { error, .. } => cannot_pass(error),
    };
    let hint = match &error {
        DatagramError::System {
            listen: DatagramListen::Unix(path),
            error,
        } => directory_hint(path, error, "mi.datagram.listen"),
        _ => "see mi.datagram in the configuration".to_owned(),
    };
    fault(configuration, error.to_string(), hint)
}

fn stream_fault(error: SocketError) -> anyhow::Error {
    let configuration = match &error {
        SocketError::NotASocket(_) => true,
        SocketError::InUse(_) => false,
        SocketError::System { error, .. } => cannot_pass(error),
    };
    let hint = match &error {
        SocketError::System { path, error } => directory_hint(path, error, "mi.stream.listen"),
        _ => "see mi.stream in the configuration".to_owned(),
    };
    fault(configuration, error.to_string(), hint)
}

/// Whether it stays as it is until somebody changes the configuration, or what it names.
fn cannot_pass(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::AddrNotAvailable
            | ErrorKind::NotADirectory
            | ErrorKind::ReadOnlyFilesystem
    )
}

fn directory_hint(path: &Path, error: &std::io::Error, key: &str) -> String {
    let directory = path.parent().unwrap_or(path).display();
    match error.kind() {
        ErrorKind::NotFound => format!("make the directory {directory}, or change {key}"),
        ErrorKind::PermissionDenied => format!("let this user write to {directory}, or change {key}"),
        _ => format!("see {key}"),
    }
}

/// The listeners of the front-ends that run beside the engine.
#[derive(Debug, Default)]
pub(super) struct FrontEnds {
    http: Vec<(std::net::TcpListener, config::Http)>,
    stream: Vec<Socket>,
    pub(super) http_addresses: Vec<String>,
    pub(super) stream_addresses: Vec<String>,
}

/// The front-ends at work.
#[derive(Debug)]
pub(super) struct Tasks {
    tracker: TaskTracker,
}

impl FrontEnds {
    /// Binds HTTP and stream listeners. One that nobody asked for and that cannot be had is a
    /// warning only.
    pub(super) fn bind(config: &Config) -> anyhow::Result<FrontEnds> {
        let mut bound = FrontEnds::default();
        if let Some(http) = &config.http {
            for &address in &http.listen {
                match bind_http(address) {
                    Ok(listener) => {
                        let local = listener.local_addr()?;
                        bound.http_addresses.push(local.to_string());
                        bound.http.push((listener, http.clone()));
                    }
                    Err(error) if !http.asked => {
                        tracing::warn!(%address, %error, "no HTTP: the default address cannot be had");
                    }
                    Err(error) => {
                        let missing = error.kind() == ErrorKind::AddrNotAvailable;
                        let what = format!("cannot listen on {address} for HTTP: {error}");
                        let hint = "stop what listens there, or change http.listen".to_owned();
                        return Err(fault(missing, what, hint));
                    }
                }
            }
        }
        if let Some(stream) = &config.mi.stream {
            for path in &stream.listen {
                match Socket::open(path, stream.mode) {
                    Ok(socket) => {
                        bound.stream_addresses.push(format!("unix:{}", path.display()));
                        bound.stream.push(socket);
                    }
                    Err(error) if !stream.asked => {
                        tracing::warn!(path = %path.display(), %error, "no stream socket: the default one cannot be had");
                    }
                    Err(error) => return Err(stream_fault(error)),
                }
            }
        }
        Ok(bound)
    }

    /// Starts them.
    pub(super) fn start(
        self,
        runtime: &Runtime,
        engine: &EngineHandle,
        feed: &Feed,
        stop: &CancellationToken,
    ) -> anyhow::Result<Tasks> {
        let tracker = TaskTracker::new();
        let inside = runtime.handle();
        for (listener, settings) in self.http {
            let serve = crate::http::serve(listener, settings, engine.clone(), feed.clone(), stop.clone());
            tracker.spawn_on(serve, inside);
        }
        for socket in self.stream {
            let serve = crate::stream::serve(socket, engine.clone(), feed.clone(), stop.clone());
            tracker.spawn_on(serve, inside);
        }
        Ok(Tasks { tracker })
    }
}

impl Tasks {
    /// For tasks that shall have ended with them.
    pub(super) fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// Waits until every front-end has ended.
    pub(super) async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

fn bind_http(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
