//! What one `pua_publish` costs at the management interface: reading the request, printing the answer.

use divan::{AllocProfiler, Bencher, black_box};
use pua_mi::{FifoFramer, Outcome, Reply, Request, Via};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const BODY: &str = "<?xml version='1.0'?><presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' entity='sip:system@example.org'><tuple id='a1'><status><basic>open</basic></status></tuple><dm:person id='p1'><rpid:activities><rpid:away/></rpid:activities><dm:note>CPU:16 MEM:476</dm:note></dm:person></presence>";

fn main() {
    divan::main();
}

fn classic() -> Vec<u8> {
    format!(
        ":pua_publish:reply_1\nsip:system@example.org\n3600\npresence\napplication/pidf+xml\n.\n.\n{BODY}\n\n"
    )
    .into_bytes()
}

fn named() -> Vec<u8> {
    format!(
        r#"{{"jsonrpc": "2.0", "id": "21531", "method": "pua_mi:publish", "params": {{"presentity_uri": "sip:system@example.org", "expires": "3600", "event_package": "presence", "content_type": "application/pidf+xml", "body": "{BODY}"}}}}"#
    )
    .into_bytes()
}

fn kamailio() -> Vec<u8> {
    format!(
        r#"{{"jsonrpc":"2.0","method":"pua.publish","params":["sip:system@example.org","3600","presence","application/pidf+xml",".",".",".",".","{BODY}"],"id":1}}"#
    )
    .into_bytes()
}

fn success() -> Reply {
    Reply::Published(Outcome {
        code: 200,
        reason: "OK".into(),
        etag: Some("a.1481534683.1".into()),
        expires: Some(3600),
        ..Outcome::default()
    })
}

fn exchange(bencher: Bencher<'_, '_>, bytes: &[u8], via: Via) {
    let replies = [success()];
    bencher.bench_local(|| {
        let request = Request::parse(black_box(bytes), via);
        request.encode(black_box(&replies))
    });
}

#[divan::bench]
fn publish_classic(bencher: Bencher<'_, '_>) {
    exchange(bencher, &classic(), Via::Fifo);
}

#[divan::bench]
fn publish_json_named(bencher: Bencher<'_, '_>) {
    exchange(bencher, &named(), Via::Datagram);
}

#[divan::bench]
fn publish_json_kamailio(bencher: Bencher<'_, '_>) {
    exchange(bencher, &kamailio(), Via::Http);
}

#[divan::bench]
fn encode_json(bencher: Bencher<'_, '_>) {
    let request = Request::parse(&named(), Via::Datagram);
    let replies = [success()];
    bencher.bench_local(|| request.encode(black_box(&replies)));
}

#[divan::bench]
fn frame_classic(bencher: Bencher<'_, '_>) {
    let bytes = classic();
    let mut framer = FifoFramer::new(1 << 20);
    bencher.bench_local(|| {
        framer.push(black_box(&bytes));
        framer.next()
    });
}

#[divan::bench]
fn frame_json(bencher: Bencher<'_, '_>) {
    let mut bytes = b":reply_1:".to_vec();
    bytes.extend(named());
    let mut framer = FifoFramer::new(1 << 20);
    bencher.bench_local(|| {
        framer.push(black_box(&bytes));
        framer.next()
    });
}
