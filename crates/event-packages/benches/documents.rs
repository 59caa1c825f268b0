//! What one NOTIFY's document costs: reading a presence document of 620 octets, its JSON form, its summary, and writing
//! it. Time and allocations.
#![allow(clippy::unwrap_used)]

use divan::{AllocProfiler, Bencher, black_box};
use event_packages::{Document, check, pidf};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    assert_eq!(DOCUMENT.len(), 620);
    assert_eq!(read().summary().activities, ["on-the-phone"]);
    divan::main();
}

const TYPE: &str = "application/pidf+xml";

const DOCUMENT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:alice@presence.example.com\">\n\
<tuple id=\"t7f1c2e9a\"><status><basic>open</basic></status>\
<contact priority=\"0.8\">sip:alice@192.0.2.10:5062</contact>\
<timestamp>2026-11-23T05:40:12Z</timestamp></tuple>\n\
<dm:person id=\"p7f1c2e9a\"><rpid:activities from=\"2026-11-23T05:40:12Z\"><rpid:on-the-phone/></rpid:activities>\
<dm:note xml:lang=\"en\">on the phone!</dm:note>\
<dm:timestamp>2026-11-23T05:40:12Z</dm:timestamp></dm:person>\n\
</presence>\n";

fn read() -> Document {
    Document::read(TYPE, DOCUMENT.as_bytes()).unwrap()
}

#[divan::bench]
fn read_document() -> pidf::Presence {
    pidf::read(black_box(DOCUMENT.as_bytes())).unwrap()
}

#[divan::bench]
fn read_and_to_json() -> serde_json::Value {
    Document::read(TYPE, black_box(DOCUMENT.as_bytes()))
        .unwrap()
        .to_json()
}

#[divan::bench]
fn read_and_to_json_text() -> String {
    let document = Document::read(TYPE, black_box(DOCUMENT.as_bytes())).unwrap();
    document.to_json().to_string()
}

#[divan::bench]
fn summary(bencher: Bencher<'_, '_>) {
    let document = read();
    bencher.bench_local(|| black_box(&document).summary());
}

#[divan::bench]
fn write(bencher: Bencher<'_, '_>) {
    let document = read();
    bencher.bench_local(|| black_box(&document).write().unwrap());
}

#[divan::bench]
fn check_document() -> usize {
    check(TYPE, black_box(DOCUMENT.as_bytes())).len()
}
