//! The rules for source files. Each gives its findings as `path:line: what`.

use crate::source;
use crate::tree::File;

/// The crates that know no socket, file, clock, thread or global random source.
pub const SANS_IO: [&str; 7] = [
    "sip-wire",
    "sip-transaction",
    "sip-digest",
    "event-packages",
    "pua-core",
    "pua-mi",
    "pua-server",
];

/// Lines of a file that is not tests.
const MAX_LINES: usize = 500;
/// Lines of a file of tests.
const MAX_TEST_LINES: usize = 1000;
/// Lines of tests inside a file of code; longer ones go to `x/tests.rs`.
const MAX_INLINE_TESTS: usize = 150;

/// What the sans-IO crates may not mention outside their tests.
const IO_WORDS: [&str; 18] = [
    "tokio",
    "std::net::UdpSocket",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "UnixDatagram",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "SystemTime",
    "Instant::now",
    "rand::rng(",
    "ThreadRng",
    "thread_rng",
    "from_os_rng",
    "println!",
    "getrandom",
];

/// What only the store module may mention.
const DATABASE_WORDS: [&str; 3] = ["rusqlite", "tokio_postgres", "deadpool_postgres"];

/// What a finished line does not hold.
const UNFINISHED: [&str; 2] = ["todo!(", "unimplemented!("];

fn finding(file: &File, line: usize, what: impl std::fmt::Display) -> String {
    format!("{}:{line}: {what}", file.path)
}

/// Each Rust file says at its head what it is for.
pub fn says_what_it_is_for(file: &File) -> Vec<String> {
    if !file.is_rust() || file.text.starts_with("//!") {
        return Vec::new();
    }
    vec![finding(
        file,
        1,
        "does not begin with a `//!` line that says what the file is for",
    )]
}

/// No file grows into a hub.
pub fn stays_short(file: &File) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let count = file.text.lines().count();
    if file.is_test() {
        return (count > MAX_TEST_LINES)
            .then(|| {
                finding(
                    file,
                    count,
                    format!("{count} lines of tests; at most {MAX_TEST_LINES}"),
                )
            })
            .into_iter()
            .collect();
    }
    let tests = source::lines(&file.text).iter().filter(|line| line.test).count();
    let code = count - tests.min(count);
    let mut found = Vec::new();
    if code > MAX_LINES {
        found.push(finding(file, count, format!("{code} lines; at most {MAX_LINES}")));
    }
    if tests > MAX_INLINE_TESTS {
        found.push(finding(
            file,
            count,
            format!("{tests} lines of tests inside; above {MAX_INLINE_TESTS} they go to tests.rs"),
        ));
    }
    found
}

/// The sans-IO crates do no IO, read no clock, start no thread, and draw from no global random source.
pub fn sans_io_does_no_io(file: &File) -> Vec<String> {
    let sans_io = file.crate_name().is_some_and(|name| SANS_IO.contains(&name));
    if !sans_io || !file.is_rust() || file.is_test() || !file.path.contains("/src/") {
        return Vec::new();
    }
    mentions(
        file,
        &IO_WORDS,
        |line| !line.test,
        "is IO, a clock, a thread or a global random source",
    )
}

/// Only the store module knows a database.
pub fn only_the_store_knows_a_database(file: &File) -> Vec<String> {
    if !file.is_rust() || file.path.starts_with("crates/pua-store/") || file.path.starts_with("crates/tidy/")
    {
        return Vec::new();
    }
    mentions(
        file,
        &DATABASE_WORDS,
        |_| true,
        "belongs in the store module only",
    )
}

/// No test is switched off, and none waits for real time to pass.
pub fn tests_run_and_do_not_sleep(file: &File) -> Vec<String> {
    let test_file = file.is_test();
    if file.is_rust() {
        let mut found = mentions(file, &["#[ignore"], |_| true, "switches a test off");
        found.extend(mentions(
            file,
            &["sleep("],
            |line| test_file || line.test,
            "waits for real time in a test",
        ));
        return found;
    }
    if file.path.starts_with("interop/")
        && file.path.ends_with(".py")
        && !file.path.ends_with("harness/waiting.py")
    {
        let lines = file
            .text
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains("sleep("));
        return lines
            .map(|(index, _)| finding(file, index + 1, "sleeps; wait for a condition"))
            .collect();
    }
    Vec::new()
}

/// No line says of itself that it is unfinished.
pub fn nothing_is_unfinished(file: &File) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let mut found = mentions(file, &UNFINISHED, |_| true, "is unfinished");
    if !file.path.starts_with("crates/tidy/") {
        let marks = ["TODO", "FIXME"];
        for (index, line) in file.text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                found.push(finding(file, index + 1, "a mark of unfinished work"));
            }
        }
    }
    found
}

/// No path of the machine on which something was written.
pub fn names_no_machine_path(file: &File) -> Vec<String> {
    let paths = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/home", "/"),
    ];
    let told = |line: &str| paths.iter().any(|path| line.contains(path));
    file.text
        .lines()
        .enumerate()
        .filter(|(_, line)| told(line))
        .map(|(index, _)| finding(file, index + 1, "a path of one machine"))
        .collect()
}

/// The sans-IO crates refuse what can panic on a peer's or an application's input.
pub fn sans_io_cannot_panic(file: &File) -> Vec<String> {
    let lib = file
        .crate_name()
        .filter(|name| SANS_IO.contains(name))
        .is_some_and(|name| file.path == format!("crates/{name}/src/lib.rs"));
    if !lib {
        return Vec::new();
    }
    let lints = [
        "clippy::unwrap_used",
        "clippy::expect_used",
        "clippy::panic",
        "clippy::indexing_slicing",
    ];
    let denied: String = file
        .text
        .split("#![")
        .filter(|attribute| attribute.starts_with("deny(") || attribute.starts_with("forbid("))
        .collect();
    lints
        .iter()
        .filter(|lint| !denied.contains(*lint))
        .map(|lint| finding(file, 1, format!("does not deny {lint}")))
        .collect()
}

fn mentions(file: &File, words: &[&str], counts: impl Fn(&source::Line) -> bool, what: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in source::lines(&file.text).into_iter().filter(counts) {
        if let Some(word) = words.iter().find(|word| has_word(&line.code, word)) {
            found.push(finding(file, line.number, format!("`{word}` {what}")));
        }
    }
    found
}

/// Whether `word` stands in `code` with nothing of a longer name before it.
fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word)
        .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_head_is_found() {
        assert_eq!(
            says_what_it_is_for(&File::new("crates/a/src/b.rs", "use x;\n")).len(),
            1
        );
        assert!(says_what_it_is_for(&File::new("crates/a/src/b.rs", "//! What.\n")).is_empty());
    }

    #[test]
    fn a_long_file_and_long_inline_tests_are_found() {
        assert_eq!(
            stays_short(&File::new("crates/a/src/b.rs", &"x\n".repeat(501))).len(),
            1
        );
        assert!(stays_short(&File::new("crates/a/src/b/tests.rs", &"x\n".repeat(501))).is_empty());
        let inline = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(150));
        assert_eq!(stays_short(&File::new("crates/a/src/b.rs", &inline)).len(), 1);
    }

    #[test]
    fn io_in_a_sans_io_crate_is_found_but_not_in_its_tests_or_comments() {
        let found = |text: &str| sans_io_does_no_io(&File::new("crates/pua-core/src/a.rs", text)).len();
        assert_eq!(found("fn f() { let now = Instant::now(); }\n"), 1);
        assert_eq!(found("/// not tokio\nfn f() {}\n"), 0);
        assert_eq!(
            found("#[cfg(test)]\nmod tests {\n fn f() { Instant::now(); }\n}\n"),
            0
        );
        assert!(sans_io_does_no_io(&File::new("crates/pua/src/a.rs", "use tokio;\n")).is_empty());
    }

    #[test]
    fn a_database_outside_the_store_is_found() {
        assert_eq!(
            only_the_store_knows_a_database(&File::new(
                "crates/pua/src/http.rs",
                "use rusqlite::Connection;\n"
            ))
            .len(),
            1
        );
        assert!(
            only_the_store_knows_a_database(&File::new(
                "crates/pua-store/src/sqlite.rs",
                "use rusqlite::Connection;\n"
            ))
            .is_empty()
        );
    }

    #[test]
    fn an_ignored_or_sleeping_test_is_found() {
        assert_eq!(
            tests_run_and_do_not_sleep(&File::new("crates/a/src/b.rs", "#[ignore]\nfn f() {}\n")).len(),
            1
        );
        assert_eq!(
            tests_run_and_do_not_sleep(&File::new(
                "crates/a/tests/b.rs",
                "fn f() { thread::sleep(x); }\n"
            ))
            .len(),
            1
        );
        assert!(
            tests_run_and_do_not_sleep(&File::new(
                "crates/pua/src/b.rs",
                "fn f() { tokio::time::sleep(x); }\n"
            ))
            .is_empty()
        );
        assert_eq!(
            tests_run_and_do_not_sleep(&File::new("interop/tests/a.py", "time.sleep(1)\n")).len(),
            1
        );
    }

    #[test]
    fn unfinished_work_is_found() {
        assert_eq!(
            nothing_is_unfinished(&File::new("crates/a/src/b.rs", "fn f() { todo!() }\n")).len(),
            1
        );
        assert_eq!(
            nothing_is_unfinished(&File::new("crates/a/src/b.rs", "// FIXME\n")).len(),
            1
        );
    }

    #[test]
    fn a_machine_path_is_found() {
        assert_eq!(
            names_no_machine_path(&File::new("docs/a.md", concat!("see /wo", "rk/x\n"))).len(),
            1
        );
    }

    #[test]
    fn a_sans_io_crate_without_the_panic_lints_is_found() {
        assert_eq!(
            sans_io_cannot_panic(&File::new("crates/pua-core/src/lib.rs", "//! x\n")).len(),
            4
        );
        let all =
            "#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]\n";
        assert!(sans_io_cannot_panic(&File::new("crates/pua-core/src/lib.rs", all)).is_empty());
    }
}
