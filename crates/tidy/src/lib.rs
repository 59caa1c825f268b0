//! Rules about the tree that no compiler lint knows. `tests/tree.rs` applies them to this repository; each rule is a
//! function over values, so that its own tests can show it a fault.

pub mod coverage;
pub mod manifest;
pub mod rules;
pub mod source;
pub mod tree;
