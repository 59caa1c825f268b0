//! How many requests may be on their way to one next hop: one more with each answer, half as many
//! when it falls behind, as TCP does it. A server that is slow is waited for, not sent more.

use std::time::{Duration, Instant};

use crate::config::Pacing;

/// A request that has been on its way for so long, and sent again meanwhile, is given up for lost:
/// it counts no more, so that a few that a server never answers stop nobody else.
const LOST: Duration = Duration::from_secs(4);

/// The window of one next hop.
pub(crate) struct Window {
    size: f32,
    floor: f32,
    ceiling: f32,
    /// Up to here it grows by one with each answer; beyond it by one with each window of answers.
    threshold: f32,
    under_way: u32,
    /// When it was cut last: what was sent before says nothing new of the server.
    cut_at: Option<Instant>,
}

impl Window {
    pub(crate) fn new(pacing: &Pacing) -> Self {
        let floor = pacing.window_floor.max(1) as f32;
        let ceiling = (pacing.window_ceiling as f32).max(floor);
        Window {
            size: (pacing.window_first as f32).clamp(floor, ceiling),
            floor,
            ceiling,
            threshold: ceiling,
            under_way: 0,
            cut_at: None,
        }
    }

    /// Applies a changed configuration; what is under way is.
    pub(crate) fn configure(&mut self, pacing: &Pacing) {
        *self = Window {
            under_way: self.under_way,
            ..Window::new(pacing)
        };
    }

    /// Whether one more may be sent.
    pub(crate) fn has_room(&self) -> bool {
        self.under_way < self.size as u32
    }

    /// Requests that count as being on their way.
    pub(crate) fn under_way(&self) -> u32 {
        self.under_way
    }

    /// The window, in requests.
    pub(crate) fn size(&self) -> u32 {
        self.size as u32
    }

    /// One is sent.
    pub(crate) fn enter(&mut self) {
        self.under_way += 1;
    }

    /// One is over, or given up for lost.
    pub(crate) fn leave(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// One was answered, so long after it was sent. A window that is not used has not been tried,
    /// so it does not grow; nor does it when the server takes half the time after which timer E,
    /// whose first interval is `t1`, would send again: it is held back, not sent twice.
    pub(crate) fn answered(&mut self, trip: Duration, t1: Duration) {
        if self.under_way as f32 * 2.0 < self.size || trip * 2 > t1 {
            return;
        }
        let more = if self.size < self.threshold {
            1.0
        } else {
            1.0 / self.size
        };
        self.size = (self.size + more).min(self.ceiling);
    }

    /// Timer E has sent one again that was sent at `sent_at`. `true`: it is given up for lost, and
    /// has left.
    pub(crate) fn sent_again(&mut self, now: Instant, sent_at: Instant) -> bool {
        self.fell_behind(now, sent_at);
        let lost = now.saturating_duration_since(sent_at) >= LOST;
        if lost {
            self.leave();
        }
        lost
    }

    /// One that was sent at `sent_at` had to be sent again, timed out, or was told 503.
    pub(crate) fn fell_behind(&mut self, now: Instant, sent_at: Instant) {
        if self.cut_at.is_some_and(|cut_at| sent_at <= cut_at) {
            return;
        }
        self.cut_at = Some(now);
        self.size = (self.size / 2.0).max(self.floor);
        self.threshold = self.size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T1: Duration = Duration::from_millis(500);
    const SOON: Duration = Duration::from_millis(9);

    fn window(floor: u32, ceiling: u32) -> Window {
        Window::new(&Pacing {
            window_floor: floor,
            window_ceiling: ceiling,
            ..Pacing::default()
        })
    }

    fn fill(window: &mut Window) {
        while window.has_room() {
            window.enter();
        }
    }

    #[test]
    fn it_opens_with_answers_and_is_halved_once_for_what_was_sent_together() {
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut window = window(4, 200);
        fill(&mut window);
        assert_eq!(window.under_way(), 64);
        for _ in 0..64 {
            window.answered(SOON, T1);
        }
        assert_eq!(window.size(), 128, "doubled by a window of answers");
        fill(&mut window);
        window.fell_behind(at(500), at(0));
        window.fell_behind(at(501), at(1));
        assert_eq!(window.size(), 64, "one cut for all that was sent before it");
        assert!(!window.has_room());
        for _ in 0..64 {
            window.leave();
        }
        assert!(!window.has_room());
        for _ in 0..66 {
            window.answered(SOON, T1);
        }
        assert_eq!(
            window.size(),
            65,
            "from here on by one with each window of answers"
        );
        window.fell_behind(at(900), at(600));
        assert_eq!(window.size(), 32);
    }

    #[test]
    fn it_keeps_between_floor_and_ceiling() {
        let now = Instant::now();
        let mut window = window(4, 100);
        fill(&mut window);
        for n in 1..20 {
            window.fell_behind(now + Duration::from_secs(n), now + Duration::from_secs(n));
        }
        assert_eq!(window.size(), 4);
        for _ in 0..100_000 {
            window.answered(SOON, T1);
        }
        assert_eq!(window.size(), 100);
    }

    #[test]
    fn a_server_that_is_slow_is_sent_no_more() {
        let mut window = window(4, 1000);
        fill(&mut window);
        for _ in 0..1000 {
            window.answered(Duration::from_millis(251), T1);
        }
        assert_eq!(window.size(), 64);
        window.answered(Duration::from_millis(250), T1);
        assert_eq!(window.size(), 65);
    }

    #[test]
    fn what_is_not_used_does_not_grow() {
        let mut window = window(4, 1000);
        window.enter();
        for _ in 0..1000 {
            window.answered(SOON, T1);
        }
        assert_eq!(window.size(), 64);
    }
}
