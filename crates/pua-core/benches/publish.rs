//! One publish through the core: command in, PUBLISH out, 200 in, reply out; time, and allocations
//! on the way.
#![allow(missing_docs)]

use std::cell::RefCell;
use std::time::{Duration, Instant};

use bytes::Bytes;
use divan::{AllocProfiler, Bencher};
use pua_core::*;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

struct Bed {
    agent: UserAgent,
    now: Instant,
    next: u64,
    flow: Flow,
    response: Vec<u8>,
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
            next: 0,
            flow: Flow {
                transport: Transport::Udp,
                local: "127.0.0.1:5060".parse().expect("an address"),
                remote: "127.0.0.1:5080".parse().expect("an address"),
                connection: 0,
            },
            response: Vec::new(),
        }
    }

    /// Feeds a command and the server's 200 to what it sent; counts the replies.
    fn round(&mut self, command: Command) -> usize {
        self.next += 1;
        self.now += Duration::from_micros(50);
        self.agent
            .handle_input(self.now, Input::Command(CommandId(self.next), command));
        let mut replies = 0;
        let mut request = None;
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Transmit(transmit) => request = Some(transmit.bytes),
                Output::Reply(..) => replies += 1,
                _ => {}
            }
        }
        if let Some(request) = request {
            self.answer(&request);
            self.agent.handle_input(
                self.now,
                Input::Received {
                    flow: &self.flow,
                    bytes: &self.response,
                },
            );
            while let Some(output) = self.agent.poll_output() {
                replies += usize::from(matches!(output, Output::Reply(..)));
            }
        }
        replies
    }

    /// Writes a 200 into a buffer that is kept: what it costs is the bench's, not the core's.
    fn answer(&mut self, request: &[u8]) {
        self.response.clear();
        self.response.extend_from_slice(b"SIP/2.0 200 OK\r\n");
        for row in request.split(|byte| *byte == b'\n') {
            if [&b"Via:"[..], b"From:", b"To:", b"Call-ID:", b"CSeq:"]
                .iter()
                .any(|name| row.starts_with(name))
            {
                self.response.extend_from_slice(row);
                self.response.push(b'\n');
            }
        }
        self.response
            .extend_from_slice(b"SIP-ETag: a.1481534683.1\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n");
    }
}

fn publish(n: u64) -> Command {
    Command::Publish(Publish {
        name: PublicationName {
            presentity: format!("sip:user{n}@example.com").into(),
            package: "presence".into(),
            id: None,
        },
        lifetime: Lifetime::Seconds(3600),
        document: Some(Document {
            content_type: "application/pidf+xml".into(),
            body: Bytes::from_static(&[b'x'; 437]),
        }),
        if_match: None,
        headers: "".into(),
        proxy: None,
        on_stop: None,
        wait: Wait::Final,
        timeout: Duration::from_secs(32),
    })
}

/// A change of one of 1,000 held publications. The command itself is made outside.
#[divan::bench]
fn modify(bencher: Bencher<'_, '_>) {
    let bed = RefCell::new(Bed::new());
    for n in 0..1000 {
        bed.borrow_mut().round(publish(n));
    }
    let mut n = 0;
    bencher
        .with_inputs(move || {
            n = (n + 1) % 1000;
            publish(n)
        })
        .bench_local_values(|command| assert_eq!(bed.borrow_mut().round(command), 1));
}

/// A new publication.
#[divan::bench]
fn initial(bencher: Bencher<'_, '_>) {
    let bed = RefCell::new(Bed::new());
    let mut n = 0;
    bencher
        .with_inputs(move || {
            n += 1;
            publish(n)
        })
        .bench_local_values(|command| assert_eq!(bed.borrow_mut().round(command), 1));
}
