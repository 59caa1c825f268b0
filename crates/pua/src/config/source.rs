//! Settings with the places where they were made, flat: `mi.fifo.path` to a value.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::fault::{Faults, Place};
use super::keys::{Kind, Meaning, meaning};

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Integer {
        value: i64,
        /// 10, or what `0o`, `0x` and `0b` say.
        radix: u32,
    },
    Bool(bool),
    List(Vec<(Value, Place)>),
    /// What no key takes: its name.
    Other(&'static str),
}

impl Value {
    /// What it is, for messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Value::Text(_) => "a text",
            Value::Integer { .. } => "a number",
            Value::Bool(_) => "true or false",
            Value::List(_) => "a list",
            Value::Other(name) => name,
        }
    }
}

/// A value, where it stands, and what its key was called there.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) value: Value,
    pub(super) place: Place,
    pub(super) written: String,
}

/// All settings by the key's own path.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) values: BTreeMap<String, Setting>,
    /// Tables that are there, even if empty.
    pub(super) tables: BTreeSet<String>,
}

impl Settings {
    /// Reads a file's text; what is wrong with it as TOML goes to `faults`, and the rest is read.
    pub(super) fn from_toml(name: &str, text: &str, faults: &mut Faults) -> Settings {
        let mut reader = Reader {
            lines: Lines::new(name, text),
            settings: Settings::default(),
            faults,
        };
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let place = error.span().map(|span| reader.lines.place(&span));
            let what = format!("not TOML: {}", error.message());
            reader.faults.error(place, "", what, syntax_hint(error.message()));
        }
        reader.table("", document.get_ref());
        reader.settings
    }

    /// The numbers of the entries of a list of tables, in order.
    pub(super) fn entries(&self, list: &str) -> Vec<usize> {
        let prefix = format!("{list}.");
        let numbers: BTreeSet<usize> = self
            .values
            .keys()
            .chain(&self.tables)
            .filter_map(|path| path.strip_prefix(&prefix)?.split('.').next()?.parse().ok())
            .collect();
        numbers.into_iter().collect()
    }

    /// Whether a table is there, or something in it.
    pub(super) fn has_table(&self, table: &str) -> bool {
        let prefix = format!("{table}.");
        self.tables.contains(table) || self.values.keys().any(|path| path.starts_with(&prefix))
    }
}

/// What helps with the commonest faults of TOML.
fn syntax_hint(message: &str) -> Option<String> {
    if message.contains("string values must be quoted") {
        Some("put the value in quotes: key = \"value\"".to_owned())
    } else if message.contains("duplicate key") {
        Some("remove one of the two".to_owned())
    } else {
        None
    }
}

/// Finds line and column of an offset.
struct Lines<'t> {
    name: Arc<str>,
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(name: &str, text: &'t str) -> Lines<'t> {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(i, _)| i + 1))
            .collect();
        Lines {
            name: Arc::from(name),
            text,
            starts,
        }
    }

    fn place(&self, span: &Range<usize>) -> Place {
        let offset = span.start.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1];
        let column = self.text.get(start..offset).map_or(0, |t| t.chars().count()) + 1;
        Place::File {
            file: self.name.clone(),
            line,
            column,
        }
    }
}

struct Reader<'t, 'f> {
    lines: Lines<'t>,
    settings: Settings,
    faults: &'f mut Faults,
}

impl Reader<'_, '_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name: &str = key.get_ref();
            let path = match prefix {
                "" => name.to_owned(),
                _ => format!("{prefix}.{name}"),
            };
            let key_place = self.lines.place(&key.span());
            // A name with a dot in quotes would be taken for a path.
            if name.contains('.') || name.is_empty() {
                self.faults.error(Some(key_place), path, "unknown key", None);
                continue;
            }
            match (meaning(&path), value.get_ref()) {
                (Meaning::Key(_, own), value_ref) => {
                    let setting = Setting {
                        value: self.value(value_ref),
                        place: self.lines.place(&value.span()),
                        written: path.clone(),
                    };
                    if let Some(before) = self.settings.values.insert(own.clone(), setting) {
                        let what = format!("set twice, as `{}` at {} too", before.written, before.place);
                        let hint = "remove one of the two".to_owned();
                        self.faults.error(Some(key_place), path, what, hint);
                    }
                }
                (Meaning::Table, DeValue::Table(inner)) => {
                    self.settings.tables.insert(path.clone());
                    self.table(&path, inner);
                }
                (Meaning::Table, _) => {
                    let hint = format!("write [{path}] and its keys below");
                    self.faults
                        .error(Some(key_place), path, "is a table, not a value", hint);
                }
                (Meaning::List, DeValue::Array(entries)) => {
                    for (number, entry) in entries.iter().enumerate() {
                        let at = format!("{path}.{number}");
                        match entry.get_ref() {
                            DeValue::Table(inner) => {
                                self.settings.tables.insert(at.clone());
                                self.table(&at, inner);
                            }
                            _ => {
                                let place = self.lines.place(&entry.span());
                                let hint = format!("write [[{path}]] and its keys below");
                                self.faults.error(Some(place), at, "must be a table", hint);
                            }
                        }
                    }
                }
                (Meaning::List, _) => {
                    let hint = format!("write [[{path}]] with two brackets, once for each entry");
                    self.faults
                        .error(Some(key_place), path, "is a list of tables", hint);
                }
                (Meaning::Unknown(hint), value) => {
                    let what = match value {
                        DeValue::Table(_) => "unknown table",
                        _ => "unknown key",
                    };
                    self.faults.error(Some(key_place), path, what, hint);
                }
            }
        }
    }

    fn value(&self, value: &DeValue<'_>) -> Value {
        plain(value, &|span| self.lines.place(&span))
    }
}

fn plain(value: &DeValue<'_>, place: &dyn Fn(Range<usize>) -> Place) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(value) => Value::Integer {
                value,
                radix: number.radix(),
            },
            Err(_) => Value::Other("a number out of all bounds"),
        },
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Array(values) => Value::List(
            values
                .iter()
                .map(|v| (plain(v.get_ref(), place), place(v.span())))
                .collect(),
        ),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Table(_) => Value::Other("a table"),
    }
}

/// Reads the text of an environment variable as what the key takes.
pub(super) fn from_environment(kind: Kind, text: &str, place: &Place) -> Value {
    let trimmed = text.trim();
    match kind {
        Kind::Text | Kind::Secret | Kind::Mode => Value::Text(text.to_owned()),
        Kind::Integer => match trimmed.parse() {
            Ok(value) => Value::Integer { value, radix: 10 },
            Err(_) => Value::Text(text.to_owned()),
        },
        Kind::Bool => match trimmed.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Value::Bool(true),
            "false" | "0" | "no" | "off" => Value::Bool(false),
            _ => Value::Text(text.to_owned()),
        },
        Kind::List if trimmed.starts_with('[') => match DeValue::parse(trimmed) {
            Ok(value) => plain(value.get_ref(), &|_| place.clone()),
            Err(_) => Value::Other("no TOML array"),
        },
        Kind::List => Value::List(
            trimmed
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(|part| (Value::Text(part.to_owned()), place.clone()))
                .collect(),
        ),
    }
}
