//! Partial documents put together with what is known (RFC 3858 §4).

use super::{Watcher, WatcherInfo, WatcherList, WatcherStatus};
use crate::Extent;
use crate::versioned::{self, Row};

impl Row for Watcher {
    fn id(&self) -> &str {
        &self.id
    }

    fn has_ended(&self) -> bool {
        self.status == WatcherStatus::Terminated
    }

    fn updated(&self, new: Self) -> Self {
        new
    }

    fn timeless(&self) -> Self {
        Self {
            expiration: None,
            duration_subscribed: None,
            ..self.clone()
        }
    }
}

impl WatcherInfo {
    /// What is known after `partial`. A list is known by its resource and its package.
    pub(crate) fn merged(&self, partial: Self) -> Self {
        let mut lists = self.watcher_lists.clone();
        for list in &mut lists {
            list.watchers.retain(|watcher| !watcher.has_ended());
        }
        let mut places = std::collections::BTreeMap::new();
        for (place, list) in lists.iter().enumerate() {
            places.insert((list.resource.clone(), list.package.clone()), place);
        }
        for list in partial.watcher_lists {
            let key = (list.resource.clone(), list.package.clone());
            match places.get(&key).and_then(|place| lists.get_mut(*place)) {
                Some(known) => known.watchers = versioned::merged_rows(&known.watchers, list.watchers),
                None => {
                    places.insert(key, lists.len());
                    lists.push(list);
                }
            }
        }
        Self {
            version: partial.version,
            state: Extent::Full,
            watcher_lists: lists,
        }
    }

    /// Whether the same watchers are told, whatever the version and the seconds.
    pub(crate) fn says_the_same(&self, before: &Self) -> bool {
        let mut pairs = self.watcher_lists.iter().zip(&before.watcher_lists);
        self.watcher_lists.len() == before.watcher_lists.len()
            && pairs.all(|(new, known)| {
                (&new.resource, &new.package) == (&known.resource, &known.package)
                    && versioned::same_rows(&new.watchers, &known.watchers)
            })
    }

    /// Lists and watchers, and octets of their texts, about.
    pub(crate) fn weight(&self) -> (usize, usize) {
        self.watcher_lists.iter().fold((0, 0), |(rows, octets), list| {
            let watchers: usize = list.watchers.iter().map(weight).sum();
            let own = size_of::<WatcherList>() + list.resource.len() + list.package.len();
            (rows + 1 + list.watchers.len(), octets + own + watchers)
        })
    }
}

fn weight(watcher: &Watcher) -> usize {
    let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
    size_of::<Watcher>()
        + watcher.id.len()
        + watcher.uri.len()
        + text(&watcher.display_name)
        + text(&watcher.lang)
}
