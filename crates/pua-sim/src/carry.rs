//! What goes between the core and the servers, and on its way past the first oracle.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use pua_core::{Change, Hop, Input, Output, Query, Transmit, Transport, Unreachable};
use rand::Rng;
use sip_transaction::Flow;

use crate::violation::Violation;
use crate::wire::Operation;
use crate::world::{CORE, Event, World};

impl World {
    /// One turn of the loop: an input, and all that comes of it.
    pub(crate) fn turn(&mut self, input: Input<'_>) -> Result<(), Violation> {
        let Some(core) = &mut self.core else { return Ok(()) };
        core.handle_input(self.now, input);
        self.drain()
    }

    pub(crate) fn drain(&mut self) -> Result<(), Violation> {
        let Some(core) = &mut self.core else { return Ok(()) };
        let mut outputs = Vec::new();
        while let Some(output) = core.poll_output() {
            outputs.push(output);
        }
        let outputs = self.seam.leaving(outputs);
        let persists = outputs.iter().any(|output| matches!(output, Output::Persist(_)));
        let killed = self.kill.take_if(|_| persists);
        for output in outputs {
            match output {
                Output::Transmit(transmit) => self.core_sent(transmit)?,
                Output::Resolve(query) => {
                    let at = self.now + self.weather.delay(&mut self.rng) * 3;
                    let event = match query {
                        Query::Addresses { host } => Event::Resolved(self.epoch, host),
                        Query::Source { towards } => Event::Source(self.epoch, towards),
                    };
                    self.queue.push(at, event);
                }
                Output::Persist(_) | Output::Reply(..) | Output::Event(_) if killed.is_some() => {}
                Output::Persist(change) => self.persist(change),
                Output::Reply(id, reply) => {
                    self.note(|| format!("reply {id:?} {reply:?}"));
                    self.wishes.replied(self.now, id, &reply, &self.wire)?;
                }
                Output::Event(event) => self.note(|| format!("event {event:?}")),
            }
        }
        if let Some(span) = killed {
            self.die(span);
        }
        Ok(())
    }

    fn persist(&mut self, change: Change) {
        if let Change::Delete { key } = &change
            && let Some(record) = self.store.records().find(|record| record.key == *key)
            && let Some(index) = self.wishes.index(&record.name)
        {
            self.wire.ended(index);
        }
        self.store.apply(change);
    }

    fn core_sent(&mut self, transmit: Transmit) -> Result<(), Violation> {
        let hop = transmit.hop;
        let index = self.hosts.iter().position(|host| host.addr == hop.addr);
        let connection = (hop.transport == Transport::Tcp).then(|| match self.streams.to(hop.addr) {
            Some(open) => open,
            None => self.streams.connect(hop.addr),
        });
        self.note(|| {
            let text = String::from_utf8_lossy(&transmit.bytes);
            let head = text
                .split("\r\n\r\n")
                .next()
                .unwrap_or_default()
                .replace("\r\n", " | ");
            format!("core -> {hop} {head}")
        });
        if let Some(sent) = self.wire.sent(self.now, hop, connection, &transmit.bytes)? {
            self.wishes.sent(self.now, &sent, &self.wire)?;
            if let (Some(revision), Some(wish)) = (sent.revision, self.wishes.wishes.get(&sent.publication))
                && revision == wish.revision
                && !transmit.bytes.ends_with(&wish.document.body)
            {
                return Err(Violation::message("the document was changed on its way"));
            }
        }
        let Some(index) = index else {
            return Err(Violation::message(format!("sent to {hop}, which is nobody")));
        };
        let delay = self.weather.delay(&mut self.rng);
        let cut = self.hosts[index].cut_until.is_some_and(|until| until > self.now);
        match connection {
            None => {
                if cut || self.rng.random_bool(self.weather.loss) {
                    return Ok(());
                }
                let flow = Flow {
                    transport: Transport::Udp,
                    local: hop.addr,
                    remote: CORE,
                    connection: 0,
                };
                if self.rng.random_bool(self.weather.duplication) {
                    let delay = self.weather.delay(&mut self.rng) * 2;
                    let event = Event::ToServer(index, flow, transmit.bytes.clone());
                    self.queue.push(self.now + delay, event);
                }
                self.queue
                    .push(self.now + delay, Event::ToServer(index, flow, transmit.bytes));
            }
            Some(connection) => {
                let refused = self.life.no_tcp || !self.hosts[index].up;
                if refused || cut {
                    let (why, after) = if refused {
                        (Unreachable::Refused, delay)
                    } else {
                        (Unreachable::ConnectTimeout, Duration::from_secs(8))
                    };
                    let event = Event::Unreachable(self.epoch, hop, Some(connection), why);
                    self.queue.push(self.now + after, event);
                    return Ok(());
                }
                let flow = Flow {
                    transport: Transport::Tcp,
                    local: hop.addr,
                    remote: SocketAddr::new(CORE.ip(), 40_000 + (connection % 20_000) as u16),
                    connection,
                };
                let at = self.streams.arrival(connection, true, self.now + delay);
                self.queue.push(at, Event::ToServer(index, flow, transmit.bytes));
            }
        }
        Ok(())
    }

    pub(crate) fn core_gets(&mut self, flow: Flow, bytes: Bytes) -> Result<(), Violation> {
        if self.core.is_none() || self.wire.deadline(&bytes) == Some(self.now) {
            // Just when timer F fires either may come first: then it is lost.
            return Ok(());
        }
        self.note(|| {
            let text = String::from_utf8_lossy(&bytes);
            let row = |name: &str| {
                text.split("\r\n")
                    .find(|row| row.starts_with(name))
                    .unwrap_or_default()
                    .to_owned()
            };
            let rows = ["CSeq", "SIP-ETag", "Expires", "Retry-After", "Min-Expires"]
                .map(row)
                .join(" | ");
            format!(
                "{} -> core {} {rows}",
                flow.remote,
                text.lines().next().unwrap_or_default()
            )
        });
        let epoch = self.epoch;
        let arrived = self.wire.arrived(self.now, &bytes);
        let bytes = self.seam.arriving(bytes);
        self.turn(Input::Received {
            flow: &flow,
            bytes: &bytes,
        })?;
        // What a final response says is durable when its turn is over.
        if let Some(arrived) = arrived
            && epoch == self.epoch
            && ((200..300).contains(&arrived.code) || arrived.code == 412)
            && arrived.operation != Operation::Remove
            && let Some(record) = self.store.named(&self.life.names[arrived.publication])
        {
            let tag = self
                .wire
                .chains
                .get(&arrived.publication)
                .and_then(|chain| chain.tag.as_deref());
            if record.etag.as_deref() != tag {
                return Err(Violation::equality(format!(
                    "the store has the entity-tag {:?} of publication {}, the server gave {tag:?}",
                    record.etag, arrived.publication
                )));
            }
        }
        Ok(())
    }

    pub(crate) fn server_gets(&mut self, index: usize, flow: Flow, bytes: Bytes) {
        let now = self.now;
        if !self.hosts[index].up {
            if flow.transport == Transport::Udp && self.rng.random() {
                let hop = Hop {
                    transport: flow.transport,
                    addr: flow.local,
                };
                let at = now + self.weather.delay(&mut self.rng);
                let event = Event::Unreachable(self.epoch, hop, None, Unreachable::Refused);
                self.queue.push(at, event);
            }
            return;
        }
        self.touched = true;
        let sent = self.hosts[index].server.receive(now, &flow, &bytes);
        self.server_sent(index, sent);
    }

    pub(crate) fn server_sent(&mut self, index: usize, sent: Vec<(Duration, Transmit)>) {
        let remote = self.hosts[index].addr;
        for (after, transmit) in sent {
            let cut = self.hosts[index].cut_until.is_some_and(|until| until > self.now);
            let delay = after + self.weather.delay(&mut self.rng);
            if transmit.hop.transport == Transport::Udp {
                let lost = cut || transmit.hop.addr != CORE || self.rng.random_bool(self.weather.loss);
                let flow = Flow {
                    transport: Transport::Udp,
                    local: CORE,
                    remote,
                    connection: 0,
                };
                if lost {
                    continue;
                }
                if self.rng.random_bool(self.weather.duplication) {
                    let delay = self.weather.delay(&mut self.rng) * 2;
                    let event = Event::ToCore(flow, transmit.bytes.clone());
                    self.queue.push(self.now + delay, event);
                }
                self.queue
                    .push(self.now + delay, Event::ToCore(flow, transmit.bytes));
                continue;
            }
            if cut {
                continue;
            }
            let connection = match transmit
                .connection
                .filter(|connection| self.streams.is_open(*connection))
            {
                Some(open) => open,
                None => {
                    // The connection is gone: a new one to where the Via says (RFC 3261 §18.2.2).
                    self.inbound += 1;
                    self.inbound
                }
            };
            let flow = Flow {
                transport: Transport::Tcp,
                local: CORE,
                remote,
                connection,
            };
            let at = self.streams.arrival(connection, false, self.now + delay);
            self.queue.push(at, Event::ToCore(flow, transmit.bytes));
        }
    }
}
