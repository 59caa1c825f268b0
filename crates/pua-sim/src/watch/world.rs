//! The world of a life of watching: clock, core, notifier, network, resolver, store.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pua_core::{
    Config, Credential, Hop, Input, Proxy, ResolveError, Subscribing, Transport, Unreachable, UserAgent,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sip_transaction::Flow;

use super::account::Account;
use super::life::{Life, What};
use super::notifier::address;
use super::seam::{Seam, WatchBug};
use super::site::Site;
use super::wishes::Wishes;
use crate::network::{Queue, Weather};
use crate::store::Store;
use crate::violation::Violation;

/// Where the core lives.
pub(crate) const CORE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 90)), 5060);
/// Where its first SUBSCRIBEs go.
pub(crate) const SERVER: &str = "sip:presence.example.net;lr";
/// Inputs at one moment, beyond which the core is taken to spin.
const SPIN: u32 = 20_000;

pub(crate) enum Event {
    ToSite(Flow, Bytes),
    ToCore(Flow, Bytes),
    Unreachable(u32, Hop),
    Resolved(u32, Arc<str>),
    Step(What),
    Up,
    Awake,
    Calm,
}

pub(crate) struct World {
    pub(crate) begun: Instant,
    pub(crate) now: Instant,
    pub(crate) life: Life,
    pub(crate) rng: StdRng,
    pub(crate) weather: Weather,
    pub(crate) core: Option<UserAgent>,
    pub(crate) epoch: u32,
    pub(crate) seam: Seam,
    pub(crate) site: Site,
    pub(crate) up: bool,
    pub(crate) cut_until: Option<Instant>,
    pub(crate) queue: Queue<Event>,
    pub(crate) store: Store,
    pub(crate) account: Account,
    pub(crate) wishes: Wishes,
    pub(crate) calm: bool,
    pub(crate) kill: Option<Duration>,
    /// NOTIFYs that have passed, for those who send them once more.
    pub(crate) heard: Vec<Bytes>,
    pub(crate) revision: u64,
    trace: Option<Vec<String>>,
    spins: u32,
}

impl World {
    pub(crate) fn new(begun: Instant, life: Life, bug: Option<WatchBug>, traced: bool) -> World {
        let mut rng = StdRng::seed_from_u64(life.seed ^ 0x5eed);
        let site = Site::new(begun, &life, rng.random());
        let mut world = World {
            begun,
            now: begun,
            weather: life.weather,
            rng,
            core: None,
            epoch: 0,
            seam: Seam::new(bug),
            site,
            up: true,
            cut_until: None,
            queue: Queue::new(),
            store: Store::default(),
            account: Account::default(),
            wishes: Wishes::new(life.names.clone(), life.default_expires),
            calm: false,
            kill: None,
            heard: Vec::new(),
            revision: 0,
            trace: traced.then(Vec::new),
            spins: 0,
            life,
        };
        for step in world.life.steps.clone() {
            world.queue.push(begun + step.at, Event::Step(step.what));
        }
        world.queue.push(begun + world.life.calm, Event::Calm);
        world.wishes.counted = !world.life.mixed;
        world.core = Some(world.new_core());
        world
    }

    pub(crate) fn new_core(&mut self) -> UserAgent {
        UserAgent::new(self.now, self.config(), self.rng.random())
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            presence_server: Some(Proxy { uri: SERVER.into() }),
            listen: vec![(Transport::Udp, CORE)],
            subscribe: Subscribing {
                default_expires: self.life.default_expires,
                ..Subscribing::default()
            },
            credentials: vec![Credential {
                realm: "".into(),
                username: "alice".into(),
                password: "secret".into(),
            }],
            ..Config::default()
        }
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let at = self.now - self.begun;
            trace.push(format!("{:>11.3} {}", at.as_secs_f64(), line()));
        }
    }

    pub(crate) fn take_trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        let core = self.core.as_ref().and_then(UserAgent::poll_timeout);
        let site = if self.up { self.site.next() } else { None };
        [self.queue.next(), core, site].into_iter().flatten().min()
    }

    /// One thing happens.
    pub(crate) fn step(&mut self) -> Result<(), Violation> {
        let Some(next) = self.next() else { return Ok(()) };
        if next > self.now {
            self.now = next;
            self.spins = 0;
        }
        self.spins += 1;
        if self.spins > SPIN {
            return Err(Violation::bound("the world spins"));
        }
        let now = self.now;
        if self.queue.next().is_some_and(|at| at <= now) {
            match self.queue.pop() {
                Some(event) => self.happen(event)?,
                None => return Ok(()),
            }
        } else {
            let due = self.core.as_ref().and_then(UserAgent::poll_timeout);
            if due.is_some_and(|at| at <= now) {
                self.turn(Input::Timeout)?;
            }
            if self.up && self.site.next().is_some_and(|at| at <= now) {
                let sent = self.site.elapse(now);
                self.site_sent(sent);
            }
        }
        self.account.overdue(self.now)?;
        self.wishes.overdue(self.now)
    }

    pub(crate) fn run_until(&mut self, until: Instant) -> Result<(), Violation> {
        while self.next().is_some_and(|next| next <= until) {
            self.step()?;
        }
        self.now = self.now.max(until);
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::ToSite(flow, bytes) => self.site_gets(flow, bytes),
            Event::ToCore(flow, bytes) => return self.core_gets(&flow, bytes),
            Event::Unreachable(epoch, hop) => {
                if epoch == self.epoch && self.core.is_some() {
                    self.note(|| format!("unreachable {hop}"));
                    self.account.unreachable(self.now, hop);
                    return self.turn(Input::Unreachable {
                        hop,
                        connection: None,
                        why: Unreachable::Refused,
                    });
                }
            }
            Event::Resolved(epoch, host) => {
                if epoch == self.epoch && self.core.is_some() {
                    let fails = !self.calm && self.rng.random_bool(self.life.resolver_fails);
                    let answer = if fails {
                        Err(ResolveError::Unavailable)
                    } else {
                        let mut all = vec![address(1).ip()];
                        if self.life.two {
                            all.push(address(2).ip());
                        }
                        Ok((all, Duration::from_secs(30)))
                    };
                    return self.turn(Input::Resolved { host, answer });
                }
            }
            Event::Step(what) => return self.do_step(what),
            Event::Up => {
                self.note(|| "the notifier is up".to_owned());
                self.up = true;
            }
            Event::Awake => return self.awake(),
            Event::Calm => {
                self.note(|| "calm".to_owned());
                self.calm = true;
                self.weather = Weather::fair();
                self.kill = None;
                self.cut_until = None;
                let now = self.now;
                self.site.calm(now);
            }
        }
        Ok(())
    }
}
