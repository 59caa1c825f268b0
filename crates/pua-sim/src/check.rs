//! The second and third oracle: what must be so once the world is calm, and in the end.

use std::time::{Duration, Instant};

use pua_core::{Filter, PublicationState, UserAgent, Wait};

use crate::life::What;
use crate::violation::Violation;
use crate::world::World;

/// For how long after its grant a restored entity-tag is still tried.
const CLOCK_DOUBT: Duration = Duration::from_secs(60);

/// An end of a lifetime may be seen so much later: Expires counts whole seconds, and a removal
/// takes its way.
const LATE: Duration = Duration::from_secs(3);
/// And so much earlier.
const EARLY: Duration = Duration::from_secs(1);
/// Back-off of 300 s at most, a transaction that times out at each server, a Retry-After of 60 s.
const RECOVERY: Duration = Duration::from_secs(300 + 2 * 32 + 60 + 16);

impl World {
    /// The longest that any server grants.
    fn longest_grant(&self) -> Duration {
        let longest = self.life.servers.iter().map(|(policy, behaviour)| {
            // A server may grant twice of what was asked.
            let twice = behaviour.is_some_and(|behaviour| behaviour.bad_expires > 0.0);
            // and an Expires that is not told is what was asked for.
            if twice {
                (policy.max * 2).max(self.life.min_expires).max(policy.min)
            } else {
                policy.max.max(policy.min)
            }
        });
        Duration::from_secs(longest.max().unwrap_or(0).into())
    }

    /// Lives the whole life.
    pub(crate) fn live(&mut self) -> Result<(), Violation> {
        let calm = self.begun + self.life.calm;
        self.run_until(calm)?;
        // The last of what was begun before: servers and daemon come back.
        let mut from = calm;
        while self.core.is_none() {
            self.step()?;
            from = self.now;
        }
        let slow = self.life.servers.iter().any(|(policy, behaviour)| {
            let stale = policy
                .digest
                .as_ref()
                .is_some_and(|(_, _, lifetime)| lifetime.as_secs() < 30);
            stale || behaviour.is_some_and(|behaviour| behaviour.not_found > 0.0)
        });
        let recovery = RECOVERY
            + if slow {
                Duration::from_secs(1800)
            } else {
                Duration::ZERO
            };
        // A server's loss is seen at the next refresh.
        let converged = from + recovery + self.longest_grant();
        self.run_until(converged)?;
        self.check_wanted()?;
        // What nobody knows any more ends with its grant; and what is held stays all the while.
        let orphans_end = self.orphans_end();
        while self.next().is_some_and(|next| next <= orphans_end) {
            self.step()?;
            if self.take_touched() {
                self.check_wanted()?;
            }
        }
        let quiet = self.now.max(orphans_end) + self.longest_grant().mul_f64(1.2) + Duration::from_secs(5);
        self.now = self.now.max(orphans_end);
        while self.next().is_some_and(|next| next <= quiet) {
            self.step()?;
            if self.take_touched() {
                self.check_wanted()?;
                self.check_exact()?;
            }
        }
        self.now = self.now.max(quiet);
        self.settle()?;
        self.check_equal()?;
        self.finish()
    }

    /// Whether the server's word is that this publication is not taken.
    fn is_refused(&self, publication: usize) -> bool {
        let refused = |core: &UserAgent| {
            core.publication(&self.life.names[publication])
                .is_some_and(|view| view.state == PublicationState::Refused)
        };
        let code = self.wire.chains.get(&publication).and_then(|chain| chain.last);
        self.core.as_ref().is_some_and(refused) && matches!(code, Some(403 | 489 | 499 | 606))
    }

    /// All that is wanted is there, in its latest form.
    fn check_wanted(&mut self) -> Result<(), Violation> {
        // Nobody refreshes for the last second.
        let soon = self.now + EARLY;
        let wishes: Vec<_> = self
            .wishes
            .wishes
            .iter()
            .filter(|(_, wish)| wish.stands(soon))
            .map(|(publication, wish)| (*publication, wish.revision))
            .collect();
        for (publication, revision) in wishes {
            if self.is_refused(publication) {
                continue;
            }
            let copies = self.copies(publication);
            if !copies.iter().any(|copy| copy.revision == revision) {
                return Err(Violation::bound(format!(
                    "publication {publication} is wanted in revision {revision}; the servers have {copies:?}"
                )));
            }
        }
        Ok(())
    }

    /// When the last copy ends that the core does not know.
    fn orphans_end(&mut self) -> Instant {
        let mut last = self.now;
        for publication in 0..self.life.names.len() {
            let tag = self.known_tag(publication);
            for copy in self.copies(publication) {
                if tag.as_deref() != Some(&copy.etag) {
                    last = last.max(copy.expires_at);
                }
            }
        }
        last
    }

    fn known_tag(&self, publication: usize) -> Option<String> {
        let view = self.core.as_ref()?.publication(&self.life.names[publication])?;
        view.etag.as_deref().map(str::to_owned)
    }

    /// Nothing is there but what is wanted, and that once.
    fn check_exact(&mut self) -> Result<(), Violation> {
        for publication in 0..self.life.names.len() {
            let now = self.now;
            let wish = self.wishes.wishes.get(&publication).cloned();
            let copies = self.copies(publication);
            let stands = wish.as_ref().is_some_and(|wish| wish.stands(now));
            let lately = wish
                .as_ref()
                .is_some_and(|wish| !wish.gone && wish.until.is_some_and(|until| until + LATE > now));
            let busy = self.wire.is_busy(now, &self.life.names[publication].presentity);
            if copies.is_empty() || (self.is_refused(publication) && copies.len() == 1) {
                continue;
            }
            if !stands && !lately && !busy {
                return Err(Violation::bound(format!(
                    "publication {publication} is not wanted; the servers have {copies:?}"
                )));
            }
            if stands && copies.len() > 1 {
                return Err(Violation::bound(format!(
                    "publication {publication} is there more than once: {copies:?}"
                )));
            }
            if stands
                && !busy
                && self.known_tag(publication).as_ref() != copies.first().map(|copy| &copy.etag)
            {
                return Err(Violation::equality(format!(
                    "publication {publication}: the core has the tag {:?}, the servers have {copies:?}",
                    self.known_tag(publication)
                )));
            }
        }
        Ok(())
    }

    /// Waits for a moment when nothing is under way.
    fn settle(&mut self) -> Result<(), Violation> {
        let until = self.now + Duration::from_secs(60);
        while self.now < until {
            let names = &self.life.names;
            if !names
                .iter()
                .any(|name| self.wire.is_busy(self.now, &name.presentity))
            {
                return Ok(());
            }
            self.step()?;
        }
        Err(Violation::bound("there is always a request under way"))
    }

    /// Applications, core, store and servers agree.
    fn check_equal(&mut self) -> Result<(), Violation> {
        self.check_wanted()?;
        self.check_exact()?;
        let now = self.now;
        let Some(core) = &self.core else { return Ok(()) };
        let held = core
            .publications(&Filter::default(), None, usize::MAX)
            .publications;
        for view in &held {
            let Some(publication) = self.wishes.index(&view.name) else {
                return Err(Violation::equality(format!(
                    "the core holds {:?}, which nobody named",
                    view.name
                )));
            };
            let Some(wish) = self.wishes.wishes.get(&publication) else {
                return Err(Violation::equality(format!(
                    "the core holds {publication}, which nobody wanted"
                )));
            };
            let lately = wish.until.is_some_and(|until| until + LATE > now);
            let refused = self.is_refused(publication);
            if !wish.stands(now) && !lately && !refused {
                return Err(Violation::equality(format!(
                    "the core still holds {publication}: {view:?}"
                )));
            }
            if wish.stands(now) && !refused {
                let whole = view.state == PublicationState::Published
                    && view.document.as_ref() == Some(&wish.document)
                    && view.published_revision >= 1
                    && view.until == wish.until;
                if !whole {
                    return Err(Violation::equality(format!(
                        "publication {publication}: {wish:?} is wanted, the core has {view:?}"
                    )));
                }
            }
            let Some(record) = self.store.named(&view.name) else {
                return Err(Violation::equality(format!(
                    "the store lacks publication {publication}"
                )));
            };
            // What has expired may be in the store still.
            let over = view.etag.is_none() && record.expires_at.is_none_or(|at| at <= now);
            // A restored tag is tried a little beyond its grant, which stays as it was stored.
            let tried = view.expires_at == record.expires_at
                || (record.expires_at.is_some_and(|at| at <= now)
                    && view.expires_at == record.expires_at.map(|at| at + CLOCK_DOUBT));
            let same = (over || (record.etag == view.etag && tried))
                && record.document == view.document
                && record.revision == view.revision
                && (over || record.published_revision == view.published_revision)
                && record.until == view.until;
            if !same {
                return Err(Violation::equality(format!(
                    "publication {publication}: the store has {record:?}, the core has {view:?}"
                )));
            }
        }
        if let Some(record) = self
            .store
            .records()
            .find(|record| !held.iter().any(|view| view.name == record.name))
        {
            return Err(Violation::equality(format!(
                "the store has {record:?}, the core does not hold it"
            )));
        }
        let wanted = self
            .wishes
            .wishes
            .values()
            .filter(|wish| wish.stands(now))
            .count();
        if wanted > held.len() {
            return Err(Violation::equality(format!(
                "{wanted} are wanted, the core holds {}",
                held.len()
            )));
        }
        self.check_gauges(&[
            "client_transactions",
            "commands_waiting",
            "paced",
            "publications_queued",
        ])
    }

    fn check_gauges(&self, names: &[&str]) -> Result<(), Violation> {
        let Some(core) = &self.core else { return Ok(()) };
        for statistic in core.statistics() {
            if names.contains(&statistic.name) && statistic.value != 0 {
                return Err(Violation::equality(format!(
                    "{} is {}",
                    statistic.name, statistic.value
                )));
            }
        }
        Ok(())
    }

    /// Withdraws everything: nothing must be left anywhere.
    fn finish(&mut self) -> Result<(), Violation> {
        for publication in 0..self.life.names.len() {
            let wish = self.wishes.wishes.get(&publication).cloned();
            if let Some(mut wish) = wish
                && self.life.stops
            {
                wish.gone = true;
                self.wishes.wants(self.now, publication, wish);
            } else if self
                .core
                .as_ref()
                .is_some_and(|core| core.publication(&self.life.names[publication]).is_some())
            {
                self.command(What::Remove {
                    publication,
                    wait: Wait::Final,
                    timeout: Duration::from_secs(30),
                })?;
            }
        }
        if self.life.stops
            && let Some(core) = &mut self.core
        {
            core.stop(self.now, true);
            self.drain()?;
        }
        let until = self.now + Duration::from_secs(40);
        self.run_until(until)?;
        for publication in 0..self.life.names.len() {
            let copies = self.copies(publication);
            if !copies.is_empty() {
                return Err(Violation::equality(format!(
                    "publication {publication} is left: {copies:?}"
                )));
            }
        }
        if let Some(record) = self.store.records().next() {
            return Err(Violation::equality(format!("the store still has {record:?}")));
        }
        if self.wishes.waiting() > 0 {
            return Err(Violation::bound("somebody still waits"));
        }
        self.check_gauges(&[
            "publications",
            "presentities",
            "commands_waiting",
            "client_transactions",
            "server_transactions",
            "paced",
        ])?;
        match &self.core {
            Some(core) if !core.is_idle() => Err(Violation::equality("the core is not idle")),
            Some(core) if core.poll_timeout().is_some() => Err(Violation::equality(
                "the core holds nothing and still waits for a time",
            )),
            _ => Ok(()),
        }
    }
}
