//! The embedded presence server: sockets round the sans-IO event state compositor, on a thread of
//! its own, so that its work is never the user agent's.

mod own;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};
use pua_core::{Timers, Transmit, Transport};
use pua_server::{Auth, Event, Input, Lifetimes, Output, Server};

pub(crate) use self::own::OwnServer;
use crate::clock;
use crate::config::Config;
use crate::sip::{Bound, SipIo};

const TOKEN_WAKER: usize = 0;
/// How long watchers may take to answer that their subscriptions are over.
const FAREWELL: Duration = Duration::from_secs(1);

/// A running presence server.
#[derive(Debug)]
pub(crate) struct PresenceServer {
    addresses: Vec<(Transport, SocketAddr)>,
    stop: Arc<AtomicBool>,
    waker: Waker,
    thread: JoinHandle<()>,
}

impl PresenceServer {
    /// Starts a server on bound sockets.
    ///
    /// # Errors
    /// The system gives no thread or poller.
    pub(crate) fn start(config: &Config, bound: Bound, seed: [u8; 32]) -> anyhow::Result<PresenceServer> {
        let addresses = bound.addresses.clone();
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), Token(TOKEN_WAKER))?;
        let stop = Arc::new(AtomicBool::new(false));
        let settings = settings(config);
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("pua-server".to_owned())
            .spawn(move || {
                let server = Server::new(clock::now(), settings, seed);
                if let Err(error) = serve(poll, bound, server, &stopped) {
                    tracing::error!(%error, "the embedded presence server has ended");
                }
            })?;
        Ok(PresenceServer {
            addresses,
            stop,
            waker,
            thread,
        })
    }

    /// The addresses really bound.
    pub(crate) fn addresses(&self) -> &[(Transport, SocketAddr)] {
        &self.addresses
    }

    /// Ends it; its publications and subscriptions are gone, and watchers are told so.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        let _ = self.waker.wake();
        // It panics only by a fault of the program, which has been told by then.
        let _ = self.thread.join();
    }
}

fn settings(config: &Config) -> pua_server::Config {
    let server = &config.server;
    let auth = server.realm.as_ref().map(|realm| Auth {
        users: server
            .users
            .iter()
            .map(|user| (user.username.clone(), user.password.reveal().to_owned()))
            .collect(),
        ..Auth::one_user(realm, "", "")
    });
    // Of a subscription a minimum above an hour counts as an hour there (RFC 6665 §4.2.1.1).
    let lifetimes = Lifetimes {
        min: server.min_expires,
        max: server.max_expires,
        default: server.max_expires.min(3600).max(server.min_expires),
    };
    pua_server::Config {
        publish: lifetimes,
        subscribe: lifetimes,
        auth,
        timers: Timers {
            t1: config.sip.t1,
            ..Timers::default()
        },
        server_header: Some(concat!("pua-server/", env!("CARGO_PKG_VERSION")).to_owned()),
        ..pua_server::Config::default()
    }
}

fn serve(mut poll: Poll, bound: Bound, mut server: Server, stop: &AtomicBool) -> std::io::Result<()> {
    let mut sip = SipIo::new(poll.registry(), bound)?;
    let mut events = Events::with_capacity(256);
    let mut transmits: Vec<Transmit> = Vec::new();
    let mut stops_at = None;
    loop {
        let now = clock::now();
        if stops_at.is_none() && stop.load(Ordering::Acquire) {
            server.stop(now);
            drain(&mut server, &mut transmits);
            for transmit in transmits.drain(..) {
                sip.send(now, transmit);
            }
            sip.flush(now);
            stops_at = Some(now + FAREWELL);
        }
        if stops_at.is_some_and(|at| now >= at || server.counters().subscriptions == 0) {
            return Ok(());
        }
        let timeout = match sip.pending() {
            true => Some(Duration::ZERO),
            false => {
                let due = [server.poll_timeout(), sip.next_timeout(), stops_at];
                clock::wait(now, due.into_iter().flatten().min())
            }
        };
        match poll.poll(&mut events, timeout) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let now = clock::now();
        for event in &events {
            sip.on_event(now, event);
        }
        sip.turn(now, |flow, bytes| {
            server.handle_input(now, Input::Received { flow, bytes });
            drain(&mut server, &mut transmits);
        });
        for lost in sip.take_lost() {
            let input = Input::Unreachable {
                hop: lost.hop,
                connection: lost.connection,
            };
            server.handle_input(now, input);
            drain(&mut server, &mut transmits);
        }
        if server.poll_timeout().is_some_and(|at| at <= now) {
            server.handle_input(now, Input::Timeout);
            drain(&mut server, &mut transmits);
        }
        for transmit in transmits.drain(..) {
            sip.send(now, transmit);
        }
        sip.flush(now);
    }
}

fn drain(server: &mut Server, transmits: &mut Vec<Transmit>) {
    while let Some(output) = server.poll_output() {
        match output {
            Output::Transmit(transmit) => transmits.push(transmit),
            Output::Event(Event::DocumentLeftOut { bytes }) => tracing::warn!(
                bytes,
                "presence server: a NOTIFY is too large for a datagram, and the watcher refuses TCP: sent without its document"
            ),
            Output::Event(event) => tracing::debug!(?event, "presence server"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the operator says of lifetimes holds for publications and subscriptions.
    #[test]
    fn lifetimes_are_those_of_publications_and_subscriptions() {
        let mut config = crate::config::defaults();
        config.server.min_expires = 60;
        config.server.max_expires = 100;
        let settings = settings(&config);
        let both = [settings.publish, settings.subscribe];
        assert!(
            both.iter()
                .all(|of| (of.min, of.max, of.default) == (60, 100, 100))
        );
    }
}
