//! One NOTIFY through the core: NOTIFY in, event and 200 out; time, and allocations on the way. And
//! what a held subscription costs in memory, printed first.
#![allow(missing_docs)]

use std::cell::RefCell;
use std::time::{Duration, Instant};

use divan::{AllocProfiler, Bencher};
use pua_core::*;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

/// A usual document of 437 bytes.
fn document(open: bool) -> String {
    let basic = if open { "open" } else { "closed" };
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:a@example.com\"><tuple id=\"t1\"><status><basic>";
    let tail = "</basic></status></tuple><dm:person id=\"p1\"><rpid:activities><rpid:on-the-phone/></rpid:activities>";
    let mut document = format!("{head}{basic}{tail}");
    let end = "</dm:person></presence>";
    let note = 437usize.saturating_sub(document.len() + end.len() + "<dm:note></dm:note>".len());
    document.push_str(&format!("<dm:note>{}</dm:note>{end}", "n".repeat(note)));
    document
}

fn main() {
    // Once only: what the first measurement frees would hide what a second one takes.
    held(Some(document(true)));
    divan::main();
}

/// One subscription as its notifier sees it.
struct Watched {
    to: String,
    call_id: String,
    cseq: u32,
}

struct Bed {
    agent: UserAgent,
    now: Instant,
    flow: Flow,
    watched: Vec<Watched>,
}

fn row<'a>(request: &'a str, name: &str) -> &'a str {
    let from = request.find(name).map_or(0, |at| at + name.len());
    request[from..].split("\r\n").next().unwrap_or("")
}

impl Bed {
    fn new() -> Self {
        let now = Instant::now();
        let config = Config {
            presence_server: Some(Proxy {
                uri: "sip:127.0.0.1:5080".into(),
            }),
            listen: vec![(Transport::Udp, "127.0.0.1:5060".parse().expect("an address"))],
            ..Config::default()
        };
        Bed {
            agent: UserAgent::new(now, config, [1; 32]),
            now,
            flow: Flow {
                transport: Transport::Udp,
                local: "127.0.0.1:5060".parse().expect("an address"),
                remote: "127.0.0.1:5080".parse().expect("an address"),
                connection: 0,
            },
            watched: Vec::new(),
        }
    }

    /// Feeds one message; the requests and responses that leave, and how many events.
    fn receive(&mut self, bytes: &[u8]) -> (usize, usize) {
        let flow = &self.flow;
        self.agent.handle_input(self.now, Input::Received { flow, bytes });
        self.drain()
    }

    fn drain(&mut self) -> (usize, usize) {
        let (mut sent, mut events) = (0, 0);
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Transmit(_) => sent += 1,
                Output::Event(_) => events += 1,
                _ => {}
            }
        }
        (sent, events)
    }

    fn subscribe(&mut self, n: usize, body: Option<&str>) {
        let command = Command::Subscribe(Subscribe {
            name: SubscriptionName {
                presentity: format!("sip:user{n}@example.com").into(),
                watcher: "sip:watcher@example.com".into(),
                package: "presence".into(),
                id: None,
            },
            lifetime: Lifetime::UntilFurtherNotice,
            headers: "".into(),
            proxy: None,
            members: std::sync::Arc::from([]),
            wait: Wait::None,
            timeout: Duration::from_secs(32),
        });
        self.agent
            .handle_input(self.now, Input::Command(CommandId(n as u64), command));
        let mut request = None;
        while let Some(output) = self.agent.poll_output() {
            if let Output::Transmit(transmit) = output {
                request = Some(transmit.bytes);
            }
        }
        let Some(request) = request else { return };
        let request = std::str::from_utf8(&request).expect("text");
        let mut response = "SIP/2.0 200 OK\r\n".to_owned();
        for name in ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "] {
            let tag = if name == "To: " { ";tag=n" } else { "" };
            response.push_str(&format!("{name}{}{tag}\r\n", row(request, name)));
        }
        response.push_str("Expires: 3600\r\nContent-Length: 0\r\n\r\n");
        self.receive(response.as_bytes());
        self.watched.push(Watched {
            to: row(request, "From: ").to_owned(),
            call_id: row(request, "Call-ID: ").to_owned(),
            cseq: 0,
        });
        let notify = self.notify(n, body);
        assert_eq!(self.receive(notify.as_bytes()).0, 1);
    }

    /// The next NOTIFY of a subscription.
    fn notify(&mut self, n: usize, body: Option<&str>) -> String {
        let watched = &mut self.watched[n];
        watched.cseq += 1;
        let content_type = if body.is_some() {
            "Content-Type: application/pidf+xml\r\n"
        } else {
            ""
        };
        let body = body.unwrap_or("");
        format!(
            "NOTIFY sip:pua@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK{n}.{cseq}\r\nMax-Forwards: 70\r\nFrom: <sip:user{n}@example.com>;tag=n\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} NOTIFY\r\nContact: <sip:127.0.0.1:5080>\r\nEvent: presence\r\nSubscription-State: active;expires=3600\r\n{content_type}Content-Length: {length}\r\n\r\n{body}",
            cseq = watched.cseq,
            to = watched.to,
            call_id = watched.call_id,
            length = body.len(),
        )
    }
}

/// Pages of this process in memory, as bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(0);
    pages * 4096
}

/// Holds many subscriptions and prints what one costs once its transactions are over.
fn held(body: Option<String>) {
    const SUBSCRIPTIONS: usize = 50_000;
    // In batches, so that what is remembered of transactions does not count.
    let mut bed = Bed::new();
    let before = resident();
    for n in 0..SUBSCRIPTIONS {
        bed.subscribe(n, body.as_deref());
        bed.now += Duration::from_millis(1);
        bed.agent.handle_input(bed.now, Input::Timeout);
        bed.drain();
        bed.watched[n] = Watched {
            to: String::new(),
            call_id: String::new(),
            cseq: 0,
        };
        if n % 1000 == 999 {
            bed.now += Duration::from_secs(33);
            bed.agent.handle_input(bed.now, Input::Timeout);
            bed.drain();
        }
    }
    let used = resident().saturating_sub(before) / SUBSCRIPTIONS as u64;
    let what = body.map_or("without a document".to_owned(), |body| {
        format!("with a document of {} bytes", body.len())
    });
    println!("bytes per held subscription {what}: {used}");
}

/// A NOTIFY with new state to one of 1,000 subscriptions.
#[divan::bench]
fn changed(bencher: Bencher<'_, '_>) {
    notified(bencher, [Some(document(true)), Some(document(false))]);
}

/// A NOTIFY that repeats the state.
#[divan::bench]
fn same(bencher: Bencher<'_, '_>) {
    notified(bencher, [Some(document(true)), Some(document(true))]);
}

/// A NOTIFY without a body.
#[divan::bench]
fn empty(bencher: Bencher<'_, '_>) {
    notified(bencher, [None, None]);
}

fn notified(bencher: Bencher<'_, '_>, bodies: [Option<String>; 2]) {
    let bed = RefCell::new(Bed::new());
    for n in 0..1000 {
        bed.borrow_mut().subscribe(n, bodies[0].as_deref());
    }
    let mut n = 0;
    bencher
        .with_inputs(|| {
            let mut bed = bed.borrow_mut();
            n = (n + 1) % 1000;
            bed.now += Duration::from_millis(1);
            let which = bed.watched[n].cseq as usize % 2;
            bed.notify(n, bodies[which].as_deref())
        })
        .bench_local_values(|notify| {
            let mut bed = bed.borrow_mut();
            let (sent, _events) = bed.receive(notify.as_bytes());
            assert!(sent >= 1);
        });
}
