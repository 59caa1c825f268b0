//! The members of a resource list.

use std::sync::Arc;

use super::held::Held;
use super::list::Row;
use crate::rlmi::InstanceState;
use crate::{Document, DocumentError};

/// One member of a resource list, or one notifier of it where the package allows several (RFC 4662 §5.5).
#[derive(Debug, Clone)]
pub struct Member {
    /// The resource's URI.
    pub uri: Box<str>,
    /// Its name for people to read.
    pub name: Option<Box<str>>,
    /// Which of the resource's notifiers; `None`: the list server knows of none yet.
    pub instance: Option<Box<str>>,
    /// The state of the list server's subscription to it.
    pub state: MemberState,
    /// Why that ended. To be told, not acted upon (RFC 4662 §5.5).
    pub reason: Option<Box<str>>,
    /// Why the last document was not taken; the one before it stays.
    pub fault: Option<Box<DocumentError>>,
    pub(super) held: Option<Held>,
    /// Whether the last list changed it.
    pub(super) changed: bool,
}

/// The state of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemberState {
    /// The list server has not told yet.
    Unknown,
    /// Its state is told.
    Active,
    /// Nobody has decided yet whether its state may be told.
    Pending,
    /// Its state is not told any more.
    Terminated,
}

impl MemberState {
    /// `unknown`, `active`, `pending` or `terminated`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Terminated => "terminated",
        }
    }
}

impl From<&InstanceState> for MemberState {
    fn from(state: &InstanceState) -> Self {
        match state {
            InstanceState::Active => Self::Active,
            InstanceState::Pending => Self::Pending,
            InstanceState::Terminated => Self::Terminated,
            InstanceState::Other(_) => Self::Unknown,
        }
    }
}

impl Member {
    /// All that is known of it, merged.
    pub fn document(&self) -> Option<&Arc<Document>> {
        self.held.as_ref().and_then(Held::document)
    }

    /// The same, without keeping what can be read again.
    pub fn read(&self) -> Option<Arc<Document>> {
        self.held.as_ref().and_then(Held::read)
    }

    /// Content type and octets of its last good body as it came.
    pub fn raw(&self) -> Option<(&str, &[u8])> {
        self.held.as_ref().map(Held::raw)
    }
}

/// The members of a list and of the lists in it.
#[derive(Debug, Clone, Default)]
pub struct Members<'a> {
    /// One for each level.
    pub(super) levels: Vec<std::slice::Iter<'a, Row>>,
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a Member;

    fn next(&mut self) -> Option<&'a Member> {
        loop {
            match self.levels.last_mut()?.next() {
                Some(Row::Member(member)) => return Some(member),
                Some(Row::List(nested)) => self.levels.push(nested.table.rows().iter()),
                None => {
                    self.levels.pop();
                }
            }
        }
    }
}
