//! Commands of applications: they change what is wanted, and wait for the outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use event_packages::Package;
use sip_wire::Uri;

use super::setback::setback;
use super::{Epa, Waiter};
use crate::command::{CommandId, Document, Lifetime, Proxy, PublicationName, Publish, Target, Wait};
use crate::core::Core;
use crate::next_hops::next_hop_for;
use crate::output::{Output, Refusal, Reply};
use crate::publication::{Cause, Ending, HeldDocument, Intent, Pause, Publication, State, Wanted};
use crate::record::{Change, PublicationRecord};

/// The longest that a command may wait for its outcome.
const PATIENCE: Duration = Duration::from_secs(3600);

impl Epa {
    /// Publishes, or changes what is published.
    pub(crate) fn publish(
        &mut self,
        now: Instant,
        core: &mut Core,
        id: CommandId,
        publish: Publish,
    ) -> Result<(), Refusal> {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        Uri::parse(&publish.name.presentity)
            .map_err(|fault| Refusal::BadPresentity(fault.reason()))?
            .write_key(&mut key);
        if let Some(document) = &publish.document
            && document.body.len() > core.config.limits.body
        {
            return Err(Refusal::DocumentTooLarge(core.config.limits.body));
        }
        let until = match publish.lifetime {
            Lifetime::UntilFurtherNotice => None,
            Lifetime::Seconds(seconds) => Some(now + Duration::from_secs(u64::from(seconds.max(1)))),
            Lifetime::Default => {
                Some(now + Duration::from_secs(u64::from(core.config.default_expires.max(1))))
            }
        };
        let index = match self.find(&key, &publish.name) {
            Some(index) => {
                self.check_tag(now, index, publish.if_match.as_ref())?;
                self.change(
                    now,
                    core,
                    index,
                    publish.document,
                    &publish.headers,
                    publish.proxy,
                )?;
                if let Some(publication) = self.publications.get_mut(index as usize) {
                    publication.intent.wanted = Wanted::Stand { until };
                }
                index
            }
            None => {
                if publish.if_match.is_some() {
                    return Err(Refusal::WrongEntityTag);
                }
                let most = core.config.limits.publications;
                if self.publications.len() + core.elsewhere.publications >= most {
                    return Err(Refusal::TooManyPublications(most));
                }
                let document = match publish.document {
                    Some(document) => Some(document),
                    None if takes_no_body(&publish.name.package) => None,
                    None => return Err(Refusal::NoDocument),
                };
                let intent = Intent {
                    document: document.map(|document| HeldDocument::new(document, &mut self.interned)),
                    wanted: Wanted::Stand { until },
                    revision: 0,
                    document_revision: 1,
                };
                let index = self.insert(now, core, &key, publish.name, publish.proxy, intent)?;
                if let Some(publication) = self.publications.get_mut(index as usize) {
                    publication.set_headers(publish.headers);
                }
                index
            }
        };
        if let Some(publication) = self.publications.get_mut(index as usize)
            && publish.on_stop.is_some()
        {
            publication.unusual().on_stop = publish.on_stop;
        }
        self.key = key;
        self.wanted(now, core, index, id, publish.wait, publish.timeout);
        Ok(())
    }

    /// Withdraws a publication.
    pub(crate) fn remove(
        &mut self,
        now: Instant,
        core: &mut Core,
        id: CommandId,
        target: &Target,
    ) -> Result<(), Refusal> {
        let index = self.target(now, target)?;
        if let Some(publication) = self.publications.get_mut(index as usize) {
            publication.intent.wanted = Wanted::Gone;
        }
        self.wanted(now, core, index, id, target.wait, target.timeout);
        Ok(())
    }

    /// Refreshes a publication now.
    pub(crate) fn refresh(
        &mut self,
        now: Instant,
        core: &mut Core,
        id: CommandId,
        target: &Target,
    ) -> Result<(), Refusal> {
        let index = self.target(now, target)?;
        self.wanted(now, core, index, id, target.wait, target.timeout);
        Ok(())
    }

    /// The publication that a command is about.
    fn target(&self, now: Instant, target: &Target) -> Result<u32, Refusal> {
        let uri =
            Uri::parse(&target.name.presentity).map_err(|fault| Refusal::BadPresentity(fault.reason()))?;
        let Some(index) = self.find(&uri.key(), &target.name) else {
            return Err(if target.if_match.is_some() {
                Refusal::WrongEntityTag
            } else {
                Refusal::NotFound
            });
        };
        self.check_tag(now, index, target.if_match.as_ref())?;
        Ok(index)
    }

    fn check_tag(&self, now: Instant, index: u32, if_match: Option<&Arc<str>>) -> Result<(), Refusal> {
        let Some(given) = if_match else { return Ok(()) };
        let held = self
            .publications
            .get(index as usize)
            .and_then(|publication| publication.granted.as_ref())
            .filter(|granted| granted.expires_at > now)
            .and_then(|granted| granted.etag.as_deref());
        if held == Some(&**given) {
            Ok(())
        } else {
            Err(Refusal::WrongEntityTag)
        }
    }

    /// Changes the document, headers and proxy of a held publication.
    fn change(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        document: Option<Document>,
        headers: &Arc<str>,
        proxy: Option<Proxy>,
    ) -> Result<(), Refusal> {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return Ok(());
        };
        if let Some(proxy) = proxy
            && publication.proxy() != Some(&proxy)
        {
            let next_hop = next_hop_for(now, core, &publication.name.presentity, Some(&proxy), None)?;
            moves(now, core, publication, next_hop);
            publication.unusual().proxy = Some(proxy);
        }
        if let Some(document) = document {
            publication.intent.document_revision = publication.intent.revision + 1;
            publication.replace_document(HeldDocument::new(document, &mut self.interned));
            publication.set_headers(headers.clone());
        } else if !headers.is_empty() {
            publication.set_headers(headers.clone());
        }
        Ok(())
    }

    /// What is wanted has changed, or shall be asked for now: a new revision, made durable, sent
    /// in its turn, and the command told in the end.
    fn wanted(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        id: CommandId,
        wait: Wait,
        timeout: Duration,
    ) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        publication.intent.revision += 1;
        if core.config.durable {
            let record = Box::new(record(core, publication));
            core.persist(Change::Put(record));
        }
        match wait {
            Wait::None => {}
            Wait::Accepted => core.outputs.push_back(Output::Reply(id, Reply::Accepted)),
            Wait::Final => {
                let deadline = now + timeout.min(PATIENCE);
                let waiter = Waiter {
                    command: id,
                    publication: index,
                    revision: publication.intent.revision,
                    deadline,
                };
                let waiter = self.waiters.insert(waiter) as u32;
                self.waiters_due.set(waiter, deadline);
                publication.waiters().push(waiter);
            }
        }
        match publication.state {
            State::Requesting(_) => {}
            State::Waiting(pause) if pause.is_quiet(now) => {
                if publication.is_over(now) {
                    // At once: in the queue it could be wanted again and go before its time.
                    self.answer_unremovable(now, core, index);
                    self.end(core, index, Ending::Removed);
                } else {
                    self.enqueue(now, core, index, Cause::Application);
                    self.answer_impatient(now, core, index);
                }
            }
            State::Queued { .. } | State::Published { .. } | State::Waiting(_) | State::Refused => {
                self.enqueue(now, core, index, Cause::Application);
            }
        }
    }

    pub(super) fn insert(
        &mut self,
        now: Instant,
        core: &mut Core,
        key: &str,
        mut name: PublicationName,
        proxy: Option<Proxy>,
        intent: Intent,
    ) -> Result<u32, Refusal> {
        if key.starts_with("sips:") {
            return Err(Refusal::BadPresentity(
                "sips needs TLS, which is not supported yet",
            ));
        }
        let next_hop = next_hop_for(now, core, &name.presentity, proxy.as_ref(), None)?;
        let slot = match self.slot_of(key) {
            Some(slot) => slot,
            None => self.presentities.insert(key),
        };
        name.package = self.interned.share(name.package);
        let mut publication = Publication::new(self.keys.take(), name, slot, next_hop, intent);
        if proxy.is_some() {
            publication.unusual().proxy = proxy;
        }
        let index = self.publications.insert(publication) as u32;
        if let Some(presentity) = self.presentities.get_mut(slot) {
            presentity.publications.push(index);
        }
        Ok(index)
    }

    /// The presentity whose URI has this canonical form.
    pub(super) fn slot_of(&self, key: &str) -> Option<u32> {
        self.presentities.find(key, |presentity| {
            let first = presentity.publications.first();
            let publication = first.and_then(|index| self.publications.get(*index as usize));
            publication.is_some_and(|publication| {
                // Most are written in the canonical form.
                let written = &*publication.name.presentity;
                written == key || Uri::parse(written).is_ok_and(|uri| uri.key() == key)
            })
        })
    }

    /// The publication of this name, if it is held.
    pub(super) fn find(&self, key: &str, name: &PublicationName) -> Option<u32> {
        let presentity = self.presentities.get(self.slot_of(key)?)?;
        presentity.publications.iter().copied().find(|index| {
            self.publications
                .get(*index as usize)
                .is_some_and(|held| held.name.package == name.package && held.name.id == name.id)
        })
    }

    /// Applies a changed configuration: next hops anew, and what was refused once more.
    pub(crate) fn configure(&mut self, now: Instant, core: &mut Core) {
        let all: Vec<u32> = self.publications.iter().map(|(index, _)| index as u32).collect();
        for index in all {
            let Some(publication) = self.publications.get_mut(index as usize) else {
                continue;
            };
            let led = next_hop_for(now, core, &publication.name.presentity, publication.proxy(), None);
            let moved = led.is_ok_and(|next_hop| moves(now, core, publication, next_hop));
            match &mut publication.state {
                // The nonces are forgotten, so a challenge now is the first.
                State::Requesting(exchange) => exchange.passage.rounds.moved(),
                State::Refused => {
                    publication.failures = 0;
                    self.enqueue(now, core, index, Cause::Ourselves);
                    self.persist_granted(core, index);
                }
                State::Waiting(_) if moved => self.enqueue(now, core, index, Cause::Ourselves),
                // It may stand in the queue of a hop that is not its own any more.
                State::Queued {
                    cause: Cause::Ourselves,
                } => {
                    publication.state = State::Waiting(Pause::ours(now, now, Cause::Ourselves));
                    self.enqueue(now, core, index, Cause::Ourselves);
                }
                _ => {}
            }
        }
    }
}

/// Gives a publication the next hop that it is led to now. Whether that is another one: then what
/// the old server asked for, and our patience with it, hold no longer (R3903-49, R3903-55).
fn moves(now: Instant, core: &mut Core, publication: &mut Publication, next_hop: u32) -> bool {
    let old = std::mem::replace(&mut publication.next_hop, next_hop);
    core.hops.leave(old);
    if old == next_hop {
        return false;
    }
    publication.failures = 0;
    match &mut publication.state {
        State::Waiting(pause) => *pause = Pause::ours(now, now, pause.cause),
        State::Requesting(exchange) => exchange.moved = true,
        _ => {}
    }
    true
}

fn takes_no_body(package: &str) -> bool {
    Package::parse(package)
        .ok()
        .and_then(|package| package.registration())
        .is_some_and(|known| known.empty_body)
}

/// The durable form of a publication about which there is a new wish: that overrules a refusal, but
/// not what the server asked for.
pub(super) fn record(core: &mut Core, publication: &Publication) -> PublicationRecord {
    let granted = publication.granted.as_ref();
    PublicationRecord {
        key: publication.key,
        name: publication.name.clone(),
        document: publication.intent.document.as_ref().map(Document::from),
        headers: publication.headers(),
        proxy: publication.proxy().cloned(),
        until: match publication.intent.wanted {
            Wanted::Stand { until } => until,
            Wanted::Over { until } => Some(until),
            Wanted::Gone => None,
        },
        removing: publication.intent.wanted == Wanted::Gone,
        revision: publication.intent.revision,
        document_revision: publication.intent.document_revision,
        on_stop: publication.on_stop(),
        published_revision: granted.map_or(0, |granted| granted.revision),
        etag: granted.and_then(|granted| granted.etag.as_deref().map(Arc::from)),
        expires_at: granted.map(|granted| granted.expires_at),
        surplus: granted.map_or(0, |granted| granted.surplus),
        call_id: core.call_id_of(publication.key),
        cseq: publication.cseq,
        setback: match publication.state {
            State::Waiting(_) => setback(core, publication).filter(|setback| setback.held_off),
            _ => None,
        },
    }
}
