//! Fuzz target: `document_checks::event_state`.
#![no_main]

#[path = "../src/document_checks.rs"]
#[allow(dead_code)]
mod document_checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| document_checks::event_state(data));
