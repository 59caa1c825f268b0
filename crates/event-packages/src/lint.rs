//! What the checks of several formats have in common: findings on elements, bounded in number.

use std::collections::BTreeSet;

use roxmltree::Node;

use crate::Finding;
use crate::xml::read::clip;
use crate::xml::{NodeExt, XML};

/// Findings of one document at most.
const MAX_FINDINGS: usize = 100;

/// The findings on one document.
#[derive(Debug)]
pub(crate) struct Lint {
    rule: &'static str,
    found: Vec<Finding>,
}

impl Lint {
    /// Findings are named by `rule` unless they say otherwise.
    pub(crate) fn new(rule: &'static str) -> Self {
        Self {
            rule,
            found: Vec::new(),
        }
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.found
    }

    fn push(&mut self, finding: impl FnOnce() -> Finding) {
        // the line of a finding is counted from the beginning of the document: not for thousands
        if self.found.len() < MAX_FINDINGS {
            self.found.push(finding());
        }
    }

    /// Something that is against the schema, or misread.
    pub(crate) fn error(&mut self, node: Node<'_, '_>, message: impl Into<String>) {
        let rule = self.rule;
        self.push(|| Finding::error(rule, Some(node.line()), message));
    }

    /// Something that some peers do not take.
    pub(crate) fn warning(&mut self, node: Node<'_, '_>, message: impl Into<String>) {
        let rule = self.rule;
        self.push(|| Finding::warning(rule, Some(node.line()), message));
    }

    /// Attributes that have to be there.
    pub(crate) fn required(&mut self, node: Node<'_, '_>, names: &[&str]) {
        for name in names {
            if node.attr(name).is_none() {
                self.error(
                    node,
                    format!("{} has no attribute {name}", node.tag_name().name()),
                );
            }
        }
    }

    /// An attribute that has one of these values, if it is there.
    pub(crate) fn one_of(&mut self, node: Node<'_, '_>, name: &str, known: &[&str]) {
        if let Some(value) = node.attribute(name).filter(|value| !known.contains(value)) {
            self.error(
                node,
                format!("{name} {:?} is none of {}", clip(value), known.join(", ")),
            );
        }
    }

    /// An attribute that is a whole number, if it is there.
    pub(crate) fn whole(&mut self, node: Node<'_, '_>, name: &str, largest: u64) {
        let in_range = |value: &str| value.trim().parse::<u64>().is_ok_and(|number| number <= largest);
        if node.attribute(name).is_some_and(|value| !in_range(value)) {
            self.error(
                node,
                format!("{name} has to be a whole number from 0 to {largest}"),
            );
        }
    }

    /// No attributes but these; those of other namespaces are free where `foreign` says so.
    pub(crate) fn only_attributes(&mut self, node: Node<'_, '_>, names: &[&str], foreign: bool) {
        for attribute in node.attributes() {
            let fits = match attribute.namespace() {
                None => names.contains(&attribute.name()),
                Some(namespace) => foreign || namespace == XML || namespace.ends_with("/XMLSchema-instance"),
            };
            if !fits {
                let element = node.tag_name().name();
                let name = clip(attribute.name());
                self.error(node, format!("the schema has no attribute {name} at {element}"));
            }
        }
    }

    /// Children of the namespace in this order, none else; those after a `!` once at most. Children of other namespaces
    /// come last, if the schema allows them.
    pub(crate) fn children(&mut self, node: Node<'_, '_>, namespace: &str, names: &[&str], foreign: bool) {
        let mut reached = 0;
        let mut seen = BTreeSet::new();
        let parent = node.tag_name().name();
        for child in node.elements() {
            let name = child.tag_name().name();
            if !child.is_in(namespace) {
                if !foreign {
                    self.error(
                        child,
                        format!("{parent} can have no elements of other namespaces"),
                    );
                }
                reached = names.len();
                continue;
            }
            let place = names
                .iter()
                .position(|known| known.trim_start_matches('!') == name);
            let Some(place) = place else {
                self.error(child, format!("{parent} can have no element {}", clip(name)));
                continue;
            };
            if place < reached {
                self.error(child, format!("{name} stands too late in {parent}"));
            }
            reached = reached.max(place);
            let once = names.get(place).is_some_and(|known| known.starts_with('!'));
            if !seen.insert(name) && once {
                self.error(child, format!("{parent} can have one {name} only"));
            }
        }
    }

    /// A key that has to differ among the nodes it is asked of with the same `seen`.
    pub(crate) fn unique<'a>(&mut self, node: Node<'a, '_>, name: &str, seen: &mut BTreeSet<&'a str>) {
        if let Some(value) = node.attr(name)
            && !seen.insert(value)
        {
            let element = node.tag_name().name();
            self.error(
                node,
                format!("another {element} has the same {name}; a reader keeps one of them"),
            );
        }
    }
}
