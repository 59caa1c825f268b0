//! How good the oracles are: each bug of [`Bug`] is planted at the seam between core and network,
//! and must be seen, by the oracle named here, within a few lives.

use std::collections::BTreeMap;

use pua_sim::{Bug, Oracle, live};

/// Lives until the bug is seen; what saw it, and after how many lives.
fn seen(bug: Bug) -> Option<(Oracle, u64, String)> {
    (0..500).find_map(|seed| {
        let failed = live(seed, Some(bug)).err()?;
        Some((failed.violation.oracle, seed + 1, failed.violation.what))
    })
}

/// Which oracles may be the first to see a bug: several can.
fn expected(bug: Bug) -> &'static [Oracle] {
    use Oracle::{Bound, Equality, Message};
    match bug {
        Bug::GrantsNotStored | Bug::EndsNotStored => &[Equality, Bound, Message],
        Bug::RepliesLost | Bug::RepliesTwice => &[Bound],
        Bug::AskedNotGranted => &[Bound, Equality, Message],
        Bug::ModifyWithoutBody | Bug::AnswersIgnored => &[Bound, Equality],
        Bug::RemoveByExpiry => &[Bound, Equality, Message],
        Bug::OldTag
        | Bug::TwoInFlight
        | Bug::TagKept
        | Bug::RetryAfterIgnored
        | Bug::BodyInRefresh
        | Bug::SameBranch
        | Bug::CSeqInRetransmissions
        | Bug::StaleDocument => &[Message],
    }
}

#[test]
fn every_planted_bug_is_seen() {
    let mut missed = Vec::new();
    let mut by_oracle: BTreeMap<Oracle, u64> = BTreeMap::new();
    for bug in Bug::ALL {
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
