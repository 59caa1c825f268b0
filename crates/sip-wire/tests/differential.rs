//! The parser against another, independent one: both have to accept and to refuse the same
//! messages, apart from the differences listed here with their reasons.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;

use bytes::Bytes;
use proptest::prelude::*;
use sip_wire::{Fault, FaultKind, HeaderName, Limits, Message};
use sipx_sip::validate::Finding;

fn torture() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for dir in ["", "rfc5118"] {
        let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "torture", dir]
            .iter()
            .collect();
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|x| x == "dat") {
                let id = path.file_stem().unwrap().to_string_lossy().into_owned();
                all.push((id, std::fs::read(path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

/// Whether we take the message for one in order, and if not, why.
fn ours(bytes: &[u8]) -> Result<(), String> {
    let message = Message::parse_datagram(bytes, &Limits::default()).map_err(|e| e.to_string())?;
    message
        .essentials()
        .map(drop)
        .map_err(|fault: Fault| format!("{:?}", fault.kind))
}

/// The same for the other parser.
fn theirs(bytes: &[u8]) -> Result<(), String> {
    let limits = sipx_sip::parser::Limits::default();
    let message = sipx_sip::parser::parse_datagram(Bytes::copy_from_slice(bytes), &limits)
        .map_err(|e| e.to_string())?;
    let findings: Vec<Finding> = sipx_sip::validate::validate(&message)
        .into_iter()
        // answered with 505, which we leave to the layer above
        .filter(|f| *f != Finding::UnsupportedVersion)
        // a user agent server does not need it; RFC 2543 clients do not send it
        .filter(|f| *f != Finding::MissingRequiredHeader("Max-Forwards"))
        .collect();
    if findings.is_empty() {
        Ok(())
    } else {
        Err(format!("{findings:?}"))
    }
}

/// Torture messages about which the two differ: whether we accept, and why.
const DIFFERENT: &[(&str, bool, &str)] = &[];

#[test]
fn torture_messages() {
    let different: Vec<_> = torture()
        .into_iter()
        .filter_map(|(id, bytes)| {
            let (ours, theirs) = (ours(&bytes), theirs(&bytes));
            (ours.is_ok() != theirs.is_ok()).then_some((id, ours, theirs))
        })
        .collect();
    let expected: Vec<_> = DIFFERENT
        .iter()
        .map(|(id, accepted, _)| ((*id).to_owned(), *accepted))
        .collect();
    let found: Vec<_> = different
        .iter()
        .map(|(id, ours, _)| (id.clone(), ours.is_ok()))
        .collect();
    assert_eq!(found, expected, "{different:#?}");
}

fn key_long(a: &Result<(), String>, b: &Result<(), String>) -> bool { let k = format!("{a:?} {b:?}"); k.contains("Via") || k.contains("From") || k.contains("To") }
#[test]
fn survey() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let good: Vec<Vec<u8>> = torture()
        .into_iter()
        .filter(|(_, b)| ours(b).is_ok() && theirs(b).is_ok())
        .map(|(_, b)| b)
        .collect();
    let strategy = (prop::sample::select(good), 0.0..1.0f64, any::<u8>(), 0..3u8);
    let mut kinds = std::collections::BTreeMap::new();
    for _ in 0..20000 {
        let (mut bytes, place, octet, how) = strategy.new_tree(&mut runner).unwrap().current();
        let at = (place * bytes.len() as f64) as usize;
        match how {
            0 => bytes[at] = octet,
            1 => bytes.insert(at, octet),
            _ => drop(bytes.remove(at)),
        }
        let (a, b) = (ours(&bytes), theirs(&bytes));
        if a.is_ok() != b.is_ok() {
            let from = bytes[..at].iter().rposition(|c| *c == b'\n').map_or(0, |p| p + 1);
            let to = (at + 40).min(bytes.len());
            let key = format!("{a:?} / {b:?}");
            let entry = kinds.entry(key).or_insert((0, String::new()));
            entry.0 += 1;
            if key_long(&a, &b) && entry.0 < 60 {
                entry.1.push_str(&format!(
                    "\n      {how} {:?}",
                    String::from_utf8_lossy(&bytes[from..to])
                ));
            }
        }
    }
    for (k, (n, ex)) in &kinds {
        println!("{n} {k} {ex}");
    }
    let _ = (FaultKind::Text, HeaderName::Via);
}
