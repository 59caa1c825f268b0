//! A user agent on the bench: the time is set by the test, and the test is the server.
#![allow(dead_code, missing_docs, unreachable_pub)] // each test file uses its part of it

pub mod notifier;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pua_core::*;

pub const BODY: &str = "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@example.com'/>";

/// One request as it left.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: u64,
    pub hop: Hop,
    pub bytes: Bytes,
}

impl Sent {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    pub fn start(&self) -> &str {
        self.text().lines().next().unwrap()
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.text()
            .split("\r\n\r\n")
            .next()
            .unwrap()
            .split("\r\n")
            .skip(1)
            .filter_map(|row| row.split_once(": "))
            .filter(|(n, _)| *n == name)
            .map(|(_, value)| value)
            .collect()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub fn body(&self) -> &str {
        self.text().split_once("\r\n\r\n").unwrap().1
    }

    pub fn if_match(&self) -> Option<&str> {
        self.header("SIP-If-Match")
    }

    pub fn expires(&self) -> u32 {
        self.header("Expires").unwrap().parse().unwrap()
    }

    pub fn cseq(&self) -> u32 {
        self.header("CSeq")
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }

    pub fn branch(&self) -> &str {
        self.header("Via")
            .unwrap()
            .split("branch=")
            .nth(1)
            .unwrap()
            .split(';')
            .next()
            .unwrap()
    }
}

pub struct Bed {
    pub base: Instant,
    pub now: u64,
    pub agent: UserAgent,
    pub sent: Vec<Sent>,
    pub replies: Vec<(u64, Reply)>,
    pub events: Vec<Event>,
    pub changes: Vec<Change>,
    pub queries: Vec<Query>,
    /// Responses to requests that the test sent.
    pub responses: Vec<Sent>,
    taken: usize,
    next_id: u64,
    lives: u8,
}

pub fn config() -> Config {
    Config {
        presence_server: Some(Proxy {
            uri: "sip:192.0.2.1:5080".into(),
        }),
        listen: vec![
            (Transport::Udp, "192.0.2.9:5060".parse().unwrap()),
            (Transport::Tcp, "192.0.2.9:5060".parse().unwrap()),
        ],
        ..Config::default()
    }
}

pub fn name(presentity: &str) -> PublicationName {
    PublicationName {
        presentity: presentity.into(),
        package: "presence".into(),
        id: None,
    }
}

pub fn document(body: &str) -> Option<Document> {
    Some(Document {
        content_type: "application/pidf+xml".into(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    })
}

pub fn publish(presentity: &str, body: &str, seconds: u32) -> Publish {
    Publish {
        name: name(presentity),
        lifetime: Lifetime::Seconds(seconds),
        document: document(body),
        if_match: None,
        headers: "".into(),
        proxy: None,
        on_stop: None,
        wait: Wait::Final,
        timeout: Duration::from_secs(32),
    }
}

pub fn target(presentity: &str) -> Target {
    Target {
        name: name(presentity),
        if_match: None,
        wait: Wait::Final,
        timeout: Duration::from_secs(32),
    }
}

impl Bed {
    pub fn new() -> Self {
        Bed::with(config())
    }

    /// One whose requests go by the domain of the presentity.
    pub fn by_domain() -> Self {
        Bed::with(Config {
            presence_server: None,
            ..config()
        })
    }

    /// What was sent did not arrive.
    pub fn undelivered(&mut self, sent: &Sent, why: Unreachable) {
        self.input(Input::Unreachable {
            hop: sent.hop,
            connection: None,
            why,
        });
    }

    /// Each server that is asked wants quiet for so many seconds; the one that wants it shortest.
    pub fn all_want_quiet(&mut self, waits: &[u32]) -> Hop {
        let asked: Vec<(u32, Hop)> = waits
            .iter()
            .map(|wait| {
                let sent = self.take();
                self.respond(&sent, 503, &format!("Retry-After: {wait}\r\n"));
                (*wait, sent.hop)
            })
            .collect();
        asked.into_iter().min_by_key(|(wait, _)| *wait).unwrap().1
    }

    pub fn with(config: Config) -> Self {
        let base = Instant::now();
        Bed {
            base,
            now: 0,
            agent: UserAgent::new(base, config, [7; 32]),
            sent: Vec::new(),
            replies: Vec::new(),
            events: Vec::new(),
            changes: Vec::new(),
            queries: Vec::new(),
            responses: Vec::new(),
            taken: 0,
            next_id: 1,
            lives: 7,
        }
    }

    pub fn at(&self, ms: u64) -> Instant {
        self.base + Duration::from_millis(ms)
    }

    pub fn ms(&self, at: Instant) -> u64 {
        at.duration_since(self.base).as_millis() as u64
    }

    pub fn input(&mut self, input: Input<'_>) {
        let now = self.at(self.now);
        self.agent.handle_input(now, input);
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    let sent = Sent {
                        at: self.now,
                        hop: transmit.hop,
                        bytes: transmit.bytes,
                    };
                    if sent.bytes.starts_with(b"SIP/2.0 ") {
                        self.responses.push(sent);
                    } else {
                        self.sent.push(sent);
                    }
                }
                Output::Reply(id, reply) => self.replies.push((id.0, reply)),
                Output::Event(event) => self.events.push(event),
                Output::Persist(change) => self.changes.push(change),
                Output::Resolve(query) => self.queries.push(query),
            }
        }
    }

    pub fn command(&mut self, command: Command) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.input(Input::Command(CommandId(id), command));
        id
    }

    pub fn publish(&mut self, presentity: &str, body: &str, seconds: u32) -> u64 {
        self.command(Command::Publish(publish(presentity, body, seconds)))
    }

    pub fn remove(&mut self, presentity: &str) -> u64 {
        self.command(Command::Remove(target(presentity)))
    }

    /// Lets the time run to `ms`, waking the agent when it asked for it.
    pub fn run_to(&mut self, ms: u64) {
        let mut turns = 0;
        while let Some(due) = self.agent.poll_timeout().filter(|due| *due <= self.at(ms)) {
            self.now = self.now.max(self.ms(due));
            self.input(Input::Timeout);
            turns += 1;
            assert!(turns < 2_000_000, "the agent spins at {} ms", self.now);
        }
        self.now = ms;
        self.input(Input::Timeout);
    }

    /// Lets the time run until something is sent, at most to `ms`.
    pub fn run_to_next(&mut self, ms: u64) -> Sent {
        let before = self.sent.len();
        while self.sent.len() == before {
            let due = self.agent.poll_timeout().filter(|due| *due <= self.at(ms));
            let due = due.unwrap_or_else(|| panic!("nothing was sent by {ms} ms"));
            self.now = self.now.max(self.ms(due));
            self.input(Input::Timeout);
        }
        self.take()
    }

    /// The next request, sent already or by `ms`.
    pub fn next_sent(&mut self, ms: u64) -> Sent {
        if self.taken < self.sent.len() {
            return self.take();
        }
        self.run_to_next(ms)
    }

    /// The next request that has not been looked at.
    pub fn take(&mut self) -> Sent {
        let sent = self
            .sent
            .get(self.taken)
            .unwrap_or_else(|| panic!("nothing was sent by {} ms", self.now))
            .clone();
        self.taken += 1;
        sent
    }

    pub fn nothing_sent(&self) {
        if let Some(sent) = self.sent.get(self.taken) {
            panic!("sent at {} ms: {}", sent.at, sent.text());
        }
    }

    /// All requests that have not been looked at.
    pub fn take_all(&mut self) -> Vec<Sent> {
        let all = self.sent.split_off(self.taken);
        self.taken = 0;
        self.sent.clear();
        all
    }

    /// Forgets all that has come out, so that it takes no memory.
    pub fn forget(&mut self) {
        self.nothing_sent();
        self.taken = 0;
        (self.sent, self.responses) = (Vec::new(), Vec::new());
        (self.replies, self.events) = (Vec::new(), Vec::new());
        (self.changes, self.queries) = (Vec::new(), Vec::new());
    }

    pub fn response(sent: &Sent, code: u16, headers: &str) -> String {
        let copy = |name: &str| {
            sent.all(name)
                .iter()
                .map(|value| format!("{name}: {value}\r\n"))
                .collect::<String>()
        };
        format!(
            "SIP/2.0 {code} Reason\r\n{}{}To: {};tag=server\r\n{}{}{headers}Content-Length: 0\r\n\r\n",
            copy("Via"),
            copy("From"),
            sent.header("To").unwrap(),
            copy("Call-ID"),
            copy("CSeq"),
        )
    }

    pub fn respond(&mut self, sent: &Sent, code: u16, headers: &str) {
        let response = Bed::response(sent, code, headers);
        self.receive_from(sent.hop, &response);
    }

    pub fn receive_from(&mut self, hop: Hop, text: &str) {
        let flow = Flow {
            transport: hop.transport,
            local: "192.0.2.9:5060".parse().unwrap(),
            remote: hop.addr,
            connection: u64::from(hop.transport == Transport::Tcp),
        };
        self.input(Input::Received {
            flow: &flow,
            bytes: text.as_bytes(),
        });
    }

    pub fn ok(&mut self, sent: &Sent, etag: &str, expires: u32) {
        self.respond(sent, 200, &format!("SIP-ETag: {etag}\r\nExpires: {expires}\r\n"));
    }

    /// Grants all that has been sent, and what is sent in turn once the window has room.
    pub fn ok_all(&mut self, etag: &str, expires: u32) {
        loop {
            let all = self.take_all();
            if all.is_empty() {
                return;
            }
            for sent in all {
                self.ok(&sent, etag, expires);
            }
        }
    }

    /// Publishes and has it granted; returns the request.
    pub fn published(&mut self, presentity: &str, seconds: u32, granted: u32) -> Sent {
        self.publish(presentity, BODY, seconds);
        let sent = self.take();
        self.ok(&sent, "tag1", granted);
        sent
    }

    pub fn resolve(&mut self, host: &str, ips: &[&str]) {
        let ips: Vec<IpAddr> = ips.iter().map(|ip| ip.parse().unwrap()).collect();
        let answer = if ips.is_empty() {
            Err(ResolveError::NotFound)
        } else {
            Ok((ips, Duration::from_secs(300)))
        };
        self.input(Input::Resolved {
            host: host.into(),
            answer,
        });
    }

    pub fn reply(&self, id: u64) -> Option<&Reply> {
        let mut replies = self.replies.iter().filter(|(of, _)| *of == id);
        let reply = replies.next().map(|(_, reply)| reply);
        assert!(replies.next().is_none(), "command {id} was answered twice");
        reply
    }

    pub fn outcome(&self, id: u64) -> &Outcome {
        match self.reply(id) {
            Some(Reply::Final(outcome)) => outcome,
            other => panic!("command {id}: {other:?}"),
        }
    }

    pub fn view(&self, presentity: &str) -> PublicationView {
        self.agent
            .publication(&name(presentity))
            .unwrap_or_else(|| panic!("{presentity} is not held"))
    }

    pub fn state(&self, presentity: &str) -> PublicationState {
        self.view(presentity).state
    }

    pub fn holds(&self, presentity: &str) -> bool {
        self.agent.publication(&name(presentity)).is_some()
    }

    pub fn statistic(&self, name: &str) -> u64 {
        self.agent
            .statistics()
            .iter()
            .find(|s| s.name == name)
            .unwrap()
            .value
    }
}

pub fn arc(text: &str) -> Arc<str> {
    Arc::from(text)
}
