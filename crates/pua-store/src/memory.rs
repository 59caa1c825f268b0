//! A store in memory, for tests: it outlives whoever uses it, as a database does, but not the
//! process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pua_core::{Change, PublicationRecord, Setback, SubscriptionRecord};

use crate::backend::{Backend, Batch, Lease, Loaded, Restored, SlotLease};
use crate::clock::{ClockLine, Past, Reading};
use crate::error::{Error, Trouble};

/// A time as it is stored: the clock's number, and milliseconds by it.
type Stored = (i64, i64);

#[derive(Clone, Debug)]
struct Publication {
    record: PublicationRecord,
    until: Option<Stored>,
    expires_at: Option<Stored>,
    setback: SetbackTimes,
}

#[derive(Clone, Debug)]
struct Subscription {
    record: SubscriptionRecord,
    until: Option<Stored>,
    expires_at: Vec<Stored>,
    setback: SetbackTimes,
}

#[derive(Debug, Default)]
struct Tables {
    epoch: u64,
    events: u64,
    clocks: BTreeMap<i64, ClockLine>,
    publications: BTreeMap<u64, Publication>,
    subscriptions: BTreeMap<u64, Subscription>,
}

/// A store in memory; its clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    tables: Arc<Mutex<Tables>>,
}

impl Memory {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for Memory {
    fn acquire(&mut self, _reading: &Reading, events: u64) -> Result<Lease, Error> {
        let mut tables = self.tables();
        tables.epoch += 1;
        let told = tables.events;
        tables.events = told.saturating_add(events);
        Ok(Lease {
            slots: vec![SlotLease {
                slot: 0,
                epoch: tables.epoch,
            }],
            events: told,
            reserved: tables.events,
            life: tables.epoch,
        })
    }

    fn load(&mut self, reading: &Reading, take: &mut dyn FnMut(Restored)) -> Result<Loaded, Error> {
        let tables = self.tables();
        let clocks: Vec<ClockLine> = tables.clocks.values().cloned().collect();
        let past = Past::new(&clocks, reading);
        let instant = |(clock, at): Stored| {
            past.instant(clock, at)
                .ok_or_else(|| Error::new(Trouble::Corrupt, "no such clock"))
        };
        for held in tables.publications.values() {
            let mut record = held.record.clone();
            record.until = held.until.map(instant).transpose()?;
            record.expires_at = held.expires_at.map(instant).transpose()?;
            timed(record.setback.as_deref_mut(), held.setback, instant)?;
            take(Restored::Publication(Box::new(record)));
        }
        for held in tables.subscriptions.values() {
            let mut record = held.record.clone();
            record.until = held.until.map(instant).transpose()?;
            for (dialog, at) in record.dialogs.iter_mut().zip(&held.expires_at) {
                dialog.expires_at = instant(*at)?;
            }
            timed(record.setback.as_deref_mut(), held.setback, instant)?;
            take(Restored::Subscription(Box::new(record)));
        }
        Ok(Loaded {
            publications: tables.publications.len() as u64,
            subscriptions: tables.subscriptions.len() as u64,
            clocks,
        })
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let mut tables = self.tables();
        if batch.lease.slots.first().map(|slot| slot.epoch) != Some(tables.epoch) {
            return Err(Error::new(
                Trouble::Fenced,
                "another owner has taken the store over",
            ));
        }
        let mut line = batch.clock.clone();
        line.seen = batch.reading.wall;
        tables.clocks.insert(line.id, line);
        tables.events = tables.events.max(batch.events.unwrap_or(0));
        let at = |instant: Instant| (batch.clock.id, batch.clock.store(batch.reading, instant));
        for change in batch.changes {
            tables.apply(change, at);
        }
        Ok(())
    }
}

/// The times of a setback, as they are stored.
type SetbackTimes = Option<(Stored, Option<Stored>)>;

fn times(setback: Option<&Setback>, at: impl Fn(Instant) -> Stored) -> SetbackTimes {
    setback.map(|setback| (at(setback.at), setback.retry_at.map(&at)))
}

/// Sets them.
fn timed(
    setback: Option<&mut Setback>,
    stored: SetbackTimes,
    instant: impl Fn(Stored) -> Result<Instant, Error>,
) -> Result<(), Error> {
    if let (Some(setback), Some((at, retry_at))) = (setback, stored) {
        setback.at = instant(at)?;
        setback.retry_at = retry_at.map(instant).transpose()?;
    }
    Ok(())
}

impl Tables {
    fn apply(&mut self, change: &Change, at: impl Fn(Instant) -> Stored) {
        match change {
            Change::Put(record) => {
                let held = Publication {
                    record: (**record).clone(),
                    until: record.until.map(&at),
                    expires_at: record.expires_at.map(&at),
                    setback: times(record.setback.as_deref(), &at),
                };
                self.publications.insert(record.key, held);
            }
            Change::Granted {
                key,
                etag,
                expires_at,
                surplus,
                revision,
                cseq,
                setback,
            } => {
                if let Some(held) = self.publications.get_mut(key) {
                    held.record.etag = etag.clone();
                    held.setback = times(setback.as_deref(), &at);
                    held.record.setback.clone_from(setback);
                    held.record.surplus = *surplus;
                    held.expires_at = expires_at.map(at);
                    held.record.published_revision = *revision;
                    held.record.cseq = *cseq;
                }
            }
            Change::Delete { key } => {
                self.publications.remove(key);
            }
            Change::PutSubscription(record) => {
                let held = Subscription {
                    record: (**record).clone(),
                    until: record.until.map(&at),
                    expires_at: record
                        .dialogs
                        .iter()
                        .map(|dialog| at(dialog.expires_at))
                        .collect(),
                    setback: times(record.setback.as_deref(), &at),
                };
                self.subscriptions.insert(record.key, held);
            }
            Change::Dialogs {
                key,
                call_id,
                from_tag,
                dialogs,
                setback,
            } => {
                if let Some(held) = self.subscriptions.get_mut(key) {
                    held.setback = times(setback.as_deref(), &at);
                    held.record.setback.clone_from(setback);
                    held.record.call_id = call_id.clone();
                    held.record.from_tag = from_tag.clone();
                    held.record.dialogs.clone_from(dialogs);
                    held.expires_at = dialogs.iter().map(|dialog| at(dialog.expires_at)).collect();
                }
            }
            Change::DeleteSubscription { key } => {
                self.subscriptions.remove(key);
            }
        }
    }
}
