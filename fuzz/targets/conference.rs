//! Fuzz target: `document_checks::document` of application/conference-info+xml.
#![no_main]

#[path = "../src/document_checks.rs"]
#[allow(dead_code)]
mod document_checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| document_checks::document("application/conference-info+xml", data));
