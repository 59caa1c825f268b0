//! What was refused or must wait is not tried again by a restart (R3903-50, R3903-55, R6665-83 to
//! R6665-88); a command or a changed configuration does that.

mod bed;
use bed::notifier::Notify;
use bed::*;
use pua_core::*;

const A: &str = "sip:a@example.com";
const EVER: Lifetime = Lifetime::UntilFurtherNotice;

/// What a store would have of the only publication.
fn stored(bed: &Bed) -> PublicationRecord {
    let mut stored = None;
    for change in &bed.changes {
        match change.clone() {
            Change::Put(record) => stored = Some(*record),
            Change::Granted {
                etag,
                expires_at,
                surplus,
                revision,
                cseq,
                setback,
                ..
            } => {
                if let Some(record) = &mut stored {
                    record.etag = etag;
                    record.expires_at = expires_at;
                    record.surplus = surplus;
                    record.published_revision = revision;
                    record.cseq = cseq;
                    record.setback = setback;
                }
            }
            Change::Delete { .. } => stored = None,
            _ => {}
        }
    }
    stored.expect("there is a record")
}

/// Another life of the daemon, `ms` later.
fn restart(bed: &mut Bed, ms: u64, config: Config) {
    let record = stored(bed);
    bed.now += ms;
    bed.agent = UserAgent::new(bed.at(bed.now), config, [9; 32]);
    bed.take_all();
    bed.input(Input::Restore(record));
}

fn elsewhere() -> Config {
    Config {
        presence_server: Some(Proxy {
            uri: "sip:192.0.2.2:5080".into(),
        }),
        ..config()
    }
}

/// R3903-50: what was refused stays refused, with its code, whether a grant runs or not.
#[test]
fn r3903_50_refused_over_a_restart() {
    for held in [false, true] {
        let mut bed = Bed::new();
        if held {
            bed.published(A, 3600, 3600);
        }
        bed.publish(A, "<new/>", 3600);
        let sent = bed.take();
        bed.respond(&sent, 403, "");
        restart(&mut bed, 10_000, config());
        let view = bed.view(A);
        assert_eq!(view.state, PublicationState::Refused);
        assert_eq!(
            (view.last_code, view.last_reason.as_deref()),
            (Some(403), Some("Reason"))
        );
        assert_eq!(view.last_at, Some(bed.at(0)));
        assert_eq!(view.etag.is_some(), held);
        bed.run_to(1_000_000);
        bed.nothing_sent();
        // A second restart knows as much as the first.
        restart(&mut bed, 10_000, config());
        bed.run_to(1_100_000);
        bed.nothing_sent();
        // A new command is another question, also if the daemon dies before it is asked.
        bed.publish(A, "<newer/>", 3600);
        assert_eq!(bed.take().body(), "<newer/>");
        restart(&mut bed, 10_000, config());
        assert_eq!(bed.next_sent(2_000_000).body(), "<newer/>");
    }
}

/// R3903-50: a changed configuration is a reason to try again: read again, at a restart another
/// server, or perhaps other credentials.
#[test]
fn r3903_50_a_changed_configuration_tries_again() {
    let refused = |code| {
        let mut bed = Bed::new();
        bed.publish(A, BODY, 3600);
        let sent = bed.take();
        bed.respond(&sent, code, "");
        bed
    };
    let mut bed = refused(403);
    restart(&mut bed, 1_000, config());
    bed.input(Input::Configure(config()));
    bed.next_sent(60_000);
    restart(&mut bed, 1_000, config());
    bed.next_sent(60_000);

    let mut bed = refused(403);
    restart(&mut bed, 1_000, elsewhere());
    assert_eq!(bed.next_sent(60_000).hop.addr.to_string(), "192.0.2.2:5080");

    let mut bed = refused(401);
    restart(&mut bed, 1_000, config());
    bed.next_sent(60_000);
}

/// R3903-55: a Retry-After runs on over a restart, and commands wait for its end.
#[test]
fn r3903_55_retry_after_over_a_restart() {
    let mut bed = Bed::new();
    bed.publish(A, BODY, 86_400);
    let sent = bed.take();
    bed.respond(&sent, 480, "Retry-After: 3000\r\n");
    restart(&mut bed, 100_000, config());
    let view = bed.view(A);
    assert_eq!(
        (view.state, view.last_code),
        (PublicationState::Waiting, Some(480))
    );
    assert_eq!(view.retry_at, Some(bed.at(3_000_000)));
    bed.publish(A, "<new/>", 86_400);
    // The wish is in the store, and so is what it waits for.
    restart(&mut bed, 100_000, config());
    assert_eq!(bed.state(A), PublicationState::Waiting);
    bed.run_to(2_999_000);
    bed.nothing_sent();
    let sent = bed.next_sent(3_010_000);
    assert_eq!(sent.body(), "<new/>");
    bed.ok(&sent, "t", 3600);
    assert_eq!(stored(&bed).setback, None, "a success leaves nothing of it");
}

/// An outage that goes on is written once, and a success costs no row more than it did.
#[test]
fn an_outage_is_written_once() {
    let mut bed = Bed::new();
    bed.published(A, 86_400, 60);
    assert_eq!(bed.changes.len(), 2, "the wish and the grant");
    let mut sent = bed.run_to_next(100_000);
    bed.changes.clear();
    for _ in 0..5 {
        bed.respond(&sent, 500, "");
        sent = bed.run_to_next(10_000_000);
    }
    assert_eq!(bed.changes.len(), 1, "{:?}", bed.changes);
}

/// A grant that the server gave for longer than was asked for is withdrawn at its end
/// also if the daemon was restarted, before or after.
#[test]
fn a_surplus_is_withdrawn_after_a_restart() {
    for away in [1_000, 60_000] {
        let mut bed = Bed::new();
        bed.publish(A, BODY, 4);
        let sent = bed.take();
        bed.ok(&sent, "long", 3600);
        restart(&mut bed, away, config());
        let mut removal = bed.next_sent(61_000);
        if removal.expires() > 0 {
            // What was taken up is looked after once, within its lifetime.
            assert!(removal.at < 4_000 && away < 4_000);
            bed.ok(&removal, "long", 3600);
            removal = bed.next_sent(61_000);
        }
        assert!(removal.at >= 4_000);
        assert_eq!((removal.expires(), removal.if_match()), (0, Some("long")));
        bed.ok(&removal, "long", 0);
        assert!(!bed.holds(A));
    }
}

/// R6665-84, R6665-87, R6665-88: what a notifier has ended for good stays so; R6665-83, R6665-86:
/// what must wait waits.
#[test]
fn r6665_83_to_88_over_a_restart() {
    for (reason, waits) in [
        ("rejected", false),
        ("noresource", false),
        ("invariant", false),
        ("giveup;retry-after=3000", true),
        ("probation;retry-after=3000", true),
        ("probation", false),
    ] {
        let mut bed = Bed::new();
        let sent = bed.subscribed("presence", EVER);
        bed.end(&sent, "n", 2, reason);
        let short = reason.split(';').next();
        let retry_at = bed.subscription("presence").retry_at;
        for _ in 0..2 {
            bed.restart(10_000, config());
            let view = bed.subscription("presence");
            assert_eq!(view.state, SubscriptionState::Terminated, "{reason}");
            assert_eq!(view.reason.as_deref(), short);
            assert_eq!(view.retry_at, retry_at);
            assert_eq!(view.last_code, Some(200));
        }
        match retry_at {
            None => {
                bed.run_to(10_000_000);
                bed.nothing_sent();
                bed.subscribe("presence", EVER);
                bed.restart(10_000, config());
                bed.next_sent(20_000_000);
            }
            Some(at) => {
                let at = bed.ms(at);
                assert!((at == 3_000_000) == waits, "{reason}: {at}");
                let anew = bed.next_sent(4_000_000);
                assert!((at..at + 2_000).contains(&anew.at), "{reason}: {} {at}", anew.at);
                bed.respond(&anew, 200, "Expires: 600\r\n");
                assert_eq!(bed.notify(&Notify::new(&anew, "m", 1, "active;expires=600")), 200);
                // What is past is past.
                bed.restart(700_000, config());
                bed.next_sent(bed.now + 2_500);
            }
        }
    }
}

/// The same by the answer to a SUBSCRIBE.
#[test]
fn r6665_refused_subscribes_over_a_restart() {
    for (code, rows, retry_at) in [
        (403, "", None),
        (489, "Allow-Events: reg\r\n", None),
        (405, "", None),
        (603, "", None),
        (480, "Retry-After: 3000\r\n", Some(3_000_000)),
    ] {
        let mut bed = Bed::new();
        let (_, sent) = bed.subscribe("presence", EVER);
        bed.respond(&sent, code, rows);
        bed.restart(10_000, config());
        let view = bed.subscription("presence");
        assert_eq!(view.state, SubscriptionState::Terminated, "{code}");
        assert_eq!(
            (view.last_code, view.last_reason.as_deref()),
            (Some(code), Some("Reason"))
        );
        assert_eq!(view.retry_at, retry_at.map(|ms| bed.at(ms)));
        bed.run_to(2_999_000);
        bed.nothing_sent();
        if retry_at.is_some() {
            bed.next_sent(3_010_000);
        } else {
            // The graceful stop forgets nothing of it either.
            bed.input(Input::Configure(config()));
            let sent = bed.next_sent(4_000_000);
            bed.respond(&sent, code, rows);
            let now = bed.at(bed.now);
            bed.agent.stop(now, true);
            bed.input(Input::Timeout);
            bed.restart(10_000, config());
            bed.run_to(5_000_000);
            bed.nothing_sent();
            bed.restart(10_000, elsewhere());
            bed.next_sent(6_000_000);
        }
    }
}
