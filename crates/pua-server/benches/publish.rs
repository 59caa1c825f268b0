//! PUBLISH through the whole server, from the octets received to those to send, without IO.

use std::time::{Duration, Instant};

use pua_server::{Config, Input, Output, Server};
use sip_transaction::{Flow, Transport};

const DOCUMENT: &str = "<?xml version='1.0'?><presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' entity='system@example.org'><tuple id='0x81475a0'><status><basic>open</basic></status></tuple><dm:person id='pdd748945'><rpid:activities><rpid:away/>away</rpid:activities><dm:note>CPU:16 MEM:476</dm:note></dm:person></presence>";
const BATCH: u32 = 1000;

fn main() {
    divan::main();
}

struct Load {
    server: Server,
    now: Instant,
    flow: Flow,
    buffer: Vec<u8>,
    tags: Vec<Vec<u8>>,
    cseq: u32,
}

impl Load {
    fn new(transport: Transport, check_documents: bool) -> Load {
        let now = Instant::now();
        let config = Config {
            check_documents,
            ..Config::default()
        };
        Load {
            server: Server::new(now, config, [1; 32]),
            now,
            flow: Flow {
                transport,
                local: "127.0.0.1:5060".parse().expect("an address"),
                remote: "127.0.0.1:5070".parse().expect("an address"),
                connection: 1,
            },
            buffer: Vec::new(),
            tags: vec![Vec::new(); BATCH as usize],
            cseq: 0,
        }
    }

    /// One PUBLISH for each of `BATCH` presentities, 10 ms for all.
    fn round(&mut self) {
        for user in 0..BATCH {
            self.publish(user);
        }
    }

    fn publish(&mut self, user: u32) {
        use std::io::Write as _;
        self.cseq += 1;
        self.now += Duration::from_micros(10);
        let tag = &mut self.tags[user as usize];
        let via = self.flow.transport.via_token();
        let cseq = self.cseq;
        self.buffer.clear();
        write!(
            self.buffer,
            "PUBLISH sip:user{user}@example.org SIP/2.0\r\nVia: SIP/2.0/{via} 127.0.0.1:5070;branch=z9hG4bK{cseq:024x};rport\r\nMax-Forwards: 70\r\nFrom: <sip:user{user}@example.org>;tag=0123456789abcdef\r\nTo: <sip:user{user}@example.org>\r\nCall-ID: 0123456789abcdef0123456789abcdef\r\nCSeq: {cseq} PUBLISH\r\nEvent: presence\r\nExpires: 3600\r\n"
        )
        .expect("room");
        if !tag.is_empty() {
            self.buffer.extend_from_slice(b"SIP-If-Match: ");
            self.buffer.extend_from_slice(tag);
            self.buffer.extend_from_slice(b"\r\n");
        }
        write!(
            self.buffer,
            "Content-Type: application/pidf+xml\r\nContent-Length: {}\r\n\r\n{DOCUMENT}",
            DOCUMENT.len()
        )
        .expect("room");
        let input = Input::Received {
            flow: &self.flow,
            bytes: &self.buffer,
        };
        self.server.handle_input(self.now, input);
        while let Some(output) = self.server.poll_output() {
            if let Output::Transmit(transmit) = output {
                let text = &transmit.bytes;
                let at = text
                    .windows(10)
                    .position(|window| window == b"SIP-ETag: ")
                    .expect("an entity-tag");
                tag.clear();
                tag.extend(text[at + 10..].iter().take_while(|byte| **byte != b'\r'));
            }
        }
    }
}

fn run(bencher: divan::Bencher<'_, '_>, transport: Transport, check: bool, initial: bool) {
    let mut load = Load::new(transport, check);
    load.round();
    bencher
        .counter(divan::counter::ItemsCount::new(BATCH))
        .bench_local(|| {
            if initial {
                load.tags.iter_mut().for_each(Vec::clear);
            }
            load.round();
        });
}

#[divan::bench]
fn modify_by_stream(bencher: divan::Bencher<'_, '_>) {
    run(bencher, Transport::Tcp, true, false);
}

#[divan::bench]
fn modify_by_stream_unchecked(bencher: divan::Bencher<'_, '_>) {
    run(bencher, Transport::Tcp, false, false);
}

#[divan::bench]
fn modify_by_datagram(bencher: divan::Bencher<'_, '_>) {
    run(bencher, Transport::Udp, true, false);
}

#[divan::bench]
fn modify_by_datagram_unchecked(bencher: divan::Bencher<'_, '_>) {
    run(bencher, Transport::Udp, false, false);
}

#[divan::bench]
fn initial_by_datagram_unchecked(bencher: divan::Bencher<'_, '_>) {
    run(bencher, Transport::Udp, false, true);
}
