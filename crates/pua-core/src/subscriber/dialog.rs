//! Dialog usages: made by NOTIFY (RFC 6665 §4.4.1), where their requests go, how long they stand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_wire::{Essentials, HeaderName, Message, NameAddr, SubscriptionStateValue, Uri};

use super::Subscriber;
use super::notify::Notify;
use super::request::first_hop;
use super::subscription::{Operation, State};
use super::usage::{Dialog, Doing, Told};
use crate::core::Core;
use crate::next_hops::destination;
use crate::output::{Event, Output, SubscriptionChange};
use crate::schedule::refresh_after;

/// What a notifier's clock and ours may differ by before a duration counts as extended.
const ROUNDING: Duration = Duration::from_secs(1);
/// Routers of a route set that are kept.
pub(super) const ROUTES: usize = 70;

impl Subscriber {
    /// The dialog usage that a NOTIFY makes (RFC 6665 §4.4.1): remote tag, target and route set
    /// are the NOTIFY's, whatever the 2xx says.
    pub(super) fn make_dialog(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        message: &Message<'_>,
        essentials: &Essentials<'_>,
        target: Option<&str>,
    ) -> Option<u64> {
        let routes = routes_of(message)?;
        let subscription = self.subscriptions.get_mut(index as usize)?;
        let until = match (
            subscription.state,
            subscription.past_mut().and_then(|past| past.forks.take()),
        ) {
            (State::Trying { until, .. }, _) => until,
            (_, Some(forks)) => {
                // Another fork than the one that said no.
                subscription.state = State::Trying {
                    exchange: None,
                    timer_n: forks.timer_n,
                    until: forks.until,
                };
                forks.until
            }
            _ => return None,
        };
        // Only the end of a subscription may come without a Contact: nothing is sent in it.
        let target = target.map_or_else(|| subscription.name.presentity.clone(), Arc::from);
        let next_hop = dialog_hop(now, core, subscription.next_hop, &target, &routes);
        let target = self.shared.text(target);
        let mut told = match subscription.past_mut().and_then(|past| past.known.take()) {
            Some(known) => known,
            None => Told::nothing(),
        };
        // R6665-102: the versions of another dialog mean nothing here.
        told.state.restart();
        let id = self.dialog_ids.take();
        subscription.stands_again();
        let remote_tag = essentials.from_tag.unwrap_or("").into();
        let mut dialog = Dialog::new(id, remote_tag, target, routes.into(), next_hop, until);
        dialog.cseq = subscription.cseq;
        dialog.revision = subscription.intent.revision;
        dialog.told = told;
        subscription.dialogs.push(dialog);
        Some(id)
    }

    /// `active`, `pending`, or a state that is not known: the duration is what it says. Whether it
    /// is another state than before.
    pub(super) fn stands(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        id: u64,
        new: bool,
        notify: &Notify<'_>,
    ) -> bool {
        let fraction = core.random.fraction();
        let Some(subscription) = self.subscriptions.get_mut(index as usize) else {
            return false;
        };
        let name = subscription.name.clone();
        let until = subscription.until();
        let exchanges = &mut self.exchanges;
        let Some(dialog) = subscription.dialog(id) else {
            return false;
        };
        // R6665-78: it may shorten, never extend; R6665-79: an old notifier says nothing.
        let told = notify
            .state
            .expires
            .map(|expires| now + Duration::from_secs(u64::from(expires)));
        // R6665-53: a NOTIFY has come after the SUBSCRIBE.
        let before = self.epoch.instant(dialog.expires_at);
        let mut longest = before;
        let mut asking = false;
        match &mut dialog.doing {
            Doing::Requesting {
                exchange,
                operation: Operation::Refresh,
                timer_n,
            } => {
                *timer_n = None;
                // One that says what was known has crossed with the request.
                asking = told.is_none_or(|told| told > before + 2 * ROUNDING || told + 2 * ROUNDING < before);
                if let Some(exchange) = exchanges.get_mut(*exchange as usize)
                    && asking
                {
                    exchange.told_until = told;
                    longest = exchange.sent_at + Duration::from_secs(u64::from(exchange.expires));
                }
            }
            Doing::NotifyWait {
                operation: Operation::Refresh,
                ..
            } => dialog.doing = Doing::Resting,
            _ => {}
        }
        if told.is_some_and(|told| told > longest + ROUNDING) {
            core.counters.durations_clamped += 1;
        }
        if new || told.is_some() {
            let expires_at = told.map_or(longest, |told| told.min(longest));
            let left = expires_at.saturating_duration_since(now).as_secs();
            let left = u32::try_from(left).unwrap_or(u32::MAX);
            let planned = dialog.refresh_at;
            dialog.stands_until(self.epoch, now, expires_at, refresh_after(left, fraction));
            // A talkative notifier must not put the refresh off (R6665-50), neither by what was
            // known nor by less.
            if !new && !asking {
                dialog.refresh_at = match planned {
                    Some(planned) => Some(dialog.refresh_at.map_or(planned, |at| at.min(planned))),
                    None if expires_at + 2 * ROUNDING >= before => None,
                    None => dialog.refresh_at,
                };
            }
            // What lasts to the end needs no refresh.
            if until.is_some_and(|until| expires_at + ROUNDING >= until) {
                dialog.refresh_at = None;
            }
        }
        let active = match notify.state.value {
            SubscriptionStateValue::Active => true,
            SubscriptionStateValue::Pending => false,
            // R6665-90: an extension's; what was known stands.
            _ => dialog.active,
        };
        // R5839-01: of the last NOTIFY, if it had one.
        dialog.set_etag(notify.etag);
        let first = !std::mem::replace(&mut dialog.heard, true);
        let changed = std::mem::replace(&mut dialog.active, active) != active || first;
        let expires = dialog.granted;
        if changed && !subscription.intent.fetch {
            let change = if active {
                SubscriptionChange::Active { expires }
            } else {
                SubscriptionChange::Pending { expires }
            };
            let dialog = subscription.takes_several_dialogs().then_some(id);
            core.outputs
                .push_back(Output::Event(Event::Subscription { name, dialog, change }));
        }
        changed
    }
}

/// The route set that a NOTIFY makes: Record-Route in the order received (R6665-22); `None`: it
/// cannot be followed.
pub(super) fn routes_of(message: &Message<'_>) -> Option<Vec<Box<str>>> {
    let mut routes: Vec<Box<str>> = Vec::new();
    for route in message.headers.list(HeaderName::RecordRoute) {
        let router = NameAddr::parse(route).ok()?;
        router.uri().ok()?;
        if routes.len() >= ROUTES {
            return None;
        }
        routes.push(std::str::from_utf8(route).ok()?.into());
    }
    Some(routes)
}

/// Whether requests in a dialog would have to go by TLS, which there is not yet: in clear they
/// must not go, whatever the next hop is (RFC 3261 §8.1.2, §26.2.2).
pub(super) fn needs_tls(core: &Core, target: &str, routes: &[Box<str>]) -> bool {
    if Uri::parse(target).is_ok_and(|uri| uri.is_sips()) {
        return true;
    }
    // How the proxy goes on from there is its own affair.
    if routes.is_empty() && core.config.subscribe.dialogs_through_proxy {
        return false;
    }
    let secure = |token: &str| token.eq_ignore_ascii_case("tls") || token.eq_ignore_ascii_case("wss");
    first_hop(target, routes).is_some_and(|uri| uri.is_sips() || uri.transport().is_some_and(secure))
}

/// The next hop of requests in a dialog: where the route set or the target leads (R6665-67), else
/// `own`, that of the first SUBSCRIBE.
pub(super) fn dialog_hop(
    now: Instant,
    core: &mut Core,
    own: u32,
    target: &Arc<str>,
    routes: &[Box<str>],
) -> u32 {
    let direct = routes.is_empty();
    if direct && core.config.subscribe.dialogs_through_proxy {
        return core.hops.join_again(own);
    }
    if direct && let Some(known) = core.hops.join_led(target, false) {
        return known;
    }
    let Some(to) = first_hop(target, routes).and_then(|uri| destination(&uri).ok()) else {
        return core.hops.join_again(own);
    };
    let pacing = core.config.pacing.clone();
    let hop = core.hops.join(now, to, None, &pacing);
    if direct {
        core.hops.leads(target, false, hop);
    }
    hop
}
