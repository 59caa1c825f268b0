//! Texts that very many publications have in common, kept once: event packages and content types.

use std::collections::HashSet;
use std::sync::Arc;

/// So many are kept; what comes beyond is not shared, so that no application can fill memory.
const MOST: usize = 1024;

/// The shared texts.
#[derive(Default)]
pub(crate) struct Interned {
    texts: HashSet<Arc<str>, foldhash::fast::RandomState>,
}

impl Interned {
    /// The shared copy of a text, which this one becomes if there is none.
    pub(crate) fn share(&mut self, text: Arc<str>) -> Arc<str> {
        if let Some(known) = self.texts.get(&text) {
            return known.clone();
        }
        if self.texts.len() >= MOST {
            self.texts.retain(|known| Arc::strong_count(known) > 1);
        }
        if self.texts.len() < MOST {
            self.texts.insert(text.clone());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_and_the_number_is_bounded() {
        let mut interned = Interned::default();
        let one = interned.share("presence".into());
        assert!(Arc::ptr_eq(&one, &interned.share("presence".into())));
        let held: Vec<_> = (0..2 * MOST)
            .map(|n| interned.share(format!("x{n}").into()))
            .collect();
        assert_eq!(interned.texts.len(), MOST);
        drop(held);
        interned.share("y".into());
        assert_eq!(interned.texts.len(), 2, "what nobody uses makes room");
        assert!(Arc::ptr_eq(&one, &interned.share("presence".into())));
    }
}
