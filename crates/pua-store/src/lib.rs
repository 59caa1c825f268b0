//! What outlives the daemon: publications, subscriptions and their dialog usages in a database.
//!
//! Three parts, each of which knows only the one below:
//!
//! - [`Writer`]: group commit on a thread of its own, above any database, once.
//! - [`Backend`]: what a database must be able to do. Written so that one that several nodes share
//!   fits under it as well; see [`backend`].
//! - [`Sqlite`], the embedded one; [`Memory`] and [`Faulty`] for tests.
//!
//! Opening a store, and using it:
//!
//! ```
//! use pua_store::{Backend, Durability, Memory, Opened, Reading, Boot, Writer};
//!
//! let boot = Boot::present();
//! let mut backend: Box<dyn Backend> = Box::new(Memory::default());
//! let reading = Reading::take(&boot, std::time::Instant::now);
//! let lease = backend.acquire(&reading, 1000)?;
//! let loaded = backend.load(&reading, &mut |record| drop(record))?;
//! let opened = Opened { backend, lease, loaded, boot, time: std::time::Instant::now, durability: Durability::Commit };
//! let mut writer = Writer::start(opened, || ())?;
//! writer.commit(1, &mut vec![pua_core::Change::Delete { key: 7 }], 1);
//! writer.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod backend;
mod clock;
mod coalesce;
mod error;
mod faulty;
mod intern;
mod memory;
pub mod sqlite;
mod writer;

pub use backend::{Backend, Batch, Lease, Loaded, Restored, SlotLease, Upkeep, UpkeepFigures};
pub use clock::{Boot, ClockLine, Past, Reading, Time};
pub use coalesce::coalesce;
pub use error::{Error, Trouble};
pub use faulty::{Faulty, Plan};
pub use memory::Memory;
pub use sqlite::Sqlite;
pub use writer::{Durability, Figures, GATHERING, Opened, STALL, Writer};
