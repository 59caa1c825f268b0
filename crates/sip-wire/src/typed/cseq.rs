//! CSeq (RFC 3261 §20.16).

use crate::grammar::{decimal, skip_lws, token_end, trim};
use crate::{Fault, FaultKind, Method};

/// `1*DIGIT LWS Method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CSeq<'a> {
    /// Up to 2^32-1 when received; RFC 3261 §8.1.1.5 keeps what is sent below 2^31.
    pub number: u32,
    /// The method, as it came.
    pub method: Method<'a>,
}

impl<'a> CSeq<'a> {
    /// Parses a header value.
    ///
    /// # Errors
    /// [`FaultKind::Number`] when it is missing or beyond 2^32-1, [`FaultKind::Token`],
    /// [`FaultKind::Surplus`].
    pub fn parse(value: &'a [u8]) -> Result<CSeq<'a>, Fault> {
        let value = trim(value);
        let digits = value.iter().take_while(|c| c.is_ascii_digit()).count();
        let number = decimal(value.get(..digits).unwrap_or_default()).ok_or(FaultKind::Number.at(0))?;
        let start = skip_lws(value, digits);
        let end = token_end(value, start);
        if start == digits || end == start {
            return Err(FaultKind::Token.at(start));
        }
        if end != value.len() {
            return Err(FaultKind::Surplus.at(end));
        }
        let method = value.get(start..end).unwrap_or_default();
        let method = std::str::from_utf8(method).map_err(|_| FaultKind::Token.at(start))?;
        Ok(CSeq {
            number,
            method: Method::from_name(method),
        })
    }
}
