//! Printing: aligned, coloured on terminals only, quiet when the reader has gone.

use std::io::{ErrorKind, IsTerminal, Write};

use serde_json::Value;

use super::Failure;
use crate::exit_codes;

/// Prints to standard output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    colour: bool,
}

impl Output {
    /// For standard output.
    pub(crate) fn new(json: bool) -> Output {
        Output {
            colour: !json && std::io::stdout().is_terminal() && wanted(),
        }
    }

    /// For standard error.
    pub(crate) fn errors() -> Output {
        Output {
            colour: std::io::stderr().is_terminal() && wanted(),
        }
    }

    /// Prints lines. A reader that has gone ends the program without a word, as `head` expects.
    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        let written = writeln!(out, "{text}").and_then(|()| out.flush());
        written.map_err(|error| unwritten(&error))
    }

    /// Prints bytes as they are; on a terminal, a line's end after them.
    pub(crate) fn raw(self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        let end: &[u8] = match out.is_terminal() && !bytes.ends_with(b"\n") {
            true => b"\n",
            false => b"",
        };
        let written = out.write_all(bytes).and_then(|()| out.write_all(end));
        let written = written.and_then(|()| out.flush());
        written.map_err(|error| unwritten(&error))
    }

    /// Prints JSON on a line.
    pub(crate) fn json(self, value: &Value) -> Result<(), Failure> {
        self.line(&value.to_string())
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// The state of a publication or subscription in its colour.
    pub(crate) fn state(self, state: &str, padded: &str) -> String {
        match state {
            "published" | "active" => self.green(padded),
            "refused" | "terminated" => self.red(padded),
            "waiting" | "pending" => self.yellow(padded),
            _ => padded.to_owned(),
        }
    }
}

/// Says something beside the output, on standard error.
pub(crate) fn notice(text: &str) {
    // There is nowhere left to say that standard error is gone.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// What it means that nothing can be printed: for a reader that has gone, the end without a word.
pub(crate) fn unwritten(error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::silent(exit_codes::DONE),
        _ => Failure::new(exit_codes::INTERNAL, format!("cannot write: {error}")),
    }
}

fn wanted() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Rows as aligned columns under a heading; `last` of a row is not padded.
pub(crate) fn table(
    heading: &[&str],
    rows: &[Vec<String>],
    paint: impl Fn(usize, &str, &str) -> String,
) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heading[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = (usize, String)>| {
        let mut line = String::new();
        for (column, cell) in cells {
            let fill = widths[column].saturating_sub(cell.chars().count());
            let padded = format!("{cell}{}", " ".repeat(fill));
            line.push_str(&paint(column, &cell, &padded));
            line.push_str("  ");
        }
        line.trim_end().to_owned()
    };
    let mut lines = Vec::with_capacity(rows.len() + 1);
    lines.push(line(
        &mut heading.iter().map(|cell| (*cell).to_owned()).enumerate(),
    ));
    for row in rows {
        lines.push(line(&mut row.iter().cloned().enumerate()));
    }
    lines.join("\n")
}

/// Names and values as two columns.
pub(crate) fn fields(paint: Output, fields: &[(&str, String)]) -> String {
    let width = fields
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let lines: Vec<String> = fields
        .iter()
        .map(|(name, value)| {
            let fill = " ".repeat(width - name.chars().count());
            // Values of several lines stay in their column.
            let value = value.replace('\n', &format!("\n{}", " ".repeat(width + 2)));
            format!("{}{fill}  {value}", paint.dim(name))
        })
        .collect();
    lines.join("\n")
}

/// A time as a clock on the wall shows it, with the day unless it is today; what is no time as it is.
pub(crate) fn clock(time: &str) -> String {
    let Ok(at) = time.parse::<jiff::Timestamp>() else {
        return time.to_owned();
    };
    let now = jiff::Zoned::now();
    let at = at.to_zoned(now.time_zone().clone());
    let format = match at.date() == now.date() {
        true => "%H:%M:%S",
        false => "%Y-%m-%d %H:%M:%S",
    };
    at.strftime(format).to_string()
}

/// A time as the distance from now: `in 59 min`, `12 s ago`; what is no time as it is.
pub(crate) fn within(time: &str) -> String {
    let Ok(at) = time.parse::<jiff::Timestamp>() else {
        return time.to_owned();
    };
    let seconds = at.as_second() - jiff::Timestamp::now().as_second();
    let span = span(seconds.unsigned_abs());
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("in {span}"),
        _ => format!("{span} ago"),
    }
}

/// Seconds as people say them.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
