//! Many publications at once: a server that has lost its state, one that is away for an hour,
//! refreshes of what was published together, a long queue for one Request-URI, exact ends.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pua_core::{
    Command, CommandId, Config, Flow, Hop, Input, Lifetime, Output, Pacing, Proxy, PublicationName, Publish,
    Reply, Transmit, Transport, Unreachable, UserAgent, Wait,
};
use pua_sim::{Behaviour, Compositor, Policy, document};

/// The way from one to the other.
const WAY: Duration = Duration::from_millis(2);

/// One server on a faultless network that can be switched off.
struct Crowd {
    begun: Instant,
    now: Instant,
    core: UserAgent,
    server: Compositor,
    up: bool,
    /// What is on its way, by its arrival: to the server if true.
    flying: BTreeMap<(Instant, u64), (bool, Transmit)>,
    serial: u64,
    /// When each new request left, and its bytes.
    sent: Vec<(Duration, String)>,
    replies: Vec<(Duration, Reply)>,
    commands: u64,
}

impl Crowd {
    fn new(pacing: Pacing, max: u32) -> Crowd {
        let begun = Instant::now();
        let config = Config {
            presence_server: Some(Proxy {
                uri: "sip:10.0.0.1;lr".into(),
            }),
            listen: vec![(Transport::Udp, at(9))],
            pacing,
            ..Config::default()
        };
        let policy = Policy {
            min: 0,
            max,
            rotates: true,
            short_tags: false,
            digest: None,
        };
        Crowd {
            begun,
            now: begun,
            core: UserAgent::new(begun, config, [7; 32]),
            server: Compositor::new(begun, 'a', policy, Behaviour::default(), 1),
            up: true,
            flying: BTreeMap::new(),
            serial: 0,
            sent: Vec::new(),
            replies: Vec::new(),
            commands: 0,
        }
    }

    fn publish(&mut self, number: usize, name: PublicationName, lifetime: Lifetime, revision: u64) {
        self.commands += 1;
        let document = document(&name.package, number, revision, 0);
        let publish = Publish {
            name,
            lifetime,
            document: Some(document),
            if_match: None,
            headers: "".into(),
            proxy: None,
            on_stop: None,
            wait: Wait::Final,
            timeout: Duration::from_secs(60),
        };
        let input = Input::Command(CommandId(self.commands), Command::Publish(publish));
        self.core.handle_input(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
                    let since = self.now - self.begun;
                    if !self.sent.iter().rev().take(2000).any(|(_, other)| *other == text) {
                        self.sent.push((since, text));
                    }
                    self.fly(true, transmit);
                }
                Output::Reply(_, reply) => self.replies.push((self.now - self.begun, reply)),
                _ => {}
            }
        }
    }

    fn fly(&mut self, to_server: bool, transmit: Transmit) {
        self.serial += 1;
        self.flying
            .insert((self.now + WAY, self.serial), (to_server, transmit));
    }

    fn run(&mut self, span: Duration) {
        let until = self.now + span;
        loop {
            let flying = self.flying.first_key_value().map(|((at, _), _)| *at);
            let timer = self.core.poll_timeout();
            let Some(next) = flying
                .into_iter()
                .chain(timer)
                .min()
                .filter(|next| *next <= until)
            else {
                break;
            };
            self.now = self.now.max(next);
            if flying.is_some_and(|at| at <= self.now) {
                if let Some((_, (to_server, transmit))) = self.flying.pop_first() {
                    self.arrive(to_server, &transmit);
                }
            } else {
                self.core.handle_input(self.now, Input::Timeout);
            }
            self.drain();
        }
        self.now = until;
    }

    fn arrive(&mut self, to_server: bool, transmit: &Transmit) {
        let flow = |local, remote| Flow {
            transport: Transport::Udp,
            local,
            remote,
            connection: 0,
        };
        if !to_server {
            let flow = flow(at(9), at(1));
            let bytes = &transmit.bytes;
            self.core
                .handle_input(self.now, Input::Received { flow: &flow, bytes });
        } else if self.up {
            for (_, answer) in self
                .server
                .receive(self.now, &flow(at(1), at(9)), &transmit.bytes)
            {
                self.fly(false, answer);
            }
        } else {
            let hop = Hop {
                transport: Transport::Udp,
                addr: at(1),
            };
            let why = Unreachable::Refused;
            self.core.handle_input(
                self.now,
                Input::Unreachable {
                    hop,
                    connection: None,
                    why,
                },
            );
        }
    }

    fn held(&self, name: &PublicationName) -> usize {
        self.server.held(self.now, &name.presentity, &name.package).len()
    }

    /// The most requests that left within any `span`, counted from `from` on.
    fn most_within(&self, span: Duration, from: Duration) -> usize {
        let times: Vec<Duration> = self
            .sent
            .iter()
            .map(|(at, _)| *at)
            .filter(|at| *at >= from)
            .collect();
        times
            .iter()
            .map(|first| {
                times
                    .iter()
                    .filter(|at| **at >= *first && **at < *first + span)
                    .count()
            })
            .max()
            .unwrap_or(0)
    }
}

fn at(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 5060))
}

fn name(number: usize) -> PublicationName {
    PublicationName {
        presentity: format!("sip:user{number}@example.com").into(),
        package: "presence".into(),
        id: None,
    }
}

fn pacing(rate: u32, burst: u32) -> Pacing {
    Pacing {
        rate,
        burst,
        ..Pacing::default()
    }
}

/// R3903-75: a server that has lost its state gets all of a thousand publications again, soon,
/// and no faster than the paced rate.
#[test]
fn r3903_75_a_storm_of_412_is_paced() {
    let mut crowd = Crowd::new(pacing(50, 10), 3600);
    for number in 0..1000 {
        crowd.publish(number, name(number), Lifetime::UntilFurtherNotice, 1);
    }
    crowd.run(Duration::from_secs(60));
    assert_eq!(crowd.replies.len(), 1000);
    crowd.server.restart();
    let lost = crowd.now - crowd.begun;
    crowd.run(Duration::from_secs(3600));
    let back = (0..1000).filter(|number| crowd.held(&name(*number)) == 1).count();
    assert_eq!(back, 1000);
    // Each look costs a 412 and an initial PUBLISH at once, and both count; a few are under way when
    // the burst is used up.
    let most = crowd.most_within(Duration::from_secs(1), lost);
    assert!(most <= 50 + 2 * 10, "{most} within a second");
    let initial = |(_, text): &&(Duration, String)| !text.contains("SIP-If-Match");
    let again: Vec<Duration> = crowd
        .sent
        .iter()
        .filter(|sent| sent.0 > lost)
        .filter(initial)
        .map(|sent| sent.0)
        .collect();
    assert_eq!(again.len(), 1000);
    // After the first few 412s the rest does not wait for its refreshes: 1000 at 25 a second.
    let third = again[2];
    let last = again[999];
    assert!(last - third < Duration::from_secs(45), "{:?}", last - third);
}

/// R3903-64: a server away for an hour is asked at a bounded rate, and has everything again soon
/// after it is back.
#[test]
fn r3903_64_an_hour_without_server() {
    let mut crowd = Crowd::new(pacing(1000, 50), 300);
    for number in 0..200 {
        crowd.publish(number, name(number), Lifetime::UntilFurtherNotice, 1);
    }
    crowd.run(Duration::from_secs(10));
    crowd.up = false;
    let away = crowd.now - crowd.begun;
    crowd.run(Duration::from_secs(3600));
    let asked = crowd.sent.iter().filter(|sent| sent.0 > away).count();
    // One look each half a minute or so once it is known to be down, and those that found it out.
    assert!(asked < 200 * 3 + 3600 / 10, "{asked} requests in an hour");
    crowd.server.restart();
    crowd.up = true;
    crowd.run(Duration::from_secs(60));
    let back = (0..200).filter(|number| crowd.held(&name(*number)) == 1).count();
    assert_eq!(back, 200, "a minute after the server is back");
}

/// R3903-32: what was published together is not refreshed together.
#[test]
fn r3903_32_refreshes_are_spread() {
    let mut crowd = Crowd::new(pacing(1000, 50), 3600);
    for number in 0..1000 {
        crowd.publish(number, name(number), Lifetime::UntilFurtherNotice, 1);
    }
    crowd.run(Duration::from_secs(3600));
    let refreshes: Vec<Duration> = crowd
        .sent
        .iter()
        .filter(|(_, text)| text.contains("SIP-If-Match"))
        .map(|(at, _)| *at)
        .collect();
    assert!(refreshes.len() >= 1000);
    let (first, last) = (refreshes[0], refreshes[999]);
    assert!(last - first > Duration::from_secs(600), "{first:?} to {last:?}");
    assert!(crowd.most_within(Duration::from_secs(10), Duration::from_secs(60)) < 60);
    assert_eq!(
        (0..1000).filter(|number| crowd.held(&name(*number)) == 1).count(),
        1000
    );
}

/// R3903-20: hundreds of publications of one presentity go one after the other.
#[test]
fn r3903_20_hundreds_in_one_queue() {
    let mut crowd = Crowd::new(pacing(1000, 50), 3600);
    let one = |number: usize| PublicationName {
        presentity: "sip:many@example.com".into(),
        package: "presence".into(),
        id: Some(Arc::from(format!("app{number}"))),
    };
    for number in 0..400 {
        crowd.publish(number, one(number), Lifetime::UntilFurtherNotice, 1);
    }
    assert_eq!(crowd.sent.len(), 1, "one in flight");
    crowd.run(Duration::from_secs(10));
    assert_eq!(crowd.held(&one(0)), 400);
    assert_eq!(crowd.replies.len(), 400);
    // One round trip apart, each.
    let apart = crowd.sent.windows(2).all(|two| two[1].0 - two[0].0 >= 2 * WAY);
    assert!(apart && crowd.sent.len() == 400);
}

/// R3903-30: a lifetime that was asked for ends when it was asked to, neither earlier nor later.
#[test]
fn a_lifetime_ends_when_it_was_asked_to() {
    for (seconds, max) in [(1, 3600), (10, 3600), (90, 60), (600, 60), (3600, 600)] {
        let mut crowd = Crowd::new(pacing(1000, 50), max);
        crowd.publish(0, name(0), Lifetime::Seconds(seconds), 1);
        let end = Duration::from_secs(seconds.into());
        let tick = Duration::from_millis(100);
        while crowd.now + tick < crowd.begun + end {
            crowd.run(tick);
            assert_eq!(
                crowd.held(&name(0)),
                1,
                "{seconds} s: gone at {:?}",
                crowd.now - crowd.begun
            );
        }
        crowd.run(tick + Duration::from_secs(1) + 2 * WAY);
        assert_eq!(crowd.held(&name(0)), 0, "{seconds} s: still there");
        assert!(crowd.core.publication(&name(0)).is_none());
        let last = crowd.sent.last().map(|sent| sent.0).unwrap_or_default();
        crowd.run(Duration::from_secs(7200));
        assert_eq!(
            crowd.sent.last().map(|sent| sent.0),
            Some(last),
            "and nothing more is sent"
        );
    }
}
