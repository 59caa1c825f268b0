//! The table of `docs/rfc-coverage.md`: which test proves which row of the conformance checklist.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::File;

/// One row: an id of the checklist, and the tests named for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The id, for example `R3903-41`.
    pub id: String,
    /// The names of the tests.
    pub tests: Vec<String>,
    /// What the last column says besides, for example "later: TLS".
    pub remark: String,
    /// The line of the table.
    pub line: usize,
}

/// The rows of all tables on the page. A row has the columns id, requirement, priority, tests.
pub fn rows(page: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for (index, line) in page.lines().enumerate() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [id, _, _, last] = cells[..] else { continue };
        if id == "id" || id.starts_with('-') {
            continue;
        }
        let parts: Vec<&str> = last.split('`').collect();
        rows.push(Row {
            id: id.to_owned(),
            tests: parts
                .iter()
                .skip(1)
                .step_by(2)
                .map(|&name| name.to_owned())
                .collect(),
            remark: parts
                .iter()
                .step_by(2)
                .map(|part| part.trim_matches([',', ' ']))
                .collect(),
            line: index + 1,
        });
    }
    rows
}

/// The names of all tests in the tree: functions under `#[test]` in Rust, methods `test_...` in the interop suite.
pub fn tests(files: &[File]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files {
        if file.is_rust() {
            let mut announced = false;
            for line in file.text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    announced = true;
                } else if let Some(name) = function_name(line).filter(|_| announced) {
                    names.insert(name);
                    announced = false;
                }
            }
        } else if file.path.starts_with("interop/") && file.path.ends_with(".py") {
            let methods = file
                .text
                .lines()
                .filter_map(|line| line.trim().strip_prefix("def "));
            names.extend(
                methods
                    .filter_map(|rest| rest.split('(').next())
                    .filter(|name| name.starts_with("test_"))
                    .map(str::to_owned),
            );
        }
    }
    names
}

fn function_name(line: &str) -> Option<String> {
    let rest = line
        .trim_start_matches("pub ")
        .trim_start_matches("async ")
        .strip_prefix("fn ")?;
    rest.split(['(', '<']).next().map(str::to_owned)
}

/// Findings of the table: an id twice, a test that does not exist, a row that says nothing.
pub fn holds(page: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows(page) {
        if let Some(first) = seen.insert(row.id.clone(), row.line) {
            found.push(format!(
                "line {}: {} stands in line {first} as well",
                row.line, row.id
            ));
        }
        if row.tests.is_empty() && row.remark.is_empty() {
            found.push(format!(
                "line {}: {} names no test and does not say why",
                row.line, row.id
            ));
        }
        for test in row.tests.iter().filter(|&test| !tests.contains(test)) {
            found.push(format!(
                "line {}: {} names `{test}`, which does not exist",
                row.line, row.id
            ));
        }
    }
    found
}

/// Ids that the tests' own comments name but the table does not hold. Only RFCs of the table count: the checklist has groups that the
/// table does not cover.
pub fn unknown_ids(files: &[File], page: &str) -> Vec<String> {
    let known: BTreeSet<String> = rows(page).into_iter().map(|row| row.id).collect();
    let head = |id: &str| id.split('-').next().unwrap_or_default().to_owned();
    let heads: BTreeSet<String> = known.iter().map(|id| head(id)).collect();
    let mut found = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.is_rust() && !file.path.starts_with("crates/tidy/"))
    {
        for (index, line) in file.text.lines().enumerate() {
            for id in ids(line).filter(|id| heads.contains(&head(id)) && !known.contains(id)) {
                found.push(format!("{}:{}: {id} is not in the table", file.path, index + 1));
            }
        }
    }
    found
}

/// The ids in a line: `R` with an RFC's number or `SEC`, a dash, two or three digits.
fn ids(line: &str) -> impl Iterator<Item = String> + '_ {
    line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter_map(|word| {
            let (head, number) = word.split_once('-')?;
            let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
                lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
            };
            let known = head == "SEC" || head.strip_prefix('R').is_some_and(|rfc| digits(rfc, 4..=4));
            (known && digits(number, 2..=3)).then(|| word.to_owned())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "| id | requirement | P | tests |\n|---|---|---|---|\n| R3903-01 | x | P0 | `a_test` |\n| R3903-02 | y | P1 | later: TLS |\n";

    #[test]
    fn rows_are_read() {
        let read = rows(PAGE);
        assert_eq!(
            (read[0].id.as_str(), read[0].tests.as_slice()),
            ("R3903-01", &["a_test".to_owned()][..])
        );
        assert_eq!((read[1].tests.len(), read[1].remark.as_str()), (0, "later: TLS"));
    }

    #[test]
    fn a_test_that_does_not_exist_is_found() {
        let files = [File::new(
            "crates/a/src/b.rs",
            "#[test]\nfn a_test() {}\nfn no_test() {}\n",
        )];
        assert!(holds(PAGE, &tests(&files)).is_empty());
        assert_eq!(holds(PAGE, &BTreeSet::new()).len(), 1);
        assert!(!tests(&files).contains("no_test"));
    }

    #[test]
    fn an_empty_or_repeated_row_is_found() {
        let page = "| R3903-01 | x | P0 | |\n| R3903-01 | x | P0 | later |\n";
        assert_eq!(holds(page, &BTreeSet::new()).len(), 2);
    }

    #[test]
    fn an_id_outside_the_table_is_found() {
        let files = [File::new(
            "crates/a/src/b.rs",
            "/// R3903-01, R3903-99, R6665-01, RFC 3903-4, R3261\n",
        )];
        assert_eq!(
            unknown_ids(&files, PAGE),
            ["crates/a/src/b.rs:1: R3903-99 is not in the table"]
        );
    }
}
