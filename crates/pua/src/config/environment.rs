//! Environment variables over the file: `PUA_SIP__LISTEN` is `sip.listen`.

use super::fault::{Faults, Place};
use super::keys::{LISTS, Meaning, meaning};
use super::source::{Setting, Settings, from_environment};

/// Variables with our prefix that are no settings.
const OTHERS: &[&str] = &["PUA_CONNECT", "PUA_CONFIG", "PUA_WATCHER"];

/// Puts the settings of the environment over those of the file.
pub(super) fn overlay(
    settings: &mut Settings,
    variables: impl Iterator<Item = (String, String)>,
    faults: &mut Faults,
) {
    let mut variables: Vec<(String, String, String)> = variables
        .filter(|(name, _)| !OTHERS.contains(&name.as_str()))
        .filter_map(|(name, value)| {
            let path = name.strip_prefix("PUA_")?.to_ascii_lowercase().replace("__", ".");
            Some((path, name, value))
        })
        .collect();
    // A whole list comes before its entries, so that the entries stand over it.
    variables.sort();
    for (path, name, text) in variables {
        let place = Place::Environment(name.clone());
        match meaning(&path) {
            Meaning::Key(key, own) => {
                let setting = Setting {
                    value: from_environment(key.kind, &text, &place),
                    place,
                    written: path,
                };
                settings.values.insert(own, setting);
            }
            Meaning::List => list(settings, &path, &text, &name, faults),
            Meaning::Table | Meaning::Unknown(_) if !name.contains("__") => {
                // Others use the prefix too: Kubernetes makes PUA_PORT and PUA_SERVICE_HOST for a
                // service of the name "pua".
                let what = "is no setting and is ignored";
                faults.warning(Some(place), "", what, suggestion(&path));
            }
            Meaning::Table => {
                let hint = format!("set its keys, such as {name}__...");
                faults.error(Some(place), path, "is a table, not a value", hint);
            }
            Meaning::Unknown(hint) => faults.error(Some(place), path, "unknown key", hint),
        }
    }
}

fn suggestion(path: &str) -> Option<String> {
    match meaning(path) {
        Meaning::Unknown(hint) => hint.filter(|h| h.starts_with("did you mean")),
        _ => None,
    }
}

/// A whole list of tables as a TOML array of inline tables; it replaces the file's.
fn list(settings: &mut Settings, path: &str, text: &str, name: &str, faults: &mut Faults) {
    debug_assert!(LISTS.contains(&path));
    let mut inner = Faults::default();
    let read = Settings::from_toml(name, &format!("{path} = {text}"), &mut inner);
    // The text may hold a secret: neither it nor the parser's words about it are printed.
    if !inner.0.is_empty() {
        let hint = "write a TOML array: [{ realm = \"...\", username = \"...\", password = \"...\" }]";
        let what = "cannot be read";
        faults.error(
            Some(Place::Environment(name.to_owned())),
            path,
            what,
            hint.to_owned(),
        );
        return;
    }
    let prefix = format!("{path}.");
    settings.values.retain(|key, _| !key.starts_with(&prefix));
    settings.tables.retain(|key| !key.starts_with(&prefix));
    for (key, mut setting) in read.values {
        setting.place = Place::Environment(name.to_owned());
        settings.values.insert(key, setting);
    }
    settings.tables.extend(read.tables);
}
