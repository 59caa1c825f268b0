//! Writing: a declaration, elements, and texts in which every character is legal and escaped.

use std::borrow::Cow;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use crate::{DocumentError, ErrorKind};

/// Writes one document. The first fault is kept and told by [`XmlWriter::finish`], so that a format need not look at
/// each step.
pub(crate) struct XmlWriter {
    out: Writer<Vec<u8>>,
    open: Vec<String>,
    fault: Option<DocumentError>,
}

impl XmlWriter {
    /// Begins a document with its declaration.
    pub(crate) fn new() -> Self {
        let mut writer = Self {
            out: Writer::new(Vec::with_capacity(1024)),
            open: Vec::new(),
            fault: None,
        };
        writer.event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        writer
    }

    fn event(&mut self, event: Event<'_>) {
        if let Err(error) = self.out.write_event(event) {
            self.refuse(DocumentError::invalid(error.to_string()));
        }
    }

    /// Keeps a fault, if it is the first.
    pub(crate) fn refuse(&mut self, fault: DocumentError) {
        self.fault.get_or_insert(fault);
    }

    /// The text escaped; a character that XML cannot carry is a fault named by the element.
    fn escaped<'t>(&mut self, name: &str, text: &'t str) -> Cow<'t, str> {
        if let Some(c) = text.chars().find(|&c| !is_legal(c)) {
            self.refuse(DocumentError::new(ErrorKind::IllegalCharacter(c)).at_path(name));
        }
        escape(text)
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, Option<&str>)]) -> BytesStart<'static> {
        let mut tag = BytesStart::new(name.to_owned());
        for &(key, value) in attributes {
            if let Some(value) = value {
                let value = self.escaped(key, value);
                tag.push_attribute(quick_xml::events::attributes::Attribute {
                    key: quick_xml::name::QName(key),
                    value: Cow::Borrowed(&value),
                });
            }
        }
        tag
    }

    /// Opens an element. Attributes without a value are left out.
    pub(crate) fn start(&mut self, name: &str, attributes: &[(&str, Option<&str>)]) {
        let tag = self.tag(name, attributes);
        self.event(Event::Start(tag));
        self.open.push(name.to_owned());
    }

    /// Closes the element opened last.
    pub(crate) fn end(&mut self) {
        if let Some(name) = self.open.pop() {
            self.event(Event::End(BytesEnd::new(name)));
        }
    }

    /// An element without content.
    pub(crate) fn empty(&mut self, name: &str, attributes: &[(&str, Option<&str>)]) {
        let tag = self.tag(name, attributes);
        self.event(Event::Empty(tag));
    }

    /// An element that holds a text.
    pub(crate) fn element(&mut self, name: &str, attributes: &[(&str, Option<&str>)], text: &str) {
        let tag = self.tag(name, attributes);
        self.event(Event::Start(tag));
        let text = self.escaped(name, text);
        self.event(Event::Text(BytesText::from_escaped(text)));
        self.event(Event::End(BytesEnd::new(name)));
    }

    /// An element that holds a text, if there is one.
    pub(crate) fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.element(name, &[], text);
        }
    }

    /// A piece of XML that is known to be well-formed in itself.
    pub(crate) fn raw(&mut self, xml: &str) {
        self.event(Event::Text(BytesText::from_escaped(xml)));
    }

    /// The document, once all elements are closed.
    ///
    /// # Errors
    /// The first fault.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, DocumentError> {
        while !self.open.is_empty() {
            self.end();
        }
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.out.into_inner()),
        }
    }
}

/// Whether XML 1.0 can carry the character (§2.2 Char).
pub(crate) fn is_legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Escapes what cannot stand in a text or in a quoted value. Line ends and tabs become references, since a reader
/// would change them in a value, and carriage returns in a text as well.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'' | '\t' | '\n' | '\r');
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}
