//! SUBSCRIBEs count in the window of their next hop as PUBLISHes do, and wait in the same queues.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use pua_core::*;

mod bed;
use bed::notifier::{Notify, subscribe};
use bed::{BODY, Bed, Sent, config};

const EVER: Lifetime = Lifetime::UntilFurtherNotice;

fn windowed(floor: u32, ceiling: u32) -> Bed {
    let pacing = Pacing {
        rate: 100_000,
        window_floor: floor,
        window_ceiling: ceiling,
        ..Pacing::default()
    };
    Bed::with(Config { pacing, ..config() })
}

fn user(n: u64) -> String {
    format!("sip:u{n}@example.com")
}

fn watched(n: u64) -> SubscriptionName {
    SubscriptionName {
        presentity: user(n).into(),
        ..bed::notifier::subscription("presence")
    }
}

fn watch(n: u64) -> Command {
    Command::Subscribe(Subscribe {
        name: watched(n),
        ..subscribe("presence", EVER)
    })
}

fn unwatch(n: u64) -> Command {
    Command::Unsubscribe(SubscriptionTarget {
        name: watched(n),
        wait: Wait::Final,
        timeout: Duration::from_secs(60),
    })
}

/// Whose request it is.
fn of(sent: &Sent) -> u64 {
    let to = sent.header("To").unwrap();
    let user = to.split("sip:u").nth(1).and_then(|rest| rest.split('@').next());
    user.unwrap().parse().unwrap()
}

fn method(sent: &Sent) -> &str {
    sent.start().split(' ').next().unwrap()
}

/// As the notifier of a SUBSCRIBE: 200, and the NOTIFY.
fn grant(bed: &mut Bed, sent: &Sent) {
    let expires = sent.expires();
    bed.respond(sent, 200, &format!("Expires: {expires}\r\n"));
    let state = match expires {
        0 => "terminated;reason=timeout".to_owned(),
        _ => format!("active;expires={expires}"),
    };
    let tag = format!("n{}", of(sent));
    bed.notify(&Notify::new(sent, &tag, sent.cseq() + 10, &state));
}

/// A store's record of a subscription whose dialog stands for another `seconds`.
fn record(bed: &Bed, n: u64, seconds: u64) -> SubscriptionRecord {
    SubscriptionRecord {
        key: n + 1,
        name: Arc::new(watched(n)),
        headers: "".into(),
        proxy: None,
        members: Arc::from([]),
        until: None,
        call_id: format!("{:032x}", n + 1).into(),
        from_tag: format!("07{:016x}{n:x}", n + 1).into(),
        dialogs: vec![DialogRecord {
            remote_tag: format!("n{n}").into(),
            target: "sip:n@192.0.2.1:5080".into(),
            routes: Box::from([]),
            cseq: 1,
            remote_cseq: 1,
            active: true,
            expires_at: bed.at(bed.now + seconds * 1000),
        }],
        ending: false,
        setback: None,
    }
}

/// A server that takes a request every so often, and remembers what waits for it.
struct Slow {
    /// Milliseconds for each.
    each: u64,
    /// Until then it hears nothing.
    deaf_until: u64,
    queue: VecDeque<Sent>,
    /// By branch: what it has heard, answered or not.
    heard: BTreeMap<String, bool>,
    /// How many it has heard and not answered, and the most at a time.
    waiting: usize,
    most: usize,
}

impl Slow {
    fn new(each: u64) -> Slow {
        Slow {
            each,
            deaf_until: 0,
            queue: VecDeque::new(),
            heard: BTreeMap::new(),
            waiting: 0,
            most: 0,
        }
    }

    /// Serves to `ms`.
    fn run_to(&mut self, bed: &mut Bed, ms: u64) {
        while bed.now < ms {
            bed.run_to(bed.now + self.each);
            self.hear(bed);
            if let Some(sent) = self.queue.pop_front() {
                if std::mem::replace(self.heard.get_mut(sent.branch()).unwrap(), true) {
                    continue;
                }
                self.waiting -= 1;
                match method(&sent) {
                    "PUBLISH" => bed.ok(&sent, "tag", 3600),
                    _ => grant(bed, &sent),
                }
                self.hear(bed);
            }
        }
    }

    fn hear(&mut self, bed: &mut Bed) {
        for sent in bed.take_all() {
            if sent.at >= self.deaf_until {
                if !self.heard.contains_key(sent.branch()) {
                    self.heard.insert(sent.branch().to_owned(), false);
                    self.waiting += 1;
                }
                self.queue.push_back(sent);
            }
        }
        self.most = self.most.max(self.waiting);
    }
}

fn active(bed: &Bed) -> u64 {
    bed.statistic("subscriptions_active")
}

/// Ten thousand subscriptions taken up at once at a server that can take one in 2 ms: it is asked
/// no faster than it answers, and never more than the window.
#[test]
fn many_taken_up_at_a_slow_server() {
    let mut bed = windowed(4, 64);
    let all = 10_000;
    for n in 0..all {
        let record = record(&bed, n, 600);
        bed.input(Input::RestoreSubscription(record));
    }
    let mut server = Slow::new(2);
    while active(&bed) < all {
        let next = bed.now + 100;
        server.run_to(&mut bed, next);
        assert!(server.most <= 64, "{} at {} ms", server.most, bed.now);
        assert!(bed.statistic("window_under_way") <= 64);
        assert!(bed.now < 40_000, "{} of {all} at {} ms", active(&bed), bed.now);
    }
    assert!(server.most > 16 && server.most <= 64, "{}", server.most);
    assert!(bed.statistic("retransmissions") < 500);
    server.run_to(&mut bed, 42_000);
    assert_eq!(bed.statistic("window_under_way"), 0);
    assert_eq!(bed.statistic("paced"), 0);
}

/// A server that hears nothing for a while is sent a few, and all when it is back.
#[test]
fn many_taken_up_at_a_server_that_drops_everything_for_a_while() {
    let mut bed = windowed(4, 64);
    let all = 10_000;
    for n in 0..all {
        let record = record(&bed, n, 600);
        bed.input(Input::RestoreSubscription(record));
    }
    let mut server = Slow::new(1);
    server.deaf_until = 20_000;
    bed.run_to(20_000);
    let tried: BTreeSet<u64> = bed.take_all().iter().map(of).collect();
    assert!((64..200).contains(&tried.len()), "{}", tried.len());
    assert!(bed.statistic("window_smallest") <= 8);
    while active(&bed) < all {
        let next = bed.now + 100;
        server.run_to(&mut bed, next);
        // Those given up for lost are sent again with the others.
        assert!(server.most < 200, "{}", server.most);
        assert!(bed.statistic("window_under_way") <= 64);
        assert!(bed.now < 90_000, "{} of {all} at {} ms", active(&bed), bed.now);
    }
    server.run_to(&mut bed, 92_000);
    assert_eq!(bed.statistic("window_under_way"), 0);
}

/// One that never answers stops nobody for longer than it takes to give its requests up for lost,
/// and everything ends when it ends.
#[test]
fn a_silent_server_is_sent_less() {
    let mut bed = windowed(2, 64);
    for n in 0..500 {
        bed.command(watch(n));
    }
    assert_eq!(bed.take_all().len(), 64);
    bed.run_to(3_000);
    assert!(bed.take_all().iter().all(|sent| of(sent) < 64));
    assert_eq!(bed.statistic("window_smallest"), 32);
    bed.run_to(30_000);
    let more: BTreeSet<u64> = bed.take_all().iter().map(of).filter(|n| *n >= 64).collect();
    assert!((2..80).contains(&more.len()), "{}", more.len());
    assert!(bed.statistic("window_smallest") <= 4);
    // And 503 is a sign as well.
    let mut bed = windowed(2, 64);
    for n in 0..100 {
        bed.command(watch(n));
    }
    let first = bed.take();
    bed.respond(&first, 503, "");
    assert_eq!(bed.statistic("window_smallest"), 32);
}

/// What applications want of both kinds goes in the order in which it came, whatever it is.
#[test]
fn publications_and_subscriptions_take_turns() {
    let mut bed = windowed(1, 4);
    for n in 0..40 {
        if n % 2 == 0 {
            bed.command(watch(n));
        } else {
            bed.publish(&user(n), BODY, 600);
        }
    }
    let mut under_way: VecDeque<Sent> = bed.take_all().into();
    assert_eq!(under_way.iter().map(of).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(bed.statistic("window_waiting"), 36);
    let mut order = Vec::new();
    while let Some(first) = under_way.pop_front() {
        order.push(of(&first));
        match method(&first) {
            "PUBLISH" => bed.ok(&first, "t", 600),
            _ => grant(&mut bed, &first),
        }
        under_way.extend(bed.take_all());
        assert!(under_way.len() <= 4);
    }
    assert_eq!(order, (0..40).collect::<Vec<_>>());
    assert!(bed.agent.is_idle());
    assert_eq!(bed.statistic("window_under_way"), 0);
    assert_eq!(active(&bed), 20);
}

/// Publications and subscriptions of an earlier life at one slow server: neither waits for the end
/// of the other.
#[test]
fn neither_role_starves() {
    let mut bed = windowed(2, 8);
    bed.run_to(1_000);
    for n in 0..1000 {
        let subscription = record(&bed, n, 600);
        bed.input(Input::RestoreSubscription(subscription));
        bed.input(Input::Restore(PublicationRecord {
            key: n + 1,
            name: bed::name(&user(n)),
            document: bed::document(BODY),
            headers: "".into(),
            proxy: None,
            until: None,
            removing: false,
            revision: 1,
            document_revision: 1,
            on_stop: None,
            published_revision: 0,
            etag: None,
            expires_at: None,
            call_id: "".into(),
            cseq: 0,
            surplus: 0,
            setback: None,
        }));
    }
    let mut server = Slow::new(5);
    server.run_to(&mut bed, 7_000);
    let granted = bed.statistic("publish_initial");
    let (half, both) = (active(&bed), active(&bed) + granted);
    assert!(both > 800, "{half} {granted}");
    server.run_to(&mut bed, 16_000);
    assert_eq!((active(&bed), bed.statistic("window_under_way")), (1000, 0));
    assert_eq!(bed.statistic("responses_2xx"), 2000);
}

/// What is not wanted any more when there is room is not sent, and what waits for a refresh that
/// has become an end is ended.
#[test]
fn what_is_wanted_when_there_is_room_is_sent() {
    let mut bed = windowed(1, 1);
    bed.command(watch(1));
    let sent = bed.take();
    grant(&mut bed, &sent);
    bed.command(watch(0));
    let first = bed.take();
    // A refresh for the application, which changes its mind; and one that it never sees.
    let again = bed.command(watch(1));
    let gone = bed.command(unwatch(1));
    let dropped = bed.command(watch(2));
    let never = bed.command(unwatch(2));
    bed.command(watch(3));
    bed.command(watch(3));
    bed.nothing_sent();
    assert_eq!(bed.subscription_outcome(dropped).code, 487);
    assert_eq!(bed.subscription_outcome(never).code, 200);
    grant(&mut bed, &first);
    let end = bed.take();
    assert_eq!((of(&end), end.expires()), (1, 0));
    bed.nothing_sent();
    grant(&mut bed, &end);
    assert_eq!(bed.subscription_outcome(gone).code, 200);
    assert!(bed.reply(again).is_some());
    let last = bed.take();
    assert_eq!(of(&last), 3);
    grant(&mut bed, &last);
    bed.nothing_sent();
    assert_eq!((active(&bed), bed.statistic("window_waiting")), (2, 0));
}

/// A lifetime that is over, and a patience that is, end the wait for room.
#[test]
fn a_wait_for_room_has_an_end() {
    let mut bed = windowed(1, 1);
    bed.command(watch(0));
    let first = bed.take();
    let brief = |n| Subscribe {
        name: watched(n),
        timeout: Duration::from_millis(300),
        ..subscribe("presence", Lifetime::Seconds(2))
    };
    let watched = bed.command(Command::Subscribe(brief(1)));
    let fetched = bed.command(Command::Fetch(brief(2)));
    bed.run_to(301);
    assert_eq!(bed.subscription_outcome(watched).code, 408);
    assert_eq!(bed.subscription_outcome(fetched).code, 408);
    assert_eq!(bed.statistic("subscriptions"), 2);
    bed.run_to(2_001);
    assert_eq!(bed.statistic("subscriptions"), 1);
    bed.take_all();
    grant(&mut bed, &first);
    bed.nothing_sent();
    assert_eq!(bed.statistic("window_waiting"), 0);
}

/// What waits for a next hop that is not its own any more waits for the new one.
#[test]
fn a_wait_for_room_goes_along_to_another_next_hop() {
    let mut bed = windowed(1, 1);
    bed.command(watch(1));
    let sent = bed.take();
    grant(&mut bed, &sent);
    bed.command(watch(0));
    bed.take();
    // A first SUBSCRIBE: by a proxy of its own.
    bed.command(watch(2));
    bed.nothing_sent();
    let elsewhere = Subscribe {
        name: watched(2),
        proxy: Some(Proxy {
            uri: "sip:192.0.2.7:5080".into(),
        }),
        ..subscribe("presence", EVER)
    };
    bed.command(Command::Subscribe(elsewhere));
    let moved = bed.take();
    assert_eq!(
        (of(&moved), moved.hop.addr.to_string().as_str()),
        (2, "192.0.2.7:5080")
    );
    // A refresh: the notifier moves.
    bed.command(watch(1));
    bed.nothing_sent();
    let notify = Notify::new(&sent, "n1", 99, "active;expires=600").contact("<sip:n@192.0.2.8:5080>");
    assert_eq!(bed.notify(&notify), 200);
    let moved = bed.take();
    assert_eq!(
        (of(&moved), moved.hop.addr.to_string().as_str()),
        (1, "192.0.2.8:5080")
    );
    bed.nothing_sent();
}

/// A changed configuration loses nobody who waits.
#[test]
fn a_changed_configuration_loses_no_wait() {
    let mut bed = windowed(1, 1);
    for n in 0..3 {
        bed.command(watch(n));
    }
    let first = bed.take();
    let mut other = config();
    other.presence_server = Some(Proxy {
        uri: "sip:192.0.2.2:5080".into(),
    });
    other.pacing.window_floor = 1;
    other.pacing.window_ceiling = 1;
    bed.input(Input::Configure(other));
    let second = bed.take();
    assert_eq!(
        (of(&second), second.hop.addr.to_string().as_str()),
        (1, "192.0.2.2:5080")
    );
    bed.nothing_sent();
    grant(&mut bed, &second);
    let third = bed.take();
    assert_eq!(of(&third), 2);
    grant(&mut bed, &third);
    grant(&mut bed, &first);
    bed.nothing_sent();
    assert_eq!((active(&bed), bed.statistic("window_under_way")), (3, 0));
}
