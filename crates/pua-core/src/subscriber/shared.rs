//! Texts that many subscriptions have in common (watchers, packages, targets) are kept once.

use std::collections::HashSet;
use std::sync::Arc;

use crate::command::SubscriptionName;

/// At so many the unused ones are forgotten.
const TEXTS: usize = 4096;

/// The texts, each once.
pub(super) struct Shared {
    texts: HashSet<Arc<str>, foldhash::fast::RandomState>,
    /// No presentities of a list.
    no_members: Arc<[Arc<str>]>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Shared {
            texts: HashSet::default(),
            no_members: Arc::from([]),
        }
    }

    /// The text, in the memory of an equal one if there is one.
    pub(super) fn text(&mut self, text: Arc<str>) -> Arc<str> {
        if let Some(known) = self.texts.get(&text) {
            return known.clone();
        }
        if self.texts.len() >= TEXTS {
            self.texts.retain(|known| Arc::strong_count(known) > 1);
        }
        // Where all are in use there is nothing to be won by one more.
        if self.texts.len() < TEXTS {
            self.texts.insert(text.clone());
        }
        text
    }

    /// The name with what others have as well in their memory.
    pub(super) fn name(&mut self, name: &SubscriptionName) -> Arc<SubscriptionName> {
        Arc::new(SubscriptionName {
            presentity: name.presentity.clone(),
            watcher: self.text(name.watcher.clone()),
            package: self.text(name.package.clone()),
            id: name.id.clone(),
        })
    }

    /// The presentities of a list; of no list the same nothing.
    pub(super) fn members(&self, members: Arc<[Arc<str>]>) -> Arc<[Arc<str>]> {
        match members.is_empty() {
            true => self.no_members.clone(),
            false => members,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_only_while_it_is_used() {
        let mut shared = Shared::new();
        let one = shared.text(Arc::from("sip:w@d"));
        let other = shared.text(Arc::from("sip:w@d"));
        assert!(Arc::ptr_eq(&one, &other));
        for n in 0..2 * TEXTS {
            shared.text(Arc::from(format!("sip:{n}@d")));
        }
        assert!(shared.texts.len() <= TEXTS);
        assert!(Arc::ptr_eq(&one, &shared.text(Arc::from("sip:w@d"))));
        let all: Vec<Arc<str>> = (0..2 * TEXTS).map(|n| shared.text(format!("x{n}").into())).collect();
        assert_eq!((all.len(), shared.texts.len()), (2 * TEXTS, TEXTS));
        assert_eq!(&*shared.text(Arc::from("new")), "new");
    }
}
