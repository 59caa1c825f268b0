//! Texts that many subscriptions have in common (watchers, packages, targets) are kept once.

use std::collections::HashSet;
use std::sync::Arc;

use super::subscription::Extras;
use crate::command::{Proxy, SubscriptionName};

/// At so many the unused ones are forgotten.
const TEXTS: usize = 4096;

/// The texts, each once.
pub(super) struct Shared {
    texts: HashSet<Arc<str>, foldhash::fast::RandomState>,
    /// Of an application that has said nothing but the name.
    no_extras: Arc<Extras>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Shared {
            texts: HashSet::default(),
            no_extras: Arc::new(Extras {
                headers: Arc::from(""),
                proxy: None,
                members: Arc::from([]),
            }),
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

    /// What an application has said beside the name.
    pub(super) fn extras(
        &self,
        headers: Arc<str>,
        proxy: Option<Proxy>,
        members: Arc<[Arc<str>]>,
    ) -> Arc<Extras> {
        if headers.is_empty() && proxy.is_none() && members.is_empty() {
            return self.no_extras.clone();
        }
        Arc::new(Extras {
            headers,
            proxy,
            members,
        })
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
        let all: Vec<Arc<str>> = (0..2 * TEXTS)
            .map(|n| shared.text(format!("x{n}").into()))
            .collect();
        assert_eq!((all.len(), shared.texts.len()), (2 * TEXTS, TEXTS));
        assert_eq!(&*shared.text(Arc::from("new")), "new");
    }
}
