//! Timelines of client transactions, by the sentences of RFC 3261 §17.1.2.

use super::*;
use crate::flow::Transport;

fn hop(transport: Transport) -> Hop {
    Hop {
        transport,
        addr: "127.0.0.1:5060".parse().unwrap(),
    }
}

fn request(hop: Hop) -> Transmit {
    Transmit {
        hop,
        local: None,
        connection: None,
        bytes: Bytes::from_static(b"request"),
    }
}

fn begin(transport: Transport) -> (Instant, ClientTransactions, Branch) {
    let base = Instant::now();
    let mut all = ClientTransactions::new(base, Timers::default(), 7, [1; 32]);
    let (key, branch) = all.reserve("PUBLISH");
    let sent = all.start(base, key, 42, request(hop(transport)));
    assert_eq!(&sent.bytes[..], b"request");
    (base, all, branch)
}

/// Runs to the end and tells what happened at which millisecond.
fn run(base: Instant, all: &mut ClientTransactions) -> Vec<(u128, &'static str)> {
    let mut seen = Vec::new();
    while let Some(at) = all.next_due() {
        while let Some(event) = all.poll(at) {
            let what = match event {
                Elapsed::Retransmit { transmit, .. } => {
                    assert_eq!(
                        &transmit.bytes[..],
                        b"request",
                        "a retransmission is byte-identical"
                    );
                    "E"
                }
                Elapsed::TimedOut { owner, .. } => {
                    assert_eq!(owner, 42);
                    "F"
                }
            };
            seen.push((at.duration_since(base).as_millis(), what));
        }
    }
    seen
}

/// R3261-070: E doubles to T2, eleven sends, F at 64·T1.
#[test]
fn r3261_070_datagram_retransmissions() {
    let (base, mut all, _) = begin(Transport::Udp);
    let expected: Vec<(u128, &str)> = [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]
        .into_iter()
        .map(|at| (at, "E"))
        .chain([(32000, "F")])
        .collect();
    assert_eq!(run(base, &mut all), expected);
    assert_eq!(all.pending(), 0);
}

/// R3261-071: after a 1xx each T2, F not restarted.
#[test]
fn r3261_071_after_a_provisional_each_t2() {
    let (base, mut all, branch) = begin(Transport::Udp);
    let at = base + Duration::from_millis(200);
    assert_eq!(
        all.receive(at, branch.as_str(), "PUBLISH", 100),
        Arrived::Provisional { owner: 42 }
    );
    let seen = run(base, &mut all);
    assert_eq!(seen.first(), Some(&(4200, "E")));
    assert!(
        seen.windows(2).all(|w| w[1].0 - w[0].0 == 4000 || w[1].1 == "F"),
        "{seen:?}"
    );
    assert_eq!(seen.last(), Some(&(32000, "F")));
}

/// R3261-072: a stream is not retransmitted on; F is the same.
#[test]
fn r3261_072_stream_sends_once() {
    let (base, mut all, _) = begin(Transport::Tcp);
    assert_eq!(run(base, &mut all), [(32000, "F")]);
}

/// R3261-073: K = T4 absorbs repeated finals on datagrams; then nothing is left.
#[test]
fn r3261_073_repeated_finals_are_absorbed() {
    let (base, mut all, branch) = begin(Transport::Udp);
    let at = |ms| base + Duration::from_millis(ms);
    let hop = hop(Transport::Udp);
    assert_eq!(
        all.receive(at(100), branch.as_str(), "PUBLISH", 200),
        Arrived::Final { owner: 42, hop }
    );
    assert_eq!(
        all.receive(at(4100), branch.as_str(), "PUBLISH", 200),
        Arrived::Absorbed
    );
    assert_eq!(run(base, &mut all), []);
    assert_eq!(
        all.receive(at(5200), branch.as_str(), "PUBLISH", 200),
        Arrived::Stray
    );
    assert!(all.entries.is_empty());
}

/// R3261-073: on a stream K is 0.
#[test]
fn r3261_073_stream_forgets_at_once() {
    let (base, mut all, branch) = begin(Transport::Tcp);
    all.receive(base, branch.as_str(), "PUBLISH", 200);
    assert!(all.entries.is_empty());
}

/// R3261-052: top Via branch and CSeq method decide, nothing else.
#[test]
fn r3261_052_matching() {
    let (base, mut all, branch) = begin(Transport::Udp);
    assert_eq!(
        all.receive(base, branch.as_str(), "SUBSCRIBE", 200),
        Arrived::Stray
    );
    assert_eq!(all.receive(base, "z9hG4bK", "PUBLISH", 200), Arrived::Stray);
    assert_eq!(
        all.receive(base, &branch.as_str().to_uppercase(), "PUBLISH", 200),
        Arrived::Stray
    );
    let mut other = branch.as_str().to_owned();
    other.pop();
    other.push(if branch.as_str().ends_with('0') { '1' } else { '0' });
    assert_eq!(all.receive(base, &other, "PUBLISH", 200), Arrived::Stray);
    assert_eq!(
        all.receive(base, branch.as_str(), "PUBLISH", 404),
        Arrived::Final {
            owner: 42,
            hop: hop(Transport::Udp)
        }
    );
}

/// R3261-075: a final response after F is dropped.
#[test]
fn r3261_075_final_after_timer_f() {
    let (base, mut all, branch) = begin(Transport::Udp);
    run(base, &mut all);
    assert_eq!(
        all.receive(base + Duration::from_secs(33), branch.as_str(), "PUBLISH", 200),
        Arrived::Stray
    );
}

/// R3261-074: a transport error ends what waits for that hop, at once, and nothing else.
#[test]
fn r3261_074_transport_error() {
    let (base, mut all, _) = begin(Transport::Udp);
    let (key, _) = all.reserve("PUBLISH");
    all.start(base, key, 43, request(hop(Transport::Tcp)));
    assert_eq!(all.fail(hop(Transport::Udp), None), [42]);
    assert_eq!(all.pending(), 1);
    assert_eq!(all.fail(hop(Transport::Udp), None), Vec::<u64>::new());
}

/// R3261-034: branches are unique and begin with the cookie; they tell the engine.
#[test]
fn r3261_034_branches_are_unique() {
    let mut all = ClientTransactions::new(Instant::now(), Timers::default(), 0xab, [9; 32]);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100_000 {
        let (key, branch) = all.reserve("PUBLISH");
        assert!(branch.as_str().starts_with("z9hG4bK"));
        assert_eq!(Branch::slot_of(branch.as_str()), Some(0xab));
        assert!(seen.insert(branch.as_str().to_owned()));
        all.abandon(key);
    }
}
