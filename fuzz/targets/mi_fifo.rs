//! Fuzz target: `mi_checks::fifo`.
#![no_main]

#[path = "../src/mi_checks.rs"]
#[allow(dead_code)]
mod mi_checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| mi_checks::fifo(data));
