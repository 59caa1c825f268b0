//! What the notifications of one dialog usage have said so far: versions checked, partial documents merged, resource
//! lists taken apart.

use std::sync::Arc;

use crate::conference::{self, ElementState};
use crate::{Document, DocumentError, document, multipart, rlmi};

mod held;
mod list;
mod member;
#[cfg(test)]
mod tests;
mod version;

use held::{Held, Step};
use list::Table;
pub use member::{Member, MemberState, Members};

/// What one dialog usage's NOTIFYs have said so far.
///
/// Held by the thousand: after [`EventState::rest`] it costs less than a hundred octets beside those of the body.
#[derive(Debug, Default)]
pub struct EventState {
    known: Option<Box<Known>>,
}

#[derive(Debug)]
struct Known {
    /// Whether a document has come in the present dialog.
    started: bool,
    content: Content,
}

#[derive(Debug)]
enum Content {
    One(Held),
    List(Table),
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// Something is new.
    Changed(Changes),
    /// A new version, or a full document, that says what was known; or an empty body, which says nothing.
    Same,
    /// A version that is not newer: discarded.
    Stale,
    /// Versions were missed: a refresh is wanted, which makes the notifier tell everything.
    Gap {
        /// Whether the document was used all the same. A partial `conference-info` is not (RFC 4575 §4.6).
        applied: bool,
        /// What it changed.
        changes: Changes,
    },
}

/// What is new.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Positions in [`EventState::members`] of the members that are new or other than before. Empty if there is no list.
    pub members: Vec<usize>,
    /// URIs that are no longer in the list.
    pub removed: Vec<Box<str>>,
}

impl Applied {
    /// What is new, if something may be.
    pub fn changes(&self) -> Option<&Changes> {
        match self {
            Self::Changed(changes)
            | Self::Gap {
                applied: true,
                changes,
            } => Some(changes),
            Self::Same | Self::Stale | Self::Gap { applied: false, .. } => None,
        }
    }

    /// Whether the subscription ought to be refreshed, so that the notifier tells everything.
    pub fn wants_refresh(&self) -> bool {
        matches!(self, Self::Gap { .. })
    }
}

impl EventState {
    /// Nothing known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the body of a NOTIFY in. An empty one says nothing, whatever its type.
    ///
    /// # Errors
    /// [`DocumentError`]: the document is broken, or would make what is kept too large; the state is as it was. A broken
    /// document of one member of a list is no error: it is told at that member ([`Member::fault`]).
    pub fn apply(&mut self, content_type: &str, body: &[u8]) -> Result<Applied, DocumentError> {
        self.apply_accepted(None, content_type, body)
    }

    /// The same where documents of a multipart body, and of members of a list, must be of the media type `accepted`: what
    /// is of another was never asked for (RFC 6665 §3.2.1), counts as broken, and changes nothing.
    ///
    /// # Errors
    /// As [`EventState::apply`].
    pub fn apply_accepted(
        &mut self,
        accepted: Option<&str>,
        content_type: &str,
        body: &[u8],
    ) -> Result<Applied, DocumentError> {
        if body.trim_ascii().is_empty() {
            return Ok(Applied::Same);
        }
        if multipart::is_multipart(content_type) {
            return self.apply_multipart(accepted, content_type, body);
        }
        if document::media_type(content_type).eq_ignore_ascii_case(rlmi::CONTENT_TYPE) {
            return self.apply_list(accepted, rlmi::read(body)?, None, body.len());
        }
        self.apply_one(content_type, body)
    }

    fn apply_multipart(
        &mut self,
        accepted: Option<&str>,
        content_type: &str,
        body: &[u8],
    ) -> Result<Applied, DocumentError> {
        let parts = multipart::Multipart::read(content_type, body)?;
        let Some(root) = parts.root() else {
            return Ok(Applied::Same);
        };
        if document::media_type(&root.content_type).eq_ignore_ascii_case(rlmi::CONTENT_TYPE) {
            return self.apply_list(accepted, rlmi::read(&root.body)?, Some(&parts), body.len());
        }
        document::check_accepted(accepted, &root.content_type)?;
        // signed, or with something beside it: the document is what counts
        self.apply_one(&root.content_type, &root.body)
    }

    fn apply_one(&mut self, content_type: &str, body: &[u8]) -> Result<Applied, DocumentError> {
        let step = Held::step(self.one(), self.started(), content_type, body)?;
        Ok(match step {
            Step::Stale => Applied::Stale,
            Step::Refused => Applied::Gap {
                applied: false,
                changes: Changes::default(),
            },
            Step::Taken { held, changed, gap } => {
                match held {
                    Some(held) => self.set(Content::One(held)),
                    None => self.start(),
                }
                match (gap, changed) {
                    (true, _) => Applied::Gap {
                        applied: true,
                        changes: Changes::default(),
                    },
                    (false, true) => Applied::Changed(Changes::default()),
                    (false, false) => Applied::Same,
                }
            }
        })
    }

    fn started(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.started)
    }

    /// Puts what is known now in the place of what was.
    fn set(&mut self, content: Content) {
        let new = Known {
            started: true,
            content,
        };
        match &mut self.known {
            Some(known) => **known = new,
            None => self.known = Some(Box::new(new)),
        }
    }

    fn start(&mut self) {
        if let Some(known) = &mut self.known {
            known.started = true;
        }
    }

    fn apply_list(
        &mut self,
        accepted: Option<&str>,
        list: rlmi::List,
        parts: Option<&multipart::Multipart<'_>>,
        octets: usize,
    ) -> Result<Applied, DocumentError> {
        let started = self.started();
        let known = match self.known.as_deref_mut().map(|known| &mut known.content) {
            Some(Content::List(table)) => Some(table),
            Some(Content::One(_)) | None => None,
        };
        let Some(update) = list::update(known.as_deref(), started, accepted, list, parts, octets)? else {
            return Ok(Applied::Stale);
        };
        let gap = update.gap();
        let first = known.is_none();
        let changes = match known {
            Some(table) => table.commit(update),
            None => {
                let mut table = Table::default();
                let changes = table.commit(update);
                self.set(Content::List(table));
                changes
            }
        };
        self.start();
        let same = changes.members.is_empty() && changes.removed.is_empty() && !first;
        Ok(match (gap, same) {
            (true, _) => Applied::Gap {
                applied: true,
                changes,
            },
            (false, true) => Applied::Same,
            (false, false) => Applied::Changed(changes),
        })
    }

    fn one(&self) -> Option<&Held> {
        match &self.known.as_ref()?.content {
            Content::One(held) => Some(held),
            Content::List(_) => None,
        }
    }

    fn list(&self) -> Option<&Table> {
        match &self.known.as_ref()?.content {
            Content::List(table) => Some(table),
            Content::One(_) => None,
        }
    }

    /// All that is known, merged. Of a resource list see [`EventState::members`].
    pub fn document(&self) -> Option<&Arc<Document>> {
        self.one()?.document()
    }

    /// The same, read anew from the octets if it is not kept, and not kept then.
    pub fn read(&self) -> Option<Arc<Document>> {
        self.one()?.read()
    }

    /// Gives up what can be read again from the octets: all but what partial documents were put together to. To be called
    /// when a notification has been dealt with.
    pub fn rest(&mut self) {
        match self.known.as_deref_mut().map(|known| &mut known.content) {
            Some(Content::One(held)) => held.rest(),
            Some(Content::List(table)) => table.rest(),
            None => {}
        }
    }

    /// Content type and octets of the last good body as it came: what may be a part of what is known only. Of a resource
    /// list each member has its own.
    pub fn raw(&self) -> Option<(&str, &[u8])> {
        Some(self.one()?.raw())
    }

    /// The members of a resource list, nested lists among them, ordered by URI; else none.
    pub fn members(&self) -> Members<'_> {
        self.list().map(Table::members).unwrap_or_default()
    }

    /// The URI of the resource list, if it is one.
    pub fn list_uri(&self) -> Option<&str> {
        self.list().map(Table::uri)
    }

    /// Whether the notifier says that there is nothing to watch any more, so that the subscription ought to end: a
    /// conference that is over (RFC 4575 §4.6).
    pub fn is_over(&self) -> bool {
        let Some(held) = self.one().filter(|held| held.is_of(conference::CONTENT_TYPE)) else {
            return false;
        };
        matches!(
            held.read().as_deref(),
            Some(Document::Conference(conference)) if conference.state == ElementState::Deleted
        )
    }

    /// A new dialog: versions are counted anew. What is known stays until its first document.
    pub fn restart(&mut self) {
        if let Some(known) = &mut self.known {
            known.started = false;
        }
    }
}
