//! What a next hop remembers of its addresses.

use super::health::DOWN_AFTER;
use super::*;
use crate::bucket::Gate;
use crate::owner::{Role, Ticket};
use crate::paced::Lane;

fn ip(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn next_hop(now: Instant, addresses: &[u8]) -> NextHop {
    let destination = Destination {
        host: "server.example".into(),
        port: 5060,
        transport: Transport::Udp,
    };
    let mut hop = NextHop::new(
        now,
        destination,
        None,
        &Pacing {
            rate: 10,
            burst: 2,
            ..Pacing::default()
        },
    );
    assert!(matches!(hop.select(now, &[]), Selection::Ask));
    hop.asked(now);
    assert!(matches!(hop.select(now, &[]), Selection::Wait));
    let ips = addresses.iter().map(|last| ip(*last)).collect();
    let unknown = hop.resolved(now, Ok((ips, Some(Duration::from_secs(300)))), |_| {
        Some(Some(ip(200)))
    });
    assert!(unknown.is_empty());
    hop
}

fn selected(hop: &mut NextHop, now: Instant, tried: &[IpAddr]) -> Option<IpAddr> {
    match hop.select(now, tried) {
        Selection::Send { hop, .. } => Some(hop.addr.ip()),
        _ => None,
    }
}

/// R3903-74: keep to the server that answers; R3263-08: a dead one is passed over for a while.
#[test]
fn r3263_08_dead_addresses_are_passed_over() {
    let now = Instant::now();
    let mut hop = next_hop(now, &[1, 2]);
    assert_eq!(selected(&mut hop, now, &[]), Some(ip(1)));
    assert_eq!(selected(&mut hop, now, &[]), Some(ip(1)));
    hop.dead(now, ip(1));
    assert_eq!(selected(&mut hop, now, &[ip(1)]), Some(ip(2)));
    assert_eq!(
        selected(&mut hop, now + DEAD_FOR, &[]),
        Some(ip(2)),
        "no way back while the second answers"
    );
    assert_eq!(selected(&mut hop, now, &[ip(1), ip(2)]), None);
}

/// When all are dead the one that has been so for the longest is tried.
#[test]
fn all_dead_tries_the_oldest() {
    let now = Instant::now();
    let mut hop = next_hop(now, &[1, 2]);
    hop.dead(now, ip(2));
    hop.dead(now + Duration::from_secs(1), ip(1));
    assert_eq!(selected(&mut hop, now + Duration::from_secs(2), &[]), Some(ip(2)));
}

/// R3903-55: a server that said 503 with Retry-After is not sent to until then.
#[test]
fn r3903_55_blocked_until_retry_after() {
    let now = Instant::now();
    let mut hop = next_hop(now, &[1]);
    hop.block(ip(1), now + Duration::from_secs(20));
    let at = now + Duration::from_secs(19);
    assert!(
        matches!(hop.select(at, &[]), Selection::Blocked { until } if until == now + Duration::from_secs(20))
    );
    assert_eq!(
        selected(&mut hop, now + Duration::from_secs(20), &[]),
        Some(ip(1))
    );
}

/// R3263-12: asked for again after its time to live; while there is no answer, or a bad one, the
/// known addresses are used, and the one in use stays in use.
#[test]
fn r3263_12_time_to_live() {
    let now = Instant::now();
    let mut hop = next_hop(now, &[1, 2]);
    hop.dead(now, ip(1));
    assert_eq!(selected(&mut hop, now, &[ip(1)]), Some(ip(2)));
    let later = now + Duration::from_secs(301);
    assert_eq!(
        selected(&mut hop, later, &[ip(2)]),
        Some(ip(1)),
        "not asked in mid-exchange"
    );
    assert_eq!(selected(&mut hop, now, &[ip(1)]), Some(ip(2)));
    assert!(matches!(hop.select(later, &[]), Selection::Ask));
    hop.asked(later);
    assert_eq!(selected(&mut hop, later, &[]), Some(ip(2)));
    hop.resolved(later, Err(ResolveError::Unavailable), |_| Some(Some(ip(200))));
    assert_eq!(selected(&mut hop, later, &[]), Some(ip(2)));
    assert!(matches!(hop.select(later + STALE_FOR, &[]), Selection::Ask));
    let answer = Ok((vec![ip(3), ip(2)], Some(Duration::from_secs(300))));
    hop.resolved(later, answer, |_| Some(Some(ip(200))));
    assert_eq!(selected(&mut hop, later, &[]), Some(ip(2)));
    assert_eq!(selected(&mut hop, later, &[ip(2)]), Some(ip(3)));
}

#[test]
fn the_routing_table_is_asked_for_unknown_sources() {
    let now = Instant::now();
    let destination = Destination {
        host: "192.0.2.1".into(),
        port: 5060,
        transport: Transport::Udp,
    };
    let mut hop = NextHop::new(now, destination, None, &Pacing::default());
    hop.asked(now);
    assert_eq!(
        hop.resolved(now, Ok((vec![ip(1), ip(2)], None)), |_| None),
        [ip(1), ip(2)]
    );
    hop.sourced(ip(1), None);
    assert!(!hop.is_resolved());
    hop.sourced(ip(2), Some(ip(9)));
    assert_eq!(
        selected(&mut hop, now, &[]),
        Some(ip(2)),
        "an address without a route is no use"
    );
}

/// R3903-75: what goes out by itself keeps to the rate.
#[test]
fn r3903_75_paced() {
    let now = Instant::now();
    let mut hop = next_hop(now, &[1]);
    let mut sent = Vec::new();
    let mut at = now;
    while sent.len() < 6 {
        match hop.gate(at, Lane::Missing) {
            Gate::Open => sent.push(at.duration_since(now).as_millis()),
            Gate::ClosedUntil(later) => at = later,
            Gate::Full => panic!("nothing is under way"),
        }
    }
    assert_eq!(sent, [0, 0, 100, 200, 300, 400]);
}

/// R7339-03: repeated failures: only one request at a time looks whether it is up again.
#[test]
fn r7339_03_a_server_that_is_down_is_only_probed() {
    let now = Instant::now();
    let mut hop = next_hop(now, &[1]);
    for _ in 0..DOWN_AFTER {
        hop.failed(now, 1.0, None);
    }
    assert_eq!(
        hop.gate(now, Lane::Missing),
        Gate::ClosedUntil(now + Duration::from_secs(4))
    );
    let at = now + Duration::from_secs(4);
    assert_eq!(hop.gate(at, Lane::Missing), Gate::Open);
    assert_ne!(hop.gate(at, Lane::Missing), Gate::Open);
    assert!(hop.answered(ip(1)));
    assert_eq!(hop.gate(at, Lane::Missing), Gate::Open);
    assert!(!hop.answered(ip(1)));
}

/// A run of 412s is a server that has lost its state; one sweep is enough.
#[test]
fn a_run_of_412s_means_lost_state_once() {
    let now = Instant::now();
    let mut hop = next_hop(now, &[1]);
    assert_eq!([(); 5].map(|()| hop.forgot()), [false, false, true, false, false]);
    hop.remembered();
    assert_eq!([(); 3].map(|()| hop.forgot()), [false, false, true]);
}

fn ticket(index: u32) -> Ticket {
    Ticket {
        role: Role::Publisher,
        index,
        key: index,
    }
}

/// Lets what waits go as far as it may, each answered at once; when each of a lane went, in
/// milliseconds.
fn run(hop: &mut NextHop, from: Instant, until: Instant) -> [Vec<u64>; 2] {
    let mut sent = [Vec::new(), Vec::new()];
    let mut at = from;
    while at < until {
        let Some((lane, _)) = hop.next_paced(at) else {
            break;
        };
        match hop.gate(at, lane) {
            Gate::Open => {
                hop.paced.pop_front(lane);
                let ms = at.duration_since(from).as_millis() as u64;
                sent[usize::from(lane == Lane::Missing)].push(ms);
            }
            Gate::ClosedUntil(later) => {
                assert!(later > at, "no turn in vain");
                at = later;
            }
            Gate::Full => panic!("nothing is under way"),
        }
    }
    sent
}

fn most_in(sent: &[u64], span: u64) -> usize {
    let within = |from: u64| sent.iter().filter(|at| (from..from + span).contains(at)).count();
    sent.iter().map(|from| within(*from)).max().unwrap_or(0)
}

/// R3903-75: what the paced rate would bring too late goes at the rate that it needs, from the
/// beginning, and not in a burst before it ends.
#[test]
fn r3903_75_what_ends_goes_in_time_and_evenly() {
    let now = Instant::now();
    let mut hop = next_hop(now, &[1]);
    // Four times what the rate of 10 allows until ten seconds before the end.
    for index in 0..800 {
        hop.paced
            .push(now, Lane::Ending, now + Duration::from_secs(30), ticket(index));
    }
    let [sent, _] = run(&mut hop, now, now + Duration::from_secs(30));
    assert_eq!(sent.len(), 800);
    assert!(sent[780] <= 20_000, "{} ms", sent[780]);
    assert!(sent[799] <= 22_000, "{} ms", sent[799]);
    assert!(most_in(&sent, 1000) <= 46, "{} in a second", most_in(&sent, 1000));
    // Those after it make up for it, up to a second of them.
    let after = now + Duration::from_millis(sent[799]);
    hop.paced.push(after, Lane::Missing, after, ticket(0));
    assert!(matches!(hop.gate(after, Lane::Missing), Gate::ClosedUntil(at) if at > after));
    let [_, sent] = run(&mut hop, after, after + Duration::from_secs(5));
    assert!((300..=1100).contains(&sent[0]), "{sent:?}");
}

/// Where the rate is enough nothing goes faster than it.
#[test]
fn r3903_75_what_has_time_keeps_to_the_rate() {
    let now = Instant::now();
    let mut hop = next_hop(now, &[1]);
    for index in 0..180 {
        hop.paced
            .push(now, Lane::Ending, now + Duration::from_secs(30), ticket(index));
    }
    let [sent, _] = run(&mut hop, now, now + Duration::from_secs(30));
    assert_eq!(sent.len(), 180);
    assert!(most_in(&sent[2..], 1000) <= 10, "{sent:?}");
}

/// What is missing and what ends wait at the same time: the one gets what the other does not
/// need, and a quarter of the rate at the least.
#[test]
fn r3903_75_what_ends_and_what_is_missing_share_the_rate() {
    for (ending, rest) in [(80, 60), (400, 25)] {
        let now = Instant::now();
        let mut hop = next_hop(now, &[1]);
        for index in 0..1000 {
            hop.paced.push(now, Lane::Missing, now, ticket(index));
        }
        for index in 0..ending {
            hop.paced
                .push(now, Lane::Ending, now + Duration::from_secs(30), ticket(index));
        }
        let [kept, filled] = run(&mut hop, now, now + Duration::from_secs(20));
        assert!(kept.len() >= ending as usize - 5, "{} of {ending}", kept.len());
        let filled = filled.iter().filter(|at| (5000..15_000).contains(*at)).count();
        assert!(
            filled.abs_diff(rest) <= 3,
            "{filled} of what is missing in ten seconds"
        );
    }
}

/// Nothing goes beyond the window, whatever ends, nor before what an application asked for.
#[test]
fn what_is_about_to_be_lost_is_held_back_by_the_window() {
    let now = Instant::now();
    let mut hop = next_hop(now, &[1]);
    for index in 0..100 {
        hop.paced
            .push(now, Lane::Ending, now + Duration::from_secs(1), ticket(index));
    }
    while hop.window.has_room() {
        hop.window.enter();
    }
    assert_eq!(hop.gate(now, Lane::Ending), Gate::Full);
    hop.window.leave();
    assert_eq!(hop.gate(now, Lane::Ending), Gate::Open);
    hop.ready.push_back(crate::owner::Ready::Presentity(0));
    assert_eq!(hop.gate(now, Lane::Ending), Gate::Full);
}
