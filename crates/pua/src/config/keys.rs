//! The keys of the configuration: their names, kinds, and what they are called elsewhere.

/// What a key's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text.
    Text,
    /// A text that must not be printed.
    Secret,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Bool,
    /// A list of texts; a single text is a list of one.
    List,
    /// Permissions: `"0660"`, or `0o660`.
    Mode,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// The path in the file, with dots.
    pub(super) path: &'static str,
    /// What its value is.
    pub(super) kind: Kind,
    /// Names of module parameters of OpenSIPS and Kamailio that mean the same. They are taken at
    /// the top level, in the key's own table, and in a table with the module's name.
    pub(super) aliases: &'static [&'static str],
    /// Tables named after those modules.
    pub(super) modules: &'static [&'static str],
}

const fn key(path: &'static str, kind: Kind) -> Key {
    Key {
        path,
        kind,
        aliases: &[],
        modules: &[],
    }
}

const fn known(
    path: &'static str,
    kind: Kind,
    aliases: &'static [&'static str],
    modules: &'static [&'static str],
) -> Key {
    Key {
        path,
        kind,
        aliases,
        modules,
    }
}

const FIFO: &[&str] = &["mi_fifo", "jsonrpcs"];
const DATAGRAM: &[&str] = &["mi_datagram", "jsonrpcs"];

/// Every key, in the order of the example file. `*` stands for the number of a list's entry.
pub(super) const KEYS: &[Key] = &[
    known(
        "presence_server",
        Kind::Text,
        &["outbound_proxy", "presence_server"],
        &["pua_mi", "pua", "pua_rpc"],
    ),
    key("engines", Kind::Integer),
    key("sip.listen", Kind::List),
    key("sip.advertise", Kind::Text),
    key("sip.t1_ms", Kind::Integer),
    known(
        "publish.default_expires",
        Kind::Integer,
        &["default_expires"],
        &["pua"],
    ),
    known("publish.min_expires", Kind::Integer, &["min_expires"], &["pua"]),
    key("publish.on_stop", Kind::Text),
    key("publish.rate", Kind::Integer),
    key("publish.burst", Kind::Integer),
    key("publish.window_floor", Kind::Integer),
    key("publish.window_ceiling", Kind::Integer),
    key("publish.min_interval_ms", Kind::Integer),
    key("publish.max_publications", Kind::Integer),
    key("publish.max_body", Kind::Integer),
    key("subscribe.proxy", Kind::Text),
    key("subscribe.default_expires", Kind::Integer),
    key("subscribe.eventlist", Kind::Bool),
    key("subscribe.dialogs_through_proxy", Kind::Bool),
    key("subscribe.lenient_refresh", Kind::Bool),
    key("subscribe.lenient_state", Kind::Bool),
    key("subscribe.max_subscriptions", Kind::Integer),
    key("subscribe.max_dialogs", Kind::Integer),
    key("subscribe.max_body", Kind::Integer),
    key("store.url", Kind::Text),
    key("store.durability", Kind::Text),
    known("mi.fifo.path", Kind::Text, &["fifo_name"], FIFO),
    known("mi.fifo.mode", Kind::Mode, &["fifo_mode"], FIFO),
    known("mi.fifo.user", Kind::Text, &["fifo_user"], FIFO),
    known("mi.fifo.group", Kind::Text, &["fifo_group"], FIFO),
    known(
        "mi.fifo.reply_dir",
        Kind::Text,
        &["reply_dir", "fifo_reply_dir"],
        FIFO,
    ),
    known(
        "mi.datagram.listen",
        Kind::List,
        &["socket_name", "dgram_socket"],
        DATAGRAM,
    ),
    known(
        "mi.datagram.mode",
        Kind::Mode,
        &["unix_socket_mode", "dgram_mode"],
        DATAGRAM,
    ),
    known(
        "mi.datagram.socket_timeout_ms",
        Kind::Integer,
        &["socket_timeout", "dgram_timeout"],
        DATAGRAM,
    ),
    key("mi.stream.listen", Kind::List),
    key("mi.stream.mode", Kind::Mode),
    key("http.listen", Kind::List),
    known("http.root", Kind::Text, &["root", "mi_http_root"], &["mi_http"]),
    key("http.hosts", Kind::List),
    key("events.ring", Kind::Integer),
    key("events.ring_bytes", Kind::Integer),
    key("events.consumers", Kind::Integer),
    key("events.webhooks.*.url", Kind::Text),
    key("events.webhooks.*.secret", Kind::Secret),
    key("events.webhooks.*.secret_file", Kind::Text),
    key("events.webhooks.*.presentity", Kind::List),
    key("events.webhooks.*.watcher", Kind::List),
    key("events.webhooks.*.package", Kind::List),
    key("events.webhooks.*.kinds", Kind::List),
    key("events.webhooks.*.changed_only", Kind::Bool),
    key("events.webhooks.*.raw", Kind::Bool),
    key("events.webhooks.*.snapshot", Kind::Bool),
    key("events.webhooks.*.batch", Kind::Integer),
    key("events.webhooks.*.timeout_ms", Kind::Integer),
    key("events.webhooks.*.attempts", Kind::Integer),
    key("events.webhooks.*.retry_first_ms", Kind::Integer),
    key("events.webhooks.*.retry_max_ms", Kind::Integer),
    key("events.webhooks.*.dead_letters", Kind::Text),
    key("events.webhooks.*.dead_letters_max_bytes", Kind::Integer),
    key("events.sinks.*.to", Kind::Text),
    key("events.sinks.*.presentity", Kind::List),
    key("events.sinks.*.watcher", Kind::List),
    key("events.sinks.*.package", Kind::List),
    key("events.sinks.*.kinds", Kind::List),
    key("events.sinks.*.changed_only", Kind::Bool),
    key("events.sinks.*.raw", Kind::Bool),
    key("events.sinks.*.snapshot", Kind::Bool),
    key("events.sinks.*.max_bytes", Kind::Integer),
    key("credentials.*.realm", Kind::Text),
    key("credentials.*.username", Kind::Text),
    key("credentials.*.password", Kind::Secret),
    key("credentials.*.password_file", Kind::Text),
    key("server.enabled", Kind::Bool),
    key("server.listen", Kind::List),
    key("server.realm", Kind::Text),
    key("server.min_expires", Kind::Integer),
    key("server.max_expires", Kind::Integer),
    key("server.users.*.username", Kind::Text),
    key("server.users.*.password", Kind::Secret),
    key("server.users.*.password_file", Kind::Text),
    key("log.level", Kind::Text),
    key("log.format", Kind::Text),
];

/// Lists of tables.
pub(super) const LISTS: &[&str] = &["credentials", "server.users", "events.webhooks", "events.sinks"];

/// Module parameters without a counterpart, and why.
const RETIRED: &[(&str, &str)] = &[
    (
        "update_period",
        "each publication has its own refresh time here; delete the line",
    ),
    ("hash_size", "the tables grow by themselves here; delete the line"),
    ("db_url", "the store is set by store.url"),
    ("db_table", "the store has its own tables; delete the line"),
    ("db_mode", "see store.durability"),
    (
        "check_remote_contact",
        "dialogs are matched by Call-ID and tags here; delete the line",
    ),
    ("pretty_printing", "answers are compact; delete the line"),
    ("children_count", "one thread serves all clients; delete the line"),
];

/// What a path in a file or in the environment means.
#[derive(Debug)]
pub(super) enum Meaning {
    /// A key, by this path (`*` replaced by the numbers).
    Key(&'static Key, String),
    /// A table.
    Table,
    /// A list of tables.
    List,
    /// Nothing; with a hint.
    Unknown(Option<String>),
}

/// Looks a path up; numbers stand for entries of lists.
pub(super) fn meaning(path: &str) -> Meaning {
    let general = generalised(path);
    if let Some(key) = KEYS.iter().find(|k| k.path == general) {
        return Meaning::Key(key, path.to_owned());
    }
    if LISTS.contains(&general.as_str()) {
        return Meaning::List;
    }
    let (table, name) = split(&general);
    let alias = KEYS.iter().find(|k| {
        k.aliases.contains(&name)
            && (table.is_empty() || table == split(k.path).0 || k.modules.contains(&table))
    });
    if let Some(key) = alias {
        return Meaning::Key(key, key.path.to_owned());
    }
    if is_table(&general) {
        return Meaning::Table;
    }
    Meaning::Unknown(hint(table, name, &general))
}

/// Whether there are keys under this path.
fn is_table(path: &str) -> bool {
    KEYS.iter().any(|k| {
        k.path
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.'))
            || k.modules.contains(&path)
    })
}

/// The path with `*` for the numbers.
fn generalised(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('.')
        .map(|part| {
            let number = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if number { "*" } else { part }
        })
        .collect();
    parts.join(".")
}

/// The table and the name in it.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

/// What an unknown key may have meant.
fn hint(table: &str, name: &str, path: &str) -> Option<String> {
    if let Some((_, why)) = RETIRED.iter().find(|(retired, _)| *retired == name) {
        return Some((*why).to_owned());
    }
    // The right name in the wrong table is the commonest mistake: TOML puts what stands below a
    // [table] into it.
    if let Some(key) = KEYS.iter().find(|k| split(k.path).1 == name) {
        let right = split(key.path).0;
        return Some(if right.is_empty() {
            format!("`{name}` belongs to the top level: put it above the first [table]")
        } else {
            format!("`{name}` belongs to [{}]", right.replace(".*", ""))
        });
    }
    let tables = KEYS.iter().map(|k| split(k.path).0).filter(|t| !t.is_empty());
    let siblings = KEYS
        .iter()
        .filter(|k| split(k.path).0 == table)
        .map(|k| split(k.path).1);
    let near = |candidates: &mut dyn Iterator<Item = &'static str>, wanted: &str| {
        candidates
            .map(|c| (distance(c, wanted), c))
            .filter(|(d, c)| *d <= (c.len().max(wanted.len()) / 3).clamp(1, 3))
            .min()
            .map(|(_, c)| c)
    };
    if let Some(sibling) = near(&mut siblings.into_iter(), name) {
        return Some(format!("did you mean `{sibling}`?"));
    }
    if let Some(other) = near(&mut tables.into_iter(), path) {
        return Some(format!("did you mean `{}`?", other.replace(".*", "")));
    }
    near(&mut KEYS.iter().map(|k| k.path), path)
        .or_else(|| near(&mut KEYS.iter().map(|k| split(k.path).1), name))
        .map(|other| format!("did you mean `{}`?", other.replace(".*", "")))
        .or_else(|| {
            let names: Vec<&str> = KEYS
                .iter()
                .filter(|k| split(k.path).0 == table && !table.is_empty())
                .map(|k| split(k.path).1)
                .collect();
            (!names.is_empty())
                .then(|| format!("known in [{}]: {}", table.replace(".*", ""), names.join(", ")))
        })
}

/// The number of insertions, deletions, replacements and swaps of neighbours between two names
/// (optimal string alignment).
pub(super) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(a[i - 1] != b[j - 1]);
                let mut best = (rows[i - 1][j] + 1)
                    .min(rows[i][j - 1] + 1)
                    .min(rows[i - 1][j - 1] + same);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}
