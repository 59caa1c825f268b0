//! Timelines of server transactions, and where responses go.

use super::*;
use crate::Transport;
use crate::response::response;
use sip_wire::Limits;

fn flow(transport: Transport) -> Flow {
    Flow {
        transport,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "198.51.100.7:40000".parse().unwrap(),
        connection: u64::from(transport == Transport::Tcp) * 9,
    }
}

fn request(method: &str, via: &str, to: &str) -> String {
    format!(
        "{method} sip:a@example.com SIP/2.0\r\nVia: {via}\r\nFrom: <sip:b@example.com>;tag=f\r\nTo: {to}\r\nCall-ID: c\r\nCSeq: 7 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}

const VIA: &str = "SIP/2.0/UDP host.example.com;branch=z9hG4bK-1;rport;x=y, SIP/2.0/TCP other";

struct Bench {
    base: Instant,
    transactions: ServerTransactions,
    flow: Flow,
}

impl Bench {
    fn new(transport: Transport) -> Bench {
        let base = Instant::now();
        Bench {
            base,
            transactions: ServerTransactions::new(base, Timers::default()),
            flow: flow(transport),
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.base + Duration::from_millis(ms)
    }

    fn receive(&mut self, ms: u64, text: &str) -> Received {
        let message = Message::parse_datagram(text.as_bytes(), &Limits::default()).unwrap();
        let essentials = message.essentials().unwrap();
        self.transactions
            .receive(self.at(ms), &message, &essentials, &self.flow)
    }

    fn fresh(&mut self, ms: u64, text: &str) -> ServerKey {
        match self.receive(ms, text) {
            Received::Fresh(key) | Received::Merged(key) => key,
            other => panic!("{other:?}"),
        }
    }

    /// The times until `until` at which something is sent again.
    fn resent(&mut self, until: u64) -> Vec<u128> {
        let mut times = Vec::new();
        while let Some(due) = self.transactions.next_due().filter(|due| *due <= self.at(until)) {
            while self.transactions.poll(due).is_some() {
                times.push(due.duration_since(self.base).as_millis());
            }
        }
        times
    }
}

#[test]
fn section_17_2_2_a_repeated_request_gets_the_same_response_until_timer_j() {
    let mut bench = Bench::new(Transport::Udp);
    let text = request("PUBLISH", VIA, "<sip:a@example.com>");
    let key = bench.fresh(0, &text);
    assert!(matches!(bench.receive(10, &text), Received::Repeated(None)));
    let answer = bench
        .transactions
        .respond(bench.at(20), key, Bytes::from_static(b"x"));
    assert_eq!(answer.unwrap().bytes, "x");
    assert!(matches!(bench.receive(32_019, &text), Received::Repeated(Some(again)) if again.bytes == "x"));
    assert_eq!(bench.resent(32_020), [0u128; 0]);
    assert!(bench.transactions.is_empty());
    bench.fresh(32_021, &text);
}

#[test]
fn section_17_2_2_timer_j_is_zero_on_a_stream() {
    let mut bench = Bench::new(Transport::Tcp);
    let key = bench.fresh(0, &request("PUBLISH", VIA, "<sip:a@example.com>"));
    let answer = bench
        .transactions
        .respond(bench.at(0), key, Bytes::new())
        .unwrap();
    assert_eq!(answer.connection, Some(9));
    assert!(bench.transactions.is_empty());
}

#[test]
fn section_17_2_3_branch_sent_by_and_method_tell_requests_apart() {
    let mut bench = Bench::new(Transport::Udp);
    let to = "<sip:a@example.com>";
    bench.fresh(0, &request("PUBLISH", VIA, to));
    bench.fresh(0, &request("OPTIONS", VIA, to));
    bench.fresh(
        0,
        &request("PUBLISH", "SIP/2.0/UDP host2.example.com;branch=z9hG4bK-1", to),
    );
    bench.fresh(
        0,
        &request("PUBLISH", "SIP/2.0/UDP host.example.com;branch=z9hG4bK-2", to),
    );
    let same = "SIP/2.0/UDP HOST.example.com:5060;branch=z9hG4bK-1";
    assert!(matches!(
        bench.receive(0, &request("PUBLISH", same, to)),
        Received::Repeated(None)
    ));
}

#[test]
fn section_17_2_3_a_client_of_rfc_2543() {
    let mut bench = Bench::new(Transport::Udp);
    let old = "SIP/2.0/UDP host.example.com";
    let text = request("OPTIONS", old, "<sip:a@example.com>");
    bench.fresh(0, &text);
    assert!(matches!(bench.receive(0, &text), Received::Repeated(None)));
    bench.fresh(0, &request("OPTIONS", old, "<sip:a@example.com>;tag=1"));
    // Only the cookie: as if there were no branch.
    bench.fresh(
        0,
        &request(
            "OPTIONS",
            "SIP/2.0/UDP host.example.com;branch=z9hG4bK",
            "<sip:a@example.com>",
        ),
    );
}

#[test]
fn section_17_2_1_a_refused_invite_is_repeated_until_the_ack() {
    let mut bench = Bench::new(Transport::Udp);
    let key = bench.fresh(0, &request("INVITE", VIA, "<sip:a@example.com>"));
    bench
        .transactions
        .respond(bench.at(0), key, Bytes::new())
        .unwrap();
    assert_eq!(bench.resent(12_000), [500, 1500, 3500, 7500, 11_500]);
    let ack = request("ACK", VIA, "<sip:a@example.com>;tag=ours");
    assert!(matches!(bench.receive(12_000, &ack), Received::Acknowledgement));
    assert!(matches!(bench.receive(13_000, &ack), Received::Acknowledgement));
    assert_eq!(bench.transactions.len(), 1);
    assert_eq!(bench.resent(17_000), [0u128; 0]);
    assert!(bench.transactions.is_empty());
    assert!(matches!(bench.receive(18_000, &ack), Received::Acknowledgement));
}

#[test]
fn section_17_2_1_timer_h_ends_what_is_never_acknowledged() {
    let mut bench = Bench::new(Transport::Udp);
    let key = bench.fresh(0, &request("INVITE", VIA, "<sip:a@example.com>"));
    bench
        .transactions
        .respond(bench.at(0), key, Bytes::new())
        .unwrap();
    assert_eq!(bench.resent(60_000).last(), Some(&31_500));
    assert!(bench.transactions.is_empty());
    let mut bench = Bench::new(Transport::Tcp);
    let key = bench.fresh(0, &request("INVITE", VIA, "<sip:a@example.com>"));
    bench
        .transactions
        .respond(bench.at(0), key, Bytes::new())
        .unwrap();
    assert_eq!(bench.resent(31_999), [0u128; 0]);
    assert_eq!(bench.transactions.len(), 1);
    assert_eq!(bench.resent(32_000), [0u128; 0]);
    assert!(bench.transactions.is_empty());
}

#[test]
fn section_9_2_a_cancel_finds_its_target() {
    let mut bench = Bench::new(Transport::Udp);
    let to = "<sip:a@example.com>";
    let cancel = request("CANCEL", VIA, to);
    let known = |bench: &mut Bench| {
        let message = Message::parse_datagram(cancel.as_bytes(), &Limits::default()).unwrap();
        let essentials = message.essentials().unwrap();
        bench.transactions.knows_target_of(&message, &essentials)
    };
    assert!(!known(&mut bench));
    bench.fresh(0, &request("NOTIFY", VIA, to));
    assert!(known(&mut bench));
}

fn vias(via: &str, flow: &Flow) -> Vec<String> {
    let text = request("OPTIONS", via, "<sip:a@example.com>");
    let message = Message::parse_datagram(text.as_bytes(), &Limits::default()).unwrap();
    let mut out = Vec::new();
    response(&mut out, 200, "OK", &message, flow, Some("ours")).body(None, b"");
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.contains("\r\nTo: <sip:a@example.com>;tag=ours\r\n"),
        "{text}"
    );
    text.lines()
        .filter_map(|line| line.strip_prefix("Via: "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn rfc_3581_section_4_rport_and_received_are_filled_in() {
    let udp = flow(Transport::Udp);
    assert_eq!(
        vias(VIA, &udp),
        [
            "SIP/2.0/UDP host.example.com;branch=z9hG4bK-1;rport=40000;x=y;received=198.51.100.7",
            "SIP/2.0/TCP other"
        ]
    );
    // Received always, even if it says nothing new, and never as the client has it.
    assert_eq!(
        vias(
            "SIP/2.0/UDP 198.51.100.7;received=1.2.3.4;rport;branch=z9hG4bK-1",
            &udp
        ),
        ["SIP/2.0/UDP 198.51.100.7;rport=40000;branch=z9hG4bK-1;received=198.51.100.7"]
    );
}

#[test]
fn section_18_2_1_received_only_where_the_source_differs() {
    let udp = flow(Transport::Udp);
    let plain = "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bK-1";
    assert_eq!(vias(plain, &udp), [plain]);
    assert_eq!(
        vias("SIP/2.0/UDP 192.0.2.99 ;branch=z9hG4bK-1", &udp),
        ["SIP/2.0/UDP 192.0.2.99 ;branch=z9hG4bK-1;received=198.51.100.7"]
    );
    let v6 = Flow {
        remote: "[2001:db8::9]:40000".parse().unwrap(),
        ..udp
    };
    assert_eq!(vias("SIP/2.0/UDP [2001:DB8:0::9];branch=z9hG4bK-1", &v6).len(), 1);
    assert_eq!(
        vias("SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK-1", &v6),
        ["SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK-1;received=2001:db8::9"]
    );
}

#[test]
fn section_18_2_2_where_responses_go() {
    let hop = |via: &str, transport| {
        let via = sip_wire::Via::parse(via.as_bytes()).unwrap();
        response_hop(&via, &flow(transport)).to_string()
    };
    let udp = Transport::Udp;
    assert_eq!(
        hop("SIP/2.0/UDP h:5070;rport;branch=z9hG4bK1", udp),
        "udp:198.51.100.7:40000"
    );
    assert_eq!(
        hop("SIP/2.0/UDP h:5070;branch=z9hG4bK1", udp),
        "udp:198.51.100.7:5070"
    );
    assert_eq!(
        hop("SIP/2.0/UDP h;branch=z9hG4bK1;maddr=192.0.2.200", udp),
        "udp:198.51.100.7:5060"
    );
    assert_eq!(
        hop("SIP/2.0/TCP h;branch=z9hG4bK1;rport", Transport::Tcp),
        "tcp:198.51.100.7:5060"
    );
}

#[test]
fn a_response_keeps_the_tag_that_is_there() {
    let text = request("OPTIONS", VIA, "<sip:a@example.com>;tag=theirs");
    let message = Message::parse_datagram(text.as_bytes(), &Limits::default()).unwrap();
    let mut out = Vec::new();
    response(
        &mut out,
        481,
        "Gone",
        &message,
        &flow(Transport::Udp),
        Some("ours"),
    )
    .body(None, b"");
    assert!(!String::from_utf8(out).unwrap().contains("ours"));
}

/// R3261-083: the same request by another way, told apart from a repetition.
#[test]
fn r3261_083_the_same_request_by_two_ways() {
    let mut bench = Bench::new(Transport::Udp);
    let to = "<sip:a@example.com>";
    assert!(matches!(
        bench.receive(0, &request("OPTIONS", VIA, to)),
        Received::Fresh(_)
    ));
    let other = request("OPTIONS", "SIP/2.0/UDP host.example.com;branch=z9hG4bK-2", to);
    let Received::Merged(key) = bench.receive(0, &other) else {
        panic!("not told apart")
    };
    bench
        .transactions
        .respond(bench.at(0), key, Bytes::new())
        .unwrap();
    assert!(matches!(bench.receive(1, &other), Received::Repeated(Some(_))));
    // In a dialog a copy is caught by its CSeq, not here.
    let inside = request(
        "OPTIONS",
        "SIP/2.0/UDP host.example.com;branch=z9hG4bK-3",
        "<sip:a@example.com>;tag=1",
    );
    assert!(matches!(bench.receive(1, &inside), Received::Fresh(_)));
}

#[test]
fn requests_whose_clients_make_no_unique_branches_are_kept_apart() {
    let mut bench = Bench::new(Transport::Udp);
    let one = request("REGISTER", VIA, "<sip:a@example.com>");
    bench.fresh(0, &one);
    bench.fresh(1, &one.replace("Call-ID: c", "Call-ID: d"));
    bench.fresh(2, &one.replace("CSeq: 7", "CSeq: 8"));
    assert!(matches!(bench.receive(3, &one), Received::Repeated(None)));
}

#[test]
fn a_repetition_is_answered_to_where_it_came_from() {
    let mut bench = Bench::new(Transport::Udp);
    let text = request("INVITE", VIA, "<sip:a@example.com>");
    let key = bench.fresh(0, &text);
    bench
        .transactions
        .respond(bench.at(0), key, Bytes::from_static(b"x"));
    bench.flow.remote.set_port(40_001);
    let Received::Repeated(Some(again)) = bench.receive(10, &text) else {
        panic!("not recognised");
    };
    assert_eq!(again.hop.to_string(), "udp:198.51.100.7:40001");
    bench.flow = flow(Transport::Tcp);
    let Received::Repeated(Some(again)) = bench.receive(20, &text) else {
        panic!("not recognised");
    };
    assert_eq!((again.hop.transport, again.connection), (Transport::Tcp, Some(9)));
}
