//! XML as the documents need it: read within bounds, without document types and entities; written with every character
//! escaped that has to be.

mod guard;
pub(crate) mod read;
pub(crate) mod write;

pub(crate) use read::{NodeExt, read};
pub(crate) use write::XmlWriter;

/// What XML calls white space.
pub(crate) const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// The namespace that the prefix `xml` always means.
pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Bounds of a document. Within them the time to read one grows with its length only.
pub(crate) mod limits {
    /// Octets of a document.
    pub(crate) const OCTETS: usize = 1 << 20;
    /// Nodes of a document.
    pub(crate) const NODES: u32 = 100_000;
    /// Elements inside each other.
    pub(crate) const DEPTH: usize = 64;
    /// Attributes and namespace declarations of one element.
    pub(crate) const ATTRIBUTES: usize = 64;
    /// Octets of a namespace: an element that is passed on carries its own, wherever it was declared.
    pub(crate) const NAMESPACE: usize = 256;
    /// Namespace declarations of a document.
    pub(crate) const NAMESPACES: usize = 1024;
}

#[cfg(test)]
mod tests;
