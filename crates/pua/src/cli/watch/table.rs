//! A table of presentities that follows what happens: redrawn in place on a terminal, printed anew
//! elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use super::teller::trouble;
use crate::cli::Output;
use crate::cli::output::{self, clock};
use crate::client::Event;
use crate::words;

const HEADING: [&str; 3] = ["PRESENTITY", "SINCE", "STATE"];
/// Columns and rows of a terminal that tells none.
const USUAL: (usize, usize) = (100, 24);

/// The table.
#[derive(Debug)]
pub(crate) struct Table {
    out: Output,
    terminal: bool,
    rows: Vec<Row>,
    /// What was printed last.
    printed: String,
}

#[derive(Debug)]
struct Row {
    /// The presentity's URI.
    presentity: String,
    since: String,
    /// By package: what it says.
    said: BTreeMap<String, String>,
    /// By package: what is wrong with the subscription.
    trouble: BTreeMap<String, String>,
}

impl Row {
    fn new(presentity: &str) -> Row {
        Row {
            presentity: presentity.to_owned(),
            since: String::new(),
            said: BTreeMap::new(),
            trouble: BTreeMap::new(),
        }
    }

    fn cells(&self) -> Vec<String> {
        // Presence first: the rest is read after it.
        let presence = |package: &str| package == "presence";
        let first = self.said.iter().filter(|(package, _)| presence(package));
        let rest = self.said.iter().filter(|(package, _)| !presence(package));
        let said = first.chain(rest).chain(&self.trouble);
        let said: Vec<&str> = said.map(|(_, words)| words.as_str()).collect();
        vec![
            words::plain(words::bare(&self.presentity)),
            match self.since.as_str() {
                "" => "-".to_owned(),
                since => since.to_owned(),
            },
            match said.is_empty() {
                true => "nothing is known yet".to_owned(),
                false => said.join("; "),
            },
        ]
    }
}

impl Table {
    /// With a row for each of these from the start.
    pub(crate) fn new(presentities: &[String]) -> Table {
        Table {
            out: Output::new(false),
            terminal: std::io::stdout().is_terminal(),
            rows: presentities.iter().map(|uri| Row::new(uri)).collect(),
            printed: String::new(),
        }
    }

    /// Takes in what happened.
    pub(crate) fn take(&mut self, event: &Event) {
        let (Some(presentity), Some(package)) = (event.text("presentity"), event.text("package")) else {
            return;
        };
        let at = match self.rows.iter().position(|row| same(&row.presentity, presentity)) {
            Some(at) => at,
            None if event.text("type") == Some("state") => {
                self.rows.push(Row::new(presentity));
                self.rows.len() - 1
            }
            None => return,
        };
        let row = &mut self.rows[at];
        match event.text("type") {
            Some("state") => {
                let words = words::told(package, &event.value["summary"], &event.value["document"]);
                let time = event.text("at").or(event.text("time")).unwrap_or_default();
                let before = row.said.insert(package.to_owned(), words.clone());
                if before.as_ref() != Some(&words) {
                    row.since = clock(time);
                }
            }
            Some("subscription") if event.value["dialog"].is_null() => {
                match trouble(event) {
                    Some(words) => row.trouble.insert(package.to_owned(), words),
                    None => row.trouble.remove(package),
                };
            }
            _ => {}
        }
    }

    /// What to print; `None`: it looks as before.
    pub(crate) fn draw(&mut self) -> Option<String> {
        let (columns, lines) = self.size();
        let text = self.text(columns, lines);
        if text == self.printed {
            return None;
        }
        let drawn = match (self.printed.lines().count(), self.terminal) {
            (0, _) => format!("{text}\n"),
            // Up to where it began, and away with it.
            (before, true) => format!("\x1b[{before}A\r\x1b[J{text}\n"),
            (_, false) => format!("\n{text}\n"),
        };
        self.printed = text;
        Some(drawn)
    }

    fn size(&self) -> (usize, usize) {
        if !self.terminal {
            return (usize::MAX, usize::MAX);
        }
        let size = terminal_size::terminal_size();
        let size = size.map(|(width, height)| (usize::from(width.0), usize::from(height.0)));
        size.filter(|(columns, lines)| *columns > 0 && *lines > 0)
            .unwrap_or(USUAL)
    }

    /// The table, no wider and no longer than this.
    fn text(&self, columns: usize, lines: usize) -> String {
        let mut rows: Vec<Vec<String>> = self.rows.iter().map(Row::cells).collect();
        // The heading, what is said of the rest, and the line that the cursor stands on.
        let room = lines.saturating_sub(3).max(1);
        let rest = rows.len().saturating_sub(room);
        rows.truncate(room);
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([HEADING[column].len()]).max().unwrap_or(0) + 2
        };
        let left = columns.saturating_sub(width(0) + width(1)).max(10);
        for row in &mut rows {
            shorten(&mut row[2], left);
        }
        let out = self.out;
        let mut text = output::table(&HEADING, &rows, |column, cell, padded| match column {
            _ if HEADING[column] == cell => out.bold(padded),
            1 => out.dim(padded),
            _ => padded.to_owned(),
        });
        if rest > 0 {
            text.push_str(&format!("\n{}", out.dim(&format!("and {rest} more"))));
        }
        text
    }
}

/// Whether two URIs are of one presentity.
fn same(one: &str, other: &str) -> bool {
    one == other
        || match (sip_wire::Uri::parse(one), sip_wire::Uri::parse(other)) {
            (Ok(one), Ok(other)) => one.key() == other.key(),
            _ => false,
        }
}

fn shorten(text: &mut String, most: usize) {
    if text.chars().count() > most {
        *text = text.chars().take(most.saturating_sub(1)).collect();
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(value: Value) -> Event {
        Event {
            text: value.to_string(),
            value,
        }
    }

    fn table(terminal: bool) -> Table {
        Table {
            out: Output::new(true),
            terminal,
            rows: vec![Row::new("sip:a@h"), Row::new("sip:bob@h")],
            printed: String::new(),
        }
    }

    fn state(presentity: &str, availability: &str) -> Event {
        event(json!({
            "type": "state", "time": "then", "presentity": presentity, "package": "presence",
            "document": {}, "summary": {"availability": availability, "note": "n".repeat(40)},
        }))
    }

    #[test]
    fn rows_in_the_order_of_the_command_line_and_packages_side_by_side() {
        let mut table = table(false);
        table.take(&state("sip:bob@H", "open"));
        table.take(&event(json!({
            "type": "state", "time": "now", "presentity": "sip:bob@h", "package": "message-summary",
            "document": {}, "summary": {"messages_waiting": {"new": 2}},
        })));
        let text = table.draw().unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "a@h         -      nothing is known yet");
        assert!(
            lines[2].starts_with("bob@h       now    is open: \"nnn")
                && lines[2].ends_with("; has 2 new messages"),
            "{text}"
        );
        assert_eq!(table.draw(), None);
        table.take(&event(json!({
            "type": "subscription", "presentity": "sip:a@h", "package": "presence", "dialog": null,
            "change": "refused", "code": 403, "reason": "Forbidden",
        })));
        let text = table.draw().unwrap();
        assert!(text.starts_with("\nPRESENTITY"), "{text:?}");
        assert!(text.contains("may not be watched: 403 Forbidden"));
    }

    #[test]
    fn a_terminal_is_redrawn_in_place_and_nothing_wraps() {
        let mut table = table(true);
        assert!(!table.draw().unwrap().contains('\x1b'));
        table.take(&state("sip:a@h", "closed"));
        table.take(&state("sip:new@h", "open"));
        assert!(table.draw().unwrap().starts_with("\x1b[3A\r\x1b[J"));
        let narrow = table.text(40, 5);
        let lines: Vec<&str> = narrow.lines().collect();
        assert!(lines.iter().all(|line| line.chars().count() <= 40), "{narrow}");
        assert!(lines[1].ends_with('…'));
        assert_eq!(lines[3], "and 1 more");
    }
}
