//! The stream of events: what has become of publications and subscriptions, and every state that a
//! notifier told, for applications.
//!
//! # The stream
//!
//! The engine's thread gives each event of the user agent a number, without holes, and puts it into
//! a bounded ring ([`Inlet`]): constant time, no lock, no JSON. With a store on disk the numbers go
//! on growing from life to life of the daemon, with a hole between two; without one they begin
//! anew. A [`Cursor`] is a number with the life it belongs to ([`Life`]).
//!
//! A carrier (SSE, WebSocket, stream socket, webhook, datagram, file ...) attaches to the [`Feed`]
//! and gets a [`Consumer`], which reads at its own pace and can hold up neither the engine nor
//! another consumer:
//!
//! ```ignore
//! let filter = Filter::default().presentity("sip:alice@example.com").kind(Kind::State);
//! let mut consumer = feed.attach(filter, Start::SNAPSHOT)?;
//! while let Some(item) = consumer.next().await {          // None: the daemon stops
//!     let line = item.json(false);                        // one JSON object, shared by all
//!     write(&line).await?;
//!     if let Some(cursor) = item.cursor() { remember(cursor.to_string()); }
//! }
//! ```
//!
//! [`Consumer::next`] may be cancelled (`select!`). [`Consumer::try_next`] gets what is there, so
//! that many events go out with one write. [`Item::event`] is the user agent's own event for
//! carriers with another form than ours. [`Request`] reads filter and start from query parameters
//! or JSON, with the same names everywhere.
//!
//! # What a consumer gets
//!
//! 1. Without a cursor: `snapshot_begin`, a row for each publication, subscription and known state
//!    (`"snapshot":true`), `snapshot_end`, then every change. The snapshot is taken page by page
//!    ([`snapshot`]); changes that happen in between come where they belong, between its rows, so
//!    that whoever applies all in order is right at each point. What comes before `snapshot_end`
//!    has no cursor: nobody can go on from the middle of a snapshot.
//! 2. With a cursor: exactly what came after it.
//! 3. What has fallen out of the ring before it was read is told: `gap`, with the first and last
//!    number lost, then a fresh snapshot. A cursor of an earlier life is a gap as well, of unknown
//!    length.
//! 4. Consumers that want no snapshots (`snapshot=false`) begin with `attached`, and go on after a
//!    gap with the oldest event that is left.
//!
//! An event is told when the store has what belongs to it, never before; the numbers are in the
//! order in which things happened.
//!
//! [`carriers`](crate::carriers) are those that the daemon runs by itself.
//!
//! # Bounds
//!
//! `[events]`: `ring` (events), `ring_bytes` (about), `consumers`. A consumer holds one page of a
//! snapshot at most. The JSON form of an event is made once, by the first consumer that asks, on
//! its thread.

mod consumer;
mod cursor;
mod entry;
mod feed;
mod filter;
mod render;
mod request;
mod ring;
mod snapshot;
#[cfg(test)]
pub(crate) mod test_feed;

pub(crate) use consumer::{Consumer, Item, Start};
pub(crate) use cursor::{Cursor, Epoch, Life};
pub(crate) use feed::{Bounds, Feed, Inlet, stream};
pub(crate) use filter::{Filter, Kind};
pub(crate) use request::{BadRequest, Request, cursor, names_a_package, names_somebody};
pub(crate) use snapshot::Ask;
