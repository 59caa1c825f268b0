//! Lists of tokens: Require, Supported, Unsupported, Allow, Allow-Events (RFC 3261 §20.32 and
//! others).

use crate::grammar::{is_token, split_list};
use crate::{HeaderName, Headers};

/// The tokens of all rows of one header, in order.
#[derive(Debug, Clone, Copy)]
pub struct TokenList<'h, 'a> {
    headers: &'h Headers<'a>,
    name: HeaderName,
}

impl<'h, 'a> TokenList<'h, 'a> {
    /// The list in these rows; empty if there are none.
    pub fn new(headers: &'h Headers<'a>, name: HeaderName) -> TokenList<'h, 'a> {
        TokenList { headers, name }
    }

    /// The tokens; what is no token is left out.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'h, 'a> {
        self.headers
            .all(self.name)
            .flat_map(split_list)
            .filter(|element| is_token(element))
            .filter_map(|element| std::str::from_utf8(element).ok())
    }

    /// Whether the token is there; option tags and packages have no case (RFC 3261 §7.3.1).
    pub fn contains(&self, token: &str) -> bool {
        self.iter().any(|t| t.eq_ignore_ascii_case(token))
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}
