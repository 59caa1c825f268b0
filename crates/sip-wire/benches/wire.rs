//! What one message costs: the parse and extraction of the 200 to a PUBLISH, the printing of a
//! PUBLISH with a presence document. Time and allocations, of which there are to be none.
#![allow(clippy::unwrap_used)]

use divan::{AllocProfiler, Bencher, black_box};
use sip_wire::{
    DeltaSeconds, EntityTag, Frame, Framer, HeaderName as H, Limits, Message, Method, Printer, Uri,
};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    assert_eq!(OK.len(), 555);
    assert_eq!(DOCUMENT.len(), 437);
    divan::main();
}

const OK: &[u8] = b"SIP/2.0 200 OK\r\n\
Via: SIP/2.0/UDP 192.0.2.10:5060;received=192.0.2.10;rport=5060;branch=z9hG4bK5f2c9a1e7b3d48f6a0c1\r\n\
From: \"Alice\" <sip:alice@presence.example.com>;tag=9fxced76sl4a8c1e\r\n\
To: <sip:alice@presence.example.com>;tag=b27e1a1d33761e85846fc98f5f3a7e58.0503\r\n\
Call-ID: 7f1c2e9ab4d84c0f9b7be1d4c2a6f8e0@192.0.2.10\r\n\
CSeq: 184729 PUBLISH\r\n\
Expires: 3600\r\n\
SIP-ETag: a.1763874932.21734.14.0\r\n\
Allow-Events: presence, presence.winfo, dialog, message-summary\r\n\
Server: presence/5.8.2 (x86_64/linux) a\r\n\
Date: Mon, 23 Nov 2026 05:40:12 GMT\r\n\
Content-Length: 0\r\n\
\r\n";

const DOCUMENT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
entity=\"sip:alice@presence.example.com\">\n\
<tuple id=\"t7f1c2e9a\"><status><basic>open</basic></status>\
<contact priority=\"0.8\">sip:alice@192.0.2.10:5062</contact>\
<note xml:lang=\"en\">Phoned</note>\
<timestamp>2026-11-23T05:40:12Z</timestamp></tuple>\n\
<dm:person><dm:note>busy</dm:note></dm:person>\n</presence>\n";

#[divan::bench(sample_size = 100, sample_count = 1000)]
fn parse_and_extract_200(bencher: Bencher<'_, '_>) {
    let limits = Limits::default();
    bencher.bench(|| {
        let message = Message::parse_datagram(black_box(OK), &limits).unwrap();
        let essentials = message.essentials().unwrap();
        let tag = EntityTag::parse(message.headers.get(H::SipETag).unwrap()).unwrap();
        let expires = DeltaSeconds::parse(message.headers.get(H::Expires).unwrap()).unwrap();
        black_box((
            essentials.top_via.branch,
            essentials.cseq.number,
            essentials.to_tag,
            tag,
            expires,
        ));
    });
}

#[divan::bench(sample_size = 100, sample_count = 1000)]
fn parse_only_200(bencher: Bencher<'_, '_>) {
    let limits = Limits::default();
    bencher.bench(|| {
        Message::parse_datagram(black_box(OK), &limits)
            .unwrap()
            .headers
            .len()
    });
}

#[divan::bench(sample_size = 100, sample_count = 1000)]
fn frame_200(bencher: Bencher<'_, '_>) {
    let mut framer = Framer::new(Limits::stream());
    bencher.bench_local(|| {
        framer.push(black_box(OK));
        matches!(framer.next(), Ok(Some(Frame::Message(_))))
    });
}

#[divan::bench(sample_size = 100, sample_count = 1000)]
fn print_publish(bencher: Bencher<'_, '_>) {
    let mut out = Vec::with_capacity(4096);
    bencher.bench_local(|| {
        out.clear();
        let mut printer = Printer::request(
            &mut out,
            Method::Publish,
            black_box("sip:alice@presence.example.com"),
        );
        printer
            .parts(
                H::Via,
                &[
                    "SIP/2.0/UDP ",
                    black_box("192.0.2.10:5060"),
                    ";branch=z9hG4bK5f2c9a1e7b3d48f6a0c1;rport",
                ],
            )
            .parts(
                H::From,
                &[
                    "<",
                    black_box("sip:alice@presence.example.com"),
                    ">;tag=",
                    "9fxced76sl4a8c1e",
                ],
            )
            .parts(H::To, &["<", black_box("sip:alice@presence.example.com"), ">"])
            .header(H::CallId, black_box("7f1c2e9ab4d84c0f9b7be1d4c2a6f8e0"))
            .cseq(black_box(184_729), Method::Publish)
            .number(H::MaxForwards, 70, "")
            .header(H::Event, black_box("presence"))
            .number(H::Expires, black_box(3600), "")
            .header(H::SipIfMatch, black_box("a.1763874932.21734.14.0"))
            .header(H::UserAgent, black_box("pua/0.1"))
            .body(Some("application/pidf+xml"), black_box(DOCUMENT.as_bytes()));
        out.len()
    });
}

#[divan::bench(sample_size = 100, sample_count = 1000)]
fn parse_uri(bencher: Bencher<'_, '_>) {
    bencher.bench(|| {
        Uri::parse(black_box("sip:alice@presence.example.com:5062;transport=tcp;lr"))
            .unwrap()
            .is_loose_route()
    });
}

#[divan::bench(sample_size = 100, sample_count = 1000)]
fn key_of_a_presentity(bencher: Bencher<'_, '_>) {
    let uri = Uri::parse("sip:alice@presence.example.com").unwrap();
    bencher.bench(|| black_box(&uri).key());
}
