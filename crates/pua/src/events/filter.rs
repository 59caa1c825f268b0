//! Which events a consumer wants.

use sip_wire::Uri;

use super::entry::Subject;

/// The kind of an event: the member `type` of its JSON form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A notifier told the state of a resource.
    State,
    /// A subscription has changed.
    Subscription,
    /// A publication has changed.
    Publication,
    /// A notifier sent what cannot be read.
    Unreadable,
    /// Events are lost to this consumer.
    Gap,
    /// The present state follows.
    SnapshotBegin,
    /// That was the present state.
    SnapshotEnd,
    /// From here on, without the present state.
    Attached,
}

impl Kind {
    /// Those that a filter can name; the others are about the stream itself and always come.
    pub(crate) const FILTERED: [Kind; 4] = [
        Kind::State,
        Kind::Subscription,
        Kind::Publication,
        Kind::Unreadable,
    ];

    /// The name in JSON.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Kind::State => "state",
            Kind::Subscription => "subscription",
            Kind::Publication => "publication",
            Kind::Unreadable => "unreadable",
            Kind::Gap => "gap",
            Kind::SnapshotBegin => "snapshot_begin",
            Kind::SnapshotEnd => "snapshot_end",
            Kind::Attached => "attached",
        }
    }
}

/// Which events a consumer wants. Lists that are empty want everything; among the entries of a list
/// one has to fit, and all lists have to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Presentities, in the canonical form of [`uri_key`].
    presentities: Vec<Box<str>>,
    /// Watchers, likewise.
    watchers: Vec<Box<str>>,
    packages: Vec<Box<str>>,
    kinds: Vec<Kind>,
    changed_only: bool,
}

impl Filter {
    /// Also events about this presentity, be it the one subscribed to or published for, or the
    /// member of a list. URIs are compared by RFC 3261 §19.1.4.
    pub(crate) fn presentity(mut self, uri: &str) -> Filter {
        self.presentities.push(uri_key(uri));
        self
    }

    /// Also events about this watcher's subscriptions. Publications have no watcher and fall out.
    pub(crate) fn watcher(mut self, uri: &str) -> Filter {
        self.watchers.push(uri_key(uri));
        self
    }

    /// Also events of this package. Without parameters it stands for those with any, `dialog` for
    /// `dialog;sla` too.
    pub(crate) fn package(mut self, package: &str) -> Filter {
        self.packages.push(package.trim().to_ascii_lowercase().into());
        self
    }

    /// Also events of this kind.
    pub(crate) fn kind(mut self, kind: Kind) -> Filter {
        self.kinds.push(kind);
        self
    }

    /// No states that say what was said before.
    pub(crate) fn changed_only(mut self, only: bool) -> Filter {
        self.changed_only = only;
        self
    }

    /// The presentities asked for, canonical; empty: all.
    pub(super) fn presentities(&self) -> &[Box<str>] {
        &self.presentities
    }

    /// Whether events of this kind are wanted at all.
    pub(super) fn wants(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// Whether watchers are asked for, which publications do not have.
    pub(super) fn wants_publications(&self) -> bool {
        self.wants(Kind::Publication) && self.watchers.is_empty()
    }

    /// Whether an event with this subject is wanted.
    pub(super) fn matches(&self, subject: &Subject<'_>) -> bool {
        self.wants(subject.kind)
            && (subject.changed || !self.changed_only)
            && (self.packages.is_empty() || self.packages.iter().any(|p| same_package(p, subject.package)))
            && (self.presentities.is_empty()
                || subject
                    .presentities
                    .iter()
                    .any(|key| self.presentities.contains(key)))
            && (self.watchers.is_empty()
                || subject
                    .watcher
                    .is_some_and(|watcher| self.watchers.contains(&uri_key(watcher))))
    }
}

/// `wanted` is in lower case.
fn same_package(wanted: &str, package: &str) -> bool {
    let name = package.split(';').next().unwrap_or_default().trim();
    wanted.eq_ignore_ascii_case(package) || wanted.eq_ignore_ascii_case(name)
}

/// A text that is the same for URIs that are equal (RFC 3261 §19.1.4); what is no URI stands for
/// itself.
pub(super) fn uri_key(uri: &str) -> Box<str> {
    let uri = uri.trim();
    Uri::parse(uri).map_or_else(|_| uri.into(), |parsed| parsed.key().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject<'a>(kind: Kind, package: &'a str, keys: &'a [Box<str>]) -> Subject<'a> {
        Subject {
            kind,
            package,
            presentities: keys,
            watcher: Some("sip:w@example.com"),
            changed: true,
        }
    }

    #[test]
    fn presentities_are_compared_as_uris() {
        let keys = [uri_key("sip:alice@example.com")];
        let state = subject(Kind::State, "presence", &keys);
        for same in ["sip:%61lice@EXAMPLE.com", "SIP:alice@example.com;x=y"] {
            assert!(Filter::default().presentity(same).matches(&state), "{same}");
        }
        for other in ["sip:Alice@example.com", "sip:alice@example.com:5060", "alice"] {
            let filter = Filter::default().presentity(other);
            assert!(!filter.matches(&state), "{other}");
            assert!(filter.presentity("sip:alice@example.com").matches(&state));
        }
    }

    #[test]
    fn a_package_without_parameters_stands_for_all() {
        let sla = subject(Kind::State, "dialog;sla", &[]);
        for (package, fits) in [("dialog", true), ("Dialog;sla", true), ("presence", false)] {
            assert_eq!(
                Filter::default().package(package).matches(&sla),
                fits,
                "{package}"
            );
        }
        let plain = subject(Kind::State, "dialog", &[]);
        assert!(!Filter::default().package("dialog;sla").matches(&plain));
    }

    #[test]
    fn kinds_watchers_and_repetitions() {
        let mut state = subject(Kind::State, "presence", &[]);
        assert!(Filter::default().kind(Kind::State).matches(&state));
        assert!(!Filter::default().kind(Kind::Publication).matches(&state));
        assert!(Filter::default().watcher("sip:w@EXAMPLE.com").matches(&state));
        assert!(!Filter::default().watcher("sip:v@example.com").matches(&state));
        assert!(Filter::default().changed_only(true).matches(&state));
        state.changed = false;
        assert!(!Filter::default().changed_only(true).matches(&state));
        state.watcher = None;
        assert!(!Filter::default().watcher("sip:w@example.com").matches(&state));
    }
}
