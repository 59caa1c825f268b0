//! What all engines hold, looked at as if it were held by one.

use std::cell::RefCell;

use pua_core::{
    Filter, Page, PublicationName, PublicationView, StateView, Statistic, SubscriptionFilter,
    SubscriptionPage, UserAgent,
};

use super::Division;
use super::engine::Inside;
use crate::engine::turn::Turn;
use crate::holdings::{Brought, Holdings};

/// Where the number of the engine stands in a cursor: an engine's own cursors are below.
const ENGINE: u32 = 56;

/// The user agents of all engines. What an engine has done before it is looked at has then been
/// taken into the turn, and nothing that it does after: so what is seen is the state after the last
/// event of the turn, as [`Turn::emitted`] counts.
pub(in super::super) struct Together<'a> {
    own: &'a UserAgent,
    others: RefCell<(&'a mut Division, &'a mut Turn)>,
}

impl<'a> Together<'a> {
    pub(in super::super) fn new(
        own: &'a UserAgent,
        division: &'a mut Division,
        turn: &'a mut Turn,
    ) -> Together<'a> {
        Together {
            own,
            others: RefCell::new((division, turn)),
        }
    }

    fn engines(&self) -> u8 {
        self.others.borrow().0.engines()
    }

    /// Looks into one engine.
    fn look<T: Send + 'static>(
        &self,
        engine: u8,
        look: impl FnOnce(&UserAgent) -> T + Send + 'static,
    ) -> Option<T> {
        match engine {
            0 => Some(look(self.own)),
            _ => self.look_inside(engine, |inside| look(inside.agent)),
        }
    }

    fn look_inside<T: Send + 'static>(
        &self,
        engine: u8,
        look: impl FnOnce(&Inside<'_>) -> T + Send + 'static,
    ) -> Option<T> {
        let (division, turn) = &mut *self.others.borrow_mut();
        division.link(engine)?.look(turn, look)
    }

    /// Datagrams that the other engines have sent, and dropped for want of room.
    pub(in super::super) fn udp(&self) -> (u64, u64) {
        let counts = (1..self.engines()).filter_map(|engine| self.look_inside(engine, |inside| inside.udp));
        counts.fold((0, 0), |sum, counts| (sum.0 + counts.0, sum.1 + counts.1))
    }

    /// A page of what goes over engines one after the other, or of the one that has `presentity`.
    /// `look` takes what it finds from a cursor on, so many at most, and tells where it goes on.
    fn page<T: Send + 'static>(
        &self,
        presentity: Option<&str>,
        cursor: Option<u64>,
        limit: usize,
        look: impl Fn(&UserAgent, Option<u64>, usize) -> (Vec<T>, Option<u64>) + Clone + Send + 'static,
    ) -> (Vec<T>, Option<u64>) {
        let engines = match presentity {
            None => 0..self.engines(),
            Some(presentity) => {
                let owner = self.others.borrow().0.owner(presentity);
                owner..owner + 1
            }
        };
        let (begin, mut within) = match cursor {
            None => (engines.start, None),
            Some(cursor) => (
                u8::try_from(cursor >> ENGINE).unwrap_or(u8::MAX),
                Some(cursor & ((1 << ENGINE) - 1)),
            ),
        };
        let mut rows = Vec::new();
        for engine in begin.max(engines.start)..engines.end {
            // With no room left it is only asked whether there is more.
            let (look, from, room) = (look.clone(), within.take(), limit.saturating_sub(rows.len()));
            let found = self.look(engine, move |agent| look(agent, from, room));
            let Some((mut some, next)) = found else { continue };
            rows.append(&mut some);
            if let Some(next) = next {
                return (rows, Some(u64::from(engine) << ENGINE | next));
            }
        }
        (rows, None)
    }
}

impl Holdings for Together<'_> {
    fn publications(&self, filter: &Filter, cursor: Option<u64>, limit: usize) -> Page {
        let (presentity, filter) = (filter.presentity.as_deref(), filter.clone());
        let look = move |agent: &UserAgent, cursor, limit| {
            let page = agent.publications(&filter, cursor, limit);
            (page.publications, page.next)
        };
        let (publications, next) = self.page(presentity, cursor, limit, look);
        Page { publications, next }
    }

    fn publication(&self, name: &PublicationName) -> Option<PublicationView> {
        let (owner, name) = (self.others.borrow().0.owner(&name.presentity), name.clone());
        self.look(owner, move |agent| agent.publication(&name))?
    }

    fn subscriptions(
        &self,
        filter: &SubscriptionFilter,
        cursor: Option<u64>,
        limit: usize,
    ) -> SubscriptionPage {
        let (presentity, filter) = (filter.presentity.as_deref(), filter.clone());
        let look = move |agent: &UserAgent, cursor, limit| {
            let page = agent.subscriptions(&filter, cursor, limit);
            (page.subscriptions, page.next)
        };
        let (subscriptions, next) = self.page(presentity, cursor, limit, look);
        SubscriptionPage { subscriptions, next }
    }

    fn brought(&self, filter: &SubscriptionFilter, cursor: Option<u64>, limit: usize) -> Brought {
        let (presentity, filter) = (filter.presentity.as_deref(), filter.clone());
        let look = move |agent: &UserAgent, cursor, limit| {
            let brought = agent.brought(&filter, cursor, limit);
            (brought.rows, brought.next)
        };
        let (rows, next) = self.page(presentity, cursor, limit, look);
        Brought { rows, next }
    }

    /// By subscriptions to it, which one engine has, and by lists, which any may have.
    fn states(&self, presentity: &str) -> Vec<StateView> {
        let of = |engine| {
            let presentity = presentity.to_owned();
            self.look(engine, move |agent| agent.states(Some(&presentity)))
        };
        (0..self.engines()).filter_map(of).flatten().collect()
    }

    fn statistics(&self) -> Vec<Statistic> {
        let mut all = self.own.statistics();
        for engine in 1..self.engines() {
            let more = self.look(engine, UserAgent::statistics);
            for (sum, more) in all.iter_mut().zip(more.unwrap_or_default()) {
                debug_assert_eq!(sum.name, more.name);
                sum.value += more.value;
            }
        }
        all
    }
}
