//! A Content-Type value: type, subtype and parameters, read leniently.

/// `m-type SLASH m-subtype *(SEMI m-parameter)` (RFC 3261 §25.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediaType<'a> {
    /// In lower case, without blanks: `application/pidf+xml`.
    essence: String,
    /// What follows the first semicolon.
    parameters: &'a str,
}

impl<'a> MediaType<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let essence = essence
            .chars()
            .filter(|c| !c.is_whitespace())
            .map(|c| c.to_ascii_lowercase())
            .collect();
        Self { essence, parameters }
    }

    /// The type in lower case.
    pub(crate) fn kind(&self) -> &str {
        self.essence.split('/').next().unwrap_or_default()
    }

    /// The subtype in lower case, perhaps empty.
    pub(crate) fn subtype(&self) -> &str {
        self.essence.split_once('/').map_or("", |(_, subtype)| subtype)
    }

    /// A parameter's value with its quoting undone. Values with characters that ought to be quoted are taken as they are.
    pub(crate) fn parameter(&self, wanted: &str) -> Option<String> {
        let mut rest = self.parameters;
        while !rest.is_empty() {
            let (name, after) = match rest.find(['=', ';']) {
                Some(at) => rest.split_at_checked(at)?,
                None => return None,
            };
            let Some(after) = after.strip_prefix('=') else {
                rest = after.get(1..).unwrap_or_default();
                continue;
            };
            let (value, after) = parameter_value(after.trim_start());
            if name.trim().eq_ignore_ascii_case(wanted) {
                return Some(value);
            }
            rest = after.split_once(';').map_or("", |(_, rest)| rest);
        }
        None
    }
}

/// A quoted string or what stands before the next semicolon, and what follows.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(c),
        }
    }
    (value, "")
}
