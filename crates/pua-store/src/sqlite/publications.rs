//! Publications as rows: what is wanted in `intent`, what is granted in `granted`, so that a
//! refresh does not write the document again.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use pua_core::{Change, Document, OnStop, Proxy, PublicationName, PublicationRecord};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{CachedStatement, Connection, Row, params};

use super::{failure, setback, signed};
use crate::backend::Restored;
use crate::clock::Past;
use crate::error::{Error, Trouble};
use crate::intern::Intern;

const PUT: &str = "REPLACE INTO intent (key, presentity, package, id, content_type, body, headers, proxy,
    until_ms, clock, removing, on_stop, revision, document_revision, call_id)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
const GRANTED: &str = "REPLACE INTO granted (key, etag, expires_ms, clock, revision, cseq, surplus,
    code, reason, told_ms, retry_ms, held_off, next_hop)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
const FORGET: &str = "DELETE FROM granted WHERE key = ?1";
const LOAD: &str = "SELECT i.key, i.presentity, i.package, i.id, i.content_type, i.body, i.headers, i.proxy,
    i.until_ms, i.clock, i.removing, i.on_stop, i.revision, i.document_revision, i.call_id,
    g.etag, g.expires_ms, g.clock, g.revision, g.cseq, g.surplus,
    g.code, g.reason, g.told_ms, g.retry_ms, g.held_off, g.next_hop
    FROM intent AS i LEFT JOIN granted AS g ON g.key = i.key ORDER BY i.key";

/// Text where it is text, so that an operator can read it.
fn readable(bytes: &[u8]) -> ValueRef<'_> {
    match std::str::from_utf8(bytes) {
        Ok(_) => ValueRef::Text(bytes),
        Err(_) => ValueRef::Blob(bytes),
    }
}

/// A value that is bound without being copied first.
struct Borrowed<'a>(ValueRef<'a>);

impl rusqlite::ToSql for Borrowed<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(rusqlite::types::ToSqlOutput::Borrowed(self.0))
    }
}

fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// The statements of one batch: looked up once, not for each row.
pub(super) struct Statements<'c> {
    connection: &'c Connection,
    put: Option<CachedStatement<'c>>,
    granted: Option<CachedStatement<'c>>,
    forget: Option<CachedStatement<'c>>,
}

impl<'c> Statements<'c> {
    pub(super) fn new(connection: &'c Connection) -> Statements<'c> {
        Statements {
            connection,
            put: None,
            granted: None,
            forget: None,
        }
    }
}

fn prepared<'s, 'c>(
    slot: &'s mut Option<CachedStatement<'c>>,
    connection: &'c Connection,
    sql: &str,
) -> rusqlite::Result<&'s mut CachedStatement<'c>> {
    let statement = match slot.take() {
        Some(statement) => statement,
        None => connection.prepare_cached(sql)?,
    };
    Ok(slot.insert(statement))
}

/// Writes a publication.
pub(super) fn put(
    statements: &mut Statements<'_>,
    clock: i64,
    at: impl Fn(Instant) -> i64,
    record: &PublicationRecord,
) -> rusqlite::Result<()> {
    let document = record.document.as_ref();
    let name = &record.name;
    let on_stop = record.on_stop.map(|on_stop| match on_stop {
        OnStop::Keep => "keep",
        OnStop::Remove => "remove",
    });
    prepared(&mut statements.put, statements.connection, PUT)?.execute(params![
        signed(record.key),
        &*name.presentity,
        &*name.package,
        name.id.as_deref(),
        document.map(|document| &*document.content_type),
        document.map(|document| Borrowed(readable(&document.body))),
        filled(&record.headers),
        record.proxy.as_ref().map(|proxy| &*proxy.uri),
        record.until.map(&at),
        clock,
        record.removing,
        on_stop,
        signed(record.revision),
        signed(record.document_revision),
        &*record.call_id,
    ])?;
    let pristine = record.etag.is_none()
        && record.expires_at.is_none()
        && record.published_revision == 0
        && record.cseq == 0
        && record.surplus == 0
        && record.setback.is_none();
    if pristine {
        return forget(statements, record.key);
    }
    grant(
        statements,
        clock,
        Grant {
            key: record.key,
            etag: record.etag.as_deref(),
            expires: record.expires_at.map(&at),
            surplus: record.surplus,
            revision: record.published_revision,
            cseq: record.cseq,
            setback: setback::columns(record.setback.as_deref(), at),
        },
    )
}

/// Writes what the server has granted.
pub(super) fn granted(
    statements: &mut Statements<'_>,
    clock: i64,
    at: impl Fn(Instant) -> i64,
    change: &Change,
) -> rusqlite::Result<()> {
    match change {
        Change::Granted {
            key,
            etag,
            expires_at,
            surplus,
            revision,
            cseq,
            setback,
        } => {
            let row = Grant {
                key: *key,
                etag: etag.as_deref(),
                expires: expires_at.map(&at),
                surplus: *surplus,
                revision: *revision,
                cseq: *cseq,
                setback: setback::columns(setback.as_deref(), at),
            };
            grant(statements, clock, row)
        }
        _ => Ok(()),
    }
}

/// A row of `granted`.
struct Grant<'a> {
    key: u64,
    etag: Option<&'a str>,
    expires: Option<i64>,
    surplus: u32,
    revision: u64,
    cseq: u32,
    setback: setback::Columns<'a>,
}

fn grant(statements: &mut Statements<'_>, clock: i64, row: Grant<'_>) -> rusqlite::Result<()> {
    let (code, reason, told, retry, held_off, next_hop) = row.setback;
    let values = params![
        signed(row.key),
        row.etag,
        row.expires,
        clock,
        signed(row.revision),
        row.cseq,
        row.surplus,
        code,
        reason,
        told,
        retry,
        held_off,
        next_hop,
    ];
    prepared(&mut statements.granted, statements.connection, GRANTED)?
        .execute(values)
        .map(drop)
}

fn forget(statements: &mut Statements<'_>, key: u64) -> rusqlite::Result<()> {
    prepared(&mut statements.forget, statements.connection, FORGET)?
        .execute([signed(key)])
        .map(drop)
}

/// Removes a publication.
pub(super) fn delete(statements: &mut Statements<'_>, key: u64) -> rusqlite::Result<()> {
    statements
        .connection
        .prepare_cached("DELETE FROM intent WHERE key = ?1")?
        .execute([signed(key)])?;
    forget(statements, key)
}

/// Reads all publications; how many.
pub(super) fn load(
    connection: &Connection,
    name: &str,
    past: &Past<'_>,
    take: &mut dyn FnMut(Restored),
) -> Result<u64, Error> {
    let sql = |error: rusqlite::Error| failure(name, &error);
    let mut statement = connection.prepare(LOAD).map_err(sql)?;
    let mut rows = statement.query([]).map_err(sql)?;
    let (mut count, mut intern) = (0, Intern::default());
    while let Some(row) = rows.next().map_err(sql)? {
        let record = record(row, past, &mut intern).map_err(|fault| {
            let key = row.get::<_, i64>(0).unwrap_or_default();
            Error::new(Trouble::Corrupt, format!("{name}: publication {key}: {fault}"))
        })?;
        take(Restored::Publication(Box::new(record)));
        count += 1;
    }
    Ok(count)
}

fn record(row: &Row<'_>, past: &Past<'_>, intern: &mut Intern) -> rusqlite::Result<PublicationRecord> {
    let content_type = row.get_ref(4)?.as_str_or_null()?;
    let document = match content_type {
        None => None,
        Some(content_type) => Some(Document {
            content_type: intern.text(content_type),
            body: body(row.get_ref(5)?)?,
        }),
    };
    let instant = |clock: usize, time: usize| -> rusqlite::Result<Option<Instant>> {
        match row.get::<_, Option<i64>>(time)? {
            None => Ok(None),
            Some(stored) => match past.instant(row.get(clock)?, stored) {
                Some(at) => Ok(Some(at)),
                None => Err(nonsense(clock, "no such clock")),
            },
        }
    };
    let on_stop = match row.get_ref(11)?.as_str_or_null()? {
        None => None,
        Some("keep") => Some(OnStop::Keep),
        Some("remove") => Some(OnStop::Remove),
        Some(_) => return Err(nonsense(11, "neither keep nor remove")),
    };
    Ok(PublicationRecord {
        key: row.get::<_, i64>(0)?.cast_unsigned(),
        name: PublicationName {
            presentity: Arc::from(row.get_ref(1)?.as_str()?),
            package: intern.text(row.get_ref(2)?.as_str()?),
            id: row.get_ref(3)?.as_str_or_null()?.map(Arc::from),
        },
        document,
        headers: intern.text(row.get_ref(6)?.as_str_or_null()?.unwrap_or_default()),
        proxy: row.get_ref(7)?.as_str_or_null()?.map(|uri| Proxy {
            uri: intern.text(uri),
        }),
        until: instant(9, 8)?,
        removing: row.get(10)?,
        revision: row.get::<_, i64>(12)?.cast_unsigned(),
        document_revision: row.get::<_, i64>(13)?.cast_unsigned(),
        on_stop,
        published_revision: row.get::<_, Option<i64>>(18)?.unwrap_or(0).cast_unsigned(),
        etag: row.get_ref(15)?.as_str_or_null()?.map(Arc::from),
        expires_at: instant(17, 16)?,
        surplus: row.get::<_, Option<u32>>(20)?.unwrap_or(0),
        call_id: Arc::from(row.get_ref(14)?.as_str()?),
        cseq: row.get::<_, Option<u32>>(19)?.unwrap_or(0),
        setback: setback::read(row, 21, 17, past, intern)?,
    })
}

fn body(value: ValueRef<'_>) -> rusqlite::Result<Bytes> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(Bytes::copy_from_slice(bytes)),
        ValueRef::Null => Ok(Bytes::new()),
        other => Err(rusqlite::Error::InvalidColumnType(
            5,
            "body".to_owned(),
            Value::from(other.as_i64().unwrap_or_default()).data_type(),
        )),
    }
}

/// A value that no version of the program writes.
pub(super) fn nonsense(column: usize, what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, what.into())
}
