//! Reads the file and the environment and makes a [`Config`] of them, or all the faults.

use std::path::Path;

use super::fault::{Fault, Faults, Place};
use super::fields::Check;
use super::source::Settings;
use super::{Config, environment};

/// A configuration, and what somebody should look at.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Not wrong, but worth a look.
    pub warnings: Vec<Fault>,
}

/// Reads `file` (if one is named) and the environment of this process.
///
/// # Errors
/// Everything that is wrong, with the warnings among it.
pub(crate) fn load(file: Option<&Path>) -> Result<Loaded, Faults> {
    load_with(file, variables())
}

/// As [`load`], and looks whether the machine has what is named.
///
/// # Errors
/// Everything that is wrong, with the warnings among it.
pub(crate) fn examine(file: Option<&Path>) -> Result<Loaded, Faults> {
    read(file, variables(), true)
}

fn variables() -> impl Iterator<Item = (String, String)> {
    // What is not UTF-8 can be no setting of ours.
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// What holds if nothing is said.
pub(crate) fn defaults() -> Config {
    let mut faults = Faults::default();
    Check::new(&Settings::default(), &mut faults).config(None)
}

/// As [`load`], with the environment given.
pub(super) fn load_with(
    file: Option<&Path>,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Loaded, Faults> {
    read(file, variables, false)
}

fn read(
    file: Option<&Path>,
    variables: impl Iterator<Item = (String, String)>,
    surroundings: bool,
) -> Result<Loaded, Faults> {
    let mut faults = Faults::default();
    let mut settings = match file {
        Some(path) => match std::fs::read(path) {
            Ok(bytes) => from_bytes(path, bytes, &mut faults),
            Err(error) => {
                let place = Place::Whole(path.display().to_string().into());
                let hint = match error.kind() {
                    std::io::ErrorKind::NotFound => {
                        "`pua config example > pua.toml` writes one to start from"
                    }
                    std::io::ErrorKind::PermissionDenied => "let this user read it, or run as one who may",
                    _ => "it must be a file with the configuration in TOML",
                };
                let hint = hint.to_owned();
                faults.error(Some(place), "", format!("cannot be read: {error}"), hint);
                return Err(faults);
            }
        },
        None => Settings::default(),
    };
    environment::overlay(&mut settings, variables, &mut faults);
    let config = Check::new(&settings, &mut faults).config(file);
    if surroundings {
        Check::new(&settings, &mut faults).surroundings(&config);
    }
    faults.sort();
    if faults.errors() > 0 {
        return Err(faults);
    }
    Ok(Loaded {
        config,
        warnings: faults.0,
    })
}

fn from_bytes(path: &Path, bytes: Vec<u8>, faults: &mut Faults) -> Settings {
    let name = path.display().to_string();
    match String::from_utf8(bytes) {
        Ok(text) => Settings::from_toml(&name, &text, faults),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..good].iter().filter(|b| **b == b'\n').count() + 1;
            let place = Place::File {
                file: name.into(),
                line,
                column: 1,
            };
            faults.error(Some(place), "", "is not UTF-8 text", None);
            Settings::default()
        }
    }
}
