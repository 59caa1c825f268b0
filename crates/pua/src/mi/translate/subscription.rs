//! Commands about subscriptions, and what notifiers have told.

use std::sync::Arc;

use pua_core as core;
use pua_mi::command as mi;

use super::{Clock, wait};

/// How much of what a notifier told an answer shall have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Telling {
    /// The bodies as they were received, where the dialect shows them by default or was asked to.
    bodies: bool,
    /// The bodies beside the documents.
    raw: bool,
    /// That it is over is what was asked for.
    ending: bool,
}

impl Telling {
    /// Of the end of a subscription.
    pub(super) const ENDING: Telling = Telling {
        bodies: false,
        raw: false,
        ending: true,
    };

    /// Of a subscription, or of its end.
    pub(super) fn of(subscribe: &mi::Subscribe) -> Telling {
        Telling {
            bodies: subscribe.raw,
            raw: subscribe.raw,
            ending: subscribe.lifetime == mi::Lifetime::Remove,
        }
    }

    /// Of a fetch.
    pub(super) fn of_fetch(fetch: &mi::Subscribe) -> Telling {
        Telling {
            bodies: true,
            raw: fetch.raw,
            ending: true,
        }
    }
}

/// The name of a subscription as the user agent knows it.
fn name(name: mi::SubscriptionName) -> core::SubscriptionName {
    core::SubscriptionName {
        presentity: Arc::from(name.presentity),
        watcher: Arc::from(name.watcher),
        package: Arc::from(name.package.as_str()),
        id: name.id.map(Arc::from),
    }
}

/// Watch, or with a lifetime of zero watch no more.
pub(super) fn subscribe(subscribe: mi::Subscribe, answerable: bool) -> core::Command {
    let lifetime = match subscribe.lifetime {
        mi::Lifetime::Remove => {
            return core::Command::Unsubscribe(core::SubscriptionTarget {
                name: name(subscribe.name),
                wait: wait(subscribe.wait, answerable),
                timeout: subscribe.timeout,
            });
        }
        mi::Lifetime::Seconds(seconds) => core::Lifetime::Seconds(seconds.get()),
        mi::Lifetime::Forever => core::Lifetime::UntilFurtherNotice,
        mi::Lifetime::Default => core::Lifetime::Default,
    };
    core::Command::Subscribe(request(subscribe, lifetime, answerable))
}

/// What a subscription and a fetch have in common.
pub(super) fn request(
    subscribe: mi::Subscribe,
    lifetime: core::Lifetime,
    answerable: bool,
) -> core::Subscribe {
    core::Subscribe {
        name: name(subscribe.name),
        lifetime,
        headers: subscribe
            .extra_headers
            .map_or_else(Arc::default, |headers| Arc::from(headers.as_str())),
        proxy: subscribe
            .outbound_proxy
            .map(|uri| core::Proxy { uri: Arc::from(uri) }),
        members: subscribe.members.into_iter().map(Arc::from).collect(),
        wait: wait(subscribe.wait, answerable),
        timeout: subscribe.timeout,
    }
}

/// The subscription that shall end.
pub(super) fn target(target: mi::SubscriptionTarget, answerable: bool) -> core::SubscriptionTarget {
    core::SubscriptionTarget {
        name: name(target.name),
        wait: wait(target.wait, answerable),
        timeout: target.timeout,
    }
}

/// How a subscription, its end, or a fetch went.
pub(super) fn outcome(
    clock: &Clock,
    telling: Telling,
    outcome: core::SubscriptionOutcome,
) -> pua_mi::SubscriptionOutcome {
    let success = (200..300).contains(&outcome.code);
    let next = match outcome.next {
        core::Next::Held => None,
        // An end that was wanted.
        core::Next::Ended if success && telling.ending => None,
        core::Next::Ended => Some(pua_mi::Next::Ended),
        core::Next::Refused => Some(pua_mi::Next::Refused),
        core::Next::Retry { at } => Some(pua_mi::Next::Retry {
            retry_at: clock.rfc3339(at),
        }),
    };
    let detail = outcome.detail.or_else(|| {
        outcome
            .allow_events
            .map(|events| format!("the server supports {events}"))
    });
    let evidence = !success && !outcome.call_id.is_empty();
    let states = outcome.states.into_iter().map(|mut told| {
        if !telling.bodies {
            told.body = bytes::Bytes::new();
        }
        state(clock, &told)
    });
    pua_mi::SubscriptionOutcome {
        states: states.collect(),
        response: pua_mi::Outcome {
            code: outcome.code,
            reason: outcome.reason.clone(),
            etag: None,
            expires: outcome.expires,
            detail,
            warning: outcome.warning,
            retry_after: outcome.retry_after,
            next,
            server: (!success)
                .then(|| outcome.server.map(|hop| hop.to_string()))
                .flatten(),
            call_id: evidence.then(|| outcome.call_id.to_string()),
            cseq: evidence.then_some(outcome.cseq),
        },
        state: outcome.state.as_str(),
        termination: outcome.termination.map(|reason| reason.to_string()),
        raw: telling.raw,
    }
}

/// What is known of a resource.
pub(crate) fn state(clock: &Clock, state: &core::ResourceState) -> pua_mi::ResourceState {
    let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
    let document = state.document.as_deref();
    pua_mi::ResourceState {
        resource: state.resource.to_string(),
        member: state.member.as_ref().map(|member| pua_mi::Member {
            name: text(&member.name),
            state: text(&member.state),
            reason: text(&member.reason),
        }),
        content_type: state.content_type.to_string(),
        body: state.body.to_vec(),
        document: document.map(event_packages::Document::to_json),
        summary: document.map(|document| document.summary().to_json()),
        at: (!state.content_type.is_empty()).then(|| clock.rfc3339(state.at)),
    }
}

#[cfg(test)]
mod tests;
