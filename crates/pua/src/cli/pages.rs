//! Lists of the daemon that come in pages.

use serde_json::{Map, Value};

use super::Failure;
use super::options::Connection;
use crate::client;

/// Entries of one page.
const PAGE: u32 = 1000;

/// All pages of what `method` lists under `member`, up to a limit; and where it would go on.
pub(super) fn all(
    connection: &Connection,
    method: &str,
    member: &str,
    filter: &Map<String, Value>,
    limit: Option<u32>,
) -> Result<(Vec<Value>, Value), Failure> {
    let client = connection.client()?;
    let mut rows = Vec::new();
    let mut params = filter.clone();
    let mut size = PAGE;
    loop {
        let got = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let wanted = limit.map_or(size, |limit| limit.saturating_sub(got).min(size));
        params.insert("limit".into(), wanted.into());
        let mut page = match client.call(method, &Value::Object(params.clone()), connection.timeout) {
            // More than a datagram carries.
            Err(client::Failure::Refused { code: 413, .. }) if wanted > 1 => {
                size = wanted / 2;
                continue;
            }
            page => page?,
        };
        if let Some(Value::Array(more)) = page.get_mut(member).map(Value::take) {
            rows.extend(more);
        }
        let cursor = page.get_mut("next").map_or(Value::Null, Value::take);
        let full = limit.is_some_and(|limit| rows.len() >= limit as usize);
        if cursor.is_null() || full {
            return Ok((rows, cursor));
        }
        params.insert("cursor".into(), cursor);
    }
}

/// The parameters that are given.
pub(super) fn given<const N: usize>(params: [(&str, Option<String>); N]) -> Map<String, Value> {
    let given = params
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))));
    given.collect()
}
