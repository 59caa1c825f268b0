//! NOTIFYs that are too large for a datagram (RFC 3261 §18.1.1), and the end of all of them.

mod common;

use common::{Bench, PIDF, Text};
use pua_server::{Config, Ended, Event, Input};
use sip_transaction::{Hop, Transmit, Transport};

fn document(id: &str, bytes: usize) -> String {
    format!(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:alice@example.com'><tuple id='{id}'><status><basic>open</basic></status><note>{}</note></tuple></presence>",
        "z".repeat(bytes)
    )
}

/// One more publication; the NOTIFY that follows, as it leaves.
fn published(bench: &mut Bench, id: &str, bytes: usize) -> (Transmit, Text) {
    let rows = format!("Event: presence\r\n{PIDF}");
    // By a stream, since the PUBLISH is large as well.
    let flow = bench.flow;
    bench.flow.transport = Transport::Tcp;
    bench.flow.connection = 9;
    assert_eq!(bench.publish(&rows, &document(id, bytes)).code(), 200);
    bench.flow = flow;
    let at = bench
        .sent
        .iter()
        .position(|sent| sent.bytes.starts_with(b"NOTIFY "));
    let transmit = bench.sent.remove(at.expect("a NOTIFY"));
    let text = Text(String::from_utf8(transmit.bytes.to_vec()).unwrap());
    (transmit, text)
}

fn watched() -> Bench {
    let mut bench = Bench::new(Config::default());
    let (_, notify) = bench.subscribe("Expires: 600\r\n");
    bench.answer(&notify, 200);
    bench
}

fn refuse_tcp(bench: &mut Bench, hop: Hop) {
    bench.input(Input::Unreachable {
        hop,
        connection: None,
    });
}

/// R3261-101: above 1300 bytes by TCP, and its Via says so; below by UDP as before.
#[test]
fn r3261_101_a_large_notify_goes_by_tcp() {
    let mut bench = watched();
    let (small, text) = published(&mut bench, "a", 10);
    assert_eq!(small.hop.to_string(), "udp:198.51.100.7:5060");
    bench.answer(&text, 200);
    let (large, text) = published(&mut bench, "b", 5000);
    assert_eq!(
        (large.hop.to_string().as_str(), large.connection),
        ("tcp:198.51.100.7:5060", None)
    );
    assert!(text.header("Via").starts_with("SIP/2.0/TCP "));
    assert!(text.body().len() > 5000);
    bench.answer(&text, 200);
    assert_eq!(bench.server.counters().subscriptions, 1);
}

/// R3261-101: where TCP is refused it goes by UDP, and so do those that follow.
#[test]
fn r3261_101_a_large_notify_goes_by_udp_where_tcp_is_refused() {
    let mut bench = watched();
    let (large, _) = published(&mut bench, "b", 5000);
    refuse_tcp(&mut bench, large.hop);
    let again = bench.sent.remove(0);
    assert_eq!(again.hop.to_string(), "udp:198.51.100.7:5060");
    let text = Text(String::from_utf8(again.bytes.to_vec()).unwrap());
    assert!(text.header("Via").starts_with("SIP/2.0/UDP ") && text.body().len() > 5000);
    bench.answer(&text, 200);
    let (next, text) = published(&mut bench, "c", 6000);
    assert_eq!(next.hop.transport, Transport::Udp);
    bench.answer(&text, 200);
}

/// R3261-101: what no datagram holds is left out where TCP is refused; that is told, and ends nothing.
#[test]
fn r3261_101_a_document_beyond_a_datagram_ends_no_subscription() {
    let mut bench = watched();
    let (first, _) = published(&mut bench, "a", 40_000);
    refuse_tcp(&mut bench, first.hop);
    let notify = bench.take("NOTIFY ");
    bench.answer(&notify, 200);
    let (second, text) = published(&mut bench, "b", 40_000);
    assert_eq!((second.hop.transport, text.body()), (Transport::Udp, ""));
    assert!(text.header("Subscription-State").starts_with("active;"));
    bench.answer(&text, 200);
    let told = |event: &Event| matches!(event, Event::DocumentLeftOut { bytes } if *bytes > 80_000);
    assert!(bench.events.iter().any(told), "{:?}", bench.events);
    assert_eq!(bench.server.counters().subscriptions, 1);
}

/// RFC 6665 §4.2.2: who stops ends its subscriptions, and takes nothing new.
#[test]
fn a_stop_ends_every_subscription() {
    let mut bench = watched();
    bench.stop();
    let notify = bench.take("NOTIFY ");
    assert_eq!(
        notify.header("Subscription-State"),
        "terminated;reason=probation;retry-after=5"
    );
    bench.answer(&notify, 200);
    assert!(bench.events.iter().any(|event| matches!(
        event,
        Event::WatchEnded {
            why: Ended::Stopped,
            ..
        }
    )));
    assert_eq!(bench.server.counters().subscriptions, 0);
    let rows = "Event: presence\r\nContact: <sip:w@198.51.100.7:5060>\r\n";
    let refused = bench.ask("SUBSCRIBE", "sip:alice@example.com", rows, "");
    assert_eq!((refused.code(), refused.header("Retry-After")), (503, "5"));
}

/// RFC 6665 §4.2.1.1: who watches is told by nobody here.
#[test]
fn watcher_information_is_not_provided() {
    let mut bench = Bench::new(Config::default());
    for event in ["presence.winfo", "presence.winfo.winfo"] {
        let rows = format!("Event: {event}\r\nContact: <sip:w@198.51.100.7:5060>\r\n");
        let refused = bench.ask("SUBSCRIBE", "sip:alice@example.com", &rows, "");
        assert_eq!(refused.code(), 489, "{event}");
        assert!(!refused.header("Allow-Events").contains("winfo"));
    }
}

/// R3261-097: beyond the limits of a head.
#[test]
fn r3261_097_beyond_the_limits_is_answered() {
    let mut bench = Bench::new(Config::default());
    let rows = "X-Y: z\r\n".repeat(300);
    assert_eq!(
        bench.ask("OPTIONS", "sip:alice@example.com", &rows, "").code(),
        400
    );
}
