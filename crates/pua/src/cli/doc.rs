//! `pua doc`: documents of event packages, checked and converted. No daemon is needed.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use event_packages::{Document, DocumentError, Finding, Severity};
use serde_json::{Value, json};

use super::output::Output;
use super::{Failure, exit_codes, publish};

const EXAMPLES: &str = "\
Examples:
  pua doc check status.xml
  pua fetch sip:alice@example.com --raw | pua doc check -
  pua doc to-json status.xml | jq .
  pua doc from-json status.json > status.xml
  pua doc check --content-type application/dialog-info+xml call.xml

Known are pidf+xml (with data model, RPID, CIPID and timed status), dialog-info+xml,
simple-message-summary, reginfo+xml, watcherinfo+xml and rlmi+xml.

Exit codes: 0 no errors (warnings do not count, unless --strict); 5 errors, or no such document;
2 the file cannot be read.";

/// Check documents of event packages, and convert them from and to JSON
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Doc {
    /// Tell what a peer may refuse or misread: line, rule, and what to do
    #[command(after_help = EXAMPLES)]
    Check(Check),
    /// Print a document as JSON, as the daemon's events have it
    #[command(after_help = EXAMPLES)]
    ToJson(Convert),
    /// Print the document that a JSON value stands for
    #[command(after_help = EXAMPLES)]
    FromJson(Convert),
}

/// Which document.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// The file; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The document's media type, with or without application/ [default: by what it holds]
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
}

/// Tell what a peer may refuse or misread
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    source: Source,
    /// Warnings count as errors
    #[arg(long)]
    strict: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Convert a document
#[derive(Debug, Args)]
pub(crate) struct Convert {
    #[command(flatten)]
    source: Source,
}

/// The types with a typed form, and the root element by which a document of it is known.
const TYPES: [(&str, &str); 6] = [
    ("application/pidf+xml", "presence"),
    ("application/dialog-info+xml", "dialog-info"),
    ("application/simple-message-summary", ""),
    ("application/reginfo+xml", "reginfo"),
    ("application/watcherinfo+xml", "watcherinfo"),
    ("application/rlmi+xml", "list"),
];

impl Doc {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Doc::Check(check) => check.run(),
            Doc::ToJson(convert) => convert.to_json(),
            Doc::FromJson(convert) => convert.from_json(),
        }
    }
}

impl Source {
    /// As it is shown in messages.
    fn name(&self) -> String {
        publish::shown(&self.file)
    }

    /// The type that is named, in full; of what has none, nothing is known.
    fn named(&self) -> Result<Option<String>, Failure> {
        let Some(named) = &self.content_type else {
            return Ok(None);
        };
        let full = match named.contains('/') {
            true => named.clone(),
            false => format!("application/{named}"),
        };
        let bare = full.split(';').next().unwrap_or_default().trim();
        match TYPES.iter().any(|(known, _)| known.eq_ignore_ascii_case(bare)) {
            true => Ok(Some(full)),
            false => Err(Failure::usage(format!("there is no typed form of {full}")).hint(KNOWN)),
        }
    }

    /// The document's octets and its type.
    fn read(&self) -> Result<(Vec<u8>, String), Failure> {
        let named = self.named()?;
        let body = publish::read_bytes(&self.file)?;
        match named.or_else(|| guess(&body).map(str::to_owned)) {
            Some(content_type) => Ok((body, content_type)),
            None => Err(Failure::new(
                exit_codes::REFUSED_BY_DAEMON,
                format!("{} is no document of a known type", self.name()),
            )
            .hint(KNOWN)),
        }
    }
}

const KNOWN: &str = "name it with --content-type: pidf+xml, dialog-info+xml, simple-message-summary, \
                     reginfo+xml, watcherinfo+xml or rlmi+xml";

/// The type of a document by its root element, or by how it begins.
fn guess(body: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with('<') {
        let first = text.split(':').next().unwrap_or_default().trim();
        return first
            .eq_ignore_ascii_case("messages-waiting")
            .then_some("application/simple-message-summary");
    }
    // Past declarations, comments and instructions, to the first element's name.
    let mut rest = text;
    let name = loop {
        let open = rest.find('<')?;
        rest = rest.get(open + 1..)?;
        if rest.starts_with("!--") {
            rest = rest.get(rest.find("-->")?..)?;
        } else if !rest.starts_with(['?', '!']) {
            break rest.split([' ', '\t', '\r', '\n', '>', '/']).next()?;
        }
    };
    let local = name.rsplit(':').next().unwrap_or(name);
    let known = TYPES.iter().find(|(_, root)| !root.is_empty() && *root == local);
    known.map(|(content_type, _)| *content_type)
}

impl Check {
    fn run(self) -> Result<(), Failure> {
        let (body, content_type) = self.source.read()?;
        let findings = event_packages::check(&content_type, &body);
        let errors = findings.iter().filter(|f| f.severity == Severity::Error).count();
        let bad = errors > 0 || (self.strict && !findings.is_empty());
        let out = Output::new(self.json);
        if self.json {
            let findings: Vec<Value> = findings.iter().map(finding_json).collect();
            out.json(&json!({"ok": !bad, "content_type": content_type, "findings": findings}))?;
        } else {
            let name = self.source.name();
            for finding in &findings {
                out.line(&paint(out, &name, finding))?;
            }
            out.line(&verdict(&content_type, errors, findings.len() - errors))?;
        }
        match bad {
            true => Err(Failure::silent(exit_codes::REFUSED_BY_DAEMON)),
            false => Ok(()),
        }
    }
}

fn verdict(content_type: &str, errors: usize, warnings: usize) -> String {
    let count = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    };
    match (errors, warnings) {
        (0, 0) => format!("ok, {content_type}"),
        (0, warnings) => format!("ok, {content_type}, with {}", count(warnings, "warning")),
        (errors, 0) => format!("{} ({content_type})", count(errors, "error")),
        (errors, warnings) => format!(
            "{}, {} ({content_type})",
            count(errors, "error"),
            count(warnings, "warning")
        ),
    }
}

fn paint(out: Output, name: &str, finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Error => out.red("error"),
        Severity::Warning => out.yellow("warning"),
    };
    let line = finding.line.map_or_else(String::new, |line| format!(":{line}"));
    let rule = out.dim(&format!("[{}]", finding.rule));
    format!(
        "{name}{line}: {severity}: {} {rule}",
        crate::words::plain(&finding.message)
    )
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity,
        "line": finding.line,
        "rule": finding.rule,
        "message": finding.message,
    })
}

impl Convert {
    #[allow(clippy::wrong_self_convention, reason = "named as the command is")]
    fn to_json(self) -> Result<(), Failure> {
        let (body, content_type) = self.source.read()?;
        let document = Document::read(&content_type, &body).map_err(|error| self.refused(&error))?;
        let text = serde_json::to_string_pretty(&document.to_json());
        let text = text.map_err(|error| Failure::new(exit_codes::INTERNAL, error.to_string()))?;
        Output::new(true).line(&text)
    }

    #[allow(clippy::wrong_self_convention, reason = "named as the command is")]
    fn from_json(self) -> Result<(), Failure> {
        let named = self.source.named()?;
        let body = publish::read_bytes(&self.source.file)?;
        let value: Value = serde_json::from_slice(&body).map_err(|error| {
            Failure::new(
                exit_codes::REFUSED_BY_DAEMON,
                format!("{}: not JSON: {error}", self.source.name()),
            )
        })?;
        let document = match named {
            Some(named) => Document::from_json(&named, &value).map_err(|error| self.refused(&error))?,
            None => self.fitting(&value)?,
        };
        let text = document.write().map_err(|error| self.refused(&error))?;
        let out = Output::new(true);
        out.raw(&text)?;
        match text.ends_with(b"\n") {
            true => Ok(()),
            false => out.raw(b"\n"),
        }
    }

    /// The first type whose members these are.
    fn fitting(&self, value: &Value) -> Result<Document, Failure> {
        let mut first = None;
        for (content_type, _) in TYPES {
            match Document::from_json(content_type, value) {
                Ok(document) => return Ok(document),
                Err(error) => drop(first.get_or_insert(error)),
            }
        }
        let why = first.map_or_else(String::new, |error| format!("; as application/pidf+xml: {error}"));
        Err(Failure::new(
            exit_codes::REFUSED_BY_DAEMON,
            format!("{} fits no known type{why}", self.source.name()),
        )
        .hint(KNOWN))
    }

    fn refused(&self, error: &DocumentError) -> Failure {
        Failure::new(
            exit_codes::REFUSED_BY_DAEMON,
            format!(
                "{}: {}",
                self.source.name(),
                crate::words::plain(&error.to_string())
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_the_root_element() {
        for (body, expected) in [
            ("<presence/>", Some("application/pidf+xml")),
            (
                "\u{feff}<?xml version='1.0'?>\n<!-- <reginfo> --><p:presence xmlns:p='x'>",
                Some("application/pidf+xml"),
            ),
            ("<dialog-info\nversion='0'>", Some("application/dialog-info+xml")),
            ("<list>", Some("application/rlmi+xml")),
            (
                "\r\nmessages-waiting : yes\r\n",
                Some("application/simple-message-summary"),
            ),
            ("<html>", None),
            ("<!-- ", None),
            ("<", None),
            ("hello", None),
        ] {
            assert_eq!(guess(body.as_bytes()), expected, "{body}");
        }
    }
}
