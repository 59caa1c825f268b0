//! Hosts: names, IPv4 addresses and bracketed IPv6 references (RFC 3261 §25.1, RFC 5954 §4.1).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::grammar::{decimal, trim};
use crate::{Fault, FaultKind};

/// A host. IPv6 addresses compare by value, not by text (RFC 5954 §4.2); names are compared with
/// [`Host::same_as`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Host<'a> {
    /// A domain name, in the case in which it came.
    Name(&'a str),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, in brackets on the wire.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Parses a host without port; an IPv6 address needs its brackets.
    ///
    /// # Errors
    /// [`FaultKind::Host`].
    pub fn parse(text: &'a str) -> Result<Host<'a>, Fault> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(FaultKind::Unclosed.at(0))?;
            return parse_v6(inner).map(Host::V6).ok_or(FaultKind::Host.at(1));
        }
        if text.ends_with(|c: char| c.is_ascii_digit())
            && let Ok(address) = text.parse::<Ipv4Addr>()
        {
            return Ok(Host::V4(address));
        }
        // The underscore is in no grammar and in many host names.
        let legal = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
        let at = text.bytes().position(|c| !legal(&c)).unwrap_or(text.len());
        if at < text.len()
            || text.is_empty()
            || text.starts_with(['.', '-'])
            || text.as_bytes().windows(2).any(|pair| pair == b"..")
        {
            return Err(FaultKind::Host.at(at));
        }
        Ok(Host::Name(text))
    }

    /// The address, unless it is a name.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Name(_) => None,
            Host::V4(address) => Some(IpAddr::V4(*address)),
            Host::V6(address) => Some(IpAddr::V6(*address)),
        }
    }

    /// Equality: names without regard to case and to a final dot, addresses by value.
    pub fn same_as(&self, other: &Host<'_>) -> bool {
        match (self, other) {
            (Host::Name(a), Host::Name(b)) => rootless(a).eq_ignore_ascii_case(rootless(b)),
            (a, b) => a.ip().is_some() && a.ip() == b.ip(),
        }
    }

    /// Splits `host [ ":" port ]`; blanks around the colon are allowed, as in `sent-by` (RFC 3261
    /// §25.1).
    pub(crate) fn parse_with_port(text: &'a str) -> Result<(Host<'a>, Option<u16>), Fault> {
        let after_host = match text.strip_prefix('[') {
            Some(_) => memchr::memchr(b']', text.as_bytes())
                .map(|at| at + 1)
                .ok_or(FaultKind::Unclosed.at(0))?,
            None => memchr::memchr(b':', text.as_bytes()).unwrap_or(text.len()),
        };
        let (host, rest) = text.split_at_checked(after_host).unwrap_or((text, ""));
        let port = match trim(rest.as_bytes()) {
            [] => None,
            [b':', port @ ..] => Some(decimal::<u16>(trim(port)).ok_or(FaultKind::Port.at(after_host))?),
            _ => return Err(FaultKind::Host.at(after_host)),
        };
        Ok((Host::parse(host.trim_end_matches([' ', '\t', '\r', '\n']))?, port))
    }
}

fn rootless(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// An IPv6 address without brackets. The three colons that the grammar of RFC 3261 demanded before
/// an embedded IPv4 address (RFC 5118 §4.10) are read as two.
pub(crate) fn parse_v6(text: &str) -> Option<Ipv6Addr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (before, after) = text.split_once(":::").filter(|(_, after)| after.contains('.'))?;
    let mut folded = [0u8; 48];
    let mut end = 0;
    for part in [before, "::", after] {
        folded
            .get_mut(end..end + part.len())?
            .copy_from_slice(part.as_bytes());
        end += part.len();
    }
    std::str::from_utf8(folded.get(..end)?).ok()?.parse().ok()
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::V4(address) => address.fmt(f),
            Host::V6(address) => write!(f, "[{address}]"),
        }
    }
}
