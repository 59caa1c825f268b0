//! The table of the commands: spellings, parameters, what they are for.

use crate::methods::{Method, Verb};
use crate::params::Param::{self, self as P};

const PUBLISH: &[Param] = &[
    P::PresentityUri,
    P::Expires,
    P::EventPackage,
    P::ContentType,
    P::Etag,
    P::ExtraHeaders,
    P::Body,
    P::Id,
    P::OutboundProxy,
    P::OnStop,
    P::Wait,
    P::Timeout,
];

const PUBLISH_RECIPES: &[&[Param]] = &[
    &[P::PresentityUri, P::Expires, P::EventPackage],
    &[P::PresentityUri, P::Expires, P::EventPackage, P::Etag],
    &[P::PresentityUri, P::Expires, P::EventPackage, P::ExtraHeaders],
    &[
        P::PresentityUri,
        P::Expires,
        P::EventPackage,
        P::ContentType,
        P::Body,
    ],
    &[
        P::PresentityUri,
        P::Expires,
        P::EventPackage,
        P::Etag,
        P::ExtraHeaders,
    ],
    &[
        P::PresentityUri,
        P::Expires,
        P::EventPackage,
        P::ContentType,
        P::Body,
        P::Etag,
    ],
    &[
        P::PresentityUri,
        P::Expires,
        P::EventPackage,
        P::ContentType,
        P::Body,
        P::ExtraHeaders,
    ],
    &[
        P::PresentityUri,
        P::Expires,
        P::EventPackage,
        P::ContentType,
        P::Body,
        P::Etag,
        P::ExtraHeaders,
    ],
    &[
        P::PresentityUri,
        P::Expires,
        P::EventPackage,
        P::ContentType,
        P::Body,
        P::Etag,
        P::ExtraHeaders,
        P::Id,
        P::OutboundProxy,
        P::OnStop,
        P::Wait,
        P::Timeout,
    ],
];

const KAMAILIO_PUBLISH: &[Param] = &[
    P::PresentityUri,
    P::Expires,
    P::EventPackage,
    P::ContentType,
    P::Id,
    P::Etag,
    P::OutboundProxy,
    P::ExtraHeaders,
    P::Body,
    P::OnStop,
    P::Wait,
    P::Timeout,
];

const KAMAILIO_RECIPES: &[&[Param]] = &[
    &[
        P::PresentityUri,
        P::Expires,
        P::EventPackage,
        P::ContentType,
        P::Id,
        P::Etag,
        P::OutboundProxy,
        P::ExtraHeaders,
    ],
    &[
        P::PresentityUri,
        P::Expires,
        P::EventPackage,
        P::ContentType,
        P::Id,
        P::Etag,
        P::OutboundProxy,
        P::ExtraHeaders,
        P::Body,
    ],
];

const NAME: &[Param] = &[P::PresentityUri, P::EventPackage, P::Id];
const TARGET: &[Param] = &[
    P::PresentityUri,
    P::EventPackage,
    P::Id,
    P::Etag,
    P::Wait,
    P::Timeout,
];
const TARGET_RECIPES: &[&[Param]] = &[
    &[P::PresentityUri, P::EventPackage],
    &[P::PresentityUri, P::EventPackage, P::Id],
    TARGET,
];
const LIST: &[Param] = &[P::Presentity, P::Package, P::State, P::Cursor, P::Limit];

const SUBSCRIBE: &[Param] = &[
    P::PresentityUri,
    P::WatcherUri,
    P::EventPackage,
    P::Expires,
    P::Id,
    P::OutboundProxy,
    P::ExtraHeaders,
    P::Members,
    P::Raw,
    P::Wait,
    P::Timeout,
];
const SUBSCRIPTION: &[Param] = &[P::PresentityUri, P::WatcherUri, P::EventPackage];
const SUBSCRIBE_RECIPES: &[&[Param]] = &[
    &[P::PresentityUri, P::WatcherUri, P::EventPackage, P::Expires],
    SUBSCRIPTION,
    SUBSCRIBE,
];
const UNSUBSCRIBE: &[Param] = &[
    P::PresentityUri,
    P::WatcherUri,
    P::EventPackage,
    P::Id,
    P::Wait,
    P::Timeout,
];
const FETCH: &[Param] = &[
    P::PresentityUri,
    P::WatcherUri,
    P::EventPackage,
    P::Id,
    P::OutboundProxy,
    P::ExtraHeaders,
    P::Members,
    P::Raw,
    P::Timeout,
];
const SUBSCRIPTIONS: &[Param] = &[
    P::Presentity,
    P::Watcher,
    P::Package,
    P::State,
    P::Cursor,
    P::Limit,
];
const STATE: &[Param] = &[P::PresentityUri, P::EventPackage, P::Raw];
const EVENT_SUBSCRIBE: &[Param] = &[P::Event, P::Socket, P::Expire];
const WATCH: &[Param] = &[
    P::Presentity,
    P::Watcher,
    P::Package,
    P::Kind,
    P::ChangedOnly,
    P::Raw,
    P::Cursor,
    P::Snapshot,
];

const fn plain(names: &'static [&'static str], verb: Verb, help: &'static str) -> Method {
    Method {
        names,
        verb,
        params: &[],
        required: 0,
        must: &[],
        positions: 0,
        recipes: &[&[]],
        help,
    }
}

pub(crate) static METHODS: &[Method] = &[
    Method {
        names: &["pua_publish", "pua_mi:publish"],
        verb: Verb::OpenSipsPublish,
        params: PUBLISH,
        required: 3,
        must: &[P::PresentityUri, P::Expires, P::EventPackage],
        positions: 7,
        recipes: PUBLISH_RECIPES,
        help: "Publishes event state and answers with the presence server's response; a second call for the same \
               presentity and package updates it. expires: seconds, 0 removes, -1 means until told otherwise. \
               Positions: presentity_uri, expires, event_package, content_type, etag, extra_headers, body; five of \
               them are presentity_uri, expires, event_package, content_type, body.",
    },
    Method {
        names: &["pua.publish"],
        verb: Verb::KamailioPublish,
        params: KAMAILIO_PUBLISH,
        required: 8,
        must: &[P::PresentityUri, P::Expires, P::EventPackage],
        positions: 9,
        recipes: KAMAILIO_RECIPES,
        help: "Publishes event state and answers with the presence server's response. Parameters are strings; . \
               stands for one that is not given.",
    },
    Method {
        names: &["pua.send_publish"],
        verb: Verb::KamailioSendPublish,
        params: KAMAILIO_PUBLISH,
        required: 8,
        must: &[P::PresentityUri, P::Expires, P::EventPackage],
        positions: 9,
        recipes: KAMAILIO_RECIPES,
        help: "Publishes event state and answers once the daemon has taken it, without waiting for the presence \
               server. Parameters are strings; . stands for one that is not given.",
    },
    Method {
        names: &["pua:publish"],
        verb: Verb::Publish,
        params: PUBLISH,
        required: 3,
        must: &[P::PresentityUri, P::EventPackage],
        positions: 7,
        recipes: PUBLISH_RECIPES,
        help: "As pua_publish; content_type may be left out where the event package has a default one, and expires, \
               by name, where the configured default will do.",
    },
    Method {
        names: &["pua:list", "pua_list", "pua.list"],
        verb: Verb::List,
        params: LIST,
        required: 0,
        must: &[],
        positions: 5,
        recipes: &[&[], LIST],
        help: "Lists the publications held, a page at a time; each parameter narrows the list.",
    },
    Method {
        names: &["pua:show", "pua_show", "pua.show"],
        verb: Verb::Show,
        params: NAME,
        required: 2,
        must: &[P::PresentityUri, P::EventPackage],
        positions: 3,
        recipes: &[&[P::PresentityUri, P::EventPackage], NAME],
        help: "Shows one publication.",
    },
    Method {
        names: &["pua:remove", "pua_remove", "pua.remove"],
        verb: Verb::Remove,
        params: TARGET,
        required: 2,
        must: &[P::PresentityUri, P::EventPackage],
        positions: 3,
        recipes: TARGET_RECIPES,
        help: "Takes one publication back and answers with the presence server's response.",
    },
    Method {
        names: &["pua:refresh", "pua_refresh", "pua.refresh"],
        verb: Verb::Refresh,
        params: TARGET,
        required: 2,
        must: &[P::PresentityUri, P::EventPackage],
        positions: 3,
        recipes: TARGET_RECIPES,
        help: "Refreshes one publication now and answers with the presence server's response.",
    },
    Method {
        names: &["pua_subscribe", "pua_mi:subscribe", "pua:subscribe"],
        verb: Verb::OpenSipsSubscribe,
        params: SUBSCRIBE,
        required: 3,
        must: SUBSCRIPTION,
        positions: 4,
        recipes: SUBSCRIBE_RECIPES,
        help: "Watches a presentity for a watcher and answers accepted; what the notifier tells comes as events. A \
               second call for the same three goes on with the new lifetime. expires: seconds, 0 watches no more, -1 \
               means until told otherwise; without it the package's own. wait=final answers after the first NOTIFY, \
               with the document. members: the presentities of a list in the request (RFC 5367). Positions: \
               presentity_uri, watcher_uri, event_package, expires.",
    },
    Method {
        names: &["pua.subscribe"],
        verb: Verb::KamailioSubscribe,
        params: SUBSCRIBE,
        required: 4,
        must: SUBSCRIPTION,
        positions: 4,
        recipes: SUBSCRIBE_RECIPES,
        help: "Watches a presentity for a watcher; the answer is empty. Parameters are presentity uri, watcher uri, \
               event package and expires.",
    },
    Method {
        names: &["pua:unsubscribe", "pua_unsubscribe", "pua.unsubscribe"],
        verb: Verb::Unsubscribe,
        params: UNSUBSCRIBE,
        required: 3,
        must: SUBSCRIPTION,
        positions: 4,
        recipes: &[SUBSCRIPTION, UNSUBSCRIBE],
        help: "Watches a presentity no more and answers when the notifier has said that it is over.",
    },
    Method {
        names: &["pua:fetch", "pua_fetch", "pua.fetch"],
        verb: Verb::Fetch,
        params: FETCH,
        required: 3,
        must: SUBSCRIPTION,
        positions: 4,
        recipes: &[SUBSCRIPTION, FETCH],
        help: "Asks once for the present state of a presentity and answers with the document; raw=true adds the body \
               as it was received.",
    },
    Method {
        names: &["pua:subscriptions", "pua_subscriptions", "pua.subscriptions"],
        verb: Verb::Subscriptions,
        params: SUBSCRIPTIONS,
        required: 0,
        must: &[],
        positions: 6,
        recipes: &[&[], SUBSCRIPTIONS],
        help: "Lists the subscriptions held, a page at a time; each parameter narrows the list.",
    },
    Method {
        names: &["pua:state", "pua_state", "pua.state"],
        verb: Verb::State,
        params: STATE,
        required: 1,
        must: &[P::PresentityUri],
        positions: 3,
        recipes: &[&[P::PresentityUri], STATE],
        help: "Tells what the subscriptions have told of a presentity last: a summary, and each document; raw=true \
               adds the bodies as they were received.",
    },
    Method {
        names: &["pua:watch", "pua_watch", "pua.watch"],
        verb: Verb::Watch,
        params: WATCH,
        required: 0,
        must: &[],
        positions: 8,
        recipes: &[&[], WATCH],
        help: "Tells every event from now on, as JSON lines; only on the stream socket. Each parameter narrows what is \
               told; cursor goes on behind an event.",
    },
    Method {
        names: &["event_subscribe"],
        verb: Verb::EventSubscribe,
        params: EVENT_SUBSCRIBE,
        required: 2,
        must: &[P::Event, P::Socket],
        positions: 3,
        recipes: &[&[P::Event, P::Socket], EVENT_SUBSCRIBE],
        help: "Sends an event to a socket (udp:host:port, unix:path, tcp:host:port) for expire seconds, 3600 if not \
               said; 0 ends that.",
    },
    plain(&["events_list"], Verb::EventsList, "Lists the events."),
    Method {
        names: &["subscribers_list"],
        verb: Verb::SubscribersList,
        params: &[P::Event, P::Socket],
        required: 0,
        must: &[],
        positions: 2,
        recipes: &[&[], &[P::Event], &[P::Event, P::Socket]],
        help: "Lists the sockets that events are sent to.",
    },
    Method {
        names: &["which"],
        verb: Verb::Which,
        params: &[P::Command],
        required: 0,
        must: &[],
        positions: 1,
        recipes: &[&[], &[P::Command]],
        help: "Lists the commands, or the parameter lists of one.",
    },
    Method {
        names: &["help"],
        verb: Verb::Help,
        params: &[P::MiCmd, P::Command],
        required: 0,
        must: &[],
        positions: 1,
        recipes: &[&[], &[P::MiCmd]],
        help: "Says what a command is for.",
    },
    plain(&["version"], Verb::Version, "Name and version of the daemon."),
    plain(&["uptime"], Verb::Uptime, "Since when the daemon runs."),
    plain(&["ps"], Verb::Ps, "The daemon's processes."),
    plain(&["pwd"], Verb::Pwd, "The daemon's working directory."),
    plain(&["arg"], Verb::Arg, "The daemon's command line."),
    plain(&["kill"], Verb::Kill, "Stops the daemon gracefully."),
    Method {
        names: &["log_level"],
        verb: Verb::LogLevel,
        params: &[P::Level],
        required: 0,
        must: &[],
        positions: 1,
        recipes: &[&[], &[P::Level]],
        help: "Shows or sets the log level: error, warn, info, debug, trace, or -3 to 4 as OpenSIPS counts.",
    },
    Method {
        names: &["get_statistics"],
        verb: Verb::GetStatistics,
        params: &[P::Statistics],
        required: 1,
        must: &[P::Statistics],
        positions: usize::MAX,
        recipes: &[&[P::Statistics]],
        help: "Values of statistics: names, groups (pua:) or all.",
    },
    plain(
        &["list_statistics"],
        Verb::ListStatistics,
        "The statistics' names and kinds.",
    ),
    Method {
        names: &["reset_statistics"],
        verb: Verb::ResetStatistics,
        params: &[P::Statistics],
        required: 1,
        must: &[P::Statistics],
        positions: usize::MAX,
        recipes: &[&[P::Statistics]],
        help: "Sets counters back to zero.",
    },
];
