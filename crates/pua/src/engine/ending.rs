//! How the daemon's life ends: gracefully, at once, because the store is another one's, or by a fault.

use std::time::{Duration, Instant};

use pua_mi::MiError;

use super::daemon::{Daemon, Phase};
use crate::config::OnStop;
use crate::mi::{self, Datagrams, ReplyFifos};

/// How long a graceful stop may take: two seconds for each of two addresses of a dead server,
/// and one for the answers.
const STOPPING: Duration = Duration::from_secs(5);

impl Daemon {
    pub(super) fn begin_stop(&mut self, now: Instant) {
        if self.phase != Phase::Serving {
            tracing::warn!("stopping at once");
            self.phase = Phase::Ended;
            return;
        }
        tracing::info!("stopping");
        self.phase = Phase::Stopping(now + STOPPING);
        self.front_stop.cancel();
        let remove = self.config.publish.on_stop == OnStop::Remove;
        self.division.stop(remove);
        self.agent.stop(now, remove);
        self.turn.drain(&mut self.agent);
    }

    /// Whether nothing is left to be done, or no time to do it.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        match self.phase {
            Phase::Serving => return false,
            Phase::Ended => {}
            Phase::Stopping(until) => {
                let waiting = self.replies.as_ref().map_or(0, ReplyFifos::len)
                    + self.datagrams.as_ref().map_or(0, Datagrams::waiting);
                let done = self.agent.is_idle()
                    && self.division.is_idle()
                    && self.desk.len() == 0
                    && self.turn.is_settled()
                    && self.turn.requests.is_empty()
                    && waiting == 0
                    && !self.pending();
                if !done && now < until {
                    return false;
                }
            }
        }
        self.division.end();
        self.division.absorb(&mut self.turn);
        self.transmit(now);
        self.release(now);
        self.dismiss(now, &mi::stopping());
        true
    }

    /// What was held is another daemon's now: nothing more is sent for it, not even its end. Who
    /// waits, or has just asked, is told so.
    pub(super) fn give_way(&mut self, now: Instant, error: &pua_store::Error) {
        tracing::error!("ending: what was held is the other daemon's now, nothing more is sent for it");
        self.division.cease();
        self.front_stop.cancel();
        self.read_requests(now);
        self.read_inbox(now);
        self.take_requests(now);
        self.release(now);
        let told = format!("{error}; {}", error.hint());
        self.dismiss(now, &MiError::new(503, "Store taken over").with_data(told));
    }

    /// Answers whoever still waits.
    pub(super) fn dismiss(&mut self, now: Instant, told: &MiError) {
        for answer in self.desk.close(told) {
            self.deliver(now, answer);
        }
        if let Some(replies) = &mut self.replies {
            replies.turn(now);
        }
        if let Some(datagrams) = &mut self.datagrams {
            datagrams.flush(now);
        }
    }

    /// Writes what is left; the names that clients find the daemon by go with it.
    ///
    /// # Errors
    /// What is left could not be written.
    pub(super) fn close(self) -> anyhow::Result<()> {
        self.store.close().map_err(|error| {
            let hint = error.hint();
            anyhow::anyhow!("store.url: the last changes are lost: {error}\n  hint: {hint}")
        })
    }
}
