//! The headers an application adds to a PUBLISH.

use crate::check;

/// Headers an application adds to a PUBLISH: checked lines, each ended by CRLF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraHeaders(String);

/// Headers that are the daemon's own, and their compact forms.
const OWNED: &[&str] = &[
    "via",
    "v",
    "route",
    "record-route",
    "call-id",
    "i",
    "cseq",
    "from",
    "f",
    "to",
    "t",
    "content-length",
    "l",
    "content-type",
    "c",
    "max-forwards",
    "contact",
    "m",
    "authorization",
    "proxy-authorization",
    "event",
    "o",
    "expires",
    "sip-if-match",
    "sip-etag",
];

impl ExtraHeaders {
    /// Reads header lines separated by CRLF, LF or the two-character escapes `\r\n` and `\n`.
    ///
    /// # Errors
    /// What is wrong, in words for the caller.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text
            .replace("\\r\\n", "\n")
            .replace("\\n", "\n")
            .replace("\r\n", "\n");
        let mut out = String::with_capacity(text.len() + 2);
        for line in text.split('\n').filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').ok_or("a line has no colon")?;
            let name = name.trim_end_matches([' ', '\t']);
            if !check::is_token(name) {
                return Err("a name is no token".into());
            }
            if OWNED.iter().any(|owned| owned.eq_ignore_ascii_case(name)) {
                return Err(format!("the header {name} is not the application's to set"));
            }
            if value.chars().any(|c| c.is_control() && c != '\t') {
                return Err(format!("the value of {name} has control characters"));
            }
            out.push_str(name);
            out.push_str(": ");
            out.push_str(value.trim_matches([' ', '\t']));
            out.push_str("\r\n");
        }
        Ok(Self(out))
    }

    /// The header lines, each with its CRLF.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
