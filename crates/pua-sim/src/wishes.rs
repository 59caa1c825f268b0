//! What the applications want, and whether they were answered.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pua_core::{CommandId, Document, FailureOrigin, PublicationName, Refusal, Reply};

use crate::life::Life;
use crate::violation::Violation;
use crate::wire::{Operation, Sent, Wire};

/// How long an exchange can go on with the Expires it began with: two servers' time-outs, and
/// waiting for the resolver.
const EXCHANGE: Duration = Duration::from_secs(120);

/// What is wanted of one publication.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) revision: u64,
    pub(crate) document: Document,
    pub(crate) until: Option<Instant>,
    pub(crate) gone: bool,
}

impl Wish {
    pub(crate) fn stands(&self, now: Instant) -> bool {
        !self.gone && self.until.is_none_or(|until| until > now)
    }
}

/// What a command must be answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// At once.
    Accepted,
    /// An outcome, in time.
    Outcome,
    /// This refusal.
    Refused(Refusal),
}

#[derive(Clone, Debug)]
struct Pending {
    publication: usize,
    /// The revision that it brings, if it is a publish.
    revision: Option<u64>,
    deadline: Instant,
    expected: Expected,
}

/// All that is wanted, and all commands without an answer.
#[derive(Clone, Default)]
pub struct Wishes {
    pub(crate) names: Vec<PublicationName>,
    pub(crate) wishes: BTreeMap<usize, Wish>,
    pending: BTreeMap<CommandId, Pending>,
    /// From when on each end of a lifetime was wanted.
    history: Vec<(usize, Instant, Option<Instant>)>,
    pub(crate) default_expires: u32,
    pub(crate) min_expires: u32,
    serial: u64,
    revisions: u64,
    pub(crate) replies: u64,
}

impl Wishes {
    pub(crate) fn new(life: &Life) -> Wishes {
        Wishes {
            names: life.names.clone(),
            default_expires: life.default_expires,
            min_expires: life.min_expires,
            ..Wishes::default()
        }
    }

    pub(crate) fn index(&self, name: &PublicationName) -> Option<usize> {
        self.names.iter().position(|other| other == name)
    }

    pub(crate) fn next_revision(&mut self) -> u64 {
        self.revisions += 1;
        self.revisions
    }

    /// A command is given. `revision` is that of the document which the publication then has.
    pub(crate) fn commanded(
        &mut self,
        now: Instant,
        publication: usize,
        revision: Option<u64>,
        timeout: Duration,
        expected: Option<Expected>,
    ) -> CommandId {
        self.serial += 1;
        let id = CommandId(self.serial);
        if let Some(expected) = expected {
            let deadline = match expected {
                Expected::Outcome => now + timeout,
                _ => now,
            };
            let pending = Pending {
                publication,
                revision,
                deadline,
                expected,
            };
            self.pending.insert(id, pending);
        }
        id
    }

    /// From now on this is wanted.
    pub(crate) fn wants(&mut self, now: Instant, publication: usize, wish: Wish) {
        self.history.push((publication, now, wish.until));
        self.wishes.insert(publication, wish);
    }

    /// R3903-21: each exchange brings the latest; and Expires asks for no more than is wanted.
    pub(crate) fn sent(&self, now: Instant, sent: &Sent, wire: &Wire) -> Result<(), Violation> {
        let publication = sent.publication;
        let Some(wish) = self.wishes.get(&publication) else {
            return Err(Violation::message(format!(
                "publication {publication} was never wanted"
            )));
        };
        if sent.begins && sent.revision.is_some_and(|revision| revision != wish.revision) {
            return Err(Violation::message(format!(
                "publication {publication}: revision {:?} is sent, revision {} is wanted",
                sent.revision, wish.revision
            )));
        }
        if sent.operation == Operation::Remove {
            return if wish.stands(now) && sent.begins {
                Err(Violation::message(format!(
                    "publication {publication} is removed while it is wanted"
                )))
            } else {
                Ok(())
            };
        }
        let least = wire.least.max(self.min_expires);
        let past = now.checked_sub(EXCHANGE).unwrap_or(now);
        let own: Vec<_> = self
            .history
            .iter()
            .filter(|(other, ..)| *other == publication)
            .collect();
        let most = own.iter().enumerate().filter_map(|(number, (_, from, until))| {
            let over = own.get(number + 1).map(|(_, from, _)| *from);
            if over.is_some_and(|over| over < past) {
                return None;
            }
            Some(match until {
                None => self.default_expires,
                Some(until) => until.saturating_duration_since((*from).max(past)).as_secs() as u32 + 1,
            })
        });
        let most = most.max().unwrap_or(0).max(least);
        if sent.expires > most {
            return Err(Violation::message(format!(
                "publication {publication}: Expires {} where at most {most} is wanted",
                sent.expires
            )));
        }
        Ok(())
    }

    /// A reply is given.
    pub(crate) fn replied(
        &mut self,
        now: Instant,
        id: CommandId,
        reply: &Reply,
        wire: &Wire,
    ) -> Result<(), Violation> {
        let Some(pending) = self.pending.remove(&id) else {
            return Err(Violation::bound(format!(
                "{id:?} is answered twice, or asked for no answer: {reply:?}"
            )));
        };
        self.replies += 1;
        if now > pending.deadline + Duration::from_millis(1) {
            return Err(Violation::bound(format!("{id:?} is answered too late")));
        }
        let fits = match (&pending.expected, reply) {
            (Expected::Accepted, Reply::Accepted) => true,
            (Expected::Refused(expected), Reply::Refused(given)) => expected == given,
            (Expected::Outcome, Reply::Final(_)) => true,
            _ => false,
        };
        if !fits {
            return Err(Violation::bound(format!(
                "{id:?} is answered {reply:?}, expected {:?}",
                pending.expected
            )));
        }
        if let Reply::Final(outcome) = reply
            && outcome.origin == FailureOrigin::Server
            && (200..300).contains(&outcome.code)
            && outcome.expires != Some(0)
        {
            let chain = wire.chains.get(&pending.publication);
            let acknowledged = chain.map_or(0, |chain| chain.acknowledged);
            if pending.revision.is_some_and(|revision| acknowledged < revision) {
                return Err(Violation::bound(format!(
                    "{id:?} is told that revision {:?} is published, the server has {acknowledged}",
                    pending.revision
                )));
            }
            let tag = chain.and_then(|chain| chain.tag.as_deref());
            if outcome.etag.is_some() && outcome.etag.as_deref() != tag {
                return Err(Violation::bound(format!(
                    "{id:?} is told another tag than {tag:?}"
                )));
            }
        }
        Ok(())
    }

    /// Nobody waits longer than he wanted to.
    pub(crate) fn overdue(&self, now: Instant) -> Result<(), Violation> {
        let late = self
            .pending
            .iter()
            .find(|(_, pending)| pending.deadline + Duration::from_millis(1) < now);
        match late {
            Some((id, pending)) => Err(Violation::bound(format!("{id:?} is not answered: {pending:?}"))),
            None => Ok(()),
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// The daemon is killed, and with it the connections of those who wait.
    pub(crate) fn killed(&mut self) {
        self.pending.clear();
    }
}
