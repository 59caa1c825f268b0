//! Lives many lives and counts what the oracles see: `survey FIRST LIVES [BUG]`.

use std::collections::BTreeMap;
use std::time::Instant;

use pua_sim::{Bug, live};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, usual| {
        arguments
            .get(index)
            .and_then(|text| text.parse().ok())
            .unwrap_or(usual)
    };
    let (first, lives) = (number(0, 0u64), number(1, 1000));
    let bug = arguments
        .get(2)
        .and_then(|name| Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == *name));
    let begun = Instant::now();
    let mut seen: BTreeMap<String, (u64, Vec<u64>, String)> = BTreeMap::new();
    let (mut requests, mut seconds) = (0, 0);
    for seed in first..first + lives {
        match live(seed, bug) {
            Ok(tally) => {
                requests += tally.requests;
                seconds += tally.seconds;
            }
            Err(failed) => {
                let text = failed.violation.to_string();
                let kind: String = text
                    .chars()
                    .take(70)
                    .map(|c| if c.is_ascii_digit() { '#' } else { c })
                    .collect();
                let entry = seen.entry(kind).or_insert((0, Vec::new(), text));
                entry.0 += 1;
                if entry.1.len() < 6 {
                    entry.1.push(seed);
                }
            }
        }
    }
    let took = begun.elapsed();
    println!(
        "{lives} lives in {took:?} ({:.0} a second), {requests} requests, {seconds} s simulated",
        lives as f64 / took.as_secs_f64()
    );
    for (times, seeds, text) in seen.values() {
        let text: String = text.chars().take(300).collect();
        println!("{times:6} times, seeds {seeds:?}: {text}\n");
    }
}
