//! Partial documents put together with what is known (RFC 4235 §4.3).

use super::{Dialog, DialogInfo, Participant};
use crate::Extent;
use crate::versioned::{self, Row};

impl Row for Dialog {
    fn id(&self) -> &str {
        &self.id
    }

    fn has_ended(&self) -> bool {
        self.is_terminated()
    }

    fn updated(&self, new: Self) -> Self {
        updated(self, new)
    }

    fn timeless(&self) -> Self {
        Self {
            duration: None,
            ..self.clone()
        }
    }
}

impl DialogInfo {
    /// What is known after `partial`.
    pub(crate) fn merged(&self, partial: Self) -> Self {
        let entity = match partial.entity.is_empty() {
            true => self.entity.clone(),
            false => partial.entity,
        };
        Self {
            version: partial.version,
            state: Extent::Full,
            entity,
            dialogs: versioned::merged_rows(&self.dialogs, partial.dialogs),
        }
    }

    /// Whether the same dialogs are told, whatever the version and the durations.
    pub(crate) fn says_the_same(&self, before: &Self) -> bool {
        self.entity == before.entity && versioned::same_rows(&self.dialogs, &before.dialogs)
    }

    /// Dialogs, and octets of their texts, about.
    pub(crate) fn weight(&self) -> (usize, usize) {
        (self.dialogs.len(), self.dialogs.iter().map(weight).sum())
    }
}

/// A row after an update: what does not change in the life of a dialog, and what need not be repeated, stays
/// (RFC 4235 §4.1.6).
fn updated(known: &Dialog, new: Dialog) -> Dialog {
    let known = known.clone();
    Dialog {
        call_id: new.call_id.or(known.call_id),
        local_tag: new.local_tag.or(known.local_tag),
        remote_tag: new.remote_tag.or(known.remote_tag),
        direction: new.direction.or(known.direction),
        replaces: new.replaces.or(known.replaces),
        referred_by: new.referred_by.or(known.referred_by),
        route_set: if new.route_set.is_empty() {
            known.route_set
        } else {
            new.route_set
        },
        local: side(known.local, new.local),
        remote: side(known.remote, new.remote),
        ..new
    }
}

fn side(known: Option<Box<Participant>>, new: Option<Box<Participant>>) -> Option<Box<Participant>> {
    let (known, new) = match (known, new) {
        (Some(known), Some(new)) => (*known, *new),
        (known, new) => return new.or(known),
    };
    let superseded = new.identity.is_some();
    Some(Box::new(Participant {
        identity: new.identity.or(known.identity),
        other_identities: if superseded {
            new.other_identities
        } else {
            known.other_identities
        },
        target: new.target.or(known.target),
        session_description: new.session_description.or(known.session_description),
        cseq: new.cseq.or(known.cseq),
    }))
}

fn weight(dialog: &Dialog) -> usize {
    let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
    let side = |side: &Option<Box<Participant>>| {
        side.as_ref().map_or(0, |side| {
            let identities = side.identity.iter().chain(&side.other_identities);
            let identities: usize = identities
                .map(|one| 64 + one.uri.len() + text(&one.display))
                .sum();
            let target = side.target.as_ref().map_or(0, |target| {
                let params = target.params.iter();
                let params: usize = params
                    .map(|param| 32 + param.name.len() + param.value.len())
                    .sum();
                target.uri.len() + params
            });
            let description = side.session_description.as_ref();
            let description = description.map_or(0, |one| one.media_type.len() + one.content.len());
            128 + identities + target + description
        })
    };
    let hops: usize = dialog.route_set.iter().map(|hop| 16 + hop.len()).sum();
    let replaces = dialog.replaces.as_ref();
    let replaces = replaces.map_or(0, |one| {
        one.call_id.len() + one.local_tag.len() + one.remote_tag.len()
    });
    let by = dialog.referred_by.as_ref();
    let by = by.map_or(0, |by| by.uri.len() + text(&by.display));
    std::mem::size_of::<Dialog>()
        + dialog.id.len()
        + text(&dialog.call_id)
        + text(&dialog.local_tag)
        + text(&dialog.remote_tag)
        + side(&dialog.local)
        + side(&dialog.remote)
        + hops
        + replaces
        + by
}
