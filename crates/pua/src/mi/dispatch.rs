//! The desk where requests are taken and answers handed out: each call of a request gets exactly
//! one answer, and those of a batch go out together once all are there.

use std::time::Instant;

use pua_core::{Command, CommandId};
use pua_mi::{Answer, MiError, Reply, ReplyName, Request};
use slab::Slab;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::datagram::Origin;
use super::translate::{self, About, Clock, Plan};

/// Where the answer to a request goes.
#[derive(Debug)]
pub(crate) enum ReplyTo {
    /// Nobody can be answered.
    Nobody,
    /// A reply FIFO.
    Fifo(ReplyName),
    /// The sender of a datagram.
    Datagram(Origin),
    /// A front-end of its own.
    Channel(oneshot::Sender<Option<Vec<u8>>>),
}

/// An answer that can go out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) to: ReplyTo,
    /// `None`: nothing is to be answered, which only front-ends want to know.
    pub(crate) bytes: Option<Vec<u8>>,
}

/// Those who do what calls ask for.
pub(crate) trait Order {
    /// Why a command cannot be taken on at present.
    fn refusal(&self, command: &Command) -> Option<MiError>;
    /// The user agent takes a command; its reply comes later by [`Desk::settle`].
    fn command(&mut self, id: CommandId, command: Command);
    /// The daemon answers by itself.
    fn answer(&mut self, command: pua_mi::Command) -> Reply;
}

/// A request whose answer is not complete.
#[derive(Debug)]
struct Exchange {
    answer: Answer,
    replies: SmallVec<[Option<Reply>; 1]>,
    open: usize,
    to: ReplyTo,
}

/// A call that the user agent works on.
#[derive(Clone, Copy, Debug)]
struct Slot {
    id: CommandId,
    exchange: usize,
    place: usize,
    about: About,
    /// The caller counts on it that what is asked for outlives the daemon.
    durable: bool,
    /// When the caller has had enough.
    deadline: Instant,
}

/// The requests under way.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    exchanges: Slab<Exchange>,
    slots: Slab<Slot>,
    serial: u64,
}

/// Bits of a command's number that say where its slot is.
const SLOT_BITS: u32 = 24;

impl Desk {
    /// Calls that wait for the user agent.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Takes a request in; its answer if that is complete already.
    pub(crate) fn take(&mut self, request: Request, to: ReplyTo, order: &mut impl Order) -> Option<Outgoing> {
        let mut replies: SmallVec<[Option<Reply>; 1]> = SmallVec::new();
        let mut waiting: SmallVec<[(usize, About, Command); 1]> = SmallVec::new();
        for (place, call) in request.calls.into_iter().enumerate() {
            let reply = match call.command {
                Err(error) => Some(Reply::Error(error)),
                Ok(command) => match translate::plan(command, call.wants_reply) {
                    Plan::Own(command) => Some(order.answer(command)),
                    Plan::Core(command, about, early) => {
                        if let Some(error) = order.refusal(&command) {
                            Some(Reply::Error(error))
                        } else if early.is_some() || !call.wants_reply {
                            order.command(self.unheard(), command);
                            Some(early.unwrap_or_else(|| translate::accepted(about)))
                        } else {
                            waiting.push((place, about, command));
                            None
                        }
                    }
                },
            };
            replies.push(reply);
        }
        let mut exchange = Exchange {
            answer: request.answer,
            replies,
            open: waiting.len(),
            to,
        };
        if waiting.is_empty() {
            return Some(exchange.finish());
        }
        let entry = self.exchanges.vacant_entry();
        let at = entry.key();
        for (place, about, command) in waiting {
            if self.slots.len() >= 1 << SLOT_BITS {
                // As many as can be told apart; the user agent's own limit is far below.
                exchange.open -= 1;
                if let Some(reply) = exchange.replies.get_mut(place) {
                    *reply = Some(Reply::Error(MiError::busy()));
                }
                continue;
            }
            self.serial += 1;
            let slot = self.slots.vacant_entry();
            let id = CommandId((self.serial << SLOT_BITS) | slot.key() as u64);
            slot.insert(Slot {
                id,
                exchange: at,
                place,
                about,
                durable: translate::is_durable(&command),
                deadline: Instant::now() + translate::timeout(&command),
            });
            order.command(id, command);
        }
        if exchange.open == 0 {
            return Some(exchange.finish());
        }
        entry.insert(exchange);
        None
    }

    /// A number that no answer belongs to.
    fn unheard(&mut self) -> CommandId {
        self.serial += 1;
        CommandId((self.serial << SLOT_BITS) | ((1 << SLOT_BITS) - 1))
    }

    /// Whether the caller has no more time to wait.
    pub(crate) fn is_overdue(&self, now: Instant, id: CommandId) -> bool {
        let slot = usize::try_from(id.0 & ((1 << SLOT_BITS) - 1)).ok();
        let slot = slot.and_then(|index| self.slots.get(index));
        slot.is_some_and(|slot| slot.id == id && slot.deadline <= now)
    }

    /// Takes the user agent's reply in; the whole answer if that was the last one missing. With a
    /// `doubt` the changes that belong to the reply are not durable, and whoever counts on that is
    /// told so instead of a success.
    pub(crate) fn settle(
        &mut self,
        clock: &Clock,
        id: CommandId,
        reply: pua_core::Reply,
        doubt: Option<&MiError>,
    ) -> Option<Outgoing> {
        let index = usize::try_from(id.0 & ((1 << SLOT_BITS) - 1)).ok()?;
        let slot = *self.slots.get(index).filter(|slot| slot.id == id)?;
        self.slots.remove(index);
        let exchange = self.exchanges.get_mut(slot.exchange)?;
        if let Some(place) = exchange.replies.get_mut(slot.place) {
            let doubt = doubt.filter(|_| slot.durable && translate::is_success(&reply));
            *place = Some(match doubt {
                Some(doubt) => Reply::Error(doubt.clone()),
                None => translate::reply(clock, slot.about, reply),
            });
        }
        exchange.open = exchange.open.saturating_sub(1);
        if exchange.open > 0 {
            return None;
        }
        self.exchanges
            .try_remove(slot.exchange)
            .map(|mut exchange| exchange.finish())
    }

    /// Answers everything that is left with this: the daemon ends.
    pub(crate) fn close(&mut self, told: &MiError) -> Vec<Outgoing> {
        self.slots.clear();
        self.exchanges
            .drain()
            .map(|mut exchange| {
                for missing in exchange.replies.iter_mut().filter(|reply| reply.is_none()) {
                    *missing = Some(Reply::Error(told.clone()));
                }
                exchange.finish()
            })
            .collect()
    }
}

impl Exchange {
    fn finish(&mut self) -> Outgoing {
        let replies: SmallVec<[Reply; 1]> = self
            .replies
            .drain(..)
            .map(|reply| reply.unwrap_or_else(|| Reply::Error(stopping())))
            .collect();
        Outgoing {
            to: std::mem::replace(&mut self.to, ReplyTo::Nobody),
            bytes: self.answer.encode(&replies),
        }
    }
}

/// What is told to whoever still waits when the daemon ends.
pub(crate) fn stopping() -> MiError {
    MiError::new(503, "Stopping").with_data("the daemon stops before the answer has come")
}

#[cfg(test)]
mod tests;
