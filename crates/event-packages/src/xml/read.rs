//! Reading: octets to text, text to a tree, and what the formats ask of a node.

use std::borrow::Cow;
use std::str::FromStr;

use roxmltree::{Document, Node, ParsingOptions};

use super::{BLANKS, XML, guard, limits};
use crate::{DocumentError, ErrorKind, Timestamp};

/// Reads a whole document: `root` gets the root element if it is `namespace`, `name`.
///
/// # Errors
/// Those of [`text`] and [`parse`], [`ErrorKind::WrongRoot`], and what `root` returns.
pub(crate) fn read<T>(
    body: &[u8],
    (namespace, name, expected): (&str, &str, &'static str),
    root: impl FnOnce(Node<'_, '_>) -> Result<T, DocumentError>,
) -> Result<T, DocumentError> {
    let text = text(body)?;
    let tree = parse(&text)?;
    let element = tree.root_element();
    if !element.is(namespace, name) {
        let found = element.tag_name();
        let found = match found.namespace() {
            Some(namespace) => format!("{{{}}}{}", clip(namespace), clip(found.name())),
            None => format!("{} without a namespace", clip(found.name())),
        };
        return Err(DocumentError::new(ErrorKind::WrongRoot { expected, found }).at_line(element.line()));
    }
    root(element)
}

/// The start of a text that may be long.
pub(crate) fn clip(text: &str) -> &str {
    let end = text.char_indices().nth(80).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

/// The octets as text: UTF-8, UTF-16 by its byte order mark, or ISO 8859-1 or Windows-1252 when the
/// declaration names it.
///
/// # Errors
/// [`ErrorKind::TooLarge`], [`ErrorKind::Encoding`].
pub(crate) fn text(body: &[u8]) -> Result<Cow<'_, str>, DocumentError> {
    if body.len() > 2 * limits::OCTETS {
        return Err(DocumentError::new(ErrorKind::TooLarge {
            limit: limits::OCTETS,
        }));
    }
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest
            .chunks_exact(2)
            .filter_map(|pair| pair.try_into().ok().map(unit));
        char::decode_utf16(units)
            .collect::<Result<String, _>>()
            .map(Cow::Owned)
            .map_err(|_| DocumentError::new(ErrorKind::Encoding))
    };
    match body {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        _ => utf8(body),
    }
}

fn utf8(body: &[u8]) -> Result<Cow<'_, str>, DocumentError> {
    match std::str::from_utf8(body) {
        // blanks before the declaration, or a NUL behind the end, are common faults of printing
        Ok(text) => Ok(Cow::Borrowed(
            text.trim_start_matches(BLANKS).trim_end_matches('\0'),
        )),
        Err(fault) => {
            let read = match declared(body) {
                Some(Declared::Latin1) => Some(body.iter().map(|&octet| char::from(octet)).collect()),
                Some(Declared::Windows1252) => body.iter().map(|&octet| windows_1252(octet)).collect(),
                None => None,
            };
            read.map(Cow::Owned).ok_or_else(|| {
                DocumentError::new(ErrorKind::Encoding).at_line(super::guard::line(body, fault.valid_up_to()))
            })
        }
    }
}

/// An encoding of one octet a character.
enum Declared {
    Latin1,
    Windows1252,
}

/// The one that a declaration names.
fn declared(body: &[u8]) -> Option<Declared> {
    let end = memchr::memmem::find(body, b"?>").unwrap_or(0).min(200);
    let declaration = String::from_utf8_lossy(body.get(..end).unwrap_or_default()).to_ascii_lowercase();
    let names = |names: &[&str]| names.iter().any(|name| declaration.contains(name));
    if names(&["windows-1252", "cp1252"]) {
        Some(Declared::Windows1252)
    } else if names(&["iso-8859-1", "latin1"]) {
        Some(Declared::Latin1)
    } else {
        None
    }
}

/// What an octet is in Windows-1252: between 0x80 and 0x9F not what it is in ISO 8859-1, and five are nothing.
fn windows_1252(octet: u8) -> Option<char> {
    const OTHERS: [Option<char>; 32] = [
        Some('€'),
        None,
        Some('‚'),
        Some('ƒ'),
        Some('„'),
        Some('…'),
        Some('†'),
        Some('‡'),
        Some('ˆ'),
        Some('‰'),
        Some('Š'),
        Some('‹'),
        Some('Œ'),
        None,
        Some('Ž'),
        None,
        None,
        Some('‘'),
        Some('’'),
        Some('“'),
        Some('”'),
        Some('•'),
        Some('–'),
        Some('—'),
        Some('˜'),
        Some('™'),
        Some('š'),
        Some('›'),
        Some('œ'),
        None,
        Some('ž'),
        Some('Ÿ'),
    ];
    match octet {
        0x80..=0x9F => OTHERS.get(usize::from(octet - 0x80)).copied().flatten(),
        _ => Some(char::from(octet)),
    }
}

/// The tree of a text.
///
/// # Errors
/// Those of the guard, and [`ErrorKind::NotWellFormed`].
pub(crate) fn parse(text: &str) -> Result<Document<'_>, DocumentError> {
    guard::guard(text)?;
    let options = ParsingOptions {
        nodes_limit: limits::NODES,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|fault| {
        let kind = match fault {
            roxmltree::Error::NodesLimitReached => ErrorKind::TooMany {
                what: "nodes",
                limit: limits::NODES as usize,
            },
            roxmltree::Error::DtdDetected => ErrorKind::DocumentType,
            _ => ErrorKind::NotWellFormed(clip(&fault.to_string()).to_owned()),
        };
        DocumentError::new(kind).at_line(fault.pos().row)
    })
}

/// An xs:boolean: `true`, `1`, `false`, `0` (CXML-04).
pub(crate) fn is_boolean(text: &str) -> Option<bool> {
    match text.trim_matches(BLANKS) {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Namespaces are compared as they are, but for a colon at the end, which RFC 3863 §4.1.1 prints by mistake. An element
/// of no namespace is taken for ours: scripts forget `xmlns`, and nobody else's elements are without.
fn same_namespace(found: Option<&str>, wanted: &str) -> bool {
    found.is_none_or(|found| found == wanted || found.strip_suffix(':') == Some(wanted))
}

/// The text directly inside an element: in one piece unless comments or the like divide it.
fn inner_text<'a>(node: Node<'a, '_>) -> Cow<'a, str> {
    let mut pieces = node
        .children()
        .filter(Node::is_text)
        .filter_map(|text| text.text());
    let first = pieces.next().unwrap_or_default();
    match pieces.next() {
        None => Cow::Borrowed(first),
        Some(second) => Cow::Owned([first, second].into_iter().chain(pieces).collect()),
    }
}

/// What the formats ask of an element. Namespaces are matched by URI, names with regard to case (CXML-02, CXML-04).
pub(crate) trait NodeExt<'a, 'input>: Sized {
    /// Whether it is this element.
    fn is(&self, namespace: &str, name: &str) -> bool;
    /// Whether it is an element of this namespace.
    fn is_in(&self, namespace: &str) -> bool;
    /// The first child element of this name.
    fn child(&self, namespace: &str, name: &str) -> Option<Self>;
    /// All child elements of this name.
    fn children_named(&self, namespace: &'a str, name: &'a str) -> impl Iterator<Item = Self> + 'a;
    /// All child elements.
    fn elements(&self) -> impl Iterator<Item = Self> + 'a;
    /// The text directly inside, as it stands.
    fn content(&self) -> String;
    /// The text directly inside without blanks around it; `None` when nothing is left.
    fn token(&self) -> Option<String>;
    /// The token of the first child of this name.
    fn child_token(&self, namespace: &str, name: &str) -> Option<String>;
    /// An attribute without namespace, without blanks around it; `None` when nothing is left.
    fn attr(&self, name: &str) -> Option<&'a str>;
    /// An attribute read as a type; `None` when it is absent or does not read.
    fn attr_as<T: FromStr>(&self, name: &str) -> Option<T>;
    /// An xs:boolean attribute.
    fn attr_bool(&self, name: &str) -> Option<bool>;
    /// An xs:dateTime attribute.
    fn attr_time(&self, name: &str) -> Option<Timestamp>;
    /// `xml:lang` of the element itself.
    fn lang(&self) -> Option<String>;
    /// `xml:lang` of the element or of the nearest one round it that has it (XML §2.12, RFC 3863 §4.1.6).
    fn lang_in_context(&self) -> Option<String>;
    /// The line it begins in, from 1. Counts through the text: for errors and findings.
    fn line(&self) -> u32;
}

impl<'a, 'input: 'a> NodeExt<'a, 'input> for Node<'a, 'input> {
    fn is(&self, namespace: &str, name: &str) -> bool {
        self.is_element()
            && self.tag_name().name() == name
            && same_namespace(self.tag_name().namespace(), namespace)
    }

    fn is_in(&self, namespace: &str) -> bool {
        self.is_element() && same_namespace(self.tag_name().namespace(), namespace)
    }

    fn child(&self, namespace: &str, name: &str) -> Option<Self> {
        self.children().find(|node| node.is(namespace, name))
    }

    fn children_named(&self, namespace: &'a str, name: &'a str) -> impl Iterator<Item = Self> + 'a {
        self.children().filter(move |node| node.is(namespace, name))
    }

    fn elements(&self) -> impl Iterator<Item = Self> + 'a {
        self.children().filter(Node::is_element)
    }

    fn content(&self) -> String {
        inner_text(*self).into_owned()
    }

    fn token(&self) -> Option<String> {
        let content = inner_text(*self);
        let token = content.trim_matches(BLANKS);
        (!token.is_empty()).then(|| token.to_owned())
    }

    fn child_token(&self, namespace: &str, name: &str) -> Option<String> {
        self.child(namespace, name).and_then(|node| node.token())
    }

    fn attr(&self, name: &str) -> Option<&'a str> {
        self.attribute(name)
            .map(|value| value.trim_matches(BLANKS))
            .filter(|value| !value.is_empty())
    }

    fn attr_as<T: FromStr>(&self, name: &str) -> Option<T> {
        self.attr(name).and_then(|value| value.parse().ok())
    }

    fn attr_bool(&self, name: &str) -> Option<bool> {
        self.attr(name).and_then(is_boolean)
    }

    fn attr_time(&self, name: &str) -> Option<Timestamp> {
        self.attr(name).and_then(|value| Timestamp::parse(value).ok())
    }

    fn lang(&self) -> Option<String> {
        self.attribute((XML, "lang"))
            .map(|value| value.trim_matches(BLANKS).to_owned())
            .filter(|value| !value.is_empty())
    }

    fn lang_in_context(&self) -> Option<String> {
        self.ancestors().find_map(|node| node.lang())
    }

    fn line(&self) -> u32 {
        self.document().text_pos_at(self.range().start).row
    }
}
