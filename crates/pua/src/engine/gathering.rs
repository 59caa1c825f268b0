//! When the loop waits a little before it looks again, as network cards do: under load, so that
//! calls and responses that come one by one share the system calls, wakings and commits of a turn.
//!
//! Nobody pays for it who is alone: while fewer than [`CROWD`] calls are open at a time there is no
//! pause, and a turn that had much to do is not followed by one. Calls of the front-ends beside this
//! thread, such as HTTP, come in bunches anyway: a pause was measured to cost them a tenth more.

use std::time::{Duration, Instant};

/// So many open calls at a time are worth waiting for each other.
const CROWD: usize = 4;
/// The pause. A call waits for two of them at most: its own, and that of its response.
const PAUSE: Duration = Duration::from_micros(50);
/// A turn that took in so many messages shares its cost well enough.
const MANY: usize = 32;
/// How long a crowd is remembered, at least.
const MEMORY: Duration = Duration::from_millis(1);

/// How much later than asked the engine's thread may be woken, in nanoseconds.
const SLACK: u64 = 5_000;

/// Lets this thread be woken when it asked to be: the system may else stretch every wait by 50 µs,
/// so that it can wake several threads at once.
pub(super) fn wait_exactly() {
    if let Err(error) = nix::sys::prctl::set_timerslack(SLACK) {
        tracing::debug!(%error, "waits are less exact");
    }
}

/// How many calls have been open at a time lately, and what the present turn has to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gathering {
    /// When the present span began.
    began: Instant,
    /// The most in this span, and in the one before.
    most: usize,
    before: usize,
    /// Requests that this thread has read by itself in this span, and in the one before.
    own: usize,
    own_before: usize,
    /// Messages and requests that the turn has taken in.
    pub(super) taken: usize,
    /// Calls that waited for the user agent before the turn released its answers.
    pub(super) open: usize,
}

impl Gathering {
    pub(super) fn new(now: Instant) -> Gathering {
        Gathering {
            began: now,
            most: 0,
            before: 0,
            own: 0,
            own_before: 0,
            taken: 0,
            open: 0,
        }
    }

    /// Ends the turn that began at `now`: waits if that pays.
    pub(super) fn rest(&mut self, now: Instant) {
        let (taken, open) = (std::mem::take(&mut self.taken), self.open);
        if let Some(pause) = self.pause(now, taken, open) {
            std::thread::sleep(pause);
        }
    }

    /// This thread has read so many requests from its own sockets or the FIFO.
    pub(super) fn read(&mut self, requests: usize) {
        self.own += requests;
    }

    /// The pause after a turn that began at `now`, took in `taken` messages, and had `open` calls
    /// waiting for the user agent before it released its answers.
    fn pause(&mut self, now: Instant, taken: usize, open: usize) -> Option<Duration> {
        let age = now.saturating_duration_since(self.began);
        if age >= MEMORY {
            // What was before a silence says nothing about now.
            let lately = age < 2 * MEMORY;
            self.before = if lately { self.most } else { 0 };
            self.own_before = if lately { self.own } else { 0 };
            (self.most, self.own) = (0, 0);
            self.began = now;
        }
        self.most = self.most.max(open);
        // No more calls can be waited for than came by sockets that this thread reads.
        let crowd = self.most.max(self.before).min(self.own + self.own_before);
        (crowd >= CROWD && taken < MANY).then_some(PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(start: Instant, own: usize) -> Gathering {
        let mut gathering = Gathering::new(start);
        gathering.read(own);
        gathering
    }

    #[test]
    fn who_is_alone_never_waits() {
        let start = Instant::now();
        let mut gathering = Gathering::new(start);
        for turn in 0..1000 {
            gathering.read(1);
            let now = start + Duration::from_micros(30) * turn;
            assert_eq!(gathering.pause(now, 1, CROWD - 1), None);
        }
    }

    #[test]
    fn a_crowd_waits_for_each_other_until_it_is_gone() {
        let start = Instant::now();
        let mut gathering = with(start, 100);
        assert_eq!(gathering.pause(start, 1, CROWD), Some(PAUSE));
        // Between two rounds of calls few are open.
        assert_eq!(gathering.pause(start + MEMORY / 2, 1, 0), Some(PAUSE));
        assert_eq!(gathering.pause(start + MEMORY, 1, 0), Some(PAUSE));
        assert_eq!(gathering.pause(start + 2 * MEMORY, 1, 0), None);
    }

    #[test]
    fn nothing_is_remembered_over_a_silence() {
        let start = Instant::now();
        let mut gathering = with(start, 100);
        assert_eq!(gathering.pause(start, 1, 100), Some(PAUSE));
        assert_eq!(gathering.pause(start + Duration::from_secs(1), 1, 1), None);
    }

    #[test]
    fn no_pause_after_a_turn_that_had_much_to_do() {
        let start = Instant::now();
        let mut gathering = with(start, 100);
        assert_eq!(gathering.pause(start, MANY, 64), None);
        assert_eq!(gathering.pause(start, MANY - 1, 64), Some(PAUSE));
    }
    #[test]
    fn calls_that_others_have_read_are_not_waited_for() {
        let start = Instant::now();
        let mut gathering = with(start, CROWD - 1);
        assert_eq!(gathering.pause(start, 8, 64), None);
        gathering.read(1);
        assert_eq!(gathering.pause(start, 8, 64), Some(PAUSE));
    }
}
