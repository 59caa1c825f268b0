//! The rules of the house, applied to this repository.

use tidy::tree::{self, File};
use tidy::{coverage, manifest, rules};

fn check(name: &str, rule: impl Fn(&File) -> Vec<String>) {
    let found: Vec<String> = tree::files(&tree::root()).iter().flat_map(rule).collect();
    assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
}

#[test]
fn each_file_says_what_it_is_for() {
    check("head", rules::says_what_it_is_for);
}

#[test]
fn files_stay_short() {
    check("length", rules::stays_short);
}

#[test]
fn sans_io_crates_do_no_io() {
    check("sans-IO", rules::sans_io_does_no_io);
}

#[test]
fn sans_io_crates_deny_what_can_panic() {
    check("panic lints", rules::sans_io_cannot_panic);
}

#[test]
fn only_the_store_module_knows_a_database() {
    check("database", rules::only_the_store_knows_a_database);
}

#[test]
fn no_test_is_switched_off_or_sleeps() {
    check("tests", rules::tests_run_and_do_not_sleep);
}

#[test]
fn nothing_is_unfinished() {
    check("unfinished", rules::nothing_is_unfinished);
}

#[test]
fn no_machine_path_is_named() {
    check("paths", rules::names_no_machine_path);
}

#[test]
fn dependencies_point_one_way() {
    check("direction", manifest::follows_the_direction);
}

#[test]
fn the_coverage_table_names_only_what_exists() {
    let files = tree::files(&tree::root());
    let page = files
        .iter()
        .find(|file| file.path == "docs/rfc-coverage.md")
        .map(|file| file.text.clone())
        .unwrap_or_default();
    assert!(coverage::rows(&page).len() > 150, "the table has lost its rows");
    let mut found = coverage::holds(&page, &coverage::tests(&files));
    found.extend(coverage::unknown_ids(&files, &page));
    assert!(found.is_empty(), "docs/rfc-coverage.md:\n{}", found.join("\n"));
}
