//! How good the oracles of watching are: each bug of [`WatchBug`] is planted at the seam between
//! core and network, and must be seen within a few lives, by the oracles named here.

use std::collections::BTreeMap;

use pua_sim::{Oracle, WatchBug, watch};

fn seen(bug: WatchBug) -> Option<(Oracle, u64, String)> {
    (0..500).find_map(|seed| {
        let failed = watch(seed, Some(bug)).err()?;
        Some((failed.violation.oracle, seed + 1, failed.violation.what))
    })
}

/// Which oracles may be the first to see a bug: several can.
fn expected(bug: WatchBug) -> &'static [Oracle] {
    use Oracle::{Bound, Equality, Message};
    match bug {
        WatchBug::StatesLost | WatchBug::StatesSwapped | WatchBug::DialogsNotStored => &[Equality],
        WatchBug::DialogEndsNotStored | WatchBug::NotifierCSeqNotStored => &[Equality],
        WatchBug::VersionsIgnored => &[Bound, Equality],
        WatchBug::SubscriptionsNotStored | WatchBug::EndsNotStored => &[Equality, Bound, Message],
        WatchBug::AskedNotGranted => &[Bound, Message],
        WatchBug::RepliesLost => &[Bound],
        _ => &[Message],
    }
}

#[test]
fn every_planted_bug_is_seen() {
    let mut missed = Vec::new();
    let mut by_oracle: BTreeMap<Oracle, u64> = BTreeMap::new();
    for bug in WatchBug::ALL {
        match seen(bug) {
            Some((oracle, lives, what)) => {
                let what: String = what.lines().next().unwrap_or_default().chars().take(90).collect();
                println!("{bug:?}: {oracle:?}, after {lives} lives: {what}");
                *by_oracle.entry(oracle).or_default() += 1;
                assert!(
                    expected(bug).contains(&oracle),
                    "{bug:?} was seen by {oracle:?}: {what}"
                );
            }
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "not seen: {missed:?}");
    // Each oracle is needed.
    assert_eq!(by_oracle.len(), 3, "{by_oracle:?}");
}
