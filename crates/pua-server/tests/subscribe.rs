//! The notifier, by the sections of RFC 6665.

mod common;

use std::time::Duration;

use common::{Bench, GUIDE, PIDF, Text, tuple};
use pua_server::{Auth, Config, Ended, Event, Input, Lifetimes, Limits};
use sip_transaction::Transport;

fn bench() -> Bench {
    Bench::new(Config::default())
}

fn why_ended(bench: &Bench) -> Option<Ended> {
    bench.events.iter().rev().find_map(|event| match event {
        Event::WatchEnded { why, .. } => Some(*why),
        _ => None,
    })
}

/// A watcher that knows the newest state.
fn watching(bench: &mut Bench, rows: &str) -> Text {
    let (response, notify) = bench.subscribe(rows);
    bench.answer(&notify, 200);
    bench.nothing_sent();
    response
}

#[test]
fn messages_to_the_byte() {
    let mut bench = bench();
    bench.publish_presence("", GUIDE);
    let (response, notify) = bench.subscribe("Expires: 600\r\n");
    let tag = response.to_tag();
    assert_eq!(
        response.0,
        format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKb2\r\nFrom: <sip:w@example.com>;tag=wt\r\nTo: <sip:alice@example.com>;tag={tag}\r\nCall-ID: call2@w\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:192.0.2.1:5060>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n"
        )
    );
    let via = notify.header("Via");
    assert!(
        via.starts_with("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK") && via.ends_with(";rport"),
        "{via}"
    );
    assert_eq!(
        notify.0,
        format!(
            "NOTIFY sip:w@198.51.100.7:5060 SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag={tag}\r\nTo: <sip:w@example.com>;tag=wt\r\nCall-ID: call2@w\r\nContact: <sip:192.0.2.1:5060>\r\nEvent: presence\r\nCSeq: 1 NOTIFY\r\nSubscription-State: active;expires=600\r\nContent-Type: application/pidf+xml\r\nContent-Length: {}\r\n\r\n{GUIDE}",
            GUIDE.len()
        )
    );
}

#[test]
fn section_4_2_1_1_the_response_comes_before_the_notify() {
    let mut bench = bench();
    let text = bench.request(
        "SUBSCRIBE",
        "sip:alice@example.com",
        "",
        1,
        "Event: presence\r\nContact: <sip:w@198.51.100.7>\r\n",
        "",
    );
    bench.receive(&text);
    assert!(bench.sent[0].bytes.starts_with(b"SIP/2.0 200"));
    assert!(bench.sent[1].bytes.starts_with(b"NOTIFY"));
    // A repeated SUBSCRIBE is answered from the transaction and makes nothing new.
    bench.sent.clear();
    bench.receive(&text);
    assert_eq!(bench.take("SIP/2.0 ").code(), 200);
    bench.nothing_sent();
    assert_eq!(bench.server.counters().subscriptions, 1);
}

#[test]
fn section_4_2_1_1_what_is_refused() {
    let mut bench = Bench::new(Config {
        subscribe: Lifetimes {
            min: 7200,
            ..Lifetimes::default()
        },
        domains: vec!["example.com".to_owned()],
        ..Config::default()
    });
    let contact = "Contact: <sip:w@198.51.100.7>\r\n";
    let mut ask =
        |uri: &str, rows: &str| bench.ask("SUBSCRIBE", uri, &format!("{rows}Expires: 3599\r\n"), "");
    let us = "sip:alice@example.com";
    assert_eq!(ask(us, contact).code(), 489);
    // Never more than an hour.
    let brief = ask(us, &format!("Event: presence\r\n{contact}"));
    assert_eq!((brief.code(), brief.header("Min-Expires")), (423, "3600"));
    assert_eq!(
        ask("sip:alice@example.org", &format!("Event: presence\r\n{contact}")).code(),
        404
    );
    let unacceptable = ask(us, &format!("Event: presence\r\n{contact}Accept: text/plain\r\n"));
    assert_eq!(
        (unacceptable.code(), unacceptable.header("Accept")),
        (406, "application/pidf+xml")
    );
    let mut other = |rows: &str| {
        bench
            .ask("SUBSCRIBE", us, &format!("Event: presence\r\n{rows}"), "")
            .code()
    };
    assert_eq!(other(""), 400);
    assert_eq!(other("Contact: *\r\n"), 400);
    assert_eq!(other("Contact: <sip:a@1.2.3.4>, <sip:b@1.2.3.4>\r\n"), 400);
    assert_eq!(other("Contact: <sip:a@1.2.3.4>\r\nRequire: eventlist\r\n"), 420);
    let types = "Accept: application/cpim-pidf+xml, application/pidf+xml;q=0.5\r\n";
    assert_eq!(other(&format!("{contact}{types}")), 200);
}

#[test]
fn section_4_2_1_4_a_refresh_brings_the_state_again() {
    let mut bench = bench();
    bench.publish_presence("", GUIDE);
    let response = watching(&mut bench, "Expires: 60\r\n");
    bench.seconds(50);
    let refreshed = bench.resubscribe(&response, 2, "Expires: 60\r\n");
    assert_eq!((refreshed.code(), refreshed.header("Expires")), (200, "60"));
    let notify = bench.take("NOTIFY ");
    assert_eq!(notify.header("Subscription-State"), "active;expires=60");
    assert_eq!(notify.header("CSeq"), "2 NOTIFY");
    assert_eq!(notify.body(), GUIDE);
    bench.answer(&notify, 200);
    bench.seconds(59);
    bench.nothing_sent();
    assert_eq!(bench.server.counters().subscriptions, 1);
}

#[test]
fn section_4_2_1_4_what_is_not_refreshed_ends() {
    let mut bench = bench();
    watching(&mut bench, "Expires: 60\r\n");
    bench.advance(Duration::from_millis(59_999));
    bench.nothing_sent();
    bench.advance(Duration::from_millis(1));
    let notify = bench.take("NOTIFY ");
    assert_eq!(notify.header("Subscription-State"), "terminated;reason=timeout");
    bench.answer(&notify, 200);
    assert_eq!(why_ended(&bench), Some(Ended::Expired));
    let counters = bench.server.counters();
    assert_eq!((counters.subscriptions, counters.resources), (0, 0));
}

#[test]
fn section_4_2_1_4_unsubscribing() {
    let mut bench = bench();
    let response = watching(&mut bench, "");
    let over = bench.resubscribe(&response, 2, "Expires: 0\r\n");
    assert_eq!((over.code(), over.header("Expires")), (200, "0"));
    let notify = bench.take("NOTIFY ");
    assert_eq!(notify.header("Subscription-State"), "terminated;reason=timeout");
    assert_eq!(bench.resubscribe(&response, 3, "").code(), 481);
    bench.answer(&notify, 200);
    assert_eq!(why_ended(&bench), Some(Ended::Unsubscribed));
    assert_eq!(bench.resubscribe(&response, 4, "").code(), 481);
    bench.publish_presence("", GUIDE);
    bench.nothing_sent();
}

#[test]
fn section_4_4_3_fetching() {
    let mut bench = bench();
    bench.publish_presence("", GUIDE);
    let (response, notify) = bench.subscribe("Expires: 0\r\n");
    assert_eq!(response.header("Expires"), "0");
    assert_eq!(notify.header("Subscription-State"), "terminated;reason=timeout");
    assert_eq!(notify.body(), GUIDE);
    bench.answer(&notify, 200);
    assert_eq!(bench.server.counters().subscriptions, 0);
}

#[test]
fn section_4_2_2_each_change_is_told() {
    let mut bench = bench();
    let (_, first) = bench.subscribe("");
    assert!(!first.body().contains("<tuple"), "{}", first.body());
    bench.answer(&first, 200);
    let published = bench.publish_presence("Expires: 60\r\n", GUIDE);
    let notify = bench.take("NOTIFY ");
    assert_eq!(notify.body(), GUIDE);
    bench.answer(&notify, 200);
    // A refresh changes nothing.
    let refreshed = bench.publish_presence(&format!("Expires: 60\r\n{}", published.etag()), "");
    bench.nothing_sent();
    let second = bench.publish_presence("Expires: 100\r\n", &tuple("t2"));
    let notify = bench.take("NOTIFY ");
    assert!(notify.body().contains("0x81475a0") && notify.body().contains("t2"));
    bench.answer(&notify, 200);
    let _ = bench.publish_presence(&format!("Expires: 0\r\n{}", second.etag()), "");
    let notify = bench.take("NOTIFY ");
    assert_eq!(notify.body(), GUIDE);
    bench.answer(&notify, 200);
    // And running out is a change too.
    bench.seconds(60);
    let notify = bench.take("NOTIFY ");
    assert!(!notify.body().contains("<tuple"), "{}", notify.body());
    let _ = refreshed;
}

#[test]
fn one_notify_at_a_time_and_the_newest_state_next() {
    let mut bench = bench();
    let (_, first) = bench.subscribe("");
    for id in ["1", "2", "3"] {
        bench.publish_presence("", &tuple(id));
    }
    bench.nothing_sent();
    bench.answer(&first, 200);
    let next = bench.take("NOTIFY ");
    assert_eq!(next.header("CSeq"), "2 NOTIFY");
    assert!(["'1'", "'2'", "'3'"].iter().all(|id| next.body().contains(id)));
    bench.answer(&next, 200);
    bench.nothing_sent();
    // A repeated response does nothing.
    bench.answer(&next, 200);
    bench.nothing_sent();
}

#[test]
fn a_subscription_that_ends_meanwhile_is_told_last() {
    let mut bench = bench();
    let (response, first) = bench.subscribe("");
    assert_eq!(bench.resubscribe(&response, 2, "Expires: 0\r\n").code(), 200);
    bench.nothing_sent();
    bench.answer(&first, 200);
    let last = bench.take("NOTIFY ");
    assert_eq!(last.header("Subscription-State"), "terminated;reason=timeout");
    bench.answer(&last, 500);
    assert_eq!(bench.server.counters().subscriptions, 0);
}

#[test]
fn section_4_2_2_timer_f_ends_a_subscription() {
    let mut bench = bench();
    let (_, first) = bench.subscribe("");
    bench.advance(Duration::from_millis(31_999));
    let again = bench.sent.len();
    assert_eq!(again, 10, "timer E");
    assert!(
        bench
            .sent
            .iter()
            .all(|transmit| transmit.bytes == first.0.as_bytes())
    );
    bench.sent.clear();
    bench.advance(Duration::from_millis(1));
    bench.nothing_sent();
    assert_eq!(why_ended(&bench), Some(Ended::Unanswered));
    assert_eq!(bench.server.counters().subscriptions, 0);
}

#[test]
fn section_4_2_2_some_responses_end_a_subscription_and_some_do_not() {
    for code in [404, 408, 481, 489, 501, 604] {
        let mut bench = bench();
        let (_, notify) = bench.subscribe("");
        bench.answer(&notify, code);
        assert_eq!(why_ended(&bench), Some(Ended::Refused(code)));
    }
    for code in [400, 500, 503, 603] {
        let mut bench = bench();
        let (_, notify) = bench.subscribe("");
        bench.answer(&notify, code);
        assert_eq!(bench.server.counters().subscriptions, 1, "{code}");
        bench.nothing_sent();
        bench.publish_presence("", GUIDE);
        bench.take("NOTIFY ");
    }
}

#[test]
fn an_unreachable_watcher_is_forgotten() {
    let mut bench = bench();
    let (_, _) = bench.subscribe("");
    let hop = bench.flow.hop();
    bench.input(Input::Unreachable {
        hop,
        connection: None,
    });
    assert_eq!(why_ended(&bench), Some(Ended::Unanswered));
    assert_eq!(bench.server.counters().notify_failed, 1);
}

#[test]
fn rfc_3261_section_12_2_2_the_order_of_requests_in_a_dialog() {
    let mut bench = bench();
    let response = watching(&mut bench, "");
    for (cseq, code) in [(5, 200), (5, 500), (4, 500), (7, 200)] {
        assert_eq!(bench.resubscribe(&response, cseq, "").code(), code, "{cseq}");
        if code == 200 {
            let notify = bench.take("NOTIFY ");
            bench.answer(&notify, 200);
        }
    }
}

#[test]
fn rfc_3261_section_12_2_2_requests_outside_of_any_dialog() {
    let mut bench = bench();
    let response = watching(&mut bench, "");
    let stranger = Text(response.0.replace(response.to_tag(), "0000000000000000000000ff"));
    assert_eq!(bench.resubscribe(&stranger, 2, "").code(), 481);
    let text = bench.request(
        "SUBSCRIBE",
        "sip:192.0.2.1:5060",
        response.to_tag(),
        2,
        "Event: presence\r\n",
        "",
    );
    for (from, to) in [
        ("call1@w", "call@x"),
        ("tag=wt", "tag=xt"),
        ("Event: presence", "Event: dialog"),
    ] {
        bench.receive(
            &text
                .replace(from, to)
                .replace("z9hG4bK", &format!("z9hG4bK{}", &to[..3])),
        );
        assert_eq!(bench.take("SIP/2.0 ").code(), 481, "{to}");
    }
    assert_eq!(bench.resubscribe(&response, 2, "").code(), 200);
}

#[test]
fn section_8_2_1_the_id_of_an_event_is_kept() {
    let mut bench = bench();
    let rows = "Event: presence;id=a7\r\nContact: <sip:w@198.51.100.7>\r\n";
    let response = bench.ask("SUBSCRIBE", "sip:alice@example.com", rows, "");
    let notify = bench.take("NOTIFY ");
    assert_eq!(notify.header("Event"), "presence;id=a7");
    bench.answer(&notify, 200);
    assert_eq!(bench.resubscribe(&response, 2, "").code(), 481);
}

#[test]
fn rfc_3261_section_12_2_1_1_route_sets() {
    let mut bench = bench();
    let routes = "Record-Route: <sip:p2.example.com;lr>\r\nRecord-Route: <sip:192.0.2.9:5070;lr>, <sip:192.0.2.8;lr>\r\n";
    let (response, notify) = bench.subscribe(routes);
    assert_eq!(
        response.all("Record-Route"),
        [
            "<sip:p2.example.com;lr>",
            "<sip:192.0.2.9:5070;lr>, <sip:192.0.2.8;lr>"
        ]
    );
    assert_eq!(
        notify.all("Route"),
        [
            "<sip:p2.example.com;lr>",
            "<sip:192.0.2.9:5070;lr>",
            "<sip:192.0.2.8;lr>"
        ]
    );
    assert!(notify.0.starts_with("NOTIFY sip:w@198.51.100.7:5060 SIP/2.0\r\n"));
    let (_, notify) =
        bench.subscribe("Record-Route: <sip:192.0.2.9:5070>\r\nRecord-Route: <sip:192.0.2.8;lr>\r\n");
    assert!(notify.0.starts_with("NOTIFY sip:192.0.2.9:5070 SIP/2.0\r\n"));
    assert_eq!(
        notify.all("Route"),
        ["<sip:192.0.2.8;lr>", "<sip:w@198.51.100.7:5060>"]
    );
}

#[test]
fn where_notify_requests_go() {
    let hop = |contact: &str, tcp: bool, rows: &str| {
        let mut bench = if tcp { bench().over_tcp() } else { bench() };
        let rows = format!("Event: presence\r\nContact: {contact}\r\n{rows}");
        let text = bench.request("SUBSCRIBE", "sip:alice@example.com", "", 1, &rows, "");
        bench.receive(&text);
        let notify = &bench.sent[1];
        (notify.hop.to_string(), notify.connection)
    };
    assert_eq!(
        hop("<sip:w@198.51.100.7:5080>", false, ""),
        ("udp:198.51.100.7:5080".to_owned(), None)
    );
    assert_eq!(
        hop("sip:w@[::ffff:198.51.100.7]:5081", false, "").0,
        "udp:[::ffff:198.51.100.7]:5081"
    );
    assert_eq!(
        hop("<sip:w@198.51.100.7;transport=TCP>", false, "").0,
        "tcp:198.51.100.7:5060"
    );
    // Nobody is made to send to another host.
    for contact in [
        "<sip:w@192.0.2.77:5080>",
        "sip:w@[2001:db8::1]",
        "<sip:w@192.0.2.77;transport=tcp>",
    ] {
        assert_eq!(hop(contact, false, "").0, "udp:198.51.100.7:5060", "{contact}");
    }
    assert_eq!(
        hop("<sip:w@192.0.2.77>", true, ""),
        ("tcp:198.51.100.7:41000".to_owned(), Some(3))
    );
    // Names are not looked up.
    assert_eq!(
        hop("<sip:w@host.example.com>", false, "").0,
        "udp:198.51.100.7:5060"
    );
    let routed = "Record-Route: <sip:198.51.100.7:5070;lr>\r\n";
    assert_eq!(
        hop("<sip:w@192.0.2.77>", false, routed).0,
        "udp:198.51.100.7:5070"
    );
    let elsewhere = "Record-Route: <sip:192.0.2.8:5070;lr>\r\n";
    assert_eq!(
        hop("<sip:w@192.0.2.77>", false, elsewhere).0,
        "udp:198.51.100.7:5060"
    );
    // By the connection that is there, if it may be that one.
    let contact = "<sip:w@198.51.100.7:5060;transport=tcp>";
    assert_eq!(
        hop(contact, true, ""),
        ("tcp:198.51.100.7:5060".to_owned(), Some(3))
    );
    let ephemeral = "<sip:w@198.51.100.7:41000>";
    assert_eq!(
        hop(ephemeral, true, ""),
        ("tcp:198.51.100.7:41000".to_owned(), Some(3))
    );
    assert_eq!(
        hop("<sip:w@198.51.100.7:5060>", true, "").0,
        "udp:198.51.100.7:5060"
    );
}

#[test]
fn rfc_3261_section_12_2_2_a_refresh_moves_the_target() {
    let mut bench = bench();
    let response = watching(&mut bench, "");
    let moved = "Contact: <sip:w@198.51.100.7:5090>\r\n";
    assert_eq!(bench.resubscribe(&response, 2, moved).code(), 200);
    assert_eq!(bench.sent[0].hop.to_string(), "udp:198.51.100.7:5090");
    let notify = bench.take("NOTIFY ");
    assert!(notify.0.starts_with("NOTIFY sip:w@198.51.100.7:5090 SIP/2.0\r\n"));
    bench.answer(&notify, 200);
    // Refused: nothing has moved.
    let back = "Contact: <sip:w@198.51.100.7>\r\n";
    assert_eq!(bench.resubscribe(&response, 1, back).code(), 500);
    bench.publish_presence("", GUIDE);
    assert_eq!(bench.sent[0].hop.to_string(), "udp:198.51.100.7:5090");
}

#[test]
fn a_publication_of_no_duration_is_not_told() {
    let mut bench = bench();
    watching(&mut bench, "");
    bench.publish_presence("Expires: 0\r\n", GUIDE);
    bench.nothing_sent();
}

#[test]
fn over_a_stream_nothing_is_sent_twice() {
    let mut bench = bench().over_tcp();
    let rows = "Event: presence\r\nContact: <sip:w@198.51.100.7;transport=tcp>\r\n";
    let response = bench.ask("SUBSCRIBE", "sip:alice@example.com", rows, "");
    assert_eq!(response.header("Contact"), "<sip:192.0.2.1:5060;transport=tcp>");
    let notify = bench.take("NOTIFY ");
    assert!(notify.header("Via").starts_with("SIP/2.0/TCP "));
    bench.seconds(31);
    bench.nothing_sent();
    bench.answer(&notify, 200);
    bench.seconds(60);
    assert_eq!(bench.server.counters().subscriptions, 1);
    assert_eq!(bench.flow.transport, Transport::Tcp);
}

#[test]
fn rfc_4235_versions_rise_from_notify_to_notify() {
    let mut bench = bench();
    let rows = "Event: dialog\r\nContact: <sip:w@198.51.100.7>\r\n";
    bench.ask("SUBSCRIBE", "sip:alice@example.com", rows, "");
    let first = bench.take("NOTIFY ");
    assert!(
        first
            .body()
            .contains("version=\"0\" state=\"full\" entity=\"sip:alice@example.com\"")
    );
    assert!(
        first
            .body()
            .contains("<dialog id=\"none\"><state>terminated</state></dialog>")
    );
    bench.answer(&first, 200);
    let document = "<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' version='9' state='full' entity='sip:alice@example.com'><dialog id='d'><state>early</state></dialog></dialog-info>";
    let rows = "Event: dialog\r\nContent-Type: application/dialog-info+xml\r\n";
    bench.publish(rows, document);
    let second = bench.take("NOTIFY ");
    assert!(second.body().contains("version=\"1\"") && second.body().contains("<state>early</state>"));
}

#[test]
fn message_summary_and_packages_that_nobody_knows() {
    let mut bench = bench();
    let contact = "Contact: <sip:w@198.51.100.7>\r\n";
    bench.ask(
        "SUBSCRIBE",
        "sip:alice@example.com",
        &format!("Event: message-summary\r\n{contact}"),
        "",
    );
    let notify = bench.take("NOTIFY ");
    assert_eq!(notify.body(), "Messages-Waiting: no\r\n");
    bench.ask(
        "SUBSCRIBE",
        "sip:alice@example.com",
        &format!("Event: x.y\r\n{contact}"),
        "",
    );
    let notify = bench.take("NOTIFY ");
    assert_eq!((notify.body(), notify.all("Content-Type").len()), ("", 0));
    bench.answer(&notify, 200);
    bench.publish("Event: x.y\r\nContent-Type: text/plain;a=b\r\n", "one");
    let notify = bench.take("NOTIFY ");
    assert_eq!(
        (notify.body(), notify.header("Content-Type")),
        ("one", "text/plain;a=b")
    );
}

#[test]
fn changes_are_held_back_for_the_interval() {
    let mut bench = Bench::new(Config {
        notify_interval: Duration::from_secs(5),
        ..Config::default()
    });
    let (response, notify) = bench.subscribe("");
    bench.answer(&notify, 200);
    bench.seconds(1);
    let tag = bench.publish_presence("", GUIDE).etag();
    bench.publish_presence(&tag, &tuple("t"));
    bench.advance(Duration::from_millis(3_999));
    bench.nothing_sent();
    bench.advance(Duration::from_millis(1));
    let notify = bench.take("NOTIFY ");
    assert_eq!(notify.body(), tuple("t"));
    bench.answer(&notify, 200);
    bench.nothing_sent();
    // The end does not wait.
    bench.resubscribe(&response, 2, "Expires: 0\r\n");
    bench.take("NOTIFY ");
}

#[test]
fn limits_and_credentials() {
    let mut bench = Bench::new(Config {
        limits: Limits {
            subscriptions: 1,
            ..Limits::default()
        },
        ..Config::default()
    });
    watching(&mut bench, "");
    let rows = "Event: presence\r\nContact: <sip:w@198.51.100.7>\r\n";
    assert_eq!(
        bench.ask("SUBSCRIBE", "sip:bob@example.com", rows, "").code(),
        503
    );
    assert_eq!(bench.server.counters().resources, 1);
    let mut bench = Bench::new(Config {
        auth: Some(Auth {
            publish: false,
            ..Auth::one_user("example.com", "alice", "secret")
        }),
        ..Config::default()
    });
    assert_eq!(
        bench.ask("SUBSCRIBE", "sip:alice@example.com", rows, "").code(),
        401
    );
    assert_eq!(
        bench.publish(&format!("Event: presence\r\n{PIDF}"), GUIDE).code(),
        200
    );
}

#[test]
fn a_restart_forgets_the_watchers() {
    let mut bench = bench();
    let response = watching(&mut bench, "");
    bench.server.forget_everything(bench.now);
    assert_eq!(bench.resubscribe(&response, 2, "").code(), 481);
    assert!(bench.server.poll_timeout().is_some());
}

#[test]
fn a_socket_bound_to_all_addresses() {
    let mut bench = bench();
    bench.flow.local = "0.0.0.0:5060".parse().unwrap();
    bench.flow.remote = "127.0.0.1:5070".parse().unwrap();
    let (response, _) = bench.subscribe("");
    assert_eq!(response.header("Contact"), "<sip:127.0.0.1:5060>");
    let mut bench = Bench::new(Config {
        advertise: Some("203.0.113.5:5060".parse().unwrap()),
        ..Config::default()
    });
    let (response, notify) = bench.subscribe("");
    assert_eq!(response.header("Contact"), "<sip:203.0.113.5:5060>");
    assert!(notify.header("Via").starts_with("SIP/2.0/UDP 203.0.113.5:5060;"));
}
