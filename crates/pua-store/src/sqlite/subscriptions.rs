//! Subscriptions as rows: what is wanted in `wanted`, each dialog usage in `dialog`.

use std::sync::Arc;
use std::time::Instant;

use pua_core::{Change, DialogRecord, Proxy, Setback, SubscriptionName, SubscriptionRecord};
use rusqlite::{Connection, Row, params};

use super::publications::nonsense;
use super::{failure, setback, signed};
use crate::backend::Restored;
use crate::clock::Past;
use crate::error::{Error, Trouble};
use crate::intern::Intern;

const PUT: &str = "REPLACE INTO wanted (key, presentity, watcher, package, id, headers, proxy, members,
    until_ms, clock, ending, code, reason, told_ms, retry_ms, held_off, next_hop, termination, told_clock)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?10)";
const SETBACK: &str = "UPDATE wanted SET code = ?2, reason = ?3, told_ms = ?4, retry_ms = ?5, held_off = ?6,
    next_hop = ?7, termination = ?8, told_clock = ?9 WHERE key = ?1";
// The column `etag` is of an earlier version, which wrote it and made nothing of it.
const DIALOG: &str = "REPLACE INTO dialog (subscription, n, call_id, from_tag, remote_tag, target, routes,
    cseq, remote_cseq, active, expires_ms, clock)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
const LOAD: &str = "SELECT w.key, w.presentity, w.watcher, w.package, w.id, w.headers, w.proxy, w.members,
    w.until_ms, w.clock, d.n, d.call_id, d.from_tag, d.remote_tag, d.target, d.routes, d.cseq,
    d.remote_cseq, d.active, d.expires_ms, d.clock,
    w.ending, w.code, w.reason, w.told_ms, w.retry_ms, w.held_off, w.next_hop, w.termination, w.told_clock
    FROM wanted AS w LEFT JOIN dialog AS d ON d.subscription = w.key ORDER BY w.key, d.n";

/// Writes a subscription with its dialog usages.
pub(super) fn put(
    connection: &Connection,
    clock: i64,
    at: impl Fn(Instant) -> i64,
    record: &SubscriptionRecord,
) -> rusqlite::Result<()> {
    let name = &record.name;
    let (code, reason, told, retry, held_off, next_hop) = setback::columns(record.setback.as_deref(), &at);
    connection.prepare_cached(PUT)?.execute(params![
        signed(record.key),
        &*name.presentity,
        &*name.watcher,
        &*name.package,
        name.id.as_deref(),
        (!record.headers.is_empty()).then_some(&*record.headers),
        record.proxy.as_ref().map(|proxy| &*proxy.uri),
        list(record.members.iter().map(|member| &**member)),
        record.until.map(&at),
        clock,
        record.ending,
        code,
        reason,
        told,
        retry,
        held_off,
        next_hop,
        termination(record.setback.as_deref()),
    ])?;
    let usages = (record.key, &*record.call_id, &*record.from_tag);
    rows(connection, clock, at, usages, &record.dialogs)
}

fn termination(setback: Option<&Setback>) -> Option<&str> {
    setback?.termination.as_deref()
}

/// Writes the dialog usages of a subscription, or what stands in the way of there being any: while
/// there are some, that does not matter, and is not written.
pub(super) fn dialogs(
    connection: &Connection,
    clock: i64,
    at: impl Fn(Instant) -> i64,
    change: &Change,
) -> rusqlite::Result<()> {
    let Change::Dialogs {
        key,
        call_id,
        from_tag,
        dialogs,
        setback,
    } = change
    else {
        return Ok(());
    };
    if dialogs.is_empty() {
        let (code, reason, told, retry, held_off, next_hop) = setback::columns(setback.as_deref(), &at);
        connection.prepare_cached(SETBACK)?.execute(params![
            signed(*key),
            code,
            reason,
            told,
            retry,
            held_off,
            next_hop,
            termination(setback.as_deref()),
            clock,
        ])?;
    }
    rows(connection, clock, at, (*key, call_id, from_tag), dialogs)
}

/// Writes the rows of dialog usages: the key, the Call-ID, our tag.
fn rows(
    connection: &Connection,
    clock: i64,
    at: impl Fn(Instant) -> i64,
    (key, call_id, from_tag): (u64, &str, &str),
    dialogs: &[DialogRecord],
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(DIALOG)?;
    for (n, dialog) in (0_i64..).zip(dialogs) {
        statement.execute(params![
            signed(key),
            n,
            call_id,
            from_tag,
            &*dialog.remote_tag,
            &*dialog.target,
            list(dialog.routes.iter().map(|route| &**route)),
            dialog.cseq,
            dialog.remote_cseq,
            dialog.active,
            at(dialog.expires_at),
            clock,
        ])?;
    }
    let left = i64::try_from(dialogs.len()).unwrap_or(i64::MAX);
    connection
        .prepare_cached("DELETE FROM dialog WHERE subscription = ?1 AND n >= ?2")?
        .execute([signed(key), left])
        .map(drop)
}

/// Removes a subscription.
pub(super) fn delete(connection: &Connection, key: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM wanted WHERE key = ?1")?
        .execute([signed(key)])?;
    connection
        .prepare_cached("DELETE FROM dialog WHERE subscription = ?1")?
        .execute([signed(key)])
        .map(drop)
}

/// A JSON list; nothing if it is empty.
fn list<'a>(items: impl ExactSizeIterator<Item = &'a str>) -> Option<String> {
    (items.len() > 0).then(|| serde_json::Value::from_iter(items).to_string())
}

fn items(column: usize, text: Option<&str>) -> rusqlite::Result<Vec<String>> {
    match text {
        None => Ok(Vec::new()),
        Some(text) => serde_json::from_str(text).map_err(|_| nonsense(column, "no JSON list of texts")),
    }
}

/// Reads all subscriptions; how many.
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
    let mut present: Option<SubscriptionRecord> = None;
    while let Some(row) = rows.next().map_err(sql)? {
        let told = |fault: rusqlite::Error| {
            let key = row.get::<_, i64>(0).unwrap_or_default();
            Error::new(Trouble::Corrupt, format!("{name}: subscription {key}: {fault}"))
        };
        let key = row.get::<_, i64>(0).map_err(told)?.cast_unsigned();
        if present.as_ref().is_none_or(|record| record.key != key) {
            if let Some(done) = present.take() {
                take(whole(done));
            }
            present = Some(record(key, row, past, &mut intern).map_err(told)?);
            count += 1;
        }
        if let Some(record) = &mut present
            && row.get::<_, Option<i64>>(10).map_err(told)?.is_some()
        {
            add_dialog(record, row, past, &mut intern).map_err(told)?;
        }
    }
    if let Some(done) = present {
        take(whole(done));
    }
    Ok(count)
}

/// A record of which all rows have been read.
fn whole(mut record: SubscriptionRecord) -> Restored {
    if !record.dialogs.is_empty() {
        record.setback = None;
    }
    Restored::Subscription(Box::new(record))
}

fn record(
    key: u64,
    row: &Row<'_>,
    past: &Past<'_>,
    intern: &mut Intern,
) -> rusqlite::Result<SubscriptionRecord> {
    let until = match row.get::<_, Option<i64>>(8)? {
        None => None,
        Some(stored) => {
            let at = past.instant(row.get(9)?, stored);
            Some(at.ok_or_else(|| nonsense(9, "no such clock"))?)
        }
    };
    let mut setback = setback::read(row, 22, 29, past, intern)?;
    if let Some(setback) = &mut setback {
        setback.termination = row
            .get_ref(28)?
            .as_str_or_null()?
            .map(|reason| intern.text(reason));
    }
    let members = items(7, row.get_ref(7)?.as_str_or_null()?)?;
    Ok(SubscriptionRecord {
        key,
        name: Arc::new(SubscriptionName {
            presentity: Arc::from(row.get_ref(1)?.as_str()?),
            watcher: intern.text(row.get_ref(2)?.as_str()?),
            package: intern.text(row.get_ref(3)?.as_str()?),
            id: row.get_ref(4)?.as_str_or_null()?.map(Arc::from),
        }),
        headers: intern.text(row.get_ref(5)?.as_str_or_null()?.unwrap_or_default()),
        proxy: row.get_ref(6)?.as_str_or_null()?.map(|uri| Proxy {
            uri: intern.text(uri),
        }),
        members: members.into_iter().map(Arc::from).collect(),
        until,
        call_id: Arc::from(""),
        from_tag: Arc::from(""),
        dialogs: Vec::new(),
        ending: row.get(21)?,
        setback,
    })
}

fn add_dialog(
    record: &mut SubscriptionRecord,
    row: &Row<'_>,
    past: &Past<'_>,
    intern: &mut Intern,
) -> rusqlite::Result<()> {
    if record.dialogs.is_empty() {
        record.call_id = Arc::from(row.get_ref(11)?.as_str()?);
        record.from_tag = Arc::from(row.get_ref(12)?.as_str()?);
    }
    let routes = items(15, row.get_ref(15)?.as_str_or_null()?)?;
    let expires_at = past
        .instant(row.get(20)?, row.get(19)?)
        .ok_or_else(|| nonsense(20, "no such clock"))?;
    record.dialogs.push(DialogRecord {
        remote_tag: row.get_ref(13)?.as_str()?.into(),
        target: intern.text(row.get_ref(14)?.as_str()?),
        routes: routes.into_iter().map(String::into_boxed_str).collect(),
        cseq: row.get(16)?,
        remote_cseq: row.get(17)?,
        active: row.get(18)?,
        expires_at,
    });
    Ok(())
}
