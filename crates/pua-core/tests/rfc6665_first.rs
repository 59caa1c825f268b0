//! The requirements of RFC 6665 that are violated most often (list H of the checklist): dialogs
//! are made by NOTIFY, timer N, each reason its own consequence, route sets.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod bed;

use bed::Bed;
use bed::notifier::{CLOSED, Notify, OPEN};
use pua_core::*;

const EVER: Lifetime = Lifetime::UntilFurtherNotice;

/// R6665-01, -02, -03, -04, -05, -11: what a first SUBSCRIBE says.
#[test]
fn r6665_01_to_11_the_first_subscribe() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    assert_eq!(sent.start(), "SUBSCRIBE sip:a@example.com SIP/2.0");
    assert_eq!(sent.all("Event"), ["presence"]);
    assert_eq!(sent.all("Expires"), ["3600"]);
    assert_eq!(sent.all("Contact"), ["<sip:pua@192.0.2.9:5060>"]);
    assert!(
        sent.header("From")
            .unwrap()
            .starts_with("<sip:w@example.com>;tag=")
    );
    assert_eq!(sent.header("To"), Some("<sip:a@example.com>"));
    assert!(sent.header("Accept").unwrap().starts_with("application/pidf+xml"));
    assert_eq!(sent.all("Supported"), ["eventlist"]);
    for absent in [
        "Allow-Events",
        "Require",
        "Proxy-Require",
        "Route",
        "Content-Type",
    ] {
        assert_eq!(sent.header(absent), None, "{absent}");
    }
}

/// R6665-20, R6665-21, R6665-72: a NOTIFY before the 200 makes the dialog; its tag, not the 2xx's, counts.
#[test]
fn r6665_20_notify_before_the_response() {
    let mut bed = Bed::new();
    let (id, sent) = bed.subscribe("presence", EVER);
    let notify = Notify::new(&sent, "B", 1, "active;expires=600").pidf(OPEN);
    assert_eq!(bed.notify(&notify), 200);
    assert_eq!(bed.told(), [(OPEN.to_owned(), true)]);
    assert_eq!(bed.subscription_outcome(id).state, SubscriptionState::Active);
    bed.run_to(400);
    bed.respond(&sent, 200, "Expires: 600\r\nContact: <sip:x@192.0.2.1>\r\n");
    let refresh = bed.run_to_next(600_000);
    assert_eq!(refresh.header("To"), Some("<sip:a@example.com>;tag=B"));
    assert_eq!(refresh.cseq(), sent.cseq() + 1);
    assert!(refresh.at < 568_000);
}

/// R6665-22, R6665-67, R3261-098: the route set is the NOTIFY's Record-Route in the order received.
#[test]
fn r6665_22_route_set_of_the_notify() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(
        &sent,
        200,
        "Expires: 600\r\nRecord-Route: <sip:192.0.2.33;lr>\r\n",
    );
    let notify = Notify::new(&sent, "n", 1, "active;expires=600")
        .with("Record-Route: <sip:192.0.2.31;lr>, <sip:192.0.2.32;lr>\r\n");
    assert_eq!(bed.notify(&notify), 200);
    let answer = bed.responses.last().unwrap();
    assert!(answer.header("Record-Route").unwrap().contains("192.0.2.31"));
    assert_eq!(answer.header("Contact"), Some("<sip:pua@192.0.2.9:5060>"));
    let refresh = bed.run_to_next(600_000);
    assert_eq!(
        refresh.all("Route"),
        ["<sip:192.0.2.31;lr>", "<sip:192.0.2.32;lr>"]
    );
    assert_eq!(refresh.start(), "SUBSCRIBE sip:n@192.0.2.1:5080 SIP/2.0");
    assert_eq!(refresh.hop.addr.to_string(), "192.0.2.31:5060");
}

/// R6665-24, R6665-25: 200 and no NOTIFY: over after timer N; what comes then is refused.
#[test]
fn r6665_24_timer_n() {
    let mut bed = Bed::new();
    let (id, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 202, "Expires: 600\r\n");
    bed.run_to(31_900);
    assert!(bed.reply(id).is_none());
    bed.run_to(32_100);
    let outcome = bed.subscription_outcome(id);
    assert_eq!((outcome.code, outcome.origin), (408, FailureOrigin::Timeout));
    assert!(matches!(outcome.next, Next::Retry { .. }));
    let late = Notify::new(&sent, "n", 1, "active;expires=600");
    assert_eq!(bed.notify(&late), 481);
    let again = bed.next_sent(60_000);
    assert_ne!(again.header("Call-ID"), sent.header("Call-ID"));
    assert_ne!(again.header("From"), sent.header("From"));
}

/// R6665-30: of a package with one dialog the first NOTIFY wins.
#[test]
fn r6665_30_second_fork_is_refused() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    assert_eq!(bed.notify(&Notify::new(&sent, "A", 1, "active;expires=600")), 200);
    assert_eq!(bed.notify(&Notify::new(&sent, "B", 1, "active;expires=600")), 481);
}

/// R6665-31: of a package with several each is kept and refreshed by itself.
#[test]
fn r6665_31_several_dialogs() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("dialog", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    for tag in ["A", "B", "C"] {
        assert_eq!(bed.notify(&Notify::new(&sent, tag, 1, "active;expires=600")), 200);
    }
    assert_eq!(bed.subscription("dialog").dialogs.len(), 3);
    let mut tags: Vec<String> = Vec::new();
    for _ in 0..3 {
        let refresh = bed.run_to_next(600_000);
        tags.push(refresh.header("To").unwrap().to_owned());
        bed.respond(&refresh, 200, "Expires: 600\r\n");
    }
    tags.sort();
    assert_eq!(
        tags,
        ["A", "B", "C"].map(|tag| format!("<sip:a@example.com>;tag={tag}"))
    );
}

/// R6665-82 to R6665-89: each reason has its own consequence.
#[test]
fn r6665_82_to_89_reasons() {
    let cases = [
        ("deactivated;retry-after=500", Some((0, 100))),
        ("timeout", Some((0, 100))),
        ("probation;retry-after=20", Some((20_000, 25_000))),
        ("giveup;retry-after=20", Some((20_000, 25_000))),
        ("probation", Some((30_000, 300_000))),
        ("rejected;retry-after=1", None),
        ("noresource;retry-after=1", None),
        ("invariant;retry-after=1", None),
        ("whatever;retry-after=60", Some((60_000, 70_000))),
    ];
    for (reason, expected) in cases {
        let mut bed = Bed::new();
        let sent = bed.subscribed("presence", EVER);
        let end = Notify::new(&sent, "n", 2, &format!("terminated;reason={reason}")).pidf(CLOSED);
        assert_eq!(bed.notify(&end), 200, "{reason}");
        assert_eq!(bed.told().last().unwrap().0, CLOSED, "{reason}");
        match expected {
            None => {
                bed.run_to(4_000_000);
                bed.nothing_sent();
                assert_eq!(bed.subscription("presence").state, SubscriptionState::Terminated);
            }
            Some((from, to)) => {
                let again = bed.next_sent(to);
                assert!((from..=to).contains(&again.at), "{reason}: {}", again.at);
                assert_ne!(again.header("Call-ID"), sent.header("Call-ID"), "{reason}");
                assert_eq!(again.header("To"), Some("<sip:a@example.com>"));
            }
        }
    }
}

/// R6665-51: these responses to a refresh end the subscription, and a new one is made.
#[test]
fn r6665_51_fatal_responses() {
    for code in [404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604] {
        let mut bed = Bed::new();
        let sent = bed.subscribed("presence", EVER);
        let refresh = bed.run_to_next(600_000);
        bed.respond(&refresh, code, "");
        let again = bed.next_sent(700_000);
        assert_ne!(again.header("Call-ID"), sent.header("Call-ID"), "{code}");
        assert_eq!(
            bed.subscription_events(),
            ["active", "terminated - retry"],
            "{code}"
        );
    }
}

/// R6665-52: any other leaves it as it is until its end.
#[test]
fn r6665_52_other_responses() {
    for code in [400, 403, 408, 500, 503, 603] {
        let mut bed = Bed::new();
        let sent = bed.subscribed("presence", EVER);
        let refresh = bed.run_to_next(600_000);
        bed.respond(&refresh, code, "");
        bed.run_to(refresh.at + 20_000);
        let notify = Notify::new(&sent, "n", 2, "active").pidf(OPEN);
        assert_eq!(bed.notify(&notify), 200, "{code}");
        assert_eq!(
            bed.subscription("presence").state,
            SubscriptionState::Active,
            "{code}"
        );
    }
}

/// R6665-53: a refresh without a NOTIFY ends it after timer N.
#[test]
fn r6665_53_refresh_without_notify() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let refresh = bed.run_to_next(600_000);
    bed.respond(&refresh, 200, "Expires: 600\r\n");
    bed.run_to(refresh.at + 31_000);
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
    let again = bed.next_sent(refresh.at + 33_000);
    assert_ne!(again.header("Call-ID"), sent.header("Call-ID"));
}

/// R6665-54, R6665-55: the end is asked for in the dialog, and is there with the last NOTIFY.
#[test]
fn r6665_54_unsubscribe() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let id = bed.unsubscribe("presence");
    let end = bed.take();
    assert_eq!(end.expires(), 0);
    assert_eq!(end.header("Call-ID"), sent.header("Call-ID"));
    bed.respond(&end, 200, "Expires: 0\r\n");
    bed.run_to(5_000);
    assert!(bed.reply(id).is_none());
    let last = Notify::new(&sent, "n", 2, "terminated;reason=timeout");
    assert_eq!(bed.notify(&last), 200);
    assert_eq!(bed.subscription_outcome(id).code, 200);
    assert!(!bed.subscribed_to("presence"));
    bed.run_to(4_000_000);
    bed.nothing_sent();
}

/// R6665-58: a fetch is one SUBSCRIBE and one answer.
#[test]
fn r6665_58_fetch() {
    let mut bed = Bed::new();
    let id = bed.fetch("presence");
    let sent = bed.take();
    assert_eq!(sent.expires(), 0);
    bed.respond(&sent, 200, "Expires: 0\r\n");
    let notify = Notify::new(&sent, "n", 1, "terminated;reason=timeout").pidf(OPEN);
    assert_eq!(bed.notify(&notify), 200);
    let outcome = bed.subscription_outcome(id);
    assert_eq!(outcome.code, 200);
    assert_eq!(&outcome.states[0].body[..], OPEN.as_bytes());
    bed.run_to(4_000_000);
    bed.nothing_sent();
    assert_eq!(bed.statistic("subscriptions"), 0);
}

/// R6665-75: what is late is refused and told to nobody.
#[test]
fn r6665_75_cseq_order() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    for (cseq, code) in [(5, 200), (7, 200), (6, 500)] {
        let notify = Notify::new(&sent, "n", cseq, "active;expires=600").pidf(OPEN);
        assert_eq!(bed.notify(&notify), code, "{cseq}");
    }
    assert_eq!(bed.told().len(), 2);
}

/// R6665-92, R6665-93: a broken or absent document neither ends the subscription nor what is known.
#[test]
fn r6665_92_broken_document() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    let first = Notify::new(&sent, "n", 1, "active;expires=600").pidf(OPEN);
    assert_eq!(bed.notify(&first), 200);
    let broken = Notify::new(&sent, "n", 2, "active;expires=600").pidf("<presence");
    assert_eq!(bed.notify(&broken), 200);
    let empty = Notify::new(&sent, "n", 3, "active;expires=600");
    assert_eq!(bed.notify(&empty), 200);
    let states = bed.agent.states(Some("sip:a@example.com"));
    assert_eq!(&states[0].state.body[..], OPEN.as_bytes());
    assert!(
        bed.events
            .iter()
            .any(|event| matches!(event, Event::Unreadable { .. }))
    );
}
