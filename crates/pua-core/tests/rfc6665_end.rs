//! Ends and fetches (group B.3): the last NOTIFY, ends that are refused or not answered, and what is
//! asked for once.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod bed;

use bed::notifier::{CLOSED, Notify, OPEN, subscribe};
use bed::{Bed, config};
use pua_core::*;

const EVER: Lifetime = Lifetime::UntilFurtherNotice;

/// R6665-54, R6665-56: the last NOTIFY may bring a state; those that cross change nothing.
#[test]
fn r6665_54_end_with_a_body_and_crossing() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    bed.run_to(10_000);
    let id = bed.unsubscribe("presence");
    let end = bed.take();
    let crossing = Notify::new(&sent, "n", 2, "active;expires=590").pidf(OPEN);
    assert_eq!(bed.notify(&crossing), 200);
    bed.respond(&end, 200, "Expires: 0\r\n");
    let another = Notify::new(&sent, "n", 3, "active;expires=2").pidf(CLOSED);
    assert_eq!(bed.notify(&another), 200);
    bed.run_to(20_000);
    bed.nothing_sent();
    assert_eq!(bed.answers(id), 0);
    let last = Notify::new(&sent, "n", 4, "terminated;reason=timeout").pidf(OPEN);
    assert_eq!(bed.notify(&last), 200);
    assert_eq!(bed.told().len(), 3);
    assert_eq!(bed.subscription_outcome(id).code, 200);
    assert_eq!(
        bed.subscription_events().last().unwrap(),
        "terminated timeout ended"
    );
    bed.run_to(4_000_000);
    bed.nothing_sent();
    bed.nothing_left();
}

/// R6665-54: the end may be told before the response to the request for it.
#[test]
fn r6665_54_end_before_the_response() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let id = bed.unsubscribe("presence");
    let end = bed.take();
    bed.end(&sent, "n", 2, "timeout");
    assert_eq!(bed.subscription_outcome(id).code, 200);
    bed.respond(&end, 200, "Expires: 0\r\n");
    bed.run_to(100_000);
    bed.nothing_sent();
    bed.nothing_left();
}

/// R6665-55: waited for 32 s, not longer.
#[test]
fn r6665_55_no_last_notify() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let id = bed.unsubscribe("presence");
    let end = bed.take();
    bed.respond(&end, 200, "Expires: 0\r\n");
    bed.run_to(31_500);
    assert_eq!(bed.answers(id), 0);
    bed.run_to(40_000);
    assert_eq!(bed.answers(id), 1);
    let late = Notify::new(&sent, "n", 2, "terminated;reason=timeout");
    assert_eq!(bed.notify(&late), 481);
    bed.nothing_left();
}

/// R6665-61: while the end of a lifetime, or one that was asked for, is under way, it can be seen that it is.
#[test]
fn r6665_61_an_end_under_way_is_seen() {
    let mut bed = Bed::new();
    bed.subscribed("presence", Lifetime::Seconds(60));
    assert_eq!(bed.subscription("presence").until, Some(bed.at(60_000)));
    // The notifier ends it, and has time to say so.
    bed.run_to(61_000);
    assert_eq!(bed.subscription("presence").until, Some(bed.at(60_000)));
    let mut bed = Bed::new();
    bed.subscribed("presence", EVER);
    bed.run_to(5_000);
    assert_eq!(bed.subscription("presence").until, None);
    bed.unsubscribe("presence");
    assert_eq!(bed.subscription("presence").until, Some(bed.at(5_000)));
    // Wanted again: until further notice.
    bed.command(Command::Subscribe(subscribe("presence", EVER)));
    assert_eq!(bed.subscription("presence").until, None);
}

/// R6665-56: an end that is refused, or not answered, is the end as well.
#[test]
fn r6665_56_end_refused() {
    for code in [481, 403, 500, 503, 0] {
        let mut bed = Bed::new();
        bed.subscribed("presence", EVER);
        let id = bed.unsubscribe("presence");
        let end = bed.take();
        if code > 0 {
            bed.respond(&end, code, "");
        }
        bed.run_to(100_000);
        assert_eq!(bed.answers(id), 1, "{code}");
        // What was not ended there is not said to be; 481: it is not there.
        let outcome = bed.subscription_outcome(id);
        let expected = match code {
            481 => 200,
            0 => 408,
            _ => code,
        };
        assert_eq!((outcome.code, outcome.next), (expected, Next::Ended));
        assert_eq!(outcome.state, SubscriptionState::Terminated);
        assert_eq!(outcome.detail.is_some(), code != 481, "{:?}", outcome.detail);
        bed.nothing_left();
        assert!(bed.sent.iter().all(|sent| sent.cseq() <= end.cseq()), "{code}");
    }
}

/// R6665-57: unwanted before there is a dialog, and there never is one.
#[test]
fn r6665_57_ended_before_the_dialog() {
    for code in [200, 403, 500, 0] {
        let mut bed = Bed::new();
        let (one, sent) = bed.subscribe("presence", EVER);
        let other = bed.unsubscribe("presence");
        if code > 0 {
            bed.respond(&sent, code, "Expires: 600\r\n");
        }
        bed.run_to(100_000);
        assert_eq!((bed.answers(one), bed.answers(other)), (1, 1), "{code}");
        bed.nothing_left();
        assert!(bed.sent.iter().all(|again| again.bytes == sent.bytes), "{code}");
    }
}

const MWI: &str = "application/simple-message-summary";

/// R6665-31, RFC 3842 §3.10: a fetch that has forked takes in what all say, until shortly after the
/// final response; any mailbox with messages is one.
#[test]
fn r6665_31_a_forked_fetch_is_merged() {
    let (no, yes) = ("Messages-Waiting: no\r\n", "Messages-Waiting: yes\r\n");
    for final_first in [false, true] {
        let mut bed = Bed::new();
        let id = bed.fetch("message-summary");
        let sent = bed.take();
        let told =
            |tag: &str, body: &str| Notify::new(&sent, tag, 1, "terminated;reason=timeout").body(MWI, body);
        if final_first {
            bed.respond(&sent, 200, "Expires: 0\r\n");
        }
        assert_eq!(bed.notify(&told("one", no)), 200);
        bed.run_to(300);
        assert_eq!(bed.answers(id), 0);
        assert_eq!(bed.notify(&told("two", yes)), 200);
        assert_eq!(bed.notify(&told("three", no)), 200);
        if !final_first {
            bed.run_to(1_000);
            bed.respond(&sent, 200, "Expires: 0\r\n");
        }
        bed.run_to(bed.now + 501);
        let outcome = bed.subscription_outcome(id);
        assert_eq!(
            (outcome.code, outcome.next, outcome.states.len()),
            (200, Next::Ended, 1)
        );
        assert_eq!(&outcome.states[0].body[..], yes.as_bytes());
        assert_eq!(bed.notify(&told("late", yes)), 481);
        bed.nothing_left();
    }
}

/// R6665-31: of other packages every dialog's word is told; who comes after that is late, and who
/// comes alone and late is not waited for any more.
#[test]
fn r6665_31_a_forked_fetch_of_dialogs() {
    let info = |entity: &str| {
        format!(
            "<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' version='0' state='full' entity='{entity}'/>"
        )
    };
    let mut bed = Bed::new();
    let id = bed.fetch("dialog");
    let sent = bed.take();
    let told = |tag: &str| {
        Notify::new(&sent, tag, 1, "active;expires=0").body("application/dialog-info+xml", &info(tag))
    };
    assert_eq!(bed.notify(&told("sip:one@h")), 200);
    assert_eq!(bed.notify(&told("sip:two@h")), 200);
    bed.respond(&sent, 200, "Expires: 0\r\n");
    bed.run_to(600);
    assert_eq!(bed.subscription_outcome(id).states.len(), 2);
    bed.nothing_left();
    let mut bed = Bed::new();
    let id = bed.fetch("dialog");
    let sent = bed.take();
    bed.respond(&sent, 200, "Expires: 0\r\n");
    bed.run_to(2_000);
    let late = Notify::new(&sent, "n", 1, "active;expires=0").body("application/dialog-info+xml", &info("x"));
    assert_eq!(bed.notify(&late), 200);
    assert_eq!(bed.subscription_outcome(id).states.len(), 1);
    bed.nothing_left();
}

/// R6665-31: without a final response, what has come is told when the command has waited enough.
#[test]
fn r6665_31_a_fetch_without_a_final_response() {
    let mut bed = Bed::new();
    let id = bed.fetch("message-summary");
    let sent = bed.take();
    let told = Notify::new(&sent, "n", 1, "terminated").body(MWI, "Messages-Waiting: no\r\n");
    assert_eq!(bed.notify(&told), 200);
    bed.run_to(61_000);
    assert_eq!(bed.subscription_outcome(id).states.len(), 1);
    bed.nothing_left();
}

/// R6665-58: a fetch takes no more than one NOTIFY, and leaves nothing.
#[test]
fn r6665_58_fetch_in_every_order() {
    for (state, notify_first) in [
        ("terminated;reason=timeout", true),
        ("terminated;reason=timeout", false),
        ("terminated;reason=deactivated", false),
        ("terminated", false),
        ("terminated;reason=probation;retry-after=1", false),
        ("active;expires=0", true),
        ("active;expires=600", false),
    ] {
        let mut bed = Bed::new();
        let id = bed.fetch("presence");
        let sent = bed.take();
        assert_eq!(
            (sent.expires(), sent.header("To")),
            (0, Some("<sip:a@example.com>"))
        );
        let notify = Notify::new(&sent, "n", 1, state).pidf(OPEN);
        if !notify_first {
            bed.respond(&sent, 200, "Expires: 0\r\n");
        }
        assert_eq!(bed.notify(&notify), 200, "{state}");
        if notify_first {
            bed.respond(&sent, 200, "Expires: 0\r\n");
        }
        let outcome = bed.subscription_outcome(id);
        assert_eq!((outcome.code, outcome.next), (200, Next::Ended), "{state}");
        assert_eq!(outcome.states.len(), 1, "{state}");
        assert_eq!(outcome.state, SubscriptionState::Terminated);
        bed.nothing_left();
        assert_eq!(bed.notify(&Notify::new(&sent, "n", 2, "active")), 481);
        bed.run_to(4_000_000);
        bed.nothing_sent();
        assert!(
            bed.events.is_empty() && bed.changes.is_empty(),
            "a fetch is its answer"
        );
    }
}

/// R6665-58: a fetch that nobody answers, is refused, or brings no document.
#[test]
fn r6665_58_fetch_fails() {
    for code in [0, 200, 403, 404, 503] {
        let mut bed = Bed::new();
        let id = bed.fetch("presence");
        let sent = bed.take();
        if code > 0 {
            bed.respond(&sent, code, "Expires: 0\r\n");
        }
        bed.run_to(61_000);
        let outcome = bed.subscription_outcome(id);
        assert_eq!(outcome.code, if code > 200 { code } else { 408 });
        assert_eq!(
            (outcome.next, outcome.state),
            (Next::Ended, SubscriptionState::Terminated)
        );
        bed.run_to(4_000_000);
        bed.nothing_left();
        assert!(bed.sent.iter().all(|again| again.bytes == sent.bytes), "{code}");
    }
}

/// R6665-58: within a subscription a fetch is a refresh of it.
#[test]
fn r6665_58_fetch_in_a_subscription() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", Lifetime::Seconds(600));
    bed.run_to(100_000);
    let id = bed.fetch("presence");
    let refresh = bed.take();
    assert_eq!(refresh.expires(), 500);
    assert_eq!(refresh.header("To"), Some("<sip:a@example.com>;tag=n"));
    bed.respond(&refresh, 200, "Expires: 500\r\n");
    assert_eq!(bed.answers(id), 0);
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", 2, "active;expires=500").pidf(OPEN)),
        200
    );
    assert_eq!(bed.subscription_outcome(id).states.len(), 1);
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
}

/// R6665-60: one who polls sends what was asked for the last time: no challenge between.
#[test]
fn r6665_60_polls_are_authenticated_before_they_are_asked() {
    let mut config = config();
    config.credentials = vec![Credential {
        realm: "d".into(),
        username: "w".into(),
        password: "secret".into(),
    }];
    let mut bed = Bed::with(config);
    for n in 1..4u64 {
        let id = bed.fetch("presence");
        let mut sent = bed.take();
        if n == 1 {
            bed.respond(
                &sent,
                401,
                "WWW-Authenticate: Digest realm=\"d\", nonce=\"x\", qop=\"auth\"\r\n",
            );
            sent = bed.take();
        }
        let digest = sent.header("Authorization").unwrap();
        assert!(digest.contains(&format!("nc={n:08}")), "{digest}");
        bed.respond(&sent, 200, "Expires: 0\r\n");
        bed.notify(&Notify::new(&sent, "n", 1, "terminated;reason=timeout").pidf(OPEN));
        assert_eq!(bed.answers(id), 1);
        bed.run_to(n * 10_000);
    }
}
