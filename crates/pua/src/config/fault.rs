//! What is wrong with a configuration: where, which key, what, and what to do about it.

use std::fmt;
use std::sync::Arc;

/// Where a setting was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a file. Line and column count from 1; the column in characters.
    File {
        /// The file's name as given.
        file: Arc<str>,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// In an environment variable.
    Environment(String),
    /// A file as a whole.
    Whole(Arc<str>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Place::Environment(name) => write!(f, "environment {name}"),
            Place::Whole(file) => f.write_str(file),
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The daemon does not start.
    Error,
    /// It starts, but somebody should look at it.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// How bad it is.
    pub severity: Severity,
    /// Where; `None`: it follows from several settings, or from a missing one.
    pub place: Option<Place>,
    /// The key in full, as written; empty: the file as a whole.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n    hint: {hint}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a configuration: at least one error.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults(pub Vec<Fault>);

impl Faults {
    /// How many errors, warnings not counted.
    #[must_use]
    pub(crate) fn errors(&self) -> usize {
        self.0.iter().filter(|f| f.severity == Severity::Error).count()
    }

    pub(super) fn error(
        &mut self,
        place: Option<Place>,
        key: impl Into<String>,
        what: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.push(Severity::Error, place, key.into(), what.into(), hint.into());
    }

    pub(super) fn warning(
        &mut self,
        place: Option<Place>,
        key: impl Into<String>,
        what: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.push(Severity::Warning, place, key.into(), what.into(), hint.into());
    }

    fn push(
        &mut self,
        severity: Severity,
        place: Option<Place>,
        key: String,
        what: String,
        hint: Option<String>,
    ) {
        self.0.push(Fault {
            severity,
            place,
            key,
            what,
            hint,
        });
    }

    /// In the order of the file, what has no place last.
    pub(super) fn sort(&mut self) {
        self.0.sort_by_key(|fault| match &fault.place {
            Some(Place::File { line, column, .. }) => (0, *line, *column),
            Some(Place::Whole(_)) => (1, 0, 0),
            Some(Place::Environment(_)) => (2, 0, 0),
            None => (3, 0, 0),
        });
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
