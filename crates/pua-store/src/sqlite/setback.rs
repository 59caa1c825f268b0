//! What holds the next request back, as columns: of a publication in `granted`, of a subscription in
//! `wanted`.

use std::sync::Arc;
use std::time::Instant;

use pua_core::Setback;
use rusqlite::Row;

use super::publications::nonsense;
use crate::clock::Past;
use crate::intern::Intern;

/// The values of the columns that both have: the code, its reason, when it came, when it is tried
/// again, whether that is the server's wish, and who said so.
pub(super) type Columns<'a> = (
    Option<u16>,
    Option<&'a str>,
    Option<i64>,
    Option<i64>,
    Option<bool>,
    Option<&'a str>,
);

/// A setback, or that there is none.
pub(super) fn columns(setback: Option<&Setback>, at: impl Fn(Instant) -> i64) -> Columns<'_> {
    let Some(setback) = setback else {
        return Columns::default();
    };
    (
        Some(setback.code),
        Some(&*setback.reason),
        Some(at(setback.at)),
        setback.retry_at.map(at),
        Some(setback.held_off),
        Some(&*setback.next_hop),
    )
}

/// Reads them from where they begin in a row, by the clock in another column.
pub(super) fn read(
    row: &Row<'_>,
    first: usize,
    clock: usize,
    past: &Past<'_>,
    intern: &mut Intern,
) -> rusqlite::Result<Option<Box<Setback>>> {
    let Some(code) = row.get::<_, Option<u16>>(first)? else {
        return Ok(None);
    };
    let line = row.get(clock)?;
    let instant = |stored| {
        past.instant(line, stored)
            .ok_or_else(|| nonsense(clock, "no such clock"))
    };
    let mut text = |column: usize| -> rusqlite::Result<Arc<str>> {
        Ok(intern.text(row.get_ref(column)?.as_str_or_null()?.unwrap_or_default()))
    };
    Ok(Some(Box::new(Setback {
        code,
        reason: text(first + 1)?,
        termination: None,
        at: instant(row.get(first + 2)?)?,
        retry_at: row.get::<_, Option<i64>>(first + 3)?.map(instant).transpose()?,
        held_off: row.get::<_, Option<bool>>(first + 4)?.unwrap_or(false),
        next_hop: text(first + 5)?,
    })))
}
