//! What the responses to a first SUBSCRIBE lead to (group B.2): 423, challenges, redirections,
//! refusals and waits.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod bed;

use bed::notifier::{Notify, subscribe};
use bed::{Bed, config};
use pua_core::*;

const EVER: Lifetime = Lifetime::UntilFurtherNotice;
const CHALLENGE: &str = "Digest realm=\"example.com\", nonce=\"abc\", qop=\"auth\", algorithm=SHA-256";

fn with_password() -> Config {
    Config {
        credentials: vec![Credential {
            realm: "example.com".into(),
            username: "w".into(),
            password: "secret".into(),
        }],
        ..config()
    }
}

/// R6665-36: what the notifier finds too brief is asked for longer, once or twice, and remembered.
#[test]
fn r6665_36_interval_too_brief() {
    let mut bed = Bed::new();
    let (id, sent) = bed.subscribe("presence", Lifetime::Seconds(60));
    bed.respond(&sent, 423, "Min-Expires: 600\r\n");
    let again = bed.take();
    assert_eq!((again.expires(), again.cseq()), (600, sent.cseq() + 1));
    assert_eq!(again.header("Call-ID"), sent.header("Call-ID"));
    assert_eq!(again.header("From"), sent.header("From"));
    bed.respond(&again, 200, "Expires: 600\r\n");
    assert_eq!(
        bed.notify(&Notify::new(&again, "n", 1, "active;expires=600")),
        200
    );
    assert_eq!(bed.subscription_outcome(id).code, 200);
    // The application's own lifetime holds: the end is asked for.
    let end = bed.run_to_next(61_000);
    assert_eq!((end.expires(), end.at), (0, 60_000));
    // What is known is not asked for once more.
    let mut other = subscribe("presence", Lifetime::Seconds(60));
    other.name.presentity = "sip:b@example.com".into();
    bed.command(Command::Subscribe(other));
    assert_eq!(bed.take().expires(), 600);
}

/// R3261-055: who does not understand resource lists is asked without, once, and not offered them again
/// in the same dialog.
#[test]
fn r3261_055_without_resource_lists() {
    let mut bed = Bed::new();
    let (id, sent) = bed.subscribe("presence", EVER);
    assert_eq!(sent.header("Supported"), Some("eventlist"));
    bed.respond(&sent, 420, "Unsupported: eventlist\r\n");
    let again = bed.take();
    assert_eq!((again.header("Supported"), again.cseq()), (None, sent.cseq() + 1));
    assert!(!again.header("Accept").unwrap().contains("rlmi"));
    assert_eq!(again.header("Call-ID"), sent.header("Call-ID"));
    assert_ne!(again.branch(), sent.branch());
    bed.respond(&again, 200, "Expires: 600\r\n");
    let notify = Notify::new(&again, "n", 1, "active;expires=600");
    assert_eq!(bed.notify(&notify), 200);
    assert_eq!(bed.subscription_outcome(id).code, 200);
    assert_eq!(bed.run_to_next(600_000).header("Supported"), None);
    // Each kind once; and what was never offered cannot be left out.
    for unsupported in ["Unsupported: eventlist\r\n", "Unsupported: other\r\n"] {
        let mut bed = Bed::new();
        let (id, sent) = bed.subscribe("presence", EVER);
        bed.respond(&sent, 420, unsupported);
        if unsupported.contains("eventlist") {
            let again = bed.take();
            bed.respond(&again, 420, unsupported);
        }
        bed.nothing_sent();
        assert_eq!(bed.subscription_outcome(id).code, 420);
    }
}

/// R6665-36: bounded; nonsense is not followed; an end is never made longer.
#[test]
fn r6665_36_too_brief_without_end() {
    for (rows, most) in [
        (
            &[
                "Min-Expires: 700\r\n",
                "Min-Expires: 900\r\n",
                "Min-Expires: 1000\r\n",
                "Min-Expires: 2000\r\n",
            ][..],
            3,
        ),
        (&[""], 1),
        (&["Min-Expires: 10\r\n"], 1),
        (&["Min-Expires: 4000000000\r\n"], 1),
    ] {
        let mut bed = Bed::new();
        let (id, sent) = bed.subscribe("presence", Lifetime::Seconds(600));
        let mut sent = sent;
        let mut times = 1;
        for row in rows {
            bed.respond(&sent, 423, row);
            if bed.answers(id) > 0 {
                break;
            }
            sent = bed.take();
            times += 1;
        }
        assert!(times <= most, "{rows:?}: {times}");
        assert_eq!(bed.subscription_outcome(id).code, 423, "{rows:?}");
    }
    let mut bed = Bed::new();
    let id = bed.fetch("presence");
    let sent = bed.take();
    bed.respond(&sent, 423, "Min-Expires: 600\r\n");
    bed.nothing_sent();
    assert_eq!(bed.subscription_outcome(id).code, 423);
    bed.nothing_left();
}

/// R6665-36, R6665-13: 423 in the dialog; what the notifier wants is remembered for the dialog.
#[test]
fn r6665_36_too_brief_in_the_dialog() {
    let mut config = config();
    config.subscribe.default_expires = Some(60);
    let mut bed = Bed::with(config);
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 200, "Expires: 60\r\n");
    let notify = Notify::new(&sent, "n", 1, "active;expires=60").contact("<sip:n@192.0.2.80>");
    assert_eq!(bed.notify(&notify), 200);
    let refresh = bed.run_to_next(60_000);
    bed.respond(&refresh, 423, "Min-Expires: 90\r\n");
    let longer = bed.take();
    assert_eq!((longer.expires(), longer.cseq()), (90, refresh.cseq() + 1));
    bed.respond(&longer, 200, "Expires: 90\r\n");
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", 2, "active;expires=90").contact("<sip:n@192.0.2.80>")),
        200
    );
    assert_eq!(bed.run_to_next(200_000).expires(), 90);
}

/// R6665-37: no such package, no such type: for good, and it is told what there is.
#[test]
fn r6665_37_permanent() {
    for (code, rows) in [
        (489, "Allow-Events: dialog, message-summary\r\n"),
        (406, ""),
        (400, ""),
        (403, "Warning: 399 d \"not you\"\r\n"),
        (405, ""),
        (415, "Accept: text/plain\r\n"),
        (420, ""),
        (421, "Require: eventlist\r\n"),
        (485, ""),
        (488, ""),
        (501, ""),
        (505, ""),
        (603, ""),
        (606, ""),
    ] {
        let mut bed = Bed::new();
        let (id, sent) = bed.subscribe("presence", EVER);
        bed.respond(&sent, code, rows);
        let outcome = bed.subscription_outcome(id);
        assert_eq!((outcome.code, outcome.next), (code, Next::Refused));
        if code == 489 {
            assert_eq!(outcome.allow_events.as_deref(), Some("dialog, message-summary"));
        }
        assert_eq!(bed.subscription_events(), [format!("refused {code}")]);
        bed.run_to(10_000_000);
        bed.nothing_sent();
        // A command is a new try.
        bed.command(Command::Subscribe(subscribe("presence", EVER)));
        assert_ne!(bed.take().header("Call-ID"), sent.header("Call-ID"));
    }
}

/// R6665-38: these pass: a wait that grows, or the one that the server names.
#[test]
fn r6665_38_tried_again() {
    for code in [404, 408, 410, 480, 486, 500, 502, 503, 504, 600, 604] {
        for named in [false, true] {
            let mut bed = Bed::new();
            let (id, sent) = bed.subscribe("presence", EVER);
            let rows = if named {
                "Retry-After: 2000 (later);duration=10\r\n"
            } else {
                ""
            };
            bed.respond(&sent, code, rows);
            let outcome = bed.subscription_outcome(id);
            assert_eq!(outcome.code, code, "{code}");
            assert_eq!(outcome.origin, FailureOrigin::Server, "{code} {named}");
            let Next::Retry { at } = outcome.next else {
                panic!("{code}")
            };
            assert!(at > bed.at(1_000), "{code}");
            let again = bed.run_to_next(3_000_000);
            assert_ne!(again.header("Call-ID"), sent.header("Call-ID"));
            if named {
                assert_eq!(outcome_retry_after(&bed, id), Some(2000), "{code}");
                assert!(again.at >= 2_000_000, "{code}: {}", again.at);
            } else {
                assert!(again.at >= 2_000, "{code}: {}", again.at);
            }
        }
    }
}

fn outcome_retry_after(bed: &Bed, id: u64) -> Option<u32> {
    bed.subscription_outcome(id).retry_after
}

/// R6665-38: the waits grow, and do not shrink when others fail.
#[test]
fn r6665_38_waits_grow() {
    let mut bed = Bed::new();
    let (_, mut sent) = bed.subscribe("presence", EVER);
    let mut waits = Vec::new();
    for _ in 0..8 {
        bed.respond(&sent, 500, "");
        let again = bed.run_to_next(bed.now + 400_000);
        waits.push(again.at - sent.at);
        sent = again;
    }
    assert!(waits[0] >= 2_000 && waits[0] <= 4_100, "{waits:?}");
    assert!(waits[7] >= 150_000 && waits[7] <= 300_100, "{waits:?}");
}

/// R6665-38, R6665-13: 401 and 407 alike: a new CSeq, the same dialog identifiers.
#[test]
fn r6665_38_challenges() {
    for (code, asked, answer) in [
        (401, "WWW-Authenticate", "Authorization"),
        (407, "Proxy-Authenticate", "Proxy-Authorization"),
    ] {
        let mut bed = Bed::with(with_password());
        let (id, sent) = bed.subscribe("presence", EVER);
        bed.respond(&sent, code, &format!("{asked}: {CHALLENGE}\r\n"));
        let again = bed.take();
        assert_eq!(again.cseq(), sent.cseq() + 1);
        for same in ["Call-ID", "From", "To", "Event", "Expires"] {
            assert_eq!(again.header(same), sent.header(same), "{same}");
        }
        let digest = again.header(answer).unwrap();
        assert!(digest.contains("uri=\"sip:a@example.com\"") && digest.contains("nc=00000001"));
        bed.respond(&again, 200, "Expires: 600\r\n");
        // To the SUBSCRIBE before the challenge: the same dialog.
        let notify = Notify::new(&sent, "n", 1, "active;expires=600").contact("<sip:n@192.0.2.1:5080>");
        assert_eq!(bed.notify(&notify), 200);
        assert_eq!(bed.subscription_outcome(id).code, 200);
        // R6665-13: the digest of a refresh is for its own Request-URI, with the same nonce.
        let refresh = bed.run_to_next(600_000);
        let digest = refresh.header(answer).unwrap();
        assert!(digest.contains("uri=\"sip:n@192.0.2.1:5080\""), "{digest}");
        assert!(
            digest.contains("nonce=\"abc\"") && digest.contains("nc=00000002"),
            "{digest}"
        );
    }
}

/// R6665-38: a wrong password, or none, is a no for good.
#[test]
fn r6665_38_credentials_are_no_good() {
    let challenge = format!("WWW-Authenticate: {CHALLENGE}\r\n");
    let mut bed = Bed::new();
    let (id, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 401, &challenge);
    assert_eq!(bed.subscription_outcome(id).next, Next::Refused);
    let mut bed = Bed::with(with_password());
    let (id, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 401, &challenge);
    let again = bed.take();
    bed.respond(&again, 401, &challenge);
    bed.nothing_sent();
    assert_eq!(bed.subscription_outcome(id).code, 401);
    bed.run_to(10_000_000);
    bed.nothing_sent();
}

/// R6665-39: a follow-up restarts timer N.
#[test]
fn r6665_39_timer_n_restarts() {
    for case in ["401", "423", "302"] {
        let mut bed = Bed::with(with_password());
        let (id, sent) = bed.subscribe("presence", Lifetime::Seconds(300));
        bed.run_to(30_000);
        bed.take_all();
        match case {
            "401" => bed.respond(&sent, 401, &format!("WWW-Authenticate: {CHALLENGE}\r\n")),
            "423" => bed.respond(&sent, 423, "Min-Expires: 600\r\n"),
            _ => bed.respond(&sent, 302, "Contact: <sip:a@192.0.2.7>\r\n"),
        }
        let again = bed.take();
        assert_eq!(again.header("Call-ID"), sent.header("Call-ID"), "{case}");
        bed.respond(&again, 200, "Expires: 600\r\n");
        bed.run_to(40_000);
        assert_eq!(bed.notify(&Notify::new(&again, "n", 1, "active")), 200, "{case}");
        assert_eq!(bed.subscription_outcome(id).code, 200, "{case}");
    }
    // And it runs: 62 s after the first, 32 s after the second.
    let mut bed = Bed::with(with_password());
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.run_to(30_000);
    bed.respond(&sent, 401, &format!("WWW-Authenticate: {CHALLENGE}\r\n"));
    bed.take_all();
    bed.run_to(61_500);
    assert!(bed.subscription_events().is_empty());
    bed.run_to(62_500);
    assert_eq!(bed.subscription_events(), ["retrying 408"]);
}

/// R6665-38: 3xx is followed with the same dialog identifiers; within the dialog, it is not.
#[test]
fn r6665_38_redirections() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(
        &sent,
        302,
        "Contact: <sip:a@192.0.2.7;x=1?Subject=y>;q=0.5, <sip:b@192.0.2.8>\r\n",
    );
    let again = bed.take();
    assert_eq!(again.start(), "SUBSCRIBE sip:b@192.0.2.8 SIP/2.0");
    assert_eq!(again.cseq(), sent.cseq() + 1);
    assert_eq!(again.header("To"), sent.header("To"));
    let mut bed = Bed::new();
    bed.subscribed("presence", EVER);
    let refresh = bed.run_to_next(600_000);
    bed.respond(&refresh, 302, "Contact: <sip:b@192.0.2.8>\r\n");
    bed.run_to(refresh.at + 10_000);
    bed.nothing_sent();
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
}

/// R6665-38, R3903-55: a server that names a time is not asked before it, by anybody.
#[test]
fn r6665_38_retry_after_holds_for_commands() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 500, "Retry-After: 100\r\n");
    bed.run_to(10_000);
    bed.command(Command::Subscribe(subscribe("presence", EVER)));
    bed.nothing_sent();
    assert!(bed.run_to_next(200_000).at >= 100_000);
}
