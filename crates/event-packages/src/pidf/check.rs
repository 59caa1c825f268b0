//! Looking presence documents over.

use crate::Finding;

/// Looks a presence document over.
pub fn check(body: &[u8]) -> Vec<Finding> {
    match super::read(body) {
        Ok(_) => Vec::new(),
        Err(error) => vec![error.into()],
    }
}

/// Whether the document is about this presentity (CPIDF-02).
pub fn check_entity(_presence: &super::Presence, _uri: &str) -> Option<Finding> {
    None
}
