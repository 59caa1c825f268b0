//! Subscriptions that outlive the daemon (RFC 6665 §4.1.2.2, §4.4; RFC 3261 §12): taken up in
//! their dialogs, or anew where those are over.

use pua_core::*;

mod bed;
use bed::notifier::{CLOSED, Notify, OPEN, subscribe};
use bed::{Bed, Sent, config};

const EVER: Lifetime = Lifetime::UntilFurtherNotice;

fn in_same_dialog(one: &Sent, other: &Sent) {
    for name in ["Call-ID", "From"] {
        assert_eq!(one.header(name), other.header(name), "{name}");
    }
}

/// Subscribes by way of two routers; 200 for 600 s, and a NOTIFY with tag `n`.
fn routed(bed: &mut Bed) -> Sent {
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let notify = Notify::new(&sent, "n", 7, "active;expires=600")
        .with("Record-Route: <sip:192.0.2.11;lr>, <sip:192.0.2.12;lr>\r\n")
        .contact("<sip:n@192.0.2.13:5080>")
        .pidf(OPEN);
    assert_eq!(bed.notify(&notify), 200);
    sent
}

/// R6665-64: while its time runs a dialog is taken up: a refresh in it with the same Call-ID,
/// tags, route set and target, whose CSeq is well ahead (RFC 3261 §12.2.2), and our Contact of
/// now (RFC 6665 §4.4.1); the NOTIFY that follows brings the state.
#[test]
fn r6665_64_taken_up_in_the_dialog() {
    let mut bed = Bed::new();
    let first = routed(&mut bed);
    let mut moved = config();
    moved.listen = vec![(Transport::Udp, "192.0.2.10:5070".parse().unwrap())];
    bed.restart(100_000, moved);
    // The store has the new CSeq number before anything leaves.
    bed.nothing_sent();
    let stored = bed.records()[0].dialogs[0].cseq;
    assert!(stored >= first.cseq() + 1000);
    assert_eq!(bed.subscription("presence").state, SubscriptionState::NotifyWait);
    let restarted = bed.now;
    let refresh = bed.run_to_next(restarted + 2_500);
    assert!(refresh.at >= restarted + 500);
    in_same_dialog(&refresh, &first);
    assert_eq!(refresh.header("To"), Some("<sip:a@example.com>;tag=n"));
    assert_eq!(refresh.start(), "SUBSCRIBE sip:n@192.0.2.13:5080 SIP/2.0");
    assert_eq!(
        refresh.all("Route"),
        ["<sip:192.0.2.11;lr>", "<sip:192.0.2.12;lr>"]
    );
    assert_eq!(refresh.hop.addr.to_string(), "192.0.2.11:5060");
    assert_eq!(refresh.cseq(), stored + 1);
    assert_eq!(refresh.header("Contact"), Some("<sip:pua@192.0.2.10:5070>"));
    // No document is known, so none must be left out (RFC 5839).
    assert_eq!(refresh.header("Suppress-If-Match"), None);
    bed.respond(&refresh, 200, "Expires: 600\r\n");
    assert!(bed.subscription_events().is_empty());
    let notify = Notify::new(&refresh, "n", 8, "active;expires=600").pidf(CLOSED);
    assert_eq!(bed.notify(&notify), 200);
    assert_eq!(bed.subscription_events(), ["active"]);
    assert_eq!(bed.told(), [(CLOSED.to_owned(), true)]);
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
    // And on as ever.
    let next = bed.run_to_next(bed.now + 600_000);
    in_same_dialog(&next, &first);
    assert_eq!(next.cseq(), refresh.cseq() + 1);
    assert!(next.at - refresh.at >= 240_000);
}

/// RFC 6665 §4.1.2.2: a notifier that does not know the dialog any more, or ends it by its answer,
/// has the subscription made anew: a new Call-ID, the same name for the application.
#[test]
fn r6665_64_a_dialog_that_is_gone_is_followed_by_another() {
    for code in [481, 404, 410, 489] {
        let mut bed = Bed::new();
        let first = bed.subscribed("presence", EVER);
        bed.restart(1_000, config());
        let refresh = bed.run_to_next(bed.now + 2_500);
        in_same_dialog(&refresh, &first);
        bed.respond(&refresh, code, "");
        let anew = bed.next_sent(bed.now + 1_000);
        assert_ne!(anew.header("Call-ID"), first.header("Call-ID"), "{code}");
        assert_ne!(anew.header("From"), first.header("From"));
        assert_eq!(anew.header("To"), Some("<sip:a@example.com>"));
        assert_eq!(bed.subscription_events(), ["terminated - retry"]);
        bed.respond(&anew, 200, "Expires: 600\r\n");
        assert_eq!(bed.notify(&Notify::new(&anew, "m", 1, "active;expires=600")), 200);
        assert_eq!(bed.subscription_events().last().unwrap(), "active");
        assert_eq!(bed.records()[0].dialogs[0].remote_tag, "m".into());
        // What still comes for the old one belongs to nothing.
        let late = Notify::new(&first, "n", 9, "active;expires=600");
        assert_eq!(bed.notify(&late), 481);
    }
}

/// RFC 6665 §4.1.2.2: other answers leave it standing to its end.
#[test]
fn r6665_64_a_server_in_trouble_ends_nothing() {
    let mut bed = Bed::new();
    let first = bed.subscribed("presence", EVER);
    bed.restart(1_000, config());
    let refresh = bed.run_to_next(bed.now + 2_500);
    bed.respond(&refresh, 500, "");
    let again = bed.run_to_next(bed.now + 30_000);
    in_same_dialog(&again, &first);
    assert_eq!(again.cseq(), refresh.cseq() + 1);
}

/// RFC 6665 §4.4.1: a NOTIFY in a dialog of the earlier life is taken before we have sent anything;
/// one that is not newer than the last stored is refused as ever (R6665-75).
#[test]
fn r6665_75_a_notify_before_our_refresh() {
    let mut bed = Bed::new();
    let mut sent = Vec::new();
    // Restored the other way round: the numbers in their tags are those of others then.
    for package in ["presence", "reg", "message-summary"] {
        sent.push(bed.subscribed(package, EVER));
    }
    bed.restart(10_000, config());
    for first in &sent {
        let package = first.header("Event").unwrap();
        assert_eq!(bed.notify(&Notify::new(first, "n", 1, "active;expires=500")), 500);
        let mut stranger = Notify::new(first, "stranger", 2, "active;expires=500");
        assert_eq!(bed.notify(&stranger), 481);
        stranger.to = sent[0].clone();
        assert_eq!(bed.notify(&Notify::new(first, "n", 2, "active;expires=500")), 200);
        assert_eq!(bed.subscription(package).state, SubscriptionState::Active);
    }
    assert_eq!(bed.subscription_events(), ["active"; 3]);
    // The refresh goes all the same: the notifier must know our Contact.
    bed.run_to(bed.now + 2_500);
    let refreshed: std::collections::BTreeSet<_> = bed
        .take_all()
        .iter()
        .map(|sent| sent.header("Call-ID").unwrap().to_owned())
        .collect();
    assert_eq!(refreshed.len(), 3);
    // The 2xx says for how long; the NOTIFY that made the state known was not the refresh's.
    assert_eq!(bed.statistic("dialogs"), 3);
}

/// R6665-64: a dialog that has ended meanwhile is not refreshed; the subscription is made anew.
#[test]
fn r6665_64_over_meanwhile_is_made_anew() {
    let mut bed = Bed::new();
    let first = bed.subscribed("presence", EVER);
    bed.restart(600_001, config());
    let anew = bed.next_sent(bed.now + 2_500);
    assert_eq!(anew.header("To"), Some("<sip:a@example.com>"));
    assert_ne!(anew.header("Call-ID"), first.header("Call-ID"));
    let late = Notify::new(&first, "n", 2, "active;expires=600");
    assert_eq!(bed.notify(&late), 481);
}

/// R6665-30: each of several dialogs is taken up.
#[test]
fn r6665_30_every_fork_is_taken_up() {
    let mut bed = Bed::new();
    let (_, first) = bed.subscribe("dialog", EVER);
    bed.respond(&first, 200, "Expires: 600\r\n");
    for (tag, granted) in [("one", 600), ("two", 300), ("three", 60)] {
        let state = format!("active;expires={granted}");
        assert_eq!(bed.notify(&Notify::new(&first, tag, 1, &state)), 200);
    }
    bed.restart(61_000, config());
    let mut tags = Vec::new();
    for _ in 0..2 {
        let refresh = bed.run_to_next(bed.now + 2_500);
        in_same_dialog(&refresh, &first);
        let to = refresh.header("To").unwrap();
        let tag = to.split("tag=").nth(1).unwrap().to_owned();
        bed.respond(&refresh, 200, "Expires: 600\r\n");
        assert_eq!(
            bed.notify(&Notify::new(&refresh, &tag, 2, "active;expires=600")),
            200
        );
        tags.push(tag);
    }
    // The one that ends first comes first; the third has ended.
    assert_eq!(tags, ["two", "one"]);
    assert_eq!(bed.subscription_events(), ["active", "active"]);
    bed.run_to(bed.now + 10_000);
    bed.nothing_sent();
}

/// R6665-64: at the paced rate, and what ends first goes first.
#[test]
fn r6665_64_paced_and_in_the_order_of_the_ends() {
    let mut bed = Bed::new();
    for n in 0..40u32 {
        let mut command = subscribe("presence", EVER);
        command.name.presentity = format!("sip:u{n}@example.com").into();
        bed.command(Command::Subscribe(command));
        let sent = bed.take();
        let granted = 600 - 14 * n;
        bed.respond(&sent, 200, &format!("Expires: {granted}\r\n"));
        let state = format!("active;expires={granted}");
        assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, &state)), 200);
    }
    let mut slow = config();
    slow.pacing = Pacing {
        rate: 10,
        burst: 1,
        ..Pacing::default()
    };
    bed.restart(1_000, slow);
    let begun = bed.now;
    let (mut order, mut times) = (Vec::new(), Vec::new());
    while order.len() < 40 {
        let refresh = bed.run_to_next(begun + 10_000);
        bed.respond(&refresh, 204, "");
        let user = refresh.header("To").unwrap();
        let user: u32 = user[6..].split('@').next().unwrap().parse().unwrap();
        order.push(user);
        times.push(refresh.at - begun);
    }
    let displaced = order
        .iter()
        .zip((0..40).rev())
        .map(|(got, due)| got.abs_diff(due))
        .max()
        .unwrap();
    assert!(displaced < 12, "{order:?}");
    assert!(
        order[..20].iter().filter(|user| **user >= 20).count() >= 17,
        "{order:?}"
    );
    for (n, at) in times.iter().enumerate() {
        assert!(*at >= 500 + 95 * (n as u64), "{times:?}");
    }
    assert!(times[39] < 500 + 2_000 + 4_100, "{times:?}");
}

/// RFC 3261 §12.2.1.1: no CSeq number is used twice, however often the daemon is killed, also
/// where what it sent was never answered.
#[test]
fn r6665_13_no_cseq_twice_however_often_it_is_killed() {
    let mut bed = Bed::new();
    let mut last = bed.subscribed("presence", EVER).cseq();
    for _ in 0..5 {
        bed.restart(1_000, config());
        for _ in 0..2 {
            let refresh = bed.run_to_next(bed.now + 60_000);
            assert!(refresh.cseq() > last, "{} after {last}", refresh.cseq());
            last = refresh.cseq();
            bed.respond(&refresh, 500, "");
        }
        let retransmitted = bed.run_to_next(bed.now + 60_000);
        last = retransmitted.cseq();
    }
}

/// What NOTIFYs tell is not written one by one: 5,000 a second must not be 5,000 rows; what is
/// needed to go on is.
#[test]
fn dialogs_are_written_when_they_are_made_refreshed_moved_and_ended() {
    let mut bed = Bed::new();
    let first = bed.subscribed("presence", EVER);
    let dialogs = |bed: &mut Bed| {
        let changes = bed.changes.iter();
        let count = changes
            .filter(|change| matches!(change, Change::Dialogs { .. }))
            .count();
        (count, bed.records()[0].dialogs.clone())
    };
    let (count, held) = dialogs(&mut bed);
    assert_eq!((count, held.len()), (1, 1));
    assert_eq!((held[0].cseq, held[0].remote_cseq, held[0].active), (1, 1, true));
    for n in 2..100 {
        let notify = Notify::new(&first, "n", n, "active;expires=600").pidf(OPEN);
        assert_eq!(bed.notify(&notify), 200);
    }
    assert_eq!(dialogs(&mut bed).0, 1);
    // Moved, and not allowed any more.
    let moved = Notify::new(&first, "n", 100, "active;expires=600").contact("<sip:n@192.0.2.55>");
    assert_eq!(bed.notify(&moved), 200);
    assert_eq!(&*dialogs(&mut bed).1[0].target, "sip:n@192.0.2.55");
    let pending = Notify::new(&first, "n", 101, "pending;expires=600").contact("<sip:n@192.0.2.55>");
    assert_eq!(bed.notify(&pending), 200);
    let (count, held) = dialogs(&mut bed);
    assert_eq!((count, held[0].active, held[0].remote_cseq), (3, false, 101));
    // Refreshed.
    let refresh = bed.run_to_next(600_000);
    bed.respond(&refresh, 200, "Expires: 600\r\n");
    let (count, held) = dialogs(&mut bed);
    assert_eq!((count, held[0].cseq), (4, refresh.cseq()));
    assert_eq!(bed.ms(held[0].expires_at), refresh.at + 600_000);
    // Ended by the notifier, for a while.
    bed.end(&first, "n", 102, "giveup");
    let (count, held) = dialogs(&mut bed);
    assert_eq!((count, held.len()), (5, 0));
    // A fetch leaves nothing behind.
    bed.fetch("reg");
    let fetch = bed.take();
    bed.respond(&fetch, 200, "Expires: 0\r\n");
    bed.end(&fetch, "f", 1, "timeout");
    assert_eq!((dialogs(&mut bed).0, bed.records().len()), (5, 1));
}

/// An application that asks anew is served in the dialog, at once.
#[test]
fn a_command_goes_on_in_the_dialog() {
    let mut bed = Bed::new();
    let first = bed.subscribed("presence", EVER);
    bed.restart(1_000, config());
    let (id, refresh) = bed.subscribe("presence", Lifetime::Seconds(120));
    in_same_dialog(&refresh, &first);
    assert_eq!(refresh.expires(), 120);
    bed.respond(&refresh, 200, "Expires: 120\r\n");
    let notify = Notify::new(&refresh, "n", 2, "active;expires=120").pidf(OPEN);
    assert_eq!(bed.notify(&notify), 200);
    assert_eq!(bed.subscription_outcome(id).state, SubscriptionState::Active);
    // And one that wants its end has it there.
    bed.restart(1_000, config());
    bed.unsubscribe("presence");
    let end = bed.take();
    in_same_dialog(&end, &first);
    assert_eq!(end.expires(), 0);
    bed.respond(&end, 200, "Expires: 0\r\n");
    bed.end(&first, "n", 3, "timeout");
    bed.nothing_left();
    assert!(bed.records().is_empty());
}

/// A lifetime that has ended meanwhile is told, and written.
#[test]
fn r6665_64_a_lifetime_that_ended_meanwhile_is_told() {
    let mut bed = Bed::new();
    bed.subscribed("presence", Lifetime::Seconds(60));
    bed.restart(60_000, config());
    assert_eq!(bed.subscription_events(), ["terminated - ended"]);
    assert!(bed.records().is_empty());
    bed.run_to(bed.now + 100_000);
    bed.nothing_sent();
    bed.nothing_left();
}

/// What a disk has made of a record is no dialog: the subscription is made anew, and nothing of it
/// goes on a wire.
#[test]
fn r6665_64_a_broken_record_is_made_anew() {
    type Break = fn(&mut SubscriptionRecord);
    let broken: [Break; 8] = [
        |record| record.call_id = "".into(),
        |record| record.call_id = "a b\r\nEvil: 1".into(),
        |record| record.from_tag = "xyz".into(),
        |record| record.dialogs[0].remote_tag = "n\r\nEvil: 1".into(),
        |record| record.dialogs[0].remote_tag = "n>;evil".into(),
        |record| record.dialogs[0].target = "sip:n@192.0.2.1\r\nEvil: 1".into(),
        |record| record.dialogs[0].routes = Box::new(["nonsense".into()]),
        |record| record.dialogs[0].cseq = u32::MAX,
    ];
    for (n, damage) in broken.iter().enumerate() {
        let mut old = Bed::new();
        let first = old.subscribed("presence", EVER);
        let mut record = old.records().remove(0);
        damage(&mut record);
        let mut bed = Bed::new();
        bed.agent = UserAgent::new(bed.base, config(), [9; 32]);
        record.dialogs[0].expires_at = bed.at(600_000);
        bed.input(Input::RestoreSubscription(record));
        let anew = bed.next_sent(2_500);
        assert_eq!(anew.header("To"), Some("<sip:a@example.com>"), "{n}");
        assert_ne!(anew.header("Call-ID"), first.header("Call-ID"));
        assert!(!anew.text().contains("Evil"));
    }
    // One dialog only, where the store has it twice.
    let mut old = Bed::new();
    old.subscribed("presence", EVER);
    let mut record = old.records().remove(0);
    let mut bed = Bed::new();
    record.dialogs[0].expires_at = bed.at(600_000);
    record.dialogs.push(record.dialogs[0].clone());
    bed.input(Input::RestoreSubscription(record));
    assert_eq!(bed.statistic("dialogs"), 1);
}

/// R6665-57: an unsubscribe that was under way when the daemon was killed goes on in the dialogs
/// that still run, and nothing is left when it has been answered.
#[test]
fn r6665_57_an_end_goes_on_after_a_restart() {
    let mut bed = Bed::new();
    let first = bed.subscribed("presence", EVER);
    bed.unsubscribe("presence");
    let lost = bed.take();
    assert_eq!(lost.expires(), 0);
    bed.restart(100_000, config());
    bed.nothing_sent();
    let restarted = bed.now;
    let again = bed.next_sent(restarted + 2_500);
    assert!(again.at >= restarted + 500, "its CSeq number is stored first");
    in_same_dialog(&again, &first);
    assert_eq!((again.expires(), again.header("To")), (0, lost.header("To")));
    assert!(again.cseq() > lost.cseq() + 999);
    bed.respond(&again, 200, "Expires: 0\r\n");
    bed.end(&first, "n", 3, "timeout");
    bed.nothing_left();
    assert!(bed.records().is_empty());
    bed.restart(1_000, config());
    bed.run_to(bed.now + 700_000);
    bed.nothing_sent();
}

/// R6665-57: the same where it was ended before there was a dialog; one that is over needs no end.
#[test]
fn r6665_57_an_end_without_a_dialog() {
    let mut bed = Bed::new();
    let (_, first) = bed.subscribe("presence", EVER);
    bed.respond(&first, 200, "Expires: 600\r\n");
    bed.unsubscribe("presence");
    assert_eq!(
        bed.notify(&Notify::new(&first, "n", 1, "active;expires=600")),
        200
    );
    assert_eq!(bed.take().expires(), 0);
    bed.restart(10_000, config());
    let again = bed.next_sent(bed.now + 2_500);
    in_same_dialog(&again, &first);
    assert_eq!(again.expires(), 0);
    // Away for longer than it lasts.
    bed.restart(600_000, config());
    assert_eq!(bed.subscription_events(), ["terminated - ended"]);
    bed.nothing_left();
    bed.run_to(bed.now + 10_000);
    bed.nothing_sent();
    // Nothing but the wish was there.
    bed.subscribe("presence", EVER);
    bed.unsubscribe("presence");
    bed.restart(1_000, config());
    bed.nothing_left();
    assert!(bed.records().is_empty());
}

/// A notifier that would go on for longer than was wanted is told so after a restart as well; one
/// that is wanted again is kept.
#[test]
fn r6665_57_over_meanwhile_or_wanted_again() {
    let mut bed = Bed::new();
    let first = bed.subscribed("presence", EVER);
    bed.subscribe("presence", Lifetime::Seconds(60));
    bed.restart(100_000, config());
    let end = bed.next_sent(bed.now + 2_500);
    in_same_dialog(&end, &first);
    assert_eq!(end.expires(), 0);

    let mut bed = Bed::new();
    let first = bed.subscribed("presence", EVER);
    bed.unsubscribe("presence");
    bed.take();
    bed.restart(1_000, config());
    bed.subscribe("presence", EVER);
    bed.respond(&bed.sent.last().unwrap().clone(), 200, "Expires: 600\r\n");
    bed.restart(1_000, config());
    let refresh = bed.next_sent(bed.now + 2_500);
    in_same_dialog(&refresh, &first);
    assert!(refresh.expires() > 0);
}
