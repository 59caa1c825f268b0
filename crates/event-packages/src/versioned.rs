//! What documents with a version and partial state have in common (RFC 4235 §4.3, RFC 3680 §5.2, RFC 3858 §4).

use roxmltree::Node;
use serde::{Deserialize, Serialize};

use crate::xml::NodeExt;

/// Rows (dialogs, contacts, watchers, users) that are kept of one subscription.
pub(crate) const MAX_ROWS: usize = 10_000;

/// Octets of texts in the rows that are kept of one subscription.
pub(crate) const MAX_WEIGHT: usize = 8 << 20;

/// Whether a document tells everything or only what has changed. In JSON and XML it is called `state`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// Everything: what is not in the document is not there any more.
    #[default]
    Full,
    /// What has changed since the version before.
    Partial,
}

impl Extent {
    /// The value of the `state` attribute.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
        }
    }

    /// From the root element. What says nothing else is full.
    pub(crate) fn of(root: Node<'_, '_>) -> Self {
        // the example in the prose of RFC 4235 §4.1 has another name for it
        let value = root.attr("state").or_else(|| root.attr("notify-state"));
        if value == Some("partial") {
            Self::Partial
        } else {
            Self::Full
        }
    }
}

/// The `version` attribute of the root element; more than 32 bits count as the greatest.
pub(crate) fn version(root: Node<'_, '_>) -> Option<u32> {
    number(root.attr("version")?).map(|version| u32::try_from(version).unwrap_or(u32::MAX))
}

/// An xs:nonNegativeInteger; what is too large is the largest.
pub(crate) fn number(text: &str) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}
