//! What is published: documents by presentity and package, their entity-tags and their ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::{HashMap, HashMapExt};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use sip_transaction::DueTimes;
use slab::Slab;

use crate::compose::{Composed, Document, Kind, Policy, compose};
use crate::resource_key::ResourceKey;

/// An entity-tag: eleven random characters, so that it cannot be guessed, and a serial number, so
/// that it is never given out twice (RFC 3903 §6 step 6).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntityTag {
    text: [u8; 22],
    len: u8,
}

impl EntityTag {
    fn new(random: u64, serial: u64) -> EntityTag {
        const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
        let mut tag = EntityTag {
            text: [0; 22],
            len: 0,
        };
        for (mut number, at_least) in [(random, 11), (serial, 1)] {
            let from = tag.len;
            while number > 0 || tag.len - from < at_least {
                if let (Some(place), Some(digit)) = (
                    tag.text.get_mut(usize::from(tag.len)),
                    DIGITS.get((number % 64) as usize),
                ) {
                    *place = *digit;
                }
                tag.len += 1;
                number /= 64;
            }
        }
        tag
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.text.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// A number of a [`Resource`] in the store.
pub(crate) type ResourceId = u32;
/// A number of a [`Publication`] in the store.
pub(crate) type PublicationId = u32;

/// The state of one presentity in one package.
pub(crate) struct Resource {
    key: Box<str>,
    pub(crate) presentity: Arc<str>,
    pub(crate) package: Arc<str>,
    pub(crate) kind: Kind,
    publications: Vec<PublicationId>,
    /// The subscriptions to it.
    pub(crate) watchers: Vec<u32>,
    /// Made when somebody asks, dropped when a publication changes.
    composed: Option<Arc<Composed>>,
}

/// One publication.
pub(crate) struct Publication {
    resource: ResourceId,
    tag: EntityTag,
    pub(crate) document: Document,
    pub(crate) expires_at: Instant,
    /// Its place in the order of documents.
    modified: u64,
    /// Its place in the order of requests.
    touched: u64,
}

impl Publication {
    pub(crate) fn tag(&self) -> EntityTag {
        self.tag
    }
}

pub(crate) struct Store {
    resources: Slab<Resource>,
    by_key: HashMap<Box<str>, ResourceId>,
    publications: Slab<Publication>,
    due: DueTimes,
    random: StdRng,
    serial: u64,
}

impl Store {
    pub(crate) fn new(now: Instant, seed: [u8; 32]) -> Store {
        Store {
            resources: Slab::new(),
            by_key: HashMap::new(),
            publications: Slab::new(),
            due: DueTimes::new(now),
            random: StdRng::from_seed(seed),
            serial: 0,
        }
    }

    pub(crate) fn publications(&self) -> usize {
        self.publications.len()
    }

    pub(crate) fn resources(&self) -> usize {
        self.resources.len()
    }

    pub(crate) fn find(&self, key: &str) -> Option<ResourceId> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn find_or_create(&mut self, key: &ResourceKey, package: &str) -> ResourceId {
        if let Some(id) = self.find(key.as_str()) {
            return id;
        }
        let id = self.resources.insert(Resource {
            key: key.as_str().into(),
            presentity: key.presentity().into(),
            package: package.into(),
            kind: Kind::of(package),
            publications: Vec::new(),
            watchers: Vec::new(),
            composed: None,
        }) as ResourceId;
        self.by_key.insert(key.as_str().into(), id);
        id
    }

    pub(crate) fn resource(&self, id: ResourceId) -> Option<&Resource> {
        self.resources.get(id as usize)
    }

    pub(crate) fn resource_mut(&mut self, id: ResourceId) -> Option<&mut Resource> {
        self.resources.get_mut(id as usize)
    }

    /// Drops the resource if nothing is published for it and nobody watches.
    pub(crate) fn release(&mut self, id: ResourceId) {
        let unused = self
            .resource(id)
            .is_some_and(|resource| resource.publications.is_empty() && resource.watchers.is_empty());
        if unused && let Some(resource) = self.resources.try_remove(id as usize) {
            self.by_key.remove(&resource.key);
        }
    }

    /// The publication of a resource that has this entity-tag (RFC 3903 §6 step 3).
    pub(crate) fn find_tag(&self, id: ResourceId, tag: &[u8]) -> Option<PublicationId> {
        self.resource(id)?
            .publications
            .iter()
            .copied()
            .find(|publication| {
                self.publications
                    .get(*publication as usize)
                    .is_some_and(|publication| publication.tag.as_bytes() == tag)
            })
    }

    pub(crate) fn resource_of(&self, publication: PublicationId) -> Option<ResourceId> {
        self.publications
            .get(publication as usize)
            .map(|publication| publication.resource)
    }

    /// A tag that stands for nothing, for the answer to a request that leaves nothing behind.
    pub(crate) fn new_tag(&mut self) -> EntityTag {
        self.serial += 1;
        EntityTag::new(self.random.next_u64(), self.serial)
    }

    /// Stores a new publication. If the resource then has more than `limit`, the one that was
    /// touched longest ago goes.
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        id: ResourceId,
        document: Document,
        seconds: u32,
        limit: usize,
    ) -> EntityTag {
        let tag = self.new_tag();
        let expires_at = now + Duration::from_secs(seconds.into());
        let publication = self.publications.insert(Publication {
            resource: id,
            tag,
            document,
            expires_at,
            modified: self.serial,
            touched: self.serial,
        }) as PublicationId;
        self.due.set(publication, expires_at);
        if let Some(resource) = self.resource_mut(id) {
            resource.publications.push(publication);
            resource.composed = None;
            if resource.publications.len() > limit.max(1) {
                self.evict(id);
            }
        }
        tag
    }

    fn evict(&mut self, id: ResourceId) {
        let oldest = self.resource(id).and_then(|resource| {
            resource.publications.iter().copied().min_by_key(|publication| {
                self.publications
                    .get(*publication as usize)
                    .map(|publication| publication.touched)
            })
        });
        if let Some(oldest) = oldest {
            self.remove(oldest);
        }
    }

    /// Refreshes a publication, with a document: modifies it. `None` if there is none.
    pub(crate) fn update(
        &mut self,
        now: Instant,
        publication: PublicationId,
        document: Option<Document>,
        seconds: u32,
    ) -> Option<EntityTag> {
        let tag = self.new_tag();
        let held = self.publications.get_mut(publication as usize)?;
        held.tag = tag;
        held.expires_at = now + Duration::from_secs(seconds.into());
        held.touched = self.serial;
        self.due.set(publication, held.expires_at);
        if let Some(document) = document {
            held.modified = self.serial;
            held.document = document;
            let resource = held.resource;
            if let Some(resource) = self.resource_mut(resource) {
                resource.composed = None;
            }
        }
        Some(tag)
    }

    /// Removes a publication; its resource, which may be unused now.
    pub(crate) fn remove(&mut self, publication: PublicationId) -> Option<ResourceId> {
        let held = self.publications.try_remove(publication as usize)?;
        self.due.clear(publication);
        if let Some(resource) = self.resource_mut(held.resource) {
            resource.publications.retain(|id| *id != publication);
            resource.composed = None;
        }
        Some(held.resource)
    }

    /// Removes one publication whose time is over; call until `None`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<ResourceId> {
        let publication = self.due.pop(now)?;
        self.remove(publication)
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.next()
    }

    /// The publications of a resource, the one modified last at the end.
    pub(crate) fn in_order(&self, id: ResourceId) -> Vec<&Publication> {
        let mut publications: Vec<&Publication> = self
            .resource(id)
            .into_iter()
            .flat_map(|resource| &resource.publications)
            .filter_map(|publication| self.publications.get(*publication as usize))
            .collect();
        publications.sort_unstable_by_key(|publication| publication.modified);
        publications
    }

    /// What the watchers of a resource get.
    pub(crate) fn composed(&mut self, id: ResourceId, dummy_dialog: bool, max_bytes: usize) -> Arc<Composed> {
        let Some(resource) = self.resource(id) else {
            return Arc::default();
        };
        if let Some(composed) = &resource.composed {
            return composed.clone();
        }
        let policy = Policy {
            kind: resource.kind,
            presentity: &resource.presentity,
            dummy_dialog,
            max_bytes,
        };
        let documents: Vec<&Document> = self
            .in_order(id)
            .into_iter()
            .map(|publication| &publication.document)
            .collect();
        let composed = Arc::new(compose(policy, &documents));
        if let Some(resource) = self.resource_mut(id) {
            resource.composed = Some(composed.clone());
        }
        composed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document {
            content_type: "text/plain".into(),
            body: text.to_owned().into(),
        }
    }

    fn resource(store: &mut Store) -> ResourceId {
        let mut key = ResourceKey::default();
        key.set("x", &sip_wire::Uri::parse("sip:a@b").unwrap());
        store.find_or_create(&key, "x")
    }

    fn bodies(store: &Store, id: ResourceId) -> Vec<String> {
        store
            .in_order(id)
            .iter()
            .map(|publication| String::from_utf8(publication.document.body.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn rfc_3903_section_6_step_6_no_tag_is_given_out_twice() {
        let mut store = Store::new(Instant::now(), [1; 32]);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let tag = store.new_tag();
            assert!(
                tag.as_bytes()
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b))
            );
            assert!(seen.insert(tag.as_bytes().to_vec()));
        }
        assert_ne!(EntityTag::new(0, 1).as_bytes(), EntityTag::new(64, 1).as_bytes());
        assert_eq!(EntityTag::new(u64::MAX, u64::MAX).as_bytes().len(), 22);
    }

    #[test]
    fn a_modified_document_becomes_the_newest_and_a_refreshed_one_does_not() {
        let now = Instant::now();
        let mut store = Store::new(now, [1; 32]);
        let id = resource(&mut store);
        let first = store.insert(now, id, document("1"), 60, 9);
        let second = store.insert(now, id, document("2"), 60, 9);
        let first = store.find_tag(id, first.as_bytes()).unwrap();
        let second_id = store.find_tag(id, second.as_bytes()).unwrap();
        store.update(now, first, None, 60).unwrap();
        assert_eq!(bodies(&store, id), ["1", "2"]);
        store.update(now, first, Some(document("3")), 60).unwrap();
        assert_eq!(bodies(&store, id), ["2", "3"]);
        assert_eq!(store.find_tag(id, second.as_bytes()), Some(second_id));
        store.update(now, second_id, None, 60).unwrap();
        assert_eq!(store.find_tag(id, second.as_bytes()), None);
    }

    #[test]
    fn the_publication_touched_longest_ago_makes_room() {
        let now = Instant::now();
        let mut store = Store::new(now, [1; 32]);
        let id = resource(&mut store);
        let first = store.insert(now, id, document("1"), 60, 2);
        store.insert(now, id, document("2"), 60, 2);
        let first = store.find_tag(id, first.as_bytes()).unwrap();
        store.update(now, first, None, 60).unwrap();
        store.insert(now, id, document("3"), 60, 2);
        assert_eq!(bodies(&store, id), ["1", "3"]);
        assert_eq!(store.publications(), 2);
    }

    #[test]
    fn publications_end_in_time_and_unused_resources_go() {
        let now = Instant::now();
        let mut store = Store::new(now, [1; 32]);
        let id = resource(&mut store);
        store.insert(now, id, document("1"), 5, 9);
        assert_eq!(store.expire(now + Duration::from_millis(4_999)), None);
        assert_eq!(store.expire(now + Duration::from_secs(5)), Some(id));
        store.release(id);
        assert_eq!((store.resources(), store.find("x sip:a@b")), (0, None));
    }
}
