//! Single values of the configuration, checked.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::source::Value;
use super::{Secret, StoreUrl};

/// Why a value cannot be taken, and what to write instead.
#[derive(Debug)]
pub(super) struct Reason {
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

impl Reason {
    fn new(what: impl Into<String>, hint: &str) -> Reason {
        Reason {
            what: what.into(),
            hint: Some(hint.to_owned()),
        }
    }

    /// For addresses of listeners, with an example that fits.
    pub(super) fn address(what: String) -> Reason {
        let hint = if what.contains("unix:") || what.contains("is missing") {
            "such as \"unix:/run/pua/mi.sock\""
        } else if what.contains("udp: or tcp:") {
            "such as \"udp:0.0.0.0:5060\" or \"tcp:[::]:5060\""
        } else if what.contains("not available") {
            "use udp: or tcp:"
        } else if what.contains("socket") {
            "use a shorter path"
        } else {
            "such as \"127.0.0.1:5060\" or \"[::1]:5060\"; port 0 lets the system choose"
        };
        Reason::new(what, hint)
    }
}

/// A SIP URI to send requests to.
pub(super) fn sip_uri(text: &str) -> Result<String, Reason> {
    const EXAMPLE: &str = "such as \"sip:pa.example.com:5060;transport=tcp\"";
    let bad = |what: String| Reason::new(what, EXAMPLE);
    let uri = sip_wire::Uri::parse(text).map_err(|fault| {
        // A URI may hold a password; it is shown only if it holds none.
        let shown = if text.contains('@') { "it" } else { text };
        bad(format!("`{shown}` is no SIP URI: {}", fault.reason()))
    })?;
    if uri.is_sips() {
        return Err(bad(
            "sips: needs TLS, which is not available in this version".to_owned()
        ));
    }
    if !uri.is_sip() {
        return Err(bad(format!("`{}:` is not sip:", uri.scheme.as_str())));
    }
    match uri.transport() {
        None => Ok(text.to_owned()),
        Some(t) if t.eq_ignore_ascii_case("udp") || t.eq_ignore_ascii_case("tcp") => Ok(text.to_owned()),
        Some(other) => Err(bad(format!("transport={other} is not available in this version"))),
    }
}

/// `host[:port]` for Via and Contact.
pub(super) fn host_port(text: &str) -> Result<String, Reason> {
    const EXAMPLE: &str = "such as \"pua.example.com\" or \"192.0.2.1:5060\"";
    let bad = |what: String| Reason::new(what, EXAMPLE);
    if text.starts_with("sip:") || text.contains('@') {
        return Err(bad(format!("`{text}` is a URI; only host[:port] is wanted")));
    }
    let (host, port) = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        Some((host, rest)) => {
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(bad(format!("`{host}` is no IPv6 address")));
            }
            (
                host,
                rest.strip_prefix(':').or((!rest.is_empty()).then_some(rest)),
            )
        }
        None if text.parse::<std::net::Ipv6Addr>().is_ok() => {
            return Err(Reason::new(
                format!("`{text}` needs brackets"),
                "such as \"[2001:db8::1]:5060\"",
            ));
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let name = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if host.is_empty() || !host.chars().all(name) {
        return Err(bad(format!("`{text}` is no host[:port]")));
    }
    match port {
        Some(port) if port.parse::<u16>().is_err() => Err(bad(format!("`{port}` is no port"))),
        _ => Ok(text.to_owned()),
    }
}

/// The path for JSON-RPC and XML-RPC, without its first slash.
pub(super) fn http_root(text: &str) -> Result<String, Reason> {
    const EXAMPLE: &str = "such as \"mi\" or \"json/rpc\"";
    let root = text.trim_matches('/');
    let first = root.split('/').next().unwrap_or_default();
    if crate::http::PAGES.contains(&first) {
        return Err(Reason::new(
            format!("/{first} is something else already"),
            EXAMPLE,
        ));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    if root.is_empty() || root.contains("//") || !root.chars().all(plain) {
        return Err(Reason::new(format!("`{text}` is no path"), EXAMPLE));
    }
    Ok(root.to_owned())
}

/// A name that pages may use this machine by.
pub(super) fn host_name(text: &str) -> Result<String, Reason> {
    const EXAMPLE: &str = "such as \"pua.example.com\", without scheme and port";
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    match text.strip_suffix('.').unwrap_or(text) {
        name if !name.is_empty() && name.chars().all(plain) => Ok(name.to_owned()),
        _ => Err(Reason::new(format!("`{text}` is no name of a host"), EXAMPLE)),
    }
}

/// Where the publications are kept.
pub(super) fn store_url(text: &str) -> Result<StoreUrl, Reason> {
    const HINT: &str = "one of: \"memory:\", \"sqlite:PATH\"";
    if text == "memory:" || text == "memory" {
        return Ok(StoreUrl::Memory);
    }
    match text.split_once(':') {
        Some(("sqlite", "")) => Err(Reason::new("the path of the database is missing", HINT)),
        Some(("sqlite", path)) => Ok(StoreUrl::Sqlite(PathBuf::from(path.trim_start_matches("//")))),
        // The URL may hold a password.
        Some(("postgres" | "postgresql", _)) => {
            Err(Reason::new("PostgreSQL is not available in this version", HINT))
        }
        Some((scheme, _)) => Err(Reason::new(format!("`{scheme}:` is no store"), HINT)),
        None => Err(Reason::new(format!("`{text}` is no store"), HINT)),
    }
}

/// Permissions, `"0660"` or `0o660`.
pub(super) fn mode(value: &Value) -> Result<u32, String> {
    let mode = match value {
        Value::Text(text) => {
            let digits = text.trim().trim_start_matches("0o");
            u32::from_str_radix(digits, 8).map_err(|_| format!("`{text}` is no mode"))?
        }
        Value::Integer { value, radix: 8 } => {
            u32::try_from(*value).map_err(|_| format!("{value} is no mode"))?
        }
        // 660 may mean 0o660 or 660 = 0o1224: nobody should have to guess.
        Value::Integer { value, .. } => return Err(format!("the number {value} could mean two things")),
        other => return Err(format!("must be a text, not {}", other.name())),
    };
    if mode > 0o777 {
        return Err(format!("{mode:04o} is above 0777"));
    }
    if mode & 0o600 != 0o600 {
        return Err(format!("{mode:04o} keeps the owner out"));
    }
    Ok(mode)
}

/// The password in a file, and what is amiss with the file.
pub(super) fn secret_file(path: &Path) -> Result<(Secret, Option<String>), String> {
    let shown = path.display();
    let text = match std::fs::read(path) {
        Ok(bytes) if bytes.len() > 4096 => return Err(format!("`{shown}` is too long for a password")),
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| format!("`{shown}` is not UTF-8 text"))?,
        Err(error) => return Err(format!("`{shown}` cannot be read: {error}")),
    };
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(format!("`{shown}` is empty"));
    }
    if password.contains('\n') {
        return Err(format!("`{shown}` has more than one line"));
    }
    let warning = world_readable(path).then(|| format!("`{shown}` can be read by everybody"));
    Ok((Secret::new(password), warning))
}

/// Whether others than owner and group can read a file.
pub(super) fn world_readable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o004 != 0)
}
