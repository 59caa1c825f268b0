//! How many requests are on their way to one server at once, and who waits.

mod bed;
use bed::*;
use pua_core::*;

fn windowed(floor: u32, ceiling: u32) -> Bed {
    let pacing = Pacing {
        window_floor: floor,
        window_ceiling: ceiling,
        ..Pacing::default()
    };
    Bed::with(Config { pacing, ..config() })
}

fn user(n: u64) -> String {
    format!("sip:u{n}@example.com")
}

fn of(sent: &Sent) -> u64 {
    let user = sent.start().split(['u', '@']).nth(1).unwrap_or_default();
    user.parse().unwrap()
}

/// What applications ask beyond the window waits in the order in which it came, and each answer
/// lets the next go.
#[test]
fn beyond_the_window_applications_wait_in_order() {
    let mut bed = windowed(1, 4);
    for n in 0..10 {
        bed.publish(&user(n), BODY, 600);
    }
    let mut sent = bed.take_all();
    assert_eq!(sent.iter().map(of).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(bed.statistic("window_waiting"), 6);
    let mut order = Vec::new();
    while let Some(first) = sent.first().cloned() {
        order.push(of(&first));
        sent.remove(0);
        bed.ok(&first, "t", 600);
        sent.extend(bed.take_all());
        assert!(sent.len() <= 4);
    }
    assert_eq!(order, (0..10).collect::<Vec<_>>());
    assert!(bed.agent.is_idle());
    assert_eq!(bed.statistic("window_under_way"), 0);
}

/// Who waits longer than he wanted to is told so, and the request still goes when there is room.
#[test]
fn a_wait_for_room_ends_with_the_time_out() {
    let mut bed = windowed(1, 1);
    bed.publish(&user(0), BODY, 600);
    let first = bed.take();
    let mut hurried = publish(&user(1), BODY, 600);
    hurried.timeout = std::time::Duration::from_millis(300);
    let id = bed.command(Command::Publish(hurried));
    bed.run_to(299);
    assert!(bed.reply(id).is_none());
    bed.run_to(301);
    assert_eq!(bed.outcome(id).code, 408);
    bed.nothing_sent();
    bed.ok(&first, "t", 600);
    assert_eq!(of(&bed.take()), 1);
}

/// What is changed or withdrawn while it waits for room goes out as it is wanted then.
#[test]
fn the_latest_state_goes_out_when_there_is_room() {
    let mut bed = windowed(1, 1);
    bed.publish(&user(0), BODY, 600);
    let first = bed.take();
    let old = bed.publish(&user(1), "<old/>", 600);
    let new = bed.publish(&user(1), "<new/>", 600);
    bed.publish(&user(2), BODY, 600);
    let gone = bed.remove(&user(2));
    bed.nothing_sent();
    bed.ok(&first, "t", 600);
    let sent = bed.take();
    assert_eq!(sent.body(), "<new/>");
    bed.ok(&sent, "t", 600);
    assert!(bed.reply(old).is_some() && bed.reply(new).is_some() && bed.reply(gone).is_some());
    bed.nothing_sent();
    assert!(!bed.holds(&user(2)) && bed.agent.is_idle());
}

/// A server that answers nothing is sent less, not more: a retransmission halves the window, and
/// those that are never answered stop nobody for longer than it takes to give them up for lost.
#[test]
fn a_silent_server_is_sent_less() {
    let mut bed = windowed(2, 64);
    for n in 0..500 {
        bed.publish(&user(n), BODY, 6000);
    }
    assert_eq!(bed.take_all().len(), 64);
    bed.run_to(3_000);
    let fresh = |bed: &mut Bed| {
        let mut new = std::collections::BTreeSet::new();
        new.extend(bed.take_all().iter().map(of));
        new
    };
    assert!(
        fresh(&mut bed).iter().all(|n| *n < 64),
        "nothing but what is under way"
    );
    assert_eq!(
        bed.statistic("window_smallest"),
        32,
        "halved once for all of them"
    );
    bed.run_to(30_000);
    let more = fresh(&mut bed).iter().filter(|n| **n >= 64).count();
    assert!((2..80).contains(&more), "{more} more in half a minute");
    assert!(bed.statistic("window_smallest") <= 4);
}

/// 503 halves it as well; the server is then sent no more than it can take.
#[test]
fn a_503_is_a_sign() {
    let mut bed = windowed(2, 64);
    for n in 0..200 {
        bed.publish(&user(n), BODY, 6000);
    }
    let first = bed.take();
    bed.respond(&first, 503, "");
    assert_eq!(bed.statistic("window_smallest"), 32);
}

/// What we send by ourselves waits for room too, behind what applications want.
#[test]
fn our_own_requests_come_after() {
    let mut bed = windowed(1, 1);
    bed.run_to(60_000);
    for n in 0..3 {
        bed.input(Input::Restore(PublicationRecord {
            key: n + 1,
            name: name(&user(n)),
            document: document(BODY),
            headers: "".into(),
            proxy: None,
            until: None,
            removing: false,
            revision: 1,
            document_revision: 1,
            on_stop: None,
            published_revision: 1,
            etag: Some("stored".into()),
            expires_at: Some(bed.at(60_000)),
            call_id: "".into(),
            cseq: 1,
            surplus: 0,
            setback: None,
        }));
    }
    bed.run_to(60_100);
    let first = bed.take();
    assert_eq!(of(&first), 0);
    bed.nothing_sent();
    bed.publish(&user(7), BODY, 600);
    bed.nothing_sent();
    let mut order = Vec::new();
    let mut next = first;
    for _ in 0..3 {
        bed.ok(&next, "t", 600);
        next = bed.take();
        order.push(of(&next));
    }
    assert_eq!(order, [7, 1, 2], "the application first");
}
