//! Numbers made of many: percentiles, and how even a histogram is.

use serde::{Deserialize, Serialize};

/// How long calls took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Latency {
    /// Of nanoseconds in any order, which it sorts. All zero if there are none.
    pub(crate) fn of(nanos: &mut [u64]) -> Latency {
        nanos.sort_unstable();
        let at = |share: f64| {
            let index = (nanos.len() as f64 * share).ceil() as usize;
            let found = nanos.get(index.saturating_sub(1).min(nanos.len().saturating_sub(1)));
            found.map_or(0.0, |nanos| *nanos as f64 / 1e6)
        };
        Latency {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

/// How even a histogram is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Evenness {
    /// The fullest bin.
    pub(crate) peak: f64,
    /// Of all bins.
    pub(crate) mean: f64,
    /// The one by the other; 0 where nothing is in the bins.
    pub(crate) ratio: f64,
}

impl Evenness {
    pub(crate) fn of(bins: &[u32]) -> Evenness {
        let sum: u64 = bins.iter().map(|count| u64::from(*count)).sum();
        let peak = f64::from(bins.iter().copied().max().unwrap_or(0));
        let mean = sum as f64 / bins.len().max(1) as f64;
        Evenness {
            peak,
            mean,
            ratio: if sum == 0 { 0.0 } else { peak / mean },
        }
    }
}

/// The middle one of some numbers, 0 if there are none.
pub(crate) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// Each so many bins made one.
pub(crate) fn coarser(bins: &[u32], by: usize) -> Vec<u32> {
    bins.chunks(by.max(1)).map(|chunk| chunk.iter().sum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let mut nanos: Vec<u64> = (1..=100).rev().map(|n| n * 1_000_000).collect();
        let latency = Latency::of(&mut nanos);
        assert_eq!(
            (latency.p50, latency.p90, latency.p99, latency.max),
            (50.0, 90.0, 99.0, 100.0)
        );
        assert_eq!(Latency::of(&mut []), Latency::default());
        assert_eq!(Latency::of(&mut [7_000_000]).p50, 7.0);
    }

    #[test]
    fn a_burst_is_seen_in_the_ratio() {
        assert_eq!(Evenness::of(&[5, 5, 5, 5]).ratio, 1.0);
        assert_eq!(Evenness::of(&[0, 0, 0, 20]).ratio, 4.0);
        assert_eq!(Evenness::of(&[]).ratio, 0.0);
    }

    #[test]
    fn medians_and_coarser_bins() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[]), 0.0);
        assert_eq!(coarser(&[1, 2, 3, 4, 5], 2), [3, 7, 5]);
    }
}
