//! What documents with a version and partial state have in common (RFC 4235 §4.3, RFC 3680 §5.2, RFC 3858 §4).

use std::collections::{BTreeMap, BTreeSet};

use roxmltree::Node;
use serde::{Deserialize, Serialize};

use crate::DocumentError;
use crate::xml::NodeExt;
use crate::xml::read::clip;

/// Rows (dialogs, contacts, watchers, users) that are kept of one subscription.
pub(crate) const MAX_ROWS: usize = 10_000;

/// Octets of texts in the rows that are kept of one subscription.
pub(crate) const MAX_WEIGHT: usize = 8 << 20;

/// Whether a document tells everything or only what has changed. In JSON and XML it is called `state`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// Rows after a partial document: those of `known` that have not ended, each `updated` by the one of `new` with the same
/// id, and the rest of `new` behind them. Rows that had ended before are left out, since everybody has been told.
pub(crate) fn merged_rows<R: Row>(known: &[R], new: Vec<R>) -> Vec<R> {
    let mut rows: Vec<R> = known.iter().filter(|row| !row.has_ended()).cloned().collect();
    let mut places: BTreeMap<Box<str>, usize> = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        places.insert(row.id().into(), place);
    }
    for row in new {
        match places.get(row.id()).and_then(|place| rows.get_mut(*place)) {
            Some(known) => *known = known.updated(row),
            None => {
                places.insert(row.id().into(), rows.len());
                rows.push(row);
            }
        }
    }
    rows
}

/// Whether rows say what was known: of those that have ended only the ones that had not before count, and what merely
/// tells the time does not.
pub(crate) fn same_rows<R: Row>(rows: &[R], before: &[R]) -> bool {
    let ended: BTreeSet<&str> = before.iter().filter(|row| row.has_ended()).map(Row::id).collect();
    let news = rows
        .iter()
        .filter(|row| !(row.has_ended() && ended.contains(row.id())));
    let mut known = before.iter().filter(|row| !row.has_ended());
    let mut all = true;
    for row in news {
        all &= known
            .next()
            .is_some_and(|known| row == known || row.timeless() == known.timeless());
        if !all {
            break;
        }
    }
    all && known.next().is_none()
}

/// A row of a table that partial documents update.
pub(crate) trait Row: Clone + PartialEq {
    /// What tells it from the others.
    fn id(&self) -> &str;
    /// Whether its last state has been told.
    fn has_ended(&self) -> bool;
    /// The row after an update.
    fn updated(&self, new: Self) -> Self;
    /// Without what merely tells the time.
    fn timeless(&self) -> Self;
}

/// A text that is written where the schemas have xs:anyURI.
///
/// # Errors
/// It cannot be one.
pub(crate) fn check_uri(text: &str) -> Result<(), DocumentError> {
    if crate::pidf::is_uri(text.trim()) {
        return Ok(());
    }
    Err(DocumentError::invalid(format!("{:?} is not a URI", clip(text))))
}

/// An id that is written: something, and each time something else.
///
/// # Errors
/// It is empty, or was there before.
pub(crate) fn take_id<'a>(ids: &mut BTreeSet<&'a str>, id: &'a str) -> Result<(), DocumentError> {
    if !id.trim().is_empty() && ids.insert(id) {
        return Ok(());
    }
    Err(DocumentError::invalid("has to be there, and unlike the others"))
}

/// A value of `xml:lang`.
///
/// # Errors
/// It is no language tag.
pub(crate) fn check_language(lang: Option<&str>) -> Result<(), DocumentError> {
    match lang.filter(|lang| !crate::note::is_language(lang)) {
        Some(lang) => Err(DocumentError::invalid(format!(
            "{:?} is no language tag",
            clip(lang)
        ))),
        None => Ok(()),
    }
}

/// `1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")` (RFC 3261 §25.1).
pub(crate) fn is_token(text: &str) -> bool {
    let is = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte);
    !text.is_empty() && text.bytes().all(is)
}
