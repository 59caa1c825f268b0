//! What can be wrong with a store, in words that an operator can act on.

use std::fmt;

/// The kinds of trouble with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// Another daemon owns it.
    Owned,
    /// Another daemon has taken it over while this one was running.
    Fenced,
    /// A later version of the program wrote it.
    Newer,
    /// It is no store of ours.
    Foreign,
    /// There is no room left.
    Full,
    /// It cannot be written to.
    ReadOnly,
    /// It cannot be opened.
    Unopenable,
    /// The system cannot read or write it.
    Io,
    /// What it holds makes no sense.
    Corrupt,
    /// Somebody else holds it locked.
    Locked,
    /// It does not answer.
    Stalled,
    /// Anything else.
    Other,
}

impl Trouble {
    /// A word for it, as in statistics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Trouble::Owned => "owned",
            Trouble::Fenced => "fenced",
            Trouble::Newer => "newer",
            Trouble::Foreign => "foreign",
            Trouble::Full => "full",
            Trouble::ReadOnly => "read_only",
            Trouble::Unopenable => "unopenable",
            Trouble::Io => "io",
            Trouble::Corrupt => "corrupt",
            Trouble::Locked => "locked",
            Trouble::Stalled => "stalled",
            Trouble::Other => "other",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Trouble::Owned => "stop the other daemon, or give this one a database of its own (store.url)",
            Trouble::Fenced => {
                "only one daemon may use a database, and this one ends; see who runs the other (its process is in the file's table `owner`)"
            }
            Trouble::Newer => "use the version of pua that wrote it, or a later one",
            Trouble::Foreign => "name another file in store.url",
            Trouble::Full => "make room on the disk; what could not be written is written then",
            Trouble::ReadOnly => "make the file and its directory writable for the daemon's user",
            Trouble::Unopenable => {
                "see that the directory of store.url exists and belongs to the daemon's user"
            }
            Trouble::Io => {
                "look for errors of the disk in the system's log, and whether a quota or a limit of the size of files applies"
            }
            Trouble::Corrupt => {
                "keep a copy, then run `pua store check FILE`; a backup or an empty file makes it start again"
            }
            Trouble::Locked => "end the program that writes to the database, such as an open sqlite3 session",
            Trouble::Stalled => "look after the disk; what could not be written is written when it answers",
            Trouble::Other => "see the log",
        }
    }
}

/// A failure of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind.
    pub trouble: Trouble,
    /// What happened, with the file's name; no personal data.
    pub what: String,
}

impl Error {
    /// A failure.
    pub fn new(trouble: Trouble, what: impl Into<String>) -> Error {
        Error {
            trouble,
            what: what.into(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        self.trouble.hint()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Error {}
