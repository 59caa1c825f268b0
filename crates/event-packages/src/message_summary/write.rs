//! Writing the text as RFC 3842 §5.2 has it: every line, the last one too, ends with CRLF.

use super::{MessageSummary, read::is_name};
use crate::{DocumentError, ErrorKind};

impl MessageSummary {
    /// Writes the body.
    ///
    /// # Errors
    /// An account that is no URI, a class or header name that is no token, a value with control characters.
    pub fn write(&self) -> Result<Vec<u8>, DocumentError> {
        let mut out = String::with_capacity(128);
        out.push_str("Messages-Waiting: ");
        out.push_str(if self.waiting { "yes\r\n" } else { "no\r\n" });
        if let Some(account) = &self.account {
            let scheme = account.split(':').next().unwrap_or_default();
            let is_uri = account.len() > scheme.len() + 1
                && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
            let bad = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"');
            if !is_uri || account.contains(bad) {
                return Err(invalid("has to be a URI without angle brackets").at_path("account"));
            }
            out.push_str(&["Message-Account: ", account, "\r\n"].concat());
        }
        for class in &self.classes {
            let reserved = ["messages-waiting", "message-account"]
                .iter()
                .any(|name| class.name.eq_ignore_ascii_case(name));
            if !is_name(&class.name) || reserved {
                return Err(invalid("is no message context class").at_path(format!("classes.{}", class.name)));
            }
            let counts = class.counts;
            push_title_case(&mut out, &class.name);
            out.push_str(&format!(": {}/{}", counts.new, counts.old));
            if let Some(urgent) = counts.urgent {
                out.push_str(&format!(" ({}/{})", urgent.new, urgent.old));
            }
            out.push_str("\r\n");
        }
        for (index, message) in self.messages.iter().enumerate() {
            if message.headers.is_empty() {
                return Err(invalid("has to hold a header").at_path(format!("messages[{index}].headers")));
            }
            out.push_str("\r\n");
            for (row, header) in message.headers.iter().enumerate() {
                let path = format!("messages[{index}].headers[{row}]");
                if !is_name(&header.name) {
                    return Err(invalid("is no header name").at_path(path + ".name"));
                }
                if let Some(c) = header.value.chars().find(|c| c.is_control() && *c != '\t') {
                    return Err(DocumentError::new(ErrorKind::IllegalCharacter(c)).at_path(path + ".value"));
                }
                out.push_str(&[&header.name, ": ", header.value.trim(), "\r\n"].concat());
            }
        }
        Ok(out.into_bytes())
    }
}

fn invalid(what: &str) -> DocumentError {
    DocumentError::invalid(what)
}

/// `voice-message` → `Voice-Message`. Case means nothing, but old phones compare.
fn push_title_case(out: &mut String, name: &str) {
    let mut first = true;
    for c in name.chars() {
        out.push(if first {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        });
        first = c == '-';
    }
}
