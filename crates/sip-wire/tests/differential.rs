//! The parser against another, independent one: both have to accept and to refuse the same
//! messages, apart from the differences listed here with their reasons.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use sip_wire::{Fault, Limits, Message};
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

/// Why the two may differ about a message; `None` if they may not.
fn known_difference(
    bytes: &[u8],
    ours: &Result<(), String>,
    theirs: &Result<(), String>,
) -> Option<&'static str> {
    match (ours, theirs) {
        (Err(ours), Ok(())) => match ours.as_str() {
            "Malformed(CallId)" => Some("we refuse blanks, controls and octets beyond ASCII in a Call-ID"),
            "Malformed(Via)" => Some("we want SIP as the protocol of a Via, and an rport that is a port"),
            "Malformed(From)" | "Malformed(To)" => Some(
                "we want <> around a URI with a comma or question mark, and a scheme that begins with a letter",
            ),
            text if text.starts_with("Repeated(") => Some("we know more headers that may not be repeated"),
            "RequestLine" => Some("they take a tab for a part of an unknown version"),
            "RequestUri" => Some("we refuse hosts that begin with a hyphen"),
            text if text.starts_with("malformed start line") => {
                Some("they answer any version with 505, we only what looks like SIP/ and a version")
            }
            _ => None,
        },
        (Ok(()), Err(theirs)) => match theirs.as_str() {
            _ if matches!(bytes.first(), Some(b'\r' | b'\n')) => {
                Some("we skip any line ends before the start line of a datagram")
            }
            text if text.ends_with("invalid SIP URI user part") && bytes.contains(&b'#') => {
                Some("we take an unescaped # in the user part, as in dialled strings")
            }
            text if text.ends_with("character in host") && bytes.contains(&b'_') => {
                Some("we take an underscore in a host name")
            }
            text if text.contains("no blank line after headers") => {
                Some("we let the end of a datagram end the headers")
            }
            text if text.contains("field name") => {
                Some("we leave out rows whose name is no token (RFC 3261 §8.2.2)")
            }
            "[MalformedRequiredHeader(\"From\")]" | "[MalformedRequiredHeader(\"To\")]" => {
                Some("we do not look into the URIs of From and To, and take any display name beyond ASCII")
            }
            "[MalformedRequiredHeader(\"Via\")]" => {
                Some("we take any visible octets in the value of a parameter")
            }
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn the_torture_messages_get_the_same_verdicts() {
    for (id, bytes) in torture() {
        let (ours, theirs) = (ours(&bytes), theirs(&bytes));
        assert_eq!(ours.is_ok(), theirs.is_ok(), "{id}: {ours:?}, {theirs:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, rng_seed: RngSeed::Fixed(4475), ..ProptestConfig::default() })]

    /// One octet changed, inserted or removed in a message that both accept. Always the same
    /// changes: a difference that nobody has looked at yet is for a longer run to find.
    #[test]
    fn changed_messages_get_the_same_verdicts(
        (mut bytes, place, octet, how) in (prop::sample::select(accepted()), 0.0..1.0f64, any::<u8>(), 0..3u8)
    ) {
        let at = (place * bytes.len() as f64) as usize;
        match how {
            0 => *bytes.get_mut(at).unwrap() = octet,
            1 => bytes.insert(at, octet),
            _ => drop(bytes.remove(at)),
        }
        let (ours, theirs) = (ours(&bytes), theirs(&bytes));
        prop_assert!(
            ours.is_ok() == theirs.is_ok() || known_difference(&bytes, &ours, &theirs).is_some(),
            "{:?}, {:?}: {}", ours, theirs, String::from_utf8_lossy(&bytes)
        );
    }
}

fn accepted() -> Vec<Vec<u8>> {
    let all: Vec<_> = torture()
        .into_iter()
        .map(|(_, b)| b)
        .filter(|b| ours(b).is_ok() && theirs(b).is_ok())
        .collect();
    assert!(all.len() > 30);
    all
}
