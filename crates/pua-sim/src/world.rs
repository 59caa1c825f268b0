//! The world: clock, core, servers, network, resolver, store, applications.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pua_core::{
    Config, Credential, Hop, Input, Pacing, Proxy, ResolveError, Transport, Unreachable, UserAgent,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sip_transaction::Flow;

use crate::compositor::Compositor;
use crate::life::{Life, What};
use crate::network::{Queue, Streams, Weather};
use crate::seam::{Bug, Seam};
use crate::server::{Held, Server};
use crate::store::Store;
use crate::violation::Violation;
use crate::wire::Wire;
use crate::wishes::Wishes;

/// Where the core lives.
pub(crate) const CORE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)), 5060);
/// The name of the presence servers.
const NAME: &str = "presence.example.net";
/// Inputs at one moment, beyond which the core is taken to spin.
const SPIN: u32 = 20_000;

pub(crate) enum Event {
    ToServer(usize, Flow, Bytes),
    ToCore(Flow, Bytes),
    Unreachable(u32, Hop, Option<u64>, Unreachable),
    Resolved(u32, Arc<str>),
    Source(u32, IpAddr),
    Step(What),
    Up(usize, bool),
    Awake,
    Calm,
}

pub(crate) struct Host {
    pub(crate) addr: SocketAddr,
    pub(crate) server: Server,
    pub(crate) up: bool,
    pub(crate) cut_until: Option<Instant>,
}

/// A world with one life in it.
pub struct World {
    pub(crate) begun: Instant,
    pub(crate) now: Instant,
    pub(crate) life: Life,
    pub(crate) rng: StdRng,
    pub(crate) weather: Weather,
    pub(crate) core: Option<UserAgent>,
    /// Which of the core's lives this is.
    pub(crate) epoch: u32,
    pub(crate) seam: Seam,
    pub(crate) hosts: Vec<Host>,
    pub(crate) queue: Queue<Event>,
    pub(crate) streams: Streams,
    pub(crate) inbound: u64,
    pub(crate) store: Store,
    pub(crate) wire: Wire,
    pub(crate) wishes: Wishes,
    pub(crate) calm: bool,
    /// The next turn that changes the store is cut short, and the core is away for so long.
    pub(crate) kill: Option<Duration>,
    trace: Option<Vec<String>>,
    spins: u32,
    /// A server's contents may have changed.
    pub(crate) touched: bool,
}

impl World {
    /// The world at the beginning of a life. `begun` is any instant: time is counted from it.
    #[must_use]
    pub fn new(begun: Instant, life: Life, bug: Option<Bug>, traced: bool) -> World {
        let mut rng = StdRng::seed_from_u64(life.seed ^ 0x5eed);
        let hosts = life
            .servers
            .iter()
            .enumerate()
            .map(|(index, (policy, behaviour))| {
                let addr = SocketAddr::from(([10, 0, 0, 1 + index as u8], 5060));
                let server = match behaviour {
                    Some(behaviour) => {
                        let name = if index == 0 { 'a' } else { 'b' };
                        let seed = rng.random();
                        Server::Scripted(Box::new(Compositor::new(
                            begun,
                            name,
                            policy.clone(),
                            *behaviour,
                            seed,
                        )))
                    }
                    None => {
                        let config = pua_server::Config {
                            publish: pua_server::Lifetimes {
                                min: policy.min,
                                max: policy.max,
                                default: policy.max,
                            },
                            auth: policy.digest.as_ref().map(|(user, password, lifetime)| {
                                let mut auth = pua_server::Auth::one_user("example.com", user, password);
                                auth.nonce_lifetime = *lifetime;
                                auth
                            }),
                            ..pua_server::Config::default()
                        };
                        Server::Real(Box::new(pua_server::Server::new(begun, config, rng.random())))
                    }
                };
                Host {
                    addr,
                    server,
                    up: true,
                    cut_until: None,
                }
            })
            .collect();
        let mut world = World {
            begun,
            now: begun,
            weather: life.weather,
            rng,
            core: None,
            epoch: 0,
            seam: Seam::new(bug),
            hosts,
            queue: Queue::new(),
            streams: Streams::default(),
            inbound: 1_000_000,
            store: Store::default(),
            wire: Wire::default(),
            wishes: Wishes::new(&life),
            calm: false,
            kill: None,
            trace: traced.then(Vec::new),
            spins: 0,
            touched: false,
            life,
        };
        for step in world.life.steps.clone() {
            world.queue.push(begun + step.at, Event::Step(step.what));
        }
        world.queue.push(begun + world.life.calm, Event::Calm);
        world.core = Some(world.new_core());
        world
    }

    pub(crate) fn new_core(&mut self) -> UserAgent {
        UserAgent::new(self.now, self.config(), self.rng.random())
    }

    pub(crate) fn config(&self) -> Config {
        let transport = if self.life.tcp { ";transport=tcp" } else { "" };
        let ip = if self.life.unspecified {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        } else {
            CORE.ip()
        };
        let listen = SocketAddr::new(ip, CORE.port());
        Config {
            presence_server: Some(Proxy {
                uri: format!("sip:{NAME};lr{transport}").into(),
            }),
            listen: vec![(Transport::Udp, listen), (Transport::Tcp, listen)],
            default_expires: self.life.default_expires,
            min_expires: self.life.min_expires,
            credentials: vec![Credential {
                realm: "".into(),
                username: "alice".into(),
                password: "secret".into(),
            }],
            pacing: Pacing {
                min_interval: self.life.min_interval,
                window_floor: self.life.window.min(Pacing::default().window_floor),
                window_ceiling: self.life.window,
                ..Pacing::default()
            },
            ..Config::default()
        }
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let at = self.now - self.begun;
            trace.push(format!("{:>11.3} {}", at.as_secs_f64(), line()));
        }
    }

    /// What happened, if it was written down.
    pub fn take_trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    /// The earliest of all clocks.
    pub(crate) fn next(&self) -> Option<Instant> {
        let servers = self.hosts.iter().filter_map(|host| host.server.next()).min();
        [
            self.queue.next(),
            self.core.as_ref().and_then(UserAgent::poll_timeout),
            servers,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Moves the world to the next thing that happens.
    pub(crate) fn step(&mut self) -> Result<(), Violation> {
        let Some(next) = self.next() else { return Ok(()) };
        if next > self.now {
            self.now = next;
            self.spins = 0;
            self.wire.elapse(self.now);
        }
        self.spins += 1;
        if self.spins > SPIN {
            return Err(Violation::bound("the world spins without time passing"));
        }
        if self.queue.next().is_some_and(|at| at <= self.now) {
            match self.queue.pop() {
                Some(event) => self.happen(event)?,
                None => return Ok(()),
            }
        } else {
            let now = self.now;
            if self
                .core
                .as_ref()
                .and_then(UserAgent::poll_timeout)
                .is_some_and(|at| at <= now)
            {
                self.turn(Input::Timeout)?;
            }
            for index in 0..self.hosts.len() {
                if self.hosts[index].server.next().is_some_and(|at| at <= now) {
                    self.touched = true;
                    let sent = self.hosts[index].server.elapse(now);
                    self.server_sent(index, sent);
                }
            }
        }
        self.wishes.overdue(self.now)
    }

    /// Whether a server's contents may have changed since this was asked last.
    pub(crate) fn take_touched(&mut self) -> bool {
        std::mem::take(&mut self.touched)
    }

    /// Lets the world live until `until`.
    pub(crate) fn run_until(&mut self, until: Instant) -> Result<(), Violation> {
        while self.next().is_some_and(|next| next <= until) {
            self.step()?;
        }
        self.now = self.now.max(until);
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::ToServer(index, flow, bytes) => self.server_gets(index, flow, bytes),
            Event::ToCore(flow, bytes) => return self.core_gets(flow, bytes),
            Event::Unreachable(epoch, hop, connection, why) => {
                // A connection ends once.
                let open = connection.is_none() || self.streams.to(hop.addr) == connection;
                if epoch == self.epoch && self.core.is_some() && open {
                    if connection.is_some() {
                        self.streams.close(hop.addr);
                    }
                    self.note(|| format!("unreachable {hop} {why:?}"));
                    self.wire.unreachable(self.now, hop, connection);
                    return self.turn(Input::Unreachable { hop, connection, why });
                }
            }
            Event::Resolved(epoch, host) => {
                if epoch == self.epoch && self.core.is_some() {
                    let answer = self.resolve();
                    self.note(|| format!("resolved {answer:?}"));
                    return self.turn(Input::Resolved { host, answer });
                }
            }
            Event::Source(epoch, towards) => {
                if epoch == self.epoch && self.core.is_some() {
                    let source = Some(CORE.ip());
                    return self.turn(Input::Source { towards, source });
                }
            }
            Event::Step(what) => return self.do_step(what),
            Event::Up(index, restarted) => {
                self.note(|| format!("server {index} is up, empty: {restarted}"));
                self.hosts[index].up = true;
                if restarted {
                    let now = self.now;
                    self.hosts[index].server.restart(now);
                }
            }
            Event::Awake => return self.awake(),
            Event::Calm => {
                self.note(|| "calm".to_owned());
                self.calm = true;
                self.weather = Weather::fair();
                self.kill = None;
                for host in &mut self.hosts {
                    host.server.calm();
                    host.cut_until = None;
                }
            }
        }
        Ok(())
    }

    fn resolve(&mut self) -> Result<(Vec<IpAddr>, Duration), ResolveError> {
        if !self.calm && self.rng.random_bool(self.life.resolver_fails) {
            return Err(if self.rng.random() {
                ResolveError::NotFound
            } else {
                ResolveError::Unavailable
            });
        }
        let mut ips: Vec<IpAddr> = self.hosts.iter().map(|host| host.addr.ip()).collect();
        if self.life.resolver_shuffles && self.rng.random() {
            ips.reverse();
        }
        Ok((ips, Duration::from_secs(self.life.resolver_ttl)))
    }

    /// All copies of a publication at all servers.
    pub(crate) fn copies(&mut self, publication: usize) -> Vec<Held> {
        let name = &self.life.names[publication];
        let mut copies = Vec::new();
        for host in &mut self.hosts {
            let held = host.server.held(self.now, &name.presentity, &name.package);
            copies.extend(held.into_iter().filter(|held| held.publication == publication));
        }
        copies
    }
}
