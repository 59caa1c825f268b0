//! How the notifier answers SUBSCRIBE (RFC 6665 §4.2.1).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::Rng;
use sip_digest::{Ha1, SignedRequest, Verdict};
use sip_transaction::{Flow, response};
use sip_wire::{DeltaSeconds, HeaderName, Limits, Message, NameAddr, Uri};

use super::{Notifier, Phase, Sent, Usage, address};

type Rows = Vec<(&'static str, String)>;

fn plain(code: u16, message: &Message<'_>, flow: &Flow, tag: &str, rows: &[(&'static str, String)]) -> Bytes {
    let mut out = Vec::with_capacity(512);
    let reason = sip_wire::reason_phrase(code);
    let mut printer = response(&mut out, code, reason, message, flow, Some(tag));
    for (name, value) in rows {
        printer.raw_header(name, value);
    }
    printer.body(None, b"");
    out.into()
}

impl Notifier {
    /// Takes a message in that reached one of the site's addresses.
    pub(crate) fn receive(&mut self, now: Instant, flow: &Flow, bytes: &[u8]) -> Vec<Sent> {
        let Ok(message) = Message::parse_datagram(bytes, &Limits::stream()) else {
            return Vec::new();
        };
        let Ok(essentials) = message.essentials() else {
            return Vec::new();
        };
        let branch = essentials.top_via.branch.unwrap_or_default().to_owned();
        if let Some(status) = message.status() {
            if status.code >= 200 {
                self.notify_answered(now, &branch, status.code);
            }
            return Vec::new();
        }
        let from = flow.local;
        if let Some((_, answer)) = self.answered.get(&branch) {
            return answer
                .clone()
                .map(|(from, bytes)| Sent {
                    after: Duration::ZERO,
                    from,
                    bytes,
                })
                .into_iter()
                .collect();
        }
        let silent = self.chance(self.moods.silent);
        let answer = if silent && self.rng.random() {
            None
        } else {
            let (after, bytes) = self.subscribe(now, flow, &message);
            (!silent).then_some((after, bytes))
        };
        let known = answer.as_ref().map(|(_, bytes)| (from, bytes.clone()));
        self.answered.insert(branch, (now, known));
        answer
            .map(|(after, bytes)| Sent { after, from, bytes })
            .into_iter()
            .collect()
    }

    fn subscribe(&mut self, now: Instant, flow: &Flow, message: &Message<'_>) -> (Duration, Bytes) {
        let refuse = |code: u16, rows: &[(&'static str, String)]| {
            (Duration::ZERO, plain(code, message, flow, "srv", rows))
        };
        if message
            .request()
            .is_none_or(|line| line.method != sip_wire::Method::Subscribe)
        {
            return refuse(405, &[]);
        }
        let Ok(essentials) = message.essentials() else {
            return refuse(400, &[]);
        };
        let retry_after = |notifier: &mut Notifier| -> Rows {
            vec![("Retry-After", notifier.rng.random_range(1..60u32).to_string())]
        };
        if self.chance(self.moods.unavailable) {
            let rows = if self.rng.random() {
                retry_after(self)
            } else {
                Vec::new()
            };
            return refuse(503, &rows);
        }
        if let Some(rows) = self.authenticate(now, message) {
            return refuse(401, &rows);
        }
        for (chance, codes) in [
            (self.moods.later, &[500, 480, 486, 408, 504][..]),
            (self.moods.not_found, &[404]),
            (self.moods.refuses, &[403, 489, 603]),
        ] {
            if self.chance(chance) {
                let code = codes[self.rng.random_range(0..codes.len())];
                let rows = if code != 403 && code != 489 && code != 603 && self.rng.random_bool(0.3) {
                    retry_after(self)
                } else {
                    Vec::new()
                };
                return refuse(code, &rows);
            }
        }
        let headers = &message.headers;
        let asked = headers
            .get(HeaderName::Expires)
            .and_then(DeltaSeconds::parse)
            .map_or(3600, DeltaSeconds::seconds);
        if asked > 0 && asked < self.policy.min {
            return refuse(423, &[("Min-Expires", self.policy.min.to_string())]);
        }
        let mut granted = asked.min(self.policy.max);
        if granted > 1 && self.chance(self.moods.shortens) {
            granted = self.rng.random_range(1..=granted);
        }
        match essentials.to_tag {
            Some(tag) => {
                let tag = tag.to_owned();
                self.refresh(now, flow, message, &tag, (asked, granted))
            }
            None => self.first(now, flow, message, (asked, granted)),
        }
    }

    /// Expires of a 2xx, and what is really granted.
    fn expires_row(&mut self, granted: u32, asked: u32) -> Rows {
        if granted == asked && self.chance(self.moods.bad_expires) {
            return if self.rng.random() {
                Vec::new()
            } else {
                vec![("Expires", (granted * 2).to_string())]
            };
        }
        vec![("Expires", granted.to_string())]
    }

    fn first(
        &mut self,
        now: Instant,
        flow: &Flow,
        message: &Message<'_>,
        (asked, granted): (u32, u32),
    ) -> (Duration, Bytes) {
        let headers = &message.headers;
        let line = message.request().map(|line| line.uri).unwrap_or_default();
        let event = headers
            .text(HeaderName::Event)
            .map(|event| event.into_owned())
            .unwrap_or_default();
        let package = event.split(';').next().unwrap_or_default().to_owned();
        let resource = (Uri::parse(line).map(|uri| uri.key()).unwrap_or_default(), package);
        let nodes = self.rng.random_range(1..=self.policy.forks.max(1));
        let early = self.chance(self.moods.early);
        let late = self.chance(self.moods.late);
        let pending = granted > 0 && self.chance(self.moods.pending);
        let mut tags = Vec::new();
        for node in 0..nodes {
            let delay = match (early, late) {
                (true, _) => Duration::ZERO,
                (false, true) => Duration::from_millis(self.rng.random_range(0..20_000)),
                _ => Duration::from_millis(self.rng.random_range(0..200)),
            };
            let mute = self.chance(self.moods.mute);
            let tag = format!("n{}", self.serial());
            tags.push(tag.clone());
            let text = |name| {
                headers
                    .text(name)
                    .map(|text| text.into_owned())
                    .unwrap_or_default()
            };
            let contact = headers
                .get(HeaderName::Contact)
                .and_then(|row| NameAddr::parse(row).ok());
            let Ok(essentials) = message.essentials() else {
                continue;
            };
            let usage = Usage {
                resource: resource.clone(),
                call_id: essentials.call_id.to_owned(),
                watcher_tag: essentials.from_tag.unwrap_or_default().to_owned(),
                from: format!("{};tag={tag}", text(HeaderName::To)),
                to: text(HeaderName::From),
                tag,
                event: event.clone(),
                target: contact.map(|contact| contact.uri.to_owned()).unwrap_or_default(),
                node: 10 + node,
                routes: (0..self.policy.proxies).map(|proxy| 20 + proxy).collect(),
                cseq: self.rng.random_range(0..1000),
                remote_cseq: essentials.cseq.number,
                expires_at: now + Duration::from_secs(u64::from(granted)),
                phase: match (granted, pending) {
                    (0, _) => Phase::Ending("terminated;reason=timeout".to_owned()),
                    (_, true) => Phase::Pending,
                    _ => Phase::Active,
                },
                version: self.rng.random_range(0..3),
                told: None,
                due: (!mute).then_some((now + delay, true)),
                in_flight: None,
                confirmed: false,
                lied: false,
                tells_expires: self.rng.random_bool(0.8),
            };
            // The first NOTIFY of a fetch that is muted never comes.
            if !(mute && granted == 0) {
                let id = self.serial();
                self.usages.insert(id, usage);
            }
        }
        let mut rows = self.expires_row(granted, asked);
        // What a 2xx says of the dialog is of no account (§4.4.1): its routes and its target are
        // not those of the NOTIFY.
        rows.push(("Contact", "<sip:wrong@10.0.0.99>".to_owned()));
        rows.push((
            "Record-Route",
            "<sip:10.0.0.98;lr>, <sip:10.0.0.97;lr>".to_owned(),
        ));
        let tag = match (self.rng.random_bool(0.2), tags.first()) {
            (false, Some(tag)) => tag.clone(),
            _ => "other".to_owned(),
        };
        let code = if self.rng.random_bool(0.2) { 202 } else { 200 };
        let delay = if early {
            Duration::from_millis(self.rng.random_range(100..6000))
        } else {
            Duration::ZERO
        };
        (delay, plain(code, message, flow, &tag, &rows))
    }

    fn refresh(
        &mut self,
        now: Instant,
        flow: &Flow,
        message: &Message<'_>,
        tag: &str,
        (asked, granted): (u32, u32),
    ) -> (Duration, Bytes) {
        let answer =
            |code, rows: &[(&'static str, String)]| (Duration::ZERO, plain(code, message, flow, tag, rows));
        let Ok(essentials) = message.essentials() else {
            return answer(400, &[]);
        };
        let found = self.find(essentials.call_id, essentials.from_tag.unwrap_or_default(), tag);
        if self.chance(self.moods.forgets)
            && let Some(id) = found
        {
            self.drop_usage(id);
            return answer(481, &[]);
        }
        let moved = self.chance(self.moods.moves);
        let mute = self.chance(self.moods.mute);
        let late = self.chance(self.moods.late);
        let delay = Duration::from_millis(self.rng.random_range(0..if late { 20_000 } else { 200 }));
        let row = self.expires_row(granted, asked);
        let suppress = message.headers.named("Suppress-If-Match").map(<[u8]>::to_vec);
        let conditional = self.policy.conditional;
        let Some(usage) = found.and_then(|id| self.usages.get_mut(&id)) else {
            return answer(481, &[]);
        };
        if matches!(usage.phase, Phase::Ending(_)) {
            return answer(481, &[]);
        }
        let cseq = essentials.cseq.number;
        if cseq <= usage.remote_cseq {
            return answer(500, &[]);
        }
        usage.remote_cseq = cseq;
        usage.expires_at = now + Duration::from_secs(u64::from(granted));
        let etag = self
            .resources
            .get(&usage.resource)
            .map(|resource| format!("e{}", resource.revision));
        let told = usage.told.as_ref().map(|told| format!("e{}", told.revision));
        let unchanged = conditional
            && usage.due.is_none()
            && usage.in_flight.is_none()
            && usage.phase == Phase::Active
            && !usage.lied
            && told == etag
            && suppress.is_some_and(|suppress| etag.is_some_and(|etag| suppress == etag.as_bytes()));
        let mut rows = row;
        if unchanged {
            if granted == 0
                && let Some(id) = found
            {
                self.drop_usage(id);
            }
            return answer(204, &rows);
        }
        if granted == 0 {
            usage.phase = Phase::Ending("terminated;reason=timeout".to_owned());
        }
        if moved {
            usage.node = 10 + (usage.node + 1) % 10;
        }
        if !mute {
            usage.due = Some((now + delay, true));
        } else if granted == 0
            && let Some(id) = found
        {
            self.drop_usage(id);
            return answer(200, &rows);
        }
        let contact: SocketAddr = address(usage.node);
        rows.push(("Contact", format!("<sip:{}@{contact}>", usage.tag)));
        rows.push(("Record-Route", "<sip:10.0.0.96;lr>".to_owned()));
        answer(200, &rows)
    }

    pub(super) fn drop_usage(&mut self, id: u64) {
        self.usages.remove(&id);
        self.flights.retain(|_, flight| flight.usage != id);
    }

    /// The challenge, unless the credentials are right.
    fn authenticate(&mut self, now: Instant, message: &Message<'_>) -> Option<Rows> {
        let challenger = self.challenger.as_mut()?;
        let line = message.request()?;
        let signed = SignedRequest {
            method: line.method.as_str(),
            uri: line.uri,
            body: message.body,
        };
        let verdict = challenger.verify(
            now,
            message.headers.all(HeaderName::Authorization),
            &signed,
            |name, algorithm| {
                (name == "alice").then(|| Ha1::new(algorithm.hash(), name, "example.com", "secret"))
            },
        );
        if matches!(verdict, Verdict::Accepted(_)) {
            return None;
        }
        Some(
            challenger
                .challenges(now, verdict == Verdict::Stale)
                .into_iter()
                .map(|row| ("WWW-Authenticate", String::from_utf8_lossy(&row).into_owned()))
                .collect(),
        )
    }
}
