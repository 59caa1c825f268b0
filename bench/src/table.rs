//! Tables: aligned for a terminal, and as Markdown.

/// Rows of cells under a head. The first column is text; the others are numbers and stand right.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    /// How many columns are text.
    text: usize,
}

impl Table {
    /// Without rows; so many of the first columns are text.
    pub(crate) fn new(text: usize, head: &[&str]) -> Table {
        Table {
            head: head.iter().map(|cell| (*cell).to_owned()).collect(),
            rows: Vec::new(),
            text,
        }
    }

    /// Appends a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.head]);
            cells
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
        };
        (0..self.head.len())
            .map(|column| width(column).unwrap_or(0))
            .collect()
    }

    fn line(&self, row: &[String], widths: &[usize], between: &str) -> String {
        let cells =
            row.iter()
                .zip(widths)
                .enumerate()
                .map(|(column, (cell, width))| match column < self.text {
                    true => format!("{cell:<width$}"),
                    false => format!("{cell:>width$}"),
                });
        cells.collect::<Vec<String>>().join(between)
    }

    /// For a terminal.
    pub(crate) fn plain(&self) -> String {
        let widths = self.widths();
        let rows = [&self.head].into_iter().chain(&self.rows);
        let mut out = String::new();
        for row in rows {
            out.push_str(self.line(row, &widths, "  ").trim_end());
            out.push('\n');
        }
        out
    }

    /// For a page.
    pub(crate) fn markdown(&self) -> String {
        let widths = self.widths();
        let rules = (0..self.head.len()).map(|column| if column < self.text { "---" } else { "---:" });
        let mut out = format!("| {} |\n", self.line(&self.head, &widths, " | "));
        out.push_str(&format!("|{}|\n", rules.collect::<Vec<&str>>().join("|")));
        for row in &self.rows {
            out.push_str(&format!("| {} |\n", self.line(row, &widths, " | ")));
        }
        out
    }
}

/// A number with as many digits as it is worth: three, or all before the point.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "-".to_owned(),
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        size if size >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}

/// A ratio, or nothing.
pub(crate) fn ratio(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{}x", number(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned() {
        let mut table = Table::new(1, &["name", "n"]);
        table.row(vec!["a".to_owned(), "17".to_owned()]);
        assert_eq!(table.plain(), "name   n\na     17\n");
        assert_eq!(table.markdown(), "| name |  n |\n|---|---:|\n| a    | 17 |\n");
    }

    #[test]
    fn numbers_have_three_digits() {
        let told: Vec<String> = [0.0, 0.01234, 0.1234, 1.234, 12.34, 1234.5, f64::NAN]
            .into_iter()
            .map(number)
            .collect();
        assert_eq!(told, ["0", "0.0123", "0.123", "1.23", "12.3", "1234", "-"]);
        assert_eq!(
            (ratio(Some(12.0)), ratio(None)),
            ("12.0x".to_owned(), String::new())
        );
    }
}
