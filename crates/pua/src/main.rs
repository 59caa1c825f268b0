//! The `pua` program.
fn main() {}
