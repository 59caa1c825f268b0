//! Which server a SUBSCRIBE goes to when the first does not do (RFC 3263 §4.3, RFC 3261 §8.1.3.4,
//! §18.1.1, §20.33): as for a PUBLISH.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod bed;

use bed::notifier::{Notify, subscribe};
use bed::{Bed, Sent};
use pua_core::*;

const EVER: Lifetime = Lifetime::UntilFurtherNotice;

fn by_domain(servers: &[&str]) -> (Bed, u64) {
    let mut bed = Bed::by_domain();
    let id = bed.command(Command::Subscribe(subscribe("presence", EVER)));
    bed.resolve("example.com", servers);
    (bed, id)
}

/// Has it established; the first SUBSCRIBE and the first refresh, which knows the same servers.
fn refreshing(bed: &mut Bed) -> (Sent, Sent) {
    let sent = bed.take();
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let notify = Notify::new(&sent, "n", 1, "active;expires=600").contact("<sip:n@example.com>");
    assert_eq!(bed.notify(&notify), 200);
    let refresh = bed.run_to_next(301_000);
    (sent, refresh)
}

/// R3263-07: when all servers are told 503, the smallest wait is told and kept.
#[test]
fn r3263_07_the_smallest_retry_after_of_a_subscription() {
    for waits in [[20, 3600, 600], [3600, 20, 600], [3600, 600, 20]] {
        let (mut bed, id) = by_domain(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
        let soonest = bed.all_want_quiet(&waits);
        let outcome = bed.subscription_outcome(id);
        assert_eq!((outcome.code, outcome.retry_after), (503, Some(20)));
        assert_eq!(outcome.next, Next::Retry { at: bed.at(20_000) });
        bed.run_to(19_999);
        bed.nothing_sent();
        assert_eq!(bed.run_to_next(20_001).hop, soonest);
    }
}

/// R3263-07: a server that merely did not answer is tried again after our own back-off, whatever
/// the others have asked for; also for who comes new.
#[test]
fn r3263_07_a_dead_server_beside_those_that_want_quiet_of_a_subscription() {
    for dead in 0..2 {
        let (mut bed, id) = by_domain(&["192.0.2.1", "192.0.2.2"]);
        for n in 0..2 {
            let sent = bed.take();
            if n == dead {
                bed.undelivered(&sent, Unreachable::Refused);
            } else {
                bed.respond(&sent, 503, "Retry-After: 3600\r\n");
            }
        }
        let dead = format!("udp:192.0.2.{}:5060", dead + 1);
        let outcome = bed.subscription_outcome(id);
        assert_eq!((outcome.code, outcome.retry_after), (503, None));
        let (_, other) = bed.subscribe("dialog", EVER);
        assert_eq!(other.hop.to_string(), dead);
        assert_eq!(bed.run_to_next(4_001).hop.to_string(), dead);
    }
}

/// R3263-07: the same for a refresh, which is tried again while the subscription stands.
#[test]
fn r3263_07_the_smallest_retry_after_of_a_refresh() {
    let (mut bed, _) = by_domain(&["192.0.2.1", "192.0.2.2"]);
    let (_, first) = refreshing(&mut bed);
    bed.respond(&first, 503, "Retry-After: 20\r\n");
    let second = bed.take();
    let now = bed.now;
    bed.respond(&second, 503, "Retry-After: 3600\r\n");
    bed.nothing_sent();
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
    let again = bed.run_to_next(now + 20_001);
    assert_eq!((again.at, again.hop), (now + 20_000, first.hop));
}

/// R3261-101: what no datagram can carry always goes by TCP; when that is refused, it waits
/// as for any server that cannot be reached, and what datagrams carry goes on.
#[test]
fn r3261_101_a_list_that_no_datagram_carries_waits_for_tcp() {
    let mut bed = Bed::new();
    let mut list = subscribe("presence", EVER);
    list.members = (0..2000)
        .map(|n| format!("sip:member{n}@presence.example.com").into())
        .collect();
    let id = bed.command(Command::Subscribe(list));
    let mut failures = 0;
    while bed.now < 60_000 {
        let tcp = bed.next_sent(bed.now + 61_000);
        assert!(tcp.text().len() > 65_507);
        assert_eq!(tcp.hop.to_string(), "tcp:192.0.2.1:5080");
        bed.undelivered(&tcp, Unreachable::Refused);
        bed.nothing_sent();
        failures += 1;
    }
    assert!((4..10).contains(&failures), "{failures}");
    let outcome = bed.subscription_outcome(id);
    assert_eq!((outcome.code, outcome.origin), (503, FailureOrigin::Transport));
    assert!(outcome.detail.as_ref().unwrap().contains("refused"));
    assert!(matches!(outcome.next, Next::Retry { .. }));
    let (_, udp) = bed.subscribe("dialog", EVER);
    assert_eq!(udp.hop.transport, Transport::Udp, "it is small");
    bed.respond(&udp, 200, "Expires: 3600\r\n");
    assert_eq!(bed.notify(&Notify::new(&udp, "d", 1, "active;expires=3600")), 200);
    let tcp = bed.next_sent(bed.now + 301_000);
    assert_eq!(tcp.hop.transport, Transport::Tcp);
    bed.respond(&tcp, 200, "Expires: 600\r\n");
    assert_eq!(bed.notify(&Notify::new(&tcp, "n", 1, "active;expires=600")), 200);
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
}

/// R3263-07: a server that has said 100 has the request: no other is asked when it says no more.
#[test]
fn r3263_07_no_fail_over_of_a_subscription_after_a_provisional_response() {
    let (mut bed, id) = by_domain(&["192.0.2.1", "192.0.2.2"]);
    let first = bed.take();
    bed.respond(&first, 100, "");
    bed.run_to(32_000);
    assert!(bed.take_all().iter().all(|sent| sent.hop == first.hop));
    let outcome = bed.subscription_outcome(id);
    assert_eq!((outcome.code, outcome.origin), (408, FailureOrigin::Timeout));
    assert!(matches!(outcome.next, Next::Retry { .. }));
    assert_eq!(bed.run_to_next(36_001).hop, first.hop);
}

/// R3263-07, R6665-53: nor in a dialog, which is over then; a new one is made.
#[test]
fn r3263_07_no_fail_over_of_a_refresh_after_a_provisional_response() {
    let (mut bed, _) = by_domain(&["192.0.2.1", "192.0.2.2"]);
    let (sent, refresh) = refreshing(&mut bed);
    bed.respond(&refresh, 100, "");
    bed.run_to(refresh.at + 31_999);
    assert!(bed.take_all().iter().all(|sent| sent.hop == refresh.hop));
    bed.run_to(refresh.at + 32_000);
    let anew = bed.take();
    assert_eq!(anew.hop, refresh.hop);
    assert_ne!(anew.header("Call-ID"), sent.header("Call-ID"));
}

const CONTACTS: &str = "Contact: <sip:b@192.0.2.2>;q=0.9, <sip:c@192.0.2.3>;q=0.5\r\n";

fn redirected(contacts: &str) -> (Bed, u64, Sent) {
    let mut bed = Bed::new();
    let mut command = subscribe("presence", EVER);
    command.timeout = std::time::Duration::from_secs(120);
    let id = bed.command(Command::Subscribe(command));
    let sent = bed.take();
    bed.respond(&sent, 302, contacts);
    let first = bed.take();
    assert_eq!(first.start(), "SUBSCRIBE sip:b@192.0.2.2 SIP/2.0");
    (bed, id, first)
}

fn fail(bed: &mut Bed, first: &Sent, code: u16) {
    match code {
        0 => bed.run_to(32_000),
        1 => bed.undelivered(first, Unreachable::Refused),
        _ => bed.respond(first, code, "Retry-After: 3600\r\n"),
    }
}

/// R6665-38, R3903-58: the next Contact when the first fails, whatever the failure.
#[test]
fn r6665_38_the_next_contact() {
    for code in [0, 1, 403, 404, 408, 480, 481, 489, 500, 503] {
        let (mut bed, id, first) = redirected(CONTACTS);
        fail(&mut bed, &first, code);
        let second = bed.take_all().pop().unwrap();
        assert_eq!(second.start(), "SUBSCRIBE sip:c@192.0.2.3 SIP/2.0", "{code}");
        assert_eq!(second.cseq(), 3, "{code}");
        for same in ["Call-ID", "From", "To", "Expires"] {
            assert_eq!(second.header(same), first.header(same), "{same}");
        }
        bed.respond(&second, 200, "Expires: 600\r\n");
        assert_eq!(
            bed.notify(&Notify::new(&second, "n", 1, "active;expires=600")),
            200
        );
        assert_eq!(bed.subscription_outcome(id).code, 200);
        bed.run_to(bed.now + 60_000);
        assert_eq!(bed.subscription_events(), ["active"]);
    }
}

/// R6665-38: also when its name is to be looked up, or it wants quiet and there is a third.
#[test]
fn r6665_38_the_next_contact_is_looked_up() {
    for code in [0, 404] {
        let contacts = "Contact: <sip:b@192.0.2.2>, <sip:c@example.net>;q=0.5\r\n";
        let (mut bed, _, first) = redirected(contacts);
        fail(&mut bed, &first, code);
        bed.run_to(bed.now + 3_000);
        bed.take_all();
        bed.resolve("example.net", &["192.0.2.3"]);
        assert_eq!(bed.take().start(), "SUBSCRIBE sip:c@example.net SIP/2.0");
    }
    let contacts = "Contact: <sip:b@192.0.2.2>, <sip:c@192.0.2.2>;q=0.5, <sip:d@192.0.2.4>;q=0.1\r\n";
    let (mut bed, _, first) = redirected(contacts);
    bed.respond(&first, 503, "Retry-After: 3600\r\n");
    assert_eq!(bed.take().start(), "SUBSCRIBE sip:d@192.0.2.4 SIP/2.0");
}

/// R6665-38: the last word is told when there is no Contact left; and 6xx is a last word.
#[test]
fn r6665_38_the_last_word() {
    let (mut bed, id, first) = redirected(CONTACTS);
    bed.respond(&first, 404, "");
    let second = bed.take();
    bed.respond(&second, 403, "");
    bed.nothing_sent();
    let outcome = bed.subscription_outcome(id);
    assert_eq!((outcome.code, outcome.next), (403, Next::Refused));
    let (mut bed, id, first) = redirected(CONTACTS);
    bed.respond(&first, 603, "");
    bed.nothing_sent();
    let outcome = bed.subscription_outcome(id);
    assert_eq!((outcome.code, outcome.next), (603, Next::Refused));
}

/// R6665-38: nobody else is asked for what is not wanted any more, or has been told by a NOTIFY.
#[test]
fn r6665_38_no_next_contact_for_what_is_over_or_told() {
    let (mut bed, _, first) = redirected(CONTACTS);
    bed.unsubscribe("presence");
    bed.respond(&first, 404, "");
    bed.nothing_sent();
    bed.nothing_left();
    let (mut bed, _, first) = redirected("Contact: <sip:b@192.0.2.2>, <sip:c@example.net>;q=0.5\r\n");
    bed.respond(&first, 404, "");
    bed.unsubscribe("presence");
    bed.nothing_left();
    bed.resolve("example.net", &["192.0.2.3"]);
    bed.nothing_sent();
    let (mut bed, id, first) = redirected(CONTACTS);
    assert_eq!(
        bed.notify(&Notify::new(&first, "n", 1, "active;expires=600")),
        200
    );
    bed.run_to(32_000);
    assert!(bed.take_all().iter().all(|sent| sent.hop == first.hop));
    assert_eq!(bed.subscription_outcome(id).code, 200);
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
}
