//! The second and third oracle of watching: what must be so once the world is calm, and in the
//! end.

use std::time::{Duration, Instant};

use pua_core::{SubscriptionFilter, SubscriptionName, SubscriptionState, Wait};

use super::life::What;
use super::notifier::key_of;
use super::resource::Kind;
use super::site::Known;
use super::wishes::Wish;
use super::world::World;
use crate::document::mark;
use crate::violation::Violation;

/// An end of a lifetime may be seen so much later.
const LATE: Duration = Duration::from_secs(40);
/// Back-off of 300 s at most, a transaction that times out, a Retry-After of 60 s, timer N.
const RECOVERY: Duration = Duration::from_secs(300 + 3 * 32 + 60 + 16);
/// A NOTIFY and its answer on a fair network.
const SOON: Duration = Duration::from_secs(2);

impl World {
    fn longest_grant(&self) -> Duration {
        let policy = &self.life.policy;
        Duration::from_secs(u64::from(policy.max.max(policy.min)))
    }

    /// Lives the whole life.
    pub(crate) fn live(&mut self) -> Result<(), Violation> {
        let calm = self.begun + self.life.calm;
        self.run_until(calm)?;
        let mut from = calm;
        while self.core.is_none() || !self.up {
            self.step()?;
            from = self.now;
        }
        let slow = self.life.moods.not_found > 0.0
            || self
                .life
                .policy
                .digest
                .is_some_and(|lifetime| lifetime.as_secs() < 30);
        let slow = Duration::from_secs(if slow { 1800 } else { 0 });
        self.run_until(from + RECOVERY + slow + self.longest_grant() * 2)?;
        self.check_wanted()?;
        // Things go on, and each is seen soon.
        for _ in 0..3 {
            self.change_all()?;
            self.run_until(self.now + SOON)?;
            self.settle()?;
            self.check_wanted()?;
            self.check_exact()?;
            self.run_until(self.now + self.longest_grant().mul_f64(0.4))?;
        }
        self.settle()?;
        self.check_equal()?;
        self.finish()
    }

    /// Every presentity changes.
    fn change_all(&mut self) -> Result<(), Violation> {
        for watch in 0..self.life.names.len() {
            if self.life.mixed {
                let stands = self.revision.is_multiple_of(3);
                self.do_step(What::Publish(watch, !stands))?;
            } else {
                self.do_step(What::Change(watch))?;
            }
        }
        Ok(())
    }

    /// Whether it was ended for good, by the word of a notifier or a server.
    fn is_stopped(&self, watch: usize) -> bool {
        self.account.stopped.contains_key(&watch)
    }

    fn lately(&self, watch: usize, now: Instant) -> bool {
        self.wishes
            .wishes
            .get(&watch)
            .is_some_and(|wish| !wish.gone && wish.until.is_some_and(|until| until + LATE > now))
    }

    /// All that is wanted is subscribed, and what the application was told last is so.
    fn check_wanted(&mut self) -> Result<(), Violation> {
        let soon = self.now + SOON;
        for watch in 0..self.life.names.len() {
            if !self.wishes.wants(watch, soon) || self.is_stopped(watch) {
                continue;
            }
            let name = self.life.names[watch].clone();
            let view = self.core.as_ref().and_then(|core| core.subscription(&name));
            let Some(view) = view.filter(|view| view.state == SubscriptionState::Active) else {
                let view = self.core.as_ref().and_then(|core| core.subscription(&name));
                return Err(Violation::bound(format!(
                    "subscription {watch} is wanted, the core has {view:?}"
                )));
            };
            if !self.wishes.believes(watch) {
                return Err(Violation::equality(format!(
                    "subscription {watch} is active, the application does not know"
                )));
            }
            let standing = self.account.standing(self.now, watch);
            if standing.is_empty() {
                return Err(Violation::bound(format!(
                    "subscription {watch} has no dialog that stands; the core has {view:?}"
                )));
            }
            if let Some(usages) = self.site.usages(&name.presentity, &name.package)
                && let Some(dialog) = standing.iter().find(|dialog| !usages.contains(dialog))
            {
                return Err(Violation::bound(format!(
                    "subscription {watch}: {dialog:?} is held by the core, the notifier has {usages:?}"
                )));
            }
            let truth = self.site.truth(&name.presentity, &name.package);
            for dialog in &view.dialogs {
                self.check_told(watch, dialog.id, &truth)?;
            }
        }
        Ok(())
    }

    fn check_told(&self, watch: usize, dialog: u64, truth: &Known) -> Result<(), Violation> {
        let name = &self.life.names[watch];
        let told = self.wishes.told.get(&self.wishes.place(watch, dialog));
        if matches!(truth, Known::Marks(marks) if marks.is_empty()) && &*name.package == "x-state" {
            // There is no document that says so.
            return Ok(());
        }
        let Some(told) = told.filter(|told| !told.is_empty()) else {
            return Err(Violation::equality(format!(
                "subscription {watch}: nothing was ever told by dialog usage {dialog}"
            )));
        };
        let same = match truth {
            Known::Whole(truth) => {
                told.truth(Kind::of(&name.presentity, &name.package)).as_ref() == Some(truth)
            }
            Known::Marks(marks) => {
                let told = told.body(&name.presentity).and_then(|body| mark(body));
                match marks.as_slice() {
                    [] => told.is_none(),
                    [one] => told == Some(*one),
                    // Two of them made into one.
                    several => told.is_none_or(|told| several.contains(&told)),
                }
            }
        };
        // And what can be asked for is what was told.
        let held = self
            .core
            .as_ref()
            .map(|core| core.states_of(name))
            .unwrap_or_default();
        let same_held = held
            .iter()
            .filter(|view| view.dialog == Some(dialog))
            .all(|view| told.body(&view.state.resource) == Some(&view.state.body));
        if !same {
            return Err(Violation::equality(format!(
                "subscription {watch}, dialog usage {dialog}: told was {told:?}, true is {truth:?}"
            )));
        }
        if !same_held {
            return Err(Violation::equality(format!(
                "subscription {watch}: told was {told:?}, the core says {held:?}"
            )));
        }
        Ok(())
    }

    /// Nothing is there but what is wanted.
    fn check_exact(&mut self) -> Result<(), Violation> {
        let now = self.now;
        for watch in 0..self.life.names.len() {
            let name = self.life.names[watch].clone();
            let wanted = self.wishes.wants(watch, now) || self.lately(watch, now);
            let held = self
                .core
                .as_ref()
                .is_some_and(|core| core.subscription(&name).is_some());
            if held && !wanted {
                return Err(Violation::bound(format!(
                    "subscription {watch} is not wanted, and held"
                )));
            }
            // Every usage is one that the core has a dialog for.
            let key = |name: &SubscriptionName| key_of(&name.presentity, &name.package);
            let same = |other: &usize| key(&self.life.names[*other]) == key(&name);
            let standing: Vec<_> = (0..self.life.names.len())
                .filter(same)
                .flat_map(|other| self.account.standing(now, other))
                .collect();
            let all = (0..self.life.names.len())
                .filter(same)
                .all(|other| !self.lately(other, now));
            if let Some(usages) = self.site.usages(&name.presentity, &name.package)
                && let Some(left) = usages.iter().find(|usage| !standing.contains(usage))
                && all
            {
                return Err(Violation::bound(format!(
                    "the notifier has {left:?} of subscription {watch}; known are {standing:?}"
                )));
            }
        }
        Ok(())
    }

    /// Waits for a moment when nothing is under way.
    fn settle(&mut self) -> Result<(), Violation> {
        let until = self.now + Duration::from_secs(60);
        while self.now < until {
            if !self.account.is_busy(self.now) {
                return Ok(());
            }
            self.step()?;
        }
        Err(Violation::bound("there is always a request under way"))
    }

    /// Applications, core, store and notifier agree.
    fn check_equal(&mut self) -> Result<(), Violation> {
        self.check_wanted()?;
        self.check_exact()?;
        let now = self.now;
        let Some(core) = &self.core else { return Ok(()) };
        let held = core
            .subscriptions(&SubscriptionFilter::default(), None, usize::MAX)
            .subscriptions;
        for view in &held {
            let wish = self
                .wishes
                .index(&view.name)
                .and_then(|watch| self.wishes.wishes.get(&watch));
            let Some(wish) = wish else {
                return Err(Violation::equality(format!(
                    "the core holds {view:?}, which nobody wanted"
                )));
            };
            let record = self.store.subscriptions().find(|record| record.key == view.key);
            let over = wish.until.is_some_and(|until| until <= now);
            if !over
                && (wish.gone
                    || wish.until != view.until
                    || record.is_none_or(|record| record.name != view.name || record.until != view.until))
            {
                return Err(Violation::equality(format!(
                    "{wish:?} is wanted, the store has {record:?}, the core {view:?}"
                )));
            }
        }
        if let Some(record) = self
            .store
            .subscriptions()
            .find(|record| !held.iter().any(|view| view.name == record.name))
        {
            return Err(Violation::equality(format!(
                "the store has {record:?}, the core does not hold it"
            )));
        }
        self.check_gauges(&["client_transactions", "commands_waiting", "paced"])
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

    /// Ends everything: nothing must be left anywhere.
    fn finish(&mut self) -> Result<(), Violation> {
        for watch in 0..self.life.names.len() {
            let name = self.life.names[watch].clone();
            if self.life.stops {
                self.wishes.wish(
                    self.now,
                    watch,
                    Wish {
                        until: None,
                        gone: true,
                    },
                );
            } else if self
                .core
                .as_ref()
                .is_some_and(|core| core.subscription(&name).is_some())
            {
                self.command(What::Unsubscribe {
                    watch,
                    wait: Wait::Final,
                    timeout: Duration::from_secs(30),
                })?;
            }
            if self.life.mixed {
                self.do_step(What::Publish(watch, false))?;
            }
        }
        if self.life.stops
            && let Some(core) = &mut self.core
        {
            core.stop(self.now, true);
            let outputs = self.drain();
            self.perform(outputs)?;
        }
        self.run_until(self.now + Duration::from_secs(100))?;
        for watch in 0..self.life.names.len() {
            let name = &self.life.names[watch];
            if let Some(usages) = self.site.usages(&name.presentity, &name.package)
                && !usages.is_empty()
            {
                return Err(Violation::equality(format!(
                    "subscription {watch} is left: {usages:?}"
                )));
            }
        }
        if let Some(record) = self.store.subscriptions().next().filter(|_| !self.life.stops) {
            return Err(Violation::equality(format!("the store still has {record:?}")));
        }
        if self.wishes.waiting() > 0 {
            return Err(Violation::bound("somebody still waits"));
        }
        self.check_gauges(&[
            "subscriptions",
            "dialogs",
            "publications",
            "commands_waiting",
            "client_transactions",
            "server_transactions",
            "paced",
        ])?;
        match &self.core {
            Some(core) if !core.is_idle() => Err(Violation::equality("the core is not idle")),
            Some(core) if core.poll_timeout().is_some() => Err(Violation::equality(format!(
                "the core holds nothing and still waits for {:?}",
                core.poll_timeout().map(|at| at - self.now)
            ))),
            _ => Ok(()),
        }
    }
}
