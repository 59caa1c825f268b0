//! A complete configuration file with comments.

/// What `pua config example` prints and packages install.
pub const EXAMPLE: &str = include_str!("../../../../packaging/pua.toml");
