//! The daemon's configuration as the user agent wants it.

use std::net::SocketAddr;
use std::sync::Arc;

use pua_core::{Credential, Limits, Pacing, Proxy, Timers, Transport};

use crate::config::Config;

/// The user agent's configuration, given the addresses really bound.
pub(crate) fn core(config: &Config, bound: &[(Transport, SocketAddr)]) -> pua_core::Config {
    let publish = &config.publish;
    let limits = Limits::default();
    let timers = Timers {
        t1: config.sip.t1,
        ..Timers::default()
    };
    pua_core::Config {
        presence_server: config
            .presence_server
            .as_deref()
            .map(|uri| Proxy { uri: Arc::from(uri) }),
        listen: bound.to_vec(),
        advertise: config.sip.advertise.as_deref().map(Arc::from),
        timers,
        default_expires: publish.default_expires,
        min_expires: publish.min_expires,
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
            body: publish.max_body,
            ..limits
        },
        pacing: Pacing {
            rate: publish.rate,
            burst: publish.burst,
            min_interval: publish.min_interval,
        },
        ..pua_core::Config::default()
    }
}
