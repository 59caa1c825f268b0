//! Whether a request comes from a page that has no business here.
//!
//! A browser tells whose page sends a request, and to which name. Nobody is asked for a password
//! here, so the page of a stranger in the operator's browser must neither publish nor read. That
//! page's origin and the name it asks may well be the same, if its owner lets the name lead to this
//! machine (DNS rebinding): so the name has to be one that a stranger cannot own.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::http::{HeaderMap, header};

/// The names that pages may know this daemon by, beside addresses and `localhost`.
#[derive(Clone, Debug)]
pub(super) struct Names(Arc<[String]>);

impl Names {
    pub(super) fn new(names: &[String]) -> Names {
        Names(names.into())
    }

    /// Why a request is not taken, and what to do; `None`: no page sends it, or one of our own.
    pub(super) fn refusal(&self, headers: &HeaderMap) -> Option<String> {
        let origin = headers.get(header::ORIGIN)?.as_bytes();
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.unwrap_or_default();
        let own = origin
            .strip_prefix(b"http://")
            .or_else(|| origin.strip_prefix(b"https://"));
        if own.is_none_or(|own| own != host.as_bytes()) {
            return Some("not from the page of another site".to_owned());
        }
        let name = name_of(host);
        if self.knows(name) {
            return None;
        }
        Some(format!(
            "not from a page by the name {name}, which could be anybody's: use the address or localhost, or add the name to http.hosts in the configuration"
        ))
    }

    fn knows(&self, name: &str) -> bool {
        let literal = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            Some(inside) => inside.parse::<Ipv6Addr>().is_ok(),
            None => name.parse::<Ipv4Addr>().is_ok(),
        };
        let mut known = self.0.iter().map(String::as_str).chain(["localhost"]);
        literal || known.any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// The host of a Host header, without its port and the dot of a complete name.
fn name_of(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_taken(host: &str, origin: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        let names = Names::new(&["pua.example.com".to_owned()]);
        names.refusal(&headers).is_none()
    }

    #[test]
    fn a_page_is_ours_only_by_a_name_that_a_stranger_cannot_own() {
        for host in [
            "127.0.0.1:8888",
            "192.0.2.1",
            "[::1]:8888",
            "[2001:db8::1]",
            "localhost:8888",
            "LocalHost",
            "pua.example.com",
            "PUA.example.com.:8888",
        ] {
            assert!(is_taken(host, &format!("http://{host}")), "{host}");
            assert!(is_taken(host, &format!("https://{host}")), "{host}");
            assert!(!is_taken(host, "http://evil.example"), "{host}");
            assert!(!is_taken(host, "null"), "{host}");
        }
        for host in [
            "evil.example:8888",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "[::1].evil.example",
            "127.1",
            "",
        ] {
            assert!(!is_taken(host, &format!("http://{host}")), "{host}");
        }
    }

    #[test]
    fn what_no_page_sends_is_taken_by_any_name() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "proxy.example".parse().unwrap());
        assert_eq!(Names::new(&[]).refusal(&headers), None);
    }
}
