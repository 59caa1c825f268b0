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
