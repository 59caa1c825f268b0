//! Authentication-Info (RFC 7616 §3.5): the server's word after credentials were accepted.

use crate::params::{Params, unescape};

/// The parameters of an Authentication-Info header that matter to a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthenticationInfo {
    /// The nonce to use from now on, as it stood between the quotes; its count starts at 1.
    pub nextnonce: Option<String>,
    /// The server's proof; see [`Answer::is_confirmed_by`](crate::Answer::is_confirmed_by).
    pub rspauth: Option<String>,
    /// The quality of protection of the proof.
    pub qop: Option<String>,
    /// The client nonce that it answers.
    pub cnonce: Option<String>,
    /// The nonce count that it answers.
    pub nc: Option<u32>,
}

impl AuthenticationInfo {
    /// Reads a header value; what is broken or unknown is left out.
    #[must_use]
    pub fn parse(value: &[u8]) -> AuthenticationInfo {
        let mut info = AuthenticationInfo::default();
        for param in Params::of(value) {
            let slot = match param.name {
                name if name.eq_ignore_ascii_case("nextnonce") => {
                    if !param.value.is_empty() {
                        info.nextnonce.get_or_insert_with(|| param.value.to_owned());
                    }
                    continue;
                }
                name if name.eq_ignore_ascii_case("nc") => {
                    info.nc = info.nc.or(u32::from_str_radix(param.value, 16).ok());
                    continue;
                }
                name if name.eq_ignore_ascii_case("rspauth") => &mut info.rspauth,
                name if name.eq_ignore_ascii_case("qop") => &mut info.qop,
                name if name.eq_ignore_ascii_case("cnonce") => &mut info.cnonce,
                _ => continue,
            };
            slot.get_or_insert_with(|| unescape(param.value).into_owned());
        }
        info
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7616_section_3_5_reads_what_is_there() {
        let info = AuthenticationInfo::parse(
            br#"nextnonce="a\"b", qop=auth, rspauth="00ff", cnonce="c", nc=0000000a, other=1"#,
        );
        assert_eq!(info.nextnonce.as_deref(), Some(r#"a\"b"#));
        assert_eq!(info.qop.as_deref(), Some("auth"));
        assert_eq!(info.rspauth.as_deref(), Some("00ff"));
        assert_eq!(info.cnonce.as_deref(), Some("c"));
        assert_eq!(info.nc, Some(10));
        assert_eq!(AuthenticationInfo::parse(b"\xff"), AuthenticationInfo::default());
        assert_eq!(
            AuthenticationInfo::parse(b"nextnonce=\"\", nc=x"),
            AuthenticationInfo::default()
        );
    }
}
