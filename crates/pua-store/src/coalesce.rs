//! Many changes of one record into one.

use pua_core::Change;

/// Orders changes by record, publications before subscriptions, and leaves one change of each:
/// what all of them come to.
pub fn coalesce(changes: &mut Vec<Change>) {
    if changes.len() < 2 {
        return;
    }
    // Stable: the changes of one record keep their order.
    changes.sort_by_key(record);
    changes.dedup_by(|later, earlier| {
        if record(later) != record(earlier) {
            return false;
        }
        merge(earlier, later);
        true
    });
}

/// Which record a change is about: the kind and the key.
fn record(change: &Change) -> (bool, u64) {
    match change {
        Change::Put(record) => (false, record.key),
        Change::Granted { key, .. } | Change::Delete { key } => (false, *key),
        Change::PutSubscription(record) => (true, record.key),
        Change::Dialogs { key, .. } | Change::DeleteSubscription { key } => (true, *key),
    }
}

/// Makes `earlier` what the two come to; `later` may be left with anything.
fn merge(earlier: &mut Change, later: &mut Change) {
    match (&mut *earlier, &mut *later) {
        (
            Change::Put(record),
            Change::Granted {
                etag,
                expires_at,
                surplus,
                revision,
                cseq,
                setback,
                ..
            },
        ) => {
            record.etag = etag.take();
            record.expires_at = *expires_at;
            record.surplus = *surplus;
            record.published_revision = *revision;
            record.cseq = *cseq;
            record.setback = setback.take();
        }
        (
            Change::PutSubscription(record),
            Change::Dialogs {
                call_id,
                from_tag,
                dialogs,
                setback,
                ..
            },
        ) => {
            record.call_id = call_id.clone();
            record.from_tag = from_tag.clone();
            record.dialogs = std::mem::take(dialogs);
            record.setback = setback.take();
        }
        // What is not there is not changed.
        (Change::Delete { .. }, Change::Granted { .. })
        | (Change::DeleteSubscription { .. }, Change::Dialogs { .. }) => {}
        _ => std::mem::swap(earlier, later),
    }
}

#[cfg(test)]
mod tests;
