//! What the applications want to watch, what they were told, and whether they were answered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pua_core::{
    CommandId, Event, Next, Refusal, Reply, SubscriptionChange, SubscriptionName, SubscriptionState,
};

use super::resource::{Kind, Told};
use crate::document::mark;
use crate::violation::Violation;

/// How long an exchange can go on with the Expires it began with.
const EXCHANGE: Duration = Duration::from_secs(120);
/// What is in every document of a stranger.
pub(crate) const STRANGER: &str = "STRANGER";

/// What is wanted of one subscription.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) until: Option<Instant>,
    pub(crate) gone: bool,
}

/// What a command must be answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Accepted,
    Outcome,
    Refused(Refusal),
    /// A publication's.
    Published,
}

#[derive(Clone, Debug)]
struct Pending {
    watch: usize,
    fetch: bool,
    deadline: Instant,
    expected: Expected,
}

/// All that is wanted, told, and waited for.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) names: Vec<SubscriptionName>,
    default_expires: Option<u32>,
    pub(crate) wishes: BTreeMap<usize, Wish>,
    history: Vec<(usize, Instant, Wish)>,
    pending: BTreeMap<CommandId, Pending>,
    serial: u64,
    /// Documents have marks that go up.
    pub(crate) counted: bool,
    /// By subscription, and by dialog usage where it may have several.
    pub(crate) told: BTreeMap<(usize, u64), Told>,
    /// The dialog usages of each.
    usages: BTreeMap<u64, usize>,
    over: BTreeSet<u64>,
    last: BTreeMap<usize, (u64, Bytes)>,
    /// What the application believes of each subscription.
    picture: BTreeMap<(usize, Option<u64>), SubscriptionState>,
    pub(crate) replies: u64,
    pub(crate) states: u64,
}

impl Wishes {
    pub(crate) fn new(names: Vec<SubscriptionName>, default_expires: Option<u32>) -> Wishes {
        Wishes {
            names,
            default_expires,
            ..Wishes::default()
        }
    }

    pub(crate) fn find(&self, presentity: &str, watcher: &str, event: &str) -> Option<usize> {
        self.names.iter().position(|name| {
            *name.presentity == *presentity && *name.watcher == *watcher && *name.package == *event
        })
    }

    pub(crate) fn index(&self, name: &SubscriptionName) -> Option<usize> {
        self.names.iter().position(|other| other == name)
    }

    pub(crate) fn wants(&self, watch: usize, now: Instant) -> bool {
        self.wishes
            .get(&watch)
            .is_some_and(|wish| !wish.gone && wish.until.is_none_or(|until| until > now))
    }

    /// How many fetches are waited for.
    pub(crate) fn fetching(&self, watch: usize) -> usize {
        self.pending
            .values()
            .filter(|pending| pending.fetch && pending.watch == watch)
            .count()
    }

    pub(crate) fn wish(&mut self, now: Instant, watch: usize, wish: Wish) {
        self.history.push((watch, now, wish));
        self.wishes.insert(watch, wish);
    }

    /// R6665-28: Expires asks for what is wanted, or for what the server insists on.
    pub(crate) fn expires_fits(
        &self,
        now: Instant,
        watch: usize,
        asked: u32,
        least: u32,
    ) -> Result<(), String> {
        let past = now.checked_sub(EXCHANGE).unwrap_or(now);
        let own: Vec<_> = self
            .history
            .iter()
            .filter(|(other, ..)| *other == watch)
            .collect();
        let mut fits = Vec::new();
        for (number, (_, from, wish)) in own.iter().enumerate() {
            if own.get(number + 1).is_some_and(|(_, over, _)| *over < past) {
                continue;
            }
            fits.push(match wish.until {
                None => {
                    let default = self.default_expires.unwrap_or(3600);
                    (default, default)
                }
                Some(until) => (
                    until.saturating_duration_since(now).as_secs() as u32,
                    until.saturating_duration_since((*from).max(past)).as_secs() as u32 + 1,
                ),
            });
        }
        let fit = fits
            .iter()
            .any(|(from, to)| (*from..=*to.max(&least)).contains(&asked));
        if fit {
            Ok(())
        } else {
            Err(format!(
                "Expires {asked}, where one of {fits:?} is wanted, at least {least}"
            ))
        }
    }

    /// A command is given.
    pub(crate) fn commanded(
        &mut self,
        now: Instant,
        watch: usize,
        fetch: bool,
        timeout: Duration,
        expected: Option<Expected>,
    ) -> CommandId {
        self.serial += 1;
        let id = CommandId(self.serial);
        if let Some(expected) = expected {
            let deadline = match expected {
                Expected::Outcome | Expected::Published => now + timeout,
                _ => now,
            };
            let fetch = fetch && expected == Expected::Outcome;
            self.pending.insert(
                id,
                Pending {
                    watch,
                    fetch,
                    deadline,
                    expected,
                },
            );
        }
        id
    }

    /// A reply is given.
    pub(crate) fn replied(&mut self, now: Instant, id: CommandId, reply: &Reply) -> Result<(), Violation> {
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
            (Expected::Published, Reply::Final(_) | Reply::Refused(Refusal::NotFound)) => true,
            (Expected::Outcome, Reply::Subscription(outcome)) => {
                for state in &outcome.states {
                    self.stranger(&state.body)?;
                }
                // A fetch is over when it is answered, unless it was a refresh.
                !pending.fetch
                    || matches!(
                        outcome.next,
                        Next::Ended | Next::Held | Next::Refused | Next::Retry { .. }
                    )
            }
            _ => false,
        };
        if fits {
            Ok(())
        } else {
            Err(Violation::bound(format!(
                "{id:?} is answered {reply:?}, expected {:?}",
                pending.expected
            )))
        }
    }

    fn stranger(&self, body: &[u8]) -> Result<(), Violation> {
        if body
            .windows(STRANGER.len())
            .any(|part| part == STRANGER.as_bytes())
        {
            return Err(Violation::equality("the state of a stranger is told"));
        }
        Ok(())
    }

    /// Whether the application believes that a subscription is in force.
    pub(crate) fn believes(&self, watch: usize) -> bool {
        self.picture
            .iter()
            .any(|((other, _), state)| *other == watch && *state == SubscriptionState::Active)
    }

    /// Under what the states of a dialog usage are kept: where there can be one only, what an
    /// earlier one told stands until it is told anew.
    pub(crate) fn place(&self, watch: usize, dialog: u64) -> (usize, u64) {
        let name = &self.names[watch];
        let several = Kind::of(&name.presentity, &name.package).is_several();
        (watch, if several { dialog } else { 0 })
    }

    /// An event is told. A subscription that is no more is returned.
    pub(crate) fn event(&mut self, event: &Event) -> Result<Option<usize>, Violation> {
        match event {
            Event::State {
                name,
                dialog,
                state,
                changed,
            } => {
                let watch = self
                    .index(name)
                    .ok_or_else(|| Violation::equality("state of what nobody named"))?;
                self.stranger(&state.body)?;
                if self.over.contains(dialog) {
                    return Err(Violation::equality("state by a dialog usage that was over"));
                }
                self.states += 1;
                self.usages.insert(*dialog, watch);
                let place = self.place(watch, *dialog);
                self.told.entry(place).or_default().tell(state);
                if matches!(
                    Kind::of(&name.presentity, &name.package),
                    Kind::Presence | Kind::Opaque
                ) {
                    let revision = mark(&state.body).map_or(0, |(_, revision)| revision);
                    let before = self.last.insert(watch, (revision, state.body.clone()));
                    let same = before.as_ref().is_some_and(|(_, body)| *body == state.body);
                    if same == *changed {
                        return Err(Violation::equality(format!(
                            "subscription {watch}: changed is {changed}, told {:?}, before that {before:?}",
                            state.body
                        )));
                    }
                    if self.counted && before.is_some_and(|(before, _)| before > revision && revision > 0) {
                        return Err(Violation::equality(format!(
                            "subscription {watch}: revision {revision} is told after a later one"
                        )));
                    }
                }
            }
            Event::Subscription { name, dialog, change } => {
                let watch = self
                    .index(name)
                    .ok_or_else(|| Violation::equality("a subscription that nobody named"))?;
                match change {
                    SubscriptionChange::Active { .. } => {
                        self.picture.insert((watch, *dialog), SubscriptionState::Active);
                    }
                    SubscriptionChange::Pending { .. } => {
                        self.picture.insert((watch, *dialog), SubscriptionState::Pending);
                    }
                    SubscriptionChange::Terminated { next, .. } => {
                        match dialog {
                            Some(dialog) => {
                                self.over.insert(*dialog);
                                self.picture.remove(&(watch, Some(*dialog)));
                                self.told.remove(&(watch, *dialog));
                            }
                            None => {
                                self.picture.retain(|(other, _), _| *other != watch);
                                let usages = self.usages.iter().filter(|(_, other)| **other == watch);
                                self.over.extend(usages.map(|(usage, _)| *usage));
                                if Kind::of(&name.presentity, &name.package).is_several()
                                    || *next == Next::Ended
                                {
                                    self.told.retain(|(other, _), _| *other != watch);
                                }
                            }
                        }
                        if *next == Next::Ended && dialog.is_none() {
                            self.last.remove(&watch);
                            return Ok(Some(watch));
                        }
                    }
                    SubscriptionChange::Retrying { .. } | SubscriptionChange::Refused { .. } => {
                        self.picture.retain(|(other, _), _| *other != watch);
                    }
                }
            }
            _ => {}
        }
        Ok(None)
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

    /// The daemon is killed: those who wait are gone, and its numbers begin anew.
    pub(crate) fn killed(&mut self) {
        self.pending.clear();
        self.told.clear();
        self.usages.clear();
        self.over.clear();
        self.last.clear();
        self.picture.clear();
    }
}
