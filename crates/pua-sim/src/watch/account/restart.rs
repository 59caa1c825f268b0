//! The daemon is killed and comes back: what the store must have, and which dialogs go on.

use std::time::{Duration, Instant};

use pua_core::{Setback, SubscriptionRecord};

use super::Account;
use crate::violation::Violation;

impl Account {
    /// Every dialog that stands for certain is in the store, and none that is over.
    pub(crate) fn stored(
        &self,
        now: Instant,
        watch: usize,
        record: &SubscriptionRecord,
    ) -> Result<(), Violation> {
        let has = |call_id: &str, tag: &str| {
            *record.call_id == *call_id && record.dialogs.iter().any(|dialog| *dialog.remote_tag == *tag)
        };
        let standing = self.standing(now, watch);
        if let Some(dialog) = standing.iter().find(|(call_id, tag)| !has(call_id, tag)) {
            return Err(Violation::equality(format!(
                "subscription {watch}: {dialog:?} stands, the store has {record:?}"
            )));
        }
        let Some(set) = self.sets.get(&*record.call_id).filter(|set| !set.dead) else {
            return Ok(());
        };
        for (tag, dialog) in &set.dialogs {
            let stored = record.dialogs.iter().find(|stored| *stored.remote_tag == **tag);
            if let Some(stored) = stored
                && (dialog.over && stored.expires_at > now || stored.remote_cseq < dialog.made_by)
            {
                return Err(Violation::equality(format!(
                    "subscription {watch}: dialog {tag} is over, or older than {stored:?}"
                )));
            }
        }
        Ok(())
    }

    /// The daemon is back, and was given this record: the dialogs in it go on, as far as their
    /// time runs. What was not written is not known any more.
    pub(crate) fn restored(&mut self, now: Instant, watch: usize, record: &SubscriptionRecord) {
        // One that is to end is taken up for its notifiers to be told, if it is worth that.
        let ends = record.ending || record.until.is_some_and(|until| until <= now);
        let least = match ends {
            true => now + Duration::from_secs(1),
            false => now,
        };
        if let Some(setback) = &record.setback {
            self.held_back(watch, setback);
        }
        if !record.dialogs.iter().any(|dialog| dialog.expires_at > least) {
            return;
        }
        let Some(set) = self
            .sets
            .get_mut(&*record.call_id)
            .filter(|set| set.watch == watch)
        else {
            return;
        };
        set.dead = false;
        set.closed = true;
        for (tag, dialog) in &mut set.dialogs {
            let stored = record
                .dialogs
                .iter()
                .find(|stored| *stored.remote_tag == **tag && stored.expires_at > now);
            dialog.over = stored.is_none();
            let Some(stored) = stored else { continue };
            dialog.remote_cseq = stored.remote_cseq;
            dialog.target = stored.target.to_string();
            dialog.until = dialog.until.min(stored.expires_at);
            dialog.etag = None;
            dialog.flight = None;
            dialog.asked_at = None;
            dialog.notified = true;
            dialog.ending = false;
            dialog.told_until = None;
            dialog.quiet_until = None;
            dialog.version = None;
            dialog.gap_at = None;
            dialog.leaps = true;
        }
        self.latest.insert(watch, record.call_id.to_string());
    }

    /// What was refused stays so, and what must wait waits, but for wrong credentials: those of
    /// the next life may be others.
    fn held_back(&mut self, watch: usize, setback: &Setback) {
        match (&setback.termination, setback.retry_at) {
            (_, Some(until)) if setback.held_off => {
                self.quiet.insert(watch, until);
            }
            (_, Some(_)) => {}
            (Some(reason), None) => {
                self.stopped.insert(watch, reason.to_string());
            }
            (None, None) if matches!(setback.code, 401 | 407) => {}
            (None, None) => {
                self.stopped.insert(watch, setback.code.to_string());
            }
        }
    }
}
