//! Texts that many records share, once in memory.

use std::collections::HashSet;
use std::sync::Arc;

/// Beyond so many different texts they are no longer likely to repeat.
const MOST: usize = 4096;

/// Texts that were seen.
#[derive(Debug, Default)]
pub(crate) struct Intern {
    seen: HashSet<Arc<str>>,
}

impl Intern {
    /// The text, shared if it was seen before.
    pub(crate) fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(seen) = self.seen.get(text) {
            return seen.clone();
        }
        let text: Arc<str> = Arc::from(text);
        if self.seen.len() < MOST {
            self.seen.insert(text.clone());
        }
        text
    }
}
