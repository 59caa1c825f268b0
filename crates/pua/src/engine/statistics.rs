//! The daemon's statistics in OpenSIPS' `group:name` form: `pua:` of the user agent, `mi:` of the
//! management interface, `sip:` of the transports, `events:` of the stream of
//! events, `webhooks:`, `sinks:` and `event_sockets:` of its carriers, `store:` of the store, `core:`
//! of the process.

use std::time::Instant;

use super::daemon::Daemon;
use crate::holdings::Holdings as _;
use crate::mi::Group;

/// What the engine counts by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) fifo: u64,
    pub(super) datagram: u64,
    pub(super) http: u64,
    pub(super) stream: u64,
    pub(super) calls: u64,
    pub(super) answered: u64,
    /// Calls that wait for the user agent.
    pub(super) waiting: u64,
}

/// All counters and gauges.
pub(super) fn all(daemon: &mut Daemon, now: Instant) -> Vec<Group> {
    let held = daemon.holdings();
    let (statistics, (sent, dropped)) = (held.statistics(), held.udp());
    let mut all: Vec<Group> = statistics
        .into_iter()
        .map(|statistic| Group {
            group: "pua",
            name: statistic.name,
            value: statistic.value,
            counter: statistic.counter,
        })
        .collect();
    let mut put = |group, name, value: u64, counter| {
        all.push(Group {
            group,
            name,
            value,
            counter,
        });
    };
    let counts = daemon.counts;
    put("mi", "requests_fifo", counts.fifo, true);
    put("mi", "requests_datagram", counts.datagram, true);
    put("mi", "requests_http", counts.http, true);
    put("mi", "requests_stream", counts.stream, true);
    put("mi", "calls", counts.calls, true);
    put("mi", "answers", counts.answered, true);
    let (mut answers_dropped, mut waiting) = (0, 0);
    if let Some(replies) = &daemon.replies {
        answers_dropped += replies.dropped;
        waiting += replies.len();
    }
    if let Some(datagrams) = &daemon.datagrams {
        answers_dropped += datagrams.dropped;
        waiting += datagrams.waiting();
    }
    put("mi", "answers_dropped", answers_dropped, true);
    put("mi", "answers_waiting", waiting as u64, false);
    put("mi", "calls_waiting", counts.waiting, false);
    let sip = daemon.sip.counters();
    put("sip", "received_udp", sip.received_udp, true);
    put("sip", "sent_udp", sip.sent_udp + sent, true);
    put("sip", "dropped_udp", sip.dropped_udp + dropped, true);
    put("sip", "received_tcp", sip.received_tcp, true);
    put("sip", "sent_tcp", sip.sent_tcp, true);
    put("sip", "connections_opened", sip.connections_opened, true);
    put("sip", "connections_refused", sip.connections_refused, true);
    put("sip", "connections", sip.connections, false);
    let events = daemon.events.inlet.figures();
    put("events", "emitted", events.emitted, true);
    put("events", "delivered", events.delivered, true);
    put("events", "gaps", events.gaps, true);
    put("events", "consumers", events.consumers, false);
    put("events", "ring", events.held, false);
    put("events", "ring_bytes", events.held_bytes, false);
    for (group, figures) in daemon.events.carriers.figures() {
        for (name, value) in figures {
            put(group, name, value, true);
        }
    }
    for (name, value, counter) in daemon.store.figures() {
        put("store", name, value, counter);
    }
    put("core", "uptime", daemon.admin.uptime(now), false);
    put("core", "pid", u64::from(std::process::id()), false);
    all
}
