//! Presence documents: PIDF (RFC 3863).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::xml::{self, NodeExt, XmlWriter};
use crate::{DocumentError, Finding, Summary, json};

/// The media type of presence documents.
pub const CONTENT_TYPE: &str = "application/pidf+xml";

/// The namespace of PIDF.
const PIDF: &str = "urn:ietf:params:xml:ns:pidf";

/// A presence document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// Whose presence it is: a URI.
    pub entity: String,
}

/// Reads a presence document.
///
/// # Errors
/// [`DocumentError`] when it is not well-formed or not a presence document.
pub fn read(body: &[u8]) -> Result<Presence, DocumentError> {
    xml::read(
        body,
        (PIDF, "presence", "presence in urn:ietf:params:xml:ns:pidf"),
        |root| {
            Ok(Presence {
                entity: root.attr("entity").unwrap_or_default().to_owned(),
            })
        },
    )
}

/// Looks a presence document over.
pub fn check(body: &[u8]) -> Vec<Finding> {
    match read(body) {
        Ok(_) => Vec::new(),
        Err(error) => vec![error.into()],
    }
}

impl Presence {
    /// Writes the document.
    ///
    /// # Errors
    /// [`DocumentError`] with the path of a value that cannot be written.
    pub fn write(&self) -> Result<Vec<u8>, DocumentError> {
        let mut out = XmlWriter::new();
        out.start(
            "presence",
            &[("xmlns", Some(PIDF)), ("entity", Some(&self.entity))],
        );
        out.end();
        out.finish()
    }

    /// The JSON form.
    pub fn to_json(&self) -> Value {
        json::to_json(self)
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`DocumentError`] with the path of the member that does not fit.
    pub fn from_json(value: &Value) -> Result<Self, DocumentError> {
        json::from_json(value)
    }

    /// Adds what the document says of its presentity.
    pub fn summarise(&self, _summary: &mut Summary) {}
}
