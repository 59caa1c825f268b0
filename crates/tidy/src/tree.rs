//! The files of the repository, read once.

use std::fs;
use std::path::{Path, PathBuf};

/// What holds nothing of ours: build output and version control (`.git` is a file in a linked work tree).
const SKIPPED: [&str; 6] = ["target", ".git", "corpus", "__pycache__", "node_modules", "run"];

/// A text file of the tree; the path is relative to the root and has `/` between its parts.
#[derive(Debug, Clone)]
pub struct File {
    /// Where it lies, from the root.
    pub path: String,
    /// What it holds.
    pub text: String,
}

impl File {
    /// A file made up by a test.
    pub fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// Whether this is Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the whole file is tests or benchmarks.
    pub fn is_test(&self) -> bool {
        let test_dir = ["/tests/", "/benches/", "crates/pua-sim/", "crates/tidy/"]
            .iter()
            .any(|part| self.path.contains(part));
        test_dir || self.path.ends_with("/tests.rs") || self.path.ends_with("_tests.rs")
    }

    /// The crate under `crates/` that the file belongs to.
    pub fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Every readable text file under `root`, sorted by path. Files that are not UTF-8 are left out.
pub fn files(root: &Path) -> Vec<File> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let relative = path
                    .strip_prefix(root)
                    .unwrap_or(&path)
                    .to_string_lossy()
                    .replace('\\', "/");
                found.push(File { path: relative, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}
