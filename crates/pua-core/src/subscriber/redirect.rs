//! Redirections of a first SUBSCRIBE (RFC 3261 §8.1.3.4): one Contact after the other, until there is
//! a last word.

use std::time::Instant;

use sip_wire::Message;

use super::exchange::restart_timer_n;
use super::{Subscriber, timer_n};
use crate::core::Core;
use crate::failure::Failure;
use crate::passage::is_a_last_word;

impl Subscriber {
    /// 3xx.
    pub(super) fn redirected(
        &mut self,
        now: Instant,
        core: &mut Core,
        at: u32,
        message: &Message<'_>,
        failure: Failure,
    ) {
        let Some(exchange) = self.exchanges.get_mut(at as usize) else {
            return;
        };
        let Some(subscription) = self.subscriptions.get(exchange.subscription as usize) else {
            return;
        };
        let own = (&subscription.name.presentity, subscription.next_hop);
        match exchange.passage.redirected(now, core, own, message) {
            Ok(()) => self.follow(now, core, at),
            Err(why) => self.fail(now, core, at, failure.because(why)),
        }
    }

    /// After `code` from where a redirection has led, or what stands for it: the next Contact.
    /// `true`: it is being tried.
    pub(super) fn next_contact(&mut self, now: Instant, core: &mut Core, at: u32, code: u16) -> bool {
        let Some(exchange) = self.exchanges.get_mut(at as usize) else {
            return false;
        };
        let Some(subscription) = self.subscriptions.get(exchange.subscription as usize) else {
            return false;
        };
        // Who has told something has taken it; and nobody is asked for what is not wanted any more.
        if is_a_last_word(code) || !subscription.dialogs.is_empty() || !subscription.stands() {
            return false;
        }
        let goes_on = exchange.passage.next_contact(now, core, subscription.next_hop);
        if goes_on {
            self.follow(now, core, at);
        }
        goes_on
    }

    /// Asks where the redirection leads, for as long as is wanted there at the least.
    fn follow(&mut self, now: Instant, core: &mut Core, at: u32) {
        if let Some(exchange) = self.exchanges.get_mut(at as usize)
            && let Some(subscription) = self.subscriptions.get_mut(exchange.subscription as usize)
        {
            let hop = exchange.passage.next_hop(subscription.next_hop);
            // A fetch, or what ends, asks for no time at all.
            if exchange.expires > 0
                && let Some(hop) = core.hops.peek(hop)
            {
                exchange.expires = exchange.expires.max(hop.minimum(&subscription.name.package));
            }
            // R6665-57: while its name is looked up, nothing has left that could bring something.
            exchange.sent = false;
            // R6665-39: what is left of it must do for no look-up of the next one's name.
            let (timer, expires) = (now + timer_n(core), exchange.expires);
            restart_timer_n(self.epoch, subscription, exchange.dialog, now, timer, expires);
        }
        self.again(now, core, at);
    }
}
