//! What goes over from the daemon to an engine, and back.

use std::ops::Range;
use std::sync::Arc;

use pua_core::{Change, Command, CommandId, Event, Flow, Reply, Transmit};

use super::engine::Inside;
use crate::sip::{Lost, Resolved};

/// Messages as they came, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Messages {
    bytes: Vec<u8>,
    cuts: Vec<(Flow, Range<usize>)>,
}

impl Messages {
    pub(super) fn push(&mut self, flow: &Flow, message: &[u8]) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(message);
        self.cuts.push((*flow, from..self.bytes.len()));
    }

    /// In the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Flow, &[u8])> {
        self.cuts
            .iter()
            .map(|(flow, cut)| (flow, self.bytes.get(cut.clone()).unwrap_or_default()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cuts.is_empty()
    }

    /// Octets of all of them.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// What one turn of the daemon has for an engine.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) messages: Messages,
    pub(super) lost: Vec<Lost>,
    pub(super) commands: Vec<(CommandId, Command)>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.lost.is_empty() && self.commands.is_empty()
    }
}

/// What an engine is told.
pub(super) enum Order {
    Take(Batch),
    Configure(Box<pua_core::Config>),
    Resolved(Arc<str>, Resolved),
    /// Gracefully; with `true` withdraw what is published.
    Stop(bool),
    /// Report what has been done so far, then look.
    Look(Box<dyn FnOnce(&Inside<'_>) + Send>),
    /// Do what was told before this, and end.
    End,
}

/// What an engine tells.
pub(super) enum Report {
    Done(Done),
    /// The look that was ordered has been taken: all that it shows has been reported before.
    Seen,
}

/// What one turn of an engine has brought.
#[derive(Debug, Default)]
pub(in super::super) struct Done {
    pub(in super::super) changes: Vec<Change>,
    pub(in super::super) replies: Vec<(CommandId, Reply)>,
    pub(in super::super) events: Vec<Event>,
    /// What goes by TCP, whose connections the daemon has.
    pub(in super::super) transmits: Vec<Transmit>,
    /// Hosts whose addresses are wanted.
    pub(in super::super) hosts: Vec<Arc<str>>,
    /// What did not arrive; perhaps another engine's.
    pub(super) lost: Vec<Lost>,
    /// So many orders have been obeyed, and whether nothing is under way since.
    pub(super) standing: Standing,
}

/// How far an engine has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) orders: u64,
    pub(super) idle: bool,
}

impl Done {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.replies.is_empty()
            && self.events.is_empty()
            && self.transmits.is_empty()
            && self.hosts.is_empty()
            && self.lost.is_empty()
    }
}
