//! Tests of the configuration: what is read, and that all that is wrong is told at once.

use std::path::PathBuf;

use super::fault::Faults;
use super::keys::{KEYS, Kind, distance};
use super::read::load_with;
use super::*;

/// A directory of its own for one test, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("pua-config-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Faults> {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let scratch = Scratch::new(&format!("read-{number}"));
    let path = scratch.file("pua.toml", text, 0o600);
    let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    load_with(Some(&path), variables)
}

pub(super) fn read(text: &str) -> Result<Loaded, Faults> {
    read_with(text, &[])
}

pub(super) fn good(text: &str) -> Config {
    read(text).unwrap_or_else(|f| panic!("{f}")).config
}

/// The faults as `line:column: key: what | hint`.
pub(super) fn faults(text: &str) -> Vec<String> {
    let faults = read(text).expect_err("has faults");
    faults.0.iter().map(brief).collect()
}

fn brief(fault: &Fault) -> String {
    let place = fault.place.as_ref().map(ToString::to_string).unwrap_or_default();
    let place = place.rsplit_once("pua.toml:").map_or(place.as_str(), |(_, p)| p);
    let hint = fault
        .hint
        .as_deref()
        .map(|h| format!(" | {h}"))
        .unwrap_or_default();
    format!("{place}: {}: {}{hint}", fault.key, fault.what)
}

#[test]
fn the_example_is_complete_and_good() {
    let loaded = read(EXAMPLE).unwrap_or_else(|f| panic!("{f}"));
    assert_eq!(loaded.warnings, []);
    let config = loaded.config;
    assert_eq!(config.mi.fifo.unwrap().path, PathBuf::from("/run/pua/pua_fifo"));
    let keys: Vec<&str> = EXAMPLE
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once(" = "))
        .map(|(key, _)| key)
        .collect();
    for key in KEYS {
        let name = key.path.rsplit('.').next().unwrap();
        assert!(keys.contains(&name), "{} is not in the example", key.path);
    }
}

#[test]
fn the_examples_values_are_the_defaults() {
    let nothing = load_with(None, std::iter::empty()).unwrap().config;
    let example = good(EXAMPLE);
    assert_eq!(example.engines, nothing.engines);
    assert_eq!(example.sip, nothing.sip);
    assert_eq!(example.publish, nothing.publish);
    assert_eq!(example.events, nothing.events);
    assert_eq!(example.subscribe, nothing.subscribe);
    assert_eq!(example.server, nothing.server);
    assert_eq!(example.log, nothing.log);
    assert_eq!(example.http.unwrap().listen, nothing.http.unwrap().listen);
    let tables = good("[mi.fifo]\n[mi.datagram]\n[mi.stream]\n").mi;
    assert_eq!(example.mi, tables);
}

#[test]
fn without_tables_there_are_no_fifo_and_no_datagram_sockets() {
    let config = good("");
    assert_eq!(config.mi.fifo, None);
    assert_eq!(config.mi.datagram, None);
    assert!(!config.mi.stream.unwrap().asked);
    assert!(!config.http.unwrap().asked);
    let config = good("[http]\nlisten = []\n[mi.stream]\nlisten = []\n");
    assert_eq!(config.http, None);
    assert_eq!(config.mi.stream, None);
}

#[test]
fn all_faults_at_once_with_place_and_hint() {
    let text = "\
presence_sever = \"sip:a\"
[sip]
lisen = [\"udp:0.0.0.0:5060\"]
t1_ms = \"500\"
min_expires = 3
[publish]
default_expires = -1
on_stop = \"leave\"
[mi.fifo]
mode = 660
[mi.datagram]
listen = [\"unix:/a\", \"ucp:1.2.3.4:5\", \"unix:/a\"]
[httpd]
listen = []
[server]
enabled = \"yes\"
";
    assert_eq!(
        faults(text),
        [
            "1:1: presence_sever: unknown key | did you mean `presence_server`?",
            "3:1: sip.lisen: unknown key | did you mean `listen`?",
            "4:9: sip.t1_ms: must be a number, not a text | write 500 without quotes",
            "5:1: sip.min_expires: unknown key | `min_expires` belongs to [publish]",
            "7:19: publish.default_expires: -1 is not in 1 to 4294967295",
            "8:11: publish.on_stop: `leave` is not known | one of: remove, keep",
            "10:8: mi.fifo.mode: the number 660 could mean two things | write it as \"0660\"",
            "12:22: mi.datagram.listen: `ucp:1.2.3.4:5` does not begin with unix: or udp: | such as \"unix:/run/pua/mi.sock\"",
            "12:39: mi.datagram.listen: `unix:/a` stands there twice",
            "13:2: httpd: unknown table | did you mean `http`?",
            "16:11: server.enabled: must be true or false, not a text | write true or false, without quotes",
        ]
    );
}

#[test]
fn what_is_no_toml_is_told_with_its_place_and_the_rest_is_checked_too() {
    let told = faults("[sip]\nt1_ms = 0\nadvertise = \n[publish]\nrate = 0\n");
    assert!(
        told.iter().any(|f| f.starts_with("2:9: sip.t1_ms: 0 is not in")),
        "{told:?}"
    );
    assert!(
        told.iter().any(|f| f.starts_with("3:") && f.contains("not TOML")),
        "{told:?}"
    );
    assert!(
        told.iter().any(|f| f.starts_with("5:8: publish.rate")),
        "{told:?}"
    );
}

#[test]
fn a_top_level_key_below_a_table_is_explained() {
    assert_eq!(
        faults("[sip]\nt1_ms = 500\npresence_server = \"sip:a\"\n"),
        [
            "3:1: sip.presence_server: unknown key | `presence_server` belongs to the top level: put it above the first [table]"
        ]
    );
}

#[test]
fn parameters_of_the_old_modules_are_taken() {
    let config = good(
        "outbound_proxy = \"sip:pa@opensips.org:5075\"\nmin_expires = 60\ndefault_expires = 600\n\
         fifo_name = \"/run/x/fifo\"\nfifo_mode = 0o600\nfifo_user = \"nobody\"\nfifo_group = \"tty\"\nreply_dir = \"/var/tmp\"\n\
         socket_name = \"/run/x/sock\"\nsocket_timeout = 500\n",
    );
    assert_eq!(
        config.presence_server.as_deref(),
        Some("sip:pa@opensips.org:5075")
    );
    assert_eq!(
        (config.publish.min_expires, config.publish.default_expires),
        (60, 600)
    );
    let fifo = config.mi.fifo.unwrap();
    assert_eq!(fifo.path, PathBuf::from("/run/x/fifo"));
    assert_eq!(fifo.mode, 0o600);
    assert_eq!(
        (fifo.user.as_deref(), fifo.group.as_deref()),
        (Some("nobody"), Some("tty"))
    );
    assert_eq!(fifo.reply_dir, PathBuf::from("/var/tmp"));
    let datagram = config.mi.datagram.unwrap();
    assert_eq!(datagram.listen, [DatagramListen::Unix("/run/x/sock".into())]);
    assert_eq!(datagram.socket_timeout, Duration::from_millis(500));
}

#[test]
fn parameters_of_the_old_modules_are_taken_in_their_tables() {
    let config = good(
        "[pua_mi]\npresence_server = \"sip:pa\"\n[pua]\nmin_expires = 7\n[mi_fifo]\nfifo_name = \"/x\"\n[mi.datagram]\nsocket_timeout = 1\n\
         [mi_http]\nroot = \"/opensips_mi\"\n",
    );
    assert_eq!(config.http.unwrap().root, "opensips_mi");
    assert_eq!(config.presence_server.as_deref(), Some("sip:pa"));
    assert_eq!(config.publish.min_expires, 7);
    assert_eq!(config.mi.fifo.unwrap().path, PathBuf::from("/x"));
    assert_eq!(
        config.mi.datagram.unwrap().socket_timeout,
        Duration::from_millis(1)
    );
}

#[test]
fn one_setting_by_two_names_is_a_fault() {
    let told = faults("min_expires = 1\n[publish]\nmin_expires = 2\n");
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("set twice"), "{told:?}");
}

#[test]
fn parameters_without_counterpart_say_why() {
    assert_eq!(
        faults("update_period = 100\n"),
        ["1:1: update_period: unknown key | each publication has its own refresh time here; delete the line"]
    );
}

#[test]
fn how_subscriptions_are_made() {
    let set = good(
        "[subscribe]\nproxy = \"sip:proxy.example.com;lr\"\ndefault_expires = 600\neventlist = false\nmax_dialogs = 2\nmax_body = 5000",
    );
    let subscribe = set.subscribe;
    assert_eq!(subscribe.proxy.as_deref(), Some("sip:proxy.example.com;lr"));
    assert_eq!(subscribe.default_expires, Some(600));
    assert_eq!((subscribe.eventlist, subscribe.max_dialogs), (false, 2));
    assert_eq!(
        (subscribe.max_body, good("").subscribe.max_body),
        (5000, 1024 * 1024)
    );
    let own = read_with("", &[("PUA_SUBSCRIBE__LENIENT_STATE", "true")]).unwrap();
    assert!(own.config.subscribe.lenient_state);
    assert_eq!(own.config.subscribe.default_expires, None);
    let lonely = read("[subscribe]\ndialogs_through_proxy = true").unwrap();
    let warnings: Vec<_> = lonely.warnings.iter().map(brief).collect();
    assert_eq!(
        warnings,
        [
            "2:25: subscribe.dialogs_through_proxy: is true, but there is no proxy to send requests through | set \
             subscribe.proxy or presence_server"
        ]
    );
    assert_eq!(faults("[subscribe]\nmax_dialogs = 0\nproxy = \"proxy\"").len(), 2);
}

#[test]
fn the_environment_stands_over_the_file() {
    let loaded = read_with(
        "presence_server = \"sip:a\"\n[publish]\nrate = 5\n",
        &[
            ("PUA_PRESENCE_SERVER", "sip:b"),
            ("PUA_SIP__LISTEN", "udp:127.0.0.1:0, tcp:127.0.0.1:0"),
            ("PUA_HTTP__LISTEN", "[\"127.0.0.1:0\"]"),
            ("PUA_MI__FIFO__PATH", "/run/y"),
            ("PUA_SERVER__ENABLED", "true"),
            ("PUA_CONNECT", "unix:/x"),
            ("PUA_WATCHER", "sip:w@h"),
            ("PUAX", "1"),
        ],
    )
    .unwrap();
    let config = loaded.config;
    assert_eq!(config.presence_server.as_deref(), Some("sip:b"));
    assert_eq!(config.sip.listen.len(), 2);
    assert_eq!(config.http.unwrap().listen[0].port(), 0);
    assert_eq!(config.mi.fifo.unwrap().path, PathBuf::from("/run/y"));
    assert_eq!(config.publish.rate, 5);
    assert!(config.server.enabled);
    assert_eq!(loaded.warnings, []);
}

#[test]
fn faults_in_the_environment_name_the_variable() {
    let told = read_with(
        "",
        &[
            ("PUA_SIP__LISTEN", "udp:x:1"),
            ("PUA_SIP__LISSEN", "udp:x:1"),
            ("PUA_PUBLISH__RATE", "many"),
            ("PUA_STORE__URL", ""),
        ],
    )
    .unwrap_err();
    let mut told: Vec<String> = told.0.iter().map(brief).collect();
    told.sort();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[0].contains("environment PUA_PUBLISH__RATE"), "{told:?}");
    assert!(told[1].contains("did you mean `listen`"), "{told:?}");
    assert!(told[2].contains("cannot be listened on"), "{told:?}");
}

#[test]
fn variables_of_kubernetes_do_not_stop_the_daemon() {
    let loaded = read_with(
        "",
        &[
            ("PUA_SERVICE_HOST", "10.0.0.1"),
            ("PUA_PORT", "tcp://10.0.0.1:80"),
        ],
    )
    .unwrap();
    assert_eq!(loaded.warnings.len(), 2);
}

#[test]
fn credentials_from_file_and_environment_and_never_printed() {
    let scratch = Scratch::new("credentials");
    let secret = scratch.file("secret", "s3cret\n", 0o600);
    let text = format!(
        "[[credentials]]\nrealm = \"example.com\"\nusername = \"pa\"\npassword_file = \"{}\"\n\
         [[credentials]]\nusername = \"any\"\npassword = \"hunter2\"\n",
        secret.display()
    );
    let config = good(&text);
    assert_eq!(config.credentials[0].password.reveal(), "s3cret");
    assert_eq!(config.credentials[1].realm, "");
    let printed = format!("{config:?}");
    assert!(
        !printed.contains("s3cret") && !printed.contains("hunter2"),
        "{printed}"
    );

    let over = read_with(&text, &[("PUA_CREDENTIALS__1__PASSWORD", "other")])
        .unwrap()
        .config;
    assert_eq!(over.credentials[1].password.reveal(), "other");
    let list = "[{ realm = \"r\", username = \"u\", password = \"p\" }]";
    let over = read_with(&text, &[("PUA_CREDENTIALS", list)]).unwrap().config;
    assert_eq!(over.credentials.len(), 1);
    assert_eq!(over.credentials[0].password.reveal(), "p");
    let broken = read_with("", &[("PUA_CREDENTIALS", "[{ password = \"topsecret }]")]).unwrap_err();
    assert!(!broken.to_string().contains("topsecret"), "{broken}");
}

#[test]
fn secrets_that_others_can_read_are_a_warning() {
    let scratch = Scratch::new("readable");
    let secret = scratch.file("secret", "x", 0o644);
    let text = format!(
        "[[credentials]]\nusername = \"u\"\npassword_file = \"{}\"\n",
        secret.display()
    );
    let loaded = read(&text).unwrap();
    assert_eq!(loaded.warnings.len(), 1);
    assert!(loaded.warnings[0].what.contains("can be read by everybody"));

    let open = scratch.file(
        "pua.toml",
        "[[credentials]]\nusername = \"u\"\npassword = \"p\"\n",
        0o644,
    );
    let loaded = load_with(Some(&open), std::iter::empty()).unwrap();
    assert_eq!(loaded.warnings.len(), 1);
    assert!(loaded.warnings[0].what.contains("everybody can read"));
}

#[test]
fn credentials_that_lack_something() {
    let told = faults(
        "[[credentials]]\nrealm = \"a\"\n[[credentials]]\nusername = \"u\"\npassword_file = \"/nowhere/x\"\n",
    );
    assert!(
        told.iter()
            .any(|f| f.contains("credentials.0.username: is missing")),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|f| f.contains("credentials.0.password: is missing")),
        "{told:?}"
    );
    assert!(
        told.iter().any(|f| f.contains("`/nowhere/x` cannot be read")),
        "{told:?}"
    );
    let told = faults("[credentials]\nusername = \"u\"\n");
    assert!(told[0].contains("two brackets"), "{told:?}");
}

#[test]
fn open_listeners_are_warnings() {
    let loaded = read("[http]\nlisten = [\"0.0.0.0:8888\"]\n").unwrap();
    let keys: Vec<&str> = loaded.warnings.iter().map(|w| w.key.as_str()).collect();
    assert_eq!(keys, ["http.listen"]);
    let alone = read("[server]\nenabled = true\n").unwrap();
    assert_eq!(
        alone.warnings[0].hint.as_deref(),
        Some("set presence_server = \"sip:127.0.0.1:5080\"")
    );
}

#[test]
fn values_that_are_refused() {
    for (text, expected) in [
        ("presence_server = \"pa.example.com\"", "no SIP URI"),
        ("presence_server = \"sips:pa.example.com\"", "not available"),
        ("presence_server = \"sip:\"", "no SIP URI"),
        ("presence_server = \"sip:a b\"", "no SIP URI"),
        ("presence_server = \"pres:a@b\"", "is not sip:"),
        ("presence_server = \"sip:a;transport=tls\"", "not available"),
        ("sip.listen = [\"tls:0.0.0.0:5061\"]", "not available"),
        ("sip.listen = [\"udp:0.0.0.0\"]", "has no port"),
        ("sip.listen = [\"udp:0.0.0.0:70000\"]", "no port"),
        ("sip.listen = []", "at least one"),
        ("sip.listen = 5060", "must be a list"),
        ("sip.advertise = \"sip:x\"", "is a URI"),
        ("sip.advertise = \"2001:db8::1\"", "brackets"),
        ("store.url = \"\"", "is empty"),
        ("mi.fifo.path = \" \"", "is empty"),
        ("mi.fifo.reply_dir = \"\"", "is empty"),
        ("events.consumers = 0", "0 is not in 1 to"),
        ("http.root = \"\"", "is empty"),
        ("http.root = \"/metrics/x\"", "something else"),
        ("http.root = \"a b\"", "no path"),
        ("http.hosts = [\"http://h\"]", "no name of a host"),
        ("http.hosts = [\"h:80\"]", "no name of a host"),
        ("store.url = \"postgres://u:topsecret@h/db\"", "not available"),
        ("mi.fifo.mode = \"0888\"", "no mode"),
        ("mi.fifo.mode = \"0060\"", "keeps the owner out"),
        ("mi.stream.listen = [\"tcp:1.2.3.4:5\"]", "unix:"),
        ("mi.stream.listen = [\"unix:\"]", "missing | such as \"unix:/run"),
        ("log.level = \"loud\"", "one of: error"),
        ("publish.rate = 1.5", "not a number with a fraction"),
        ("server.realm = \"x\"", "no users"),
    ] {
        let told = faults(text).join("\n");
        assert!(told.contains(expected), "{text}: {told}");
        assert!(!told.contains("topsecret"), "{told}");
    }
}

#[test]
fn a_missing_file_says_how_to_get_one() {
    let told = load_with(
        Some(std::path::Path::new("/nowhere/pua.toml")),
        std::iter::empty(),
    )
    .unwrap_err();
    assert!(told.to_string().contains("/nowhere/pua.toml: cannot be read"));
    assert!(told.to_string().contains("pua config example"));
}

#[test]
fn distances_count_swaps_as_one() {
    assert_eq!(distance("lisetn", "listen"), 1);
    assert_eq!(distance("", "abc"), 3);
    assert_eq!(distance("same", "same"), 0);
}

#[test]
fn secrets_are_marked() {
    for key in KEYS {
        assert_eq!(
            key.path.ends_with(".password") || key.path.ends_with(".secret"),
            key.kind == Kind::Secret,
            "{}",
            key.path
        );
    }
}
