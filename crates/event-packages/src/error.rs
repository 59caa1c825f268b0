//! Why a document was not read, or cannot be written.

use std::fmt;

/// A document that was refused, with the place of the fault.
///
/// The text of [`fmt::Display`] is made for the person who has to mend the document; it holds names of elements and
/// members and short values, never a whole document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentError {
    /// What is wrong.
    pub kind: ErrorKind,
    /// The line in the body, from 1, where it is known.
    pub line: Option<u32>,
    /// The path of the member of a value (`tuples[0].status.basic`), where there is one.
    pub path: Option<Box<str>>,
}

/// The kinds of faults.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// More octets than a document may have.
    TooLarge {
        /// The bound that was passed, in octets.
        limit: usize,
    },
    /// More of something (elements, levels, attributes of an element, namespaces) than a document may have.
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The bound that was passed.
        limit: usize,
    },
    /// A document type declaration, which none of the formats has and which can hold entities.
    DocumentType,
    /// The octets are no text in an encoding that is understood.
    Encoding,
    /// Not well-formed; the text is the parser's.
    NotWellFormed(String),
    /// Another document than the content type says.
    WrongRoot {
        /// The root element in `{namespace}name` form that was expected.
        expected: &'static str,
        /// What was found, cut to a sensible length.
        found: String,
    },
    /// Something that must be there is not, or is not what it has to be.
    Invalid(String),
    /// A value that XML cannot carry: a control character, for example.
    IllegalCharacter(char),
    /// The JSON value has not the form of the document.
    Json(String),
    /// There is no typed form of this content type.
    UnknownType(String),
    /// A part of a type that was not asked for.
    UnacceptedType(String),
}

impl DocumentError {
    /// A fault of which the place is not known.
    pub fn new(kind: ErrorKind) -> Self {
        Self {
            kind,
            line: None,
            path: None,
        }
    }

    /// Something that must be there is not, or is not what it has to be.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid(what.into()))
    }

    /// The same fault, with the line of the body it stands in.
    #[must_use]
    pub fn at_line(self, line: u32) -> Self {
        Self {
            line: Some(line),
            ..self
        }
    }

    /// The same fault, with the path of the member it is about.
    #[must_use]
    pub fn at_path(self, path: impl Into<String>) -> Self {
        Self {
            path: Some(path.into().into_boxed_str()),
            ..self
        }
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        self.kind.fmt(f)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(
                f,
                "the document has more than {limit} octets; split or shorten it"
            ),
            Self::TooMany { what, limit } => write!(f, "the document has more than {limit} {what}"),
            Self::DocumentType => {
                f.write_str("a document type declaration is not accepted; remove `<!DOCTYPE ...>`")
            }
            Self::Encoding => f.write_str("the document is not UTF-8 text; encode it as UTF-8"),
            Self::NotWellFormed(what) => write!(f, "not well-formed: {what}"),
            Self::WrongRoot { expected, found } => {
                write!(f, "the root element has to be {expected}, not {found}")
            }
            Self::Invalid(what) | Self::Json(what) => f.write_str(what),
            Self::IllegalCharacter(c) => {
                write!(
                    f,
                    "XML cannot carry the character U+{:04X}; remove it",
                    u32::from(*c)
                )
            }
            Self::UnknownType(content_type) => {
                write!(
                    f,
                    "there is no typed form of {content_type}; give the document itself"
                )
            }
            Self::UnacceptedType(content_type) => {
                write!(f, "a part is {content_type}, which was not accepted")
            }
        }
    }
}

impl std::error::Error for DocumentError {}
