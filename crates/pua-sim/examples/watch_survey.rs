//! Lives many lives of watching and counts what the oracles see: `watch_survey FIRST LIVES [BUG]`,
//! or one of them with its trace: `watch_survey SEED`.

use std::collections::BTreeMap;
use std::time::Instant;

use pua_sim::{WatchBug, rewatch, watch};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse().ok());
    let bug = arguments
        .get(2)
        .and_then(|name| WatchBug::ALL.into_iter().find(|bug| format!("{bug:?}") == *name));
    let first: u64 = number(0).unwrap_or(0);
    let Some(lives) = number(1) else {
        match rewatch(first, None) {
            Ok(tally) => println!("{tally:?}"),
            Err(failed) => println!("{failed}"),
        }
        return;
    };
    let begun = Instant::now();
    let mut seen: BTreeMap<String, (u64, Vec<u64>, String)> = BTreeMap::new();
    let (mut requests, mut notifies, mut states) = (0, 0, 0);
    for seed in first..first + lives {
        match watch(seed, bug) {
            Ok(tally) => {
                requests += tally.requests;
                notifies += tally.notifies;
                states += tally.states;
            }
            Err(failed) => {
                let text = failed.violation.to_string();
                let kind: String = text
                    .chars()
                    .take(60)
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
        "{lives} lives in {took:?} ({:.0} a second), {requests} SUBSCRIBEs, {notifies} NOTIFYs, {states} states",
        lives as f64 / took.as_secs_f64()
    );
    for (times, seeds, text) in seen.values() {
        let text: String = text.chars().take(400).collect();
        println!("{times:6} times, seeds {seeds:?}: {text}\n");
    }
}
