//! Commands of the management interface into commands of the user agent, and its replies back:
//! the only place that knows both.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pua_core as core;
use pua_mi::command as mi;
use pua_mi::{MiError, Reply};

pub(crate) use crate::clock::Clock;
pub(crate) use subscription::{Telling, state};

/// What a command is about: its reply has to be read by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// A publication.
    Publication,
    /// A subscription, and how much of what the notifier told the answer shall have.
    Subscription(Telling),
}

/// What is to be done about a command.
// Made once per call and taken apart at once: a box would cost more than the move.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub(crate) enum Plan {
    /// The user agent does it and replies, unless the reply is given here.
    Core(core::Command, About, Option<Reply>),
    /// The daemon answers by itself.
    Own(mi::Command),
}

/// Decides what a command means. `answerable`: whether the caller can be given an answer.
pub(crate) fn plan(command: mi::Command, answerable: bool) -> Plan {
    let (command, about, wait) = match command {
        mi::Command::Publish(publish) => {
            let wait = publish.wait;
            (self::publish(*publish, answerable), About::Publication, wait)
        }
        mi::Command::Remove(target) => {
            let wait = target.wait;
            let command = core::Command::Remove(self::target(target, answerable));
            (command, About::Publication, wait)
        }
        mi::Command::Refresh(target) => {
            let wait = target.wait;
            let command = core::Command::Refresh(self::target(target, answerable));
            (command, About::Publication, wait)
        }
        mi::Command::Subscribe(subscribe) => {
            let (wait, telling) = (subscribe.wait, Telling::of(&subscribe));
            let command = subscription::subscribe(*subscribe, answerable);
            (command, About::Subscription(telling), wait)
        }
        mi::Command::Unsubscribe(target) => {
            let wait = target.wait;
            let command = core::Command::Unsubscribe(subscription::target(target, answerable));
            (command, About::Subscription(Telling::ENDING), wait)
        }
        mi::Command::Fetch(fetch) => {
            let (wait, telling) = (fetch.wait, Telling::of_fetch(&fetch));
            let command =
                core::Command::Fetch(subscription::request(*fetch, core::Lifetime::Default, answerable));
            (command, About::Subscription(telling), wait)
        }
        other => return Plan::Own(other),
    };
    let early = (answerable && wait == mi::Wait::None).then(|| accepted(about));
    Plan::Core(command, about, early)
}

/// Whether a command asks for something that outlives the daemon.
pub(crate) fn is_durable(command: &core::Command) -> bool {
    match command {
        core::Command::Publish(_)
        | core::Command::Remove(_)
        | core::Command::Subscribe(_)
        | core::Command::Unsubscribe(_) => true,
        core::Command::Refresh(_) | core::Command::Fetch(_) => false,
    }
}

/// How long the caller waits.
pub(crate) fn timeout(command: &core::Command) -> Duration {
    match command {
        core::Command::Publish(publish) => publish.timeout,
        core::Command::Remove(target) | core::Command::Refresh(target) => target.timeout,
        core::Command::Subscribe(subscribe) | core::Command::Fetch(subscribe) => subscribe.timeout,
        core::Command::Unsubscribe(target) => target.timeout,
    }
}

/// Whether a reply says that what was asked for is so.
pub(crate) fn is_success(reply: &core::Reply) -> bool {
    match reply {
        core::Reply::Accepted => true,
        core::Reply::Final(outcome) => (200..300).contains(&outcome.code),
        core::Reply::Subscription(outcome) => (200..300).contains(&outcome.code),
        core::Reply::Refused(_) => false,
    }
}

/// The answer to a command that was taken, and whose outcome nobody waits for.
pub(crate) fn accepted(about: About) -> Reply {
    match about {
        About::Publication => Reply::Accepted,
        About::Subscription(_) => Reply::SubscriptionAccepted,
    }
}

fn publish(publish: mi::Publish, answerable: bool) -> core::Command {
    let wait = wait(publish.wait, answerable);
    let name = name(&publish.name);
    let if_match = publish.etag.map(Arc::from);
    let lifetime = match publish.lifetime {
        mi::Lifetime::Remove => {
            return core::Command::Remove(core::Target {
                name,
                if_match,
                wait,
                timeout: publish.timeout,
            });
        }
        mi::Lifetime::Seconds(seconds) => core::Lifetime::Seconds(seconds.get()),
        mi::Lifetime::Forever => core::Lifetime::UntilFurtherNotice,
        mi::Lifetime::Default => core::Lifetime::Default,
    };
    let document = publish.body.map(|body| core::Document {
        content_type: publish.content_type.unwrap_or_default(),
        body: Bytes::from(body),
    });
    core::Command::Publish(core::Publish {
        name,
        lifetime,
        document,
        if_match,
        headers: publish
            .extra_headers
            .map_or_else(Arc::default, |headers| Arc::from(headers.as_str())),
        proxy: publish
            .outbound_proxy
            .map(|uri| core::Proxy { uri: Arc::from(uri) }),
        on_stop: publish.on_stop.map(|on_stop| match on_stop {
            mi::OnStop::Keep => core::OnStop::Keep,
            mi::OnStop::Remove => core::OnStop::Remove,
        }),
        wait,
        timeout: publish.timeout,
    })
}

fn target(target: mi::Target, answerable: bool) -> core::Target {
    core::Target {
        name: name(&target.name),
        if_match: target.etag.map(Arc::from),
        wait: wait(target.wait, answerable),
        timeout: target.timeout,
    }
}

/// The name of a publication as the user agent knows it.
pub(crate) fn name(name: &mi::Name) -> core::PublicationName {
    core::PublicationName {
        presentity: Arc::from(name.presentity.as_str()),
        package: Arc::from(name.package.as_str()),
        id: name.id.as_deref().map(Arc::from),
    }
}

fn wait(wait: mi::Wait, answerable: bool) -> core::Wait {
    match wait {
        _ if !answerable => core::Wait::None,
        mi::Wait::Final => core::Wait::Final,
        mi::Wait::Accepted => core::Wait::Accepted,
        mi::Wait::None => core::Wait::None,
    }
}

/// The user agent's reply in the words of the management interface.
pub(crate) fn reply(clock: &Clock, about: About, reply: core::Reply) -> Reply {
    match reply {
        core::Reply::Accepted => accepted(about),
        core::Reply::Final(outcome) => Reply::Published(self::outcome(clock, outcome)),
        core::Reply::Subscription(outcome) => {
            let telling = match about {
                About::Subscription(telling) => telling,
                About::Publication => Telling::default(),
            };
            Reply::Subscribed(Box::new(subscription::outcome(clock, telling, *outcome)))
        }
        core::Reply::Refused(refusal) => Reply::Error(self::refusal(about, refusal)),
    }
}

fn outcome(clock: &Clock, outcome: core::Outcome) -> pua_mi::Outcome {
    let success = (200..300).contains(&outcome.code);
    let next = match outcome.next {
        core::Next::Retry { at } if success => Some(pua_mi::Next::Retry {
            retry_at: clock.rfc3339(at),
        }),
        _ if success => None,
        core::Next::Held => None,
        core::Next::Ended => Some(pua_mi::Next::Ended),
        core::Next::Refused => Some(pua_mi::Next::Refused),
        core::Next::Retry { at } => Some(pua_mi::Next::Retry {
            retry_at: clock.rfc3339(at),
        }),
    };
    let detail = match outcome.detail {
        Some(detail) => Some(detail),
        None => outcome
            .allow_events
            .map(|events| format!("the server supports {events}")),
    };
    pua_mi::Outcome {
        code: outcome.code,
        reason: outcome.reason,
        etag: outcome.etag,
        expires: outcome.expires,
        detail,
        warning: outcome.warning,
        retry_after: outcome.retry_after,
        next,
        // What a success does not need is not made: it is the daemon's hottest path.
        server: (!success)
            .then(|| outcome.server.map(|hop| hop.to_string()))
            .flatten(),
        call_id: (!success && !outcome.call_id.is_empty()).then(|| outcome.call_id.to_string()),
        cseq: (!success && !outcome.call_id.is_empty()).then_some(outcome.cseq),
    }
}

fn refusal(about: About, refusal: core::Refusal) -> MiError {
    match refusal {
        core::Refusal::WrongEntityTag => MiError::wrong_etag(),
        core::Refusal::NotFound => match about {
            About::Publication => MiError::no_such_publication(),
            About::Subscription(_) => MiError::no_such_subscription(),
        },
        core::Refusal::NoDocument => MiError::new(400, "Body parameter is missing")
            .with_data("nothing is published under this name yet, so there is nothing to keep"),
        core::Refusal::BadPresentity(why) if about != About::Publication => {
            MiError::new(400, "Bad uri").with_data(format!("presentity_uri: {why}"))
        }
        core::Refusal::BadWatcher(why) => {
            MiError::new(400, "Bad uri").with_data(format!("watcher_uri: {why}"))
        }
        core::Refusal::TooManyPublications(limit) => {
            MiError::new(503, "Too many publications").with_data(format!("the limit is {limit}"))
        }
        core::Refusal::TooManySubscriptions(limit) => {
            MiError::new(503, "Too many subscriptions").with_data(format!("the limit is {limit}"))
        }
        core::Refusal::BadPresentity(why) => MiError::new(404, "Bad presentity URI").with_data(why),
        core::Refusal::BadProxy(why) => MiError::new(400, "Bad outbound proxy URI").with_data(why),
        core::Refusal::DocumentTooLarge(limit) => {
            MiError::new(400, "Body too large").with_data(format!("the limit is {limit} bytes"))
        }
        core::Refusal::Busy => MiError::busy(),
    }
}

mod subscription;
#[cfg(test)]
mod tests;
