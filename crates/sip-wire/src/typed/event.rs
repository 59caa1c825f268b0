//! Event (RFC 6665 §8.2.1).

use super::leading_token;
use crate::{Fault, Params};

/// `event-type *( SEMI event-param )`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventHeader<'a> {
    /// The package with its templates, such as `presence.winfo`. Compared octet for octet.
    pub package: &'a str,
    /// The `id` parameter.
    pub id: Option<&'a str>,
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> EventHeader<'a> {
    /// Parses a header value.
    ///
    /// # Errors
    /// [`FaultKind::Token`](crate::FaultKind::Token), [`FaultKind::Params`](crate::FaultKind::Params).
    pub fn parse(value: &'a [u8]) -> Result<EventHeader<'a>, Fault> {
        let (package, at) = leading_token(value)?;
        let mut id = None;
        let params = Params::parse_with(value.get(at..).unwrap_or_default(), |param| {
            if id.is_none() && param.is("id") {
                id = param.text();
            }
        })
        .map_err(|f| f.shifted(at))?;
        Ok(EventHeader { package, id, params })
    }
}
