//! A presence server of the simulated world: the real one, or the scripted one.

use std::time::{Duration, Instant};

use pua_server::{Input, Output};
use sip_transaction::{Flow, Transmit};

use crate::compositor::Compositor;
use crate::document::mark;

/// A publication that a server holds.
#[derive(Clone, Debug)]
pub struct Held {
    /// Which publication its document says it is.
    pub publication: usize,
    /// Which revision.
    pub revision: u64,
    /// The entity-tag.
    pub etag: String,
    /// When it ends unless refreshed.
    pub expires_at: Instant,
}

/// A presence server.
pub enum Server {
    /// The one that is delivered.
    Real(Box<pua_server::Server>),
    /// The reference model, which can be hostile.
    Scripted(Box<Compositor>),
}

impl Server {
    /// Takes a message in; what it sends, and after which time.
    pub fn receive(&mut self, now: Instant, flow: &Flow, bytes: &[u8]) -> Vec<(Duration, Transmit)> {
        match self {
            Server::Real(server) => {
                server.handle_input(now, Input::Received { flow, bytes });
                Server::drain(server)
            }
            Server::Scripted(server) => server.receive(now, flow, bytes),
        }
    }

    /// Lets time pass.
    pub fn elapse(&mut self, now: Instant) -> Vec<(Duration, Transmit)> {
        match self {
            Server::Real(server) => {
                server.handle_input(now, Input::Timeout);
                Server::drain(server)
            }
            Server::Scripted(server) => {
                server.expire(now);
                Vec::new()
            }
        }
    }

    fn drain(server: &mut pua_server::Server) -> Vec<(Duration, Transmit)> {
        let mut sent = Vec::new();
        while let Some(output) = server.poll_output() {
            if let Output::Transmit(transmit) = output {
                sent.push((Duration::ZERO, transmit));
            }
        }
        sent
    }

    /// When time matters to it next.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        match self {
            Server::Real(server) => server.poll_timeout(),
            Server::Scripted(server) => server.next(),
        }
    }

    /// Starts it again with an empty database.
    pub fn restart(&mut self, now: Instant) {
        match self {
            Server::Real(server) => server.forget_everything(now),
            Server::Scripted(server) => server.restart(),
        }
    }

    /// From now on it behaves well.
    pub fn calm(&mut self) {
        if let Server::Scripted(server) = self {
            server.calm();
        }
    }

    /// What it holds of a presentity and package.
    pub fn held(&mut self, now: Instant, presentity: &str, package: &str) -> Vec<Held> {
        match self {
            Server::Real(server) => server
                .publications(presentity, package)
                .into_iter()
                .filter(|held| held.expires_at > now)
                .filter_map(|held| {
                    let (publication, revision) = mark(&held.document.body)?;
                    Some(Held {
                        publication,
                        revision,
                        etag: held.etag,
                        expires_at: held.expires_at,
                    })
                })
                .collect(),
            Server::Scripted(server) => server.held(now, presentity, package),
        }
    }
}
