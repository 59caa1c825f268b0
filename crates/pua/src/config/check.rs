//! Makes the typed configuration of the settings, table by table, and looks at what only shows
//! when several are seen together.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fault::Place;
use super::fields::Check;
use super::source::{Setting, Value};
use super::values::{self, Reason};
use super::{
    Config, Credential, Datagram, DatagramListen, Durability, Fifo, Http, Log, LogFormat, LogLevel, Mi,
    OnStop, Publish, RUNTIME_DIR, Secret, Server, Sip, SipListen, Store, StoreUrl, Stream, Subscribe,
    address,
};
use crate::events::Bounds;

/// Seconds that fit into an Expires header (RFC 3261 §20.19).
const SECONDS: RangeInclusive<i64> = 0..=u32::MAX as i64;

impl Check<'_> {
    /// The whole configuration.
    pub(super) fn config(mut self, file: Option<&Path>) -> Config {
        let store = self.store();
        let config = Config {
            file: file.map(Path::to_owned),
            presence_server: self.parsed("presence_server", values::sip_uri),
            engines: self.engines(),
            sip: self.sip(),
            publish: self.publish(store.url != StoreUrl::Memory),
            subscribe: self.subscribe(),
            store,
            mi: self.mi(),
            http: self.http(),
            events: self.events(),
            carrying: self.carrying(),
            credentials: self.credentials("credentials"),
            server: self.server(),
            log: self.log(),
        };
        self.across(&config);
        self.readable_secrets(file);
        config
    }

    fn engines(&mut self) -> u8 {
        let most = crate::engine::MOST_ENGINES;
        u8::try_from(self.unsigned("engines", 1, 1..=i64::from(most))).unwrap_or(1)
    }

    fn sip(&mut self) -> Sip {
        let listen = self.list("sip.listen", &["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"], |t| {
            t.parse::<SipListen>().map_err(Reason::address)
        });
        let empty = |s: &Setting| match &s.value {
            Value::List(list) => list.is_empty(),
            Value::Text(text) => text.is_empty(),
            _ => false,
        };
        if self.setting("sip.listen").is_some_and(empty) {
            let hint = "the default is [\"udp:0.0.0.0:5060\", \"tcp:0.0.0.0:5060\"]".to_owned();
            self.fault("sip.listen", "at least one address is needed", hint);
        }
        Sip {
            listen,
            advertise: self.parsed("sip.advertise", values::host_port),
            t1: Duration::from_millis(self.unsigned("sip.t1_ms", 500, 1..=32_000)),
        }
    }

    fn publish(&mut self, durable: bool) -> Publish {
        let seconds = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Publish {
            default_expires: seconds(self.unsigned("publish.default_expires", 3600, 1..=*SECONDS.end())),
            min_expires: seconds(self.unsigned("publish.min_expires", 0, SECONDS)),
            on_stop: self.choice(
                "publish.on_stop",
                match durable {
                    true => OnStop::Keep,
                    false => OnStop::Remove,
                },
                &[("remove", OnStop::Remove), ("keep", OnStop::Keep)],
            ),
            rate: seconds(self.unsigned("publish.rate", 1000, 1..=1_000_000)),
            burst: seconds(self.unsigned("publish.burst", 50, 1..=1_000_000)),
            window_floor: seconds(self.unsigned("publish.window_floor", 4, 1..=1_000_000)),
            window_ceiling: seconds(self.unsigned("publish.window_ceiling", 1000, 1..=1_000_000)),
            min_interval: Duration::from_millis(self.unsigned("publish.min_interval_ms", 0, 0..=3_600_000)),
            max_publications: self.size("publish.max_publications", 2_000_000, 1..=100_000_000),
            max_body: self.size("publish.max_body", 256 * 1024, 1..=1024 * 1024),
        }
    }

    fn subscribe(&mut self) -> Subscribe {
        let default_expires = self.unsigned("subscribe.default_expires", 0, SECONDS);
        Subscribe {
            proxy: self.parsed("subscribe.proxy", values::sip_uri),
            default_expires: u32::try_from(default_expires).ok().filter(|seconds| *seconds > 0),
            eventlist: self.boolean("subscribe.eventlist", true),
            dialogs_through_proxy: self.boolean("subscribe.dialogs_through_proxy", false),
            lenient_refresh: self.boolean("subscribe.lenient_refresh", false),
            lenient_state: self.boolean("subscribe.lenient_state", false),
            max_subscriptions: self.size("subscribe.max_subscriptions", 1_000_000, 1..=100_000_000),
            max_dialogs: self.size("subscribe.max_dialogs", 16, 1..=1000),
            max_body: self.size("subscribe.max_body", 1024 * 1024, 1..=1024 * 1024),
        }
    }

    fn store(&mut self) -> Store {
        let url = self
            .filled("store.url")
            .and_then(|_| self.parsed("store.url", values::store_url));
        Store {
            url: url.unwrap_or(StoreUrl::Sqlite(PathBuf::from("pua.db"))),
            durability: self.choice(
                "store.durability",
                Durability::Commit,
                &[("commit", Durability::Commit), ("relaxed", Durability::Relaxed)],
            ),
        }
    }

    fn mi(&mut self) -> Mi {
        let fifo = self.settings.has_table("mi.fifo").then(|| Fifo {
            path: self.path("mi.fifo.path", &format!("{RUNTIME_DIR}/pua_fifo")),
            mode: self.mode("mi.fifo.mode"),
            user: self.text("mi.fifo.user"),
            group: self.text("mi.fifo.group"),
            reply_dir: self.path("mi.fifo.reply_dir", "/tmp"),
        });
        let unix = format!("unix:{RUNTIME_DIR}/mi.sock");
        let datagram = self.settings.has_table("mi.datagram").then(|| Datagram {
            listen: self.list("mi.datagram.listen", &[&unix, "udp:127.0.0.1:8809"], |t| {
                t.parse::<DatagramListen>().map_err(Reason::address)
            }),
            mode: self.mode("mi.datagram.mode"),
            socket_timeout: Duration::from_millis(self.unsigned(
                "mi.datagram.socket_timeout_ms",
                2000,
                0..=60_000,
            )),
        });
        let unix = format!("unix:{RUNTIME_DIR}/mi-stream.sock");
        let stream = Stream {
            listen: self.list("mi.stream.listen", &[&unix], |t| {
                address::stream_path(t).map_err(Reason::address)
            }),
            mode: self.mode("mi.stream.mode"),
            asked: self.settings.has_table("mi.stream"),
        };
        Mi {
            fifo,
            datagram: datagram.filter(|d| !d.listen.is_empty()),
            stream: (!stream.listen.is_empty()).then_some(stream),
        }
    }

    fn http(&mut self) -> Option<Http> {
        let listen = self.list("http.listen", &["127.0.0.1:8888"], |t| {
            let bare = t.strip_prefix("tcp:").unwrap_or(t);
            address::socket_addr(bare).map_err(Reason::address)
        });
        let root = self
            .filled("http.root")
            .and_then(|_| self.parsed("http.root", values::http_root));
        let hosts = self.list("http.hosts", &[], values::host_name);
        let asked = self.settings.has_table("http");
        (!listen.is_empty()).then_some(Http {
            listen,
            root: root.unwrap_or_else(|| "mi".to_owned()),
            hosts,
            asked,
        })
    }

    fn events(&mut self) -> Bounds {
        Bounds {
            events: self.size("events.ring", 65_536, 1..=16_777_216),
            bytes: self.size("events.ring_bytes", 64 * 1024 * 1024, 0..=1 << 40),
            consumers: self.size("events.consumers", 512, 1..=65_536),
        }
    }

    fn server(&mut self) -> Server {
        let seconds = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let realm = self.text("server.realm");
        let users = self.credentials("server.users");
        if realm.is_some() && users.is_empty() {
            let hint = "add [[server.users]] with username and password".to_owned();
            self.fault("server.realm", "asks for digest, but there are no users", hint);
        }
        Server {
            enabled: self.boolean("server.enabled", false),
            listen: self.list(
                "server.listen",
                &["udp:127.0.0.1:5080", "tcp:127.0.0.1:5080"],
                |t| t.parse::<SipListen>().map_err(Reason::address),
            ),
            realm,
            users,
            min_expires: seconds(self.unsigned("server.min_expires", 0, SECONDS)),
            max_expires: seconds(self.unsigned("server.max_expires", 86_400, 1..=*SECONDS.end())),
        }
    }

    fn log(&mut self) -> Log {
        Log {
            level: self.choice(
                "log.level",
                LogLevel::Info,
                &[
                    ("error", LogLevel::Error),
                    ("warn", LogLevel::Warn),
                    ("info", LogLevel::Info),
                    ("debug", LogLevel::Debug),
                    ("trace", LogLevel::Trace),
                ],
            ),
            format: self.choice(
                "log.format",
                LogFormat::Text,
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            ),
        }
    }

    fn credentials(&mut self, list: &str) -> Vec<Credential> {
        let mut credentials: Vec<Credential> = Vec::new();
        for number in self.settings.entries(list) {
            let at = |name: &str| format!("{list}.{number}.{name}");
            let realm = self.text(&at("realm")).unwrap_or_default();
            let username = self.text(&at("username"));
            let password = self.password(list, number);
            let place = self.place_under(&format!("{list}.{number}"));
            let Some(username) = username else {
                let key = at("username");
                self.faults.error(place, key, "is missing", None);
                continue;
            };
            if list == "credentials" && credentials.iter().any(|c| c.realm == realm) {
                let what = match realm.as_str() {
                    "" => "there are two entries for any realm".to_owned(),
                    _ => format!("there are two entries for the realm `{realm}`"),
                };
                self.faults.error(place, at("realm"), what, None);
                continue;
            }
            credentials.push(Credential {
                realm,
                username,
                password: password.unwrap_or_else(|| Secret::new("")),
            });
        }
        credentials
    }

    /// The password of an entry.
    fn password(&mut self, list: &str, number: usize) -> Option<Secret> {
        self.secret(list, number, "password", true)
    }

    /// A secret of an entry, from itself or from its file.
    pub(super) fn secret(&mut self, list: &str, number: usize, name: &str, needed: bool) -> Option<Secret> {
        let own = format!("{list}.{number}.{name}");
        let file = format!("{own}_file");
        let direct = self.text_or_empty(&own);
        let Some(path) = self.text(&file) else {
            if needed && direct.is_none() && !self.settings.values.contains_key(&own) {
                let place = self.place_under(&format!("{list}.{number}"));
                let hint = format!("give {name}_file, or {name}");
                self.faults.error(place, own, "is missing", hint);
            }
            return direct.map(Secret::new);
        };
        if direct.is_some() {
            let hint = "remove one of the two".to_owned();
            self.fault(&own, &format!("is given beside {name}_file"), hint);
        }
        match values::secret_file(Path::new(&path)) {
            Ok((secret, warning)) => {
                if let Some(what) = warning {
                    let place = self.place(&file);
                    let hint = format!("chmod 0600 {path}");
                    self.faults.warning(place, file, what, hint);
                }
                Some(secret)
            }
            Err(what) => {
                self.fault(
                    &file,
                    &what,
                    format!("it must be a file with the {name} in one line"),
                );
                None
            }
        }
    }

    /// What only shows when several settings are seen together.
    fn across(&mut self, config: &Config) {
        let publish = &config.publish;
        if publish.min_expires > publish.default_expires && self.place("publish.min_expires").is_some() {
            let what = format!("is above publish.default_expires ({})", publish.default_expires);
            let hint = "min_expires wins".to_owned();
            self.warn("publish.min_expires", &what, hint);
        }
        if config.subscribe.dialogs_through_proxy
            && config.subscribe.proxy.is_none()
            && config.presence_server.is_none()
        {
            let what = "is true, but there is no proxy to send requests through";
            let hint = "set subscribe.proxy or presence_server".to_owned();
            self.warn("subscribe.dialogs_through_proxy", what, hint);
        }
        if config.server.min_expires > config.server.max_expires {
            let what = format!("is above server.max_expires ({})", config.server.max_expires);
            self.fault("server.min_expires", &what, None);
        }
        if config.server.enabled && config.presence_server.is_none() {
            let what = "is true, but publications do not go there: they go to the domain of the presentity";
            let port = config.server.listen.first().map_or(5080, |l| l.addr.port());
            let hint = format!("set presence_server = \"sip:127.0.0.1:{port}\"");
            self.warn("server.enabled", what, hint);
        }
        if let Some(http) = &config.http
            && let Some(open) = http.listen.iter().find(|a| !a.ip().is_loopback())
        {
            let what = format!("{open} can be reached by others, and HTTP asks nobody for a password");
            let hint = "listen on 127.0.0.1 and put a reverse proxy with authentication before it".to_owned();
            self.warn("http.listen", &what, hint);
        }
        let datagrams = config.mi.datagram.iter().flat_map(|d| &d.listen);
        for listen in datagrams {
            if let DatagramListen::Udp(addr) = listen
                && !addr.ip().is_loopback()
            {
                let what = format!("{addr} can be reached by others, and MI asks nobody for a password");
                self.warn(
                    "mi.datagram.listen",
                    &what,
                    "listen on 127.0.0.1 or a UNIX socket".to_owned(),
                );
            }
        }
    }

    /// Warns when passwords stand in a file that everybody can read.
    fn readable_secrets(&mut self, file: Option<&Path>) {
        let Some(path) = file else { return };
        let first = self.settings.values.iter().find(|(key, setting)| {
            (key.ends_with(".password") || key.ends_with(".secret"))
                && matches!(setting.place, Place::File { .. })
        });
        if let Some((key, _)) = first
            && values::world_readable(path)
        {
            let key = key.clone();
            let what = "stands in a file that everybody can read";
            let hint = format!(
                "chmod 0640 {}, or use {}_file",
                path.display(),
                key.rsplit('.').next().unwrap_or_default()
            );
            self.warn(&key, what, hint);
        }
    }
}
