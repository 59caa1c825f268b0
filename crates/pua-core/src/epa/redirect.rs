//! Redirections (RFC 3261 §8.1.3.4): the Contacts of a 3xx are tried by their q, none twice.

use std::sync::Arc;
use std::time::Instant;

use sip_wire::{HeaderName, Message, NameAddr, Uri};

use super::Epa;
use super::settle::Failure;
use crate::core::Core;
use crate::next_hops::destination;
use crate::publication::{Redirect, State};

/// URIs of redirections that are tried.
const REDIRECTIONS: usize = 5;

impl Epa {
    /// 3xx (RFC 3261 §8.1.3.4): the Contacts by their q, none twice.
    pub(super) fn redirected(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        message: &Message<'_>,
        failure: Failure,
    ) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let own = publication.name.presentity.clone();
        let route = core
            .hops
            .peek(publication.next_hop)
            .and_then(|hop| hop.route.clone());
        let own_hop = publication.next_hop;
        let State::Requesting(exchange) = &mut publication.state else {
            return;
        };
        let mut redirect = exchange.redirect.take().unwrap_or_else(|| Redirect {
            uri: own.clone(),
            next_hop: u32::MAX,
            seen: vec![own],
            rest: Vec::new(),
        });
        core.hops.leave(redirect.next_hop);
        redirect.next_hop = u32::MAX;
        let mut insecure = false;
        let mut offered: Vec<(u32, Arc<str>)> = Vec::new();
        for value in message.headers.list(HeaderName::Contact).take(REDIRECTIONS * 4) {
            let Ok(contact) = NameAddr::parse(value) else {
                continue;
            };
            let Ok(uri) = contact.uri() else { continue };
            insecure |= uri.is_sips();
            if !uri.is_sip() || destination(&uri).is_err() {
                continue;
            }
            // A method or header fields of a stranger's URI are not followed (R3261-015).
            let Some(text) = bare(contact.uri) else { continue };
            let known = |seen: &Arc<str>| match (Uri::parse(seen), Uri::parse(&text)) {
                (Ok(one), Ok(other)) => one.same_as(&other),
                _ => false,
            };
            if !redirect.seen.iter().any(known) && redirect.seen.len() <= REDIRECTIONS {
                let text: Arc<str> = Arc::from(text);
                redirect.seen.push(text.clone());
                offered.push((quality(contact.params.get("q")), text));
            }
        }
        // The best last, since they are popped; stable, so that equal ones keep their order.
        offered.reverse();
        offered.sort_by_key(|(q, _)| *q);
        redirect.rest.extend(offered.into_iter().map(|(_, uri)| uri));
        let Some(uri) = redirect.rest.pop() else {
            let why = if insecure {
                "the server redirects to sips, which needs TLS and is not supported yet"
            } else {
                "the server redirects to nowhere that can be tried"
            };
            self.fail(now, core, index, failure.because(why));
            return;
        };
        let pacing = core.config.pacing.clone();
        let target = Uri::parse(&uri).ok().and_then(|uri| destination(&uri).ok());
        redirect.next_hop = match (route, target) {
            // Through a loose router to whatever Request-URI.
            (Some(route), _) => match core.hops.peek(own_hop).map(|hop| hop.destination.clone()) {
                Some(destination) => core.hops.join(now, destination, Some(route), &pacing),
                None => u32::MAX,
            },
            (None, Some(target)) => core.hops.join(now, target, None, &pacing),
            (None, None) => u32::MAX,
        };
        redirect.uri = uri;
        if let Some(exchange) = self.exchange(index) {
            exchange.redirect = Some(redirect);
        }
        self.again(now, core, index);
    }
}

/// A contact's q in thousandths; absent: 1.
fn quality(q: Option<&str>) -> u32 {
    let Some(q) = q else { return 1000 };
    match q.trim().parse::<f64>() {
        Ok(q) if (0.0..=1.0).contains(&q) => (q * 1000.0) as u32,
        _ => 0,
    }
}

/// A URI without header fields and `method`.
fn bare(uri: &str) -> Option<String> {
    let text = uri.split('?').next()?;
    let mut parts = text.split(';');
    let mut kept = parts.next()?.to_owned();
    for part in parts {
        let name = part.split('=').next().unwrap_or("");
        if !name.eq_ignore_ascii_case("method") {
            kept.push(';');
            kept.push_str(part);
        }
    }
    Some(kept)
}
