//! Where publications outlive the daemon. In memory they do not: this is the seam for the store
//! that comes under it.

use pua_core::{Change, PublicationRecord};

/// A store of publications. The engine hands over the changes of a turn, and releases the turn's
/// replies and events once [`Store::committed`] has reached its number: what is acknowledged is
/// durable.
pub(crate) trait Store {
    /// What an earlier life left.
    ///
    /// # Errors
    /// The store cannot be read.
    fn load(&mut self) -> anyhow::Result<Vec<PublicationRecord>>;

    /// Takes the changes of turn `number`, in order, and leaves the vector empty. May return
    /// before they are durable.
    fn commit(&mut self, number: u64, changes: &mut Vec<Change>);

    /// The last turn all of whose changes are durable.
    fn committed(&self) -> u64;
}

/// Keeps nothing: the user agent's memory is all there is.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    last: u64,
}

impl Store for Memory {
    fn load(&mut self) -> anyhow::Result<Vec<PublicationRecord>> {
        Ok(Vec::new())
    }

    fn commit(&mut self, number: u64, changes: &mut Vec<Change>) {
        changes.clear();
        self.last = number;
    }

    fn committed(&self) -> u64 {
        self.last
    }
}
