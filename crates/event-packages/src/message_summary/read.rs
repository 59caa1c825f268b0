//! Reading the text, and looking it over.

use super::{ContextClass, Counts, Message, MessageHeader, MessageSummary, Urgent};
use crate::{DocumentError, ErrorKind, Finding};

/// Octets of a body at most.
const MAX_BODY: usize = 256 * 1024;
/// Lines of the summary that are looked at.
const MAX_LINES: usize = 256;
/// Messages whose headers are kept.
const MAX_MESSAGES: usize = 100;
/// Headers kept of one message.
const MAX_HEADERS: usize = 32;

/// Reads a body: names and values without regard to case, line ends CRLF or LF, the last one perhaps missing, blanks
/// anywhere round `:`, `/`, `(` and `)`; what is not understood is skipped.
pub(crate) fn read(body: &[u8]) -> Result<MessageSummary, DocumentError> {
    let text = text(body)?;
    let mut waiting = None;
    let mut summary = MessageSummary::default();
    let mut lines = text.lines().enumerate();
    for (index, line) in lines.by_ref() {
        if line.trim().is_empty() {
            // blank lines before everything else are not the end
            if waiting.is_none() && summary.classes.is_empty() {
                continue;
            }
            break;
        }
        if index >= MAX_LINES {
            continue;
        }
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim());
        if name.eq_ignore_ascii_case("Messages-Waiting") {
            waiting = Some(status(value).ok_or_else(|| {
                DocumentError::invalid("Messages-Waiting has to be yes or no").at_line(number(index))
            })?);
        } else if name.eq_ignore_ascii_case("Message-Account") {
            let account = value.trim_start_matches('<').trim_end_matches('>').trim();
            summary.account = Some(account)
                .filter(|account| !account.is_empty())
                .map(Into::into);
        } else if let Some(counts) = counts(value).filter(|_| is_name(name)) {
            summary.classes.push(ContextClass {
                name: name.into(),
                counts,
            });
        }
    }
    summary.messages = messages(lines.map(|(_, line)| line));
    summary.sort();
    summary.waiting = match waiting {
        Some(waiting) => waiting,
        None if summary.classes.is_empty() => {
            return Err(DocumentError::invalid(
                "there is no line `Messages-Waiting: yes` or `Messages-Waiting: no`",
            ));
        }
        None => summary.classes.iter().any(|class| class.counts.new > 0),
    };
    Ok(summary)
}

fn text(body: &[u8]) -> Result<String, DocumentError> {
    if body.len() > MAX_BODY {
        return Err(DocumentError::new(ErrorKind::TooLarge { limit: MAX_BODY }));
    }
    // the account's URI and header values may hold anything: a wrong octet there is not the end of the summary
    Ok(String::from_utf8_lossy(body).replace('\0', ""))
}

fn number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

fn status(value: &str) -> Option<bool> {
    let is = |word: &str| value.eq_ignore_ascii_case(word);
    if is("yes") {
        Some(true)
    } else if is("no") {
        Some(false)
    } else {
        None
    }
}

/// `newmsgs SLASH oldmsgs [ LPAREN new-urgentmsgs SLASH old-urgentmsgs RPAREN ]`; `n` alone means no old ones.
fn counts(value: &str) -> Option<Counts> {
    let (all, urgent) = match value.split_once('(') {
        Some((all, urgent)) => (all, Some(urgent.trim_end().trim_end_matches(')'))),
        None => (value, None),
    };
    let (new, old) = pair(all)?;
    let urgent = urgent.and_then(pair).map(|(new, old)| Urgent { new, old });
    Some(Counts { new, old, urgent })
}

fn pair(text: &str) -> Option<(u32, u32)> {
    match text.split_once('/') {
        Some((new, old)) => Some((count(new)?, count(old)?)),
        None => Some((count(text)?, 0)),
    }
}

/// `1*DIGIT`; more than 2^32-1 is 2^32-1 (RFC 3842 §3.5).
fn count(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

/// A token of sensible length.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= 128 && crate::versioned::is_token(name)
}

/// What follows the summary: groups of headers, told apart by blank lines.
fn messages<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    let mut open = false;
    for line in lines {
        if line.trim().is_empty() {
            open = false;
            continue;
        }
        if line.starts_with([' ', '\t']) && open {
            let last = messages.last_mut().and_then(|message| message.headers.last_mut());
            if let Some(last) = last {
                last.value = [&last.value, " ", line.trim()].concat().into();
            }
            continue;
        }
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if !is_name(name.trim()) {
            continue;
        }
        if !open {
            if messages.len() == MAX_MESSAGES {
                break;
            }
            messages.push(Message::default());
            open = true;
        }
        if let Some(message) = messages
            .last_mut()
            .filter(|message| message.headers.len() < MAX_HEADERS)
        {
            message.headers.push(MessageHeader {
                name: name.trim().into(),
                value: value.trim().into(),
            });
        }
    }
    messages
}

/// Looks a body over.
pub(crate) fn check(body: &[u8]) -> Vec<Finding> {
    const RULE: &str = "CMWI-01";
    let mut found = Vec::new();
    if let Err(error) = read(body) {
        let message = error.kind.to_string();
        return vec![Finding::error(RULE, error.line, message)];
    }
    let Ok(text) = std::str::from_utf8(body) else {
        return vec![Finding::error(RULE, None, "the text is not UTF-8")];
    };
    if text.contains('\0') {
        found.push(Finding::error(RULE, None, "the text holds a NUL"));
    }
    if !text.ends_with("\r\n") {
        found.push(Finding::error(
            "CMWI-02",
            Some(number(text.lines().count().saturating_sub(1))),
            "the last line has to end with CRLF; some phones ignore it otherwise",
        ));
    }
    let bare = text
        .split_inclusive('\n')
        .position(|line| line.ends_with('\n') && !line.ends_with("\r\n"));
    if let Some(index) = bare {
        found.push(Finding::error(
            "CMWI-02",
            Some(number(index)),
            "lines have to end with CRLF, not with LF alone",
        ));
    }
    let mut names: Vec<String> = Vec::new();
    for (index, line) in text.lines().enumerate().take(MAX_LINES) {
        if line.is_empty() {
            break;
        }
        check_line(index, line, &names, &mut found);
        let name = line.split(':').next().unwrap_or_default().trim();
        names.push(name.to_ascii_lowercase());
    }
    found
}

fn check_line(index: usize, line: &str, before: &[String], found: &mut Vec<Finding>) {
    const RULE: &str = "CMWI-01";
    let at = Some(number(index));
    let Some((name, value)) = line.split_once(':') else {
        found.push(Finding::error(RULE, at, "a line has to be `Name: value`"));
        return;
    };
    let (name, value) = (name.trim(), value.trim());
    let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
    if index == 0 && !is("Messages-Waiting") {
        found.push(Finding::error(
            RULE,
            at,
            "the first line has to be Messages-Waiting",
        ));
    }
    if before.contains(&name.to_ascii_lowercase()) {
        found.push(Finding::error(RULE, at, format!("{name} stands there twice")));
    }
    if is("Messages-Waiting") {
    } else if is("Message-Account") {
        if index > 1 {
            found.push(Finding::error(
                RULE,
                at,
                "Message-Account has to follow Messages-Waiting",
            ));
        }
        if value.starts_with('<') {
            found.push(Finding::error(
                RULE,
                at,
                "the account stands without angle brackets",
            ));
        } else if !value.contains(':') {
            found.push(Finding::error(
                RULE,
                at,
                "the account has to be a URI, with its scheme",
            ));
        }
    } else if counts(value).is_none() || !value.contains('/') {
        found.push(Finding::error(
            RULE,
            at,
            format!("{name} has to be `new/old` or `new/old (urgent new/urgent old)`"),
        ));
    } else if value
        .split(|c: char| !c.is_ascii_digit())
        .any(|n| !n.is_empty() && n.parse::<u32>().is_err())
    {
        found.push(Finding::error(RULE, at, "a count is greater than 4294967295"));
    } else if !super::CLASSES.iter().any(|class| is(class)) {
        found.push(Finding::warning(
            "CMWI-02",
            at,
            format!("{name} is no message context class of RFC 3458"),
        ));
    }
}
