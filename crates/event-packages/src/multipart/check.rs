//! Looking a body of several parts over: the parts themselves, and whether a list finds what it refers to.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{MediaType, Multipart, Part, is_multipart};
use crate::{Finding, document, rlmi};

const RULE: &str = "CMIME-01";
/// Findings at most.
const MAX_FINDINGS: usize = 100;
/// Bodies in each other that are looked into.
const MAX_DEPTH: usize = 4;

/// What a peer may refuse or misread; lines are those of the whole body.
pub(crate) fn check(content_type: &str, body: &[u8]) -> Vec<Finding> {
    check_at(content_type, body, 0)
}

fn check_at(content_type: &str, body: &[u8], depth: usize) -> Vec<Finding> {
    let parts = match Multipart::read(content_type, body) {
        Ok(parts) => parts,
        Err(error) => return vec![Finding::error(RULE, None, error.to_string())],
    };
    let mut found = Vec::new();
    let media_type = MediaType::parse(content_type);
    match media_type.parameter("boundary") {
        None => found.push(Finding::error(
            RULE,
            None,
            "the content type has no boundary parameter",
        )),
        Some(boundary) => {
            let closing = ["--", &boundary, "--"].concat();
            if memchr::memmem::find(body, closing.as_bytes()).is_none() {
                found.push(Finding::error(
                    RULE,
                    None,
                    "the closing delimiter is missing: the body may be cut off",
                ));
            }
        }
    }
    if &*parts.subtype == "related" && media_type.parameter("type").is_none() {
        found.push(Finding::warning(
            RULE,
            None,
            "multipart/related wants a type parameter (RFC 2387)",
        ));
    }
    if media_type
        .parameter("start")
        .is_some_and(|start| parts.part(&start).is_none())
    {
        found.push(Finding::error(
            RULE,
            None,
            "no part has the Content-ID that the start parameter names",
        ));
    }
    let root = parts.root().filter(|root| is_list(root));
    if let Some(list) = root.and_then(|root| rlmi::read(&root.body).ok()) {
        references(&list, &parts, &mut found);
    }
    for part in &parts.parts {
        if found.len() >= MAX_FINDINGS {
            break;
        }
        let before = lines_before(body, part);
        let inner = match is_multipart(&part.content_type) {
            true if depth + 1 < MAX_DEPTH => check_at(&part.content_type, &part.body, depth + 1),
            true => Vec::new(),
            false => document::check(&part.content_type, &part.body),
        };
        found.extend(inner.into_iter().map(|finding| {
            Finding {
                line: finding
                    .line
                    .zip(before)
                    .map(|(line, before)| line.saturating_add(before)),
                ..finding
            }
        }));
    }
    found.truncate(MAX_FINDINGS);
    found
}

fn is_list(part: &Part<'_>) -> bool {
    document::media_type(&part.content_type).eq_ignore_ascii_case(rlmi::CONTENT_TYPE)
}

/// R4662-03: each `cid` finds a part beside the list, and each part is asked for.
fn references(list: &rlmi::List, parts: &Multipart<'_>, found: &mut Vec<Finding>) {
    let instances = list.resources.iter().flat_map(|resource| &resource.instances);
    let mut asked: BTreeSet<*const Part<'_>> = BTreeSet::new();
    for cid in instances
        .filter_map(|instance| instance.cid.as_deref())
        .chain(list.cid.as_deref())
    {
        match parts.part(cid) {
            Some(part) => {
                asked.insert(part);
            }
            None if found.len() < MAX_FINDINGS => {
                let cid = crate::xml::read::clip(cid);
                found.push(Finding::error(
                    "R4662-03",
                    None,
                    format!("no part has the Content-ID {cid:?} of the list"),
                ));
            }
            None => {}
        }
    }
    let unasked = parts
        .parts
        .iter()
        .filter(|part| !is_list(part) && !asked.contains(&std::ptr::from_ref(*part)));
    let unasked = unasked.count();
    if unasked > 0 {
        let message = format!("parts the list does not refer to, which are not read: {unasked}");
        found.push(Finding::warning("R4662-03", None, message));
    }
}

/// Lines of the whole body before the part's content; `None` when a transfer encoding was undone.
fn lines_before(body: &[u8], part: &Part<'_>) -> Option<u32> {
    let Cow::Borrowed(content) = part.body else {
        return None;
    };
    let at = (content.as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
    let before = body.get(..at)?;
    u32::try_from(memchr::memchr_iter(b'\n', before).count()).ok()
}
