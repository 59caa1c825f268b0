//! The durable store: what a restarted daemon would read.

use std::collections::BTreeMap;

use pua_core::{Change, PublicationName, PublicationRecord, SubscriptionRecord};

/// Records by key.
#[derive(Clone, Debug, Default)]
pub struct Store {
    records: BTreeMap<u64, PublicationRecord>,
    subscriptions: BTreeMap<u64, SubscriptionRecord>,
}

impl Store {
    /// Applies one change as the program's store does.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Put(record) => {
                self.records.insert(record.key, *record);
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
                if let Some(record) = self.records.get_mut(&key) {
                    record.etag = etag;
                    record.expires_at = expires_at;
                    record.surplus = surplus;
                    record.setback = setback;
                    record.cseq = cseq;
                    record.published_revision = revision;
                }
            }
            Change::Delete { key } => {
                self.records.remove(&key);
            }
            Change::PutSubscription(record) => {
                self.subscriptions.insert(record.key, *record);
            }
            Change::Dialogs {
                key,
                call_id,
                from_tag,
                dialogs,
                setback,
            } => {
                if let Some(record) = self.subscriptions.get_mut(&key) {
                    record.call_id = call_id;
                    record.from_tag = from_tag;
                    record.dialogs = dialogs;
                    record.setback = setback;
                }
            }
            Change::DeleteSubscription { key } => {
                self.subscriptions.remove(&key);
            }
        }
    }

    /// All records, by key.
    pub fn records(&self) -> impl Iterator<Item = &PublicationRecord> {
        self.records.values()
    }

    /// All subscriptions, by key.
    pub fn subscriptions(&self) -> impl Iterator<Item = &SubscriptionRecord> {
        self.subscriptions.values()
    }

    /// The record of a publication.
    #[must_use]
    pub fn named(&self, name: &PublicationName) -> Option<&PublicationRecord> {
        self.records.values().find(|record| record.name == *name)
    }
}
