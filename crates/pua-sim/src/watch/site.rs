//! Who notifies: the scripted notifier, or the real server.

use std::time::{Duration, Instant};

use pua_server::{Input, Output};
use sip_transaction::Flow;

use super::life::Life;
use super::notifier::{FRONT, Notifier, Sent};
use super::resource::Truth;
use crate::document::mark;

pub(crate) enum Site {
    Scripted(Box<Notifier>),
    Real(Box<pua_server::Server>),
}

impl Site {
    pub(crate) fn new(now: Instant, life: &Life, seed: u64) -> Site {
        if !life.mixed {
            let notifier = Notifier::new(now, life.policy.clone(), life.moods, seed);
            return Site::Scripted(Box::new(notifier));
        }
        let lifetimes = pua_server::Lifetimes {
            min: life.policy.min,
            max: life.policy.max,
            default: life.policy.max,
        };
        let config = pua_server::Config {
            publish: lifetimes,
            subscribe: lifetimes,
            auth: life.policy.digest.map(|nonce_lifetime| {
                let mut auth = pua_server::Auth::one_user("example.com", "alice", "secret");
                auth.nonce_lifetime = nonce_lifetime;
                auth
            }),
            ..pua_server::Config::default()
        };
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Site::Real(Box::new(pua_server::Server::new(now, config, bytes)))
    }

    fn drain(server: &mut pua_server::Server) -> Vec<Sent> {
        let mut sent = Vec::new();
        while let Some(output) = server.poll_output() {
            if let Output::Transmit(transmit) = output {
                sent.push(Sent {
                    after: Duration::ZERO,
                    from: FRONT,
                    bytes: transmit.bytes,
                });
            }
        }
        sent
    }

    pub(crate) fn receive(&mut self, now: Instant, flow: &Flow, bytes: &[u8]) -> Vec<Sent> {
        match self {
            Site::Scripted(notifier) => notifier.receive(now, flow, bytes),
            Site::Real(server) => {
                server.handle_input(now, Input::Received { flow, bytes });
                Site::drain(server)
            }
        }
    }

    pub(crate) fn elapse(&mut self, now: Instant) -> Vec<Sent> {
        match self {
            Site::Scripted(notifier) => notifier.elapse(now),
            Site::Real(server) => {
                server.handle_input(now, Input::Timeout);
                Site::drain(server)
            }
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        match self {
            Site::Scripted(notifier) => notifier.next(),
            Site::Real(server) => server.poll_timeout(),
        }
    }

    pub(crate) fn restart(&mut self, now: Instant) {
        match self {
            Site::Scripted(notifier) => notifier.restart(),
            Site::Real(server) => server.forget_everything(now),
        }
    }

    pub(crate) fn calm(&mut self, now: Instant) {
        if let Site::Scripted(notifier) = self {
            notifier.calm(now);
        }
    }

    /// What watchers should know; of the real server the mark of the one document that is
    /// published.
    pub(crate) fn truth(&mut self, presentity: &str, package: &str) -> Known {
        match self {
            Site::Scripted(notifier) => Known::Whole(notifier.truth(presentity, package)),
            Site::Real(server) => {
                let held = server.publications(presentity, package);
                Known::Marks(held.iter().filter_map(|held| mark(&held.document.body)).collect())
            }
        }
    }

    /// The dialogs of a subscription: Call-ID and our tag; whether it has been answered.
    pub(crate) fn usages(&self, presentity: &str, package: &str) -> Option<Vec<(String, String)>> {
        let Site::Scripted(notifier) = self else {
            return None;
        };
        let key = super::notifier::key_of(presentity, package);
        Some(
            notifier
                .usages
                .values()
                .filter(|usage| usage.resource == key)
                .map(|usage| (usage.call_id.clone(), usage.tag.clone()))
                .collect(),
        )
    }
}

/// What watchers should know.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    Whole(Truth),
    Marks(Vec<(usize, u64)>),
}
