//! Header parameters: `*( SEMI generic-param )` (RFC 3261 §25.1).

use std::borrow::Cow;

use crate::grammar::{param_value_end, quoted_end, skip_lws, token_end, unquote};
use crate::{Fault, FaultKind};

/// More parameters than this, in a header value or in a URI, are a fault: finding one takes a walk
/// over all.
pub(crate) const MAX_PARAMS: usize = 64;

/// The parameters of a header value, checked, still as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Params<'a> {
    raw: &'a [u8],
}

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param<'a> {
    /// The name, as it came; compares without regard to case.
    pub name: &'a str,
    /// The value as it came, a quoted string with its quotes; `None` for a flag.
    pub value: Option<&'a [u8]>,
}

/// A parameter whose name is known to be a token, but is no text yet.
#[derive(Clone, Copy)]
pub(crate) struct RawParam<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: Option<&'a [u8]>,
}

impl<'a> RawParam<'a> {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value as text; `None` for a flag and for what is not UTF-8.
    pub(crate) fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.value?).ok()
    }
}

impl<'a> Param<'a> {
    /// The value as text: `""` for a flag, a quoted string with its quotes. `None` if it is not
    /// UTF-8.
    pub fn as_str(&self) -> Option<&'a str> {
        std::str::from_utf8(self.value.unwrap_or_default()).ok()
    }
}

impl<'a> Params<'a> {
    /// Parses all of `raw`, which is empty or begins with `;`, perhaps after blanks.
    ///
    /// # Errors
    /// [`FaultKind::Params`] for an empty parameter, a name that is no token or a value that is no
    /// token, host or quoted string, or more than 64 parameters; [`FaultKind::Unclosed`].
    pub fn parse(raw: &'a [u8]) -> Result<Params<'a>, Fault> {
        Params::parse_with(raw, |_| {})
    }

    /// As [`Params::parse`], and shows each parameter to `see` on the way.
    pub(crate) fn parse_with(raw: &'a [u8], mut see: impl FnMut(RawParam<'a>)) -> Result<Params<'a>, Fault> {
        let mut at = 0;
        let mut count = 0;
        loop {
            let (param, end) = next_param(raw, at)?;
            let Some(param) = param else { break };
            count += 1;
            if count > MAX_PARAMS {
                return Err(FaultKind::Params.at(at));
            }
            see(param);
            at = end;
        }
        Ok(Params { raw })
    }

    /// The octets, with the first `;`.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let raw = self.raw;
        let mut at = 0;
        std::iter::from_fn(move || {
            let (param, end) = next_param(raw, at).ok()?;
            at = end;
            let RawParam { name, value } = param?;
            Some(Param {
                name: std::str::from_utf8(name).ok()?,
                value,
            })
        })
    }

    /// The first parameter of this name, in any case.
    pub fn param(&self, name: &str) -> Option<Param<'a>> {
        self.iter().find(|p| p.name.eq_ignore_ascii_case(name))
    }

    /// The value of the first parameter of this name: `""` for a flag, a quoted string with its
    /// quotes, `None` if it is absent or not UTF-8.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.param(name)?.as_str()
    }

    /// The value of the first parameter of this name, unquoted.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        Some(unquote(self.param(name)?.value.unwrap_or_default()))
    }

    /// Whether a parameter of this name is there, with a value or without.
    pub fn has(&self, name: &str) -> bool {
        self.param(name).is_some()
    }
}

/// The parameter that begins at or after `at`, and the offset after it; `None` at the end.
fn next_param(raw: &[u8], at: usize) -> Result<(Option<RawParam<'_>>, usize), Fault> {
    let mut i = skip_lws(raw, at);
    match raw.get(i) {
        None => return Ok((None, i)),
        Some(b';') => i = skip_lws(raw, i + 1),
        Some(_) => return Err(FaultKind::Params.at(i)),
    }
    let start = i;
    i = token_end(raw, i);
    let name = raw.get(start..i).unwrap_or_default();
    if name.is_empty() {
        return Err(FaultKind::Params.at(i));
    }
    let after_name = i;
    i = skip_lws(raw, i);
    if raw.get(i) != Some(&b'=') {
        return Ok((Some(RawParam { name, value: None }), after_name));
    }
    i = skip_lws(raw, i + 1);
    let start = i;
    if raw.get(i) == Some(&b'"') {
        i = quoted_end(raw, i).ok_or(FaultKind::Unclosed.at(i))?;
    } else {
        // The grammar says token or host. The field has base64 and addresses here, which do no harm:
        // all that is needed is that the end of the value is not in doubt.
        i = param_value_end(raw, i);
    }
    let value = raw.get(start..i).unwrap_or_default();
    if value.is_empty() {
        return Err(FaultKind::Params.at(i));
    }
    Ok((
        Some(RawParam {
            name,
            value: Some(value),
        }),
        i,
    ))
}
