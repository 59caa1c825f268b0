//! A complete configuration file with comments.

/// What `pua config example` prints and packages install.
pub(crate) const EXAMPLE: &str = include_str!("../../../../packaging/pua.toml");
