//! Looking a document over.

use std::collections::BTreeSet;

use super::{NAMESPACE, ROOT, WatcherEvent, WatcherStatus};
use crate::Finding;
use crate::lint::Lint;
use crate::versioned::is_token;
use crate::xml::{self, NodeExt};

/// What a peer may refuse or misread: CWI-01.
pub(crate) fn check(body: &[u8]) -> Vec<Finding> {
    xml::read(body, ROOT, |root| {
        let mut lint = Lint::new("CWI-01");
        lint.required(root, &["version", "state"]);
        lint.whole(root, "version", u64::from(u32::MAX));
        lint.one_of(root, "state", &["full", "partial"]);
        lint.only_attributes(root, &["version", "state"], false);
        lint.children(root, NAMESPACE, &["watcher-list"], true);
        let mut ids = BTreeSet::new();
        for list in root.children_named(NAMESPACE, "watcher-list") {
            lint.required(list, &["resource", "package"]);
            lint.only_attributes(list, &["resource", "package"], false);
            lint.children(list, NAMESPACE, &["watcher"], true);
            for watcher in list.children_named(NAMESPACE, "watcher") {
                lint.required(watcher, &["id", "status", "event"]);
                lint.unique(watcher, "id", &mut ids);
                lint.one_of(watcher, "status", WatcherStatus::KNOWN);
                lint.one_of(watcher, "event", WatcherEvent::KNOWN);
                lint.whole(watcher, "expiration", u64::MAX);
                lint.whole(watcher, "duration-subscribed", u64::MAX);
                lint.only_attributes(
                    watcher,
                    &[
                        "id",
                        "status",
                        "event",
                        "display-name",
                        "expiration",
                        "duration-subscribed",
                    ],
                    false,
                );
                if watcher.attr("id").is_some_and(|id| !is_token(id)) {
                    lint.error(watcher, "id has to be a token");
                }
                if watcher.token().is_none() {
                    lint.error(watcher, "watcher holds no URI; it is skipped");
                }
            }
        }
        Ok(lint.into_findings())
    })
    .unwrap_or_else(|error| vec![error.into()])
}
