//! Redirections (RFC 3261 §8.1.3.4): one Contact after the other, until there is a last word.

use std::time::Instant;

use sip_wire::Message;

use super::Epa;
use crate::core::Core;
use crate::failure::Failure;
use crate::passage::is_a_last_word;
use crate::publication::{Operation, State};

impl Epa {
    /// 3xx.
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
        let own = (&publication.name.presentity, publication.next_hop);
        let State::Requesting(exchange) = &mut publication.state else {
            return;
        };
        match exchange.passage.redirected(now, core, own, message) {
            Ok(()) => self.follow(now, core, index),
            Err(why) => self.fail(now, core, index, failure.because(why)),
        }
    }

    /// After `code` from where a redirection has led, or what stands for it: the next Contact.
    /// `true`: it is being tried.
    pub(super) fn next_contact(&mut self, now: Instant, core: &mut Core, index: u32, code: u16) -> bool {
        if is_a_last_word(code) {
            return false;
        }
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return false;
        };
        let own = publication.next_hop;
        let State::Requesting(exchange) = &mut publication.state else {
            return false;
        };
        let goes_on = exchange.passage.next_contact(now, core, own);
        if goes_on {
            self.follow(now, core, index);
        }
        goes_on
    }

    /// Asks where the redirection leads, for as long as is wanted there at the least.
    fn follow(&mut self, now: Instant, core: &mut Core, index: u32) {
        if let Some(publication) = self.publications.get_mut(index as usize)
            && let State::Requesting(exchange) = &mut publication.state
            && !matches!(exchange.operation, Operation::Remove(_))
            && let Some(hop) = core.hops.peek(exchange.passage.next_hop(publication.next_hop))
        {
            let least = hop.minimum(&publication.name.package);
            exchange.expires = exchange.expires.max(least);
        }
        self.again(now, core, index);
    }
}
