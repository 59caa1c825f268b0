//! The header rows of a message, in order, as offsets into its octets.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::grammar::{split_list, unfold};
use crate::{Fault, FaultKind, HeaderName, ParseError, ParseErrorKind, Via};

/// Rows that fit without allocation.
const INLINE: usize = 32;

/// One row. 32 bits are enough: `Limits::message` is checked before.
#[derive(Debug, Clone, Copy)]
struct Row {
    name: HeaderName,
    name_len: u16,
    start: u32,
    value_start: u32,
    value_end: u32,
}

/// The header rows of a message.
#[derive(Debug, Clone)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    rows: SmallVec<[Row; INLINE]>,
}

impl<'a> Headers<'a> {
    /// No headers.
    pub fn empty() -> Headers<'a> {
        Headers {
            bytes: &[],
            rows: SmallVec::new(),
        }
    }

    pub(crate) fn over(bytes: &'a [u8]) -> Headers<'a> {
        Headers {
            bytes,
            rows: SmallVec::new(),
        }
    }

    /// Adds the row whose octets, folds included and the last CRLF excluded, are `start..end`.
    /// `Ok(Some(_))` if it has no colon: such a row is left out.
    pub(crate) fn add_row(&mut self, start: usize, end: usize) -> Result<Option<Fault>, ParseError> {
        let row = self.bytes.get(start..end).unwrap_or_default();
        let Some(colon) = memchr::memchr(b':', row) else {
            return Ok(Some(FaultKind::HeaderLine.at(start)));
        };
        let mut name_len = colon;
        while name_len > 0 && row.get(name_len - 1).is_some_and(|c| matches!(c, b' ' | b'\t')) {
            name_len -= 1;
        }
        let mut value_start = colon + 1;
        while row.get(value_start).is_some_and(|c| crate::grammar::is_lws(*c)) {
            value_start += 1;
        }
        let mut value_end = row.len();
        while value_end > value_start && row.get(value_end - 1).is_some_and(|c| crate::grammar::is_lws(*c)) {
            value_end -= 1;
        }
        let too_long = ParseErrorKind::MessageTooLong.at(start);
        let name = HeaderName::from_bytes(row.get(..name_len).unwrap_or_default());
        self.rows.push(Row {
            name,
            name_len: u16::try_from(name_len).map_err(|_| ParseErrorKind::LineTooLong.at(start))?,
            start: u32::try_from(start).map_err(|_| too_long)?,
            value_start: u32::try_from(start + value_start).map_err(|_| too_long)?,
            value_end: u32::try_from(start + value_end).map_err(|_| too_long)?,
        });
        Ok(None)
    }

    fn value(&self, row: &Row) -> &'a [u8] {
        self.bytes
            .get(row.value_start as usize..row.value_end as usize)
            .unwrap_or_default()
    }

    fn name(&self, row: &Row) -> &'a [u8] {
        let start = row.start as usize;
        self.bytes
            .get(start..start + usize::from(row.name_len))
            .unwrap_or_default()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The value of the first row of this name: blanks at the ends trimmed, folds still in.
    pub fn get(&self, name: HeaderName) -> Option<&'a [u8]> {
        self.rows
            .iter()
            .find(|row| row.name == name)
            .map(|row| self.value(row))
    }

    /// The first value, and its offset in the message.
    pub(crate) fn get_at(&self, name: HeaderName) -> Option<(&'a [u8], usize)> {
        self.rows
            .iter()
            .find(|row| row.name == name)
            .map(|row| (self.value(row), row.value_start as usize))
    }

    /// Whether a row of this name is there.
    pub fn has(&self, name: HeaderName) -> bool {
        self.rows.iter().any(|row| row.name == name)
    }

    /// The value of the first row of this name as text: folds are one SP, octets that are not UTF-8
    /// are U+FFFD.
    pub fn text(&self, name: HeaderName) -> Option<Cow<'a, str>> {
        self.get(name).map(unfold)
    }

    /// The values of all rows of this name, in order, not split at commas.
    pub fn all(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.rows
            .iter()
            .filter(move |row| row.name == name)
            .map(|row| self.value(row))
    }

    /// The values of all rows of this name, in order, split at the commas outside of quotes and
    /// `<>`. Not for WWW-Authenticate and its like, whose commas mean something else (RFC 3261
    /// §7.3.1).
    pub fn list(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.all(name).flat_map(split_list)
    }

    /// All rows in order: name, the name as it came, the value.
    pub fn iter(&self) -> impl Iterator<Item = (HeaderName, &'a [u8], &'a [u8])> + '_ {
        self.rows
            .iter()
            .map(|row| (row.name, self.name(row), self.value(row)))
    }

    /// The value of the first row whose name is spelled so, in any case; also for headers that
    /// [`HeaderName`] does not list.
    pub fn named(&self, name: &str) -> Option<&'a [u8]> {
        match HeaderName::from_bytes(name.as_bytes()) {
            HeaderName::Other => self
                .rows
                .iter()
                .find(|row| self.name(row).eq_ignore_ascii_case(name.as_bytes()))
                .map(|row| self.value(row)),
            known => self.get(known),
        }
    }

    /// The Vias in order, parsed one by one.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'a>, Fault>> + '_ {
        self.list(HeaderName::Via).map(Via::parse)
    }

    /// The first name that may occur once and occurs again, with the offset of the second row.
    pub(crate) fn repeated(&self) -> Option<(HeaderName, usize)> {
        let mut seen: u64 = 0;
        for row in &self.rows {
            let bit = 1u64 << (row.name as u64 % 64);
            if row.name.is_single() {
                if seen & bit != 0 {
                    return Some((row.name, row.start as usize));
                }
                seen |= bit;
            }
        }
        None
    }

    /// Checks the number of values of the headers that proxies pile up.
    pub(crate) fn check_hops(&self, limit: usize) -> Result<(), ParseError> {
        let (mut vias, mut routes, mut record_routes) = (0, 0, 0);
        for row in &self.rows {
            let count = match row.name {
                HeaderName::Via => &mut vias,
                HeaderName::Route => &mut routes,
                HeaderName::RecordRoute => &mut record_routes,
                _ => continue,
            };
            *count += split_list(self.value(row)).count();
            if *count > limit {
                return Err(ParseErrorKind::TooManyHops.at(row.start as usize));
            }
        }
        Ok(())
    }
}
