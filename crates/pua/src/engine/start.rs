//! The daemon's start and end: binds everything first, so that a fault shows before anything runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use mio::{Poll, Token, Waker};
use pua_core::UserAgent;

use super::daemon::{Daemon, TOKEN_BELL, answer_to};
use super::division::{self, Division};
use super::handle::{Bell, Control, EngineHandle};
use super::listeners::{self, FrontEnds};
use super::parts::Parts;
use super::ready::ReadyFile;
use super::{Hooks, Ready, settings, signals, store};
use crate::config::Config;
use crate::events;
use crate::mi::{self, Datagrams, Fifo, ReplyFifos};
use crate::server::{OwnServer, PresenceServer};
use crate::sip::{Families, Resolver, SipIo};

/// How long the front-ends may take to hand out their last answers.
const FAREWELL: Duration = Duration::from_secs(2);

/// Runs the daemon on this thread; returns after a graceful stop.
///
/// # Errors
/// [`super::ConfigFault`] if the configuration asks for what cannot be had; anything else is the
/// system's failure, such as an address in use.
pub(crate) fn run(config: Config, ready_file: Option<PathBuf>, mut hooks: Hooks) -> anyhow::Result<()> {
    let now = crate::clock::now();
    let front = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(front_threads())
        .thread_name("pua-front")
        .enable_all()
        .build()?;
    signals::outlive_file_limits(&front)?;
    // Before anything that can be seen: a second daemon on the same store must not get in the way of the running one.
    let store = store::open(&config.store)?;
    if let Some(path) = &ready_file {
        // A life that was killed has left it: nobody shall take it for this one's.
        let _ = std::fs::remove_file(path);
    }
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), Token(TOKEN_BELL))?;
    let (handle, inbox) = EngineHandle::new(Arc::new(Bell::new(waker)));
    signals::watch(&front, handle.clone())?;

    let mut ready = Ready::default();
    let server = listeners::server(&config)?;
    let bound = listeners::sip("sip.listen", &config.sip.listen)?;
    ready.sip = listeners::spell(&bound.addresses);
    let addresses = bound.addresses.clone();
    let common = division::Common {
        now,
        udp: &bound.udp,
        daemon: &inbox.bell,
    };
    let configure = |share| settings::core(&config, &addresses, store.is_durable(), share);
    let division = Division::new(config.engines, &common, configure, seed)?;
    let agent = UserAgent::new(now, configure(division.share()), seed()?);
    let sip = SipIo::new(poll.registry(), bound)?;

    let (mut fifo, mut replies) = (None, None);
    if let Some(settings) = &config.mi.fifo {
        let open = Fifo::open(settings.clone(), poll.registry(), Token(mi::TOKEN_FIFO), now);
        fifo = Some(open.map_err(listeners::fifo_fault)?);
        replies = Some(ReplyFifos::new(
            settings.reply_dir.clone(),
            poll.registry().try_clone()?,
        ));
        ready.mi_fifo = Some(settings.path.display().to_string());
    }
    let mut datagrams = None;
    if let Some(settings) = &config.mi.datagram {
        let open = Datagrams::open(now, settings, poll.registry()).map_err(listeners::datagram_fault)?;
        ready.mi_datagram = open.addresses().iter().map(ToString::to_string).collect();
        datagrams = Some(open);
    }
    let front_ends = FrontEnds::bind(&config)?;
    ready.http.clone_from(&front_ends.http_addresses);
    ready.mi_stream.clone_from(&front_ends.stream_addresses);

    let families = Families {
        v4: addresses.iter().any(|(_, address)| address.is_ipv4()),
        v6: addresses.iter().any(|(_, address)| address.is_ipv6()),
    };
    let resolver = Resolver::new(front.handle().clone(), families, answer_to(handle.clone()))?;
    let server = server
        .map(|bound| PresenceServer::start(&config, bound, seed()?))
        .transpose()?;
    let mut own_server = OwnServer::default();
    if let Some(server) = &server {
        ready.server = listeners::spell(server.addresses());
        own_server = OwnServer::new(server.addresses(), config.presence_server.as_deref());
    }

    let front_stop = handle.stopping().clone();
    let asking = handle.clone();
    let (inlet, feed) = events::stream(config.events, store.life(), front.handle(), move |ask| {
        asking.order(Control::Snapshot(ask));
    });
    let tasks = front_ends.start(&front, &handle, &feed, &front_stop)?;
    let mut carriers = crate::carriers::Carriers::new(
        feed,
        front.handle().clone(),
        tasks.tracker().clone(),
        front_stop.clone(),
    );
    carriers.configure(&config.carrying);
    let on_ready = hooks.on_ready.take();
    let mut daemon = Daemon::new(Parts {
        poll,
        config,
        bound: addresses,
        agent,
        division,
        sip,
        fifo,
        replies,
        datagrams,
        inbox,
        resolver,
        hooks,
        front_stop: front_stop.clone(),
        events: crate::carriers::Outlet { inlet, carriers },
        store,
        own_server,
    })?;
    let file = ready_file
        .map(|path| ReadyFile::write(&path, &ready))
        .transpose()?;
    tracing::info!(
        sip = ?ready.sip,
        fifo = ready.mi_fifo,
        datagram = ?ready.mi_datagram,
        stream = ?ready.mi_stream,
        http = ?ready.http,
        server = ?ready.server,
        "serving"
    );
    if let Some(on_ready) = on_ready {
        on_ready(&ready, handle.clone());
    }

    let result = daemon.run();
    front_stop.cancel();
    drop(file);
    let written = daemon.close();
    front.block_on(async {
        // What is still connected then has had its answer.
        let _ = tokio::time::timeout(FAREWELL, tasks.finished()).await;
    });
    if let Some(server) = server {
        server.stop();
    }
    front.shutdown_timeout(Duration::from_millis(200));
    tracing::info!("stopped");
    result.and(written)
}

/// Threads for the front-ends, beside the engine's own. Where there is no core for a second one the
/// two would only wake and move each other about.
fn front_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.saturating_sub(1).clamp(1, 2)
}

fn seed() -> anyhow::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| anyhow::anyhow!("{error}"))
        .context("the system has no random numbers")?;
    Ok(seed)
}
