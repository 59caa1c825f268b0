//! What is held, whoever holds it: the one user agent, or those of several engines together.

use pua_core::{
    Filter, Page, PublicationName, PublicationView, StateView, Statistic, SubscriptionFilter,
    SubscriptionPage, SubscriptionView, UserAgent,
};

/// What is held, to be looked at.
pub(crate) trait Holdings {
    /// As [`UserAgent::publications`].
    fn publications(&self, filter: &Filter, cursor: Option<u64>, limit: usize) -> Page;
    /// As [`UserAgent::publication`].
    fn publication(&self, name: &PublicationName) -> Option<PublicationView>;
    /// As [`UserAgent::subscriptions`].
    fn subscriptions(
        &self,
        filter: &SubscriptionFilter,
        cursor: Option<u64>,
        limit: usize,
    ) -> SubscriptionPage;
    /// As [`UserAgent::states`] of one presentity.
    fn states(&self, presentity: &str) -> Vec<StateView>;
    /// Subscriptions, and with each what it has brought, both as of one moment.
    fn brought(&self, filter: &SubscriptionFilter, cursor: Option<u64>, limit: usize) -> Brought;
    /// As [`UserAgent::statistics`].
    fn statistics(&self) -> Vec<Statistic>;
}

/// Some subscriptions with what they have brought.
#[derive(Debug)]
pub(crate) struct Brought {
    pub(crate) rows: Vec<(SubscriptionView, Vec<StateView>)>,
    /// Where the next page begins; `None`: there is no more.
    pub(crate) next: Option<u64>,
}

impl Holdings for UserAgent {
    fn publications(&self, filter: &Filter, cursor: Option<u64>, limit: usize) -> Page {
        self.publications(filter, cursor, limit)
    }

    fn publication(&self, name: &PublicationName) -> Option<PublicationView> {
        self.publication(name)
    }

    fn subscriptions(
        &self,
        filter: &SubscriptionFilter,
        cursor: Option<u64>,
        limit: usize,
    ) -> SubscriptionPage {
        self.subscriptions(filter, cursor, limit)
    }

    fn states(&self, presentity: &str) -> Vec<StateView> {
        self.states(Some(presentity))
    }

    fn brought(&self, filter: &SubscriptionFilter, cursor: Option<u64>, limit: usize) -> Brought {
        let page = self.subscriptions(filter, cursor, limit);
        let rows = page.subscriptions.into_iter().map(|view| {
            let states = self.states_of(&view.name);
            (view, states)
        });
        Brought {
            rows: rows.collect(),
            next: page.next,
        }
    }

    fn statistics(&self) -> Vec<Statistic> {
        self.statistics()
    }
}
