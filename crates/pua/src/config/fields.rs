//! Reads one key at a time as what it must be; every fault is noted and the default taken, so that
//! the next fault is found too.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::fault::{Faults, Place};
use super::source::{Setting, Settings, Value};
use super::values::{self, Reason};

/// Reads typed values out of settings.
pub(super) struct Check<'a> {
    pub(super) settings: &'a Settings,
    pub(super) faults: &'a mut Faults,
}

impl<'a> Check<'a> {
    pub(super) fn new(settings: &'a Settings, faults: &'a mut Faults) -> Check<'a> {
        Check { settings, faults }
    }

    pub(super) fn setting(&self, key: &str) -> Option<&Setting> {
        self.settings.values.get(key)
    }

    pub(super) fn place(&self, key: &str) -> Option<Place> {
        self.setting(key).map(|s| s.place.clone())
    }

    /// The place of the first setting under a path.
    pub(super) fn place_under(&self, path: &str) -> Option<Place> {
        let prefix = format!("{path}.");
        let mut under = self.settings.values.iter();
        under
            .find(|(key, _)| key.starts_with(&prefix))
            .map(|(_, s)| s.place.clone())
    }

    pub(super) fn fault(&mut self, key: &str, what: &str, hint: impl Into<Option<String>>) {
        let (place, name) = self.named(key);
        self.faults.error(place, name, what, hint);
    }

    pub(super) fn warn(&mut self, key: &str, what: &str, hint: impl Into<Option<String>>) {
        let (place, name) = self.named(key);
        self.faults.warning(place, name, what, hint);
    }

    /// The place, and the name as written.
    pub(super) fn named(&self, key: &str) -> (Option<Place>, String) {
        match self.setting(key) {
            Some(s) => (Some(s.place.clone()), s.written.clone()),
            None => (None, key.to_owned()),
        }
    }

    pub(super) fn wrong_kind(&mut self, key: &str, wanted: &str, found: &Value, hint: Option<String>) {
        self.fault(key, &format!("must be {wanted}, not {}", found.name()), hint);
    }

    /// A text; an empty one counts as not set.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.text_or_empty(key).filter(|text| !text.is_empty())
    }

    pub(super) fn text_or_empty(&mut self, key: &str) -> Option<String> {
        match self.setting(key).map(|s| s.value.clone())? {
            Value::Text(text) => Some(text),
            other => {
                self.wrong_kind(key, "a text", &other, Some("put it in quotes".to_owned()));
                None
            }
        }
    }

    pub(super) fn parsed<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T, Reason>) -> Option<T> {
        let text = self.text(key)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.fault(key, &reason.what, reason.hint);
                None
            }
        }
    }

    /// A text that cannot be empty: an empty one is no way to ask for the default, since a variable
    /// that was not set looks the same.
    pub(super) fn filled(&mut self, key: &str) -> Option<String> {
        let text = self.text_or_empty(key)?;
        if text.trim().is_empty() {
            self.fault(key, "is empty", "leave it out for the default".to_owned());
            return None;
        }
        Some(text)
    }

    pub(super) fn path(&mut self, key: &str, default: &str) -> PathBuf {
        let text = self.filled(key).unwrap_or_else(|| default.to_owned());
        if text.contains('\0') {
            self.fault(key, "a path cannot contain NUL", None);
        }
        PathBuf::from(text)
    }

    pub(super) fn unsigned(&mut self, key: &str, default: u64, range: RangeInclusive<i64>) -> u64 {
        let Some(value) = self.setting(key).map(|s| s.value.clone()) else {
            return default;
        };
        match value {
            Value::Integer { value, .. } if range.contains(&value) => u64::try_from(value).unwrap_or(default),
            Value::Integer { value, .. } => {
                let what = format!("{value} is not in {} to {}", range.start(), range.end());
                self.fault(key, &what, None);
                default
            }
            Value::Text(text) if text.trim().parse::<i64>().is_ok() => {
                let hint = format!("write {} without quotes", text.trim());
                self.wrong_kind(key, "a number", &Value::Text(text), Some(hint));
                default
            }
            other => {
                self.wrong_kind(key, "a whole number", &other, None);
                default
            }
        }
    }

    pub(super) fn size(&mut self, key: &str, default: u64, range: RangeInclusive<i64>) -> usize {
        usize::try_from(self.unsigned(key, default, range)).unwrap_or(usize::MAX)
    }

    pub(super) fn boolean(&mut self, key: &str, default: bool) -> bool {
        match self.setting(key).map(|s| s.value.clone()) {
            None => default,
            Some(Value::Bool(value)) => value,
            Some(other) => {
                let hint = "write true or false, without quotes".to_owned();
                self.wrong_kind(key, "true or false", &other, Some(hint));
                default
            }
        }
    }

    pub(super) fn mode(&mut self, key: &str) -> u32 {
        const DEFAULT: u32 = 0o660;
        let Some(value) = self.setting(key).map(|s| s.value.clone()) else {
            return DEFAULT;
        };
        match values::mode(&value) {
            Ok(mode) => mode,
            Err(what) => {
                self.fault(key, &what, "write it as \"0660\"".to_owned());
                DEFAULT
            }
        }
    }

    pub(super) fn choice<T: Copy>(&mut self, key: &str, default: T, choices: &[(&str, T)]) -> T {
        let Some(text) = self.text(key) else {
            return default;
        };
        match choices.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)) {
            Some((_, value)) => *value,
            None => {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                let hint = format!("one of: {}", names.join(", "));
                self.fault(key, &format!("`{text}` is not known"), hint);
                default
            }
        }
    }

    pub(super) fn list<T: PartialEq>(
        &mut self,
        key: &str,
        default: &[&str],
        parse: impl Fn(&str) -> Result<T, Reason>,
    ) -> Vec<T> {
        let Some(setting) = self.setting(key) else {
            return default.iter().filter_map(|text| parse(text).ok()).collect();
        };
        let (place, written) = (setting.place.clone(), setting.written.clone());
        let values = match setting.value.clone() {
            Value::List(values) => values,
            Value::Text(text) if text.is_empty() => Vec::new(),
            Value::Text(text) => vec![(Value::Text(text), place)],
            other => {
                self.wrong_kind(
                    key,
                    "a list of texts",
                    &other,
                    Some("write [\"...\", \"...\"]".to_owned()),
                );
                return Vec::new();
            }
        };
        let mut list = Vec::new();
        for (value, place) in values {
            let parsed = match &value {
                Value::Text(text) => parse(text).map(|v| (v, text)),
                other => Err(Reason {
                    what: format!("must be a text, not {}", other.name()),
                    hint: Some("put it in quotes".to_owned()),
                }),
            };
            match parsed {
                // Port 0 may stand there twice: the system gives two.
                Ok((item, text)) if !text.ends_with(":0") && list.contains(&item) => {
                    let what = format!("`{text}` stands there twice");
                    self.faults.error(Some(place), written.as_str(), what, None);
                }
                Ok((item, _)) => list.push(item),
                Err(reason) => self
                    .faults
                    .error(Some(place), written.as_str(), reason.what, reason.hint),
            }
        }
        list
    }
}
