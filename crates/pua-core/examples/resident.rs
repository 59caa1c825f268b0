//! What a publication costs at rest: `resident [NUMBER] [publish|restore]` makes so many, each with
//! the document of 437 bytes of the admin guide, lets its transactions pass, and prints the
//! resident memory of the process that they account for, with the allocator of the program.
#![allow(missing_docs)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use pua_core::*;

#[global_allocator]
static ALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Resident memory of this process in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

fn name(n: u64) -> PublicationName {
    PublicationName {
        presentity: format!("sip:user{n:07}@pua.example.com").into(),
        package: "presence".into(),
        id: None,
    }
}

fn document() -> Document {
    Document {
        content_type: "application/pidf+xml".into(),
        body: Bytes::from(vec![b'x'; 437]),
    }
}

fn answer(request: &[u8], n: u64) -> Vec<u8> {
    let mut response = b"SIP/2.0 200 OK\r\n".to_vec();
    for row in request.split_inclusive(|byte| *byte == b'\n') {
        if [&b"Via:"[..], b"From:", b"To:", b"Call-ID:", b"CSeq:"]
            .iter()
            .any(|name| row.starts_with(name))
        {
            response.extend_from_slice(row);
        }
    }
    let rest = format!("SIP-ETag: a.1481534683.{n}\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n");
    response.extend_from_slice(rest.as_bytes());
    response
}

fn drain(agent: &mut UserAgent) -> Vec<Bytes> {
    let mut requests = Vec::new();
    while let Some(output) = agent.poll_output() {
        if let Output::Transmit(transmit) = output {
            requests.push(transmit.bytes);
        }
    }
    requests
}

fn publish(agent: &mut UserAgent, now: Instant, flow: &Flow, n: u64) {
    let publish = Publish {
        name: name(n),
        lifetime: Lifetime::UntilFurtherNotice,
        document: Some(document()),
        if_match: None,
        headers: "".into(),
        proxy: None,
        on_stop: None,
        wait: Wait::Final,
        timeout: Duration::from_secs(32),
    };
    agent.handle_input(now, Input::Command(CommandId(n), Command::Publish(publish)));
    for request in drain(agent) {
        let bytes = answer(&request, n);
        agent.handle_input(now, Input::Received { flow, bytes: &bytes });
        drain(agent);
    }
}

fn record(now: Instant, n: u64) -> PublicationRecord {
    PublicationRecord {
        key: n,
        name: name(n),
        document: Some(document()),
        headers: "".into(),
        proxy: None,
        until: None,
        removing: false,
        revision: 1,
        document_revision: 1,
        on_stop: None,
        published_revision: 1,
        etag: Some(format!("a.1481534683.{n}").into()),
        expires_at: Some(now + Duration::from_secs(1800 + n % 1800)),
        call_id: "".into(),
        cseq: 1,
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let number: u64 = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(200_000);
    let restores = arguments.next().as_deref() == Some("restore");
    let begun = Instant::now();
    let config = Config {
        presence_server: Some(Proxy {
            uri: "sip:127.0.0.1:5080".into(),
        }),
        listen: vec![(Transport::Udp, ([127, 0, 0, 1], 5060).into())],
        ..Config::default()
    };
    let mut agent = UserAgent::new(begun, config, [1; 32]);
    let flow = Flow {
        transport: Transport::Udp,
        local: ([127, 0, 0, 1], 5060).into(),
        remote: ([127, 0, 0, 1], 5080).into(),
        connection: 0,
    };
    let before = resident();
    let mut now = begun;
    let mut took = Duration::ZERO;
    for n in 1..=number {
        now += Duration::from_millis(1);
        if restores {
            let record = record(begun, n);
            let from = Instant::now();
            agent.handle_input(begun, Input::Restore(record));
            took += from.elapsed();
            drain(&mut agent);
        } else {
            publish(&mut agent, now, &flow, n);
        }
    }
    if !restores {
        now += Duration::from_secs(60);
        agent.handle_input(now, Input::Timeout);
        drain(&mut agent);
    }
    let held = agent.publications(&Filter::default(), None, 1).publications.len();
    assert_eq!(held, 1, "nothing is held");
    let more = resident().saturating_sub(before);
    println!("{number} publications: {} bytes each", more / number.max(1));
    if restores {
        println!(
            "{} ns to restore each",
            took.as_nanos() / u128::from(number.max(1))
        );
    }
}
