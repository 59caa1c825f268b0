//! Which crate may know which: read from the manifests.

use crate::tree::File;

/// Each of our crates with those of ours that it may depend on. Dependencies point one way; nothing depends on `pua`.
pub const DIRECTION: [(&str, &[&str]); 11] = [
    ("sip-wire", &[]),
    ("sip-transaction", &["sip-wire"]),
    ("sip-digest", &["sip-wire"]),
    ("event-packages", &["sip-wire"]),
    ("pua-mi", &["sip-wire", "event-packages"]),
    (
        "pua-core",
        &["sip-wire", "sip-transaction", "sip-digest", "event-packages"],
    ),
    (
        "pua-server",
        &["sip-wire", "sip-transaction", "sip-digest", "event-packages"],
    ),
    ("pua-store", &["pua-core"]),
    (
        "pua-sim",
        &[
            "sip-wire",
            "sip-transaction",
            "sip-digest",
            "event-packages",
            "pua-mi",
            "pua-core",
            "pua-server",
        ],
    ),
    (
        "pua",
        &[
            "sip-wire",
            "sip-transaction",
            "sip-digest",
            "event-packages",
            "pua-mi",
            "pua-core",
            "pua-server",
            "pua-store",
        ],
    ),
    ("tidy", &[]),
];

/// Findings of one manifest: a crate that the plan does not know, a dependency against the direction, lints not taken over.
pub fn follows_the_direction(manifest: &File) -> Vec<String> {
    let Some(name) = manifest
        .crate_name()
        .filter(|name| manifest.path == format!("crates/{name}/Cargo.toml"))
    else {
        return Vec::new();
    };
    let table: toml::Table = match manifest.text.parse() {
        Ok(table) => table,
        Err(fault) => return vec![format!("{}: {fault}", manifest.path)],
    };
    let Some((_, allowed)) = DIRECTION.iter().find(|(known, _)| *known == name) else {
        return vec![format!(
            "{}: the crate is not in tidy's table of dependencies",
            manifest.path
        )];
    };
    let mut found = Vec::new();
    for section in ["dependencies", "build-dependencies"] {
        let wanted = table.get(section).and_then(toml::Value::as_table);
        for dependency in wanted.into_iter().flat_map(toml::Table::keys) {
            let ours = DIRECTION.iter().any(|(known, _)| known == dependency);
            if ours && !allowed.contains(&dependency.as_str()) {
                found.push(format!(
                    "{}: {name} may not depend on {dependency}",
                    manifest.path
                ));
            }
        }
    }
    let lints = table
        .get("lints")
        .and_then(|lints| lints.get("workspace"))
        .and_then(toml::Value::as_bool);
    if lints != Some(true) {
        found.push(format!(
            "{}: does not take over the workspace's lints",
            manifest.path
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(name: &str, text: &str) -> Vec<String> {
        follows_the_direction(&File::new(&format!("crates/{name}/Cargo.toml"), text))
    }

    #[test]
    fn a_dependency_against_the_direction_is_found() {
        let found = findings(
            "sip-wire",
            "[lints]\nworkspace = true\n[dependencies]\npua-core.workspace = true\nbytes = \"1\"\n",
        );
        assert_eq!(
            found,
            ["crates/sip-wire/Cargo.toml: sip-wire may not depend on pua-core"]
        );
    }

    #[test]
    fn an_unknown_crate_and_missing_lints_are_found() {
        assert_eq!(findings("helper", "[lints]\nworkspace = true\n").len(), 1);
        assert_eq!(findings("pua-core", "[package]\nname = \"pua-core\"\n").len(), 1);
    }
}
