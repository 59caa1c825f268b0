//! R3903-26: `publish.min_interval_ms`, and what it does not hold back.

mod bed;
use std::time::Duration;

use bed::*;
use pua_core::*;

const A: &str = "sip:a@example.com";

fn spaced(seconds: u64) -> Bed {
    let pacing = Pacing {
        min_interval: Duration::from_secs(seconds),
        ..Pacing::default()
    };
    Bed::with(Config { pacing, ..config() })
}

/// A change that is held back has not been taken by anybody: its command is told so, not what the
/// change before it was told.
#[test]
fn a_change_that_is_held_back_is_no_success() {
    let mut bed = spaced(6);
    bed.published(A, 3600, 3600);
    let mut command = publish(A, "<two/>", 3600);
    command.timeout = Duration::from_secs(1);
    let change = bed.command(Command::Publish(command));
    let mut refresh = target(A);
    refresh.timeout = Duration::from_secs(2);
    let refresh = bed.command(Command::Refresh(refresh));
    let mut command = publish(A, "<three/>", 3600);
    command.timeout = Duration::from_secs(10);
    let patient = bed.command(Command::Publish(command));
    assert!(bed.reply(change).is_none());
    bed.run_to(2_000);
    bed.nothing_sent();
    for id in [change, refresh] {
        let outcome = bed.outcome(id);
        assert_eq!((outcome.code, outcome.origin), (408, FailureOrigin::Timeout));
        assert!(outcome.detail.as_ref().unwrap().starts_with("not sent yet"));
        assert_eq!(outcome.next, Next::Retry { at: bed.at(6_000) });
    }
    let sent = bed.run_to_next(6_001);
    assert_eq!((sent.if_match(), sent.body()), (Some("tag1"), "<three/>"));
    bed.ok(&sent, "tag2", 3600);
    assert_eq!(bed.outcome(patient).code, 200);
}

/// Nor when it comes while another is under way.
#[test]
fn a_change_during_another_is_no_success() {
    let mut bed = spaced(6);
    bed.publish(A, "<one/>", 3600);
    let sent = bed.take();
    let mut command = publish(A, "<two/>", 3600);
    command.timeout = Duration::from_secs(1);
    let change = bed.command(Command::Publish(command));
    bed.ok(&sent, "tag1", 3600);
    assert!(bed.reply(change).is_none());
    bed.run_to(1_000);
    assert_eq!(bed.outcome(change).code, 408);
    assert_eq!(bed.run_to_next(6_001).body(), "<two/>");
}

/// A removal brings no new state, so it waits for nothing.
#[test]
fn a_removal_is_not_held_back() {
    let mut bed = spaced(6);
    bed.published(A, 3600, 3600);
    bed.publish(A, "<two/>", 3600);
    bed.nothing_sent();
    let id = bed.remove(A);
    let removal = bed.take();
    assert_eq!((removal.expires(), removal.if_match()), (0, Some("tag1")));
    bed.ok(&removal, "x", 0);
    assert_eq!(bed.outcome(id).code, 200);
    assert!(!bed.holds(A));
}

/// A grant that ends within the interval is refreshed, without the new state.
#[test]
fn a_short_grant_is_kept_while_a_change_waits() {
    let mut bed = spaced(6);
    bed.published(A, 3600, 2);
    bed.run_to(100);
    let change = bed.publish(A, "<two/>", 3600);
    for n in 2..7 {
        let sent = bed.run_to_next(bed.now + 1_100);
        let held = format!("tag{}", n - 1);
        assert_eq!((sent.if_match(), sent.body()), (Some(&*held), ""), "{}", sent.at);
        bed.ok(&sent, &format!("tag{n}"), 2);
        assert!(bed.reply(change).is_none(), "the change has not gone");
    }
    let sent = bed.run_to_next(6_001);
    assert_eq!((sent.at, sent.body()), (6_000, "<two/>"));
    assert_eq!(sent.if_match(), Some("tag6"));
    bed.ok(&sent, "tag7", 2);
    assert_eq!(bed.outcome(change).code, 200);
}
