//! What the operator sets about carriers: `[[events.webhooks]]` and `[[events.sinks]]`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::config::Secret;
use crate::events::Filter;

/// The carriers of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carrying {
    /// `[[events.webhooks]]`
    pub(crate) webhooks: Vec<Webhook>,
    /// `[[events.sinks]]`
    pub(crate) sinks: Vec<Sink>,
}

/// Which events, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Which events.
    pub(crate) filter: Filter,
    /// With the bodies as they came.
    pub(crate) raw: bool,
    /// Begin with the present state, and send it again after a gap.
    pub(crate) snapshot: bool,
}

/// Events by HTTP POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Webhook {
    /// Where to.
    pub(crate) url: HookUrl,
    /// What requests are signed with; `None`: they are not.
    pub(crate) secret: Option<Secret>,
    /// Which events.
    pub(crate) wanted: Wanted,
    /// Events of a request at most; 1: the body is the event, more: an array of events.
    pub(crate) batch: usize,
    /// How long a request may take.
    pub(crate) timeout: Duration,
    /// How often a request is tried before its events are given up.
    pub(crate) attempts: u32,
    /// The pause after the first failure; it doubles with each.
    pub(crate) retry_first: Duration,
    /// The longest pause.
    pub(crate) retry_max: Duration,
    /// The file for events that were given up; `None`: they are only counted.
    pub(crate) dead_letters: Option<PathBuf>,
    /// Bytes of that file at most.
    pub(crate) dead_letters_max: u64,
}

/// Events as JSON lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sink {
    /// Where to.
    pub(crate) to: SinkAddress,
    /// Which events.
    pub(crate) wanted: Wanted,
    /// Bytes of a file at most.
    pub(crate) max_bytes: u64,
}

/// Where a sink's lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SinkAddress {
    /// `file:/path`: appended to.
    File(PathBuf),
    /// `fifo:/path`: for one reader at a time.
    Fifo(PathBuf),
    /// `tcp:host:port`: who listens there.
    Tcp(HostPort),
}

/// A name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPort {
    /// A name, or an address without brackets.
    pub(crate) host: String,
    /// Never 0.
    pub(crate) port: u16,
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<HostPort, String> {
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| format!("`{text}` has no port"))?;
        let bare = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            Some(inner) => {
                if inner.parse::<std::net::Ipv6Addr>().is_err() {
                    return Err(format!("`{inner}` is no IPv6 address"));
                }
                inner
            }
            None if host.contains(':') => return Err(format!("`{host}` needs brackets")),
            None => host,
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if bare.is_empty() || !bare.chars().all(plain) {
            return Err(format!("`{host}` is no host"));
        }
        match port.parse() {
            Ok(port) if port > 0 => Ok(HostPort {
                host: bare.to_owned(),
                port,
            }),
            _ => Err(format!("`{port}` is no port (1 to 65535)")),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for SinkAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<SinkAddress, String> {
        let path = |path: &str| match path.starts_with('/') && !path.contains('\0') {
            true => Ok(PathBuf::from(path)),
            false => Err(format!("`{text}` needs an absolute path")),
        };
        match text.split_once(':') {
            Some(("file", rest)) => Ok(SinkAddress::File(path(rest)?)),
            Some(("fifo", rest)) => Ok(SinkAddress::Fifo(path(rest)?)),
            Some(("tcp", rest)) => Ok(SinkAddress::Tcp(rest.parse()?)),
            _ => Err(format!("`{text}` does not begin with file:, fifo: or tcp:")),
        }
    }
}

impl fmt::Display for SinkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SinkAddress::File(path) => write!(f, "file:{}", path.display()),
            SinkAddress::Fifo(path) => write!(f, "fifo:{}", path.display()),
            SinkAddress::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

/// An `http:` URL. What stands behind the host may be a secret and is not shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct HookUrl {
    /// Where to connect.
    pub(crate) server: HostPort,
    /// The Host header.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) target: String,
}

impl FromStr for HookUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<HookUrl, String> {
        // The text may hold secrets: it is not repeated.
        let url: hyper::Uri = text.parse().map_err(|_| "is no URL".to_owned())?;
        match url.scheme_str() {
            Some("http") => {}
            Some("https") => return Err("https: is not available in this version".to_owned()),
            _ => return Err("does not begin with http://".to_owned()),
        }
        let authority = url.authority().ok_or_else(|| "has no host".to_owned())?.as_str();
        if authority.contains('@') {
            return Err("holds a user name".to_owned());
        }
        let server = match url.port() {
            Some(_) => authority.parse()?,
            None => format!("{authority}:80").parse()?,
        };
        Ok(HookUrl {
            server,
            authority: authority.to_owned(),
            target: url
                .path_and_query()
                .map_or("/", |target| target.as_str())
                .to_owned(),
        })
    }
}

impl fmt::Display for HookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

impl fmt::Debug for HookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}/...")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_alike() {
        for text in [
            "file:/a/b.jsonl",
            "fifo:/run/x",
            "tcp:example.com:9000",
            "tcp:[::1]:9000",
        ] {
            assert_eq!(text.parse::<SinkAddress>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "file:a",
            "fifo:",
            "tcp:9000",
            "tcp:::1:9000",
            "tcp:h:0",
            "tcp:h:x",
            "udp:h:1",
            "tcp:a b:1",
        ] {
            assert!(text.parse::<SinkAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn urls_of_hooks_are_http_and_keep_their_secrets() {
        let url: HookUrl = "http://hooks.example.com/in/abc?key=s3cret".parse().unwrap();
        assert_eq!(url.server.to_string(), "hooks.example.com:80");
        assert_eq!(url.target, "/in/abc?key=s3cret");
        assert!(!format!("{url} {url:?}").contains("s3cret"));
        let bare: HookUrl = "http://[::1]:8080".parse().unwrap();
        assert_eq!(
            (bare.authority.as_str(), bare.target.as_str()),
            ("[::1]:8080", "/")
        );
        for (text, why) in [
            ("https://example.com/", "https: is not available"),
            ("ftp://example.com/", "http://"),
            ("example.com", "http://"),
            ("/in", "http://"),
            ("http://a:b@example.com/", "user name"),
            ("http://exa mple/", "no URL"),
        ] {
            assert!(text.parse::<HookUrl>().unwrap_err().contains(why), "{text}");
        }
    }
}
