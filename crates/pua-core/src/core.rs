//! What publications and subscriptions share: transactions, next hops, identifiers, counters,
//! and the queue of outputs.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use sip_transaction::{ClientTransactions, Transport};

use crate::config::Config;
use crate::counters::Counters;
use crate::division::Held;
use crate::failure::cleaned_reason;
use crate::next_hop::Selection;
use crate::next_hops::NextHops;
use crate::output::Output;
use crate::random::Random;
use crate::record::Change;

/// How many of our own names in Via are remembered.
const SENT_BY: usize = 32;

pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) random: Random,
    pub(crate) clients: ClientTransactions,
    pub(crate) hops: NextHops,
    pub(crate) counters: Counters,
    pub(crate) outputs: VecDeque<Output>,
    /// Our names in Via, by transport and source address.
    sent_by: Vec<(Transport, IpAddr, Arc<str>)>,
    /// Those before the configuration changed: responses to them are still for us.
    former_sent_by: Vec<Arc<str>>,
    /// A buffer for headers that are written before the message.
    pub(crate) rows: Vec<u8>,
    /// The reason phrase of the last success: the next one has the same.
    reason: Arc<str>,
    /// What other engines hold.
    pub(crate) elsewhere: Held,
}

/// Whether two sent-by are the same: names without regard to case, IPv6 addresses by their value
/// (RFC 5954 §4.1).
fn is_same_place(one: &str, other: &str) -> bool {
    let literal = |text: &str| {
        let (address, port) = text.strip_prefix('[')?.split_once(']')?;
        Some((address.parse::<Ipv6Addr>().ok()?, port.to_owned()))
    };
    match (literal(one), literal(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.eq_ignore_ascii_case(other),
    }
}

impl Core {
    pub(crate) fn new(now: Instant, config: Config, seed: [u8; 32]) -> Self {
        let engine = config.share.engine;
        let mut random = Random::new(seed, engine);
        let clients = ClientTransactions::new(now, config.timers, engine, random.seed());
        Core {
            config,
            random,
            clients,
            hops: NextHops::new(now),
            counters: Counters::default(),
            outputs: VecDeque::new(),
            sent_by: Vec::new(),
            former_sent_by: Vec::new(),
            rows: Vec::new(),
            reason: Arc::default(),
            elsewhere: Held::default(),
        }
    }

    /// Applies a changed configuration; requests under way go on.
    pub(crate) fn configure(&mut self, now: Instant, config: Config) {
        self.clients.set_timers(config.timers);
        self.hops.configure(now, &config.pacing);
        // Requests of before the one before may be under way as well.
        for (_, _, text) in self.sent_by.drain(..) {
            self.former_sent_by.retain(|former| *former != text);
            self.former_sent_by.push(text);
        }
        let surplus = self.former_sent_by.len().saturating_sub(SENT_BY);
        self.former_sent_by.drain(..surplus);
        self.config = config;
    }

    /// The reason phrase of a success as it may be shown.
    pub(crate) fn reason(&mut self, code: u16, reason: &[u8]) -> Arc<str> {
        if reason.is_empty() || self.reason.as_bytes() != reason {
            self.reason = cleaned_reason(code, reason);
        }
        self.reason.clone()
    }

    /// A change that outlives the daemon, if anything does.
    pub(crate) fn persist(&mut self, change: Change) {
        if self.config.durable {
            self.outputs.push_back(Output::Persist(change));
        }
    }

    /// The Call-ID of the requests of the publication with this key.
    pub(crate) fn call_id_of(&mut self, key: u64) -> Arc<str> {
        Arc::from(self.random.identity(key).call_id())
    }

    /// `host:port` for the Via of a request that leaves by `transport` from `source`
    /// (RFC 3261 §18.1.1): where we listen, so that a response without the connection finds us.
    pub(crate) fn sent_by(&mut self, transport: Transport, source: IpAddr) -> Arc<str> {
        if let Some((_, _, text)) = self
            .sent_by
            .iter()
            .find(|(t, ip, _)| *t == transport && *ip == source)
        {
            return text.clone();
        }
        let text: Arc<str> = match &self.config.advertise {
            Some(advertise) => advertise.clone(),
            None => {
                let fits = |addr: &std::net::SocketAddr| addr.is_ipv4() == source.is_ipv4();
                let mut listeners = self.config.listen.iter().filter(|(_, addr)| fits(addr));
                let port = listeners
                    .clone()
                    .find(|(listener, _)| *listener == transport)
                    .or_else(|| listeners.next())
                    .map_or(5060, |(_, addr)| addr.port());
                Arc::from(std::net::SocketAddr::new(source, port).to_string())
            }
        };
        if self.sent_by.len() >= SENT_BY {
            self.sent_by.remove(0);
        }
        self.sent_by.push((transport, source, text.clone()));
        text
    }

    /// Whether a response with this sent-by in its top Via is for us (RFC 3261 §18.1.2).
    pub(crate) fn is_our_name(&self, sent_by: &str) -> bool {
        let ours = self
            .sent_by
            .iter()
            .map(|(_, _, text)| text)
            .chain(&self.former_sent_by);
        // Most copy it as it was written.
        ours.into_iter()
            .any(|text| **text == *sent_by || is_same_place(text, sent_by))
    }

    /// Chooses the address of a next hop; asks for addresses if they are not known. `owner` is
    /// woken when they are.
    pub(crate) fn select(&mut self, now: Instant, index: u32, tried: &[IpAddr], owner: u64) -> Selection {
        for _ in 0..2 {
            let Some(hop) = self.hops.get(index) else {
                return Selection::None {
                    why: "the next hop is gone",
                };
            };
            match hop.select(now, tried) {
                Selection::Ask => {
                    let outputs = &mut self.outputs;
                    self.hops
                        .ask(now, index, &self.config, &mut |output| outputs.push_back(output));
                }
                Selection::Wait => {
                    if !hop.waiting.contains(&owner) {
                        hop.waiting.push(owner);
                    }
                    return Selection::Wait;
                }
                selection => return selection,
            }
        }
        if let Some(hop) = self.hops.get(index)
            && !hop.waiting.contains(&owner)
        {
            hop.waiting.push(owner);
        }
        Selection::Wait
    }
}
