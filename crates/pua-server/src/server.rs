//! The server: routes what comes in to the publications and subscriptions, and queues what goes out.

use std::collections::VecDeque;
use std::time::Instant;

use crate::config::Config;
use crate::event::{Counters, Input, Output};
use crate::store::Store;

/// A presence server without IO; see the [crate's front page](crate).
pub struct Server {
    config: Config,
    store: Store,
    outputs: VecDeque<Output>,
    counters: Counters,
}

impl Server {
    /// A server that holds nothing. `seed` must come from the system's random source, except where
    /// a run is to be repeated: entity-tags, dialog tags and nonces are made from it.
    #[must_use]
    pub fn new(now: Instant, config: Config, seed: [u8; 32]) -> Server {
        Server {
            store: Store::new(now, seed),
            config,
            outputs: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Takes in one thing that has happened. Cannot fail; drain [`Server::poll_output`] after.
    pub fn handle_input(&mut self, _now: Instant, _input: Input<'_>) {}

    /// The next thing to do; call until `None` after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Server::handle_input`] with [`Input::Timeout`] if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.store.next_due()
    }

    /// What happened so far, and what is held now.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            publications: self.store.publications(),
            resources: self.store.resources(),
            ..self.counters
        }
    }

    /// How it was configured.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }
}
