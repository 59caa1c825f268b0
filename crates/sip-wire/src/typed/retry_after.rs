//! Retry-After (RFC 3261 §20.33).

use crate::Params;
use crate::grammar::skip_lws;
use crate::typed::DeltaSeconds;

/// `delta-seconds [ comment ] *( SEMI retry-param )`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter {
    /// Seconds until a new attempt is welcome.
    pub seconds: u32,
    /// Seconds for which the other side expects to be there after that.
    pub duration: Option<u32>,
}

impl RetryAfter {
    /// The values, or `None` when the header counts as absent: malformed, or a date as in SIP
    /// before RFC 3261. Malformed parameters are left out.
    pub fn parse(value: &[u8]) -> Option<RetryAfter> {
        let start = skip_lws(value, 0);
        let digits = value
            .get(start..)?
            .iter()
            .take_while(|c| c.is_ascii_digit())
            .count();
        let seconds = DeltaSeconds::parse(value.get(start..start + digits)?)?.0;
        let mut at = skip_lws(value, start + digits);
        if value.get(at) == Some(&b'(') {
            at = skip_lws(value, comment_end(value, at)?);
        }
        let rest = value.get(at..).unwrap_or_default();
        if !matches!(rest.first(), None | Some(b';')) {
            return None;
        }
        let duration = Params::parse(rest)
            .ok()
            .and_then(|params| params.param("duration"))
            .and_then(|param| DeltaSeconds::parse(param.value.unwrap_or_default()))
            .map(DeltaSeconds::seconds);
        Some(RetryAfter { seconds, duration })
    }
}

/// The offset after the comment that begins at `from`; comments nest (RFC 3261 §25.1).
fn comment_end(value: &[u8], from: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut i = from;
    loop {
        match value.get(i)? {
            b'\\' => i += 1,
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        i += 1;
        if depth == 0 {
            return Some(i);
        }
    }
}
