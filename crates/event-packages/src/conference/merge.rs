//! Partial documents put together with what is known (RFC 4575 §4.6).

use super::entries::{self, ElementState, Keyed};
use super::{Conference, Endpoint, Media, UriEntry, User};

impl Conference {
    /// What is known after `partial`.
    pub(crate) fn merged(&self, partial: Self) -> Self {
        let version = partial.version;
        Self {
            version,
            ..self.clone().updated(partial)
        }
    }

    /// Whether the same is told, whatever the version.
    pub(crate) fn says_the_same(&self, before: &Self) -> bool {
        let version = self.version;
        let same = |before: &Self| self == before;
        same(before)
            || (version != before.version
                && same(&Self {
                    version,
                    ..before.clone()
                }))
    }
}

impl Keyed for Conference {
    fn key(&self) -> &str {
        &self.entity
    }

    fn state(&self) -> ElementState {
        self.state
    }

    fn updated(self, new: Self) -> Self {
        Self {
            entity: if new.entity.is_empty() {
                self.entity
            } else {
                new.entity
            },
            version: new.version.or(self.version),
            state: ElementState::Full,
            description: new.description.or(self.description),
            host_info: new.host_info.or(self.host_info),
            conference_state: new.conference_state.or(self.conference_state),
            users: entries::updated(self.users, new.users),
            sidebars_by_ref: entries::updated(self.sidebars_by_ref, new.sidebars_by_ref),
            sidebars_by_val: entries::updated(self.sidebars_by_val, new.sidebars_by_val),
        }
    }

    fn settled(self) -> Self {
        Self::default().updated(self)
    }
}

impl Keyed for User {
    fn key(&self) -> &str {
        &self.entity
    }

    fn state(&self) -> ElementState {
        self.state
    }

    fn updated(self, new: Self) -> Self {
        let list = |new: Vec<Box<str>>, known| if new.is_empty() { known } else { new };
        Self {
            entity: new.entity,
            state: ElementState::Full,
            display_text: new.display_text.or(self.display_text),
            associated_aors: entries::updated(self.associated_aors, new.associated_aors),
            roles: list(new.roles, self.roles),
            languages: list(new.languages, self.languages),
            cascaded_focus: new.cascaded_focus.or(self.cascaded_focus),
            endpoints: entries::rows(self.endpoints, new.endpoints),
        }
    }

    fn settled(self) -> Self {
        Self::default().updated(self)
    }
}

impl Keyed for Endpoint {
    fn key(&self) -> &str {
        self.entity.as_deref().unwrap_or_default()
    }

    fn state(&self) -> ElementState {
        self.state
    }

    fn updated(self, new: Self) -> Self {
        Self {
            entity: new.entity,
            state: ElementState::Full,
            display_text: new.display_text.or(self.display_text),
            referred: new.referred.or(self.referred),
            status: new.status.or(self.status),
            joining_method: new.joining_method.or(self.joining_method),
            joining_info: new.joining_info.or(self.joining_info),
            disconnection_method: new.disconnection_method.or(self.disconnection_method),
            disconnection_info: new.disconnection_info.or(self.disconnection_info),
            media: entries::rows(self.media, new.media),
            call_info: new.call_info.or(self.call_info),
        }
    }

    fn settled(self) -> Self {
        Self::default().updated(self)
    }
}

impl Keyed for Media {
    fn key(&self) -> &str {
        &self.id
    }

    fn state(&self) -> ElementState {
        ElementState::Full
    }

    fn updated(self, new: Self) -> Self {
        new
    }

    fn settled(self) -> Self {
        self
    }
}

impl Keyed for UriEntry {
    fn key(&self) -> &str {
        &self.uri
    }

    fn state(&self) -> ElementState {
        ElementState::Full
    }

    fn updated(self, new: Self) -> Self {
        new
    }

    fn settled(self) -> Self {
        self
    }
}
