//! The tables, and how files of earlier versions become files of this one.

use rusqlite::Connection;

use super::failure;
use crate::error::{Error, Trouble};

/// Marks a file as ours (`PRAGMA application_id`): "pua" and a zero.
pub(super) const APPLICATION: i32 = 0x7075_6100;

/// The version of the tables (`PRAGMA user_version`).
pub(super) const VERSION: i32 = 2;

/// What makes each version out of the one before; the first makes it out of nothing. A file that
/// has been published is never changed, only followed by another.
const STEPS: [&str; VERSION as usize] = [include_str!("v1.sql"), include_str!("v2.sql")];

/// Which version a file has.
///
/// # Errors
/// It is not ours, or of a later version.
pub(super) fn version(connection: &Connection, name: &str) -> Result<i32, Error> {
    let number = |pragma: &str| -> Result<i32, Error> {
        connection
            .query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
            .map_err(|error| failure(name, &error))
    };
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| failure(name, &error))?;
    if application != APPLICATION && (tables > 0 || application != 0) {
        return Err(Error::new(
            Trouble::Foreign,
            format!("{name} is a database, but not one of pua"),
        ));
    }
    if version > VERSION {
        return Err(Error::new(
            Trouble::Newer,
            format!(
                "{name} was written by a later version of pua: its tables have version {version}, this program knows up to {VERSION}"
            ),
        ));
    }
    if version < 0 || (version == 0 && tables > 0) {
        return Err(Error::new(
            Trouble::Corrupt,
            format!("{name}: no known version of the tables"),
        ));
    }
    Ok(version)
}

/// Brings a file to the present version, each step in a transaction of its own; the version it
/// had.
///
/// # Errors
/// It is not ours, of a later version, or cannot be written.
pub(super) fn migrate(connection: &Connection, name: &str) -> Result<i32, Error> {
    let from = version(connection, name)?;
    for (number, step) in (1..).zip(STEPS).skip(usize::try_from(from).unwrap_or_default()) {
        let script = format!(
            "BEGIN IMMEDIATE;\n{step}\nPRAGMA application_id = {APPLICATION};\nPRAGMA user_version = {number};\nCOMMIT;"
        );
        if let Err(error) = connection.execute_batch(&script) {
            // What is half done must not stay; a failure of this is the connection's end anyway.
            let _ = connection.execute_batch("ROLLBACK");
            return Err(failure(name, &error));
        }
    }
    Ok(from)
}
