//! The commands that ask the daemon itself, in the shapes that OpenSIPS' clients know.

use std::collections::HashMap;
use std::time::Instant;

use pua_mi::command::LogLevel;
use pua_mi::{MiError, Reply};
use serde_json::{Map, Value, json};

use super::translate::Clock;
use crate::engine::LogLevelSwitch;

/// One counter or gauge of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// `pua`, `mi`, `sip` or `core`.
    pub(crate) group: &'static str,
    /// The name inside the group.
    pub(crate) name: &'static str,
    pub(crate) value: u64,
    /// A counter can be set to zero; a gauge cannot.
    pub(crate) counter: bool,
}

/// What the daemon knows of itself.
pub(crate) struct Admin {
    started: Clock,
    log_level: LogLevelSwitch,
    /// What counters stood at when they were reset.
    zero: HashMap<(&'static str, &'static str), u64>,
}

impl Admin {
    pub(crate) fn new(log_level: LogLevelSwitch) -> Admin {
        Admin {
            started: Clock::read(),
            log_level,
            zero: HashMap::new(),
        }
    }

    /// Seconds since the start.
    pub(crate) fn uptime(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started.now).as_secs()
    }

    /// `version`
    pub(crate) fn version() -> Reply {
        Reply::Json(json!({"Server": concat!("pua/", env!("CARGO_PKG_VERSION"))}))
    }

    /// `uptime`
    pub(crate) fn up(&self, clock: &Clock) -> Reply {
        Reply::Json(json!({
            "Now": clock.rfc3339(clock.now),
            "Up since": self.started.rfc3339(self.started.now),
            "Up time": format!("{} [sec]", self.uptime(clock.now)),
        }))
    }

    /// `ps`
    pub(crate) fn ps() -> Reply {
        Reply::Json(json!({"Processes": [{"ID": 0, "PID": std::process::id(), "Type": "pua"}]}))
    }

    /// `pwd`
    pub(crate) fn pwd() -> Reply {
        match std::env::current_dir() {
            Ok(directory) => Reply::Json(json!({"WD": directory.to_string_lossy()})),
            Err(error) => Reply::Error(MiError::server_error(error.to_string())),
        }
    }

    /// `arg`
    pub(crate) fn arg() -> Reply {
        let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
        Reply::Json(arguments.collect())
    }

    /// `log_level`
    pub(crate) fn log_level(&self, level: Option<LogLevel>) -> Reply {
        let now = (self.log_level)(level);
        let (number, name) = match now {
            LogLevel::Error => (-1, "error"),
            LogLevel::Warn => (1, "warn"),
            LogLevel::Info => (3, "info"),
            LogLevel::Debug => (4, "debug"),
            LogLevel::Trace => (4, "trace"),
        };
        Reply::Json(match level {
            Some(_) => json!({"New global log level": number, "level": name}),
            None => json!({
                "Processes": [{"PID": std::process::id(), "Log level": number, "Type": "pua"}],
                "level": name,
            }),
        })
    }

    /// `get_statistics`: by name, by group (`pua:`), or all.
    pub(crate) fn get_statistics(&self, all: &[Group], wanted: &[String]) -> Reply {
        let mut found = Map::new();
        for statistic in all.iter().filter(|s| wanted.iter().any(|w| s.is_named(w))) {
            let zero = self.zero.get(&(statistic.group, statistic.name));
            let value = statistic.value.saturating_sub(zero.copied().unwrap_or(0));
            found.insert(statistic.full_name(), Value::from(value));
        }
        if found.is_empty() {
            return not_found();
        }
        Reply::Json(Value::Object(found))
    }

    /// `list_statistics`
    pub(crate) fn list_statistics(all: &[Group]) -> Reply {
        let kinds = all.iter().map(|statistic| {
            let kind = if statistic.counter {
                "incremental"
            } else {
                "non-incremental"
            };
            (statistic.full_name(), Value::from(kind))
        });
        Reply::Json(Value::Object(kinds.collect()))
    }

    /// `reset_statistics`: counters that match are zero from now on.
    pub(crate) fn reset_statistics(&mut self, all: &[Group], wanted: &[String]) -> Reply {
        let mut found = false;
        for statistic in all.iter().filter(|s| wanted.iter().any(|w| s.is_named(w))) {
            found = true;
            if statistic.counter {
                self.zero
                    .insert((statistic.group, statistic.name), statistic.value);
            }
        }
        if found {
            Reply::Json(Value::from("OK"))
        } else {
            not_found()
        }
    }
}

fn not_found() -> Reply {
    Reply::Error(MiError::new(404, "Statistics Not Found"))
}

impl Group {
    fn full_name(&self) -> String {
        format!("{}:{}", self.group, self.name)
    }

    /// Whether `wanted` is `all`, `group:`, `group:name` or the bare name.
    fn is_named(&self, wanted: &str) -> bool {
        match wanted.split_once(':') {
            None => wanted == "all" || wanted == self.name,
            Some((group, "")) => group == self.group,
            Some((group, name)) => group == self.group && name == self.name,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn admin() -> Admin {
        Admin::new(Arc::new(|level| level.unwrap_or(LogLevel::Info)))
    }

    fn statistics(sent: u64) -> [Group; 3] {
        let one = |group, name, value, counter| Group {
            group,
            name,
            value,
            counter,
        };
        [
            one("pua", "publish_sent", sent, true),
            one("pua", "publications", 3, false),
            one("sip", "sent_udp", 9, true),
        ]
    }

    fn get(admin: &Admin, sent: u64, wanted: &str) -> Reply {
        admin.get_statistics(&statistics(sent), &[wanted.to_owned()])
    }

    #[test]
    fn statistics_by_name_group_and_all() {
        let admin = admin();
        assert_eq!(
            get(&admin, 7, "pua:"),
            Reply::Json(json!({"pua:publish_sent": 7, "pua:publications": 3}))
        );
        assert_eq!(
            get(&admin, 7, "sent_udp"),
            Reply::Json(json!({"sip:sent_udp": 9}))
        );
        assert_eq!(
            get(&admin, 7, "pua:publish_sent"),
            Reply::Json(json!({"pua:publish_sent": 7}))
        );
        let Reply::Json(Value::Object(all)) = get(&admin, 7, "all") else {
            panic!("no object")
        };
        assert_eq!(all.len(), 3);
        assert_eq!(get(&admin, 7, "tm:"), not_found());
    }

    #[test]
    fn reset_counts_from_there_and_leaves_gauges() {
        let mut admin = admin();
        let done = admin.reset_statistics(&statistics(7), &["pua:".to_owned()]);
        assert_eq!(done, Reply::Json(json!("OK")));
        assert_eq!(
            get(&admin, 9, "pua:"),
            Reply::Json(json!({"pua:publish_sent": 2, "pua:publications": 3}))
        );
        assert_eq!(
            admin.reset_statistics(&statistics(9), &["x".to_owned()]),
            not_found()
        );
    }

    #[test]
    fn kinds_as_opensips_names_them() {
        assert_eq!(
            Admin::list_statistics(&statistics(0)[..2]),
            Reply::Json(json!({"pua:publish_sent": "incremental", "pua:publications": "non-incremental"}))
        );
    }

    #[test]
    fn log_level_is_told_in_numbers_and_words() {
        let Reply::Json(told) = admin().log_level(Some(LogLevel::Debug)) else {
            panic!("no answer")
        };
        assert_eq!(told["level"], "debug");
    }
}
