//! What can be seen of the publications.

use std::sync::Arc;

use sip_wire::Uri;

use super::Epa;
use crate::command::{Document, PublicationName};
use crate::core::Core;
use crate::publication::{Publication, State, Wanted};
use crate::view::{Filter, Page, PublicationState, PublicationView, Statistic};

impl Epa {
    /// Some of the publications, in the order in which they are kept.
    pub(crate) fn publications(
        &self,
        core: &Core,
        filter: &Filter,
        cursor: Option<u64>,
        limit: usize,
    ) -> Page {
        let passes = |publication: &Publication| {
            filter
                .package
                .as_ref()
                .is_none_or(|package| **package == *publication.name.package)
                && filter.state.is_none_or(|state| state == state_of(publication))
        };
        let mut page = Page {
            publications: Vec::new(),
            next: None,
        };
        let mut add = |index: usize, publication: &Publication| {
            if !passes(publication) {
                return true;
            }
            if page.publications.len() >= limit {
                page.next = Some(index as u64);
                return false;
            }
            page.publications.push(view(core, publication));
            true
        };
        let from = usize::try_from(cursor.unwrap_or(0)).unwrap_or(usize::MAX);
        match &filter.presentity {
            Some(presentity) => {
                let Some(presentity) = Uri::parse(presentity)
                    .ok()
                    .and_then(|uri| self.slot_of(&uri.key()))
                    .and_then(|slot| self.presentities.get(slot))
                else {
                    return page;
                };
                let mut indices: Vec<u32> = presentity.publications.to_vec();
                indices.sort_unstable();
                for index in indices.into_iter().filter(|index| *index as usize >= from) {
                    if let Some(publication) = self.publications.get(index as usize)
                        && !add(index as usize, publication)
                    {
                        break;
                    }
                }
            }
            None => {
                // By index, so that a late page of a million is as cheap as the first.
                let end = self
                    .publications
                    .iter()
                    .next_back()
                    .map_or(0, |(index, _)| index + 1);
                for index in from..end {
                    if let Some(publication) = self.publications.get(index)
                        && !add(index, publication)
                    {
                        break;
                    }
                }
            }
        }
        page
    }

    /// One publication.
    pub(crate) fn publication(&self, core: &Core, name: &PublicationName) -> Option<PublicationView> {
        let uri = Uri::parse(&name.presentity).ok()?;
        let index = self.find(&uri.key(), name)?;
        self.publications
            .get(index as usize)
            .map(|publication| view(core, publication))
    }

    /// Gauges of what is held.
    pub(crate) fn gauges(&self) -> Vec<Statistic> {
        let mut by_state = [0u64; 6];
        const STATES: [(PublicationState, &str); 6] = [
            (PublicationState::Queued, "publications_queued"),
            (PublicationState::Requesting, "publications_requesting"),
            (PublicationState::Published, "publications_published"),
            (PublicationState::Waiting, "publications_waiting"),
            (PublicationState::Refused, "publications_refused"),
            (PublicationState::Removing, "publications_removing"),
        ];
        for (_, publication) in &self.publications {
            let state = state_of(publication);
            for (count, (known, _)) in by_state.iter_mut().zip(STATES) {
                *count += u64::from(known == state);
            }
        }
        let gauge = |name, value| Statistic {
            name,
            value,
            counter: false,
        };
        let mut gauges = vec![
            gauge("publications", self.publications.len() as u64),
            gauge("presentities", self.presentities.len() as u64),
            gauge("commands_waiting", self.waiters.len() as u64),
        ];
        gauges.extend(
            by_state
                .iter()
                .zip(STATES)
                .map(|(count, (_, name))| gauge(name, *count)),
        );
        gauges
    }
}

fn state_of(publication: &Publication) -> PublicationState {
    match (&publication.state, publication.intent.wanted) {
        (State::Refused, _) => PublicationState::Refused,
        (_, Wanted::Over { .. } | Wanted::Gone) => PublicationState::Removing,
        (State::Queued { .. }, _) => PublicationState::Queued,
        (State::Requesting(_), _) => PublicationState::Requesting,
        (State::Published { .. }, _) => PublicationState::Published,
        (State::Waiting(_), _) => PublicationState::Waiting,
    }
}

fn view(core: &Core, publication: &Publication) -> PublicationView {
    let granted = publication.granted.as_ref();
    let last = publication.last();
    PublicationView {
        key: publication.key,
        name: publication.name.clone(),
        state: state_of(publication),
        document: publication.intent.document.as_ref().map(Document::from),
        headers: publication.headers(),
        proxy: publication.proxy().cloned(),
        etag: granted.and_then(|granted| granted.etag.as_deref().map(Arc::from)),
        granted: granted.map(|granted| granted.expires),
        expires_at: granted.map(|granted| granted.expires_at),
        refresh_at: match publication.state {
            State::Published { refresh_at } => refresh_at,
            _ => None,
        },
        retry_at: match publication.state {
            State::Waiting(pause) => Some(pause.retry_at),
            _ => None,
        },
        until: publication.until(),
        on_stop: publication.on_stop(),
        revision: publication.intent.revision,
        published_revision: granted.map_or(0, |granted| granted.revision),
        last_code: last.as_ref().map(|last| last.code),
        last_reason: last.as_ref().map(|last| last.reason.clone()),
        last_at: last.as_ref().map(|last| last.at),
        next_hop: core
            .hops
            .peek(publication.next_hop)
            .and_then(crate::next_hop::NextHop::peek),
        call_id: Arc::from(core.random.identity_of(publication.key).call_id()),
        cseq: publication.cseq,
    }
}
