//! What goes between the core and the notifier, and on its way past the first oracle.

use std::net::SocketAddr;

use bytes::Bytes;
use pua_core::{Hop, Input, Output, Query, Transmit, Transport};
use rand::Rng;
use sip_transaction::Flow;
use sip_wire::{Limits, Message};

use super::account::Incoming;
use super::notifier::{Sent, is_site};
use super::world::{CORE, Event, World};
use crate::violation::Violation;

/// The lines of a message that tell most.
fn brief(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let names = [
        "CSeq",
        "To",
        "Event",
        "Subscription-State",
        "Expires",
        "Contact",
        "Retry-After",
        "Min-Expires",
        "SIP-ETag",
        "Suppress-If-Match",
        "Route",
        "Call-ID",
    ];
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let rows: Vec<&str> = lines
        .take_while(|row| !row.is_empty())
        .filter(|row| names.iter().any(|name| row.starts_with(&format!("{name}:"))))
        .collect();
    let body = text.split("\r\n\r\n").nth(1).unwrap_or_default();
    let body: String = body.chars().take(400).collect();
    format!("{first} | {} | {body}", rows.join(" | "))
}

fn branch_of(bytes: &[u8]) -> Option<String> {
    let message = Message::parse_datagram(bytes, &Limits::stream()).ok()?;
    Some(message.essentials().ok()?.top_via.branch?.to_owned())
}

impl World {
    /// One turn of the loop: an input, and all that comes of it.
    pub(crate) fn turn(&mut self, input: Input<'_>) -> Result<(), Violation> {
        let Some(core) = &mut self.core else { return Ok(()) };
        core.handle_input(self.now, input);
        let outputs = self.drain();
        self.perform(outputs)
    }

    pub(crate) fn drain(&mut self) -> Vec<Output> {
        let Some(core) = &mut self.core else {
            return Vec::new();
        };
        let mut outputs = Vec::new();
        while let Some(output) = core.poll_output() {
            outputs.push(output);
        }
        self.seam.leaving(outputs)
    }

    pub(crate) fn perform(&mut self, outputs: Vec<Output>) -> Result<(), Violation> {
        let persists = outputs.iter().any(|output| matches!(output, Output::Persist(_)));
        let killed = self.kill.take_if(|_| persists);
        for output in outputs {
            match output {
                Output::Transmit(transmit) => self.core_sent(transmit)?,
                Output::Resolve(query) => {
                    let at = self.now + self.weather.delay(&mut self.rng) * 3;
                    if let Query::Addresses { host } = query {
                        self.queue.push(at, Event::Resolved(self.epoch, host));
                    }
                }
                Output::Persist(_) | Output::Reply(..) | Output::Event(_) if killed.is_some() => {}
                Output::Persist(change) => {
                    self.store.apply(change);
                }
                Output::Reply(id, reply) => {
                    self.note(|| format!("reply {id:?} {reply:?}"));
                    self.wishes.replied(self.now, id, &reply)?;
                }
                Output::Event(event) => {
                    self.note(|| format!("event {event:?}"));
                    if let Some(watch) = self.wishes.event(&event)? {
                        self.account.ended(watch);
                    }
                }
            }
        }
        if let Some(span) = killed {
            return self.die(span, false);
        }
        Ok(())
    }

    fn core_sent(&mut self, transmit: Transmit) -> Result<(), Violation> {
        let hop = transmit.hop;
        self.note(|| format!("core -> {hop} {}", brief(&transmit.bytes)));
        let (response, publish) = (
            transmit.bytes.starts_with(b"SIP/2.0"),
            transmit.bytes.starts_with(b"PUBLISH"),
        );
        if !response && !publish {
            self.account.sent(self.now, hop, &transmit.bytes, &self.wishes)?;
        }
        if !is_site(hop.addr) || hop.transport != Transport::Udp {
            if response {
                // To a stranger.
                return Ok(());
            }
            return Err(Violation::message(format!("sent to {hop}, which is nobody")));
        }
        let cut = self.cut_until.is_some_and(|until| until > self.now);
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
            let event = Event::ToSite(flow, transmit.bytes.clone());
            self.queue.push(self.now + delay, event);
        }
        let delay = self.weather.delay(&mut self.rng);
        self.queue
            .push(self.now + delay, Event::ToSite(flow, transmit.bytes));
        Ok(())
    }

    pub(crate) fn site_gets(&mut self, flow: Flow, bytes: Bytes) {
        if !self.up {
            if self.rng.random() {
                let hop = Hop {
                    transport: Transport::Udp,
                    addr: flow.local,
                };
                let at = self.now + self.weather.delay(&mut self.rng);
                self.queue.push(at, Event::Unreachable(self.epoch, hop));
            }
            return;
        }
        let sent = self.site.receive(self.now, &flow, &bytes);
        self.site_sent(sent);
    }

    pub(crate) fn site_sent(&mut self, sent: Vec<Sent>) {
        for sent in sent {
            let at = self.now + sent.after + self.weather.delay(&mut self.rng);
            let cut = self.cut_until.is_some_and(|until| until > self.now);
            if cut || self.rng.random_bool(self.weather.loss) {
                continue;
            }
            let flow = from(sent.from);
            if self.rng.random_bool(self.weather.duplication) {
                let at = at + self.weather.delay(&mut self.rng);
                self.queue.push(at, Event::ToCore(flow, sent.bytes.clone()));
            }
            self.queue.push(at, Event::ToCore(flow, sent.bytes));
        }
    }

    pub(crate) fn core_gets(&mut self, flow: &Flow, bytes: Bytes) -> Result<(), Violation> {
        let branch = branch_of(&bytes);
        let timing_out = branch.as_ref().and_then(|branch| self.account.deadline(branch)) == Some(self.now);
        if self.core.is_none() || timing_out {
            // Just when timer F fires either may come first: then it is lost.
            return Ok(());
        }
        self.note(|| format!("{} -> core {}", flow.remote, brief(&bytes)));
        let bytes = self.seam.arriving(bytes);
        if bytes.starts_with(b"SIP/2.0") {
            self.account.arrived(self.now, &bytes);
            let bytes = self.seam.misread(bytes);
            return self.turn(Input::Received { flow, bytes: &bytes });
        }
        self.notify(flow, &bytes, None)
    }

    /// A NOTIFY reaches the core. `codes`: what it must be answered with, when that is known from
    /// elsewhere.
    pub(crate) fn notify(
        &mut self,
        flow: &Flow,
        bytes: &Bytes,
        codes: Option<&[u16]>,
    ) -> Result<(), Violation> {
        let bad = |what: String| Violation::message(format!("{what}:\n{}", String::from_utf8_lossy(bytes)));
        let Some(notify) = Incoming::read(bytes) else {
            return self.turn(Input::Received { flow, bytes });
        };
        let before = self.account.answer_before(self.now, &notify.branch).cloned();
        let allowed = match codes {
            Some(codes) => codes.to_vec(),
            None => self.account.codes(self.now, &notify, &self.wishes),
        };
        let Some(core) = &mut self.core else { return Ok(()) };
        let misread = self.seam.misread(bytes.clone());
        let input = Input::Received {
            flow,
            bytes: &misread,
        };
        core.handle_input(self.now, input);
        let outputs = self.drain();
        let answers: Vec<Bytes> = outputs
            .iter()
            .filter_map(|output| match output {
                Output::Transmit(transmit) if transmit.bytes.starts_with(b"SIP/2.0") => {
                    Some(transmit.bytes.clone())
                }
                _ => None,
            })
            .collect();
        // R6665-72, R6665-76.
        let [answer] = answers.as_slice() else {
            return Err(bad(format!("{} answers to a NOTIFY", answers.len())));
        };
        match before {
            Some(before) if before != *answer => {
                return Err(bad("another answer to a repeated NOTIFY".to_owned()));
            }
            Some(_) => {}
            None => {
                let code: u16 = std::str::from_utf8(&answer[8..11])
                    .ok()
                    .and_then(|code| code.parse().ok())
                    .unwrap_or(0);
                if !allowed.contains(&code) {
                    return Err(bad(format!("a NOTIFY is answered {code}, not {allowed:?}")));
                }
                let (branch, answer) = (branch_of(answer), answer.clone());
                if branch.as_ref() != Some(&notify.branch) {
                    return Err(bad("an answer to something else".to_owned()));
                }
                // A stranger's does not say that a dialog is over.
                let strange = codes.is_some() && code != 200;
                self.account
                    .answered(self.now, &notify, (!strange).then_some(code), answer);
                if self.heard.len() < 100 && codes.is_none() {
                    self.heard.push(bytes.clone());
                }
            }
        }
        self.perform(outputs)
    }
}

pub(crate) fn from(remote: SocketAddr) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: CORE,
        remote,
        connection: 0,
    }
}
