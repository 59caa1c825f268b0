//! What the answers to SUBSCRIBE mean (RFC 6665 §4.1.2).

use std::time::{Duration, Instant};

use sip_wire::{DeltaSeconds, HeaderName, Limits, Message, NameAddr, RetryAfter};

use super::{Account, End};

/// RFC 6665 §4.1.2.2
fn ends_dialog(code: u16) -> bool {
    matches!(code, 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604)
}

impl Account {
    /// Takes note of a response that reaches the core now.
    pub(crate) fn arrived(&mut self, now: Instant, bytes: &[u8]) {
        let Ok(message) = Message::parse_datagram(bytes, &Limits::stream()) else {
            return;
        };
        let Some(code) = message.status().map(|status| status.code) else {
            return;
        };
        let Some(branch) = message
            .essentials()
            .ok()
            .and_then(|essentials| essentials.top_via.branch.map(str::to_owned))
        else {
            return;
        };
        let Some(flight) = self.flights.get_mut(&branch) else {
            return;
        };
        if code < 200 || flight.end(now).is_some() {
            return;
        }
        flight.end = Some(End::Final(code));
        let headers = &message.headers;
        let number = |name| {
            headers
                .get(name)
                .and_then(DeltaSeconds::parse)
                .map(DeltaSeconds::seconds)
        };
        let retry_after = headers
            .get(HeaderName::RetryAfter)
            .and_then(RetryAfter::parse)
            .map(|after| now + Duration::from_secs(after.seconds.into()));
        if code == 503
            && let Some(until) = retry_after
        {
            self.quiet_at.insert(flight.hop.addr, until);
        }
        if code == 423 {
            self.least = self.least.max(number(HeaderName::MinExpires).unwrap_or(0));
        }
        let granted = number(HeaderName::Expires)
            .unwrap_or(flight.asked)
            .min(flight.asked);
        let granted_until = flight.sent_at + Duration::from_secs(u64::from(granted));
        let (asked, call_id, tag) = (flight.asked, flight.call_id.clone(), flight.dialog.clone());
        let Some(set) = self.sets.get_mut(&call_id).filter(|set| !set.dead) else {
            return;
        };
        let Some(tag) = tag else {
            match code {
                200..=299 => {
                    set.granted_until = granted_until;
                    for dialog in set.dialogs.values_mut() {
                        dialog.until = dialog.until.min(granted_until);
                    }
                }
                401 | 407 | 423 | 503 | 300..=399 => {}
                _ => {
                    set.closed = true;
                    for dialog in set.dialogs.values_mut() {
                        dialog.over = true;
                    }
                    if self.latest.get(&set.watch) == Some(&call_id) {
                        if matches!(code, 403 | 489 | 603) {
                            self.stopped.insert(set.watch, format!("{code}"));
                        } else if let Some(until) = retry_after {
                            self.quiet.insert(set.watch, until);
                        }
                    }
                }
            }
            return;
        };
        let Some(dialog) = set.dialogs.get_mut(&tag) else {
            return;
        };
        match code {
            200..=299 => {
                if let Some(contact) = headers
                    .get(HeaderName::Contact)
                    .and_then(|row| NameAddr::parse(row).ok())
                {
                    dialog.target = contact.uri.to_owned();
                }
                dialog.until = dialog
                    .told_until
                    .map_or(granted_until, |told| told.min(granted_until));
                if code == 204 {
                    dialog.notified = true;
                    dialog.over |= asked == 0;
                }
            }
            401 | 407 | 423 => {}
            _ if asked == 0 || ends_dialog(code) => dialog.over = true,
            _ => {
                // It stands until its end (R6665-52).
                dialog.notified = true;
                dialog.quiet_until = retry_after;
            }
        }
    }
}
