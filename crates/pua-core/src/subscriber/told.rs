//! What notifiers tell: documents taken in, and what they say of each resource.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use event_packages::{Applied, EventState, MemberState, Package};

use super::Subscriber;
use crate::core::Core;
use crate::output::{Event, Member, Output, ResourceState};

/// What a document was.
pub(super) struct Taken {
    /// A resource list.
    pub(super) list: bool,
    /// Something before it was missed.
    pub(super) incomplete: bool,
    /// It could not be read.
    pub(super) unreadable: bool,
    /// It says that there is nothing to watch any more (RFC 4575 §4.6).
    pub(super) over: bool,
}

impl Subscriber {
    /// Takes in the document.
    pub(super) fn take_document(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        id: u64,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Taken {
        let mut taken = Taken {
            list: false,
            incomplete: false,
            unreadable: false,
            over: false,
        };
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return taken;
        };
        let name = subscription.name.clone();
        let fetch = subscription.intent.fetch;
        // R6665-91: neither is a part taken of a type that was not asked for.
        let accepted = subscription
            .accepted(core.config.subscribe.eventlist)
            .content_type;
        let Some(dialog) = subscription.dialog(id) else {
            return taken;
        };
        let Some(content_type) = content_type else {
            // R6665-93: no body, no news.
            taken.list = dialog.told.state.list_uri().is_some();
            return taken;
        };
        let applied = dialog.told.state.apply_accepted(accepted, content_type, body);
        let mut told = Vec::new();
        match applied {
            Ok(applied) => {
                let before = dialog.told.at.replace(self.epoch.moment(now));
                let at = now;
                let changed = applied.changes().is_some();
                taken.incomplete = applied.wants_refresh();
                core.counters.version_gaps += u64::from(taken.incomplete);
                match &applied {
                    Applied::Stale => {
                        dialog.told.at = before;
                        core.counters.documents_stale += 1;
                    }
                    // Nothing of it was taken in.
                    Applied::Gap { applied: false, .. } => dialog.told.at = before,
                    Applied::Same => {
                        told = resource_states(&name.presentity, &dialog.told.state, at, None);
                    }
                    Applied::Changed(_) | Applied::Gap { .. } => {}
                }
                if let Some(changes) = applied.changes() {
                    let only = Some(&*changes.members);
                    told = resource_states(&name.presentity, &dialog.told.state, at, only);
                    told.extend(changes.removed.iter().map(|resource| gone(resource, at)));
                }
                let faults: Vec<String> = match applied.changes() {
                    Some(changes) if dialog.told.state.list_uri().is_some() => {
                        faults(&dialog.told.state, &changes.members)
                    }
                    _ => Vec::new(),
                };
                taken.over = dialog.told.state.is_over();
                if !fetch {
                    for state in told {
                        core.outputs.push_back(Output::Event(Event::State {
                            name: name.clone(),
                            dialog: id,
                            state,
                            changed,
                        }));
                    }
                }
                for why in faults {
                    core.counters.documents_unreadable += 1;
                    core.outputs.push_back(Output::Event(Event::Unreadable {
                        name: name.clone(),
                        dialog: id,
                        why,
                    }));
                }
            }
            Err(why) => {
                core.counters.documents_unreadable += 1;
                // Of partial state something is missing now (R6665-92).
                taken.unreadable = true;
                let partial = is_partial(&name.package) || dialog.told.state.list_uri().is_some();
                taken.incomplete = partial && dialog.told.at.is_some();
                core.outputs.push_back(Output::Event(Event::Unreadable {
                    name: name.clone(),
                    dialog: id,
                    why: why.to_string(),
                }));
            }
        }
        taken.list = dialog.told.state.list_uri().is_some();
        dialog.told.state.rest();
        if taken.list {
            self.lists.insert(index);
        }
        taken
    }
}

/// What is wrong with documents of single members of a list.
fn faults(state: &EventState, changed: &[usize]) -> Vec<String> {
    state
        .members()
        .enumerate()
        .filter(|(position, _)| changed.binary_search(position).is_ok())
        .filter_map(|(_, member)| {
            let fault = member.fault.as_ref()?;
            Some(format!("{}: {fault}", member.uri))
        })
        .collect()
}

/// Whether documents of the package may tell only what has changed.
fn is_partial(package: &str) -> bool {
    Package::parse(package).is_ok_and(|package| {
        let name = package.event_type();
        name.ends_with(".winfo") || matches!(name, "dialog" | "reg" | "conference" | "xcap-diff")
    })
}

/// What is told of each resource: of those members of a list, or of all.
pub(super) fn resource_states(
    presentity: &Arc<str>,
    state: &EventState,
    at: Instant,
    only: Option<&[usize]>,
) -> Vec<ResourceState> {
    if state.list_uri().is_none() {
        let (content_type, body) = octets(state.raw());
        return vec![ResourceState {
            resource: presentity.clone(),
            member: None,
            content_type,
            body,
            document: state.read(),
            at,
        }];
    }
    state
        .members()
        .enumerate()
        .filter(|(position, _)| only.is_none_or(|only| only.binary_search(position).is_ok()))
        .map(|(_, member)| {
            let (content_type, body) = octets(member.raw());
            ResourceState {
                resource: Arc::from(&*member.uri),
                member: Some(Member {
                    name: member.name.as_deref().map(Arc::from),
                    state: match member.state {
                        MemberState::Unknown => None,
                        MemberState::Active => Some(Arc::from("active")),
                        MemberState::Pending => Some(Arc::from("pending")),
                        MemberState::Terminated => Some(Arc::from("terminated")),
                    },
                    reason: member.reason.as_deref().map(Arc::from),
                }),
                content_type,
                body,
                document: member.read(),
                at,
            }
        })
        .collect()
}

/// The last body for whoever is told: a copy, since what is held is in no more memory than it needs.
fn octets(raw: Option<(&str, &[u8])>) -> (Arc<str>, Bytes) {
    raw.map_or((Arc::from(""), Bytes::new()), |(content_type, body)| {
        (Arc::from(content_type), Bytes::copy_from_slice(body))
    })
}

/// A resource that is not in the list any more.
fn gone(resource: &str, at: Instant) -> ResourceState {
    ResourceState {
        resource: Arc::from(resource),
        member: Some(Member {
            name: None,
            state: Some(Arc::from("terminated")),
            reason: Some(Arc::from("removed")),
        }),
        content_type: Arc::from(""),
        body: Bytes::new(),
        document: None,
        at,
    }
}
