//! SIP and SIPS URIs (RFC 3261 §19.1), and what has to be known of other URIs: their scheme.

use std::fmt;

use crate::grammar::{is_password_char, is_uri_header_char, is_uri_param_char, is_user_char};
use crate::params::MAX_PARAMS;
use crate::{Fault, FaultKind, Host};

/// The scheme of a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme<'a> {
    /// `sip`
    Sip,
    /// `sips`
    Sips,
    /// `tel` (RFC 3966)
    Tel,
    /// `pres` (RFC 3859)
    Pres,
    /// `im` (RFC 3860)
    Im,
    /// Any other, as it came. The rest of a URI that is neither `sip` nor `sips` stays opaque.
    Other(&'a str),
}

impl<'a> Scheme<'a> {
    /// The scheme without its colon; those that are known in lower case.
    pub fn as_str(self) -> &'a str {
        match self {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
            Scheme::Pres => "pres",
            Scheme::Im => "im",
            Scheme::Other(name) => name,
        }
    }
}

impl<'a> Scheme<'a> {
    fn from_name(name: &'a str) -> Scheme<'a> {
        [Scheme::Sip, Scheme::Sips, Scheme::Tel, Scheme::Pres, Scheme::Im]
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(name))
            .unwrap_or(Scheme::Other(name))
    }
}

/// A URI in its parts, which are as they came: escapes are not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    /// The scheme.
    pub scheme: Scheme<'a>,
    /// The user part; `None` in a URI of another scheme.
    pub user: Option<&'a str>,
    /// The password.
    pub password: Option<&'a str>,
    /// The host; an empty name in a URI of another scheme.
    pub host: Host<'a>,
    /// The port, if it is given.
    pub port: Option<u16>,
    params: &'a str,
    headers: &'a str,
    opaque: &'a str,
}

/// Splits at the first colon and checks the scheme.
pub(crate) fn split_scheme(text: &str) -> Result<(&str, &str), Fault> {
    let (scheme, rest) = split_at_byte(text, b':').ok_or(FaultKind::UriScheme.at(0))?;
    let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.');
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(FaultKind::UriScheme.at(0));
    }
    match scheme.bytes().position(|c| !legal(c)) {
        Some(at) => Err(FaultKind::UriScheme.at(at)),
        None if rest.is_empty() => Err(FaultKind::UriScheme.at(text.len())),
        None => Ok((scheme, rest)),
    }
}

/// What is before and after the first of this ASCII character.
fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(byte, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Checks `*( allowed / escaped )`; the error is the offset of the first offence.
fn check_escaped(text: &str, allowed: impl Fn(u8) -> bool) -> Result<(), usize> {
    let bytes = text.as_bytes();
    let mut i = 0;
    while let Some(c) = bytes.get(i) {
        if *c == b'%' {
            let hex = bytes
                .get(i + 1..i + 3)
                .is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit));
            if !hex {
                return Err(i);
            }
            i += 3;
        } else if allowed(*c) {
            i += 1;
        } else {
            return Err(i);
        }
    }
    Ok(())
}

impl<'a> Uri<'a> {
    /// Parses a URI with at most 64 parameters and 64 headers. Of schemes other than `sip` and `sips` only the characters are checked.
    ///
    /// # Errors
    /// [`FaultKind::UriScheme`], [`FaultKind::UriUser`], [`FaultKind::Host`], [`FaultKind::Port`],
    /// [`FaultKind::Params`], [`FaultKind::UriHeaders`], [`FaultKind::Text`].
    pub fn parse(text: &'a str) -> Result<Uri<'a>, Fault> {
        let (scheme, rest) = split_scheme(text)?;
        let base = scheme.len() + 1;
        let scheme = Scheme::from_name(scheme);
        if !matches!(scheme, Scheme::Sip | Scheme::Sips) {
            let legal = |c: u8| c.is_ascii_graphic() && !matches!(c, b'<' | b'>' | b'"');
            check_escaped(rest, legal).map_err(|at| FaultKind::Text.at(base + at))?;
            return Ok(Uri::of_opaque(scheme, rest));
        }
        let (user, password, after_user) = split_userinfo(rest).map_err(|f| f.shifted(base))?;
        let base = base + rest.len() - after_user.len();
        let host_end = memchr::memchr2(b';', b'?', after_user.as_bytes()).unwrap_or(after_user.len());
        let (host, tail) = after_user.split_at_checked(host_end).unwrap_or((after_user, ""));
        // blanks around the colon are for Via only
        let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        if let Some(at) = host.bytes().position(blank) {
            return Err(FaultKind::Host.at(base + at));
        }
        let (host, port) = Host::parse_with_port(host).map_err(|f| f.shifted(base))?;
        if tail.is_empty() {
            return Ok(Uri {
                scheme,
                user,
                password,
                host,
                port,
                params: "",
                headers: "",
                opaque: "",
            });
        }
        let base = base + host_end;
        let headers_at = memchr::memchr(b'?', tail.as_bytes()).unwrap_or(tail.len());
        let (params, headers) = tail.split_at_checked(headers_at).unwrap_or((tail, ""));
        for (at, piece) in pieces(params.strip_prefix(';').unwrap_or_default(), ';') {
            let (name, value) = piece.split_once('=').map_or((piece, None), |(n, v)| (n, Some(v)));
            let bad = FaultKind::Params;
            if name.is_empty() || value == Some("") {
                return Err(bad.at(base + 1 + at));
            }
            for (skip, part) in [(0, name), (name.len() + 1, value.unwrap_or_default())] {
                check_escaped(part, is_uri_param_char).map_err(|off| bad.at(base + 1 + at + skip + off))?;
            }
        }
        let count = memchr::memchr_iter(b';', params.as_bytes()).count();
        if count > MAX_PARAMS {
            return Err(FaultKind::Params.at(base));
        }
        let base = base + headers_at;
        if memchr::memchr_iter(b'&', headers.as_bytes()).count() >= MAX_PARAMS {
            return Err(FaultKind::UriHeaders.at(base));
        }
        for (at, piece) in pieces(headers.strip_prefix('?').unwrap_or_default(), '&') {
            let bad = FaultKind::UriHeaders;
            let (name, value) = piece.split_once('=').ok_or(bad.at(base + 1 + at))?;
            if name.is_empty() {
                return Err(bad.at(base + 1 + at));
            }
            for (skip, part) in [(0, name), (name.len() + 1, value)] {
                check_escaped(part, is_uri_header_char).map_err(|off| bad.at(base + 1 + at + skip + off))?;
            }
        }
        if headers == "?" || params == ";" {
            return Err(FaultKind::Params.at(base));
        }
        Ok(Uri {
            scheme,
            user,
            password,
            host,
            port,
            params,
            headers,
            opaque: "",
        })
    }

    fn of_opaque(scheme: Scheme<'a>, opaque: &'a str) -> Uri<'a> {
        let host = Host::Name("");
        Uri {
            scheme,
            user: None,
            password: None,
            host,
            port: None,
            params: "",
            headers: "",
            opaque,
        }
    }

    /// The URI parameters in order: name and value as they came, `None` for a flag.
    pub fn params(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        pieces(self.params.strip_prefix(';').unwrap_or_default(), ';')
            .map(|(_, piece)| piece.split_once('=').map_or((piece, None), |(n, v)| (n, Some(v))))
    }

    /// The parameters with the `;` before each, as they came.
    pub fn params_str(&self) -> &'a str {
        self.params
    }

    /// The headers with the `?` before them, as they came; empty if there are none.
    pub fn headers_str(&self) -> &'a str {
        self.headers
    }

    /// The headers of the URI in order (RFC 3261 §19.1.5 says which may never be honoured).
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        pieces(self.headers.strip_prefix('?').unwrap_or_default(), '&')
            .filter_map(|(_, piece)| piece.split_once('='))
    }

    /// What comes after the scheme of a URI that is neither `sip` nor `sips`; else empty.
    pub fn opaque(&self) -> &'a str {
        self.opaque
    }

    /// A URI parameter, named in any case: `Some(None)` for a flag, the value as it came.
    pub fn param(&self, name: &str) -> Option<Option<&'a str>> {
        self.params()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The `transport` parameter as it came.
    pub fn transport(&self) -> Option<&'a str> {
        self.param("transport").flatten()
    }

    /// Whether the `lr` parameter is there, with whatever value (RFC 3261 §19.1.1).
    pub fn is_loose_route(&self) -> bool {
        self.param("lr").is_some()
    }

    /// Whether the scheme is `sip` or `sips`.
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// Whether the scheme is `sips`.
    pub fn is_sips(&self) -> bool {
        self.scheme == Scheme::Sips
    }
}

/// The pieces between separators, each with its offset; none for an empty text.
fn pieces(text: &str, separator: char) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split(separator)
        .map(move |piece| {
            let start = at;
            at += piece.len() + 1;
            (start, piece)
        })
        .take_while(move |_| !text.is_empty())
}

type UserInfo<'a> = (Option<&'a str>, Option<&'a str>, &'a str);

/// User, password and the rest. An `@` cannot occur unescaped anywhere else in a SIP URI.
fn split_userinfo(text: &str) -> Result<UserInfo<'_>, Fault> {
    let Some((userinfo, rest)) = split_at_byte(text, b'@') else {
        return Ok((None, None, text));
    };
    let (user, password) = split_at_byte(userinfo, b':').map_or((userinfo, None), |(u, p)| (u, Some(p)));
    if user.is_empty() {
        return Err(FaultKind::UriUser.at(0));
    }
    // `#` is in no grammar, but dialled strings have it
    check_escaped(user, |c| is_user_char(c) || c == b'#').map_err(|at| FaultKind::UriUser.at(at))?;
    check_escaped(password.unwrap_or_default(), is_password_char)
        .map_err(|at| FaultKind::UriUser.at(user.len() + 1 + at))?;
    Ok((Some(user), password, rest))
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme.as_str())?;
        if !self.is_sip() {
            return f.write_str(self.opaque);
        }
        if let Some(user) = self.user {
            f.write_str(user)?;
            if let Some(password) = self.password {
                write!(f, ":{password}")?;
            }
            f.write_str("@")?;
        }
        self.host.fmt(f)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(self.params)?;
        f.write_str(self.headers)
    }
}

/// A URI that owns its text, which is known to parse.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UriBuf {
    text: Box<str>,
}

impl UriBuf {
    /// Checks and keeps a URI.
    ///
    /// # Errors
    /// As [`Uri::parse`].
    pub fn parse(text: &str) -> Result<UriBuf, Fault> {
        Uri::parse(text)?;
        Ok(UriBuf { text: text.into() })
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The parts.
    pub fn uri(&self) -> Uri<'_> {
        // the text parsed when it was taken in; an opaque URI is what could not happen
        Uri::parse(&self.text).unwrap_or(Uri::of_opaque(Scheme::Other(""), &self.text))
    }
}

impl fmt::Display for UriBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<&Uri<'_>> for UriBuf {
    fn from(uri: &Uri<'_>) -> UriBuf {
        UriBuf {
            text: uri.to_string().into(),
        }
    }
}

impl std::str::FromStr for UriBuf {
    type Err = Fault;

    fn from_str(text: &str) -> Result<UriBuf, Fault> {
        UriBuf::parse(text)
    }
}
