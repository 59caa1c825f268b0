//! Which events a socket gets, and for how long.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::notification::Name;

/// One event for one socket.
#[derive(Clone, Copy, Debug)]
struct Lease {
    /// The lifetime that was asked for, in seconds.
    asked: u32,
    until: Instant,
}

/// The leases of one socket.
#[derive(Debug, Default)]
pub(super) struct Leases {
    held: Mutex<Held>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Held {
    leases: [Option<Lease>; Name::ALL.len()],
    /// The socket is not served any more.
    over: bool,
}

impl Held {
    fn next_end(&self) -> Option<Instant> {
        self.leases.iter().flatten().map(|lease| lease.until).min()
    }
}

impl Leases {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the event for so many seconds from now, none for 0. `false`: the socket is not served
    /// any more.
    pub(super) fn give(&self, name: Name, expire: u32) -> bool {
        let mut held = self.lock();
        if held.over {
            return false;
        }
        if let Some(lease) = held.leases.get_mut(name.index()) {
            *lease = (expire > 0).then(|| Lease {
                asked: expire,
                until: Instant::now() + Duration::from_secs(expire.into()),
            });
        }
        drop(held);
        self.changed.notify_one();
        true
    }

    /// The lifetime that was asked for, if the event is given now.
    pub(super) fn asked(&self, name: Name) -> Option<u32> {
        let now = Instant::now();
        let held = self.lock();
        let lease = held.leases.get(name.index()).copied().flatten()?;
        (!held.over && lease.until > now).then_some(lease.asked)
    }

    /// Any event that is given now.
    pub(super) fn any(&self) -> Option<Name> {
        Name::ALL.into_iter().find(|name| self.asked(*name).is_some())
    }

    /// Nothing is given any more.
    pub(super) fn end(&self) {
        self.lock().over = true;
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().over
    }

    /// Waits until no event is given, and ends then.
    pub(super) async fn over(&self) {
        loop {
            let next = {
                let mut held = self.lock();
                let now = Instant::now();
                for lease in &mut held.leases {
                    *lease = lease.filter(|lease| lease.until > now);
                }
                let next = held.next_end();
                held.over = next.is_none();
                next
            };
            let Some(next) = next else { return };
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = self.changed.notified() => {}
            }
        }
    }
}
