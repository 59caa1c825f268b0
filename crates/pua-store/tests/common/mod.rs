//! Records and changes at random, and a model of what a store must hold.
#![allow(dead_code, reason = "not every test uses all of it")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use pua_core::{
    Change, DialogRecord, Document, OnStop, Proxy, PublicationName, PublicationRecord, Setback,
    SubscriptionName, SubscriptionRecord,
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
                surplus,
                revision,
                cseq,
                setback,
            } => {
                if let Some(record) = self.publications.get_mut(&key) {
                    record.etag = etag;
                    record.expires_at = expires_at;
                    record.surplus = surplus;
                    record.setback = setback;
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

type Grant = (
    Option<Arc<str>>,
    Option<Instant>,
    u64,
    u32,
    u32,
    Option<Box<Setback>>,
);

fn grant(base: Instant) -> impl Strategy<Value = Grant> {
    prop_oneof![
        1 => Just((None, None, 0, 0, 0, None)),
        3 => (
            proptest::option::of(text().prop_map(shared)),
            proptest::option::of(instant(base)),
            0_u64..9,
            0_u32..100,
            0_u32..9,
            setback(base, false)
        )
    ]
}

fn setback(base: Instant, ended: bool) -> impl Strategy<Value = Option<Box<Setback>>> {
    let texts = (text(), proptest::option::of(text()), text());
    let times = (instant(base), proptest::option::of(instant(base)));
    let setback = (texts, times, any::<(u16, bool)>()).prop_map(move |(texts, times, rest)| {
        Box::new(Setback {
            code: rest.0,
            reason: shared(texts.0),
            termination: texts.1.filter(|_| ended).map(shared),
            at: times.0,
            retry_at: times.1,
            held_off: rest.1,
            next_hop: shared(texts.2),
        })
    });
    proptest::option::of(setback)
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
        let (etag, expires_at, published_revision, cseq, surplus, setback) = grant;
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
            surplus,
            setback,
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

/// Dialog usages with their Call-ID and our tag, or what stands in their way.
type Usages = (Arc<str>, Arc<str>, Vec<DialogRecord>, Option<Box<Setback>>);

fn dialogs(base: Instant) -> impl Strategy<Value = Usages> {
    let dialogs = proptest::collection::vec(dialog(base), 0..4);
    (text(), text(), dialogs, setback(base, true)).prop_map(|(call_id, tag, dialogs, setback)| match dialogs
        .is_empty()
    {
        true => (Arc::from(""), Arc::from(""), dialogs, setback),
        false => (shared(call_id), shared(tag), dialogs, None),
    })
}

fn subscription(base: Instant) -> impl Strategy<Value = SubscriptionRecord> {
    let name = (text(), text(), text(), proptest::option::of(text()));
    let members = proptest::collection::vec(text().prop_map(shared), 0..3);
    let until = proptest::option::of(instant(base));
    let wish = (text(), proxy(), members, until, any::<bool>());
    (key(), name, wish, dialogs(base)).prop_map(|(key, name, wish, dialogs)| SubscriptionRecord {
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
        ending: wish.4,
        setback: dialogs.3,
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
            surplus: grant.4,
            setback: grant.5,
        }),
        1 => key().prop_map(|key| Change::Delete { key }),
        2 => subscription(base).prop_map(|record| Change::PutSubscription(Box::new(record))),
        2 => (key(), dialogs(base)).prop_map(|(key, dialogs)| Change::Dialogs {
            key,
            call_id: dialogs.0,
            from_tag: dialogs.1,
            dialogs: dialogs.2,
            setback: dialogs.3,
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
        surplus: 0,
        setback: None,
    }
}
