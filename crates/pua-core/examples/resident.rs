//! What is held costs at rest: `resident [NUMBER] [publish|restore|subscribe|notify]` makes so many,
//! lets their transactions pass, and prints the resident memory of the process that they account
//! for, with the allocator of the program.
//!
//! Publications have the document of 437 bytes of the admin guide. Subscriptions have none
//! (`subscribe`), or their notifier has told one of 430 bytes, three times (`notify`). What they
//! request of the allocator is counted by the test of the same name.
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

/// For how many seconds subscriptions are asked for, and granted.
const LASTING: u32 = 30_000_000;

fn answer(request: &[u8], n: u64, expires: u32) -> Vec<u8> {
    let mut response = b"SIP/2.0 200 OK\r\n".to_vec();
    for row in request.split_inclusive(|byte| *byte == b'\n') {
        if [&b"Via:"[..], b"From:", b"To:", b"Call-ID:", b"CSeq:"]
            .iter()
            .any(|name| row.starts_with(name))
        {
            response.extend_from_slice(row);
        }
    }
    let rest = format!("SIP-ETag: a.1481534683.{n}\r\nExpires: {expires}\r\nContent-Length: 0\r\n\r\n");
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
        let bytes = answer(&request, n, 3600);
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
        surplus: 0,
        setback: None,
    }
}

/// A header of a request.
fn header<'r>(request: &'r str, name: &str) -> &'r str {
    let row = request
        .lines()
        .find_map(|row| row.strip_prefix(name)?.strip_prefix(": "));
    row.unwrap_or("")
}

/// The NOTIFY that follows a SUBSCRIBE, with a document of 430 bytes if it has one.
fn notify(subscribe: &str, n: u64, cseq: u32, told: bool) -> Vec<u8> {
    let mut body = String::new();
    if told {
        body = format!(
            "<?xml version='1.0' encoding='UTF-8'?><presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' entity='sip:user{n:07}@pua.example.com'><tuple id='t1'><status><basic>open</basic></status></tuple><dm:person id='p1'><rpid:activities><rpid:away/></rpid:activities><dm:note>{cseq}"
        );
        let end = "</dm:note></dm:person></presence>";
        body.push_str(&"n".repeat(430usize.saturating_sub(body.len() + end.len())));
        body.push_str(end);
    }
    format!(
        "NOTIFY sip:pua@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK{n}.{cseq}\r\nMax-Forwards: 70\r\nFrom: {};tag=a6a1c5f60faecf035a1ae5b6e96e979a-{n:05}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} NOTIFY\r\nContact: <sip:127.0.0.1:5080;transport=udp>\r\nEvent: presence\r\nSubscription-State: active;expires={LASTING}\r\nContent-Type: application/pidf+xml\r\nContent-Length: {}\r\n\r\n{body}",
        header(subscribe, "To"),
        header(subscribe, "From"),
        header(subscribe, "Call-ID"),
        body.len(),
    )
    .into_bytes()
}

fn subscribe(agent: &mut UserAgent, now: Instant, flow: &Flow, n: u64, told: bool) {
    let subscribe = Subscribe {
        name: SubscriptionName {
            presentity: format!("sip:user{n:07}@pua.example.com").into(),
            watcher: "sip:watcher@pua.example.com".into(),
            package: "presence".into(),
            id: None,
        },
        lifetime: Lifetime::UntilFurtherNotice,
        headers: "".into(),
        proxy: None,
        members: [].into(),
        wait: Wait::Final,
        timeout: Duration::from_secs(32),
    };
    agent.handle_input(now, Input::Command(CommandId(n), Command::Subscribe(subscribe)));
    for request in drain(agent) {
        let bytes = answer(&request, n, LASTING);
        agent.handle_input(now, Input::Received { flow, bytes: &bytes });
        let request = String::from_utf8_lossy(&request).into_owned();
        for cseq in 1..=3 {
            let bytes = notify(&request, n, cseq, told);
            agent.handle_input(now, Input::Received { flow, bytes: &bytes });
            drain(agent);
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let number: u64 = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(200_000);
    let what = arguments.next().unwrap_or_default();
    let restores = what == "restore";
    let subscribes = what == "subscribe" || what == "notify";
    let begun = Instant::now();
    let mut config = Config {
        presence_server: Some(Proxy {
            uri: "sip:127.0.0.1:5080".into(),
        }),
        listen: vec![(Transport::Udp, ([127, 0, 0, 1], 5060).into())],
        ..Config::default()
    };
    // None is refreshed before all are there.
    config.subscribe.default_expires = Some(LASTING);
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
        } else if subscribes {
            subscribe(&mut agent, now, &flow, n, what == "notify");
            // What is remembered of transactions is memory, too.
            if n % 100 == 0 {
                now += Duration::from_secs(33);
                agent.handle_input(now, Input::Timeout);
                drain(&mut agent);
            }
        } else {
            publish(&mut agent, now, &flow, n);
        }
    }
    if !restores {
        now += Duration::from_secs(60);
        agent.handle_input(now, Input::Timeout);
        drain(&mut agent);
    }
    let more = resident().saturating_sub(before);
    let publications = agent.publications(&Filter::default(), None, 1).publications.len();
    let views = agent.subscriptions(&SubscriptionFilter::default(), None, usize::MAX);
    let standing = |view: &&SubscriptionView| view.state == SubscriptionState::Active && view.notifies >= 3;
    let subscriptions = views.subscriptions.iter().filter(standing).count() as u64;
    match subscribes {
        true => assert_eq!(subscriptions, number, "some are not held"),
        false => assert_eq!(publications, 1, "nothing is held"),
    }
    let things = if subscribes {
        "subscriptions"
    } else {
        "publications"
    };
    println!("{number} {things}: {} bytes each", more / number.max(1));
    if restores {
        println!(
            "{} ns to restore each",
            took.as_nanos() / u128::from(number.max(1))
        );
    }
}
