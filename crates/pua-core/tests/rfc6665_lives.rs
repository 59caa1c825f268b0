//! Subscriptions over stops, starts and changed configurations (R6665-64), and what is refused.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod bed;

use std::time::Duration;

use bed::notifier::{Notify, subscribe, subscription};
use bed::{Bed, Sent, config};
use pua_core::*;

const EVER: Lifetime = Lifetime::UntilFurtherNotice;

/// What cannot be done is refused, and nothing is left of it.
#[test]
fn refusals() {
    let mut bed = Bed::new();
    let refused = |bed: &mut Bed, command: Command| {
        let id = bed.command(command);
        match bed.reply(id) {
            Some(Reply::Refused(refusal)) => refusal.clone(),
            other => panic!("{other:?}"),
        }
    };
    let mut bad = subscribe("presence", EVER);
    bad.name.presentity = "not a uri".into();
    assert!(matches!(
        refused(&mut bed, Command::Subscribe(bad)),
        Refusal::BadPresentity(_)
    ));
    let mut bad = subscribe("presence", EVER);
    bad.name.watcher = "".into();
    assert!(matches!(
        refused(&mut bed, Command::Fetch(bad)),
        Refusal::BadWatcher(_)
    ));
    let mut bad = subscribe("presence", EVER);
    bad.proxy = Some(Proxy {
        uri: "mailto:x@d".into(),
    });
    assert!(matches!(
        refused(&mut bed, Command::Subscribe(bad)),
        Refusal::BadProxy(_)
    ));
    let end = Command::Unsubscribe(SubscriptionTarget {
        name: subscription("presence"),
        wait: Wait::Final,
        timeout: Duration::from_secs(5),
    });
    assert_eq!(refused(&mut bed, end), Refusal::NotFound);
    bed.nothing_sent();
    bed.nothing_left();
    let mut config = config();
    config.limits.subscriptions = 2;
    let mut bed = Bed::with(config);
    bed.subscribe("presence", EVER);
    bed.fetch("dialog");
    bed.take();
    let more = Command::Subscribe(subscribe("reg", EVER));
    assert_eq!(refused(&mut bed, more), Refusal::TooManySubscriptions(2));
    // The one that is there can still be refreshed and ended.
    bed.command(Command::Subscribe(subscribe("presence", EVER)));
    assert_eq!(bed.statistic("subscriptions"), 2);
}

/// The graceful stop: every subscription is ended at its notifier, the records stay; done when the
/// notifiers have said so, or did not in time.
#[test]
fn graceful_stop() {
    let mut bed = Bed::new();
    let one = bed.subscribed("presence", EVER);
    let (_, other) = bed.subscribe("dialog", EVER);
    bed.respond(&other, 200, "Expires: 600\r\n");
    let (_, third) = bed.subscribe("reg", EVER);
    bed.respond(&third, 500, "");
    let now = bed.at(bed.now);
    bed.agent.stop(now, true);
    bed.input(Input::Timeout);
    let end = bed.take();
    assert_eq!((end.expires(), end.header("Call-ID")), (0, one.header("Call-ID")));
    bed.respond(&end, 200, "Expires: 0\r\n");
    bed.end(&one, "n", 2, "timeout");
    assert!(!bed.agent.is_idle(), "the dialog's NOTIFY is on its way");
    assert_eq!(
        bed.notify(&Notify::new(&other, "d", 1, "active;expires=600")),
        200
    );
    let end = bed.take();
    assert_eq!(
        (end.expires(), end.header("To")),
        (0, Some("<sip:a@example.com>;tag=d"))
    );
    bed.respond(&end, 200, "Expires: 0\r\n");
    bed.end(&other, "d", 2, "timeout");
    bed.nothing_left();
    // What was wanted stays, without dialogs.
    let records = bed.records();
    assert_eq!(records.len(), 3);
    assert!(
        records.iter().all(|record| record.dialogs.is_empty()),
        "{records:?}"
    );
    let busy = bed.command(Command::Subscribe(subscribe("presence", EVER)));
    assert!(matches!(bed.reply(busy), Some(Reply::Refused(Refusal::Busy))));
    // A notifier that says nothing does not hold it up for ever.
    let mut bed = Bed::new();
    bed.subscribed("presence", EVER);
    bed.subscribe("dialog", EVER);
    let now = bed.at(bed.now);
    bed.agent.stop(now, true);
    bed.input(Input::Timeout);
    bed.run_to(70_000);
    bed.nothing_left();
    // Without: left as it is.
    let mut bed = Bed::new();
    bed.subscribed("presence", EVER);
    let now = bed.at(bed.now);
    bed.agent.stop(now, false);
    bed.input(Input::Timeout);
    bed.nothing_sent();
    assert!(bed.agent.is_idle());
    assert_eq!(bed.records()[0].dialogs.len(), 1);
}

fn put(bed: &Bed) -> SubscriptionRecord {
    bed.changes
        .iter()
        .rev()
        .find_map(|change| match change {
            Change::PutSubscription(record) => Some((**record).clone()),
            _ => None,
        })
        .unwrap()
}

/// R6665-64: another life: the dialogs are gone, what was wanted is made anew at the paced rate.
#[test]
fn r6665_64_another_life() {
    let mut old = Bed::new();
    let sent = old.subscribed("presence", EVER);
    let record = put(&old);
    let mut config = config();
    config.pacing = Pacing {
        rate: 10,
        burst: 1,
        ..Pacing::default()
    };
    let mut bed = Bed::with(config);
    bed.input(Input::RestoreSubscription(record.clone()));
    let again = bed.take();
    assert_eq!(again.header("To"), Some("<sip:a@example.com>"));
    let late = Notify::new(&sent, "n", 2, "active;expires=600");
    if again.header("Call-ID") != sent.header("Call-ID") {
        // The bed's seed is the same in both lives; the daemon's is not.
        assert_eq!(bed.notify(&late), 481);
    }
    for n in 0..20 {
        let mut record = record.clone();
        let mut name = (*record.name).clone();
        name.presentity = format!("sip:u{n}@example.com").into();
        (record.name, record.key) = (name.into(), 100 + n);
        bed.input(Input::RestoreSubscription(record));
    }
    bed.run_to(1_000);
    let calls = |sent: Vec<Sent>| {
        let mut calls: Vec<String> = sent.iter().map(|sent| sent.branch().to_owned()).collect();
        calls.sort();
        calls.dedup();
        calls.len()
    };
    let at_once = calls(bed.take_all());
    assert!((9..=12).contains(&at_once), "{at_once}");
    bed.run_to(3_000);
    assert!(calls(bed.take_all()) >= 9);
    assert!(bed.changes.is_empty());
    // A new subscription has a key of its own.
    let mut other = subscribe("dialog", EVER);
    other.wait = Wait::None;
    bed.command(Command::Subscribe(other));
    assert!(put(&bed).key > 119);
}

/// R6665-64: one whose lifetime has ended meanwhile is not taken up.
#[test]
fn r6665_64_over_meanwhile() {
    let mut old = Bed::new();
    old.subscribed("presence", Lifetime::Seconds(60));
    let mut record = put(&old);
    let mut bed = Bed::new();
    bed.now = 100_000;
    record.until = Some(bed.at(60_000));
    bed.input(Input::RestoreSubscription(record.clone()));
    bed.run_to(200_000);
    bed.nothing_sent();
    bed.nothing_left();
    assert!(matches!(bed.changes[..], [Change::DeleteSubscription { key }] if key == record.key));
}

/// A changed configuration: what was refused is asked again at the new server; what a notifier has
/// ended for good is not; what stands stays.
#[test]
fn configuration() {
    let mut bed = Bed::new();
    let (_, refused) = bed.subscribe("presence", EVER);
    bed.respond(&refused, 403, "");
    let rejected = bed.subscribed("dialog", EVER);
    bed.run_to(40_000);
    bed.end(&rejected, "n", 2, "rejected");
    let stands = bed.subscribed("reg", EVER);
    let mut changed = config();
    changed.presence_server = Some(Proxy {
        uri: "sip:192.0.2.2:5080".into(),
    });
    bed.input(Input::Configure(changed));
    let again = bed.next_sent(bed.now + 1_000);
    assert_eq!(again.header("Event"), Some("presence"));
    assert_eq!(again.hop.addr.to_string(), "192.0.2.2:5080");
    bed.respond(&again, 403, "");
    bed.run_to(bed.now + 1_000);
    bed.nothing_sent();
    let refresh = bed.run_to_next(bed.now + 600_000);
    assert_eq!(refresh.header("Call-ID"), stands.header("Call-ID"));
    assert_eq!(refresh.hop.addr.to_string(), "192.0.2.1:5080");
}

/// A proxy of the subscription's own, also changed later: for the next first SUBSCRIBE.
#[test]
fn a_proxy_of_its_own() {
    let mut bed = Bed::new();
    let mut command = subscribe("presence", EVER);
    command.proxy = Some(Proxy {
        uri: "sip:192.0.2.3:5070;lr".into(),
    });
    bed.command(Command::Subscribe(command.clone()));
    let sent = bed.take();
    assert_eq!(sent.hop.addr.to_string(), "192.0.2.3:5070");
    assert_eq!(sent.header("Route"), Some("<sip:192.0.2.3:5070;lr>"));
    bed.respond(&sent, 500, "");
    command.proxy = Some(Proxy {
        uri: "sip:192.0.2.4:5070".into(),
    });
    bed.command(Command::Subscribe(command));
    let sent = bed.take();
    assert_eq!(sent.hop.addr.to_string(), "192.0.2.4:5070");
    assert_eq!(sent.header("Route"), None);
}
