//! Writing, valid against the schema of RFC 3858 §6.

use std::collections::BTreeSet;

use super::{NAMESPACE, WatcherInfo};
use crate::xml::XmlWriter;
use crate::{DocumentError, versioned};

impl WatcherInfo {
    /// Writes the document.
    ///
    /// # Errors
    /// URIs that are none, ids that are missing or equal or no tokens, values that the schema does not know.
    pub fn write(&self) -> Result<Vec<u8>, DocumentError> {
        let mut out = XmlWriter::new();
        let version = self.version.unwrap_or_default().to_string();
        out.start(
            "watcherinfo",
            &[
                ("xmlns", Some(NAMESPACE)),
                ("version", Some(&version)),
                ("state", Some(self.state.as_str())),
            ],
        );
        let mut ids = BTreeSet::new();
        for (index, list) in self.watcher_lists.iter().enumerate() {
            let path = |member: &str| format!("watcher_lists[{index}].{member}");
            versioned::check_uri(&list.resource).map_err(|error| error.at_path(path("resource")))?;
            if list.package.is_empty() {
                return Err(DocumentError::invalid("has to be an event package").at_path(path("package")));
            }
            out.start(
                "watcher-list",
                &[
                    ("resource", Some(&list.resource)),
                    ("package", Some(&list.package)),
                ],
            );
            for (row, watcher) in list.watchers.iter().enumerate() {
                let at = |member: &str| path(&format!("watchers[{row}].{member}"));
                versioned::take_id(&mut ids, &watcher.id).map_err(|error| error.at_path(at("id")))?;
                if !versioned::is_token(&watcher.id) {
                    return Err(DocumentError::invalid("has to be a token").at_path(at("id")));
                }
                versioned::check_uri(&watcher.uri).map_err(|error| error.at_path(at("uri")))?;
                let lang = watcher.lang.as_deref();
                versioned::check_language(lang).map_err(|error| error.at_path(at("lang")))?;
                let status = watcher.status.known();
                let event = watcher.event.known();
                let number = |number: Option<u64>| number.map(|number| number.to_string());
                out.element(
                    "watcher",
                    &[
                        ("id", Some(&watcher.id)),
                        (
                            "status",
                            Some(status.map_err(|error| error.at_path(at("status")))?),
                        ),
                        ("event", Some(event.map_err(|error| error.at_path(at("event")))?)),
                        ("display-name", watcher.display_name.as_deref()),
                        ("expiration", number(watcher.expiration).as_deref()),
                        (
                            "duration-subscribed",
                            number(watcher.duration_subscribed).as_deref(),
                        ),
                        ("xml:lang", lang),
                    ],
                    &watcher.uri,
                );
            }
            out.end();
        }
        out.finish()
    }
}
