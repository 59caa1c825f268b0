//! The user agent: routes inputs to the machines and collects their outputs.

use std::collections::VecDeque;
use std::time::Instant;

use crate::command::PublicationName;
use crate::config::Config;
use crate::output::{Input, Output};
use crate::view::{Filter, Page, PublicationView, Statistic};

/// A presence user agent without IO; see the [crate's front page](crate).
pub struct UserAgent {
    outputs: VecDeque<Output>,
}

impl UserAgent {
    /// A user agent that holds nothing yet. `seed` must come from the system's random source:
    /// tags, branches and Call-IDs are made from it.
    #[must_use]
    pub fn new(_now: Instant, _config: Config, _seed: [u8; 32]) -> Self {
        UserAgent {
            outputs: VecDeque::new(),
        }
    }

    /// Takes in one thing that has happened. Cannot fail; drain [`UserAgent::poll_output`] after.
    pub fn handle_input(&mut self, _now: Instant, _input: Input<'_>) {}

    /// The next thing to do; call until `None` after every input.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`UserAgent::handle_input`] with [`Input::Timeout`] if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The publications that pass `filter`, from `cursor` on, at most `limit` of them.
    #[must_use]
    pub fn publications(&self, _filter: &Filter, _cursor: Option<u64>, _limit: usize) -> Page {
        Page {
            publications: Vec::new(),
            next: None,
        }
    }

    /// One publication.
    #[must_use]
    pub fn publication(&self, _name: &PublicationName) -> Option<PublicationView> {
        None
    }

    /// All counters and gauges.
    #[must_use]
    pub fn statistics(&self) -> Vec<Statistic> {
        Vec::new()
    }

    /// Sets one counter, or all (`None`), to zero. Whether there is one of that name.
    pub fn reset_statistics(&mut self, _name: Option<&str>) -> bool {
        false
    }

    /// Begins a graceful stop: removes every publication when `remove` is true, else leaves them
    /// as they are at the server. New commands are refused. Done when [`UserAgent::is_idle`].
    pub fn stop(&mut self, _now: Instant, _remove: bool) {}

    /// Whether nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        true
    }
}
