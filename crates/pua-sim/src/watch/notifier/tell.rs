//! How the notifier sends NOTIFY, and what it makes of the answers (RFC 6665 §4.2.2).

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::Rng;

use super::{Flight, Notifier, Phase, Sent, T1, Usage, address};
use crate::seam::Parts;

impl Notifier {
    /// Sends the NOTIFY that is due for a subscription.
    pub(super) fn tell(&mut self, now: Instant, id: u64) -> Option<Sent> {
        let broken = self.chance(self.moods.broken);
        let bodyless = self.rng.random_bool(0.3);
        let serial = self.serial();
        let key = self.usages.get(&id)?.resource.clone();
        let state = self.resource(&key).clone();
        let usage = self.usages.get_mut(&id)?;
        let (_, full) = usage.due.take()?;
        usage.cseq += 1;
        let left = usage.expires_at.saturating_duration_since(now).as_secs();
        let expires = |word: &str| {
            if usage.tells_expires {
                format!("{word};expires={left}")
            } else {
                word.to_owned()
            }
        };
        let (substate, body) = match &usage.phase {
            Phase::Pending => (expires("pending"), false),
            Phase::Active => (expires("active"), true),
            // The last NOTIFY may come without a body; that of a fetch has it.
            Phase::Ending(state) => (state.clone(), usage.told.is_none() || !bodyless),
        };
        let body = body.then(|| {
            let before = usage
                .told
                .as_ref()
                .filter(|_| !full && self.policy.partial && state.kind.is_partial());
            usage.version += 1;
            state.document(before, usage.version)
        });
        let last = matches!(usage.phase, Phase::Ending(_));
        let mut headers = String::new();
        if self.policy.conditional && usage.phase == Phase::Active {
            let _ = write!(headers, "SIP-ETag: e{}\r\n", state.revision);
        }
        let body = body.map(|(content_type, body)| {
            if content_type.starts_with("multipart") {
                headers.push_str("Require: eventlist\r\n");
            }
            usage.lied = broken && !content_type.starts_with("text/plain");
            if usage.lied {
                headers = headers.replace("SIP-ETag", "X-SIP-ETag");
                (content_type, Bytes::from_static(b"<presence><tuple>"))
            } else {
                usage.told = Some(state);
                (content_type, body)
            }
        });
        let branch = format!("z9hG4bKn{serial}");
        let bytes = usage.notify(&branch, &substate, &headers, body);
        let from = address(usage.routes.first().copied().unwrap_or(usage.node));
        usage.in_flight = Some(branch.clone());
        self.flights.insert(
            branch,
            Flight {
                usage: id,
                from,
                bytes: bytes.clone(),
                sent_at: now,
                next_at: now + T1,
                interval: T1,
                last,
            },
        );
        Some(Sent {
            after: Duration::ZERO,
            from,
            bytes,
        })
    }

    /// A NOTIFY was answered.
    pub(super) fn notify_answered(&mut self, now: Instant, branch: &str, code: u16) {
        let Some(flight) = self.flights.remove(branch) else {
            return;
        };
        let Some(usage) = self.usages.get_mut(&flight.usage) else {
            return;
        };
        if usage.in_flight.as_deref() == Some(branch) {
            usage.in_flight = None;
        }
        if code < 300 {
            usage.confirmed = true;
        }
        // RFC 6665 §4.2.2, RFC 5057 §5.1
        if flight.last || matches!(code, 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604) {
            self.drop_usage(flight.usage);
            return;
        }
        if usage.due.is_none() && usage.phase == Phase::Pending && self.rng.random_bool(0.5) {
            usage.phase = Phase::Active;
            let after = Duration::from_millis(self.rng.random_range(0..20_000));
            usage.due = Some((now + after, true));
        }
    }
}

impl Usage {
    /// The bytes of a NOTIFY in this dialog.
    pub(super) fn notify(
        &self,
        branch: &str,
        substate: &str,
        headers: &str,
        body: Option<(&str, Bytes)>,
    ) -> Bytes {
        let mut text = format!("NOTIFY {} SIP/2.0\r\n", self.target);
        for (number, router) in self.routes.iter().chain([&self.node]).enumerate() {
            let suffix = if number == 0 {
                String::new()
            } else {
                format!("x{number}")
            };
            let _ = write!(
                text,
                "Via: SIP/2.0/UDP {};branch={branch}{suffix}\r\n",
                address(*router)
            );
        }
        for router in &self.routes {
            let _ = write!(text, "Record-Route: <sip:{};lr>\r\n", address(*router));
        }
        let _ = write!(
            text,
            "Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} NOTIFY\r\nEvent: {}\r\n\
             Subscription-State: {substate}\r\nContact: <sip:{}@{}>\r\n{headers}",
            self.from,
            self.to,
            self.call_id,
            self.cseq,
            self.event,
            self.tag,
            address(self.node),
        );
        match body {
            Some((content_type, body)) => {
                let _ = write!(
                    text,
                    "Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                let mut bytes = text.into_bytes();
                bytes.extend_from_slice(&body);
                bytes.into()
            }
            None => {
                text.push_str("Content-Length: 0\r\n\r\n");
                text.into()
            }
        }
    }
}

impl Notifier {
    /// A NOTIFY in a dialog, made wrong by `twist`, which tells the codes that it may be answered
    /// with, and whether it is taken. `None`: there is no such dialog, or another NOTIFY is due.
    pub(crate) fn insanity(
        &mut self,
        call_id: &str,
        tag: &str,
        twist: impl FnOnce(&mut Parts, u32) -> (Vec<u16>, bool),
    ) -> Option<(Bytes, Vec<u16>)> {
        let serial = self.serial();
        let usage = self
            .usages
            .values_mut()
            .find(|usage| usage.call_id == call_id && usage.tag == tag)?;
        if usage.phase != Phase::Active || usage.in_flight.is_some() {
            return None;
        }
        usage.cseq += 1;
        let bytes = usage.notify(&format!("z9hG4bKi{serial}"), "active", "", None);
        let mut parts = Parts::of(&bytes)?;
        let (codes, taken) = twist(&mut parts, usage.cseq);
        parts.set("Content-Length", &parts.body.len().to_string());
        if taken {
            usage.lied = true;
            // What was in order before is so no more.
            usage.told = None;
        } else {
            usage.cseq -= 1;
        }
        Some((parts.bytes(), codes))
    }
}
