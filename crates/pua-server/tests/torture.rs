//! The messages of RFC 4475 and RFC 5118, and bytes without sense: each answered as it should be,
//! or not at all, and nothing panics.

mod common;

use std::path::Path;

use common::{Bench, GUIDE};
use proptest::prelude::*;
use pua_server::{Config, Input};

fn answer(bytes: &[u8], tcp: bool) -> Option<u16> {
    let bench = Bench::new(Config::default());
    let mut bench = if tcp { bench.over_tcp() } else { bench };
    let flow = bench.flow;
    bench.input(Input::Received { flow: &flow, bytes });
    let code = bench
        .sent
        .iter()
        .find(|transmit| transmit.bytes.starts_with(b"SIP/2.0 "))
        .map(|transmit| {
            std::str::from_utf8(&transmit.bytes[8..11])
                .unwrap()
                .parse()
                .unwrap()
        });
    assert!(bench.server.counters().publications == 0);
    code
}

/// What is answered to each message of `tests/torture` of `sip-wire` in a datagram; 0: nothing.
const VERDICTS: &[(&str, u16)] = &[
    ("badaspec", 400),
    ("badbranch", 200),
    ("baddate", 405),
    ("baddn", 400),
    ("badinv01", 400),
    ("badvers", 505),
    ("bcast", 0),
    ("bext01", 420),
    ("bigcode", 0),
    ("clerr", 400),
    ("cparam01", 405),
    ("cparam02", 405),
    ("dblreq", 405),
    ("esc01", 405),
    ("esc02", 501),
    ("escnull", 405),
    ("escruri", 400),
    ("insuf", 0),
    ("intmeth", 501),
    ("inv2543", 405),
    ("invut", 405),
    ("ipv4-mapped-ipv6", 405),
    ("ipv6-bad", 400),
    ("ipv6-bug-abnf-3-colons", 200),
    ("ipv6-correct-abnf-2-colons", 200),
    ("ipv6-good", 405),
    ("ipv6-in-sdp", 405),
    ("longreq", 405),
    ("ltgtruri", 400),
    ("lwsdisp", 200),
    ("lwsruri", 400),
    ("lwsstart", 400),
    ("mcl01", 400),
    ("mismatch01", 400),
    ("mismatch02", 400),
    ("mpart01", 405),
    ("mult-ip-in-header", 405),
    ("mult-ip-in-sdp", 405),
    ("multi01", 400),
    ("ncl", 400),
    ("noreason", 0),
    ("novelsc", 416),
    ("port-ambiguous", 405),
    ("port-unambiguous", 405),
    ("quotbal", 400),
    ("regaut01", 405),
    ("regbadct", 405),
    ("regescrt", 405),
    ("scalar02", 400),
    ("scalarlg", 0),
    ("sdp01", 405),
    ("semiuri", 200),
    ("test", 0),
    ("transports", 200),
    ("trws", 400),
    ("unkscm", 416),
    ("unksm2", 405),
    ("unreason", 0),
    ("via-received-param-no-delim", 200),
    ("via-received-param-with-delim", 405),
    ("wsinv", 405),
    ("zeromf", 200),
];

#[test]
fn rfc_4475_and_rfc_5118() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sip-wire/tests/torture");
    let mut seen = Vec::new();
    for folder in [folder.clone(), folder.join("rfc5118")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "dat") {
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                let bytes = std::fs::read(&path).unwrap();
                answer(&bytes, true);
                seen.push((name, answer(&bytes, false).unwrap_or(0)));
            }
        }
    }
    seen.sort();
    let expected: Vec<(String, u16)> = VERDICTS
        .iter()
        .map(|(name, code)| ((*name).to_owned(), *code))
        .collect();
    assert_eq!(seen, expected);
}

fn nearly_sip() -> impl Strategy<Value = Vec<u8>> {
    let row = prop_oneof![
        Just("Event: presence".to_owned()),
        Just("Event: dialog;id=1".to_owned()),
        Just("Expires: 0".to_owned()),
        Just("Expires: 4294967295".to_owned()),
        Just("SIP-If-Match: x".to_owned()),
        Just("Contact: <sip:w@198.51.100.7;transport=tcp>".to_owned()),
        Just("Record-Route: <sip:192.0.2.1>, <sip:h;lr>".to_owned()),
        Just("Content-Type: application/pidf+xml".to_owned()),
        Just("Accept: */*".to_owned()),
        Just("Require:".to_owned()),
        Just("Authorization: Digest realm=x".to_owned()),
        "[A-Za-z-]{1,12}: \\PC{0,20}",
    ];
    let method = prop_oneof![
        "PUBLISH",
        "SUBSCRIBE",
        "OPTIONS",
        "NOTIFY",
        "CANCEL",
        "ACK",
        "INVITE"
    ];
    let uri = prop_oneof![
        Just("sip:alice@example.com".to_owned()),
        Just("pres:a@b".to_owned()),
        "sip:[ -~]{0,12}",
        Just("sip:[::1]:5060;lr".to_owned()),
    ];
    let body = prop_oneof![Just(GUIDE.to_owned()), Just(String::new()), "\\PC{0,40}"];
    (method, uri, proptest::collection::vec(row, 0..8), body, any::<u8>(), any::<bool>()).prop_map(
        |(method, uri, rows, body, branch, tagged)| {
            let rows: String = rows.iter().map(|row| format!("{row}\r\n")).collect();
            let tag = if tagged { ";tag=000000000000000000000000" } else { "" };
            format!("{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{branch};rport\r\nFrom: <sip:w@h>;tag=w\r\nTo: <{uri}>{tag}\r\nCall-ID: {branch}\r\nCSeq: 1 {method}\r\n{rows}Content-Length: {}\r\n\r\n{body}", body.len())
                .into_bytes()
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), tcp in any::<bool>()) {
        let _ = answer(&bytes, tcp);
    }

    #[test]
    fn sequences_of_nearly_right_messages_are_survived(
        messages in proptest::collection::vec((nearly_sip(), 0u64..40_000), 1..20),
        cut in any::<prop::sample::Index>(),
        notify_interval in 0u64..10,
    ) {
        let mut bench = Bench::new(Config {
            notify_interval: std::time::Duration::from_secs(notify_interval),
            ..Config::default()
        });
        let flow = bench.flow;
        for (bytes, pause) in &messages {
            bench.input(Input::Received { flow: &flow, bytes });
            let cut = cut.index(bytes.len());
            bench.input(Input::Received { flow: &flow, bytes: &bytes[..cut] });
            for transmit in std::mem::take(&mut bench.sent) {
                let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
                if text.starts_with("NOTIFY") {
                    let code = [200, 481, 500][(*pause % 3) as usize];
                    bench.answer(&common::Text(text), code);
                }
            }
            bench.sent.clear();
            bench.advance(std::time::Duration::from_millis(*pause));
        }
        // Everything ends, and nothing is left behind.
        bench.seconds(8 * 24 * 3600);
        bench.seconds(64);
        let counters = bench.server.counters();
        prop_assert_eq!((counters.publications, counters.subscriptions, counters.resources), (0, 0, 0));
        prop_assert_eq!(bench.server.poll_timeout(), None);
    }
}
