//! Pauses between attempts: each twice as long as the one before, and never quite alike, so that
//! receivers that come back are not met by everybody at once.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The pauses of one delivery.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    /// Pauses from `first` to `most`.
    pub(super) fn new(first: Duration, most: Duration) -> Backoff {
        Backoff {
            first,
            most,
            next: first,
        }
    }

    /// For what is near, such as files, sockets and connections.
    pub(super) fn near() -> Backoff {
        Backoff::new(Duration::from_millis(100), Duration::from_secs(5))
    }

    /// It went well: the next pause is a short one again.
    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }

    /// The next pause: three to five quarters of what is due.
    pub(super) fn pause(&mut self) -> Duration {
        let due = self.next.min(self.most);
        self.next = due.saturating_mul(2).min(self.most);
        // Without random numbers the pauses are alike, and nothing worse.
        let share = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
        due.mul_f64(0.75 + share / 2.0)
    }

    /// Waits for the next pause; not when the daemon stops.
    pub(super) async fn wait(&mut self, stop: &CancellationToken) {
        rest(self.pause(), stop).await;
    }
}

/// Waits so long; not when the daemon stops.
pub(super) async fn rest(pause: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = stop.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_most_and_begin_anew() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        for due in [1.0, 2.0, 4.0, 5.0, 5.0] {
            let pause = backoff.pause().as_secs_f64();
            assert!((due * 0.75..=due * 1.25).contains(&pause), "{due}: {pause}");
        }
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_millis(1250));
    }
}
