//! The graceful stop (R3903-71): what shall not outlive the daemon is withdrawn, a share of it at
//! a time, and each withdrawal is in the store before its request is answered, so that a stop cut
//! short is gone on with by the next life.

use std::time::Instant;

use super::Epa;
use super::command::record;
use crate::command::OnStop;
use crate::core::Core;
use crate::publication::{Cause, State, Wanted};
use crate::record::Change;

/// Publications looked at in one turn.
const SHARE: usize = 1000;

/// How far the stop has come.
pub(super) struct Withdrawal {
    /// The index of the publication that is looked at next.
    next: usize,
    /// What becomes of publications that say nothing of it.
    usual: OnStop,
    at: Instant,
}

impl Withdrawal {
    /// When it goes on.
    pub(super) fn goes_on_at(&self) -> Instant {
        self.at
    }
}

impl Epa {
    /// Begins to withdraw what shall not stay at its server; with `remove` also what says nothing
    /// of it.
    pub(crate) fn stop(&mut self, now: Instant, core: &mut Core, remove: bool) {
        let usual = if remove { OnStop::Remove } else { OnStop::Keep };
        self.stopping = Some(Withdrawal {
            next: 0,
            usual,
            at: now,
        });
        self.withdraw_more(now, core);
    }

    /// Withdraws the next share.
    pub(super) fn withdraw_more(&mut self, now: Instant, core: &mut Core) {
        let Some(Withdrawal { next, usual, .. }) = self.stopping.take() else {
            return;
        };
        let end = self
            .publications
            .iter()
            .next_back()
            .map_or(0, |(index, _)| index + 1);
        let share = end.min(next + SHARE);
        for index in next..share {
            let goes = self.publications.get(index).is_some_and(|publication| {
                publication.on_stop().unwrap_or(usual) == OnStop::Remove && publication.intent.wanted.stands()
            });
            if goes {
                self.withdraw(now, core, index as u32);
            }
        }
        if share < end {
            self.stopping = Some(Withdrawal {
                next: share,
                usual,
                at: now,
            });
        }
    }

    fn withdraw(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        publication.intent.wanted = Wanted::Gone;
        publication.intent.revision += 1;
        if core.config.durable {
            let record = Box::new(record(core, publication));
            core.persist(Change::Put(record));
        }
        if !matches!(publication.state, State::Requesting(_)) {
            self.enqueue(now, core, index, Cause::Application);
        }
    }

    /// Whether no exchange is under way and nobody waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiters.is_empty() && self.stopping.is_none() && self.presentities.are_at_rest()
    }
}
