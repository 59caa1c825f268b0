//! Several engines: presentities are divided among them by the hash of their URI.
//!
//! The daemon's own thread has the first engine. It alone reads: the sockets and the FIFO of the
//! management interface, and SIP; it alone answers calls, commits, and numbers events. Each further
//! engine is a thread with a user agent of its own, which does everything else for its presentities:
//! parses, matches, keeps, refreshes, reads documents, and sends by the same UDP sockets. So there is
//! one SIP port however many engines there are, and one order of commits and events.
//!
//! ```text
//!              command, message for the presentities of engine 2
//!  daemon ──────────────────────────────────────────────────────► engine 2 ──► UDP
//!    ▲          changes, replies, events, what goes by TCP            │
//!    └───────────────────────────────────────────────────────────────┘
//! ```
//!
//! What goes over at the end of a turn goes over in one piece. No engine ever waits for another, nor
//! for the daemon; the daemon waits for an engine's present turn only where somebody asks what is
//! held ([`Together`]).

mod batch;
mod engine;
mod link;
mod tally;
mod together;

use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Instant;

use pua_core::{
    Addressee, Command, CommandId, Flow, Input, Share, UserAgent, addressee, engine_of_slot, slot_of,
    slot_of_tag,
};

use super::handle::Bell;
use super::turn::Turn;
use crate::sip::{Lost, Resolved};
pub(super) use batch::Done;
use engine::Engine;
use link::Link;
use tally::Tally;
pub(super) use together::Together;

/// The most engines that can be asked for.
pub(crate) const MOST: u8 = 32;

/// An engine has ended without having been told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "engine {0} has ended by a fault of its own: please report it, with the lines of the log before this one"
)]
pub(super) struct EngineEnded(u8);

/// Who has which presentities, and the ways to those that other threads have. The daemon's own
/// engine has the number 0.
#[derive(Default)]
pub(super) struct Division {
    /// In the order of their numbers, from 1 on.
    links: Vec<Link>,
    /// Those that do not run yet.
    waiting: Vec<Engine>,
    /// Who has the dialog with this tag of ours, where the tag does not say so: it was made before
    /// tags said it.
    moved: HashMap<Box<str>, u8>,
    /// The highest keys of the records that were taken up.
    keys: (u64, u64),
    tally: Arc<Tally>,
}

/// What the engines have in common.
pub(super) struct Common<'a> {
    pub(super) now: Instant,
    /// The sockets that the daemon reads.
    pub(super) udp: &'a [UdpSocket],
    /// Tells the daemon that there is a report.
    pub(super) daemon: &'a Arc<Bell>,
}

impl Division {
    /// Makes further engines, so that there are `of` in all. `configure` gives the settings of one,
    /// `seed` random bits.
    ///
    /// # Errors
    /// The system gives no further handles of the sockets, or no poller.
    pub(super) fn new(
        of: u8,
        common: &Common<'_>,
        configure: impl Fn(Share) -> pua_core::Config,
        seed: impl Fn() -> anyhow::Result<[u8; 32]>,
    ) -> anyhow::Result<Division> {
        let mut division = Division::default();
        division.tally = Arc::new(Tally::new(of));
        for number in 1..of {
            let share = Share { engine: number, of };
            let agent = UserAgent::new(common.now, configure(share), seed()?);
            let (engine, link) = Engine::new(share, agent, common, division.tally.clone())?;
            division.links.push(link);
            division.waiting.push(engine);
        }
        Ok(division)
    }

    /// Which engine the daemon's own is, and of how many.
    pub(super) fn share(&self) -> Share {
        Share {
            engine: 0,
            of: self.engines(),
        }
    }

    fn engines(&self) -> u8 {
        u8::try_from(self.links.len() + 1).unwrap_or(u8::MAX)
    }

    /// Whether there is but one engine.
    fn is_whole(&self) -> bool {
        self.links.is_empty()
    }

    /// The number of the engine that has a presentity; what is no URI is the first one's to refuse.
    fn owner(&self, presentity: &str) -> u8 {
        match self.is_whole() {
            true => 0,
            false => slot_of(presentity).map_or(0, |slot| engine_of_slot(slot, self.engines())),
        }
    }

    fn link(&mut self, engine: u8) -> Option<&mut Link> {
        self.links.get_mut(usize::from(engine).checked_sub(1)?)
    }

    /// Takes up a record of an earlier life, if it is another engine's; else gives it back. Before
    /// [`Division::start`].
    pub(super) fn restore<'a>(&mut self, now: Instant, input: Input<'a>) -> Option<Input<'a>> {
        let owner = match &input {
            Input::Restore(record) => {
                self.keys.0 = self.keys.0.max(record.key);
                self.owner(&record.name.presentity)
            }
            Input::RestoreSubscription(record) => {
                self.keys.1 = self.keys.1.max(record.key);
                let owner = self.owner(&record.name.presentity);
                if !self.is_whole() && self.told_by(&record.from_tag) != Some(owner) {
                    self.moved.insert(Box::from(&*record.from_tag), owner);
                }
                owner
            }
            _ => 0,
        };
        let Some(engine) = usize::from(owner)
            .checked_sub(1)
            .and_then(|at| self.waiting.get_mut(at))
        else {
            return Some(input);
        };
        engine.feed(now, input);
        None
    }

    /// Runs the engines: all that was held is taken up.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(&mut self, agent: &mut UserAgent) -> std::io::Result<()> {
        let (publications, subscriptions) = self.keys;
        agent.skip_keys(publications, subscriptions);
        self.note(agent);
        for (mut engine, link) in self.waiting.drain(..).zip(&mut self.links) {
            engine.skip_keys(publications, subscriptions);
            link.start(engine)?;
        }
        Ok(())
    }

    /// The engine that a tag names by itself.
    fn told_by(&self, tag: &str) -> Option<u8> {
        slot_of_tag(tag).map(|slot| engine_of_slot(slot, self.engines()))
    }

    /// Passes a message on to the engine it is for; `false`: to the daemon's own.
    pub(super) fn pass(&mut self, flow: &Flow, bytes: &[u8]) -> bool {
        if self.is_whole() {
            return false;
        }
        let engine = match addressee(bytes) {
            Addressee::Engine(engine) => engine,
            Addressee::Dialog(tag) => match self.moved.get(tag) {
                Some(engine) => *engine,
                None => self.told_by(tag).unwrap_or(0),
            },
            Addressee::Anyone => 0,
        };
        match self.link(engine) {
            Some(link) => {
                link.message(flow, bytes);
                true
            }
            None => false,
        }
    }

    /// Gives a command to the engine that has its presentity; gives it back if it is the daemon's
    /// own.
    pub(super) fn command(&mut self, id: CommandId, command: Command) -> Option<Command> {
        let owner = self.owner(command.presentity());
        match self.link(owner) {
            Some(link) => {
                link.command(id, command);
                None
            }
            None => Some(command),
        }
    }

    /// What was sent did not arrive: whose it was is not known.
    pub(super) fn lost(&mut self, lost: Lost) {
        for link in &mut self.links {
            link.lost(lost);
        }
    }

    /// The resolver's answer: whoever has asked.
    pub(super) fn resolved(&mut self, host: &Arc<str>, answer: &Resolved) {
        for link in &mut self.links {
            link.resolved(host.clone(), answer.clone());
        }
    }

    /// The configuration has changed.
    pub(super) fn configure(&mut self, settings: impl Fn(Share) -> pua_core::Config) {
        let of = self.engines();
        for (link, engine) in self.links.iter_mut().zip(1..) {
            link.configure(settings(Share { engine, of }));
        }
    }

    /// Begins the graceful stop.
    pub(super) fn stop(&mut self, remove: bool) {
        for link in &mut self.links {
            link.stop(remove);
        }
    }

    /// Hands over what has gathered for the engines in this turn.
    pub(super) fn dispatch(&mut self) {
        for link in &mut self.links {
            link.dispatch();
        }
    }

    /// Takes in what the engines have done.
    pub(super) fn absorb(&mut self, turn: &mut Turn) {
        for link in &mut self.links {
            link.absorb(turn);
        }
    }

    /// What did not arrive of what engines have sent.
    pub(super) fn take_lost(&mut self) -> Vec<Lost> {
        let mut all = Vec::new();
        for link in &mut self.links {
            all.append(&mut link.lost);
        }
        all
    }

    /// Before the daemon's own engine takes something in: what the others hold counts in its limits.
    pub(super) fn tell(&self, agent: &mut UserAgent) {
        if !self.is_whole() {
            agent.held_elsewhere(self.tally.elsewhere(0));
        }
    }

    /// After it: what it holds now.
    pub(super) fn note(&self, agent: &UserAgent) {
        if !self.is_whole() {
            self.tally.set(0, agent.held());
        }
    }

    /// Whether no engine has anything under way, and all it has done was taken in.
    pub(super) fn is_idle(&self) -> bool {
        self.links.iter().all(Link::is_idle)
    }

    /// An engine that has ended though nobody told it to.
    pub(super) fn fault(&self) -> Option<EngineEnded> {
        let mut numbered = self.links.iter().zip(1..);
        numbered
            .find(|(link, _)| link.has_ended())
            .map(|(_, number)| EngineEnded(number))
    }

    /// Ends the engines: each does what it was given, sends what waits, and reports once more.
    pub(super) fn end(&mut self) {
        for link in &mut self.links {
            link.end();
        }
        for link in &mut self.links {
            link.join();
        }
    }

    /// Ends the engines at once: nothing more is sent.
    pub(super) fn cease(&mut self) {
        for link in &mut self.links {
            link.cease();
        }
        for link in &mut self.links {
            link.join();
        }
    }
}

impl Drop for Division {
    fn drop(&mut self) {
        self.cease();
    }
}

#[cfg(test)]
mod tests;
