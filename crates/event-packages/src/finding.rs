//! What `check` has to say of a document.

use serde::Serialize;

/// One remark on a document, named by the rule it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether a peer is likely to refuse the document for it.
    pub severity: Severity,
    /// The line in the body, from 1, where it is known.
    pub line: Option<u32>,
    /// The rule, for example `CPIDF-03`.
    pub rule: &'static str,
    /// What is wrong, and what to do.
    pub message: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Against a SHOULD, or lost on some peers.
    Warning,
    /// A peer that validates refuses the document, or reads something else than was meant.
    Error,
}

impl Finding {
    /// A finding of severity [`Severity::Error`].
    pub fn error(rule: &'static str, line: Option<u32>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            line,
            rule,
            message: message.into(),
        }
    }

    /// A finding of severity [`Severity::Warning`].
    pub fn warning(rule: &'static str, line: Option<u32>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(rule, line, message)
        }
    }
}

impl From<crate::DocumentError> for Finding {
    /// A document that cannot be read at all: CXML-01.
    fn from(error: crate::DocumentError) -> Self {
        Self::error("CXML-01", error.line, error.kind.to_string())
    }
}
