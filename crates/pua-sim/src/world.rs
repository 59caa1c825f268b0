//! The world: clock, core, servers, network, resolver, store, applications.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pua_core::{
    Change, Command, Config, Credential, Hop, Input, Lifetime, Output, Pacing, Proxy, PublicationName, Publish, Query,
    Refusal, ResolveError, Target, Transmit, Transport, Unreachable, UserAgent, Wait,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sip_transaction::Flow;

use crate::compositor::Compositor;
use crate::document::document;
use crate::life::{Life, What};
use crate::network::{Queue, Streams, Weather};
use crate::seam::{Bug, Seam};
use crate::server::{Held, Server};
use crate::store::Store;
use crate::violation::Violation;
use crate::wire::{Operation, Wire};
use crate::wishes::{Expected, Wish, Wishes};

/// Where the core lives.
const CORE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)), 5060);
/// The name of the presence servers.
const NAME: &str = "presence.example.net";
/// Inputs at one moment, beyond which the core is taken to spin.
const SPIN: u32 = 20_000;

enum Event {
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
    up: bool,
    cut_until: Option<Instant>,
}

/// A world with one life in it.
pub struct World {
    pub(crate) begun: Instant,
    pub(crate) now: Instant,
    pub(crate) life: Life,
    rng: StdRng,
    weather: Weather,
    pub(crate) core: Option<UserAgent>,
    /// Which of the core's lives this is.
    epoch: u32,
    seam: Seam,
    pub(crate) hosts: Vec<Host>,
    queue: Queue<Event>,
    streams: Streams,
    inbound: u64,
    pub(crate) store: Store,
    pub(crate) wire: Wire,
    pub(crate) wishes: Wishes,
    pub(crate) calm: bool,
    /// The next turn that changes the store is cut short, and the core is away for so long.
    kill: Option<Duration>,
    trace: Option<Vec<String>>,
    spins: u32,
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
                        Server::Scripted(Box::new(Compositor::new(begun, name, policy.clone(), *behaviour, seed)))
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
            life,
        };
        for step in world.life.steps.clone() {
            world.queue.push(begun + step.at, Event::Step(step.what));
        }
        world.queue.push(begun + world.life.calm, Event::Calm);
        world.core = Some(world.new_core());
        world
    }

    fn new_core(&mut self) -> UserAgent {
        UserAgent::new(self.now, self.config(), self.rng.random())
    }

    fn config(&self) -> Config {
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
        [self.queue.next(), self.core.as_ref().and_then(UserAgent::poll_timeout), servers]
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
                    let sent = self.hosts[index].server.elapse(now);
                    self.from_server(index, sent);
                }
            }
        }
        self.wishes.overdue(self.now)
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
            Event::ToServer(index, flow, bytes) => self.to_server(index, flow, bytes),
            Event::ToCore(flow, bytes) => return self.to_core(flow, bytes),
            Event::Unreachable(epoch, hop, connection, why) => {
                if epoch == self.epoch && self.core.is_some() {
                    if connection.is_some() && self.streams.to(hop.addr) == connection {
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

    // ---- the core's side ----

    /// One turn of the loop: an input, and all that comes of it.
    pub(crate) fn turn(&mut self, input: Input<'_>) -> Result<(), Violation> {
        let Some(core) = &mut self.core else { return Ok(()) };
        core.handle_input(self.now, input);
        self.drain()
    }

    pub(crate) fn drain(&mut self) -> Result<(), Violation> {
        let Some(core) = &mut self.core else { return Ok(()) };
        let mut outputs = Vec::new();
        while let Some(output) = core.poll_output() {
            outputs.push(output);
        }
        let outputs = self.seam.leaving(outputs);
        let persists = outputs.iter().any(|output| matches!(output, Output::Persist(_)));
        let killed = self.kill.take_if(|_| persists);
        for output in outputs {
            match output {
                Output::Transmit(transmit) => self.from_core(transmit)?,
                Output::Resolve(query) => {
                    let at = self.now + self.weather.delay(&mut self.rng) * 3;
                    let event = match query {
                        Query::Addresses { host } => Event::Resolved(self.epoch, host),
                        Query::Source { towards } => Event::Source(self.epoch, towards),
                    };
                    self.queue.push(at, event);
                }
                Output::Persist(_) | Output::Reply(..) | Output::Event(_) if killed.is_some() => {}
                Output::Persist(change) => self.persist(change),
                Output::Reply(id, reply) => {
                    self.note(|| format!("reply {id:?} {reply:?}"));
                    self.wishes.replied(self.now, id, &reply, &self.wire)?;
                }
                Output::Event(event) => self.note(|| format!("event {event:?}")),
            }
        }
        if let Some(span) = killed {
            self.die(span);
        }
        Ok(())
    }

    fn persist(&mut self, change: Change) {
        if let Change::Delete { key } = &change
            && let Some(record) = self.store.records().find(|record| record.key == *key)
            && let Some(index) = self.wishes.index(&record.name)
        {
            self.wire.ended(index);
        }
        self.store.apply(change);
    }

    fn from_core(&mut self, transmit: Transmit) -> Result<(), Violation> {
        let hop = transmit.hop;
        let index = self.hosts.iter().position(|host| host.addr == hop.addr);
        let connection = (hop.transport == Transport::Tcp).then(|| match self.streams.to(hop.addr) {
            Some(open) => open,
            None => self.streams.connect(hop.addr),
        });
        self.note(|| {
            let text = String::from_utf8_lossy(&transmit.bytes);
            let head = text.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n", " | ");
            format!("core -> {hop} {head}")
        });
        if let Some(sent) = self.wire.sent(self.now, hop, connection, &transmit.bytes)? {
            self.wishes.sent(self.now, &sent, &self.wire)?;
            if let (Some(revision), Some(wish)) = (sent.revision, self.wishes.wishes.get(&sent.publication))
                && revision == wish.revision
                && !transmit.bytes.ends_with(&wish.document.body)
            {
                return Err(Violation::message("the document was changed on its way"));
            }
        }
        let Some(index) = index else {
            return Err(Violation::message(format!("sent to {hop}, which is nobody")));
        };
        let delay = self.weather.delay(&mut self.rng);
        let cut = self.hosts[index].cut_until.is_some_and(|until| until > self.now);
        match connection {
            None => {
                if cut || self.rng.random_bool(self.weather.loss) {
                    return Ok(());
                }
                let flow = Flow {
                    transport: Transport::Udp,
                    local: hop.addr,
                    remote: CORE,
                    connection: 0,
                };
                if self.rng.random_bool(self.weather.duplication) {
                    let delay = self.weather.delay(&mut self.rng) * 2;
                    let event = Event::ToServer(index, flow, transmit.bytes.clone());
                    self.queue.push(self.now + delay, event);
                }
                self.queue
                    .push(self.now + delay, Event::ToServer(index, flow, transmit.bytes));
            }
            Some(connection) => {
                let refused = self.life.no_tcp || !self.hosts[index].up;
                if refused || cut {
                    let (why, after) = if refused {
                        (Unreachable::Refused, delay)
                    } else {
                        (Unreachable::ConnectTimeout, Duration::from_secs(8))
                    };
                    let event = Event::Unreachable(self.epoch, hop, Some(connection), why);
                    self.queue.push(self.now + after, event);
                    return Ok(());
                }
                let flow = Flow {
                    transport: Transport::Tcp,
                    local: hop.addr,
                    remote: SocketAddr::new(CORE.ip(), 40_000 + (connection % 20_000) as u16),
                    connection,
                };
                let at = self.streams.arrival(connection, true, self.now + delay);
                self.queue.push(at, Event::ToServer(index, flow, transmit.bytes));
            }
        }
        Ok(())
    }

    fn to_core(&mut self, flow: Flow, bytes: Bytes) -> Result<(), Violation> {
        if self.core.is_none() || self.wire.deadline(&bytes) == Some(self.now) {
            // Just when timer F fires either may come first: then it is lost.
            return Ok(());
        }
        self.note(|| {
            let text = String::from_utf8_lossy(&bytes);
            let row = |name: &str| {
                text.split("\r\n")
                    .find(|row| row.starts_with(name))
                    .unwrap_or_default()
                    .to_owned()
            };
            let rows = ["CSeq", "SIP-ETag", "Expires", "Retry-After", "Min-Expires"].map(row).join(" | ");
            format!("{} -> core {} {rows}", flow.remote, text.lines().next().unwrap_or_default())
        });
        let epoch = self.epoch;
        let arrived = self.wire.arrived(self.now, &bytes);
        let bytes = self.seam.arriving(bytes);
        self.turn(Input::Received {
            flow: &flow,
            bytes: &bytes,
        })?;
        // What a final response says is durable when its turn is over.
        if let Some(arrived) = arrived
            && epoch == self.epoch
            && ((200..300).contains(&arrived.code) || arrived.code == 412)
            && arrived.operation != Operation::Remove
            && let Some(record) = self.store.named(&self.life.names[arrived.publication])
        {
            let tag = self
                .wire
                .chains
                .get(&arrived.publication)
                .and_then(|chain| chain.tag.as_deref());
            if record.etag.as_deref() != tag {
                return Err(Violation::equality(format!(
                    "the store has the entity-tag {:?} of publication {}, the server gave {tag:?}",
                    record.etag, arrived.publication
                )));
            }
        }
        Ok(())
    }

    fn die(&mut self, span: Duration) {
        self.note(|| format!("the daemon is killed for {span:?}"));
        self.core = None;
        self.epoch += 1;
        self.streams.close_all();
        self.wishes.killed();
        self.wire.killed(self.now);
        self.reconsider();
        let awake = self.now + span;
        self.queue.push(awake, Event::Awake);
    }

    /// What was not committed was never acknowledged: the store decides what is wanted.
    fn reconsider(&mut self) {
        for publication in 0..self.life.names.len() {
            let Some(wish) = self.wishes.wishes.get(&publication) else {
                continue;
            };
            let mut wish = wish.clone();
            match self.store.named(&self.life.names[publication]) {
                None => wish.gone = true,
                Some(record) => {
                    let document = record.document.clone();
                    let marked = document.as_ref().and_then(|document| crate::document::mark(&document.body));
                    if let (Some(document), Some((_, revision))) = (document, marked) {
                        wish.document = document;
                        wish.revision = revision;
                    }
                    wish.until = record.until;
                    wish.gone = record.removing;
                }
            }
            self.wishes.wants(self.now, publication, wish);
        }
    }

    fn awake(&mut self) -> Result<(), Violation> {
        self.note(|| "the daemon is back".to_owned());
        self.core = Some(self.new_core());
        let records: Vec<_> = self.store.records().cloned().collect();
        for record in &records {
            if let (Some(index), Ok(uri)) = (
                self.wishes.index(&record.name),
                sip_wire::Uri::parse(&record.name.presentity),
            ) {
                let tag = record.etag.as_deref().map(str::to_owned);
                self.wire.restored(index, &uri.key(), tag, record.expires_at);
            }
        }
        for record in records {
            self.turn(Input::Restore(record))?;
        }
        Ok(())
    }

    // ---- the servers' side ----

    fn to_server(&mut self, index: usize, flow: Flow, bytes: Bytes) {
        let now = self.now;
        if !self.hosts[index].up {
            if flow.transport == Transport::Udp && self.rng.random() {
                let hop = Hop {
                    transport: flow.transport,
                    addr: flow.local,
                };
                let at = now + self.weather.delay(&mut self.rng);
                let event = Event::Unreachable(self.epoch, hop, None, Unreachable::Refused);
                self.queue.push(at, event);
            }
            return;
        }
        let sent = self.hosts[index].server.receive(now, &flow, &bytes);
        self.from_server(index, sent);
    }

    fn from_server(&mut self, index: usize, sent: Vec<(Duration, Transmit)>) {
        let remote = self.hosts[index].addr;
        for (after, transmit) in sent {
            let cut = self.hosts[index].cut_until.is_some_and(|until| until > self.now);
            let delay = after + self.weather.delay(&mut self.rng);
            if transmit.hop.transport == Transport::Udp {
                let lost = cut || transmit.hop.addr != CORE || self.rng.random_bool(self.weather.loss);
                let flow = Flow {
                    transport: Transport::Udp,
                    local: CORE,
                    remote,
                    connection: 0,
                };
                if lost {
                    continue;
                }
                if self.rng.random_bool(self.weather.duplication) {
                    let delay = self.weather.delay(&mut self.rng) * 2;
                    let event = Event::ToCore(flow, transmit.bytes.clone());
                    self.queue.push(self.now + delay, event);
                }
                self.queue.push(self.now + delay, Event::ToCore(flow, transmit.bytes));
                continue;
            }
            if cut {
                continue;
            }
            let connection = match transmit.connection.filter(|connection| self.streams.is_open(*connection)) {
                Some(open) => open,
                None => {
                    // The connection is gone: a new one to where the Via says (RFC 3261 §18.2.2).
                    self.inbound += 1;
                    self.inbound
                }
            };
            let flow = Flow {
                transport: Transport::Tcp,
                local: CORE,
                remote,
                connection,
            };
            let at = self.streams.arrival(connection, false, self.now + delay);
            self.queue.push(at, Event::ToCore(flow, transmit.bytes));
        }
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

    // ---- the applications' side ----

    fn do_step(&mut self, what: What) -> Result<(), Violation> {
        match what {
            What::Publish { .. } | What::Remove { .. } | What::Refresh { .. } => return self.command(what),
            What::Restart(index) => {
                self.note(|| format!("server {index} restarts"));
                let now = self.now;
                self.hosts[index].server.restart(now);
            }
            What::Down(index, span, restarts) => {
                self.note(|| format!("server {index} goes down for {span:?}"));
                self.hosts[index].up = false;
                self.queue.push(self.now + span, Event::Up(index, restarts));
                self.reset(index);
            }
            What::Cut(index, span) => {
                self.note(|| format!("server {index} is cut off for {span:?}"));
                self.hosts[index].cut_until = Some(self.now + span);
                self.reset(index);
            }
            What::Reset(index) => self.reset(index),
            What::Crash(span, half_way) => {
                if self.core.is_some() {
                    if half_way {
                        self.kill = Some(span);
                    } else {
                        self.die(span);
                    }
                }
            }
            What::Configure => {
                self.note(|| "the configuration is read again".to_owned());
                let config = self.config();
                return self.turn(Input::Configure(config));
            }
        }
        Ok(())
    }

    /// Breaks the connection to a server.
    fn reset(&mut self, index: usize) {
        let addr = self.hosts[index].addr;
        if let Some(connection) = self.streams.to(addr) {
            let hop = Hop {
                transport: Transport::Tcp,
                addr,
            };
            let event = Event::Unreachable(self.epoch, hop, Some(connection), Unreachable::Closed);
            self.queue.push(self.now, event);
        }
    }

    /// Gives a command to the core as an application does.
    pub(crate) fn command(&mut self, what: What) -> Result<(), Violation> {
        let Some(core) = &self.core else { return Ok(()) };
        let now = self.now;
        let (publication, wait, timeout) = match &what {
            What::Publish {
                publication,
                wait,
                timeout,
                ..
            }
            | What::Remove {
                publication,
                wait,
                timeout,
            }
            | What::Refresh {
                publication,
                wait,
                timeout,
            } => (*publication, *wait, *timeout),
            _ => return Ok(()),
        };
        let name: PublicationName = self.life.names[publication].clone();
        let view = core.publication(&name);
        let before = self.wishes.wishes.get(&publication).cloned();
        let mut refusal = None;
        let (command, wish) = match what {
            What::Publish {
                document: padding,
                lifetime,
                if_match,
                ..
            } => {
                let held = view
                    .as_ref()
                    .filter(|view| view.expires_at.is_some_and(|at| at > now))
                    .and_then(|view| view.etag.clone());
                let if_match: Option<Arc<str>> = match if_match {
                    Some(true) => held,
                    Some(false) => Some("nonsense".into()),
                    None => None,
                };
                let nonsense = if_match.as_deref() == Some("nonsense");
                let made = padding.map(|padding| {
                    let revision = self.wishes.next_revision();
                    (revision, document(&name.package, publication, revision, padding))
                });
                let until = match lifetime {
                    Lifetime::UntilFurtherNotice => None,
                    Lifetime::Seconds(seconds) => Some(now + Duration::from_secs(seconds.into())),
                    Lifetime::Default => Some(now + Duration::from_secs(self.life.default_expires.into())),
                };
                let wish = match (&made, view.is_some(), &before) {
                    (Some((revision, document)), ..) => Some((*revision, document.clone())),
                    (None, true, Some(before)) => Some((before.revision, before.document.clone())),
                    _ => None,
                };
                if nonsense {
                    refusal = Some(Refusal::WrongEntityTag);
                } else if wish.is_none() {
                    refusal = Some(Refusal::NoDocument);
                }
                let publish = Publish {
                    name,
                    lifetime,
                    document: made.map(|(_, document)| document),
                    if_match,
                    headers: "".into(),
                    proxy: None,
                    wait,
                    timeout,
                };
                let wish = wish.map(|(revision, document)| Wish {
                    revision,
                    document,
                    until,
                    gone: false,
                });
                (Command::Publish(publish), wish)
            }
            other => {
                if view.is_none() {
                    refusal = Some(Refusal::NotFound);
                }
                let target = Target {
                    name,
                    if_match: None,
                    wait,
                    timeout,
                };
                if matches!(other, What::Remove { .. }) {
                    let wish = before.clone().map(|wish| Wish { gone: true, ..wish });
                    (Command::Remove(target), wish)
                } else {
                    (Command::Refresh(target), before.clone())
                }
            }
        };
        let expected = match (&refusal, wait) {
            (_, Wait::None) => None,
            (Some(refusal), _) => Some(Expected::Refused(refusal.clone())),
            (None, Wait::Accepted) => Some(Expected::Accepted),
            (None, Wait::Final) => Some(Expected::Outcome),
        };
        let revision = match (&command, &wish) {
            (Command::Publish(_), Some(wish)) => Some(wish.revision),
            _ => None,
        };
        let id = self.wishes.commanded(now, publication, revision, timeout, expected);
        if let (None, Some(wish)) = (refusal, wish) {
            self.wishes.wants(now, publication, wish);
        }
        self.note(|| format!("command {id:?} {command:?}"));
        self.turn(Input::Command(id, command))
    }
}
