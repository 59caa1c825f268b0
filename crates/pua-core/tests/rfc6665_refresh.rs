//! Refreshes (group B.3): what keeps a subscription, and what does not.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod bed;

use bed::notifier::{CLOSED, Notify, OPEN, subscribe, subscription};
use bed::{Bed, Sent, config};
use pua_core::*;

const EVER: Lifetime = Lifetime::UntilFurtherNotice;

/// A subscription on Call-ID of `sent` is replaced by another.
fn is_anew(again: &Sent, sent: &Sent) {
    assert_ne!(again.header("Call-ID"), sent.header("Call-ID"));
    assert_eq!(again.header("To"), Some("<sip:a@example.com>"));
}

/// R6665-50: early enough for a time-out and another try, and not all at the same moment.
#[test]
fn r6665_50_early_and_spread() {
    let mut times = Vec::new();
    let mut bed = Bed::new();
    for n in 0..20 {
        let mut command = subscribe("presence", EVER);
        command.name.presentity = format!("sip:u{n}@example.com").into();
        bed.command(Command::Subscribe(command));
        let sent = bed.take();
        bed.respond(&sent, 200, "Expires: 600\r\n");
        let notify = Notify::new(&sent, &format!("n{n}"), 1, "active;expires=600");
        assert_eq!(bed.notify(&notify), 200);
    }
    for n in 0..20 {
        let refresh = bed.run_to_next(568_000);
        times.push(refresh.at);
        bed.respond(&refresh, 200, "Expires: 600\r\n");
        let tag = refresh
            .header("To")
            .unwrap()
            .split("tag=")
            .nth(1)
            .unwrap()
            .to_owned();
        assert_eq!(
            bed.notify(&Notify::new(&refresh, &tag, n + 2, "active;expires=600")),
            200
        );
    }
    times.sort_unstable();
    assert!(times[0] >= 200_000 && times[19] <= 500_000, "{times:?}");
    assert!(times[19] - times[0] > 10_000, "{times:?}");
}

/// R6665-50: a notifier that talks all the time does not put the refresh off.
#[test]
fn r6665_50_a_talkative_notifier() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    for n in 1..560u32 {
        bed.run_to(u64::from(n) * 1000);
        if bed.sent.len() > 1 {
            break;
        }
        let state = format!("active;expires={}", 600 - n);
        let body = if n % 2 == 0 { OPEN } else { CLOSED };
        assert_eq!(
            bed.notify(&Notify::new(&sent, "n", n + 1, &state).pidf(body)),
            200
        );
    }
    let refresh = bed.take();
    assert!(refresh.at <= 400_000, "{}", refresh.at);
}

/// R6665-50, R3903-33: tiny durations make no loop.
#[test]
fn r6665_50_tiny_durations() {
    let mut bed = Bed::new();
    let (_, mut sent) = bed.subscribe("presence", EVER);
    let mut cseq = 0;
    while bed.now < 60_000 {
        bed.respond(&sent, 200, "Expires: 1\r\n");
        cseq += 1;
        bed.notify(&Notify::new(&sent, "n", cseq, "active;expires=1"));
        sent = bed.run_to_next(bed.now + 300_000);
    }
    assert!(bed.sent.len() < 150, "{} in a minute", bed.sent.len());
    // Durations of nothing, as a broken notifier grants.
    let mut bed = Bed::new();
    let (_, mut sent) = bed.subscribe("presence", EVER);
    while bed.now < 600_000 {
        bed.respond(&sent, 200, "Expires: 0\r\n");
        let tag = format!("n{}", bed.sent.len());
        bed.notify(&Notify::new(&sent, &tag, 1, "active;expires=0"));
        sent = bed.run_to_next(bed.now + 300_000);
    }
    let mut branches: Vec<&str> = bed.sent.iter().map(Sent::branch).collect();
    branches.sort_unstable();
    branches.dedup();
    assert!(branches.len() < 40, "{} in ten minutes", branches.len());
}

/// R6665-79: a notifier of RFC 3265 whose NOTIFY comes before the 200 and names no duration.
#[test]
fn r6665_79_refresh_of_an_old_notifier() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active")), 200);
    let mut at = 0;
    for cseq in 2..6 {
        let refresh = bed.run_to_next(at + 600_000);
        assert!(refresh.at - at > 200_000, "{}", refresh.at - at);
        at = refresh.at;
        assert_eq!(bed.notify(&Notify::new(&sent, "n", cseq, "active")), 200);
        bed.respond(&refresh, 200, "Expires: 600\r\n");
        assert_eq!(bed.subscription("presence").granted, Some(600));
    }
    assert_eq!(bed.subscription_events(), ["active"]);
}

/// R6665-50: a NOTIFY on the way when the refresh was sent does not make its grant shorter for long.
#[test]
fn r6665_50_crossing_notify() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let refresh = bed.run_to_next(600_000);
    let left = 600 - refresh.at / 1000;
    let crossing = Notify::new(&sent, "n", 2, &format!("active;expires={left}"));
    assert_eq!(bed.notify(&crossing), 200);
    bed.respond(&refresh, 200, "Expires: 600\r\n");
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 3, "active;expires=600")), 200);
    let next = bed.run_to_next(refresh.at + 600_000);
    assert_eq!(next.header("Call-ID"), sent.header("Call-ID"));
    assert_eq!(bed.subscription_events(), ["active"]);
}

/// R6665-52: after 503 it stands, is asked again in time, and the failure's timer N does not run on.
#[test]
fn r6665_52_tried_again_in_time() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let refresh = bed.run_to_next(600_000);
    bed.respond(&refresh, 503, "");
    let mut tries = 0;
    let mut cseq = 2;
    loop {
        let next = bed.run_to_next(700_000);
        if next.header("Call-ID") != sent.header("Call-ID") {
            assert!(next.at >= 600_000, "{}", next.at);
            is_anew(&next, &sent);
            break;
        }
        assert!(next.at < 600_000);
        tries += 1;
        assert_eq!(
            bed.notify(&Notify::new(&sent, "n", cseq, "active").pidf(OPEN)),
            200
        );
        cseq += 1;
        bed.respond(&next, 503, "");
    }
    assert!((2..40).contains(&tries), "{tries}");
    assert_eq!(bed.subscription_events(), ["active", "terminated - retry"]);
}

/// R6665-52: Retry-After in the dialog: not before, even if a NOTIFY, a command, or the end of the
/// duration comes between.
#[test]
fn r6665_52_retry_after_in_the_dialog() {
    for code in [500, 503, 480, 403] {
        let mut bed = Bed::new();
        let sent = bed.subscribed("presence", EVER);
        let refresh = bed.run_to_next(600_000);
        bed.respond(&refresh, code, "Retry-After: 100\r\n");
        if code == 480 {
            // Among those that end it, and told to wait: anew at once all the same is allowed
            // (§4.1.2.2), but it says when.
            continue;
        }
        bed.run_to(refresh.at + 50_000);
        let left = (600_000 - bed.now) / 1000;
        let state = format!("active;expires={}", left / 2);
        assert_eq!(bed.notify(&Notify::new(&sent, "n", 2, &state)), 200);
        bed.command(Command::Subscribe(subscribe("presence", EVER)));
        bed.nothing_sent();
        let next = bed.run_to_next(refresh.at + 140_000);
        assert!(
            next.at >= refresh.at + 100_000,
            "{code}: {}",
            next.at - refresh.at
        );
        assert_eq!(next.header("Call-ID"), sent.header("Call-ID"));
    }
    // Longer than it lasts.
    for code in [500, 503] {
        let mut bed = Bed::new();
        let sent = bed.subscribed("presence", EVER);
        let refresh = bed.run_to_next(600_000);
        bed.respond(&refresh, code, "Retry-After: 2000\r\n");
        let next = bed.run_to_next(refresh.at + 2_200_000);
        assert!(
            next.at >= refresh.at + 2_000_000,
            "{code}: {}",
            next.at - refresh.at
        );
        is_anew(&next, &sent);
    }
}

/// R6665-53: neither response nor NOTIFY: over at 32 s; a response and no NOTIFY: the same, unless
/// the operator knows better.
#[test]
fn r6665_53_silence() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let refresh = bed.run_to_next(600_000);
    bed.run_to(refresh.at + 31_500);
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
    bed.run_to(refresh.at + 32_500);
    assert_eq!(bed.subscription_events(), ["active", "terminated - retry"]);
    is_anew(bed.sent.last().unwrap(), &sent);
    let late = Notify::new(&sent, "n", 2, "active");
    assert_eq!(bed.notify(&late), 481);
}

/// R6665-53: the NOTIFY came, but no response: what it told of is there.
#[test]
fn r6665_53_notify_without_response() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let refresh = bed.run_to_next(600_000);
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", 2, "active;expires=3600").pidf(OPEN)),
        200
    );
    bed.run_to(refresh.at + 60_000);
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
    assert_eq!(bed.subscription_events(), ["active"]);
    for sent_since in bed.take_all() {
        assert_eq!(sent_since.header("Call-ID"), sent.header("Call-ID"));
    }
}

/// R6665-53: the switch for notifiers that send none after a refresh, also for short durations.
#[test]
fn r6665_53_lenient() {
    for granted in [600, 20] {
        let mut config = config();
        config.subscribe.lenient_refresh = true;
        let mut bed = Bed::with(config);
        let (_, sent) = bed.subscribe("presence", EVER);
        bed.respond(&sent, 200, &format!("Expires: {granted}\r\n"));
        assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active").pidf(OPEN)), 200);
        for _ in 0..5 {
            let refresh = bed.run_to_next(bed.now + 600_000);
            assert_eq!(refresh.header("Call-ID"), sent.header("Call-ID"), "{granted}");
            bed.respond(&refresh, 200, &format!("Expires: {granted}\r\n"));
        }
        assert_eq!(bed.subscription_events(), ["active"]);
        // A command is answered by what the notifier gives.
        let id = bed.command(Command::Subscribe(subscribe("presence", EVER)));
        let refresh = bed.take();
        bed.respond(&refresh, 200, "Expires: 600\r\n");
        assert_eq!(bed.subscription_outcome(id).states.len(), 1);
    }
}

/// R6665-61: it ran out, and nobody said so.
#[test]
fn r6665_61_expired_here() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 200, "Expires: 20\r\n");
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active;expires=20")), 200);
    let refresh = bed.run_to_next(20_000);
    assert_eq!(refresh.header("Call-ID"), sent.header("Call-ID"));
    bed.respond(&refresh, 403, "");
    let again = bed.run_to_next(21_000);
    assert!(again.at >= 20_000);
    is_anew(&again, &sent);
    assert_eq!(bed.subscription_events(), ["active", "terminated - retry"]);
}

/// R6665-63, R6665-77: Contacts move the target, nothing moves the route set.
#[test]
fn r6665_63_target_refresh() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let notify =
        Notify::new(&sent, "n", 1, "active;expires=600").with("Record-Route: <sip:192.0.2.31;lr>\r\n");
    assert_eq!(bed.notify(&notify), 200);
    let refresh = bed.run_to_next(600_000);
    let rows = "Expires: 600\r\nContact: <sip:new@192.0.2.71>\r\nRecord-Route: <sip:192.0.2.99;lr>\r\n";
    bed.respond(&refresh, 200, rows);
    let notify = Notify::new(&sent, "n", 2, "active;expires=600")
        .contact("<sip:new@192.0.2.71>")
        .with("Record-Route: <sip:192.0.2.98;lr>\r\n");
    assert_eq!(bed.notify(&notify), 200);
    let refresh = bed.run_to_next(1_200_000);
    assert_eq!(refresh.start(), "SUBSCRIBE sip:new@192.0.2.71 SIP/2.0");
    assert_eq!(refresh.all("Route"), ["<sip:192.0.2.31;lr>"]);
    assert_eq!(refresh.hop.addr.to_string(), "192.0.2.31:5060");
    // One that is refused moves nothing; one that is taken does.
    let text = Notify::new(&sent, "n", 3, "active")
        .contact("<sip:evil@192.0.2.66>")
        .body("text/plain", "x");
    assert_eq!(bed.notify(&text), 415);
    let stale = Notify::new(&sent, "n", 2, "active").contact("<sip:evil@192.0.2.66>");
    assert_eq!(
        bed.notify(&Notify {
            branch: "z9hG4bKother".into(),
            ..stale
        }),
        500
    );
    bed.respond(&refresh, 200, "Expires: 600\r\n");
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", 4, "active").contact("<sip:third@192.0.2.72>")),
        200
    );
    let id = bed.unsubscribe("presence");
    assert_eq!(bed.take().start(), "SUBSCRIBE sip:third@192.0.2.72 SIP/2.0");
    assert_eq!(bed.answers(id), 0);
}

/// R6665-67: an empty route set is one: in the dialog no Route, and straight to the target. R3261-038:
/// a loose proxy that it goes through all the same is told by a Route that it is not the target.
#[test]
fn r6665_67_empty_route_set() {
    for through_proxy in [false, true] {
        let mut config = config();
        config.presence_server = Some(Proxy {
            uri: "sip:192.0.2.1:5080;lr".into(),
        });
        config.subscribe.dialogs_through_proxy = through_proxy;
        let mut bed = Bed::with(config);
        let (_, sent) = bed.subscribe("presence", EVER);
        assert_eq!(sent.all("Route"), ["<sip:192.0.2.1:5080;lr>"]);
        bed.respond(
            &sent,
            200,
            "Expires: 600\r\nRecord-Route: <sip:192.0.2.1:5080;lr>\r\n",
        );
        let direct = Notify::new(&sent, "n", 1, "active;expires=600").contact("<sip:n@192.0.2.88>");
        assert_eq!(bed.notify(&direct), 200);
        let hop = if through_proxy {
            "192.0.2.1:5080"
        } else {
            "192.0.2.88:5060"
        };
        let refresh = bed.run_to_next(600_000);
        let route = through_proxy.then_some("<sip:192.0.2.1:5080;lr>");
        assert_eq!(refresh.header("Route"), route);
        assert_eq!(refresh.start(), "SUBSCRIBE sip:n@192.0.2.88 SIP/2.0");
        assert_eq!(refresh.hop.addr.to_string(), hop);
        // The target moves: the way stays as it was chosen.
        bed.respond(&refresh, 200, "Expires: 600\r\nContact: <sip:m@192.0.2.89>\r\n");
        let moved = Notify::new(&sent, "n", 2, "active;expires=600").contact("<sip:m@192.0.2.89>");
        assert_eq!(bed.notify(&moved), 200);
        let refresh = bed.run_to_next(1_200_000);
        let hop = if through_proxy {
            "192.0.2.1:5080"
        } else {
            "192.0.2.89:5060"
        };
        assert_eq!(refresh.start(), "SUBSCRIBE sip:m@192.0.2.89 SIP/2.0");
        assert_eq!(refresh.hop.addr.to_string(), hop);
    }
}

/// R6665-66: in the dialog the next address of the first router; 503 and silence alike.
#[test]
fn r6665_66_fail_over_in_the_dialog() {
    for silent in [false, true] {
        let mut bed = Bed::new();
        let (_, sent) = bed.subscribe("presence", EVER);
        bed.respond(&sent, 200, "Expires: 600\r\n");
        let notify =
            Notify::new(&sent, "n", 1, "active;expires=600").with("Record-Route: <sip:p.example.net;lr>\r\n");
        assert_eq!(bed.notify(&notify), 200);
        while bed.queries.is_empty() && bed.now < 600_000 {
            bed.run_to(bed.now + 1_000);
        }
        bed.resolve("p.example.net", &["192.0.2.31", "192.0.2.32"]);
        let refresh = bed.take();
        assert_eq!(refresh.hop.addr.to_string(), "192.0.2.31:5060");
        if silent {
            bed.run_to(refresh.at + 32_100);
        } else {
            bed.respond(&refresh, 503, "");
        }
        let second = bed.sent.last().unwrap().clone();
        assert_eq!(second.hop.addr.to_string(), "192.0.2.32:5060");
        assert_eq!(
            (second.cseq(), second.header("To")),
            (refresh.cseq(), refresh.header("To"))
        );
        assert_ne!(second.branch(), refresh.branch());
        bed.take_all();
        bed.respond(&second, 200, "Expires: 600\r\n");
        assert_eq!(bed.notify(&Notify::new(&sent, "n", 2, "active;expires=600")), 200);
        assert_eq!(bed.subscription_events(), ["active"]);
        // The other node does not know the dialog.
        let refresh = bed.run_to_next(bed.now + 600_000);
        bed.respond(&refresh, 481, "");
        is_anew(&bed.next_sent(bed.now + 1_000), &sent);
    }
}

/// R6665-52: what a refresh's failure tells is told to the command that asked for it.
#[test]
fn r6665_52_a_command_hears_of_the_failure() {
    for (code, next_held) in [(403, true), (500, false)] {
        let mut bed = Bed::new();
        bed.subscribed("presence", EVER);
        let id = bed.command(Command::Subscribe(subscribe("presence", EVER)));
        let refresh = bed.take();
        bed.respond(&refresh, code, "");
        let outcome = bed.subscription_outcome(id);
        assert_eq!((outcome.code, outcome.state), (code, SubscriptionState::Active));
        assert_eq!(outcome.next == Next::Held, next_held);
        assert!(bed.agent.subscription(&subscription("presence")).is_some());
    }
}
