//! What one turn of the loop gathers: outputs of the user agent by kind, and requests to be taken.
//!
//! The order of a turn: transmit at once, commit, then release the replies and events.

use std::collections::VecDeque;

use pua_core::{Change, CommandId, Event, Output, Query, Reply, Transmit, UserAgent};
use pua_mi::Request;

use super::division::Done;
use super::store::Store;
use crate::mi::ReplyTo;

/// A request that has been read and waits to be taken.
pub(crate) type Arrived = (Request, ReplyTo);

/// What may be seen by others only after the commit.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) replies: Vec<(CommandId, Reply)>,
    pub(crate) events: Vec<Event>,
}

/// The outputs of one turn; its vectors keep their room from turn to turn.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) transmits: Vec<Transmit>,
    pub(crate) queries: Vec<Query>,
    pub(crate) requests: Vec<Arrived>,
    /// Those that take long to answer.
    pub(crate) long: VecDeque<Arrived>,
    /// The number of the last event that the user agent has made, also if it waits for a commit.
    pub(crate) emitted: u64,
    changes: Vec<Change>,
    held: Held,
    number: u64,
    /// Earlier turns whose commit is under way.
    waiting: VecDeque<(u64, Held)>,
}

impl Turn {
    /// A first turn, whose first event has the number after `emitted`.
    pub(crate) fn after(emitted: u64) -> Turn {
        Turn {
            emitted,
            ..Turn::default()
        }
    }

    /// Takes all outputs of the user agent.
    pub(crate) fn drain(&mut self, agent: &mut UserAgent) {
        while let Some(output) = agent.poll_output() {
            match output {
                Output::Transmit(transmit) => self.transmits.push(transmit),
                Output::Resolve(query) => self.queries.push(query),
                Output::Persist(change) => self.changes.push(change),
                Output::Reply(id, reply) => self.held.replies.push((id, reply)),
                Output::Event(event) => {
                    self.emitted += 1;
                    self.held.events.push(event);
                }
            }
        }
    }

    /// Takes what another engine has done.
    pub(super) fn absorb(&mut self, done: Done) {
        self.transmits.extend(done.transmits);
        let hosts = done.hosts.into_iter();
        self.queries.extend(hosts.map(|host| Query::Addresses { host }));
        self.changes.extend(done.changes);
        self.held.replies.extend(done.replies);
        self.emitted += done.events.len() as u64;
        self.held.events.extend(done.events);
    }

    /// Hands the changes to the store; then `release` gets all that may go out, in order, and
    /// whether the changes that belong to it are durable. While the store has failed nothing is held
    /// back.
    pub(crate) fn commit(
        &mut self,
        store: &mut impl Store,
        failed: bool,
        mut release: impl FnMut(&mut Held, bool),
    ) {
        // However many events there are, nobody makes more of them when they are told.
        let waiters = self
            .held
            .replies
            .len()
            .max(usize::from(!self.held.events.is_empty()));
        if !self.changes.is_empty() {
            self.number += 1;
            store.commit(self.number, &mut self.changes, waiters);
        } else if waiters > 0 && self.number > store.committed() {
            store.hurry(waiters);
        }
        let committed = store.committed();
        while self
            .waiting
            .front()
            .is_some_and(|(number, _)| failed || *number <= committed)
        {
            if let Some((number, mut held)) = self.waiting.pop_front() {
                release(&mut held, number <= committed);
            }
        }
        if self.held.replies.is_empty() && self.held.events.is_empty() {
            return;
        }
        if failed || self.number <= committed {
            release(&mut self.held, self.number <= committed);
            self.held.replies.clear();
            self.held.events.clear();
        } else {
            let held = std::mem::take(&mut self.held);
            self.waiting.push_back((self.number, held));
        }
    }

    /// Takes the replies that have no more time to wait for their commit.
    pub(crate) fn overdue(&mut self, is_overdue: impl Fn(CommandId) -> bool) -> Vec<(CommandId, Reply)> {
        let mut overdue = Vec::new();
        for (_, held) in &mut self.waiting {
            let late = held.replies.extract_if(.., |(id, _)| is_overdue(*id));
            overdue.extend(late);
        }
        overdue
    }

    /// Changes that have not been handed to the store.
    #[cfg(test)]
    pub(super) fn gathered(&self) -> usize {
        self.changes.len()
    }

    /// Whether nothing waits for a commit.
    pub(crate) fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store whose commits are done when the test says so.
    #[derive(Default)]
    struct Slow {
        taken: u64,
        done: u64,
        hurried: bool,
    }

    impl Store for Slow {
        fn commit(&mut self, number: u64, changes: &mut Vec<Change>, waiters: usize) {
            changes.clear();
            self.taken = number;
            self.hurried |= waiters > 0;
        }
        fn hurry(&mut self, _: usize) {
            self.hurried = true;
        }
        fn committed(&self) -> u64 {
            self.done
        }
    }

    fn released(turn: &mut Turn, store: &mut Slow) -> Vec<u64> {
        let mut out = Vec::new();
        turn.commit(store, false, |held, _| {
            out.extend(held.replies.drain(..).map(|(id, _)| id.0))
        });
        out
    }

    #[test]
    fn a_store_that_has_failed_holds_nothing_back_and_what_is_not_durable_is_told() {
        let (mut turn, mut store) = (Turn::default(), Slow::default());
        let commit = |turn: &mut Turn, store: &mut Slow, failed| {
            let mut out = Vec::new();
            turn.commit(store, failed, |held, durable| {
                out.extend(held.replies.drain(..).map(|(id, _)| (id.0, durable)));
            });
            out
        };
        for id in 1..=3 {
            turn.changes.push(Change::Delete { key: id });
            turn.held.replies.push((CommandId(id), Reply::Accepted));
            assert!(commit(&mut turn, &mut store, false).is_empty());
        }
        store.done = 1;
        let told = commit(&mut turn, &mut store, true);
        assert_eq!(told, [(1, true), (2, false), (3, false)]);
        // Another turn with nothing to store: what it is about may be what is not stored yet.
        turn.held.replies.push((CommandId(4), Reply::Accepted));
        assert_eq!(commit(&mut turn, &mut store, true), [(4, false)]);
        assert!(turn.is_settled());
    }

    #[test]
    fn the_store_hurries_only_when_somebody_waits() {
        let (mut turn, mut store) = (Turn::default(), Slow::default());
        turn.changes.push(Change::Delete { key: 1 });
        assert!(released(&mut turn, &mut store).is_empty());
        assert!(!store.hurried, "a refresh, or a document that is on its way");
        // Nothing to store, but what came before must be durable first.
        turn.held.replies.push((CommandId(1), Reply::Accepted));
        assert!(released(&mut turn, &mut store).is_empty());
        assert!(std::mem::take(&mut store.hurried));
        turn.changes.push(Change::Delete { key: 2 });
        turn.held.replies.push((CommandId(2), Reply::Accepted));
        assert!(released(&mut turn, &mut store).is_empty());
        assert!(store.hurried);
    }

    #[test]
    fn replies_without_more_time_are_taken_and_the_others_wait_on() {
        let (mut turn, mut store) = (Turn::default(), Slow::default());
        for id in 1..=4 {
            turn.changes.push(Change::Delete { key: id });
            turn.held.replies.push((CommandId(id), Reply::Accepted));
            assert!(released(&mut turn, &mut store).is_empty());
        }
        let late = turn.overdue(|id| id.0 % 2 == 0);
        let late: Vec<u64> = late.into_iter().map(|(id, _)| id.0).collect();
        assert_eq!(late, [2, 4]);
        store.done = store.taken;
        assert_eq!(released(&mut turn, &mut store), [1, 3]);
    }

    #[test]
    fn replies_wait_for_the_commit_and_keep_their_order() {
        let (mut turn, mut store) = (Turn::default(), Slow::default());
        turn.changes.push(Change::Delete { key: 1 });
        turn.held.replies.push((CommandId(1), Reply::Accepted));
        assert!(released(&mut turn, &mut store).is_empty());
        // Nothing to store in this turn, but it must not overtake the one before.
        turn.held.replies.push((CommandId(2), Reply::Accepted));
        assert!(released(&mut turn, &mut store).is_empty());
        assert!(!turn.is_settled());
        store.done = store.taken;
        assert_eq!(released(&mut turn, &mut store), [1, 2]);
        assert!(turn.is_settled());
        turn.held.replies.push((CommandId(3), Reply::Accepted));
        assert_eq!(released(&mut turn, &mut store), [3]);
    }
}
