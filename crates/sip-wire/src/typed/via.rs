//! Via (RFC 3261 §20.42, RFC 3581 §3).

use std::net::IpAddr;

use crate::grammar::{decimal, skip_lws, token_end, trim};
use crate::host::parse_v6;
use crate::{Fault, FaultKind, Host, Params};

/// One value of a Via header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// The transport as it came, such as `UDP`; compares without regard to case.
    pub transport: &'a str,
    /// `host [ ":" port ]` as it came.
    pub sent_by: &'a str,
    /// The host of sent-by.
    pub host: Host<'a>,
    /// The port of sent-by.
    pub port: Option<u16>,
    /// The branch, compared octet for octet.
    pub branch: Option<&'a str>,
    /// The `received` parameter as it came, perhaps an IPv6 address in brackets.
    pub received: Option<&'a str>,
    /// `Some(None)` for the flag that a request carries, `Some(Some(port))` in a response (RFC 3581).
    pub rport: Option<Option<u16>>,
    /// All parameters, those above included.
    pub params: Params<'a>,
    /// The whole value as it came.
    pub raw: &'a [u8],
}

/// The beginning of every branch made by an RFC 3261 client.
pub const BRANCH_COOKIE: &str = "z9hG4bK";

impl<'a> Via<'a> {
    /// Parses one value; a list has to be split before (`Headers::list`).
    ///
    /// # Errors
    /// [`FaultKind::Token`] for protocol, version or transport, [`FaultKind::Host`],
    /// [`FaultKind::Port`], [`FaultKind::Params`], [`FaultKind::Number`] for a malformed rport.
    pub fn parse(value: &'a [u8]) -> Result<Via<'a>, Fault> {
        let mut i = skip_lws(value, 0);
        let mut part = |last: bool| {
            let start = i;
            let end = token_end(value, start);
            let token = value
                .get(start..end)
                .filter(|t| !t.is_empty())
                .ok_or(FaultKind::Token.at(start))?;
            i = skip_lws(value, end);
            if last {
                return if i > end {
                    Ok((token, i))
                } else {
                    Err(FaultKind::Token.at(end))
                };
            }
            if value.get(i) != Some(&b'/') {
                return Err(FaultKind::Token.at(i));
            }
            i = skip_lws(value, i + 1);
            Ok((token, i))
        };
        let (protocol, _) = part(false)?;
        let (_version, _) = part(false)?;
        let (transport, i) = part(true)?;
        // A request of another version is answered too, with 505, along its own Vias.
        if !protocol.eq_ignore_ascii_case(b"SIP") {
            return Err(FaultKind::Token.at(0));
        }
        let transport = std::str::from_utf8(transport).map_err(|_| FaultKind::Token.at(0))?;
        let rest = value.get(i..).unwrap_or_default();
        let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
        let sent_by = trim(rest.get(..end).unwrap_or_default());
        let sent_by = std::str::from_utf8(sent_by).map_err(|_| FaultKind::Host.at(i))?;
        let (host, port) = Host::parse_with_port(sent_by).map_err(|f| f.shifted(i))?;
        let (mut branch, mut received, mut rport, mut bad_rport) = (None, None, None, false);
        let params = Params::parse_with(rest.get(end..).unwrap_or_default(), |param| {
            if branch.is_none() && param.is("branch") {
                branch = param.text();
            } else if received.is_none() && param.is("received") {
                received = param.text();
            } else if rport.is_none() && param.is("rport") {
                let port = param.value.map(decimal::<u16>);
                bad_rport = port == Some(None);
                rport = Some(port.flatten());
            }
        })
        .map_err(|f| f.shifted(i + end))?;
        if bad_rport {
            return Err(FaultKind::Number.at(i + end));
        }
        Ok(Via {
            transport,
            sent_by,
            host,
            port,
            branch,
            received,
            rport,
            params,
            raw: value,
        })
    }

    /// Whether the branch was made by the rules of RFC 3261 (§8.1.1.7): the cookie, and something
    /// after it. If not, transactions are matched as in RFC 2543 (§17.2.3).
    pub fn has_cookie(&self) -> bool {
        self.branch.is_some_and(|b| {
            b.len() > BRANCH_COOKIE.len()
                && b.get(..BRANCH_COOKIE.len())
                    .is_some_and(|c| c.eq_ignore_ascii_case(BRANCH_COOKIE))
        })
    }

    /// The address in `received`, with or without brackets (RFC 5118 §4.5).
    pub fn received_ip(&self) -> Option<IpAddr> {
        let text = self.received?;
        match text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            Some(inner) => parse_v6(inner).map(IpAddr::V6),
            None => text.parse().ok().or_else(|| parse_v6(text).map(IpAddr::V6)),
        }
    }
}
