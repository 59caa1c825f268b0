//! Which answers a NOTIFY may get, and what it makes (RFC 6665 §4.1.3, §4.4.1).

use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_wire::{HeaderName, Limits, Message, NameAddr, SubscriptionState, SubscriptionStateValue};

use super::{Account, Dialog, End, TIMER};
use crate::watch::wishes::Wishes;

/// A NOTIFY on its way into the core.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) branch: String,
    call_id: String,
    to_tag: String,
    from_tag: String,
    cseq: u32,
    target: Option<String>,
    routes: Vec<String>,
    etag: Option<String>,
    ends: bool,
    reason: Option<String>,
    expires: Option<u32>,
    retry_after: Option<u32>,
    /// Of a document with versions, and whether it is partial.
    version: Option<(u32, bool)>,
}

/// The version of a document that has one, and whether it tells only a part.
fn version(body: &[u8]) -> Option<(u32, bool)> {
    let text = std::str::from_utf8(body).ok()?;
    let root = text
        .split('<')
        .find(|tag| tag.starts_with("dialog-info ") || tag.starts_with("list "))?;
    let number = root.split(" version=\"").nth(1)?.split('"').next()?;
    let partial = root.contains("\"partial\"") || root.contains("fullState=\"false\"");
    Some((number.parse().ok()?, partial))
}

impl Incoming {
    /// `None`: it is no NOTIFY that could be taken.
    pub(crate) fn read(bytes: &[u8]) -> Option<Incoming> {
        let message = Message::parse_datagram(bytes, &Limits::default()).ok()?;
        message.request()?;
        let essentials = message.essentials().ok()?;
        let headers = &message.headers;
        let state = headers
            .get(HeaderName::SubscriptionState)
            .and_then(|row| SubscriptionState::parse(row).ok());
        Some(Incoming {
            branch: essentials.top_via.branch?.to_owned(),
            call_id: essentials.call_id.to_owned(),
            to_tag: essentials.to_tag.unwrap_or_default().to_owned(),
            from_tag: essentials.from_tag.unwrap_or_default().to_owned(),
            cseq: essentials.cseq.number,
            target: headers
                .get(HeaderName::Contact)
                .and_then(|row| NameAddr::parse(row).ok())
                .map(|contact| contact.uri.to_owned()),
            routes: headers
                .list(HeaderName::RecordRoute)
                .map(|row| String::from_utf8_lossy(row).into_owned())
                .collect(),
            etag: headers.text(HeaderName::SipETag).map(|tag| tag.into_owned()),
            ends: state
                .as_ref()
                .is_some_and(|state| state.state == SubscriptionStateValue::Terminated),
            reason: state
                .as_ref()
                .and_then(|state| state.reason)
                .map(|reason| reason.as_str().to_ascii_lowercase()),
            expires: state.as_ref().and_then(|state| state.expires),
            retry_after: state.as_ref().and_then(|state| state.retry_after),
            version: version(message.body),
        })
    }
}

impl Account {
    /// The answer that was given to this very request before.
    pub(crate) fn answer_before(&self, now: Instant, branch: &str) -> Option<&Bytes> {
        self.answers
            .get(branch)
            .filter(|(at, _)| *at + TIMER > now)
            .map(|(_, bytes)| bytes)
    }

    /// The codes that the answer may have, if the request is well-formed.
    pub(crate) fn codes(&self, now: Instant, notify: &Incoming, wishes: &Wishes) -> Vec<u16> {
        let Some(set) = self
            .sets
            .get(&notify.call_id)
            .filter(|set| set.from_tag == notify.to_tag && !set.dead)
        else {
            return vec![481];
        };
        if !set.fetch && self.latest.get(&set.watch) != Some(&notify.call_id) {
            return vec![481];
        }
        let wanted = match set.fetch {
            true => {
                let sets = self
                    .sets
                    .values()
                    .filter(|other| other.fetch && other.watch == set.watch)
                    .count();
                wishes.fetching(set.watch) == 1 && sets == 1
            }
            false => wishes.wants(set.watch, now),
        };
        let flight = self.flights.get(&set.branch);
        if set.gathers && !set.dialogs.is_empty() && now <= set.sent_at + TIMER {
            // Until shortly after the final response, or until whoever asked has waited enough.
            let open = flight.is_some_and(|flight| flight.end(now).is_none());
            return match set.dialogs.get(&notify.from_tag) {
                Some(dialog) if notify.cseq <= dialog.remote_cseq => vec![500, 481],
                None if open && wanted => vec![200],
                _ => vec![200, 481],
            };
        }
        if let Some(dialog) = set.dialogs.get(&notify.from_tag) {
            if dialog.over {
                return vec![481];
            }
            let sure = wanted && self.stands(now, set, dialog);
            return match (notify.cseq <= dialog.remote_cseq, sure) {
                (true, true) => vec![500],
                (true, false) => vec![500, 481],
                (false, true) => vec![200],
                (false, false) => vec![200, 481],
            };
        }
        if set.closed || now > set.sent_at + TIMER {
            return vec![481];
        }
        if !set.several && !set.dialogs.is_empty() {
            let stands = set.dialogs.values().any(|dialog| self.stands(now, set, dialog));
            return if stands || set.dialogs.values().all(|dialog| dialog.over) {
                vec![481]
            } else {
                vec![481, 200]
            };
        }
        let open = match flight.and_then(|flight| flight.end(now)) {
            None | Some(End::Final(200..=299)) => true,
            Some(End::Final(_) | End::Unreachable) => false,
        };
        let whole = set.dialogs.values().all(|dialog| self.stands(now, set, dialog));
        if open && wanted && whole && now < set.sent_at + TIMER {
            vec![200]
        } else {
            vec![200, 481]
        }
    }

    /// An answer was given. `code`: unless it means nothing.
    pub(crate) fn answered(&mut self, now: Instant, notify: &Incoming, code: Option<u16>, bytes: Bytes) {
        self.notifies += 1;
        self.answers.insert(notify.branch.clone(), (now, bytes));
        let Some(code) = code else { return };
        let Some(set) = self
            .sets
            .get_mut(&notify.call_id)
            .filter(|set| set.from_tag == notify.to_tag && !set.dead)
        else {
            return;
        };
        if code == 481
            && let Some(dialog) = set.dialogs.get_mut(&notify.from_tag)
        {
            dialog.over = true;
        }
        if code != 200 {
            return;
        }
        let (first, watch, fetch) = (set.cseq, set.watch, set.fetch);
        let granted = set.granted_until;
        let dialog = set
            .dialogs
            .entry(notify.from_tag.clone())
            .or_insert_with(|| Dialog {
                over: false,
                made_by: notify.cseq,
                remote_cseq: 0,
                cseq: first,
                target: String::new(),
                routes: notify.routes.clone(),
                etag: None,
                flight: None,
                asked_at: None,
                notified: true,
                until: granted,
                ending: false,
                told_until: None,
                quiet_until: None,
                version: None,
                gap_at: None,
                leaps: false,
            });
        if let Some((version, partial)) = notify.version {
            let gap = partial && dialog.version.is_some_and(|last| version > last + 1);
            if !partial {
                dialog.gap_at = None;
            } else if gap {
                dialog.gap_at.get_or_insert(now);
            }
            dialog.version = Some(version.max(dialog.version.unwrap_or(0)));
        }
        dialog.remote_cseq = notify.cseq;
        if let Some(target) = &notify.target {
            dialog.target.clone_from(target);
        }
        dialog.etag.clone_from(&notify.etag);
        let under_way = dialog
            .flight
            .as_ref()
            .and_then(|branch| self.flights.get(branch))
            .filter(|flight| flight.end(now).is_none());
        // R6665-78: it may shorten, never extend; one that says what was known has crossed with a
        // SUBSCRIBE that is under way.
        let told = notify
            .expires
            .map(|expires| now + Duration::from_secs(u64::from(expires)));
        let (before, slack) = (dialog.until, Duration::from_secs(2));
        let asking = told.is_none_or(|told| told > before + slack || told + slack < before);
        let longest = match under_way.filter(|_| asking) {
            Some(flight) => {
                dialog.told_until = told;
                flight.sent_at + Duration::from_secs(u64::from(flight.asked))
            }
            None => before,
        };
        if let Some(told) = told {
            dialog.until = longest.min(told);
        }
        dialog.notified = true;
        if fetch {
            dialog.over = true;
        }
        if !notify.ends {
            // Another fork than the one that said no.
            self.stopped.remove(&watch);
            self.quiet.remove(&watch);
            return;
        }
        dialog.over = true;
        if fetch || set.dialogs.values().any(|dialog| !dialog.over) {
            return;
        }
        // Where it forked others may still come.
        set.closed = !set.several;
        match notify.reason.as_deref() {
            Some("rejected" | "noresource" | "invariant") => {
                self.stopped
                    .insert(watch, notify.reason.clone().unwrap_or_default());
            }
            Some("deactivated" | "timeout") => {}
            _ => {
                if let Some(seconds) = notify.retry_after {
                    self.quiet
                        .insert(watch, now + Duration::from_secs(u64::from(seconds)));
                }
            }
        }
    }
}
