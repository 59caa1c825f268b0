//! From, To, Contact, Route and their like: `name-addr / addr-spec` with parameters (RFC 3261
//! §20.10, §25.1).

use std::borrow::Cow;

use crate::grammar::{is_lws, is_token_char, quoted_end, skip_lws, trim, unquote, uri_end};
use crate::{Fault, FaultKind, Params, Uri};

/// A URI with a display name before it and header parameters after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name as it came, with its quotes; empty if there is none.
    pub display: &'a [u8],
    /// The URI as it came, without `<>`. Only that it has a scheme and no illegal characters is
    /// checked; [`NameAddr::uri`] parses it.
    pub uri: &'a str,
    /// The header parameters. Without `<>` all parameters are these (RFC 3261 §20.10).
    pub params: Params<'a>,
    tag: Option<&'a str>,
}

impl<'a> NameAddr<'a> {
    /// Parses one value; a list has to be split before (`Headers::list`).
    ///
    /// # Errors
    /// [`FaultKind::Unclosed`] for a quote or `<` without end, [`FaultKind::Text`] for a display
    /// name that has to be quoted, white space or other illegal characters in the URI,
    /// [`FaultKind::UriScheme`], [`FaultKind::Params`].
    pub fn parse(value: &'a [u8]) -> Result<NameAddr<'a>, Fault> {
        let start = skip_lws(value, 0);
        let mut i = start;
        if value.get(i) == Some(&b'"') {
            i = quoted_end(value, i).ok_or(FaultKind::Unclosed.at(i))?;
            let after = skip_lws(value, i);
            if value.get(after) != Some(&b'<') {
                return Err(FaultKind::Text.at(after));
            }
            return Self::bracketed(value, value.get(start..i).unwrap_or_default(), after);
        }
        match memchr::memchr2(b'<', b'"', value.get(i..).unwrap_or_default()) {
            // a quote before any `<` can only be in a parameter of an addr-spec
            Some(at) if value.get(i + at) == Some(&b'<') && !has_param_before(value, i, i + at) => {
                i += at;
                let display = trim(value.get(start..i).unwrap_or_default());
                // `*( token LWS )`; names in other scripts without quotes are common and harmless
                if let Some(bad) = display
                    .iter()
                    .position(|c| !(is_token_char(*c) || is_lws(*c) || *c >= 0x80))
                {
                    return Err(FaultKind::Text.at(start + bad));
                }
                Self::bracketed(value, display, i)
            }
            _ => {
                let rest = value.get(start..).unwrap_or_default();
                let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
                let uri = trim(rest.get(..end).unwrap_or_default());
                // these three need `<>` around the URI (RFC 3261 §20)
                if let Some(bad) = memchr::memchr3(b',', b'?', b'"', uri) {
                    return Err(FaultKind::Text.at(start + bad));
                }
                let uri = check_uri(uri).map_err(|f| f.shifted(start))?;
                let after = rest.get(end..).unwrap_or_default();
                Self::with_params(&[], uri, after).map_err(|f| f.shifted(start + end))
            }
        }
    }

    fn bracketed(value: &'a [u8], display: &'a [u8], open: usize) -> Result<NameAddr<'a>, Fault> {
        let inner = value.get(open + 1..).unwrap_or_default();
        let close = memchr::memchr(b'>', inner).ok_or(FaultKind::Unclosed.at(open))?;
        let uri = check_uri(inner.get(..close).unwrap_or_default()).map_err(|f| f.shifted(open + 1))?;
        let after = inner.get(close + 1..).unwrap_or_default();
        Self::with_params(display, uri, after).map_err(|f| f.shifted(open + 1 + close + 1))
    }

    fn with_params(display: &'a [u8], uri: &'a str, after: &'a [u8]) -> Result<NameAddr<'a>, Fault> {
        let mut tag = None;
        let params = Params::parse_with(after, |param| {
            if tag.is_none() && param.is("tag") {
                tag = param.text();
            }
        })?;
        Ok(NameAddr {
            display,
            uri,
            params,
            tag,
        })
    }

    /// The URI, parsed.
    ///
    /// # Errors
    /// As [`Uri::parse`].
    pub fn uri(&self) -> Result<Uri<'a>, Fault> {
        Uri::parse(self.uri)
    }

    /// The `tag` parameter (RFC 3261 §19.3), compared octet for octet.
    pub fn tag(&self) -> Option<&'a str> {
        self.tag
    }

    /// The display name without quotes and escapes; octets that are not UTF-8 are replaced.
    pub fn display_text(&self) -> Cow<'a, str> {
        unquote(self.display)
    }
}

/// Whether a `;` comes before the `<` at `to`, so that the `<` belongs to a parameter.
fn has_param_before(value: &[u8], from: usize, to: usize) -> bool {
    memchr::memchr(b';', value.get(from..to).unwrap_or_default()).is_some()
}

/// A scheme, a colon and something after it, all visible ASCII or UTF-8, none of `<>"`.
fn check_uri(uri: &[u8]) -> Result<&str, Fault> {
    let legal = uri_end(uri);
    if legal < uri.len() {
        return Err(FaultKind::Text.at(legal));
    }
    let text = std::str::from_utf8(uri).map_err(|e| FaultKind::Text.at(e.valid_up_to()))?;
    crate::uri::split_scheme(text)?;
    Ok(text)
}
