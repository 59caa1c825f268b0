//! What a next hop remembers of its addresses.

use super::health::DOWN_AFTER;
use super::*;
use crate::bucket::Gate;

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
        match hop.gate(at, at) {
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
        hop.failed(now, 1.0);
    }
    assert_eq!(
        hop.gate(now, now),
        Gate::ClosedUntil(now + Duration::from_secs(4))
    );
    let at = now + Duration::from_secs(4);
    assert_eq!(hop.gate(at, at), Gate::Open);
    assert_ne!(hop.gate(at, at), Gate::Open);
    assert!(hop.answered(ip(1)));
    assert_eq!(hop.gate(at, at), Gate::Open);
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

/// What the server would lose before its turn goes whatever the rate, and those after it make up
/// for it; nothing goes beyond the window.
#[test]
fn what_is_about_to_be_lost_is_held_back_by_the_window_alone() {
    let now = Instant::now();
    let mut hop = next_hop(now, &[1]);
    let soon = now + Duration::from_secs(5);
    while hop.gate(now, now) == Gate::Open {}
    for _ in 0..10 {
        assert_eq!(hop.gate(now, soon), Gate::Open);
    }
    let Gate::ClosedUntil(at) = hop.gate(now, now) else {
        panic!("the rate is overdrawn");
    };
    assert!(at > now + Duration::from_millis(10), "{:?}", at - now);
    while hop.window.has_room() {
        hop.window.enter();
    }
    assert_eq!(hop.gate(now, soon), Gate::Full);
    hop.window.leave();
    assert_eq!(hop.gate(now, soon), Gate::Open);
    hop.ready.push_back(0);
    assert_eq!(
        hop.gate(now, soon),
        Gate::Full,
        "an application's request goes first"
    );
}
