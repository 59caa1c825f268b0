//! What an oracle found.

use std::fmt;

/// Which of the three oracles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oracle {
    /// Every message as it leaves the core.
    Message,
    /// What must have happened by now: replies, and after the last fault the wanted state.
    Bound,
    /// The views of applications, core, store and server are one.
    Equality,
}

/// A rule that was broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Who saw it.
    pub oracle: Oracle,
    /// What was seen.
    pub what: String,
}

impl Violation {
    pub(crate) fn message(what: impl Into<String>) -> Violation {
        Violation {
            oracle: Oracle::Message,
            what: what.into(),
        }
    }

    pub(crate) fn bound(what: impl Into<String>) -> Violation {
        Violation {
            oracle: Oracle::Bound,
            what: what.into(),
        }
    }

    pub(crate) fn equality(what: impl Into<String>) -> Violation {
        Violation {
            oracle: Oracle::Equality,
            what: what.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.oracle, self.what)
    }
}
