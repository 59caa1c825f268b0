//! Very many publications on a fake clock: how evenly they are refreshed, how a server that has
//! lost its state is refilled, how one that is slow is spared.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pua_core::{
    Command, CommandId, Config, Document, Flow, Input, Lifetime, Output, Pacing, Proxy, PublicationName,
    Publish, Reply, Transport, UserAgent, Wait,
};

/// The way from one to the other.
const WAY: Duration = Duration::from_millis(2);

fn at(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 5060))
}

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: at(9),
        remote: at(1),
        connection: 0,
    }
}

/// What a PUBLISH of the core says, as far as the server needs it.
struct Request {
    user: usize,
    branch: String,
    if_match: Option<u64>,
    expires: u64,
    /// The rows that the answer repeats.
    rows: String,
}

impl Request {
    fn read(bytes: &[u8]) -> Request {
        let text = std::str::from_utf8(bytes).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        let mut request = Request {
            user: 0,
            branch: String::new(),
            if_match: None,
            expires: 0,
            rows: String::new(),
        };
        let user = head.split(['@', 'u']).nth(1).unwrap_or_default();
        request.user = user.trim_start_matches("ser").parse().unwrap_or(0);
        for row in head.split("\r\n").skip(1) {
            let (name, value) = row.split_once(": ").unwrap();
            match name {
                "Via" => {
                    let branch = value.split("branch=").nth(1).unwrap_or_default();
                    request.branch = branch.split(';').next().unwrap_or_default().to_owned();
                }
                "SIP-If-Match" => request.if_match = value.parse().ok(),
                "Expires" => request.expires = value.parse().unwrap(),
                _ => {}
            }
            if ["Via", "From", "To", "Call-ID", "CSeq"].contains(&name) {
                request.rows.push_str(row);
                request.rows.push_str("\r\n");
            }
        }
        request
    }
}

/// A server that answers one request after the other, each in its time.
struct Server {
    grants: u64,
    /// How long one request takes it.
    takes: Duration,
    busy_until: Instant,
    held: HashMap<usize, (u64, Instant)>,
    tags: u64,
    /// Requests that wait to be answered: repetitions of them are absorbed.
    waiting: HashMap<String, ()>,
    most_waiting: usize,
    repeated: usize,
    refused_tags: usize,
    /// The least time that was left of a grant when its refresh came.
    least_left: Duration,
}

impl Server {
    fn receive(&mut self, now: Instant, bytes: &[u8]) -> Option<(Instant, String, String)> {
        let request = Request::read(bytes);
        if self.waiting.insert(request.branch.clone(), ()).is_some() {
            self.repeated += 1;
            return None;
        }
        self.most_waiting = self.most_waiting.max(self.waiting.len());
        let done = self.busy_until.max(now) + self.takes;
        self.busy_until = done;
        if let Some(tag) = request.if_match {
            match self.held.get(&request.user) {
                Some((held, until)) if *held == tag && *until > now => {
                    self.least_left = self.least_left.min(*until - now);
                }
                _ => {
                    self.refused_tags += 1;
                    let answer = format!("SIP/2.0 412 Conditional Request Failed\r\n{}", request.rows);
                    return Some((done, request.branch, answer));
                }
            }
        }
        self.tags += 1;
        let granted = request.expires.min(self.grants);
        self.held
            .insert(request.user, (self.tags, now + Duration::from_secs(granted)));
        let answer = format!(
            "SIP/2.0 200 OK\r\n{}SIP-ETag: {}\r\nExpires: {granted}\r\n",
            request.rows, self.tags
        );
        Some((done, request.branch, answer))
    }
}

enum Flight {
    ToServer(Bytes),
    /// With the branch that it answers.
    ToCore(String, String),
}

struct Site {
    begun: Instant,
    now: Instant,
    core: UserAgent,
    server: Server,
    flying: BTreeMap<(Instant, u64), Flight>,
    serial: u64,
    /// When each request left.
    sent: Vec<Duration>,
    /// When each initial PUBLISH left.
    initial: Vec<Duration>,
    asked: HashMap<u64, Instant>,
    commands: u64,
    /// How long each command that was answered by the server took.
    latencies: Vec<(Duration, Duration)>,
    timed_out: usize,
}

impl Site {
    fn new(pacing: Pacing, grants: u64, takes: Duration) -> Site {
        let begun = Instant::now();
        let config = Config {
            presence_server: Some(Proxy {
                uri: "sip:10.0.0.1;lr".into(),
            }),
            listen: vec![(Transport::Udp, at(9))],
            pacing,
            ..Config::default()
        };
        Site {
            begun,
            now: begun,
            core: UserAgent::new(begun, config, [7; 32]),
            server: Server {
                grants,
                takes,
                busy_until: begun,
                held: HashMap::new(),
                tags: 0,
                waiting: HashMap::new(),
                most_waiting: 0,
                repeated: 0,
                refused_tags: 0,
                least_left: Duration::MAX,
            },
            flying: BTreeMap::new(),
            serial: 0,
            sent: Vec::new(),
            initial: Vec::new(),
            asked: HashMap::new(),
            commands: 0,
            latencies: Vec::new(),
            timed_out: 0,
        }
    }

    fn publish(&mut self, user: usize, timeout: Duration) {
        self.commands += 1;
        let publish = Publish {
            name: PublicationName {
                presentity: format!("sip:user{user}@example.com").into(),
                package: "presence".into(),
                id: None,
            },
            lifetime: Lifetime::UntilFurtherNotice,
            document: Some(Document {
                content_type: "application/pidf+xml".into(),
                body: format!("<presence n='{}'/>", self.commands).into(),
            }),
            if_match: None,
            headers: "".into(),
            proxy: None,
            on_stop: None,
            wait: Wait::Final,
            timeout,
        };
        self.asked.insert(self.commands, self.now);
        let input = Input::Command(CommandId(self.commands), Command::Publish(publish));
        self.core.handle_input(self.now, input);
        self.drain();
    }

    fn fly(&mut self, arrives: Instant, flight: Flight) {
        self.serial += 1;
        self.flying.insert((arrives, self.serial), flight);
    }

    fn since(&self) -> Duration {
        self.now - self.begun
    }

    fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    self.sent.push(self.since());
                    if !transmit.bytes.windows(12).any(|part| part == b"SIP-If-Match") {
                        self.initial.push(self.since());
                    }
                    self.fly(self.now + WAY, Flight::ToServer(transmit.bytes));
                }
                Output::Reply(id, Reply::Final(outcome)) => {
                    let asked = self.asked.remove(&id.0).expect("each command is answered once");
                    match outcome.code {
                        200 => self.latencies.push((self.since(), self.now - asked)),
                        408 => self.timed_out += 1,
                        code => panic!("{code}"),
                    }
                }
                Output::Reply(_, reply) => panic!("{reply:?}"),
                _ => {}
            }
        }
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
                match self.flying.pop_first() {
                    Some((_, Flight::ToServer(bytes))) => {
                        if let Some((done, branch, answer)) = self.server.receive(self.now, &bytes) {
                            self.fly(done + WAY, Flight::ToCore(branch, answer));
                        }
                    }
                    Some((_, Flight::ToCore(branch, answer))) => {
                        self.server.waiting.remove(&branch);
                        let answer = format!("{answer}Content-Length: 0\r\n\r\n");
                        let flow = flow();
                        let bytes = answer.as_bytes();
                        self.core
                            .handle_input(self.now, Input::Received { flow: &flow, bytes });
                    }
                    None => {}
                }
            } else {
                self.core.handle_input(self.now, Input::Timeout);
            }
            self.drain();
        }
        self.now = until;
    }

    fn counter(&self, name: &str) -> u64 {
        let all = self.core.statistics();
        all.iter().find(|one| one.name == name).map_or(0, |one| one.value)
    }

    /// Peak and mean of the requests in each tenth of a second of a span.
    fn evenness(&self, from: Duration, to: Duration) -> (usize, f64) {
        let tenths = ((to - from).as_millis() / 100) as usize;
        let mut counts = vec![0usize; tenths];
        for at in self.sent.iter().filter(|at| **at >= from && **at < to) {
            counts[((*at - from).as_millis() / 100) as usize % tenths] += 1;
        }
        let sum: usize = counts.iter().sum();
        (
            counts.iter().copied().max().unwrap_or(0),
            sum as f64 / tenths as f64,
        )
    }
}

const PATIENT: Duration = Duration::from_secs(600);

/// 20,000 publications that are granted 60 s: refreshed evenly, none late, none with a tag that is
/// not the server's, and nothing sent twice.
#[test]
fn twenty_thousand_leases_of_a_minute_are_refreshed_evenly() {
    let mut site = Site::new(Pacing::default(), 60, Duration::from_micros(100));
    for user in 0..20_000 {
        site.publish(user, PATIENT);
        if user % 10 == 9 {
            site.run(Duration::from_millis(1));
        }
    }
    let published = site.since();
    site.run(Duration::from_secs(300) - published);
    assert_eq!(site.latencies.len(), 20_000);
    assert_eq!(site.server.held.len(), 20_000);
    assert_eq!(site.initial.len(), 20_000, "none was ever published anew");
    assert_eq!(site.server.refused_tags, 0);
    assert_eq!((site.server.repeated, site.counter("retransmissions")), (0, 0));
    assert!(
        site.server.least_left > Duration::from_secs(10),
        "{:?} left",
        site.server.least_left
    );
    // From the first refresh on, the wave that follows from publishing all at once included.
    let (peak, mean) = site.evenness(Duration::from_secs(24), Duration::from_secs(300));
    println!("peak {peak}, mean {mean:.1}: {:.2}", peak as f64 / mean);
    assert!(peak as f64 <= 2.0 * mean, "peak {peak}, mean {mean}");
}

/// 10,000 publications that are granted 30 s, all refreshed within 3 s by their own time: more than
/// the paced rate allows. They go in time all the same, and not in a burst when it becomes urgent.
#[test]
fn short_leases_beyond_the_paced_rate_make_no_burst() {
    let mut site = Site::new(Pacing::default(), 30, Duration::from_micros(100));
    for user in 0..10_000 {
        site.publish(user, PATIENT);
        if user % 20 == 19 {
            site.run(Duration::from_millis(1));
        }
    }
    let published = site.since();
    site.run(Duration::from_secs(120) - published);
    assert_eq!(site.server.held.len(), 10_000);
    assert_eq!(site.initial.len(), 10_000, "none was ever published anew");
    assert_eq!(site.server.refused_tags, 0);
    assert_eq!((site.server.repeated, site.counter("retransmissions")), (0, 0));
    assert!(
        site.server.least_left > Duration::from_secs(5),
        "{:?} left",
        site.server.least_left
    );
    let (peak, mean) = site.evenness(Duration::from_secs(12), Duration::from_secs(120));
    println!("peak {peak}, mean {mean:.1}: {:.2}", peak as f64 / mean);
    assert!(
        peak <= 160,
        "peak {peak}, mean {mean}: no more than the burst and a tenth of a second"
    );
}

/// A server that loses the state of 100,000 publications is refilled at the paced rate, while what
/// applications ask takes no longer than before: a round trip for the 412, and one more.
#[test]
fn a_hundred_thousand_are_refilled_behind_the_applications() {
    let mut site = Site::new(Pacing::default(), 3600, Duration::from_micros(50));
    for user in 0..100_000 {
        site.publish(user, PATIENT);
        if user % 10 == 9 {
            site.run(Duration::from_millis(1));
        }
    }
    site.run(Duration::from_secs(10));
    assert_eq!(site.server.held.len(), 100_000);
    site.server.held.clear();
    let lost = site.since();
    let mut seconds = 0;
    for n in 0.. {
        // 20 changes a second, of publications that may not have been looked after yet.
        site.publish((n * 7919) % 100_000, PATIENT);
        site.run(Duration::from_millis(50));
        if n % 20 == 19 {
            seconds += 1;
            if site.server.held.len() == 100_000 {
                break;
            }
        }
        assert!(seconds < 220, "{} are back by then", site.server.held.len());
    }
    println!("refilled in {seconds} s");
    let slowest = site
        .latencies
        .iter()
        .filter(|(at, _)| *at > lost)
        .map(|(_, took)| *took)
        .max();
    println!("slowest change {slowest:?}");
    assert!(
        slowest < Some(2 * (2 * WAY) + Duration::from_millis(6)),
        "{slowest:?}"
    );
    let mut per_second = BTreeMap::new();
    for at in site.initial.iter().filter(|at| **at > lost) {
        *per_second.entry((*at - lost).as_secs()).or_insert(0) += 1;
    }
    let most = per_second.values().max().copied().unwrap_or(0);
    assert!(most <= 1000 + 50 + 20, "{most} in one second");
    assert_eq!(site.counter("retransmissions"), 0);
}

/// A server that takes a hundred requests a second is sent as many as it can answer in time: after
/// the first window it is not sent anything twice, and every command is answered in its time.
#[test]
fn a_slow_server_is_waited_for() {
    let mut site = Site::new(Pacing::default(), 3600, Duration::from_millis(10));
    let timeout = Duration::from_secs(32);
    for user in 0..5000 {
        site.publish(user, timeout);
    }
    site.run(Duration::from_secs(2));
    let early = site.counter("retransmissions");
    assert!(
        early <= 128,
        "no more than the first window, and its first repetition: {early}"
    );
    site.run(Duration::from_secs(118));
    assert_eq!(
        site.counter("retransmissions"),
        early,
        "it is held back, not repeated"
    );
    assert!(site.server.most_waiting <= 128, "{}", site.server.most_waiting);
    assert_eq!(site.latencies.len() + site.timed_out, 5000);
    assert!(site.latencies.len() > 2500, "{}", site.latencies.len());
    assert_eq!(
        site.server.held.len(),
        5000,
        "what was told 408 is published all the same"
    );
    assert!(site.sent.len() <= 5000 + early as usize);
}
