//! Content-Type, and the ranges of Accept (RFC 3261 §20.15, §20.1).

use std::fmt;

use super::leading_token;
use crate::grammar::{skip_lws, token_end};
use crate::{Fault, FaultKind, Params};

/// `type "/" subtype *( SEMI parameter )`; either may be `*` in Accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaType<'a> {
    /// The type as it came.
    pub kind: &'a str,
    /// The subtype as it came.
    pub subtype: &'a str,
    /// The parameters, such as `charset`.
    pub params: Params<'a>,
}

impl<'a> MediaType<'a> {
    /// Parses a header value.
    ///
    /// # Errors
    /// [`FaultKind::Token`], [`FaultKind::Params`], [`FaultKind::Unclosed`].
    pub fn parse(value: &'a [u8]) -> Result<MediaType<'a>, Fault> {
        let (kind, slash) = leading_token(value)?;
        if value.get(slash) != Some(&b'/') {
            return Err(FaultKind::Token.at(slash));
        }
        let start = skip_lws(value, slash + 1);
        let end = token_end(value, start);
        let subtype = value
            .get(start..end)
            .filter(|t| !t.is_empty())
            .ok_or(FaultKind::Token.at(start))?;
        let subtype = std::str::from_utf8(subtype).map_err(|_| FaultKind::Token.at(start))?;
        let params = Params::parse(value.get(end..).unwrap_or_default()).map_err(|f| f.shifted(end))?;
        Ok(MediaType {
            kind,
            subtype,
            params,
        })
    }

    /// Whether it is this type, such as `application/pidf+xml`; parameters do not count.
    pub fn is(&self, essence: &str) -> bool {
        essence
            .split_once('/')
            .is_some_and(|(k, s)| k.eq_ignore_ascii_case(self.kind) && s.eq_ignore_ascii_case(self.subtype))
    }
}

impl fmt::Display for MediaType<'_> {
    /// Type and subtype in lower case, without the parameters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}",
            self.kind.to_ascii_lowercase(),
            self.subtype.to_ascii_lowercase()
        )
    }
}
