//! Records and changes at random, and a model of what a store must hold.
#![allow(dead_code, reason = "not every test uses all of it")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use pua_core::{
    Change, DialogRecord, Document, OnStop, Proxy, PublicationName, PublicationRecord, SubscriptionName,
    SubscriptionRecord,
};
use pua_store::{Backend, Batch, Boot, ClockLine, Lease, Reading, Restored};

/// Clocks that stand still, so that times come back exactly.
pub(crate) fn reading(base: Instant) -> Reading {
    Reading {
        now: base,
        since_boot: 5_000_000,
        wall: 1_780_000_000_000,
        boot: Boot("this".to_owned()),
    }
}

/// What a store must hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) publications: BTreeMap<u64, PublicationRecord>,
    pub(crate) subscriptions: BTreeMap<u64, SubscriptionRecord>,
}

impl Model {
    pub(crate) fn apply(&mut self, change: &Change) {
        match change.clone() {
            Change::Put(record) => {
                self.publications.insert(record.key, *record);
            }
            Change::Granted {
                key,
                etag,
                expires_at,
                revision,
                cseq,
            } => {
                if let Some(record) = self.publications.get_mut(&key) {
                    record.etag = etag;
                    record.expires_at = expires_at;
                    record.published_revision = revision;
                    record.cseq = cseq;
                }
            }
            Change::Delete { key } => {
                self.publications.remove(&key);
            }
            Change::PutSubscription(record) => {
                self.subscriptions.insert(record.key, *record);
            }
            Change::Dialogs {
                key,
                call_id,
                from_tag,
                dialogs,
            } => {
                if let Some(record) = self.subscriptions.get_mut(&key) {
                    record.call_id = call_id;
                    record.from_tag = from_tag;
                    record.dialogs = dialogs;
                }
            }
            Change::DeleteSubscription { key } => {
                self.subscriptions.remove(&key);
            }
        }
    }

    /// In a form that can be compared.
    pub(crate) fn told(&self) -> Vec<String> {
        let publications = self.publications.values().map(|record| format!("{record:?}"));
        let subscriptions = self.subscriptions.values().map(|record| format!("{record:?}"));
        publications.chain(subscriptions).collect()
    }
}

/// What a store holds, in the same form.
pub(crate) fn held(backend: &mut dyn Backend, reading: &Reading) -> Vec<String> {
    let mut told = Vec::new();
    let loaded = backend
        .load(reading, &mut |restored| {
            told.push(match restored {
                Restored::Publication(record) => format!("{record:?}"),
                Restored::Subscription(record) => format!("{record:?}"),
            });
        })
        .unwrap();
    assert_eq!(told.len() as u64, loaded.publications + loaded.subscriptions);
    told
}

/// The clock of a first life.
pub(crate) fn line(reading: &Reading) -> ClockLine {
    ClockLine::present(&[], reading)
}

/// Writes changes as the writer does.
pub(crate) fn write(
    backend: &mut dyn Backend,
    lease: &Lease,
    reading: &Reading,
    changes: &mut Vec<Change>,
) -> Result<(), pua_store::Error> {
    pua_store::coalesce(changes);
    backend.commit(&Batch {
        lease,
        clock: &line(reading),
        reading,
        changes,
        events: None,
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9:@.;=-]{1,20}",
        Just("sip:o'neil;\"x\"@example.com".to_owned()),
        "\\PC{1,12}",
    ]
}

fn key() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0_u64..6, 1 => Just(u64::from(u32::MAX) + 7), 1 => Just(i64::MAX.unsigned_abs())]
}

fn instant(base: Instant) -> impl Strategy<Value = Instant> {
    (0_u64..4_000_000_000).prop_map(move |ahead| base + Duration::from_millis(ahead))
}

fn shared(text: String) -> Arc<str> {
    Arc::from(text)
}

fn proxy() -> impl Strategy<Value = Option<Proxy>> {
    proptest::option::of(text().prop_map(|uri| Proxy { uri: shared(uri) }))
}

fn document() -> impl Strategy<Value = Option<Document>> {
    let body = prop_oneof![
        Just(Vec::new()),
        text().prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..40)
    ];
    let document = (text(), body).prop_map(|(content_type, body)| Document {
        content_type: shared(content_type),
        body: Bytes::from(body),
    });
    proptest::option::of(document)
}

type Grant = (Option<Arc<str>>, Option<Instant>, u64, u32);

fn grant(base: Instant) -> impl Strategy<Value = Grant> {
    prop_oneof![
        1 => Just((None, None, 0, 0)),
        3 => (
            proptest::option::of(text().prop_map(shared)),
            proptest::option::of(instant(base)),
            0_u64..9,
            0_u32..100
        )
    ]
}

pub(crate) fn publication(base: Instant) -> impl Strategy<Value = PublicationRecord> {
    let name = (text(), text(), proptest::option::of(text()));
    let stop = proptest::option::of(prop_oneof![Just(OnStop::Keep), Just(OnStop::Remove)]);
    let intent = (document(), text(), proxy(), proptest::option::of(instant(base)));
    let rest = (any::<bool>(), 1_u64..9, stop, text());
    (key(), name, intent, rest, grant(base)).prop_map(|(key, name, intent, rest, grant)| {
        let (presentity, package, id) = name;
        let (document, headers, proxy, until) = intent;
        let (removing, revision, on_stop, call_id) = rest;
        let (etag, expires_at, published_revision, cseq) = grant;
        PublicationRecord {
            key,
            name: PublicationName {
                presentity: shared(presentity),
                package: shared(package),
                id: id.map(shared),
            },
            document,
            headers: shared(headers),
            proxy,
            until,
            removing,
            revision,
            document_revision: revision - 1,
            on_stop,
            published_revision,
            etag,
            expires_at,
            call_id: shared(call_id),
            cseq,
        }
    })
}

fn dialog(base: Instant) -> impl Strategy<Value = DialogRecord> {
    let routes = proptest::collection::vec(text().prop_map(String::into_boxed_str), 0..3);
    let texts = (text(), text());
    (texts, routes, any::<(u32, u32, bool)>(), instant(base)).prop_map(
        |(texts, routes, numbers, expires_at)| DialogRecord {
            remote_tag: texts.0.into(),
            target: shared(texts.1),
            routes: routes.into(),
            cseq: numbers.0,
            remote_cseq: numbers.1,
            active: numbers.2,
            expires_at,
        },
    )
}

/// Dialog usages with their Call-ID and our tag, which are empty if there is none.
fn dialogs(base: Instant) -> impl Strategy<Value = (Arc<str>, Arc<str>, Vec<DialogRecord>)> {
    let dialogs = proptest::collection::vec(dialog(base), 0..4);
    (text(), text(), dialogs).prop_map(|(call_id, tag, dialogs)| match dialogs.is_empty() {
        true => (Arc::from(""), Arc::from(""), dialogs),
        false => (shared(call_id), shared(tag), dialogs),
    })
}

fn subscription(base: Instant) -> impl Strategy<Value = SubscriptionRecord> {
    let name = (text(), text(), text(), proptest::option::of(text()));
    let members = proptest::collection::vec(text().prop_map(shared), 0..3);
    let until = proptest::option::of(instant(base));
    (key(), name, (text(), proxy(), members, until), dialogs(base)).prop_map(|(key, name, wish, dialogs)| {
        SubscriptionRecord {
            key,
            name: Arc::new(SubscriptionName {
                presentity: shared(name.0),
                watcher: shared(name.1),
                package: shared(name.2),
                id: name.3.map(shared),
            }),
            headers: shared(wish.0),
            proxy: wish.1,
            members: wish.2.into(),
            until: wish.3,
            call_id: dialogs.0,
            from_tag: dialogs.1,
            dialogs: dialogs.2,
        }
    })
}

/// Any change.
pub(crate) fn change(base: Instant) -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => publication(base).prop_map(|record| Change::Put(Box::new(record))),
        3 => (key(), grant(base)).prop_map(|(key, grant)| Change::Granted {
            key,
            etag: grant.0,
            expires_at: grant.1,
            revision: grant.2,
            cseq: grant.3,
        }),
        1 => key().prop_map(|key| Change::Delete { key }),
        2 => subscription(base).prop_map(|record| Change::PutSubscription(Box::new(record))),
        2 => (key(), dialogs(base)).prop_map(|(key, dialogs)| Change::Dialogs {
            key,
            call_id: dialogs.0,
            from_tag: dialogs.1,
            dialogs: dialogs.2,
        }),
        1 => key().prop_map(|key| Change::DeleteSubscription { key }),
    ]
}

/// A publication as applications make them.
pub(crate) fn plain(key: u64, etag: Option<&str>) -> PublicationRecord {
    PublicationRecord {
        key,
        name: PublicationName {
            presentity: format!("sip:user{key}@example.com").into(),
            package: "presence".into(),
            id: None,
        },
        document: Some(Document {
            content_type: "application/pidf+xml".into(),
            body: Bytes::from(format!("<presence entity=\"user{key}\"/>")),
        }),
        headers: "".into(),
        proxy: None,
        until: None,
        removing: false,
        revision: 1,
        document_revision: 1,
        on_stop: None,
        published_revision: u64::from(etag.is_some()),
        etag: etag.map(Arc::from),
        expires_at: etag.map(|_| Instant::now() + Duration::from_secs(3600)),
        call_id: "call@example.com".into(),
        cseq: 1,
    }
}
