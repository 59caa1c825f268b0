//! Merging XML documents by copying the source text of their root's children, so that prefixes,
//! extensions and spacing inside them stay as they were published.

use std::collections::HashSet;
use std::fmt::Write as _;

use roxmltree::{Node, ParsingOptions};

use super::Document;

/// More elements, texts and comments than this in one document: not merged.
const MAX_NODES: u32 = 20_000;
/// Deeper nesting than this: refused.
const MAX_DEPTH: usize = 64;

/// The root element of a document type.
#[derive(Clone, Copy)]
pub(super) struct Root {
    name: &'static str,
    namespace: &'static str,
}

pub(super) const PRESENCE: Root = Root {
    name: "presence",
    namespace: "urn:ietf:params:xml:ns:pidf",
};

pub(super) const DIALOG_INFO: Root = Root {
    name: "dialog-info",
    namespace: "urn:ietf:params:xml:ns:dialog-info",
};

impl Root {
    fn is(self, node: Node<'_, '_>) -> bool {
        node.tag_name().name() == self.name && self.is_in(node)
    }

    /// RFC 3863 §4.1.1 prints the namespace with a colon at its end; some believe it.
    fn is_in(self, node: Node<'_, '_>) -> bool {
        node.tag_name()
            .namespace()
            .is_some_and(|uri| uri.strip_suffix(':').unwrap_or(uri) == self.namespace)
    }
}

fn parse(body: &[u8]) -> Result<roxmltree::Document<'_>, &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "Document Not in UTF-8")?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    // Blanks before the declaration are not XML, but shells and here-documents make them.
    roxmltree::Document::parse_with_options(text.trim_start(), options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => "Document Type Definition Refused",
        roxmltree::Error::NodesLimitReached => "Document Has Too Many Elements",
        _ => "Document Not Well-Formed",
    })
}

/// Whether `body` is well-formed and not nested without measure. What it says is not asked: the
/// field publishes much that is valid by no schema, and watchers are to see what was published.
pub(super) fn check(body: &[u8]) -> Result<(), &'static str> {
    let document = parse(body)?;
    if depth(document.root_element()) > MAX_DEPTH {
        return Err("Document Nested Too Deeply");
    }
    Ok(())
}

/// The depth of the tree, by walking round it.
fn depth(root: Node<'_, '_>) -> usize {
    let (mut node, mut depth, mut deepest) = (root, 1, 1);
    loop {
        if let Some(child) = node.first_element_child() {
            node = child;
            depth += 1;
            deepest = deepest.max(depth);
            continue;
        }
        loop {
            if node == root {
                return deepest;
            }
            if let Some(next) = node.next_sibling_element() {
                node = next;
                break;
            }
            let Some(parent) = node.parent_element() else {
                return deepest;
            };
            node = parent;
            depth -= 1;
        }
    }
}

/// The children of several roots of one type.
#[derive(Default)]
pub(super) struct Merged {
    /// Prefixes declared at the new root, the default namespace left out.
    prefixes: Vec<(String, String)>,
    /// Tuples or dialogs.
    first: String,
    /// Notes.
    second: String,
    /// The rest.
    third: String,
}

/// Merges `documents`, the newest at the end. `None` if one of them is not of this root, is no XML
/// that is let in, or the whole would be longer than `max_bytes`.
pub(super) fn merge(root: Root, documents: &[&Document], max_bytes: usize) -> Option<Merged> {
    let total: usize = documents.iter().map(|document| document.body.len()).sum();
    if total > max_bytes {
        return None;
    }
    let parsed: Vec<_> = documents
        .iter()
        .map(|document| parse(&document.body).ok())
        .collect::<Option<_>>()?;
    if !parsed.iter().all(|document| root.is(document.root_element())) {
        return None;
    }
    // From the newest to the oldest: the first one seen stays.
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for document in parsed.iter().rev() {
        let children = document.root_element().children().filter(Node::is_element);
        let mut stay: Vec<_> = children
            .filter(|child| {
                let name = child.tag_name();
                child
                    .attribute("id")
                    .is_none_or(|id| seen.insert((name.namespace(), name.name(), id)))
            })
            .collect();
        stay.reverse();
        kept.extend(stay);
    }
    let mut merged = Merged::default();
    for child in kept.into_iter().rev() {
        merged.push(root, child);
    }
    Some(merged)
}

impl Merged {
    fn push(&mut self, root: Root, child: Node<'_, '_>) {
        let source = child.document().input_text();
        let text = source.get(child.range()).unwrap_or_default();
        // The child's name ends where a blank, a slash or the tag's end stands.
        let name_end = text
            .find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'))
            .unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(name_end).unwrap_or((text, ""));
        let declared = declarations(rest);
        let mut injected = String::new();
        if let Some(parent) = child.parent_element() {
            let default = parent.default_namespace().unwrap_or("");
            if default != root.namespace && !declared.contains(&"") {
                declare(&mut injected, None, default);
            }
            for namespace in parent.namespaces() {
                let Some(prefix) = namespace.name().filter(|prefix| *prefix != "xml") else {
                    continue;
                };
                if !declared.contains(&prefix) && !self.shares(prefix, namespace.uri()) {
                    declare(&mut injected, Some(prefix), namespace.uri());
                }
            }
        }
        let place = match child.tag_name().name() {
            "tuple" | "dialog" if root.is_in(child) => &mut self.first,
            "note" if root.is_in(child) => &mut self.second,
            _ => &mut self.third,
        };
        place.push_str(name);
        place.push_str(&injected);
        place.push_str(rest);
        place.push('\n');
    }

    /// Whether the new root declares `prefix` as `uri`; it does from now on if it did not at all.
    fn shares(&mut self, prefix: &str, uri: &str) -> bool {
        match self.prefixes.iter().find(|(known, _)| known == prefix) {
            Some((_, known)) => known == uri,
            None => {
                self.prefixes.push((prefix.to_owned(), uri.to_owned()));
                true
            }
        }
    }

    /// As a PIDF document.
    pub(super) fn presence(self, entity: &str) -> String {
        let mut out = self.open(PRESENCE);
        out.push_str(" entity=\"");
        escape(&mut out, entity);
        out.push_str("\">\n");
        self.children(&mut out);
        out.push_str("</presence>\n");
        out
    }

    /// As a dialog-info document: what comes before the version number, and what after.
    pub(super) fn dialog_info(mut self, entity: &str, dummy: bool) -> (String, String) {
        let mut head = self.open(DIALOG_INFO);
        head.push_str(" version=\"");
        if self.first.is_empty() && dummy {
            self.first
                .push_str("<dialog id=\"none\"><state>terminated</state></dialog>\n");
        }
        let mut tail = String::from("\" state=\"full\" entity=\"");
        escape(&mut tail, entity);
        tail.push_str("\">\n");
        self.children(&mut tail);
        tail.push_str("</dialog-info>\n");
        (head, tail)
    }

    fn open(&self, root: Root) -> String {
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{} xmlns=\"{}\"",
            root.name, root.namespace
        );
        for (prefix, uri) in &self.prefixes {
            declare(&mut out, Some(prefix), uri);
        }
        out
    }

    fn children(&self, out: &mut String) {
        for part in [&self.first, &self.second, &self.third] {
            out.push_str(part);
        }
    }
}

fn declare(out: &mut String, prefix: Option<&str>, uri: &str) {
    // Writing to a String cannot fail.
    let _ = match prefix {
        Some(prefix) => write!(out, " xmlns:{prefix}=\""),
        None => write!(out, " xmlns=\""),
    };
    escape(out, uri);
    out.push('"');
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            // Not to be had in XML 1.0 in any form.
            c if c < ' ' => {}
            c => out.push(c),
        }
    }
}

/// The prefixes that the start tag at the beginning of `text` (after its name) declares itself;
/// `""` is the default namespace.
fn declarations(text: &str) -> Vec<&str> {
    let mut declared = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(equals) = rest.find(['=', '>']) else {
            return declared;
        };
        let Some((name, value)) = rest.split_at_checked(equals) else {
            return declared;
        };
        let Some(value) = value.strip_prefix('=') else {
            return declared;
        };
        let name = name.trim_end();
        if name == "xmlns" {
            declared.push("");
        } else if let Some(prefix) = name.strip_prefix("xmlns:") {
            declared.push(prefix);
        }
        let value = value.trim_start();
        let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            return declared;
        };
        let Some((_, after)) = value.get(1..).and_then(|value| value.split_once(quote)) else {
            return declared;
        };
        rest = after;
    }
}
