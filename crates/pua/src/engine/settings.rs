//! The daemon's configuration as the user agent wants it.

use std::net::SocketAddr;
use std::sync::Arc;

use pua_core::{Credential, Limits, Pacing, Proxy, Share, Subscribing, Timers, Transport};

use crate::config::Config;

/// A user agent's configuration, given the addresses really bound. `durable`: the daemon has a
/// store, whatever a configuration that came later says. Of what bounds the daemon as a whole towards
/// a server each engine has its `share`, rounded up.
pub(crate) fn core(
    config: &Config,
    bound: &[(Transport, SocketAddr)],
    durable: bool,
    share: Share,
) -> pua_core::Config {
    let publish = &config.publish;
    let subscribe = &config.subscribe;
    let proxy = |uri: Option<&str>| uri.map(|uri| Proxy { uri: Arc::from(uri) });
    let (limits, pacing) = (Limits::default(), Pacing::default());
    let part = |whole: u32| whole.div_ceil(u32::from(share.of.max(1)));
    let timers = Timers {
        t1: config.sip.t1,
        ..Timers::default()
    };
    pua_core::Config {
        presence_server: proxy(config.presence_server.as_deref()),
        listen: bound.to_vec(),
        advertise: config.sip.advertise.as_deref().map(Arc::from),
        timers,
        default_expires: publish.default_expires,
        min_expires: publish.min_expires,
        subscribe: Subscribing {
            proxy: proxy(subscribe.proxy.as_deref()),
            default_expires: subscribe.default_expires,
            eventlist: subscribe.eventlist,
            dialogs_through_proxy: subscribe.dialogs_through_proxy,
            lenient_refresh: subscribe.lenient_refresh,
            lenient_state: subscribe.lenient_state,
        },
        credentials: config
            .credentials
            .iter()
            .map(|credential| Credential {
                realm: Arc::from(credential.realm.as_str()),
                username: Arc::from(credential.username.as_str()),
                password: Arc::from(credential.password.reveal()),
            })
            .collect(),
        limits: Limits {
            publications: publish.max_publications,
            subscriptions: subscribe.max_subscriptions,
            dialogs: subscribe.max_dialogs,
            body: publish.max_body,
            told: subscribe.max_body,
            ..limits
        },
        pacing: Pacing {
            rate: part(publish.rate),
            burst: part(publish.burst),
            window_floor: part(publish.window_floor),
            window_first: part(pacing.window_first),
            window_ceiling: part(publish.window_ceiling),
            min_interval: publish.min_interval,
        },
        durable,
        share,
        ..pua_core::Config::default()
    }
}
