//! An application that changes its mind at every moment: each command is answered once, and what
//! was said last is what comes to be.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod bed;

use std::time::Duration;

use bed::notifier::{Notify, OPEN, subscribe, subscription};
use bed::{Bed, Sent};
use pua_core::*;

const EVER: Lifetime = Lifetime::UntilFurtherNotice;

/// Where a subscription can stand when a command comes.
const MOMENTS: [&str; 12] = [
    "nothing",
    "sent",
    "accepted",
    "notified",
    "stands",
    "refreshing",
    "refreshed",
    "refresh notified",
    "ending",
    "ended soon",
    "waiting",
    "refused",
];

/// Brings a bed to a moment; the latest SUBSCRIBE, and the CSeq of the next NOTIFY.
fn bring(bed: &mut Bed, moment: &str) -> (Option<Sent>, u32) {
    if moment == "nothing" {
        return (None, 1);
    }
    let mut command = subscribe("presence", EVER);
    command.wait = Wait::None;
    bed.command(Command::Subscribe(command));
    let sent = bed.take();
    match moment {
        "sent" => return (Some(sent), 1),
        "accepted" => {
            bed.respond(&sent, 202, "Expires: 600\r\n");
            return (Some(sent), 1);
        }
        "notified" => {
            assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active;expires=600")), 200);
            return (Some(sent), 2);
        }
        "waiting" => {
            bed.respond(&sent, 500, "");
            return (Some(sent), 1);
        }
        "refused" => {
            bed.respond(&sent, 403, "");
            return (Some(sent), 1);
        }
        _ => {}
    }
    bed.respond(&sent, 200, "Expires: 600\r\n");
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active;expires=600")), 200);
    match moment {
        "stands" => return (Some(sent), 2),
        "ending" | "ended soon" => {
            bed.command(Command::Unsubscribe(SubscriptionTarget {
                name: subscription("presence"),
                wait: Wait::None,
                timeout: Duration::from_secs(60),
            }));
            let end = bed.take();
            if moment == "ended soon" {
                bed.respond(&end, 200, "Expires: 0\r\n");
            }
            return (Some(end), 2);
        }
        _ => {}
    }
    let refresh = bed.run_to_next(600_000);
    match moment {
        "refreshing" => (Some(refresh), 2),
        "refreshed" => {
            bed.respond(&refresh, 200, "Expires: 600\r\n");
            (Some(refresh), 2)
        }
        _ => {
            assert_eq!(
                bed.notify(&Notify::new(&refresh, "n", 2, "active;expires=600")),
                200
            );
            (Some(refresh), 3)
        }
    }
}

/// Plays a well-behaved notifier to the end: every request is answered, each by a NOTIFY.
fn play(bed: &mut Bed, mut queue: Vec<Sent>, mut cseq: u32, until: u64) {
    let mut seen: Vec<String> = Vec::new();
    loop {
        while let Some(request) = (!queue.is_empty()).then(|| queue.remove(0)) {
            if seen.iter().any(|branch| branch == request.branch()) {
                continue;
            }
            seen.push(request.branch().to_owned());
            let expires = request.expires();
            bed.respond(&request, 200, &format!("Expires: {expires}\r\n"));
            let state = match expires {
                0 => "terminated;reason=timeout".to_owned(),
                _ => format!("active;expires={expires}"),
            };
            let before = bed.responses.len();
            let notify = Notify::new(&request, "n", cseq, &state).pidf(OPEN);
            bed.receive_from(request.hop, &notify.text());
            assert_eq!(bed.responses.len(), before + 1);
            cseq += 1;
            queue.extend(bed.take_all());
        }
        if bed.now >= until {
            return;
        }
        bed.run_to((bed.now + 500).min(until));
        queue.extend(bed.take_all());
    }
}

/// Every command at every moment, then another: each answered once; in the end what was said last.
#[test]
fn every_command_at_every_moment() {
    let orders = ["subscribe", "unsubscribe", "fetch"];
    for moment in MOMENTS {
        for first in orders {
            for second in orders {
                let case = format!("{moment}, {first}, {second}");
                let mut bed = Bed::new();
                let (open, cseq) = bring(&mut bed, moment);
                let mut ids = Vec::new();
                let mut wanted = !matches!(moment, "nothing" | "ending" | "ended soon");
                for order in [first, second] {
                    ids.push(match order {
                        "subscribe" => {
                            wanted = true;
                            bed.command(Command::Subscribe(subscribe("presence", EVER)))
                        }
                        "unsubscribe" => {
                            wanted = false;
                            bed.unsubscribe("presence")
                        }
                        _ => bed.fetch("presence"),
                    });
                }
                // What was answered before is answered again, which changes nothing.
                let queue: Vec<Sent> = open.into_iter().chain(bed.take_all()).collect();
                let until = bed.now + 70_000;
                play(&mut bed, queue, cseq, until);
                for id in ids {
                    assert_eq!(bed.answers(id), 1, "{case}");
                }
                assert_eq!(bed.subscribed_to("presence"), wanted, "{case}");
                if wanted && (moment != "refused" || first == "subscribe" || second == "subscribe") {
                    let state = bed.subscription("presence").state;
                    assert_eq!(state, SubscriptionState::Active, "{case}");
                }
                if !wanted {
                    bed.nothing_left();
                }
            }
        }
    }
}

/// Wanted again while its end is under way: another subscription follows, whatever becomes of the
/// end; both commands hear of it.
#[test]
fn wanted_again_while_it_ends() {
    for how in ["timeout", "no reason", "silence", "481", "204", "500"] {
        let mut bed = Bed::new();
        let sent = bed.subscribed("presence", EVER);
        let end_id = bed.unsubscribe("presence");
        let end = bed.take();
        let again_id = bed.command(Command::Subscribe(subscribe("presence", EVER)));
        bed.nothing_sent();
        match how {
            "timeout" => {
                bed.respond(&end, 200, "Expires: 0\r\n");
                bed.end(&sent, "n", 2, "timeout");
            }
            "no reason" => {
                bed.respond(&end, 200, "Expires: 0\r\n");
                assert_eq!(bed.notify(&Notify::new(&sent, "n", 2, "terminated")), 200);
            }
            "silence" => {
                bed.respond(&end, 200, "Expires: 0\r\n");
                bed.run_to(33_000);
            }
            "481" => bed.respond(&end, 481, ""),
            "204" => bed.respond(&end, 204, "Expires: 0\r\n"),
            _ => bed.respond(&end, 500, ""),
        }
        let again = bed.take();
        assert_ne!(again.header("Call-ID"), sent.header("Call-ID"), "{how}");
        assert_eq!(bed.answers(end_id), 1, "{how}");
        bed.respond(&again, 200, "Expires: 600\r\n");
        assert_eq!(bed.answers(again_id), 0, "{how}");
        assert_eq!(
            bed.notify(&Notify::new(&again, "n", 1, "active;expires=600")),
            200
        );
        assert_eq!(
            bed.subscription_outcome(again_id).state,
            SubscriptionState::Active,
            "{how}"
        );
        assert!(bed.agent.is_idle());
    }
}

/// A lifetime that ends: at the notifier too, whatever is under way; and no refresh for nothing.
#[test]
fn lifetimes_end() {
    // Granted as asked: the notifier ends it.
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", Lifetime::Seconds(60));
    assert_eq!(sent.expires(), 60);
    bed.respond(&sent, 200, "Expires: 60\r\n");
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active;expires=60")), 200);
    bed.run_to(60_500);
    bed.nothing_sent();
    bed.end(&sent, "n", 2, "timeout");
    bed.run_to(300_000);
    bed.nothing_sent();
    bed.nothing_left();
    assert_eq!(bed.subscription_events(), ["active", "terminated timeout ended"]);
    // Granted shorter: refreshed for the rest.
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", Lifetime::Seconds(100));
    bed.respond(&sent, 200, "Expires: 60\r\n");
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active;expires=60")), 200);
    let refresh = bed.run_to_next(60_000);
    let left = u32::try_from((100_000 - refresh.at).div_ceil(1000)).unwrap();
    assert_eq!(refresh.expires(), left);
    // The end comes while the refresh is under way.
    let mut bed = Bed::new();
    bed.subscribed("presence", EVER);
    bed.command(Command::Subscribe(subscribe("presence", Lifetime::Seconds(5))));
    let refresh = bed.take();
    assert_eq!(refresh.expires(), 5);
    bed.run_to(6_000);
    bed.take_all();
    bed.respond(&refresh, 200, "Expires: 600\r\n");
    let end = bed.take();
    assert_eq!(end.expires(), 0);
    assert_eq!(end.cseq(), refresh.cseq() + 1);
    // Nothing was ever heard.
    let mut bed = Bed::new();
    let (id, _) = bed.subscribe("presence", Lifetime::Seconds(2));
    bed.run_to(100_000);
    assert_eq!(bed.answers(id), 1);
    bed.nothing_left();
}

/// The answers that were asked for: with the NOTIFY, at once, or none; and when it takes too long.
#[test]
fn one_answer_to_each() {
    let mut bed = Bed::new();
    let mut command = subscribe("presence", EVER);
    command.wait = Wait::Accepted;
    let accepted = bed.command(Command::Subscribe(command.clone()));
    assert!(matches!(bed.reply(accepted), Some(Reply::Accepted)));
    command.wait = Wait::None;
    let none = bed.command(Command::Subscribe(command.clone()));
    command.wait = Wait::Final;
    command.timeout = Duration::from_secs(5);
    let short = bed.command(Command::Subscribe(command.clone()));
    command.timeout = Duration::from_secs(50);
    let long = bed.command(Command::Subscribe(command));
    let sent = bed.take();
    bed.nothing_sent();
    bed.run_to(6_000);
    let outcome = bed.subscription_outcome(short);
    assert_eq!((outcome.code, outcome.origin), (408, FailureOrigin::Timeout));
    assert!(matches!(outcome.next, Next::Retry { .. }));
    bed.respond(&sent, 200, "Expires: 600\r\n");
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", 1, "active;expires=600").pidf(OPEN)),
        200
    );
    assert_eq!(bed.subscription_outcome(long).states.len(), 1);
    bed.run_to(200_000);
    assert_eq!(
        [accepted, none, short, long].map(|id| bed.answers(id)),
        [1, 0, 1, 1]
    );
    // An end that takes too long is told as such.
    let end = bed.command(Command::Unsubscribe(SubscriptionTarget {
        name: subscription("presence"),
        wait: Wait::Final,
        timeout: Duration::from_secs(5),
    }));
    let request = bed.take_all().pop().unwrap();
    bed.respond(&request, 200, "Expires: 0\r\n");
    bed.run_to(206_000);
    let outcome = bed.subscription_outcome(end);
    assert_eq!((outcome.code, outcome.next), (408, Next::Ended));
    bed.run_to(300_000);
    assert_eq!(bed.answers(end), 1);
    bed.nothing_left();
}
