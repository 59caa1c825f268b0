//! Elements of namespaces that are not known here, kept as they are so that they can be passed on (CXML-02, CLOC-01).

use roxmltree::Node;
use serde::{Deserialize, Serialize};

use crate::DocumentError;
use crate::xml::NodeExt;
use crate::xml::read::parse;
use crate::xml::write::escape;

/// An element with all its content, as XML that stands for itself: every prefix in it is declared in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "ExtensionJson")]
pub struct Extension {
    namespace: Box<str>,
    name: Box<str>,
    xml: Box<str>,
}

/// The JSON form: `xml` says everything, the rest is for the reader.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtensionJson {
    namespace: Option<String>,
    name: Option<String>,
    xml: String,
}

impl TryFrom<ExtensionJson> for Extension {
    type Error = String;

    fn try_from(json: ExtensionJson) -> Result<Self, String> {
        let extension = Self::parse(&json.xml).map_err(|error| format!("xml: {error}"))?;
        let differs = |said: Option<String>, found: &str| said.is_some_and(|said| said != found);
        if differs(json.namespace, &extension.namespace) {
            return Err("namespace: not the one of the element in `xml`".into());
        }
        if differs(json.name, &extension.name) {
            return Err("name: not the one of the element in `xml`".into());
        }
        Ok(extension)
    }
}

impl Extension {
    /// Reads one element.
    ///
    /// # Errors
    /// [`DocumentError`] as for a document.
    pub fn parse(xml: &str) -> Result<Self, DocumentError> {
        let tree = parse(xml)?;
        Ok(Self::of(tree.root_element()))
    }

    /// The namespace of the element; empty when it has none.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The local name of the element.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The element as XML.
    pub fn xml(&self) -> &str {
        &self.xml
    }

    /// The element of a document: its text as it stands there, and the declarations that it needs from around it.
    pub(crate) fn of(node: Node<'_, '_>) -> Self {
        let source = node.document().input_text();
        let text = source.get(node.range()).unwrap_or_default();
        let mut wanted = Vec::new();
        wanted_prefixes(node, source, &mut Vec::new(), &mut wanted);
        let mut xml = String::with_capacity(text.len() + 64);
        let name_end = 1 + qualified_name(text).len();
        xml.push_str(text.get(..name_end).unwrap_or_default());
        for prefix in wanted {
            let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
            let uri = node.lookup_namespace_uri(prefix);
            match prefix {
                Some(prefix) => xml.extend([" xmlns:", prefix]),
                None => xml.push_str(" xmlns"),
            }
            xml.extend(["=\"", &escape(uri.unwrap_or_default()), "\""]);
        }
        xml.push_str(text.get(name_end..).unwrap_or_default());
        Self {
            namespace: node.tag_name().namespace().unwrap_or_default().into(),
            name: node.tag_name().name().into(),
            xml: xml.into(),
        }
    }

    /// Whether the element or one inside it carries `mustUnderstand` of PIDF (RFC 3863 §4.2.3).
    pub(crate) fn must_be_understood(node: Node<'_, '_>, pidf: &str) -> bool {
        node.descendants().any(|inner| {
            inner
                .attribute((pidf, "mustUnderstand"))
                .and_then(crate::xml::read::is_boolean)
                .unwrap_or(false)
        })
    }
}

/// The prefixes (empty: the default namespace) that are used in the element but not declared in it. `declared` holds
/// those of the elements between.
fn wanted_prefixes<'s>(
    node: Node<'_, '_>,
    source: &'s str,
    declared: &mut Vec<&'s str>,
    wanted: &mut Vec<&'s str>,
) {
    let text = source.get(node.range()).unwrap_or_default();
    let depth = declared.len();
    declared.extend(declarations(text));
    let mut uses = vec![prefix(qualified_name(text)).unwrap_or_default()];
    for attribute in node.attributes() {
        uses.extend(prefix(source.get(attribute.range_qname()).unwrap_or_default()));
        // the one well-known attribute whose value is a qualified name
        if attribute.name() == "type"
            && attribute
                .namespace()
                .is_some_and(|ns| ns.ends_with("XMLSchema-instance"))
        {
            uses.push(prefix(source.get(attribute.range_value()).unwrap_or_default()).unwrap_or_default());
        }
    }
    for used in uses {
        if used != "xml" && !declared.contains(&used) && !wanted.contains(&used) {
            wanted.push(used);
        }
    }
    for child in node.elements() {
        wanted_prefixes(child, source, declared, wanted);
    }
    declared.truncate(depth);
}

/// The name behind the `<`, with its prefix.
fn qualified_name(element: &str) -> &str {
    let inner = element.strip_prefix('<').unwrap_or(element);
    let end = inner
        .find([' ', '\t', '\r', '\n', '/', '>'])
        .unwrap_or(inner.len());
    inner.get(..end).unwrap_or_default()
}

fn prefix(name: &str) -> Option<&str> {
    name.split_once(':').map(|(prefix, _)| prefix)
}

/// The prefixes that a start tag declares.
fn declarations(element: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = element;
    while let Some(at) = rest.find(['"', '\'', '>']) {
        let (before, from) = rest.split_at(at);
        let Some(quote) = from.chars().next().filter(|&c| c != '>') else {
            break;
        };
        let name = before
            .trim_end_matches(crate::xml::BLANKS)
            .trim_end_matches('=')
            .trim_end_matches(crate::xml::BLANKS);
        let name = name.rsplit(crate::xml::BLANKS).next().unwrap_or_default();
        match name.strip_prefix("xmlns") {
            Some("") => found.push(""),
            Some(prefixed) => found.extend(prefixed.strip_prefix(':')),
            None => {}
        }
        let value = from.get(1..).unwrap_or_default();
        rest = value.split_once(quote).map_or("", |(_, rest)| rest);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(xml: &str) -> Extension {
        let tree = parse(xml).unwrap();
        Extension::of(tree.root_element().first_element_child().unwrap())
    }

    #[test]
    fn what_an_element_needs_is_declared_in_it() {
        let found = second("<a xmlns='urn:a' xmlns:b='urn:b' xmlns:c='urn:c'><b:x c:y='1'><z/></b:x></a>");
        assert_eq!(
            found.xml(),
            "<b:x xmlns:b=\"urn:b\" xmlns:c=\"urn:c\" xmlns=\"urn:a\" c:y='1'><z/></b:x>"
        );
        assert_eq!((found.namespace(), found.name()), ("urn:b", "x"));
        assert_eq!(Extension::parse(found.xml()).unwrap(), found);
    }

    #[test]
    fn what_it_declares_itself_is_left_alone() {
        let text = "<x xmlns=\"urn:x\" xmlns:y = 'urn:>y'><y:z xml:lang=\"en\"/>&#13;<![CDATA[<]]></x>";
        assert_eq!(
            second(&format!("<a xmlns='urn:a' xmlns:y='urn:other'>{text}</a>")).xml(),
            text
        );
    }

    #[test]
    fn no_namespace_stays_none() {
        let found = second("<p:a xmlns:p='urn:a'><p:x><y/></p:x></p:a>");
        assert_eq!(found.xml(), "<p:x xmlns:p=\"urn:a\" xmlns=\"\"><y/></p:x>");
    }
}
