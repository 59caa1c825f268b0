//! Partial documents put together with what is known (RFC 3680 §5.2).

use super::{Contact, ContactState, Registration, Registrations};
use crate::Extent;
use crate::versioned::{self, Row};

impl Row for Registration {
    fn id(&self) -> &str {
        &self.id
    }

    /// Registrations stay when they end: their contacts go.
    fn has_ended(&self) -> bool {
        false
    }

    fn updated(&self, new: Self) -> Self {
        Self {
            contacts: versioned::merged_rows(&self.contacts, new.contacts),
            ..new
        }
    }

    fn timeless(&self) -> Self {
        Self {
            contacts: self.contacts.iter().map(Row::timeless).collect(),
            ..self.clone()
        }
    }
}

impl Row for Contact {
    fn id(&self) -> &str {
        &self.id
    }

    fn has_ended(&self) -> bool {
        self.state == ContactState::Terminated
    }

    fn updated(&self, new: Self) -> Self {
        new
    }

    fn timeless(&self) -> Self {
        Self {
            duration_registered: None,
            expires: None,
            ..self.clone()
        }
    }
}

impl Registrations {
    /// What is known after `partial`.
    pub(crate) fn merged(&self, partial: Self) -> Self {
        let mut known = self.registrations.clone();
        for registration in &mut known {
            registration.contacts.retain(|contact| !contact.has_ended());
        }
        Self {
            version: partial.version,
            state: Extent::Full,
            registrations: versioned::merged_rows(&known, partial.registrations),
        }
    }

    /// Whether the same registrations are told, whatever the version and the durations.
    pub(crate) fn says_the_same(&self, before: &Self) -> bool {
        let mut pairs = self.registrations.iter().zip(&before.registrations);
        self.registrations.len() == before.registrations.len()
            && pairs.all(|(new, known)| {
                (&new.aor, &new.id, &new.state) == (&known.aor, &known.id, &known.state)
                    && versioned::same_rows(&new.contacts, &known.contacts)
            })
    }

    /// Registrations and contacts, and octets of their texts, about.
    pub(crate) fn weight(&self) -> (usize, usize) {
        self.registrations.iter().fold((0, 0), |(rows, octets), one| {
            let contacts: usize = one.contacts.iter().map(weight).sum();
            let own = size_of::<Registration>() + one.aor.len() + one.id.len();
            (rows + 1 + one.contacts.len(), octets + own + contacts)
        })
    }
}

fn weight(contact: &Contact) -> usize {
    let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
    let params = contact.unknown_params.iter();
    let params: usize = params
        .map(|param| 32 + param.name.len() + param.value.len())
        .sum();
    let name = contact.display_name.as_ref();
    size_of::<Contact>()
        + contact.id.len()
        + contact.uri.len()
        + text(&contact.q)
        + text(&contact.callid)
        + text(&contact.pub_gruu)
        + contact.temp_gruu.as_ref().map_or(0, |gruu| gruu.uri.len())
        + name.map_or(0, |name| {
            name.text.len() + name.lang.as_ref().map_or(0, String::len)
        })
        + params
}
