//! How many wait for commits at a time, and whether one should wait for the others.
//!
//! Who is answered calls again. So the callers whose answers wait while a commit is under way, and
//! those who are in it, are those who will wait for the next one: if it begins with the first that
//! comes, the others wait for it and then for their own, and it stays so. Nobody pays who is alone.

use std::time::{Duration, Instant};

/// Fewer are not worth waiting for.
const CROWD: usize = 4;
/// With so many a commit costs each of them little.
const MANY: usize = 32;
/// The longest wait for company.
const LONGEST: Duration = Duration::from_millis(1);
/// How long a crowd is remembered, in commits of the last one's length.
const MEMORY: u32 = 8;

/// What the last commits were like.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Company {
    /// So many waited when the last commit was done, with those who had waited for it; and at the
    /// one before.
    last: usize,
    before: usize,
    /// When it was done, and how long it had taken.
    at: Option<Instant>,
    took: Duration,
}

impl Company {
    /// A commit that took so long has ended at `now`; so many had waited for it or did then.
    pub(super) fn committed(&mut self, now: Instant, together: usize, took: Duration) {
        self.before = if self.is_fresh(now) { self.last } else { 0 };
        self.last = together;
        self.at = Some(now);
        self.took = took;
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.at
            .is_some_and(|at| now.saturating_duration_since(at) <= MEMORY * self.took)
    }

    /// How many waiters to wait for, and until when at most, if the first has come at `now`.
    pub(super) fn expected(&self, now: Instant) -> (usize, Instant) {
        let crowd = self.last.max(self.before);
        if crowd < CROWD || !self.is_fresh(now) {
            return (1, now);
        }
        (crowd.min(MANY), now + (self.took / 2).min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_micros(500);

    /// After commits one after the other for which so many waited.
    fn after(commits: &[usize]) -> (Company, Instant) {
        let mut company = Company::default();
        let mut now = Instant::now();
        for together in commits {
            now += TOOK;
            company.committed(now, *together, TOOK);
        }
        (company, now)
    }

    #[test]
    fn who_is_alone_never_waits() {
        let (company, now) = after(&[]);
        assert_eq!(company.expected(now), (1, now));
        let (company, now) = after(&[1, CROWD - 1, CROWD - 1]);
        assert_eq!(company.expected(now), (1, now));
    }

    #[test]
    fn a_crowd_is_waited_for_a_part_of_a_commit() {
        // Four were written while four others came.
        let (company, now) = after(&[8, 8]);
        assert_eq!(company.expected(now), (8, now + TOOK / 2));
        // In the commit in between there were fewer.
        let (company, now) = after(&[8, 1]);
        assert_eq!(company.expected(now).0, 8);
        let (company, now) = after(&[8, 1, 1]);
        assert_eq!(company.expected(now), (1, now));
    }

    #[test]
    fn a_large_crowd_is_not_waited_for_in_whole_and_never_for_long() {
        let (mut company, now) = after(&[1000]);
        assert_eq!(company.expected(now).0, MANY);
        let slow = Duration::from_secs(1);
        company.committed(now + slow, 1000, slow);
        assert_eq!(company.expected(now + slow).1, now + slow + LONGEST);
    }

    #[test]
    fn a_crowd_is_forgotten_when_it_has_gone() {
        let (mut company, now) = after(&[8, 8]);
        let later = now + MEMORY * TOOK + Duration::from_micros(1);
        assert_eq!(company.expected(later), (1, later));
        company.committed(later + TOOK, 1, TOOK);
        assert_eq!(company.expected(later + TOOK).0, 1);
    }
}
