//! What a database must be able to do to be a store: small enough that an embedded database and
//! one that several nodes share fit under it alike.
//!
//! # Several nodes
//!
//! A back end that is shared (PostgreSQL) divides the records into slots, `slot = hash(key) % n`,
//! and a node owns some of them for a time:
//!
//! - [`Backend::acquire`] renews what the node has and claims what is free; the [`Lease`] names
//!   each slot with the epoch under which it is owned. An embedded database has one slot.
//! - [`Backend::load`] reads the records of the lease's slots, also of slots that came later.
//! - [`Backend::commit`] begins its transaction with the check that every epoch of the lease is
//!   still the one in the database (`select ... for share`), so that an owner that was presumed
//!   dead can write nothing; it answers [`Trouble::Fenced`](crate::Trouble::Fenced).
//! - The user agent gets keys from blocks that are the node's own, so that none is given twice.
//!
//! The writer, the coalescing of changes, the clock and the alarm above it stay as they are.

use pua_core::{Change, PublicationRecord, SubscriptionRecord};

use crate::clock::{ClockLine, Reading};
use crate::error::Error;

/// A part of the records, and the epoch under which it is owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotLease {
    /// The slot; an embedded database has slot 0 only.
    pub slot: u16,
    /// Grows with each change of the owner; a write under an older one is refused.
    pub epoch: u64,
}

/// What is owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The slots.
    pub slots: Vec<SlotLease>,
    /// Events up to this number may have been told by earlier lives.
    pub events: u64,
    /// Events up to this number may be told by this one.
    pub reserved: u64,
    /// A number that no other life of any daemon on this store has had.
    pub life: u64,
}

/// A record of an earlier life.
#[derive(Clone, Debug)]
pub enum Restored {
    /// A publication.
    Publication(Box<PublicationRecord>),
    /// A subscription.
    Subscription(Box<SubscriptionRecord>),
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Publications.
    pub publications: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// The clocks that earlier lives wrote times by.
    pub clocks: Vec<ClockLine>,
}

/// Changes to be written together: all of them or none.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Under what right.
    pub lease: &'a Lease,
    /// The clock that times are written by.
    pub clock: &'a ClockLine,
    /// The time now.
    pub reading: &'a Reading,
    /// At most one change of a publication and one of a subscription, ordered by key: as
    /// [`coalesce`](crate::coalesce()) leaves them.
    pub changes: &'a [Change],
    /// Events up to this number may be told from now on; `None`: as before.
    pub events: Option<u64>,
}

/// A database.
pub trait Backend: Send {
    /// Becomes the owner. Called first, and once. `events`: how many numbers of events to reserve.
    ///
    /// # Errors
    /// Another daemon owns it, or it cannot be written.
    fn acquire(&mut self, reading: &Reading, events: u64) -> Result<Lease, Error>;

    /// Gives all records, publications first, each kind in the order of its keys.
    ///
    /// # Errors
    /// It cannot be read, or what it holds makes no sense.
    fn load(&mut self, reading: &Reading, take: &mut dyn FnMut(Restored)) -> Result<Loaded, Error>;

    /// Writes a batch. It is durable when this returns `Ok`, and not there at all after an error.
    ///
    /// # Errors
    /// It cannot be written now; the same batch or a later one may be tried again.
    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), Error>;

    /// What is to be done now and then on another thread, so that commits need not wait for it. It
    /// also sees that somebody else has become the owner, by [`Trouble::Fenced`](crate::Trouble),
    /// where no commit would for a long time.
    fn upkeep(&mut self, lease: &Lease) -> Option<Box<dyn Upkeep>> {
        let _ = lease;
        None
    }

    /// Ends it cleanly.
    ///
    /// # Errors
    /// Something could not be tidied up; nothing that was committed is lost.
    fn close(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }
}

/// Recurrent work, once a second.
pub trait Upkeep: Send {
    /// Does it if there is something to do.
    ///
    /// # Errors
    /// It could not be done; it is tried again in a second.
    fn run(&mut self) -> Result<UpkeepFigures, Error>;
}

/// What upkeep has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpkeepFigures {
    /// Bytes of the database.
    pub bytes: u64,
    /// Bytes that are written but not yet in their place (SQLite: the WAL).
    pub log_bytes: u64,
    /// Whether something was brought to its place.
    pub worked: bool,
}
