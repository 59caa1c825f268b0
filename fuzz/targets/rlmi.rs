//! Fuzz target: `document_checks::document` of application/rlmi+xml.
#![no_main]

#[path = "../src/document_checks.rs"]
#[allow(dead_code)]
mod document_checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| document_checks::document("application/rlmi+xml", data));
