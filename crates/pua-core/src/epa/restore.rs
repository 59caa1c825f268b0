//! Publications of an earlier life, taken up again (RFC 3903 §4.2): with the entity-tag that the
//! server gave last, 412 or not, and nothing that has ended meanwhile.
//!
//! What is still held at the server is refreshed at a time of its own within what is left of its
//! grant, so that half a million taken up at once make no burst, and the first of them show at
//! once whether the server has kept its state. What is not, or has changed since, goes at the
//! paced rate.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_wire::Uri;

use super::{Epa, OVERSHOOT};
use crate::core::Core;
use crate::paced::Lane;
use crate::publication::{Cause, Granted, HeldDocument, Intent, Standing, State, Wanted};
use crate::record::PublicationRecord;
use crate::schedule::taken_up_after;

/// A grant that seems to have ended so lately is still tried with its entity-tag: the clock may
/// have been set in between, and a tag too many costs one 412, while an initial PUBLISH too many
/// leaves a second copy at the server until its end.
const CLOCK_DOUBT: Duration = Duration::from_secs(60);

/// What is loaded at one time goes out when all of it is there: the soonest to end first.
const LOADING: Duration = Duration::from_millis(1);

impl Epa {
    /// Takes a publication of an earlier life up again. Nothing of it is written to the store
    /// unless it has ended: it is there already.
    pub(crate) fn restore(&mut self, now: Instant, core: &mut Core, record: PublicationRecord) {
        // A key is not given twice, whatever becomes of the record.
        self.keys.skip(record.key);
        let Ok(uri_key) = Uri::parse(&record.name.presentity).map(|uri| uri.key()) else {
            core.counters.records_not_restored += 1;
            return;
        };
        if self.find(&uri_key, &record.name).is_some() {
            core.counters.records_not_restored += 1;
            return;
        }
        let wanted = match record.until {
            _ if record.removing => Wanted::Gone,
            Some(until) if until <= now => Wanted::Over { until },
            until => Wanted::Stand { until },
        };
        let intent = Intent {
            document: record
                .document
                .map(|document| HeldDocument::new(document, &mut self.interned)),
            wanted,
            revision: record.revision,
            document_revision: record.document_revision.min(record.revision),
        };
        let was_held = record.expires_at.is_some();
        // What is over by our own time is withdrawn if the server would keep it for longer.
        let (expires_at, surplus) = match wanted {
            Wanted::Over { .. } => {
                let surplus = Duration::from_secs(u64::from(record.surplus));
                (record.expires_at.map(|at| at + surplus), 0)
            }
            _ => (record.expires_at, record.surplus),
        };
        let left = expires_at
            .map(|at| at.saturating_duration_since(now))
            .unwrap_or_default();
        let granted = match wanted {
            // The second that a lifetime and a grant may differ by is not worth a request.
            Wanted::Over { .. } if left <= OVERSHOOT => None,
            _ => believed(now, record.etag, expires_at, record.published_revision)
                .map(|granted| Granted { surplus, ..granted }),
        };
        // Not the record's Call-ID: requests may have left after it was written, and within a
        // Call-ID no CSeq number may come again (R3903-13).
        let Ok(index) = self.insert(now, core, &uri_key, record.name, record.proxy, intent) else {
            // As the configuration is now it leads nowhere. It stays in the store.
            core.counters.records_not_restored += 1;
            return;
        };
        let fraction = core.random.fraction();
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        publication.key = record.key;
        publication.set_headers(record.headers);
        if record.on_stop.is_some() {
            publication.unusual().on_stop = record.on_stop;
        }
        publication.standing = match &granted {
            Some(_) => Standing::Held,
            None if was_held => Standing::Lost,
            None => Standing::New,
        };
        publication.granted = granted;
        if publication.is_over(now) {
            let ending = publication.ending();
            self.end(core, index, ending);
            return;
        }
        if let Some(setback) = &record.setback
            && self.held_back(now, core, index, setback)
        {
            return;
        }
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let lasts = publication
            .until()
            .is_some_and(|until| now + left + OVERSHOOT >= until);
        let due = match taken_up_after(left, fraction) {
            _ if publication.granted.is_none() || publication.is_behind() => None,
            // What lasts to the end is refreshed once all the same, unless that is near: else it
            // would be told as published to its end by a server that has lost it meanwhile.
            Duration::ZERO if lasts => Some(None),
            Duration::ZERO => None,
            after => Some(Some(now + after)),
        };
        match due {
            Some(refresh_at) => {
                publication.state = State::Published { refresh_at };
                self.arm(index);
            }
            None => {
                publication.state = State::Queued {
                    cause: Cause::Ourselves,
                };
                // Whether the server still has what has ended is doubtful: no reason to hurry.
                let lane = match left.is_zero() {
                    true => Lane::Missing,
                    false => Lane::Ending,
                };
                let hop = self.take_ticket(now, core, index, lane);
                core.hops.wake_at(hop, now + LOADING);
            }
        }
    }
}

/// What is left of a grant, if its entity-tag is worth a try.
fn believed(
    now: Instant,
    etag: Option<Arc<str>>,
    expires_at: Option<Instant>,
    revision: u64,
) -> Option<Granted> {
    let (etag, at) = etag.zip(expires_at)?;
    let expires_at = if at > now { at } else { at + CLOCK_DOUBT };
    if expires_at <= now {
        return None;
    }
    let left = expires_at.saturating_duration_since(now).as_secs();
    Some(Granted {
        etag: Some(Box::from(&*etag)),
        expires: u32::try_from(left).unwrap_or(u32::MAX),
        surplus: 0,
        expires_at,
        revision,
    })
}
