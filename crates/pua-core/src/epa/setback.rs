//! What has been refused or must wait, written down: a restart is no reason to try it again
//! (RFC 3261 §21.4.4, §20.33).

use std::sync::Arc;
use std::time::Instant;

use super::Epa;
use crate::core::Core;
use crate::publication::{Cause, Pause, Publication, Standing, State};
use crate::record::{Change, Setback};

/// What holds the next request of a publication back.
pub(super) fn setback(core: &Core, publication: &Publication) -> Option<Box<Setback>> {
    let last = publication.last()?;
    let (retry_at, held_off) = match publication.state {
        State::Refused => (None, false),
        // Of what the server asked for; our own patience begins anew with another life.
        State::Waiting(pause) if pause.is_quiet(last.at) => (Some(pause.quiet_until()), true),
        State::Waiting(pause) => (Some(pause.retry_at), false),
        _ => return None,
    };
    Some(Box::new(Setback {
        code: last.code,
        reason: last.reason,
        termination: None,
        at: last.at,
        retry_at,
        held_off,
        next_hop: core.hops.name(publication.next_hop),
    }))
}

impl Epa {
    /// Has what the server has of a publication written, and what holds the next request back.
    pub(super) fn persist_granted(&self, core: &mut Core, index: u32) {
        if !core.config.durable {
            return;
        }
        let Some(publication) = self.publications.get(index as usize) else {
            return;
        };
        let granted = publication.granted.as_ref();
        let change = Change::Granted {
            key: publication.key,
            etag: granted.and_then(|granted| granted.etag.as_deref().map(Arc::from)),
            expires_at: granted.map(|granted| granted.expires_at),
            surplus: granted.map_or(0, |granted| granted.surplus),
            revision: granted.map_or(0, |granted| granted.revision),
            cseq: publication.cseq,
            setback: setback(core, publication),
        };
        core.persist(change);
    }

    /// What was refused in an earlier life stays so, and what had to wait waits on; whether it is
    /// one of these.
    pub(super) fn held_back(&mut self, now: Instant, core: &Core, index: u32, setback: &Setback) -> bool {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return false;
        };
        publication.set_last(setback.at, setback.code, &setback.reason);
        if !setback.holds(now, &core.hops.name(publication.next_hop)) {
            return false;
        }
        publication.state = match setback.retry_at {
            Some(until) if setback.held_off => {
                State::Waiting(Pause::asked_for(until, until, Cause::Ourselves))
            }
            Some(retry_at) => State::Waiting(Pause::ours(now, retry_at, Cause::Ourselves)),
            None => State::Refused,
        };
        publication.standing = Standing::Lost;
        self.arm(index);
        true
    }
}
