//! What has been counted since the start.

use crate::view::Statistic;

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident),* $(,)?) => {
        /// Counters of one user agent.
        #[derive(Default)]
        pub(crate) struct Counters {
            $($(#[doc = $doc])* pub(crate) $name: u64,)*
        }

        impl Counters {
            /// Every counter with its name.
            pub(crate) fn list(&self) -> Vec<Statistic> {
                vec![$(Statistic { name: stringify!($name), value: self.$name, counter: true },)*]
            }

            /// Sets one of them, or all, to zero; whether there is one of that name.
            pub(crate) fn reset(&mut self, name: Option<&str>) -> bool {
                let mut found = false;
                $(if name.is_none_or(|name| name == stringify!($name)) {
                    self.$name = 0;
                    found = true;
                })*
                found
            }
        }
    };
}

counters! {
    /// PUBLISH requests of each operation, fail-over and answers to challenges included.
    publish_initial, publish_refresh, publish_modify, publish_remove,
    /// SUBSCRIBE requests of each operation, counted likewise.
    subscribe_initial, subscribe_refresh, subscribe_end, subscribe_fetch,
    /// NOTIFY requests received, and those of them that were refused.
    notifies, notifies_refused,
    /// Documents that could not be read, that were older than what is known, and partial ones
    /// before which one was missed.
    documents_unreadable, documents_stale, version_gaps,
    /// Durations that a notifier told longer than asked for.
    durations_clamped,
    /// Requests sent again by timer E.
    retransmissions,
    /// Final responses to our requests, by class.
    responses_2xx, responses_3xx, responses_4xx, responses_5xx, responses_6xx,
    /// 412, 423, and challenges among them.
    responses_412, responses_423, challenges,
    /// Exchanges that timer F ended.
    timeouts,
    /// Hops that could not be reached.
    unreachable,
    /// Publications that the server had forgotten and has again.
    recovered,
    /// 2xx responses without a usable SIP-ETag, or without Expires.
    responses_without_etag, responses_without_expires,
    /// Records of an earlier life that could not be taken up: their URI leads nowhere as the
    /// configuration is now, or there is another of the same name. They stay in the store.
    records_not_restored,
    /// Commands taken, answered with a refusal of our own, and answered 408 by their own time-out.
    commands, commands_refused, commands_timed_out,
    /// Requests received, and responses that belong to nothing.
    requests_received, stray_responses,
    /// Received bytes that are no SIP message, or not one to answer.
    malformed,
}
