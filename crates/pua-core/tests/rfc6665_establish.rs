//! How subscriptions come to stand, or do not (group B.2): responses, NOTIFYs, timer N, forks.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod bed;

use bed::notifier::{CLOSED, Notify, OPEN};
use bed::{Bed, config};
use pua_core::*;

const EVER: Lifetime = Lifetime::UntilFurtherNotice;

/// R6665-20: one subscription, whatever the order; the SUBSCRIBE is repeated until it is answered.
#[test]
fn r6665_20_response_a_second_late() {
    let mut bed = Bed::new();
    let (id, sent) = bed.subscribe("presence", EVER);
    let notify = Notify::new(&sent, "n", 1, "active;expires=600").pidf(OPEN);
    assert_eq!(bed.notify(&notify), 200);
    assert_eq!(bed.answers(id), 1);
    bed.run_to(1_000);
    let repeated = bed.take();
    assert_eq!(repeated.bytes, sent.bytes);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    bed.run_to(100_000);
    bed.nothing_sent();
    assert_eq!(bed.subscription("presence").dialogs.len(), 1);
    assert_eq!(bed.subscription_events(), ["active"]);
    assert_eq!(bed.told().len(), 1);
}

/// R6665-20, R6665-21: a NOTIFY is enough; the response may be lost altogether.
#[test]
fn r6665_21_no_response_at_all() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active;expires=600")), 200);
    bed.run_to(100_000);
    bed.take_all();
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
    let refresh = bed.run_to_next(600_000);
    assert_eq!(refresh.header("To"), Some("<sip:a@example.com>;tag=n"));
    assert_eq!(bed.subscription_events(), ["active"]);
}

/// R6665-81, R6665-20: it is over before the response to its SUBSCRIBE has come.
#[test]
fn r6665_81_terminated_before_the_response() {
    for (reason, again) in [("rejected", false), ("deactivated", true)] {
        let mut bed = Bed::new();
        let (id, sent) = bed.subscribe("presence", EVER);
        let end = Notify::new(&sent, "n", 1, &format!("terminated;reason={reason}")).pidf(OPEN);
        assert_eq!(bed.notify(&end), 200);
        let outcome = bed.subscription_outcome(id);
        assert_eq!(outcome.state, SubscriptionState::Terminated, "{reason}");
        assert_eq!(outcome.termination.as_deref(), Some(reason));
        assert_eq!(outcome.states.len(), 1, "{reason}");
        assert_eq!(matches!(outcome.next, Next::Retry { .. }), again, "{reason}");
        bed.respond(&sent, 200, "Expires: 600\r\n");
        bed.run_to(400);
        if again {
            let next = bed.take();
            assert_ne!(next.header("Call-ID"), sent.header("Call-ID"));
        }
        bed.nothing_sent();
        let late = Notify::new(&sent, "n", 2, "active;expires=600");
        assert_eq!(bed.notify(&late), 481, "{reason}");
    }
}

/// R6665-20, R6665-81: of one NOTIFY it is told that it is in force before what it says, and that it
/// is over after that.
#[test]
fn r6665_81_order_of_events() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", 1, "active;expires=600").pidf(OPEN)),
        200
    );
    let end = Notify::new(&sent, "n", 2, "terminated;reason=rejected").pidf(CLOSED);
    assert_eq!(bed.notify(&end), 200);
    let kinds: Vec<&str> = bed
        .events
        .iter()
        .map(|event| match event {
            Event::Subscription {
                change: SubscriptionChange::Active { .. },
                ..
            } => "active",
            Event::Subscription { .. } => "over",
            Event::State { .. } => "state",
            _ => "?",
        })
        .collect();
    assert_eq!(kinds, ["active", "state", "state", "over"]);
}

/// R6665-22, SEC-09: as many routers as hops are taken at all, and all of them are gone along.
#[test]
fn r6665_22_seventy_routers() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", Lifetime::UntilFurtherNotice);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let rows: String = (0..70)
        .map(|n| format!("Record-Route: <sip:p{n}@192.0.2.31;lr>\r\n"))
        .collect();
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", 1, "active;expires=600").with(&rows)),
        200
    );
    assert_eq!(bed.run_to_next(600_000).all("Route").len(), 70);
}

/// R6665-22: several rows and lists of Record-Route, as they stand.
#[test]
fn r6665_22_rows_in_the_order_received() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    let notify = Notify::new(&sent, "n", 1, "active;expires=600").with(
        "Record-Route: <sip:192.0.2.31;lr>, \"x, y\" <sip:192.0.2.32;lr>;p=\"a,b\"\r\nRecord-Route: <sip:u@192.0.2.33:5070;lr>\r\n",
    );
    assert_eq!(bed.notify(&notify), 200);
    let rows = "Expires: 600\r\nRecord-Route: <sip:192.0.2.99;lr>\r\n";
    bed.respond(&sent, 200, rows);
    let refresh = bed.run_to_next(600_000);
    let routes = refresh.all("Route").join(", ");
    let places: Vec<usize> = ["192.0.2.31", "192.0.2.32", "u@192.0.2.33"]
        .iter()
        .map(|host| routes.find(host).unwrap())
        .collect();
    assert!(places.is_sorted(), "{routes}");
    assert!(!routes.contains("192.0.2.99"));
}

/// R6665-23: package byte for byte, id byte for byte, other parameters of no account.
#[test]
fn r6665_23_event_matches() {
    for (event, taken) in [
        ("presence", true),
        ("presence;foo=1", true),
        ("presence;foo=1;bar", true),
        ("Presence", false),
        ("presence.winfo", false),
        ("dialog", false),
        ("presence;id=1", false),
    ] {
        let mut bed = Bed::new();
        let (_, sent) = bed.subscribe("presence", EVER);
        let code = bed.notify(&Notify::new(&sent, "n", 1, "active;expires=600").event(event));
        if taken {
            assert_eq!(code, 200, "{event}");
        } else {
            assert!([481, 489].contains(&code), "{event}: {code}");
            assert!(bed.events.is_empty(), "{event}");
        }
    }
}

/// R6665-23, R6665-94: another Call-ID, another tag of ours, no tag: not for us.
#[test]
fn r6665_23_dialog_identifiers() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    let text = Notify::new(&sent, "n", 1, "active;expires=600").text();
    let call_id = sent.header("Call-ID").unwrap();
    let tag = sent.header("From").unwrap().split("tag=").nth(1).unwrap();
    let upper = tag.to_ascii_uppercase();
    for (from, to) in [
        (format!("Call-ID: {call_id}"), format!("Call-ID: {call_id}0")),
        (format!("tag={tag}"), format!("tag={tag}0")),
        (format!("tag={tag}"), format!("tag={}", &tag[..18])),
        (format!("tag={tag}"), format!("tag={upper}x")),
        (format!(";tag={tag}"), String::new()),
    ] {
        let other = text
            .replace(&from, &to)
            .replace("branch=z9hG4bK", &format!("branch=z9hG4bK{}", to.len()));
        bed.receive_from(sent.hop, &other);
        assert_eq!(bed.answer_code(), 481, "{to}");
    }
    assert!(bed.events.is_empty());
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active;expires=600")), 200);
}

/// R6665-24: nobody says anything.
#[test]
fn r6665_24_neither_response_nor_notify() {
    let mut bed = Bed::new();
    let (id, sent) = bed.subscribe("presence", EVER);
    bed.run_to(31_500);
    assert_eq!(bed.answers(id), 0);
    bed.run_to(32_500);
    assert_eq!(bed.subscription_outcome(id).code, 408);
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active")), 481);
    assert_eq!(bed.subscription_events(), ["retrying 408"]);
    bed.take_all();
    let again = bed.next_sent(60_000);
    assert_ne!(again.header("Call-ID"), sent.header("Call-ID"));
}

/// R6665-25: of a package with several dialogs none is made after timer N; those there stay.
#[test]
fn r6665_25_no_fork_after_timer_n() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("dialog", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    assert_eq!(bed.notify(&Notify::new(&sent, "A", 1, "active;expires=600")), 200);
    bed.run_to(31_500);
    assert_eq!(bed.notify(&Notify::new(&sent, "B", 1, "active;expires=560")), 200);
    bed.run_to(40_000);
    assert_eq!(bed.notify(&Notify::new(&sent, "C", 1, "active;expires=560")), 481);
    assert_eq!(bed.notify(&Notify::new(&sent, "B", 2, "active;expires=550")), 200);
    assert_eq!(bed.subscription("dialog").dialogs.len(), 2);
}

/// R6665-26: after a refusal no NOTIFY is taken; one that came before it counts for nothing.
#[test]
fn r6665_26_refused() {
    for before in [false, true] {
        let mut bed = Bed::new();
        let (_, sent) = bed.subscribe("presence", EVER);
        if before {
            let notify = Notify::new(&sent, "n", 1, "active;expires=600").pidf(OPEN);
            assert_eq!(bed.notify(&notify), 200);
        }
        bed.respond(&sent, 403, "");
        let late = Notify::new(&sent, "n", 2, "active;expires=600").pidf(CLOSED);
        assert_eq!(bed.notify(&late), 481, "{before}");
        let view = bed.subscription("presence");
        assert_eq!(
            (view.state, view.dialogs.len()),
            (SubscriptionState::Terminated, 0)
        );
        assert_eq!(bed.subscription_events().last().unwrap(), "refused 403");
        bed.run_to(4_000_000);
        bed.nothing_sent();
        assert!(bed.agent.is_idle());
    }
}

/// R6665-26: refused while the end is asked for in the dialog that a NOTIFY had made.
#[test]
fn r6665_26_refused_while_it_is_ended() {
    let mut bed = Bed::new();
    let (one, sent) = bed.subscribe("presence", EVER);
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active;expires=600")), 200);
    let other = bed.unsubscribe("presence");
    bed.respond(&sent, 403, "");
    bed.run_to(200_000);
    assert_eq!((bed.answers(one), bed.answers(other)), (1, 1));
    bed.nothing_left();
}

/// R6665-26: 1xx is nothing.
#[test]
fn r6665_26_provisional() {
    let mut bed = Bed::new();
    let (id, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 183, "Expires: 5\r\nContact: <sip:x@192.0.2.1>\r\n");
    assert_eq!(bed.answers(id), 0);
    assert_eq!(bed.subscription("presence").state, SubscriptionState::NotifyWait);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active")), 200);
    assert_eq!(bed.subscription("presence").granted, Some(600));
}

/// R6665-27: 200 and 202 say the same, and not that anybody may watch.
#[test]
fn r6665_27_accepted_is_not_active() {
    for code in [200, 202, 299] {
        let mut bed = Bed::new();
        let (id, sent) = bed.subscribe("presence", EVER);
        bed.respond(&sent, code, "Expires: 600\r\n");
        assert_eq!(bed.subscription("presence").state, SubscriptionState::NotifyWait);
        assert!(bed.events.is_empty());
        assert_eq!(bed.answers(id), 0);
        assert!(bed.agent.states(None).is_empty());
        assert_eq!(
            bed.notify(&Notify::new(&sent, "n", 1, "pending;expires=600")),
            200
        );
        assert_eq!(bed.subscription_outcome(id).state, SubscriptionState::Pending);
        assert_eq!(bed.subscription_events(), ["pending"]);
    }
}

/// R6665-28, R6665-78, R6665-79: the duration is the 2xx's or less, and the NOTIFY's or less.
#[test]
fn r6665_28_durations() {
    // Asked for 3600: what the 2xx says, what the NOTIFY says, what holds.
    let cases = [
        ("Expires: 600\r\n", "active", 600),
        ("Expires: 600\r\n", "active;expires=600", 600),
        ("Expires: 600\r\n", "active;expires=60", 60),
        ("Expires: 600\r\n", "active;expires=7200", 600),
        ("Expires: 7200\r\n", "active", 3600),
        ("Expires: 7200\r\n", "active;expires=7200", 3600),
        ("", "active;expires=900", 900),
        ("", "active", 3600),
        ("Expires: x\r\n", "active", 3600),
        (
            "Expires: 99999999999999999999\r\n",
            "active;expires=99999999999999999999",
            3600,
        ),
        ("Expires: 600\r\n", "active;expires=-1", 600),
        ("Expires: 600\r\n", "active;expires=soon", 600),
        ("Expires: 600\r\n", "active;expires", 600),
        ("Expires: 600\r\n", "ACTIVE;EXPIRES=60", 60),
    ];
    for (rows, state, holds) in cases {
        for notify_first in [false, true] {
            let mut bed = Bed::new();
            let (_, sent) = bed.subscribe("presence", EVER);
            let notify = Notify::new(&sent, "n", 1, state);
            if notify_first {
                assert_eq!(bed.notify(&notify), 200, "{state}");
                bed.respond(&sent, 200, rows);
            } else {
                bed.respond(&sent, 200, rows);
                assert_eq!(bed.notify(&notify), 200, "{state}");
            }
            let view = bed.subscription("presence");
            assert_eq!(view.granted, Some(holds), "{rows}{state} {notify_first}");
            let refresh = bed.run_to_next(3_600_000);
            let latest = if holds > 1200 {
                (holds - 600) * 1000
            } else {
                holds * 510
            };
            assert!(refresh.at <= u64::from(latest), "{rows}{state}: {}", refresh.at);
        }
    }
}

/// R6665-30, R6665-33: of these the first NOTIFY wins, whatever the 2xx says.
#[test]
fn r6665_30_packages_with_one_dialog() {
    for package in ["presence", "reg", "conference", "xcap-diff", "x-unheard-of"] {
        for response_first in [false, true] {
            let mut bed = Bed::new();
            let (_, sent) = bed.subscribe(package, EVER);
            if response_first {
                // Its To tag is "server".
                bed.respond(&sent, 200, "Expires: 600\r\n");
            }
            assert_eq!(
                bed.notify(&Notify::new(&sent, "A", 1, "pending;expires=600")),
                200
            );
            assert_eq!(bed.notify(&Notify::new(&sent, "server", 1, "active")), 481);
            if !response_first {
                bed.respond(&sent, 200, "Expires: 600\r\n");
            }
            assert_eq!(
                bed.notify(&Notify::new(&sent, "B", 1, "active")),
                481,
                "{package}"
            );
            assert_eq!(bed.subscription(package).dialogs.len(), 1);
            let refresh = bed.run_to_next(600_000);
            assert!(refresh.header("To").unwrap().ends_with("tag=A"));
        }
    }
}

/// R6665-30, R4662-01: a resource list has one dialog, whatever the package.
#[test]
fn r6665_30_lists_have_one_dialog() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("dialog", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    assert_eq!(bed.notify(&Notify::new(&sent, "A", 1, "active;expires=600")), 200);
    let list = Notify::new(&sent, "B", 1, "active;expires=600").with("Require: eventlist\r\n");
    assert_eq!(bed.notify(&list), 481);
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("dialog", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let list = Notify::new(&sent, "A", 1, "active;expires=600").with("Require: eventlist\r\n");
    assert_eq!(bed.notify(&list), 200);
    assert_eq!(bed.notify(&Notify::new(&sent, "B", 1, "active;expires=600")), 481);
}

/// R6665-31, R3857-02: each of several dialogs has its own tag, route, CSeq, duration and end.
#[test]
fn r6665_31_dialogs_of_their_own() {
    for package in ["dialog", "message-summary", "presence.winfo", "dialog;sla"] {
        let mut bed = Bed::new();
        let (_, sent) = bed.subscribe(package, EVER);
        bed.respond(&sent, 200, "Expires: 600\r\n");
        for (n, tag) in ["A", "B", "C"].iter().enumerate() {
            let notify = Notify::new(
                &sent,
                tag,
                10 * n as u32 + 1,
                &format!("active;expires={}", 600 - 200 * n),
            )
            .contact(&format!("<sip:{tag}@192.0.2.5{n}>"))
            .with(&format!("Record-Route: <sip:192.0.2.6{n};lr>\r\n"));
            assert_eq!(bed.notify(&notify), 200, "{package}");
        }
        // CSeq numbers are counted for each.
        assert_eq!(bed.notify(&Notify::new(&sent, "A", 2, "active")), 200);
        assert_eq!(bed.notify(&Notify::new(&sent, "C", 20, "active")), 500);
        let first = bed.run_to_next(600_000);
        assert!(
            first.header("To").unwrap().ends_with("tag=C"),
            "the shortest first"
        );
        assert_eq!(first.all("Route"), ["<sip:192.0.2.62;lr>"]);
        assert_eq!(first.start(), "SUBSCRIBE sip:C@192.0.2.52 SIP/2.0");
        // One ends: the others stay.
        bed.respond(&first, 481, "");
        assert_eq!(bed.subscription(package).dialogs.len(), 2);
        bed.nothing_sent();
        let id = bed.unsubscribe(package);
        let mut ends = [bed.take(), bed.take()];
        ends.sort_by_key(|end| end.header("To").map(str::to_owned));
        for (end, tag) in ends.iter().zip(["A", "B"]) {
            assert_eq!(end.expires(), 0);
            assert!(end.header("To").unwrap().ends_with(&format!("tag={tag}")));
            bed.respond(end, 200, "Expires: 0\r\n");
        }
        bed.end(&sent, "B", 90, "timeout");
        assert_eq!(bed.answers(id), 0);
        bed.end(&sent, "A", 90, "timeout");
        assert_eq!(bed.subscription_outcome(id).code, 200);
        bed.nothing_left();
    }
}

/// R6665-31: one fork's refusal is not the others'.
#[test]
fn r6665_31_one_fork_says_no() {
    for reason in ["rejected", "noresource", "probation;retry-after=10"] {
        let mut bed = Bed::new();
        let (_, sent) = bed.subscribe("dialog", EVER);
        bed.respond(&sent, 200, "Expires: 600\r\n");
        bed.end(&sent, "A", 1, reason);
        bed.run_to(1_000);
        bed.nothing_sent();
        let other = Notify::new(&sent, "B", 1, "active;expires=600");
        assert_eq!(bed.notify(&other), 200, "{reason}");
        bed.run_to(100_000);
        bed.nothing_sent();
        assert_eq!(
            bed.subscription("dialog").state,
            SubscriptionState::Active,
            "{reason}"
        );
    }
}

/// R6665-31: no more dialogs than the limit, and each NOTIFY beyond it costs nothing.
#[test]
fn r6665_31_limit_of_dialogs() {
    let mut config = config();
    config.limits.dialogs = 4;
    let mut bed = Bed::with(config);
    let (_, sent) = bed.subscribe("dialog", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    for n in 0..50 {
        let code = bed.notify(&Notify::new(&sent, &format!("t{n}"), 1, "active;expires=600"));
        assert_eq!(code, if n < 4 { 200 } else { 481 }, "{n}");
    }
    assert_eq!(bed.statistic("dialogs"), 4);
}
